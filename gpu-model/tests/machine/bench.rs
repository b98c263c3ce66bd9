//! A kernel from lists of instructions, and a machine small enough to follow.

use compaction_engine::{ColumnValues, Matrix};
use gpu_model::KernelReport;
use gpu_model::gpu::{Gpu, RunOptions, SimError};
use gpu_model::instruction::{ANY, Instruction, LANES, Op, VectorAccess};
use gpu_model::kernel::{Kernel, Resources};
use gpu_model::params::Machine;
use mem_hierarchy::dram::Preset;
use sim_core::TickOrder;
use sim_core::params::Bytes;

/// A kernel whose wavefronts run straight lists of instructions; tags index `accesses`.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// By wavefront of the workgroup.
    pub(crate) wavefronts: Vec<Vec<Instruction>>,
    pub(crate) workgroups: u64,
    pub(crate) accesses: Vec<VectorAccess>,
    pub(crate) vgprs: u32,
    pub(crate) lds_bytes: u32,
}

impl Program {
    /// One workgroup of one wavefront.
    pub(crate) fn of(instructions: Vec<Instruction>) -> Self {
        Self::of_wavefronts(vec![instructions])
    }

    /// One workgroup; each wavefront's list is ended here.
    pub(crate) fn of_wavefronts(mut wavefronts: Vec<Vec<Instruction>>) -> Self {
        for instructions in &mut wavefronts {
            instructions.push(Op::End.into());
        }
        Self { wavefronts, workgroups: 1, accesses: Vec::new(), vgprs: 4, lds_bytes: 0 }
    }

    /// Loads of these lines by one wavefront, each awaited before the next.
    pub(crate) fn loads_in_turn(lines: &[u64]) -> Self {
        let wait = Op::Wait { vector: 0, lds: ANY };
        let instructions = (0..lines.len() as u32).flat_map(|tag| [Op::Load.tagged(tag), wait.into()]);
        Self::of(instructions.collect()).with_accesses(lines.iter().map(|line| line_access(*line)))
    }

    pub(crate) fn with_accesses(mut self, accesses: impl IntoIterator<Item = VectorAccess>) -> Self {
        self.accesses = accesses.into_iter().collect();
        self
    }
}

impl Kernel for Program {
    type Wavefront = (usize, usize);

    fn name(&self) -> &str {
        "program"
    }
    fn workgroups(&self) -> u64 {
        self.workgroups
    }
    fn resources(&self) -> Resources {
        Resources { wavefronts: self.wavefronts.len() as u32, vgprs: self.vgprs, lds_bytes: self.lds_bytes }
    }
    fn launch(&self, _workgroup: u64, index: u32, _verify: bool) -> Self::Wavefront {
        (index as usize, 0)
    }
    fn next(&self, (wavefront, position): &mut Self::Wavefront) -> Instruction {
        *position += 1;
        self.wavefronts[*wavefront][*position - 1]
    }
    fn access(&self, _: &Self::Wavefront, tag: u32) -> VectorAccess {
        self.accesses[tag as usize]
    }
}

/// Where the lines of [`line_access`] begin.
pub(crate) const BASE: u64 = 1 << 20;

/// 16 lanes that access line `line` behind [`BASE`].
pub(crate) fn line_access(line: u64) -> VectorAccess {
    lines_access(&[line])
}

/// 16 lanes for each of up to four lines; or four lanes for each of up to sixteen.
pub(crate) fn lines_access(lines: &[u64]) -> VectorAccess {
    let lanes = if lines.len() <= 4 { 16 } else { 4 };
    let mut access = VectorAccess::new(lanes, lanes, 64 / lanes);
    for (row, line) in access.rows.iter_mut().zip(lines) {
        *row = BASE + 64 * line;
    }
    assert!(lines.len() <= (LANES / lanes) as usize);
    access
}

/// One compute unit with one SIMD, one L2 slice, an ideal memory.
pub(crate) fn machine() -> Machine {
    let mut machine = Machine::default();
    let gpu = &mut machine.gpu;
    gpu.compute_units = 1;
    gpu.cu.simds = 1;
    gpu.l2.slices = 1;
    gpu.l2.size = Bytes::kib(256);
    gpu.dram.channels = 1;
    gpu.dram.preset = Preset::Ideal;
    machine
}

pub(crate) fn run(machine: &Machine, kernel: &Program) -> KernelReport {
    run_with(machine, kernel, None).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn run_with(
    machine: &Machine,
    kernel: &Program,
    matrix: Option<Matrix>,
) -> Result<KernelReport, SimError> {
    let gpu = Gpu::new(machine, matrix)?;
    gpu.run(
        kernel,
        RunOptions { execution: TickOrder::Ascending.into(), memory: None, progress: &mut |_, _| {} },
    )
}

pub(crate) fn cycles(machine: &Machine, kernel: &Program) -> u64 {
    run(machine, kernel).cycles
}

/// Cycles of a kernel that does nothing: dispatch, first fetch, its end, and the word of it to the dispatcher.
pub(crate) fn nothing(machine: &Machine) -> u64 {
    let gpu = &machine.gpu;
    u64::from(2 * gpu.dispatch.latency + gpu.cu.cold_fetch_latency)
}

/// B for sparse loads: `value(row, column)`, at [`BASE`].
pub(crate) struct Values<F> {
    pub(crate) rows: u32,
    pub(crate) columns: u64,
    pub(crate) value: F,
}

impl<F: Fn(u32, u64) -> f32 + Send + Sync> ColumnValues for Values<F> {
    fn rows(&self) -> u32 {
        self.rows
    }
    fn columns(&self) -> u64 {
        self.columns
    }
    fn value(&self, row: u32, column: u64) -> f32 {
        (self.value)(row, column)
    }
}

/// B registered with the engine.
pub(crate) fn registered(
    rows: u32,
    columns: u64,
    value: impl Fn(u32, u64) -> f32 + Send + Sync + 'static,
) -> Matrix {
    let ldb = u64::from(rows).next_multiple_of(16);
    Matrix { base: BASE, ldb, values: std::sync::Arc::new(Values { rows, columns, value }) }
}

/// How many random cases a property is tried on: `cases`, or as the environment says.
pub(crate) fn tries(cases: u32) -> proptest::test_runner::Config {
    let said = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    proptest::test_runner::Config {
        cases: said.unwrap_or(cases),
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}
