//! How long records are kept: ten minutes after they were settled, for ever before that.

use super::*;

const ALMOST: Duration = Duration::from_secs(599);
const SECOND: Duration = Duration::from_secs(1);
const FILE_IS_FULL_OF_AGE: Duration = Duration::from_secs(60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

#[test]
fn what_was_settled_is_kept_for_ten_minutes_and_then_removed() {
    let machine = Machine::new();
    let process = machine.start();
    let receipt = process.keep(pair("anna", 2));
    machine.clock.pass(MONTH);
    process.settle(receipt);
    process.tidy();
    machine.clock.pass(ALMOST);
    process.tidy();
    assert_eq!(machine.after_a_restart(), ids(&[("anna", 2)]), "a failover may still take it back");

    machine.clock.pass(SECOND);
    process.tidy_until_left(&machine, 0);

    assert_eq!(process.generations(), []);
    process.keep(pair("anna", 3));
    assert_eq!(machine.after_a_restart(), ids(&[("anna", 3)]));
}

#[test]
fn what_was_not_settled_is_kept_for_ever() {
    let machine = Machine::new();
    let process = machine.start();
    process.keep(pair("anna", 2));
    let ben = process.keep(pair("ben", 2));
    process.settle(ben); // of the same file
    machine.clock.pass(FILE_IS_FULL_OF_AGE);
    let carla = process.keep(pair("carla", 2));
    process.settle(carla);
    machine.clock.pass(MONTH);
    process.tidy_until_left(&machine, 1);
    let all = process.generations();
    assert_eq!(all, ids(&[("anna", 2), ("ben", 2)]), "the second file is gone, and the first is not");
    drop(process);

    let next = machine.start();
    machine.clock.pass(MONTH);
    next.tidy();
    assert_eq!(next.generations(), all, "known is not settled");
}

#[test]
fn each_of_a_group_is_settled_by_itself() {
    let machine = Machine::new();
    let process = machine.start();
    let receipts: Vec<_> = (0..3).map(|n| process.keep(pair(&format!("c{n}"), 2))).collect();
    for receipt in receipts {
        machine.clock.pass(MONTH);
        process.tidy();
        assert_eq!(process.generations().len(), 3);
        process.settle(receipt);
    }
    machine.clock.pass(ALMOST + SECOND);
    process.tidy_until_left(&machine, 0);
}

#[test]
fn what_an_earlier_process_left_goes_ten_minutes_after_it_was_written_forward() {
    let machine = Machine::new();
    machine.start().keep(pair("anna", 2));
    let process = machine.start();
    assert_eq!(process.generations(), ids(&[("anna", 2)]));
    process.settle_known();
    machine.clock.pass(ALMOST);
    process.settle_known(); // told again, it is as long ago
    process.tidy();
    assert_eq!(machine.names().len(), 1);
    machine.clock.pass(SECOND);
    process.tidy_until_left(&machine, 0);
    assert_eq!(process.generations(), []);
}

#[test]
fn the_time_of_keeping_passes_though_the_clock_is_set_back() {
    let machine = Machine::new();
    let process = machine.start();
    let receipt = process.keep(pair("anna", 2));
    process.settle(receipt);
    machine.clock.set_back(TimeDelta::days(1));
    machine.clock.pass(ALMOST);
    process.tidy();
    assert_eq!(machine.names().len(), 1);
    machine.clock.pass(SECOND);
    process.tidy_until_left(&machine, 0);
}

#[test]
fn a_process_removes_nothing_that_another_writes() {
    let machine = Machine::new();
    let (one, two) = (machine.start(), machine.start());
    one.keep(pair("anna", 2));
    let bens = two.keep(pair("ben", 2));
    two.settle(bens);
    assert_eq!(two.generations(), ids(&[("anna", 2), ("ben", 2)]));
    two.settle_known(); // also what it read of the other's
    one.keep(pair("anna", 3));
    machine.clock.pass(ALMOST + SECOND);
    two.tidy_until_left(&machine, 1);
    one.tidy();
    assert_eq!(two.generations(), ids(&[("anna", 3)]), "its own is gone, the other's is not");

    // Nor what was added since it was read, when the other is gone.
    two.settle_known();
    one.keep(pair("anna", 4));
    machine.clock.pass(ALMOST + SECOND);
    drop(one);
    two.tidy();
    assert_eq!(two.generations(), ids(&[("anna", 4)]));

    // What is read and settled goes once nobody holds it any more.
    two.settle_known();
    machine.clock.pass(ALMOST + SECOND);
    let held = fs::File::open(machine.path(0)).unwrap();
    held.lock().unwrap();
    two.tidy();
    assert_eq!(machine.names().len(), 1);
    drop(held);
    two.tidy_until_left(&machine, 0);
}

/// Of a process that finds what an earlier one left, and is killed soon.
fn life(machine: &Machine, wrote: bool, seconds: u64) {
    let process = machine.start();
    process.generations();
    process.settle_known_after(wrote);
    process.tidy();
    machine.clock.pass(Duration::from_secs(seconds));
}

#[test]
fn what_was_settled_goes_though_every_process_is_killed_before_ten_minutes_are_over() {
    let machine = Machine::new();
    machine.start().keep(pair("anna", 2));
    life(&machine, false, 300);
    life(&machine, false, 300);
    let process = machine.start();
    process.generations();
    process.tidy();
    assert_eq!(machine.names().len(), 1, "noted is not settled: the database may refuse it now");
    process.settle_known();
    process.tidy_until_left(&machine, 0);
}

#[test]
fn what_the_database_lacked_is_kept_for_ten_minutes_more() {
    let machine = Machine::new();
    machine.start().keep(pair("anna", 2));
    life(&machine, false, 300);
    life(&machine, false, 300);
    life(&machine, true, 300);
    life(&machine, false, 300);
    assert_eq!(machine.names().len(), 1);
    let process = machine.start();
    process.generations();
    process.settle_known();
    process.tidy_until_left(&machine, 0);
}

#[test]
fn what_was_added_after_it_was_noted_is_not_settled_with_it() {
    let machine = Machine::new();
    let writer = machine.start();
    writer.keep(pair("anna", 2));
    life(&machine, false, 30);
    writer.keep(pair("anna", 3));
    drop(writer);
    for seconds in [300, 280, 20] {
        life(&machine, false, seconds);
    }
    assert_eq!(machine.names().len(), 1, "ten minutes after the first note, it was there still");
    let process = machine.start();
    process.generations();
    process.settle_known();
    process.tidy_until_left(&machine, 0);
}

#[test]
fn a_note_that_the_clocks_do_not_bear_out_begins_anew() {
    let machine = Machine::new();
    machine.start().keep(pair("anna", 2));
    life(&machine, false, 300);
    machine.clock.set_back(TimeDelta::hours(1));
    life(&machine, false, 300);
    life(&machine, false, 300);
    assert_eq!(machine.names().len(), 1);
    let process = machine.start();
    process.generations();
    process.settle_known();
    process.tidy_until_left(&machine, 0);
}
