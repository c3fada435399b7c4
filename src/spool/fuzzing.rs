//! What holds of every byte that a spool's file may hold.

use super::record::{decode, encode};
use super::segment;
use crate::domain::journal::Journalled;

/// A record's text: no record, or one that is written and read again as itself, and that can be brought forward.
pub fn journal_record(text: &[u8]) {
    let Ok(record) = decode(text) else { return };
    let Some(written) = encode(&record) else { unreachable!("a record that was read can be written") };
    let again = decode(&written).ok().as_ref().and_then(encode);
    assert!(again.as_ref().is_some_and(|again| **again == *written), "it was read as another");
    assert_eq!(decode(&written).ok().map(|again| format!("{again:?}")), Some(format!("{record:?}")));
    let mut journalled = Journalled::default();
    journalled.add(record.clone());
    journalled.add(record);
    for (id, known) in journalled.into_known() {
        let _ = known.latest_marker();
        if let Some(grant) = known.grant {
            let _ = (grant.pair(&id), grant.whole(&id));
        }
    }
}

/// A file: no spool, damaged, or records. Any beginning of one that can be read gives the first of its records, or
/// is refused; and what was read is read again from what is said to be whole.
pub fn journal_file(bytes: &[u8]) {
    let Ok(contents) = segment::read(bytes) else { return };
    assert_eq!(contents.good + contents.torn, bytes.len() as u64);
    let whole = usize::try_from(contents.good).unwrap_or(bytes.len());
    assert!(
        segment::read(&bytes[..whole]).is_ok_and(|kept| kept.records == contents.records && kept.torn == 0)
    );
    let step = (bytes.len() / 64).max(1);
    for cut in (0..bytes.len()).step_by(step) {
        if let Ok(beginning) = segment::read(&bytes[..cut]) {
            assert!(contents.records.starts_with(&beginning.records), "cut at {cut}");
            assert_eq!(beginning.header, contents.header);
        }
    }
    for record in &contents.records {
        journal_record(record);
    }
}

/// A file with a group for each of these.
#[cfg(test)]
pub(crate) fn file_of(records: &[Vec<u8>]) -> Vec<u8> {
    segment::file_of(records)
}
