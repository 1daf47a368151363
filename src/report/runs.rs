//! `runs.csv` of the commands that make many runs: a row a run.

use std::io;

use crate::experiment::Run;
use crate::experiment::metric::Metric;

/// Writes the rows: what tells the alternative, the replication, its seed, the metrics, when the run
/// ended and the number of its events.
pub struct RunRows<W: io::Write> {
    out: csv::Writer<W>,
}

impl<W: io::Write> RunRows<W> {
    /// Writes the header; `factors` are the columns that tell the alternative.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new<'a>(
        out: W,
        factors: impl IntoIterator<Item = &'a str>,
        metrics: &'a [Metric],
    ) -> io::Result<Self> {
        let mut out = csv::Writer::from_writer(out);
        let metrics = metrics.iter().map(|metric| metric.name.as_str());
        out.write_record(
            factors
                .into_iter()
                .chain(["replication", "seed"])
                .chain(metrics)
                .chain(["end", "events"]),
        )?;
        Ok(RunRows { out })
    }

    /// Writes a run.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write<'a>(
        &mut self,
        factors: impl IntoIterator<Item = &'a str>,
        replication: u32,
        run: &Run,
    ) -> io::Result<()> {
        let out = &mut self.out;
        for factor in factors {
            out.write_field(factor)?;
        }
        out.write_field(replication.to_string())?;
        out.write_field(run.seed.to_string())?;
        for value in &run.values {
            out.write_field(number(*value))?;
        }
        out.write_field(run.end.to_string())?;
        out.write_field(run.events.to_string())?;
        out.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Writes all runs of an alternative, from replication 0 on.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_all<const N: usize>(
        &mut self,
        factors: [&str; N],
        runs: &[Run],
    ) -> io::Result<()> {
        (0..)
            .zip(runs)
            .try_for_each(|(replication, run)| self.write(factors, replication, run))
    }

    /// Hands everything to the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A number as tables for programs have it: shortest, and nothing when it is absent.
pub(super) fn number(number: Option<f64>) -> String {
    number.map_or_else(String::new, |it| it.to_string())
}
