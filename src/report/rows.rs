//! The files that are written row by row while the run goes on: tasks, failures, events.

use std::io;

use csv::{ByteRecord, Writer};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Clock, write_secs};
use crate::engine::task::{Stop, StopReason, Task};
use crate::engine::{Next, Occurrence, PendingCall, Waiting, World};
use crate::model::arena::{Id, WorkloadId};
use crate::placement::constraint::{Reason, Refusal};
use crate::time::SimTime;

/// What rows need to know beside the world.
#[derive(Clone, Debug)]
pub struct Names {
    /// How moments are written.
    pub clock: Clock,
    /// Names of the workloads, by id.
    pub workloads: Vec<String>,
    /// Whether each workload calls StartTask and not RunTask.
    pub starts: Vec<bool>,
}

/// A row in the making: fields are appended, then it is written and cleared.
struct Row {
    record: ByteRecord,
    field: Vec<u8>,
    clock: Clock,
}

impl Row {
    fn new(clock: Clock) -> Self {
        Row {
            record: ByteRecord::new(),
            field: Vec::new(),
            clock,
        }
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.record.push_field(text.as_bytes());
        self
    }

    fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        self.record
            .push_field(itoa::Buffer::new().format(number.into()).as_bytes());
        self
    }

    fn maybe_text(&mut self, text: Option<&str>) -> &mut Self {
        self.text(text.unwrap_or_default())
    }

    fn time(&mut self, at: Option<SimTime>) -> &mut Self {
        self.field.clear();
        if let Some(at) = at {
            self.clock.write(at, &mut self.field);
        }
        self.record.push_field(&self.field);
        self
    }

    fn secs(&mut self, micros: Option<u64>) -> &mut Self {
        self.field.clear();
        if let Some(micros) = micros {
            write_secs(micros, &mut self.field);
        }
        self.record.push_field(&self.field);
        self
    }

    fn write(&mut self, out: &mut Writer<impl io::Write>) -> io::Result<()> {
        let result = out.write_byte_record(&self.record);
        self.record.clear();
        result.map_err(io::Error::from)
    }
}

/// Columns of `tasks.csv`.
pub const TASK_COLUMNS: [&str; 24] = [
    "taskId",
    "group",
    "taskDefinition",
    "cluster",
    "workload",
    "containerInstance",
    "instanceType",
    "availabilityZone",
    "lastStatus",
    "requestedAt",
    "createdAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppedAt",
    "stopCode",
    "stoppedReason",
    "exitCode",
    "containerReason",
    "cpu",
    "memory",
    "gpu",
    "gpuIds",
    "wait",
];

/// `tasks.csv`: tasks in the order in which they stopped, then those that had not, by number.
pub struct TaskRows<W: io::Write> {
    out: Writer<W>,
    row: Row,
    names: Names,
}

impl<W: io::Write> TaskRows<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, names: Names) -> io::Result<Self> {
        let mut out = Writer::from_writer(out);
        out.write_record(TASK_COLUMNS)?;
        Ok(TaskRows {
            out,
            row: Row::new(names.clock),
            names,
        })
    }

    /// Writes a task as it is now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, task: &Task, world: &World) -> io::Result<()> {
        let template = &world.templates[task.template];
        let cluster = &world.clusters[template.cluster];
        let instance = task.instance().map(|id| &cluster.descriptions()[id]);
        let resources = task.instance().map_or(template.demand.resources, |id| {
            cluster.instances()[id].resources_for(&template.demand)
        });
        let times = &task.times;
        let begun = times.begun.filter(|_| times.pull.is_some());
        let pulled = begun.map(|begun| begun + times.pull.unwrap_or_default());
        let pull_over = pulled.filter(|_| times.started.is_some());
        let row = &mut self.row;
        row.field.clear();
        row.field.extend_from_slice(b"task-");
        row.field
            .extend_from_slice(itoa::Buffer::new().format(task.number).as_bytes());
        row.record.push_field(&row.field);
        row.text(cluster.group_name(template.group))
            .text(&template.task_definition)
            .text(&cluster.name)
            .text(&self.names.workloads[task.workload.index()])
            .maybe_text(instance.map(|instance| instance.name.as_str()))
            .maybe_text(instance.and_then(|instance| instance.instance_type.as_deref()))
            .maybe_text(instance.and_then(|instance| instance.zone()))
            .text(task.state.last_status())
            .time(Some(times.requested))
            .time(Some(times.created))
            .time(begun)
            .time(pull_over)
            .time(times.started)
            .time(times.stopped);
        row.maybe_text(task.stop.map(|stop| stop.code.text()));
        row.text(
            &task
                .stop
                .map_or_else(String::new, |stop| stopped_reason(stop, world)),
        );
        match task.exit {
            Some(exit) => row.number(exit.code),
            None => row.text(""),
        };
        let reason = task.exit.and_then(|exit| exit.reason);
        row.maybe_text(reason.map(|reason| world.reasons[reason as usize].as_str()));
        row.number(resources.cpu)
            .number(resources.memory)
            .number(resources.gpus);
        gpu_ids(task.gpus, &mut row.field);
        row.record.push_field(&row.field);
        row.secs(task.wait().map(|wait| wait.micros()));
        row.write(&mut self.out)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// `stoppedReason` in ECS's words.
pub fn stopped_reason(stop: Stop, world: &World) -> String {
    match stop.reason {
        StopReason::EssentialContainer => "Essential container in task exited".to_owned(),
        StopReason::Text(text) => world.reasons[text as usize].clone(),
        StopReason::FailedToStart => "Task failed to start".to_owned(),
        StopReason::User => "Task stopped by user".to_owned(),
        StopReason::Deregistered => "Container instance deregistration forced by user".to_owned(),
        StopReason::Scaling => "Scaling activity initiated by deployment".to_owned(),
        StopReason::Unhealthy => "Task failed container health checks".to_owned(),
        StopReason::Spot => "Your Spot Task was interrupted.".to_owned(),
        StopReason::HostTerminated => "Host EC2 terminated.".to_owned(),
        StopReason::NoRoom(reason) => format!("TaskFailedToStart: {reason}"),
        StopReason::NoActiveInstances => "TaskFailedToStart: NO ACTIVE INSTANCES".to_owned(),
        StopReason::EmptyProvider => "TaskFailedToStart: EMPTY CAPACITY PROVIDER".to_owned(),
    }
}

/// Numbers of the devices, joined by spaces.
fn gpu_ids(mut bits: u64, into: &mut Vec<u8>) {
    into.clear();
    while bits != 0 {
        if !into.is_empty() {
            into.push(b' ');
        }
        into.extend_from_slice(itoa::Buffer::new().format(bits.trailing_zeros()).as_bytes());
        bits &= bits - 1;
    }
}

/// Columns of `failures.csv` before those of the reasons.
pub const FAILURE_COLUMNS: [&str; 13] = [
    "time",
    "cluster",
    "workload",
    "request",
    "call",
    "attempt",
    "group",
    "taskDefinition",
    "missing",
    "outcome",
    "reason",
    "detail",
    "instancesConsidered",
];

/// `failures.csv`: answers of RunTask and StartTask that leave tasks unplaced, then the calls that
/// still wait at the end.
pub struct FailureRows<W: io::Write> {
    out: Writer<W>,
    row: Row,
    names: Names,
}

impl<W: io::Write> FailureRows<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, names: Names) -> io::Result<Self> {
        let mut out = Writer::from_writer(out);
        let reasons = Reason::ALL.iter().map(|reason| reason.text());
        out.write_record(FAILURE_COLUMNS.into_iter().chain(reasons))?;
        Ok(FailureRows {
            out,
            row: Row::new(names.clock),
            names,
        })
    }

    /// Writes an answer with failures.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        &mut self,
        now: SimTime,
        call: &PendingCall,
        refusal: &Refusal,
        next: Next,
        world: &World,
    ) -> io::Result<()> {
        let outcome = match next {
            Next::RetryAt(_) => "retry",
            Next::Queued => "queued",
            Next::GivenUp => "given up",
        };
        self.write_row(now, call, refusal, outcome, world)
    }

    /// Writes a call that waits at the end, with the reason that placement would give now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_waiting(
        &mut self,
        end: SimTime,
        waiting: &Waiting,
        world: &World,
    ) -> io::Result<()> {
        self.write_row(
            end,
            &waiting.call,
            &waiting.refusal,
            "waiting at the end",
            world,
        )
    }

    fn write_row(
        &mut self,
        now: SimTime,
        call: &PendingCall,
        refusal: &Refusal,
        outcome: &str,
        world: &World,
    ) -> io::Result<()> {
        let template = &world.templates[call.template];
        let cluster = &world.clusters[template.cluster];
        let workload = call.workload.index();
        let row = &mut self.row;
        row.time(Some(now))
            .text(&cluster.name)
            .text(&self.names.workloads[workload])
            .text(if self.names.starts[workload] {
                "StartTask"
            } else {
                "RunTask"
            })
            .number(call.number + 1)
            .number(call.attempts)
            .text(cluster.group_name(template.group))
            .text(&template.task_definition)
            .number(call.missing)
            .text(outcome)
            .maybe_text(refusal.main_reason().map(Reason::text))
            .text(&detail(refusal))
            .number(refusal.considered());
        for reason in Reason::ALL {
            row.number(refusal.count(reason));
        }
        row.write(&mut self.out)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A refusal in words: `31 × RESOURCE:CPU, 9 × MemberOf placement constraint unsatisfied.`
pub fn detail(refusal: &Refusal) -> String {
    let reasons: Vec<String> = refusal
        .reasons()
        .map(|(reason, count)| format!("{count} × {reason}"))
        .collect();
    if reasons.is_empty() {
        "no ACTIVE instance".to_owned()
    } else {
        reasons.join(", ")
    }
}

/// `events.jsonl`: everything that happened, in order, a JSON object a line.
pub struct EventRows<W: io::Write> {
    out: io::BufWriter<W>,
    names: Names,
}

impl<W: io::Write> EventRows<W> {
    /// An empty file.
    pub fn new(out: W, names: Names) -> Self {
        EventRows {
            out: io::BufWriter::new(out),
            names,
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
            Occurrence::Placed(task) => {
                self.task("placed", task, world, line);
                let template = &world.templates[task.template];
                let cluster = &world.clusters[template.cluster];
                put(line, "group", cluster.group_name(template.group));
                put(line, "cluster", &cluster.name);
                if let Some(id) = task.instance() {
                    put(line, "containerInstance", &cluster.descriptions()[id].name);
                }
            }
            Occurrence::Started(task) => self.task("started", task, world, line),
            Occurrence::Stopped(task) => {
                self.task("stopped", task, world, line);
                if let Some(exit) = task.exit {
                    put(line, "exitCode", exit.code);
                }
            }
            Occurrence::Accepted(task) => self.task("accepted", task, world, line),
            Occurrence::Moved(task) => self.task("moved", task, world, line),
            Occurrence::HealthChanged(task) => self.task("healthChanged", task, world, line),
            Occurrence::Stopping(task) => self.task("stopping", task, world, line),
            Occurrence::Released(task) => self.task("released", task, world, line),
            Occurrence::Instance { .. } | Occurrence::Scaled(_) | Occurrence::Service(_) => {}
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

    fn task(&self, event: &str, task: &Task, _: &World, line: &mut Map<String, Value>) {
        put(line, "event", event);
        put(line, "taskId", format!("task-{}", task.number));
        put(line, "lastStatus", task.state.last_status());
        put(line, "workload", self.workload(task.workload));
    }

    fn workload(&self, id: WorkloadId) -> &str {
        &self.names.workloads[id.index()]
    }
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
