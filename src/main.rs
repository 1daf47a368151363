//! The `stowplan` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    stowplan::cli::run()
}
