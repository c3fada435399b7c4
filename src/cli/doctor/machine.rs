//! Files: whether the keeper can write where it must, and whether others can read what they must not.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Finding;
use crate::config::api_token_file::FILE as TOKEN_FILE;
use crate::config::{Config, DatabaseUrl, key_file};

const CHECK: &str = "files";

pub(super) fn files(config: &Config) -> Vec<Finding> {
    let mut own = vec![config.data_dir.join(TOKEN_FILE)];
    own.extend(key_file::file(config).map(|(path, _)| path));
    if let DatabaseUrl::Sqlite { path, .. } = &config.database.url {
        own.push(path.clone());
    }
    let open = own.iter().filter_map(|path| Some((path, mode(path, 0o077)?, "600")));
    // What somebody else put there may be the keeper's by its group.
    let given = config.secret_files().iter().filter_map(|path| Some((path, mode(path, 0o027)?, "640")));
    let open: Vec<_> = open.chain(given).collect();
    let mut findings = vec![data_dir(&config.data_dir)];
    findings.extend(open.iter().map(|(path, mode, wanted)| {
        Finding::fail(
            CHECK,
            format!("{} can be read or written by others (mode {mode:03o})", path.display()),
            format!("chmod {wanted} {}", path.display()),
        )
    }));
    if open.is_empty() {
        findings.push(Finding::ok(CHECK, "keys, secrets, database and API token are the keeper's alone"));
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

/// Its mode, where it grants some of this; `None` too where it is not there.
fn mode(path: &Path, too_much: u32) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.mode() & 0o777;
    (mode & too_much != 0).then_some(mode)
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

    #[test]
    fn so_is_the_file_of_a_secret_and_the_configuration_where_a_secret_stands_in_it() {
        let home = tempfile::tempdir().unwrap();
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let (file, secret) = (home.path().join("keeper.toml"), home.path().join("client_secret"));
        fs::write(&secret, "hunter2hunter2").unwrap();
        let remedies = |text: &str| {
            fs::write(&file, text).unwrap();
            chmod(&file, 0o644);
            let sources = Sources { file: Some(file.clone()), ..Sources::default() };
            let found = files(&Config::load(&sources).unwrap()).into_iter();
            let failed = found.filter(|one| one.result == Level::Fail);
            failed.filter_map(|one| one.remedy).collect::<Vec<_>>()
        };
        let by_file = format!(
            "data_dir = {:?}\n[calendly]\nclient_id = \"id\"\nclient_secret_file = {secret:?}\n",
            home.path()
        );
        chmod(&secret, 0o644);
        assert_eq!(remedies(&by_file), [format!("chmod 640 {}", secret.display())]);
        chmod(&secret, 0o640);
        assert_eq!(remedies(&by_file), Vec::<String>::new());
        let in_itself = format!("data_dir = {:?}\n[calendly]\nclient_secret = \"hunter2\"\n", home.path());
        assert_eq!(remedies(&in_itself), [format!("chmod 640 {}", file.display())]);
    }
}
