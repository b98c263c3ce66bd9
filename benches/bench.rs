//! `cargo bench` is `spartan-sim bench`: `cargo bench --bench bench -- ARGUMENTS` passes its arguments on.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    // Cargo says `--bench` when it benchmarks, and not when it only tests that the target runs.
    let (cargos, arguments): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|a| a == "--bench");
    if cargos.is_empty() {
        return ExitCode::SUCCESS;
    }
    let status = Command::new(env!("CARGO_BIN_EXE_spartan-sim")).arg("bench").args(arguments).status();
    match status {
        Ok(status) => {
            status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => {
            eprintln!("error: cannot start spartan-sim: {error}");
            ExitCode::FAILURE
        }
    }
}
