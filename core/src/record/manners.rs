//! The manners that a session looks at, as lines of parameters. Every field is named here, so that the compiler asks
//! whoever adds one where it belongs.

use crate::config::Settings;
use crate::config::choices::Verbs;
use crate::config::manners::Manners;
use crate::config::networks::Networks;
use crate::config::pattern_line;
use crate::config::patterns::Styles;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The manners without what no recorded session looks at: who must say PROXY is known before a session begins, and a
/// stream of commands is not recorded.
pub(super) fn seen_by_a_session(manners: &Manners) -> Manners {
    Manners { proxy_from: Networks::default(), batch: None, ..manners.clone() }
}

/// What is not the default, as lines `NAME VALUE`.
pub(super) fn lines(lines: &mut Vec<String>, settings: &Settings) {
    let Manners {
        hello_syntax,
        load_max,
        greet_pause,
        pipelining_checked,
        proxy_from: _,
        xclient_from,
        batch: _,
    } = &settings.manners;
    let Verbs { debug, expn, vrfy } = settings.verbs;
    if settings.style != Styles::default() {
        lines.push(format!("style {}", style(settings.style)));
    }
    let patterns = settings.patterns.lines().iter();
    lines.extend(patterns.map(|line| format!("helo-pattern {}", pattern_line::write(line))));
    lines.extend(load_max.map(|load| format!("max-loadaverage {load}")));
    lines.extend(settings.greeting.iter().map(|line| format!("hdr220 {line}")));
    if !settings.contact.is_empty() {
        // Quotes keep its blanks, and quotes of its own.
        lines.push(format!("contact-pointer-message \"{}\"", settings.contact));
    }
    if !greet_pause.is_zero() {
        lines.push(format!("greet-pause {}", super::settings::seconds(*greet_pause)));
    }
    lines.extend(xclient_from.iter().map(|network| format!("xclient-from {network}")));
    for (name, on) in [
        ("helo-syntax-check", *hello_syntax),
        ("lmtp-mode", settings.lmtp),
        ("no-multiline-replies", !settings.multiline_replies),
        ("force-rcpt-notify-never", settings.notify_never),
        ("allowsourceroute", settings.source_routes),
        ("DEBUGcmd", debug),
        ("EXPNcmd", expn),
        ("VRFYcmd", vrfy),
        ("check-pipelining", *pipelining_checked),
    ] {
        if on {
            lines.push(name.to_string());
        }
    }
}

fn style(styles: Styles) -> String {
    match styles {
        strict if strict.strict => "strict".to_string(),
        styles => pattern_line::letters(styles),
    }
}
