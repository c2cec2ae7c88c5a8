//! Setters of the parameters that say how sessions speak and what they expect. Checks first; an unfit value changes
//! nothing.

use super::{Checked, Unfit};
use crate::config::Settings;
use crate::config::manners::Manners;
use crate::config::networks::{Network, Networks};
use crate::config::pattern_line;
use crate::config::patterns::Styles;
use crate::limits::REPLY_TEXT_MAX;

/// Lines of the greeting.
const GREETING_LINES_MAX: usize = 5;
/// Pattern lines.
const PATTERNS_MAX: usize = 10_000;

/// A text for the client: printable, and not longer than a line of a reply.
fn text(value: &str) -> Result<&str, (usize, Unfit)> {
    if let Some(at) = value.find(|c: char| c.is_control() && c != '\t') {
        return Err((at, Unfit::Control));
    }
    if value.len() > REPLY_TEXT_MAX { Err((0, Unfit::TooLong)) } else { Ok(value) }
}

pub(super) fn greeting(settings: &mut Settings, value: &str) -> Checked {
    let value = text(value)?;
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    if settings.greeting.len() >= GREETING_LINES_MAX {
        return Err((0, Unfit::TooMany));
    }
    settings.greeting.push(value.into());
    Ok(())
}

pub(super) fn contact(settings: &mut Settings, value: &str) -> Checked {
    let value = text(value)?;
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    let bare = quote.and_then(|quote| value[1..].strip_suffix(quote)).unwrap_or(value);
    settings.contact = bare.into();
    Ok(())
}

pub(super) fn style(settings: &mut Settings, value: &str) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    settings.style = Styles::read_option(value).map_err(|at| (at, Unfit::NotAChoice))?;
    Ok(())
}

pub(super) fn pattern(settings: &mut Settings, value: &str) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    let line = pattern_line::read(value).map_err(|at| (at, Unfit::NotAChoice))?;
    let lines = settings.patterns.lines();
    if lines.len() >= PATTERNS_MAX {
        return Err((0, Unfit::TooMany));
    }
    settings.patterns = lines.iter().cloned().chain([line]).collect();
    Ok(())
}

pub(super) fn proxy_from(settings: &mut Settings, value: &str) -> Checked {
    networks(settings, value, |manners| &mut manners.proxy_from)
}

pub(super) fn xclient_from(settings: &mut Settings, value: &str) -> Checked {
    networks(settings, value, |manners| &mut manners.xclient_from)
}

/// Adds networks to those that are named already.
fn networks(settings: &mut Settings, value: &str, place: fn(&mut Manners) -> &mut Networks) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    let place = place(&mut settings.manners);
    let mut all = place.clone();
    let mut at = 0;
    for word in value.split([' ', '\t']) {
        if !word.is_empty() {
            let network = Network::parse(word).ok_or((at, Unfit::NotAChoice))?;
            if !all.push(network) {
                return Err((at, Unfit::TooMany));
            }
        }
        at += word.len() + 1;
    }
    *place = all;
    Ok(())
}
