//! `list`: what is part of the program, a name and a line each.

use std::fmt::Write;

use crate::cli::{ListArgs, ListWhat};
use crate::config::mode::Mode;
use crate::config::{self, Request, embedded};
use crate::failure::Failure;
use crate::output;

/// Prints the list.
pub(crate) fn list(args: &ListArgs) -> Result<(), Failure> {
    let entries = match args.what {
        ListWhat::Gpus => gpus()?,
        ListWhat::Experiments => experiments()?,
        ListWhat::Modes => Mode::ALL.iter().map(|mode| (mode.name(), mode.about().to_owned())).collect(),
    };
    let width = entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, about) in entries {
        writeln!(text, "{name:width$}  {about}").ok();
    }
    output::print(&text)
}

fn gpus() -> Result<Vec<(&'static str, String)>, Failure> {
    embedded::GPUS.iter().map(|gpu| Ok((gpu.name, about_gpu(gpu.name)?))).collect()
}

fn about_gpu(name: &str) -> Result<String, Failure> {
    let gpu =
        config::resolve(&Request { sets: vec![format!("gpu={name}")], ..Request::default() })?.experiment.gpu;
    Ok(format!(
        "{} compute units at {}, L1 {} each, L2 {} in {} slices, {} {} channels",
        gpu.compute_units,
        gpu.clock,
        gpu.l1.size,
        gpu.l2.size,
        gpu.l2.slices,
        gpu.dram.channels,
        gpu.dram.preset.name()
    ))
}

fn experiments() -> Result<Vec<(&'static str, String)>, Failure> {
    let about = |name: &'static str| {
        let request = Request { experiment: Some(name.to_owned()), ..Request::default() };
        Ok((name, config::resolve(&request)?.experiment.description))
    };
    embedded::EXPERIMENTS.iter().map(|experiment| about(experiment.name)).collect()
}
