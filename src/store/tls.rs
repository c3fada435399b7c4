//! TLS to PostgreSQL: what `sslmode` and `sslrootcert` in its URL ask for, read as libpq reads them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::form_urlencoded;

use super::options::OpenError;

/// What is asked for. A mode that was asked for by name never falls back to a weaker one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Plain text.
    Disable,
    /// Whatever the server offers; certificates are not looked at. libpq's default, and so ours.
    Prefer,
    /// Encrypted, certificates are not looked at; with a root as `verify-ca`.
    Require,
    /// Encrypted, and the certificate comes from the root.
    VerifyCa,
    /// That, and it bears the name that was connected to.
    VerifyFull,
}

/// Where trust begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    /// With the authorities that this machine trusts.
    System,
    /// With the certificates of a PEM file.
    File(PathBuf),
}

/// How a server is to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tls {
    mode: Mode,
    root: Option<Root>,
}

impl Tls {
    /// Takes what is about TLS out of a URL: tokio-postgres knows but a part of it. The URL may hold a password.
    pub(super) fn split(url: &str) -> Result<(String, Self), OpenError> {
        let (rest, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut root, mut kept) = (None, None, vec![]);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "sslmode" => mode = Some(Mode::parse(value)?),
                "sslrootcert" => root = Some(Root::parse(value)),
                _ => kept.push(parameter),
            }
        }
        let tls = Self { mode: mode.unwrap_or(Mode::Prefer), root };
        tls.check()?;
        let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        Ok((format!("{rest}{query}"), tls))
    }

    fn check(&self) -> Result<(), OpenError> {
        match (self.mode, &self.root) {
            (Mode::Disable | Mode::Prefer, Some(_)) => {
                wrong("sslrootcert is of use only with sslmode=verify-full, verify-ca or require")
            }
            // Everybody can have a certificate of a public authority: without the name it proves nothing.
            (Mode::VerifyCa | Mode::Require, Some(Root::System)) => {
                wrong("sslrootcert=system needs sslmode=verify-full")
            }
            (Mode::VerifyCa, None) => {
                wrong("sslmode=verify-ca needs sslrootcert=FILE, the certificate of your authority")
            }
            _ => Ok(()),
        }
    }

    /// What tokio-postgres has to know: whether it may, or must, ask for TLS.
    pub(super) fn ssl_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// As in the URL.
    pub(super) fn mode(&self) -> &'static str {
        self.mode.as_str()
    }

    /// Reads roots from the disk.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, OpenError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = match (self.mode, &self.root) {
            (Mode::VerifyFull, None | Some(Root::System)) => Some(system_roots()?),
            (_, Some(Root::File(path))) => Some(roots_in(path)?),
            _ => None,
        };
        let chain = chain
            .map(|roots| WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build());
        let chain = chain.transpose().map_err(|error| OpenError::Configuration(error.to_string()))?;
        let verifier = Verifier { chain, name: self.mode == Mode::VerifyFull, provider: provider.clone() };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OpenError::Configuration(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(MakeRustlsConnect::new(config))
    }
}

impl Mode {
    const ALL: [Self; 5] = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    fn parse(text: &str) -> Result<Self, OpenError> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .map_or_else(|| wrong("sslmode must be disable, prefer, require, verify-ca or verify-full"), Ok)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl Root {
    fn parse(encoded: &str) -> Self {
        // In a URL's query as libpq reads it a plus is a plus.
        let pair = format!("path={}", encoded.replace('+', "%2B"));
        let path = form_urlencoded::parse(pair.as_bytes()).next().map(|(_, path)| path.into_owned());
        match path.unwrap_or_default().as_str() {
            "system" => Self::System,
            path => Self::File(path.into()),
        }
    }
}

fn wrong<T>(what: &str) -> Result<T, OpenError> {
    Err(OpenError::Configuration(format!("database.url: {what}")))
}

fn system_roots() -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return wrong(
            "sslmode=verify-full finds no authorities on this machine: install ca-certificates, or name your \
             authority's certificate with sslrootcert=FILE",
        );
    }
    Ok(roots)
}

fn roots_in(path: &Path) -> Result<RootCertStore, OpenError> {
    let bad = |what: String| OpenError::Configuration(format!("sslrootcert {}: {what}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("holds no certificate in PEM".into())) } else { Ok(roots) }
}

/// Looks at as much of a certificate as the mode asks for. The handshake's signature is always verified.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: the chain is good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://keeper:secret@db.example/keeper";

    fn split(query: &str) -> (String, Tls) {
        Tls::split(&format!("{URL}?{query}")).unwrap()
    }

    #[test]
    fn what_is_about_tls_is_taken_out_and_the_rest_is_left_as_it_is() {
        assert_eq!(Tls::split(URL).unwrap().0, URL);
        let (url, tls) =
            split("sslmode=verify-full&application_name=a%20b&sslrootcert=/etc/my%20ca+1.pem&options=-c%20x");
        assert_eq!(url, format!("{URL}?application_name=a%20b&options=-c%20x"));
        assert_eq!(tls, Tls { mode: Mode::VerifyFull, root: Some(Root::File("/etc/my ca+1.pem".into())) });
    }

    #[test]
    fn whoever_asks_for_tls_gets_it_or_nothing() {
        for (mode, asked) in [
            ("disable", SslMode::Disable),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-full", SslMode::Require),
            ("verify-ca&sslrootcert=ca.pem", SslMode::Require),
        ] {
            assert_eq!(split(&format!("sslmode={mode}")).1.ssl_mode(), asked, "{mode}");
        }
        assert_eq!(split("").1.ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn what_would_prove_less_than_it_says_is_refused_with_a_remedy() {
        for (query, remedy) in [
            ("sslmode=allow", "must be disable, prefer"),
            ("sslmode=", "must be disable, prefer"),
            ("sslrootcert=ca.pem", "only with sslmode=verify-full"),
            ("sslmode=disable&sslrootcert=ca.pem", "only with sslmode=verify-full"),
            ("sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
            ("sslmode=verify-ca", "needs sslrootcert=FILE"),
        ] {
            let refused = Tls::split(&format!("{URL}?{query}")).unwrap_err();
            let said = refused.to_string();
            assert!(
                refused.is_configuration() && said.contains(remedy) && !said.contains("secret"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_root_that_is_none_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        for path in [empty, folder.path().join("missing.pem")] {
            let tls = Tls { mode: Mode::VerifyCa, root: Some(Root::File(path.clone())) };
            let Err(refused) = tls.connector() else { panic!("{} was taken", path.display()) };
            assert!(refused.is_configuration(), "{refused}");
            assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
        }
    }
}
