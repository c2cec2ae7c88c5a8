//! Who may know whom: the arrows between our crates, and the few crates that the core may stand on.
//!
//! The table is the drawing in ARCHITECTURE.md, as data. An arrow that is not here does not exist.

use super::{Finding, Findings};
use crate::cargo;

/// A crate of ours: its folder, its package, and the packages of ours that it may depend on, tests included.
struct Room {
    folder: &'static str,
    package: &'static str,
    may_use: &'static [&'static str],
}

const CORE: &str = "smtpserver-core";
const RUNTIME: &str = "smtpserver";
const CONFORMANCE: &str = "smtpserver-conformance";
const SIM: &str = "smtpserver-sim";
const FUZZ: &str = "smtpserver-fuzz";

const ROOMS: [Room; 6] = [
    Room { folder: "core", package: CORE, may_use: &[] },
    Room { folder: "runtime", package: RUNTIME, may_use: &[CORE] },
    // The judge is no relative of anyone it judges.
    Room { folder: "conformance", package: CONFORMANCE, may_use: &[] },
    Room { folder: "sim", package: SIM, may_use: &[CORE, RUNTIME, CONFORMANCE] },
    Room { folder: "fuzz", package: FUZZ, may_use: &[CORE, CONFORMANCE, SIM] },
    Room { folder: "xtask", package: "xtask", may_use: &[CONFORMANCE] },
];

/// All that the core is built on, to the last leaf. A new name is a decision: it must be `no_std`, and pure.
const CORE_TREE: [&str; 21] = [
    CORE,
    "bytes",
    "memchr",
    "jiff",
    "jiff-core",
    // Logins (`core/src/auth`): base64 and SCRAM. All of it is pure and `no_std`.
    "base64ct",
    "hmac",
    "pbkdf2",
    "sha2",
    "subtle",
    "zeroize",
    // Below those.
    "block-buffer",
    "cfg-if",
    "cmov",
    "cpufeatures",
    "crypto-common",
    "ctutils",
    "digest",
    "hybrid-array",
    "typenum",
    "libc",
];

/// Holds one crate's manifest against the table.
pub(super) fn manifest(path: &str, text: &str, findings: &mut Findings) {
    let folder = path.trim_end_matches("/Cargo.toml");
    let Some(room) = ROOMS.iter().find(|room| room.folder == folder) else {
        findings.errors.push(Finding {
            path: path.to_owned(),
            line: 0,
            what: "a crate that is not in the table of rooms".to_owned(),
            instead: "draw it in xtask/src/tidy/arrows.rs, with what it may know",
        });
        return;
    };
    for (line, name) in dependencies(text) {
        let ours = ROOMS.iter().any(|other| other.package == name);
        if ours && !room.may_use.contains(&name.as_str()) {
            findings.errors.push(Finding {
                path: path.to_owned(),
                line,
                what: format!("{} must not know {name}", room.package),
                instead: "turn the arrow round, or move the code to a room that may know both",
            });
        }
    }
}

/// The names in every section of dependencies, each with its line. Enough of TOML for manifests written by people.
fn dependencies(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies");
            // `[dependencies.name]` is a section of its own.
            if let Some((_, name)) = section.split_once("dependencies.") {
                found.push((index + 1, name.trim_matches('"').to_owned()));
            }
        } else if inside && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default().trim_matches('"');
            if !name.is_empty() {
                found.push((index + 1, name.to_owned()));
            }
            // A dependency may go by another name here.
            if let Some((_, renamed)) = line.split_once("package = \"") {
                found.push((index + 1, renamed.split('"').next().unwrap_or_default().to_owned()));
            }
        }
    }
    found
}

/// Asks cargo for all that the core stands on.
pub(super) fn core_tree(findings: &mut Findings) -> Result<(), String> {
    let tree = cargo::output(&[
        "tree",
        "--package",
        CORE,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ])?;
    let mut strangers: Vec<&str> = strangers(&tree).collect();
    strangers.sort_unstable();
    strangers.dedup();
    for name in strangers {
        findings.errors.push(Finding {
            path: "core/Cargo.toml".to_owned(),
            line: 0,
            what: format!("the core now stands on {name}, which is not in its list"),
            instead: "do without; or, if it is pure and no_std, add it in xtask/src/tidy/arrows.rs with the reason",
        });
    }
    Ok(())
}

fn strangers(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| !CORE_TREE.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(path: &str, text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        manifest(path, text, &mut findings);
        findings.errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_drawn_is_silent() {
        let text = "[dependencies]\nsmtpserver-core.workspace = true\nbytes = \"1\"\n";
        assert_eq!(judged("runtime/Cargo.toml", text), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_not_drawn_is_found_in_every_notation() {
        for text in [
            "[dependencies]\nsmtpserver.workspace = true\n",
            "[dev-dependencies]\nsmtpserver = { path = \"../runtime\" }\n",
            "[target.'cfg(unix)'.dependencies]\nother = { package = \"smtpserver\" }\n",
            "[package]\n[dependencies.smtpserver]\n",
        ] {
            let found = judged("core/Cargo.toml", text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(
                found[0].starts_with("core/Cargo.toml:2: smtpserver-core must not know smtpserver;"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn an_unknown_crate_is_found() {
        assert_eq!(judged("extra/Cargo.toml", "").len(), 1);
    }

    #[test]
    fn a_stranger_below_the_core_is_found() {
        let tree =
            "smtpserver-core v0.1.0 (/somewhere/core)\nbytes v1.12.2\ntokio v1.54.1\nbytes v1.12.2 (*)\n";
        assert_eq!(strangers(tree).collect::<Vec<_>>(), ["tokio"]);
    }
}
