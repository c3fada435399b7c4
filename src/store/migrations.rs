//! Brings a database to the newest version, alone: whoever else starts at the same time waits.

use std::collections::HashSet;
use std::path::Path;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection as _;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_async::AsyncMigrationHarness;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::backend::postgres;
use super::options::OpenError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Checks a file and migrates it. A file that is not the keeper's is left as it is. Blocks.
pub(super) fn sqlite(db: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    db.batch_execute("PRAGMA busy_timeout = 10000")?;
    if count(db, "SELECT count(*) AS n FROM sqlite_master")? > 0
        && !has_table(db, "__diesel_schema_migrations")?
    {
        return Err(OpenError::Configuration(format!(
            "{}: this SQLite database belongs to another program, name another file in database.url",
            path.display()
        )));
    }
    // Only who has something to do takes the lock, so that commands do not wait for a running keeper.
    if has_table(db, "__diesel_schema_migrations")? && !pending(db, SQLITE)? {
        return Ok(());
    }
    db.exclusive_transaction(|db| if pending(db, SQLITE)? { run(db, SQLITE) } else { Ok(()) })
}

/// Whether tokens are stored in a file; false where there is none. Blocks.
pub(super) fn sqlite_holds_ciphertext(db: &mut SqliteConnection) -> Result<bool, OpenError> {
    Ok(has_table(db, "meta")? && count(db, "SELECT count(*) AS n FROM meta")? > 0)
}

/// A query for one migration that is not known here: while a keeper works a newer one may start and migrate. Any change of
/// what keepers on one database agree on comes with a migration, so the schema's version is the protocol's, too.
pub(super) fn unknown_to_sqlite() -> Result<String, OpenError> {
    unknown::<Sqlite>(&SQLITE, "__diesel_schema_migrations")
}

/// The same for PostgreSQL.
pub(super) fn unknown_to_postgres() -> Result<String, OpenError> {
    unknown::<Pg>(&POSTGRES, "calendly_keeper.__diesel_schema_migrations")
}

fn unknown<DB: Backend>(source: &EmbeddedMigrations, table: &str) -> Result<String, OpenError> {
    let known = MigrationSource::<DB>::migrations(source).map_err(failed)?;
    let known: Vec<_> = known.iter().map(|migration| format!("'{}'", migration.name().version())).collect();
    Ok(format!("SELECT version FROM {table} WHERE version NOT IN ({}) LIMIT 1", known.join(", ")))
}

/// What a migration that is not known here means.
pub(super) fn newer(unknown: &impl std::fmt::Display) -> String {
    format!(
        "the database was migrated by a newer version of calendly-keeper (migration {unknown}): run that version"
    )
}

/// The caller holds PostgreSQL's migration lock on this connection. Blocks.
pub(super) fn postgres(db: postgres::Conn) -> Result<(), OpenError> {
    let mut harness = AsyncMigrationHarness::new(db);
    if pending(&mut harness, POSTGRES)? { run(&mut harness, POSTGRES) } else { Ok(()) }
}

/// Refuses a database that a newer version has migrated: this one would not keep what that one added.
fn pending<DB: Backend>(
    db: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<bool, OpenError> {
    let known = MigrationSource::<DB>::migrations(&source).map_err(failed)?;
    let known: HashSet<MigrationVersion<'_>> =
        known.iter().map(|migration| migration.name().version().as_owned()).collect();
    let applied = db.applied_migrations().map_err(failed)?;
    if let Some(unknown) = applied.iter().find(|version| !known.contains(version)) {
        return Err(OpenError::Configuration(newer(unknown)));
    }
    Ok(applied.len() < known.len())
}

fn run<DB: Backend>(db: &mut impl MigrationHarness<DB>, source: EmbeddedMigrations) -> Result<(), OpenError> {
    db.run_pending_migrations(source).map(drop).map_err(failed)
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> OpenError {
    OpenError::Unavailable(format!("migrating it failed: {error}"))
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn count(db: &mut SqliteConnection, sql: &str) -> QueryResult<i64> {
    diesel::sql_query(sql).get_result::<Count>(db).map(|count| count.n)
}

fn has_table(db: &mut SqliteConnection, name: &str) -> QueryResult<bool> {
    let sql = "SELECT count(*) AS n FROM sqlite_master WHERE type = 'table' AND name = ?";
    diesel::sql_query(sql).bind::<diesel::sql_types::Text, _>(name).get_result::<Count>(db).map(|c| c.n > 0)
}
