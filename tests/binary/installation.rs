//! One installation of the keeper: a data directory, an environment and a simulated Calendly of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use calendly_keeper::simulator::{
    NewGrant, NewSubscription, Options, SeedGrant, SeedUser, Simulator, SubscriptionScope,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::process::Keeper;

pub(crate) const EVENTS: [&str; 2] = ["invitee.canceled", "invitee.created"];
const CALLBACK: &str = "https://app.example/hooks/{connection}";

pub(crate) struct Installation {
    pub(crate) simulator: Simulator,
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn all(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }

    #[track_caller]
    pub(crate) fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.all());
        self
    }
}

/// The simulators' runtime, for all tests of this process.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    })
}

impl Installation {
    /// Access tokens live `lifetime` seconds.
    pub(crate) fn new(lifetime: i64) -> Self {
        let options = Options { expires_in: lifetime, tokens_per_minute: 0, ..Options::default() };
        let simulator = Simulator::start_on(runtime().handle(), options).unwrap();
        let mut this = Self { simulator, folder: tempfile::tempdir().unwrap(), environment: BTreeMap::new() };
        let (url, id, secret) = (
            this.simulator.url(),
            this.simulator.client_id().to_owned(),
            this.simulator.client_secret().to_owned(),
        );
        for (key, value) in [
            ("CALENDLY__AUTH_URL", url.as_str()),
            ("CALENDLY__API_URL", &url),
            ("CALENDLY__CLIENT_ID", &id),
            ("CALENDLY__CLIENT_SECRET", &secret),
            ("WEBHOOK__CALLBACK_URL", CALLBACK),
            ("SERVER__LISTEN", ""),
        ] {
            this.set(key, value);
        }
        this
    }

    /// Sets a key, written as in `LOG__FORMAT`.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.variable(&format!("KEEPER__{key}"), value);
    }

    pub(crate) fn unset(&mut self, key: &str) {
        self.environment.remove(&format!("KEEPER__{key}"));
    }

    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.environment.insert(name.into(), value.into());
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // Whoever runs the tests may ignore SIGHUP, and that would be inherited.
        let mut command = Command::new("/usr/bin/env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_calendly-keeper")]).args(arguments);
        command.current_dir(self.folder()).env_clear().envs(&self.environment);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?}: {}", output.status));
        Ran { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts `run`.
    pub(crate) fn start(&self) -> Keeper {
        Keeper::start(&mut self.command(&["run"]))
    }

    /// Starts `run` and waits until its actors work.
    #[track_caller]
    pub(crate) fn started(&self) -> Keeper {
        let keeper = self.start();
        keeper.wait_for(&["supervisor", "started"]);
        keeper
    }

    /// A user who has connected, `expires_in` seconds before the access token's end, with the subscription there
    /// should be.
    pub(crate) fn user(&self, name: &str, expires_in: i64) -> SeedGrant {
        let user = self.simulator.add_user(&SeedUser::named(name));
        let grant = NewGrant { expires_in: Some(expires_in), scopes: None };
        let grant = self.simulator.add_grant(&user, &grant).unwrap();
        let subscription = NewSubscription {
            creator: user.0,
            callback_url: CALLBACK.replace("{connection}", name),
            events: EVENTS.map(str::to_owned).to_vec(),
            scope: SubscriptionScope::User,
            foreign: false,
        };
        self.simulator.add_subscription(subscription).unwrap();
        grant
    }

    /// Imports grants under their users' names.
    #[track_caller]
    pub(crate) fn import(&self, grants: &[SeedGrant]) -> Ran {
        self.write("grants.jsonl", &lines(grants));
        self.run(&["import", "grants.jsonl"]).fine()
    }

    /// A user whose token ended yesterday, imported.
    #[track_caller]
    pub(crate) fn connect_expired(&self, names: &[&str]) {
        let grants: Vec<_> = names.iter().map(|name| self.user(name, -86_400)).collect();
        self.import(&grants);
    }

    /// `status ID --json`.
    #[track_caller]
    pub(crate) fn status(&self, id: &str) -> Value {
        let ran = self.run(&["status", id, "--json"]).fine();
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Whether Calendly was ever given a refresh token again that nobody had a reason to give, or an access token
    /// after its end.
    #[track_caller]
    pub(crate) fn assert_nothing_reused(&self) {
        let counters = self.simulator.counters();
        let bad = (
            counters.tokens_reused,
            counters.presented_after_whole_answer,
            counters.requests_with_expired_access_token,
            counters.unknown_refresh_tokens,
        );
        assert_eq!(bad, (0, 0, 0, 0), "{counters:#?}");
    }

    /// Every file of the data directory, and of the directories in it, with what is in it.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder()).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

/// As import lines.
pub(crate) fn lines(grants: &[SeedGrant]) -> String {
    grants.iter().map(|grant| grant.import_line() + "\n").collect()
}
