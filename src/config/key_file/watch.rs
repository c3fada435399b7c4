//! A key file that is looked at again while its keys are in use.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Keys;

/// Nobody has to wait longer for a key that was made meanwhile, but for one that is missing at all.
const EVERY: Duration = Duration::from_secs(1);

/// A key file, and how it looked when it was read.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    own: bool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Inode, length, and when it was changed.
    stamp: Option<(u64, u64, i64, i64)>,
    at: Option<Duration>,
}

impl Watch {
    /// Of a file that has just been read; `own`: it is the keeper's own.
    #[must_use]
    pub fn new(path: PathBuf, own: bool) -> Self {
        let this = Self { path, own, seen: Mutex::default() };
        this.seen.lock().unwrap_or_else(PoisonError::into_inner).stamp = this.stamp();
        this
    }

    /// What is in it, where it has changed since it was read. `now` is time since some start; unless a key is `needed` the
    /// file is looked at once a second.
    pub fn changed(&self, needed: bool, now: Duration) -> Option<Keys> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !needed && seen.at.is_some_and(|at| now.saturating_sub(at) < EVERY) {
            return None;
        }
        seen.at = Some(now);
        let stamp = self.stamp();
        if stamp.is_none() || stamp == seen.stamp {
            return None;
        }
        // One that cannot be read, or is being written, is looked at again.
        let keys = super::read(&self.path, self.own).ok()?;
        seen.stamp = stamp;
        Some(keys)
    }

    fn stamp(&self) -> Option<(u64, u64, i64, i64)> {
        let seen = fs::metadata(&self.path).ok()?;
        Some((seen.ino(), seen.len(), seen.mtime(), seen.mtime_nsec()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{create, put_first};
    use super::*;
    use crate::config::key::EncryptionKey;

    #[test]
    fn a_key_that_was_put_first_is_seen_within_a_second_or_at_once_where_it_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keeper.key");
        create(&path, &EncryptionKey::generate("k1")).unwrap();
        let watch = Watch::new(path.clone(), true);
        let at = Duration::from_millis;
        assert!(watch.changed(false, at(0)).is_none());
        put_first(&path, &EncryptionKey::generate("k2")).unwrap();
        assert!(watch.changed(false, at(900)).is_none(), "it was looked at just now");
        let keys = watch.changed(false, at(1000)).unwrap().keys;
        assert_eq!(keys.iter().map(EncryptionKey::id).collect::<Vec<_>>(), ["k2", "k1"]);
        put_first(&path, &EncryptionKey::generate("k3")).unwrap();
        assert_eq!(watch.changed(true, at(1001)).unwrap().keys.len(), 3);
        assert!(watch.changed(true, at(1002)).is_none(), "nothing new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left aside");
    }
}
