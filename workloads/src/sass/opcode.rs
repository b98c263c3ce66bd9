//! SASS opcodes and what they do, one table for all families of GPUs.
//!
//! The class of an opcode follows from its first part: `LDG` of `LDG.E.64`. The names and what they mean are
//! those of NVIDIA's *CUDA Binary Utilities* (instruction set reference, Maxwell to Hopper) and of the
//! tables that Accel-Sim publishes for Kepler to Hopper (`gpu-simulator/ISA_Def`). Where the two disagree,
//! NVIDIA's counts. Names newer than Hopper's were not checked against a published list.

use std::fmt;

/// What an instruction does, and so which unit executes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Integer and logic.
    Integer,
    /// Binary32.
    Single,
    /// Binary16, two numbers a lane.
    Half,
    /// Binary64.
    Double,
    /// Special functions: reciprocals, roots, sines, logarithms.
    Special,
    /// Tensor cores, and loads and stores of their own memory.
    Tensor,
    /// Conversions between types.
    Conversion,
    /// Moves between registers, permutations, shuffles, predicates, special registers.
    Move,
    /// Once a warp, on the uniform registers.
    Uniform,
    /// Loads.
    Load(Space),
    /// Stores.
    Store(Space),
    /// Atomic operations and reductions.
    Atomic(Space),
    /// Branches, calls, returns, exits, and what keeps track of divergence.
    Branch,
    /// Barriers, fences, and waits for other instructions.
    Barrier,
    /// What remains: no-operations, votes, cache control, prefetches.
    Misc,
    /// Not in the table.
    Unknown,
}

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Wherever the address says: shared, local or global memory.
    Generic,
    /// Global memory.
    Global,
    /// A thread's own memory.
    Local,
    /// A thread block's shared memory.
    Shared,
    /// Constant memory.
    Constant,
    /// Textures and surfaces.
    Texture,
}

impl Space {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Global => "global",
            Self::Local => "local",
            Self::Shared => "shared",
            Self::Constant => "constant",
            Self::Texture => "texture",
        }
    }
}

impl Class {
    /// The space that a load, store or atomic operation names.
    pub fn space(self) -> Option<Space> {
        match self {
            Self::Load(space) | Self::Store(space) | Self::Atomic(space) => Some(space),
            _ => None,
        }
    }

    /// The same class in another space.
    #[must_use]
    pub fn within(self, space: Space) -> Self {
        match self {
            Self::Load(_) => Self::Load(space),
            Self::Store(_) => Self::Store(space),
            Self::Atomic(_) => Self::Atomic(space),
            other => other,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "integer",
            Self::Single => "single",
            Self::Half => "half",
            Self::Double => "double",
            Self::Special => "special function",
            Self::Tensor => "tensor",
            Self::Conversion => "conversion",
            Self::Move => "move",
            Self::Uniform => "uniform",
            Self::Load(space) => return write!(f, "load {}", space.name()),
            Self::Store(space) => return write!(f, "store {}", space.name()),
            Self::Atomic(space) => return write!(f, "atomic {}", space.name()),
            Self::Branch => "branch",
            Self::Barrier => "barrier",
            Self::Misc => "misc",
            Self::Unknown => "unknown",
        })
    }
}

/// An opcode of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opcode {
    /// As the trace writes it, such as `LDG.E.64`.
    pub name: String,
    /// What it does.
    pub class: Class,
    /// Bytes that each lane accesses, if it accesses memory.
    pub width: u32,
}

impl Opcode {
    /// The opcode that a trace calls `name`.
    pub fn new(name: &str) -> Self {
        let base = name.split('.').next().unwrap_or(name);
        Self { name: name.to_owned(), class: class(base), width: width(base, name) }
    }
}

fn class(base: &str) -> Class {
    let row = TABLE.iter().find(|(_, names)| names.split(' ').any(|name| name == base));
    row.map_or(Class::Unknown, |(class, _)| *class)
}

/// Bytes a lane. The tracer's own figure is wrong for some opcodes, so it is read off the first part of the
/// name that is a number of bits, or a type and a number of bits; 4 where there is none. A lane of LDSM and
/// STSM gives the address of a row of 16 bytes.
fn width(base: &str, name: &str) -> u32 {
    if matches!(base, "LDSM" | "STSM") {
        return 16;
    }
    let bits = |part: &str| match part.strip_prefix(['U', 'S', 'F']).unwrap_or(part) {
        "8" => Some(8),
        "16" => Some(16),
        "32" => Some(32),
        "64" => Some(64),
        "128" => Some(128),
        "256" => Some(256),
        _ => None,
    };
    name.split('.').skip(1).find_map(bits).unwrap_or(32) / 8
}

/// Every opcode that is known, by class. To add one, put its name into its class.
const TABLE: &[(Class, &str)] = &[
    (
        Class::Integer,
        "BFE BFI BMSK BREV FLO IABS IADD IADD3 IADD32I ICMP IDP IDP4A IMAD IMADSP IMNMX IMUL IMUL32I \
         ISAD ISCADD ISCADD32I ISET ISETP ISUB LEA LOP LOP3 LOP32I POPC SGXT SHF SHL SHR VABSDIFF \
         VABSDIFF4 VADD VIADD VIADDMNMX VIMNMX VIMNMX3 VMNMX XMAD",
    ),
    (
        Class::Single,
        "FADD FADD2 FADD32I FCHK FCMP FFMA FFMA2 FFMA32I FMNMX FMNMX3 FMUL FMUL2 FMUL32I FSEL FSET \
         FSETP FSWZ FSWZADD RRO",
    ),
    (Class::Half, "HADD2 HADD2_32I HFMA2 HFMA2_32I HMNMX2 HMUL2 HMUL2_32I HSET2 HSETP2 VHMNMX"),
    (Class::Double, "DADD DFMA DMNMX DMUL DSET DSETP"),
    (Class::Special, "MUFU"),
    (
        Class::Tensor,
        "BGMMA BMMA DMMA HGMMA HMMA IGMMA IMMA LDT LDTM OMMA QGMMA QMMA STT STTM UTCATOMSWS UTCBAR \
         UTCCP UTCHMMA UTCIMMA UTCOMMA UTCQMMA UTCSHIFT",
    ),
    (Class::Conversion, "F2F F2FP F2I F2IP FRND I2F I2FP I2I I2IP"),
    (Class::Move, "CS2R CSET CSETP MOV MOV32I MOVM P2R PLOP3 PRMT PSET PSETP R2P S2R SEL SHFL"),
    (
        Class::Uniform,
        "CREDUX CS2UR R2UR REDUX S2UR UBMSK UBREV UCLEA UF2F UF2FP UF2I UF2IP UFADD UFFMA UFLO UFMNMX \
         UFMUL UFRND UFSEL UFSET UFSETP UGETNEXTWORKID UI2F UI2FP UI2I UI2IP UIABS UIADD3 UIMAD UIMNMX \
         UISETP ULEA ULEPC ULOP ULOP3 ULOP32I UMOV UP2UR UPLOP3 UPOPC UPRMT UPSETP UR2UP USEL USGXT \
         USHF USHL USHR UVIADD UVIMNMX UVIRTCOUNT VOTEU",
    ),
    (Class::Load(Space::Generic), "LD"),
    (Class::Load(Space::Global), "LDG LDGMC LDGSTS UBLKCP UTMALDG"),
    (Class::Load(Space::Local), "LDL"),
    (Class::Load(Space::Shared), "LDS LDSLK LDSM"),
    (Class::Load(Space::Constant), "LDC LDCU ULDC"),
    (Class::Load(Space::Texture), "SULD SULDGA SUQUERY TEX TEXS TLD TLD4 TLD4S TLDS TMML TXD TXQ"),
    (Class::Store(Space::Generic), "ST"),
    (Class::Store(Space::Global), "STG USTGR UTMASTG"),
    (Class::Store(Space::Local), "STL"),
    (Class::Store(Space::Shared), "STAS STS STSCUL STSM UMEMSETS"),
    (Class::Store(Space::Texture), "SUST SUSTGA"),
    (Class::Atomic(Space::Generic), "ATOM RED"),
    (Class::Atomic(Space::Global), "ATOMG REDG UBLKRED UREDGR UTMAREDG"),
    (Class::Atomic(Space::Shared), "ATOMS REDAS"),
    (Class::Atomic(Space::Texture), "SUATOM SURED"),
    (
        Class::Branch,
        "BMOV BPT BRA BREAK BRK BRX BRXU BSSY BSYNC CAL CALL CONT ENDCOLLECTIVE EXIT JCAL JMP JMX JMXU \
         KILL NANOSLEEP PBK PCNT PEXIT PRET RET RPCMOV RTT SSY SYNC YIELD",
    ),
    (
        Class::Barrier,
        "ACQBULK ARRIVES BAR CGAERRBAR DEPBAR ERRBAR FENCE LDGDEPBAR MEMBAR SYNCS UCGABAR_ARV \
         UCGABAR_WAIT WARPGROUP WARPSYNC",
    ),
    (
        Class::Misc,
        "B2R CCTL CCTLL CCTLT CSMTEST ELECT GETLMEMBASE LEPC MATCH NOP PMTRIG PREEXIT QSPC R2B SETCTAID \
         SETLMEMBASE SUBFM SUCLAMP SUEAU UBLKPF USETMAXREG USETSHMSZ UTMACCTL UTMACMDFLUSH UTMAPF VOTE \
         VOTE_VTG",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opcode_stands_in_the_table_once() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(|(_, names)| names.split(' ')).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn what_follows_the_first_part_does_not_change_the_class() {
        for (name, class) in [
            ("IMAD.MOV.U32", Class::Integer),
            ("HFMA2.MMA", Class::Half),
            ("MUFU.RCP", Class::Special),
            ("HMMA.16816.F32", Class::Tensor),
            ("ULDC.64", Class::Load(Space::Constant)),
            ("LDG.E.CG", Class::Load(Space::Global)),
            ("STS", Class::Store(Space::Shared)),
            ("RED.E.ADD.F32.FTZ.RN", Class::Atomic(Space::Generic)),
            ("MEMBAR.CTA", Class::Barrier),
            ("LDGX", Class::Unknown),
            ("", Class::Unknown),
        ] {
            assert_eq!(Opcode::new(name).class, class, "{name}");
        }
    }

    #[test]
    fn widths_are_those_of_the_types() {
        for (name, width) in [
            ("LDG.E", 4),
            ("LDG.E.U8", 1),
            ("LDG.E.S8", 1),
            ("STG.E.U16", 2),
            ("LDS.U.32", 4),
            ("LDG.E.64", 8),
            ("LDS.U.128", 16),
            ("LDG.E.128.CONSTANT", 16),
            ("LDG.E.LTC128B", 4),
            ("RED.E.ADD.F64.RN", 8),
            ("ATOMG.E.ADD.F16x2.RN", 4),
            ("LDSM.16.M88.4", 16),
        ] {
            assert_eq!(Opcode::new(name).width, width, "{name}");
        }
    }
}
