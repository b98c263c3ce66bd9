//! Layers of a configuration: what one source says, as a tree of values that remembers where it came from.
//!
//! Layers are merged in order, later over earlier: groups key by key, lists and scalars whole.

use std::path;

use serde_json::Value;

use super::path::{Path, Step};
use super::problem::{Place, Problem, Problems, quote};
use super::scan::{Fault, Position, Scan};

/// What one source says.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Where in the configuration the values belong.
    pub(crate) at: Path,
    /// The values.
    pub(crate) value: Value,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    File { name: String, text: String, scan: Scan },
    Flag(String),
}

impl Layer {
    /// The RON text of a file whose values belong at `at`.
    pub(crate) fn file(name: &str, text: &str, at: Path) -> Result<Self, Problems> {
        let value = ron::from_str(text).map_err(|error| syntax_problem(name, text, &error))?;
        let scan = Scan::new(text);
        let problems = fault_problems(name, text, &scan);
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let origin = Origin::File { name: name.to_owned(), text: text.to_owned(), scan };
        Ok(Self { at, value, origin })
    }

    /// Values that the program makes, shown in messages as `name`.
    pub(crate) fn made(name: &str, value: Value) -> Self {
        Self { at: Path::default(), value, origin: Origin::Flag(name.to_owned()) }
    }

    /// An argument of the command line, shown in messages as `flag`.
    pub(crate) fn flag(flag: &str, at: &str, value: Value) -> Result<Self, Problem> {
        let Some(at) = Path::parse(at) else {
            let message = format!("`{at}` is not a path such as gpu.l2.size or workload.layers[0].sparsity");
            return Err(Problem { place: Place::Flag(flag.to_owned()), message });
        };
        Ok(Self { at, value, origin: Origin::Flag(flag.to_owned()) })
    }

    /// `--set PATH=VALUE`.
    pub(crate) fn set(argument: &str) -> Result<Self, Problem> {
        let flag = format!("--set {argument}");
        let problem = |message: String| Problem { place: Place::Flag(flag.clone()), message };
        let (at, value) = argument
            .split_once('=')
            .ok_or_else(|| problem("expected PATH=VALUE, such as gpu.l2.size=\"1 MiB\"".into()))?;
        let value = read_value(value.trim()).map_err(problem)?;
        Self::flag(&flag, at.trim(), value)
    }

    /// The value that this layer gives to `path`.
    pub(crate) fn get(&self, path: &Path) -> Option<&Value> {
        path.below(&self.at)?.get(&self.value)
    }

    /// Where this layer says `path`: its value, or its key.
    pub(crate) fn place(&self, path: &Path, of: Part) -> Place {
        match &self.origin {
            Origin::Flag(flag) => Place::Flag(flag.clone()),
            Origin::File { name, text, scan } => {
                let below = path.below(&self.at).unwrap_or_default();
                let position = match of {
                    Part::Key => scan.key(&below),
                    Part::Value => scan.value(&below),
                };
                file_place(name, text, position.unwrap_or(Position { line: 1, column: 1 }))
            }
        }
    }

    /// Lays this layer's values over `base`.
    pub(crate) fn merge_into(&self, base: &mut Value) -> Result<(), Problem> {
        let problem = |message: String| Problem { place: self.place(&self.at, Part::Key), message };
        let mut target = base;
        for step in &self.at.0 {
            target = match (step, target) {
                (Step::Key(key), Value::Object(fields)) => fields.entry(key.clone()).or_insert(Value::Null),
                (Step::Index(index), Value::Array(items)) => {
                    let length = items.len();
                    items.get_mut(*index).ok_or_else(|| {
                        problem(format!(
                            "{}: no such element; the list has {length}, counted from 0",
                            self.at
                        ))
                    })?
                }
                (_, other) => return Err(problem(format!("{}: {} has no parts", self.at, quote(other)))),
            };
        }
        merge(target, &self.value);
        Ok(())
    }

    /// Makes relative paths of input files relative to `directory`, where the layer's file lies.
    pub(crate) fn anchor_inputs(&mut self, directory: &path::Path) {
        let Some(workload) = self.value.get_mut("workload") else { return };
        anchor(workload, directory);
        if let Some(Value::Array(layers)) = workload.get_mut("layers") {
            layers.iter_mut().for_each(|layer| anchor(layer, directory));
        }
    }
}

/// Which part of a `key: value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// `over` laid over `base`; `()` changes nothing.
fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (_, Value::Null) => {}
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn anchor(fields: &mut Value, directory: &path::Path) {
    if let Some(Value::String(file)) = fields.get_mut("activations")
        && file.ends_with(".npy")
    {
        *file = directory.join(&*file).display().to_string();
    }
}

/// The value of `--set`: RON, or a text without its quotes. A shell takes quotes off, and `1 MiB` is no RON.
fn read_value(text: &str) -> Result<Value, String> {
    let structured = text.starts_with(['(', '[', '{', '"']);
    match ron::from_str::<Value>(text) {
        Ok(value) => match Scan::new(text).faults.first() {
            Some((Fault::BareWord { alone: true, .. }, _)) => Ok(Value::String(text.to_owned())),
            Some((fault, _)) => Err(fault.to_string()),
            None => Ok(value),
        },
        Err(error) if structured => Err(format!("the value is not RON: {}", error.code)),
        Err(_) => Ok(Value::String(text.to_owned())),
    }
}

fn syntax_problem(name: &str, text: &str, error: &ron::error::SpannedError) -> Problem {
    let start = error.span.start;
    let position = Position { line: start.line, column: start.col };
    let message = match error.code {
        ron::Error::TrailingCharacters => {
            "the configuration ends before this; nothing may follow it".to_owned()
        }
        ref code => format!("not RON: {code}"),
    };
    Problem { place: file_place(name, text, position), message }
}

fn fault_problems(name: &str, text: &str, scan: &Scan) -> Vec<Problem> {
    let problem = |(fault, position): &(Fault, Position)| Problem {
        place: file_place(name, text, *position),
        message: fault.to_string(),
    };
    scan.faults.iter().map(problem).collect()
}

fn file_place(name: &str, text: &str, position: Position) -> Place {
    let line = text.lines().nth(position.line - 1).unwrap_or_default().to_owned();
    Place::File { name: name.to_owned(), position, line }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_set_may_be_ron_or_bare() {
        for (text, value) in [
            ("7", json!(7)),
            ("0.65", json!(0.65)),
            ("true", json!(true)),
            ("\"1 MiB\"", json!("1 MiB")),
            ("1 MiB", json!("1 MiB")),
            ("1.2 GHz", json!("1.2 GHz")),
            ("clustered", json!("clustered")),
            ("n-fastest", json!("n-fastest")),
            ("64x64", json!("64x64")),
            ("./a b.npy", json!("./a b.npy")),
            ("[\"dense\", \"spartan\"]", json!(["dense", "spartan"])),
            ("(size: \"1 MiB\", ways: 8)", json!({"size": "1 MiB", "ways": 8})),
            ("", json!("")),
        ] {
            assert_eq!(read_value(text), Ok(value), "{text}");
        }
        assert!(read_value("[dense]").unwrap_err().contains("write \"dense\""));
        assert!(read_value("NaN").unwrap_err().contains("not a finite number"));
        assert!(read_value("(size: ").unwrap_err().contains("not RON"));
    }

    #[test]
    fn trailing_junk_and_duplicates_are_refused() {
        let message = |text| Layer::file("x.ron", text, Path::default()).unwrap_err().to_string();
        let junk = message("(seed: 1)\n)");
        assert!(junk.starts_with("error: x.ron:1:10: the configuration ends"), "{junk}");
        assert!(message("(seed: 1,\n seed: 2)").starts_with("error: x.ron:2:2: `seed` is given twice"));
        assert!(message("(kernel: (dispatch_order: kernel))").contains("write \"kernel\""));
        assert!(message("(seed: )").starts_with("error: x.ron:1:7: not RON"), "{}", message("(seed: )"));
    }

    #[test]
    fn layers_merge_by_key_and_lists_whole() {
        let mut base = json!({"a": {"b": 1, "c": 2}, "d": [1, 2], "e": 3});
        let layer = Layer::file("x", "(a: (c: 9), d: [7], e: ())", Path::default()).unwrap();
        layer.merge_into(&mut base).unwrap();
        Layer::set("d[0]=8").unwrap().merge_into(&mut base).unwrap();
        assert_eq!(base, json!({"a": {"b": 1, "c": 9}, "d": [8], "e": 3}));
        let problem = Layer::set("d[5]=8").unwrap().merge_into(&mut base).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "--set d[5]=8: d[5]: no such element; the list has 1, counted from 0"
        );
    }
}
