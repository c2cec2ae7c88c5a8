//! What rate windows know, in a file of the spool's directory, so that a new start forgives nobody. Written anew every
//! minute and at the end, in one step. A file that is damaged, or that somebody else put there, is a warning and no more.

use crate::desk::Desk;
use crate::limits::{RATE_FILE_OCTETS_MAX, RATE_KEYS_AT_ONCE};
use crate::spool::Spool;
use rustix::fs::{self, Mode, OFlags};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the file in the spool's directory.
const NAME: &str = "smtpserver.rates";
/// Its first line.
const HEAD: &str = "smtpserver rates 1";
/// Its last line, behind which stands how many lines there are between.
const END: &str = "end ";

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct RateFile {
    path: PathBuf,
}

impl RateFile {
    /// The file in this directory.
    pub(crate) fn in_folder(folder: &Path) -> RateFile {
        RateFile { path: folder.join(NAME) }
    }

    /// Lets the desk know what is in it.
    pub(crate) fn restore<S: Spool>(&self, desk: &Arc<Desk<S>>) {
        match self.read() {
            Ok(None) => {}
            Ok(Some(text)) => match lines(&text) {
                Some(lines) => {
                    for some in lines.chunks(RATE_KEYS_AT_ONCE) {
                        desk.restore_rates(some);
                    }
                    tracing::debug!("rate windows of {} sources and users go on", lines.len());
                }
                None => tracing::warn!("{} is damaged: rate windows begin anew", self.path.display()),
            },
            Err(error) => {
                tracing::warn!("cannot read {}: {error}; rate windows begin anew", self.path.display());
            }
        }
    }

    fn read(&self) -> io::Result<Option<String>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match fs::open(&self.path, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            opened => File::from(opened?),
        };
        let stat = file.metadata()?;
        if !stat.is_file() || stat.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("it is no file of ours"));
        }
        let mut text = String::new();
        file.take(RATE_FILE_OCTETS_MAX).read_to_string(&mut text)?;
        Ok(Some(text))
    }

    /// Writes down what the desk knows. The error was said.
    pub(crate) fn save<S: Spool>(&self, desk: &Arc<Desk<S>>) -> Result<(), ()> {
        self.write(desk).map_err(|error| {
            tracing::warn!(
                "cannot write {}: {error}; a new start would forget the rates",
                self.path.display()
            );
        })
    }

    fn write<S: Spool>(&self, desk: &Arc<Desk<S>>) -> io::Result<()> {
        let new = self.path.with_extension("rates.new");
        match fs::unlink(&new) {
            Err(error) if error != rustix::io::Errno::NOENT => return Err(error.into()),
            _ => {}
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut out = BufWriter::new(File::from(fs::open(&new, flags, Mode::RUSR | Mode::WUSR)?));
        writeln!(out, "{HEAD}")?;
        let (mut last, mut count) = (None, 0);
        loop {
            let mut some = String::new();
            // A little at a time: meanwhile sessions ask.
            last = desk.save_rates(last, RATE_KEYS_AT_ONCE, &mut some);
            count += some.lines().count();
            out.write_all(some.as_bytes())?;
            if last.is_none() {
                break;
            }
        }
        writeln!(out, "{END}{count}")?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
        std::fs::rename(&new, &self.path)
    }
}

/// The lines between the first and the last, if the file is whole.
fn lines(text: &str) -> Option<Vec<&str>> {
    let mut lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
    let end = lines.pop()?.strip_prefix(END)?;
    let lines = lines.split_first().filter(|(head, _)| **head == HEAD)?.1.to_vec();
    (end.parse() == Ok(lines.len())).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_file_is_believed() {
        assert_eq!(lines("smtpserver rates 1\na\nb\nend 2\n"), Some(vec!["a", "b"]));
        assert_eq!(lines("smtpserver rates 1\nend 0\n"), Some(vec![]));
        for bad in [
            "",
            "smtpserver rates 1\n",
            "smtpserver rates 2\nend 0\n",
            "smtpserver rates 1\na\nend 2\n",
            "smtpserver rates 1\na\nend 1",
            "end 0\n",
        ] {
            assert_eq!(lines(bad), None, "{bad:?}");
        }
    }
}
