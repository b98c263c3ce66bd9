//! `topology`: the modelled machine, drawn: which part talks to which, and over what latency.
//!
//! [`Machine::of`] lists the parts and the links between them, in rows from the dispatcher down to memory; two
//! small writers turn that into Graphviz's language and into a picture.

use std::fmt::Write;

use compaction_engine::params::Engine;
use gpu_model::params::Gpu;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::cli::{Overrides, TopologyArgs, TopologyFormat};
use crate::config;
use crate::failure::Failure;
use crate::output;

/// Prints the drawing.
pub(crate) fn topology(args: &TopologyArgs) -> Result<(), Failure> {
    let overrides = Overrides { gpu: args.gpu.clone(), set: Vec::new() };
    let experiment = config::resolve(&overrides.request(None))?.experiment;
    let machine = Machine::of(&experiment.gpu, &experiment.engine);
    match args.format {
        TopologyFormat::Dot => output::print(&machine.dot()),
        TopologyFormat::Svg => output::print(&machine.svg()?),
    }
}

/// The parts of a machine and their links.
struct Machine {
    title: String,
    /// Rows of parts, from the top.
    rows: Vec<Vec<Part>>,
    links: Vec<Link>,
}

/// One part, or several that are alike.
struct Part {
    /// Name, and what there is to know about it, a line each.
    lines: Vec<String>,
}

/// Row and place in it.
type At = (usize, usize);

/// A link between two parts.
struct Link {
    from: At,
    to: At,
    /// Cycles to cross it; 0 where it takes no time of its own.
    cycles: u32,
}

const DISPATCHER: usize = 0;
const ARRAYS: usize = 1;
const CROSSBAR: usize = 2;
const SLICES: usize = 3;
const ENGINE: usize = 4;
const CHANNELS: usize = 5;

impl Machine {
    /// The machine of these parameters, as the GPU model wires it.
    fn of(gpu: &Gpu, engine: &Engine) -> Self {
        let rows = vec![
            vec![dispatcher(gpu)],
            arrays(gpu),
            vec![crossbar(gpu)],
            slices(gpu),
            vec![compaction(engine)],
            channels(gpu),
        ];
        let title = format!("{}, {} compute units at {}", gpu.name, gpu.compute_units, gpu.clock);
        let mut machine = Self { title, rows, links: Vec::new() };
        machine.link_rows(DISPATCHER, ARRAYS, gpu.dispatch.latency);
        machine.link_rows(ARRAYS, CROSSBAR, 0);
        machine.link_rows(CROSSBAR, SLICES, gpu.crossbar.latency);
        machine.link_rows(SLICES, ENGINE, engine.link_latency);
        machine.link_rows(ENGINE, CHANNELS, 0);
        // Slices whose addresses share a channel share its controller.
        let channels = machine.rows[CHANNELS].len();
        for slice in 0..machine.rows[SLICES].len() {
            let link = Link { from: (SLICES, slice), to: (CHANNELS, slice % channels), cycles: 0 };
            machine.links.push(link);
        }
        machine
    }

    /// Links every part of one row to every part of another.
    fn link_rows(&mut self, from: usize, to: usize, cycles: u32) {
        for i in 0..self.rows[from].len() {
            for j in 0..self.rows[to].len() {
                self.links.push(Link { from: (from, i), to: (to, j), cycles });
            }
        }
    }
}

fn part(lines: &[String]) -> Part {
    Part { lines: lines.to_vec() }
}

fn dispatcher(gpu: &Gpu) -> Part {
    part(&["dispatcher".into(), format!("a workgroup every {} cycles", gpu.dispatch.interval)])
}

fn arrays(gpu: &Gpu) -> Vec<Part> {
    let all = gpu.compute_units;
    let firsts = (0..all).step_by(gpu.cus_per_array as usize);
    let array = |first: u32| {
        let last = (first + gpu.cus_per_array).min(all) - 1;
        part(&[
            if first == last { format!("CU {first}") } else { format!("CU {first}-{last}") },
            format!("{}x SIMD{}", gpu.cu.simds, gpu.cu.simd_lanes),
            format!("LDS {}", gpu.cu.lds.size),
            format!("L1 {}", gpu.l1.size),
        ])
    };
    firsts.map(array).collect()
}

fn crossbar(gpu: &Gpu) -> Part {
    part(&["crossbar".into(), format!("{} cycles each way", gpu.crossbar.latency)])
}

fn slices(gpu: &Gpu) -> Vec<Part> {
    let size = sim_core::params::Bytes(gpu.l2.size.0 / u64::from(gpu.l2.slices));
    (0..gpu.l2.slices)
        .map(|i| part(&[format!("L2 {i}"), size.to_string(), format!("{} ways", gpu.l2.ways)]))
        .collect()
}

fn compaction(engine: &Engine) -> Part {
    part(&[
        "compaction engine".into(),
        format!(
            "SIB {}, prefetch buffer {}, {} processing units",
            engine.sib.size, engine.prefetch_buffer.size, engine.processors
        ),
        format!("while it is on, L2 keeps {} ways", engine.l2_ways),
    ])
}

fn channels(gpu: &Gpu) -> Vec<Part> {
    let dram = &gpu.dram;
    (0..dram.channels).map(|i| part(&[format!("DRAM {i}"), dram.preset.name().to_owned()])).collect()
}

// Graphviz -----------------------------------------------------------------------------------------------

impl Machine {
    /// In Graphviz's language.
    fn dot(&self) -> String {
        let mut text = format!("digraph machine {{\n  label={:?};\n  labelloc=t;\n", self.title);
        text.push_str("  node [shape=box, fontname=\"sans-serif\"];\n  edge [dir=both, arrowsize=0.5];\n");
        for (row, parts) in self.rows.iter().enumerate() {
            text.push_str("  { rank=same;\n");
            for (i, part) in parts.iter().enumerate() {
                writeln!(text, "    {} [label=\"{}\"];", id((row, i)), part.lines.join("\\n")).ok();
            }
            text.push_str("  }\n");
        }
        for link in &self.links {
            let label = if link.cycles == 0 {
                String::new()
            } else {
                format!(" [tooltip=\"{} cycles\"]", link.cycles)
            };
            writeln!(text, "  {} -> {}{label};", id(link.from), id(link.to)).ok();
        }
        text.push_str("}\n");
        text
    }
}

fn id((row, i): At) -> String {
    format!("p{row}_{i}")
}

// Picture ------------------------------------------------------------------------------------------------

/// Boxes beside each other; a longer row goes on below itself.
const ACROSS: usize = 16;
const WIDTH: i32 = 1280;
/// Width of a box that has its row to itself.
const WIDEST: i32 = 420;
const LINE: i32 = 15;
const PADDING: i32 = 6;
const GAP: i32 = 46;
const MARGIN: i32 = 40;

/// Left, top, right and bottom of a box.
type Rect = (i32, i32, i32, i32);

impl Machine {
    /// As a picture.
    fn svg(&self) -> Result<String, Failure> {
        let (boxes, height) = self.layout();
        let mut text = String::new();
        self.draw(&mut text, &boxes, height)
            .map_err(|error| Failure::Failed(format!("cannot draw the machine: {error}")))?;
        text.push('\n');
        Ok(text)
    }

    /// Where each box stands, and the height of them all.
    fn layout(&self) -> (Vec<Vec<Rect>>, i32) {
        let mut top = MARGIN;
        let mut rows = Vec::new();
        for parts in &self.rows {
            let height =
                2 * PADDING + LINE * parts.iter().map(|part| part.lines.len() as i32).max().unwrap_or(0);
            let mut boxes = Vec::new();
            for some in parts.chunks(ACROSS) {
                boxes.extend(spread(some.len() as i32, top, height));
                top += height + PADDING;
            }
            top += GAP - PADDING;
            rows.push(boxes);
        }
        (rows, top - GAP + PADDING)
    }

    fn draw(
        &self,
        text: &mut String,
        boxes: &[Vec<Rect>],
        height: i32,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::with_string(text, (WIDTH as u32, height as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        for link in &self.links {
            let (from, to) = (boxes[link.from.0][link.from.1], boxes[link.to.0][link.to.1]);
            let line = vec![((from.0 + from.2) / 2, from.3), ((to.0 + to.2) / 2, to.1)];
            area.draw(&PathElement::new(line, RGBColor(160, 170, 185)))?;
        }
        for (part, rect) in self.rows.iter().flatten().zip(boxes.iter().flatten()) {
            let corners = [(rect.0, rect.1), (rect.2, rect.3)];
            area.draw(&Rectangle::new(corners, RGBColor(232, 240, 250).filled()))?;
            area.draw(&Rectangle::new(corners, RGBColor(60, 80, 110)))?;
            for (i, line) in part.lines.iter().enumerate() {
                let at = ((rect.0 + rect.2) / 2, rect.1 + PADDING + LINE * i as i32);
                area.draw(&Text::new(line.as_str(), at, words(14)))?;
            }
        }
        area.draw(&Text::new(self.title.as_str(), (WIDTH / 2, PADDING), words(20)))?;
        area.present()?;
        Ok(())
    }
}

/// `count` boxes side by side, spread over the whole width.
fn spread(count: i32, top: i32, height: i32) -> impl Iterator<Item = Rect> {
    let pitch = (WIDTH - 2 * PADDING) / count;
    let half = (pitch - PADDING).min(WIDEST) / 2;
    (0..count).map(move |i| {
        let middle = PADDING + i * pitch + pitch / 2;
        (middle - half, top, middle + half, top + height)
    })
}

fn words(size: i32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size)).color(&BLACK).pos(Pos::new(HPos::Center, VPos::Top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_mi6_is_there_and_linked() {
        let machine = Machine::of(&Gpu::default(), &Engine::default());
        let counts: Vec<usize> = machine.rows.iter().map(Vec::len).collect();
        assert_eq!(counts, [1, 9, 1, 8, 1, 8]);
        assert_eq!(machine.links.len(), 9 + 9 + 8 + 8 + 8 + 8);
        let dot = machine.dot();
        assert!(dot.contains("CU 32-35") && dot.contains("p3_7 -> p5_7;"), "{dot}");
        let svg = machine.svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("compaction engine"), "{svg}");
    }
}
