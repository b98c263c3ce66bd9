//! The file of `--commands`: a DRAM's command stream, written while it is made.
//!
//! Lines are `clk channel CMD bankgroup bank row`. The file gets its name when it is whole; until then it lies
//! beside it under another, and goes away where the replay fails.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use mem_hierarchy::dram::LoggedCommand;

use crate::failure::Failure;

/// A command stream being written.
pub(crate) struct CommandFile {
    path: PathBuf,
    unfinished: PathBuf,
    writer: BufWriter<File>,
}

impl CommandFile {
    /// Starts the file that will be `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let refused = |reason: &dyn std::fmt::Display| {
            Failure::Input(format!("--commands: cannot write {}: {reason}", path.display()))
        };
        if path.exists() && !path.is_file() {
            return Err(refused(&"it is there and no regular file"));
        }
        let name = path.file_name().ok_or_else(|| refused(&"it has no name"))?.to_string_lossy();
        let unfinished = path.with_file_name(format!(".{name}.{}.unfinished", std::process::id()));
        let file = File::create_new(&unfinished).map_err(|error| refused(&error))?;
        Ok(Self { path: path.to_owned(), unfinished, writer: BufWriter::new(file) })
    }

    /// Appends commands of a channel.
    pub(crate) fn write(&mut self, channel: usize, commands: &[LoggedCommand]) -> Result<(), Failure> {
        commands
            .iter()
            .try_for_each(|command| self.line(channel, command))
            .map_err(|error| self.failed(&error))
    }

    fn line(&mut self, channel: usize, c: &LoggedCommand) -> io::Result<()> {
        let name = c.command.mnemonic();
        writeln!(self.writer, "{} {channel} {name} {} {} {}", c.tick, c.bank_group, c.bank, c.row)
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.writer
            .flush()
            .and_then(|()| self.writer.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.unfinished, &self.path))
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::Failed(format!("cannot write {}: {error}", self.path.display()))
    }
}

impl Drop for CommandFile {
    fn drop(&mut self) {
        // Gone already where the file was finished.
        fs::remove_file(&self.unfinished).ok();
    }
}
