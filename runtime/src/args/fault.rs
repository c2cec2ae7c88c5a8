//! What is wrong with a command line, in one line each.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What to say of an error for which the parser would fill a page.
pub(super) fn line(page: &clap::Error) -> String {
    if page.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a subcommand is missing (see smtpserver --help)".into();
    }
    unknown(page).unwrap_or_else(|| one_line(&page.to_string()))
}

/// A sentence about an option that does not exist, when that is the error.
fn unknown(page: &clap::Error) -> Option<String> {
    let word = |kind| match page.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    if page.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let option = word(ContextKind::InvalidArg).filter(|word| word.starts_with('-'))?;
    Some(match word(ContextKind::SuggestedArg) {
        Some(other) => format!("there is no option {option}: did you mean {other}?"),
        None => format!("there is no option {option} (see smtpserver --help)"),
    })
}

/// The first sentence of an error that fills a page, with a pointer to the rest.
fn one_line(page: &str) -> String {
    let lines: Vec<&str> = page
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|l| !l.is_empty())
        .collect();
    let line = lines.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let line = line.split(" For more information").next().unwrap_or(line);
    format!("{line} (see smtpserver --help)")
}
