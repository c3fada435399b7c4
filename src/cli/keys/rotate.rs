//! `keys rotate`: everything stored is encrypted anew with the first key, while a keeper runs or not.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::cli::Done;
use crate::cli::failure::Usage;
use crate::cli::global::Global;
use crate::cli::open::{self, Opened};
use crate::config::key::EncryptionKey;
use crate::config::{Config, key_file};
use crate::ports::Store;
use crate::runtime::sleep;

/// Rows read at a time; few enough that no rotation waits long for those that are written.
const PAGE: usize = 200;
/// A running keeper learns of a new key within a second, and goes on with the old one until then.
const AGAIN: Duration = Duration::from_millis(500);
const PASSES: usize = 20;

const HELP: &str = "\
Where the key file is the keeper's own (SQLite, nothing configured), a new key is made and
put first in it; a running keeper takes it over within a second. Elsewhere the first of the
configured keys is the one: let every keeper of the database have the new key first (start
it again with encryption.keys that holds it; a key file is read again without), put it in
the first place, start again, then rotate.

It may be repeated, and goes on where it was interrupted. At its end it says which keys
nothing here needs any more. Backups made before need them still.

Examples:
  calendly-keeper keys rotate
  KEEPER__ENCRYPTION__KEYS=k2:…,k1:… calendly-keeper keys rotate";

/// What `keys rotate` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {}

/// Encrypts anew.
///
/// # Errors
/// Where the database does not answer, or the running keeper could not read what would be written.
pub fn execute(_args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let own = key_file::file(&config).filter(|(_, own)| *own).map(|(path, _)| path);
    // Two that make a key at once would lose one.
    let _alone = own.as_deref().map(alone).transpose()?;
    let opened = open::open_existing(&config)?;
    opened.runtime.block_on(async {
        is_known_to_the_keeper(&config, &opened).await?;
        let mut done = passes(&*opened.store).await?;
        if let Some(path) = own.filter(|_| done.changed == 0 && done.is_whole()) {
            let key = EncryptionKey::generate(&next_id(&opened.key_ids()));
            key_file::put_first(&path, &key)?;
            opened.look_for_keys();
            writeln!(
                out,
                "made the key {} in {}; keep a copy of the file elsewhere",
                key.id(),
                path.display()
            )?;
            done = passes(&*opened.store).await?;
        }
        tell(&config, &opened, &done, out).await
    })
}

/// What all passes have done.
#[derive(Default)]
struct Rotated {
    changed: usize,
    /// Rows that an older key was used for again and again.
    restless: usize,
    unreadable: BTreeSet<String>,
}

impl Rotated {
    fn is_whole(&self) -> bool {
        self.restless == 0 && self.unreadable.is_empty()
    }
}

/// Goes through all rows until a whole pass finds nothing to do.
async fn passes(store: &dyn Store) -> anyhow::Result<Rotated> {
    let mut all = Rotated { changed: usize::from(store.reseal_own().await?), ..Rotated::default() };
    for _ in 0..PASSES {
        let (mut changed, mut moved_on, mut after) = (0, 0, None);
        all.unreadable.clear();
        loop {
            let page = store
                .reseal(after.as_ref(), PAGE)
                .await
                .context("it can be repeated, and goes on from here")?;
            changed += page.changed;
            moved_on += page.moved_on;
            all.unreadable.extend(page.unreadable.into_iter().map(String::from));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        all.changed += changed;
        all.restless = changed + moved_on;
        if all.restless == 0 {
            return Ok(all);
        }
        sleep(AGAIN).await;
    }
    Ok(all)
}

/// A keeper that is configured with keys knows those alone that it was started with.
async fn is_known_to_the_keeper(config: &Config, opened: &Opened) -> anyhow::Result<()> {
    let at_work = opened.keeper_at_work().await?;
    opened.let_go().await;
    let (Some(holder), None, Some(first)) =
        (at_work, key_file::file(config), opened.key_ids().into_iter().next())
    else {
        return Ok(());
    };
    let known = opened.store.keys_at_work().await?;
    if known.contains(&first) {
        return Ok(());
    }
    let what = format!(
        "the running keeper ({holder}) has the keys {known:?} and could not read what {first:?} encrypts: start it again \
         with encryption.keys that holds it, then rotate"
    );
    Err(Usage(what).into())
}

async fn tell(
    config: &Config,
    opened: &Opened,
    done: &Rotated,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let ids = opened.key_ids();
    let (first, others) = ids.split_first().context("there is no key")?;
    writeln!(
        out,
        "encrypted {} anew; everything that could be read is encrypted with {first}",
        done.changed
    )?;
    if let Some(id) = done.unreadable.first() {
        bail!(
            "{} connections were encrypted with a key that is not configured, among them {id}; add that key, then rotate \
             again",
            done.unreadable.len()
        );
    }
    if done.restless > 0 {
        bail!(
            "the running keeper goes on encrypting with another key than {first}: start it again with {first} in the first \
             place, then rotate again"
        );
    }
    let journal =
        opened.journal(config).await?.keys().await.context("the rotation journal cannot be read")?;
    let place = match key_file::file(config) {
        Some((path, _)) => path.display().to_string(),
        None => "encryption.keys".into(),
    };
    for old in others {
        if journal.contains(old) {
            writeln!(
                out,
                "{old} is needed by the rotation journal still: its records go ten minutes after they are in the database; \
                 rotate again then"
            )?;
        } else {
            writeln!(
                out,
                "{old} is not needed here any more: remove it from {place}, once no other keeper's journal and no backup \
                 needs it"
            )?;
        }
    }
    Ok(Done::Fine)
}

/// `k2` after `k1`: the first number that no key has.
fn next_id(ids: &[String]) -> String {
    let used = |id: &String| ids.contains(id);
    (1..).map(|n| format!("k{n}")).find(|id| !used(id)).unwrap_or_default()
}

/// Held until it is dropped.
fn alone(key_file: &Path) -> anyhow::Result<File> {
    let path = key_file.with_extension("key.lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.with_context(|| format!("{} cannot be made", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another `keys rotate` is at it: let it end"),
        Err(TryLockError::Error(error)) => Err(error).context(format!("{} cannot be locked", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_a_name_that_none_has_yet() {
        let id = |ids: &[&str]| next_id(&ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(id(&["k1"]), "k2");
        assert_eq!(id(&["k3", "k1", "mine"]), "k2");
        assert_eq!(id(&["mine"]), "k1");
    }
}
