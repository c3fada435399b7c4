//! When which files were settled, as a small file beside the journal: a keeper that is killed every few minutes would else
//! begin to wait anew each time, and never remove anything.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};

use super::Home;
use crate::ports::{Clock, Moment};

const NAME: &str = "settled";

/// By a file's name and how long it was then: what was added since is not settled.
pub(super) type Settled = HashMap<(String, u64), Moment>;

impl Home {
    /// What was noted about this database's files. Nothing where it cannot be read or is not to be believed: then the time
    /// of keeping begins anew.
    pub(super) fn settled(&self, clock: &dyn Clock) -> Settled {
        let text = fs::read_to_string(self.path(NAME)).unwrap_or_default();
        let mut lines = text.lines();
        if lines.next() != Some(&*self.database) {
            return Settled::new();
        }
        let entry = |line: &str| {
            let mut words = line.split(' ');
            let file = (words.next()?.to_owned(), words.next()?.parse().ok()?);
            let (wall, boot) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((file, Moment::from_millis(wall, boot, clock)?))
        };
        lines.filter_map(entry).collect()
    }

    /// There with its whole text, or as before.
    pub(super) fn note_settled(&self, settled: &Settled) -> io::Result<()> {
        let (path, aside) = (self.path(NAME), self.path(".settled"));
        let mut text = format!("{}\n", self.database);
        for ((name, length), moment) in settled {
            let (wall, boot) = moment.as_millis();
            text.push_str(&format!("{name} {length} {wall} {boot}\n"));
        }
        let mut file = File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, &path)
    }
}
