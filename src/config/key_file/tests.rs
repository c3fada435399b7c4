//! Keys are made once, never beside what they cannot open, and read only from where others cannot.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::Sources;

fn config(data_dir: &Path, more: &[(&str, &str)]) -> Config {
    let mut environment = vec![("KEEPER__DATA_DIR".into(), data_dir.into())];
    environment.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    Config::load(&Sources { environment, ..Sources::default() }).unwrap()
}

fn empty() -> Result<bool, String> {
    Ok(false)
}

fn never() -> Result<bool, String> {
    panic!("the database is asked only before a key is generated")
}

#[test]
fn on_sqlite_a_key_is_generated_once_and_read_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[]);

    let first = resolve(&config, empty).unwrap();
    let second = resolve(&config, never).unwrap();

    assert_eq!(first.made, Some(dir.path().join("keeper.key")));
    assert_eq!(second.made, None);
    assert_eq!(first.keys[0].expose(), second.keys[0].expose());
    assert_eq!(fs::metadata(dir.path().join("keeper.key")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
}

#[test]
fn no_key_is_generated_beside_a_database_that_holds_ciphertext() {
    let dir = tempfile::tempdir().unwrap();
    let error = resolve(&config(dir.path(), &[]), || Ok::<_, String>(true)).unwrap_err();
    assert!(matches!(error, KeyError::Lost(_)), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_database_that_cannot_be_asked_gets_no_key_either() {
    let dir = tempfile::tempdir().unwrap();
    let error = resolve(&config(dir.path(), &[]), || Err("locked")).unwrap_err();
    assert!(error.to_string().ends_with("locked"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn on_postgresql_keys_must_be_configured() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[("KEEPER__DATABASE__URL", "postgres://db/keeper")]);
    assert!(matches!(resolve(&config, never), Err(KeyError::NotConfigured)));
}

#[test]
fn an_own_key_file_that_others_can_read_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[]);
    resolve(&config, empty).unwrap();
    let path = dir.path().join("keeper.key");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let error = resolve(&config, never).unwrap_err().to_string();
    assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
}

#[test]
fn a_mounted_key_file_that_others_can_read_is_warned_about_and_one_they_can_write_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mounted");
    create(&path, &EncryptionKey::generate("k2")).unwrap();
    let config = config(dir.path(), &[("KEEPER__ENCRYPTION__KEY_FILE", path.to_str().unwrap())]);

    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    let keys = resolve(&config, never).unwrap();
    assert_eq!(keys.keys[0].id(), "k2");
    assert!(keys.warning.unwrap().contains("mode 444"));

    fs::set_permissions(&path, Permissions::from_mode(0o622)).unwrap();
    assert!(resolve(&config, never).is_err());
}

#[test]
fn a_key_file_may_hold_older_keys_and_comments() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keeper.key");
    let [new, old] = ["k2", "k1"].map(|id| EncryptionKey::generate(id).expose_line());
    fs::write(&path, format!("# newest first\n{new}\n\n{old}\r\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let keys = resolve(&config(dir.path(), &[]), never).unwrap().keys;
    assert_eq!(keys.iter().map(EncryptionKey::id).collect::<Vec<_>>(), ["k2", "k1"]);

    fs::write(&path, format!("{new}\nk3:rubbish\n")).unwrap();
    let error = resolve(&config(dir.path(), &[]), never).unwrap_err().to_string();
    assert!(error.contains("line 2") && !error.contains("rubbish"), "{error}");

    fs::write(&path, "\n").unwrap();
    assert!(resolve(&config(dir.path(), &[]), never).is_err());
}

#[test]
fn a_key_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k");
    create(&path, &EncryptionKey::generate("k1")).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(create(&path, &EncryptionKey::generate("k1")).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
}
