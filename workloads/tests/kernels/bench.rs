//! Products on machines of any size.

use std::sync::Arc;

use compaction_engine::ColumnValues;
use compaction_engine::params::{BehindWindow, BufferPolicy, Engine};
use gpu_model::params::Machine;
use mem_hierarchy::dram::{Preset, Refresh};
use proptest::prelude::*;
use sim_core::TickOrder;
use sim_core::params::{Bytes, Hertz};
use workloads::gemm::Gemm;
use workloads::matrix::UniformMatrix;
use workloads::params;
use workloads::random::normal_matrix;
use workloads::run::{GemmKernel, GemmOptions, GemmRun, RunError, run_gemm};
use workloads::sample::Extent;

pub(crate) const ALL: [GemmKernel; 4] =
    [GemmKernel::Dense, GemmKernel::DenseTiled, GemmKernel::Spartan, GemmKernel::SpartanPlain];

pub(crate) const SPARSE: [GemmKernel; 2] = [GemmKernel::Spartan, GemmKernel::SpartanPlain];

/// How many random cases are tried: `cases`, or as the environment says.
pub(crate) fn tries(cases: u32) -> ProptestConfig {
    let said = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: said.unwrap_or(cases), failure_persistence: None, ..ProptestConfig::default() }
}

/// A product and how it is run.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) m: u32,
    pub(crate) k: u32,
    pub(crate) n: u64,
    pub(crate) sparsity: f64,
    pub(crate) seed: u64,
    pub(crate) kernel: params::Kernel,
    pub(crate) machine: Machine,
}

impl Problem {
    /// On the default machine.
    pub(crate) fn new((m, k, n): (u32, u32, u64), sparsity: f64) -> Self {
        let (kernel, machine) = (params::Kernel::default(), Machine::default());
        Self { m, k, n, sparsity, seed: 7, kernel, machine }
    }

    pub(crate) fn on(self, machine: &Machine) -> Self {
        Self { machine: machine.clone(), ..self }
    }

    pub(crate) fn b(&self) -> Arc<dyn ColumnValues> {
        Arc::new(UniformMatrix::new(self.k, self.n, self.sparsity, self.seed))
    }

    pub(crate) fn gemm(&self) -> Gemm {
        Gemm::new(self.m, self.b(), 1.0 - self.sparsity)
    }

    pub(crate) fn a(&self) -> Vec<f32> {
        normal_matrix(self.m, self.k, self.seed)
    }

    /// Runs it, verified.
    pub(crate) fn run(&self, which: GemmKernel, order: TickOrder) -> Result<GemmRun, RunError> {
        let options = GemmOptions {
            kernel: &self.kernel,
            verify_with: Some(&self.a()),
            execution: order.into(),
            extent: Extent::Whole,
            progress: &mut |_| {},
        };
        run_gemm(&self.gemm(), which, &self.machine, options)
    }
}

/// Machines from a single compute unit to three, with short queues and small caches.
pub(crate) fn machines() -> impl Strategy<Value = Machine> {
    let shape = (1u32..4, 0u32..3, 0u32..3, 0u32..7, prop::sample::select(vec![1u32, 2, 4]));
    let queues = (1u32..5, 1u32..6, 1u32..6, 1u32..6, prop::sample::select(vec![1u32, 3, 64, 512]));
    let refresh = prop::sample::select(Refresh::ALL);
    let memory = (prop::sample::select(Preset::ALL), 1u32..40, 1u32..40, 300u64..3_000, refresh);
    let cu = (1u32..3, any::<bool>(), 0u32..2, any::<bool>());
    (shape, queues, memory, cu, engines()).prop_map(|(shape, queues, memory, cu, engine)| {
        let (cus, slices, shared, interleave, simds) = shape;
        let mut machine = Machine { engine, ..Machine::default() };
        let gpu = &mut machine.gpu;
        gpu.compute_units = cus;
        gpu.cus_per_array = 2;
        gpu.cu.simds = simds;
        gpu.l2.slices = 1 << slices;
        gpu.l2.interleave = Bytes(64 << interleave);
        gpu.l2.size = Bytes::kib(64);
        gpu.dram.channels = 1 << slices.saturating_sub(shared);
        (gpu.l1.write_buffer, gpu.l1.mshrs, gpu.l2.mshrs, gpu.dispatch.latency, gpu.cu.vmem.in_flight) =
            queues;
        gpu.l1.size = Bytes::kib(4);
        let (preset, reads, writes, clock, refresh) = memory;
        gpu.dram.preset = preset;
        (gpu.dram.read_queue, gpu.dram.write_queue, gpu.dram.refresh) = (reads, writes, refresh);
        gpu.dram.write_high_watermark = writes.div_ceil(2);
        gpu.dram.write_low_watermark = writes / 4;
        gpu.clock = Hertz::mhz(clock);
        let (rounds, conflicts, completion, tlb) = cu;
        gpu.crossbar.lines_per_cycle = rounds;
        gpu.cu.lds.conflicts = conflicts;
        gpu.dispatch.completion = completion;
        gpu.translation.enabled = tlb;
        gpu.translation.l1_entries = 3;
        machine
    })
}

/// Engines of every size, the smallest that can be said included.
pub(crate) fn engines() -> impl Strategy<Value = Engine> {
    let sib =
        (prop::sample::select(vec![32u64, 64, 128, 1024, 1 << 19]), 1u32..4, any::<bool>(), any::<bool>());
    let buffer = (prop::sample::select(vec![1u64, 2, 3, 9, 40, 8192]), 1u32..6, any::<bool>());
    let work = (1u32..18, 1u32..4, 1u32..4, 1u32..9, 1u32..5, prop::sample::select(vec![1u32, 2, 8]));
    (sib, buffer, work).prop_map(|((sib, banks, cmi, resume), (lines, lane, drop), work)| {
        let mut engine = Engine::default();
        engine.sib.size = Bytes(sib);
        engine.sib.banks = banks;
        engine.sib.cmi = cmi;
        engine.sib.behind_window = if resume { BehindWindow::Resume } else { BehindWindow::Restart };
        engine.prefetch_buffer.size = Bytes(64 * lines);
        engine.prefetch_buffer.lane_lines = lane;
        engine.prefetch_buffer.policy = if drop { BufferPolicy::DropLru } else { BufferPolicy::Throttle };
        let (prefetch, processors, interval, outstanding, queue, ways) = work;
        engine.prefetch_length = prefetch;
        engine.processors = processors;
        engine.processor_interval = interval;
        engine.outstanding_per_channel = outstanding;
        engine.queue = queue;
        engine.l2_ways = ways;
        engine
    })
}

/// Products of shapes that divide into no tile, with zeros from none to all.
pub(crate) fn problems() -> impl Strategy<Value = Problem> {
    let m = prop_oneof![1u32..20, 60u32..70, 100u32..140];
    let k = prop_oneof![1u32..40, 100u32..120, Just(64), Just(16)];
    let n = prop_oneof![1u64..20, 60u64..70, Just(32)];
    let sparsity = prop_oneof![Just(0.0), Just(1.0), Just(0.97), 0.0..1.0];
    let order = prop::sample::select(params::DispatchOrder::ALL);
    (m, k, n, sparsity, any::<u64>(), order, machines()).prop_map(
        |(m, k, n, sparsity, seed, order, machine)| {
            let kernel = params::Kernel { dispatch_order: order, ..params::Kernel::default() };
            Problem { m, k, n, sparsity, seed, kernel, machine }
        },
    )
}
