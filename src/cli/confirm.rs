//! Asking whether what cannot be undone is meant.

use std::io::{self, IsTerminal as _, Write};

use super::failure::Usage;

/// Asks on a terminal, and only there. `what` names it for whoever has none.
///
/// # Errors
/// Where there is no terminal.
pub(super) fn confirmed(question: &str, what: &str, terminal: &mut impl Write) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        let what = format!("{what} cannot be undone, and there is no terminal to confirm it on: add --yes");
        return Err(Usage(what).into());
    }
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
