//! Runs a matrix product on a simulated machine, by one of the kernels, and checks its result.

use gpu_model::gpu::{Execution, Gpu, KernelReport, RunOptions, SimError};
use gpu_model::kernel::{Allocation, Kernel, Memory};
use gpu_model::params::Machine;
use sim_core::Cycle;

use crate::gemm::{Gemm, GemmMemory, Placements};
use crate::kernels::{Dense, DenseTiled, Relu, Spartan, SpartanPlain, TileChoice};
use crate::params;
use crate::random::{Counter, Stream};
use crate::sample::{Extent, Product, Sample};
use crate::verify::{Mismatch, verify};

/// The kernels for matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GemmKernel {
    /// The APP SDK sample.
    Dense,
    /// A GEMM as a good library writes it.
    DenseTiled,
    /// The expert's sparse GEMM on the engine.
    Spartan,
    /// Algorithm 3 in its plainest correct form.
    SpartanPlain,
}

impl GemmKernel {
    /// Whether it reads compacted lines, so that its B is rounded to FP16.
    pub fn is_sparse(self) -> bool {
        matches!(self, Self::Spartan | Self::SpartanPlain)
    }
}

/// How a product is run.
pub struct GemmOptions<'a> {
    /// Tiling and dispatch.
    pub kernel: &'a params::Kernel,
    /// Values of A, row-major; where given, C is computed and checked.
    pub verify_with: Option<&'a [f32]>,
    /// Threads, and order of ticks.
    pub execution: Execution,
    /// How many of the workgroups are simulated; only where all are can C be checked.
    pub extent: Extent,
    /// Called with the number of workgroups, then with how many are complete.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has so many workgroups.
    Total(u64),
    /// So many are complete, as of this cycle.
    Done(u64, Cycle),
}

/// A product that was run.
#[derive(Clone, Debug, PartialEq)]
pub struct GemmRun {
    /// What was measured.
    pub report: KernelReport,
    /// Tile of C a workgroup.
    pub tile: String,
    /// Whether C was checked, and found right.
    pub verified: bool,
    /// Where not every workgroup was simulated, what the figures rest on.
    pub sample: Option<Sample>,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq)]
pub enum RunError {
    /// The configuration asks for something that cannot be had.
    Configuration(String),
    /// The simulation came to no end.
    Simulation(SimError),
    /// C is wrong.
    Wrong(Mismatch),
    /// Stores outside C.
    Strays(u64),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Configuration(why) => f.write_str(why),
            Self::Simulation(error) => error.fmt(f),
            Self::Wrong(mismatch) => write!(f, "verification failed: {mismatch}"),
            Self::Strays(count) => write!(f, "verification failed: {count} words were stored outside C"),
        }
    }
}

impl std::error::Error for RunError {}

impl From<SimError> for RunError {
    fn from(error: SimError) -> Self {
        match error {
            SimError::Setup(why) => Self::Configuration(why),
            other => Self::Simulation(other),
        }
    }
}

/// Runs `gemm` by `which` kernel on a machine with cold caches.
pub fn run_gemm(
    gemm: &Gemm,
    which: GemmKernel,
    machine: &Machine,
    options: GemmOptions<'_>,
) -> Result<GemmRun, RunError> {
    let tile: TileChoice = options.kernel.tile.parse().map_err(RunError::Configuration)?;
    let order = options.kernel.dispatch_order;
    match which {
        GemmKernel::Dense => {
            let kernel = Dense::new(gemm, machine, order);
            Product::of(gemm, which, &kernel, kernel.placements(), kernel.tiles()).run(machine, options)
        }
        GemmKernel::DenseTiled => {
            let kernel = DenseTiled::new(gemm, machine, tile, order).map_err(RunError::Configuration)?;
            Product::of(gemm, which, &kernel, kernel.placements(), kernel.tiles()).run(machine, options)
        }
        GemmKernel::Spartan => {
            let kernel =
                Spartan::new(gemm, machine, options.kernel, tile).map_err(RunError::Configuration)?;
            Product::of(gemm, which, &kernel, kernel.placements(), kernel.tiles()).run(machine, options)
        }
        GemmKernel::SpartanPlain => {
            let kernel = SpartanPlain::new(gemm, machine, order);
            Product::of(gemm, which, &kernel, kernel.placements(), kernel.tiles()).run(machine, options)
        }
    }
}

/// Runs one kernel of a product; for tests, which wrap kernels in faulty ones.
pub fn run_kernel<K: Kernel>(
    gemm: &Gemm,
    which: GemmKernel,
    kernel: &K,
    placements: Placements,
    tile: String,
    machine: &Machine,
    options: GemmOptions<'_>,
) -> Result<GemmRun, RunError> {
    require_capacity(machine, &placements.allocations())?;
    let matrix = which.is_sparse().then(|| placements.registered_b(gemm));
    let gpu = Gpu::new(machine, matrix)?;
    let mut memory = options.verify_with.map(|a| GemmMemory::new(gemm, placements, a));
    let progress = options.progress;
    progress(Progress::Total(kernel.workgroups()));
    let report = gpu.run(
        kernel,
        RunOptions {
            execution: options.execution,
            memory: memory.as_mut().map(|memory| memory as &mut dyn Memory),
            progress: &mut |done, at| progress(Progress::Done(done, at)),
        },
    )?;
    if let (Some(memory), Some(a)) = (&memory, options.verify_with) {
        if memory.strays() > 0 {
            return Err(RunError::Strays(memory.strays()));
        }
        verify(gemm, a, memory.c(), which.is_sparse()).map_err(RunError::Wrong)?;
    }
    Ok(GemmRun { report, tile, verified: memory.is_some(), sample: None })
}

/// Checks that everything that a kernel uses lies in the modelled DRAM.
fn require_capacity(machine: &Machine, allocations: &[Allocation]) -> Result<(), RunError> {
    let capacity = machine.gpu.dram.capacity;
    let end = allocations.iter().map(|a| a.base + a.bytes).max().unwrap_or(0);
    if end <= capacity.0 {
        return Ok(());
    }
    let list: Vec<String> = allocations.iter().map(|a| format!("{} {} bytes", a.name, a.bytes)).collect();
    Err(RunError::Configuration(format!(
        "{} take {end} bytes, more than the modelled DRAM holds: gpu.dram.capacity = \"{capacity}\"",
        list.join(", ")
    )))
}

/// Runs a ReLU over `elements` elements on a machine with cold caches; with `verify_seed`, over normally
/// distributed values of that seed, checked.
pub fn run_relu(
    elements: u64,
    machine: &Machine,
    verify_seed: Option<u64>,
    execution: impl Into<Execution>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(KernelReport, Option<bool>), RunError> {
    let kernel = Relu::new(elements);
    require_capacity(machine, &kernel.allocations())?;
    let gpu = Gpu::new(machine, None)?;
    let mut memory = verify_seed.map(|seed| ReluMemory::new(&kernel, elements, seed));
    progress(Progress::Total(kernel.workgroups()));
    let report = gpu.run(
        &kernel,
        RunOptions {
            execution: execution.into(),
            memory: memory.as_mut().map(|memory| memory as &mut dyn Memory),
            progress: &mut |done, at| progress(Progress::Done(done, at)),
        },
    )?;
    if let Some(memory) = &memory {
        memory.check()?;
    }
    Ok((report, memory.is_some().then_some(true)))
}

/// Memory contents of a ReLU: x to read, y to write.
struct ReluMemory {
    x: Vec<f32>,
    y: Vec<f32>,
    x_base: u64,
    y_base: u64,
    strays: u64,
}

impl ReluMemory {
    fn new(kernel: &Relu, elements: u64, seed: u64) -> Self {
        let values = Counter::new(seed, Stream::ActivationValues);
        Self {
            x: (0..elements).map(|i| values.normal(i) as f32).collect(),
            y: vec![f32::NAN; elements as usize],
            x_base: kernel.allocations()[0].base,
            y_base: kernel.result_base(),
            strays: 0,
        }
    }

    fn check(&self) -> Result<(), RunError> {
        if self.strays > 0 {
            return Err(RunError::Strays(self.strays));
        }
        let wrong = |(x, y): &(&f32, &f32)| x.max(0.0).to_bits() != y.to_bits();
        let pairs = || self.x.iter().zip(&self.y);
        match pairs().position(|pair| wrong(&pair)) {
            None => Ok(()),
            Some(at) => Err(RunError::Wrong(Mismatch {
                row: 0,
                column: at as u64,
                found: self.y[at],
                expected: self.x[at].max(0.0).into(),
                tolerance: 0.0,
                wrong: pairs().filter(wrong).count() as u64,
            })),
        }
    }
}

impl Memory for ReluMemory {
    fn load(&self, address: u64) -> f32 {
        let at = address.checked_sub(self.x_base).map(|offset| offset as usize / 4);
        at.and_then(|at| self.x.get(at)).copied().unwrap_or(f32::NAN)
    }

    fn store(&mut self, address: u64, value: f32) {
        let at = address.checked_sub(self.y_base).map(|offset| offset as usize / 4);
        match at.and_then(|at| self.y.get_mut(at)) {
            Some(element) => *element = value,
            None => self.strays += 1,
        }
    }
}
