//! Rust source as tokens, without comments and strings, and the module paths that it names.

use std::ops::Range;

/// A word, `::` or a single character, and the line it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What is written.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// A path in its parts, one into this package from its root on, as `["gpu", "device", "open"]`; and its line.
pub type Named = (Vec<String>, usize);

/// One file of `src`.
pub struct Source {
    /// Where it is, below `src`.
    pub path: String,
    /// The module it holds: empty for `lib.rs`.
    pub module: Vec<String>,
    /// What it says.
    pub tokens: Vec<Token>,
}

impl Source {
    /// The file at `path` below `src`, with `/` between its parts.
    pub fn new(path: &str, text: &str) -> Self {
        let stem = path.trim_end_matches(".rs");
        let module =
            stem.split('/').filter(|part| !matches!(*part, "mod" | "lib")).map(String::from).collect();
        Self { path: path.into(), module, tokens: tokens(text) }
    }

    /// The module directly below the root that this file belongs to.
    pub fn owner(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }

    /// The text of a token; empty beyond the end.
    pub fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// Whether the tokens from `at` on read so.
    pub fn reads(&self, at: usize, expected: &[&str]) -> bool {
        expected.iter().enumerate().all(|(offset, text)| self.text(at + offset) == *text)
    }

    /// Every path into this package that the file names: `crate::`, `super::` and, from `main.rs`, `great_lab::`.
    pub fn paths(&self) -> Vec<Named> {
        self.located().into_iter().map(|(path, at)| (path, self.tokens[at].line)).collect()
    }

    /// The same, each with the token at which it begins.
    pub fn located(&self) -> Vec<(Vec<String>, usize)> {
        let mut found = Vec::new();
        let mut module = self.module.clone();
        let (mut depth, mut opened) = (0, Vec::new());
        for at in 0..self.tokens.len() {
            match self.text(at) {
                "mod" if self.text(at + 2) == "{" => {
                    module.push(self.text(at + 1).into());
                    opened.push(depth);
                }
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if opened.last() == Some(&depth) {
                        opened.pop();
                        module.pop();
                    }
                }
                "crate" | "super" | "great_lab" if matches!(self.text(at + 1), "::" | "as") => {
                    let mut written = Vec::new();
                    self.expand(at, &[], &mut written);
                    found.extend(written.iter().map(|path| (resolve(&module, path), at)));
                }
                _ => {}
            }
        }
        found
    }

    /// Every path into `package` that the file names.
    pub fn paths_of(&self, package: &str) -> Vec<Named> {
        let starts = (0..self.tokens.len()).filter(|at| self.reads(*at, &[package, "::"]));
        starts
            .flat_map(|at| {
                let mut written = Vec::new();
                self.expand(at, &[], &mut written);
                written.into_iter().map(move |path| (path, self.tokens[at].line))
            })
            .collect()
    }

    /// Collects the paths that begin at `at` behind `prefix`, one for each leaf of a group, and says where they end.
    pub fn expand(&self, at: usize, prefix: &[String], into: &mut Vec<Vec<String>>) -> usize {
        if self.text(at) != "{" {
            let path = [prefix, &[self.text(at).to_owned()]].concat();
            let goes_on = self.text(at + 1) == "::" && !matches!(self.text(at + 2), "<" | "");
            if goes_on {
                return self.expand(at + 2, &path, into);
            }
            into.push(path);
            return at + 1;
        }
        let mut at = at + 1;
        while !matches!(self.text(at), "}" | "") {
            at = match self.text(at) {
                "," => at + 1,
                "as" => at + 2,
                _ => self.expand(at, prefix, into),
            };
        }
        at + 1
    }

    /// The tokens that are compiled for tests alone: items behind `#[cfg(test)]`.
    pub fn test_items(&self) -> Vec<Range<usize>> {
        let gate = ["#", "[", "cfg", "(", "test", ")", "]"];
        let starts = (0..self.tokens.len()).filter(|at| self.reads(*at, &gate));
        starts.map(|start| start..self.item_end(start + gate.len())).collect()
    }

    /// Names of modules in files of their own that are compiled for tests alone.
    pub fn test_modules(&self) -> Vec<Vec<String>> {
        let items = self.test_items().into_iter().filter(|item| self.text(item.end - 1) == ";");
        items
            .filter_map(|item| item.clone().find(|at| self.text(*at) == "mod"))
            .map(|at| [&self.module[..], &[self.text(at + 1).to_owned()]].concat())
            .collect()
    }

    /// One past the `;` or the closing brace of the item that begins at `at`.
    pub fn item_end(&self, mut at: usize) -> usize {
        let mut depth = 0;
        while at < self.tokens.len() {
            match self.text(at) {
                "{" | "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                "}" if depth == 1 => return at + 1,
                "}" => depth -= 1,
                ";" if depth == 0 => return at + 1,
                _ => {}
            }
            at += 1;
        }
        at
    }
}

/// `written` in `module` as a path from the root.
pub fn resolve(module: &[String], written: &[String]) -> Vec<String> {
    let mut path = module.to_vec();
    for part in written {
        match part.as_str() {
            "crate" | "great_lab" => path.clear(),
            "super" => drop(path.pop()),
            "self" => {}
            name => path.push(name.into()),
        }
    }
    path
}

/// Splits Rust source, leaving out comments, strings, characters and lifetimes.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => find(&chars, at, |rest| rest[0] == '\n'),
            '/' if chars.get(at + 1) == Some(&'*') => comment_end(&chars, at),
            '"' => string_end(&chars, at),
            'r' | 'b' | 'c' if raw_string_end(&chars, at).is_some() => {
                raw_string_end(&chars, at).unwrap_or(chars.len())
            }
            '\'' => quote_end(&chars, at),
            first if first.is_whitespace() => at + 1,
            first => {
                let end = match first {
                    _ if is_word(first) => find(&chars, at, |rest| !is_word(rest[0])),
                    ':' if chars.get(at + 1) == Some(&':') => at + 2,
                    _ => at + 1,
                };
                found.push(Token { text: chars[at..end].iter().collect(), line });
                end
            }
        };
        line += chars[at..end].iter().filter(|char| **char == '\n').count();
        at = end;
    }
    found
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// The first place from `at` on whose rest is as wanted, or the end.
fn find(chars: &[char], at: usize, wanted: impl Fn(&[char]) -> bool) -> usize {
    (at..chars.len()).find(|place| wanted(&chars[*place..])).unwrap_or(chars.len())
}

/// Block comments nest.
fn comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (0, at);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(chars: &[char], at: usize) -> usize {
    let mut at = at + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Where `r"…"`, `br#"…"#` and their like end; none where `at` begins something else.
fn raw_string_end(chars: &[char], at: usize) -> Option<usize> {
    if at > 0 && is_word(chars[at - 1]) {
        return None;
    }
    let raw = if chars[at] == 'r' { at } else { at + 1 };
    if chars.get(raw) != Some(&'r') {
        return None;
    }
    let open = find(chars, raw + 1, |rest| rest[0] != '#');
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let hashes = open - raw - 1;
    let close = |rest: &[char]| {
        rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|char| *char == '#')
    };
    Some((find(chars, open + 1, close) + hashes + 1).min(chars.len()))
}

/// Where a character ends, or a lifetime.
fn quote_end(chars: &[char], at: usize) -> usize {
    match chars[at + 1..] {
        ['\\', ..] => (find(chars, at + 3, |rest| rest[0] == '\'') + 1).min(chars.len()),
        [_, '\'', ..] => at + 3,
        _ => find(chars, at + 1, |rest| !is_word(rest[0])),
    }
}
