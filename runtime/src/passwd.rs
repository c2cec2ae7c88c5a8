//! `smtpserver passwd`: sets and deletes passwords in a password file. The file is replaced as a whole or not at all, two
//! of these never work at the same time, and no password is on a command line.

use crate::Stop;
use crate::auth::{Passwords, SECRET_OCTETS, SECRET_WORD, Scheme, fresh_octets};
use crate::limits::PASSWORD_FILE_OCTETS_MAX;
use base64ct::{Base64, Encoding};
use rustix::fs::{Gid, OFlags, Uid};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use smtpserver_core::auth::{Secret, UserName};
use smtpserver_core::limits::PASSWORD_OCTETS_MAX;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{IsTerminal, Read, Write, stderr, stdin};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How often the file is opened again because another one has replaced it while we waited for it.
const OPENS_MAX: u32 = 100;

/// Whose password in which file.
#[derive(Clone, Debug, clap::Args)]
pub struct PasswdArgs {
    /// Password file; made if missing
    pub file: PathBuf,
    /// The user's name
    pub user: String,
    /// Delete the user
    #[arg(long, conflicts_with = "scheme")]
    pub delete: bool,
    /// What is kept of the password
    #[arg(long, value_enum, default_value = "argon2id")]
    pub scheme: Scheme,
}

/// Does it. The password comes from the terminal, twice, or from the first line of standard input.
pub(crate) fn run(args: &PasswdArgs) -> Result<(), Stop> {
    let fits = |name: &UserName| !name.as_str().contains(':') && !name.as_str().starts_with(['#', '%']);
    let user = UserName::new(&args.user)
        .filter(fits)
        .filter(|name| name.as_str().trim() == name.as_str())
        .ok_or_else(|| Stop::unfit("a user's name is 1 to 255 octets without colon, control characters or blanks at its ends, and begins neither with # nor with %"))?;
    if args.delete {
        let had = replace(&args.file, false, |text| without(text, &user))?;
        let missing = || Stop::failed(format!("{} has no user {user}", args.file.display()));
        return if had { Ok(()) } else { Err(missing()) };
    }
    set(&args.file, &user, &ask()?, args.scheme)
}

/// Sets the password of a user, who is added if missing.
pub(crate) fn set(file: &Path, user: &UserName, password: &Secret, scheme: Scheme) -> Result<(), Stop> {
    let salt = fresh_octets().map_err(|error| Stop::failed(format!("no randomness: {error}")))?;
    let secret = Zeroizing::new(
        fresh_octets::<SECRET_OCTETS>().map_err(|error| Stop::failed(format!("no randomness: {error}")))?,
    );
    let kept = scheme.keep(password, salt).map_err(Stop::failed)?;
    replace(file, true, |text| Some(with(text, user, &kept, secret.as_ref())))?;
    Ok(())
}

/// The text with the user's line set, in its old place; and with a secret.
fn with(text: &str, user: &UserName, kept: &str, secret: &[u8]) -> Zeroizing<String> {
    let mut new = Zeroizing::new(String::with_capacity(text.len() + kept.len() + 512));
    if !text.lines().any(|line| line.starts_with(SECRET_WORD)) {
        new.push_str(SECRET_WORD);
        new.push_str(&Base64::encode_string(secret));
        new.push('\n');
    }
    let mut set = false;
    let mut push = |name: &str, rest: &str| {
        new.push_str(name);
        new.push_str(rest);
        new.push('\n');
    };
    for line in text.lines() {
        if !is_of(line, user) {
            push(line, "");
        } else if !set {
            push(user.as_str(), &[":", kept].concat());
            set = true;
        }
    }
    if !set {
        push(user.as_str(), &[":", kept].concat());
    }
    new
}

/// The text without the user's line; nothing when there is none.
fn without(text: &str, user: &UserName) -> Option<Zeroizing<String>> {
    let lines: Vec<&str> = text.lines().filter(|line| !is_of(line, user)).collect();
    let had = lines.len() < text.lines().count();
    had.then(|| Zeroizing::new(lines.iter().flat_map(|line| [*line, "\n"]).collect()))
}

fn is_of(line: &str, user: &UserName) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name == user.as_str()) && !line.starts_with(['#', '%'])
}

/// Puts a new text in the file's place. `false`: `change` had nothing to change.
fn replace(
    path: &Path,
    make: bool,
    change: impl FnOnce(&str) -> Option<Zeroizing<String>>,
) -> Result<bool, Stop> {
    let fault = |error: &dyn std::fmt::Display| Stop::failed(format!("{}: {error}", path.display()));
    let io = |error: std::io::Error| fault(&error);
    let (mut file, real) = lock(path, make).map_err(io)?;
    let stat = file.metadata().map_err(io)?;
    if !stat.is_file() || stat.len() > PASSWORD_FILE_OCTETS_MAX {
        return Err(fault(&"it is no regular file of a sensible size"));
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(stat.len()).unwrap_or(0)));
    file.read_to_string(&mut text).map_err(io)?;
    // A mistyped name must destroy nothing: what is not a password file is left as it is.
    if let Err(faults) = Passwords::parse(&text) {
        let first = faults.first().map(|fault| format!("line {}: {}", fault.line, fault.what));
        return Err(fault(&format!("it is left as it is: {}", first.unwrap_or_default())));
    }
    let Some(new) = change(&text) else { return Ok(false) };
    let folder = real.parent().unwrap_or(Path::new("/"));
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    // What a process of our number has left there, long ago: the lock is ours.
    let _ = std::fs::remove_file(&beside);
    let written = write(&beside, new.as_bytes(), &stat)
        .and_then(|()| std::fs::rename(&beside, &real))
        .and_then(|()| File::open(folder)?.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.map(|()| true).map_err(io)
}

/// The file, locked; and its path without links, as a link shall stay one.
fn lock(path: &Path, make: bool) -> std::io::Result<(File, PathBuf)> {
    for _ in 0..OPENS_MAX {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(make)
            .truncate(false)
            .mode(0o600)
            .custom_flags(i32::try_from(flags.bits()).expect("flags of the system are small"))
            .open(path)?;
        file.lock()?;
        let real = path.canonicalize()?;
        // Another may have put a new file there while we waited.
        let (ours, there) = (file.metadata()?, real.metadata()?);
        if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
            return Ok((file, real));
        }
    }
    Err(std::io::Error::other("others replace it all the time"))
}

fn write(path: &Path, octets: &[u8], old: &Metadata) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // Whoever could read it must be able to, further on: its owner, and its group when that was wanted.
    let owners = (Some(Uid::from_raw(old.uid())), Some(Gid::from_raw(old.gid())));
    if rustix::fs::fchown(&file, owners.0, owners.1).is_ok() {
        file.set_permissions(Permissions::from_mode(0o600 | old.mode() & 0o040))?;
    }
    file.write_all(octets)?;
    file.sync_all()
}

fn ask() -> Result<Secret, Stop> {
    let fault = |error: std::io::Error| Stop::failed(format!("cannot read the password: {error}"));
    let password = if stdin().is_terminal() {
        let _silent = Silent::begin().map_err(fault)?;
        let first = prompt("New password: ").map_err(fault)?;
        if prompt("Once more: ").map_err(fault)? != first {
            return Err(Stop::failed("the two are not the same; nothing was changed"));
        }
        first
    } else {
        line().map_err(fault)?
    };
    let octets = password.reveal();
    if octets.is_empty() || octets.len() > PASSWORD_OCTETS_MAX || octets.iter().any(u8::is_ascii_control) {
        return Err(Stop::failed("a password has 1 to 1024 octets and no control characters"));
    }
    Ok(password)
}

fn prompt(text: &str) -> std::io::Result<Secret> {
    write!(stderr(), "{text}")?;
    line()
}

/// A line of standard input, without its end. Read octet by octet, so that nothing of it stays in a buffer.
fn line() -> std::io::Result<Secret> {
    let mut line = Zeroizing::new(Vec::with_capacity(2 * PASSWORD_OCTETS_MAX));
    let mut octet = [0];
    while line.len() < line.capacity() && rustix::io::read(stdin(), &mut octet)? == 1 && octet != *b"\n" {
        line.push(octet[0]);
    }
    let end = line.strip_suffix(b"\r").unwrap_or(&line);
    Ok(Secret::from(end))
}

/// The terminal does not show what is typed, until this goes.
struct Silent(Termios);

impl Silent {
    fn begin() -> std::io::Result<Silent> {
        let before = tcgetattr(stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(stdin(), OptionalActions::Flush, &silent)?;
        Ok(Silent(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}
