//! Whatever bytes a file holds, reading it ends in an array or in one line of explanation.

use proptest::prelude::*;
use workloads::npy::Array;

/// Headers put together from what NumPy writes and from what trips parsers.
fn headers() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{'descr': '<f4', 'fortran_order': False, 'shape': (",
        "{'shape': (",
        "'descr': '<f2', ",
        "'fortran_order': False, ",
        "), }",
        "3, ",
        "18446744073709551615, ",
        "9223372036854775808, ",
        "0, ",
        "-1",
        "1e400",
        "0x7f",
        "1_0",
        "((((((",
        "[('a', '<f4', (2, 3)), ",
        "['<f4']",
        "'''",
        "b'x'",
        "\\N{DIGIT ONE}",
        "1j + 2",
        "None, ",
        "\n",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn assert_explained(bytes: &[u8]) {
    match Array::from_bytes("x.npy", bytes) {
        Ok(array) => assert_eq!(array.values.len(), array.shape.iter().product::<usize>()),
        Err(error) => {
            let line = error.to_string();
            assert!(line.starts_with("x.npy: ") && !line.contains('\n') && line.len() < 300, "{line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn odd_headers(version in 1u8..4, header in headers(), data in 0usize..64) {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        let length = (header.len() as u32).to_le_bytes();
        bytes.extend(if version == 1 { &length[..2] } else { &length[..] });
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        assert_explained(&bytes);
    }

    #[test]
    fn damaged_files(damage in prop::collection::vec((0usize..150, any::<u8>()), 1..4), cut in 8usize..200) {
        let header = format!("{:117}\n", "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 4), }");
        let mut bytes = [b"\x93NUMPY\x01\x00\x76\x00".as_slice(), header.as_bytes(), &[0; 16]].concat();
        assert!(Array::from_bytes("x.npy", &bytes).is_ok());
        for (position, byte) in damage {
            if let Some(place) = bytes.get_mut(position) {
                *place = byte;
            }
        }
        bytes.truncate(cut);
        assert_explained(&bytes);
    }
}
