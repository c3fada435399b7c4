//! What can be wrong with the configuration: every mistake with its key, its place and its remedy, all at once.

use std::fmt;

/// One mistake. `value` is already masked where the key is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// As in `webhook.verify_every`.
    pub key: String,
    /// What was written, as far as it may be shown.
    pub value: Option<String>,
    /// The file, the environment variable or the flag that said it; `None` where nobody did.
    pub origin: Option<String>,
    /// What is wrong, as the end of a sentence that begins with the key.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " (from {origin})")?;
        }
        write!(f, " {}; {}", self.what, self.remedy)
    }
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "the configuration cannot be used: {one}"),
            all => {
                write!(f, "the configuration cannot be used, {} mistakes:", all.len())?;
                all.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}
