//! The drawing of a column.

use compaction_engine::inspect::{draw, inspect};

use crate::vectors::{Vector, vectors};

#[test]
fn every_vector_can_be_drawn() {
    for Vector { name, column, .. } in vectors() {
        let inspection = inspect(&column).unwrap();
        for max_lines in [0, 1, 7, usize::MAX] {
            let drawing = draw(&inspection, &column, max_lines);
            let widest = drawing.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= 100, "{name}: {widest} characters wide");
        }
    }
}

/// The example of the dissertation's figure 6.10.
#[test]
fn figure_6_10() {
    let column: Vec<f32> = (0..112u8)
        .map(|row| if matches!(row, 16..24 | 64..80 | 104..112) { 0.5 * f32::from(row) } else { 0.0 })
        .collect();
    let drawing = draw(&inspect(&column).unwrap(), &column, 20);
    let (figure, legend) = drawing.split_once("\nHow to read this\n").unwrap();
    assert_eq!(figure, FIGURE);
    for noun in ["bit ", "elements", "goes to", "CMI", "reads", "bundles", "last"] {
        assert!(legend.contains(&format!("  {noun}")), "{noun}");
    }
}

const FIGURE: &str = "\
column           112 rows, 32 non-zeros (71.4 % zeros)
dense lines      7, of which 3 with non-zeros
compacted lines  2
SIB entry        32 bytes: 6 metadata, 1 bitmask, 25 CMI

bitmask, dense line 0 first
     0  0100101

dense lines
  line         rows  bit  elements          goes to
     0         0-15    0  ················
     1        16-31    1  ████████········  8 to #0
     2        32-47    0  ················
     3        48-63    0  ················
     4        64-79    1  ████████▒▒▒▒▒▒▒▒  8 to #0 (ends at 7), 8 to #1
     5        80-95    0  ················
     6       96-111    1  ········▒▒▒▒▒▒▒▒  8 to #1 (ends at 15)

compacted lines
   #0  CMI (2, 7)
       reads 1 4
     16:8       17:8.5     18:9       19:9.5     20:10      21:10.5    22:11      23:11.5
     64:32      65:32.5    66:33      67:33.5    68:34      69:34.5    70:35      71:35.5
   #1  CMI (1, 15)  last
       reads 4* 6
     72:36      73:36.5    74:37      75:37.5    76:38      77:38.5    78:39      79:39.5
    104:52     105:52.5   106:53     107:53.5   108:54     109:54.5   110:55     111:55.5
";

#[test]
fn the_middle_of_a_long_column_is_left_out() {
    let column = [1.0; 16 * 30];
    let drawing = draw(&inspect(&column).unwrap(), &column, 5);
    assert!(drawing.contains("... 25 more dense lines ..."), "{drawing}");
    assert!(drawing.contains("... 25 more compacted lines ..."), "{drawing}");
    assert!(drawing.contains("16 to #2 (ends at 15)") && !drawing.contains("to #3 "), "{drawing}");
    assert!(drawing.contains("16 to #28 ") && drawing.contains("16 to #29 "), "{drawing}");
}

#[test]
fn a_column_too_high_for_its_row_indices_is_an_error() {
    assert!(inspect(&vec![0.0; 65_536]).is_ok());
    let error = inspect(&vec![0.0; 65_537]).unwrap_err();
    assert!(error.to_string().contains("65537"), "{error}");
}
