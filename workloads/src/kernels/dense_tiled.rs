//! `dense-tiled`: a GEMM as a good library writes it.
//!
//! Follows the scheme of rocBLAS, CUTLASS and Volkov's register-blocked SGEMM: both operands go through LDS in
//! slices of eight rows of B, double-buffered; every wavefront covers 8 x 8 threads of `r x s` elements of C
//! each; fragments of A and B are double-buffered in registers too, so that LDS reads, loads of the next slice
//! and multiply-adds overlap. A is packed column by column (weights are constant), B is row-major: both are
//! read in whole lines and land in LDS as they are.
//!
//! Per slice and wavefront: `8 r s` multiply-adds, `8 (r + s) / 4` LDS reads of 16 bytes a lane, the loads and
//! LDS writes of its part of the slice, 12 scalar and 8 vector instructions of bookkeeping, a barrier.
//!
//! Tiles: 128 x 128 (four wavefronts), 128 x 64 (two), 64 x 64, 64 x 32 and 32 x 32 (one). Where the
//! configuration says `auto`, the one with the shortest estimated time for the shape is taken.

use gpu_model::instruction::{ANY, Instruction, LANES, Op, VectorAccess};
use gpu_model::kernel::{Cursor, Kernel, Resources, Script, Step, Values};
use gpu_model::lds::bank_cycles;
use gpu_model::params::Machine;

use super::{TileChoice, Tiles, f4};
use crate::gemm::{Gemm, LINE_ELEMENTS, Layouts, Order, Placements};
use crate::params::DispatchOrder;

/// Rows of B a slice.
const SLICE: u32 = 8;

/// A tile of C and how it is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Wavefronts along the rows and columns of the tile.
    waves: (u32, u32),
    /// Rows and columns of a thread.
    thread: (u32, u32),
    /// Vector registers of a thread: accumulators, two sets of fragments, the next slice, addresses.
    vgprs: u32,
}

const SHAPES: [Shape; 5] = [
    Shape { waves: (2, 2), thread: (8, 8), vgprs: 120 },
    Shape { waves: (2, 1), thread: (8, 8), vgprs: 124 },
    Shape { waves: (1, 1), thread: (8, 8), vgprs: 128 },
    Shape { waves: (1, 1), thread: (8, 4), vgprs: 84 },
    Shape { waves: (1, 1), thread: (4, 4), vgprs: 56 },
];

impl Shape {
    fn rows(&self) -> u32 {
        self.waves.0 * 8 * self.thread.0
    }
    fn columns(&self) -> u32 {
        self.waves.1 * 8 * self.thread.1
    }
    fn wavefronts(&self) -> u32 {
        self.waves.0 * self.waves.1
    }
    /// Float4 of a slice of a matrix that is `side` wide.
    fn slice_float4(side: u32) -> u32 {
        SLICE * side / 4
    }
    /// Loads of a wavefront for a slice of a matrix that is `side` wide.
    fn loads(&self, side: u32) -> u32 {
        Self::slice_float4(side).div_ceil(LANES * self.wavefronts())
    }
    fn lds_bytes(&self) -> u32 {
        2 * SLICE * (self.rows() + self.columns()) * 4
    }
    /// Whether a workgroup fits an empty compute unit.
    fn fits(&self, machine: &Machine) -> bool {
        let cu = &machine.gpu.cu;
        let per_simd = self.wavefronts().div_ceil(cu.simds);
        per_simd <= cu.wavefronts
            && per_simd * self.vgprs <= cu.vgprs
            && u64::from(self.lds_bytes()) <= cu.lds.size.0
    }

    /// Estimated cycles of a slice on a compute unit with `resident` workgroups on it, from the busier of
    /// SIMD units and LDS; used to choose a tile only.
    fn slice_cycles(&self, resident: u64) -> u64 {
        let (r, s) = (u64::from(self.thread.0), u64::from(self.thread.1));
        let waves = u64::from(self.wavefronts()) * resident;
        let simd = waves.div_ceil(4) * (8 * r * s + 30) * 4;
        let lds = waves * 8 * (r + s) / 4 * 8;
        // A lone wavefront on a SIMD sees the latencies of its waits.
        let lone = if waves <= 4 { 150 } else { 0 };
        simd.max(lds) + lone
    }
}

/// The tiles that `kernel.tile` may name.
pub fn tile_names() -> Vec<String> {
    SHAPES.iter().map(|shape| format!("{}x{}", shape.rows(), shape.columns())).collect()
}

fn choose(gemm: &Gemm, machine: &Machine, choice: TileChoice) -> Result<Shape, String> {
    match choice {
        TileChoice::Auto => {
            let cus = u64::from(machine.gpu.compute_units);
            let cost = |shape: &Shape| {
                let tiles =
                    u64::from(gemm.m.div_ceil(shape.rows())) * gemm.n.div_ceil(shape.columns().into());
                let by_vgprs =
                    u64::from(4 * (machine.gpu.cu.vgprs / shape.vgprs).max(1) / shape.wavefronts()).max(1);
                let by_lds = (machine.gpu.cu.lds.size.0 / u64::from(shape.lds_bytes())).max(1);
                let per_cu = tiles.div_ceil(cus);
                let resident = by_vgprs.min(by_lds).min(per_cu);
                per_cu.div_ceil(resident) * shape.slice_cycles(resident)
            };
            // Where none fits, the machine says so when the kernel is dispatched.
            let fitting = SHAPES.iter().filter(|shape| shape.fits(machine)).min_by_key(|shape| cost(shape));
            Ok(*fitting.unwrap_or(&SHAPES[SHAPES.len() - 1]))
        }
        TileChoice::Given { rows, columns } => SHAPES
            .iter()
            .find(|shape| (shape.rows(), shape.columns()) == (rows, columns))
            .copied()
            .ok_or_else(|| {
                format!(
                    "kernel.tile = \"{rows}x{columns}\": dense-tiled has tiles {} and \"auto\"",
                    tile_names().join(", ")
                )
            }),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    /// Load `i` of a slice of A: of the first slice, or of the one after the present.
    LoadA {
        i: u32,
        first: bool,
    },
    LoadB {
        i: u32,
        first: bool,
    },
    WriteA {
        i: u32,
        first: bool,
    },
    WriteB {
        i: u32,
        first: bool,
    },
    /// Fragments of A and B at row `row` of the present slice.
    Read {
        row: u32,
    },
    /// Multiply-adds of row `row`.
    Multiply {
        row: u32,
    },
    /// A row of C of each thread, `part` of its columns.
    StoreC {
        row: u32,
        part: u32,
    },
}

/// The tiled matrix multiplication.
#[derive(Debug)]
pub struct DenseTiled {
    shape: Shape,
    script: Script,
    effects: Vec<Effect>,
    placements: Placements,
    tiles: Tiles,
    slices: u32,
    k: u64,
}

/// A wavefront.
#[derive(Debug)]
pub struct Wavefront {
    cursor: Cursor,
    index: u32,
    row: u64,
    column: u64,
    registers: Option<Box<Registers>>,
}

type Lanes4 = [[f32; 4]; LANES as usize];

#[derive(Debug)]
struct Registers {
    a_in: Vec<Lanes4>,
    b_in: Vec<Lanes4>,
    /// Two sets of fragments, by row of the slice modulo 2.
    a: [Vec<[f32; 8]>; 2],
    b: [Vec<[f32; 8]>; 2],
    c: Vec<[[f32; 8]; 8]>,
}

fn layouts(gemm: &Gemm) -> Layouts {
    let pad = |n: u64| n.next_multiple_of(LINE_ELEMENTS);
    Layouts {
        a: (Order::ColumnMajor, pad(gemm.m.into())),
        b: (Order::RowMajor, pad(gemm.n)),
        c: (Order::RowMajor, pad(gemm.n)),
    }
}

impl DenseTiled {
    /// The kernel for `gemm` on `machine`; an error where `choice` names a tile that it does not have.
    pub fn new(
        gemm: &Gemm,
        machine: &Machine,
        choice: TileChoice,
        order: DispatchOrder,
    ) -> Result<Self, String> {
        let shape = choose(gemm, machine, choice)?;
        let mut effects = vec![Effect::None];
        let script = script(shape, machine, &mut effects);
        let (rows, columns) = (shape.rows().into(), shape.columns().into());
        Ok(Self {
            shape,
            script,
            effects,
            placements: gemm.place(layouts(gemm)),
            tiles: Tiles::new(gemm, rows, columns, order, DispatchOrder::NFastest),
            slices: gemm.k.div_ceil(SLICE),
            k: gemm.k.into(),
        })
    }

    /// Where the matrices lie.
    pub fn placements(&self) -> &Placements {
        &self.placements
    }

    pub(crate) fn tiles(&self) -> Tiles {
        self.tiles
    }

    /// Float4 that a lane moves in load `i` of a slice: its row of the slice and first element along the
    /// side. `None` beyond the slice.
    fn part(&self, wave: u32, lane: u32, i: u32, side: u32) -> Option<(u32, u32)> {
        let float4 = (i * self.shape.wavefronts() + wave) * LANES + lane;
        (float4 < Shape::slice_float4(side)).then(|| (float4 / (side / 4), float4 % (side / 4) * 4))
    }

    /// The access of load `i` of the slice that begins at row `k0` of a matrix whose tile begins at
    /// element `first` along a side of `side` elements in the tile and `leading` in memory.
    fn slice_access(
        &self,
        wave: u32,
        i: u32,
        k0: u64,
        (first, side, leading): (u64, u32, u64),
        address: impl Fn(u64, u64) -> u64,
    ) -> VectorAccess {
        let lanes_per_row = (side / 4).min(LANES);
        let active = leading.saturating_sub(first).div_ceil(4).min(lanes_per_row.into()) as u32;
        let mut access = VectorAccess::new(lanes_per_row, active, 16);
        for row in 0..LANES / lanes_per_row {
            if let Some((slice_row, along)) = self.part(wave, row * lanes_per_row, i, side) {
                let k = k0 + u64::from(slice_row);
                if k < self.k {
                    access.rows[row as usize] = address(k, first + u64::from(along));
                }
            }
        }
        access
    }
}

/// LDS word at which row `row` of the present slice of A begins; B's follows A's.
fn lds_a(shape: Shape, buffer: u32, row: u32) -> u32 {
    (buffer * SLICE + row) * (shape.rows() + shape.columns())
}

/// Where thread `t` of 8 along a side finds its `fragment`-th float4: apart by 32, so that eight
/// neighbouring threads read eight neighbouring float4.
fn fragment_at(t: u32, fragment: u32) -> u32 {
    fragment * 32 + t * 4
}

fn script(shape: Shape, machine: &Machine, effects: &mut Vec<Effect>) -> Script {
    let mut with = |op: Op, effect: Effect| {
        effects.push(effect);
        op.tagged(effects.len() as u32 - 1)
    };
    let lds = &machine.gpu.cu.lds;
    let addresses = |address: &dyn Fn(u32) -> u32| -> Vec<Option<u32>> {
        (0..LANES).map(|lane| Some(address(lane))).collect()
    };
    let write_cycles = bank_cycles(lds, &addresses(&|lane| 16 * lane), 16);
    let read_a = bank_cycles(lds, &addresses(&|lane| 4 * fragment_at(lane / 8, 0)), 16);
    let read_b = bank_cycles(lds, &addresses(&|lane| 4 * fragment_at(lane % 8, 0)), 16);
    let (r, s) = shape.thread;
    let reads = (r + s) / 4;
    // The mean of A's and B's reads, rounded up; they are equal unless the banks are odd.
    let read_cycles = (read_a * r + read_b * s).div_ceil(r + s);
    let read = Op::Lds { count: reads, cycles: read_cycles };
    let (loads_a, loads_b) = (shape.loads(shape.rows()), shape.loads(shape.columns()));

    let mut prologue: Vec<Instruction> = vec![
        Op::ScalarLoad.into(),
        Op::ScalarLoad.into(),
        Op::Salu { count: 10 }.into(),
        Op::Wait { vector: ANY, lds: 0 }.into(),
        Op::Valu { count: 30 }.into(),
        Op::Salu { count: 8 }.into(),
    ];
    let mut slice_moves = |first: bool| {
        let write = Op::Lds { count: 1, cycles: write_cycles };
        let (mut loads, mut writes) = (Vec::new(), Vec::new());
        for i in 0..loads_a {
            loads.push(with(Op::Load, Effect::LoadA { i, first }));
            writes.push(with(write, Effect::WriteA { i, first }));
        }
        for i in 0..loads_b {
            loads.push(with(Op::Load, Effect::LoadB { i, first }));
            writes.push(with(write, Effect::WriteB { i, first }));
        }
        (loads, writes)
    };
    let (loads, writes) = slice_moves(true);
    prologue.extend(loads);
    prologue.push(Op::Valu { count: r * s }.into()); // accumulators
    prologue.push(Op::Wait { vector: 0, lds: ANY }.into());
    prologue.extend(writes);
    prologue.push(Op::Wait { vector: ANY, lds: 0 }.into());
    prologue.push(Op::Barrier.into());

    let (loads, writes) = slice_moves(false);
    let mut body: Vec<Instruction> = vec![with(read, Effect::Read { row: 0 })];
    body.push(Op::Salu { count: 8 }.into());
    body.push(Op::Valu { count: 4 }.into());
    body.extend(loads);
    for row in 0..SLICE {
        let outstanding = if row + 1 < SLICE {
            body.push(with(read, Effect::Read { row: row + 1 }));
            reads
        } else {
            0
        };
        body.push(Op::Wait { vector: ANY, lds: outstanding }.into());
        body.push(with(Op::Valu { count: r * s }, Effect::Multiply { row }));
    }
    body.push(Op::Wait { vector: 0, lds: ANY }.into());
    body.extend(writes);
    body.push(Op::Valu { count: 4 }.into());
    body.push(Op::Salu { count: 4 }.into());
    body.push(Op::Wait { vector: ANY, lds: 0 }.into());
    body.push(Op::Barrier.into());
    body.push(Op::Branch { taken: true }.into());

    let mut epilogue: Vec<Instruction> = vec![Op::Valu { count: 16 }.into(), Op::Salu { count: 6 }.into()];
    for row in 0..r {
        for part in 0..s / 4 {
            epilogue.push(Op::Valu { count: 2 }.into());
            epilogue.push(with(Op::Store, Effect::StoreC { row, part }));
        }
    }
    epilogue.push(Op::End.into());
    Script { prologue, body, epilogue }
}

impl Kernel for DenseTiled {
    type Wavefront = Wavefront;

    fn name(&self) -> &str {
        "gemm_tiled"
    }

    fn workgroups(&self) -> u64 {
        self.tiles.count()
    }

    fn resources(&self) -> Resources {
        Resources {
            wavefronts: self.shape.wavefronts(),
            vgprs: self.shape.vgprs,
            lds_bytes: self.shape.lds_bytes(),
        }
    }

    fn launch(&self, workgroup: u64, index: u32, verify: bool) -> Wavefront {
        let (row, column) = self.tiles.origin(workgroup);
        let shape = self.shape;
        let lanes = LANES as usize;
        let fragments = || [vec![[0.0; 8]; lanes], vec![[0.0; 8]; lanes]];
        Wavefront {
            cursor: Cursor::default(),
            index,
            row,
            column,
            registers: verify.then(|| {
                Box::new(Registers {
                    a_in: vec![[[0.0; 4]; LANES as usize]; shape.loads(shape.rows()) as usize],
                    b_in: vec![[[0.0; 4]; LANES as usize]; shape.loads(shape.columns()) as usize],
                    a: fragments(),
                    b: fragments(),
                    c: vec![[[0.0; 8]; 8]; lanes],
                })
            }),
        }
    }

    fn next(&self, wavefront: &mut Wavefront) -> Instruction {
        self.script.next(&mut wavefront.cursor, self.slices)
    }

    fn access(&self, wavefront: &Wavefront, tag: u32) -> VectorAccess {
        let Placements { a, b, c } = &self.placements;
        let slice =
            |first| u64::from(if first { 0 } else { wavefront.cursor.iteration + 1 }) * u64::from(SLICE);
        let shape = self.shape;
        match self.effects[tag as usize] {
            Effect::LoadA { i, first } => {
                let side = (wavefront.row, shape.rows(), a.leading);
                self.slice_access(wavefront.index, i, slice(first), side, |k, m| a.address(m, k))
            }
            Effect::LoadB { i, first } => {
                let side = (wavefront.column, shape.columns(), b.leading);
                self.slice_access(wavefront.index, i, slice(first), side, |k, n| b.address(k, n))
            }
            Effect::StoreC { row, part } => {
                let (wave_row, wave_column) = self.wave_origin(wavefront);
                let first = wave_column + u64::from(part) * 32;
                let active = c.leading.saturating_sub(first).div_ceil(4).min(8) as u32;
                let mut access = VectorAccess::new(8, active, 16);
                for ty in 0..8 {
                    let m = wave_row + u64::from(fragment_at(ty, row / 4) + row % 4);
                    if m < c.rows {
                        access.rows[ty as usize] = c.address(m, first);
                    }
                }
                access
            }
            other => panic!("dense-tiled: {other:?} is no memory instruction"),
        }
    }

    fn execute(&self, wavefront: &mut Wavefront, tag: u32, step: Step<'_>, values: &mut Values<'_>) {
        let shape = self.shape;
        let iteration = wavefront.cursor.iteration;
        let index = wavefront.index;
        let (wave_row, wave_column) = (index / shape.waves.1, index % shape.waves.1);
        let Some(registers) = &mut wavefront.registers else { return };
        let mut write = |i: u32, first: bool, side: u32, offset: u32, from: &Lanes4| {
            let buffer = if first { 0 } else { (iteration + 1) % 2 };
            for (lane, float4) in from.iter().enumerate() {
                if let Some((row, along)) = self.part(index, lane as u32, i, side) {
                    let at = (lds_a(shape, buffer, row) + offset + along) as usize;
                    values.lds[at..at + 4].copy_from_slice(float4);
                }
            }
        };
        match (self.effects[tag as usize], step) {
            (Effect::LoadA { i, .. }, Step::Loaded(access)) => {
                f4::load(access, values.memory, &mut registers.a_in[i as usize]);
            }
            (Effect::LoadB { i, .. }, Step::Loaded(access)) => {
                f4::load(access, values.memory, &mut registers.b_in[i as usize]);
            }
            (Effect::WriteA { i, first }, _) => {
                write(i, first, shape.rows(), 0, &registers.a_in[i as usize]);
            }
            (Effect::WriteB { i, first }, _) => {
                write(i, first, shape.columns(), shape.rows(), &registers.b_in[i as usize]);
            }
            (Effect::Read { row }, _) => {
                let base = lds_a(shape, iteration % 2, row);
                for lane in 0..LANES {
                    let read = |into: &mut [f32; 8], t: u32, count: u32, first: u32| {
                        for fragment in 0..count / 4 {
                            let at = (base + first + fragment_at(t, fragment)) as usize;
                            let to = fragment as usize * 4;
                            into[to..to + 4].copy_from_slice(&values.lds[at..at + 4]);
                        }
                    };
                    let set = (row % 2) as usize;
                    let a_first = wave_row * 8 * shape.thread.0;
                    read(&mut registers.a[set][lane as usize], lane / 8, shape.thread.0, a_first);
                    let b_first = shape.rows() + wave_column * 8 * shape.thread.1;
                    read(&mut registers.b[set][lane as usize], lane % 8, shape.thread.1, b_first);
                }
            }
            (Effect::Multiply { row }, _) => {
                let set = (row % 2) as usize;
                for lane in 0..LANES as usize {
                    let (a, b) = (&registers.a[set][lane], &registers.b[set][lane]);
                    for (i, sums) in registers.c[lane].iter_mut().enumerate() {
                        for (j, sum) in sums.iter_mut().enumerate() {
                            *sum += a[i] * b[j];
                        }
                    }
                }
            }
            (Effect::StoreC { row, part }, Step::Issued(Some(access))) => {
                let mut float4 = [[0.0; 4]; LANES as usize];
                for (lane, to) in float4.iter_mut().enumerate() {
                    let from = part as usize * 4;
                    to.copy_from_slice(&registers.c[lane][row as usize][from..from + 4]);
                }
                f4::store(access, values.memory, &float4);
            }
            _ => {}
        }
    }
}

impl DenseTiled {
    /// First row and column of a wavefront's part of C.
    fn wave_origin(&self, wavefront: &Wavefront) -> (u64, u64) {
        let shape = self.shape;
        let (down, across) = (wavefront.index / shape.waves.1, wavefront.index % shape.waves.1);
        (
            wavefront.row + u64::from(down * 8 * shape.thread.0),
            wavefront.column + u64::from(across * 8 * shape.thread.1),
        )
    }
}
