//! Access tokens served a second, against the same server answering a fixed text.
//!
//! The keeper is the real process with 10 000 living connections. Both are asked over the same kept-open connections, by
//! the same callers, in turns; each turn of the one stands beside a turn of the other.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figure, or ends")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::calendly::Calendly;
use support::database::write_lines;
use support::keeper_process::Setup;
use support::{DEADLINE, Size, figure};

const CALLERS: usize = 16;
const AIM: f64 = 0.8;
const SECRET: &str = "bench-0123456789abcdef";

fn main() {
    let size = Size::asked_for();
    let (count, turn) = (size.pick(1_000, 10_000), Duration::from_millis(size.pick(300, 3_000) as u64));
    let home = tempfile::tempdir().unwrap();
    let calendly = Calendly::start(count, home.path());
    let lines = home.path().join("grants.jsonl");
    let grants = calendly.living_grants();
    let ids: Vec<_> = grants.iter().map(|grant| grant["id"].as_str().unwrap().to_owned()).collect();
    write_lines(&lines, grants.into_iter());
    let setup = Setup::new(home.path(), &calendly.url, calendly.client)
        .with("KEEPER__SERVER__LISTEN", "127.0.0.1:0")
        .with("KEEPER__SERVER__API_TOKENS", format!("bench:admin:{SECRET}"));
    setup.command(&["import", lines.to_str().unwrap()]);
    let mut keeper = setup.run();
    let listening = keeper.wait_for(&["server", "listening"], DEADLINE);
    let address =
        listening.split_whitespace().find_map(|word| word.strip_prefix("address=")).unwrap().to_owned();
    keeper.wait_for(&["supervisor", "started"], DEADLINE);

    let token = |n: usize| format!("/v1/connections/{}/access-token", ids[n % ids.len()]);
    let fixed = |_| "/healthz".to_owned();
    let (mut served, mut plain) = (Turn::default(), Turn::default());
    for _ in 0..4 {
        plain.add(ask(&address, turn, &fixed));
        served.add(ask(&address, turn, &token));
    }
    keeper.kill(|| ());
    let (rate, limit) = (served.rate(), plain.rate());
    figure(
        &format!("tokens served, {count} connections, {CALLERS} callers"),
        &format!("{rate:.0}/s, ratio {:.2}, 99th percentile {:.2?}", rate / limit, served.percentile()),
        &format!("{limit:.0}/s of a fixed text, 99th percentile {:.2?}", plain.percentile()),
        &format!("{AIM}"),
        rate / limit >= AIM,
    );
}

/// What came of asking for a while.
#[derive(Default)]
struct Turn {
    took: Vec<Duration>,
    lasted: Duration,
}

impl Turn {
    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.lasted += other.lasted;
    }

    fn rate(&self) -> f64 {
        self.took.len() as f64 / self.lasted.as_secs_f64()
    }

    fn percentile(&mut self) -> Duration {
        self.took.sort_unstable();
        self.took[self.took.len() * 99 / 100]
    }
}

/// All callers at once, for so long, each on a connection that it keeps.
fn ask(address: &str, lasts: Duration, path: &(dyn Fn(usize) -> String + Sync)) -> Turn {
    let began = Instant::now();
    let took = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                scope.spawn(move || {
                    let mut connection = TcpStream::connect(address).unwrap();
                    connection.set_nodelay(true).unwrap();
                    let (mut took, mut n) = (vec![], caller * 7919);
                    while began.elapsed() < lasts {
                        n += 1;
                        let asked = Instant::now();
                        call(&mut connection, &path(n));
                        took.push(asked.elapsed());
                    }
                    took
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    Turn { took, lasted: began.elapsed() }
}

/// One request and the whole of its answer, which must be 200.
fn call(connection: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: keeper\r\nAuthorization: Bearer {SECRET}\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut had) = ([0; 4096], 0);
    loop {
        had += connection.read(&mut answer[had..]).unwrap();
        let text = std::str::from_utf8(&answer[..had]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return;
        }
    }
}
