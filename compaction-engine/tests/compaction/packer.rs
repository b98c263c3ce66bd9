//! The packer against the reference, and its rules for when a line is known.

use crate::columns::{Packed, columns, dense_line, line_count, pack_rest};
use compaction_engine::column::{CompactedColumn, compact_column};
use compaction_engine::line::{CmiEntry, CompactedLine};
use compaction_engine::packer::{Filled, Packer};
use compaction_engine::search::{Cursor, Resume};
use compaction_engine::sib::Point;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn agrees_with_the_reference(column in columns(40)) {
        let expected = compact_column(&column);
        let packed = pack_rest(&column, Packer::start(), Cursor::start(line_count(&column)), None);
        check(&packed, &expected, 0)?;
        prop_assert_eq!(packed.bundles as usize, expected.nnz);
        prop_assert_eq!(packed.overflows as usize, expected.overflows);
        prop_assert_eq!(packed.underflows as usize, expected.underflows);
    }

    #[test]
    fn agrees_when_zero_lines_are_left_out(column in columns(40)) {
        let expected = compact_column(&column);
        let mut packer = Packer::start();
        let mut packed = Packed::default();
        for line in (0..line_count(&column)).filter(|&line| expected.bitmask[line as usize]) {
            let fed = packer.feed(line, &dense_line(&column, line));
            packed.filled.extend(fed.filled);
            packed.released.extend(fed.released);
        }
        let end = packer.finish();
        packed.filled.extend(end.filled);
        packed.released.push(end.released);
        check(&packed, &expected, 0)?;
    }

    #[test]
    fn resumes_anywhere(column in columns(40), pick in any::<prop::sample::Index>()) {
        let expected = compact_column(&column);
        let index = pick.index(expected.lines.len());
        // The end of the predecessor, from the bundles alone.
        let end = index.checked_sub(1).map(|before| {
            let row = expected.lines[before].words[15] >> 16;
            Point { line: row / 16, offset: (row % 16) as u8 }
        });
        let resume = Resume::behind(index as u32, end);
        let mut packer = Packer::resume(resume);
        let mut packed = Packed::default();
        for line in resume.line..line_count(&column) {
            let fed = packer.feed(line, &dense_line(&column, line));
            packed.filled.extend(fed.filled);
            packed.released.extend(fed.released);
            packed.bundles += fed.bundles;
        }
        let end = packer.finish();
        packed.filled.extend(end.filled);
        packed.released.push(end.released);
        check(&packed, &expected, index)?;
        prop_assert_eq!(packed.bundles as usize, expected.nnz - (16 * index).min(expected.nnz));
    }

    /// A line is held exactly while neither leftovers nor a later non-zero have shown that it is not the
    /// last; and no dense line fills or releases two.
    #[test]
    fn holds_a_line_no_longer_than_it_must(column in columns(40)) {
        let mut packer = Packer::start();
        let mut seen = 0;
        let mut released = 0;
        for line in 0..line_count(&column) {
            let fed = packer.feed(line, &dense_line(&column, line));
            seen += fed.bundles;
            released += u32::from(fed.released.is_some());
            prop_assert_eq!(released, seen.saturating_sub(1) / 16);
            prop_assert_eq!(packer.held(), (seen > 0 && seen % 16 == 0).then(|| seen / 16 - 1));
            prop_assert_eq!(packer.pending(), seen % 16);
            prop_assert_eq!(packer.index(), seen / 16);
        }
    }
}

/// Compares what was packed from compacted line `first` on.
fn check(packed: &Packed, expected: &CompactedColumn, first: usize) -> Result<(), TestCaseError> {
    let lines: Vec<CompactedLine> = packed.released.iter().map(|released| released.line).collect();
    prop_assert_eq!(&lines[..], &expected.lines[first..]);
    let cmi: Vec<CmiEntry> = packed.filled.iter().map(|filled| filled.cmi).collect();
    prop_assert_eq!(&cmi[..], &expected.cmi[first..]);
    for (position, (filled, released)) in packed.filled.iter().zip(&packed.released).enumerate() {
        prop_assert_eq!(filled.index as usize, first + position);
        prop_assert_eq!(released.index as usize, first + position);
    }
    Ok(())
}

const DENSE: [f32; 16] = [1.0; 16];
const ZERO: [f32; 16] = [0.0; 16];

fn first_elements(count: usize) -> [f32; 16] {
    std::array::from_fn(|position| f32::from(u8::from(position < count)))
}

#[test]
fn figure_6_10() {
    let mut packer = Packer::start();
    packer.feed(1, &first_elements(8));
    let fed = packer.feed(4, &DENSE);
    assert_eq!(fed.filled, Some(Filled { index: 0, cmi: CmiEntry { needed: 2, offset: 7 } }));
    assert!(!fed.released.unwrap().line.last);

    let late: [f32; 16] = std::array::from_fn(|position| f32::from(u8::from(position >= 8)));
    let fed = packer.feed(6, &late);
    assert_eq!(fed.filled, Some(Filled { index: 1, cmi: CmiEntry { needed: 1, offset: 15 } }));
    assert_eq!(fed.released, None);
    let end = packer.finish();
    assert_eq!((end.filled, end.released.index, end.released.line.last), (None, 1, true));
}

#[test]
fn a_full_line_waits_for_the_next_non_zero() {
    let mut packer = Packer::start();
    assert_eq!(packer.feed(0, &DENSE).released, None);
    assert_eq!(packer.feed(1, &ZERO).released, None);
    assert_eq!(packer.held(), Some(0));

    // The next dense line releases it, and is full itself.
    let fed = packer.feed(2, &DENSE);
    assert_eq!((fed.released.unwrap().index, fed.filled.unwrap().index), (0, 1));
    assert!(!fed.released.unwrap().line.last);
    assert_eq!(packer.held(), Some(1));
}

#[test]
fn a_held_line_can_be_released_from_outside() {
    let mut packer = Packer::start();
    assert_eq!(packer.release_held(false), None);
    packer.feed(0, &DENSE);
    assert!(!packer.release_held(false).unwrap().line.last);
    assert_eq!(packer.held(), None);
    assert_eq!(packer.feed(1, &DENSE).released, None);
}

#[test]
fn a_column_of_zeros_has_one_empty_line() {
    let mut packer = Packer::start();
    packer.feed(0, &ZERO);
    let end = packer.finish();
    assert_eq!(end.filled, Some(Filled { index: 0, cmi: CmiEntry { needed: 0, offset: 0 } }));
    assert_eq!((end.released.index, end.released.line), (0, CompactedLine::EMPTY));
}

#[test]
fn past_the_final_line_there_are_only_empty_ones() {
    let mut packer = Packer::start();
    packer.feed(0, &DENSE);
    assert_eq!(packer.finish().released.index, 0);
    for index in 1..4 {
        let past = packer.finish();
        assert_eq!(
            (past.filled, past.released.index, past.released.line),
            (None, index, CompactedLine::EMPTY)
        );
    }
    // A search that resumes behind a line that was the last.
    let end = Packer::resume(Resume { index: 1, line: 0, skip_through: Some(7) }).finish();
    assert_eq!((end.filled, end.released.line), (None, CompactedLine::EMPTY));
}

#[test]
fn a_line_read_again_counts_only_what_was_left() {
    let mut packer = Packer::resume(Resume { index: 3, line: 5, skip_through: Some(9) });
    let fed = packer.feed(5, &DENSE);
    assert_eq!((fed.non_zeros, fed.bundles, fed.filled), (16, 6, None));
    let fed = packer.feed(6, &DENSE);
    assert_eq!(fed.filled, Some(Filled { index: 3, cmi: CmiEntry { needed: 1, offset: 9 } }));

    // So does what FP16 made of them.
    let fed = Packer::resume(Resume { index: 3, line: 5, skip_through: Some(9) }).feed(5, &[f32::MAX; 16]);
    assert_eq!((fed.overflows, fed.underflows), (6, 0));
    let fed = Packer::resume(Resume { index: 3, line: 5, skip_through: Some(9) }).feed(5, &[1e-9; 16]);
    assert_eq!((fed.overflows, fed.underflows), (0, 6));

    // Nothing left: the line is passed over.
    let mut packer = Packer::resume(Resume { index: 3, line: 5, skip_through: Some(9) });
    let fed = packer.feed(5, &first_elements(10));
    assert_eq!((fed.non_zeros, fed.bundles, packer.pending()), (10, 0, 0));
}

#[test]
fn sixteen_lines_of_one_element() {
    let mut packer = Packer::start();
    for line in 0..16 {
        packer.feed(line, &first_elements(1));
    }
    let end = packer.finish();
    assert!(end.released.line.last);
    assert_eq!(packer.index(), 1);
}

#[test]
fn the_highest_row_fits() {
    let mut packer = Packer::start();
    packer.feed(4095, &DENSE);
    let line = packer.finish().released.line;
    assert_eq!(compaction_engine::bundle::Bundle(line.words[15]).row(), 65535);
    assert_eq!(line.padding_words(), 0);
}
