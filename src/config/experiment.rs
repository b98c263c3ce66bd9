//! An experiment: everything that a run depends on, resolved.

use compaction_engine::params::Engine;
use gpu_model::params::Gpu;
use sim_core::params::any;
use workloads::params::Kernel;

use super::mode::Modes;
use super::workload::Workload;

sim_core::parameters! {
    /// A GPU, a workload, and the modes to compare on them.
    pub struct Experiment {
        /// Name under which results are reported.
        name: String = "unnamed".into(), "", any();
        /// One line on what it is for.
        description: String = String::new(), "", any();
        /// Modes to run, in this order.
        modes: Modes = Modes::default(), "", any();
        /// Whether C is accumulated from the values fetched and compared with a reference.
        verify: bool = false, "", any();
        /// Seed of everything random: matrices, generated activations, replacement.
        seed: u64 = 0, "", any();
        /// What is computed.
        workload: group Workload;
        /// How the kernels are tiled and dispatched.
        kernel: group Kernel;
        /// The GPU: `"mi6"`, or `(preset: "mi6", ...)` with what differs.
        gpu: group Gpu;
        /// The compaction engine.
        engine: group Engine;
    }
}
