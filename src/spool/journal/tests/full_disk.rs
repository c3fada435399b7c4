//! A disk that takes nothing: it is said, nothing that was told as kept is lost, and all is well once there is room.

use std::env;
use std::process::Command;

use super::*;

/// The file system to be filled up, for the test that runs once more in a namespace of its own.
const SMALL_DISK: &str = "KEEPER_TEST_SMALL_DISK";

#[test]
fn without_its_directory_nothing_is_kept_and_with_it_again_everything() {
    let machine = Machine::new();
    let process = machine.start();
    process.keep(pair("anna", 2));
    machine.clock.pass(Duration::from_secs(60)); // the next one begins a file
    let away = machine.directory.with_extension("away");
    fs::rename(&machine.directory, &away).unwrap();
    for _ in 0..2 {
        let error = process.append(pair("anna", 3)).unwrap_err();
        assert!(matches!(&error, JournalError::Unwritable(what) if what.contains("journal")), "{error}");
    }
    fs::rename(&away, &machine.directory).unwrap();
    process.keep(pair("anna", 4));
    assert_eq!(machine.after_a_restart(), ids(&[("anna", 4)]));
}

#[test]
fn a_directory_that_cannot_be_made_is_said() {
    let machine = Machine::new();
    fs::write(&machine.directory, "a file").unwrap();
    let error = machine.try_start().err().unwrap();
    assert!(matches!(&error, JournalError::Unwritable(what) if what.contains("cannot be made")), "{error}");
}

#[test]
#[cfg_attr(
    not(can_mount),
    ignore = "mounts a small disk, which this machine does not let it (unshare --mount)"
)]
fn on_a_full_disk_appends_fail_until_there_is_room() {
    if let Some(disk) = env::var_os(SMALL_DISK) {
        return fill(PathBuf::from(disk));
    }
    let disk = tempfile::tempdir().unwrap();
    let mount_and_test = "mount -t tmpfs -o size=64k,nr_inodes=64 tmpfs \"$0\" && exec \"$@\"";
    let run = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", mount_and_test])
        .arg(disk.path())
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "spool::journal::tests::full_disk::on_a_full_disk_appends_fail_until_there_is_room",
        ])
        .env(SMALL_DISK, disk.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

fn fill(disk: PathBuf) {
    let machine = Machine::on(disk.join("journal"));
    let process = machine.start();
    process.keep(pair("anna", 2));
    let ballast = disk.join("ballast");
    let filled = fs::write(&ballast, vec![7; 40 << 10]);
    filled.unwrap();
    let mut latest = 2;
    let error = loop {
        match process.append(pair("anna", latest + 1)) {
            Ok(_) => latest += 1,
            Err(error) => break error,
        }
    };
    assert!(latest > 2);
    assert!(matches!(&error, JournalError::Unwritable(what) if what.contains("No space left")), "{error}");
    for _ in 0..100 {
        // Each begins a file, and must leave nothing of it behind.
        process.append(pair("anna", 1000)).unwrap_err();
        machine.clock.pass(Duration::from_secs(1));
    }
    assert_eq!(machine.names().len(), 1, "{:?}", machine.names());
    assert_eq!(process.generations(), ids(&[("anna", latest)]));
    assert_eq!(machine.after_a_restart(), ids(&[("anna", latest)]), "what was kept is, what was not is not");

    fs::remove_file(ballast).unwrap();
    process.keep(pair("anna", latest + 1));
    process.keep(pair("ben", 2));
    drop(process);
    assert_eq!(machine.after_a_restart(), ids(&[("anna", latest + 1), ("ben", 2)]));
}
