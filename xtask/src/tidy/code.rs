//! Rust source cut into what is code, what is text and what is comment: just enough of the grammar for that.
//!
//! A rule that read raw lines would trip over its own documentation.

/// A line of a source file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// The code, without comments; the contents of literals are left out, their quotes stay.
    pub(super) code: String,
    /// The contents of the string literals that begin on this line, escapes as written.
    pub(super) texts: Vec<String>,
    /// It belongs to tests: it stands below `#[cfg(test)] mod`, or is the one item under `#[cfg(test)]`.
    pub(super) test: bool,
}

enum State {
    Code,
    Comment(usize),
    /// Inside a string literal; `Some(n)` if it is raw, with n marks.
    Text(Option<usize>),
}

/// Cuts a whole file.
pub(super) fn lines(source: &str) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let mut state = State::Code;
    // The line on which the current string literal began.
    let mut begun = 0;
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let here = lines.len() - 1;
        if c == '\n' {
            if let State::Text(_) = state {
                push_text(&mut lines, begun, c);
            }
            lines.push(Line::default());
            rest = after;
            continue;
        }
        match state {
            State::Comment(depth) => {
                if rest.starts_with("*/") {
                    state = if depth == 1 { State::Code } else { State::Comment(depth - 1) };
                    rest = &rest[2..];
                } else if rest.starts_with("/*") {
                    state = State::Comment(depth + 1);
                    rest = &rest[2..];
                } else {
                    rest = after;
                }
            }
            State::Text(None) if c == '\\' => {
                push_text(&mut lines, begun, c);
                // What is escaped never ends the literal; a line break is left for the top of the loop.
                if let Some(escaped) = after.chars().next().filter(|c| *c != '\n') {
                    push_text(&mut lines, begun, escaped);
                    rest = &after[escaped.len_utf8()..];
                } else {
                    rest = after;
                }
            }
            State::Text(raw) => {
                let end = format!("\"{}", "#".repeat(raw.unwrap_or(0)));
                if rest.starts_with(&end) {
                    lines[here].code.push('"');
                    state = State::Code;
                    rest = &rest[end.len()..];
                } else {
                    push_text(&mut lines, begun, c);
                    rest = after;
                }
            }
            State::Code => {
                if rest.starts_with("//") {
                    rest = rest.find('\n').map_or("", |at| &rest[at..]);
                } else if rest.starts_with("/*") {
                    state = State::Comment(1);
                    rest = &rest[2..];
                } else if let Some((length, raw)) = opening(rest, &lines[here].code) {
                    lines[here].code.push('"');
                    lines[here].texts.push(String::new());
                    begun = here;
                    state = State::Text(raw);
                    rest = &rest[length..];
                } else if c == '\'' {
                    let length = character(rest);
                    lines[here].code.push_str(if length == 1 { "'" } else { "''" });
                    rest = &rest[length..];
                } else {
                    lines[here].code.push(c);
                    rest = after;
                }
            }
        }
    }
    mark_tests(&mut lines);
    lines
}

fn push_text(lines: &mut [Line], begun: usize, c: char) {
    if let Some(text) = lines[begun].texts.last_mut() {
        text.push(c);
    }
}

/// If a string literal opens here: the length of its opening, and whether it is raw.
fn opening(rest: &str, before: &str) -> Option<(usize, Option<usize>)> {
    if rest.starts_with('"') {
        return Some((1, None));
    }
    // An `r` or `b` at the end of a longer word opens nothing.
    if before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let tail = &rest[prefix.len()..];
    let marks = tail.len() - tail.trim_start_matches('#').len();
    let raw = prefix.ends_with('r');
    if !tail[marks..].starts_with('"') || (!raw && marks > 0) {
        return None;
    }
    Some((prefix.len() + marks + 1, raw.then_some(marks)))
}

/// The length of a character literal, or 1 for the mark of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            rest[from..].find('\'').map_or(1, |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

fn mark_tests(lines: &mut [Line]) {
    let mut below = false;
    let mut next = false;
    for line in lines {
        let code = line.code.trim();
        if next && !code.is_empty() && !code.starts_with("#[") {
            line.test = true;
            below |= code.contains("mod ") && code.ends_with('{');
            next = false;
        }
        line.test |= below;
        if let Some((_, item)) = code.split_once("#[cfg(test)]") {
            line.test = true;
            next = item.trim().is_empty();
            below |= item.contains("mod ") && item.trim_end().ends_with('{');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(source: &str) -> Vec<(String, Vec<String>)> {
        lines(source).into_iter().map(|line| (line.code, line.texts)).collect()
    }

    #[test]
    fn comments_and_texts_are_no_code() {
        let source = "let a = \"x \\\" // y\"; // b\n/* c /* d */ e */ f('\"', 'a', '\\'')";
        assert_eq!(
            cut(source),
            [
                ("let a = \"\"; ".to_owned(), vec!["x \\\" // y".to_owned()]),
                (" f('', '', '')".to_owned(), vec![])
            ]
        );
    }

    #[test]
    fn raw_and_byte_literals_and_lifetimes() {
        let source = "fn g<'a>(x: &'a str) { r#\"q\"u\"#; b\"250\"; br\"\\\"; bar\"\" }";
        assert_eq!(
            cut(source),
            [(
                "fn g<'a>(x: &'a str) { \"\"; \"\"; \"\"; bar\"\" }".to_owned(),
                ["q\"u", "250", "\\", ""].map(str::to_owned).to_vec()
            )]
        );
    }

    #[test]
    fn a_text_over_two_lines_belongs_to_the_first() {
        let found = cut("f(\"one\\\n two\");\ng()");
        assert_eq!(found[0].1, ["one\\\n two"]);
        assert_eq!(found[2].0, "g()");
    }

    #[test]
    fn tests_are_known() {
        let source = "a();\n#[cfg(test)]\nextern crate std;\nb();\n#[cfg(test)]\nmod tests;\nc();\n#[cfg(test)]\n#[x]\nmod t {\nd();";
        let marked: Vec<bool> = lines(source).iter().map(|line| line.test).collect();
        assert_eq!(marked, [false, true, true, false, true, true, false, true, false, true, true]);
    }
}
