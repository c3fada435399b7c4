//! The simulator as a process of its own, so that it shares neither runtime nor allocator with what is measured.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::wait::until;

/// A running simulator whose users all have a grant.
pub(crate) struct Calendly {
    child: Child,
    pub(crate) url: String,
    pub(crate) client: (&'static str, &'static str),
    lines: PathBuf,
}

impl Calendly {
    /// One with `users`, whose import lines go into `folder`. Nobody is throttled.
    pub(crate) fn start(users: usize, folder: &Path) -> Self {
        let lines = folder.join("seeded.jsonl");
        let mut child = Command::new(env!("CARGO_BIN_EXE_calendly-simulator"))
            .args(["--listen", "127.0.0.1:0", "--tokens-per-minute", "0", "--ledger-entries", "0"])
            .args(["--users", &users.to_string(), "--import-file"])
            .arg(&lines)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        let url = said.split(' ').find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { child, url, client: ("simulated-client-id", "simulated-client-secret"), lines }
    }

    /// The grants as import lines whose access tokens ended yesterday.
    pub(crate) fn expired_grants(&self) -> Vec<Value> {
        let yesterday = (chrono::Utc::now() - chrono::TimeDelta::days(1)).to_rfc3339();
        let lines = std::fs::read_to_string(&self.lines).unwrap();
        lines
            .lines()
            .map(|line| {
                let mut grant: Value = serde_json::from_str(line).unwrap();
                grant["expires_at"] = yesterday.as_str().into();
                grant
            })
            .collect()
    }

    /// The grants as import lines, as they are.
    pub(crate) fn living_grants(&self) -> Vec<Value> {
        let lines = std::fs::read_to_string(&self.lines).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Rotations so far.
    pub(crate) fn rotations(&self) -> u64 {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            format!("GET /simulator/counters HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str::<Value>(body).unwrap()["rotations"].as_u64().unwrap()
    }

    /// Waits until `count` rotations have been made since `from`; when that was.
    pub(crate) fn wait_for_rotations(&self, from: u64, count: u64, deadline: Duration) -> Instant {
        until(&format!("{count} rotations"), deadline, || {
            (self.rotations() >= from + count).then(Instant::now)
        })
    }
}

impl Drop for Calendly {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
