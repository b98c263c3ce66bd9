//! Reading a trace of accesses, one a line: `cycle hexaddr R|W`.
//!
//! The file is read as a stream, so that its length does not matter.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use mem_hierarchy::replay::Access;

use crate::failure::Failure;

/// Bytes that a line may have.
const LINE_LIMIT: u64 = 256;
/// Cycles that a trace may span, stretched: days of simulated time, and far from where ticks would overflow.
const CYCLE_LIMIT: u64 = 1 << 48;
/// What a line looks like.
const FORM: &str = "`cycle hexaddr R|W`, such as `120 0x4f80 R`";

/// A trace being read.
pub(crate) struct Trace {
    /// The file's name without its directory and without `.trace`; `-` for standard input.
    pub(crate) name: String,
    reader: Box<dyn BufRead>,
    /// The file as messages name it.
    shown: String,
    line: u64,
    buffer: Vec<u8>,
}

/// What accesses of a trace become, and where they end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// Times this cycles are multiplied.
    pub(crate) stretch: u64,
    /// Addresses are below this.
    pub(crate) addresses: u64,
}

impl Trace {
    /// Opens the file at `path`; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::new("-".into(), "standard input".into(), Box::new(io::stdin().lock())));
        }
        let shown = path.display().to_string();
        let file =
            File::open(path).map_err(|error| Failure::Input(format!("cannot read {shown}: {error}")))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = name.strip_suffix(".trace").unwrap_or(&name).to_owned();
        Ok(Self::new(name, shown, Box::new(BufReader::with_capacity(1 << 16, file))))
    }

    fn new(name: String, shown: String, reader: Box<dyn BufRead>) -> Self {
        Self { name, reader, shown, line: 0, buffer: Vec::new() }
    }

    /// The next access, `None` at the end. A trace without any is an error.
    pub(crate) fn next(&mut self, scope: Scope) -> Result<Option<Access>, Failure> {
        self.buffer.clear();
        let mut limited = (&mut self.reader).take(LINE_LIMIT);
        let read = limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| Failure::Input(format!("cannot read {}: {error}", self.shown)))?;
        self.line += 1;
        match read {
            0 if self.line == 1 => Err(Failure::Input(format!("{} is empty; expected {FORM}", self.shown))),
            0 => Ok(None),
            _ => access(&self.buffer, scope)
                .map(Some)
                .map_err(|message| Failure::Input(format!("{}:{}: {message}", self.shown, self.line))),
        }
    }
}

/// The access that a line describes, or what is wrong with it.
fn access(line: &[u8], scope: Scope) -> Result<Access, String> {
    if line.len() as u64 == LINE_LIMIT && !line.ends_with(b"\n") {
        return Err(format!("the line is longer than {LINE_LIMIT} bytes; expected {FORM}"));
    }
    let text = str::from_utf8(line).map_err(|_| format!("the line is no text; expected {FORM}"))?.trim();
    let mut fields = text.split_ascii_whitespace();
    let (Some(at), Some(address), Some(kind), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(format!("found `{text}`; expected {FORM}"));
    };
    Ok(Access {
        cycle: cycle(at, scope.stretch)?,
        address: address_below(address, scope.addresses)?,
        write: match kind {
            "R" => false,
            "W" => true,
            _ => return Err(format!("access `{kind}`; allowed: R, W")),
        },
    })
}

/// A cycle, stretched.
fn cycle(text: &str, stretch: u64) -> Result<u64, String> {
    let cycle = digits_only(text, char::is_ascii_digit).and_then(|digits| u64::from_str(digits).ok());
    cycle.and_then(|cycle| cycle.checked_mul(stretch)).filter(|cycle| *cycle <= CYCLE_LIMIT).ok_or_else(
        || format!("cycle `{text}`; expected a whole number, decimal, at most {}", CYCLE_LIMIT / stretch),
    )
}

/// An address below `limit`.
fn address_below(text: &str, limit: u64) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let address = digits_only(digits, char::is_ascii_hexdigit)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .filter(|address| *address < limit);
    address.ok_or_else(|| format!("address `{text}`; expected a hexadecimal number below {limit:#x}"))
}

/// `text` where it consists of digits; numbers have no sign.
fn digits_only(text: &str, digit: fn(&char) -> bool) -> Option<&str> {
    text.chars().all(|c| digit(&c)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope = Scope { stretch: 4, addresses: 1 << 32 };

    fn read(text: &str) -> Result<Access, String> {
        access(text.as_bytes(), SCOPE)
    }

    #[test]
    fn lines_are_read() {
        let expected = Access { cycle: 480, address: 0x4f80, write: false };
        for text in ["120 0x4f80 R\n", "120 4F80 R", "  120\t0X4f80   R\r\n"] {
            assert_eq!(read(text), Ok(expected), "{text:?}");
        }
        assert_eq!(read("0 0xffffffff W"), Ok(Access { cycle: 0, address: 0xffff_ffff, write: true }));
        assert_eq!(read("70368744177664 0 R").map(|access| access.cycle), Ok(CYCLE_LIMIT));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        for (text, expected) in [
            ("", "found ``; expected `cycle hexaddr R|W`"),
            ("1 0x40", "found `1 0x40`"),
            ("1 0x40 R 7", "found `1 0x40 R 7`"),
            ("-1 0x40 R", "cycle `-1`; expected a whole number, decimal, at most 70368744177664"),
            ("+1 0x40 R", "cycle `+1`"),
            ("1.5 0x40 R", "cycle `1.5`"),
            ("70368744177665 0x40 R", "cycle `70368744177665`"),
            ("99999999999999999999 0x40 R", "cycle `99999999999999999999`"),
            ("1 0xg0 R", "address `0xg0`; expected a hexadecimal number below 0x100000000"),
            ("1 0x R", "address `0x`"),
            ("1 +40 R", "address `+40`"),
            ("1 0x100000000 R", "address `0x100000000`"),
            ("1 0x10000000000000000 R", "address `0x10000000000000000`"),
            ("1 0x40 r", "access `r`; allowed: R, W"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.starts_with(expected), "{text:?}: {message}");
        }
        assert!(access(b"1 0x40 \xff", SCOPE).unwrap_err().starts_with("the line is no text"));
        assert!(access(&[b'1'; 256], SCOPE).unwrap_err().starts_with("the line is longer than 256"));
    }
}
