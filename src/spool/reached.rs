//! How far the database had come, as a small file beside the journal: what shows at the next start that it went back.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::Home;

const NAME: &str = "reached";

impl Home {
    /// The latest that was noted; `None` where nothing was, or not about this database.
    pub(super) fn reached(&self) -> io::Result<Option<i64>> {
        let text = match fs::read_to_string(self.path(NAME)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let noted = text.trim_end().split_once(' ').filter(|(database, _)| *database == self.database);
        Ok(noted.and_then(|(_, count)| count.parse().ok()))
    }

    /// There with its whole text, or as before.
    pub(super) fn note_reached(&self, count: i64) -> io::Result<()> {
        let (path, aside) = (self.path(NAME), self.path(".reached"));
        let mut file = File::create(&aside)?;
        writeln!(file, "{} {count}", self.database)?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
        path.parent().map_or(Ok(()), |directory: &Path| File::open(directory)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_there_for_the_same_database_alone() {
        let directory = tempfile::tempdir().unwrap();
        let of = |database: &str| Home {
            directory: directory.path().into(),
            kind: "rotations",
            database: database.into(),
        };
        assert_eq!(of("a").reached().unwrap(), None);
        of("a").note_reached(7).unwrap();
        of("a").note_reached(12).unwrap();
        assert_eq!((of("a").reached().unwrap(), of("b").reached().unwrap()), (Some(12), None));
        fs::write(directory.path().join(NAME), "a x").unwrap();
        assert_eq!(of("a").reached().unwrap(), None);
    }
}
