//! A PostgreSQL server and how it is reached: address, patience, TLS, and whether its sessions are ours alone.

use std::error::Error;
use std::time::Duration;

use rustls::CertificateError;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Connection, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::options::OpenError;
use super::tls::Tls;

/// Everything needed to connect. Holds the password.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) config: tokio_postgres::Config,
    connector: MakeRustlsConnect,
    ssl_mode: &'static str,
}

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

impl Server {
    /// From a URL. Errors do not show it.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let (url, tls) = Tls::split(url)?;
        let mut config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            OpenError::Configuration(format!("database.url: {cause}"))
        })?;
        config.ssl_mode(tls.ssl_mode());
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        config.keepalives_idle(Duration::from_secs(15)).tcp_user_timeout(Duration::from_secs(30));
        if config.get_application_name().is_none() {
            config.application_name("calendly-keeper");
        }
        Ok(Self { config, connector: tls.connector()?, ssl_mode: tls.mode() })
    }

    /// A session, and the other half of it, which has to be polled.
    pub(super) async fn connect(
        &self,
    ) -> Result<(Client, Connection<Socket, TlsStream>), tokio_postgres::Error> {
        self.config.connect(self.connector.clone()).await
    }

    /// A session that is driven on this runtime and ends with its client.
    pub(super) async fn dial(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.connect().await?;
        tokio::runtime::Handle::current().spawn(async move { drop(connection.await) });
        Ok(client)
    }

    /// Why no session could be had, told at a start: what trying again cannot change comes with its remedy.
    pub(super) fn refusal(&self, error: &tokio_postgres::Error) -> OpenError {
        let told = told(error);
        let remedy = match certificate_error(error) {
            Some(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                "its certificate comes from an authority that is not trusted here: name that authority's certificate \
                 with sslrootcert=FILE"
            }
            Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
                "its certificate is for another name: connect by the name in it, or look at the authority alone with \
                 sslmode=verify-ca"
            }
            // Whoever runs the server may renew it any time.
            Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                return OpenError::Unavailable(told);
            }
            Some(_) => {
                "its certificate is refused: renew it, or write sslmode=disable where the network between is your own"
            }
            None if told.contains("server does not support TLS") => {
                "the server does not speak TLS: turn `ssl` on in its postgresql.conf, or write sslmode=disable where \
                 the network between is your own"
            }
            None => return OpenError::Unavailable(told),
        };
        OpenError::Configuration(format!(
            "database.url asks for sslmode={}, but {remedy} ({told})",
            self.ssl_mode
        ))
    }
}

/// With its cause; never holds the password.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(database), _) => database.message().to_owned(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

fn certificate_error(error: &tokio_postgres::Error) -> Option<&CertificateError> {
    let cause = error.source()?.downcast_ref::<std::io::Error>()?.get_ref()?;
    match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

/// A session that is not ours alone: settings and locks go with it to somebody else.
pub(super) const LENT: &str = "the database is reached through a pooler in transaction mode, where the keeper lock does \
    not stay with its session; give database.url the server's own address, or a pooler in session mode";

/// Whether a pooler lends one session to both: in transaction mode, the one that was free last. Both must be open.
pub(super) async fn are_lent(one: &Client, other: &Client) -> Result<bool, tokio_postgres::Error> {
    let ours = backend(one).await?;
    if backend(other).await? == ours {
        return Ok(true);
    }
    // Others may have come between: while `other` keeps what it has got, ours has to stay what it was.
    other.batch_execute("BEGIN").await?;
    let lent = backend(other).await? == ours || backend(one).await? != ours;
    other.batch_execute("ROLLBACK").await?;
    Ok(lent)
}

async fn backend(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let messages = client.simple_query("SELECT pg_backend_pid()").await?;
    Ok(messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
