//! A throwaway PgBouncer before a throwaway PostgreSQL, in the mode that a test needs; ends with its owner.

use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::postgres::{Postgres, as_server_user, free_port};
use super::wait::until;

const DEADLINE: Duration = Duration::from_secs(30);

/// As Debian's package configures it but for the mode: what it refuses there, it refuses here.
#[derive(Debug)]
pub(crate) struct PgBouncer {
    port: u16,
    /// Ends PgBouncer when the pipe on its standard input closes, also where this process is killed.
    watcher: Child,
}

impl PgBouncer {
    /// `pool_mode` is `session` or `transaction`.
    pub(crate) fn before(server: &Postgres, pool_mode: &str) -> Self {
        let Some(binary) = option_env!("KEEPER_PGBOUNCER") else {
            panic!("install Debian's package pgbouncer")
        };
        let port = free_port();
        // The server's folder is removed with the server, and its user may read there.
        let file = server.folder().join(format!("pgbouncer-{port}.ini"));
        let (host, server_port) =
            server.address().rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).unwrap();
        let settings = format!(
            "[databases]\n* = host={host} port={server_port} user=keeper\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\n"
        );
        fs::write(&file, settings).unwrap();
        let mut command = as_server_user("sh");
        command.args(["-c", "\"$1\" -q \"$2\" & cat; kill $!; wait", "sh", binary]).arg(&file);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watcher = command.spawn().expect("sh, or runuser, starts");
        until("PgBouncer", DEADLINE, || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { port, watcher }
    }

    /// A database of the server behind it, by way of the pooler.
    pub(crate) fn url(&self, direct: &str) -> String {
        let database = direct.rsplit('/').next().unwrap();
        format!("postgres://keeper@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        drop(self.watcher.wait());
    }
}
