//! Verification finds what is wrong: a kernel in which one address, one delivered row index or one *last* flag
//! is changed must not pass, and the first wrong element must be named.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gpu_model::instruction::{Instruction, Op, VectorAccess};
use gpu_model::kernel::{Kernel, Resources, Step, Values};
use mem_hierarchy::request::CompactedLine;
use sim_core::TickOrder;
use workloads::gemm::{Gemm, Placement, Placements};
use workloads::kernels::{Dense, DenseTiled, Spartan, SpartanPlain, TileChoice};
use workloads::matrix::DenseMatrix;
use workloads::run::{GemmKernel, GemmOptions, GemmRun, RunError, run_kernel};
use workloads::sample::Extent;
use workloads::verify::{Mismatch, verify};

use crate::bench::{ALL, Problem, SPARSE};

/// What is done to a kernel.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Row `row` of the first workgroup's first load from a matrix goes so many bytes further.
    Load {
        matrix: Matrix,
        row: usize,
        bytes: i64,
    },
    /// Row `row` of its first store does.
    Store {
        row: usize,
        bytes: i64,
    },
    /// The first bundle of a compacted line names the neighbouring row.
    RowIndex {
        column: u64,
        line: u64,
    },
    /// A compacted line comes with this *last* flag.
    Last {
        column: u64,
        line: u64,
        set: bool,
    },
    /// Nobody waits for vector memory.
    NoVectorWaits,
    /// Nobody waits at barriers.
    NoBarriers,
}

#[derive(Clone, Copy, Debug)]
enum Matrix {
    A,
    B,
}

/// A kernel with a fault.
struct Faulty<'k, K: Kernel> {
    kernel: &'k K,
    placements: Placements,
    fault: Fault,
    done: AtomicBool,
}

/// A wavefront, whether it is the first of all, and the instruction at which it stands.
#[derive(Debug)]
struct Standing<W> {
    wavefront: W,
    is_first: bool,
    at: Option<Op>,
}

impl<K: Kernel> Faulty<'_, K> {
    /// Moves one row of an access, if that is the fault and it is still to be made.
    fn disturb(&self, op: Option<Op>, access: &mut VectorAccess) {
        let within = |p: &Placement| {
            access.active_rows().next().is_some_and(|(_, base)| (p.base..p.base + p.bytes()).contains(&base))
        };
        let (wanted, row, bytes) = match self.fault {
            Fault::Load { matrix: Matrix::A, row, bytes } => {
                (op == Some(Op::Load) && within(&self.placements.a), row, bytes)
            }
            Fault::Load { matrix: Matrix::B, row, bytes } => {
                (op == Some(Op::Load) && within(&self.placements.b), row, bytes)
            }
            Fault::Store { row, bytes } => (op == Some(Op::Store), row, bytes),
            _ => return,
        };
        if wanted && !self.done.swap(true, Ordering::Relaxed) {
            access.rows[row] = access.rows[row].checked_add_signed(bytes).unwrap();
        }
    }
}

impl<K: Kernel> Kernel for Faulty<'_, K> {
    type Wavefront = Standing<K::Wavefront>;

    fn name(&self) -> &str {
        self.kernel.name()
    }
    fn workgroups(&self) -> u64 {
        self.kernel.workgroups()
    }
    fn resources(&self) -> Resources {
        self.kernel.resources()
    }
    fn launch(&self, workgroup: u64, index: u32, verify: bool) -> Self::Wavefront {
        let wavefront = self.kernel.launch(workgroup, index, verify);
        Standing { wavefront, is_first: (workgroup, index) == (0, 0), at: None }
    }
    fn next(&self, standing: &mut Self::Wavefront) -> Instruction {
        let instruction = self.kernel.next(&mut standing.wavefront);
        standing.at = Some(instruction.op);
        match (self.fault, instruction.op) {
            (Fault::NoVectorWaits, Op::Wait { vector: 0, .. }) | (Fault::NoBarriers, Op::Barrier) => {
                Op::Special { count: 1 }.tagged(instruction.tag)
            }
            _ => instruction,
        }
    }
    fn access(&self, standing: &Self::Wavefront, tag: u32) -> VectorAccess {
        let mut access = self.kernel.access(&standing.wavefront, tag);
        if standing.is_first {
            self.disturb(standing.at, &mut access);
        }
        access
    }
    fn deliver(&self, standing: &mut Self::Wavefront, tag: u32, row: u32, line: &CompactedLine) {
        let mut line = *line;
        let address = self.kernel.access(&standing.wavefront, tag).rows[row as usize];
        let (first_row, of_column) = self.placements.b.element(address);
        match self.fault {
            Fault::RowIndex { column, line: index } if (of_column, first_row / 16) == (column, index) => {
                line.words[0] ^= 1 << 16;
                self.done.store(true, Ordering::Relaxed);
            }
            Fault::Last { column, line: index, set } if (of_column, first_row / 16) == (column, index) => {
                assert_ne!(line.last, set, "no fault");
                line.last = set;
                self.done.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        self.kernel.deliver(&mut standing.wavefront, tag, row, &line);
    }
    fn execute(&self, standing: &mut Self::Wavefront, tag: u32, step: Step<'_>, values: &mut Values<'_>) {
        self.kernel.execute(&mut standing.wavefront, tag, step, values);
    }
}

/// Runs a product with a fault; panics where the fault was never made.
fn run(problem: &Problem, which: GemmKernel, fault: Fault) -> Result<GemmRun, RunError> {
    let gemm = problem.gemm();
    let (machine, order) = (&problem.machine, problem.kernel.dispatch_order);
    let tile: TileChoice = problem.kernel.tile.parse().unwrap();
    match which {
        GemmKernel::Dense => {
            let kernel = Dense::new(&gemm, machine, order);
            run_faulty(problem, which, &kernel, *kernel.placements(), fault)
        }
        GemmKernel::DenseTiled => {
            let kernel = DenseTiled::new(&gemm, machine, tile, order).unwrap();
            run_faulty(problem, which, &kernel, *kernel.placements(), fault)
        }
        GemmKernel::Spartan => {
            let kernel = Spartan::new(&gemm, machine, &problem.kernel, tile).unwrap();
            run_faulty(problem, which, &kernel, *kernel.placements(), fault)
        }
        GemmKernel::SpartanPlain => {
            let kernel = SpartanPlain::new(&gemm, machine, order);
            run_faulty(problem, which, &kernel, *kernel.placements(), fault)
        }
    }
}

fn run_faulty<K: Kernel>(
    problem: &Problem,
    which: GemmKernel,
    kernel: &K,
    placements: Placements,
    fault: Fault,
) -> Result<GemmRun, RunError> {
    let faulty = Faulty { kernel, placements, fault, done: AtomicBool::new(false) };
    let options = GemmOptions {
        kernel: &problem.kernel,
        verify_with: Some(&problem.a()),
        execution: TickOrder::Ascending.into(),
        extent: Extent::Whole,
        progress: &mut |_| {},
    };
    let run =
        run_kernel(&problem.gemm(), which, &faulty, placements, String::new(), &problem.machine, options);
    let once = !matches!(fault, Fault::None | Fault::NoVectorWaits | Fault::NoBarriers);
    assert!(!once || faulty.done.load(Ordering::Relaxed), "{which:?}: no chance for {fault:?}");
    run
}

/// The mismatch that a fault must lead to.
fn mismatch(problem: &Problem, which: GemmKernel, fault: Fault) -> Mismatch {
    match run(problem, which, fault) {
        Err(RunError::Wrong(mismatch)) => mismatch,
        other => panic!("{which:?} with {fault:?}: {other:?}"),
    }
}

/// Row, column and number of wrong elements.
fn wrong(problem: &Problem, which: GemmKernel, fault: Fault) -> (u64, u64, u64) {
    let Mismatch { row, column, wrong, .. } = mismatch(problem, which, fault);
    (row, column, wrong)
}

fn problem() -> Problem {
    Problem::new((96, 90, 70), 0.4)
}

#[test]
fn without_a_fault_all_is_well() {
    for which in ALL {
        assert!(run(&problem(), which, Fault::None).is_ok_and(|run| run.verified), "{which:?}");
    }
}

#[test]
fn one_address_of_one_load_is_found() {
    let problem = problem();
    // `dense`: row 3 of the first load of A is row 12 of C ...
    let fault = |matrix| Fault::Load { matrix, row: 3, bytes: 64 };
    assert_eq!(wrong(&problem, GemmKernel::Dense, fault(Matrix::A)), (12, 0, 32));
    // ... of B, what the threads of rows 12 to 15 have of its row 0: wrong where columns 16 further differ.
    let b = problem.b();
    let differing = (0..32).filter(|n| b.value(0, *n) != b.value(0, n + 16));
    let columns: Vec<u64> = differing.collect();
    let expected = (12, columns[0], 4 * columns.len() as u64);
    assert_eq!(wrong(&problem, GemmKernel::Dense, fault(Matrix::B)), expected);
    // `dense-tiled`: a column of A for the whole tile, and a row of B.
    let fault = |matrix| Fault::Load { matrix, row: 0, bytes: 64 };
    for (matrix, first) in [(Matrix::A, (0, nonzero_in_row_0(&problem))), (Matrix::B, (0, columns[0]))] {
        let (row, column, _) = wrong(&problem, GemmKernel::DenseTiled, fault(matrix));
        assert_eq!((row, column), first, "{matrix:?}");
    }
    // The kernels on the engine load A alone: its column 0 is taken from a row further.
    for which in SPARSE {
        let fault = Fault::Load { matrix: Matrix::A, row: 0, bytes: 4 };
        let (row, column, _) = wrong(&problem, which, fault);
        assert_eq!((row, column), (0, nonzero_in_row_0(&problem)), "{which:?}");
    }
}

/// The first column of B that has a non-zero in row 0.
fn nonzero_in_row_0(problem: &Problem) -> u64 {
    (0..problem.n).find(|n| problem.b().value(0, *n) != 0.0).unwrap()
}

#[test]
fn a_load_from_nowhere_is_found() {
    for which in ALL {
        let fault = Fault::Load { matrix: Matrix::A, row: 0, bytes: 1 << 33 };
        assert!(mismatch(&problem(), which, fault).found.is_nan(), "{which:?}");
    }
}

#[test]
fn one_address_of_one_store_is_found() {
    let problem = problem();
    let row_of_c = 4 * 80; // 70 columns, padded to lines
    // `dense`: row 12 of the first tile is stored over row 13, which comes later.
    let fault = Fault::Store { row: 3, bytes: row_of_c };
    assert_eq!(wrong(&problem, GemmKernel::Dense, fault), (12, 0, 32));
    assert!(mismatch(&problem, GemmKernel::Dense, fault).found.is_nan());
    for which in ALL {
        // Anywhere else within C: what should be there is missing, or something else is overwritten.
        let fault = Fault::Store { row: 0, bytes: row_of_c };
        assert!(mismatch(&problem, which, fault).row < 16, "{which:?}");
        // Outside of everything.
        let outside = run(&problem, which, Fault::Store { row: 0, bytes: 1 << 32 });
        assert!(matches!(outside, Err(RunError::Strays(words)) if words > 0), "{which:?}: {outside:?}");
        let text = outside.unwrap_err().to_string();
        assert!(text.contains("outside C"), "{text}");
    }
}

#[test]
fn one_row_index_in_one_delivered_line_is_found() {
    // Given any line of any column.
    let problem = problem();
    for which in SPARSE {
        for (column, line) in [(0, 0), (5, 1), (69, 2)] {
            let (row, found_in, _) = wrong(&problem, which, Fault::RowIndex { column, line });
            assert_eq!((row, found_in), (0, column), "{which:?}: line {line} of column {column}");
        }
    }
}

/// A product whose columns have more lines than any kernel asks for ahead.
fn long() -> Problem {
    Problem::new((70, 1_200, 33), 0.5)
}

#[test]
fn a_last_flag_that_comes_early_is_found() {
    for which in SPARSE {
        for column in [0, 5, 32] {
            let fault = Fault::Last { column, line: 0, set: true };
            let (row, found_in, count) = wrong(&long(), which, fault);
            assert_eq!((row, found_in, count), (0, column, 70), "{which:?}: column {column}");
        }
    }
}

#[test]
fn a_last_flag_that_does_not_come_costs_requests_or_is_found() {
    // Given a column that ends before its lines do: the line asked for next is past the end, and says *last*.
    let problem = long();
    let nnz = (0..problem.k).filter(|row| problem.b().value(*row, 5) != 0.0).count() as u64;
    for which in SPARSE {
        let fault = Fault::Last { column: 5, line: nnz.div_ceil(16) - 1, set: false };
        let (faulty, right) =
            (run(&problem, which, fault).unwrap(), run(&problem, which, Fault::None).unwrap());
        assert!(faulty.verified);
        // `spartan` may have asked past the end anyway: it asks ahead.
        let more = faulty.report.l1.sparse_reads - right.report.l1.sparse_reads;
        assert!(more > 0 || which == GemmKernel::Spartan, "{which:?}");
    }
    // Given a column of non-zeros only, which has as many compacted lines as dense ones, what is asked for next is
    // the neighbour's, or outside the matrix: `spartan-plain` asks, and is found out.
    let full = Problem::new((40, 64, 5), 0.0);
    let fault = |column| Fault::Last { column, line: 3, set: false };
    assert_eq!(wrong(&full, GemmKernel::SpartanPlain, fault(2)), (0, 2, 40));
    let outside = run(&full, GemmKernel::SpartanPlain, fault(4));
    assert!(
        matches!(&outside, Err(RunError::Simulation(error)) if error.to_string().contains("spartan_plain")),
        "{outside:?}"
    );
}

#[test]
#[should_panic(expected = "compacted line 4 is not there when it is needed")]
fn spartan_stops_where_a_full_column_does_not_end() {
    let full = Problem::new((40, 64, 5), 0.0);
    let _ = run(&full, GemmKernel::Spartan, Fault::Last { column: 2, line: 3, set: false });
}

#[test]
fn values_that_nobody_waited_for_are_found() {
    for which in [GemmKernel::Dense, GemmKernel::DenseTiled] {
        let (row, column, _) = wrong(&problem(), which, Fault::NoVectorWaits);
        assert_eq!((row, column), (0, 0), "{which:?}");
    }
}

#[test]
fn a_missing_barrier_is_found() {
    // Given workgroups of several wavefronts that fill the LDS together.
    let mut problem = Problem::new((128, 512, 256), 0.4);
    problem.kernel.tile = "128x64".into();
    assert!(run(&problem, GemmKernel::Spartan, Fault::None).is_ok());
    assert!(mismatch(&problem, GemmKernel::Spartan, Fault::NoBarriers).wrong > 0);
}

#[test]
fn a_value_that_was_never_stored_is_found_even_where_fp16_overflows() {
    let gemm = Gemm::new(1, Arc::new(DenseMatrix::new(1, 1, vec![1e6])), 1.0);
    for (stored, right) in [(f32::INFINITY, true), (f32::NEG_INFINITY, false), (f32::NAN, false)] {
        assert_eq!(verify(&gemm, &[1.0], &[stored], true).is_ok(), right, "{stored}");
    }
}
