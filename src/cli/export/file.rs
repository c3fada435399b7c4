//! A new file that its owner alone can read, there when everything is in it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Removed again when it is dropped before its end.
pub(super) struct NewFile {
    path: PathBuf,
    file: BufWriter<File>,
    finished: bool,
}

impl NewFile {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { path: path.into(), file: BufWriter::new(file), finished: false })
    }

    pub(super) fn line(&mut self, line: &str) -> anyhow::Result<()> {
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.write_all(b"\n"));
        written.with_context(|| format!("{} cannot be written", self.path.display()))
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let done = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        done.with_context(|| format!("{} cannot be written", self.path.display()))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.path); // it is half a file, with tokens in it
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn it_is_new_for_its_owner_alone_and_whole_or_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grants.jsonl");
        let mut half = NewFile::create(&path).unwrap();
        half.line("a").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(NewFile::create(&path).is_err(), "never over another");
        drop(half);
        assert!(!path.exists());
        let mut whole = NewFile::create(&path).unwrap();
        whole.line("a").unwrap();
        whole.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\n");
    }
}
