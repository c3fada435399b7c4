//! The API token that the keeper makes by itself where none is configured, in a file that only its own user can read.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Config;
use crate::domain::api_token::{ApiToken, Role};
use crate::domain::secrets::ApiSecret;

/// In the data directory.
pub const FILE: &str = "api.token";
/// What it is called in the log and the timeline.
const NAME: &str = "commands";
/// Read and write for the owner alone.
const MODE: u32 = 0o600;

/// Why there is no API token.
#[derive(Debug, thiserror::Error)]
pub enum ApiTokenFileError {
    /// It cannot be read or made.
    #[error("the API token's file {path} cannot be {what}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Read, or made.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the API token's file {0} can be read by others: chmod 600 it, or remove it and start anew")]
    Open(PathBuf),
    /// Not what was written there.
    #[error("the API token's file {0} holds no token: remove it, the next start makes another")]
    Damaged(PathBuf),
}

/// Those that the server takes: the configured ones, else the one in the file, which is made where it is not there yet.
///
/// # Errors
/// Where the file cannot be used.
pub fn resolve(config: &Config) -> Result<Vec<ApiToken>, ApiTokenFileError> {
    if !config.server.api_tokens.is_empty() {
        return Ok(config.server.api_tokens.clone());
    }
    let path = config.data_dir.join(FILE);
    let secret = match read(&path)? {
        Some(secret) => secret,
        None => make(&path)?,
    };
    Ok(vec![ApiToken::new(NAME, vec![Role::Admin], secret.expose())])
}

/// What a command asks the running keeper with: of the configured ones the first that may do everything, else the file's.
///
/// # Errors
/// Where the file cannot be used.
pub fn for_commands(config: &Config) -> Result<Option<ApiSecret>, ApiTokenFileError> {
    match &config.server.admin_secret {
        Some(secret) => Ok(Some(secret.clone())),
        None if config.server.api_tokens.is_empty() => read(&config.data_dir.join(FILE)),
        None => Ok(None),
    }
}

fn read(path: &Path) -> Result<Option<ApiSecret>, ApiTokenFileError> {
    let failed = |source| ApiTokenFileError::Io { path: path.into(), what: "read", source };
    match fs::metadata(path) {
        Ok(metadata) if metadata.mode() & 0o077 != 0 => return Err(ApiTokenFileError::Open(path.into())),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let secret = text.trim_end();
    if secret.len() < 32 || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ApiTokenFileError::Damaged(path.into()));
    }
    Ok(Some(ApiSecret::new(secret)))
}

/// Written aside and linked: whoever reads it finds all of it, and of two that start at once one wins.
fn make(path: &Path) -> Result<ApiSecret, ApiTokenFileError> {
    let failed = |source| ApiTokenFileError::Io { path: path.into(), what: "made", source };
    let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&aside).map_err(failed)?;
    let written = file.write_all(format!("{secret}\n").as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&aside, path));
    let _ = fs::remove_file(&aside);
    match linked {
        Ok(()) => Ok(ApiSecret::new(secret)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| ApiTokenFileError::Damaged(path.into()))
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{Flag, Sources};
    use crate::domain::api_token::find;

    fn config(home: &Path) -> Config {
        let data_dir = Flag { key: "data_dir".into(), value: home.display().to_string(), flag: "--data-dir" };
        Config::load(&Sources { flags: vec![data_dir], ..Sources::default() }).unwrap()
    }

    #[test]
    fn one_is_made_once_for_the_owner_alone_and_found_by_the_commands() {
        let home = tempfile::tempdir().unwrap();
        let config = config(home.path());
        assert!(for_commands(&config).unwrap().is_none());
        let tokens = resolve(&config).unwrap();
        let secret = for_commands(&config).unwrap().unwrap();
        assert!(find(&tokens, secret.expose()).unwrap().has(Role::Admin));
        assert!(find(&resolve(&config).unwrap(), secret.expose()).is_some(), "the same at the next start");
        let path = home.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing is left aside");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(resolve(&config), Err(ApiTokenFileError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(MODE)).unwrap();
        fs::write(&path, "short\n").unwrap();
        assert!(matches!(resolve(&config), Err(ApiTokenFileError::Damaged(_))));
    }
}
