//! Deliveries as Calendly sends them, signed, and somebody who sends them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(crate) const SIGNING_KEY: &str = "the-signing-key-of-the-bench";

/// About as large as a real one.
pub(crate) fn body(user: &str, n: usize) -> Vec<u8> {
    let event = format!("https://api.calendly.com/scheduled_events/{n:036}");
    let answers: Vec<_> = (0..4)
        .map(|position| serde_json::json!({"question": "What would you like to talk about?", "answer": "x".repeat(120), "position": position}))
        .collect();
    serde_json::json!({
        "event": "invitee.created", "created_at": "2026-01-02T03:04:05.678901Z", "created_by": user,
        "payload": {
            "uri": format!("{event}/invitees/{n:036}"), "event": event, "name": "A Guest", "email": "guest@example.com",
            "status": "active", "timezone": "Europe/Berlin", "rescheduled": false, "no_show": null,
            "created_at": "2026-01-02T03:04:05.678901Z", "updated_at": "2026-01-02T03:04:05.678901Z",
            "cancel_url": format!("https://calendly.com/cancellations/{n:036}"),
            "reschedule_url": format!("https://calendly.com/reschedulings/{n:036}"),
            "questions_and_answers": answers,
            "scheduled_event": {
                "uri": event, "name": "30 Minute Meeting", "status": "active", "start_time": "2026-02-02T10:00:00.000000Z",
                "end_time": "2026-02-02T10:30:00.000000Z", "event_memberships": [{"user": user}],
                "invitees_counter": {"total": 1, "active": 1, "limit": 1},
            },
        },
    })
    .to_string()
    .into_bytes()
}

/// A whole request.
pub(crate) fn request(connection: &str, body: &[u8]) -> Vec<u8> {
    let at = chrono::Utc::now().timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_KEY.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let head = format!(
        "POST /webhooks/calendly/{connection} HTTP/1.1\r\nHost: keeper\r\nContent-Type: application/json\r\n\
         Calendly-Webhook-Signature: t={at},v1={hex}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends each of these once, over so many kept-open connections; how long the whole took, and each.
pub(crate) fn send_all(address: &str, requests: &[Vec<u8>], callers: usize) -> (Duration, Vec<Duration>) {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let took = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..callers)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = TcpStream::connect(address).unwrap();
                    connection.set_nodelay(true).unwrap();
                    let mut took = vec![];
                    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let asked = Instant::now();
                        connection.write_all(request).unwrap();
                        let (mut answer, mut had) = ([0; 2048], 0);
                        while !answer[..had].windows(4).any(|four| four == b"\r\n\r\n") {
                            had += connection.read(&mut answer[had..]).unwrap();
                        }
                        let head = String::from_utf8_lossy(&answer[..had]);
                        assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
                        took.push(asked.elapsed());
                    }
                    took
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    (began.elapsed(), took)
}
