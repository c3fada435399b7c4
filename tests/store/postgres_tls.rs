//! TLS to PostgreSQL: what was asked for is had, or refused with what to do; a server with a certificate of our own.

use std::path::PathBuf;

use calendly_keeper::store::{OpenError, Options, open};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::fixture::{Backend, Fixture, run};
use crate::given::{claim, given, grant, pair};
use crate::locks::NOW;
use crate::support::postgres::{Postgres, psql};

/// A server whose certificate is for `localhost`, so not for 127.0.0.1, and what may be trusted for it.
struct Secured {
    server: Postgres,
    database: String,
    folder: TempDir,
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), Issuer::new(params, key))
}

impl Secured {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, issuer) = authority();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.path().join("root.pem"), root).unwrap();
        std::fs::write(folder.path().join("other.pem"), authority().0).unwrap();
        let server = Postgres::with_certificate(&certificate.pem(), &key.serialize_pem());
        let database = server.create_database();
        Self { server, database, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// By name or by address.
    fn options(&self, f: &Fixture, host: &str, sslmode: &str, root: Option<&str>) -> Options {
        let database = self.database.replace("127.0.0.1", host);
        let root = root.map(|name| format!("&sslrootcert={}", self.file(name).display()));
        let url = format!("{database}?sslmode={sslmode}{}", root.unwrap_or_default());
        Options { url, require_lock: true, ..f.options() }
    }

    /// How many sessions of keepers there are, in plain text and encrypted.
    fn sessions(&self) -> (usize, usize) {
        let count = |ssl| {
            let counted = format!(
                "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE application_name LIKE 'calendly-keeper%' AND {ssl}"
            );
            psql(&self.server.url(), &counted).parse().unwrap()
        };
        (count("NOT ssl"), count("ssl"))
    }
}

fn refused(opened: Result<std::sync::Arc<dyn calendly_keeper::ports::Store>, OpenError>) -> String {
    match opened {
        Ok(_) => panic!("opened"),
        Err(error) => {
            assert!(error.is_configuration(), "{error}");
            error.to_string()
        }
    }
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_keeper_works_over_tls_with_its_pool_and_its_lock() {
    run(Backend::Memory, async |f: Fixture| {
        let secured = Secured::new();
        for (host, mode, root) in [
            ("127.0.0.1", "require", None),
            ("127.0.0.1", "prefer", None),
            ("127.0.0.1", "require", Some("root.pem")),
            ("127.0.0.1", "verify-ca", Some("root.pem")),
            ("localhost", "verify-full", Some("root.pem")),
        ] {
            let store = open(secured.options(&f, host, mode, root)).await.unwrap();
            assert_eq!(store.keep_lock().await.unwrap(), NOW);
            let anna =
                given(&*store, grant(&format!("{mode}-{}", root.is_some()), &format!("{mode}{root:?}")))
                    .await;
            claim(&*store, &anna, None).await.expect("the lock's session is seen by the pool's");
            store.commit(pair(&anna, &format!("next {mode}{root:?}"))).await.unwrap();
            let (plain, encrypted) = secured.sessions();
            assert!(plain == 0 && encrypted >= 2, "{mode}: {plain} in plain text, {encrypted} encrypted");
            store.unlock(true).await.unwrap();
        }
        let store = open(secured.options(&f, "127.0.0.1", "disable", None)).await.unwrap();
        store.keep_lock().await.unwrap();
        assert!(secured.sessions().0 >= 2, "plain text where that was asked for");
    });
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_certificate_that_does_not_prove_what_was_asked_for_is_refused_with_a_remedy() {
    run(Backend::Memory, async |f: Fixture| {
        let secured = Secured::new();
        for (host, mode, root, remedy) in [
            ("localhost", "verify-full", Some("other.pem"), "sslrootcert=FILE"),
            ("localhost", "verify-full", None, "sslrootcert=FILE"),
            ("127.0.0.1", "verify-ca", Some("other.pem"), "sslrootcert=FILE"),
            ("127.0.0.1", "require", Some("other.pem"), "sslrootcert=FILE"),
            ("127.0.0.1", "verify-full", Some("root.pem"), "connect by the name in it"),
        ] {
            let said = refused(open(secured.options(&f, host, mode, root)).await);
            assert!(said.contains(remedy) && said.contains(&format!("sslmode={mode}")), "{mode}: {said}");
        }
        assert_eq!(psql(&secured.database, "SELECT to_regnamespace('calendly_keeper') IS NULL"), "t");
    });
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_server_without_tls_is_refused_where_tls_was_asked_for_and_taken_where_it_was_not() {
    run(Backend::Postgres, async |f: Fixture| {
        for mode in ["require", "verify-full"] {
            let said =
                refused(open(Options { url: format!("{}?sslmode={mode}", f.url), ..f.options() }).await);
            assert!(said.contains(&format!("sslmode={mode}")) && said.contains("turn `ssl` on"), "{said}");
        }
        for mode in ["prefer", "disable"] {
            open(Options { url: format!("{}?sslmode={mode}", f.url), ..f.options() }).await.unwrap();
        }
    });
}
