//! `smtpserver policy build`: the files of a policy become one compiled file. A source with a fault is refused with all
//! of its faults, and never replaces a file that works. Nothing is decided here, and nobody is told to read the file.

use crate::Stop;
use crate::limits::POLICY_SOURCE_OCTETS_MAX;
use crate::lines::printable;
use crate::policy_db::PolicyDb;
use smtpserver_core::policy::source::Fault;
use smtpserver_core::policy::{Role, SourceFile, compile};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The letters of a line that are shown before and behind a fault.
const SHOWN_BEFORE: usize = 60;
const SHOWN_BEHIND: usize = 40;

/// A file of the policy as it was read.
struct Source {
    role: Role,
    /// Its name without the directory.
    name: String,
    octets: Vec<u8>,
}

impl Source {
    fn file(&self) -> SourceFile<'_> {
        SourceFile { role: self.role, name: &self.name, text: &self.octets }
    }
}

/// Compiles the policy `base` in `folder` and puts it where `output` says, by default beside its sources.
pub(crate) fn run(folder: &Path, base: &str, output: Option<PathBuf>) -> Result<(), Stop> {
    let output = output.unwrap_or_else(|| folder.join(format!("{base}.compiled")));
    let sources = sources(folder, base)?;
    let files: Vec<SourceFile<'_>> = sources.iter().map(Source::file).collect();
    let compiled = match compile(&files) {
        Ok(compiled) => compiled,
        Err(faults) => {
            eprint!("{}", told(&faults, &sources));
            let number = faults.iter().filter(|fault| !fault.kind.is_remark()).count();
            let kept = if output.exists() { ", and was not replaced" } else { "" };
            let faults = if number == 1 { "fault" } else { "faults" };
            return Err(Stop::failed(format!("{} was not made{kept}: {number} {faults}", output.display())));
        }
    };
    eprint!("{}", told(&compiled.remarks, &sources));
    let octets = compiled.rules.encode();
    replace(&output, &octets)
        .map_err(|error| Stop::failed(format!("cannot write {}: {error}", output.display())))?;
    println!(
        "{}: {} keys, {} octets in the file, {} in memory",
        output.display(),
        compiled.rules.entries(),
        octets.len(),
        compiled.rules.octets()
    );
    Ok(())
}

/// What a build would say of a policy that is in use: remarks on a text, and on the sources beside a compiled file, with
/// whether they still make that file. Sources elsewhere are unknown, and no fault.
pub(crate) fn remarks(db: &PolicyDb) -> Vec<String> {
    let path = db.path();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (sources, command) = match db {
        PolicyDb::Text(_) => {
            let octets = read(path).unwrap_or_default();
            (vec![Source { role: Role::Source, name: path.display().to_string(), octets }], String::new())
        }
        PolicyDb::Compiled(_) => {
            let base = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".compiled"));
            let Some(base) = base else { return Vec::new() };
            let Ok(sources) = sources(folder, base) else { return Vec::new() };
            (sources, format!("smtpserver policy build -d {} -f {base}", folder.display()))
        }
    };
    let files: Vec<SourceFile<'_>> = sources.iter().map(Source::file).collect();
    let show = path.display();
    let mut said = match compile(&files) {
        Ok(compiled) => {
            let mut said: Vec<String> = compiled.remarks.iter().map(ToString::to_string).collect();
            if *db == PolicyDb::Compiled(path.to_owned())
                && read(path).is_ok_and(|octets| octets != compiled.rules.encode())
            {
                said.push(format!("warning: {show} is not what the sources beside it say: run {command}"));
            }
            said
        }
        Err(_) => vec![format!("warning: the sources of {show} are not fit: run {command}")],
    };
    said.iter_mut().for_each(|line| *line = printable(line).into_owned());
    said
}

/// Every file of the policy that is there. Only the first must be.
fn sources(folder: &Path, base: &str) -> Result<Vec<Source>, Stop> {
    let mut sources = Vec::new();
    for role in Role::ALL {
        let name = match role {
            Role::Source => format!("{base}.src"),
            Role::Localnames => "localnames".to_owned(),
            Role::RelayManual => format!("{base}.relay.manual"),
            Role::Relay => format!("{base}.relay"),
            Role::MxManual => format!("{base}.mx.manual"),
            Role::Mx => format!("{base}.mx"),
            Role::Spam => format!("{base}.spam"),
            Role::SpamManual => format!("{base}.spam.manual"),
        };
        let path = folder.join(&name);
        match read(&path) {
            Ok(octets) => sources.push(Source { role, name, octets }),
            Err(error) if error.kind() == ErrorKind::NotFound && role != Role::Source => {}
            Err(error) => return Err(Stop::unfit(format!("cannot read {}: {error}", path.display()))),
        }
    }
    Ok(sources)
}

/// Reads a file whole, unless it is larger than anybody writes.
pub(crate) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    // A pipe would be waited for, for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut octets = Vec::new();
    File::open(path)?.take(POLICY_SOURCE_OCTETS_MAX + 1).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length > POLICY_SOURCE_OCTETS_MAX) {
        return Err(std::io::Error::other(format!("it has more than {POLICY_SOURCE_OCTETS_MAX} octets")));
    }
    Ok(octets)
}

/// Puts octets into a file that others may read at any moment: they see the old ones or the new ones, also after a
/// crash.
fn replace(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().ok_or_else(|| std::io::Error::other("it has no name"))?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = folder.join(name);
    // Of an earlier process with our number, which died.
    let _ = std::fs::remove_file(&new);
    let result = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&new)?;
        if let Ok(old) = std::fs::metadata(path) {
            file.set_permissions(Permissions::from_mode(old.permissions().mode() & 0o777))?;
        }
        file.write_all(octets)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    })();
    if result.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    result
}

/// Faults for a person, each with its line and a mark below the place.
fn told(faults: &[Fault], sources: &[Source]) -> String {
    let mut out = String::new();
    for fault in faults {
        let _ = writeln!(out, "{fault}");
        let source = sources.iter().find(|source| source.name == fault.file);
        let line = usize::try_from(fault.line).ok().and_then(|line| line.checked_sub(1));
        let line = source
            .zip(line)
            .and_then(|(source, line)| source.octets.split(|octet| *octet == b'\n').nth(line));
        let column = usize::try_from(fault.column).ok().and_then(|column| column.checked_sub(1));
        if let Some((line, at)) = line.zip(column) {
            out += &excerpt(line, at);
        }
    }
    out
}

/// The part of a line around an octet, and a mark below it.
fn excerpt(line: &[u8], at: usize) -> String {
    let at = at.min(line.len());
    let from = at.saturating_sub(SHOWN_BEFORE);
    let to = line.len().min(at + SHOWN_BEHIND);
    let clean = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).replace('\t', " ");
        printable(&text).into_owned()
    };
    let before = clean(&line[from..at]);
    format!("    {before}{}\n    {}^\n", clean(&line[at..to]), " ".repeat(before.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_below_the_place() {
        assert_eq!(excerpt(b"a\tb rejectnt +", 4), "    a b rejectnt +\n        ^\n");
        assert_eq!(excerpt(b"x", 9), "    x\n     ^\n");
        let long = [b'x'; 500];
        assert!(excerpt(&long, 250).lines().all(|line| line.len() <= 104 + 1));
        assert_eq!(excerpt(b"\xff \x1b[2J", 0).lines().count(), 2);
    }
}
