//! `keys`: encryption keys as they are configured.

pub mod rotate;

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::Done;
use super::failure::Usage;
use super::global::Global;
use crate::config::key::EncryptionKey;
use crate::config::key_file;

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Make a new random key: print it, or write it into a new file
    Generate(Generate),
    /// Encrypt everything stored anew with the first key; also while a keeper runs
    Rotate(rotate::Args),
}

const HELP: &str = "\
The line goes into encryption.keys; the file is readable by its owner alone and goes into
encryption.key_file. Keep a copy elsewhere: without the key the stored tokens are lost.

Examples:
  calendly-keeper keys generate
  calendly-keeper keys generate --out /etc/calendly-keeper/keeper.key";

/// What `keys generate` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Generate {
    /// The key's name, stored beside what it encrypts; every key needs one of its own
    #[arg(long, value_name = "NAME", default_value = key_file::FIRST_ID)]
    pub id: String,
    /// Write into this file, which must not exist yet
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Does what is asked.
///
/// # Errors
/// Where it cannot be done.
pub fn execute(command: &Command, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    match command {
        Command::Generate(args) => generate(args, out),
        Command::Rotate(args) => rotate::execute(args, global, out),
    }
}

/// Makes a key.
fn generate(args: &Generate, out: &mut impl Write) -> anyhow::Result<Done> {
    let key = EncryptionKey::generate(&args.id);
    if let Err(bad) = EncryptionKey::parse(&key.expose_line()) {
        return Err(Usage(format!("--id {:?} cannot be used: {bad}", args.id)).into());
    }
    match &args.out {
        Some(path) => {
            key_file::create(path, &key)?;
            writeln!(out, "{} holds the new key {}; keep a copy elsewhere", path.display(), key.id())?;
        }
        None => writeln!(out, "{}", key.expose_line())?,
    }
    Ok(Done::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generate(id: &str, file: Option<PathBuf>) -> anyhow::Result<String> {
        let mut out = vec![];
        super::generate(&Generate { id: id.into(), out: file }, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn a_printed_key_can_be_configured() {
        let line = generate("k2", None).unwrap();
        assert_eq!(EncryptionKey::parse(line.trim_end()).unwrap().id(), "k2");
    }

    #[test]
    fn a_key_in_a_file_is_not_printed_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keeper.key");
        let said = generate("k1", Some(path.clone())).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(!said.contains(written.trim_end().split_once(':').unwrap().1));
        assert!(generate("k1", Some(path.clone())).unwrap_err().to_string().contains("never overwritten"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    }

    #[test]
    fn a_name_that_cannot_be_used_is_refused() {
        assert!(generate("a b", None).unwrap_err().is::<Usage>());
    }
}
