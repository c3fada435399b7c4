//! The keeper as a process: configured by environment, its log in a file, killed when its owner goes.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use calendly_keeper::store::KeyRing;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret as _;

use super::wait::until;

/// What a keeper is started with; several may be started after one another on the same.
pub(crate) struct Setup {
    /// Data directory: database, lock and log.
    pub(crate) home: PathBuf,
    /// Encrypts the tokens.
    pub(crate) key: String,
    /// What its processes say is appended here.
    log: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// A running keeper.
pub(crate) struct KeeperProcess {
    child: Child,
    log: PathBuf,
    /// Where in the log this process begins.
    from: u64,
}

impl Setup {
    /// On SQLite in `home`, tokens only, with a Calendly at `calendly`.
    pub(crate) fn new(home: &Path, calendly: &str, client: (&str, &str)) -> Self {
        let key = KeyRing::generate("k1").expose_secret().to_owned();
        let environment = vec![
            ("KEEPER__DATA_DIR", home.display().to_string()),
            ("KEEPER__CALENDLY__AUTH_URL", calendly.to_owned()),
            ("KEEPER__CALENDLY__API_URL", calendly.to_owned()),
            ("KEEPER__CALENDLY__CLIENT_ID", client.0.to_owned()),
            ("KEEPER__CALENDLY__CLIENT_SECRET", client.1.to_owned()),
            ("KEEPER__ENCRYPTION__KEYS", key.clone()),
            ("KEEPER__SERVER__LISTEN", String::new()),
        ];
        Self { home: home.into(), key, log: home.join("keeper.log"), environment }
    }

    /// The same for another keeper beside it, with this data directory and log.
    pub(crate) fn beside(&self, home: &Path, log: &str) -> Self {
        let (key, log) = (self.key.clone(), self.home.join(log));
        let other = Self { home: home.into(), key, log, environment: self.environment.clone() };
        other.with("KEEPER__DATA_DIR", home.display())
    }

    /// With one more setting, as in `KEEPER__REFRESH__MAX_CONCURRENT`.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.environment.push((name, value.to_string()));
        self
    }

    /// Runs a command to its end and gives its standard output.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let output = self.prepared(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts `run`.
    pub(crate) fn run(&self) -> KeeperProcess {
        let log = self.log.clone();
        let file = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let from = file.metadata().unwrap().len();
        let mut command = self.prepared(&["run"]);
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        KeeperProcess { child, log, from }
    }

    /// Starts `run` with its log, all of it written, going nowhere.
    pub(crate) fn run_unheard(&self) -> KeeperProcess {
        let mut command = self.prepared(&["run"]);
        let nowhere = File::options().write(true).open("/dev/null").unwrap();
        let child = command.stdout(Stdio::null()).stderr(nowhere).spawn().unwrap();
        KeeperProcess { child, log: "/dev/null".into(), from: 0 }
    }

    fn prepared(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_calendly-keeper"));
        command.args(arguments).stdin(Stdio::null());
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"KEEPER_"))
        {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl KeeperProcess {
    /// What this process has logged so far.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(log.get(self.from as usize..).unwrap_or_default()).into_owned()
    }

    /// Waits for a line with all these words.
    pub(crate) fn wait_for(&mut self, words: &[&str], deadline: Duration) -> String {
        until(&format!("a line with {words:?}"), deadline, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the keeper ended with {status}:\n{}", self.log());
            }
            let log = self.log();
            log.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ended, where it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGKILL and, in the same moment, what `with_it` does; nothing is left of the process when this returns.
    pub(crate) fn kill(mut self, with_it: impl FnOnce()) {
        self.child.kill().unwrap();
        with_it();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(mut self, deadline: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        until("the keeper's end", deadline, || self.ended())
    }
}

impl Drop for KeeperProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
