//! Holds one file, or the tree's layout, against the table.

use std::fmt;

use crate::lexer::{Token, tokens, without_tests};
use crate::paths::{Reference, module_of, references};
use crate::rules::{MAX_LINES, NAMES_OF_NOTHING, NOT_IN_DOMAIN, PLACES, UNITS};

/// A broken rule and the place that breaks it.
#[derive(Debug)]
pub(crate) struct Violation {
    file: String,
    line: usize,
    what: String,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}: {}", self.file, self.line, self.what, self.rule)
    }
}

/// What ships of a file, and the modules beside it that are there for tests alone.
pub(crate) struct Source {
    file: String,
    lines: usize,
    opens_with_doc: bool,
    module: Vec<String>,
    tokens: Vec<Token>,
    pub(crate) test_modules: Vec<Vec<String>>,
}

impl Source {
    /// `file` is the path below `src`, with `/`.
    pub(crate) fn read(file: &str, text: &str) -> Self {
        let (shipped, test_files) = without_tests(&tokens(text));
        let module = module_of(file);
        let test_modules =
            test_files.into_iter().map(|name| module.iter().cloned().chain([name]).collect()).collect();
        Self {
            file: file.to_owned(),
            lines: text.lines().count(),
            opens_with_doc: text.starts_with("//!"),
            module,
            tokens: shipped,
            test_modules,
        }
    }

    pub(crate) fn is_below(&self, module: &[String]) -> bool {
        self.module.starts_with(module)
    }

    fn unit(&self) -> &str {
        self.file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    fn is_in(&self, places: &[&str]) -> bool {
        let path = self.file.trim_end_matches(".rs").trim_end_matches("/mod");
        places.iter().any(|place| path == *place || path.starts_with(&format!("{place}/")))
    }

    fn violation(&self, line: usize, what: impl Into<String>, rule: impl Into<String>) -> Violation {
        Violation { file: self.file.clone(), line, what: what.into(), rule: rule.into() }
    }

    /// Size, first line and name.
    pub(crate) fn layout(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if !UNITS.iter().any(|unit| unit.name == self.unit()) {
            found.push(self.violation(
                1,
                format!("`{}` has no place in the architecture", self.unit()),
                "add it to the table in tests/architecture/rules.rs",
            ));
        }
        if self.lines > MAX_LINES {
            let rule = format!("a file holds one idea, in at most {MAX_LINES} lines");
            found.push(self.violation(MAX_LINES + 1, format!("{} lines", self.lines), rule));
        }
        if !self.opens_with_doc {
            let rule = "a file opens with a `//!` line: what lives here";
            found.push(self.violation(1, "no `//!` in the first line", rule));
        }
        let names = self.file.trim_end_matches(".rs").split('/');
        for name in names.filter(|name| NAMES_OF_NOTHING.contains(name)) {
            let rule = "a name says what belongs there";
            found.push(self.violation(1, format!("`{name}` is no name"), rule));
        }
        found
    }

    /// What it names and may not.
    pub(crate) fn imports(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for Reference { path, line } in references(&self.tokens, &self.module) {
            let shown = path.join("::");
            if let [root, first, ..] = path.as_slice()
                && root == "crate"
            {
                found.extend(self.unit_rule(first).map(|rule| self.violation(line, shown, rule)));
            } else if let Some(rule) = place_rule(&path, |places| self.is_in(places)) {
                found.push(self.violation(line, shown, rule));
            } else if self.unit() == "domain" && NOT_IN_DOMAIN.contains(&path[0].as_str()) {
                found.push(self.violation(line, shown, PURE));
            }
        }
        for token in &self.tokens {
            let text = &token.text;
            let single = [text.clone()];
            let is_path_rule = text == "ContextFut"; // a prelude may have brought it in without its path
            if self.unit() == "domain" && (text == "async" || text == "await") {
                found.push(self.violation(token.line, text, PURE));
            } else if is_path_rule && let Some(rule) = place_rule(&single, |places| self.is_in(places)) {
                found.push(self.violation(token.line, text, rule));
            }
        }
        found
    }

    fn unit_rule(&self, named: &str) -> Option<String> {
        let unit = UNITS.iter().find(|unit| unit.name == self.unit())?;
        if named == unit.name || unit.may_import.contains(&named) || unit.may_import.contains(&"lib") {
            return None;
        }
        let may = if unit.may_import.is_empty() {
            "nothing of the crate".to_owned()
        } else {
            format!("only {}", unit.may_import.join(", "))
        };
        Some(format!("{} may import {may}", unit.name))
    }
}

const PURE: &str = "domain is pure: no I/O, no clock, no async, no actors";

/// The rule a path breaks: the longest name in the table that it begins with.
fn place_rule(path: &[String], is_in: impl Fn(&[&str]) -> bool) -> Option<String> {
    let begins = |name: &str| {
        let segments: Vec<&str> = name.split("::").collect();
        path.len() >= segments.len() && segments.iter().zip(path).all(|(segment, word)| segment == word)
    };
    let place = PLACES.iter().filter(|place| begins(place.name)).find(|place| !is_in(place.only_in))?;
    let places: Vec<String> = place.only_in.iter().map(|place| format!("src/{place}")).collect();
    Some(format!("`{}` only in {}: {}", place.name, places.join(", "), place.because))
}
