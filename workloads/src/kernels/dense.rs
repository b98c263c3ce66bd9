//! `dense`: the AMD APP SDK matrix multiplication, the paper's baseline.
//!
//! Follows the SDK's *MatrixMultiplication* sample (local-memory version): a workgroup of 8 x 8 threads, one
//! wavefront, computes a 32 x 32 tile of C, 4 x 4 a thread. All matrices are row-major. A step of 32 in k:
//!
//! - each thread loads four float4 of A (rows `4 ly + i`, float4 column `lx`) and stores them to LDS; barrier;
//! - eight times: four float4 of A from LDS, four float4 of B straight from memory (four consecutive rows of
//!   B, the thread's four columns), 64 multiply-adds; barrier.
//!
//! The instruction mix is that of the compiled sample as MGPUSim counts it: 154 + 1,093 a step, of them VALU
//! 98 + 923, scalar 45 + 41, LDS 60, vector memory 5 + 36, branches 2 + 10, others 4 + 23. Where exactly in a
//! step the address arithmetic stands is not known; it is put before the loads that it is for.
//!
//! Rows and columns beyond the matrices are masked off; a last step of fewer than 32 rows of B takes the
//! instructions of a whole one.

use gpu_model::instruction::{ANY, Instruction, LANES, Op, VectorAccess};
use gpu_model::kernel::{Cursor, Kernel, Resources, Script, Step, Values};
use gpu_model::lds::bank_cycles;
use gpu_model::params::Machine;

use super::{Tiles, f4};
use crate::gemm::{Gemm, LINE_ELEMENTS, Layouts, Order, Placements};
use crate::params::DispatchOrder;

/// Rows and columns of C a workgroup, and rows of B a step.
const TILE: u64 = 32;

/// The effect that an instruction has on values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    /// The float4 of row `4 ly + i` of A comes from memory.
    LoadA(usize),
    /// It goes to LDS.
    WriteA(usize),
    /// Floats `from .. to` of the float4 of row `4 ly + i` of A at inner step `j` come from LDS.
    ReadA {
        inner: u32,
        i: usize,
        from: usize,
        to: usize,
    },
    /// The float4 of row `4 j + r` of B comes from memory.
    LoadB {
        inner: u32,
        r: usize,
    },
    /// The 64 multiply-adds of an inner step.
    Multiply,
    /// The float4 of row `4 ly + i` of C goes to memory.
    StoreC(usize),
    /// A kernel argument that is loaded by the vector unit.
    LoadArgument,
}

/// The APP SDK matrix multiplication.
#[derive(Debug)]
pub struct Dense {
    script: Script,
    effects: Vec<Effect>,
    placements: Placements,
    tiles: Tiles,
    steps: u32,
    k: u64,
}

/// A wavefront, which is a workgroup.
#[derive(Debug)]
pub struct Wavefront {
    cursor: Cursor,
    row: u64,
    column: u64,
    registers: Option<Box<Registers>>,
}

/// The values in a wavefront's registers, lane by lane.
#[derive(Debug)]
struct Registers {
    a_in: [[[f32; 4]; LANES as usize]; 4],
    a: [[[f32; 4]; LANES as usize]; 4],
    b: [[[f32; 4]; LANES as usize]; 4],
    c: [[[f32; 4]; LANES as usize]; 4],
}

/// Layouts of the sample: row-major throughout, rows padded to whole lines.
pub fn layouts(gemm: &Gemm) -> Layouts {
    let (k, n) = (u64::from(gemm.k), gemm.n);
    let (k, n) = (k.next_multiple_of(LINE_ELEMENTS), n.next_multiple_of(LINE_ELEMENTS));
    Layouts { a: (Order::RowMajor, k), b: (Order::RowMajor, n), c: (Order::RowMajor, n) }
}

impl Dense {
    /// The kernel for `gemm` on `machine`.
    pub fn new(gemm: &Gemm, machine: &Machine, order: DispatchOrder) -> Self {
        let mut effects = vec![Effect::None];
        let script = script(machine, &mut effects);
        Self {
            script,
            effects,
            placements: gemm.place(layouts(gemm)),
            tiles: Tiles::new(gemm, TILE, TILE, order, DispatchOrder::NFastest),
            steps: gemm.k.div_ceil(TILE as u32),
            k: gemm.k.into(),
        }
    }

    /// Where the matrices lie.
    pub fn placements(&self) -> &Placements {
        &self.placements
    }

    pub(crate) fn tiles(&self) -> Tiles {
        self.tiles
    }
}

fn script(machine: &Machine, effects: &mut Vec<Effect>) -> Script {
    let mut with = |op: Op, effect: Effect| {
        effects.push(effect);
        op.tagged(effects.len() as u32 - 1)
    };
    let lds = &machine.gpu.cu.lds;
    let lane_xy = |lane: u32| (lane % 8, lane / 8);
    let cycles = |bytes: u32, address: &dyn Fn(u32, u32) -> u32| {
        let addresses: Vec<Option<u32>> =
            (0..LANES).map(|lane| Some(address(lane_xy(lane).0, lane_xy(lane).1))).collect();
        bank_cycles(lds, &addresses, bytes)
    };
    let write_cycles = cycles(16, &|x, y| 4 * (4 * y * 32 + 4 * x));
    let read16 = cycles(16, &|_, y| 4 * (4 * y * 32));
    let read8 = cycles(8, &|_, y| 4 * (4 * y * 32));

    let prologue: Vec<Instruction> = vec![
        Op::ScalarLoad.into(),
        Op::ScalarLoad.into(),
        Op::ScalarLoad.into(),
        Op::Salu { count: 10 }.into(),
        Op::Wait { vector: ANY, lds: 0 }.into(),
        Op::Valu { count: 20 }.into(),
        with(Op::Load, Effect::LoadArgument),
        Op::Salu { count: 20 }.into(),
        Op::Valu { count: 38 }.into(),
        Op::Wait { vector: 0, lds: 0 }.into(),
        Op::Salu { count: 7 }.into(),
        Op::Branch { taken: false }.into(),
    ];

    let mut body: Vec<Instruction> = vec![Op::Salu { count: 5 }.into()];
    for i in 0..4 {
        body.push(Op::Valu { count: 6 }.into());
        body.push(with(Op::Load, Effect::LoadA(i)));
    }
    for i in 0..4 {
        body.push(Op::Wait { vector: 3 - i as u32, lds: ANY }.into());
        body.push(with(Op::Lds { count: 1, cycles: write_cycles }, Effect::WriteA(i)));
    }
    body.push(Op::Valu { count: 3 }.into());
    body.push(Op::Wait { vector: ANY, lds: 0 }.into());
    body.push(Op::Barrier.into());
    body.push(Op::Branch { taken: false }.into());
    for inner in 0..8 {
        body.push(Op::Salu { count: 3 }.into());
        let read = |i, from, to| Effect::ReadA { inner, i, from, to };
        body.push(with(Op::Lds { count: 1, cycles: read16 }, read(0, 0, 4)));
        for i in 1..4 {
            body.push(with(Op::Lds { count: 1, cycles: read8 }, read(i, 0, 2)));
            body.push(with(Op::Lds { count: 1, cycles: read8 }, read(i, 2, 4)));
        }
        for r in 0..4 {
            body.push(Op::Valu { count: 8 }.into());
            body.push(with(Op::Load, Effect::LoadB { inner, r }));
        }
        body.push(Op::Wait { vector: ANY, lds: 0 }.into());
        body.push(Op::Wait { vector: 0, lds: ANY }.into());
        body.push(with(Op::Valu { count: 80 }, Effect::Multiply));
        body.push(Op::Salu { count: 1 }.into());
        body.push(Op::Branch { taken: inner < 7 }.into());
    }
    body.push(Op::Barrier.into());
    body.push(Op::Salu { count: 4 }.into());
    body.push(Op::Branch { taken: true }.into());

    let mut epilogue: Vec<Instruction> = vec![Op::Salu { count: 5 }.into()];
    for i in 0..4 {
        epilogue.push(Op::Valu { count: 10 }.into());
        epilogue.push(with(Op::Store, Effect::StoreC(i)));
    }
    epilogue.push(Op::Branch { taken: false }.into());
    epilogue.push(Op::Special { count: 1 }.into());
    epilogue.push(Op::End.into());
    Script { prologue, body, epilogue }
}

impl Kernel for Dense {
    type Wavefront = Wavefront;

    fn name(&self) -> &str {
        "mmmKernel_local"
    }

    fn workgroups(&self) -> u64 {
        self.tiles.count()
    }

    fn resources(&self) -> Resources {
        Resources { wavefronts: 1, vgprs: 76, lds_bytes: (TILE * TILE * 4) as u32 }
    }

    fn launch(&self, workgroup: u64, _index: u32, verify: bool) -> Wavefront {
        let (row, column) = self.tiles.origin(workgroup);
        let zero = [[[0.0; 4]; LANES as usize]; 4];
        Wavefront {
            cursor: Cursor::default(),
            row,
            column,
            registers: verify.then(|| Box::new(Registers { a_in: zero, a: zero, b: zero, c: zero })),
        }
    }

    fn next(&self, wavefront: &mut Wavefront) -> Instruction {
        self.script.next(&mut wavefront.cursor, self.steps)
    }

    fn access(&self, wavefront: &Wavefront, tag: u32) -> VectorAccess {
        let Placements { a, b, c } = &self.placements;
        let k0 = u64::from(wavefront.cursor.iteration) * TILE;
        // Eight rows, one for each ly, of the float4 columns lx that lie in the matrix.
        let rows = |first: u64, leading: u64, address: &dyn Fn(u64) -> Option<u64>| {
            let active = leading.saturating_sub(first).div_ceil(4).min(8) as u32;
            let mut access = VectorAccess::new(8, active, 16);
            for ly in 0..8 {
                access.rows[ly as usize] = address(ly).unwrap_or(VectorAccess::INACTIVE);
            }
            access
        };
        match self.effects[tag as usize] {
            Effect::LoadA(i) => rows(k0, a.leading, &|ly| {
                let row = wavefront.row + 4 * ly + i as u64;
                (row < a.rows).then(|| a.address(row, k0))
            }),
            Effect::LoadB { inner, r } => rows(wavefront.column, b.leading, &|_| {
                let row = k0 + u64::from(4 * inner) + r as u64;
                (row < self.k).then(|| b.address(row, wavefront.column))
            }),
            Effect::StoreC(i) => rows(wavefront.column, c.leading, &|ly| {
                let row = wavefront.row + 4 * ly + i as u64;
                (row < c.rows).then(|| c.address(row, wavefront.column))
            }),
            Effect::LoadArgument => {
                // Every lane reads the same word; it stands in front of A.
                let mut access = VectorAccess::new(LANES, 1, 4);
                access.rows[0] = a.base - 64;
                access
            }
            other => panic!("dense: {other:?} is no memory instruction"),
        }
    }

    fn execute(&self, wavefront: &mut Wavefront, tag: u32, step: Step<'_>, values: &mut Values<'_>) {
        let Some(registers) = &mut wavefront.registers else { return };
        match (self.effects[tag as usize], step) {
            (Effect::LoadA(i), Step::Loaded(access)) => {
                f4::load(access, values.memory, &mut registers.a_in[i])
            }
            (Effect::LoadB { r, .. }, Step::Loaded(access)) => {
                f4::load(access, values.memory, &mut registers.b[r]);
            }
            (Effect::WriteA(i), _) => {
                for lane in 0..LANES as usize {
                    let at = (4 * (lane / 8) + i) * TILE as usize + 4 * (lane % 8);
                    values.lds[at..at + 4].copy_from_slice(&registers.a_in[i][lane]);
                }
            }
            (Effect::ReadA { inner, i, from, to }, _) => {
                for lane in 0..LANES as usize {
                    let at = (4 * (lane / 8) + i) * TILE as usize + 4 * inner as usize;
                    registers.a[i][lane][from..to].copy_from_slice(&values.lds[at + from..at + to]);
                }
            }
            (Effect::Multiply, _) => {
                for lane in 0..LANES as usize {
                    for i in 0..4 {
                        for r in 0..4 {
                            let a = registers.a[i][lane][r];
                            for j in 0..4 {
                                registers.c[i][lane][j] += a * registers.b[r][lane][j];
                            }
                        }
                    }
                }
            }
            (Effect::StoreC(i), Step::Issued(Some(access))) => {
                f4::store(access, values.memory, &registers.c[i]);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instruction_mix_is_the_samples() {
        let mut effects = vec![Effect::None];
        let script = script(&Machine::default(), &mut effects);
        let count = |instructions: &[Instruction]| {
            let mut counts = [0; 6];
            for instruction in instructions {
                match instruction.op {
                    Op::Valu { count } => counts[0] += count,
                    Op::Salu { count } => counts[1] += count,
                    Op::ScalarLoad => counts[1] += 1,
                    Op::Lds { count, .. } => counts[2] += count,
                    Op::Load | Op::SparseLoad | Op::Store => counts[3] += 1,
                    Op::Branch { .. } => counts[4] += 1,
                    Op::Wait { .. } | Op::Barrier | Op::End => counts[5] += 1,
                    Op::Special { count } => counts[5] += count,
                }
            }
            counts
        };
        let outside: Vec<Instruction> = [script.prologue, script.epilogue].concat();
        assert_eq!(count(&outside), [98, 45, 0, 5, 2, 4]);
        assert_eq!(count(&script.body), [923, 41, 60, 36, 10, 23]);
    }
}
