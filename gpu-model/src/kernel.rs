//! What runs on the GPU: a grid of workgroups whose wavefronts are lazy streams of instructions.
//!
//! A kernel never stores a trace. Its wavefronts are small states; [`Kernel::next`] steps one, and
//! [`Kernel::access`] tells the addresses of the memory instruction at which it stands. Where results are
//! verified, the same addresses fetch the values from which the wavefront computes: see
//! [`Kernel::execute`].

use mem_hierarchy::request::CompactedLine;

use crate::instruction::{Instruction, VectorAccess};

/// What a workgroup needs of a compute unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Wavefronts.
    pub wavefronts: u32,
    /// Vector registers of each of its threads.
    pub vgprs: u32,
    /// LDS bytes.
    pub lds_bytes: u32,
}

/// A range of memory that a kernel uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// What it holds.
    pub name: &'static str,
    /// Byte address of its first byte.
    pub base: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A step of a wavefront that has an effect on values; seen only by runs that verify results.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// An arithmetic or LDS instruction was issued, or a store with these addresses.
    Issued(Option<&'a VectorAccess>),
    /// A vector load's data have arrived from these addresses.
    Loaded(&'a VectorAccess),
}

/// The values that a wavefront's instructions work on, in runs that verify results.
pub struct Values<'a> {
    /// The workgroup's LDS, in words.
    pub lds: &'a mut [f32],
    /// Memory.
    pub memory: &'a mut dyn Memory,
}

/// Memory contents, as verification needs them.
pub trait Memory {
    /// The word at a byte address.
    fn load(&self, address: u64) -> f32;
    /// Changes the word at a byte address.
    fn store(&mut self, address: u64, value: f32);
}

/// A kernel. Compute units on several threads share it; each wavefront stays on one of them.
pub trait Kernel: Sync {
    /// The state of a wavefront.
    type Wavefront: std::fmt::Debug + Send;

    /// Its name in reports.
    fn name(&self) -> &str;
    /// Workgroups of the grid.
    fn workgroups(&self) -> u64;
    /// What each workgroup needs.
    fn resources(&self) -> Resources;

    /// Wavefront `index` of `workgroup` (in order of dispatch), before its first instruction. `verify`
    /// asks it to keep values.
    fn launch(&self, workgroup: u64, index: u32, verify: bool) -> Self::Wavefront;
    /// The wavefront's next instruction; [`Op::End`](crate::instruction::Op::End) is its last.
    fn next(&self, wavefront: &mut Self::Wavefront) -> Instruction;
    /// The addresses of the memory instruction with `tag` at which the wavefront stands.
    fn access(&self, wavefront: &Self::Wavefront, tag: u32) -> VectorAccess;
    /// A compacted line that row `row` of the sparse load with `tag` asked for has arrived.
    fn deliver(&self, _wavefront: &mut Self::Wavefront, _tag: u32, _row: u32, _line: &CompactedLine) {}
    /// Carries out the effect of an instruction on values.
    fn execute(
        &self,
        _wavefront: &mut Self::Wavefront,
        _tag: u32,
        _step: Step<'_>,
        _values: &mut Values<'_>,
    ) {
    }
}

/// A straight stream of instructions with a repeated middle: what most dense kernels are.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Before the loop.
    pub prologue: Vec<Instruction>,
    /// The loop's body.
    pub body: Vec<Instruction>,
    /// After the loop; ends with [`Op::End`](crate::instruction::Op::End).
    pub epilogue: Vec<Instruction>,
}

/// Where a wavefront stands in a [`Script`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    position: usize,
    /// The iteration of the body that the latest instruction belongs to.
    pub iteration: u32,
    in_loop: bool,
    started: bool,
}

impl Script {
    /// The next instruction of a wavefront that runs the body `iterations` times.
    #[inline]
    pub fn next(&self, cursor: &mut Cursor, iterations: u32) -> Instruction {
        loop {
            if !cursor.started {
                if let Some(instruction) = self.prologue.get(cursor.position) {
                    cursor.position += 1;
                    return *instruction;
                }
                cursor.started = true;
                cursor.in_loop = iterations > 0;
                cursor.position = 0;
            } else if cursor.in_loop {
                if let Some(instruction) = self.body.get(cursor.position) {
                    cursor.position += 1;
                    return *instruction;
                }
                cursor.position = 0;
                if cursor.iteration + 1 == iterations {
                    cursor.in_loop = false;
                } else {
                    cursor.iteration += 1;
                }
            } else {
                let instruction = self.epilogue[cursor.position];
                cursor.position += 1;
                return instruction;
            }
        }
    }
}
