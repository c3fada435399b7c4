//! Which installation this is: a random id in the data directory, over restarts.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use uuid::Uuid;

use super::options::OpenError;
use crate::domain::ids::InstanceId;

const NAME: &str = "instance";

/// Reads the id, or makes one. Of two processes that start at once, both get the same.
pub(super) fn load_or_create(data_dir: &Path) -> Result<InstanceId, OpenError> {
    let path = data_dir.join(NAME);
    let unusable = |error: std::io::Error| OpenError::Configuration(format!("{}: {error}", path.display()));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(data_dir, &path).map_err(unusable)?;
            fs::read_to_string(&path).map_err(unusable)?
        }
        Err(error) => return Err(unusable(error)),
    };
    text.trim().parse().map_err(|_| {
        OpenError::Configuration(format!(
            "{}: holds no UUID; if no other file of this directory is damaged, delete it and start again",
            path.display()
        ))
    })
}

/// Written aside and linked into place, so that nobody reads half of it, and the first one stays.
fn create(data_dir: &Path, path: &Path) -> std::io::Result<()> {
    let id = Uuid::new_v4();
    let aside = data_dir.join(format!(".{NAME}.{id}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => fs::File::open(data_dir)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_and_a_damaged_one_is_refused() {
        let data_dir = tempfile::tempdir().unwrap();
        let id = load_or_create(data_dir.path()).unwrap();
        assert_eq!(load_or_create(data_dir.path()).unwrap(), id);
        assert_eq!(fs::read_dir(data_dir.path()).unwrap().count(), 1);

        fs::write(data_dir.path().join(NAME), "x").unwrap();
        assert!(load_or_create(data_dir.path()).unwrap_err().is_configuration());
    }
}
