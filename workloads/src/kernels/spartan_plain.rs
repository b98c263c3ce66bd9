//! `spartan-plain`: algorithm 3 of the dissertation on the compaction engine, in its plainest correct form.
//!
//! A workgroup of 64 threads, one wavefront, computes 64 rows x 16 columns of C; a lane is a row. A step loads
//! one compacted line of each of the 16 columns with one sparse load (four lanes of 16 bytes a line), puts the
//! bundles into 1 KB of LDS, and goes through them column by column: a bundle's word is read by all lanes
//! alike, its row names a column of A, whose 64 elements are loaded (A is packed in panels of 64 rows, so that
//! these are 256 contiguous bytes), and each lane multiplies and accumulates in FP32. Bundles of padding
//! multiply by zero, as in the listing; a column that has had its *last* line is skipped.
//!
//! Per bundle: 4 vector instructions to unpack and address, one load, one multiply-add; per 8 bundles two LDS
//! reads; 8 bundles are in flight at a time, as the wait counter allows.

use compaction_engine::bundle::Bundle;
use gpu_model::instruction::{ANY, Instruction, LANES, Op, VectorAccess};
use gpu_model::kernel::{Kernel, Resources, Step, Values};
use gpu_model::lds::bank_cycles;
use gpu_model::params::Machine;
use mem_hierarchy::request::CompactedLine;

use super::{Tiles, sparse_layouts};
use crate::gemm::{Gemm, Placements};
use crate::params::DispatchOrder;

/// Rows of C a workgroup.
const ROWS: u64 = 64;
/// Columns of C a workgroup.
const COLUMNS: usize = 16;
/// Bundles of a line.
const BUNDLES: usize = 16;
/// Bundles in flight.
const GROUP: usize = 8;

const SPARSE_LOAD: u32 = 1;
const WRITE_BUNDLES: u32 = 2;
/// `LOAD_A + i`: A for bundle `i` of the group.
const LOAD_A: u32 = 16;
const MULTIPLY: u32 = 3;
/// `STORE_C + column`.
const STORE_C: u32 = 32;

/// The plain kernel.
#[derive(Debug)]
pub struct SpartanPlain {
    placements: Placements,
    tiles: Tiles,
    columns: u64,
    write_cycles: u32,
    read_cycles: u32,
}

/// Where a wavefront stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Prologue(u32),
    /// Loading compacted lines and putting them into LDS.
    Lines(u32),
    /// Going through the bundles from `column` and `bundle` on.
    Bundles {
        column: usize,
        bundle: usize,
        at: u32,
    },
    Epilogue(u32),
}

/// A wavefront, which is a workgroup.
#[derive(Debug)]
pub struct Wavefront {
    row: u64,
    column: u64,
    stage: Stage,
    /// Compacted line that the present step asks for.
    line: u32,
    /// Lines of the present step, by column; `None` where the column has ended.
    lines: [Option<CompactedLine>; COLUMNS],
    ended: [bool; COLUMNS],
    registers: Option<Box<Registers>>,
}

#[derive(Debug)]
struct Registers {
    a: [[f32; LANES as usize]; GROUP],
    c: [[f32; LANES as usize]; COLUMNS],
}

impl SpartanPlain {
    /// The kernel for `gemm` on `machine`.
    pub fn new(gemm: &Gemm, machine: &Machine, order: DispatchOrder) -> Self {
        let lds = &machine.gpu.cu.lds;
        let addresses = |address: &dyn Fn(u32) -> u32| -> Vec<Option<u32>> {
            (0..LANES).map(|lane| Some(address(lane))).collect()
        };
        Self {
            placements: gemm.place(sparse_layouts(gemm, ROWS)),
            tiles: Tiles::new(gemm, ROWS, COLUMNS as u64, order, DispatchOrder::MFastest),
            columns: gemm.n,
            write_cycles: bank_cycles(lds, &addresses(&|lane| 16 * lane), 16),
            read_cycles: bank_cycles(lds, &addresses(&|_| 0), 16),
        }
    }

    /// Where the matrices lie.
    pub fn placements(&self) -> &Placements {
        &self.placements
    }

    pub(crate) fn tiles(&self) -> Tiles {
        self.tiles
    }

    /// Columns of the tile that exist.
    fn width(&self, wavefront: &Wavefront) -> usize {
        (self.columns - wavefront.column).min(COLUMNS as u64) as usize
    }
}

impl Wavefront {
    /// The next column from `column` on that has a line in this step.
    fn live_column(&self, column: usize) -> Option<usize> {
        (column..COLUMNS).find(|c| self.lines[*c].is_some())
    }

    fn bundle(&self, column: usize, bundle: usize) -> Bundle {
        self.lines[column].map_or(Bundle(0), |line| Bundle(line.words[bundle]))
    }
}

impl Kernel for SpartanPlain {
    type Wavefront = Wavefront;

    fn name(&self) -> &str {
        "spartan_plain"
    }

    fn workgroups(&self) -> u64 {
        self.tiles.count()
    }

    fn resources(&self) -> Resources {
        Resources { wavefronts: 1, vgprs: 48, lds_bytes: (COLUMNS * BUNDLES * 4) as u32 }
    }

    fn launch(&self, workgroup: u64, _index: u32, verify: bool) -> Wavefront {
        let (row, column) = self.tiles.origin(workgroup);
        let zero = [0.0; LANES as usize];
        let mut wavefront = Wavefront {
            row,
            column,
            stage: Stage::Prologue(0),
            line: 0,
            lines: [None; COLUMNS],
            ended: [false; COLUMNS],
            registers: verify.then(|| Box::new(Registers { a: [zero; GROUP], c: [zero; COLUMNS] })),
        };
        let width = self.width(&wavefront);
        wavefront.ended[width..].fill(true);
        wavefront
    }

    fn next(&self, w: &mut Wavefront) -> Instruction {
        loop {
            match w.stage {
                Stage::Prologue(at) => {
                    w.stage = Stage::Prologue(at + 1);
                    return match at {
                        0 => Op::ScalarLoad.into(),
                        1 => Op::Wait { vector: ANY, lds: 0 }.into(),
                        2 => Op::Salu { count: 12 }.into(),
                        3 => Op::Valu { count: 24 }.into(),
                        _ => {
                            w.stage = Stage::Lines(0);
                            continue;
                        }
                    };
                }
                Stage::Lines(at) => {
                    w.stage = Stage::Lines(at + 1);
                    return match at {
                        0 if w.ended.iter().all(|ended| *ended) => {
                            w.stage = Stage::Epilogue(0);
                            continue;
                        }
                        0 => {
                            w.lines = [None; COLUMNS];
                            Op::Valu { count: 2 }.into()
                        }
                        1 => Op::SparseLoad.tagged(SPARSE_LOAD),
                        2 => Op::Wait { vector: 0, lds: ANY }.into(),
                        3 => Op::Lds { count: 1, cycles: self.write_cycles }.tagged(WRITE_BUNDLES),
                        4 => Op::Salu { count: 2 }.into(),
                        5 => Op::Wait { vector: ANY, lds: 0 }.into(),
                        _ => {
                            w.line += 1;
                            w.stage = match w.live_column(0) {
                                Some(column) => Stage::Bundles { column, bundle: 0, at: 0 },
                                None => Stage::Lines(0),
                            };
                            continue;
                        }
                    };
                }
                Stage::Bundles { column, bundle, at } => {
                    w.stage = Stage::Bundles { column, bundle, at: at + 1 };
                    let load = |i: u32| Op::Load.tagged(LOAD_A + i);
                    const LAST_LOAD: u32 = 1 + 2 * GROUP as u32;
                    return match at {
                        0 => Op::Lds { count: 2, cycles: self.read_cycles }.into(),
                        1 => Op::Wait { vector: ANY, lds: 0 }.into(),
                        2..=LAST_LOAD if at % 2 == 0 => Op::Valu { count: 4 }.into(),
                        2..=LAST_LOAD => load((at - 3) / 2),
                        n if n == LAST_LOAD + 1 => Op::Wait { vector: 0, lds: ANY }.into(),
                        n if n == LAST_LOAD + 2 => Op::Valu { count: GROUP as u32 }.tagged(MULTIPLY),
                        n if n == LAST_LOAD + 3 => Op::Salu { count: 2 }.into(),
                        n if n == LAST_LOAD + 4 => Op::Branch { taken: true }.into(),
                        _ => {
                            w.stage = if bundle + GROUP < BUNDLES {
                                Stage::Bundles { column, bundle: bundle + GROUP, at: 0 }
                            } else {
                                match w.live_column(column + 1) {
                                    Some(column) => Stage::Bundles { column, bundle: 0, at: 0 },
                                    None => Stage::Lines(0),
                                }
                            };
                            continue;
                        }
                    };
                }
                Stage::Epilogue(at) => {
                    w.stage = Stage::Epilogue(at + 1);
                    let width = self.width(w) as u32;
                    return match at {
                        0 => Op::Valu { count: 8 }.into(),
                        _ if at <= width => Op::Store.tagged(STORE_C + at - 1),
                        _ => Op::End.into(),
                    };
                }
            }
        }
    }

    fn access(&self, w: &Wavefront, tag: u32) -> VectorAccess {
        let Placements { a, b, c } = &self.placements;
        match tag {
            SPARSE_LOAD => {
                let mut access = VectorAccess::new(4, 4, 16);
                for column in (0..COLUMNS).filter(|column| !w.ended[*column]) {
                    let row = u64::from(w.line) * BUNDLES as u64;
                    access.rows[column] = b.address(row, w.column + column as u64);
                }
                access
            }
            STORE_C.. => {
                let mut access = VectorAccess::new(LANES, (c.rows - w.row).min(ROWS) as u32, 4);
                access.rows[0] = c.address(w.row, w.column + u64::from(tag - STORE_C));
                access
            }
            LOAD_A.. => {
                let Stage::Bundles { column, bundle, .. } = w.stage else {
                    panic!("spartan-plain: loads A outside its loop over bundles")
                };
                let k = w.bundle(column, bundle + (tag - LOAD_A) as usize).row();
                let mut access = VectorAccess::new(LANES, LANES, 4);
                access.rows[0] = a.address(w.row, k.into());
                access
            }
            other => panic!("spartan-plain: {other} is no memory instruction"),
        }
    }

    fn deliver(&self, w: &mut Wavefront, _tag: u32, row: u32, line: &CompactedLine) {
        w.lines[row as usize] = Some(*line);
        w.ended[row as usize] |= line.last;
    }

    fn execute(&self, w: &mut Wavefront, tag: u32, step: Step<'_>, values: &mut Values<'_>) {
        let Stage::Bundles { column, bundle, .. } = w.stage else {
            if let (STORE_C.., Step::Issued(Some(access)), Some(registers)) = (tag, step, &w.registers) {
                for (lane, address) in access.lanes() {
                    values.memory.store(address, registers.c[(tag - STORE_C) as usize][lane as usize]);
                }
            } else if tag == WRITE_BUNDLES {
                for (column, line) in w.lines.iter().enumerate() {
                    let words = line.map_or([0; BUNDLES], |line| line.words);
                    for (i, word) in words.into_iter().enumerate() {
                        values.lds[column * BUNDLES + i] = f32::from_bits(word);
                    }
                }
            }
            return;
        };
        let Some(registers) = &mut w.registers else { return };
        match (tag, step) {
            (LOAD_A.., Step::Loaded(access)) => {
                let into = &mut registers.a[(tag - LOAD_A) as usize];
                into.fill(0.0);
                for (lane, address) in access.lanes() {
                    into[lane as usize] = values.memory.load(address);
                }
            }
            (MULTIPLY, _) => {
                for i in 0..GROUP {
                    // The bundles as they stand in LDS.
                    let word = values.lds[column * BUNDLES + bundle + i].to_bits();
                    let b = Bundle(word).value();
                    for (sum, a) in registers.c[column].iter_mut().zip(&registers.a[i]) {
                        *sum += a * b;
                    }
                }
            }
            _ => {}
        }
    }
}
