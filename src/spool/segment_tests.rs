//! What is written is read; what was torn or changed is recognised.

use proptest::prelude::*;

use super::*;

fn header() -> Header {
    Header { kind: "rotations".into(), database: "d1".into(), before: None }
}

fn file(groups: &[&[&[u8]]]) -> Vec<u8> {
    let mut bytes = header().line().into_bytes();
    for records in groups {
        let records: Vec<_> = records.iter().map(|record| record.to_vec()).collect();
        bytes.extend(group(&records).unwrap());
    }
    bytes
}

#[test]
fn what_was_appended_is_read_and_the_file_is_nobody_elses() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one");
    let before = Some(Before { name: "zero".into(), length: 77 });
    let header = Header { before, ..header() };
    let mut segment = Segment::create(&path, &header).unwrap();
    segment.append(&[b"a".to_vec(), b"".to_vec()]).unwrap();
    segment.append(&[b"\n\0grp1".to_vec()]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, segment.length());
    let contents = read(&bytes).unwrap();
    assert_eq!(contents.header, header);
    assert_eq!(contents.records, [b"a".to_vec(), b"".to_vec(), b"\n\0grp1".to_vec()]);
    assert_eq!(contents.torn, 0);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut segment = Segment { file, length: 9 };
    let error = segment.append(&[b"a".to_vec()]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(segment.length(), 9);
}

#[test]
fn a_torn_end_is_ignored_wherever_it_was_torn() {
    let whole = file(&[&[b"one"], &[b"two", b"three"]]);
    let kept = file(&[&[b"one"]]).len();
    for length in kept..whole.len() {
        let contents = read(&whole[..length]).unwrap();
        assert_eq!(contents.records, [b"one".to_vec()], "cut at {length}");
        assert_eq!((contents.good, contents.torn), (kept as u64, (length - kept) as u64));
    }
    // The file system may have made the room and not filled it.
    let mut zeros = file(&[&[b"one"]]);
    zeros.extend([0; 500]);
    assert_eq!(read(&zeros).unwrap().records.len(), 1);
}

#[test]
fn a_changed_middle_is_damage_and_a_foreign_file_no_spool() {
    let mut bytes = file(&[&[b"one"], &[b"two"]]);
    let at = header().line().len();
    bytes[at + HEAD + 5] ^= 1;
    assert_eq!(read(&bytes), Err(Damage::At(at as u64)));
    for foreign in
        [&b""[..], b"\n", b"something else\n", b"calendly-keeper spool 1 rotations d1 - x\n", b"calen"]
    {
        assert_eq!(read(foreign), Err(Damage::NoSpool));
    }
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop::collection::vec(any::<u8>(), 0..40);
    let nested = plain.clone().prop_map(|bytes| group(&[bytes]).unwrap());
    prop_oneof![3 => plain, 1 => nested]
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..200) {
        let _ = read(&bytes);
        let mut after_header = header().line().into_bytes();
        after_header.extend(&bytes);
        let _ = read(&after_header);
        let mut file = file(&[&[&bytes], &[b"x"]]);
        file.truncate(file.len().saturating_sub(cut));
        let _ = read(&file);
    }

    /// Some records look like groups themselves.
    #[test]
    fn any_beginning_of_a_file_gives_the_first_of_its_records_or_is_refused(
        groups in prop::collection::vec(prop::collection::vec(record(), 1..4), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = header().line().into_bytes();
        for records in &groups {
            bytes.extend(group(records).unwrap());
        }
        let all = groups.concat();
        prop_assert_eq!(&read(&bytes).unwrap().records, &all);
        let length = cut.index(bytes.len());
        match read(&bytes[..length]) {
            Ok(contents) => {
                prop_assert!(all.starts_with(&contents.records));
                prop_assert_eq!(contents.good + contents.torn, length as u64);
                let kept = read(&bytes[..usize::try_from(contents.good).unwrap()]).unwrap();
                prop_assert_eq!((kept.records, kept.torn), (contents.records, 0));
            }
            Err(Damage::NoSpool) => prop_assert!(length < header().line().len()),
            Err(Damage::At(at)) => prop_assert!(bytes[at as usize + 1..length].windows(4).any(|four| four == GROUP)),
        }
    }

    #[test]
    fn one_changed_bit_never_passes_as_a_record(at in 0_usize..60, bit in 0_u8..8) {
        let mut bytes = file(&[&[b"first record"], &[b"second record"]]);
        let start = header().line().len();
        let at = start + at % (bytes.len() - start);
        bytes[at] ^= 1 << bit;
        if let Ok(contents) = read(&bytes) {
            for record in contents.records {
                prop_assert!(record == b"first record" || record == b"second record");
            }
        }
    }
}
