//! What a kernel does, counted: instructions by class, active lanes, accesses, footprint.
//!
//! ```no_run
//! # use workloads::sass::{Profile, Reader, TraceError};
//! # fn count(mut reader: Reader) -> Result<Profile, TraceError> {
//! let header = reader.header().clone();
//! let mut profile = Profile::default();
//! while let Some(event) = reader.next_event()? {
//!     profile.count(&header, &event);
//! }
//! # Ok(profile)
//! # }
//! ```

use std::collections::BTreeMap;

use super::footprint::{Footprint, LINE_BYTES};
use super::header::Header;
use super::instruction::{Access, Instruction};
use super::opcode::{Class, Space};
use super::reader::Event;

/// Bytes of a sector: what NVIDIA's caches and memories transfer at least.
pub const SECTOR_BYTES: u64 = 32;
/// Lanes of one interval of the histogram of active lanes.
const LANES_OF_INTERVAL: u32 = 4;

/// What a kernel, or several, do.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Thread blocks.
    pub thread_blocks: u64,
    /// Warps.
    pub warps: u64,
    /// All instructions.
    pub instructions: Count,
    /// Instructions of each class. An access of generic memory counts where its first lane goes.
    pub classes: BTreeMap<Class, Count>,
    /// Instructions by opcode, of those opcodes that the table does not have.
    pub unknown: BTreeMap<String, Count>,
    /// Instructions by active lanes: none, 1 to 4, 5 to 8, up to 29 to 32.
    pub active_lanes: [u64; 9],
    /// Accesses with addresses, by where the first lane goes.
    pub accesses: BTreeMap<Space, Accesses>,
    /// How accesses of global memory fall into sectors and lines.
    pub coalescing: Coalescing,
    /// Lines of global memory.
    pub footprint: Footprint,
    scratch: Vec<u64>,
}

/// Instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Executed by a warp.
    pub warp: u64,
    /// Executed by a thread: set bits of masks.
    pub thread: u64,
}

/// Accesses of one space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    /// Loads.
    pub loads: Count,
    /// Stores.
    pub stores: Count,
    /// Atomic operations and reductions, and accesses by opcodes of any other class.
    pub others: Count,
    /// Bytes that the lanes asked for.
    pub bytes: u64,
}

/// How accesses fall into sectors and lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coalescing {
    /// Accesses of warps.
    pub accesses: u64,
    /// Bytes that the lanes asked for.
    pub bytes: u64,
    /// Sectors of 32 bytes, each once an access.
    pub sectors: u64,
    /// Lines of 128 bytes, each once an access.
    pub lines: u64,
}

impl Profile {
    /// Counts the next event of the kernel with `header`.
    pub fn count(&mut self, header: &Header, event: &Event<'_>) {
        match event {
            Event::Block(_) => self.thread_blocks += 1,
            Event::Warp { .. } => self.warps += 1,
            Event::Instruction(instruction) => self.count_instruction(header, instruction),
            Event::End => {}
        }
    }

    /// Adds another kernel. Its thread blocks are others than those counted here.
    pub fn absorb(&mut self, other: &Self) {
        self.thread_blocks += other.thread_blocks;
        self.warps += other.warps;
        self.instructions.add(other.instructions);
        for (class, count) in &other.classes {
            self.classes.entry(*class).or_default().add(*count);
        }
        for (opcode, count) in &other.unknown {
            self.unknown.entry(opcode.clone()).or_default().add(*count);
        }
        for (sum, count) in self.active_lanes.iter_mut().zip(other.active_lanes) {
            *sum += count;
        }
        for (space, accesses) in &other.accesses {
            self.accesses.entry(*space).or_default().add(accesses);
        }
        self.coalescing.add(&other.coalescing);
        self.footprint.absorb(&other.footprint);
    }

    fn count_instruction(&mut self, header: &Header, instruction: &Instruction) {
        let lanes = instruction.lanes();
        let one = Count { warp: 1, thread: lanes.into() };
        self.instructions.add(one);
        self.active_lanes[lanes.div_ceil(LANES_OF_INTERVAL) as usize] += 1;
        let class = resolved(header, instruction);
        self.classes.entry(class).or_default().add(one);
        if class == Class::Unknown {
            self.count_unknown(&instruction.opcode.name, one);
        }
        let Some(&first) = instruction.access.addresses.first() else { return };
        let space = class.space().unwrap_or_else(|| space_of(header, first));
        let bytes = u64::from(lanes) * u64::from(instruction.access.width);
        self.accesses.entry(space).or_default().count(class, one, bytes);
        if space == Space::Global {
            self.coalesce(&instruction.access, bytes);
        }
    }

    fn count_unknown(&mut self, opcode: &str, one: Count) {
        if let Some(count) = self.unknown.get_mut(opcode) {
            count.add(one);
        } else {
            self.unknown.insert(opcode.to_owned(), one);
        }
    }

    /// Counts the sectors and lines of an access; the lines are touched by the latest thread block.
    fn coalesce(&mut self, access: &Access, bytes: u64) {
        let sectors = &mut self.scratch;
        sectors.clear();
        let last_byte = u64::from(access.width.saturating_sub(1));
        for &address in &access.addresses {
            let (first, last) = (address / SECTOR_BYTES, address.saturating_add(last_byte) / SECTOR_BYTES);
            sectors.extend(first..=last);
        }
        sectors.sort_unstable();
        sectors.dedup();
        let mut lines = 0;
        let mut previous = None;
        for line in sectors.iter().map(|sector| sector / (LINE_BYTES / SECTOR_BYTES)) {
            if previous != Some(line) {
                previous = Some(line);
                lines += 1;
                self.footprint.touch(line, self.thread_blocks);
            }
        }
        let sectors = sectors.len() as u64;
        self.coalescing.add(&Coalescing { accesses: 1, bytes, sectors, lines });
    }
}

impl Count {
    fn add(&mut self, other: Self) {
        self.warp += other.warp;
        self.thread += other.thread;
    }
}

impl Accesses {
    fn count(&mut self, class: Class, one: Count, bytes: u64) {
        self.bytes += bytes;
        match class {
            Class::Load(_) => self.loads.add(one),
            Class::Store(_) => self.stores.add(one),
            _ => self.others.add(one),
        }
    }

    fn add(&mut self, other: &Self) {
        self.loads.add(other.loads);
        self.stores.add(other.stores);
        self.others.add(other.others);
        self.bytes += other.bytes;
    }

    /// Accesses of all kinds.
    pub fn all(&self) -> Count {
        let mut all = self.loads;
        all.add(self.stores);
        all.add(self.others);
        all
    }
}

impl Coalescing {
    fn add(&mut self, other: &Self) {
        self.accesses += other.accesses;
        self.bytes += other.bytes;
        self.sectors += other.sectors;
        self.lines += other.lines;
    }
}

/// The instruction's class, generic accesses by where their first lane goes.
fn resolved(header: &Header, instruction: &Instruction) -> Class {
    let class = instruction.opcode.class;
    match (class.space(), instruction.access.addresses.first()) {
        (Some(Space::Generic), Some(&address)) => class.within(space_of(header, address)),
        _ => class,
    }
}

/// Where a generic `address` leads.
fn space_of(header: &Header, address: u64) -> Space {
    if header.is_shared(address) {
        Space::Shared
    } else if header.is_local(address) {
        Space::Local
    } else {
        Space::Global
    }
}
