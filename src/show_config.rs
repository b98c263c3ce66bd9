//! `config show` and `config check`: a configuration resolved, every parameter with what it means.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use sim_core::params::Row;

use crate::cli::{ConfigCheckArgs, ConfigCommandArgs, ConfigFormat, ConfigShowArgs, ConfigWhat};
use crate::config::{self, Resolved};
use crate::failure::Failure;
use crate::output;

/// Columns of a table; wider terminals gain nothing, narrower ones are rare.
const WIDTH: u16 = 110;

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

fn table(resolved: &Resolved, rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_width(WIDTH).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["parameter", "value", "default", "allowed", "meaning"]);
    for row in rows {
        let changed = if row.value == row.default { " " } else { "*" };
        table.add_row([
            row.path.clone(),
            format!("{changed}{}", with_unit(&row.value, &row.unit)),
            row.default.clone(),
            row.allowed.clone(),
            row.doc.clone(),
        ]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!(
        "{} on {}, configuration {}\n* differs from the default\n\n{}\n",
        resolved.experiment.name,
        resolved.experiment.gpu.name,
        resolved.id,
        lines.join("\n")
    )
}

fn with_unit(value: &str, unit: &str) -> String {
    if unit.is_empty() { value.to_owned() } else { format!("{value} {unit}") }
}
