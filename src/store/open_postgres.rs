//! Opens PostgreSQL: checks the server and how it is reached, migrates the keeper's own schema, and makes the pool.

use std::time::Duration;

use diesel::sql_types::{Bool, Text};
use diesel_async::pooled_connection::SetupCallback;
use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;

use super::migrations;
use super::options::OpenError;
use super::pool::{Db, pool};

/// A commit is acknowledged when it is durable, whatever the server's default. The keeper has a schema of its own, so
/// that it may live in the application's database, where a table `connections` is likely.
const SESSION: &str = "SET search_path = calendly_keeper; SET synchronous_commit = on; \
    SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'";

/// Whoever starts at the same time waits for the migrations: "keep", "migr".
const MIGRATION_LOCK: &str =
    "SET statement_timeout = '5min'; SELECT pg_advisory_lock(1801807216, 1835624306)";

pub(super) fn config(url: &str) -> Result<tokio_postgres::Config, OpenError> {
    let mut config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        OpenError::Configuration(format!("database.url: {cause}"))
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(OpenError::Configuration(
            "database.url asks for sslmode=require, but this build does not speak TLS to PostgreSQL: reach the \
             server over a private network or a local TLS proxy, with sslmode=disable"
                .into(),
        ));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(5));
    }
    config.keepalives_idle(Duration::from_secs(15)).tcp_user_timeout(Duration::from_secs(30));
    if config.get_application_name().is_none() {
        config.application_name("calendly-keeper");
    }
    Ok(config)
}

pub(super) async fn open(config: tokio_postgres::Config, max_connections: usize) -> Result<Db, OpenError> {
    let mut db = connect(&config).await?;
    prepare(&mut db).await?;
    let migrated = tokio::task::spawn_blocking(move || migrations::postgres(db));
    migrated.await.map_err(|error| OpenError::Unavailable(error.to_string()))??;
    let setup: SetupCallback<AsyncPgConnection> = Box::new(move |_| {
        let config = config.clone();
        async move {
            let mut db = connect(&config).await?;
            db.batch_execute(SESSION).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            Ok(db)
        }
        .boxed()
    });
    Ok(Db::Postgres(pool("", max_connections.max(2), setup)?))
}

#[derive(diesel::QueryableByName)]
struct Server {
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Bool)]
    has_schema: bool,
}

/// The migration lock goes with the session that [`open`] migrates on.
async fn prepare(db: &mut AsyncPgConnection) -> Result<(), OpenError> {
    db.batch_execute(MIGRATION_LOCK).await?;
    let server: Server = diesel::sql_query(
        "SELECT current_setting('server_encoding') AS encoding,
            to_regnamespace('calendly_keeper') IS NOT NULL AS has_schema",
    )
    .get_result(db)
    .await?;
    if server.encoding != "UTF8" {
        return Err(OpenError::Configuration(format!(
            "the database's encoding is {}, it must be UTF8: create one with `CREATE DATABASE … ENCODING 'UTF8' \
             TEMPLATE template0`",
            server.encoding
        )));
    }
    if !server.has_schema {
        db.batch_execute("CREATE SCHEMA calendly_keeper").await.map_err(|error| {
            OpenError::Configuration(format!(
                "the schema calendly_keeper cannot be made: {error}; create it, owned by the keeper's database user"
            ))
        })?;
    }
    db.batch_execute(SESSION).await?;
    Ok(())
}

async fn connect(config: &tokio_postgres::Config) -> diesel::ConnectionResult<AsyncPgConnection> {
    let bad = |error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        diesel::ConnectionError::BadConnection(format!("{error}{cause}"))
    };
    let (client, connection) = config.connect(NoTls).await.map_err(bad)?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}
