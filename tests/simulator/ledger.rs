//! The ledger: what happened to each token, and what is kept of it.

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, Options, PresentationOutcome};

use serde_json::Value;

use crate::support::{refresh, refresh_raw, start, text, until, usual};

#[tokio::test]
async fn the_ledger_tells_each_rotation_and_whether_its_answer_left_whole() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let first = refresh(&simulator, &grant.refresh_token).await.json();
    refresh(&simulator, text(&first, "refresh_token")).await;
    refresh(&simulator, &grant.refresh_token).await;
    refresh(&simulator, "never issued").await;
    until("both answers noted whole", || simulator.ledger().issued.iter().all(|entry| entry.whole)).await;
    let ledger = simulator.ledger();
    let generations: Vec<u32> = ledger.issued.iter().map(|entry| entry.generation).collect();
    assert_eq!(generations, [2, 3]);
    let seen: Vec<_> = ledger
        .presented
        .iter()
        .map(|entry| (entry.generation, entry.outcome, entry.times, entry.after_whole_answer))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(1), PresentationOutcome::Rotated, 1, false),
            (Some(2), PresentationOutcome::Rotated, 1, false),
            (Some(1), PresentationOutcome::Reused, 2, true),
            (None, PresentationOutcome::Unknown, 1, false),
        ]
    );
    assert_eq!(simulator.ledger_of("anna").unwrap().presented.len(), 3);
}

#[tokio::test]
async fn the_ledger_forgets_old_entries_but_no_totals() {
    let simulator = start(Options { ledger_entries: 2, ..Options::default() });
    let mut token = simulator.connect("anna").unwrap().refresh_token;
    for _ in 0..4 {
        token = text(&refresh(&simulator, &token).await.json(), "refresh_token").to_owned();
    }
    let ledger = simulator.ledger();
    assert_eq!(ledger.counters.rotations, 4);
    assert_eq!(ledger.issued.iter().map(|entry| entry.generation).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(ledger.presented.len(), 2);
}

/// The refresh token that the answer brought, if one arrived.
async fn next_token(response: reqwest::Result<reqwest::Response>) -> Option<String> {
    let body: Value = response.ok()?.json().await.ok()?;
    Some(body["refresh_token"].as_str()?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_random_faults_a_client_that_believes_its_answers_is_never_blamed() {
    let simulator = start(Options { tokens_per_minute: 0, seed: Some(11), ..Options::default() });
    for kind in [
        FaultKind::ResetAfter,
        FaultKind::ResetBefore,
        FaultKind::Truncate,
        FaultKind::NotJson,
        FaultKind::GatewayAfterEffect { code: 502 },
        FaultKind::Delay { ms: 1 },
        FaultKind::DelayAnswer { ms: 1 },
    ] {
        simulator.fault(Fault::always(Endpoint::Token, kind).probability(0.03)).unwrap();
    }
    let clients = (0..20).map(|number| {
        let simulator = simulator.clone();
        tokio::spawn(async move {
            let mut token = simulator.connect(&format!("user-{number}")).unwrap().refresh_token;
            for _ in 0..25 {
                // An answer that did not arrive is asked for once more, as a careful client does.
                let next = match next_token(refresh_raw(&simulator, &token).await).await {
                    Some(next) => Some(next),
                    None => next_token(refresh_raw(&simulator, &token).await).await,
                };
                match next {
                    Some(next) => token = next,
                    None => break,
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let counters = simulator.counters();
    assert!(counters.faults_fired > 0 && counters.tokens_reused > 0, "{counters:?}");
    assert_eq!(counters.presented_after_whole_answer, 0, "{counters:?}");
    let ledger = simulator.ledger();
    let rotated = ledger.presented.iter().filter(|entry| entry.outcome == PresentationOutcome::Rotated);
    assert_eq!(rotated.count() as u64, counters.rotations);
    assert_eq!(ledger.issued.len() as u64, counters.rotations);
}
