//! `config show` and `config check`: a configuration resolved, every parameter with what it means.

use std::fmt::Write;

use serde::Serialize;
use sim_core::params::Row;

use crate::cli::{ConfigCheckArgs, ConfigCommandArgs, ConfigFormat, ConfigShowArgs, ConfigWhat};
use crate::config::{self, Resolved};
use crate::failure::Failure;
use crate::output;

/// Columns of the table.
const WIDTH: usize = 110;
/// In front of what a parameter means.
const INDENT: &str = "      ";

/// Shows or checks.
pub(crate) fn config(args: &ConfigCommandArgs) -> Result<(), Failure> {
    match &args.what {
        ConfigWhat::Show(args) => show(args),
        ConfigWhat::Check(args) => check(args),
    }
}

fn show(args: &ConfigShowArgs) -> Result<(), Failure> {
    let resolved = config::resolve(&args.overrides.request(args.experiment.as_deref()))?;
    let rows = config::rows(&resolved.experiment);
    match args.format {
        ConfigFormat::Table => output::print(&table(&resolved, &rows)),
        ConfigFormat::Json => output::print_json(&Shown::new(&resolved, &rows)),
        ConfigFormat::Ron => {
            let value = serde_json::to_value(&resolved.experiment)
                .map_err(|error| Failure::Failed(format!("cannot write the configuration: {error}")))?;
            output::print(&config::write::ron(&value, &rows))
        }
    }
}

fn check(args: &ConfigCheckArgs) -> Result<(), Failure> {
    let Resolved { experiment, id } = config::resolve(&args.overrides.request(args.experiment.as_deref()))?;
    output::print(&format!("ok: {} on {}, configuration {id}\n", experiment.name, experiment.gpu.name))
}

/// What `config show --format json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    experiment: &'a str,
    config_id: &'a str,
    parameters: &'a [Row],
}

impl<'a> Shown<'a> {
    fn new(resolved: &'a Resolved, parameters: &'a [Row]) -> Self {
        Self { experiment: &resolved.experiment.name, config_id: &resolved.id, parameters }
    }
}

/// Two lines a parameter: its value and what it may be; what it means.
fn table(resolved: &Resolved, rows: &[Row]) -> String {
    let Resolved { experiment, id } = resolved;
    let mut text = format!("{} on {}, configuration {id}\n", experiment.name, experiment.gpu.name);
    text.push_str("* differs from the default\n\n");
    let paths = rows.iter().map(|row| row.path.len()).max().unwrap_or(0);
    for row in rows {
        let (mark, default) = if row.value == row.default {
            (' ', String::new())
        } else {
            ('*', format!("default {}, ", with_unit(&row.default, &row.unit)))
        };
        let value = with_unit(&row.value, &row.unit);
        writeln!(text, "{mark} {:paths$}  {value:22} [{default}{}]", row.path, row.allowed).ok();
        for line in wrapped(&row.doc, WIDTH - INDENT.len()) {
            writeln!(text, "{INDENT}{line}").ok();
        }
    }
    text
}

fn with_unit(value: &str, unit: &str) -> String {
    if unit.is_empty() { value.to_owned() } else { format!("{value} {unit}") }
}

/// `text` in lines of at most `width` characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().filter(|line| line.is_empty() || line.len() + 1 + word.len() <= width);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_wraps_between_words() {
        assert_eq!(wrapped("aa bb ccccccc d", 5), ["aa bb", "ccccccc", "d"]);
    }
}
