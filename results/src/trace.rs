//! What `trace info` reports: records and the table.
//!
//! Names and order of the JSON are stable: scripts depend on them, so fields are added but never renamed.

use comfy_table::presets::{NOTHING, UTF8_BORDERS_ONLY};
use comfy_table::{Cell, CellAlignment, Table};
use serde::{Deserialize, Serialize};

use crate::record::share;
use crate::table::{Style, grouped};

/// A trace of GPU kernels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceInfo {
    /// The trace as it was given.
    pub trace: String,
    /// Kernels launched.
    pub kernels: u64,
    /// All kernels together.
    #[serde(flatten)]
    pub counts: Counts,
    /// Copies from the host to the device.
    pub copies: Copies,
    /// Each launch, in order.
    pub launches: Vec<Launch>,
}

/// Copies from the host to the device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Copies {
    /// How many.
    pub count: u64,
    /// Bytes of all.
    pub bytes: u64,
}

/// A kernel launched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The kernel's name, mangled.
    pub name: String,
    /// Its number among the launches of the program, as the tracer gave it.
    pub id: u64,
    /// File of its trace, without the folder.
    pub file: String,
    /// Thread blocks along x, y and z.
    pub grid: [u64; 3],
    /// Threads of a block along x, y and z.
    pub block: [u64; 3],
    /// Bytes of shared memory of a block.
    pub shared_memory_bytes: u64,
    /// Registers of a thread.
    pub registers: u64,
    /// The family of the GPU, such as 61 for SM 6.1.
    pub sm: u64,
    /// Version of the tracer.
    pub tracer: u32,
    /// What it does.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What a kernel, or several, do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Warps.
    pub warps: u64,
    /// Instructions executed by warps.
    pub warp_instructions: u64,
    /// Instructions executed by threads: set bits of the masks.
    pub thread_instructions: u64,
    /// Thread blocks.
    pub thread_blocks: u64,
    /// Thread instructions over warp instructions, of 32.
    pub mean_active_lanes: f64,
    /// Warp instructions by active lanes: none, 1 to 4, 5 to 8, up to 29 to 32.
    pub active_lanes: [u64; 9],
    /// Instructions by class; those that occur.
    pub classes: Vec<Class>,
    /// Opcodes that the program does not know.
    pub unknown_opcodes: Vec<Class>,
    /// Accesses of memory for which the trace has addresses, by space.
    pub memory: Vec<Space>,
    /// How accesses of global memory fall into sectors and lines.
    pub coalescing: Coalescing,
    /// Lines of global memory that were touched.
    pub footprint: Footprint,
}

/// Instructions of a class, or with an opcode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Name of the class or the opcode.
    pub name: String,
    /// Instructions executed by warps.
    pub warp_instructions: u64,
    /// Instructions executed by threads.
    pub thread_instructions: u64,
}

/// Accesses of one space, in warp instructions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// Name of the space.
    pub space: String,
    /// All of them.
    pub accesses: u64,
    /// Loads.
    pub loads: u64,
    /// Stores.
    pub stores: u64,
    /// Atomic operations, reductions and others.
    pub others: u64,
    /// Accesses of threads.
    pub thread_accesses: u64,
    /// Bytes that threads asked for.
    pub bytes: u64,
}

/// How accesses of global memory fall into sectors and lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coalescing {
    /// Accesses of warps.
    pub accesses: u64,
    /// Sectors of 32 bytes, each once an access.
    pub sectors: u64,
    /// Lines of 128 bytes, each once an access.
    pub lines: u64,
    /// Sectors over accesses.
    pub sectors_per_access: f64,
    /// Lines over accesses.
    pub lines_per_access: f64,
    /// Bytes that threads asked for over bytes of sectors; above 1 where threads ask for the same.
    pub bytes_per_sector_byte: f64,
}

/// Lines of 128 bytes of global memory that were touched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Footprint {
    /// Different lines.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lines that more than one thread block touched.
    pub shared_lines: u64,
    /// That over `lines`.
    pub shared_share: f64,
    /// Whether lines were counted; beyond a limit they are estimated.
    pub exact: bool,
}

/// What the columns of the table of kernels mean.
const KERNELS: &str = "\
lanes: mean of active ones; sectors: of 32 bytes, an access of global memory; lines: different ones of 128
bytes; shared: touched by several thread blocks

";

/// The whole trace as a table: a row a kernel if there are several, then what all do together.
pub fn render(info: &TraceInfo, style: Style) -> String {
    let mut text = title(info);
    if info.launches.len() > 1 {
        text += KERNELS;
        text += &block(kernel_rows(&info.launches), 1, style);
        text += "\nall kernels together\n\n";
    }
    text += &block(count_rows(&info.counts), 0, style);
    text
}

fn title(info: &TraceInfo) -> String {
    let kernels = match info.launches.as_slice() {
        [launch] => format!(
            "{}: grid {}, block {}, {} registers, {} bytes of shared memory, SM {}.{}, tracer {}",
            shortened(&launch.name),
            times(launch.grid),
            times(launch.block),
            launch.registers,
            grouped(launch.shared_memory_bytes),
            launch.sm / 10,
            launch.sm % 10,
            launch.tracer
        ),
        launches => format!("{} kernels", launches.len()),
    };
    let copies = match info.copies.count {
        0 => String::new(),
        count => format!("{count} copies to the device, {} bytes\n", grouped(info.copies.bytes)),
    };
    format!("{}\n{kernels}\n{copies}\n", info.trace)
}

fn kernel_rows(launches: &[Launch]) -> Vec<Vec<String>> {
    let header = ["id", "kernel", "blocks", "warp instr.", "lanes", "sectors", "lines", "shared"];
    let row = |launch: &Launch| {
        let counts = &launch.counts;
        vec![
            launch.id.to_string(),
            shortened(&launch.name),
            grouped(counts.thread_blocks),
            grouped(counts.warp_instructions),
            format!("{:.1}", counts.mean_active_lanes),
            format!("{:.2}", counts.coalescing.sectors_per_access),
            grouped(counts.footprint.lines),
            percent(counts.footprint.shared_share),
        ]
    };
    [header.map(str::to_owned).to_vec()].into_iter().chain(launches.iter().map(row)).collect()
}

fn count_rows(counts: &Counts) -> Vec<Vec<String>> {
    let mut rows = Rows::default();
    rows.add("thread blocks", grouped(counts.thread_blocks), String::new());
    rows.add("warps", grouped(counts.warps), String::new());
    rows.add("thread instructions", grouped(counts.thread_instructions), String::new());
    rows.add("warp instructions", grouped(counts.warp_instructions), String::new());
    for class in &counts.classes {
        rows.part(&class.name, class.warp_instructions, counts.warp_instructions);
    }
    for opcode in &counts.unknown_opcodes {
        rows.part(&format!("  {}", opcode.name), opcode.warp_instructions, counts.warp_instructions);
    }
    rows.add("active lanes, mean of 32", format!("{:.2}", counts.mean_active_lanes), String::new());
    for (interval, &count) in counts.active_lanes.iter().enumerate().filter(|(_, count)| **count > 0) {
        let label = match interval {
            0 => "none".to_owned(),
            _ => format!("{} to {}", 4 * interval - 3, 4 * interval),
        };
        rows.part(&label, count, counts.warp_instructions);
    }
    for space in &counts.memory {
        rows.add(&format!("accesses, {}", space.space), grouped(space.accesses), String::new());
        for (label, count) in [("loads", space.loads), ("stores", space.stores), ("others", space.others)] {
            if count > 0 {
                rows.part(label, count, space.accesses);
            }
        }
        rows.add("  bytes asked for", grouped(space.bytes), String::new());
    }
    rows.add_global(counts);
    rows.0
}

/// Labels, figures and remarks.
#[derive(Default)]
struct Rows(Vec<Vec<String>>);

impl Rows {
    fn add(&mut self, label: &str, figure: String, remark: String) {
        self.0.push(vec![label.to_owned(), figure, remark]);
    }

    fn part(&mut self, label: &str, part: u64, whole: u64) {
        self.add(&format!("  {label}"), grouped(part), percent(share(part, whole)));
    }

    fn add_global(&mut self, counts: &Counts) {
        let Counts { coalescing, footprint, .. } = counts;
        if coalescing.accesses == 0 {
            return;
        }
        self.add("sectors of 32 bytes", grouped(coalescing.sectors), String::new());
        self.add("  an access", format!("{:.2}", coalescing.sectors_per_access), String::new());
        self.add("  bytes asked for", percent(coalescing.bytes_per_sector_byte), "of theirs".into());
        self.add("lines of 128 bytes", grouped(coalescing.lines), String::new());
        self.add("  an access", format!("{:.2}", coalescing.lines_per_access), String::new());
        let remark = if footprint.exact { String::new() } else { "estimated".to_owned() };
        self.add("  different ones", grouped(footprint.lines), remark);
        self.part("  of several thread blocks", footprint.shared_lines, footprint.lines);
    }
}

/// A table whose column `left` is aligned to the left, all others to the right.
fn block(rows: Vec<Vec<String>>, left: usize, style: Style) -> String {
    let mut table = Table::new();
    table.load_style(match style {
        Style::Plain => NOTHING,
        Style::Terminal => UTF8_BORDERS_ONLY,
    });
    for row in rows {
        table.add_row(row.iter().enumerate().map(|(column, text)| {
            let alignment = if column == left { CellAlignment::Left } else { CellAlignment::Right };
            Cell::new(text).set_alignment(alignment)
        }));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn times([x, y, z]: [u64; 3]) -> String {
    format!("{x}x{y}x{z}")
}

/// A kernel's name cut to what a column holds.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 24;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large() -> Counts {
        Counts {
            warps: 1_234_567_890,
            warp_instructions: 12_345_678_901,
            thread_instructions: 395_061_724_838,
            thread_blocks: 12_345_678,
            mean_active_lanes: 31.96,
            active_lanes: [1, 2, 3, 4, 5, 6, 7, 8, 12_345_678_000],
            classes: vec![Class {
                name: "load global".into(),
                warp_instructions: 1_234_567_890,
                thread_instructions: 1,
            }],
            unknown_opcodes: vec![Class {
                name: "XYZZY.E".into(),
                warp_instructions: 3,
                thread_instructions: 96,
            }],
            memory: vec![Space {
                space: "global".into(),
                accesses: 4,
                loads: 3,
                stores: 1,
                ..Space::default()
            }],
            coalescing: Coalescing {
                accesses: 1_234_567_890,
                sectors_per_access: 12.345,
                ..Coalescing::default()
            },
            footprint: Footprint {
                lines: 107_374_182,
                shared_lines: 53_687_091,
                shared_share: 0.5,
                ..Footprint::default()
            },
        }
    }

    fn launch() -> Launch {
        Launch {
            name: "_Z21adjust_weights_kernelPfS_PKfS1_iiff".into(),
            id: 1234,
            sm: 90,
            counts: large(),
            ..Launch::default()
        }
    }

    #[test]
    fn tables_fit_and_show_figures() {
        for launches in [vec![launch()], vec![launch(), launch()]] {
            let copies = Copies { count: 5, bytes: 53_248 };
            let kernels = launches.len() as u64;
            let info = TraceInfo { trace: "a folder".into(), kernels, counts: large(), copies, launches };
            for style in [Style::Plain, Style::Terminal] {
                let text = render(&info, style);
                assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
                let figures =
                    ["12,345,678,901", "10.0 %", "XYZZY.E", "53,248 bytes", "12.35", "estimated", "31.96"];
                for figure in figures {
                    assert!(text.contains(figure), "{figure}: {text}");
                }
                assert_eq!(text.is_ascii(), style == Style::Plain);
                assert_eq!(text.contains("all kernels together"), kernels > 1);
            }
        }
    }

    #[test]
    fn fields_of_the_json_are_those_that_scripts_know() {
        let json = serde_json::to_string(&TraceInfo::default()).unwrap();
        let start = "{\"trace\":\"\",\"kernels\":0,\"warps\":0,\"warp_instructions\":0,\
            \"thread_instructions\":0,\"thread_blocks\":0,\"mean_active_lanes\":0.0,\
            \"active_lanes\":[0,0,0,0,0,0,0,0,0],\"classes\":[],\"unknown_opcodes\":[],\"memory\":[],\
            \"coalescing\":{\"accesses\":0,\"sectors\":0,\"lines\":0,\
            \"sectors_per_access\":0.0,\"lines_per_access\":0.0,\"bytes_per_sector_byte\":0.0},\
            \"footprint\":{\"lines\":0,\"bytes\":0,\"shared_lines\":0,\"shared_share\":0.0,\"exact\":false},\
            \"copies\":{\"count\":0,\"bytes\":0},\"launches\":[]";
        assert!(json.starts_with(start), "{json}");
    }
}
