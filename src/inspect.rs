//! `inspect compaction`: what the compaction engine learns and makes of one column.

use std::io::{self, IsTerminal};

use compaction_engine::ColumnValues;
use compaction_engine::inspect::{Inspection, draw, inspect as inspect_column};
use serde::Serialize;
use workloads::activations::Activations;
use workloads::im2col::Im2col;
use workloads::layer::{ConvLayer, Filter};
use workloads::npy::Array;

use crate::cli::{CompactionArgs, InspectArgs, InspectWhat, TableFormat};
use crate::failure::Failure;
use crate::output;

/// Lines that a drawing shows of a long column on a terminal; a pipe gets all of them.
const TERMINAL_LINES: usize = 64;

/// Looks inside.
pub(crate) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    match &args.what {
        InspectWhat::Compaction(args) => compaction(args),
    }
}

/// What `inspect compaction --format json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a str,
    column: u64,
    rows: usize,
    #[serde(flatten)]
    inspection: &'a Inspection,
}

fn compaction(args: &CompactionArgs) -> Result<(), Failure> {
    let array = Array::read(&args.file).map_err(input)?;
    let file = array.source.clone();
    let values = match &args.filter {
        Some(filter) => convolution_column(args, array, filter)?,
        None => array_column(args, &array)?,
    };
    let inspection = inspect_column(&values).map_err(input)?;
    match args.format {
        TableFormat::Json => {
            let shown =
                Shown { file: &file, column: args.column, rows: values.len(), inspection: &inspection };
            output::print_json(&shown)
        }
        TableFormat::Table => {
            let lines = if io::stdout().is_terminal() { TERMINAL_LINES } else { usize::MAX };
            let drawing = draw(&inspection, &values, lines);
            output::print(&format!("{file}, column {}\n{drawing}", args.column))
        }
    }
}

/// A column of the matrix that a convolution makes of the file's images.
fn convolution_column(args: &CompactionArgs, array: Array, filter: &str) -> Result<Vec<f32>, Failure> {
    let filter: Filter = filter.parse().map_err(|error| Failure::Input(format!("--filter: {error}")))?;
    let activations = Activations::from_array(array).map_err(input)?;
    let shape = activations.shape();
    let layer =
        ConvLayer::new("", (shape.height, shape.width), filter, args.stride, args.pad).map_err(input)?;
    let b = Im2col::new(&layer, &activations, shape.images).map_err(input)?;
    require_column(args.column, b.columns())?;
    Ok((0..b.rows()).map(|row| b.value(row, args.column)).collect())
}

/// A column of a matrix, or the one column that a vector is.
fn array_column(args: &CompactionArgs, array: &Array) -> Result<Vec<f32>, Failure> {
    let columns = match array.shape[..] {
        [_] => 1,
        [_, columns] => columns,
        _ => {
            let message = format!(
                "{}: the array has {} dimensions; say with --filter KxCxRxS which convolution reads it",
                array.source,
                array.shape.len()
            );
            return Err(Failure::Input(message));
        }
    };
    require_column(args.column, columns as u64)?;
    Ok(array.values.iter().skip(args.column as usize).step_by(columns).copied().collect())
}

fn require_column(column: u64, columns: u64) -> Result<(), Failure> {
    if column < columns {
        return Ok(());
    }
    Err(Failure::Input(format!("--column {column}: allowed: 0 to {}", columns - 1)))
}

fn input(error: impl std::fmt::Display) -> Failure {
    Failure::Input(error.to_string())
}
