//! When many that fail alike are a fault of all, and when a refusal stands.

use super::*;

fn id(n: usize) -> ConnectionId {
    format!("c{n}").parse().unwrap()
}

fn faults() -> Arc<SystemFault> {
    Arc::new(SystemFault::new(Limiter::new(4)))
}

#[test]
fn five_refusals_are_five_users_and_the_sixth_is_the_system() {
    let faults = faults();
    let now = DateTime::UNIX_EPOCH;
    for n in 0..5 {
        assert!(!faults.failed(Kind::EverybodyRefused, &id(n), 1000, now));
    }
    assert!(!faults.failed(Kind::EverybodyRefused, &id(0), 1000, now), "the same user twice counts once");
    assert!(faults.failed(Kind::EverybodyRefused, &id(6), 1000, now));
    assert_eq!(faults.current().map(|fault| fault.kind), Some(Kind::EverybodyRefused));
    faults.succeeded(now);
    assert_eq!(faults.current(), None);
}

#[test]
fn a_success_between_them_starts_the_count_anew_and_another_kind_does_not() {
    let faults = faults();
    let now = DateTime::UNIX_EPOCH;
    for n in 0..30 {
        assert!(!faults.failed(Kind::EverybodyRefused, &id(n), 1000, now));
        if n % 5 == 4 {
            faults.succeeded(now);
        }
    }
    for n in 0..5 {
        assert!(!faults.failed(Kind::EverybodyRefused, &id(n), 1000, now));
        assert!(!faults.failed(Kind::CalendlyFailing, &id(n), 1000, now));
    }
    assert!(faults.failed(Kind::EverybodyRefused, &id(5), 1000, now));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_stands_only_when_a_success_follows_it() {
    let faults = faults();
    let (grace, one) = (Duration::from_secs(2), id(1));
    faults.gave_tokens(Duration::ZERO);
    let before = faults.successes();
    assert_eq!(faults.evidence(&one, before, grace).await, Evidence::None, "an earlier one says nothing");
    let (evidence, ()) =
        tokio::join!(faults.evidence(&one, before, grace), async { faults.gave_tokens(Duration::ZERO) });
    assert_eq!(evidence, Evidence::Stands);
}

#[test]
fn of_a_few_connections_all_are_as_good_as_many() {
    let faults = faults();
    let now = DateTime::UNIX_EPOCH;
    let failed = |n, among| faults.failed(Kind::CalendlyUnreachable, &id(n), among, now);
    assert!(!failed(0, 2) && !failed(0, 2) && !failed(0, 2), "the other one has not failed");
    assert!(failed(1, 2));
    faults.succeeded(now);
    assert!(!failed(0, 1) && !failed(0, 1), "once is nothing");
    assert!(failed(0, 1));
}
