//! Files: whether the keeper can write where it must, and whether others can read what they must not.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::api_token_file::FILE as TOKEN_FILE;
use crate::config::{Config, DatabaseUrl, key_file};

const CHECK: &str = "files";

pub(super) fn files(config: &Config) -> Vec<Finding> {
    let mut findings = vec![data_dir(&config.data_dir)];
    let mut secret = vec![config.data_dir.join(TOKEN_FILE)];
    secret.extend(key_file::file(config).map(|(path, _)| path));
    if let DatabaseUrl::Sqlite { path, .. } = &config.database.url {
        secret.push(path.clone());
    }
    let open: Vec<_> = secret.into_iter().filter_map(open_to_others).collect();
    findings.extend(open.iter().map(|(path, mode)| {
        Finding::fail(
            CHECK,
            format!("{} can be read or written by others (mode {mode:03o})", path.display()),
            format!("chmod 600 {}", path.display()),
        )
    }));
    if open.is_empty() {
        findings.push(Finding::ok(CHECK, "key, database and API token are the keeper's alone"));
    }
    findings
}

fn data_dir(path: &Path) -> Finding {
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        return Finding::warn(
            CHECK,
            format!("data_dir {shown} is not there yet"),
            "the first start makes it",
        );
    };
    let mode = metadata.mode() & 0o777;
    if rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err() {
        let remedy = "run as the keeper's user, or chown it to that one";
        return Finding::fail(CHECK, format!("data_dir {shown} cannot be written"), remedy);
    }
    if mode & 0o022 != 0 {
        let text = format!("data_dir {shown} can be written by others (mode {mode:03o})");
        return Finding::fail(CHECK, text, format!("chmod 700 {shown}"));
    }
    if mode & 0o055 != 0 {
        let text = format!("data_dir {shown} can be looked into by others (mode {mode:03o})");
        return Finding::warn(CHECK, text, format!("chmod 700 {shown}"));
    }
    Finding::ok(CHECK, format!("data_dir {shown} is the keeper's alone, and writable"))
}

/// Its mode, where others may do something with it; `None` too where it is not there.
fn open_to_others(path: PathBuf) -> Option<(PathBuf, u32)> {
    let mode = fs::metadata(&path).ok()?.mode() & 0o777;
    (mode & 0o077 != 0).then_some((path, mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::Level;
    use super::*;
    use crate::config::{Flag, Sources};

    fn config(home: &Path) -> Config {
        let data_dir = Flag { key: "data_dir".into(), value: home.display().to_string(), flag: "--data-dir" };
        Config::load(&Sources { flags: vec![data_dir], ..Sources::default() }).unwrap()
    }

    #[test]
    fn what_others_may_read_is_named_with_the_command_that_mends_it() {
        let home = tempfile::tempdir().unwrap();
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        chmod(home.path(), 0o700);
        let key = home.path().join("keeper.key");
        fs::write(&key, "k1:x").unwrap();
        chmod(&key, 0o600);
        let levels = |home: &Path| files(&config(home)).iter().map(|one| one.result).collect::<Vec<_>>();
        assert_eq!(levels(home.path()), [Level::Ok, Level::Ok]);
        chmod(&key, 0o644);
        chmod(home.path(), 0o755);
        let found = files(&config(home.path()));
        assert_eq!(found.iter().map(|one| one.result).collect::<Vec<_>>(), [Level::Warn, Level::Fail]);
        assert_eq!(found[1].remedy.as_deref(), Some(format!("chmod 600 {}", key.display()).as_str()));
    }
}
