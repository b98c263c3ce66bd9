//! Progress on stderr: a bar for each running simulation on a terminal, a line for each finished one elsewhere.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// All progress of a command.
#[derive(Debug)]
pub(crate) struct Display {
    bars: MultiProgress,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Quiet,
    /// Lines, for the logs of batch jobs.
    Lines,
    /// Bars.
    Bars,
}

/// Progress of one simulation; cheap, and may be shared between threads.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    name: String,
}

impl Display {
    /// Bars where stderr is a terminal, lines elsewhere, nothing if `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let kind = match (quiet, io::stderr().is_terminal()) {
            (true, _) => Kind::Quiet,
            (false, true) => Kind::Bars,
            (false, false) => Kind::Lines,
        };
        Self { bars: MultiProgress::new(), kind }
    }

    /// A simulation begins.
    pub(crate) fn begin(&self, name: String) -> Progress {
        if self.kind != Kind::Bars {
            return Progress { bar: ProgressBar::hidden(), name };
        }
        let bar = self.bars.add(ProgressBar::new(0).with_prefix(name.clone()));
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix:24} {wide_bar} {human_pos} of {human_len} workgroups, {eta} left",
        ) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress { bar, name }
    }

    /// A simulation has ended; `outcome` says how.
    pub(crate) fn end(&self, progress: &Progress, outcome: &str) {
        progress.bar.finish_and_clear();
        if self.kind == Kind::Lines {
            eprintln!("{}: {outcome}", progress.name);
        }
    }

    /// Says `message`, unless asked to be quiet.
    pub(crate) fn note(&self, message: &str) {
        if self.kind != Kind::Quiet {
            eprintln!("{message}");
        }
    }
}

impl Progress {
    /// There are `workgroups` in all.
    pub(crate) fn set_total(&self, workgroups: u64) {
        self.bar.set_length(workgroups);
    }

    /// `workgroups` more are done.
    pub(crate) fn done(&self, workgroups: u64) {
        self.bar.inc(workgroups);
    }
}
