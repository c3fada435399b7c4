//! Reads merged settings one by one, notes every mistake with its place, and remembers what to show of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::config::{Value, ValueKind};
use url::Url;

use super::effective::Effective;
use super::problem::Problem;
use super::schema::{self, KEYS, Shape};
use super::{database, secret_file};

/// A mistake was noted; whoever gets this has nothing to add.
#[derive(Debug)]
pub(super) struct Noted;

/// What is wrong and what to do, as the parts of [`Problem`].
pub(super) type Refusal = (String, String);

pub(super) struct Reader {
    settings: BTreeMap<&'static str, (ValueKind, String)>,
    problems: Vec<Problem>,
    /// Secrets read from files: the key and where from.
    from_files: BTreeMap<&'static str, String>,
    /// Those files.
    secret_files: Vec<PathBuf>,
}

impl Reader {
    /// Of the merged layers, and what was wrong with them already.
    pub(super) fn new(merged: Value, problems: Vec<Problem>) -> Self {
        let (settings, from_files) = (BTreeMap::new(), BTreeMap::new());
        let mut reader = Self { settings, problems, from_files, secret_files: vec![] };
        reader.collect("", merged);
        reader
    }

    fn collect(&mut self, prefix: &str, value: Value) {
        let origin = value.origin().unwrap_or_default().to_owned();
        match value.kind {
            ValueKind::Table(table) => {
                for (name, value) in table {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    self.collect(&format!("{prefix}{dot}{name}"), value);
                }
            }
            kind => {
                if let Some(key) = schema::known(prefix) {
                    self.settings.insert(key.name, (kind, origin));
                }
            }
        }
    }

    /// Every mistake so far.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// The files that hold a secret each, and `file` where a secret stands in that itself.
    pub(super) fn secret_files(&self, file: Option<&Path>) -> Vec<PathBuf> {
        let from = file.map(|file| file.display().to_string());
        let is_said_there = |(name, (_, origin)): (&&'static str, &(ValueKind, String))| {
            Some(origin) == from.as_ref() && self.shown(name).is_some_and(|shown| shown.contains("***"))
        };
        let itself = file.filter(|_| self.settings.iter().any(is_said_there));
        self.secret_files.iter().cloned().chain(itself.map(Path::to_owned)).collect()
    }

    /// What is in force, in the order of the keys.
    pub(super) fn effective(&self) -> Vec<Effective> {
        KEYS.iter().map(|key| self.effective_of(key.name)).collect()
    }

    fn effective_of(&self, name: &'static str) -> Effective {
        let origin = match (self.from_files.get(name), self.settings.get(name)) {
            (Some(file), _) => Some(file.clone()),
            (None, given) => given.map(|(_, origin)| origin.clone()),
        };
        let value = if self.from_files.contains_key(name) { Some("***".into()) } else { self.shown(name) };
        Effective { key: name, value, origin }
    }

    /// A value as it may be shown.
    fn shown(&self, name: &str) -> Option<String> {
        let (kind, _) = self.settings.get(name)?;
        let secret = schema::known(name).is_some_and(|key| key.secret);
        Some(match kind {
            ValueKind::String(text) if text.is_empty() => "\"\"".into(),
            ValueKind::Array(items) if items.is_empty() => "[]".into(),
            ValueKind::Array(items) if secret => format!("*** ({})", items.len()),
            _ if secret => "***".into(),
            ValueKind::String(text) if name == "database.url" => format!("{:?}", database::shown(text)),
            ValueKind::String(text) => format!("{:?}", without_password(text)),
            ValueKind::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| format!("{:?}", without_password(&item.kind.to_string())))
                    .collect();
                format!("[{}]", items.join(", "))
            }
            other => other.to_string(),
        })
    }

    /// Notes a mistake about a key's value.
    pub(super) fn refuse(&mut self, name: &str, what: impl Into<String>, remedy: impl Into<String>) -> Noted {
        let value = self.shown(name);
        let origin = self.settings.get(name).map(|(_, origin)| origin.clone());
        self.problems.push(Problem {
            key: name.into(),
            value,
            origin,
            what: self.without_passwords_of(name, what.into()),
            remedy: remedy.into(),
        });
        Noted
    }

    /// What is wrong may quote what was written.
    fn without_passwords_of(&self, name: &str, what: String) -> String {
        let mask = |what: String, text: &str| match without_password(text) {
            shown if shown == text => what,
            shown => what.replace(text, &shown),
        };
        match self.settings.get(name) {
            Some((ValueKind::Array(items), _)) => {
                items.iter().fold(what, |what, item| mask(what, &item.kind.to_string()))
            }
            Some((ValueKind::String(text), _)) => mask(what, text),
            _ => what,
        }
    }

    /// A text; `None` where it is not given or empty.
    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, Noted> {
        match self.settings.get(name).map(|(kind, _)| kind) {
            None => Ok(None),
            Some(ValueKind::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.refuse(name, "is not a text", "put it in quotes")),
        }
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Noted> {
        let given = self.optional(name)?;
        given.ok_or_else(|| self.refuse(name, "is empty", "give it a value"))
    }

    /// A text that must be there, and what it means.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Result<T, Noted> {
        let text = self.text(name)?;
        parse(&text).map_err(|(what, remedy)| self.refuse(name, what, remedy))
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, name: &str, least: u32, most: u32) -> Result<u32, Noted> {
        let number = match self.settings.get(name).map(|(kind, _)| kind) {
            Some(ValueKind::I64(number)) => u32::try_from(*number).ok(),
            Some(ValueKind::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            self.refuse(
                name,
                format!("is not a whole number between {least} and {most}"),
                "write such a number without quotes",
            )
        })
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Noted> {
        debug_assert!(schema::known(name).is_some_and(|key| key.shape == Shape::Flag));
        let flag = match self.settings.get(name).map(|(kind, _)| kind) {
            Some(ValueKind::Boolean(flag)) => Some(*flag),
            Some(ValueKind::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        flag.ok_or_else(|| {
            self.refuse(name, "is neither true nor false", "write true or false, without quotes")
        })
    }

    /// A duration within bounds.
    pub(super) fn duration(
        &mut self,
        name: &str,
        least: Duration,
        most: Duration,
    ) -> Result<Duration, Noted> {
        if matches!(self.settings.get(name), Some((ValueKind::I64(_) | ValueKind::Float(_), _))) {
            return Err(self.refuse(
                name,
                "has no unit",
                "write it like \"30s\", \"15m\", \"6h\" or \"90d\"",
            ));
        }
        let duration = self.parsed(name, |text| {
            humantime::parse_duration(text).map_err(|_| {
                ("is no duration".into(), "write it like \"30s\", \"15m\", \"6h\" or \"90d\"".into())
            })
        })?;
        if (least..=most).contains(&duration) {
            return Ok(duration);
        }
        let [least, most] = [least, most].map(humantime::format_duration);
        Err(self.refuse(name, "is out of bounds", format!("write one between \"{least}\" and \"{most}\"")))
    }

    /// A list of texts; a single text in a file is a list of one.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<String>, Noted> {
        debug_assert!(schema::known(name).is_some_and(|key| key.shape == Shape::List));
        let texts: Option<Vec<String>> = match self.settings.get(name).map(|(kind, _)| kind) {
            None => Some(vec![]),
            Some(ValueKind::String(text)) if text.is_empty() => Some(vec![]),
            Some(ValueKind::String(text)) => Some(vec![text.clone()]),
            Some(ValueKind::Array(items)) => items
                .iter()
                .map(|item| match &item.kind {
                    ValueKind::String(text) if !text.is_empty() => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            Some(_) => None,
        };
        texts.ok_or_else(|| self.refuse(name, "is not a list of texts", "write it like [\"one\", \"two\"]"))
    }

    /// A secret's file, where one is named; the secret itself must not be given then.
    pub(super) fn secret_file(
        &mut self,
        name: &'static str,
        file: &'static str,
    ) -> Result<Option<String>, Noted> {
        let Some(path) = self.optional(file)?.map(PathBuf::from) else { return Ok(None) };
        let by_default = |origin: &String| origin == super::layers::DEFAULT;
        if self.shown(name).is_some_and(|shown| shown != "\"\"" && shown != "[]")
            && !self.settings.get(name).is_some_and(|(_, origin)| by_default(origin))
        {
            let origin = self.settings.get(file).map(|(_, origin)| origin.clone()).unwrap_or_default();
            return Err(self.refuse(
                name,
                format!("is given twice, also by {file} (from {origin})"),
                "remove one of the two",
            ));
        }
        match secret_file::read(&path) {
            Ok(secret) => {
                self.from_files.insert(name, format!("file {} ({file})", path.display()));
                self.secret_files.push(path);
                Ok(Some(secret))
            }
            Err(bad) => Err(self.refuse(
                file,
                bad.to_string(),
                "put the secret alone on one line into a file that the keeper can read",
            )),
        }
    }

    /// A secret, given directly or by file.
    pub(super) fn secret(&mut self, name: &'static str, file: &'static str) -> Result<Option<String>, Noted> {
        let from_file = self.secret_file(name, file)?;
        let direct = self.optional(name)?;
        if from_file.is_none() && direct.as_ref().is_some_and(|secret| secret.contains(char::is_control)) {
            return Err(self.refuse(
                name,
                "holds a control character",
                "write the secret alone, on one line",
            ));
        }
        Ok(from_file.or(direct))
    }
}

/// No URL besides the database's should hold a password. One that does is shown without it, like that one.
fn without_password(text: &str) -> String {
    let masked = |mut url: Url| match url.set_password(Some("***")) {
        Ok(()) => url.into(),
        Err(()) => "***".into(),
    };
    match Url::parse(text) {
        Ok(url) if url.password().is_some() => masked(url),
        Err(_) if text.contains("://") && text.contains('@') => "***".into(),
        _ => text.into(),
    }
}
