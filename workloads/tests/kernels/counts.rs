//! Conservation: the counters against what the wavefronts issued and what the matrix holds, both counted apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use gpu_model::KernelReport;
use gpu_model::instruction::{Instruction, Op, VectorAccess};
use gpu_model::kernel::{Kernel, Resources, Step, Values};
use mem_hierarchy::request::CompactedLine;
use proptest::prelude::*;
use sim_core::TickOrder;
use sim_core::params::Bytes;
use workloads::gemm::Placements;
use workloads::kernels::{Dense, DenseTiled, Relu, Spartan, SpartanPlain, TileChoice};
use workloads::matrix::LineStatistics;
use workloads::run::{GemmKernel, GemmOptions, run_kernel, run_relu};
use workloads::sample::Extent;

use crate::bench::{ALL, Problem, SPARSE, problems, tries};

/// A kernel that notes the addresses of each access as it is issued.
struct Noting<'k, K> {
    kernel: &'k K,
    issued: Mutex<Vec<(Op, VectorAccess)>>,
}

#[derive(Debug)]
struct Standing<W> {
    wavefront: W,
    at: Option<Op>,
}

impl<K: Kernel> Kernel for Noting<'_, K> {
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
        Standing { wavefront: self.kernel.launch(workgroup, index, verify), at: None }
    }
    fn next(&self, standing: &mut Self::Wavefront) -> Instruction {
        let instruction = self.kernel.next(&mut standing.wavefront);
        standing.at = Some(instruction.op);
        instruction
    }
    fn access(&self, standing: &Self::Wavefront, tag: u32) -> VectorAccess {
        let access = self.kernel.access(&standing.wavefront, tag);
        self.issued.lock().unwrap().push((standing.at.unwrap(), access));
        access
    }
    fn deliver(&self, standing: &mut Self::Wavefront, tag: u32, row: u32, line: &CompactedLine) {
        self.kernel.deliver(&mut standing.wavefront, tag, row, line);
    }
    fn execute(&self, standing: &mut Self::Wavefront, tag: u32, step: Step<'_>, values: &mut Values<'_>) {
        self.kernel.execute(&mut standing.wavefront, tag, step, values);
    }
}

/// Lines by kind of access, from the addresses of the lanes alone.
#[derive(Default)]
struct Issued {
    instructions: u64,
    loads: u64,
    stores: u64,
    sparse: u64,
    distinct_loaded: BTreeSet<u64>,
    distinct_sparse: BTreeSet<u64>,
    /// Lines stored, and how often.
    stored: BTreeMap<u64, u64>,
    /// Those of which a store touches not every byte.
    stored_in_part: BTreeSet<u64>,
}

impl Issued {
    fn of(accesses: &[(Op, VectorAccess)]) -> Self {
        let mut issued = Self { instructions: accesses.len() as u64, ..Self::default() };
        for (op, access) in accesses {
            let mut bytes: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
            for (_, address) in access.lanes() {
                for word in (0..u64::from(access.lane_bytes)).step_by(4) {
                    bytes.entry((address + word) / 64).or_default().insert(address + word);
                }
            }
            let lines = bytes.len() as u64;
            match op {
                Op::Load => {
                    issued.loads += lines;
                    issued.distinct_loaded.extend(bytes.keys());
                }
                Op::SparseLoad => {
                    issued.sparse += lines;
                    issued.distinct_sparse.extend(bytes.keys());
                }
                _ => {
                    issued.stores += lines;
                    for (line, touched) in bytes {
                        *issued.stored.entry(line).or_default() += 1;
                        if touched.len() < 16 {
                            issued.stored_in_part.insert(line);
                        }
                    }
                }
            }
        }
        issued
    }
}

/// Runs a product and notes what was issued.
fn noted(problem: &Problem, which: GemmKernel) -> (KernelReport, Issued) {
    let gemm = problem.gemm();
    let (machine, order) = (&problem.machine, problem.kernel.dispatch_order);
    match which {
        GemmKernel::Dense => {
            let kernel = Dense::new(&gemm, machine, order);
            note(problem, which, &kernel, *kernel.placements())
        }
        GemmKernel::DenseTiled => {
            let kernel = DenseTiled::new(&gemm, machine, TileChoice::Auto, order).unwrap();
            note(problem, which, &kernel, *kernel.placements())
        }
        GemmKernel::Spartan => {
            let kernel = Spartan::new(&gemm, machine, &problem.kernel, TileChoice::Auto).unwrap();
            note(problem, which, &kernel, *kernel.placements())
        }
        GemmKernel::SpartanPlain => {
            let kernel = SpartanPlain::new(&gemm, machine, order);
            note(problem, which, &kernel, *kernel.placements())
        }
    }
}

fn note<K: Kernel>(
    problem: &Problem,
    which: GemmKernel,
    kernel: &K,
    placements: Placements,
) -> (KernelReport, Issued) {
    let noting = Noting { kernel, issued: Mutex::default() };
    let options = GemmOptions {
        kernel: &problem.kernel,
        verify_with: Some(&problem.a()),
        execution: TickOrder::Ascending.into(),
        extent: Extent::Whole,
        progress: &mut |_| {},
    };
    let run =
        run_kernel(&problem.gemm(), which, &noting, placements, String::new(), &problem.machine, options);
    (run.unwrap().report, Issued::of(&noting.issued.lock().unwrap()))
}

/// What holds on any machine.
fn assert_conserved(report: &KernelReport, issued: &Issued, which: GemmKernel) {
    let (l1, l2, dram) = (&report.l1, &report.l2, &report.dram);
    let requests = report.engine.as_ref().map_or(0, |engine| engine.requests);
    let engine_lines = report.engine.as_ref().map_or(0, |engine| engine.dram_lines);
    // What is issued arrives at L1, each line of an access once.
    assert_eq!(report.compute.instructions.vmem, issued.instructions, "{which:?}");
    assert_eq!((l1.reads, l1.writes), (issued.loads + issued.sparse, issued.stores), "{which:?}");
    assert_eq!(l1.sparse_reads, issued.sparse, "{which:?}");
    // Every transaction is a hit, merged, or a miss.
    assert_eq!(l1.hits + l1.merged + l1.misses, l1.reads + l1.writes, "{which:?}");
    assert_eq!(l2.hits + l2.merged + l2.misses, l2.reads + l2.writes, "{which:?}");
    // C is never read, so no write hits in L1: read misses, and all writes, go on to L2.
    assert_eq!((l2.reads, l2.writes), (l1.misses - l1.writes, l1.writes), "{which:?}");
    // Every sparse miss of L2 is a request to the engine. What else misses, whole lines written aside, is read.
    let written_whole = issued.stored.len() - issued.stored_in_part.len();
    let read = l2.misses - requests - written_whole as u64 + engine_lines;
    assert!(issued.stored.values().all(|times| *times == 1), "{which:?}: each line of C is stored once");
    assert_eq!(dram.reads, read, "{which:?}");
    assert_eq!(dram.writes, l2.writebacks, "{which:?}");
    assert_eq!(l1.writebacks, 0);
    assert!(dram.reads >= issued.distinct_loaded.len() as u64, "{which:?}: no line comes from nowhere");
    assert_eq!(dram.writes + report.dirty_lines_drained, issued.stored.len() as u64, "{which:?}");
    assert_eq!(
        dram.bytes,
        64 * (dram.reads + dram.writes - dram.forwarded_reads - dram.merged_writes),
        "{which:?}"
    );
    if let Some(engine) = &report.engine {
        assert_eq!(engine.requests, engine.lane_hits + engine.accurate + engine.prudent + engine.hasty);
        assert!(engine.requests >= issued.distinct_sparse.len() as u64, "{which:?}");
    }
    // Each latency is counted once.
    assert_eq!((l1.read_latency.count, l2.read_latency.count), (l1.reads, l2.reads), "{which:?}");
    assert_eq!(report.dram_read_latency.count, dram.reads, "{which:?}");
}

proptest! {
    #![proptest_config(tries(12))]

    #[test]
    fn what_goes_in_comes_out(problem in problems()) {
        let mut problem = problem;
        // An access is noted when it is tried: room in flight, so that none is tried twice.
        problem.machine.gpu.cu.vmem.in_flight = 65_536;
        for which in ALL {
            let (report, issued) = noted(&problem, which);
            assert_conserved(&report, &issued, which);
        }
    }
}

#[test]
fn caches_that_hold_everything_read_each_line_once() {
    for shape in [(64, 64, 64), (70, 50, 90)] {
        for which in ALL {
            let problem = Problem::new(shape, 0.5);
            let (report, issued) = noted(&problem, which);
            assert_conserved(&report, &issued, which);
            assert_eq!(report.l2.evictions, 0);
            let engine_lines = report.engine.as_ref().map_or(0, |engine| engine.dram_lines);
            let distinct = (issued.distinct_loaded.len() + issued.stored_in_part.len()) as u64 + engine_lines;
            assert_eq!(report.dram.reads, distinct, "{which:?}");
            assert_eq!(report.dram.writes, 0, "{which:?}");
        }
    }
}

#[test]
fn the_engine_reads_and_bundles_what_the_matrix_holds() {
    for sparsity in [0.0, 0.3, 0.7, 0.95, 1.0] {
        let problem = Problem::new((64, 200, 90), sparsity);
        let statistics = LineStatistics::of(&*problem.b(), 0..problem.n);
        for which in SPARSE {
            let (report, issued) = noted(&problem, which);
            let engine = report.engine.unwrap();
            // Given an engine with room for all: each dense line once, each non-zero once.
            assert_eq!(
                (engine.dram_lines, engine.bundles),
                (statistics.lines, statistics.nonzeros),
                "{which:?}"
            );
            assert_eq!(
                (engine.lanes_dropped, engine.lines_reread, engine.lines_skipped),
                (0, 0, 0),
                "{which:?}"
            );
            assert_eq!(engine.hasty, problem.n, "{which:?}");
            assert_eq!(engine.requests, issued.distinct_sparse.len() as u64, "{which:?}");
            assert_eq!(engine.padding_words, 16 * engine.requests - statistics.nonzeros, "{which:?}");
        }
        // `spartan-plain` asks for the lines that there are, and an empty one for a column of zeros.
        let (report, _) = noted(&problem, GemmKernel::SpartanPlain);
        let lines: u64 = (0..problem.n)
            .map(|column| LineStatistics::of(&*problem.b(), column..column + 1).compacted_lines.max(1))
            .sum();
        assert_eq!(report.engine.unwrap().requests, lines);
    }
}

#[test]
fn an_engine_without_room_reads_again() {
    let mut problem = Problem::new((64, 200, 90), 0.5);
    problem.machine.engine.prefetch_buffer.size = Bytes(64 * 8);
    problem.machine.engine.sib.size = Bytes(32 * 40);
    problem.machine.gpu.cu.vmem.in_flight = 65_536;
    let statistics = LineStatistics::of(&*problem.b(), 0..problem.n);
    for which in SPARSE {
        let (report, issued) = noted(&problem, which);
        assert_conserved(&report, &issued, which);
        let engine = report.engine.unwrap();
        assert!(engine.lanes_dropped > 0 && engine.sib.evictions > 0, "{which:?}");
        assert!(engine.dram_lines > statistics.lines && engine.bundles > statistics.nonzeros, "{which:?}");
        assert!(engine.buffer_peak_lines <= 8, "{which:?}");
    }
}

#[test]
fn a_relu_moves_each_line_once() {
    let machine = Problem::new((1, 1, 1), 0.0).machine;
    for elements in [64, 65, 1_000, 40_000] {
        let kernel = Relu::new(elements);
        let noting = Noting { kernel: &kernel, issued: Mutex::default() };
        let gpu = gpu_model::Gpu::new(&machine, None).unwrap();
        let options = gpu_model::gpu::RunOptions {
            execution: TickOrder::Ascending.into(),
            memory: None,
            progress: &mut |_, _| {},
        };
        let report = gpu.run(&noting, options).unwrap();
        let lines = elements.div_ceil(16);
        let in_part = u64::from(!elements.is_multiple_of(16));
        assert_eq!((report.l1.reads, report.l1.writes), (lines, lines));
        assert_eq!(report.dram.reads, lines + in_part, "{elements} elements");
        assert_eq!(report.dram.writes + report.dirty_lines_drained, lines);
        assert_eq!(Issued::of(&noting.issued.lock().unwrap()).loads, lines);
        let (verified, _) = run_relu(elements, &machine, Some(1), TickOrder::Ascending, &mut |_| {}).unwrap();
        assert_eq!(verified, report);
    }
}
