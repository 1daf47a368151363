//! The real binary, run in a folder of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A command that was run.
pub struct Done {
    /// Exit code; absent when it was killed.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub err: String,
}

pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    command.args(arguments).current_dir(folder);
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

pub fn done(mut command: Command) -> Done {
    let output = command.output().expect("the binary starts");
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("stdout is text"),
        err: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

pub fn stowplan(folder: &Path, arguments: &[&str]) -> Done {
    done(command(folder, arguments))
}

/// Runs what must succeed and say nothing on stderr; gives stdout.
pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let done = stowplan(folder, arguments);
    assert_eq!(
        (done.code, done.err.as_str()),
        (Some(0), ""),
        "{arguments:?}"
    );
    done.out
}

pub fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
