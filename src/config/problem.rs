//! What is wrong with a configuration, said so that it can be put right: where, which value, what is allowed,
//! and the nearest valid name.

use std::fmt;

use serde_json::Value;

use super::scan::Position;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Where it was said.
    pub(crate) place: Place,
    /// What is wrong.
    pub(crate) message: String,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A place in a file, with the text of its line.
    File {
        /// The file.
        name: String,
        /// Line and column.
        position: Position,
        /// The line.
        line: String,
    },
    /// An argument of the command line, as typed.
    Flag(String),
    /// Nobody said it: a default, or something missing.
    Nowhere,
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File { name, position, line } => {
                let Position { line: number, column } = position;
                writeln!(f, "{name}:{number}:{column}: {}", self.message)?;
                writeln!(f, "{number:>5} | {line}")?;
                write!(f, "      | {:>column$}", "^")
            }
            Place::Flag(flag) => write!(f, "{flag}: {}", self.message),
            Place::Nowhere => f.write_str(&self.message),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}error: {problem}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// A value as it is quoted in a message.
pub(crate) fn quote(value: &Value) -> String {
    match value {
        Value::Array(_) => "[...]".to_owned(),
        Value::Object(_) => "(...)".to_owned(),
        Value::Null => "()".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// ``; did you mean `x`? Known are: ...`` - the nearest name where one is near, then all of them.
pub(crate) fn suggestion<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let meant = nearest(found, &known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    format!("{meant}{} {}", if meant.is_empty() { "; allowed:" } else { " Allowed:" }, known.join(", "))
}

/// The name nearest to `found`, where it could be a slip.
pub(crate) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&found.to_lowercase(), &name.to_lowercase());
    let best = known.iter().copied().min_by_key(|name| distance(name))?;
    let length = found.chars().count();
    (distance(best) <= (length / 3).max(1) && distance(best) < length).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["dense", "dense-tiled", "spartan"];
        assert_eq!(nearest("dens", &known), Some("dense"));
        assert_eq!(nearest("Spratan", &known), Some("spartan"));
        assert_eq!(nearest("csc", &known), None);
        assert_eq!(suggestion("x", ["a", "b"]), "; allowed: a, b");
    }

    #[test]
    fn a_problem_points_into_its_file() {
        let place = Place::File {
            name: "my.ron".into(),
            position: Position { line: 7, column: 5 },
            line: "    a: 1,".into(),
        };
        let problem = Problem { place, message: "unknown key".into() };
        assert_eq!(problem.to_string(), "my.ron:7:5: unknown key\n    7 |     a: 1,\n      |     ^");
    }
}
