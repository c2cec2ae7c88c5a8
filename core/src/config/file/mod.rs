//! The configuration file, read: text in, a whole configuration or everything that is wrong with it out. It opens no
//! file and no socket, and stops at no error.

mod build;
pub(super) mod line;
pub(super) mod pattern;
mod place;
pub mod remark;
#[cfg(test)]
mod tests;

use super::Settings;
use super::bind::Bind;
use super::zenv::Zenv;
use alloc::vec::Vec;
use remark::Remark;

/// Services that share their settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What holds for their sessions. The parameters of the whole process and the pattern lines are in every group, and
    /// equal.
    pub settings: Settings,
    /// Where they listen.
    pub binds: Vec<Bind>,
    /// The line of the file at which the group begins; 1 for the default group, 0 without a file.
    pub line: usize,
}

/// All that a configuration file says, valid as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The default group, then the others in their order. Never empty.
    pub groups: Vec<Group>,
    /// The variables of the mail system.
    pub zenv: Zenv,
    /// What the operator should know; in the order of the lines.
    pub warnings: Vec<Remark>,
}

impl Configuration {
    /// The settings from which what holds for the whole process is read.
    pub fn global(&self) -> &Settings {
        &self.groups.first().expect("a configuration has a default group").settings
    }
}

/// Reads a configuration file. `plain` are the settings that hold where the file says nothing. `port` is the
/// command line's: it wins over `BindPort`.
pub fn read(
    name: &str,
    octets: &[u8],
    zenv: Zenv,
    plain: &Settings,
    port: Option<u16>,
) -> Result<Configuration, Vec<Remark>> {
    build::Builder::new(name, octets, &zenv).read(plain, port)
}
