//! How the command fails: a message on stderr and an exit code that scripts can tell apart.

use std::process::ExitCode;

use results::store::StoreError;

use crate::config::problem::Problems;

/// Why the command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The simulation or a check failed; exit code 1.
    Failed(String),
    /// Bad usage or input; exit code 2.
    Input(String),
    /// The reader of stdout has gone, as `head` does. Not a failure.
    ReaderGone,
}

impl Failure {
    /// Says what is wrong and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Failed(message) => {
                eprintln!("{}", labelled(message));
                ExitCode::from(1)
            }
            Self::Input(message) => {
                eprintln!("{}", labelled(message));
                ExitCode::from(2)
            }
            Self::ReaderGone => ExitCode::SUCCESS,
        }
    }
}

/// `message` behind "error: ", unless it brings that along.
fn labelled(message: &str) -> String {
    if message.starts_with("error: ") { message.to_owned() } else { format!("error: {message}") }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Input(problems.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}
