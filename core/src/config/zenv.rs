//! The ZENV file: settings of a whole mail system, `NAME=value` a line, which shell scripts read as well. It is read
//! as text; no shell runs, and the environment of this process does not count.

use super::file::remark::{Remark, Spot};
use crate::limits::CONFIG_LINE_MAX;
use crate::near;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Where the mail system is when no ZENV file says it.
pub const MAILSHARE: &str = "/opt/mail";

/// The variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zenv {
    values: BTreeMap<String, String>,
}

impl Default for Zenv {
    /// What holds without a file.
    fn default() -> Zenv {
        Zenv { values: BTreeMap::new() }.with_defaults()
    }
}

impl Zenv {
    /// Reads a file. Remarks are warnings: a line that is no `NAME=value` is for the shell only, and passed over.
    pub fn read(name: &str, octets: &[u8]) -> (Zenv, Vec<Remark>) {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut remarks = Vec::new();
        let text = String::from_utf8_lossy(octets);
        for (index, line) in text.lines().enumerate() {
            let Some((variable, value)) = line.split_once('=') else { continue };
            if !is_name(variable) {
                continue;
            }
            let mut warn = |what: String| {
                remarks.push(Spot::new(name, index + 1, line, 0..variable.len()).warning(what, ""));
            };
            if line.len() > CONFIG_LINE_MAX {
                warn(format!("{variable} is too long and left out"));
            } else if values.contains_key(variable) {
                warn(format!("{variable} is there already; the first line counts"));
            } else {
                let value = plain_value(value, &values, &mut warn);
                values.insert(variable.to_string(), value);
            }
        }
        (Zenv { values }.with_defaults(), remarks)
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A variable that looks like `name`.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        near::nearest(name, self.values.keys().map(String::as_str))
    }

    fn with_defaults(mut self) -> Zenv {
        let share =
            self.values.entry("MAILSHARE".to_string()).or_insert_with(|| MAILSHARE.to_string()).clone();
        for (name, value) in [
            ("MAILVAR", share.clone()),
            ("MAILBIN", format!("{share}/bin")),
            ("POSTOFFICE", "/var/spool/postoffice".to_string()),
            ("DBTYPE", "btree".to_string()),
        ] {
            self.values.entry(name.to_string()).or_insert(value);
        }
        self
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with(|c: char| c.is_ascii_digit())
        && word.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}

/// The value that a shell would see: without quotes and comments, and with the variables above it put in.
fn plain_value(text: &str, known: &BTreeMap<String, String>, warn: &mut impl FnMut(String)) -> String {
    let text = text.trim_start_matches([' ', '\t']);
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let inside = match quote {
        Some(quote) => match text[1..].find(quote) {
            Some(end) => &text[1..=end],
            None => {
                warn("a quote is opened and not closed".to_string());
                &text[1..]
            }
        },
        None => text.find(" #").or_else(|| text.find("\t#")).map_or(text, |end| &text[..end]).trim_end(),
    };
    if quote == Some('\'') {
        return inside.to_string();
    }
    let mut value = String::new();
    let mut rest = inside;
    while let Some(at) = rest.find('$') {
        value += &rest[..at];
        let behind = &rest[at + 1..];
        let (name, used) = match behind.strip_prefix('{').and_then(|inner| Some((inner, inner.find('}')?))) {
            Some((inner, end)) => (&inner[..end], end + 2),
            None => {
                let end =
                    behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
                (&behind[..end], end)
            }
        };
        match known.get(name) {
            Some(known) if value.len() + known.len() <= CONFIG_LINE_MAX => value += known,
            Some(_) => warn(format!("${name} makes the value too long and is left out")),
            None => {
                if is_name(name) {
                    warn(format!("there is no variable {name} above this line"));
                }
                value.push('$');
                value += &behind[..used];
            }
        }
        rest = &behind[used..];
    }
    value + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_read_as_a_shell_would() {
        let file = b"# a comment\n\
            MAILSHARE=/srv/mail\n\
            MAILBIN=$MAILSHARE/bin   # programs\n\
            MAILVAR=\"${MAILSHARE}/var\"\n\
            PLAIN='$MAILSHARE' # as it is\n\
            MAILSHARE=/other\n\
            export MAILSHARE\n\
            \x20INDENTED=1\n\
            EMPTY=\n\
            BLANKS=  a b  \n\
            UNKNOWN=$NOWHERE/x$\n\
            OPEN=\"a\n\
            ALLOWSOURCEROUTE=1";
        let (zenv, remarks) = Zenv::read("zmailer.conf", file);
        for (name, value) in [
            ("MAILSHARE", Some("/srv/mail")),
            ("MAILBIN", Some("/srv/mail/bin")),
            ("MAILVAR", Some("/srv/mail/var")),
            ("PLAIN", Some("$MAILSHARE")),
            ("INDENTED", None),
            ("EMPTY", Some("")),
            ("BLANKS", Some("a b")),
            ("UNKNOWN", Some("$NOWHERE/x$")),
            ("OPEN", Some("a")),
            ("ALLOWSOURCEROUTE", Some("1")),
            ("POSTOFFICE", Some("/var/spool/postoffice")),
        ] {
            assert_eq!(zenv.get(name), value, "{name}");
        }
        let said: Vec<_> = remarks.iter().map(|remark| (remark.spot.line, remark.what.as_str())).collect();
        assert_eq!(
            said,
            [
                (6, "MAILSHARE is there already; the first line counts"),
                (11, "there is no variable NOWHERE above this line"),
                (12, "a quote is opened and not closed"),
            ]
        );
    }

    #[test]
    fn there_are_values_without_a_file() {
        assert_eq!(Zenv::default().get("MAILSHARE"), Some("/opt/mail"));
        assert_eq!(Zenv::default().get("MAILBIN"), Some("/opt/mail/bin"));
        assert_eq!(Zenv::default().get("BINDADDR"), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_read(octets in prop::collection::vec(prop::sample::select(&b"AB={}$\"'# \n\xff"[..]), 0..80)) {
            let (zenv, _) = Zenv::read("zenv", &octets);
            prop_assert!(zenv.get("MAILSHARE").is_some());
        }
    }
}
