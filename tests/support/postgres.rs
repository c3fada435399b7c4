//! A throwaway PostgreSQL server: its own data, port and life, stopped and removed when its owner goes.
//!
//! Durability tests and benches need fsync, the rest needs speed, and as root PostgreSQL refuses to run: hence our
//! own helper. `watcher.sh` ends the server even when the test process is killed, or holds it in a `static`.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::wait::until;

/// A loaded machine takes seconds for a crash recovery; nothing but a broken server takes this long.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a server promises of an acknowledged commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It survives a crash: `fsync` and `synchronous_commit` on, as in production.
    Durable,
    /// Nothing: for tests that never lose the server.
    Fast,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Connections are cut, the data is written out.
    Fast,
    /// As in a crash: nothing is written out, the next start recovers from the log.
    Immediate,
}

/// One server on `127.0.0.1`; superuser `keeper`, no password.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
    watcher: Mutex<Child>,
}

impl Postgres {
    /// A new, running server of the caller's own.
    pub(crate) fn new(durability: Durability) -> Self {
        Self::prepared(durability, |_| {})
    }

    /// A fast one that offers TLS with this certificate and key, in PEM.
    pub(crate) fn with_certificate(certificate: &str, key: &str) -> Self {
        Self::prepared(Durability::Fast, |data| {
            write_as_server_user(&data.join("server.crt"), certificate);
            write_as_server_user(&data.join("server.key"), key);
            write_as_server_user(&data.join("postgresql.auto.conf"), "ssl = on\n");
        })
    }

    fn prepared(durability: Durability, prepare: impl FnOnce(&Path)) -> Self {
        let made = run(as_server_user("mktemp").args(["-d", "/tmp/keeper-postgres.XXXXXX"]));
        let folder = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
        // From here on the watcher cleans up, also after a panic.
        let watcher = Mutex::new(spawn_watcher(&folder, durability));
        let mut server = Self { folder, port: 0, watcher };
        run(as_server_user(&server_binary("initdb"))
            .args(["--username=keeper", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pgdata")
            .arg(server.data()));
        prepare(&server.data());
        // Somebody may take the port between our look and the server's bind.
        for attempt in 1.. {
            server.port = free_port();
            match server.try_start() {
                Ok(()) => break,
                Err(log) => assert!(attempt < 5, "PostgreSQL did not start:\n{log}"),
            }
        }
        server
    }

    /// The fast server that all tests of this process share; each takes a database of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::new(Durability::Fast))
    }

    /// The URL of the database that is always there, `postgres`.
    pub(crate) fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// A fresh, empty database's URL.
    pub(crate) fn create_database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        psql(&self.url(), &format!("CREATE DATABASE {name}"));
        self.url_of(&name)
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Data, log and socket; removed with the server.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns when the server is gone. Data and port are kept for [`Postgres::start`].
    pub(crate) fn stop(&self, how: Stop) {
        self.order(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        });
        until("PostgreSQL stopped", DEADLINE, || self.is_down().then_some(()));
    }

    /// Starts a stopped server on the same data and port; returns when it takes connections.
    pub(crate) fn start(&self) {
        self.try_start().unwrap_or_else(|log| panic!("PostgreSQL did not start:\n{log}"));
    }

    /// Begins a transaction with this statement and leaves it open until the value is dropped.
    pub(crate) fn hold(&self, url: &str, sql: &str) -> Held {
        let mut command = Command::new(server_binary("psql"));
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url]).env("PGAPPNAME", "holds");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "BEGIN; {sql};").unwrap();
        until("the transaction is open", DEADLINE, || {
            let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = 'holds' AND state = 'idle in transaction' AND query NOT LIKE 'BEGIN%'";
            (psql(url, idle) == "1").then_some(())
        });
        Held(child)
    }

    /// The server's log so far, for a failing test to print.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn try_start(&self) -> Result<(), String> {
        // What an earlier run left would be taken for the new one's word.
        for stale in [self.folder.join("state"), self.data().join("postmaster.pid")] {
            drop(fs::remove_file(stale));
        }
        self.order(&format!("start {}", self.port));
        until("PostgreSQL ready", DEADLINE, || {
            if self.is_down() {
                return Some(Err(self.log()));
            }
            // The eighth line is the server's own state; pg_ctl waits for the same.
            let pid_file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
            (pid_file.lines().nth(7)?.trim() == "ready").then_some(Ok(()))
        })
    }

    fn is_down(&self) -> bool {
        fs::read_to_string(self.folder.join("state")).is_ok_and(|state| state.trim() == "down")
    }

    fn order(&self, order: &str) {
        let mut watcher = self.watcher.lock().unwrap();
        writeln!(watcher.stdin.as_mut().unwrap(), "{order}").expect("the watcher lives as long as we do");
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://keeper@{}/{database}", self.address())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// An open transaction: rolled back when this is dropped.
pub(crate) struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok(watcher) = self.watcher.get_mut() {
            drop(watcher.stdin.take());
            drop(watcher.wait());
        }
    }
}

/// Runs SQL through `psql`, from outside of what is tested; returns the rows, `|` between columns.
#[track_caller]
pub(crate) fn psql(url: &str, sql: &str) -> String {
    let output = run(Command::new(server_binary("psql"))
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
        .args(["--command", sql, url]));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// `build.rs` found them; where it did not, the tests that come here are ignored.
fn server_binary(name: &str) -> String {
    let Some(bin) = option_env!("KEEPER_POSTGRES_BIN") else { panic!("install Debian's package postgresql") };
    format!("{bin}/{name}")
}

fn spawn_watcher(folder: &Path, durability: Durability) -> Child {
    let safe = if durability == Durability::Durable { "on" } else { "off" };
    let mut command = as_server_user("sh");
    command.args(["-c", include_str!("watcher.sh"), "sh"]).arg(folder).arg(server_binary("postgres"));
    command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        command.arg("-c").arg(format!("{setting}={safe}"));
    }
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
    // A process group of its own: an interrupt at the terminal ends the tests, the closed pipe then ends the server.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("sh, or runuser, starts")
}

/// PostgreSQL and PgBouncer refuse to run as root; Debian's package makes the user for them.
pub(super) fn as_server_user(program: &str) -> Command {
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]);
    }
    command.current_dir("/"); // ours may be closed to that user
    command
}

/// A file that nobody else may read, as the server demands of its key.
fn write_as_server_user(path: &Path, text: &str) {
    let mut command = as_server_user("sh");
    command.args(["-c", "umask 077; cat >\"$1\"", "sh"]).arg(path).stdin(Stdio::piped());
    let mut child = command.spawn().expect("sh, or runuser, starts");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{} was not written", path.display());
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Below the range that outgoing connections use (from 32768): a client that keeps calling a stopped server on such a
/// port may be given that very port, be connected to itself, and keep the server from coming back.
pub(super) fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let seed = u16::try_from(std::process::id() % 12_000).unwrap();
    until("a free port", DEADLINE, || {
        let step = TRIED.fetch_add(7, Ordering::Relaxed) % 12_000;
        let port = 20_000 + (seed + step) % 12_000;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    })
}
