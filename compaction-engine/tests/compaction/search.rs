//! The data search: whatever the SIB knows, the search finds every line, and reads no more than it must.

use compaction_engine::column::{CompactedColumn, compact_column};
use compaction_engine::line::CompactedLine;
use compaction_engine::packer::Packer;
use compaction_engine::search::{BehindWindow, Cursor, Next, Outcome, Plan, Resume, accurate_lines};
use compaction_engine::sib::Entry;
use proptest::prelude::*;

use crate::columns::{columns, line_count, observe, pack_rest, roomy_sib};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn finds_every_line(
        column in columns(32),
        known in 0u32..40,
        capacity in prop_oneof![0u32..4, Just(4096)],
        resume in any::<bool>(),
    ) {
        let truth = compact_column(&column);
        let behind = if resume { BehindWindow::Resume } else { BehindWindow::Restart };
        let lines = line_count(&column);
        let mut sib = roomy_sib(&column, capacity);
        observe(&mut sib, &column, known);
        let entry = sib.entry_of(0);
        for index in 0..truth.lines.len() as u32 + 3 {
            let plan = Plan::new(entry, index, lines, behind);
            prop_assert_eq!(plan.outcome, expected_outcome(entry.unwrap(), index, behind));
            prop_assert!(plan.resume.index <= index);

            let packed = pack_rest(&column, Packer::resume(plan.resume), plan.cursor, entry);
            let from = (plan.resume.index as usize).min(truth.lines.len());
            let expected: Vec<CompactedLine> = truth.lines[from..].to_vec();
            let released: Vec<CompactedLine> = packed.released.iter().map(|released| released.line).collect();
            if expected.is_empty() {
                prop_assert_eq!(released, vec![CompactedLine::EMPTY]);
            } else {
                prop_assert_eq!(released, expected);
            }
            prop_assert_eq!(packed.read, expected_reads(&truth, entry.unwrap(), plan.resume));
            check_accurate(&truth, entry.unwrap(), &plan, index)?;
        }
    }

    #[test]
    fn every_line_is_read_or_skipped(column in columns(32), known in 0u32..40) {
        let mut sib = roomy_sib(&column, 8);
        observe(&mut sib, &column, known);
        let entry = sib.entry_of(0);
        let lines = line_count(&column);
        let mut cursor = Cursor::start(lines);
        let (mut read, mut skipped) = (0, 0);
        loop {
            prop_assert_eq!(cursor.position(), read + skipped);
            let peeked = cursor.peek(entry);
            match cursor.advance(entry) {
                Next::Read { line, skipped: zeros } => {
                    prop_assert_eq!(peeked, Some(line));
                    read += 1;
                    skipped += zeros;
                }
                Next::EndOfColumn { skipped: zeros } => {
                    prop_assert_eq!(peeked, None);
                    skipped += zeros;
                    break;
                }
            }
        }
        prop_assert_eq!(read + skipped, lines);
        prop_assert_eq!(cursor.advance(entry), Next::EndOfColumn { skipped: 0 });
        prop_assert!(cursor.is_at_end(entry));
    }
}

fn expected_outcome(entry: Entry<'_>, index: u32, behind: BehindWindow) -> Outcome {
    let window = entry.window();
    let resumes = behind == BehindWindow::Resume && index == window.end && index > 0;
    match entry.known_lines() {
        0 => Outcome::Hasty,
        _ if window.contains(&index) || resumes => Outcome::Accurate,
        _ => Outcome::Prudent,
    }
}

/// From the start on, every line that is not known to be zero.
fn expected_reads(truth: &CompactedColumn, entry: Entry<'_>, resume: Resume) -> Vec<u32> {
    (resume.line..entry.lines())
        .filter(|&line| line >= entry.known_lines() || truth.bitmask[line as usize])
        .collect()
}

/// Where a CMI entry tells, the search reads the reference's lines first and these fill the line.
fn check_accurate(
    truth: &CompactedColumn,
    entry: Entry<'_>,
    plan: &Plan,
    index: u32,
) -> Result<(), TestCaseError> {
    let lines = accurate_lines(entry, index).map(Iterator::collect::<Vec<u32>>);
    prop_assert_eq!(lines.is_some(), entry.cmi(index).is_some());
    let Some(lines) = lines else { return Ok(()) };
    let expected = &truth.accurate[index as usize];
    prop_assert_eq!(&lines, expected);
    prop_assert_eq!(plan.needed, Some(expected.len() as u32));
    prop_assert_eq!(plan.resume.index, index);
    prop_assert_eq!(plan.rereads(), expected.len() > usize::from(truth.cmi[index as usize].needed));
    Ok(())
}

#[test]
fn without_an_entry_the_search_is_hasty() {
    let plan = Plan::new(None, 3, 9, BehindWindow::Resume);
    assert_eq!((plan.outcome, plan.resume, plan.needed), (Outcome::Hasty, Resume::START, None));
    let mut cursor = plan.cursor;
    let read: Vec<Next> = (0..10).map(|_| cursor.advance(None)).collect();
    assert_eq!(read[0], Next::Read { line: 0, skipped: 0 });
    assert_eq!(read[8], Next::Read { line: 8, skipped: 0 });
    assert_eq!(read[9], Next::EndOfColumn { skipped: 0 });
}

/// Lines 0, 3 and 5 of 8 are non-zero and dense.
fn gaps() -> Vec<f32> {
    (0..128).map(|row| if [0, 3, 5].contains(&(row / 16)) { 1.0 } else { 0.0 }).collect()
}

#[test]
fn prudent_goes_on_as_hasty_behind_the_known_prefix() {
    let mut sib = roomy_sib(&gaps(), 0);
    observe(&mut sib, &gaps(), 4);
    let plan = Plan::new(sib.entry_of(0), 2, 8, BehindWindow::Restart);
    assert_eq!(plan.outcome, Outcome::Prudent);
    let packed = pack_rest(&gaps(), Packer::resume(plan.resume), plan.cursor, sib.entry_of(0));
    assert_eq!(packed.read, [0, 3, 4, 5, 6, 7]);
}

#[test]
fn a_known_bitmask_ends_the_column_early() {
    let mut sib = roomy_sib(&gaps(), 8);
    observe(&mut sib, &gaps(), 8);
    let entry = sib.entry_of(0);
    let plan = Plan::new(entry, 2, 8, BehindWindow::Restart);
    assert_eq!((plan.outcome, plan.needed), (Outcome::Accurate, Some(1)));
    let mut cursor = plan.cursor;
    assert_eq!(cursor.advance(entry), Next::Read { line: 5, skipped: 1 });
    // Lines 6 and 7 need not be read to know that line 2 is the last.
    assert!(cursor.is_at_end(entry));
    assert_eq!(cursor.advance(entry), Next::EndOfColumn { skipped: 2 });
}

#[test]
fn an_entry_that_shrank_only_costs_reads() {
    let mut sib = roomy_sib(&gaps(), 8);
    observe(&mut sib, &gaps(), 8);
    let mut cursor = Plan::new(sib.entry_of(0), 1, 8, BehindWindow::Restart).cursor;
    assert_eq!(cursor.advance(sib.entry_of(0)), Next::Read { line: 3, skipped: 2 });
    sib.insert(1);
    sib.insert(0);
    assert_eq!(cursor.advance(sib.entry_of(0)), Next::Read { line: 4, skipped: 0 });
}

#[test]
fn figure_6_10() {
    let column: Vec<f32> =
        (0..112u32).map(|row| if matches!(row, 16..24 | 64..80 | 104..112) { 1.0 } else { 0.0 }).collect();
    let mut sib = roomy_sib(&column, 8);
    observe(&mut sib, &column, 7);
    let plan = Plan::new(sib.entry_of(0), 1, 7, BehindWindow::Restart);
    assert_eq!(plan.resume, Resume { index: 1, line: 4, skip_through: Some(7) });
    let lines: Vec<u32> = accurate_lines(sib.entry_of(0).unwrap(), 1).unwrap().collect();
    assert_eq!(lines, [4, 6]);
}
