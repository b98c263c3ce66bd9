//! Compaction of a column one dense line at a time, as a lane of the prefetch buffer does it.
//!
//! A [`Packer`] holds the line under construction: up to 15 bundles, and how many dense lines it took
//! them from. A dense line brings at most 16 more, so it *fills* at most one compacted line. That is
//! when the line's CMI entry is fixed, but not yet when it can be sent: a full line is its column's
//! last if no non-zero follows. Leftovers in the same dense line settle that at once. Otherwise the
//! packer *holds* the line until the next dense line with a non-zero shows that it is not the last, or
//! until [`Packer::finish`] (all lines fed, or the rest known to be zero) shows that it is. Since a held
//! line leaves nothing under construction, one dense line releases at most one line too.
//!
//! ```
//! use compaction_engine::packer::Packer;
//!
//! let mut packer = Packer::start();
//! let fed = packer.feed(0, &[1.0; 16]);
//! assert_eq!(fed.filled.unwrap().index, 0); // complete: its CMI entry is known ...
//! assert!(fed.released.is_none()); // ... but not whether it is the last
//! let end = packer.finish();
//! assert!(end.released.line.last);
//! ```
//!
//! Nothing here knows of time, and nothing allocates.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::line::{CmiEntry, CompactedLine, LINE_ELEMENTS};
use crate::search::Resume;

/// The compaction of one column, from its start or from any compacted line on.
#[derive(Clone, Debug)]
pub struct Packer {
    /// Bundles of the line under construction; the upper half takes what a dense line has left over.
    words: [u32; 2 * LINE_ELEMENTS],
    /// Bundles in `words`, below 16 between calls.
    filled: usize,
    /// Index of the line under construction.
    index: u32,
    /// Dense lines that the line under construction takes from and its predecessors did not.
    needed: u8,
    /// A full line, index `index - 1`, waiting to learn whether it is the last.
    held: Option<[u32; LINE_ELEMENTS]>,
    /// The dense line that the predecessor took from already, and how many of its elements are spent.
    reread: Option<(u32, u32)>,
    /// The lowest dense line that may come next.
    next_line: u32,
}

/// A compacted line that has all its bundles: its CMI entry is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The compacted line.
    pub index: u32,
    /// Its mapping.
    pub cmi: CmiEntry,
}

/// A compacted line that can be sent: its bundles and its *last* flag are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    /// The compacted line.
    pub index: u32,
    /// What to send.
    pub line: CompactedLine,
}

/// What one dense line brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Non-zeros in the dense line, also those that an earlier compacted line took.
    pub non_zeros: u32,
    /// Bundles made: all non-zeros, or those beyond the resume offset in a line that is read again.
    pub bundles: u32,
    /// Bundles whose finite value became an FP16 infinity.
    pub overflows: u32,
    /// Bundles whose non-zero value became an FP16 zero.
    pub underflows: u32,
    /// The compacted line that this one filled.
    pub filled: Option<Filled>,
    /// The compacted line that can now be sent: the one just filled, or the one held before.
    pub released: Option<Released>,
}

/// What the end of a column brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The final line, where it was not filled before: a partial one, or that of an all-zero column.
    pub filled: Option<Filled>,
    /// The final line with *last* set. Where the packer was resumed, or asked again, past the column's
    /// final line, this is the [empty line](CompactedLine::EMPTY) that answers such requests, and
    /// nothing was `filled`.
    pub released: Released,
}

impl Packer {
    /// Begins at the column's first element.
    pub fn start() -> Packer {
        Packer::resume(Resume::START)
    }

    /// Begins at a compacted line whose predecessor's end is known (accurate search).
    ///
    /// Of `resume.line`, elements through `resume.skip_through` belong to the predecessor. Such a line
    /// was counted by the predecessor, so it does not count for this one's NNC_needed.
    pub fn resume(resume: Resume) -> Packer {
        Packer {
            words: [0; 2 * LINE_ELEMENTS],
            filled: 0,
            index: resume.index,
            needed: 0,
            held: None,
            reread: resume.skip_through.map(|offset| (resume.line, u32::from(offset) + 1)),
            next_line: resume.line,
        }
    }

    /// The compacted line under construction.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Bundles that the line under construction has so far, 0 to 15.
    pub fn pending(&self) -> u32 {
        self.filled as u32
    }

    /// The full line that waits to learn whether it is the last.
    pub fn held(&self) -> Option<u32> {
        self.held.map(|_| self.index - 1)
    }

    /// Takes in dense line `line`. Lines come in ascending order; all-zero lines may be left out.
    pub fn feed(&mut self, line: u32, values: &[f32; LINE_ELEMENTS]) -> Fed {
        debug_assert!(line >= self.next_line, "dense line {line} fed after {}", self.next_line);
        self.next_line = line + 1;

        let all = mask(values.map(|value| value != 0.0));
        let mut fed = Fed {
            non_zeros: all.count_ones(),
            bundles: 0,
            overflows: 0,
            underflows: 0,
            filled: None,
            released: None,
        };
        let (fresh, counts) = match self.reread {
            Some((reread, spent)) if reread == line => (all >> spent << spent, 0),
            _ => (all, 1),
        };
        if fresh == 0 {
            return fed;
        }
        fed.released = self.release_held(false);
        self.take(line, values, fresh, &mut fed);
        self.needed += counts;
        if self.filled >= LINE_ELEMENTS {
            self.close_line(&mut fed);
        }
        fed
    }

    /// Ends the column: no non-zero follows what was fed.
    pub fn finish(&mut self) -> Finished {
        if let Some(released) = self.release_held(true) {
            return Finished { filled: None, released };
        }
        let index = self.index;
        let cmi = match self.filled {
            // Only an all-zero column has an empty line 0; a later empty line is past the column's end.
            0 => (index == 0).then(CmiEntry::default),
            filled => Some(CmiEntry { needed: self.needed, offset: self.offset_of(filled - 1) }),
        };
        self.words[self.filled..].fill(0);
        let line = CompactedLine { words: self.first_words(), last: true };
        self.restart_line(0);
        Finished { filled: cmi.map(|cmi| Filled { index, cmi }), released: Released { index, line } }
    }

    /// Sends the held line with a *last* flag that is known from elsewhere (a CMI entry beyond it in the
    /// SIB, say); `None` if no line is held.
    pub fn release_held(&mut self, last: bool) -> Option<Released> {
        let words = self.held.take()?;
        Some(Released { index: self.index - 1, line: CompactedLine { words, last } })
    }

    /// Bundles the elements of `line` that `fresh` names onto the line under construction.
    fn take(&mut self, line: u32, values: &[f32; LINE_ELEMENTS], fresh: u32, fed: &mut Fed) {
        // Converting all 16 at once, as the processing unit does, lets the CPU use its own instruction.
        let mut halves = [f16::ZERO; LINE_ELEMENTS];
        halves.convert_from_f32_slice(values);
        let halves = halves.map(f16::to_bits);

        let mut rest = fresh;
        while rest != 0 {
            let position = rest.trailing_zeros();
            rest &= rest - 1;
            self.words[self.filled] =
                (line * LINE_ELEMENTS as u32 + position) << 16 | u32::from(halves[position as usize]);
            self.filled += 1;
        }

        fed.bundles = fresh.count_ones();
        let magnitudes = halves.map(|bits| bits & 0x7fff);
        let infinite = mask(magnitudes.map(|bits| bits == 0x7c00));
        let zero = mask(magnitudes.map(|bits| bits == 0));
        fed.underflows = (zero & fresh).count_ones();
        if infinite & fresh != 0 {
            fed.overflows = (infinite & fresh & mask(values.map(f32::is_finite))).count_ones();
        }
    }

    /// The line under construction is full: notes its mapping, then releases or holds it.
    fn close_line(&mut self, fed: &mut Fed) {
        let cmi = CmiEntry { needed: self.needed, offset: self.offset_of(LINE_ELEMENTS - 1) };
        fed.filled = Some(Filled { index: self.index, cmi });
        let words = self.first_words();
        let leftover = self.filled - LINE_ELEMENTS;
        if leftover > 0 {
            let line = CompactedLine { words, last: false };
            fed.released = Some(Released { index: self.index, line });
        } else {
            self.held = Some(words);
        }
        self.words.copy_within(LINE_ELEMENTS.., 0);
        self.restart_line(leftover);
    }

    /// Goes on to the next line, of which `filled` bundles are there already.
    fn restart_line(&mut self, filled: usize) {
        self.index += 1;
        self.filled = filled;
        self.needed = 0;
    }

    /// Where in its dense line the bundle in `slot` stood; its row tells.
    fn offset_of(&self, slot: usize) -> u8 {
        (self.words[slot] >> 16) as u8 % LINE_ELEMENTS as u8
    }

    fn first_words(&self) -> [u32; LINE_ELEMENTS] {
        std::array::from_fn(|slot| self.words[slot])
    }
}

/// One bit for each of 16 flags, flag 0 lowest.
fn mask(flags: [bool; LINE_ELEMENTS]) -> u32 {
    flags.iter().enumerate().fold(0, |mask, (position, &flag)| mask | u32::from(flag) << position)
}
