//! Which part of a sweep this process runs: as it is told, or as its place in an array of jobs says.

use clap::Args;

use super::Failure;
use crate::experiment::sweep::Shard;

/// Which part of a sweep to run.
#[derive(Args, Clone, Debug)]
pub struct ShardArguments {
    /// Run only shard I of N, from 1/N to N/N; `stowplan merge` puts them together
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Run only one shard of N, whose number comes from the environment: AWS_BATCH_JOB_ARRAY_INDEX,
    /// SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX. `auto` takes N from there too (not on Kubernetes)
    #[arg(long, value_name = "N|auto", conflicts_with = "shard", value_parser = count)]
    shards: Option<Count>,
}

/// How many shards there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// As many as the array has jobs.
    Auto,
    /// So many.
    Given(u32),
}

fn count(text: &str) -> Result<Count, String> {
    match (text, text.parse()) {
        ("auto", _) => Ok(Count::Auto),
        (_, Ok(count)) if count > 0 => Ok(Count::Given(count)),
        _ => Err("write the number of shards, from 1, or auto".to_owned()),
    }
}

/// The place of a process in an array of jobs.
struct Place {
    /// The variable that told it.
    variable: &'static str,
    /// From 0.
    index: u64,
    /// How many there are, where that is told.
    of: Option<u64>,
}

impl ShardArguments {
    /// The shard, given what the environment holds under a name.
    pub fn shard(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, Failure> {
        match (self.shard, self.shards) {
            (Some(shard), _) => Ok(shard),
            (None, None) => Ok(Shard::WHOLE),
            (None, Some(count)) => of_array(count, variable)
                .map_err(|message| Failure::Input(format!("error: --shards: {message}"))),
        }
    }
}

fn of_array(count: Count, variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let place = place(variable)?.ok_or(
        "none of AWS_BATCH_JOB_ARRAY_INDEX, SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX is set\n  \
         help: start it in an array of jobs, or say which shard it is: --shard 2/7",
    )?;
    let Place {
        variable,
        index,
        of,
    } = place;
    let of = match (count, of) {
        (Count::Auto, Some(of)) => of,
        (Count::Auto, None) => {
            return Err(format!(
                "{variable} does not tell how many shards there are\n  help: write --shards N"
            ));
        }
        (Count::Given(count), Some(of)) if u64::from(count) != of => {
            return Err(format!(
                "the array has {of} jobs, not {count}\n  help: write --shards auto"
            ));
        }
        (Count::Given(count), _) => count.into(),
    };
    let shard = u32::try_from(index + 1).ok().zip(u32::try_from(of).ok());
    shard
        .and_then(|(number, of)| Shard::new(number, of))
        .ok_or_else(|| {
            format!("{variable} makes this number {index}, counted from 0, of {of} shards: there is none")
        })
}

/// The place in an array of jobs, of the first kind that is set.
///
/// Sources: AWS Batch user guide, "AWS Batch job environment variables"; Slurm, "Job Array Support";
/// Kubernetes, "Indexed Job for Parallel Processing with Static Work Assignment".
fn place(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Place>, String> {
    let read = |name: &'static str| match variable(name) {
        None => Ok(None),
        Some(text) => match text.trim().parse::<u64>() {
            // One more must be a number too.
            Ok(number) if number < u64::MAX => Ok(Some(number)),
            _ => Err(format!("{name} is {text:?}, which is no whole number")),
        },
    };
    if let Some(index) = read("AWS_BATCH_JOB_ARRAY_INDEX")? {
        let of = read("AWS_BATCH_JOB_ARRAY_SIZE")?;
        return Ok(Some(Place {
            variable: "AWS_BATCH_JOB_ARRAY_INDEX",
            index,
            of,
        }));
    }
    if let Some(id) = read("SLURM_ARRAY_TASK_ID")? {
        let first = read("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = read("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let index = id
            .checked_sub(first)
            .filter(|above| above % step == 0)
            .ok_or_else(|| {
                format!(
                    "SLURM_ARRAY_TASK_ID is {id}, which is not {first} and a multiple of {step}"
                )
            })?;
        return Ok(Some(Place {
            variable: "SLURM_ARRAY_TASK_ID",
            index: index / step,
            of: read("SLURM_ARRAY_TASK_COUNT")?,
        }));
    }
    Ok(read("JOB_COMPLETION_INDEX")?.map(|index| Place {
        variable: "JOB_COMPLETION_INDEX",
        index,
        of: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(count: Count, variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        of_array(count, &variable).map(|shard| shard.to_string())
    }

    #[test]
    fn a_shard_is_the_place_in_an_array_of_jobs() {
        let check = |count, variables: &[(&str, &str)], expected: &str| {
            assert_eq!(shard(count, variables).as_deref(), Ok(expected));
        };
        let batch = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "0"),
            ("AWS_BATCH_JOB_ARRAY_SIZE", "7"),
            ("SLURM_ARRAY_TASK_ID", "3"),
        ];
        check(Count::Auto, &batch, "1/7");
        check(Count::Given(7), &batch, "1/7");
        check(Count::Given(9), &batch[..1], "1/9");
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "13"),
            ("SLURM_ARRAY_TASK_MIN", "10"),
            ("SLURM_ARRAY_TASK_STEP", "3"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        check(Count::Auto, &slurm, "2/4");
        check(Count::Given(3), &[("JOB_COMPLETION_INDEX", "2")], "3/3");
    }

    #[test]
    fn what_cannot_be_a_place_is_refused() {
        let check = |count, variables: &[(&str, &str)], expected: &str| {
            let refused = shard(count, variables).expect_err(expected);
            assert!(refused.contains(expected), "{refused}");
        };
        check(Count::Auto, &[], "none of AWS_BATCH_JOB_ARRAY_INDEX");
        let kubernetes = [("JOB_COMPLETION_INDEX", "2")];
        check(Count::Auto, &kubernetes, "write --shards N");
        check(
            Count::Given(2),
            &kubernetes,
            "number 2, counted from 0, of 2 shards",
        );
        check(
            Count::Auto,
            &[("SLURM_ARRAY_TASK_ID", "x")],
            "no whole number",
        );
        let batch = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "0"),
            ("AWS_BATCH_JOB_ARRAY_SIZE", "7"),
        ];
        check(Count::Given(5), &batch, "the array has 7 jobs, not 5");
        let slurm = [("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_MIN", "2")];
        check(Count::Given(5), &slurm, "not 2 and a multiple of 1");
    }
}
