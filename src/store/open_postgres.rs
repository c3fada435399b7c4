//! Opens PostgreSQL: checks the server and how it is reached, migrates the keeper's own schema, and makes the pool.

use diesel::sql_types::{Bool, Text};
use diesel_async::pooled_connection::SetupCallback;
use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;

use super::options::OpenError;
use super::pool::{Db, pool};
use super::server::Server;
use super::{migrations, server};

/// A commit is acknowledged when it is durable, whatever the server's default. The keeper has a schema of its own, so
/// that it may live in the application's database, where a table `connections` is likely.
const SESSION: &str = "SET search_path = calendly_keeper; SET synchronous_commit = on; \
    SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'";

/// Whoever starts at the same time waits for the migrations: "keep", "migr".
const MIGRATION_LOCK: &str =
    "SET statement_timeout = '5min'; SELECT pg_advisory_lock(1801807216, 1835624306)";

pub(super) async fn open(server: Server, max_connections: usize) -> Result<Db, OpenError> {
    check_sessions(&server).await?;
    let mut db = connect(&server).await?;
    prepare(&mut db).await?;
    let migrated = tokio::task::spawn_blocking(move || migrations::postgres(db));
    migrated.await.map_err(|error| OpenError::Unavailable(error.to_string()))??;
    let setup: SetupCallback<AsyncPgConnection> = Box::new(move |_| {
        let server = server.clone();
        async move {
            let mut db = connect(&server).await?;
            db.batch_execute(SESSION).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            Ok(db)
        }
        .boxed()
    });
    Ok(Db::Postgres(pool("", max_connections.max(2), setup)?))
}

/// Before anything is changed: TLS as it was asked for, and no pooler that would lend the migration lock to others.
async fn check_sessions(server: &Server) -> Result<(), OpenError> {
    let refusal = |error| server.refusal(&error);
    let (one, other) = (server.dial().await.map_err(refusal)?, server.dial().await.map_err(refusal)?);
    if server::are_lent(&one, &other).await.map_err(refusal)? {
        return Err(OpenError::Configuration(server::LENT.into()));
    }
    Ok(())
}

#[derive(diesel::QueryableByName)]
struct Traits {
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Bool)]
    has_schema: bool,
}

/// The migration lock goes with the session that [`open`] migrates on.
async fn prepare(db: &mut AsyncPgConnection) -> Result<(), OpenError> {
    db.batch_execute(MIGRATION_LOCK).await?;
    let traits: Traits = diesel::sql_query(
        "SELECT current_setting('server_encoding') AS encoding,
            to_regnamespace('calendly_keeper') IS NOT NULL AS has_schema",
    )
    .get_result(db)
    .await?;
    if traits.encoding != "UTF8" {
        return Err(OpenError::Configuration(format!(
            "the database's encoding is {}, it must be UTF8: create one with `CREATE DATABASE … ENCODING 'UTF8' \
             TEMPLATE template0`",
            traits.encoding
        )));
    }
    if !traits.has_schema {
        db.batch_execute("CREATE SCHEMA calendly_keeper").await.map_err(|error| {
            OpenError::Configuration(format!(
                "the schema calendly_keeper cannot be made: {error}; create it, owned by the keeper's database user"
            ))
        })?;
    }
    db.batch_execute(SESSION).await?;
    Ok(())
}

async fn connect(server: &Server) -> diesel::ConnectionResult<AsyncPgConnection> {
    let bad = |error| diesel::ConnectionError::BadConnection(server::told(&error));
    let (client, connection) = server.connect().await.map_err(bad)?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}
