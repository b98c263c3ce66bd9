//! `list`: what is part of the program, a name and a line each.

use std::fmt::Write;

use mem_hierarchy::dram::Preset;
use sim_core::params::{Bytes, Hertz};
use workloads::network::{NETWORKS, Network};

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
        ListWhat::Networks => networks()?,
        ListWhat::Modes => Mode::ALL.iter().map(|mode| (mode.name(), mode.about().to_owned())).collect(),
        ListWhat::Memories => {
            Preset::ALL.iter().map(|&preset| (preset.name(), about_memory(preset))).collect()
        }
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

fn networks() -> Result<Vec<(&'static str, String)>, Failure> {
    NETWORKS.iter().map(|network| Ok((network.name, about_network(network)?))).collect()
}

/// Sizes for one image, and what it is.
fn about_network(network: &Network) -> Result<String, Failure> {
    let graph = network.graph(1).map_err(|error| Failure::Failed(format!("{}: {error}", network.name)))?;
    let totals = graph.totals();
    Ok(format!(
        "{:2} layers, {:6.3} GMACs, {:7.3} M weights: {}",
        totals.layers,
        totals.macs as f64 / 1e9,
        totals.weights as f64 / 1e6,
        network.about
    ))
}

/// One channel of a memory, and where its figures come from.
fn about_memory(preset: Preset) -> String {
    let Some(standard) = preset.standard() else {
        return "no commands: so many requests a cycle at a fixed latency (gpu.dram.ideal_*)".to_owned();
    };
    let banks = standard.banks;
    format!(
        "{:.1} GB/s a channel: {} bits, {}; {} x {} x {} banks (ranks, groups, banks), rows of {}. {}",
        standard.peak_bytes_per_second() as f64 / 1e9,
        standard.bus_bits,
        Hertz(standard.clock_hz),
        banks.ranks,
        banks.groups,
        banks.banks,
        Bytes(standard.row_bytes),
        standard.source
    )
}
