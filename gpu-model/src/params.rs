//! Parameters of the GPU. Defaults are the `mi6` machine's (AMD Radeon Instinct MI6, table 6.3 of the
//! dissertation, at MGPUSim's 1 GHz).

use compaction_engine::params::Engine;
use mem_hierarchy::dram::Dram;
use mem_hierarchy::params::{Crossbar, L1, L2, Translation};
use sim_core::params::{Bytes, Hertz, any, power_of_two, range};

sim_core::parameters! {
    /// Local data share of a compute unit.
    pub struct Lds {
        /// Capacity of a compute unit's LDS.
        size: Bytes = Bytes::kib(64), "", power_of_two(Bytes::kib(1), Bytes::mib(1));
        /// Banks of four bytes; each serves one word a cycle.
        banks: u32 = 32, "", power_of_two(1, 256);
        /// From the end of an access's last bank cycle to its data in the registers.
        latency: u32 = 18, "cycles", range(1, 1_000);
        /// Whether accesses take their bank cycles; without, each access takes one cycle.
        conflicts: bool = true, "", any();
    }
}

sim_core::parameters! {
    /// Vector memory unit of a compute unit.
    pub struct VectorMemory {
        /// From issue to the first line request leaving the coalescer; the wavefront may then go on.
        issue_latency: u32 = 6, "cycles", range(1, 1_000);
        /// From the coalescer to the L1 cache (address translation and queues included).
        pipeline_latency: u32 = 60, "cycles", range(1, 1_000);
        /// Line requests that the coalescer makes in a cycle.
        lines_per_cycle: u32 = 1, "a cycle", range(1, 64);
        /// Line requests of a compute unit that may be in flight; those of an instruction make room together.
        in_flight: u32 = 512, "", range(1, 65_536);
    }
}

sim_core::parameters! {
    /// A compute unit: SIMD units issuing in turn, one scalar unit, LDS and a vector memory unit.
    pub struct ComputeUnit {
        /// SIMD units.
        simds: u32 = 4, "", range(1, 16);
        /// Lanes of a SIMD unit: a wavefront's vector instruction holds it for 64 / lanes cycles.
        simd_lanes: u32 = 16, "", power_of_two(1, 64);
        /// Wavefronts resident on a SIMD unit.
        wavefronts: u32 = 10, "", range(1, 64);
        /// Vector registers of a SIMD unit, a lane.
        vgprs: u32 = 256, "", range(16, 4_096);
        /// From a vector instruction's issue to the issue of one that depends on it.
        valu_latency: u32 = 5, "cycles", range(1, 1_000);
        /// The same for scalar instructions.
        salu_latency: u32 = 4, "cycles", range(1, 1_000);
        /// From a branch's issue to its outcome.
        branch_latency: u32 = 3, "cycles", range(1, 1_000);
        /// From a branch's outcome to the next instruction in the instruction buffer.
        fetch_latency: u32 = 10, "cycles", range(1, 1_000);
        /// What the first instruction of a kernel waits for in each shader array (instruction cache and,
        /// where there is one, instruction TLB are cold).
        cold_fetch_latency: u32 = 150, "cycles", range(1, 100_000);
        /// Scalar load that hits.
        scalar_load_latency: u32 = 18, "cycles", range(1, 1_000);
        /// First scalar load of a kernel in each shader array.
        cold_scalar_load_latency: u32 = 150, "cycles", range(1, 100_000);
        /// Local data share.
        lds: group Lds;
        /// Vector memory unit.
        vmem: group VectorMemory;
    }
}

sim_core::parameters! {
    /// Workgroup dispatch.
    pub struct Dispatch {
        /// Cycles between two dispatched workgroups.
        interval: u32 = 4, "cycles", range(1, 10_000);
        /// Cycles for which a completing workgroup holds the dispatcher.
        completion: u32 = 0, "cycles", range(0, 10_000);
        /// From the dispatcher to the wavefronts' first fetch, and from a workgroup's end to the dispatcher.
        latency: u32 = 12, "cycles", range(1, 10_000);
    }
}

sim_core::parameters! {
    /// The GPU.
    pub struct Gpu {
        /// Name under which results are reported.
        name: String = "mi6".into(), "", any();
        /// Core clock: compute units, caches, crossbar and engine.
        clock: Hertz = Hertz::mhz(1_000), "", range(Hertz::mhz(1), Hertz::mhz(20_000));
        /// Compute units.
        compute_units: u32 = 36, "", range(1, 1_024);
        /// Compute units of a shader array (they share instruction and scalar caches).
        cus_per_array: u32 = 4, "", range(1, 64);
        /// A compute unit.
        cu: group ComputeUnit;
        /// Workgroup dispatch.
        dispatch: group Dispatch;
        /// Address translation.
        translation: group Translation;
        /// L1 vector cache.
        l1: group L1;
        /// Crossbar.
        crossbar: group Crossbar;
        /// L2 cache.
        l2: group L2;
        /// Memory.
        dram: group Dram;
    }
}

/// The modelled machine: a GPU and its compaction engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// The GPU.
    pub gpu: Gpu,
    /// The engine; idle in dense modes.
    pub engine: Engine,
}
