//! The lines of a trace file, plain or compressed by xz, numbered; blank lines are passed over.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use lzma_rust2::XzReader;

use super::TraceError;

/// Bytes that a line may have. 32 addresses and the values of five registers, the most that tracers write,
/// have 4 KiB; names of kernels can be longer.
const LINE_LIMIT: u64 = 1 << 16;
/// How compressed files begin.
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";
/// Memory that decompression may take, in KiB: four times what `xz -9` needs.
const XZ_LIMIT_KIB: u32 = 256 << 10;
const BUFFER_BYTES: usize = 1 << 16;

/// A file being read.
pub(crate) struct Lines {
    file: String,
    reader: Box<dyn BufRead + Send>,
    number: u64,
    line: String,
    held: bool,
}

impl Lines {
    /// Opens the file at `path` and looks whether it is compressed.
    pub(crate) fn open(path: &Path) -> Result<Self, TraceError> {
        let file = path.display().to_string();
        let fail =
            |error| TraceError { file: file.clone(), line: None, problem: format!("cannot read: {error}") };
        let mut plain = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(fail)?);
        if !plain.fill_buf().map_err(fail)?.starts_with(XZ_MAGIC) {
            return Ok(Self::new(file, Box::new(plain)));
        }
        let decompressed = XzReader::new_mem_limit(plain, true, XZ_LIMIT_KIB);
        Ok(Self::new(file, Box::new(BufReader::with_capacity(BUFFER_BYTES, decompressed))))
    }

    /// The lines of `reader`, which messages call `file`.
    pub(crate) fn new(file: String, reader: Box<dyn BufRead + Send>) -> Self {
        Self { file, reader, number: 0, line: String::new(), held: false }
    }

    /// Goes to the next line that is not blank; false at the end of the file.
    pub(crate) fn advance(&mut self) -> Result<bool, TraceError> {
        if std::mem::take(&mut self.held) {
            return Ok(true);
        }
        loop {
            self.line.clear();
            self.number += 1;
            let read = (&mut self.reader).take(LINE_LIMIT).read_line(&mut self.line);
            let read = read.map_err(|error| self.problem(format!("cannot be read: {error}")))?;
            if read as u64 == LINE_LIMIT && !self.line.ends_with('\n') {
                return Err(self.problem(format!("the line is longer than {LINE_LIMIT} bytes")));
            }
            if read == 0 || !self.text().is_empty() {
                return Ok(read > 0);
            }
        }
    }

    /// Goes to the next line, which should be `expected`.
    pub(crate) fn require(&mut self, expected: &str) -> Result<(), TraceError> {
        if self.advance()? {
            return Ok(());
        }
        Err(self.problem(format!("the file ends; expected {expected}")))
    }

    /// The line, without blanks around it.
    pub(crate) fn text(&self) -> &str {
        self.line.trim()
    }

    /// Lets the next [`advance`](Self::advance) stay here.
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    /// An error about this line.
    pub(crate) fn problem(&self, problem: String) -> TraceError {
        TraceError { file: self.file.clone(), line: Some(self.number), problem }
    }

    /// An error about the file as a whole.
    pub(crate) fn whole(&self, problem: String) -> TraceError {
        TraceError { file: self.file.clone(), line: None, problem }
    }
}
