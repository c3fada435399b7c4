//! What was torn by a crash is ignored; what was cut, changed or is not ours is refused, named, and left as it is.

use super::*;

/// A file of three groups, and where each ends.
fn three_groups() -> (Machine, [usize; 3]) {
    let machine = Machine::new();
    let process = machine.start();
    let ends = [2, 3, 4].map(|generation| {
        process.keep(pair("anna", generation));
        fs::metadata(machine.path(0)).unwrap().len() as usize
    });
    (machine, ends)
}

fn cut(machine: &Machine, nth: usize, length: usize) {
    let file = fs::OpenOptions::new().write(true).open(machine.path(nth)).unwrap();
    file.set_len(length as u64).unwrap();
}

fn flip(machine: &Machine, nth: usize, at: usize) {
    let path = machine.path(nth);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// What is said word for word about the `nth` file; what is in it may be the only living tokens of some users.
fn words(machine: &Machine, nth: usize, what: &str) -> String {
    let path = machine.path(nth);
    format!(
        "{} {what}; if it is not needed, move it away and start again (pairs that only it holds are lost then)",
        path.display()
    )
}

#[test]
fn a_torn_last_record_is_ignored_and_everything_before_it_is_known() {
    let (machine, [_, second, third]) = three_groups();
    for length in (second..third).rev() {
        cut(&machine, 0, length);
        assert_eq!(machine.after_a_restart(), ids(&[("anna", 3)]), "cut at {length}");
    }
    cut(&machine, 0, second + 7);
    let torn = machine.bytes();

    machine.start().keep(pair("ben", 2));

    assert_eq!(machine.after_a_restart(), ids(&[("anna", 3), ("ben", 2)]));
    let (name, bytes) = torn.first_key_value().unwrap();
    assert_eq!(machine.bytes().get(name), Some(bytes), "nothing is ever written behind a torn end");
}

#[test]
fn a_last_group_with_a_changed_byte_is_ignored_like_a_torn_one() {
    let (machine, [_, second, third]) = three_groups();
    flip(&machine, 0, (second + third) / 2);
    assert_eq!(machine.after_a_restart(), ids(&[("anna", 3)]));
}

#[test]
fn a_file_that_was_cut_later_is_refused_by_its_name() {
    let (machine, [first, second, third]) = three_groups();
    machine.start().keep(pair("ben", 2)); // its file says how long the one before was
    for length in [third - 1, second, first] {
        cut(&machine, 0, length);
        let whole = [second, first].into_iter().find(|end| *end <= length).unwrap();
        let what = format!(
            "was cut: {whole} bytes of it are whole, it had {third}; put back a whole copy where there is one"
        );
        assert_eq!(machine.refusal(), words(&machine, 0, &what));
    }
}

#[test]
fn a_file_of_the_same_process_says_so_too() {
    let machine = Machine::new();
    let process = machine.start();
    process.keep(pair("anna", 2));
    machine.clock.pass(Duration::from_secs(60));
    process.keep(pair("anna", 3));
    assert_eq!(machine.names().len(), 2);
    drop(process);
    let length = fs::metadata(machine.path(0)).unwrap().len() as usize;
    cut(&machine, 0, length - 1);
    assert!(machine.refusal().contains("was cut"));
    fs::remove_file(machine.path(0)).unwrap();
    assert_eq!(machine.after_a_restart(), ids(&[("anna", 3)]), "one that is gone was settled");
}

#[test]
fn a_changed_byte_that_whole_groups_follow_is_refused() {
    let (machine, [first, second, _]) = three_groups();
    let whole = machine.bytes();
    let start = whole.values().next().unwrap().iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for at in [start, start + 5, start + 9, start + 30, first - 1, first, second - 1] {
        flip(&machine, 0, at);
        let group = if at < first { start } else { first };
        let what = format!(
            "is damaged at byte {group}, and whole records follow; put back a whole copy where there is one"
        );
        assert_eq!(machine.refusal(), words(&machine, 0, &what), "{at}");
        flip(&machine, 0, at);
    }
    assert_eq!(machine.bytes(), whole);
    assert_eq!(machine.after_a_restart(), ids(&[("anna", 4)]));
}

#[test]
fn what_does_not_begin_as_a_journal_is_refused() {
    let (machine, _) = three_groups();
    for length in [0, 10] {
        cut(&machine, 0, length);
        let what = "is no journal of calendly-keeper, or its beginning was cut off; put back a whole copy where there \
                    is one";
        assert_eq!(machine.refusal(), words(&machine, 0, what));
    }
}

#[test]
fn the_journal_of_another_database_is_refused() {
    let (mut machine, _) = three_groups();
    machine.database = "d2".into();
    let what = "belongs to another database than the configured one: give database.url and data_dir that belong together";
    assert_eq!(machine.refusal(), words(&machine, 0, what));
    // Its records do not open either: whoever changes the first line is refused by the seal.
    let path = machine.path(0);
    let bytes = fs::read(&path).unwrap();
    let at = bytes.windows(2).position(|window| window == b"d1").unwrap();
    flip_to(&machine, at + 1, b'2');
    assert!(machine.refusal().contains("was sealed with the key"));
}

fn flip_to(machine: &Machine, at: usize, byte: u8) {
    let mut bytes = fs::read(machine.path(0)).unwrap();
    bytes[at] = byte;
    fs::write(machine.path(0), bytes).unwrap();
}

#[test]
fn what_another_key_sealed_is_refused_by_that_keys_id() {
    let (mut machine, _) = three_groups();
    let first = std::mem::replace(&mut machine.keys, vec![key("k2")]);
    let what = "was sealed with the key \"k1\", which no configured one is: add it to encryption.keys, behind those that \
                are there";
    assert_eq!(machine.refusal(), words(&machine, 0, what));
    machine.keys = vec![key("k1")];
    assert_eq!(machine.refusal(), words(&machine, 0, what), "another one of the same name");
    machine.keys = vec![key("k2"), first[0].clone()];
    assert_eq!(machine.after_a_restart(), ids(&[("anna", 4)]), "a second key opens what it sealed");
}

#[test]
fn a_record_that_is_not_understood_is_refused_and_not_quoted() {
    let machine = Machine::new();
    let process = machine.start();
    let text = br#"{"later_kind":{"tokens":{"id":"anna","access":"very-secret"}}}"#;
    let sealed = process.journal.seals.sealer.seal("d1", COLUMN, text).unwrap();
    process.runtime.block_on(process.journal.spool.append(sealed)).unwrap();
    drop(process);
    let refusal = machine.refusal();
    let column = refusal.split_once("(column ").and_then(|(_, rest)| rest.split_once(')')).unwrap().0;
    let what = format!(
        "holds a record that this version does not understand (column {column}): run the newer version that wrote it"
    );
    assert_eq!(refusal, words(&machine, 0, &what));
    assert!(!refusal.contains("secret"), "{refusal}");
}
