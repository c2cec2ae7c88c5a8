//! Where whole messages go below a POSTOFFICE, and who is told: what the ZENV variables INPUTDIRS, INPUTDIRHASH,
//! INPUTNOTIFY, ROUTEDIRHASH and ROUTERNOTIFY say (zmailer(3)).

use super::place::ROUTER;
use smtpserver_core::config::zenv::Zenv;
use std::os::unix::net::UnixDatagram;
use std::path::{Component, Path, PathBuf};

/// Letters of the sub-directories of a hashed queue.
const LETTERS: u64 = 26;

/// Where whole messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The queue, below the POSTOFFICE.
    queue: String,
    /// Whether its files lie in sub-directories `A` to `Z`, by their inode numbers.
    hashed: bool,
    /// The socket of whoever waits for them.
    notify: Option<PathBuf>,
}

impl Default for Layout {
    /// `router`, and nobody is told.
    fn default() -> Layout {
        Layout { queue: ROUTER.into(), hashed: false, notify: None }
    }
}

impl Layout {
    /// What the variables say about this POSTOFFICE. Of INPUTDIRS, which are separated by colons, the first counts that is
    /// a directory.
    pub(crate) fn read(zenv: &Zenv, postoffice: &Path) -> Layout {
        let given = |name| zenv.get(name).filter(|value| !value.is_empty());
        let input = given("INPUTDIRS").into_iter().flat_map(|list| list.split(':')).find(|name| {
            let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            inside && !name.is_empty() && postoffice.join(name).is_dir()
        });
        let (queue, hash, notify) = match input {
            Some(queue) => (queue, "INPUTDIRHASH", "INPUTNOTIFY"),
            None => (ROUTER, "ROUTEDIRHASH", "ROUTERNOTIFY"),
        };
        // The name as the manual has it, and as the library had it.
        let hash = given(hash).or_else(|| given("ROUTERDIRHASH").filter(|_| input.is_none()));
        Layout {
            queue: queue.trim_end_matches('/').into(),
            hashed: hash.is_some_and(|value| value.starts_with('1')),
            notify: given(notify).map(|socket| postoffice.join(socket)),
        }
    }

    /// The queue below a POSTOFFICE.
    pub(crate) fn queue(&self, postoffice: &Path) -> PathBuf {
        postoffice.join(&self.queue)
    }

    /// The directories of the queue's files, in the order of [`Layout::number`].
    pub(super) fn queues(&self, postoffice: &Path) -> Vec<PathBuf> {
        let queue = self.queue(postoffice);
        if self.hashed {
            (0..LETTERS).map(|number| queue.join(letter(number))).collect()
        } else {
            vec![queue]
        }
    }

    /// The directory of a file of this inode number.
    pub(crate) fn queue_of(&self, postoffice: &Path, inode: u64) -> PathBuf {
        let queue = self.queue(postoffice);
        if self.hashed { queue.join(self.below(inode)) } else { queue }
    }

    /// In which of them a file of this inode number lies.
    pub(super) fn number(&self, inode: u64) -> usize {
        let number = if self.hashed { inode % LETTERS } else { 0 };
        usize::try_from(number).expect("there are 26")
    }

    /// The queue and the directories of its files.
    pub(crate) fn folders(&self, postoffice: &Path) -> Vec<PathBuf> {
        let hashed = if self.hashed { self.queues(postoffice) } else { Vec::new() };
        std::iter::once(self.queue(postoffice)).chain(hashed).collect()
    }

    /// The directory of a file, below its queue; empty when it is the queue itself.
    fn below(&self, inode: u64) -> String {
        if self.hashed { letter(inode % LETTERS) } else { String::new() }
    }

    /// Tells whoever waits that this file is there. Nobody need be listening.
    pub(crate) fn tell(&self, inode: u64, name: &str) {
        let Some(socket) = &self.notify else { return };
        let below = self.below(inode);
        let slash = if below.is_empty() { "" } else { "/" };
        let words = format!("NEW {} {below}{slash}{name}", self.queue);
        let told = UnixDatagram::unbound().and_then(|ours| {
            ours.set_nonblocking(true)?;
            ours.send_to(words.as_bytes(), socket)
        });
        if let Err(error) = told {
            // A router that sleeps looks for itself later.
            tracing::debug!("spool: {} was not told of a message: {error}", socket.display());
        }
    }
}

fn letter(number: u64) -> String {
    let number = u8::try_from(number).expect("there are 26");
    char::from(b'A' + number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str, postoffice: &Path) -> Layout {
        Layout::read(&Zenv::read("zmailer.conf", text.as_bytes()).0, postoffice)
    }

    #[test]
    fn what_the_variables_say() {
        let folder = tempfile::tempdir().expect("a folder");
        let postoffice = folder.path();
        std::fs::create_dir(postoffice.join("scan")).expect("made");
        let plain = Layout::default();
        assert_eq!(layout("", postoffice), plain);
        assert_eq!(layout("INPUTDIRS=\nROUTEDIRHASH=0", postoffice), plain);
        assert_eq!(layout("INPUTDIRS=missing:../scan:/etc::.", postoffice), plain);
        let hashed = Layout { hashed: true, ..plain.clone() };
        assert_eq!(layout("ROUTEDIRHASH=1", postoffice), hashed);
        assert_eq!(layout("ROUTERDIRHASH=1\nINPUTDIRHASH=0", postoffice), hashed);
        assert_eq!(hashed.folders(postoffice).len(), 27);
        assert_eq!(
            (hashed.below(0), hashed.below(25), hashed.below(26)),
            ("A".into(), "Z".into(), "A".into())
        );
        let text = "INPUTDIRS=missing:scan:other\nINPUTNOTIFY=.input.notify\nROUTERNOTIFY=/x\nROUTEDIRHASH=1";
        let scan =
            Layout { queue: "scan".into(), hashed: false, notify: Some(postoffice.join(".input.notify")) };
        assert_eq!(layout(text, postoffice), scan);
        assert_eq!(scan.queue(postoffice), postoffice.join("scan"));
    }

    #[test]
    fn who_listens_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join(".router.notify")).expect("bound");
        let mut layout = layout("ROUTERNOTIFY=.router.notify\nROUTEDIRHASH=1", folder.path());
        let heard = || {
            let mut octets = [0; 100];
            let length = socket.recv(&mut octets).expect("told");
            String::from_utf8_lossy(&octets[..length]).into_owned()
        };
        layout.tell(27, "27");
        assert_eq!(heard(), "NEW router B/27");
        layout.hashed = false;
        layout.tell(27, "27-1");
        assert_eq!(heard(), "NEW router 27-1");
        drop(socket);
        // Nobody there is no harm.
        layout.tell(27, "27");
    }
}
