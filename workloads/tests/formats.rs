//! Sparse formats hold what the dense matrix holds, in the arrays and bytes that their definitions say.

#![allow(clippy::unwrap_used)]

use compaction_engine::ColumnValues;
use compaction_engine::bundle::Bundle;
use compaction_engine::line::CompactedLine;
use compaction_engine::packer::Packer;
use half::f16;
use proptest::collection::vec;
use proptest::prelude::*;
use workloads::formats::{
    Coo, Csc, Csr, Dense, Ellpack, EllpackDib, EllpackR, Footprint, Format, FormatError, Hyb, Shape, compare,
    compare_at,
};
use workloads::matrix::{DenseMatrix, UniformMatrix};

fn shape(rows: u64, columns: u64) -> Shape {
    Shape::new(rows, columns).unwrap()
}

/// A 4 x 5 matrix with a full, an empty and a one-element column:
///
/// ```text
/// 1 0 4 0 0
/// 0 0 5 8 0
/// 2 0 6 0 9
/// 3 0 7 0 0
/// ```
fn example() -> Dense {
    let mut values = vec![0.0; 20];
    for (at, value) in [(0, 1.0), (10, 2.0), (15, 3.0), (2, 4.0), (7, 5.0), (12, 6.0), (17, 7.0)] {
        values[at] = value;
    }
    (values[8], values[14]) = (8.0, 9.0);
    Dense::new(shape(4, 5), values).unwrap()
}

/// Matrices of up to 50 x 12, empty ones too, each column with a density of its own. `value` are the
/// elements that are not left out; they may be zero as well.
fn matrices(value: impl Strategy<Value = f32> + Clone + 'static) -> impl Strategy<Value = Dense> {
    (0..=50u64, vec(0..=100u32, 0..=12)).prop_flat_map(move |(rows, densities)| {
        let columns = densities.len();
        let elements = vec((0..100u32, value.clone()), rows as usize * columns);
        elements.prop_map(move |elements| {
            let kept = elements.iter().zip(densities.iter().cycle());
            let values = kept.map(|(&(gate, value), &density)| if gate < density { value } else { 0.0 });
            Dense::new(shape(rows, columns as u64), values.collect()).unwrap()
        })
    })
}

/// Zeros of both signs, values that FP16 rounds, and values that it has no place for.
fn any_value() -> impl Strategy<Value = f32> + Clone {
    prop_oneof![
        1 => Just(-0.0f32),
        1 => Just(0.0f32),
        1 => Just(1e6f32),
        1 => Just(-1e-9f32),
        1 => Just(f32::INFINITY),
        1 => Just(f32::NAN),
        10 => -100.0..100.0f32,
    ]
}

/// The bits of a matrix, with zeros of both signs made one.
fn bits(values: &[f32], rounded: impl Fn(f32) -> f32) -> Vec<u32> {
    values.iter().map(|&value| if value == 0.0 { 0 } else { rounded(value).to_bits() }).collect()
}

/// One column, top to bottom.
fn column(dense: &Dense, column: u32) -> Vec<f32> {
    let columns = dense.shape().columns() as usize;
    dense.values().iter().skip(column as usize).step_by(columns).copied().collect()
}

/// The number of non-zeros of each column, from the dense matrix.
fn lengths(dense: &Dense) -> Vec<usize> {
    let count = |at| column(dense, at).iter().filter(|value| **value != 0.0).count();
    (0..dense.shape().columns()).map(count).collect()
}

/// The lines that the engine makes of a column.
fn engine_lines(values: &[f32]) -> Vec<CompactedLine> {
    let mut packer = Packer::start();
    let mut lines = Vec::new();
    for (line, chunk) in (0..).zip(values.chunks(16)) {
        let mut dense_line = [0.0; 16];
        dense_line[..chunk.len()].copy_from_slice(chunk);
        lines.extend(packer.feed(line, &dense_line).released.map(|released| released.line));
    }
    lines.push(packer.finish().released.line);
    lines
}

proptest! {
    #[test]
    fn every_format_gives_the_matrix_back(dense in matrices(any_value())) {
        let expected = bits(dense.values(), |value| value);
        let back = |matrix: Dense| {
            assert_eq!(matrix.shape(), dense.shape());
            bits(matrix.values(), |value| value)
        };
        prop_assert_eq!(&back(Dense::from(&Coo::from(&dense))), &expected);
        prop_assert_eq!(&back(Dense::from(&Csr::from(&dense))), &expected);
        prop_assert_eq!(&back(Dense::from(&Csc::from(&dense))), &expected);
        prop_assert_eq!(&back(Dense::from(&Ellpack::from(&dense))), &expected);
        prop_assert_eq!(&back(Dense::from(&EllpackR::from(&dense))), &expected);
        prop_assert_eq!(&back(Dense::from(&Hyb::from(&dense))), &expected);
    }

    #[test]
    fn ellpack_dib_gives_the_matrix_back_in_binary16(dense in matrices(any_value())) {
        let dib = EllpackDib::try_from(&dense).unwrap();
        let round = |value: f32| f16::from_f32(value).to_f32();
        // A zero comes back positive; what is rounded to zero keeps its sign.
        let expected = bits(dense.values(), round);
        let back: Vec<u32> = Dense::from(&dib).values().iter().map(|value| value.to_bits()).collect();
        prop_assert_eq!(back, expected);

        let count = |what: fn(f32, f32) -> bool| {
            dense.values().iter().filter(|value| what(**value, round(**value))).count() as u64
        };
        prop_assert_eq!(dib.overflows(), count(|value, rounded| value.is_finite() && rounded.is_infinite()));
        prop_assert_eq!(dib.underflows(), count(|value, rounded| value != 0.0 && rounded == 0.0));
    }

    #[test]
    fn ellpack_dib_has_the_lines_of_the_engine(dense in matrices(any_value())) {
        let dib = EllpackDib::try_from(&dense).unwrap();
        for (at, length) in (0..).zip(lengths(&dense)) {
            let found: Vec<[u32; 16]> =
                dib.lines(at).iter().map(|line| line.map(|Bundle(word)| word)).collect();
            let mut expected: Vec<[u32; 16]> =
                engine_lines(&column(&dense, at)).iter().map(|line| line.words).collect();
            if length == 0 {
                prop_assert_eq!(&expected, &vec![[0; 16]]);
                expected.clear();
            }
            prop_assert_eq!(found, expected, "column {}", at);
            prop_assert_eq!(dib.column_lengths()[at as usize] as usize, length);
        }
    }

    /// Whichever way a format is reached, it is the same; and its own arrays make it again.
    #[test]
    fn conversions_agree(dense in matrices(-9.0..9.0f32)) {
        let (coo, csr, csc) = (Coo::from(&dense), Csr::from(&dense), Csc::from(&dense));
        prop_assert_eq!(&Csr::from(&coo), &csr);
        prop_assert_eq!(&Csr::from(&csc), &csr);
        prop_assert_eq!(&Csc::from(&coo), &csc);
        prop_assert_eq!(&Csc::from(&csr), &csc);

        let shape = dense.shape();
        let (rows, columns, values) = (coo.row_indices(), coo.column_indices(), coo.values());
        prop_assert_eq!(Coo::new(shape, rows.into(), columns.into(), values.into()), Ok(coo.clone()));
        let (pointers, indices, values) = (csr.row_pointers(), csr.column_indices(), csr.values());
        prop_assert_eq!(Csr::new(shape, pointers.into(), indices.into(), values.into()), Ok(csr.clone()));
        let (pointers, indices, values) = (csc.column_pointers(), csc.row_indices(), csc.values());
        prop_assert_eq!(Csc::new(shape, pointers.into(), indices.into(), values.into()), Ok(csc.clone()));
    }

    /// Every slot of the layout, from the matrix's definition of it.
    #[test]
    fn ellpack_slots_are_a_columns_non_zeros_then_padding(dense in matrices(-9.0..9.0f32)) {
        let ellpack_r = EllpackR::from(&dense);
        let ellpack = ellpack_r.slots();
        prop_assert_eq!(ellpack, &Ellpack::from(&dense));
        let lengths = lengths(&dense);
        prop_assert_eq!(ellpack.width() as usize, lengths.iter().max().copied().unwrap_or(0));
        let found: Vec<usize> = ellpack_r.column_lengths().iter().map(|&length| length as usize).collect();
        prop_assert_eq!(&found, &lengths);

        let (rows, columns) = (dense.shape().rows(), dense.shape().columns());
        prop_assert_eq!(ellpack.values().len(), (ellpack.width() * columns) as usize);
        for at in 0..columns {
            let values = column(&dense, at);
            let mut non_zeros = (0..rows).filter(|&row| values[row as usize] != 0.0);
            for slot in 0..ellpack.width() {
                let index = (slot * columns + at) as usize;
                let expected = non_zeros.next().map_or((0, 0.0), |row| (row, values[row as usize]));
                prop_assert_eq!((ellpack.row_indices()[index], ellpack.values()[index]), expected);
            }
        }
    }

    #[test]
    fn hyb_splits_every_column_at_the_widest_slot_that_a_third_fill(dense in matrices(-9.0..9.0f32)) {
        let csc = Csc::from(&dense);
        let lengths = lengths(&dense);
        let fills = |width: usize| lengths.iter().filter(|&&length| length >= width).count();
        let rule = (1..=dense.shape().rows() as usize).rev().find(|&width| 3 * fills(width) >= lengths.len());
        let expected = if lengths.is_empty() { 0 } else { rule.unwrap_or(0) };
        let width = Hyb::split_width(&csc);
        prop_assert_eq!(width as usize, expected);

        let hyb = Hyb::from(&csc);
        prop_assert_eq!(hyb.slots().width(), width);
        prop_assert_eq!(hyb.tail().nnz(), lengths.iter().map(|length| length.saturating_sub(expected)).sum());
        prop_assert_eq!(hyb.nnz(), csc.nnz());
        for width in [0, dense.shape().rows()] {
            prop_assert_eq!(&Dense::from(&Hyb::with_width(&csc, width).unwrap()), &dense);
        }
    }

    /// Bytes counted anew from the lengths of the columns alone.
    #[test]
    fn footprints_are_the_bytes_of_the_definitions(dense in matrices(any_value())) {
        let (rows, columns) = (u64::from(dense.shape().rows()), u64::from(dense.shape().columns()));
        let lengths: Vec<u64> = lengths(&dense).into_iter().map(|length| length as u64).collect();
        let nnz: u64 = lengths.iter().sum();
        let width = lengths.iter().max().copied().unwrap_or(0);
        let slots = width * columns;
        let words = width.div_ceil(16) * 16 * columns;
        let split = u64::from(Hyb::split_width(&Csc::from(&dense)));
        let in_slots: u64 = lengths.iter().map(|&length| length.min(split)).sum();

        let expected = [
            (Format::Dense, 4 * rows * columns, 0),
            (Format::Coo, 12 * nnz, 0),
            (Format::Csr, 8 * nnz + 4 * (rows + 1), 0),
            (Format::Csc, 8 * nnz + 4 * (columns + 1), 0),
            (Format::Ellpack, 8 * slots, 8 * (slots - nnz)),
            (Format::EllpackR, 8 * slots + 4 * columns, 8 * (slots - nnz)),
            (Format::EllpackDib, 4 * words + 4 * columns, 4 * (words - nnz)),
            (Format::Hyb, 8 * split * columns + 12 * (nnz - in_slots), 8 * (split * columns - in_slots)),
        ];
        let footprints = compare(&Csc::from(&dense)).unwrap();
        let found: Vec<_> = footprints.iter().map(|one| (one.format, one.bytes(), one.padding())).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(&footprints[0], &dense.footprint());

        let lines: u64 = lengths.iter().map(|length| 64 * length.div_ceil(16)).sum();
        prop_assert_eq!(EllpackDib::try_from(&dense).unwrap().line_bytes(), lines);
    }

    #[test]
    fn columns_that_are_computed_give_the_same_csc(dense in matrices(any_value())) {
        let (rows, columns) = (dense.shape().rows(), dense.shape().columns());
        let value = |row, at: u64| dense.values()[(row * columns) as usize + at as usize];
        let read = DenseMatrix::from_fn(rows, u64::from(columns), value);
        let (found, expected) = (Csc::from_columns(&read).unwrap(), Csc::from(&dense));
        prop_assert_eq!(found.column_pointers(), expected.column_pointers());
        prop_assert_eq!(found.row_indices(), expected.row_indices());
        prop_assert_eq!(bits(found.values(), |value| value), bits(expected.values(), |value| value));
    }
}

#[test]
fn the_arrays_of_an_example() {
    let dense = example();
    let csc = Csc::from(&dense);
    assert_eq!(csc.column_pointers(), [0, 3, 3, 7, 8, 9]);
    assert_eq!(csc.row_indices(), [0, 2, 3, 0, 1, 2, 3, 1, 2]);
    assert_eq!(csc.values(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    assert_eq!(csc.column(2), ([0, 1, 2, 3].as_slice(), [4.0, 5.0, 6.0, 7.0].as_slice()));

    let coo = Coo::from(&csc);
    assert_eq!(coo.row_indices(), csc.row_indices());
    assert_eq!(coo.column_indices(), [0, 0, 0, 2, 2, 2, 2, 3, 4]);
    assert_eq!(coo.values(), csc.values());

    let csr = Csr::from(&coo);
    assert_eq!(csr.row_pointers(), [0, 2, 4, 7, 9]);
    assert_eq!(csr.column_indices(), [0, 2, 2, 3, 0, 2, 4, 0, 2]);
    assert_eq!(csr.values(), [1.0, 4.0, 5.0, 8.0, 2.0, 6.0, 9.0, 3.0, 7.0]);
    assert_eq!(csr.row(3), ([0, 2].as_slice(), [3.0, 7.0].as_slice()));

    let ellpack_r = EllpackR::from(&csc);
    let rows = [0, 0, 0, 1, 2, /**/ 2, 0, 1, 0, 0, /**/ 3, 0, 2, 0, 0, /**/ 0, 0, 3, 0, 0];
    assert_eq!(ellpack_r.slots().row_indices(), rows);
    assert_eq!(ellpack_r.slots().values()[..10], [1.0, 0.0, 4.0, 8.0, 9.0, 2.0, 0.0, 5.0, 0.0, 0.0]);
    assert_eq!(ellpack_r.column_lengths(), [3, 0, 4, 1, 1]);

    // Two of five columns have three non-zeros, which is over a third; one of five has four, which is not.
    let hyb = Hyb::from(&csc);
    assert_eq!(hyb.slots().width(), 3);
    assert_eq!(hyb.slots().row_indices(), &rows[..15]);
    assert_eq!(hyb.tail(), &Coo::new(shape(4, 5), vec![3], vec![2], vec![7.0]).unwrap());

    // 1.0, 2.0 and 3.0 are 0x3c00, 0x4000 and 0x4200 in binary16.
    let dib = EllpackDib::try_from(&csc).unwrap();
    assert_eq!(dib.stride(), 16);
    assert_eq!(
        dib.bundles()[..4].iter().map(|bundle| bundle.0).collect::<Vec<_>>(),
        [0x0000_3c00, 0x0002_4000, 0x0003_4200, 0]
    );
    assert_eq!(dib.column_lengths(), [3, 0, 4, 1, 1]);
}

#[test]
fn bytes_at_a_sparsity_are_those_of_the_uniform_matrix() {
    let uniform = UniformMatrix::new(100, 40, 0.7, 3);
    let nnz = (0..40).flat_map(|at| (0..100).map(move |row| (row, at)));
    let nnz = nnz.filter(|&(row, at)| uniform.value(row, at) != 0.0).count() as u64;
    let footprints: Vec<Footprint> = compare_at(shape(100, 40), 0.7, 3).unwrap();
    let bytes = |format| footprints.iter().find(|one| one.format == format).unwrap().bytes();
    assert_eq!(bytes(Format::Dense), 16_000);
    assert_eq!(bytes(Format::Coo), 12 * nnz);
    assert_eq!(bytes(Format::Csc), 8 * nnz + 4 * 41);
}

/// What a construction that must fail says.
fn refusal<T>(result: Result<T, FormatError>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    for (rows, columns) in [(1 << 16, 1 << 16), (u64::MAX, 2), (0, 1 << 32), (1 << 32, 0)] {
        let expected =
            format!("dense matrix: {rows} x {columns} elements are too many; at most 4294967295 are allowed");
        assert_eq!(refusal(Shape::new(rows, columns)), expected);
    }
    assert!(Shape::new(u64::from(u32::MAX), 1).is_ok());
    assert_eq!(
        refusal(Dense::new(shape(2, 3), vec![0.0; 5])),
        "dense matrix: the array of values has 5 elements; it must have 6"
    );

    let tall = |rows| Csc::new(shape(rows, 1), vec![0, 1], vec![rows as u32 - 1], vec![1.0]).unwrap();
    assert_eq!(
        refusal(EllpackDib::try_from(&tall(65_537))),
        "ELLPACK-DIB matrix: 65537 rows are too many; at most 65536 have a 16-bit row index"
    );
    assert_eq!(EllpackDib::try_from(&tall(65_536)).unwrap().bundles()[0].row(), 65_535);
    assert_eq!(
        refusal(Hyb::with_width(&tall(9), 10)),
        "HYB matrix: a width of 10 is too large; at most 9, the rows of the matrix, is allowed"
    );
}

#[test]
fn coo_refuses_what_is_no_matrix() {
    let coo = |rows: &[u32], columns: &[u32], values: &[f32]| {
        refusal(Coo::new(shape(3, 4), rows.to_vec(), columns.to_vec(), values.to_vec()))
    };
    for (found, expected) in [
        (coo(&[0], &[0, 1], &[1.0, 1.0]), "the array of rows has 1 elements; it must have 2"),
        (coo(&[0, 1], &[0], &[1.0, 1.0]), "the array of columns has 1 elements; it must have 2"),
        (coo(&[0, 3], &[0, 1], &[1.0, 1.0]), "the row of entry 1 is 3; it must be below 3"),
        (coo(&[0, 2], &[0, 4], &[1.0, 1.0]), "the column of entry 1 is 4; it must be below 4"),
        (
            coo(&[0, 2, 1], &[0, 1, 1], &[1.0; 3]),
            "entry 2 at (1, 1) belongs before the entry before it; entries must be sorted",
        ),
        (
            coo(&[0, 0], &[1, 0], &[1.0; 2]),
            "entry 1 at (0, 0) belongs before the entry before it; entries must be sorted",
        ),
        (
            coo(&[2, 2], &[3, 3], &[1.0, 2.0]),
            "entry 1 at (2, 3) is at the place of the entry before it; each place is allowed once",
        ),
        (coo(&[2], &[3], &[-0.0]), "entry 0 at (2, 3) has the value zero; only non-zeros are stored"),
    ] {
        assert_eq!(found, format!("COO matrix: {expected}"));
    }
}

#[test]
fn csr_and_csc_refuse_what_is_no_matrix() {
    // The arrays of a CSR of 2 x 3 and, in the same words but for rows and columns, of a CSC of 3 x 2.
    let refused = |pointers: &[u32], indices: &[u32], values: &[f32]| {
        let arrays = || (pointers.to_vec(), indices.to_vec(), values.to_vec());
        let (p, i, v) = arrays();
        let csr = refusal(Csr::new(shape(2, 3), p, i, v));
        let (p, i, v) = arrays();
        (csr, refusal(Csc::new(shape(3, 2), p, i, v)))
    };
    let one = [1.0; 3];
    for (found, csr, csc) in [
        (
            refused(&[0, 1], &[0], &one[..1]),
            "the array of row pointers has 2 elements; it must have 3",
            "the array of column pointers has 2 elements; it must have 3",
        ),
        (
            refused(&[1, 1, 2], &[0, 1], &one[..2]),
            "pointer 0 is 1; it must be 0",
            "pointer 0 is 1; it must be 0",
        ),
        (
            refused(&[0, 2, 1], &[0], &one[..1]),
            "pointer 2 is 1; it must be at least 2, the one before it",
            "pointer 2 is 1; it must be at least 2, the one before it",
        ),
        (
            refused(&[0, 1, 2], &[0], &one[..2]),
            "the array of columns has 1 elements; it must have 2",
            "the array of rows has 1 elements; it must have 2",
        ),
        (
            refused(&[0, 1, 2], &[0, 1], &one),
            "the array of values has 3 elements; it must have 2",
            "the array of values has 3 elements; it must have 2",
        ),
        (
            refused(&[0, 1, 2], &[0, 3], &one[..2]),
            "the column of entry 1 is 3; it must be below 3",
            "the row of entry 1 is 3; it must be below 3",
        ),
        (
            refused(&[0, 0, 2], &[2, 0], &one[..2]),
            "entry 1 at (1, 0) belongs before the entry before it; entries must be sorted",
            "entry 1 at (0, 1) belongs before the entry before it; entries must be sorted",
        ),
        (
            refused(&[0, 2, 2], &[2, 2], &one[..2]),
            "entry 1 at (0, 2) is at the place of the entry before it; each place is allowed once",
            "entry 1 at (2, 0) is at the place of the entry before it; each place is allowed once",
        ),
        (
            refused(&[0, 2, 3], &[0, 2, 1], &[1.0, 2.0, 0.0]),
            "entry 2 at (1, 1) has the value zero; only non-zeros are stored",
            "entry 2 at (1, 1) has the value zero; only non-zeros are stored",
        ),
    ] {
        assert_eq!(found, (format!("CSR matrix: {csr}"), format!("CSC matrix: {csc}")));
    }
}

/// sprs as the witness for COO, CSR, CSC and for products.
mod sprs_witness {
    use sprs::{CsMatI, TriMatI};
    use workloads::formats::Triplet;

    use super::*;

    /// Small whole numbers: their products and sums are exact in any order, and in FP16.
    fn whole_numbers() -> impl Strategy<Value = Dense> {
        let matrices = matrices((-9..=9i8).prop_map(f32::from));
        matrices.prop_filter("sprs wants an element", |dense| dense.shape().elements() > 0)
    }

    fn size(shape: Shape) -> (usize, usize) {
        (shape.rows() as usize, shape.columns() as usize)
    }

    /// The non-zeros as sprs holds them in coordinates, in the order of the dense matrix.
    fn coordinates(dense: &Dense) -> TriMatI<f32, u32> {
        let mut coordinates = TriMatI::new(size(dense.shape()));
        for Triplet { row, column, value } in dense.triplets() {
            coordinates.add_triplet(row as usize, column as usize, value);
        }
        coordinates
    }

    type Arrays = (Vec<u32>, Vec<u32>, Vec<f32>);

    fn arrays_of(matrix: &CsMatI<f32, u32, u32>) -> Arrays {
        let pointers = matrix.indptr().raw_storage().to_vec();
        (pointers, matrix.indices().to_vec(), matrix.data().to_vec())
    }

    fn csr_arrays(csr: &Csr) -> Arrays {
        (csr.row_pointers().to_vec(), csr.column_indices().to_vec(), csr.values().to_vec())
    }

    fn csc_arrays(csc: &Csc) -> Arrays {
        (csc.column_pointers().to_vec(), csc.row_indices().to_vec(), csc.values().to_vec())
    }

    /// A * B, row-major, with the non-zeros of B in any order.
    fn product(a: &Dense, b: Shape, triplets: impl Iterator<Item = Triplet>) -> Vec<f32> {
        let (k, n) = (a.shape().columns() as usize, b.columns() as usize);
        let mut c = vec![0.0; a.shape().rows() as usize * n];
        for Triplet { row, column, value } in triplets {
            for (a_row, c_row) in a.values().chunks(k).zip(c.chunks_mut(n)) {
                c_row[column as usize] += a_row[row as usize] * value;
            }
        }
        c
    }

    proptest! {
        #[test]
        fn coo_csr_and_csc_are_those_of_sprs(dense in whole_numbers()) {
            let coordinates = coordinates(&dense);
            let (csr, csc) = (coordinates.to_csr::<u32>(), coordinates.to_csc::<u32>());
            let coo = Coo::from(&dense);
            let (our_csr, our_csc) = (Csr::from(&coo), Csc::from(&dense));
            prop_assert_eq!(csr_arrays(&our_csr), arrays_of(&csr));
            prop_assert_eq!(csc_arrays(&our_csc), arrays_of(&csc));
            prop_assert_eq!(csc_arrays(&Csc::from(&our_csr)), arrays_of(&csr.to_csc()));
            prop_assert_eq!(csr_arrays(&Csr::from(&our_csc)), arrays_of(&csc.to_csr()));

            let by_columns = csc.iter().map(|(&value, (row, column))| Triplet { row, column, value });
            prop_assert!(by_columns.eq(coo.triplets()));
        }

        #[test]
        fn products_with_every_format_are_those_of_sprs(
            dense in whole_numbers(),
            a in vec(-9..=9i8, 3 * 50),
        ) {
            let b = dense.shape();
            let a = a[..3 * b.rows() as usize].iter().copied().map(f32::from).collect();
            let a = Dense::new(shape(3, u64::from(b.rows())), a).unwrap();
            let expected = &coordinates(&a).to_csr::<u32>() * &coordinates(&dense).to_csr::<u32>();
            let expected: Vec<f32> = expected.to_dense().iter().copied().collect();

            let csc = Csc::from(&dense);
            let dib = EllpackDib::try_from(&csc).unwrap();
            prop_assert_eq!(&product(&a, b, Coo::from(&csc).triplets()), &expected);
            prop_assert_eq!(&product(&a, b, Csr::from(&csc).triplets()), &expected);
            prop_assert_eq!(&product(&a, b, csc.triplets()), &expected);
            prop_assert_eq!(&product(&a, b, Ellpack::from(&csc).triplets()), &expected);
            prop_assert_eq!(&product(&a, b, EllpackR::from(&csc).triplets()), &expected);
            prop_assert_eq!(&product(&a, b, dib.triplets()), &expected);
            prop_assert_eq!(&product(&a, b, Hyb::from(&csc).triplets()), &expected);
        }
    }
}
