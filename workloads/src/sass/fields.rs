//! The words of a line, one after the other, as what they should be.

use std::fmt::Display;
use std::str::{FromStr, SplitAsciiWhitespace};

/// What remains of a line.
pub(crate) struct Fields<'a> {
    words: SplitAsciiWhitespace<'a>,
}

impl<'a> Fields<'a> {
    /// All words of `line`.
    pub(crate) fn new(line: &'a str) -> Self {
        Self { words: line.split_ascii_whitespace() }
    }

    /// The next word, which should be `what`.
    pub(crate) fn word(&mut self, what: &str) -> Result<&'a str, String> {
        self.words.next().ok_or_else(|| format!("the line ends where the {what} should be"))
    }

    /// The next word as a decimal number of at most `most`.
    pub(crate) fn decimal(&mut self, what: &str, most: u64) -> Result<u64, String> {
        let word = self.word(what)?;
        bounded(decimal(word), word, what, most)
    }

    /// The next word as a hexadecimal number of at most `most`, with or without `0x`.
    pub(crate) fn hexadecimal(&mut self, what: &str, most: u64) -> Result<u64, String> {
        let word = self.word(what)?;
        hexadecimal(word).filter(|value| *value <= most).ok_or_else(|| {
            format!("{what} `{}`; expected a hexadecimal number of at most {most:#x}", shown(word))
        })
    }

    /// The next word as a decimal number with or without a sign; a number above the largest `i64` stands for
    /// its 64 bits.
    pub(crate) fn signed(&mut self, what: &str) -> Result<i64, String> {
        let word = self.word(what)?;
        let value = match word.strip_prefix('-') {
            Some(digits) => decimal(digits).and_then(|_| i64::from_str(word).ok()),
            None => decimal(word).map(u64::cast_signed),
        };
        value.ok_or_else(|| format!("{what} `{}`; expected a whole number of 64 bits", shown(word)))
    }

    /// Nothing may remain.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        match self.words.next() {
            Some(word) => Err(format!("`{}` where the line should end", shown(word))),
            None => Ok(()),
        }
    }
}

/// A decimal number: digits, no sign.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| u64::from_str(text).ok()).flatten()
}

/// A hexadecimal number: digits, with or without `0x`.
pub(crate) fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// `value`, read from `text`, if it is at most `most`.
pub(crate) fn bounded(value: Option<u64>, text: &str, what: &str, most: u64) -> Result<u64, String> {
    value
        .filter(|value| *value <= most)
        .ok_or_else(|| format!("{what} `{}`; expected a whole number of at most {most}", shown(text)))
}

/// `text` cut to what a message can show.
pub(crate) fn shown(text: &str) -> impl Display {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
