//! Calendly's side of the keeper's own endpoint: what is taken, what is refused, and that whoever knocks changes nothing.

use std::fs;
use std::process::Command;

use chrono::Utc;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use ureq::Agent;

use crate::api::{Answer, Served};
use crate::delivering::{body, deliver_to, taking};
use crate::process::DEADLINE;
use crate::receiver::Receiver;
use crate::relayed::{SECRET, relaying};
use crate::wait::until;

/// Sends a body with a signature of its sender's choice.
fn post(served: &Served, path: &str, signature: Option<&str>, body: &[u8]) -> Answer {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("{}{path}", served.api.url));
    let request = match signature {
        Some(signature) => request.header("Calendly-Webhook-Signature", signature),
        None => request,
    };
    Answer::of(request.send(body).unwrap())
}

fn signed(key: &str, at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

fn metric(served: &Served, name: &str) -> f64 {
    let text = served.api.get("/metrics").is(200).text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

#[test]
fn either_of_two_keys_signs_and_nothing_else_does() {
    let served = taking(&["anna"], |place| place.set("WEBHOOK__SIGNING_KEY", "new-key,old-key"));
    let (now, body) = (Utc::now().timestamp(), body("invitee.created", "1").into_bytes());
    let path = "/webhooks/calendly/anna";
    for (signature, why) in [
        (None, "no signature"),
        (Some(String::new()), "an empty one"),
        (Some("t=1,v1=zz".into()), "one that is none"),
        (Some(signed("other-key", now, &body)), "another key"),
        (Some(signed("new-key", now, b"another body")), "another body"),
        (Some(signed("new-key", now - 400, &body)), "too old"),
        (Some(signed("new-key", now + 400, &body)), "from the future"),
    ] {
        let answer = post(&served, path, signature.as_deref(), &body);
        assert_eq!(answer.status, 401, "{why}");
        answer.fails_with(401, "bad-signature");
    }
    assert!(served.events().is_empty());
    post(&served, path, Some(&signed("old-key", now, &body)), &body).is(204);
    post(&served, path, Some(&signed("new-key", now - 100, &body)), &body).is(204);
    assert_eq!(served.events().len(), 1, "one event, delivered twice");
    assert_eq!(metric(&served, "keeper_events_total{intake=\"duplicate\"}") as u32, 1);
    assert_eq!(metric(&served, "keeper_deliveries_not_kept_total{reason=\"signature\"}") as u32, 7);
}

#[test]
fn every_writing_of_the_path_leads_to_the_connection_and_a_version_does_not_matter() {
    let served = taking(&["user:7@x"], |_| {});
    for (n, path) in ["user:7@x", "user%3A7%40x", "user:7@x?v=3"].into_iter().enumerate() {
        deliver_to(&served.api.url, path, body("invitee.created", &n.to_string()).as_bytes()).is(204);
    }
    let events = served.events();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event["connection"] == "user:7@x"), "{events:?}");
}

#[test]
fn a_large_delivery_is_taken_and_one_that_is_too_large_opens_a_gap_where_it_is_calendlys() {
    let served = taking(&["anna"], |place| place.set("INBOX__MAX_BODY", "1MiB"));
    let padded = |invitee: &str, bytes: usize| {
        let whole = body("invitee.created", invitee);
        whole.replacen('{', &format!("{{\"padding\":\"{}\",", "x".repeat(bytes)), 1).into_bytes()
    };
    deliver_to(&served.api.url, "anna", &padded("1", 1_000_000)).is(204);
    let large = padded("2", 1_100_000);
    post(&served, "/webhooks/calendly/anna", Some("t=1,v1=00"), &large);
    assert!(!served.keeper.said().contains("too large"), "a stranger's is no news");
    deliver_to(&served.api.url, "anna", &large).fails_with(413, "too-large");
    served.keeper.wait_for(&["inbox", "a delivery is too large", "connection=anna", "inbox.max_body"]);
    until("the gap", DEADLINE, || {
        let told = served.api.get("/v1/connections/anna/timeline").is(200).text;
        told.contains("gap_opened").then_some(())
    });
    assert_eq!(served.events().len(), 1);
}

#[test]
fn a_flood_of_bad_signatures_changes_nothing_and_fills_no_log() {
    let served = taking(&["anna"], |_| {});
    served.deliver("anna", body("invitee.created", "1"));
    let before = metric(&served, "process_resident_memory_bytes");
    let bytes = vec![b'x'; 500_000];
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (served, bytes) = (&served, &bytes);
            scope.spawn(move || {
                for n in 0..250 {
                    let at = Utc::now().timestamp();
                    let signature = format!("t={at},v1={:064x}", worker * 1000 + n);
                    let size = if n % 10 == 0 { bytes.len() } else { 100 };
                    post(served, "/webhooks/calendly/anna", Some(&signature), &bytes[..size]).is(401);
                }
            });
        }
    });
    assert_eq!(metric(&served, "keeper_deliveries_not_kept_total{reason=\"signature\"}") as u32, 1000);
    let said = served.keeper.said();
    let lines = said.lines().filter(|line| line.contains("signature was refused")).count();
    assert!((1..=12).contains(&lines), "{lines} lines");
    assert_eq!(served.events().len(), 1);
    let grown = metric(&served, "process_resident_memory_bytes") - before;
    assert!(grown < 48.0 * 1024.0 * 1024.0, "grown by {grown} bytes");
}

#[test]
fn without_a_signing_key_no_delivery_is_taken() {
    let served = Served::with(&["anna"]);
    post(&served, "/webhooks/calendly/anna", Some("t=1,v1=00"), b"{}").fails_with(404, "not-found");
}

#[test]
#[cfg_attr(
    not(has_standardwebhooks),
    ignore = "python's standardwebhooks was not found; pip install standardwebhooks, or name a python that has it in KEEPER_TEST_PYTHON"
)]
fn the_reference_library_verifies_what_is_relayed() {
    let receiver = Receiver::answering("204 No Content");
    let served = taking(&["anna"], relaying(&receiver));
    served.deliver("anna", body("invitee.created", "Zo\u{eb}"));
    let posted = receiver.wait_for(1).remove(0);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("body"), &posted.body).unwrap();
    fs::write(folder.path().join("headers"), serde_json::to_string(&posted.headers).unwrap()).unwrap();
    let script = "\
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError
body, headers = open('body', 'rb').read(), json.load(open('headers'))
print(Webhook(sys.argv[1]).verify(body, headers)['event'])
try:
    Webhook(sys.argv[1]).verify(body + b' ', headers)
except WebhookVerificationError:
    print('refused')
";
    let mut python = Command::new(option_env!("KEEPER_PYTHON").unwrap_or("python3"));
    let ran = python.args(["-c", script, SECRET]).current_dir(folder.path()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(out, "invitee.created\nrefused\n", "{err}");
}
