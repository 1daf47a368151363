//! The files that are written row by row while the run goes on: tasks and failures.

use std::io;

use csv::{ByteRecord, Writer};

use super::{Clock, wording, write_secs};
use crate::engine::task::Task;
use crate::engine::{Next, PendingCall, Waiting, World};
use crate::model::arena::{Id, TemplateId, WorkloadId};
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
pub(super) struct Row {
    record: ByteRecord,
    field: Vec<u8>,
    clock: Clock,
}

impl Row {
    pub(super) fn new(clock: Clock) -> Self {
        Row {
            record: ByteRecord::new(),
            field: Vec::new(),
            clock,
        }
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.record.push_field(text.as_bytes());
        self
    }

    pub(super) fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        self.record
            .push_field(itoa::Buffer::new().format(number.into()).as_bytes());
        self
    }

    pub(super) fn maybe_number(&mut self, number: Option<impl Into<u64>>) -> &mut Self {
        match number {
            Some(number) => self.number(number),
            None => self.text(""),
        }
    }

    pub(super) fn maybe_text(&mut self, text: Option<&str>) -> &mut Self {
        self.text(text.unwrap_or_default())
    }

    pub(super) fn time(&mut self, at: Option<SimTime>) -> &mut Self {
        self.field.clear();
        if let Some(at) = at {
            self.clock.write(at, &mut self.field);
        }
        self.record.push_field(&self.field);
        self
    }

    pub(super) fn secs(&mut self, micros: Option<u64>) -> &mut Self {
        self.field.clear();
        if let Some(micros) = micros {
            write_secs(micros, &mut self.field);
        }
        self.record.push_field(&self.field);
        self
    }

    /// A number in millionths, with no more decimals than needed.
    pub(super) fn millionths(&mut self, amount: u64) -> &mut Self {
        self.secs(Some(amount))
    }

    /// An id made of a word and a number.
    pub(super) fn numbered(&mut self, word: &str, number: u64) -> &mut Self {
        self.field.clear();
        self.field.extend_from_slice(word.as_bytes());
        let mut buffer = itoa::Buffer::new();
        self.field
            .extend_from_slice(buffer.format(number).as_bytes());
        self.record.push_field(&self.field);
        self
    }

    pub(super) fn write(&mut self, out: &mut Writer<impl io::Write>) -> io::Result<()> {
        let result = out.write_byte_record(&self.record);
        self.record.clear();
        result.map_err(io::Error::from)
    }
}

/// Columns of `tasks.csv`.
pub const TASK_COLUMNS: [&str; 32] = [
    "taskId",
    "group",
    "taskDefinition",
    "cluster",
    "workload",
    "deployment",
    "launchType",
    "capacityProvider",
    "containerInstance",
    "instanceType",
    "availabilityZone",
    "lastStatus",
    "desiredStatus",
    "healthStatus",
    "requestedAt",
    "createdAt",
    "placedAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppingAt",
    "executionStoppedAt",
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
        let row = &mut self.row;
        row.numbered("task-", task.number)
            .text(cluster.group_name(template.group))
            .text(&template.task_definition)
            .text(&cluster.name)
            .text(&self.names.workloads[task.workload.index()])
            .maybe_number((task.deployment > 0).then_some(task.deployment))
            .text(wording::launch_type(task, world))
            .maybe_text(wording::capacity_provider(task, world))
            .maybe_text(instance.map(|instance| instance.name.as_str()))
            .maybe_text(instance.and_then(|instance| instance.instance_type.as_deref()))
            .maybe_text(wording::availability_zone(task, world))
            .text(task.state.last_status())
            .text(wording::desired_status(task))
            .text(task.health.text())
            .time(Some(times.requested))
            .time(Some(times.created))
            .time(times.placed)
            .time(begun)
            .time(task.pull_ended())
            .time(times.started)
            .time(times.stopping)
            .time(times.execution_stopped)
            .time(times.stopped);
        row.maybe_text(task.stop.map(|stop| stop.code.text()));
        row.text(&wording::stopped_reason(task, world));
        row.maybe_number(task.exit.map(|exit| exit.code));
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
/// still wait at the end and the tasks that wait in PROVISIONING then.
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
        let failure = Failure::of_call(call, outcome);
        self.write_row(now, &failure, refusal, world)
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
        let failure = Failure::of_call(&waiting.call, "waiting at the end");
        self.write_row(end, &failure, &waiting.refusal, world)
    }

    /// Writes a task that waits in PROVISIONING at the end, with the reason that placement would
    /// give now. Which call it came from is not told.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_provisioning(
        &mut self,
        end: SimTime,
        task: &Task,
        refusal: &Refusal,
        world: &World,
    ) -> io::Result<()> {
        let failure = Failure {
            workload: task.workload,
            template: task.template,
            of_service: task.deployment > 0,
            call: None,
            missing: 1,
            outcome: "provisioning at the end",
        };
        self.write_row(end, &failure, refusal, world)
    }

    fn write_row(
        &mut self,
        now: SimTime,
        failure: &Failure,
        refusal: &Refusal,
        world: &World,
    ) -> io::Result<()> {
        let template = &world.templates[failure.template];
        let cluster = &world.clusters[template.cluster];
        let workload = failure.workload.index();
        let request = match self.names.starts[workload] {
            _ if failure.of_service => "CreateService",
            true => "StartTask",
            false => "RunTask",
        };
        let row = &mut self.row;
        row.time(Some(now))
            .text(&cluster.name)
            .text(&self.names.workloads[workload])
            .text(request)
            .maybe_number(failure.call.map(|(number, _)| number + 1))
            .maybe_number(failure.call.map(|(_, attempts)| attempts))
            .text(cluster.group_name(template.group))
            .text(&template.task_definition)
            .number(failure.missing)
            .text(failure.outcome)
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

/// Tasks that found no place, and what comes of them.
struct Failure {
    workload: WorkloadId,
    template: TemplateId,
    of_service: bool,
    /// Number of the call, from 0, and how often ECS was asked.
    call: Option<(u64, u32)>,
    missing: u32,
    outcome: &'static str,
}

impl Failure {
    const fn of_call(call: &PendingCall, outcome: &'static str) -> Self {
        Failure {
            workload: call.workload,
            template: call.template,
            of_service: false,
            call: Some((call.number, call.attempts)),
            missing: call.missing,
            outcome,
        }
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
