//! A record: found among texts, checked as a whole before any of it is used, kept as text and read term by term. So a
//! hostile record costs no more memory than its own length.
//!
//! Spec: RFC 7208 §4.5, RFC 7208 §4.6.

use super::outcome::Problem;
use super::term::{Directive, Term};
use crate::limits::{SPF_RECORD_MAX, SPF_TERM_MAX};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A record without a syntax error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// What stands behind the version.
    text: String,
    pub(super) redirect: Option<String>,
    pub(super) explanation: Option<String>,
}

/// A directive of a record, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) directive: Directive<'a>,
    pub(super) text: &'a str,
    /// Where to look for the next one.
    pub(super) next: usize,
}

/// Chooses the record among the texts of a domain: none, one, or too many.
pub(super) fn select(texts: &[Vec<u8>]) -> Result<Option<Record>, Problem> {
    let mut records = texts.iter().filter_map(|text| behind_version(text));
    let Some(first) = records.next() else { return Ok(None) };
    if records.next().is_some() {
        return Err(Problem::SeveralRecords);
    }
    if first.len() > SPF_RECORD_MAX {
        return Err(Problem::TooLong);
    }
    if !first.is_ascii() {
        return Err(Problem::NotAscii);
    }
    let text = core::str::from_utf8(first).map_err(|_| Problem::NotAscii)?;
    Record::parse(text).map(Some)
}

/// What follows `v=spf1`, in any case, when a space or the end does.
fn behind_version(text: &[u8]) -> Option<&[u8]> {
    let (version, rest) = text.split_at_checked(6)?;
    (version.eq_ignore_ascii_case(b"v=spf1") && rest.first().is_none_or(|octet| *octet == b' '))
        .then_some(rest)
}

impl Record {
    /// Reads terms parted by spaces. Spec: RFC 7208 §4.6.1, RFC 7208 §6.
    pub(super) fn parse(text: &str) -> Result<Record, Problem> {
        let mut record = Record { text: String::new(), redirect: None, explanation: None };
        for term in text.split(' ').filter(|term| !term.is_empty()) {
            match Term::parse(term).ok_or_else(|| Problem::BadTerm(short(term)))? {
                Term::Redirect(spec) => {
                    if record.redirect.replace(spec.to_string()).is_some() {
                        return Err(Problem::Twice("redirect"));
                    }
                }
                Term::Explanation(spec) => {
                    if record.explanation.replace(spec.to_string()).is_some() {
                        return Err(Problem::Twice("exp"));
                    }
                }
                Term::Directive(_) | Term::Unknown => {}
            }
        }
        record.text = text.to_string();
        Ok(record)
    }

    /// The first directive at or behind `at`; modifiers are passed over.
    pub(super) fn directive_at(&self, mut at: usize) -> Option<Found<'_>> {
        loop {
            let rest = self.text.get(at..)?;
            let start = at + rest.find(|c| c != ' ')?;
            let end = self.text[start..].find(' ').map_or(self.text.len(), |length| start + length);
            let text = &self.text[start..end];
            match Term::parse(text)? {
                Term::Directive(directive) => return Some(Found { directive, text, next: end }),
                Term::Redirect(_) | Term::Explanation(_) | Term::Unknown => at = end,
            }
        }
    }
}

/// A term that can be repeated: printable ASCII, cut.
pub(super) fn short(term: &str) -> String {
    let safe = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    term.chars().take(SPF_TERM_MAX).map(safe).collect()
}
