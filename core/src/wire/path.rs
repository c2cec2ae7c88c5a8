//! Names of people as they stand in commands: paths and mailboxes.
//!
//! Only syntax: whether a domain exists and whether an address is welcome is not known here.

use super::domain::{self, DomainFault};
use alloc::string::String;
use core::fmt;

/// The greatest length of a path in octets, with its brackets. Spec: RFC 2821 §4.5.3.1.
pub(crate) const PATH_OCTETS_MAX: usize = 256;
/// The greatest length of a local part in octets, as typed. Spec: RFC 2821 §4.5.3.1.
pub(crate) const LOCAL_PART_OCTETS_MAX: usize = 64;

/// A mailbox with its domain, well-formed by construction.
///
/// Two ways to quote the same local part are equal, as are two ways to write the same address literal. The case of
/// letters is kept and counts; compare domains by [`Address::domain_lowercase`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Empty, or as typed with its colon: `@a.example,@b.example:`.
    route: String,
    local: String,
    domain: String,
}

impl Address {
    /// Reads `local@domain`, without brackets and source route.
    pub fn parse(text: &str) -> Result<Address, Misplaced> {
        let mut cursor = Cursor { text: text.as_bytes(), at: 0 };
        let local = cursor.local_part()?;
        let address = cursor.domain_after(String::new(), local)?;
        if cursor.at < text.len() {
            return cursor.fail(PathFault::DomainBad);
        }
        if text.len() + 2 > PATH_OCTETS_MAX {
            return Err((0, PathFault::PathTooLong));
        }
        Ok(address)
    }

    /// The local part as it must stand in a command, with the least quoting possible.
    ///
    /// Spec: RFC 2821 §4.1.2.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain or address literal, its letters as typed.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Octets of the canonical text.
    fn octets(&self) -> usize {
        self.route.len() + self.local.len() + 1 + self.domain.len()
    }

    /// The canonical text.
    fn bare(&self) -> String {
        let mut out = String::with_capacity(self.octets());
        for part in [&self.route, &self.local, "@", &self.domain] {
            out.push_str(part);
        }
        out
    }

    /// The domain or address literal in lower case, for comparing.
    pub fn domain_lowercase(&self) -> String {
        self.domain.to_ascii_lowercase()
    }
}

/// The canonical text without brackets. A source route is in it only when it was kept on purpose.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}@{}", self.route, self.local, self.domain)
    }
}

/// Whom to tell when a message cannot be delivered.
///
/// Spec: RFC 2821 §4.1.1.2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReversePath {
    /// `<>`: nobody.
    Null,
    /// This mailbox.
    Address(Address),
}

/// Where a message goes.
///
/// Spec: RFC 2821 §4.1.1.3.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForwardPath {
    /// `<postmaster>` in any case, without a domain. Spec: RFC 2821 §4.5.1.
    Postmaster,
    /// This mailbox.
    Address(Address),
}

impl ReversePath {
    /// The mailbox without brackets; empty for nobody.
    pub fn bare(&self) -> String {
        match self {
            ReversePath::Null => String::new(),
            ReversePath::Address(address) => address.bare(),
        }
    }
}

impl ForwardPath {
    /// The mailbox without brackets.
    pub fn bare(&self) -> String {
        match self {
            ForwardPath::Postmaster => String::from("postmaster"),
            ForwardPath::Address(address) => address.bare(),
        }
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => f.write_str("<>"),
            ReversePath::Address(address) => write!(f, "<{address}>"),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardPath::Postmaster => f.write_str("<postmaster>"),
            ForwardPath::Address(address) => write!(f, "<{address}>"),
        }
    }
}

/// Every way a path can be ill-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathFault {
    /// No `<` at the start, or no `>` at the end.
    BracketMissing,
    /// `<>` where somebody must be named.
    Empty,
    /// The local part holds something that it must not, or is empty.
    LocalPartBad,
    /// The local part is longer than 64 octets.
    LocalPartTooLong,
    /// The domain holds something that it must not.
    DomainBad,
    /// The domain is longer than 255 octets.
    DomainTooLong,
    /// There is no domain.
    DomainMissing,
    /// The path is longer than 256 octets, its brackets counted.
    PathTooLong,
    /// The address literal is neither IPv4 nor `IPv6:`.
    LiteralBad,
    /// The source route is ill-formed.
    RouteBad,
    /// Something other than a space follows the `>`.
    Junk,
}

/// A fault and where it is: octets before it.
pub type Misplaced = (usize, PathFault);

/// What becomes of a source route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceRoute {
    /// Checked and forgotten. Spec: RFC 2821 §4.1.1.3.
    Dropped,
    /// Kept in the text of the address.
    Kept,
}

/// Reads the path at the head of `text`, and says how many octets it took; the source route is dropped.
///
/// Behind the path `text` must end or go on with a space.
///
/// Spec: RFC 2821 §4.1.2.
pub fn reverse_path(text: &[u8]) -> Result<(ReversePath, usize), Misplaced> {
    reverse_path_routed(text, SourceRoute::Dropped)
}

/// Reads the path at the head of `text`, as [`reverse_path`] does; nobody is not a recipient.
///
/// Spec: RFC 2821 §4.1.2.
pub fn forward_path(text: &[u8]) -> Result<(ForwardPath, usize), Misplaced> {
    forward_path_routed(text, SourceRoute::Dropped)
}

pub(crate) fn reverse_path_routed(
    text: &[u8],
    source_route: SourceRoute,
) -> Result<(ReversePath, usize), Misplaced> {
    let (inside, used) = path(text, source_route)?;
    match inside {
        Inside::Nothing => Ok((ReversePath::Null, used)),
        Inside::Local { end, .. } => Err((end, PathFault::DomainMissing)),
        Inside::Whole(address) => Ok((ReversePath::Address(address), used)),
    }
}

pub(crate) fn forward_path_routed(
    text: &[u8],
    source_route: SourceRoute,
) -> Result<(ForwardPath, usize), Misplaced> {
    let (inside, used) = path(text, source_route)?;
    match inside {
        Inside::Nothing => Err((1, PathFault::Empty)),
        Inside::Local { local, .. } if local.eq_ignore_ascii_case("postmaster") => {
            Ok((ForwardPath::Postmaster, used))
        }
        Inside::Local { end, .. } => Err((end, PathFault::DomainMissing)),
        Inside::Whole(address) => Ok((ForwardPath::Address(address), used)),
    }
}

/// What stands between the brackets.
enum Inside {
    Nothing,
    /// A local part alone, without a route; `end` is where its domain is missing.
    Local {
        local: String,
        end: usize,
    },
    Whole(Address),
}

fn path(text: &[u8], source_route: SourceRoute) -> Result<(Inside, usize), Misplaced> {
    let mut cursor = Cursor { text, at: 0 };
    if !cursor.take(b'<') {
        return cursor.fail(PathFault::BracketMissing);
    }
    let inside = if cursor.peek() == Some(b'>') { Inside::Nothing } else { cursor.mailbox(source_route)? };
    match cursor.peek() {
        Some(b'>') => cursor.at += 1,
        None => return cursor.fail(PathFault::BracketMissing),
        Some(_) => return cursor.fail(PathFault::DomainBad),
    }
    if !matches!(cursor.peek(), None | Some(b' ')) {
        return cursor.fail(PathFault::Junk);
    }
    // An address literal can grow a little in its canonical form: what is said later must fit as well.
    let said = if let Inside::Whole(address) = &inside { address.octets() + 2 } else { 0 };
    if cursor.at.max(said) > PATH_OCTETS_MAX {
        return Err((0, PathFault::PathTooLong));
    }
    Ok((inside, cursor.at))
}

/// A place in the text of a path.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.at += usize::from(found);
        found
    }

    fn fail<T>(&self, fault: PathFault) -> Result<T, Misplaced> {
        Err((self.at, fault))
    }

    fn mailbox(&mut self, source_route: SourceRoute) -> Result<Inside, Misplaced> {
        let start = self.at;
        let routed = self.peek() == Some(b'@');
        if routed {
            self.route()?;
        }
        let typed = &self.text[start..self.at];
        let local = self.local_part()?;
        if self.peek() == Some(b'>') && !routed {
            return Ok(Inside::Local { local, end: self.at });
        }
        let kept = if source_route == SourceRoute::Kept { typed } else { b"" };
        Ok(Inside::Whole(self.domain_after(String::from_utf8_lossy(kept).into_owned(), local)?))
    }

    /// `@a,@b:`; its syntax is checked although the route means nothing any more.
    ///
    /// Spec: RFC 2821 §4.1.2.
    fn route(&mut self) -> Result<(), Misplaced> {
        loop {
            if !self.take(b'@') {
                return self.fail(PathFault::RouteBad);
            }
            match domain::read(&self.text[self.at..]) {
                Ok((_, used)) => self.at += used,
                Err((column, _)) => return Err((self.at + column, PathFault::RouteBad)),
            }
            if self.take(b':') {
                return Ok(());
            }
            if !self.take(b',') {
                return self.fail(PathFault::RouteBad);
            }
        }
    }

    /// A local part in its canonical form.
    fn local_part(&mut self) -> Result<String, Misplaced> {
        let start = self.at;
        let local = if self.take(b'"') { self.quoted_string()? } else { self.dot_string()? };
        if self.at - start > LOCAL_PART_OCTETS_MAX {
            return Err((start, PathFault::LocalPartTooLong));
        }
        Ok(local)
    }

    fn dot_string(&mut self) -> Result<String, Misplaced> {
        let start = self.at;
        while let Some(octet) = self.peek() {
            let after_dot = self.at == start || self.text[self.at - 1] == b'.';
            match octet {
                b'.' if after_dot => return self.fail(PathFault::LocalPartBad),
                b'.' => self.at += 1,
                _ if is_atext(octet) => self.at += 1,
                _ => break,
            }
        }
        match self.text[start..self.at].last() {
            None => self.fail(PathFault::LocalPartBad),
            Some(b'.') => Err((self.at - 1, PathFault::LocalPartBad)),
            Some(_) => Ok(String::from_utf8_lossy(&self.text[start..self.at]).into_owned()),
        }
    }

    /// What follows the first quote, up to and with the second; quotes stay only where they are needed.
    fn quoted_string(&mut self) -> Result<String, Misplaced> {
        let mut content = String::new();
        while !self.take(b'"') {
            self.take(b'\\');
            match self.peek() {
                Some(octet @ b' '..=b'~') => content.push(char::from(octet)),
                _ => return self.fail(PathFault::LocalPartBad),
            }
            self.at += 1;
        }
        Ok(quoted_if_needed(content))
    }

    /// `@domain`, which with what came before makes an address.
    fn domain_after(&mut self, route: String, local: String) -> Result<Address, Misplaced> {
        if !self.take(b'@') {
            return self.fail(match self.peek() {
                None if self.text.first() == Some(&b'<') => PathFault::BracketMissing,
                None | Some(b'>') => PathFault::DomainMissing,
                Some(_) => PathFault::LocalPartBad,
            });
        }
        if matches!(self.peek(), None | Some(b'>')) {
            return self.fail(PathFault::DomainMissing);
        }
        match domain::read(&self.text[self.at..]) {
            Ok((domain, used)) => {
                self.at += used;
                Ok(Address { route, local, domain })
            }
            Err((column, fault)) => Err((
                self.at + column,
                match fault {
                    DomainFault::Bad => PathFault::DomainBad,
                    DomainFault::TooLong => PathFault::DomainTooLong,
                    DomainFault::Literal => PathFault::LiteralBad,
                },
            )),
        }
    }
}

/// The octets an atom is made of. Spec: RFC 2821 §4.1.2, RFC 2822 §3.2.4.
pub(super) fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

fn quoted_if_needed(content: String) -> String {
    if content.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext)) {
        return content;
    }
    let mut quoted = String::with_capacity(content.len() + 2);
    quoted.push('"');
    for letter in content.chars() {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
