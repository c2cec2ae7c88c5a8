//! Parameters on the command line, and the list of all there are.

use crate::Stop;
use smtpserver_core::Settings;
use smtpserver_core::config::file::{self, Set, remark::Remark};
use smtpserver_core::config::param;
use smtpserver_core::config::patterns::Patterns;
use std::net::{IpAddr, Ipv4Addr};

/// The settings that `params` make of the defaults. Remarks are printed on stderr.
pub(crate) fn settings(params: &[String]) -> Result<Settings, Stop> {
    let mut settings = Settings::new(host_name());
    let SetParams { warnings, mut errors, .. } = set_params(&mut settings, params);
    for warning in warnings {
        eprintln!("{warning}");
    }
    let Some(last) = errors.pop() else { return Ok(settings) };
    for error in errors {
        eprintln!("{error}");
    }
    Err(Stop::unfit(last))
}

/// What came of options `--param`.
#[derive(Debug, Default)]
pub(crate) struct SetParams {
    /// What they set.
    pub(crate) set: Vec<Set>,
    /// What the operator should know.
    pub(crate) warnings: Vec<Remark>,
    /// What is wrong with those that are not fit.
    pub(crate) errors: Vec<Remark>,
}

/// Sets what options `--param` say.
pub(crate) fn set_params(settings: &mut Settings, params: &[String]) -> SetParams {
    let mut out = SetParams::default();
    // Pattern lines of the command line stand before those of the file: behind a file's line for `*` none would ever count.
    let behind = std::mem::take(&mut settings.patterns);
    for line in params {
        match file::option(settings, "--param", line) {
            (Some(set), warnings) => {
                out.set.push(set);
                out.warnings.extend(warnings);
            }
            (None, errors) => out.errors.extend(errors),
        }
    }
    let before = std::mem::replace(&mut settings.patterns, behind);
    if !before.lines().is_empty() {
        settings.patterns =
            before.lines().iter().chain(settings.patterns.lines()).cloned().collect::<Patterns>();
    }
    out
}

/// What this machine calls itself, or an address literal when that is no name.
pub(crate) fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
    if name.is_empty() || !name.bytes().all(fits) {
        return smtpserver_core::peer::literal(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    name
}

pub(super) fn list_params() -> String {
    let mut out = String::new();
    for param in param::table() {
        let names: Vec<_> = param.names().collect();
        let default = if param.default.is_empty() { String::new() } else { format!(" [{}]", param.default) };
        let scope = match param.scope {
            param::Scope::Global => "global",
            param::Scope::Group => "group",
        };
        let later = if param.acts() { "" } else { " Not acted on yet." };
        let (names, form) = (names.join(", "), param.argument.form());
        out += &format!("{names} {form}{default}\n    ({scope}) {}{later}\n", param.doc);
    }
    out
}
