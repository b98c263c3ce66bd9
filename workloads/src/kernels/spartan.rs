//! `spartan`: a sparse GEMM on the compaction engine, as an expert would write it.
//!
//! A workgroup computes a tile of up to 512 rows x 64 columns of C with 16 wavefronts. Rows are in lanes, 1 to 8
//! a lane; a wavefront has four of the columns (parameter `kernel.wavefronts`) and all rows, so that a bundle
//! is uniform over the wavefront: its value becomes a scalar operand, its row an LDS address.
//!
//! All columns advance together through *windows* of k. The slab of A for a window (window x rows) stands in
//! LDS, double-buffered: while one window is worked on, the next one's slab is on its way from memory, A being
//! packed in panels of the tile's rows, so that a slab is contiguous. So are the columns' next compacted lines,
//! of which each wavefront keeps a ring in registers, deep enough that no wait falls into a window.
//!
//! Per window and wavefront: loads and LDS writes of its part of the slab, sparse loads of the lines that
//! the ring has room for (four a load, 16 lanes each), 4 vector instructions for each load's lines (conversion
//! of the values, LDS offsets of the rows), one `s_waitcnt`, one barrier. Per line that it takes bundles from:
//! 1 vector instruction (compare rows with the window's end), 3 scalar ones (count the bundles), a computed
//! branch into unrolled code. Per bundle: two `v_readlane` and an address addition, LDS reads of the lane's
//! rows (16, 8 and 4 bytes at a time), a multiply-add a row. Bundles go in groups of up to four, as registers
//! allow; LDS reads of one group overlap with the multiply-adds of the one before.
//!
//! LDS bounds it: each multiply-add of 64 lanes needs 256 bytes of A, so a compute unit makes at most half of
//! its peak multiply-adds, all of them on non-zeros. Two workgroups do not fit a compute unit: LDS is full.

use std::collections::VecDeque;

use compaction_engine::bundle::Bundle;
use gpu_model::instruction::{ANY, Instruction, LANES, Op, VectorAccess};
use gpu_model::kernel::{Kernel, Resources, Step, Values};
use gpu_model::lds::bank_cycles;
use gpu_model::params::Machine;
use mem_hierarchy::request::CompactedLine;

use super::{TileChoice, Tiles, sparse_layouts};
use crate::gemm::{Gemm, Placements};
use crate::params::{self, DispatchOrder};

/// Bundles of a line; lanes that hold a line.
const BUNDLES: u32 = 16;
/// Columns whose lines one sparse load brings.
const COLUMNS_PER_LOAD: usize = 4;
/// Bundles whose LDS reads are in flight together, where there are registers for so many.
const GROUPS: [u32; 3] = [4, 2, 1];
/// Wavefronts of a workgroup, where the configuration leaves it open.
const WAVEFRONTS: [u32; 5] = [16, 8, 4, 2, 1];
/// Rows a lane at the most.
const MAX_ROWS_PER_LANE: u32 = 8;

/// How a tile is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Rows of C a lane.
    rows_per_lane: u32,
    /// Columns of C a workgroup.
    columns: u32,
    wavefronts: u32,
    /// Rows of B a window.
    window: u32,
    /// Compacted lines a column that a wavefront keeps.
    ring: u32,
    /// Bundles in flight together.
    group: u32,
}

impl Shape {
    fn rows(&self) -> u32 {
        LANES * self.rows_per_lane
    }
    fn columns_per_wavefront(&self) -> u32 {
        self.columns / self.wavefronts
    }
    /// Words of a slab.
    fn slab(&self) -> u32 {
        self.window * self.rows()
    }
    /// Loads of a wavefront for a slab, of 64 lanes x 16 bytes.
    fn slab_loads(&self) -> u32 {
        self.slab().div_ceil(4 * LANES * self.wavefronts)
    }
    /// Sparse loads for one line of each of the wavefront's columns.
    fn column_groups(&self) -> usize {
        (self.columns_per_wavefront() as usize).div_ceil(COLUMNS_PER_LOAD)
    }
    /// Vector registers: accumulators, two groups of A, the slab on its way, ring, addresses.
    fn vgprs(&self) -> u32 {
        let r = self.rows_per_lane;
        self.columns_per_wavefront() * r
            + 2 * self.group * r
            + 4 * self.slab_loads()
            + 2 * self.ring * self.column_groups() as u32
            + 10
    }
    /// Rows that a lane reads at a time, by 16, 8 and 4 bytes: (first row of the tile, rows a lane).
    fn parts(&self) -> impl Iterator<Item = (u32, u32)> {
        let fours = self.rows_per_lane / 4;
        let rest = [2, 1].into_iter().filter(|width| self.rows_per_lane & width != 0);
        std::iter::repeat_n(4, fours as usize).chain(rest).scan(0, |first, width| {
            let part = (*first, width);
            *first += width * LANES;
            Some(part)
        })
    }

    fn choose(
        gemm: &Gemm,
        machine: &Machine,
        kernel: &params::Kernel,
        tile: TileChoice,
    ) -> Result<Self, String> {
        let cu = &machine.gpu.cu;
        let lds_words = (cu.lds.size.0 / 4) as u32;
        let shape = |rows_per_lane: u32, columns: u32| {
            let rows = LANES * rows_per_lane;
            let fits = lds_words / 2 / rows;
            let window = if kernel.k_window > 0 { kernel.k_window } else { fits.min(gemm.k) };
            if window == 0 || window > fits {
                return Err(format!(
                    "kernel.k_window = {window}: for {rows} rows of C, LDS holds twice {fits} rows of B at most"
                ));
            }
            let wanted = |w: &u32| kernel.wavefronts == 0 || kernel.wavefronts == *w;
            // More wavefronts hide more than larger groups do: 6 % on AlexNet conv3.
            let candidates =
                WAVEFRONTS.into_iter().flat_map(|wavefronts| GROUPS.map(|group| (group, wavefronts)));
            candidates
                .filter(|(_, wavefronts)| wanted(wavefronts) && columns.is_multiple_of(*wavefronts))
                .map(|(group, wavefronts)| Self {
                    rows_per_lane,
                    columns,
                    wavefronts,
                    window,
                    ring: 2 * window.div_ceil(BUNDLES) + 1,
                    group,
                })
                .find(|shape| {
                    let per_simd = shape.wavefronts.div_ceil(cu.simds);
                    per_simd <= cu.wavefronts && shape.vgprs().next_multiple_of(4) * per_simd <= cu.vgprs
                })
                .ok_or_else(|| {
                    format!(
                        "kernel.tile = \"{rows}x{columns}\", kernel.wavefronts = {}: the columns cannot be divided so, or \
                         the vector registers do not suffice",
                        kernel.wavefronts
                    )
                })
        };
        match tile {
            TileChoice::Given { rows, columns } => {
                if !rows.is_multiple_of(LANES) || !(1..=MAX_ROWS_PER_LANE).contains(&(rows / LANES)) {
                    return Err(format!(
                        "kernel.tile = \"{rows}x{columns}\": spartan's tiles have 64, 128, ... 512 rows"
                    ));
                }
                shape(rows / LANES, columns)
            }
            TileChoice::Auto => {
                let candidates = (1..=MAX_ROWS_PER_LANE)
                    .flat_map(|r| [16, 32, 64].into_iter().map(move |columns| (r, columns)));
                let cost = |shape: &Self| shape.cost(gemm, machine);
                candidates
                    .filter_map(|(r, columns)| shape(r, columns).ok())
                    .min_by_key(cost)
                    .ok_or_else(|| shape(1, 64).err().unwrap_or_default())
            }
        }
    }

    /// Estimated cycles of the product with this tile; used to choose one only.
    fn cost(&self, gemm: &Gemm, machine: &Machine) -> u64 {
        let tiles = u64::from(gemm.m.div_ceil(self.rows())) * gemm.n.div_ceil(self.columns.into());
        let rounds = tiles.div_ceil(machine.gpu.compute_units.into()) as f64;
        let windows = f64::from(gemm.k.div_ceil(self.window));
        let bundles = f64::from(self.window * self.columns) * gemm.density;
        let r = f64::from(self.rows_per_lane);
        let lds = bundles * 2.0 * r + f64::from(self.slab()) / 32.0;
        let simd = bundles * (3.0 + r) + 10.0 * f64::from(self.columns);
        // The wavefronts wait for the one with the most bundles.
        let spread = 1.0 + 2.0 / (bundles / f64::from(self.wavefronts)).max(1.0).sqrt();
        // LDS and SIMD units overlap only in part.
        let compute = (lds.max(simd) + lds.min(simd) / 2.0) * spread;
        // Lines of A through L1, a few cycles each with its misses in flight.
        let memory = f64::from(self.slab()) / 16.0 * 3.0;
        (rounds * windows * (compute.max(memory) + 700.0)) as u64
    }
}

/// Memory instructions and effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// Load `i` of the slab of window `window % 2`.
    LoadA(u32),
    WriteA(u32),
    /// Number of the load and group of columns.
    Sparse {
        load: u32,
        group: u32,
    },
    /// A group of bundles has its A read from LDS.
    ReadGroup,
    /// It is multiplied.
    MultiplyGroup,
    StoreC {
        column: u32,
        part: u32,
    },
}

impl Tag {
    fn pack(self) -> u32 {
        match self {
            Self::LoadA(i) => 1 << 24 | i,
            Self::WriteA(i) => 2 << 24 | i,
            Self::Sparse { load, group } => 3 << 24 | load << 8 | group,
            Self::ReadGroup => 4 << 24,
            Self::MultiplyGroup => 5 << 24,
            Self::StoreC { column, part } => 6 << 24 | column << 8 | part,
        }
    }
    fn unpack(tag: u32) -> Option<Self> {
        let (high, low) = (tag >> 8 & 0xffff, tag & 0xff);
        Some(match tag >> 24 {
            1 => Self::LoadA(low),
            2 => Self::WriteA(low),
            3 => Self::Sparse { load: high, group: low },
            4 => Self::ReadGroup,
            5 => Self::MultiplyGroup,
            6 => Self::StoreC { column: high, part: low },
            _ => return None,
        })
    }
}

/// The expert's kernel.
#[derive(Debug)]
pub struct Spartan {
    shape: Shape,
    placements: Placements,
    tiles: Tiles,
    k: u32,
    n: u64,
    write_cycles: u32,
    /// Bank cycles of each LDS access for a bundle.
    read_cycles: Vec<u32>,
}

/// A column of a wavefront.
#[derive(Clone, Debug)]
struct Column {
    /// The lines in the ring: line j in slot `j % ring`, once it has arrived.
    lines: Vec<Option<CompactedLine>>,
    /// The line and the bundle in it to go on with.
    line: u32,
    bundle: u32,
    /// The first line that has not been asked for.
    asked: u32,
    /// No line follows those asked for.
    ended: bool,
}

impl Column {
    /// Which bundles of the present line have rows below `end`; moves on past them. `None` where no
    /// bundle is left.
    fn take_below(&mut self, end: u32) -> Option<(CompactedLine, std::ops::Range<usize>)> {
        let slot = self.line as usize % self.lines.len();
        let Some(line) = self.lines[slot] else {
            assert!(self.ended, "spartan: compacted line {} is not there when it is needed", self.line);
            return None;
        };
        let first = self.bundle as usize;
        // Zero words at the end of a line pad it.
        let bundles = line.words.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        if first >= bundles {
            return None;
        }
        let below = |word: &&u32| u32::from(Bundle(**word).row()) < end;
        let count = line.words[first..bundles].iter().take_while(below).count();
        self.bundle += count as u32;
        if self.bundle == BUNDLES {
            self.lines[slot] = None;
            self.line += 1;
            self.bundle = 0;
        }
        Some((line, first..first + count))
    }
}

/// A wavefront.
#[derive(Debug)]
pub struct Wavefront {
    index: u32,
    row: u64,
    /// First column of C; the others follow at a distance of the workgroup's wavefronts, so that
    /// neighbouring pixels, which have their zeros at the same places, are spread over the wavefronts.
    column: u64,
    columns: Vec<Column>,
    window: u32,
    stage: Stage,
    /// Instructions ready to be issued.
    ready: VecDeque<Instruction>,
    /// The sparse loads on their way: which line each asks for, by column of the group.
    asked: VecDeque<(Tag, [Option<u32>; COLUMNS_PER_LOAD])>,
    /// Sparse loads so far, and those whose lines are to be unpacked when they are there.
    loads: u32,
    to_unpack: u32,
    registers: Option<Box<Registers>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Start,
    FirstSlab,
    Windows,
    Done,
}

/// A bundle's value, and its column of A.
type Operands = (f32, Vec<f32>);

#[derive(Debug)]
struct Registers {
    slab: Vec<[[f32; 4]; LANES as usize]>,
    /// Groups of bundles to be read and multiplied: column and bundle words.
    to_read: VecDeque<(usize, Vec<u32>)>,
    /// Groups whose A is there: column, value of each bundle, A by bundle and row of the tile.
    to_multiply: VecDeque<(usize, Vec<Operands>)>,
    /// By column and row of the tile.
    c: Vec<Vec<f32>>,
}

impl Spartan {
    /// The kernel for `gemm` on `machine`; an error where `tile` or the parameters cannot be had.
    pub fn new(
        gemm: &Gemm,
        machine: &Machine,
        kernel: &params::Kernel,
        tile: TileChoice,
    ) -> Result<Self, String> {
        let shape = Shape::choose(gemm, machine, kernel, tile)?;
        let lds = &machine.gpu.cu.lds;
        let cycles = |bytes: u32| {
            let addresses: Vec<Option<u32>> = (0..LANES).map(|lane| Some(bytes * lane)).collect();
            bank_cycles(lds, &addresses, bytes)
        };
        let read_cycles = shape.parts().map(|(_, width)| cycles(4 * width)).collect();
        let rows = shape.rows().into();
        Ok(Self {
            shape,
            placements: gemm.place(sparse_layouts(gemm, rows)),
            tiles: Tiles::new(
                gemm,
                rows,
                shape.columns.into(),
                kernel.dispatch_order,
                DispatchOrder::MFastest,
            ),
            k: gemm.k,
            n: gemm.n,
            write_cycles: cycles(16),
            read_cycles,
        })
    }

    /// Where the matrices lie.
    pub fn placements(&self) -> &Placements {
        &self.placements
    }

    pub(crate) fn tiles(&self) -> Tiles {
        self.tiles
    }

    fn windows(&self) -> u32 {
        self.k.div_ceil(self.shape.window)
    }

    /// First float4 of a wavefront's load `i` of a slab, and how many lanes have one.
    fn slab_part(&self, wavefront: &Wavefront, window: u32, i: u32) -> (u32, u32) {
        let rows_of_b = (self.k - window * self.shape.window).min(self.shape.window);
        let float4 = rows_of_b * self.shape.rows() / 4;
        let first = (i * self.shape.wavefronts + wavefront.index) * LANES;
        (first, float4.saturating_sub(first).min(LANES))
    }

    fn load_slab(&self, ready: &mut VecDeque<Instruction>) {
        ready.push_back(Op::Salu { count: 2 }.into());
        ready.push_back(Op::Valu { count: 2 }.into());
        for i in 0..self.shape.slab_loads() {
            ready.push_back(Op::Load.tagged(Tag::LoadA(i).pack()));
        }
    }

    fn write_slab(&self, ready: &mut VecDeque<Instruction>) {
        for i in 0..self.shape.slab_loads() {
            let write = Op::Lds { count: 1, cycles: self.write_cycles };
            ready.push_back(write.tagged(Tag::WriteA(i).pack()));
        }
        ready.push_back(Op::Wait { vector: ANY, lds: 0 }.into());
        ready.push_back(Op::Barrier.into());
    }

    /// Asks for the lines that the rings have room for: each load brings lines for one slot of the ring.
    fn load_lines(&self, w: &mut Wavefront) {
        let ring = self.shape.ring;
        for group in 0..self.shape.column_groups() {
            let first = group * COLUMNS_PER_LOAD;
            let last = (first + COLUMNS_PER_LOAD).min(w.columns.len());
            let most = self.k.div_ceil(BUNDLES);
            let wants = |column: &Column| !column.ended && column.asked < (column.line + ring).min(most);
            while let Some(slot) =
                w.columns[first.min(last)..last].iter().find(|c| wants(c)).map(|column| column.asked % ring)
            {
                let mut lines = [None; COLUMNS_PER_LOAD];
                for (line, column) in lines.iter_mut().zip(&mut w.columns[first..last]) {
                    if wants(column) && column.asked % ring == slot {
                        *line = Some(column.asked);
                        column.asked += 1;
                    }
                }
                w.loads = (w.loads + 1) & 0xffff;
                let tag = Tag::Sparse { load: w.loads, group: group as u32 };
                w.ready.push_back(Op::Salu { count: 3 }.into());
                w.ready.push_back(Op::Valu { count: 2 }.into());
                w.ready.push_back(Op::SparseLoad.tagged(tag.pack()));
                w.asked.push_back((tag, lines));
                w.to_unpack += 1;
            }
        }
    }

    /// The bundles of one window, group after group.
    fn multiply_window(&self, w: &mut Wavefront) {
        let end = ((w.window + 1) * self.shape.window).min(self.k);
        let mut in_flight = 0;
        for (number, column) in w.columns.iter_mut().enumerate() {
            while let Some((line, taken)) = column.take_below(end) {
                w.ready.push_back(Op::Valu { count: 1 }.into());
                w.ready.push_back(Op::Salu { count: 3 }.into());
                w.ready.push_back(Op::Branch { taken: true }.into());
                let line_done = taken.end == BUNDLES as usize;
                for group in line.words[taken].chunks(self.shape.group as usize) {
                    let count = group.len() as u32;
                    w.ready.push_back(Op::Valu { count: 3 * count }.into());
                    // A run for each part; the values come with the last.
                    for (part, cycles) in self.read_cycles.iter().enumerate() {
                        let run = Op::Lds { count, cycles: *cycles };
                        let is_last = part + 1 == self.read_cycles.len();
                        w.ready.push_back(if is_last {
                            run.tagged(Tag::ReadGroup.pack())
                        } else {
                            run.into()
                        });
                    }
                    if in_flight > 0 {
                        let accesses = count * self.read_cycles.len() as u32;
                        w.ready.push_back(Op::Wait { vector: ANY, lds: accesses }.into());
                        w.ready.push_back(self.multiply(in_flight));
                    }
                    in_flight = count;
                    if let Some(registers) = &mut w.registers {
                        registers.to_read.push_back((number, group.to_vec()));
                    }
                }
                if !line_done {
                    break;
                }
            }
        }
        if in_flight > 0 {
            w.ready.push_back(Op::Wait { vector: ANY, lds: 0 }.into());
            w.ready.push_back(self.multiply(in_flight));
        }
    }

    fn multiply(&self, bundles: u32) -> Instruction {
        Op::Valu { count: bundles * self.shape.rows_per_lane }.tagged(Tag::MultiplyGroup.pack())
    }

    /// Prepares the wavefront's next instructions.
    fn refill(&self, w: &mut Wavefront) {
        match w.stage {
            Stage::Start => {
                w.ready.push_back(Op::ScalarLoad.into());
                w.ready.push_back(Op::Salu { count: 16 }.into());
                w.ready.push_back(Op::Wait { vector: ANY, lds: 0 }.into());
                w.ready.push_back(Op::Valu { count: 20 }.into());
                self.load_lines(w);
                self.load_slab(&mut w.ready);
                let accumulators = self.shape.columns_per_wavefront() * self.shape.rows_per_lane;
                w.ready.push_back(Op::Valu { count: accumulators }.into());
                w.ready.push_back(Op::Wait { vector: 0, lds: ANY }.into());
                w.stage = Stage::FirstSlab;
            }
            Stage::FirstSlab => {
                self.unpack_lines(w);
                self.write_slab(&mut w.ready);
                w.stage = Stage::Windows;
            }
            Stage::Windows if w.window == self.windows() => {
                w.ready.push_back(Op::Valu { count: 6 }.into());
                for column in 0..w.columns.len() as u32 {
                    for (part, (first, _)) in self.shape.parts().enumerate() {
                        if w.row + u64::from(first) < self.placements.c.rows {
                            w.ready.push_back(Op::Valu { count: 1 }.into());
                            let tag = Tag::StoreC { column, part: part as u32 };
                            w.ready.push_back(Op::Store.tagged(tag.pack()));
                        }
                    }
                }
                w.ready.push_back(Op::End.into());
                w.stage = Stage::Done;
            }
            Stage::Windows => {
                let more = w.window + 1 < self.windows();
                if more {
                    self.load_slab(&mut w.ready);
                }
                self.load_lines(w);
                self.multiply_window(w);
                w.ready.push_back(Op::Salu { count: 4 }.into());
                if more {
                    w.ready.push_back(Op::Wait { vector: 0, lds: ANY }.into());
                    self.unpack_lines(w);
                    self.write_slab(&mut w.ready);
                    w.ready.push_back(Op::Branch { taken: true }.into());
                }
                w.window += 1;
            }
            Stage::Done => panic!("spartan: asked for an instruction behind its last"),
        }
    }

    /// Conversion and LDS offsets of the lines that the latest loads have brought.
    fn unpack_lines(&self, w: &mut Wavefront) {
        let loads = std::mem::take(&mut w.to_unpack);
        if loads > 0 {
            w.ready.push_back(Op::Valu { count: 4 * loads }.into());
        }
    }
}

impl Kernel for Spartan {
    type Wavefront = Wavefront;

    fn name(&self) -> &str {
        "spartan_gemm"
    }

    fn workgroups(&self) -> u64 {
        self.tiles.count()
    }

    fn resources(&self) -> Resources {
        Resources {
            wavefronts: self.shape.wavefronts,
            vgprs: self.shape.vgprs(),
            lds_bytes: 2 * 4 * self.shape.slab(),
        }
    }

    fn launch(&self, workgroup: u64, index: u32, verify: bool) -> Wavefront {
        let (row, tile_column) = self.tiles.origin(workgroup);
        let column = tile_column + u64::from(index);
        let columns = (0..self.shape.columns_per_wavefront())
            .filter(|number| self.column(column, *number as usize) < self.n)
            .count();
        let ring = self.shape.ring as usize;
        let fresh = Column { lines: vec![None; ring], line: 0, bundle: 0, asked: 0, ended: false };
        Wavefront {
            index,
            row,
            column,
            columns: vec![fresh; columns],
            window: 0,
            stage: Stage::Start,
            ready: VecDeque::new(),
            asked: VecDeque::new(),
            loads: 0,
            to_unpack: 0,
            registers: verify.then(|| {
                Box::new(Registers {
                    slab: vec![[[0.0; 4]; LANES as usize]; self.shape.slab_loads() as usize],
                    to_read: VecDeque::new(),
                    to_multiply: VecDeque::new(),
                    c: vec![vec![0.0; self.shape.rows() as usize]; columns],
                })
            }),
        }
    }

    fn next(&self, w: &mut Wavefront) -> Instruction {
        loop {
            if let Some(instruction) = w.ready.pop_front() {
                return instruction;
            }
            self.refill(w);
        }
    }

    fn access(&self, w: &Wavefront, tag: u32) -> VectorAccess {
        let Placements { a, b, c } = &self.placements;
        match Tag::unpack(tag) {
            Some(Tag::LoadA(i)) => {
                let window = self.window_on_its_way(w);
                let (first, lanes) = self.slab_part(w, window, i);
                let mut access = VectorAccess::new(LANES, lanes, 16);
                let k0 = u64::from(window * self.shape.window);
                access.rows[0] = a.address(w.row, k0) + u64::from(first) * 16;
                access
            }
            Some(wanted @ Tag::Sparse { group, .. }) => {
                let mut access = VectorAccess::new(BUNDLES, BUNDLES, 4);
                let asked = w.asked.iter().find(|(tag, _)| *tag == wanted);
                let lines = asked.map_or([None; COLUMNS_PER_LOAD], |(_, lines)| *lines);
                for (i, line) in lines.into_iter().enumerate() {
                    if let Some(line) = line {
                        let column = self.column(w.column, group as usize * COLUMNS_PER_LOAD + i);
                        access.rows[i] = b.address(u64::from(line * BUNDLES), column);
                    }
                }
                access
            }
            Some(Tag::StoreC { column, part }) => {
                let (first, width) = self.part(part);
                let row = w.row + u64::from(first);
                let lanes = (c.rows - row).div_ceil(width.into()).min(LANES.into()) as u32;
                let mut access = VectorAccess::new(LANES, lanes, 4 * width);
                access.rows[0] = c.address(row, self.column(w.column, column as usize));
                access
            }
            other => panic!("spartan: {other:?} is no memory instruction"),
        }
    }

    fn deliver(&self, w: &mut Wavefront, tag: u32, row: u32, line: &CompactedLine) {
        let Some(wanted @ Tag::Sparse { group, .. }) = Tag::unpack(tag) else { return };
        let number = group as usize * COLUMNS_PER_LOAD + row as usize;
        let ring = self.shape.ring as usize;
        let Some(at) = w.asked.iter().position(|(tag, _)| *tag == wanted) else {
            panic!("spartan: a line arrived that was not asked for")
        };
        let Some(index) = w.asked[at].1[row as usize].take() else { panic!("spartan: a line arrived twice") };
        if w.asked[at].1.iter().all(Option::is_none) {
            w.asked.remove(at);
        }
        let column = &mut w.columns[number];
        column.ended |= line.last;
        column.lines[index as usize % ring] = Some(*line);
    }

    fn execute(&self, w: &mut Wavefront, tag: u32, step: Step<'_>, values: &mut Values<'_>) {
        let Some(tag) = Tag::unpack(tag) else { return };
        let window = self.window_on_its_way(w);
        let slab_words = self.shape.slab() as usize;
        let part_of_slab = |i| self.slab_part(w, window, i);
        match (tag, step) {
            (Tag::LoadA(i), Step::Loaded(access)) => {
                let Some(registers) = &mut w.registers else { return };
                super::f4::load(access, values.memory, &mut registers.slab[i as usize]);
            }
            (Tag::WriteA(i), _) => {
                let (first, lanes) = part_of_slab(i);
                let Some(registers) = &w.registers else { return };
                let base = window as usize % 2 * slab_words + first as usize * 4;
                for lane in 0..lanes as usize {
                    let float4 = &registers.slab[i as usize][lane];
                    values.lds[base + 4 * lane..base + 4 * lane + 4].copy_from_slice(float4);
                }
            }
            (Tag::ReadGroup, _) => {
                let rows = self.shape.rows() as usize;
                let Some(registers) = &mut w.registers else { return };
                let Some((column, bundles)) = registers.to_read.pop_front() else { return };
                let read = bundles.into_iter().map(|word| {
                    let bundle = Bundle(word);
                    let k = u32::from(bundle.row());
                    let buffer = (k / self.shape.window) as usize % 2;
                    let base = buffer * slab_words + (k % self.shape.window) as usize * rows;
                    (bundle.value(), values.lds[base..base + rows].to_vec())
                });
                registers.to_multiply.push_back((column, read.collect()));
            }
            (Tag::MultiplyGroup, _) => {
                let Some(registers) = &mut w.registers else { return };
                let Some((column, bundles)) = registers.to_multiply.pop_front() else { return };
                for (b, a) in bundles {
                    for (sum, a) in registers.c[column].iter_mut().zip(a) {
                        *sum += a * b;
                    }
                }
            }
            (Tag::StoreC { column, part }, Step::Issued(Some(access))) => {
                let (first, width) = self.part(part);
                let Some(registers) = &w.registers else { return };
                for (lane, address) in access.lanes() {
                    for i in 0..width {
                        let row = (first + lane * width + i) as usize;
                        values.memory.store(address + 4 * u64::from(i), registers.c[column as usize][row]);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Spartan {
    /// The window whose slab is being loaded and written: the first one, then the one after the present.
    /// `window` counts on when a window's instructions have been prepared.
    fn window_on_its_way(&self, w: &Wavefront) -> u32 {
        w.window
    }

    /// Column of C of a wavefront's column `number`.
    fn column(&self, first: u64, number: usize) -> u64 {
        first + number as u64 * u64::from(self.shape.wavefronts)
    }

    /// First row of the tile and rows a lane of a part.
    fn part(&self, part: u32) -> (u32, u32) {
        self.shape.parts().nth(part as usize).unwrap_or((0, 1))
    }
}
