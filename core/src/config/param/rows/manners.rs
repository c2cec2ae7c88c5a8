//! Rows about what sessions expect of those they speak with. An unfit value changes nothing.

use crate::config::Settings;
use crate::config::manners::Manners;
use crate::config::networks::{Network, Networks};
use crate::config::param::table::{narrow, row, wait};
use crate::config::param::{Argument, Checked, Param, Unfit};
use crate::config::pattern_line;
use crate::config::patterns::Styles;
use crate::limits::CONFIG_PATTERNS_MAX;
use crate::now::Duration;

fn style(settings: &mut Settings, value: &str) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    settings.style = Styles::read_option(value).map_err(|at| (at, Unfit::NotAChoice))?;
    Ok(())
}

fn pattern(settings: &mut Settings, value: &str) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    let line = pattern_line::read(value).map_err(|at| (at, Unfit::NotAChoice))?;
    let lines = settings.patterns.lines();
    if lines.len() >= CONFIG_PATTERNS_MAX {
        return Err((0, Unfit::TooMany));
    }
    settings.patterns = lines.iter().cloned().chain([line]).collect();
    Ok(())
}

fn proxy_from(settings: &mut Settings, value: &str) -> Checked {
    networks(settings, value, |manners| &mut manners.proxy_from)
}

fn xclient_from(settings: &mut Settings, value: &str) -> Checked {
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

/// The rows.
pub(in crate::config::param) const ROWS: &[Param] = &[
    row(
        "style",
        &[],
        "ve",
        Argument::Text {
            form: "[ftvehRSD]",
            wanted: "letters of ftFTvehRSD, or strict, or sloppy",
            set: style,
        },
        "How clients are taken that no pattern speaks of, as the option -s.",
    ),
    row(
        "helo-pattern",
        &[],
        "",
        Argument::Text {
            form: "GLOB [LOAD] STYLES",
            wanted: "a glob, perhaps a load, then styles or !text, such as *.example * ve",
            set: pattern,
        },
        "What becomes of clients whose name in HELO or EHLO fits, as a pattern line.",
    ),
    row(
        "helo-syntax-check",
        &[],
        "",
        Argument::Switch(|s| s.manners.hello_syntax = true),
        "Refuse names in HELO and EHLO that are ill-formed, as the option -h.",
    ),
    row(
        "max-loadaverage",
        &[],
        "",
        Argument::Whole {
            least: 1,
            floor: 1,
            most: 100_000,
            unit: "processes",
            set: |s, n| s.manners.load_max = Some(narrow(n)),
        },
        "Load average above which connections are told to come again, as the option -L.",
    ),
    row(
        "greet-pause",
        &[],
        "0",
        wait(Duration::ZERO, |s, t| s.manners.greet_pause = t),
        "How long the greeting waits; a client that speaks before it is refused.",
    ),
    row(
        "check-pipelining",
        &[],
        "",
        Argument::Switch(|s| s.manners.pipelining_checked = true),
        "End sessions that send ahead where RFC 2920 forbids it.",
    ),
    row(
        "no-check-pipelining",
        &[],
        "",
        Argument::Switch(|s| s.manners.pipelining_checked = false),
        "Bear clients that send ahead where RFC 2920 forbids it (the default).",
    ),
    row(
        "proxy-from",
        &[],
        "",
        Argument::Text {
            form: "NET...",
            wanted: "addresses or networks, such as 192.0.2.0/24 2001:db8::/32",
            set: proxy_from,
        },
        "Networks whose connections begin with a PROXY header, version 1 or 2.",
    ),
    row(
        "xclient-from",
        &[],
        "",
        Argument::Text {
            form: "NET...",
            wanted: "addresses or networks, such as 192.0.2.0/24 2001:db8::/32",
            set: xclient_from,
        },
        "Networks from which XCLIENT is believed.",
    ),
];
