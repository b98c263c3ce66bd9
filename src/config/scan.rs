//! Where in a RON text each value stands.
//!
//! The configuration is checked as a tree of values, long after its text was parsed. This scanner walks the
//! text once more and notes for every path where its key and its value begin, so that *out of range* can
//! point at a line and a column as well as *unexpected token* can. It also finds the [`Fault`]s that a tree of
//! values cannot show.
//!
//! The text has been accepted by `ron` before: the scanner need not refuse anything, only never get stuck.

use std::fmt;

use super::path::Path;

/// Line and column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Line.
    pub(crate) line: usize,
    /// Column.
    pub(crate) column: usize,
}

/// What the scanner found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    places: Vec<Place>,
    /// What is wrong with it, and where.
    pub(crate) faults: Vec<(Fault, Position)>,
}

/// What `ron` accepts, and a tree of values would hide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This path's key stands twice in its group.
    Duplicate(Path),
    /// A name without quotes where a value belongs.
    BareWord {
        /// The name.
        word: String,
        /// Whether the whole text is this one name.
        alone: bool,
    },
    /// A number that is infinite, or none.
    NotFinite(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(path) => write!(f, "`{path}` is given twice"),
            Self::BareWord { word, .. } => write!(f, "`{word}` stands without quotes: write \"{word}\""),
            Self::NotFinite(number) => write!(f, "`{number}` is not a finite number"),
        }
    }
}

#[derive(Debug)]
struct Place {
    path: Path,
    key: Option<Position>,
    value: Position,
}

impl Scan {
    /// Walks `text`.
    pub(crate) fn new(text: &str) -> Self {
        let mut scanner = Scanner { text, at: 0, scan: Self::default() };
        scanner.skip_extensions();
        scanner.value(&Path::default(), None);
        scanner.scan
    }

    /// Where the value at `path` begins.
    pub(crate) fn value(&self, path: &Path) -> Option<Position> {
        self.places.iter().rfind(|place| place.path == *path).map(|place| place.value)
    }

    /// Where the key that ends `path` begins; for an element of a list, the element.
    pub(crate) fn key(&self, path: &Path) -> Option<Position> {
        self.places.iter().rfind(|place| place.path == *path).map(|place| place.key.unwrap_or(place.value))
    }
}

/// Line and column of the byte `offset`.
fn position(text: &str, offset: usize) -> Position {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    scan: Scan,
}

impl Scanner<'_> {
    fn value(&mut self, path: &Path, key: Option<Position>) {
        self.skip_blank();
        let value = position(self.text, self.at);
        self.scan.places.push(Place { path: path.clone(), key, value });
        match self.peek() {
            Some('"') => self.skip_string(),
            Some('\'') => self.skip_character(),
            Some('[') => self.items(path, ']'),
            Some('(') => self.items(path, ')'),
            Some('{') => self.items(path, '}'),
            Some('r' | 'b') if self.skip_prefixed_string() => {}
            Some(c) if is_word_start(c) => self.word(path, value),
            _ => self.number(value),
        }
    }

    /// The items of a list, group or map, each with a key or an index.
    fn items(&mut self, path: &Path, close: char) {
        self.advance();
        let mut keys: Vec<String> = Vec::new();
        for index in 0.. {
            self.skip_blank();
            match self.peek() {
                None => return,
                Some(c) if c == close => return self.advance(),
                Some(_) => {}
            }
            let start = self.at;
            match self.take_key(close) {
                Some(key) => {
                    let (inner, place) = (path.key(&key), position(self.text, start));
                    if keys.contains(&key) {
                        self.scan.faults.push((Fault::Duplicate(inner.clone()), place));
                    }
                    keys.push(key);
                    self.value(&inner, Some(place));
                }
                None => self.value(&path.index(index), None),
            }
            self.skip_blank();
            if self.peek() == Some(',') || self.at == start {
                self.advance();
            }
        }
    }

    /// `name:` in a group, `"name":` in a map; steps back where an item has no key.
    fn take_key(&mut self, close: char) -> Option<String> {
        let start = self.at;
        let key = match close {
            ')' => self.take_word(),
            '}' if self.peek() == Some('"') => {
                self.skip_string();
                Some(self.text[start + 1..self.at].trim_end_matches('"').to_owned())
            }
            _ => None,
        };
        self.skip_blank();
        if key.is_some() && self.peek() == Some(':') {
            self.advance();
            return key;
        }
        self.at = start;
        None
    }

    /// `true`, `Some(value)`, the name in front of a group, or a name that should have had quotes.
    fn word(&mut self, path: &Path, start: Position) {
        let word = self.take_word().unwrap_or_default();
        let end = self.at;
        self.skip_blank();
        match (word.as_str(), self.peek()) {
            ("true" | "false", _) => {}
            ("Some", Some('(')) => {
                self.advance();
                self.value(path, None);
                self.skip_blank();
                self.advance();
            }
            (_, Some('(')) => self.items(path, ')'),
            _ => {
                self.at = end;
                let alone = path.0.is_empty();
                let fault = match word.parse::<f64>() {
                    Ok(_) => Fault::NotFinite(word),
                    Err(_) => Fault::BareWord { word, alone },
                };
                self.scan.faults.push((fault, start));
            }
        }
    }

    fn take_word(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        // `r#name` is a name that could not be written otherwise.
        let name = rest.strip_prefix("r#").unwrap_or(rest);
        let raw = rest.len() - name.len();
        name.starts_with(is_word_start).then(|| {
            let end = name.find(|c| !is_word(c)).unwrap_or(name.len());
            self.at += raw + end;
            name[..end].to_owned()
        })
    }

    fn number(&mut self, start: Position) {
        let rest = &self.text[self.at..];
        let number =
            &rest[..rest.find(|c: char| c.is_whitespace() || ",)]}/".contains(c)).unwrap_or(rest.len())];
        self.at += number.len();
        if number.replace('_', "").parse::<f64>().is_ok_and(|number| !number.is_finite()) {
            self.scan.faults.push((Fault::NotFinite(number.to_owned()), start));
        }
    }

    fn skip_string(&mut self) {
        self.advance();
        while let Some(c) = self.peek() {
            self.advance();
            match c {
                '\\' => self.advance(),
                '"' => return,
                _ => {}
            }
        }
    }

    /// `r"..."`, `r#"..."#`, `b"..."`, `br"..."`; false and no step where it is something else.
    fn skip_prefixed_string(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let marker = rest.trim_start_matches('b').trim_start_matches('r');
        let prefix = rest.len() - marker.len();
        let hashes = marker.len() - marker.trim_start_matches('#').len();
        if !marker[hashes..].starts_with('"') {
            return false;
        }
        self.at += prefix + hashes;
        if rest[..prefix].contains('r') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = &self.text[self.at + 1..];
            self.at += 1 + body.find(&close).map_or(body.len(), |end| end + close.len());
        } else {
            self.skip_string();
        }
        true
    }

    fn skip_character(&mut self) {
        self.advance();
        if self.peek() == Some('\\') {
            self.advance();
        }
        self.advance();
        let rest = &self.text[self.at..];
        self.at += rest.find('\'').map_or(rest.len(), |end| end + 1);
    }

    /// White space and comments, which nest.
    fn skip_blank(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.skip_block_comment();
            } else {
                return;
            }
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.advance();
            }
        }
    }

    /// `#![enable(...)]` in front of everything.
    fn skip_extensions(&mut self) {
        self.skip_blank();
        while self.text[self.at..].starts_with("#!") {
            self.at += self.text[self.at..].find(']').map_or(2, |end| end + 1);
            self.skip_blank();
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn advance(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, column: usize) -> Option<Position> {
        Some(Position { line, column })
    }

    #[test]
    fn values_are_found_between_strings_comments_and_nesting() {
        let text = r##"#![enable(implicit_some)]
// gpu: (l2: 1)
(
    name: "a (b: \" // no comment", /* gpu: /* nested */ 2 */
    gpu: (
        raw: r#"quote " )"#,
        l2: (ways: 16, size: "3 MiB"),
    ),
    layers: [(filter: "1x1x1x1"), (filter: 'x', ü: 1, filter2: Some(2.5))],
    map: {"k": 1},
)"##;
        let scan = Scan::new(text);
        let value = |path: &str| scan.value(&Path::parse(path).unwrap());
        assert_eq!(value("name"), at(4, 11));
        assert_eq!(value("gpu.l2.size"), at(7, 30));
        assert_eq!(scan.key(&Path::parse("gpu.l2.size").unwrap()), at(7, 24));
        assert_eq!(value("layers[1].filter"), at(9, 44));
        assert_eq!(value("layers[1].filter2"), at(9, 69));
        assert_eq!(value("map.k"), at(10, 16));
        assert_eq!(value("gpu.l3"), None);
        assert!(scan.faults.is_empty(), "{scan:?}");
    }

    #[test]
    fn faults_are_found() {
        let scan = Scan::new("(a: 1, b: (a: dense-tiled, a: NaN), a: 1e999, c: -inf)");
        let path = |text| Path::parse(text).unwrap();
        let found: Vec<_> = scan.faults.iter().map(|(fault, place)| (fault.clone(), place.column)).collect();
        let expected = [
            (Fault::BareWord { word: "dense-tiled".into(), alone: false }, 15),
            (Fault::Duplicate(path("b.a")), 28),
            (Fault::NotFinite("NaN".into()), 31),
            (Fault::Duplicate(path("a")), 37),
            (Fault::NotFinite("1e999".into()), 40),
            (Fault::NotFinite("-inf".into()), 50),
        ];
        assert_eq!(found, expected);
    }

    /// Whatever the text, scanning ends.
    #[test]
    fn broken_text_does_not_hang() {
        for text in [
            "", "(", "(a", "(a:", "[", "[,", "\"", "r#\"", "/*", "(a: 'x", "))", "{", "{\"a", "#![x", "(ü:€)",
        ] {
            Scan::new(text);
        }
    }
}
