//! Where settings come from: the embedded defaults, a file, the environment, flags. Later ones win.
//!
//! A layer keeps known keys only; what else a source says is reported here, where its place is still known.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use ::config::{File, FileFormat, Map, Source, Value, ValueKind};

use super::problem::Problem;
use super::schema::{self, Key, Shape};

const DEFAULTS: &str = include_str!("../../config/default.toml");
/// The origin of the embedded defaults, as shown by `calendly-keeper config`.
pub(super) const DEFAULT: &str = "default";
const PREFIX: &str = "KEEPER__";

/// Everything outside the binary that is asked. The environment is passed in, so that tests need none.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// The process's environment variables; those that do not begin with `KEEPER_` are ignored.
    pub environment: Vec<(OsString, OsString)>,
    /// What flags say.
    pub flags: Vec<Flag>,
}

/// One setting given on the command line.
#[derive(Clone)]
pub struct Flag {
    /// As in `log.format`.
    pub key: String,
    /// As written.
    pub value: String,
    /// The flag, as in `--set` or `--data-dir`.
    pub flag: &'static str,
}

/// The settings of one source. Its `Debug` shows no values: some are secrets.
#[derive(Clone, Default)]
pub(super) struct Layer(Vec<(&'static Key, Value)>);

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key.name)).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        Ok(self.0.iter().map(|(key, value)| (key.name.to_owned(), value.clone())).collect())
    }
}

impl Layer {
    fn add(&mut self, name: &str, value: ValueKind, origin: &str, problems: &mut Vec<Problem>) {
        match schema::known(name) {
            Some(key) => self.0.push((key, Value::new(Some(&origin.to_owned()), value))),
            None => problems.push(Problem {
                key: name.into(),
                value: None, // it may be a secret under a misspelt name
                origin: Some(origin.into()),
                what: "is no key of the keeper".into(),
                remedy: schema::remedy_for_unknown(name),
            }),
        }
    }
}

/// The embedded defaults.
pub(super) fn defaults(problems: &mut Vec<Problem>) -> Layer {
    toml(DEFAULTS, DEFAULT, problems)
}

/// `--config FILE`.
pub(super) fn file(path: &Path, problems: &mut Vec<Problem>) -> Layer {
    let origin = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => toml(&text, &origin, problems),
        Err(error) => {
            problems.push(Problem {
                key: "--config".into(),
                value: Some(origin),
                origin: None,
                what: format!("cannot be read: {error}"),
                remedy: "name a readable TOML file".into(),
            });
            Layer::default()
        }
    }
}

/// A text in TOML.
pub(super) fn toml(text: &str, origin: &str, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    // Not by a builder, which takes a key for a path: "x[99999999999]" = 1 would be a list as long as that.
    match File::from_str(text, FileFormat::Toml).collect() {
        Ok(parsed) => flatten("", Value::from(parsed), origin, &mut layer, problems),
        Err(error) => problems.push(Problem {
            key: "--config".into(),
            value: Some(origin.into()),
            origin: None,
            what: format!("is not TOML: {}", without_excerpt(&error.to_string())),
            remedy: "mend that line".into(),
        }),
    }
    layer
}

/// The parser quotes the line at fault, which may hold a secret: only the place and the reason are kept.
fn without_excerpt(message: &str) -> String {
    let quotes = |line: &str| {
        line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).starts_with([' ', '|'])
    };
    let kept: Vec<_> = message
        .lines()
        .enumerate()
        .filter(|(n, line)| *n == 0 || !quotes(line))
        .map(|(_, line)| line.trim())
        .collect();
    kept.join(": ")
}

fn flatten(prefix: &str, value: Value, origin: &str, layer: &mut Layer, problems: &mut Vec<Problem>) {
    match value.kind {
        ValueKind::Table(table) => {
            let mut entries: Vec<_> = table.into_iter().collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            for (name, value) in entries {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{name}"), value, origin, layer, problems);
            }
        }
        kind => layer.add(prefix, kind, origin, problems),
    }
}

/// `KEEPER__SECTION__KEY` from the environment.
pub(super) fn environment(variables: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    let mut named: Vec<_> =
        variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value))).collect();
    named.sort();
    for (variable, value) in named {
        let origin = format!("environment variable {variable}");
        let Some(rest) = variable.strip_prefix(PREFIX) else {
            problems.extend(one_underscore(variable));
            continue;
        };
        let name = rest.to_ascii_lowercase().replace("__", ".");
        match value.to_str() {
            Some(text) => layer.add(&name, from_text(&name, text), &origin, problems),
            None => problems.push(Problem {
                key: name,
                value: None,
                origin: Some(origin),
                what: "is not UTF-8".into(),
                remedy: "write it in UTF-8".into(),
            }),
        }
    }
    layer
}

/// `KEEPER_LOG_FORMAT` instead of `KEEPER__LOG__FORMAT` would be silently ignored otherwise.
fn one_underscore(variable: &str) -> Option<Problem> {
    let rest = variable.strip_prefix("KEEPER_")?.to_ascii_lowercase();
    let key = schema::KEYS.iter().find(|key| key.name.replace('.', "_") == rest)?;
    Some(Problem {
        key: key.name.into(),
        value: None,
        origin: Some(format!("environment variable {variable}")),
        what: "is written with one underscore between section and key".into(),
        remedy: format!("call it {}", variable_name(key)),
    })
}

fn variable_name(key: &Key) -> String {
    format!("{PREFIX}{}", key.name.replace('.', "__").to_ascii_uppercase())
}

/// What flags say. A secret is refused there: every user of the machine can read another's command line.
pub(super) fn flags(flags: &[Flag], problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    for Flag { key: name, value, flag } in flags {
        match schema::known(name) {
            Some(key) if key.secret || super::database::has_password(name, value) => problems.push(Problem {
                key: name.clone(),
                value: None,
                origin: Some(format!("flag {flag}")),
                what: "is a secret, and a command line can be read by everybody on the machine".into(),
                remedy: format!("use {} or a file", variable_name(key)),
            }),
            _ => layer.add(name, from_text(name, value), &format!("flag {flag}"), problems),
        }
    }
    layer
}

fn from_text(name: &str, text: &str) -> ValueKind {
    if schema::known(name).is_none_or(|key| key.shape != Shape::List) {
        return ValueKind::String(text.into());
    }
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    ValueKind::Array(items.map(|item| Value::new(None, item)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_does_not_quote_the_line() {
        let mut problems = vec![];
        toml("[calendly]\nclient_secret = \"hunter2hunter2\nx = 1\n", "keeper.toml", &mut problems);
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        assert!(problem.to_string().contains("line 2"), "{problem}");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_but_without_its_value() {
        let mut problems = vec![];
        toml("[calendly]\nclient_secrt = \"hunter2\"\n", "keeper.toml", &mut problems);
        assert_eq!(
            problems[0].to_string(),
            "calendly.client_secrt (from keeper.toml) is no key of the keeper; did you mean \"calendly.client_secret\"?"
        );
    }

    #[test]
    fn a_key_is_a_name_and_no_path() {
        let mut problems = vec![];
        toml("\"x[99999999999999]\" = 1\n\"y[-9]\" = 1", "keeper.toml", &mut problems);
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["x[99999999999999]", "y[-9]"]);
    }

    #[test]
    fn an_environment_variable_with_one_underscore_is_pointed_out() {
        let mut problems = vec![];
        let variables =
            [("KEEPER_LOG_FORMAT", "json"), ("KEEPER_LOG", "debug"), ("KEEPER_PORT", "tcp://10.0.0.1")];
        environment(&variables.map(|(name, value)| (name.into(), value.into())), &mut problems);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].remedy, "call it KEEPER__LOG__FORMAT");
    }

    #[test]
    fn a_secret_on_the_command_line_is_refused() {
        let mut problems = vec![];
        let flag = |key: &str, value: &str| Flag { key: key.into(), value: value.into(), flag: "--set" };
        flags(
            &[
                flag("calendly.client_secret", "hunter2"),
                flag("database.url", "postgres://keeper:hunter2@db/keeper"),
                flag("database.url", "postgres://db/keeper"),
            ],
            &mut problems,
        );
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().all(|problem| !problem.to_string().contains("hunter2")));
    }
}
