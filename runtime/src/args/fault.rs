//! What is wrong with a command line, in one line each.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What to say of an error for which the parser would fill a page.
pub(super) fn line(page: &clap::Error) -> String {
    let text = page.to_string();
    let help = format!("see {} --help", command(&text));
    if page.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return format!("a subcommand is missing ({help})");
    }
    if page.kind() == ErrorKind::InvalidSubcommand {
        let word = word(page, ContextKind::InvalidSubcommand).unwrap_or_default();
        return match word_like(page, ContextKind::SuggestedSubcommand) {
            Some(other) => format!("there is no subcommand {word}: did you mean {other}?"),
            None => format!("there is no subcommand {word} ({help})"),
        };
    }
    unknown(page, &help).unwrap_or_else(|| one_line(&text, &help))
}

/// The command whose help tells more: the words behind `Usage:` up to the first that is an option or a value.
fn command(page: &str) -> String {
    let usage = page.lines().find_map(|line| line.trim().strip_prefix("Usage: ")).unwrap_or_default();
    let mut words = usage.split(' ').skip(1).take_while(|word| {
        !word.is_empty()
            && word.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'-')
            && !word.starts_with('-')
    });
    words.by_ref().fold("smtpserver".into(), |command, word| format!("{command} {word}"))
}

fn word(page: &clap::Error, kind: ContextKind) -> Option<&str> {
    match page.get(kind) {
        Some(ContextValue::String(word)) => Some(word),
        _ => None,
    }
}

/// A suggestion, but for what only the program itself uses.
fn word_like(page: &clap::Error, kind: ContextKind) -> Option<&str> {
    let known = match page.get(kind) {
        Some(ContextValue::String(word)) => std::slice::from_ref(word),
        Some(ContextValue::Strings(words)) => words.as_slice(),
        _ => &[],
    };
    // The most similar one stands last.
    known.iter().map(String::as_str).rfind(|word| !super::OWN_COMMANDS.contains(word))
}

/// A sentence about an option that does not exist, when that is the error.
fn unknown(page: &clap::Error, help: &str) -> Option<String> {
    if page.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let option = word(page, ContextKind::InvalidArg).filter(|word| word.starts_with('-'))?;
    Some(match word(page, ContextKind::SuggestedArg) {
        Some(other) => format!("there is no option {option}: did you mean {other}?"),
        None => format!("there is no option {option} ({help})"),
    })
}

/// The first sentence of an error that fills a page, with a pointer to the rest.
fn one_line(page: &str, help: &str) -> String {
    let lines: Vec<&str> = page
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|l| !l.is_empty())
        .collect();
    let line = lines.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let line = line.split(" For more information").next().unwrap_or(line);
    format!("{line} ({help})")
}
