//! Reading `.npy` files: NumPy arrays of binary32 or binary16 numbers.
//!
//! What a user hands over is checked before anything is allocated for it: the header is parsed by
//! `npyz`, and the size that it claims is compared with the bytes that are there. Every refusal is an
//! [`InputError`] of one line that names the file, what was found and what is allowed.
//!
//! ```
//! use workloads::npy::Array;
//! let error = Array::from_bytes("weights.npy", b"not an array").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "weights.npy: not a NumPy .npy file (it does not start with \\x93NUMPY)"
//! );
//! ```

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use half::f16;
use npyz::{NpyFile, NpyHeader, Order};

/// An array of numbers, in C order (the last index runs fastest).
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Where it comes from, for messages: a file's path or an embedded file's name.
    pub source: String,
    /// Length of each dimension: one, two or four of them, none of them 0.
    pub shape: Vec<usize>,
    /// The values; as many as the product of `shape`. Binary16 values are widened exactly.
    pub values: Vec<f32>,
}

impl Array {
    /// Reads the `.npy` file at `path`.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let source = path.display().to_string();
        let fail = |error: io::Error| InputError { source: source.clone(), problem: error.into() };
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if !metadata.is_file() {
            return Err(InputError { source, problem: Problem::NotAFile });
        }
        parse(BufReader::new(file), metadata.len())
            .map(|(shape, values)| Self { source: source.clone(), shape, values })
            .map_err(|problem| InputError { source, problem })
    }

    /// Reads an `.npy` file from memory; `source` is the name that messages give it.
    pub fn from_bytes(source: &str, bytes: &[u8]) -> Result<Self, InputError> {
        let source = source.to_owned();
        parse(bytes, bytes.len() as u64)
            .map(|(shape, values)| Self { source: source.clone(), shape, values })
            .map_err(|problem| InputError { source, problem })
    }

    /// Refuses infinities and NaNs, naming the first by its index.
    pub fn require_finite(&self) -> Result<(), InputError> {
        let Some(position) = self.values.iter().position(|value| !value.is_finite()) else {
            return Ok(());
        };
        let problem = Problem::NotFinite { index: self.index(position), value: self.values[position] };
        Err(self.error(problem))
    }

    /// An error about this array.
    pub(crate) fn error(&self, problem: Problem) -> InputError {
        InputError { source: self.source.clone(), problem }
    }

    /// The index of the value at `position` in C order.
    fn index(&self, mut position: usize) -> Vec<usize> {
        let mut index = vec![0; self.shape.len()];
        for (slot, &length) in index.iter_mut().zip(&self.shape).rev() {
            *slot = position % length;
            position /= length;
        }
        index
    }
}

/// An input file that cannot be used: which file, and why. Displays as one line.
#[derive(Debug)]
pub struct InputError {
    /// The file's path, or an embedded file's name.
    pub source: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an input file. Displays with what is allowed.
#[derive(Debug)]
pub enum Problem {
    /// Nothing is there.
    NotFound,
    /// It is there, but is a directory, a pipe or a device.
    NotAFile,
    /// The operating system refused.
    Io(io::Error),
    /// Not an `.npy` file, or one with a header that cannot be understood; the reason.
    NotNpy(String),
    /// Values of another type; the type's name as the file has it, such as `'<f8'`.
    WrongType(String),
    /// The first index runs fastest.
    FortranOrder,
    /// A number of dimensions other than 1, 2 or 4.
    Dimensions(Vec<u64>),
    /// Four dimensions are needed here, and there are others.
    NotImages(Vec<usize>),
    /// A dimension of length 0.
    Empty(Vec<u64>),
    /// The header claims more elements than any file can hold.
    Absurd,
    /// Too few bytes follow the header.
    Truncated {
        /// Bytes that the header claims.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// Too many bytes follow the header.
    TrailingBytes {
        /// Bytes that the header claims.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// An infinity or NaN where only finite values are allowed.
    NotFinite {
        /// Where it stands.
        index: Vec<usize>,
        /// What stands there.
        value: f32,
    },
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such file"),
            Self::NotAFile => f.write_str("not a regular file; an .npy file is needed"),
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::NotNpy(reason) => write!(f, "not a NumPy .npy file ({reason})"),
            Self::WrongType(found) => write!(
                f,
                "values are of type {found}; allowed are float32 ('<f4', '>f4') and float16 ('<f2', '>f2')"
            ),
            Self::FortranOrder => f.write_str(
                "values are in Fortran order; only C order is allowed (numpy.ascontiguousarray makes it so)",
            ),
            Self::Dimensions(shape) => {
                write!(f, "the array has {} ({shape:?}); 1, 2 or 4 are allowed", dimensions(shape.len()))
            }
            Self::NotImages(shape) => write!(
                f,
                "the array has {} ({shape:?}); activations have 4: images, channels, height, width",
                dimensions(shape.len())
            ),
            Self::Empty(shape) => {
                write!(f, "the shape {shape:?} has a dimension of length 0; at least 1 is allowed")
            }
            Self::Absurd => f.write_str("the header claims more elements than any file can hold"),
            Self::Truncated { expected, found } => {
                write!(f, "truncated: the header claims {expected} bytes of data, {found} are there")
            }
            Self::TrailingBytes { expected, found } => write!(
                f,
                "{} bytes too many: the header claims {expected} bytes of data, {found} are there",
                found - expected
            ),
            Self::NotFinite { index, value } => {
                write!(f, "the value at {index:?} is {value}; only finite values are allowed")
            }
        }
    }
}

fn dimensions(count: usize) -> String {
    if count == 1 { "1 dimension".into() } else { format!("{count} dimensions") }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.problem)
    }
}

impl std::error::Error for InputError {}

/// Shape and values of an `.npy` file of `length` bytes.
fn parse(mut reader: impl Read, length: u64) -> Result<(Vec<usize>, Vec<f32>), Problem> {
    let header_bytes = read_header(&mut reader, length)?;
    let header = NpyHeader::from_reader(Cursor::new(&header_bytes))
        .map_err(|error| Problem::NotNpy(one_line(&error.to_string())))?;

    let number = Number::of(&header)?;
    if header.order() != Order::C {
        return Err(Problem::FortranOrder);
    }
    let shape = header.shape().to_vec();
    if ![1, 2, 4].contains(&shape.len()) {
        return Err(Problem::Dimensions(shape));
    }
    if shape.contains(&0) {
        return Err(Problem::Empty(shape));
    }
    let expected = header.len().checked_mul(number.bytes()).ok_or(Problem::Absurd)?;
    let found = length - header_bytes.len() as u64;
    if found < expected {
        return Err(Problem::Truncated { expected, found });
    }
    if found > expected {
        return Err(Problem::TrailingBytes { expected, found });
    }
    // From here on the sizes are those of a file that exists, so they fit memory's index type.
    let shape = shape.into_iter().map(|length| length as usize).collect();
    Ok((shape, number.values(header, reader)?))
}

/// The kinds of number that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Binary32,
    Binary16,
}

impl Number {
    fn of(header: &NpyHeader) -> Result<Self, Problem> {
        match header.dtype().descr().as_str() {
            "'<f4'" | "'>f4'" => Ok(Self::Binary32),
            "'<f2'" | "'>f2'" => Ok(Self::Binary16),
            other => Err(Problem::WrongType(one_line(other))),
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Self::Binary32 => 4,
            Self::Binary16 => 2,
        }
    }

    fn values(self, header: NpyHeader, reader: impl Read) -> io::Result<Vec<f32>> {
        let file = NpyFile::with_header(header, reader);
        match self {
            Self::Binary32 => file.into_vec(),
            Self::Binary16 => {
                let values = file.data::<f16>().map_err(io::Error::other)?;
                values.map(|value| value.map(f16::to_f32)).collect()
            }
        }
    }
}

/// NumPy's own limit on the header's text.
const MAX_HEADER: usize = 10_000;

/// Deepest nesting of brackets in a header. NumPy writes 1, and a few more for structured types.
const MAX_DEPTH: usize = 8;

/// The bytes from the magic to the end of the header, safe for `npyz` to parse.
///
/// `npyz` trusts a header: it allocates the length that the header claims, recurses into nested brackets
/// and multiplies the dimensions without a check. So the three are checked here.
fn read_header(reader: &mut impl Read, length: u64) -> Result<Vec<u8>, Problem> {
    let not_npy = |reason: &str| Problem::NotNpy(reason.into());
    let mut bytes = Vec::new();
    let mut take = |count: usize, bytes: &mut Vec<u8>| -> Result<bool, Problem> {
        let got = reader.by_ref().take(count as u64).read_to_end(bytes)?;
        Ok(got == count)
    };

    let complete = take(8, &mut bytes)?;
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(not_npy(if length == 0 { "it is empty" } else { "it does not start with \\x93NUMPY" }));
    }
    let cut_short = || not_npy("the file ends within its header");
    if !complete {
        return Err(cut_short());
    }
    let length_bytes = match (bytes[6], bytes[7]) {
        (1, 0) => 2,
        (2 | 3, 0) => 4,
        (major, minor) => {
            return Err(Problem::NotNpy(format!("version {major}.{minor}; 1.0, 2.0 and 3.0 are known")));
        }
    };
    if !take(length_bytes, &mut bytes)? {
        return Err(cut_short());
    }
    let start = bytes.len();
    let text_length = bytes[8..].iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    if text_length > MAX_HEADER {
        return Err(Problem::NotNpy(format!("a header of {text_length} bytes; at most {MAX_HEADER}")));
    }
    if !take(text_length, &mut bytes)? {
        return Err(cut_short());
    }
    check_header_text(&bytes[start..])?;
    Ok(bytes)
}

/// Whether the header's text is plain, not deeply nested, and claims a size that can be counted.
fn check_header_text(text: &[u8]) -> Result<(), Problem> {
    let not_npy = |reason: &str| Problem::NotNpy(reason.into());
    // Without escapes, a key is spelt in one way only.
    let plain = |&byte: &u8| matches!(byte, b' '..=b'~' | b'\n') && byte != b'\\';
    if !text.iter().all(plain) {
        return Err(not_npy("its header has characters other than plain ASCII"));
    }
    let mut depth: usize = 0;
    for byte in text {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(not_npy("its header nests brackets too deeply"));
        }
    }

    let text = String::from_utf8_lossy(text);
    let mut after_key = text.split("'shape'").skip(1);
    let (Some(after), None) = (after_key.next(), after_key.next()) else {
        return Err(not_npy("its header does not have the key 'shape' once"));
    };
    let dimensions = after
        .split_once(['(', '['])
        .and_then(|(before, rest)| (before.trim() == ":").then_some(rest))
        .and_then(|rest| rest.split_once([')', ']']))
        .map(|(dimensions, _)| dimensions)
        .ok_or_else(|| not_npy("its header's 'shape' is not a tuple"))?;
    let mut elements: u64 = 1;
    for dimension in dimensions.split(',').map(str::trim).filter(|dimension| !dimension.is_empty()) {
        if !dimension.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not_npy("its header's 'shape' has something else than numbers"));
        }
        // A length of 0 is refused later, and must not hide the others from this check.
        let length = dimension.parse::<u64>().map_err(|_| Problem::Absurd)?.max(1);
        elements = elements.checked_mul(length).ok_or(Problem::Absurd)?;
    }
    Ok(())
}

/// What a library says, cut to a length that fits a line.
fn one_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    if line.chars().count() <= 80 {
        line.into()
    } else {
        line.chars().take(77).chain("...".chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An `.npy` file of version 1.0, header padded as NumPy does.
    fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        raw(1, header.as_bytes(), data)
    }

    fn raw(major: u8, header: &[u8], data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([major, 0]);
        match major {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend(header);
        bytes.extend(data);
        bytes
    }

    fn refusal(bytes: &[u8]) -> String {
        let line = Array::from_bytes("x.npy", bytes).unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line}");
        line.strip_prefix("x.npy: ").unwrap().to_owned()
    }

    #[test]
    fn reads_both_widths_and_both_byte_orders() {
        let values = [1.0f32, -2.5, 0.0, 65_504.0, f32::INFINITY, 6.103_515_6e-5];
        let single: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let single_big: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        let half: Vec<u8> = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        let half_big: Vec<u8> = values.iter().flat_map(|&value| f16::from_f32(value).to_be_bytes()).collect();
        for (descr, data) in [("'<f4'", single), ("'>f4'", single_big), ("'<f2'", half), ("'>f2'", half_big)]
        {
            let array = Array::from_bytes("x.npy", &npy(descr, "False", "(2, 3)", &data)).unwrap();
            assert_eq!(array.shape, [2, 3], "{descr}");
            assert_eq!(array.values, values, "{descr}");
        }
    }

    #[test]
    fn reads_every_version_and_dimension_count() {
        let header = b"{'descr': '<f2', 'fortran_order': False, 'shape': (3,)}\n";
        for version in 1..=3 {
            let array = Array::from_bytes("x.npy", &raw(version, header, &[0; 6])).unwrap();
            assert_eq!(array.shape, [3]);
        }
        let array = Array::from_bytes("x.npy", &npy("'<f2'", "False", "(1, 2, 3, 4)", &[0; 48])).unwrap();
        assert_eq!(array.shape, [1, 2, 3, 4]);
    }

    #[test]
    fn refuses_what_is_not_there_or_not_a_file() {
        let error = Array::read(Path::new("no/such/file.npy")).unwrap_err();
        assert_eq!(error.to_string(), "no/such/file.npy: there is no such file");
        let error = Array::read(Path::new("/")).unwrap_err();
        assert_eq!(error.to_string(), "/: not a regular file; an .npy file is needed");
    }

    #[test]
    fn refuses_what_is_not_npy() {
        assert_eq!(refusal(b""), "not a NumPy .npy file (it is empty)");
        assert_eq!(refusal(b"PK\x03\x04"), "not a NumPy .npy file (it does not start with \\x93NUMPY)");
        let ends = "not a NumPy .npy file (the file ends within its header)";
        let good = npy("'<f4'", "False", "(1,)", &[0; 4]);
        for length in [6, 7, 8, 9, 10, 40, 127] {
            assert_eq!(refusal(&good[..length]), ends, "{length}");
        }
        assert!(refusal(b"\x93NUMPY\x04\x00abcd").contains("version 4.0; 1.0, 2.0 and 3.0 are known"));
        assert!(refusal(&raw(2, &[b' '; 20_000], &[])).contains("a header of 20000 bytes; at most 10000"));
        assert!(refusal(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").contains("a header of 4294967295 bytes"));
    }

    #[test]
    fn refuses_headers_that_would_trip_the_parser() {
        let nested = [b"{'shape': (1,), 'descr': ".as_slice(), &[b'('; 9_000]].concat();
        assert!(refusal(&raw(1, &nested, &[])).contains("nests brackets too deeply"));
        for shape in ["(-1,)", "(0x10,)", "(1.5,)", "((1,),)", "('a',)", "(1e9,)"] {
            let line = refusal(&npy("'<f4'", "False", shape, &[]));
            assert!(line.starts_with("not a NumPy .npy file"), "{shape}: {line}");
        }
        for header in [
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': 3}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (2,)}",
            "{'descr': '<f4', 'fortran_order': False, 'sh\\x61pe': (2,)}",
            "{'descr': '<f4', 'shape': (1,)}",
            "{'descr': 'float', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
            "'shape': (1,)",
            "",
        ] {
            let line = refusal(&raw(1, header.as_bytes(), &[0; 4]));
            assert!(line.starts_with("not a NumPy .npy file"), "{header}: {line}");
        }
    }

    #[test]
    fn names_the_type_found_and_those_allowed() {
        for (descr, found) in [
            ("'<f8'", "'<f8'"),
            ("'|u1'", "'|u1'"),
            ("'<i4'", "'<i4'"),
            ("[('a', '<f4')]", "[('a', '<f4'), ]"),
        ] {
            assert_eq!(
                refusal(&npy(descr, "False", "(1,)", &[0; 4])),
                format!(
                    "values are of type {found}; allowed are float32 ('<f4', '>f4') and float16 ('<f2', \
                     '>f2')"
                )
            );
        }
    }

    #[test]
    fn refuses_shapes_and_orders() {
        assert!(refusal(&npy("'<f4'", "True", "(1, 1)", &[0; 4])).contains("Fortran order; only C order"));
        assert_eq!(
            refusal(&npy("'<f4'", "False", "()", &[0; 4])),
            "the array has 0 dimensions ([]); 1, 2 or 4 are allowed"
        );
        assert_eq!(
            refusal(&npy("'<f4'", "False", "(1, 2, 3)", &[0; 24])),
            "the array has 3 dimensions ([1, 2, 3]); 1, 2 or 4 are allowed"
        );
        assert_eq!(
            refusal(&npy("'<f4'", "False", "(4, 0)", &[])),
            "the shape [4, 0] has a dimension of length 0; at least 1 is allowed"
        );
    }

    #[test]
    fn compares_the_claimed_size_with_the_file() {
        let truncated = refusal(&npy("'<f2'", "False", "(2, 3)", &[0; 11]));
        assert_eq!(truncated, "truncated: the header claims 12 bytes of data, 11 are there");
        let long = refusal(&npy("'<f2'", "False", "(2, 3)", &[0; 15]));
        assert_eq!(long, "3 bytes too many: the header claims 12 bytes of data, 15 are there");
        // A terabyte is claimed, nothing is there, and nothing is allocated.
        let claim = refusal(&npy("'<f4'", "False", "(1000000, 1000000)", &[]));
        assert_eq!(claim, "truncated: the header claims 4000000000000 bytes of data, 0 are there");
        for shape in
            ["(4294967296, 4294967296)", "(0, 18446744073709551615, 2)", "(99999999999999999999999,)"]
        {
            assert_eq!(
                refusal(&npy("'<f4'", "False", shape, &[])),
                "the header claims more elements than any file can hold"
            );
        }
        assert_eq!(
            refusal(&npy("'<f4'", "False", "(9223372036854775808,)", &[])),
            "the header claims more elements than any file can hold"
        );
    }

    #[test]
    fn finds_the_first_value_that_is_not_finite() {
        let mut values = [1.0f32; 24];
        values[17] = f32::NEG_INFINITY;
        values[20] = f32::NAN;
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let array = Array::from_bytes("x.npy", &npy("'<f4'", "False", "(1, 2, 3, 4)", &data)).unwrap();
        assert_eq!(
            array.require_finite().unwrap_err().to_string(),
            "x.npy: the value at [0, 1, 1, 1] is -inf; only finite values are allowed"
        );
    }
}
