//! Which database is measured, and a database full of connections that need nothing.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::keeper_process::Setup;
use super::postgres::{Durability, Postgres};

/// The backends, by name.
pub(crate) enum Database {
    Sqlite,
    Postgres(Postgres),
}

impl Database {
    /// SQLite, and PostgreSQL where its server is installed; says so where it is not.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Sqlite];
        if option_env!("KEEPER_POSTGRES_BIN").is_some() {
            all.push(Self::Postgres(Postgres::new(Durability::Durable)));
        } else {
            println!("postgres: skipped, its server's binaries were not found; install Debian's postgresql");
        }
        all
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// The keeper on a fresh database of this kind.
    pub(crate) fn configure(&self, setup: Setup) -> Setup {
        match self {
            Self::Sqlite => setup,
            Self::Postgres(server) => setup.with("KEEPER__DATABASE__URL", server.create_database()),
        }
    }
}

/// Import lines in a file.
pub(crate) fn write_lines(path: &Path, lines: impl Iterator<Item = Value>) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    file.flush().unwrap();
}

/// Text in the state of one of [`healthy`]'s connections, in bytes.
pub(crate) const TEXT_EACH: usize = 12 + ACCESS + 80 + 80 + SCOPE.len() + 19;
const ACCESS: usize = 128;
const SCOPE: &str = "users:read webhooks:read webhooks:write scheduled_events:read";

/// Connections whose tokens live for a month to come, so that there is nothing to do.
pub(crate) fn healthy(count: usize) -> impl Iterator<Item = Value> {
    let expires_at = (chrono::Utc::now() + chrono::TimeDelta::days(30)).to_rfc3339();
    (0..count).map(move |n| {
        json!({
            "id": format!("user-{n:07}"),
            "access_token": format!("a{n:0width$}", width = ACCESS - 1),
            "refresh_token": format!("r{n:042}"),
            "expires_at": expires_at,
            "expires_in": 30 * 24 * 3600,
            "calendly_user": user(n),
            "calendly_organization": format!("https://api.calendly.com/organizations/{n:041}"),
            "scope": SCOPE,
        })
    })
}

/// The Calendly user of the connection `user-N` among them.
pub(crate) fn user(n: usize) -> String {
    format!("https://api.calendly.com/users/{n:049}")
}

/// A keeper on a fresh database that holds `count` of them.
pub(crate) fn keeper_for(database: &Database, count: usize, home: &Path) -> Setup {
    let setup = database.configure(Setup::new(home, "http://127.0.0.1:9", ("bench", "secret")));
    let lines = home.join("healthy.jsonl");
    write_lines(&lines, healthy(count));
    setup.command(&["import", lines.to_str().unwrap()]);
    setup
}

/// A keeper on SQLite in `home` that holds `count` of them.
pub(crate) fn keeper_with(count: usize, home: &Path) -> Setup {
    // Nobody listens there: nothing is to be refreshed.
    let setup = Setup::new(home, "http://127.0.0.1:9", ("bench", "secret"));
    let lines = home.join("healthy.jsonl");
    write_lines(&lines, healthy(count));
    setup.command(&["import", lines.to_str().unwrap()]);
    std::fs::remove_file(lines).unwrap();
    setup
}
