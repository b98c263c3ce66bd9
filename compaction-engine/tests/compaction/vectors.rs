//! Every golden vector to the bit, by each of the ways that a column can be compacted.

use crate::columns::{line_count, observe, pack_rest, roomy_sib};
use compaction_engine::column::compact_column;
use compaction_engine::inspect::{Inspection, inspect};
use compaction_engine::packer::Packer;
use compaction_engine::search::{Cursor, accurate_lines};
use serde_json::Value;

pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) column: Vec<f32>,
    /// The JSON without `name` and `column`.
    pub(crate) expected: Value,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/compaction.json")).unwrap();
    assert_eq!(vectors.len(), 36);
    vectors
        .into_iter()
        .map(|mut expected| {
            let fields = expected.as_object_mut().unwrap();
            let name = fields.remove("name").unwrap().as_str().unwrap().to_owned();
            let column = fields.remove("column").unwrap();
            let column = column
                .as_array()
                .unwrap()
                .iter()
                .map(|bits| f32::from_bits(u32::from_str_radix(bits.as_str().unwrap(), 16).unwrap()));
            Vector { name, column: column.collect(), expected }
        })
        .collect()
}

#[test]
fn an_inspection_is_the_vector() {
    for Vector { name, column, expected } in vectors() {
        let inspection = inspect(&column).unwrap();
        assert_eq!(serde_json::to_value(&inspection).unwrap(), expected, "{name}");
        assert_eq!(serde_json::from_value::<Inspection>(expected).unwrap(), inspection, "{name}");
    }
}

#[test]
fn the_packer_makes_the_vector() {
    for Vector { name, column, expected } in vectors() {
        let packed = pack_rest(&column, Packer::start(), Cursor::start(line_count(&column)), None);
        let expected: Inspection = serde_json::from_value(expected).unwrap();
        let words: Vec<_> = packed.released.iter().map(|released| released.line.words).collect();
        assert_eq!(words, expected.compacted.iter().map(|line| line.map(|word| word.0)).collect::<Vec<_>>());
        assert_eq!(packed.filled.iter().map(|filled| filled.cmi).collect::<Vec<_>>(), expected.cmi, "{name}");
        assert_eq!(packed.bundles as usize, expected.nnz, "{name}");
        for (index, released) in packed.released.iter().enumerate() {
            assert_eq!(released.index as usize, index, "{name}");
            assert_eq!(released.line.last, index + 1 == words.len(), "{name}");
        }
    }
}

#[test]
fn the_sib_finds_the_lines_of_the_vector() {
    for Vector { name, column, expected } in vectors() {
        let expected: Inspection = serde_json::from_value(expected).unwrap();
        let mut sib = roomy_sib(&column, 4096);
        observe(&mut sib, &column, u32::MAX);
        let entry = sib.entry_of(0).unwrap();
        for (index, lines) in (0..).zip(&expected.accurate) {
            assert_eq!(&accurate_lines(entry, index).unwrap().collect::<Vec<_>>(), lines, "{name} #{index}");
        }
        assert!(accurate_lines(entry, expected.accurate.len() as u32).is_none());
        let bits: String =
            (0..entry.lines()).map(|line| if entry.bit(line).unwrap() { '1' } else { '0' }).collect();
        assert_eq!(bits, expected.bitmask, "{name}");
    }
}

#[test]
fn the_reference_marks_the_last_line() {
    for Vector { name, column, .. } in vectors() {
        let lines = compact_column(&column).lines;
        let last: Vec<bool> = lines.iter().map(|line| line.last).collect();
        assert_eq!(last.iter().position(|&last| last), Some(lines.len() - 1), "{name}");
    }
}
