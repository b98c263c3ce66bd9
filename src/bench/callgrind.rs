//! Host instructions of a case, counted by Valgrind's callgrind.
//!
//! The program runs itself under callgrind twice, with the case prepared and run once, and with the case
//! prepared and not run. The difference is what the run took. It hardly depends on the machine, its speed or
//! its load; it does depend on the compiler and, a little, on the C library. Counting takes some fifty times as
//! long as running.
//!
//! Both processes run the smallest case first: the first simulation of a process fills tables (15 million host
//! instructions, as many as that case takes itself). The time of the fastest run does not hold them either.

use std::env;
use std::num::NonZero;
use std::process::{Command, Output};

use super::cases::{CASES, Case, Prepared};
use crate::failure::Failure;
use crate::progress::Display;

/// What a counted process does: warms up, runs each of `cases` on one thread `runs` times, and says nothing.
pub(super) fn only_run(cases: &[&Case], runs: u32) -> Result<(), Failure> {
    let progress = Display::new(true).begin(String::new());
    let run = |prepared: &Prepared| prepared.run(NonZero::<usize>::MIN, &progress);
    run(&CASES[0].prepare()?)?;
    for case in cases {
        let prepared = case.prepare()?;
        for _ in 0..runs {
            run(&prepared)?;
        }
    }
    Ok(())
}

/// Refuses where Valgrind cannot be started.
pub(super) fn require() -> Result<(), Failure> {
    let found = Command::new("valgrind").arg("--version").output();
    found.map(|_| ()).map_err(|error| {
        Failure::Input(format!(
            "--callgrind: cannot start valgrind: {error}; install it, or leave the flag out"
        ))
    })
}

/// Host instructions of one run of `case` on one thread.
pub(super) fn count(case: &Case) -> Result<u64, Failure> {
    let (idle, run) = (counted(case, 0)?, counted(case, 1)?);
    Ok(run.saturating_sub(idle))
}

fn counted(case: &Case, runs: u32) -> Result<u64, Failure> {
    let failed = |why: String| Failure::Failed(format!("callgrind on {}: {why}", case.name));
    let program = env::current_exe().map_err(|error| failed(error.to_string()))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["bench", case.name, &format!("--only-runs={runs}")])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let Output { status, stderr, .. } = output;
    let said = String::from_utf8_lossy(&stderr);
    let count = collected(&said).filter(|_| status.success());
    count.ok_or_else(|| failed(format!("no count; it ended with {status} and said\n{}", said.trim_end())))
}

/// The number in `==123== Collected : 4567`.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?.1;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_off_what_callgrind_says() {
        let said =
            "==7== Events    : Ir\n==7== Collected : 1234567\n==7== \n==7== I   refs:      1,234,567\n";
        assert_eq!(collected(said), Some(1_234_567));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
