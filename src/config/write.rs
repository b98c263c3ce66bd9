//! Writes a configuration as the RON that the program reads: a file to start from, each parameter with its
//! meaning beside it.

use std::fmt::Write;

use serde_json::Value;
use sim_core::params::Row;

use super::path::Path;

/// `value` as RON; `rows` supply the comments.
pub(crate) fn ron(value: &Value, rows: &[Row]) -> String {
    let mut text = String::new();
    push(&mut text, value, &Path::default(), 0, rows);
    text.push('\n');
    text
}

fn push(text: &mut String, value: &Value, at: &Path, depth: usize, rows: &[Row]) {
    let indent = "    ".repeat(depth + 1);
    match value {
        Value::Object(fields) => {
            text.push_str("(\n");
            for (key, value) in fields {
                let at = at.key(key);
                push_comment(text, &indent, &at, rows);
                write!(text, "{indent}{key}: ").ok();
                push(text, value, &at, depth + 1, rows);
                text.push_str(",\n");
            }
            write!(text, "{})", "    ".repeat(depth)).ok();
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            text.push_str("[\n");
            for (i, item) in items.iter().enumerate() {
                text.push_str(&indent);
                push(text, item, &at.index(i), depth + 1, rows);
                text.push_str(",\n");
            }
            write!(text, "{}]", "    ".repeat(depth)).ok();
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i == 0 { "" } else { ", " });
                push(text, item, &at.index(i), depth, rows);
            }
            text.push(']');
        }
        // Rust's escapes are RON's; JSON's are not.
        Value::String(string) => {
            write!(text, "{string:?}").ok();
        }
        Value::Null => text.push_str("()"),
        scalar => {
            write!(text, "{scalar}").ok();
        }
    }
}

/// What the parameter at `at` means, and what it may be.
fn push_comment(text: &mut String, indent: &str, at: &Path, rows: &[Row]) {
    let path = at.to_string();
    let Some(row) = rows.iter().find(|row| row.path == path) else { return };
    let unit = if row.unit.is_empty() { String::new() } else { format!(" {}", row.unit) };
    let allowed = if row.allowed == "any" { String::new() } else { format!(" [{}{unit}]", row.allowed) };
    writeln!(text, "{indent}// {}{allowed}", row.doc).ok();
}
