//! `spartan-sim`: the command.
//!
//! Each subcommand has a file of its own; [`config`] turns what was typed into what is meant. Tables and data
//! go to stdout, progress and messages to stderr. Exit codes: 0 success, 1 a simulation or a check failed, 2 bad
//! usage or input.

mod bench;
mod cli;
mod completions;
mod config;
mod dry_run;
mod estimate;
mod failure;
mod host;
mod inspect;
mod list;
mod memory;
mod output;
mod progress;
mod run;
mod show_config;
mod simulate;
mod topology;
mod trace;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, RunArgs};
use failure::Failure;

fn main() -> ExitCode {
    match dispatch(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command.unwrap_or_else(|| Command::Run(RunArgs::default())) {
        Command::Run(args) => run::run(&args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::List(args) => list::list(&args),
        Command::Config(args) => show_config::config(&args),
        Command::Topology(args) => topology::topology(&args),
        Command::Memory(args) => memory::memory(&args),
        Command::Trace(args) => trace::trace(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Completions(args) => completions::completions(&args),
    }
}
