//! What a run leaves behind: the files of its directory, the pictures, the table on the terminal.
//!
//! Every column is defined in the README. Files are written under temporary names and renamed when
//! all of them are complete, so that a reader never sees half a file.

pub mod assumed;
pub mod aws;
pub mod comparison;
pub mod directory;
pub mod events;
pub mod explain;
pub mod figures;
pub mod html;
pub mod jobs;
pub mod plot;
pub mod rows;
pub mod run_page;
pub mod runs;
pub mod sizing;
pub mod sweep;
pub mod table;
pub mod tables;
pub mod wording;

use std::io;

use crate::engine::{Occurrence, Outcome, Recorder, World};
use crate::experiment::long_run::Waits;
use crate::metrics::Metrics;
use crate::time::SimTime;
use crate::units::Timestamp;
use aws::Documents;
use events::{EventRows, ServiceRows};
use jobs::AttemptRows;
use rows::{FailureRows, TaskRows};

/// How moments are written: seconds from the start, or dates when the scenario names a start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(pub Option<Timestamp>);

impl Clock {
    /// Appends `at` to `out`.
    pub fn write(self, at: SimTime, out: &mut Vec<u8>) {
        match self.0 {
            Some(start) => out.extend_from_slice(start.at(at).as_bytes()),
            None => write_secs(at.micros(), out),
        }
    }
}

/// Appends seconds with no more digits than needed: `12`, `0.5`, `3.000001`.
pub fn write_secs(micros: u64, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(micros / 1_000_000).as_bytes());
    let rest = micros % 1_000_000;
    if rest > 0 {
        // A million more keeps the leading zeros; its own digit becomes the point.
        let at = out.len();
        out.extend_from_slice(buffer.format(rest + 1_000_000).as_bytes());
        out[at] = b'.';
        while out.ends_with(b"0") {
            out.pop();
        }
    }
}

/// Listens to a run, measures it, and writes its rows as they come.
pub struct RowWriter<W: io::Write> {
    /// What is measured.
    pub metrics: Metrics,
    /// `tasks.csv`.
    pub tasks: TaskRows<W>,
    /// `failures.csv`.
    pub failures: FailureRows<W>,
    /// `events.jsonl`, when it is wanted.
    pub events: Option<EventRows<W>>,
    /// `service-events.csv`, when there is a service.
    pub service_events: Option<ServiceRows<W>>,
    /// `attempts.csv`, when there is a job queue.
    pub attempts: Option<AttemptRows<W>>,
    /// `describe-tasks.json` and the other documents in the form of the AWS CLI, when they are wanted.
    pub documents: Option<Documents<W>>,
    /// Remembers waits in order, where the run has a steady state to be sure of.
    pub waits: Option<Waits>,
    /// Told how far the run has come.
    pub on_progress: Box<dyn FnMut(SimTime, u64)>,
    error: Option<io::Error>,
}

impl<W: io::Write> RowWriter<W> {
    /// A writer of the given files.
    pub fn new(tasks: TaskRows<W>, failures: FailureRows<W>, events: Option<EventRows<W>>) -> Self {
        let (metrics, on_progress) = (Metrics::new(), Box::new(|_, _| {}));
        RowWriter {
            metrics,
            tasks,
            failures,
            events,
            service_events: None,
            attempts: None,
            documents: None,
            waits: None,
            on_progress,
            error: None,
        }
    }

    /// Writes the rows of whoever has not ended, and flushes.
    ///
    /// # Errors
    /// The first that occurred while writing.
    pub fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        for task in &outcome.live {
            self.tasks.write(task, &outcome.world)?;
        }
        for waiting in &outcome.waiting {
            self.failures
                .write_waiting(outcome.end, waiting, &outcome.world)?;
        }
        self.write_provisioning(outcome)?;
        if let Some(documents) = self.documents.take() {
            documents.finish(outcome)?;
        }
        self.tasks.flush()?;
        self.failures.flush()?;
        if let Some(service_events) = &mut self.service_events {
            service_events.flush()?;
        }
        if let Some(attempts) = &mut self.attempts {
            attempts.finish(outcome)?;
        }
        self.events.as_mut().map_or(Ok(()), EventRows::flush)
    }

    fn write_provisioning(&mut self, outcome: &Outcome) -> io::Result<()> {
        let (end, world) = (outcome.end, &outcome.world);
        for (number, refusal) in &outcome.provisioning {
            let live = outcome
                .live
                .binary_search_by_key(number, |task| task.number);
            if let Ok(at) = live {
                let task = &outcome.live[at];
                self.failures
                    .write_provisioning(end, task, refusal, world)?;
            }
        }
        Ok(())
    }

    fn try_record(
        &mut self,
        now: SimTime,
        occurrence: Occurrence<'_>,
        world: &World,
    ) -> io::Result<()> {
        if let Some(documents) = &mut self.documents {
            documents.record(occurrence, world)?;
        }
        match occurrence {
            Occurrence::Stopped(task) => self.tasks.write(task, world)?,
            Occurrence::Service(note) => {
                if let Some(service_events) = &mut self.service_events {
                    service_events.write(now, note, world)?;
                }
            }
            Occurrence::Attempt { id, job } => {
                if let Some(attempts) = &mut self.attempts {
                    attempts.write(id, job, world)?;
                }
            }
            Occurrence::Refused {
                call,
                refusal,
                next,
            } => self.failures.write(now, call, refusal, next, world)?,
            _ => {}
        }
        self.events
            .as_mut()
            .map_or(Ok(()), |events| events.write(now, occurrence, world))
    }
}

impl<W: io::Write> Recorder for RowWriter<W> {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        self.metrics.record(now, occurrence, world);
        if let Some(waits) = &mut self.waits {
            waits.record(now, occurrence, world);
        }
        // A disk that is full must not stop the clock in the middle: the first error is kept and
        // told at the end.
        if self.error.is_none() {
            self.error = self.try_record(now, occurrence, world).err();
        }
    }

    fn settled(&mut self, now: SimTime, world: &World) {
        self.metrics.settled(now, world);
    }

    fn warmed_up(&mut self, at: SimTime, world: &World) {
        self.metrics.warmed_up(at, world);
        if let Some(waits) = &mut self.waits {
            waits.warmed_up(at, world);
        }
    }

    fn progress(&mut self, now: SimTime, events: u64) {
        (self.on_progress)(now, events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_as_they_are_displayed() {
        for micros in [0, 1, 10, 999_999, 1_000_000, 1_500_000, 12_345_678_901] {
            let mut out = Vec::new();
            write_secs(micros, &mut out);
            assert_eq!(
                String::from_utf8(out).unwrap(),
                SimTime::from_micros(micros).to_string()
            );
        }
    }
}
