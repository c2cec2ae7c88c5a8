//! Fuzz targets: ordinary functions over octets that panic when something that must hold does not.
//!
//! Each has a corpus in `corpus/NAME`, replayed by `cargo test`, and a program in `src/bin/NAME.rs`, which
//! `cargo xtask fuzz NAME` builds with coverage. Nothing here knows how octets are invented.

mod auth_exchange;
mod chunk;
mod command;
mod conf;
mod dns_answer;
mod dotted;
mod host_access;
mod line;
mod milter;
mod oracle;
mod params;
mod path;
mod plan;
mod policy_file;
mod policy_service;
mod policy_source;
mod proxy;
mod replay_log;
mod scram;
mod session;
mod spf_record;
mod tls_seam;
mod world;
mod xtext;

pub use auth_exchange::auth_exchange;
pub use chunk::chunk;
pub use command::command;
pub use conf::conf;
pub use dns_answer::dns_answer;
pub use dotted::dotted;
pub use host_access::host_access;
pub use line::line;
pub use milter::milter;
pub use oracle::oracle;
pub use params::params;
pub use path::path;
pub use plan::plan;
pub use policy_file::policy_file;
pub use policy_service::policy_service;
pub use policy_source::policy_source;
pub use proxy::proxy;
pub use replay_log::replay_log;
pub use scram::scram;
pub use session::session;
pub use spf_record::spf_record;
pub use tls_seam::tls_seam;
pub use xtext::xtext;

#[cfg(fuzzing)]
pub use libfuzzer_sys;

/// A target: its name, and what it does with octets.
pub type Target = (&'static str, fn(&[u8]));

/// Every target there is.
pub const TARGETS: [Target; 23] = [
    ("auth_exchange", auth_exchange),
    ("chunk", chunk),
    ("command", command),
    ("conf", conf),
    ("dns_answer", dns_answer),
    ("dotted", dotted),
    ("host_access", host_access),
    ("line", line),
    ("milter", milter),
    ("oracle", oracle),
    ("params", params),
    ("path", path),
    ("plan", plan),
    ("policy_file", policy_file),
    ("policy_service", policy_service),
    ("policy_source", policy_source),
    ("proxy", proxy),
    ("replay_log", replay_log),
    ("scram", scram),
    ("session", session),
    ("spf_record", spf_record),
    ("tls_seam", tls_seam),
    ("xtext", xtext),
];

/// Makes a file in `src/bin` the program of a target: under libFuzzer when it is built for that, and otherwise one
/// that replays the files named on its command line.
#[macro_export]
macro_rules! program {
    ($target:ident) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$target(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::replay($crate::$target)
        }
    };
}

/// Runs a target over each file named on the command line.
pub fn replay(target: fn(&[u8])) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        println!("{}", path.display());
        target(&std::fs::read(path)?);
    }
    Ok(())
}

/// One octet to choose by, and the rest. Choices come first, so that a corpus file stays readable behind them.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// `data` in pieces of one to `most` octets, in the order in which they would come.
fn pieces(data: &[u8], most: u8) -> impl Iterator<Item = &[u8]> {
    data.chunks(usize::from(most.max(1)))
}
