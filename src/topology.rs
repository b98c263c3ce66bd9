//! `topology`: the modelled machine, drawn.

use crate::cli::TopologyArgs;
use crate::failure::Failure;

/// Prints the drawing.
pub(crate) fn topology(_args: &TopologyArgs) -> Result<(), Failure> {
    Err(Failure::Failed("not yet".into()))
}
