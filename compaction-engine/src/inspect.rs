//! A column's compaction laid open, for people and for programs.
//!
//! [`inspect`] gathers everything that the engine would learn and make of a column; serialised, it has
//! the fields and forms of the project's golden vectors. [`draw`] draws it in a terminal, in the manner
//! of the dissertation's figure 6.10: which dense lines hold non-zeros, which compacted line each
//! element goes to, and what the SIB notes about it.

use std::fmt::Write;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::bundle::Bundle;
use crate::column::compact_column;
use crate::line::{CmiEntry, LINE_ELEMENTS};
use crate::sib::{GeometryError, SibGeometry};

/// What compaction makes of one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The SIB entry of a column of this height.
    pub sib: EntryShape,
    /// For each dense line, `1` if it holds a non-zero and `0` if not.
    pub bitmask: String,
    /// Non-zeros of the column.
    pub nnz: usize,
    /// The words of each compacted line, as hexadecimal strings. The final line is the *last*.
    pub compacted: Vec<[Word; LINE_ELEMENTS]>,
    /// NNC_needed and offset of each compacted line, also of those that a SIB entry has no room for.
    pub cmi: Vec<CmiEntry>,
    /// Dense lines that an accurate search reads for each compacted line.
    pub accurate: Vec<Vec<u32>>,
}

/// How an entry of the SIB is divided, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryShape {
    /// All of the entry, 6 bytes of metadata included.
    pub entry_bytes: u32,
    /// Its bitmask, a bit for a dense line.
    pub bitmask_bytes: u32,
    /// Its CMI entries, of one byte each.
    pub cmi_capacity: u32,
}

/// A word of a compacted line, serialised as eight hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(pub u32);

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:08x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        let digits = String::deserialize(deserializer)?;
        u32::from_str_radix(&digits, 16).map(Word).map_err(de::Error::custom)
    }
}

/// Compacts a column and gathers what is to be seen; fails where K has no SIB entry.
pub fn inspect(values: &[f32]) -> Result<Inspection, GeometryError> {
    let rows = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let geometry = SibGeometry::new(rows, 0)?;
    let column = compact_column(values);
    Ok(Inspection {
        sib: EntryShape {
            entry_bytes: geometry.entry_bytes,
            bitmask_bytes: geometry.bitmask_bytes,
            cmi_capacity: geometry.cmi_capacity,
        },
        bitmask: column.bitmask.iter().map(|&bit| if bit { '1' } else { '0' }).collect(),
        nnz: column.nnz,
        compacted: column.lines.iter().map(|line| line.words.map(Word)).collect(),
        cmi: column.cmi,
        accurate: column.accurate,
    })
}

/// The drawing's width in characters.
const WIDTH: usize = 100;
/// Bits of the bitmask in a row of the drawing.
const BITS_PER_ROW: usize = 80;
/// Characters of a bundle's value.
const VALUE_WIDTH: usize = 6;

/// Draws the compaction of `values`, which `inspection` came from.
///
/// Of more than `max_lines` dense or compacted lines, those in the middle are left out and counted.
pub fn draw(inspection: &Inspection, values: &[f32], max_lines: usize) -> String {
    let mut out = String::new();
    draw_summary(&mut out, inspection, values.len());
    draw_bitmask(&mut out, inspection, max_lines);
    draw_dense_lines(&mut out, inspection, values, max_lines);
    draw_compacted_lines(&mut out, inspection, values.len(), max_lines);
    out.push_str(LEGEND);
    out
}

const LEGEND: &str = "
How to read this
  bit      in the bitmask: 1 if the dense line (16 FP32 values, 64 bytes) holds a non-zero
  elements · zero; █ goes to an even compacted line, ▒ to an odd one
  goes to  elements for each compacted line #j; 'ends at p': the line's last bundle is element p
  CMI      (NNC_needed, offset): dense lines with non-zeros that #j takes from and none before it
           did, and where in the last of them its last element stands
  reads    dense lines that an accurate search reads for #j; * was read for the line before, too,
           and is read again for its leftovers
  bundles  row:value, 32 bits each: 16-bit row index, FP16 value, which is inf where FP32 was too
           large for it and 0 where it was too small; pad is the zero word
  last     no non-zero of the column follows: this flag replaces the array of column lengths
";

fn draw_summary(out: &mut String, inspection: &Inspection, rows: usize) {
    let dense = inspection.bitmask.len();
    let occupied = inspection.bitmask.matches('1').count();
    let nnz = inspection.nnz;
    let zeros = 100.0 * (rows - nnz) as f64 / rows.max(1) as f64;
    let EntryShape { entry_bytes, bitmask_bytes, cmi_capacity } = inspection.sib;
    line(out, format_args!("column           {rows} rows, {nnz} non-zeros ({zeros:.1} % zeros)"));
    line(out, format_args!("dense lines      {dense}, of which {occupied} with non-zeros"));
    line(out, format_args!("compacted lines  {}", inspection.compacted.len()));
    let parts = format_args!("6 metadata, {bitmask_bytes} bitmask, {cmi_capacity} CMI");
    line(out, format_args!("SIB entry        {entry_bytes} bytes: {parts}"));
}

fn draw_bitmask(out: &mut String, inspection: &Inspection, max_lines: usize) {
    let bits = inspection.bitmask.as_bytes();
    let rows: Vec<&[u8]> = bits.chunks(BITS_PER_ROW).collect();
    line(out, format_args!("\nbitmask, dense line 0 first"));
    elided(out, rows.len(), max_lines, "rows of bits", |out, row| {
        let bits: String = rows[row].iter().map(|&bit| char::from(bit)).collect();
        line(out, format_args!("{:>6}  {bits}", row * BITS_PER_ROW));
    });
}

fn draw_dense_lines(out: &mut String, inspection: &Inspection, values: &[f32], max_lines: usize) {
    let lines: Vec<&[f32]> = values.chunks(LINE_ELEMENTS).collect();
    // Element n of the column's non-zeros goes to compacted line n / 16.
    let mut before = Vec::with_capacity(lines.len());
    let mut count = 0;
    for values in &lines {
        before.push(count);
        count += values.iter().filter(|&&value| value != 0.0).count();
    }

    line(out, format_args!("\ndense lines\n  line         rows  bit  elements          goes to"));
    elided(out, lines.len(), max_lines, "dense lines", |out, index| {
        let first_row = index * LINE_ELEMENTS;
        let rows = format!("{first_row}-{}", first_row + lines[index].len() - 1);
        let bit = &inspection.bitmask[index..=index];
        let (elements, goes_to) = place_elements(lines[index], before[index], inspection.nnz);
        let text = format!("{index:>6}  {rows:>11}    {bit}  {elements:<16}  {}", goes_to.join(", "));
        line(out, format_args!("{}", text.trim_end()));
    });
}

/// A dense line's elements drawn, and for each compacted line how many of them it takes. `before`
/// non-zeros of the column's `nnz` come first.
fn place_elements(values: &[f32], before: usize, nnz: usize) -> (String, Vec<String>) {
    let mut elements = String::new();
    let mut goes_to = Vec::new();
    let mut ordinal = before;
    let mut taken = 0;
    for (position, &value) in values.iter().enumerate() {
        if value == 0.0 {
            elements.push('·');
            continue;
        }
        let compacted = ordinal / LINE_ELEMENTS;
        elements.push(if compacted.is_multiple_of(2) { '█' } else { '▒' });
        ordinal += 1;
        taken += 1;
        if ordinal.is_multiple_of(LINE_ELEMENTS) || ordinal == nnz {
            goes_to.push(format!("{taken} to #{compacted} (ends at {position})"));
            taken = 0;
        }
    }
    if taken > 0 {
        goes_to.push(format!("{taken} to #{}", ordinal / LINE_ELEMENTS));
    }
    (elements, goes_to)
}

fn draw_compacted_lines(out: &mut String, inspection: &Inspection, rows: usize, max_lines: usize) {
    let row_width = rows.saturating_sub(1).to_string().len();
    let cell = row_width + 1 + VALUE_WIDTH;
    let per_row = if INDENT.len() + 8 * (cell + 1) <= WIDTH { 8 } else { 4 };

    line(out, format_args!("\ncompacted lines"));
    elided(out, inspection.compacted.len(), max_lines, "compacted lines", |out, index| {
        draw_compacted_head(out, inspection, index);
        let first = index * LINE_ELEMENTS;
        let bundles: Vec<String> = inspection.compacted[index]
            .iter()
            .enumerate()
            .map(|(slot, word)| {
                // Not by the word: row 0 with a value that FP16 rounds to zero looks like padding.
                let filled = first + slot < inspection.nnz;
                if filled { bundle_text(Bundle(word.0), row_width) } else { format!("{:>row_width$}", "pad") }
            })
            .collect();
        for bundles in bundles.chunks(per_row) {
            let cells: String = bundles.iter().map(|bundle| format!("{bundle:<cell$} ")).collect();
            line(out, format_args!("{INDENT}{}", cells.trim_end()));
        }
    });
}

const INDENT: &str = "    ";

fn draw_compacted_head(out: &mut String, inspection: &Inspection, index: usize) {
    let CmiEntry { needed, offset } = inspection.cmi[index];
    let last = if index + 1 == inspection.compacted.len() { "  last" } else { "" };
    let rereads = inspection.accurate[index].len() > usize::from(needed);
    let reads: String = inspection.accurate[index]
        .iter()
        .enumerate()
        .map(|(position, dense)| format!(" {dense}{}", if rereads && position == 0 { "*" } else { "" }))
        .collect();
    let name = format!("#{index}");
    line(out, format_args!("{name:>5}  CMI ({needed}, {offset}){last}"));
    line(out, format_args!("{INDENT}   reads{}", if reads.is_empty() { " nothing" } else { &reads }));
}

fn bundle_text(bundle: Bundle, row_width: usize) -> String {
    format!("{:>row_width$}:{}", bundle.row(), short(bundle.value()))
}

/// A number in at most [`VALUE_WIDTH`] characters.
fn short(value: f32) -> String {
    let fits = |text: &String| text.len() <= VALUE_WIDTH;
    let exact = Some(value.to_string());
    let decimals = (0..5).rev().map(|digits| format!("{value:.digits$}"));
    let powers = (0..2).rev().map(|digits| format!("{value:.digits$e}"));
    let fixed_point = (0.01..100_000.0).contains(&value.abs());
    exact
        .into_iter()
        .chain(decimals.filter(|_| fixed_point))
        .chain(powers)
        .find(fits)
        .unwrap_or_else(|| value.to_string())
}

/// Draws `count` things, or the first and the last of them with a note of how many lie between.
fn elided(
    out: &mut String,
    count: usize,
    max: usize,
    things: &str,
    mut draw: impl FnMut(&mut String, usize),
) {
    if count <= max {
        (0..count).for_each(|index| draw(out, index));
        return;
    }
    let tail = max / 2;
    let head = max - tail;
    (0..head).for_each(|index| draw(out, index));
    line(out, format_args!("{INDENT}  ... {} more {things} ...", count - max));
    (count - tail..count).for_each(|index| draw(out, index));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
