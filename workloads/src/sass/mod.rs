//! Traces of GPU kernels in Accel-Sim's SASS format: what every warp of a kernel executed, with addresses.
//!
//! A trace is a folder with a `kernelslist.g` ([`list`]), which names copies to the device and kernels in
//! order, and a `.traceg` or `.traceg.xz` file for each kernel. [`Reader`] reads one such file as a stream:
//! header, thread blocks, warps, instructions. Nothing of it is kept, so that memory does not grow with the
//! file; [`Reader::block`] collects one thread block where all its warps are needed at once. [`Profile`]
//! counts.
//!
//! Tracer versions up to 6 are read. Where lines differ between them, the header decides
//! ([`header::Layout`]).
//!
//! ```
//! use workloads::sass::{Class, Event, Reader, Space};
//! # fn main() -> Result<(), workloads::sass::TraceError> {
//! let text = "-kernel name = copy\n-grid dim = (1,1,1)\n-block dim = (32,1,1)\n-shmem = 0\n-nregs = 8\n\
//!     -binary version = 70\n-accelsim tracer version = 4\n\
//!     #traces format = PC mask dest_num [reg_dests] opcode src_num [reg_srcs] mem_width [mem_addresses]\n\
//!     #BEGIN_TB\nthread block = 0,0,0\nwarp = 0\ninsts = 1\n\
//!     0010 0000000f 1 R4 LDG.E.64 1 R2 8 1 0x7f00 8\n#END_TB\n";
//! let mut reader = Reader::from_text("copy.traceg", text)?;
//! while let Some(event) = reader.next_event()? {
//!     if let Event::Instruction(load) = event {
//!         assert_eq!(load.opcode.class, Class::Load(Space::Global));
//!         assert_eq!(load.access.addresses, [0x7f00, 0x7f08, 0x7f10, 0x7f18]);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod fields;
pub mod footprint;
pub mod header;
pub mod instruction;
mod lines;
pub mod list;
pub mod opcode;
pub mod profile;
pub mod reader;

pub use error::TraceError;
pub use header::Header;
pub use instruction::Instruction;
pub use list::Command;
pub use opcode::{Class, Opcode, Space};
pub use profile::Profile;
pub use reader::{Event, Reader, ThreadBlock};

/// Threads of a warp.
pub const WARP: u32 = 32;
