//! The configuration file, read: text in, a whole configuration or everything that is wrong with it out. It opens no
//! file and no socket, and stops at no error.

mod build;
mod idle;
pub(super) mod line;
pub(super) mod pattern;
mod place;
pub mod remark;
mod said;
#[cfg(test)]
mod tests;

use super::Settings;
use super::bind::Bind;
use super::zenv::Zenv;
use alloc::vec::Vec;
pub use idle::idle;
use remark::{Remark, Spot};
pub use said::option;

/// Services that share their settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What holds for their sessions. The parameters of the whole process and the pattern lines are in every group, and
    /// equal.
    pub settings: Settings,
    /// Where they listen.
    pub binds: Vec<Bind>,
    /// The lines that set something here, in their order; what another group handed down is not among them.
    pub set: Vec<Set>,
}

/// A line that set something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The parameter, by the first of its names.
    pub param: &'static str,
    /// Name and value.
    pub spot: Spot,
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

    /// The last line that sets a parameter for a group, in the group itself or in the default group: where the mark
    /// belongs when what it names turns out not to do.
    pub fn set_by(&self, group: usize, param: &str) -> Option<&Spot> {
        let within = |index: usize| {
            let set = &self.groups.get(index)?.set;
            set.iter().rev().find(|set| set.param == param).map(|set| &set.spot)
        };
        within(group).or_else(|| within(0))
    }
}

/// A file as far as it could be understood. It is fit if there are no errors.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What those lines make that are right.
    pub configuration: Configuration,
    /// Everything that is wrong; in the order of the lines.
    pub errors: Vec<Remark>,
}

/// Reads a configuration file. `plain` are the settings that hold where the file says nothing. `port` is the
/// command line's: it wins over `BindPort`.
pub fn examine(name: &str, octets: &[u8], zenv: Zenv, plain: &Settings, port: Option<u16>) -> Examined {
    build::Builder::new(name, octets, &zenv).read(plain, port)
}

/// Reads a configuration file that is to be fit.
pub fn read(
    name: &str,
    octets: &[u8],
    zenv: Zenv,
    plain: &Settings,
    port: Option<u16>,
) -> Result<Configuration, Vec<Remark>> {
    let Examined { configuration, errors } = examine(name, octets, zenv, plain, port);
    if errors.is_empty() { Ok(configuration) } else { Err(errors) }
}
