//! Just enough of Rust's grammar to see which paths a file names.

use std::collections::BTreeSet;

/// The code with comments and literals left out, so that only what the compiler follows remains.
pub fn blank(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skip = match literal_len(rest) {
            Some(length) => length,
            None if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            None if rest.starts_with("/*") => block_len(rest),
            None => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        code.push(' ');
        rest = &rest[skip..];
    }
    code
}

/// Length of the string or character that stands here, if one does. (A lifetime is neither.)
fn literal_len(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r')).filter(|&length| length <= 2)?;
    let raw = rest[..prefix].contains('r');
    let body = &rest[prefix..];
    let hashes = body.len() - body.trim_start_matches('#').len();
    if raw && body[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let inside = &body[hashes + 1..];
        return Some(prefix + hashes + 1 + inside.find(&end).map_or(inside.len(), |at| at + end.len()));
    }
    let quote = body.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (mut inside, mut escaped) = (0, false);
    let mut chars = body.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => escaped = chars.next().is_some(),
            _ if c == quote => return Some(prefix + at + 1),
            _ if quote == '\'' && inside > 0 && !escaped => return None,
            _ => {}
        }
        inside += 1;
    }
    (quote == '"').then_some(rest.len())
}

/// Length of a block comment; they nest.
fn block_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words, and `::` as one, and every other character alone.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match rest.find(|c| !is_word(c)).unwrap_or(rest.len()) {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            word => word,
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// What the code names at the root of the crate, from a file `depth` modules below it.
pub fn roots(code: &str, depth: usize, floors: &BTreeSet<String>) -> BTreeSet<String> {
    let tokens = tokens(code);
    let mut named = BTreeSet::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        while tokens[at..].starts_with(&["super", "::"]) {
            at += 2;
        }
        if at > start {
            // A test module inside a file is one deeper; then the same steps end one floor lower, on no floor's name.
            let climbs = (at - start) / 2 >= depth;
            named.extend(first_names(&tokens[at..]).filter(|name| climbs && floors.contains(name)));
            continue;
        }
        at += 1;
        match tokens[start] {
            "crate" | "blindrelay" if tokens.get(at) == Some(&"::") => named.extend(first_names(&tokens[at + 1..])),
            "crate" if tokens.get(at) == Some(&"as") => drop(named.insert("crate".to_owned())),
            _ => {}
        }
    }
    named
}

/// `a::b` → a; `{a, b::{c, d}}` → a, b.
fn first_names(tokens: &[&str]) -> impl Iterator<Item = String> + use<> {
    let mut names = Vec::new();
    let (mut depth, mut fresh) = (0, true);
    for &token in tokens {
        match token {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => fresh = true,
            _ if fresh => {
                names.push(token.to_owned());
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.into_iter()
}

/// Whether the code has this word, not as a part of a longer one.
pub fn says(code: &str, word: &str) -> bool {
    let whole = |at: usize| {
        let before = word.starts_with(is_word) && code[..at].ends_with(is_word);
        let after = word.ends_with(is_word) && code[at + word.len()..].starts_with(is_word);
        !before && !after
    };
    code.match_indices(word).any(|(at, _)| whole(at))
}
