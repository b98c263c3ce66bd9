//! Dotted paths into a configuration: `gpu.l2.size`, `workload.layers[0].filter`.

use std::fmt;

use serde_json::Value;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into the field of this name.
    Key(String),
    /// Into the element at this index.
    Index(usize),
}

/// A path; the empty one is the configuration itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Vec<Step>);

impl Path {
    /// Reads `a.b[2].c`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (key, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            for index in indices.split_terminator(']') {
                steps.push(Step::Index(index.strip_prefix('[')?.parse().ok()?));
            }
            if !indices.is_empty() && !indices.ends_with(']') {
                return None;
            }
        }
        Some(Self(steps))
    }

    /// This path and one step more, into the field `key`.
    pub(crate) fn key(&self, key: &str) -> Self {
        self.step(Step::Key(key.to_owned()))
    }

    /// This path and one step more, into the element `index`.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The path one step shorter; `None` of the empty one.
    pub(crate) fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, steps)| Self(steps.to_vec()))
    }

    /// What remains of this path below `start`; `None` where it does not lead through it.
    pub(crate) fn below(&self, start: &Self) -> Option<Self> {
        self.0.strip_prefix(&start.0[..]).map(|steps| Self(steps.to_vec()))
    }

    /// The path with every index left out: what parameters are declared under.
    pub(crate) fn without_indices(&self) -> String {
        Self(self.0.iter().filter(|step| matches!(step, Step::Key(_))).cloned().collect()).to_string()
    }

    /// The value at this path.
    pub(crate) fn get<'a>(&self, mut value: &'a Value) -> Option<&'a Value> {
        for step in &self.0 {
            value = match step {
                Step::Key(key) => value.get(key)?,
                Step::Index(index) => value.get(index)?,
            };
        }
        Some(value)
    }

    /// The value at this path, to change.
    pub(crate) fn get_mut<'a>(&self, mut value: &'a mut Value) -> Option<&'a mut Value> {
        for step in &self.0 {
            value = match step {
                Step::Key(key) => value.get_mut(key)?,
                Step::Index(index) => value.get_mut(index)?,
            };
        }
        Some(value)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_they_show() {
        for text in ["seed", "gpu.l2.size", "workload.layers[0].filter", "modes[12]"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "gpu.", ".gpu", "gpu..l2", "layers[x]", "layers[1", "a b", "[0]"] {
            assert_eq!(Path::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn below_takes_off_a_start() {
        let path = Path::parse("gpu.l2.size").unwrap();
        assert_eq!(path.below(&Path::parse("gpu").unwrap()).unwrap().to_string(), "l2.size");
        assert_eq!(path.below(&Path::parse("engine").unwrap()), None);
    }
}
