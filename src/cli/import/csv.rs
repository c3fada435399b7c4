//! CSV: a header with the names, then one record a line.
//!
//! Each line is read for itself. No field of a grant holds a line end, and a quote that is never closed must not
//! swallow the rest of the file.

use ::csv::{ByteRecord, ReaderBuilder};

use crate::domain::grant_line::{Fields, NAMES};

/// The names in the order of the columns.
pub(super) struct Header(Vec<String>);

/// Why a line is no record. None of them quotes the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRecord {
    #[error("is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("has a quote that is not closed")]
    OpenQuote,
    #[error("has {found} fields, the header has {expected}")]
    Length { found: usize, expected: usize },
    #[error("holds a carriage return, behind which nothing is read; end lines with a line feed")]
    CarriageReturn,
    #[error("cannot be read as CSV")]
    Unreadable,
}

/// Why a header cannot be used. Then nothing below it can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHeader {
    #[error("the header {0}")]
    Record(BadRecord),
    #[error("the header separates names by {0:?}; separate them by commas")]
    Separator(char),
    #[error(
        "the header has no column {0:?}; its first line must name the columns, as in id,refresh_token,expires_at"
    )]
    Missing(&'static str),
    #[error("the header names a column twice: {0}")]
    Twice(String),
}

impl Header {
    /// Reads the first line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, BadHeader> {
        let names: Vec<String> =
            record(line).map_err(BadHeader::Record)?.into_iter().map(|name| name.trim().to_owned()).collect();
        if let [only] = names.as_slice()
            && let Some(separator) = only.chars().find(|c| ";\t|".contains(*c))
        {
            return Err(BadHeader::Separator(separator));
        }
        for needed in ["id", "refresh_token"] {
            if !names.iter().any(|name| name == needed) {
                return Err(BadHeader::Missing(needed));
            }
        }
        let twice =
            |name: &&String| NAMES.contains(&name.as_str()) && names.iter().filter(|n| n == name).count() > 1;
        match names.iter().find(twice) {
            Some(name) => Err(BadHeader::Twice(name.clone())),
            None => Ok(Self(names)),
        }
    }

    /// Reads a line below it.
    pub(super) fn fields(&self, line: &[u8]) -> Result<Fields, BadRecord> {
        let values = record(line)?;
        if values.len() != self.0.len() {
            return Err(BadRecord::Length { found: values.len(), expected: self.0.len() });
        }
        let mut fields = Fields::default();
        for (name, value) in self.0.iter().zip(values) {
            fields.set(name, Some(value));
        }
        Ok(fields)
    }
}

fn record(line: &[u8]) -> Result<Vec<String>, BadRecord> {
    if line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
        return Err(BadRecord::OpenQuote);
    }
    let mut reader =
        ReaderBuilder::new().has_headers(false).buffer_capacity(line.len().max(1)).from_reader(line);
    let mut record = ByteRecord::new();
    reader.read_byte_record(&mut record).map_err(|_| BadRecord::Unreadable)?;
    // A carriage return ends a record, too: what follows would be gone without a word.
    if reader.position().byte() < line.len() as u64 {
        return Err(BadRecord::CarriageReturn);
    }
    record.iter().map(|field| String::from_utf8(field.into()).map_err(|_| BadRecord::NotUtf8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header::parse(b"id,refresh_token,expires_at,created").unwrap()
    }

    #[test]
    fn a_record_is_read_under_its_names() {
        let fields = header().fields(br#"user-1,"r""1",,x"#).ok().unwrap();
        assert_eq!(fields.get("id"), Some("user-1"));
        assert_eq!(fields.get("refresh_token"), Some("r\"1"));
        assert_eq!(fields.get("expires_at"), None, "empty is the same as not given");
        assert_eq!(fields.unknown, ["created"]);
    }

    #[test]
    fn bad_records_are_refused() {
        for (line, why) in [
            (&b"a,b"[..], BadRecord::Length { found: 2, expected: 4 }),
            (b"a,b,c,d,e", BadRecord::Length { found: 5, expected: 4 }),
            (b"a,\"b,c,d", BadRecord::OpenQuote),
            (b"a,\xff,c,d", BadRecord::NotUtf8),
            (b"a,b,c,d\re,f,g,h", BadRecord::CarriageReturn),
            (b"a,b,c,d\r\r", BadRecord::CarriageReturn),
        ] {
            assert_eq!(header().fields(line).err(), Some(why), "{line:?}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_used_says_what_it_lacks() {
        for (line, why) in [
            ("id,token", BadHeader::Missing("refresh_token")),
            ("user-1,abc", BadHeader::Missing("id")),
            ("id;refresh_token", BadHeader::Separator(';')),
            ("id,refresh_token\ra,r", BadHeader::Record(BadRecord::CarriageReturn)),
            ("id,refresh_token,id", BadHeader::Twice("id".into())),
            ("\"id", BadHeader::Record(BadRecord::OpenQuote)),
        ] {
            assert_eq!(Header::parse(line.as_bytes()).err(), Some(why), "{line}");
        }
        assert!(Header::parse(b" id , refresh_token ").is_ok());
    }
}
