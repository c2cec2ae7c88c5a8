//! Paths: what is understood can be written down, and read again as the same.

use smtpserver_core::wire::path::{ForwardPath, ReversePath, forward_path, reverse_path};

/// All of it is the text behind `FROM:` or `TO:`.
pub fn path(data: &[u8]) {
    match reverse_path(data) {
        Ok((path, used)) => {
            assert!(used <= data.len());
            if let ReversePath::Address(address) = &path {
                let again = format!("<{address}>");
                assert_eq!(reverse_path(again.as_bytes()), Ok((path.clone(), again.len())));
            }
        }
        Err((at, _)) => assert!(at <= data.len()),
    }
    match forward_path(data) {
        Ok((path, used)) => {
            assert!(used <= data.len());
            if let ForwardPath::Address(address) = &path {
                let again = format!("<{address}>");
                assert_eq!(forward_path(again.as_bytes()), Ok((path.clone(), again.len())));
            }
        }
        Err((at, _)) => assert!(at <= data.len()),
    }
}
