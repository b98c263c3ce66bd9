//! Traces of GPU kernels: every version of the tracer, damaged files, encodings of addresses, and real traces
//! against counts taken without the reader.
//!
//! Real traces are looked for beside the workspace; `SPARTAN_TRACES=FOLDER` names another place.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod addresses;
mod damage;
mod profiles;
mod real;
mod versions;

use workloads::sass::{Event, Instruction, Reader, TraceError};

/// A trace of one warp of 32 threads.
struct Trace {
    tracer: u32,
    lineinfo: bool,
    /// What the format of instructions has behind the addresses.
    tail: &'static str,
}

impl Trace {
    const V4: Self = Self { tracer: 4, lineinfo: false, tail: "" };

    /// The file, with `instructions` a line each.
    fn text(&self, instructions: &str) -> String {
        let count = instructions.lines().count();
        let Self { tracer, lineinfo, tail } = self;
        let lineinfo = u32::from(*lineinfo);
        format!(
            "-kernel name = _Z4testv\n-kernel id = 3\n-grid dim = (1,1,1)\n-block dim = (32,1,1)\n\
             -shmem = 64\n-nregs = 24\n-binary version = 86\n-cuda stream id = 0\n\
             -shmem base_addr = 0x00007f0001000000\n\
             -local mem base_addr = 0x00007f0003000000\n-nvbit version = 1.7\n\
             -accelsim tracer version = {tracer}\n-enable lineinfo = {lineinfo}\n\n\
             #traces format = [line_num] PC mask dest_num [reg_dests] opcode src_num [reg_srcs] mem_width \
             [adrrescompress?] [mem_addresses] {tail}\n\n\n\n#BEGIN_TB\n\nthread block = 0,0,0\n\nwarp = 0\n\
             insts = {count}\n{instructions}\n\n#END_TB\n"
        )
    }

    /// The instructions as they are read.
    fn read(&self, instructions: &str) -> Result<Vec<Instruction>, TraceError> {
        read(&self.text(instructions))
    }
}

/// All instructions of a trace.
fn read(text: &str) -> Result<Vec<Instruction>, TraceError> {
    let mut reader = Reader::from_text("test.traceg", text)?;
    let mut instructions = Vec::new();
    while let Some(event) = reader.next_event()? {
        if let Event::Instruction(instruction) = event {
            instructions.push(instruction.clone());
        }
    }
    Ok(instructions)
}

/// What is wrong with a trace, without the name of the file.
fn problem(text: &str) -> String {
    let message = read(text).unwrap_err().to_string();
    message.strip_prefix("test.traceg:").unwrap().trim_start().to_owned()
}
