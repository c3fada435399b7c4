//! A secret in a file of its own: one line, its end cut, every other oddity refused by name.

use std::io::Read;
use std::path::Path;

/// More than any secret has; whoever names a log file by mistake is told so.
const MAX_BYTES: u64 = 16 * 1024;

/// Why a file holds no secret. None of them quotes its content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSecretFile {
    #[error("names a file that cannot be read ({0})")]
    Unreadable(String),
    #[error("names an empty file")]
    Empty,
    #[error("names a file that is not UTF-8")]
    NotText,
    #[error("names a file with a NUL byte in it")]
    Nul,
    #[error("names a file with several lines")]
    SeveralLines,
    #[error("names a file whose secret begins or ends with blanks")]
    Blanks,
    #[error("names a file that begins with a byte order mark")]
    Bom,
    #[error("names a file of more than 16 KiB")]
    TooLong,
}

/// Reads the secret.
pub(super) fn read(path: &Path) -> Result<String, BadSecretFile> {
    let unreadable = |error: std::io::Error| BadSecretFile::Unreadable(error.to_string());
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(unreadable)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(BadSecretFile::TooLong);
    }
    let text = String::from_utf8(bytes).map_err(|_| BadSecretFile::NotText)?;
    one_line(&text).map(str::to_owned)
}

fn one_line(text: &str) -> Result<&str, BadSecretFile> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err(BadSecretFile::Empty),
        _ if line.contains('\0') => Err(BadSecretFile::Nul),
        _ if line.contains(['\n', '\r']) => Err(BadSecretFile::SeveralLines),
        _ if line.starts_with('\u{feff}') => Err(BadSecretFile::Bom),
        _ if line.trim() != line => Err(BadSecretFile::Blanks),
        _ => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_cut() {
        for text in ["secret", "secret\n", "secret\r\n"] {
            assert_eq!(one_line(text), Ok("secret"));
        }
    }

    #[test]
    fn oddities_are_refused_by_name() {
        for (text, why) in [
            ("", BadSecretFile::Empty),
            ("\n", BadSecretFile::Empty),
            ("a\0b", BadSecretFile::Nul),
            ("a\nb\n", BadSecretFile::SeveralLines),
            ("a\n\n", BadSecretFile::SeveralLines),
            (" a", BadSecretFile::Blanks),
            ("a \n", BadSecretFile::Blanks),
            ("\u{feff}a", BadSecretFile::Bom),
        ] {
            assert_eq!(one_line(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_refused() {
        assert!(matches!(read(Path::new("/nowhere/secret")), Err(BadSecretFile::Unreadable(_))));
        assert!(matches!(read(Path::new("/")), Err(BadSecretFile::Unreadable(_))));
    }
}
