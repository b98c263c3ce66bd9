//! The SIB against a plain list of columns, and its window against the reference.

use compaction_engine::column::compact_column;
use compaction_engine::line::CmiEntry;
use compaction_engine::sib::{GeometryError, Point, Sib, SibCounters, SibGeometry};
use proptest::prelude::*;

use crate::columns::{columns, line_count, observe, roomy_sib};

#[test]
fn entries_grow_with_k() {
    for (k, entry_bytes, bitmask_bytes, cmi_capacity) in [
        (1, 32, 1, 25),
        (1024, 32, 8, 18),
        (1025, 64, 9, 49),
        (2048, 64, 16, 42),
        (2049, 128, 17, 105),
        (4096, 128, 32, 90),
        (4097, 256, 33, 217),
        (32_000, 256, 250, 0),
        (32_001, 512, 251, 255),
        (65_536, 1024, 512, 506),
    ] {
        let geometry = SibGeometry::new(k, 512 << 10).unwrap();
        let found = (geometry.entry_bytes, geometry.bitmask_bytes, geometry.cmi_capacity);
        assert_eq!(found, (entry_bytes, bitmask_bytes, cmi_capacity), "K = {k}");
        assert_eq!(geometry.entries, (512 << 10) / entry_bytes, "K = {k}");
    }
    assert_eq!(SibGeometry::new(1152, 127).unwrap().entries, 1);
    assert_eq!(SibGeometry::new(1152, 63).unwrap().entries, 0);
}

#[test]
fn some_heights_have_no_sib() {
    assert_eq!(SibGeometry::new(0, 1024), Err(GeometryError::NoRows));
    let error = SibGeometry::new(65_537, 1024).unwrap_err();
    assert!(error.to_string().contains("65537") && error.to_string().contains("65536"), "{error}");
}

#[test]
fn a_sib_without_entries_remembers_nothing() {
    let mut sib = Sib::new(SibGeometry::new(100, 31).unwrap());
    assert_eq!(sib.insert(7), None);
    assert_eq!(sib.look_up(7), None);
    assert!(sib.entry_of(7).is_none());
    assert_eq!(sib.counters(), SibCounters { misses: 1, ..SibCounters::default() });
}

#[test]
fn an_evicted_entry_leaves_nothing_behind() {
    let mut sib = Sib::new(SibGeometry::new(100, 32).unwrap());
    let slot = sib.insert(7).unwrap();
    sib.observe_line(slot, 0, true);
    sib.observe_compacted(slot, 0, CmiEntry { needed: 1, offset: 15 });
    let slot = sib.insert(8).unwrap();
    assert_eq!((sib.column(slot), sib.find(7)), (8, None));
    let entry = sib.entry(slot);
    assert_eq!((entry.known_lines(), entry.window(), entry.next_non_zero(0)), (0, 0..0, None));
    assert_eq!(entry.start_of(0), Some(None));
}

#[test]
fn without_a_cmi_no_entry_is_kept() {
    let geometry = SibGeometry::new(100, 32).unwrap().with_cmi_limit(0);
    let mut sib = Sib::new(geometry);
    let slot = sib.insert(7).unwrap();
    assert!(sib.observe_line(slot, 0, true));
    assert!(!sib.observe_compacted(slot, 0, CmiEntry { needed: 1, offset: 15 }));
    assert_eq!((sib.entry(slot).cmi(0), sib.entry(slot).window()), (None, 0..0));
}

#[test]
fn a_mapping_needs_its_bits() {
    let mut sib = Sib::new(SibGeometry::new(100, 32).unwrap());
    let slot = sib.insert(7).unwrap();
    let cmi = CmiEntry { needed: 2, offset: 3 };
    sib.observe_line(slot, 0, true);
    sib.observe_line(slot, 1, false);
    assert!(!sib.observe_compacted(slot, 0, cmi));
    sib.observe_line(slot, 2, true);
    assert!(sib.observe_compacted(slot, 0, cmi));
    assert_eq!(sib.entry(slot).start_of(1), Some(Some(Point { line: 2, offset: 3 })));
}

#[test]
fn the_window_slides_by_one() {
    let mut sib = roomy_sib(&[1.0; 96], 2);
    observe(&mut sib, &[1.0; 96], 3);
    let entry = sib.entry_of(0).unwrap();
    assert_eq!((entry.window(), entry.cmi(0)), (1..3, None));
    assert_eq!(entry.start_of(0), None);
    assert_eq!(entry.start_of(1), Some(Some(Point { line: 0, offset: 15 })));
    assert_eq!(sib.counters().cmi_slides, 1);
}

#[test]
fn a_line_is_the_last_when_the_sib_can_tell() {
    // Two compacted lines that end with element 15 of dense lines 0 and 2; line 3 is zero.
    let column: Vec<f32> = (0..64).map(|row| if row / 16 % 2 == 0 { 1.0 } else { 0.0 }).collect();
    let is_last = |lines| {
        let mut sib = roomy_sib(&column, 8);
        observe(&mut sib, &column, lines);
        let entry = sib.entry_of(0).unwrap();
        [entry.is_last(0), entry.is_last(1), entry.is_last(2)]
    };
    assert_eq!(is_last(2), [None, None, None]);
    assert_eq!(is_last(3), [Some(false), None, None]);
    assert_eq!(is_last(4), [Some(false), Some(true), None]);
}

#[derive(Clone, Debug)]
enum Step {
    LookUp(u64),
    Insert(u64),
    Observe(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..3, 0..7u64).prop_map(|(kind, column)| match kind {
        0 => Step::LookUp(column),
        1 => Step::Insert(column),
        _ => Step::Observe(column),
    });
    prop::collection::vec(step, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The model: columns in order of use, each with the number of lines known of it.
    #[test]
    fn replaces_the_least_recently_used(sib_bytes in 0u64..200, steps in steps()) {
        let geometry = SibGeometry::new(1000, sib_bytes).unwrap();
        let mut sib = Sib::new(geometry);
        let mut model: Vec<(u64, u32)> = Vec::new();
        let mut counters = SibCounters::default();
        for step in steps {
            match step {
                Step::LookUp(column) => {
                    let slot = sib.look_up(column);
                    let place = model.iter().position(|&(other, _)| other == column);
                    prop_assert_eq!(slot.is_some(), place.is_some());
                    match place {
                        Some(place) => {
                            let used = model.remove(place);
                            model.push(used);
                            counters.hits += 1;
                        }
                        None => counters.misses += 1,
                    }
                }
                Step::Insert(column) => {
                    let slot = sib.insert(column);
                    prop_assert_eq!(slot.map(|slot| sib.column(slot)), (geometry.entries > 0).then_some(column));
                    let known = match model.iter().position(|&(other, _)| other == column) {
                        Some(place) => model.remove(place).1,
                        None => 0,
                    };
                    model.push((column, known));
                    if model.len() > geometry.entries as usize {
                        model.remove(0);
                        counters.evictions += u64::from(geometry.entries > 0);
                    }
                }
                Step::Observe(column) => {
                    if let Some((_, known)) = model.iter_mut().find(|(other, _)| *other == column) {
                        let slot = sib.find(column).unwrap();
                        prop_assert_eq!(sib.observe_line(slot, *known, true), *known < geometry.lines);
                        *known = (*known + 1).min(geometry.lines);
                    }
                }
            }
            prop_assert_eq!(sib.counters(), counters);
            prop_assert!(sib.used_bytes() <= sib_bytes);
            prop_assert_eq!(sib.used_bytes(), model.len() as u64 * u64::from(geometry.entry_bytes));
            for column in 0..7 {
                let known = model.iter().find(|&&(other, _)| other == column).map(|&(_, known)| known);
                prop_assert_eq!(sib.entry_of(column).map(|entry| entry.known_lines()), known);
            }
        }
    }

    /// Whatever true observations come, in whatever order and however often: what the SIB answers is true.
    #[test]
    fn only_ever_knows_the_truth(
        column in columns(24),
        capacity in 0u32..6,
        order in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..300),
    ) {
        let truth = compact_column(&column);
        let mut sib = roomy_sib(&column, capacity);
        let slot = sib.find(0).unwrap();
        for (dense, pick) in order {
            // Mostly what is next, so that something becomes known; sometimes anything.
            let entry = sib.entry(slot);
            if dense {
                let near = (entry.known_lines() as usize + pick.index(3)).saturating_sub(1);
                let line = near.min(truth.bitmask.len() - 1);
                sib.observe_line(slot, line as u32, truth.bitmask[line]);
            } else {
                let near = (entry.window().end as usize + pick.index(3)).saturating_sub(1);
                let index = near.min(truth.cmi.len() - 1);
                sib.observe_compacted(slot, index as u32, truth.cmi[index]);
            }
        }

        let entry = sib.entry(slot);
        for line in 0..line_count(&column) {
            let known = line < entry.known_lines();
            prop_assert_eq!(entry.bit(line), known.then(|| truth.bitmask[line as usize]));
        }
        let window = entry.window();
        prop_assert!(window.len() as u32 <= capacity);
        for index in 0..truth.cmi.len() {
            let inside = window.contains(&(index as u32));
            prop_assert_eq!(entry.cmi(index as u32), inside.then(|| truth.cmi[index]));
            let behind = window.end == index as u32;
            prop_assert_eq!(entry.start_of(index as u32), (inside || behind).then(|| start(&truth.lines, index)));
            if let Some(last) = entry.is_last(index as u32) {
                prop_assert_eq!(last, truth.lines[index].last);
            }
        }
        let slides = window.start;
        prop_assert_eq!(sib.counters().cmi_slides, u64::from(slides));
    }
}

/// Where compacted line `index` begins, from its predecessor's last row.
fn start(lines: &[compaction_engine::line::CompactedLine], index: usize) -> Option<Point> {
    let row = lines[index.checked_sub(1)?].words[15] >> 16;
    Some(Point { line: row / 16, offset: (row % 16) as u8 })
}
