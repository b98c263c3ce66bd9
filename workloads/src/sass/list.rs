//! `kernelslist.g`: what the traced program asked of the GPU, in order.

use std::path::{Path, PathBuf};

use super::TraceError;
use super::fields::{decimal, hexadecimal, shown};
use super::lines::Lines;

/// The name of the list in a folder.
pub const FILE_NAME: &str = "kernelslist.g";

/// What the program asked of the GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A copy to the device.
    CopyToDevice {
        /// Byte address of its first byte there.
        address: u64,
        /// Bytes.
        bytes: u64,
    },
    /// A kernel, and the file of its trace.
    Kernel(PathBuf),
}

/// Reads the list at `path`. Files of kernels lie beside it; where one is not there but its `.xz` is, that is
/// meant. Other lines than copies to the device and kernels are passed over. A list without kernels is an
/// error.
pub fn read(path: &Path) -> Result<Vec<Command>, TraceError> {
    let mut lines = Lines::open(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut commands = Vec::new();
    while lines.advance()? {
        let line = lines.text();
        if line.starts_with("MemcpyHtoD") {
            let copy = copy(line);
            commands.push(copy.ok_or_else(|| {
                lines.problem(format!("found `{}`; expected `MemcpyHtoD,0xADDRESS,BYTES`", shown(line)))
            })?);
        } else if line.starts_with("kernel") {
            commands.push(Command::Kernel(file(folder, line)));
        }
    }
    if commands.iter().any(|command| matches!(command, Command::Kernel(_))) {
        return Ok(commands);
    }
    Err(lines.whole("no line of it names a kernel; expected lines such as `kernel-1.traceg`".into()))
}

fn copy(line: &str) -> Option<Command> {
    let mut parts = line.split(',').skip(1).map(str::trim);
    let (address, bytes) = (hexadecimal(parts.next()?)?, decimal(parts.next()?)?);
    parts.next().is_none().then_some(Command::CopyToDevice { address, bytes })
}

fn file(folder: &Path, name: &str) -> PathBuf {
    let (plain, compressed) = (folder.join(name), folder.join(format!("{name}.xz")));
    if !plain.exists() && compressed.exists() { compressed } else { plain }
}
