//! What the tests share: random columns, and ways to feed them.

use compaction_engine::line::LINE_ELEMENTS;
use compaction_engine::packer::{Filled, Packer, Released};
use compaction_engine::search::{Cursor, Next};
use compaction_engine::sib::{Entry, Sib, SibGeometry};
use proptest::prelude::*;

/// Values around every rounding boundary of FP16, and ordinary ones.
pub(crate) const NOTABLE: [f32; 16] = [
    1.0,
    -2.5,
    0.1,
    65504.0,
    65519.99,
    65520.0,
    -65520.0,
    f32::MAX,
    f32::INFINITY,
    6.0e-5,
    5.9604645e-8,
    2.9802322e-8,
    -2.9802322e-8,
    1.0e-40,
    -1.0e-45,
    1.0009766,
];

/// A column of mixed lines: empty, dense, sparse and with one element.
pub(crate) fn columns(max_lines: usize) -> impl Strategy<Value = Vec<f32>> {
    let element = |density: f64| {
        (prop::bool::weighted(density), 0..NOTABLE.len(), any::<bool>()).prop_map(
            |(non_zero, pick, negative)| match (non_zero, negative) {
                (true, _) => NOTABLE[pick],
                (false, true) => -0.0,
                (false, false) => 0.0,
            },
        )
    };
    let line = prop_oneof![
        3 => Just(vec![0.0; LINE_ELEMENTS]),
        2 => prop::collection::vec(element(1.0), LINE_ELEMENTS),
        2 => prop::collection::vec(element(0.5), LINE_ELEMENTS),
        2 => prop::collection::vec(element(0.1), LINE_ELEMENTS),
        1 => (0..LINE_ELEMENTS).prop_map(|position| {
            let mut line = vec![0.0; LINE_ELEMENTS];
            line[position] = 1.0;
            line
        }),
    ];
    (prop::collection::vec(line, 1..=max_lines), 0..LINE_ELEMENTS).prop_map(|(lines, cut)| {
        let mut column = lines.concat();
        column.truncate(column.len() - cut);
        column
    })
}

/// Dense line `line` of a column, padded with zeros past its end.
pub(crate) fn dense_line(column: &[f32], line: u32) -> [f32; LINE_ELEMENTS] {
    let rest = &column[line as usize * LINE_ELEMENTS..];
    let mut values = [0.0; LINE_ELEMENTS];
    let length = rest.len().min(LINE_ELEMENTS);
    values[..length].copy_from_slice(&rest[..length]);
    values
}

pub(crate) fn line_count(column: &[f32]) -> u32 {
    column.len().div_ceil(LINE_ELEMENTS) as u32
}

/// What a packer made of the rest of a column.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) filled: Vec<Filled>,
    pub(crate) released: Vec<Released>,
    pub(crate) read: Vec<u32>,
    pub(crate) bundles: u32,
    pub(crate) overflows: u32,
    pub(crate) underflows: u32,
}

/// Feeds a packer the dense lines that a cursor names, to the column's end.
pub(crate) fn pack_rest(
    column: &[f32],
    mut packer: Packer,
    mut cursor: Cursor,
    entry: Option<Entry<'_>>,
) -> Packed {
    let mut packed = Packed::default();
    while let Next::Read { line, .. } = cursor.advance(entry) {
        let values = dense_line(column, line);
        let fed = packer.feed(line, &values);
        assert_eq!(fed.non_zeros as usize, values.iter().filter(|&&value| value != 0.0).count());
        packed.read.push(line);
        packed.filled.extend(fed.filled);
        packed.released.extend(fed.released);
        packed.bundles += fed.bundles;
        packed.overflows += fed.overflows;
        packed.underflows += fed.underflows;
    }
    let end = packer.finish();
    packed.filled.extend(end.filled);
    packed.released.push(end.released);
    packed
}

/// Column 0 in a SIB whose CMI has room for all of it, or for `cmi_capacity` entries.
pub(crate) fn roomy_sib(column: &[f32], cmi_capacity: u32) -> Sib {
    let geometry = SibGeometry::new(column.len() as u32, 0).unwrap();
    let mut sib = Sib::new(SibGeometry { cmi_capacity, entries: 1, ..geometry });
    sib.insert(0).unwrap();
    sib
}

/// Shows the SIB the first `lines` dense lines of column 0, and what they fill; all lines and the
/// column's end if `lines` is not below their number.
pub(crate) fn observe(sib: &mut Sib, column: &[f32], lines: u32) {
    let slot = sib.find(0).unwrap();
    let mut packer = Packer::start();
    let compacted = |sib: &mut Sib, Filled { index, cmi }: Filled| sib.observe_compacted(slot, index, cmi);
    for line in 0..line_count(column).min(lines) {
        let fed = packer.feed(line, &dense_line(column, line));
        assert!(sib.observe_line(slot, line, fed.non_zeros > 0));
        if let Some(filled) = fed.filled {
            compacted(sib, filled);
        }
    }
    if lines >= line_count(column)
        && let Some(filled) = packer.finish().filled
    {
        compacted(sib, filled);
    }
}
