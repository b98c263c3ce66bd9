//! Reading one kernel's trace, event by event or a thread block at a time.

use std::fmt;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::TraceError;
use super::fields::{bounded, decimal, shown};
use super::header::{Header, position};
use super::instruction::Instruction;
use super::lines::Lines;
use super::opcode::Opcode;

/// Different opcodes that a kernel may have; real ones have a few hundred.
const OPCODE_LIMIT: usize = 1 << 14;

/// A kernel's trace being read. Memory does not grow with the file.
pub struct Reader {
    lines: Lines,
    header: Header,
    place: Place,
    /// Blocks that have begun.
    blocks: u64,
    opcodes: FxHashMap<String, Arc<Opcode>>,
    instruction: Instruction,
}

/// Where the reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BetweenBlocks,
    Block(Inside),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inside {
    position: [u64; 3],
    /// Bits of the warps that have begun.
    warps: u32,
    /// The latest of them.
    warp: u64,
    /// Its instructions still to come, and all of them.
    left: u64,
    instructions: u64,
}

/// What comes next in a trace.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A thread block begins.
    Block(Block),
    /// A warp of it begins.
    Warp {
        /// Its number in the block.
        id: u32,
        /// Instructions that it executed; may be 0.
        instructions: u64,
    },
    /// The warp's next instruction.
    Instruction(&'a Instruction),
    /// The thread block ends.
    End,
}

/// Which thread block it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// x, y and z in the grid.
    pub position: [u64; 3],
    /// Its cluster, where the tracer tells it.
    pub cluster: Option<Cluster>,
}

/// A thread block's place in a cluster of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// x, y and z of the cluster.
    pub id: [u64; 3],
    /// x, y and z of the block in the cluster.
    pub member: [u64; 3],
    /// Number of the block in the cluster.
    pub rank: u64,
}

/// A thread block with all that its warps executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadBlock {
    /// Which one it is.
    pub block: Block,
    /// Its warps, in the order of the trace.
    pub warps: Vec<Warp>,
}

/// What a warp executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warp {
    /// Its number in the block.
    pub id: u32,
    /// In order.
    pub instructions: Vec<Instruction>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("kernel", &self.header.name).field("place", &self.place).finish()
    }
}

impl Reader {
    /// Opens a `.traceg` or `.traceg.xz` file and reads its header.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        Self::new(Lines::open(path)?)
    }

    /// Reads a trace from memory; `name` is what messages call it.
    pub fn from_text(name: &str, text: &str) -> Result<Self, TraceError> {
        Self::new(Lines::new(name.to_owned(), Box::new(Cursor::new(text.to_owned().into_bytes()))))
    }

    fn new(mut lines: Lines) -> Result<Self, TraceError> {
        let header = Header::read(&mut lines)?;
        Ok(Self {
            lines,
            header,
            place: Place::BetweenBlocks,
            blocks: 0,
            opcodes: FxHashMap::default(),
            instruction: Instruction::default(),
        })
    }

    /// What the trace says of its kernel.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next event, `None` at the end. A file that ends before all thread blocks of the grid have is an
    /// error.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, TraceError> {
        match self.place {
            Place::BetweenBlocks => Ok(self.next_block()?.map(Event::Block)),
            Place::Block(inside) if inside.left > 0 => self.next_instruction(inside).map(Some),
            Place::Block(inside) => self.next_warp(inside).map(Some),
        }
    }

    /// The next thread block as a whole, `None` at the end. What is left of one that has begun is passed
    /// over.
    pub fn block(&mut self) -> Result<Option<ThreadBlock>, TraceError> {
        let block = loop {
            match self.next_event()? {
                Some(Event::Block(block)) => break block,
                Some(_) => {}
                None => return Ok(None),
            }
        };
        let mut warps: Vec<Warp> = Vec::new();
        while let Some(event) = self.next_event()? {
            match event {
                Event::Warp { id, .. } => warps.push(Warp { id, instructions: Vec::new() }),
                Event::Instruction(instruction) => {
                    if let Some(warp) = warps.last_mut() {
                        warp.instructions.push(instruction.clone());
                    }
                }
                Event::Block(_) | Event::End => break,
            }
        }
        Ok(Some(ThreadBlock { block, warps }))
    }

    fn next_block(&mut self) -> Result<Option<Block>, TraceError> {
        if !self.lines.advance()? {
            return match self.header.blocks() {
                blocks if blocks == self.blocks => Ok(None),
                blocks => Err(self
                    .lines
                    .whole(format!("the file ends after {} of {blocks} thread blocks", self.blocks))),
            };
        }
        if self.lines.text() != "#BEGIN_TB" {
            return Err(self.unexpected("#BEGIN_TB, or the end of the file"));
        }
        self.blocks += 1;
        if self.blocks > self.header.blocks() {
            let blocks = self.header.blocks();
            return Err(self.lines.problem(format!("another thread block, after all {blocks} of the grid")));
        }
        self.lines.require("`thread block = x,y,z`")?;
        let found = value(self.lines.text(), "thread block").and_then(position);
        let inside = |position: &[u64; 3]| position.iter().zip(&self.header.grid).all(|(at, size)| at < size);
        let Some(position) = found.filter(inside) else {
            let [x, y, z] = self.header.grid;
            return Err(self.unexpected(&format!("`thread block = x,y,z` within the grid of {x},{y},{z}")));
        };
        self.place = Place::Block(Inside { position, warps: 0, warp: 0, left: 0, instructions: 0 });
        Ok(Some(Block { position, cluster: self.cluster()? }))
    }

    /// The lines of the cluster, if there are any.
    fn cluster(&mut self) -> Result<Option<Cluster>, TraceError> {
        let mut cluster = None;
        loop {
            self.lines.require(IN_BLOCK)?;
            let line = self.lines.text();
            if !line.starts_with("cluster ") {
                self.lines.hold();
                return Ok(cluster);
            }
            let told: &mut Cluster = cluster.get_or_insert_default();
            let read = if let Some(id) = value(line, "cluster id") {
                position(id).map(|id| told.id = id)
            } else if let Some(member) = value(line, "cluster cta") {
                position(member).map(|member| told.member = member)
            } else {
                value(line, "cluster rank").and_then(decimal).map(|rank| told.rank = rank)
            };
            if read.is_none() {
                return Err(
                    self.unexpected("`cluster id = x,y,z`, `cluster cta = x,y,z` or `cluster rank = n`")
                );
            }
        }
    }

    fn next_warp(&mut self, inside: Inside) -> Result<Event<'_>, TraceError> {
        self.lines.require(IN_BLOCK)?;
        let line = self.lines.text();
        if line == "#END_TB" {
            self.place = Place::BetweenBlocks;
            return Ok(Event::End);
        }
        let Some(id) = value(line, "warp") else { return Err(self.unexpected(IN_BLOCK)) };
        let most = self.header.warps() - 1;
        let warp = bounded(decimal(id), id, "warp", most).map_err(|problem| self.lines.problem(problem))?;
        if inside.warps & 1 << warp != 0 {
            return Err(self.lines.problem(format!("warp {warp} a second time in its thread block")));
        }
        self.lines.require("`insts = n`")?;
        let Some(instructions) = value(self.lines.text(), "insts").and_then(decimal) else {
            return Err(self.unexpected("`insts = n`"));
        };
        let warps = inside.warps | 1 << warp;
        self.place = Place::Block(Inside { warps, warp, left: instructions, instructions, ..inside });
        Ok(Event::Warp { id: warp as u32, instructions })
    }

    fn next_instruction(&mut self, inside: Inside) -> Result<Event<'_>, TraceError> {
        let Inside { position: [x, y, z], warp, left, instructions, .. } = inside;
        let place = || {
            format!(
                "instruction {} of {instructions} of warp {warp} of thread block {x},{y},{z}",
                instructions - left + 1
            )
        };
        if !self.lines.advance()? {
            return Err(self.lines.problem(format!("the file ends; expected {}", place())));
        }
        let line = self.lines.text();
        if line.starts_with('#') || line.starts_with("warp ") {
            return Err(self.unexpected(&place()));
        }
        let opcodes = &mut self.opcodes;
        self.instruction
            .read(line, self.header.layout, [x, y, z, warp], |name| interned(opcodes, name))
            .map_err(|problem| self.lines.problem(problem))?;
        self.place = Place::Block(Inside { left: left - 1, ..inside });
        Ok(Event::Instruction(&self.instruction))
    }

    fn unexpected(&self, expected: &str) -> TraceError {
        self.lines.problem(format!("found `{}`; expected {expected}", shown(self.lines.text())))
    }
}

/// What may stand between the warps of a thread block.
const IN_BLOCK: &str = "`warp = n` or #END_TB";

/// The opcode called `name`, classified once.
fn interned(opcodes: &mut FxHashMap<String, Arc<Opcode>>, name: &str) -> Result<Arc<Opcode>, String> {
    if let Some(opcode) = opcodes.get(name) {
        return Ok(Arc::clone(opcode));
    }
    if opcodes.len() == OPCODE_LIMIT {
        return Err(format!("more than {OPCODE_LIMIT} different opcodes"));
    }
    let opcode = Arc::new(Opcode::new(name));
    opcodes.insert(name.to_owned(), Arc::clone(&opcode));
    Ok(opcode)
}

/// What follows `key =` in a line.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.trim_start().strip_prefix('=').map(str::trim)
}
