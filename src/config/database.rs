//! Where the database is, as a type whose password cannot be printed.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Which database.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file.
    Sqlite {
        /// As written; a relative path begins at the data directory.
        url: String,
        /// Where that is.
        path: PathBuf,
    },
    /// A server; the URL holds a password.
    Postgres(SecretString),
}

/// What a database URL looks like, for messages.
pub(super) const REMEDY: &str = "write \"sqlite://keeper.db\", \"sqlite:///absolute/path.db\" or \"postgres://user:password@host/database\"";

impl DatabaseUrl {
    /// Reads a URL; a relative SQLite path begins at `data_dir`.
    pub(super) fn parse(text: &str, data_dir: &Path) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            return match path {
                "" => Err("names no file".into()),
                ":memory:" => Err("would forget every grant at the end".into()),
                _ if path.contains(['?', '#']) => Err("must be a plain path".into()),
                _ => Ok(Self::Sqlite { url: text.into(), path: data_dir.join(path) }),
            };
        }
        let url = Url::parse(text).map_err(|error| format!("is not a URL ({error})"))?;
        match (url.scheme(), url.host_str()) {
            ("postgres" | "postgresql", Some(_)) => Ok(Self::Postgres(text.to_owned().into())),
            ("postgres" | "postgresql", None) => Err("names no host".into()),
            _ => Err("names neither SQLite nor PostgreSQL".into()),
        }
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// The whole URL, to be connected to, never to be shown.
    #[must_use]
    pub fn expose(&self) -> String {
        match self {
            Self::Sqlite { url, .. } => url.clone(),
            Self::Postgres(url) => url.expose_secret().into(),
        }
    }
}

/// Where it is, without the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path, .. } => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => f.write_str(&shown(url.expose_secret())),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A database URL as it may be shown: `***` instead of a password, whole where nothing can be read out of it.
pub(super) fn shown(text: &str) -> String {
    if text.starts_with("sqlite://") {
        return text.into();
    }
    let Ok(mut url) = Url::parse(text) else { return "***".into() };
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return "***".into();
    }
    if url.query().is_some_and(|query| query.contains("password")) {
        url.set_query(Some("***"));
    }
    url.into()
}

/// Whether this is a database URL that holds a password.
pub(super) fn has_password(key: &str, text: &str) -> bool {
    key == "database.url" && shown(text).contains("***")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatabaseUrl, String> {
        DatabaseUrl::parse(text, Path::new("/data"))
    }

    #[test]
    fn a_relative_file_is_below_the_data_directory() {
        let url = parse("sqlite://keeper.db").unwrap();
        assert_eq!(
            (url.to_string(), url.expose()),
            ("sqlite:///data/keeper.db".into(), "sqlite://keeper.db".into())
        );
        assert_eq!(parse("sqlite:///var/k.db").unwrap().to_string(), "sqlite:///var/k.db");
    }

    #[test]
    fn a_password_is_not_shown() {
        let url = parse("postgres://keeper:hunter2@db.example/keeper?sslmode=require").unwrap();
        assert_eq!(url.to_string(), "postgres://keeper:***@db.example/keeper?sslmode=require");
        assert!(!format!("{url:?}").contains("hunter2"));
        let url = parse("postgresql://db.example/keeper?user=k&password=hunter2").unwrap();
        assert!(!format!("{url} {url:?}").contains("hunter2"));
    }

    #[test]
    fn other_urls_are_refused() {
        for text in ["", "keeper.db", "mysql://x/y", "sqlite://", "sqlite://:memory:", "sqlite://a?mode=ro"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
