//! What is in force and who said so, for `calendly-keeper config`.

/// One key as it stands after all sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// As in `log.format`.
    pub key: &'static str,
    /// As TOML, secrets masked; `None` where nothing is set.
    pub value: Option<String>,
    /// `default`, a file's path, `environment variable NAME`, `flag NAME`, or the secret's own file.
    pub origin: Option<String>,
}
