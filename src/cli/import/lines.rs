//! Lines of a file, numbered and bounded: whatever is read, memory stays small.

use std::io::{self, BufRead};

/// A grant has a few kilobytes; more is something else.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Bytes(Vec<u8>),
    TooLong,
}

/// Reads lines one after another.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, read: 0 }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.read
    }

    /// The next line with its number, from 1.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line)>> {
        let mut bytes = Vec::new();
        let mut too_long = false;
        let mut any = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            too_long |= bytes.len() + part.len() > MAX_BYTES;
            if !too_long {
                bytes.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            self.read += used as u64;
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if self.number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3); // a byte order mark, as some spreadsheets write it
        }
        Ok(Some((self.number, if too_long { Line::TooLong } else { Line::Bytes(bytes) })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<(u64, Line)> {
        let mut lines = Lines::new(io::BufReader::with_capacity(3, bytes));
        let mut all = vec![];
        while let Some(line) = lines.next().unwrap() {
            all.push(line);
        }
        assert_eq!(lines.position(), bytes.len() as u64);
        all
    }

    fn line(number: u64, text: &str) -> (u64, Line) {
        (number, Line::Bytes(text.into()))
    }

    #[test]
    fn every_kind_of_line_end_is_cut() {
        assert_eq!(all(b"a\nbb\r\n\nccccc"), [line(1, "a"), line(2, "bb"), line(3, ""), line(4, "ccccc")]);
        assert_eq!(all(b""), []);
        assert_eq!(all(b"\n"), [line(1, "")]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_alone() {
        assert_eq!(all(b"\xef\xbb\xbfa\n\xef\xbb\xbfb"), [line(1, "a"), line(2, "\u{feff}b")]);
    }

    #[test]
    fn a_line_that_is_too_long_does_not_hide_the_next_one() {
        let mut bytes = vec![b'x'; MAX_BYTES + 1];
        bytes.extend_from_slice(b"\nb\n");
        assert_eq!(all(&bytes), [(1, Line::TooLong), line(2, "b")]);
        assert_eq!(all(&vec![b'x'; MAX_BYTES]), [(1, Line::Bytes(vec![b'x'; MAX_BYTES]))]);
    }
}
