//! One file of a spool: a line that says what it is, then groups of records. Each group is written and made durable at
//! once, and has a checksum of its own, so that one that was torn by a crash is recognised: nobody was told it is kept.
//!
//! ```text
//! calendly-keeper spool 1 <kind> <database> <file before, or -> <length of that>\n
//! "grp1" | length | crc32 | ( length | record )…          numbers are 32 bits, little-endian
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const MAGIC: &str = "calendly-keeper spool 1";
const GROUP: [u8; 4] = *b"grp1";
const HEAD: usize = 12;

/// The file before this one, and how long it was at least: what shows that it was cut later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) name: String,
    pub(super) length: u64,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: String,
    pub(super) database: String,
    pub(super) before: Option<Before>,
}

/// A file being written. It is locked meanwhile, so that no other process removes it.
pub(super) struct Segment {
    file: File,
    length: u64,
}

/// What a file held.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) header: Header,
    pub(super) records: Vec<Vec<u8>>,
    /// Up to the end of the last whole group.
    pub(super) good: u64,
    /// What follows that was torn.
    pub(super) torn: u64,
}

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// It does not begin as one of these.
    NoSpool,
    /// Something in its middle has changed, at this offset.
    At(u64),
}

impl Segment {
    /// Makes a file that is there with its whole first line, or not at all.
    pub(super) fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let line = header.line();
        let aside = path.with_extension("new");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        begin(&file, &line).and_then(|()| std::fs::rename(&aside, path)).inspect_err(|_| {
            // On a full disk there is one more of these each time.
            drop(std::fs::remove_file(&aside));
        })?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(Self { file, length: line.len() as u64 })
    }

    /// Durable when it returns. After an error the file is as long as before, as far as the disk lets it, and must not
    /// be written to any more.
    pub(super) fn append(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let group = group(records)?;
        let written = self.file.write_all(&group).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.length += group.len() as u64,
            Err(_) => drop(self.file.set_len(self.length)),
        }
        written
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

impl Header {
    fn line(&self) -> String {
        let (name, length) =
            self.before.as_ref().map_or(("-", 0), |before| (before.name.as_str(), before.length));
        format!("{MAGIC} {} {} {name} {length}\n", self.kind, self.database)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix(MAGIC)?.strip_prefix(' ')?.split(' ');
        let (kind, database) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (name, length) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        let before = (name != "-").then_some(Before { name, length });
        words.next().is_none().then_some(Self { kind, database, before })
    }
}

fn begin(mut file: &File, line: &str) -> io::Result<()> {
    file.lock()?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

fn group(records: &[Vec<u8>]) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::new(io::ErrorKind::InvalidInput, "the records are larger than 4 GiB");
    let mut body = Vec::with_capacity(records.iter().map(|record| record.len() + 4).sum());
    for record in records {
        body.extend_from_slice(&u32::try_from(record.len()).map_err(|_| too_large())?.to_le_bytes());
        body.extend_from_slice(record);
    }
    let mut group = Vec::with_capacity(HEAD + body.len());
    group.extend_from_slice(&GROUP);
    group.extend_from_slice(&u32::try_from(body.len()).map_err(|_| too_large())?.to_le_bytes());
    group.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    group.extend_from_slice(&body);
    Ok(group)
}

/// Reads what a file held.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, Damage> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Damage::NoSpool)?;
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| Damage::NoSpool)?;
    let header = Header::parse(line).ok_or(Damage::NoSpool)?;
    let mut records = Vec::new();
    let mut at = end + 1;
    while at < bytes.len() {
        let Some(length) = whole_group(&bytes[at..], &mut records) else {
            // A crash tears the end. Where a whole group follows, something else has been here.
            let later = (at + 1..bytes.len()).any(|from| {
                bytes[from..].starts_with(&GROUP) && whole_group(&bytes[from..], &mut Vec::new()).is_some()
            });
            if later {
                return Err(Damage::At(at as u64));
            }
            break;
        };
        at += length;
    }
    Ok(Contents { header, records, good: at as u64, torn: (bytes.len() - at) as u64 })
}

/// Takes the group's records; its whole length, or `None` where it is not whole.
fn whole_group(bytes: &[u8], records: &mut Vec<Vec<u8>>) -> Option<usize> {
    let rest = bytes.strip_prefix(&GROUP)?;
    let (length, rest) = number(rest)?;
    let (crc, rest) = number(rest)?;
    let length = length as usize;
    let mut body = rest.get(..length)?;
    if crc32fast::hash(body) != crc {
        return None;
    }
    let mut of_this = Vec::new();
    while !body.is_empty() {
        let (length, rest) = number(body)?;
        of_this.push(rest.get(..length as usize)?.to_vec());
        body = &rest[length as usize..];
    }
    records.append(&mut of_this);
    Some(HEAD + length)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// A whole file, with a group for each of these.
#[cfg(test)]
pub(super) fn file_of(records: &[Vec<u8>]) -> Vec<u8> {
    let header = Header { kind: "rotations".into(), database: "d1".into(), before: None };
    records.iter().fold(header.line().into_bytes(), |mut file, record| {
        file.extend(group(std::slice::from_ref(record)).unwrap_or_default());
        file
    })
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
