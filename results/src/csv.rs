//! A result as CSV: one row a run, nested names joined by dots (`l2.hit_rate`).
//!
//! The columns are the record's own fields, found by serialising it, so a field added there is a column
//! here. The first columns repeat what the runs of a file share.

use std::fmt::Write;

use serde_json::Value;

use crate::record::{EngineRecord, ResultFile, RunRecord, Sampled};

/// Header and one row for each run, lines ended by `\n`.
pub fn render(result: &ResultFile) -> String {
    let columns = columns();
    let mut text = SHARED.join(",");
    for column in &columns {
        write!(text, ",{column}").ok();
    }
    text.push('\n');
    for run in &result.runs {
        let mut cells = shared(result);
        let fields = flatten(run);
        cells.extend(columns.iter().map(|column| field(&fields, column)));
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

const SHARED: [&str; 5] = ["program", "experiment", "config_id", "seed", "gpu"];

fn shared(result: &ResultFile) -> Vec<String> {
    vec![
        quoted(&result.program),
        quoted(&result.experiment),
        quoted(&result.config_id),
        result.seed.to_string(),
        quoted(&result.gpu),
    ]
}

/// Every column of a run, whether or not this one has an engine or was sampled.
fn columns() -> Vec<String> {
    let full = RunRecord {
        engine: Some(EngineRecord::default()),
        sampled: Some(Sampled::default()),
        ..RunRecord::default()
    };
    flatten(&full).into_iter().map(|(name, _)| name).collect()
}

fn field(fields: &[(String, String)], column: &str) -> String {
    fields.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.clone()).unwrap_or_default()
}

fn flatten(run: &RunRecord) -> Vec<(String, String)> {
    let mut cells = Vec::new();
    // A plain struct of numbers and strings: serialising it cannot fail.
    if let Ok(Value::Object(fields)) = serde_json::to_value(run) {
        for (name, value) in &fields {
            match name.as_str() {
                "kernels" => cells.push((name.clone(), quoted(&kernels(run)))),
                _ => flatten_value(name, value, &mut cells),
            }
        }
    }
    cells
}

fn flatten_value(name: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (inner, value) in fields {
                flatten_value(&format!("{name}.{inner}"), value, cells);
            }
        }
        Value::Null => cells.push((name.to_owned(), String::new())),
        // Lists stand in one cell.
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            cells.push((name.to_owned(), items.join(";")));
        }
        Value::String(text) => cells.push((name.to_owned(), quoted(text))),
        other => cells.push((name.to_owned(), other.to_string())),
    }
}

/// The kernels in one cell: `name=cycles;name=cycles`.
fn kernels(run: &RunRecord) -> String {
    let cells: Vec<String> = run.kernels.iter().map(|k| format!("{}={}", k.name, k.cycles)).collect();
    cells.join(";")
}

/// `text` as a CSV cell (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{KernelRecord, SCHEMA};

    #[test]
    fn rows_have_the_columns_of_the_header() {
        let dense = RunRecord {
            layer: "a, b".into(),
            mode: "dense".into(),
            kernels: vec![
                KernelRecord { name: "gemm".into(), cycles: 7 },
                KernelRecord { name: "relu".into(), cycles: 2 },
            ],
            ..RunRecord::default()
        };
        let spartan = RunRecord { engine: Some(EngineRecord::default()), ..RunRecord::default() };
        let result = ResultFile {
            schema: SCHEMA,
            program: "p".into(),
            experiment: "e".into(),
            config_id: "c".into(),
            seed: 3,
            gpu: "g".into(),
            runs: vec![dense, spartan],
        };
        let text = render(&result);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains(",l2.hit_rate,") && lines[0].contains(",engine.bundles,"));
        assert!(lines[1].starts_with("p,e,c,3,g,\"a, b\",dense,"), "{}", lines[1]);
        assert!(lines[1].contains(",gemm=7;relu=2,"));
        let columns = lines[0].split(',').count();
        assert_eq!(lines[1].split(',').count(), columns + 1, "the quoted name holds one comma");
        assert_eq!(lines[2].split(',').count(), columns);
    }
}
