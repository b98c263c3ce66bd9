//! Writes a file whole or not at all.
//!
//! The bytes go to a temporary file in the same directory, reach the disk, and only then take the file's
//! name: a reader, or a job killed half-way, never meets half a result.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Why a file could not be written.
#[derive(Debug)]
pub struct StoreError {
    path: PathBuf,
    doing: &'static str,
    source: io::Error,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, self.path.display(), self.source)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Creates `directory` and what leads to it, and makes sure that files can be written there.
pub fn prepare_directory(directory: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(directory).map_err(failed("create the directory", directory))?;
    NamedTempFile::new_in(directory).map_err(failed("create a file in", directory))?;
    Ok(())
}

/// Writes `bytes` to `path`: afterwards it holds all of them, or what it held before.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory).map_err(failed("create a file beside", path))?;
    file.write_all(bytes).map_err(failed("write", path))?;
    // Temporary files are private; results are for others to read.
    set_readable(file.as_file()).map_err(failed("set the permissions of", path))?;
    file.as_file().sync_all().map_err(failed("write", path))?;
    file.persist(path).map_err(|e| failed("write", path)(e.error))?;
    sync_directory(directory);
    Ok(())
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError { path, doing, source }
}

#[cfg(unix)]
fn set_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_readable(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Makes the new name itself last. Some file systems cannot; the file is whole either way.
fn sync_directory(directory: &Path) {
    if let Ok(handle) = File::open(directory) {
        handle.sync_all().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_readable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("result.json");
        write_whole(&path, b"first").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays behind");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        }
    }

    #[test]
    fn an_error_names_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("absent/result.json");
        let message = write_whole(&path, b"").unwrap_err().to_string();
        assert!(message.contains("absent/result.json"), "{message}");
    }
}
