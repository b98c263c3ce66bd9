//! `topology`: the machine as it is wired, drawn.
//!
//! The drawing is made from the links of a constructed GPU, not from its parameters: those only add what links do
//! not know, such as the sizes of caches. [`dot`] writes every component and every link in Graphviz's language;
//! [`layout`] puts what is alike into one box and [`picture`] draws that.

mod dot;
mod layout;
mod picture;

use std::fmt::Display;

use gpu_model::Gpu;
use gpu_model::params::Machine;
use gpu_model::topology::{Component, Kind, Topology, Wire};
use sim_core::params::Bytes;

use crate::cli::{Overrides, TopologyArgs, TopologyFormat};
use crate::config;
use crate::failure::Failure;
use crate::output;

/// Prints the drawing.
pub(crate) fn topology(args: &TopologyArgs) -> Result<(), Failure> {
    let overrides = Overrides { gpu: args.gpu.clone(), set: Vec::new() };
    let experiment = config::resolve(&overrides.request(None))?.experiment;
    let drawn = Drawn::new(Machine { gpu: experiment.gpu, engine: experiment.engine })?;
    match args.format {
        TopologyFormat::Dot => output::print(&dot::dot(&drawn)),
        TopologyFormat::Svg => output::print(&picture::svg(&layout::layout(&drawn))?),
    }
}

/// What is drawn: a machine's parameters and its wiring.
struct Drawn {
    machine: Machine,
    topology: Topology,
}

impl Drawn {
    fn new(machine: Machine) -> Result<Self, Failure> {
        let gpu = Gpu::new(&machine, None).map_err(|error| Failure::Input(error.to_string()))?;
        Ok(Self { machine, topology: gpu.topology() })
    }

    fn title(&self) -> String {
        let gpu = &self.machine.gpu;
        format!("{}: {} at {}", gpu.name, counted(gpu.compute_units, "compute unit"), gpu.clock)
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = Component> {
        self.topology.components().filter(move |component| component.kind() == kind)
    }

    /// How many shader arrays there are.
    fn arrays(&self) -> usize {
        self.machine.gpu.compute_units.div_ceil(self.machine.gpu.cus_per_array) as usize
    }

    /// The shader array that a component belongs to.
    fn array(&self, component: Component) -> Option<usize> {
        match component {
            Component::Cu(i) | Component::L1(i) => Some(i / self.machine.gpu.cus_per_array as usize),
            _ => None,
        }
    }

    /// What each component of a kind holds, a line each.
    fn facts(&self, kind: Kind) -> Vec<String> {
        let Machine { gpu, engine } = &self.machine;
        match kind {
            Kind::Dispatcher => {
                vec![format!("a workgroup every {}", counted(gpu.dispatch.interval, "cycle"))]
            }
            Kind::Cu => vec![
                format!("{} of {}", counted(gpu.cu.simds, "SIMD unit"), counted(gpu.cu.simd_lanes, "lane")),
                format!("{} on each", counted(gpu.cu.wavefronts, "wavefront")),
                format!("LDS {}", gpu.cu.lds.size),
            ],
            Kind::L1 => {
                vec![gpu.l1.size.to_string(), counted(gpu.l1.ways, "way"), counted(gpu.l1.mshrs, "MSHR")]
            }
            Kind::RequestCrossbar | Kind::ResponseCrossbar => {
                vec![format!("{} a cycle at each port", counted(gpu.crossbar.lines_per_cycle, "message"))]
            }
            Kind::L2 => vec![
                Bytes(gpu.l2.size.0 / u64::from(gpu.l2.slices)).to_string(),
                counted(gpu.l2.ways, "way"),
                counted(gpu.l2.mshrs, "MSHR"),
            ],
            Kind::Engine => vec![
                format!("SIB {}, {}", engine.sib.size, counted(engine.sib.banks, "bank")),
                format!("prefetch buffer {}", engine.prefetch_buffer.size),
                counted(engine.processors, "processing unit"),
                format!(
                    "L2 then keeps {} of {}",
                    engine.l2_ways.min(gpu.l2.ways),
                    counted(gpu.l2.ways, "way")
                ),
            ],
            Kind::Controller => {
                let all = gpu.dram.peak_bytes_per_second(gpu.clock.0) as f64;
                let each = all / f64::from(gpu.dram.channels) / 1e9;
                vec![gpu.dram.preset.name().into(), format!("{} GB/s", (each * 10.0).round() / 10.0)]
            }
        }
    }
}

/// What a link is, in words.
fn describe(wire: &Wire) -> String {
    format!("{}: {}, holds {}", wire.name, counted(wire.latency, "cycle"), wire.capacity)
}

/// "1 cycle", "4 cycles".
fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let s = if count == 1.into() { "" } else { "s" };
    format!("{count} {noun}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_always_drawn_alike() {
        let draw = || {
            let drawn = Drawn::new(Machine::default()).unwrap();
            (dot::dot(&drawn), picture::svg(&layout::layout(&drawn)).unwrap())
        };
        let (dot, svg) = draw();
        assert_eq!(draw(), (dot, svg.clone()));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(svg.contains("compaction engine") && svg.contains("CU 32-35"), "{svg}");
    }

    #[test]
    fn a_machine_that_cannot_be_is_an_input_error() {
        let mut machine = Machine::default();
        machine.gpu.dram.channels = 3;
        assert!(matches!(Drawn::new(machine), Err(Failure::Input(_))));
    }

    #[test]
    fn what_is_counted_is_in_the_right_number() {
        assert_eq!((counted(1_u64, "cycle"), counted(4_u32, "way")), ("1 cycle".into(), "4 ways".into()));
    }
}
