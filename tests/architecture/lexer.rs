//! Rust source as words and signs with their lines: no comments, no strings, no test-only items.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }
}

/// The tokens of a file. `::` is one token; a string or a character is `""`.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let end = token_end(&text, at);
        let word: String = text[at..end].iter().collect();
        if starts_string(&text, at).is_some() || (text[at] == '\'' && end - at > 2 && text[end - 1] == '\'') {
            found.push(Token { text: "\"\"".to_owned(), line });
        } else if !word.starts_with("//") && !word.starts_with("/*") && !text[at].is_whitespace() {
            found.push(Token { text: word.trim_start_matches("r#").to_owned(), line });
        }
        line += text[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    found
}

fn token_end(text: &[char], at: usize) -> usize {
    let next = text.get(at + 1).copied();
    let len = text.len();
    if let Some((quote, hashes)) = starts_string(text, at) {
        return string_end(text, quote, hashes);
    }
    match text[at] {
        '/' if next == Some('/') => (at..len).find(|i| text[*i] == '\n').unwrap_or(len),
        '/' if next == Some('*') => block_comment_end(text, at),
        // A character has its end after one character or an escape; what has not is a lifetime.
        '\'' if next == Some('\\') => (at + 3..len).find(|i| text[*i] == '\'').map_or(len, |i| i + 1),
        '\'' if text.get(at + 2) == Some(&'\'') => at + 3,
        ':' if next == Some(':') => at + 2,
        'r' if next == Some('#') => (at + 2..len).find(|i| !is_word_char(text[*i])).unwrap_or(len),
        c if is_word_char(c) => (at..len).find(|i| !is_word_char(text[*i])).unwrap_or(len),
        _ => at + 1,
    }
}

/// Where the quote of a string that starts here is, and, for a raw one, how many `#` close it.
fn starts_string(text: &[char], at: usize) -> Option<(usize, Option<usize>)> {
    let mut quote = at;
    if matches!(text[quote], 'b' | 'c') {
        quote += 1;
    }
    let raw = text.get(quote) == Some(&'r');
    quote += usize::from(raw);
    let hashes = text[quote.min(text.len())..].iter().take_while(|c| raw && **c == '#').count();
    quote += hashes;
    (text.get(quote) == Some(&'"')).then_some((quote, raw.then_some(hashes)))
}

fn string_end(text: &[char], quote: usize, hashes: Option<usize>) -> usize {
    let mut at = quote + 1;
    while at < text.len() {
        match hashes {
            None if text[at] == '\\' => at += 1,
            None if text[at] == '"' => return at + 1,
            Some(n)
                if text[at] == '"' && text[at + 1..].iter().take(n).filter(|c| **c == '#').count() == n =>
            {
                return at + 1 + n;
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}

fn block_comment_end(text: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at + 1 < text.len() {
        match (text[at], text[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What ships: the tokens without the items under `#[cfg(test)]`, and the names of the test modules that are files.
pub(crate) fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut test_files) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if !starts_test_attribute(tokens, at) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        if tokens[at + 1].is("!") {
            return (Vec::new(), Vec::new()); // the whole file is for tests
        }
        while tokens.get(at).is_some_and(|token| token.is("#")) {
            at = group_end(tokens, at + 1);
        }
        let end = item_end(tokens, at);
        let item = &tokens[at..end];
        if let [.., keyword, name, semicolon] = item
            && keyword.is("mod")
            && semicolon.is(";")
        {
            test_files.push(name.text.clone());
        }
        at = end;
    }
    (kept, test_files)
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`, also with `!`; what also ships otherwise (`any`, `not`) is no test.
fn starts_test_attribute(tokens: &[Token], at: usize) -> bool {
    if !tokens[at].is("#") {
        return false;
    }
    let bracket = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|token| token.is("!")));
    if !tokens.get(bracket).is_some_and(|token| token.is("[")) {
        return false;
    }
    let inside = &tokens[bracket + 1..group_end(tokens, bracket)];
    let says = |word: &str| inside.iter().any(|token| token.is(word));
    inside[0].is("cfg") && says("test") && !says("any") && !says("not")
}

/// The end of the bracketed group that starts at `at`.
fn group_end(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// An item ends with its braces, or with a semicolon where it is one of those that go on after them.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let mut kind = start + usize::from(is(start, "pub"));
    if is(kind, "(") {
        kind = group_end(tokens, kind);
    }
    let constant = is(kind, "const") && is(kind + 2, ":");
    let goes_on = constant || ["use", "static", "let", "type"].iter().any(|word| is(kind, word));
    let mut at = kind;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" if !goes_on => return group_end(tokens, at),
            "(" | "[" | "{" => at = group_end(tokens, at),
            "}" | ")" => return at,
            _ => at += 1,
        }
    }
    at
}
