//! The messages between compute units, caches, engine and memory.
//!
//! Addresses travel as line numbers (byte address / 64). A *sparse* read asks for the compacted line
//! that stands for the dense line of that address; its answer carries the line's 16 bundles and whether
//! it is the column's last. Plain data carry no values: the model of time does not need them.

use serde::Serialize;

/// Bytes of a cache line.
pub const LINE_BYTES: u64 = 64;

/// A 64-byte line, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(pub u64);

impl Line {
    /// The line that holds byte `address`.
    pub fn of(address: u64) -> Self {
        Self(address / LINE_BYTES)
    }
    /// Byte address of the line's first byte.
    pub fn address(self) -> u64 {
        self.0 * LINE_BYTES
    }
}

/// What is asked of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read the plain line.
    Read,
    /// Read the compacted line that stands for it.
    SparseRead,
    /// Write all 64 bytes.
    WriteFull,
    /// Write some of its bytes.
    WritePart,
}

impl Access {
    /// Whether it is a write.
    pub fn is_write(self) -> bool {
        matches!(self, Self::WriteFull | Self::WritePart)
    }
}

/// A compacted line as the engine delivers it: 16 words of bundles and the *last* flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactedLine {
    /// The bundles in row order, row index in the high half, FP16 value in the low half; zero behind the
    /// final one.
    pub words: [u32; 16],
    /// No non-zero of the column follows this line.
    pub last: bool,
}

impl CompactedLine {
    /// The answer for a column without non-zeros, and for a request past a column's final line.
    pub const EMPTY: Self = Self { words: [0; 16], last: true };

    /// Padding words at the end of the line.
    ///
    /// A column whose only non-zero is a positive one in row 0 that FP16 rounds to zero counts as empty
    /// here, because its bundle is a zero word.
    pub fn padding_words(&self) -> u32 {
        self.words.iter().rev().take_while(|word| **word == 0).count() as u32
    }
}

/// What tells cached lines apart: the line and the sparse bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// No line.
    pub const NONE: Self = Self(u64::MAX);

    /// The key of `line` under `access`.
    pub fn new(line: Line, access: Access) -> Self {
        Self(line.0 << 1 | u64::from(access == Access::SparseRead))
    }
    /// The line.
    pub fn line(self) -> Line {
        Line(self.0 >> 1)
    }
    /// Whether the sparse bit is set.
    pub fn is_sparse(self) -> bool {
        self.0 & 1 == 1
    }
}

/// From a compute unit to its L1 cache.
#[derive(Clone, Copy, Debug)]
pub struct LineRequest {
    /// The line.
    pub line: Line,
    /// What is asked.
    pub access: Access,
    /// The compute unit's own name for the request.
    pub tag: u32,
}

/// From an L1 cache back to its compute unit: the data are there, or the write is acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct LineResponse {
    /// The request's tag.
    pub tag: u32,
    /// Whether it comes from L1's own data array.
    pub hit: bool,
    /// What a sparse read asked for.
    pub data: Option<CompactedLine>,
}

/// From an L1 cache to an L2 slice.
#[derive(Clone, Copy, Debug)]
pub struct L2Request {
    /// The line.
    pub line: Line,
    /// What is asked.
    pub access: Access,
    /// The compute unit whose L1 asks.
    pub cu: u16,
    /// The L1's own name for the request.
    pub tag: u32,
}

/// From an L2 slice back to an L1 cache.
#[derive(Clone, Copy, Debug)]
pub struct L2Response {
    /// The compute unit whose L1 asked.
    pub cu: u16,
    /// The request's tag.
    pub tag: u32,
    /// Whether it acknowledges a write.
    pub is_write: bool,
    /// What a sparse read asked for.
    pub data: Option<CompactedLine>,
}

/// From an L2 slice or the engine to a memory controller.
#[derive(Clone, Copy, Debug)]
pub struct MemoryRequest {
    /// The line.
    pub line: Line,
    /// Write (posted, not answered) or read.
    pub is_write: bool,
    /// The sender's own name for a read.
    pub tag: u32,
}

/// From a memory controller: a read's data are there.
#[derive(Clone, Copy, Debug)]
pub struct MemoryResponse {
    /// The request's tag.
    pub tag: u32,
}

/// From an L2 slice to the engine.
#[derive(Clone, Copy, Debug)]
pub struct SparseRequest {
    /// The dense line that the compacted one stands for.
    pub line: Line,
    /// The slice's own name for the request.
    pub tag: u32,
}

/// From the engine to an L2 slice.
#[derive(Clone, Copy, Debug)]
pub struct SparseResponse {
    /// The request's tag.
    pub tag: u32,
    /// The compacted line.
    pub data: CompactedLine,
}

/// Counters of a cache. Transactions = hits + merged + misses, reads and writes alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheStats {
    /// Reads, sparse ones included.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Sparse reads among the reads.
    pub sparse_reads: u64,
    /// Hits.
    pub hits: u64,
    /// Misses that found their line on its way already.
    pub merged: u64,
    /// Misses that asked the next level.
    pub misses: u64,
    /// Lines that left for others.
    pub evictions: u64,
    /// Dirty lines written back.
    pub writebacks: u64,
    /// Cycles from a read's arrival to its data leaving.
    pub read_latency: sim_core::Mean,
}

impl std::ops::AddAssign for CacheStats {
    fn add_assign(&mut self, o: Self) {
        self.reads += o.reads;
        self.writes += o.writes;
        self.sparse_reads += o.sparse_reads;
        self.hits += o.hits;
        self.merged += o.merged;
        self.misses += o.misses;
        self.evictions += o.evictions;
        self.writebacks += o.writebacks;
        self.read_latency += o.read_latency;
    }
}
