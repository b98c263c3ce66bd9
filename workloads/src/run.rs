//! Runs a matrix product on a simulated machine, by one of the kernels, and checks its result.

use gpu_model::gpu::{Gpu, KernelReport, RunOptions, SimError};
use gpu_model::kernel::{Kernel, Memory};
use gpu_model::params::Machine;
use sim_core::TickOrder;

use crate::gemm::{Gemm, GemmMemory, Placements};
use crate::kernels::{Dense, DenseTiled, Spartan, SpartanPlain, TileChoice};
use crate::params;
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
    /// Order of ticks.
    pub order: TickOrder,
    /// Called with the number of workgroups, then with how many are complete.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has so many workgroups.
    Total(u64),
    /// So many are complete.
    Done(u64),
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
            run_kernel(gemm, which, &kernel, *kernel.placements(), "32x32".into(), machine, options)
        }
        GemmKernel::DenseTiled => {
            let kernel =
                DenseTiled::new(gemm, machine, tile, order).map_err(RunError::Configuration)?;
            run_kernel(gemm, which, &kernel, *kernel.placements(), kernel.tile(), machine, options)
        }
        GemmKernel::Spartan => {
            let kernel =
                Spartan::new(gemm, machine, options.kernel, tile).map_err(RunError::Configuration)?;
            run_kernel(gemm, which, &kernel, *kernel.placements(), kernel.tile(), machine, options)
        }
        GemmKernel::SpartanPlain => {
            let kernel = SpartanPlain::new(gemm, machine, order);
            run_kernel(gemm, which, &kernel, *kernel.placements(), "64x16".into(), machine, options)
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
    let capacity = machine.gpu.dram.capacity;
    let end = placements.c.base + placements.c.bytes();
    if end > capacity.0 {
        let list: Vec<String> =
            placements.allocations().iter().map(|a| format!("{} {} bytes", a.name, a.bytes)).collect();
        return Err(RunError::Configuration(format!(
            "the matrices ({}) need {end} bytes, more than the modelled DRAM holds: gpu.dram.capacity = \"{capacity}\"",
            list.join(", ")
        )));
    }
    let matrix = which.is_sparse().then(|| placements.registered_b(gemm));
    let mut gpu = Gpu::new(machine, matrix)?;
    let mut memory = options.verify_with.map(|a| GemmMemory::new(gemm, placements, a));
    let progress = options.progress;
    progress(Progress::Total(kernel.workgroups()));
    let report = gpu.run(
        kernel,
        RunOptions {
            order: options.order,
            memory: memory.as_mut().map(|memory| memory as &mut dyn Memory),
            progress: &mut |done| progress(Progress::Done(done)),
        },
    )?;
    if let (Some(memory), Some(a)) = (&memory, options.verify_with) {
        if memory.strays() > 0 {
            return Err(RunError::Strays(memory.strays()));
        }
        verify(gemm, a, memory.c(), which.is_sparse()).map_err(RunError::Wrong)?;
    }
    Ok(GemmRun { report, tile, verified: memory.is_some() })
}
