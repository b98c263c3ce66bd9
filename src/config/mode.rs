//! Modes: the ways in which one layer can be computed.
//!
//! To add one: a line below with its documentation (`list modes` shows it), its place in the three
//! questions under it, and its kernels where runs are simulated.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use sim_core::params::Value;

sim_core::named_values! {
    /// A way of computing a layer.
    pub enum Mode {
        /// The AMD APP SDK's matrix multiplication: the paper's baseline.
        Dense = "dense",
        /// The best dense matrix multiplication for this machine.
        DenseTiled = "dense-tiled",
        /// The best sparse matrix multiplication on the compaction engine.
        Spartan = "spartan",
        /// The paper's algorithm 3 in its plainest correct form, on the compaction engine.
        SpartanPlain = "spartan-plain",
    }
}

impl Mode {
    /// One line on what it does.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Dense => "AMD APP SDK matrix multiplication, the paper's baseline",
            Self::DenseTiled => "the best dense matrix multiplication for this machine",
            Self::Spartan => "the best sparse matrix multiplication on the compaction engine",
            Self::SpartanPlain => {
                "the paper's algorithm 3 in its plainest correct form, on the compaction engine"
            }
        }
    }

    /// Whether the compaction engine is on, and takes its share of L2.
    pub(crate) fn uses_engine(self) -> bool {
        match self {
            Self::Dense | Self::DenseTiled => false,
            Self::Spartan | Self::SpartanPlain => true,
        }
    }

    /// Rows that B may have, where its row indices limit them.
    pub(crate) fn max_rows(self) -> Option<u32> {
        // A bundle holds the row of its value in 16 bits.
        self.uses_engine().then_some(1 << 16)
    }
}

/// The modes of an experiment, in the order in which results show them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Modes(pub(crate) Vec<Mode>);

impl Default for Modes {
    fn default() -> Self {
        Self(vec![Mode::Dense, Mode::DenseTiled, Mode::Spartan])
    }
}

impl Modes {
    /// The first mode that is there twice.
    pub(crate) fn repeated(&self) -> Option<Mode> {
        let mut seen = BTreeSet::new();
        self.0.iter().copied().find(|mode| !seen.insert(*mode))
    }
}

impl fmt::Display for Modes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Value::show).collect();
        write!(f, "[{}]", names.join(", "))
    }
}

impl Value for Modes {
    fn show(&self) -> String {
        self.to_string()
    }
    fn magnitude(&self) -> Option<f64> {
        None
    }
    fn names() -> Option<&'static [&'static str]> {
        Mode::names()
    }
}
