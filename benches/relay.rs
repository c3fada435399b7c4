//! Events passed on a second, against a bare HTTP client that sends the same bodies to the same receiver, as many at once.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figure, or ends")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::database::{Database, keeper_for, user};
use support::deliveries::{SIGNING_KEY, body, request, send_all};
use support::sink::Sink;
use support::{DEADLINE, Size, figure};

/// As the relay.
const AT_ONCE: usize = 16;
const CONNECTIONS: usize = 100;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn main() {
    let count = Size::asked_for().pick(300, 10_000);
    for database in Database::all() {
        let home = tempfile::tempdir().unwrap();
        let sink = Sink::start();
        let setup = keeper_for(&database, CONNECTIONS, home.path())
            .with("KEEPER__SERVER__LISTEN", "127.0.0.1:0")
            .with("KEEPER__WEBHOOK__SIGNING_KEY", SIGNING_KEY)
            .with("KEEPER__RELAY__URL", format!("http://{}/", sink.address))
            .with("KEEPER__RELAY__SECRET", SECRET);
        let mut keeper = setup.run();
        let listening = keeper.wait_for(&["server", "listening"], DEADLINE);
        let address = listening.split_whitespace().find_map(|word| word.strip_prefix("address=")).unwrap();
        keeper.wait_for(&["supervisor", "started"], DEADLINE);
        let bodies: Vec<_> = (0..count).map(|n| body(&user(n % CONNECTIONS), n)).collect();
        let to = |(n, body): (usize, &Vec<u8>)| request(&format!("user-{:07}", n % CONNECTIONS), body);
        let requests: Vec<_> = bodies.iter().enumerate().map(to).collect();
        // They wait until the application comes.
        send_all(address, &requests, 64);
        let relayed = sink.time_of(count);
        keeper.kill(|| ());
        let bare = bare(&sink, bodies);
        let rate = |took: Duration| count as f64 / took.as_secs_f64();
        figure(
            &format!("relay, {}, {count} events, {AT_ONCE} at once", database.name()),
            &format!("{:.0}/s, ratio {:.2}", rate(relayed), rate(relayed) / rate(bare)),
            &format!("{:.0}/s by a bare client", rate(bare)),
            "none",
            true,
        );
    }
}

fn bare(sink: &Sink, bodies: Vec<Vec<u8>>) -> Duration {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (bodies, next, url) =
        (Arc::new(bodies), Arc::new(AtomicUsize::new(0)), format!("http://{}/", sink.address));
    let began = Instant::now();
    runtime.block_on(async {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (bodies, next, client, url) = (bodies.clone(), next.clone(), client.clone(), url.clone());
                tokio::spawn(async move {
                    while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let answer = client.post(&url).body(body.clone()).send().await.unwrap();
                        assert!(answer.status().is_success());
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
    began.elapsed()
}
