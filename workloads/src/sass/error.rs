//! Why a trace cannot be read.

use std::fmt;

/// Which file cannot be read, where in it, what was found and what was expected. Displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The file, as it was given.
    pub file: String,
    /// The line, counted from 1; `None` where the file as a whole is wrong.
    pub line: Option<u64>,
    /// What was found and what was expected.
    pub problem: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for TraceError {}
