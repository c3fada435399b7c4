//! What holds of every configuration file.

use super::layers;
use super::schema;
use super::{Config, Sources};

const SECRET: &str = "hunter2hunter2";

/// A text as the configuration file, in which each `$` stands for a secret: taken, or refused with all mistakes, each
/// with its key, its place and its remedy. What stands where a secret belongs is shown nowhere.
pub fn configuration(text: &str) {
    if text.contains("_file") {
        return; // what other files hold is their own matter
    }
    let text = text.replace('$', SECRET);
    let sources = Sources::default();
    match Config::layered(&sources, |problems| Some(layers::toml(&text, "keeper.toml", problems))) {
        Ok(config) => {
            for effective in config.effective() {
                assert!(
                    !tells(effective.key, effective.value.as_deref().unwrap_or_default()),
                    "{effective:?}"
                );
            }
        }
        Err(error) => {
            assert!(!error.0.is_empty());
            for problem in &error.0 {
                let parts = [&problem.key, &problem.what, &problem.remedy];
                // An empty name is one that the file may hold, too.
                assert!(parts.iter().skip(1).all(|part| !part.is_empty()), "{problem:?}");
                assert!(problem.origin.is_some() || problem.value.is_some(), "no place: {problem}");
                assert!(!tells(&problem.key, &problem.to_string()), "{problem}");
            }
        }
    }
}

/// Whether a secret is shown where none may be; elsewhere it is a text as any other.
fn tells(key: &str, shown: &str) -> bool {
    let secret = schema::known(key).is_some_and(|key| key.secret) || key == "--config";
    (secret && shown.contains(SECRET)) || shown.contains(&format!(":{SECRET}@"))
}
