//! Finds out whether a file system keeps the order in which it was changed: whether a name that survives a crash proves
//! that whatever was written out before the name was given survives it, too. Whatever is not known to do so does not.

use rustix::fs::{self, Dev};
use std::path::Path;

/// ext2, ext3 and ext4 share it.
const EXT4: u64 = 0xEF53;
const XFS: u64 = 0x5846_5342;

/// Whether a name given in this directory becomes durable only with, or after, what was written out before. XFS keeps
/// all changes of names, sizes and places in one log. ext4 does so in its journal; it can be without one, and it has
/// modes of its own in which less holds, so it must say itself that its data is ordered.
pub(super) fn keeps_order(directory: &Path) -> bool {
    let Ok(system) = fs::statfs(directory) else { return false };
    match u64::try_from(system.f_type) {
        Ok(XFS) => true,
        Ok(EXT4) => fs::stat(directory).is_ok_and(|stat| ext4_is_ordered(stat.st_dev)),
        Ok(_) | Err(_) => false,
    }
}

fn ext4_is_ordered(device: Dev) -> bool {
    let number = format!("/sys/dev/block/{}:{}", fs::major(device), fs::minor(device));
    let Ok(link) = std::fs::read_link(number) else { return false };
    let Some(name) = link.file_name() else { return false };
    let options = Path::new("/proc/fs/ext4").join(name).join("options");
    std::fs::read_to_string(options).is_ok_and(|options| says_ordered(&options))
}

/// Whether these are the options of an ext4 with a journal that makes names wait for data. One without a journal has no
/// such line.
fn says_ordered(options: &str) -> bool {
    options.lines().any(|line| line == "data=ordered")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_keep_order_does() {
        assert!(says_ordered("rw\nbarrier\ndata=ordered\ncommit=5\n"));
        assert!(!says_ordered("rw\nbarrier\ndata=writeback\n"));
        assert!(!says_ordered("rw\nnodata=ordered\ncommit=5\n"));
        // It has no disk at all.
        assert!(!keeps_order(Path::new("/proc/self")));
        assert!(!keeps_order(Path::new("/nowhere")));
    }
}
