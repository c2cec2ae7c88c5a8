//! The rules that look at one file: what must not stand where, and what to write instead.
//!
//! A rule is data where it can be; the few that need more are functions below the table.

use super::code::{self, Line};
use super::{Finding, Findings};

/// A file may have this many octets. Larger ones are generated, or belong elsewhere.
const OCTETS_MAX: usize = 200 * 1024;
/// Above this a source file is mentioned, not refused.
const LINES_NOTE: usize = 400;

/// A word that must not stand in code.
struct Ban {
    /// Any of these, as whole words; a following `!` or `::` part counts.
    words: &'static [&'static str],
    /// Where the ban holds: paths that begin so; empty: everywhere.
    within: &'static [&'static str],
    /// Where it does not: paths that begin so.
    except: &'static [&'static str],
    /// It does not hold in tests.
    tests_may: bool,
    what: &'static str,
    instead: &'static str,
}

const BANS: [Ban; 6] = [
    Ban {
        words: &["Instant::now", "SystemTime::now"],
        within: &[],
        except: &["runtime/src/clock.rs", "xtask/", "conformance/"],
        tests_may: true,
        what: "a clock is read",
        instead: "take the time as an argument; only runtime/src/clock.rs reads clocks",
    },
    Ban {
        words: &["select!"],
        within: &[],
        except: &["runtime/src/drive.rs"],
        tests_may: false,
        what: "a second select!",
        instead: "send the event to the one loop in runtime/src/drive.rs",
    },
    Ban {
        words: &["extern crate std"],
        within: &["core/"],
        except: &[],
        tests_may: true,
        what: "the core asks for std",
        instead: "use alloc, or let the runtime do it and bring the result as an input",
    },
    Ban {
        words: &["HashMap", "HashSet"],
        within: &["core/"],
        except: &[],
        tests_may: false,
        what: "a map whose order changes from run to run",
        instead: "use BTreeMap or BTreeSet",
    },
    Ban {
        words: &[
            "as u8", "as u16", "as u32", "as u64", "as u128", "as usize", "as i8", "as i16", "as i32",
            "as i64", "as i128", "as isize",
        ],
        within: &["core/src/", "runtime/src/"],
        except: &[],
        tests_may: true,
        what: "a cast that may cut a number",
        instead: "use From, or try_from with what holds when it does not fit",
    },
    Ban {
        words: &[concat!("to", "do!"), concat!("unimple", "mented!")],
        within: &[],
        except: &[],
        tests_may: false,
        what: "something left undone",
        instead: "do it, or leave it out",
    },
];

/// Files in which white space at the end of a line means nothing and is a slip.
const PROSE: [&str; 7] = [".rs", ".toml", ".md", ".sh", ".smtp", ".dot", ".ci/run"];

/// Looks at one file.
pub(super) fn file(path: &str, bytes: &[u8], findings: &mut Findings) {
    let mut report = |line: usize, what: String, instead: &'static str| {
        findings.errors.push(Finding { path: path.to_owned(), line, what, instead });
    };
    if bytes.len() > OCTETS_MAX && path != "Cargo.lock" {
        report(
            0,
            format!("{} KiB", bytes.len() / 1024),
            "keep it outside of the repository, or generate it when it is needed",
        );
    }
    // Corpora are octets, even where they happen to be text.
    if path.starts_with("fuzz/corpus/") {
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.contains(concat!("/wo", "rk/")) {
            report(
                number,
                "a path of one machine".to_owned(),
                "name it from the root of the project, or take it as an argument",
            );
        }
        for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
            if word_at(line, word) {
                report(number, word.to_owned(), "do it, or open an issue and say nothing here");
            }
        }
        if PROSE.iter().any(|end| path.ends_with(end)) && line.ends_with([' ', '\t']) {
            report(number, "white space at the end of the line".to_owned(), "cut it");
        }
        if path.ends_with(".rs") && line.contains('\t') {
            report(number, "a tab".to_owned(), "use spaces, or \\t in a literal");
        }
    }
    if path.ends_with(".rs") {
        source(path, text, findings);
    }
}

fn source(path: &str, text: &str, findings: &mut Findings) {
    let mut report = |line: usize, what: String, instead: &'static str| {
        findings.errors.push(Finding { path: path.to_owned(), line, what, instead });
    };
    if !text.starts_with("//!") {
        report(
            1,
            "the file does not say what it is for".to_owned(),
            "begin with //!: what this room is for, and what it never does",
        );
    }
    let lines = code::lines(text);
    let test_file = path.contains("/tests/") || path.ends_with("/tests.rs");
    for (index, line) in lines.iter().enumerate() {
        let test = test_file || line.test;
        for ban in BANS.iter().filter(|ban| ban.holds(path) && !(test && ban.tests_may)) {
            for word in ban.words.iter().filter(|word| word_at(&line.code, word)) {
                report(index + 1, format!("{}: {word}", ban.what), ban.instead);
            }
        }
        if !test && speaks_digits(path, line) {
            report(
                index + 1,
                "the digits of a reply outside of core/src/reply".to_owned(),
                "say it through the catalogue in core/src/reply/catalog.rs",
            );
        }
    }
    let count = text.lines().count();
    if count > LINES_NOTE {
        findings.notes.push(format!("{path}: {count} lines; more than {LINES_NOTE} is rarely one thought"));
    }
}

impl Ban {
    fn holds(&self, path: &str) -> bool {
        let begins = |list: &[&str]| list.iter().any(|start| path.starts_with(start));
        (self.within.is_empty() || begins(self.within)) && !begins(self.except)
    }
}

/// A literal that holds a reply, at its start or behind a line end.
fn speaks_digits(path: &str, line: &Line) -> bool {
    let inside = path.starts_with("core/src/") || path.starts_with("runtime/src/");
    // In core/src/config, three digits are seconds and octets, and nothing is said.
    let may = path.starts_with("core/src/reply/") || path.starts_with("core/src/config/");
    inside && !may && line.texts.iter().any(|text| text.split("\\n").any(is_reply))
}

fn is_reply(text: &str) -> bool {
    let digits = text.as_bytes();
    matches!(digits, [b'2'..=b'5', b'0'..=b'7', b'0'..=b'9', ..])
        && digits.get(3).is_none_or(|next| matches!(next, b' ' | b'-' | b'\\'))
}

/// `word` in `line`, not as a part of a longer word.
fn word_at(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let inside = before.is_some_and(part) || (word.ends_with(part) && after.is_some_and(part));
        !inside
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        file(path, text.as_bytes(), &mut findings);
        findings.errors.iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn a_clean_file_is_silent() {
        let text = "//! Room.\n/// Instant::now is named here only.\nfn f() -> &'static str { \"127.0.0.1 asks\" }\n";
        assert_eq!(found("core/src/x.rs", text), Vec::<String>::new());
    }

    #[test]
    fn each_ban_is_found_where_it_holds() {
        for (path, code, what) in [
            ("core/src/x.rs", "let n = Instant::now();", "2: a clock is read: Instant::now"),
            ("sim/src/x.rs", "std::time::SystemTime::now()", "2: a clock is read: SystemTime::now"),
            ("runtime/src/desk.rs", "tokio::select! {", "2: a second select!: select!"),
            ("core/src/lib.rs", "extern crate std;", "2: the core asks for std: extern crate std"),
            (
                "core/src/x.rs",
                "let m: HashMap<u8, u8>;",
                "2: a map whose order changes from run to run: HashMap",
            ),
            ("runtime/src/x.rs", "x as usize + 1", "2: a cast that may cut a number: as usize"),
            (
                "core/src/session/x.rs",
                "say(\"250 fine\")",
                "2: the digits of a reply outside of core/src/reply",
            ),
            ("runtime/src/x.rs", "b\"ok\\r\\n550 no\"", "2: the digits of a reply outside of core/src/reply"),
            ("runtime/src/x.rs", "w(b\"421\")", "2: the digits of a reply outside of core/src/reply"),
            ("sim/src/x.rs", "let x = 1; \t", "2: white space at the end of the line"),
        ] {
            let found = found(path, &format!("//! Room.\n{code}\n"));
            assert!(found.contains(&what.to_owned()), "{path}: {code}: {found:?}");
        }
    }

    #[test]
    fn what_is_allowed_elsewhere_is_silent() {
        for (path, code) in [
            ("runtime/src/clock.rs", "Instant::now()"),
            ("xtask/src/bench/mod.rs", "Instant::now()"),
            ("runtime/tests/tcp.rs", "Instant::now(); x as u64; \"250 ok\""),
            ("runtime/src/drive.rs", "tokio::select! {"),
            ("core/src/reply/catalog.rs", "\"250 fine\""),
            ("core/src/config/param.rs", "\"300\""),
            ("core/src/x.rs", "#[cfg(test)]\nmod tests {\n\"250 fine\"; 1 as u8"),
            ("core/src/x.rs", "#[cfg(test)]\nextern crate std;"),
            ("core/src/x.rs", "x as Wide; alias u8; \"2500\"; \"250.5\""),
            ("sim/src/x.rs", "x as u64"),
        ] {
            assert_eq!(found(path, &format!("//! Room.\n{code}\n")), Vec::<String>::new(), "{path}: {code}");
        }
    }

    #[test]
    fn the_rest_of_the_rules() {
        assert_eq!(found("core/src/x.rs", "fn f() {}\n"), ["1: the file does not say what it is for"]);
        assert_eq!(found("a.md", concat!("x\nsee /wo", "rk/x\n")), ["2: a path of one machine"]);
        assert_eq!(found("a.toml", concat!("# FIX", "ME\n")), [concat!("1: FIX", "ME")]);
        assert_eq!(found("sim/src/x.rs", "//! Room.\n\tf();\n"), ["2: a tab"]);
        assert_eq!(found("fuzz/corpus/line/1", " \t \n"), Vec::<String>::new());
        let large = "x".repeat(OCTETS_MAX + 1);
        assert_eq!(found("a.txt", &large), ["0: 200 KiB"]);
    }

    #[test]
    fn a_long_file_is_only_a_note() {
        let mut findings = Findings::default();
        file("core/src/x.rs", format!("//! Room.\n{}", "//\n".repeat(400)).as_bytes(), &mut findings);
        assert!(findings.errors.is_empty());
        assert_eq!(findings.notes.len(), 1);
    }
}
