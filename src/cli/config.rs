//! `config`: what is in force, and who said so.

use std::io::Write;

use super::Done;
use super::global::Global;

/// Prints every key; ends with 2 where something is wrong, after naming all of it.
///
/// # Errors
/// The configuration's mistakes.
pub fn execute(global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.load()?;
    let rows: Vec<_> = config
        .effective()
        .iter()
        .map(|set| {
            (format!("{} = {}", set.key, set.value.as_deref().unwrap_or("(not set)")), set.origin.as_deref())
        })
        .collect();
    let width = rows.iter().map(|(setting, _)| setting.chars().count()).filter(|width| *width < 72).max();
    for (setting, origin) in &rows {
        match origin {
            Some(origin) => writeln!(out, "{setting:<width$}  # {origin}", width = width.unwrap_or(0))?,
            None => writeln!(out, "{setting}")?,
        }
    }
    Ok(Done::Fine)
}
