//! Running cargo, and knowing where the project lies.
//!
//! Output goes straight to the terminal, so a long step shows that it lives.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the project: the folder above this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder for what is built and for what may be thrown away.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Texts and mail that are too large or not ours to keep in the repository; they need not be there.
pub(crate) fn test_data() -> PathBuf {
    let given = std::env::var_os("SMTPSERVER_TEST_DATA");
    root().join(given.unwrap_or_else(|| "../shared".into()))
}

/// Cargo itself, in the root, not yet started.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` sets for this process describes xtask, not the crates that we build; leaving it in place
    // makes build scripts that read it run again for no reason.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(root()).args(args);
    cargo
}

/// Runs cargo to its end.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    finish(&mut command(args))
}

/// Runs any command to its end; an exit code other than 0 is an error that names the command.
pub(crate) fn finish(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|err| format!("{}: {err}", show(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", show(command))) }
}

/// Runs cargo and gives what it wrote to standard output.
pub(crate) fn output(args: &[&str]) -> Result<String, String> {
    let mut command = command(args);
    let output = command.output().map_err(|err| format!("{}: {err}", show(&command)))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{}: {}", show(&command), String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// Builds the release of the server and gives its path; one that is named is only looked for.
pub(crate) fn server_binary(given: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(path) = given {
        return path.canonicalize().map_err(|err| format!("{}: {err}", path.display()));
    }
    run(&["build", "--quiet", "--release", "--package", "smtpserver", "--bin", "smtpserver"])?;
    Ok(target().join("release").join("smtpserver"))
}

fn show(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    if let Some(at) = text.rfind('/') {
        text.drain(..=at);
    }
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
