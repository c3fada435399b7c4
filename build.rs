//! Tells the tests what this machine offers: `cfg(has_shared)`, `cfg(has_postgres)` with `KEEPER_POSTGRES_BIN`,
//! `cfg(has_pgbouncer)` with `KEEPER_PGBOUNCER`, `cfg(has_chromium)` with `KEEPER_CHROMEDRIVER`, `cfg(can_mount)`: a file
//! system in a namespace of its own, `cfg(has_standardwebhooks)` with `KEEPER_PYTHON`: a python that verifies signatures.
//!
//! Watching a path that is not there would compile the crate anew every time, so only what exists is watched:
//! of PostgreSQL the package database too, which an installation changes. `touch build.rs` for anything else.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian keeps the server's binaries off the path, one folder a major version.
const DEBIAN: &str = "/usr/lib/postgresql";
const BIN_VARIABLE: &str = "KEEPER_TEST_POSTGRES_BIN";
/// One whose python has the library.
const PYTHON_VARIABLE: &str = "KEEPER_TEST_PYTHON";
const REFERENCE: &str = "../shared/reference";

fn main() {
    println!(
        "cargo::rustc-check-cfg=cfg(has_shared, has_postgres, has_pgbouncer, has_chromium, can_mount, has_standardwebhooks)"
    );
    println!("cargo::rerun-if-env-changed={BIN_VARIABLE}");
    println!("cargo::rerun-if-env-changed={PYTHON_VARIABLE}");
    println!("cargo::rerun-if-env-changed=PATH");
    for watched in ["build.rs", DEBIAN, "/var/lib/dpkg/status", REFERENCE] {
        if Path::new(watched).exists() {
            println!("cargo::rerun-if-changed={watched}");
        }
    }
    if Path::new(REFERENCE).exists() {
        println!("cargo::rustc-cfg=has_shared");
    }
    if can_mount() {
        println!("cargo::rustc-cfg=can_mount");
    }
    if let (Some(_), Some(driver)) = (on_path("chromium"), on_path("chromedriver")) {
        println!("cargo::rustc-cfg=has_chromium");
        println!("cargo::rustc-env=KEEPER_CHROMEDRIVER={}", driver.display());
    }
    let python = env::var(PYTHON_VARIABLE).unwrap_or_else(|_| "python3".into());
    let has_library = Command::new(&python).args(["-c", "import standardwebhooks"]).output();
    if has_library.is_ok_and(|tried| tried.status.success()) {
        println!("cargo::rustc-cfg=has_standardwebhooks");
        println!("cargo::rustc-env=KEEPER_PYTHON={python}");
    }
    if let Some(bin) = postgres_bin() {
        println!("cargo::rustc-cfg=has_postgres");
        println!("cargo::rustc-env=KEEPER_POSTGRES_BIN={}", bin.display());
        // Of no use without a server behind it.
        if let Some(pooler) = pgbouncer() {
            println!("cargo::rustc-cfg=has_pgbouncer");
            println!("cargo::rustc-env=KEEPER_PGBOUNCER={}", pooler.display());
        }
    }
}

/// The folder with PostgreSQL's server binaries: the one that was named, else Debian's newest, else on the path.
fn postgres_bin() -> Option<PathBuf> {
    if let Some(named) = env::var_os(BIN_VARIABLE).map(PathBuf::from) {
        if !holds_server(&named) {
            println!("cargo::error={BIN_VARIABLE}={}: no initdb and postgres in there", named.display());
        }
        return Some(named);
    }
    let mut versions: Vec<(u32, PathBuf)> = Path::new(DEBIAN)
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| holds_server(bin))
        .collect();
    versions.sort();
    if let Some((_, bin)) = versions.pop() {
        return Some(bin);
    }
    env::split_paths(&env::var_os("PATH")?)
        .filter_map(|folder| folder.join("initdb").canonicalize().ok()?.parent().map(Path::to_path_buf))
        .find(|bin| holds_server(bin))
}

/// Debian puts it where only root's path leads.
fn pgbouncer() -> Option<PathBuf> {
    on_path("pgbouncer")
        .or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|binary| binary.is_file()))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|binary| binary.is_file())
}

/// Not in every container, not without root on every distribution, and only on Linux.
fn can_mount() -> bool {
    let mount = "mount -t tmpfs -o size=64k tmpfs \"$0\"";
    let there = env::var_os("OUT_DIR").unwrap_or_default();
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh", "-c", mount]).arg(there);
    unshare.output().is_ok_and(|tried| tried.status.success())
}

fn holds_server(bin: &Path) -> bool {
    bin.join("initdb").is_file() && bin.join("postgres").is_file()
}
