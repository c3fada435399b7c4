//! Tells the tests what is here beside the repository; nothing that ships depends on it.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_shared)");
    println!("cargo::rerun-if-changed=../shared");
    if Path::new("../shared/reference").is_dir() {
        println!("cargo::rustc-cfg=has_shared");
    }
}
