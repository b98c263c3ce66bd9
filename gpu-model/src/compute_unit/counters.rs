//! What a compute unit counts.

use serde::Serialize;

/// Wavefront instructions issued, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InstructionCounts {
    /// Vector arithmetic.
    pub valu: u64,
    /// Scalar arithmetic and scalar memory.
    pub salu: u64,
    /// LDS.
    pub lds: u64,
    /// Vector memory.
    pub vmem: u64,
    /// Branches.
    pub branch: u64,
    /// Waits, barriers, ends and the like.
    pub special: u64,
}

impl InstructionCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.valu + self.salu + self.lds + self.vmem + self.branch + self.special
    }
}

impl std::ops::AddAssign for InstructionCounts {
    fn add_assign(&mut self, o: Self) {
        self.valu += o.valu;
        self.salu += o.salu;
        self.lds += o.lds;
        self.vmem += o.vmem;
        self.branch += o.branch;
        self.special += o.special;
    }
}

/// Counters of a compute unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ComputeUnitStats {
    /// Instructions issued.
    pub instructions: InstructionCounts,
    /// Cycles for which its SIMD units were held, all of them together.
    pub simd_busy_cycles: u64,
    /// Bank cycles of its LDS.
    pub lds_busy_cycles: u64,
    /// Misses of its TLB.
    pub tlb_misses: u64,
}

impl std::ops::AddAssign for ComputeUnitStats {
    fn add_assign(&mut self, o: Self) {
        self.instructions += o.instructions;
        self.simd_busy_cycles += o.simd_busy_cycles;
        self.lds_busy_cycles += o.lds_busy_cycles;
        self.tlb_misses += o.tlb_misses;
    }
}
