//! Which encryption keys are in force, and the key file: read with care, made only where nothing can be lost by it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

mod watch;

pub use watch::Watch;

use super::Config;
use super::database::DatabaseUrl;
use super::key::{BadKey, EncryptionKey};

/// In the data directory.
pub const DEFAULT_FILE: &str = "keeper.key";
/// The id of a key that the keeper makes by itself.
pub const FIRST_ID: &str = "k1";

/// The file that the keys in force stand in, where they stand in one; `true`: it is the keeper's own.
#[must_use]
pub fn file(config: &Config) -> Option<(PathBuf, bool)> {
    match (&config.encryption.key_file, &config.database.url) {
        _ if !config.encryption.keys.is_empty() => None,
        (Some(path), _) => Some((path.clone(), false)),
        (None, DatabaseUrl::Sqlite { .. }) => Some((config.data_dir.join(DEFAULT_FILE), true)),
        (None, DatabaseUrl::Postgres(_)) => None,
    }
}

/// The keys in force: the first encrypts, all decrypt.
#[derive(Debug)]
pub struct Keys {
    /// Never empty.
    pub keys: Vec<EncryptionKey>,
    /// The file that was made just now.
    pub made: Option<PathBuf>,
    /// What should be mended but does not keep the keeper from working.
    pub warning: Option<String>,
}

/// Why there are no keys. Always a matter of configuration: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// On PostgreSQL nothing is generated: a second keeper could not read what the first one wrote.
    #[error(
        "no encryption key: on PostgreSQL encryption.keys or encryption.key_file must be set; make a key with \
         `calendly-keeper keys generate`"
    )]
    NotConfigured,
    /// A new key could not read what is there.
    #[error(
        "the key file {} is gone, but the database holds tokens encrypted with it; put the file back (nothing was \
         generated)",
        .0.display()
    )]
    Lost(PathBuf),
    /// Not readable, not writable.
    #[error("the key file {} cannot be {what}: {error}; {remedy}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read` or `made`.
        what: &'static str,
        /// The system's.
        error: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// Not as it should be.
    #[error("the key file {} {what}; {remedy}", path.display())]
    Bad {
        /// Which.
        path: PathBuf,
        /// The end of the sentence.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The database could not be asked.
    #[error("whether the database holds encrypted tokens could not be found out: {0}")]
    Unknown(String),
}

/// The keys that the configuration comes to. `holds_ciphertext` is asked only before a key would be generated.
///
/// # Errors
/// Where there are none, or the file is not safe to use.
pub fn resolve<E: std::fmt::Display>(
    config: &Config,
    holds_ciphertext: impl FnOnce() -> Result<bool, E>,
) -> Result<Keys, KeyError> {
    let encryption = &config.encryption;
    if !encryption.keys.is_empty() {
        return Ok(Keys { keys: encryption.keys.clone(), made: None, warning: None });
    }
    if let Some(path) = &encryption.key_file {
        return read(path, false);
    }
    if let DatabaseUrl::Postgres(_) = config.database.url {
        return Err(KeyError::NotConfigured);
    }
    let path = config.data_dir.join(DEFAULT_FILE);
    if path.exists() {
        return read(&path, true);
    }
    if holds_ciphertext().map_err(|error| KeyError::Unknown(error.to_string()))? {
        return Err(KeyError::Lost(path));
    }
    let key = EncryptionKey::generate(FIRST_ID);
    match create(&path, &key) {
        Ok(()) => Ok(Keys { keys: vec![key], made: Some(path), warning: None }),
        Err(KeyError::File { error, .. }) if error.kind() == ErrorKind::AlreadyExists => read(&path, true),
        Err(error) => Err(error),
    }
}

/// Writes a key into a new file that its owner alone can read; an existing one is never overwritten. It is there
/// as a whole or not at all, also after a crash.
///
/// # Errors
/// Where it exists already or cannot be written.
pub fn create(path: &Path, key: &EncryptionKey) -> Result<(), KeyError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(".".as_ref());
    let draft = directory.join(format!(".{}.new", uuid::Uuid::new_v4()));
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(format!("{}\n", key.expose_line()).as_bytes())?;
        file.sync_all()?;
        fs::hard_link(&draft, path)?;
        File::open(directory)?.sync_all()
    };
    let written = write();
    let _ = fs::remove_file(&draft); // not there where opening it failed
    written.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AlreadyExists => "choose another name, a key is never overwritten",
            _ => "make the directory exist and be writable",
        };
        KeyError::File { path: path.into(), what: "made", error, remedy }
    })
}

/// Puts a new key before those that are in the file: it encrypts from now on. The file is there as it was or as it will
/// be, also after a crash.
///
/// # Errors
/// Where it cannot be read or written.
pub fn put_first(path: &Path, key: &EncryptionKey) -> Result<(), KeyError> {
    let before = fs::read_to_string(path).map_err(|error| KeyError::File {
        path: path.into(),
        what: "read",
        error,
        remedy: "make it readable for the keeper's user",
    })?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(".".as_ref());
    let draft = directory.join(format!(".{}.new", uuid::Uuid::new_v4()));
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(format!("{}\n{before}", key.expose_line()).as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&draft);
        KeyError::File {
            path: path.into(),
            what: "made",
            error,
            remedy: "make the directory writable for the keeper's user",
        }
    })
}

/// Reads a key file: one key a line, the first encrypts; blank lines and `#` comments are skipped. `own` is the
/// keeper's own file, which nobody else has a reason to read.
fn read(path: &Path, own: bool) -> Result<Keys, KeyError> {
    let unreadable = |error: std::io::Error| {
        let remedy = match error.kind() {
            ErrorKind::NotFound => {
                "name the right file, or make a first key with `calendly-keeper keys generate --out`"
            }
            _ => "make it readable for the keeper's user",
        };
        KeyError::File { path: path.into(), what: "read", error, remedy }
    };
    let bad = |what: String, remedy: &str| KeyError::Bad { path: path.into(), what, remedy: remedy.into() };
    let mode = fs::metadata(path).map_err(unreadable)?.mode() & 0o777;
    let remedy = format!("run `chmod 600 {}`", path.display());
    // Secrets mounted into a container are often readable by all in there, so that alone refuses only our own file.
    let warning = match (mode & 0o077, mode & 0o022) {
        (0, _) => None,
        (_, 0) if !own => {
            Some(format!("the key file {} can be read by others (mode {mode:03o}); {remedy}", path.display()))
        }
        _ => return Err(bad(format!("can be read or written by others (mode {mode:03o})"), &remedy)),
    };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let mut keys: Vec<EncryptionKey> = vec![];
    for (n, line) in
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let key = EncryptionKey::parse(line.trim_end()).map_err(|why: BadKey| {
            bad(format!("has a bad key in line {}: {why}", n + 1), "restore the file")
        })?;
        if keys.iter().any(|other| other.id() == key.id()) {
            return Err(bad(format!("has the id {:?} twice", key.id()), "give each key an id of its own"));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(bad(
            "holds no key".into(),
            "restore it, or make a key with `calendly-keeper keys generate`",
        ));
    }
    Ok(Keys { keys, made: None, warning })
}

#[cfg(test)]
mod tests;
