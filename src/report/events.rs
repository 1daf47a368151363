//! What happened, in order: `events.jsonl`, and `service-events.csv` of the services alone.

use std::io;

use csv::Writer;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::rows::Names;
use super::wording::{self, Services};
use crate::engine::job::Job;
use crate::engine::task::{Host, Task};
use crate::engine::{Occurrence, PendingCall, Scaled, ServiceNote, World};
use crate::model::arena::{Id, JobId, WorkloadId};
use crate::time::SimTime;

/// `events.jsonl`: everything that happened, in order, a JSON object a line.
pub struct EventRows<W: io::Write> {
    out: io::BufWriter<W>,
    names: Names,
    services: Services,
}

impl<W: io::Write> EventRows<W> {
    /// An empty file.
    pub fn new(out: W, names: Names, services: Services) -> Self {
        EventRows {
            out: io::BufWriter::new(out),
            names,
            services,
        }
    }

    /// Writes what happened.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        &mut self,
        now: SimTime,
        occurrence: Occurrence<'_>,
        world: &World,
    ) -> io::Result<()> {
        let mut time = Vec::new();
        self.names.clock.write(now, &mut time);
        let mut line = Map::new();
        line.insert("time".to_owned(), time_value(&time));
        self.describe(occurrence, world, &mut line);
        serde_json::to_writer(&mut self.out, &line)?;
        io::Write::write_all(&mut self.out, b"\n")
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut self.out)
    }

    fn describe(&self, occurrence: Occurrence<'_>, world: &World, line: &mut Map<String, Value>) {
        match occurrence {
            Occurrence::Requested(call) => self.call("requested", call, world, line),
            Occurrence::Queued(call) => self.call("queued", call, world, line),
            Occurrence::Repeated { call, .. } => self.call("repeated", call, world, line),
            Occurrence::GaveUp { call, .. } => self.call("gaveUp", call, world, line),
            Occurrence::Refused { call, refusal, .. } => {
                self.call("refused", call, world, line);
                let reasons = refusal
                    .reasons()
                    .map(|(reason, count)| (reason.text().to_owned(), json!(count)));
                line.insert("failures".to_owned(), Value::Object(reasons.collect()));
            }
            Occurrence::Accepted(task) => {
                self.task("accepted", task, line);
                put(line, "launchType", wording::launch_type(task, world));
                if let Some(provider) = wording::capacity_provider(task, world) {
                    put(line, "capacityProvider", provider);
                }
            }
            Occurrence::Placed(task) => {
                self.task("placed", task, line);
                place(task, world, line);
            }
            Occurrence::Moved(task) => self.task("moved", task, line),
            Occurrence::Started(task) => self.task("started", task, line),
            Occurrence::HealthChanged(task) => {
                self.task("healthChanged", task, line);
                put(line, "healthStatus", task.health.text());
            }
            Occurrence::Stopping(task) => {
                self.task("stopping", task, line);
                put(line, "stopCode", task.stop.map(|stop| stop.code.text()));
                put(line, "stoppedReason", wording::stopped_reason(task, world));
            }
            Occurrence::Released(task) => self.task("released", task, line),
            Occurrence::Stopped(task) => {
                self.task("stopped", task, line);
                put(line, "stopCode", task.stop.map(|stop| stop.code.text()));
                if let Some(exit) = task.exit {
                    put(line, "exitCode", exit.code);
                }
            }
            Occurrence::Instance {
                cluster,
                instance,
                change,
            } => {
                let cluster = &world.clusters[cluster];
                put(line, "event", "instance");
                put(line, "change", wording::instance_change(change));
                put(line, "cluster", &cluster.name);
                let name = &cluster.descriptions()[instance].name;
                put(line, "containerInstance", name);
                put(line, "status", cluster.instances()[instance].status);
            }
            Occurrence::Scaled(scaled) => describe_scaled(scaled, world, line),
            Occurrence::Service(note) => {
                let name = self.workload(note.service);
                put(line, "event", "service");
                put(line, "service", name);
                put(line, "deployment", note.deployment);
                put(line, "what", wording::service_news(&note.what));
                put(line, "message", self.services.message(name, note, world));
            }
            Occurrence::Job { id, job, from } => {
                self.job("job", id, job, world, line);
                put(line, "status", job.status.text());
                if let Some(from) = from {
                    put(line, "from", from.text());
                }
                if let Some(reason) = &job.reason {
                    put(line, "statusReason", world.status_reason(reason));
                }
            }
            Occurrence::Attempt { id, job } => {
                self.job("attempt", id, job, world, line);
                put(line, "attempt", job.attempts.len());
                if let Some(attempt) = job.attempts.last() {
                    put(line, "statusReason", world.status_reason(&attempt.reason));
                    if let Some(exit) = attempt.exit {
                        put(line, "exitCode", exit.code);
                    }
                    put(line, "retried", attempt.retried);
                }
            }
            Occurrence::JobBlocked { id, job } => {
                self.job("jobBlocked", id, job, world, line);
                put(line, "status", job.status.text());
                let queue = world.batch.kinds[job.kind].queue;
                put(line, "jobQueue", &world.batch.queues[queue].name);
                if let Some(reason) = &job.reason {
                    put(line, "statusReason", world.status_reason(reason));
                }
            }
            Occurrence::JobRefused { workload, kind } => {
                put(line, "event", "jobRefused");
                put(line, "workload", self.workload(workload));
                put(line, "jobName", &world.batch.kinds[kind].name);
            }
        }
    }

    fn call(&self, event: &str, call: &PendingCall, world: &World, line: &mut Map<String, Value>) {
        let template = &world.templates[call.template];
        put(line, "event", event);
        put(line, "workload", self.workload(call.workload));
        put(line, "call", call.number + 1);
        put(
            line,
            "group",
            world.clusters[template.cluster].group_name(template.group),
        );
        put(line, "missing", call.missing);
    }

    fn task(&self, event: &str, task: &Task, line: &mut Map<String, Value>) {
        put(line, "event", event);
        put(line, "taskId", format!("task-{}", task.number));
        put(line, "lastStatus", task.state.last_status());
        put(line, "workload", self.workload(task.workload));
        if task.deployment > 0 {
            put(line, "deployment", task.deployment);
        }
    }

    fn job(&self, event: &str, id: JobId, job: &Job, world: &World, line: &mut Map<String, Value>) {
        put(line, "event", event);
        put(line, "jobId", wording::job_id(id, job));
        put(line, "jobName", &world.batch.kinds[job.kind].name);
    }

    fn workload(&self, id: WorkloadId) -> &str {
        &self.names.workloads[id.index()]
    }
}

/// Where a task was placed.
fn place(task: &Task, world: &World, line: &mut Map<String, Value>) {
    let template = &world.templates[task.template];
    let cluster = &world.clusters[template.cluster];
    put(line, "group", cluster.group_name(template.group));
    put(line, "cluster", &cluster.name);
    match task.host {
        Some(Host::Instance(id)) => {
            put(line, "containerInstance", &cluster.descriptions()[id].name);
        }
        Some(Host::Fargate { .. }) => {
            put(line, "launchType", "FARGATE");
            if let Some(zone) = wording::availability_zone(task, world) {
                put(line, "availabilityZone", zone);
            }
        }
        None => {}
    }
}

fn describe_scaled(scaled: &Scaled, world: &World, line: &mut Map<String, Value>) {
    put(line, "event", "scaled");
    put(
        line,
        "capacityProvider",
        &world.providers[scaled.provider].name,
    );
    if let Some(reservation) = scaled.reservation {
        put(line, "reservation", reservation);
    }
    if let Some(needed) = scaled.needed {
        put(line, "needed", needed);
    }
    put(line, "desired", scaled.desired);
    put(line, "running", scaled.running);
    put(line, "starting", scaled.starting);
    put(line, "waiting", scaled.waiting);
}

fn put(line: &mut Map<String, Value>, key: &str, value: impl Serialize) {
    line.insert(key.to_owned(), json!(value));
}

/// A moment as JSON: a number of seconds, or a date.
fn time_value(text: &[u8]) -> Value {
    let text = String::from_utf8_lossy(text);
    text.parse::<f64>()
        .map_or_else(|_| json!(text), |secs| json!(secs))
}

/// Columns of `service-events.csv`.
pub const SERVICE_COLUMNS: [&str; 5] = ["time", "service", "deployment", "event", "message"];

/// `service-events.csv`: what the services had to say.
pub struct ServiceRows<W: io::Write> {
    out: Writer<W>,
    names: Names,
    services: Services,
}

impl<W: io::Write> ServiceRows<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, names: Names, services: Services) -> io::Result<Self> {
        let mut out = Writer::from_writer(out);
        out.write_record(SERVICE_COLUMNS)?;
        Ok(ServiceRows {
            out,
            names,
            services,
        })
    }

    /// Writes what a service says.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, now: SimTime, note: &ServiceNote, world: &World) -> io::Result<()> {
        let mut time = Vec::new();
        self.names.clock.write(now, &mut time);
        let name = &self.names.workloads[note.service.index()];
        let fields = [
            name.clone(),
            note.deployment.to_string(),
            wording::service_news(&note.what).to_owned(),
            self.services.message(name, note, world),
        ];
        let fields = fields.iter().map(String::as_bytes);
        self.out
            .write_record([time.as_slice()].into_iter().chain(fields))?;
        Ok(())
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
