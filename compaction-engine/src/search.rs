//! Data search: which dense lines to read for a compacted line.
//!
//! A request for compacted line j of a column finds the SIB in one of three states, and each has its
//! search (dissertation section 6.4.2.1, algorithms 4 and 5):
//!
//! - [`Outcome::Accurate`]: entry j is in the CMI window, so it is known where line j begins and which
//!   dense lines it takes from. Compaction [resumes](Resume) exactly there. The line that closed j - 1 is
//!   read again unless that entry's offset is 15; its leftover was in the lane and is gone with it
//!   (algorithm 4 forgets this case).
//! - [`Outcome::Prudent`]: no entry j, but a bitmask. Compaction starts over, reading only lines whose
//!   bit is set; lines before j are made again and discarded.
//! - [`Outcome::Hasty`]: neither. Compaction starts over, reading line after line.
//!
//! Past the search the lane just goes on down the column. So a [`Plan`] is where to begin and a
//! [`Cursor`] from there to the column's end, which skips lines as the bitmask, at the time of asking,
//! allows: where the known prefix ends, prudent becomes hasty by itself.

use crate::sib::{Entry, Point};

/// The kind of search that a request leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// By CMI entry.
    Accurate,
    /// By bitmask.
    Prudent,
    /// Line after line.
    Hasty,
}

/// Where a request behind the CMI window starts.
///
/// The paper has prudent search start from the column's first non-zero bit. But the end of the window's
/// final line is known, and that is where the next one begins, so compaction can as well go on from
/// there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BehindWindow {
    /// At the column's start, as in the paper.
    #[default]
    Restart,
    /// Behind the window's final line. For the compacted line right behind the window the search counts
    /// as accurate, for those further on as prudent.
    Resume,
}

/// Where compaction starts: at the first element of a compacted line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// That compacted line.
    pub index: u32,
    /// The dense line to begin with.
    pub line: u32,
    /// Elements of `line` through this one belong to compacted line `index - 1`: the line is read again.
    pub skip_through: Option<u8>,
}

impl Resume {
    /// The column's first element.
    pub const START: Resume = Resume { index: 0, line: 0, skip_through: None };

    /// Compacted line `index`, given where its predecessor ended; `None` at the column's start.
    pub fn behind(index: u32, end: Option<Point>) -> Resume {
        match end {
            None => Resume { index, ..Resume::START },
            Some(Point { line, offset: 15 }) => Resume { index, line: line + 1, skip_through: None },
            Some(Point { line, offset }) => Resume { index, line, skip_through: Some(offset) },
        }
    }
}

/// What to do for a request that no lane can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The search that led here.
    pub outcome: Outcome,
    /// Where compaction starts: pass it to [`Packer::resume`](crate::packer::Packer::resume). Compacted
    /// lines before the requested one are to be discarded.
    pub resume: Resume,
    /// The dense lines to read.
    pub cursor: Cursor,
    /// Dense lines that the requested compacted line takes, one read again included, where a CMI entry
    /// tells. Reading these completes the line, but may leave open whether it is the last.
    pub needed: Option<u32>,
}

impl Plan {
    /// The search for compacted line `index` of a column of `lines` dense lines.
    pub fn new(entry: Option<Entry<'_>>, index: u32, lines: u32, behind: BehindWindow) -> Plan {
        let plan = |outcome, resume: Resume, needed| Plan {
            outcome,
            resume,
            cursor: Cursor { next: resume.line, lines },
            needed,
        };
        let Some(entry) = entry.filter(|entry| entry.known_lines() > 0) else {
            return plan(Outcome::Hasty, Resume::START, None);
        };
        if let Some((cmi, start)) = entry.cmi(index).zip(entry.start_of(index)) {
            let resume = Resume::behind(index, start);
            let reread = u32::from(resume.skip_through.is_some());
            return plan(Outcome::Accurate, resume, Some(u32::from(cmi.needed) + reread));
        }
        let end = entry.window().end;
        if behind == BehindWindow::Resume
            && (1..=index).contains(&end)
            && let Some(start) = entry.start_of(end)
        {
            let outcome = if index == end { Outcome::Accurate } else { Outcome::Prudent };
            return plan(outcome, Resume::behind(end, start), None);
        }
        plan(Outcome::Prudent, Resume::START, None)
    }

    /// Whether the first dense line was read before by the predecessor of the compacted line.
    pub fn rereads(&self) -> bool {
        self.resume.skip_through.is_some()
    }
}

/// The way down a column: every dense line that may hold a non-zero, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The lowest line that has been neither read nor skipped.
    next: u32,
    /// Dense lines of the column.
    lines: u32,
}

/// A step of a [`Cursor`]; either way with the lines passed over because they are known to be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read this dense line.
    Read {
        /// The dense line.
        line: u32,
        /// Zero lines passed over before it.
        skipped: u32,
    },
    /// No line is left that may hold a non-zero. Once the lines read have been compacted, the column is
    /// finished.
    EndOfColumn {
        /// Zero lines passed over at the column's end; 0 when asked again.
        skipped: u32,
    },
}

impl Cursor {
    /// All of a column of `lines` dense lines.
    pub fn start(lines: u32) -> Cursor {
        Cursor { next: 0, lines }
    }

    /// The lowest line that has been neither read nor skipped.
    pub fn position(&self) -> u32 {
        self.next
    }

    /// Steps to the next line to read, by what the SIB knows of the column now.
    pub fn advance(&mut self, entry: Option<Entry<'_>>) -> Next {
        let from = self.next;
        match self.peek(entry) {
            Some(line) => {
                self.next = line + 1;
                Next::Read { line, skipped: line - from }
            }
            None => {
                self.next = self.lines;
                Next::EndOfColumn { skipped: self.lines - from }
            }
        }
    }

    /// The line that [`Cursor::advance`] would read; `None` at the column's end.
    ///
    /// `None` is known as soon as the bitmask is, even far from the column's final line, so that a
    /// compacted line's *last* flag need not wait for zero lines to be read.
    pub fn peek(&self, entry: Option<Entry<'_>>) -> Option<u32> {
        let known = entry.and_then(|entry| entry.next_non_zero(self.next));
        let unknown = self.next.max(entry.map_or(0, |entry| entry.known_lines()));
        known.or((unknown < self.lines).then_some(unknown))
    }

    /// Whether no line is left that may hold a non-zero.
    pub fn is_at_end(&self, entry: Option<Entry<'_>>) -> bool {
        self.peek(entry).is_none()
    }
}

/// The dense lines that an accurate search reads for compacted line `index`: the last line of its
/// predecessor again, unless that ended with it, then its own. `None` if it is not in the CMI window.
pub fn accurate_lines(entry: Entry<'_>, index: u32) -> Option<impl Iterator<Item = u32>> {
    let plan = Plan::new(Some(entry), index, entry.lines(), BehindWindow::Restart);
    let needed = plan.needed?;
    let mut cursor = plan.cursor;
    Some((0..needed).map_while(move |_| match cursor.advance(Some(entry)) {
        Next::Read { line, .. } => Some(line),
        Next::EndOfColumn { .. } => None,
    }))
}
