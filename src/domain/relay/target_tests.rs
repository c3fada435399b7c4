//! One that is down, one that says no to one invitee, one that wants no more.

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn line(n: usize) -> Line {
    Line::stored(format!("line {n}"))
}

fn down() -> Target {
    let mut target = Target::new(8);
    let changes: Vec<_> =
        (0..5).map(|second| target.failed(at(second), Failure::NoAnswer, &line(0))).collect();
    assert_eq!(changes[..4], [Changed::Nothing; 4]);
    assert_eq!(changes[4], Changed::Down);
    target
}

#[test]
fn one_that_is_down_is_probed_every_ten_seconds() {
    let mut target = down();
    assert_eq!(target.allowed(at(5)), Allowed::NotBefore(at(14)));
    assert_eq!(target.allowed(at(14)), Allowed::Probe);
    target.probing(at(14));
    assert_eq!(target.failed(at(15), Failure::NoAnswer, &line(1)), Changed::Nothing);
    assert_eq!(target.allowed(at(15)), Allowed::NotBefore(at(24)));
}

#[test]
fn a_clock_that_was_set_back_puts_no_probe_off() {
    let target = down();
    assert_eq!(target.allowed(at(-3600)), Allowed::Probe);
}

#[test]
fn when_a_probe_is_taken_all_goes_on_slowly_at_first() {
    let mut target = down();
    assert_eq!(target.took(at(64)), Changed::Back(Duration::from_secs(60)));
    assert_eq!(target.allowed(at(64)), Allowed::Due(1));
    for _ in 0..20 {
        assert_eq!(target.took(at(65)), Changed::Nothing);
    }
    assert_eq!(target.allowed(at(65)), Allowed::Due(8));
}

#[test]
fn a_success_between_failures_keeps_it_up() {
    let mut target = Target::new(8);
    for second in 0..100 {
        assert_eq!(target.failed(at(second), Failure::NoAnswer, &line(0)), Changed::Nothing);
        if second % 4 == 3 {
            assert_eq!(target.took(at(second)), Changed::Nothing);
        }
    }
    assert!(target.down_since().is_none());
}

#[test]
fn one_invitee_that_it_says_no_to_is_no_reason_to_hold_it_down() {
    let mut target = Target::new(8);
    for second in 0..1000 {
        assert_eq!(target.failed(at(second), Failure::Refused, &line(second as usize % 2)), Changed::Nothing);
    }
}

#[test]
fn one_that_says_no_to_everybody_is_tried_one_after_another_since_it_may_take_the_next() {
    let mut target = Target::new(8);
    let changes: Vec<_> = (0..5).map(|n| target.failed(at(0), Failure::Refused, &line(n))).collect();
    assert_eq!(changes[4], Changed::Down);
    assert_eq!(target.allowed(at(0)), Allowed::NotBefore(at(0) + TRY_EVERY));
    assert_eq!(target.allowed(at(1)), Allowed::Due(1));
    assert_eq!(target.allowed(at(10)), Allowed::Probe);
}

#[test]
fn what_stands_before_an_application_is_not_the_application() {
    let of = |status| Failure::of(Some(status));
    assert_eq!([502, 503, 504, 408, 429].map(of), [Failure::NoAnswer; 5]);
    assert_eq!([500, 501, 400, 404, 422, 302].map(of), [Failure::Refused; 6]);
    assert_eq!(Failure::of(None), Failure::NoAnswer);
}

#[test]
fn one_that_wants_no_more_gets_none_until_somebody_says_so() {
    let mut target = Target::new(8);
    assert_eq!((target.gone(), target.gone()), (Changed::Paused, Changed::Nothing));
    assert_eq!(target.allowed(at(1_000_000)), Allowed::Paused);
    assert!(target.resume() && !target.resume());
    assert_eq!(target.allowed(at(0)), Allowed::Due(1));
}
