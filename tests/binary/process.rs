//! A running keeper: its log as it comes, signals, and an end that is never forgotten.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Nothing but a broken keeper takes so long, also where other tests use the machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(45);

/// A child process whose standard error is read line by line. Killed when it is dropped.
pub(crate) struct Keeper {
    child: Child,
    log: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Log {
    fn read(&self, from: impl Read) {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { return };
            self.lines.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            self.grown.notify_all();
        }
    }
}

impl Keeper {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the keeper's binary starts");
        let log = Arc::new(Log::default());
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers = vec![
            std::thread::spawn({
                let log = log.clone();
                move || log.read(out)
            }),
            std::thread::spawn({
                let log = log.clone();
                move || log.read(err)
            }),
        ];
        Self { child, log, readers }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said so far.
    pub(crate) fn said(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().clone()
    }

    /// The first line that holds all `parts`, once it is there.
    #[track_caller]
    pub(crate) fn wait_for(&self, parts: &[&str]) -> String {
        let start = Instant::now();
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| parts.iter().all(|part| line.contains(part))) {
                return line.clone();
            }
            let left = DEADLINE.checked_sub(start.elapsed());
            let Some(left) = left else {
                panic!("no line with {parts:?} within {DEADLINE:?}:\n{}", lines.join("\n"))
            };
            lines = self.log.grown.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the keeper runs");
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL, and the end of it.
    pub(crate) fn kill(mut self) -> String {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
        self.rest()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its own end: exit code, and everything it said.
    #[track_caller]
    pub(crate) fn ended(mut self) -> (i32, String) {
        let log = self.log.clone();
        let what = || format!("the keeper's end\n{}", log.lines.lock().unwrap().join("\n"));
        let start = Instant::now();
        while start.elapsed() < DEADLINE && self.is_running() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let status =
            self.child.try_wait().unwrap().unwrap_or_else(|| panic!("not within {DEADLINE:?}: {}", what()));
        let said = self.rest();
        let Some(code) = status.code() else { panic!("ended by {status}:\n{said}") };
        (code, said)
    }

    fn rest(&mut self) -> String {
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        self.said()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // It may have ended long ago.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
