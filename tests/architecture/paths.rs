//! Finds the paths a file names, by `use` or in its code, and writes those of this crate out from its root.

use crate::lexer::Token;

/// A path, `["crate", "domain", "Grant"]` or `["actix", "dev"]`, where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// The module a file under `src` holds: `domain/mod.rs` is `["domain"]`, `store/writer.rs` `["store", "writer"]`.
pub(crate) fn module_of(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|name| ["mod", "lib", "main"].contains(&name.as_str())) {
        path.pop();
    }
    path
}

/// Every path of at least two segments, and every tree of a `use`, in a module's tokens.
pub(crate) fn references(tokens: &[Token], module: &[String]) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut here = module.to_vec();
    let mut blocks = Vec::new(); // of each open brace: is it a module's?
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.is(text));
        if token.is("use") && !is(at + 1, "<") {
            let mut paths = Vec::new();
            at = use_tree(tokens, at + 1, &[], &mut paths);
            found
                .extend(paths.into_iter().map(|(path, line)| Reference { path: resolve(path, &here), line }));
            continue;
        }
        if token.is("mod") && is(at + 2, "{") {
            here.push(tokens[at + 1].text.clone());
            blocks.push(true);
            at += 3;
            continue;
        }
        match token.text.as_str() {
            "{" => blocks.push(false),
            "}" if blocks.pop() == Some(true) => drop(here.pop()),
            _ if token.is_word() && is(at + 1, "::") => {
                let mut path = vec![token.text.clone()];
                while is(at + 1, "::") && tokens.get(at + 2).is_some_and(Token::is_word) {
                    at += 2;
                    path.push(tokens[at].text.clone());
                }
                found.push(Reference { path: resolve(path, &here), line: token.line });
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads one tree of a `use` from `at`; returns where it ends.
fn use_tree(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut path = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => {}
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| !token.is("}")) {
                    at = use_tree(tokens, at, &path, found);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.is(",")));
                }
                return at + 1;
            }
            "as" => at += 1, // the new name is no segment
            "self" if !path.is_empty() => {}
            "*" => path.push("*".to_owned()),
            _ if token.is_word() => path.push(token.text.clone()),
            _ => break,
        }
        at += 1;
    }
    found.push((path, line));
    at
}

/// `self::` and `super::` written out from the crate's root; the binaries call it by its name.
fn resolve(path: Vec<String>, here: &[String]) -> Vec<String> {
    let mut base = here.to_vec();
    let mut rest = path.as_slice();
    match rest.first().map(String::as_str) {
        Some("calendly_keeper") => base.clear(),
        Some("self" | "super") => {
            while let Some(word) = rest.first().filter(|word| ["self", "super"].contains(&word.as_str())) {
                if word == "super" {
                    base.pop();
                }
                rest = &rest[1..];
            }
            return ["crate".to_owned()].into_iter().chain(base).chain(rest.iter().cloned()).collect();
        }
        _ => return path,
    }
    ["crate".to_owned()].into_iter().chain(rest[1..].iter().cloned()).collect()
}
