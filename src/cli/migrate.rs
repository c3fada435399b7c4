//! `migrate`: the database at this version's shape. `run` does the same at its start.

use std::io::Write;

use super::Done;
use super::global::Global;
use super::open;

/// Opens the database, which brings it to this version, and says where it is.
///
/// # Errors
/// Where it cannot be opened, or a newer version has been at it.
pub fn execute(global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let opened = open::open(&config)?;
    writeln!(
        out,
        "{} is at version {}'s shape ({})",
        config.database.url,
        env!("CARGO_PKG_VERSION"),
        opened.store.backend()
    )?;
    Ok(Done::Fine)
}
