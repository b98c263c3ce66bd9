//! One instruction of a warp: a line of a trace.
//!
//! `[block and warp] [source line] PC mask ndst dst... OPCODE nsrc src... width [mode addresses] [tail]`;
//! numbers are decimal but for the program counter, the mask and addresses. What is in brackets depends on
//! the [`Layout`], the addresses on the width, which is 0 where there are none.

use std::sync::Arc;

use super::fields::{Fields, decimal, shown};
use super::header::Layout;
use super::opcode::Opcode;
use super::{Class, WARP};

/// Destination or source registers of an instruction, at most.
const REGISTER_LIMIT: u64 = 8;

/// An instruction that a warp executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Line of the source, where the trace tells it; else 0.
    pub source_line: u64,
    /// Byte offset in the kernel's code.
    pub pc: u64,
    /// A bit for each lane that is active and whose predicate holds. May be 0.
    pub mask: u32,
    /// What it does.
    pub opcode: Arc<Opcode>,
    /// Registers that it writes.
    pub destinations: Vec<Register>,
    /// Registers that it reads.
    pub sources: Vec<Register>,
    /// What it accesses; without addresses if it is no access of memory.
    pub access: Access,
    /// Immediate operands, as many as the trace has a line; else 0.
    pub immediates: [i64; 2],
}

/// A register of 32 bits a lane, or a uniform one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// `R0` to `R254`, and [`ZERO`](Self::ZERO).
    Vector(u8),
    /// `UR0` and on.
    Uniform(u8),
}

impl Register {
    /// `R255`: always zero, and depends on nothing.
    pub const ZERO: Self = Self::Vector(255);

    fn read(word: &str) -> Option<Self> {
        let number = |digits: &str| decimal(digits).and_then(|number| u8::try_from(number).ok());
        match word.strip_prefix('U') {
            Some(rest) => number(rest.strip_prefix('R')?).map(Self::Uniform),
            None => number(word.strip_prefix('R')?).map(Self::Vector),
        }
    }
}

/// The memory that an instruction accesses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Bytes of each lane, as the opcode says.
    pub width: u32,
    /// Byte addresses of the lanes of the mask, in order of lanes.
    pub addresses: Vec<u64>,
}

impl Default for Instruction {
    fn default() -> Self {
        Self {
            source_line: 0,
            pc: 0,
            mask: 0,
            opcode: Arc::new(Opcode { name: String::new(), class: Class::Unknown, width: 0 }),
            destinations: Vec::new(),
            sources: Vec::new(),
            access: Access::default(),
            immediates: [0; 2],
        }
    }
}

impl Instruction {
    /// Lanes that execute it.
    pub fn lanes(&self) -> u32 {
        self.mask.count_ones()
    }

    /// Becomes the instruction that `line` describes. `ids` are block and warp where it stands; `opcodes`
    /// finds an opcode by its name.
    pub(crate) fn read(
        &mut self,
        line: &str,
        layout: Layout,
        ids: [u64; 4],
        mut opcodes: impl FnMut(&str) -> Result<Arc<Opcode>, String>,
    ) -> Result<(), String> {
        let fields = &mut Fields::new(line);
        if layout.leading_ids {
            check_ids(fields, ids)?;
        }
        self.source_line =
            if layout.source_line { fields.decimal("line of the source", u64::MAX)? } else { 0 };
        self.pc = fields.hexadecimal("program counter", u64::MAX)?;
        self.mask = fields.hexadecimal("mask", u32::MAX.into())? as u32;
        read_registers(
            &mut self.destinations,
            fields,
            "number of destination registers",
            "destination register",
        )?;
        self.opcode = opcodes(fields.word("opcode")?)?;
        read_registers(&mut self.sources, fields, "number of source registers", "source register")?;
        self.access.addresses.clear();
        self.access.width = 0;
        if fields.decimal("width of the access", 1 << 16)? > 0 {
            self.access.width = self.opcode.width;
            read_addresses(&mut self.access.addresses, fields, self.mask)?;
        }
        self.immediates = [0; 2];
        for immediate in &mut self.immediates[..layout.immediates] {
            *immediate = fields.signed("immediate")?;
        }
        if layout.values {
            skip_values(fields, self.destinations.len() + self.sources.len())?;
        }
        fields.end()
    }
}

/// Block and warp at the head of a line are those of the section in which it stands.
fn check_ids(fields: &mut Fields<'_>, ids: [u64; 4]) -> Result<(), String> {
    let mut found = [0; 4];
    for id in &mut found {
        *id = fields.decimal("thread block and warp", u64::MAX)?;
    }
    if found == ids {
        return Ok(());
    }
    let text = |[x, y, z, warp]: [u64; 4]| format!("warp {warp} of thread block {x},{y},{z}");
    Err(format!("an instruction of {} among those of {}", text(found), text(ids)))
}

/// Registers, which messages call `what`, behind their `number`.
fn read_registers(
    registers: &mut Vec<Register>,
    fields: &mut Fields<'_>,
    number: &str,
    what: &str,
) -> Result<(), String> {
    registers.clear();
    for _ in 0..fields.decimal(number, REGISTER_LIMIT)? {
        let word = fields.word(what)?;
        let problem = || format!("{what} `{}`; expected R0 to R255, or UR0 to UR255", shown(word));
        registers.push(Register::read(word).ok_or_else(problem)?);
    }
    Ok(())
}

/// The addresses of the lanes of `mask`: a list (mode 0), a base and a stride (1), or a base and the
/// differences from lane to lane (2).
fn read_addresses(addresses: &mut Vec<u64>, fields: &mut Fields<'_>, mask: u32) -> Result<(), String> {
    let lanes = mask.count_ones();
    let address = |fields: &mut Fields<'_>| fields.hexadecimal("address", u64::MAX);
    let mode = fields.word("mode of the addresses")?;
    match mode {
        "0" => {
            for _ in 0..lanes {
                addresses.push(address(fields)?);
            }
        }
        "1" => {
            let (base, stride) = (address(fields)?, fields.signed("stride")?);
            if mask.leading_zeros() + lanes + mask.trailing_zeros() != WARP && mask != 0 {
                return Err(format!(
                    "addresses by a stride, with mask {mask:08x} of lanes that do not adjoin"
                ));
            }
            for lane in 0..lanes {
                addresses.push(offset(base, stride.checked_mul(lane.into()))?);
            }
        }
        "2" => {
            let mut last = address(fields)?;
            addresses.extend((lanes > 0).then_some(last));
            for _ in 1..lanes {
                last = offset(last, Some(fields.signed("difference of addresses")?))?;
                addresses.push(last);
            }
        }
        _ => {
            return Err(format!(
                "mode of the addresses `{}`; allowed: 0 (a list), 1 (base and stride), 2 (base and \
                 differences)",
                shown(mode)
            ));
        }
    }
    Ok(())
}

fn offset(base: u64, step: Option<i64>) -> Result<u64, String> {
    step.and_then(|step| base.checked_add_signed(step))
        .ok_or_else(|| format!("addresses from {base:#x} on leave the 64 bits that an address has"))
}

/// The values of `registers` registers, each as a count and as many numbers. They are checked and left out.
fn skip_values(fields: &mut Fields<'_>, registers: usize) -> Result<(), String> {
    let word = fields.word("Val or NoVal")?;
    match word {
        "NoVal" => return Ok(()),
        "Val" => {}
        _ => return Err(format!("found `{}`; expected Val or NoVal", shown(word))),
    }
    for _ in 0..registers {
        for _ in 0..fields.decimal("number of a register's values", WARP.into())? {
            fields.hexadecimal("value of a register", u64::MAX)?;
        }
    }
    Ok(())
}
