//! The pattern lines: which style of checking a client gets by the name that it gives in HELO or EHLO, or that it is
//! refused. It looks nothing up but names.

use super::glob::{Glob, GlobFault};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What the letters of a style ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Styles {
    /// `f`: MAIL FROM addresses are checked.
    pub check_from: bool,
    /// `t`: RCPT TO addresses are checked.
    pub check_to: bool,
    /// `F`: MAIL FROM addresses are not shown to the interactive router.
    pub from_unrouted: bool,
    /// `T`: RCPT TO addresses are not shown to the interactive router.
    pub to_unrouted: bool,
    /// `v`: VRFY asks the interactive router.
    pub route_vrfy: bool,
    /// `e`: EXPN asks the interactive router.
    pub route_expn: bool,
    /// `h`: the interactive router is shown the HELO name.
    pub route_helo: bool,
    /// `R`: addresses need a domain.
    pub qualified: bool,
    /// `S`: blanks where none belong are borne, and so is a session without HELO.
    pub sloppy: bool,
    /// `D`: what is left of a broken transfer is kept.
    pub keep_broken: bool,
    /// `-s strict`: every leniency is off.
    pub strict: bool,
}

impl Styles {
    /// Nothing asked for.
    pub const NONE: Styles = Styles {
        check_from: false,
        check_to: false,
        from_unrouted: false,
        to_unrouted: false,
        route_vrfy: false,
        route_expn: false,
        route_helo: false,
        qualified: false,
        sloppy: false,
        keep_broken: false,
        strict: false,
    };

    /// The letters, for a message about a wrong one.
    pub const LETTERS: &'static str = "f t F T v e h R S D";

    /// Reads letters; a lone `-` asks for nothing. A fault is the octet, counted from 0, that is no letter of a style.
    pub fn read(letters: &str) -> Result<Styles, usize> {
        let mut styles = Styles::NONE;
        if letters == "-" {
            return Ok(styles);
        }
        for (at, letter) in letters.char_indices() {
            let asked = match letter {
                'f' => &mut styles.check_from,
                't' => &mut styles.check_to,
                'F' => &mut styles.from_unrouted,
                'T' => &mut styles.to_unrouted,
                'v' => &mut styles.route_vrfy,
                'e' => &mut styles.route_expn,
                'h' => &mut styles.route_helo,
                'R' => &mut styles.qualified,
                'S' => &mut styles.sloppy,
                'D' => &mut styles.keep_broken,
                _ => return Err(at),
            };
            *asked = true;
        }
        Ok(styles)
    }

    /// What either asks for.
    pub fn and(self, other: Styles) -> Styles {
        Styles {
            check_from: self.check_from | other.check_from,
            check_to: self.check_to | other.check_to,
            from_unrouted: self.from_unrouted | other.from_unrouted,
            to_unrouted: self.to_unrouted | other.to_unrouted,
            route_vrfy: self.route_vrfy | other.route_vrfy,
            route_expn: self.route_expn | other.route_expn,
            route_helo: self.route_helo | other.route_helo,
            qualified: self.qualified | other.qualified,
            sloppy: self.sloppy | other.sloppy,
            keep_broken: self.keep_broken | other.keep_broken,
            strict: self.strict | other.strict,
        }
    }

    /// Reads a word of option `-s`: `strict`, `sloppy`, or letters.
    pub fn read_option(word: &str) -> Result<Styles, usize> {
        match word {
            "strict" => Ok(Styles { strict: true, qualified: true, ..Styles::default() }),
            "sloppy" => Ok(Styles { sloppy: true, ..Styles::default() }),
            letters => Styles::read(letters),
        }
    }
}

impl Default for Styles {
    /// `ve`.
    fn default() -> Self {
        Styles { route_vrfy: true, route_expn: true, ..Styles::NONE }
    }
}

/// What a pattern line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternAction {
    /// The client is served in this style.
    Style(Styles),
    /// The client is refused with this text.
    Refuse(String),
}

/// One pattern line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternLine {
    /// The pattern as it was written.
    pub glob: String,
    /// What is done with clients whose name matches.
    pub action: PatternAction,
    /// The load average above which such a client is not served; `None` for no limit.
    pub load_max: Option<u32>,
    compiled: Glob,
}

impl PatternLine {
    /// A line. A fault comes with the octet of the pattern, counted from 0, at which it is.
    pub fn new(
        glob: &str,
        action: PatternAction,
        load_max: Option<u32>,
    ) -> Result<PatternLine, (usize, GlobFault)> {
        Ok(PatternLine { glob: glob.into(), action, load_max, compiled: Glob::read(glob)? })
    }
}

/// All pattern lines, in their order. A copy shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    lines: Arc<Vec<PatternLine>>,
}

impl Patterns {
    /// The first line whose pattern matches the name.
    pub fn find(&self, name: &str) -> Option<&PatternLine> {
        self.lines.iter().find(|line| line.compiled.matches(name))
    }

    /// The lines, in their order.
    pub fn lines(&self) -> &[PatternLine] {
        &self.lines
    }
}

impl FromIterator<PatternLine> for Patterns {
    fn from_iter<I: IntoIterator<Item = PatternLine>>(lines: I) -> Patterns {
        Patterns { lines: Arc::new(lines.into_iter().collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(glob: &str, letters: &str) -> PatternLine {
        let styles = Styles::read(letters).expect(letters);
        PatternLine::new(glob, PatternAction::Style(styles), None).expect(glob)
    }

    #[test]
    fn the_first_line_that_matches_is_found() {
        let refuse = PatternLine::new("spam.*", PatternAction::Refuse("no".into()), Some(8)).expect("fit");
        let patterns: Patterns = [style("localhost", "veR"), refuse, style("*", "ve")].into_iter().collect();
        let found = |name| patterns.find(name).map(|line| line.glob.as_str());
        assert_eq!(found("LOCALHOST"), Some("localhost"));
        assert_eq!(found("spam.example"), Some("spam.*"));
        assert_eq!(found("mail.example"), Some("*"));
        assert_eq!(Patterns::default().find("x"), None);
    }

    #[test]
    fn letters_are_read_one_by_one() {
        assert_eq!(Styles::read("ve"), Ok(Styles::default()));
        assert_eq!(Styles::read("-"), Ok(Styles::NONE));
        assert_eq!(Styles::read("veX"), Err(2));
        let all = Styles::read("ftFTvehRSD").expect("all letters");
        assert_eq!(Styles { strict: true, ..all }, {
            let yes = true;
            Styles {
                check_from: yes,
                check_to: yes,
                from_unrouted: yes,
                to_unrouted: yes,
                route_vrfy: yes,
                route_expn: yes,
                route_helo: yes,
                qualified: yes,
                sloppy: yes,
                keep_broken: yes,
                strict: yes,
            }
        });
        assert!(Styles::read_option("strict").is_ok_and(|styles| styles.strict && styles.qualified));
        assert!(Styles::read_option("sloppy").is_ok_and(|styles| styles.sloppy && !styles.strict));
        assert_eq!(Styles::read_option("strictly"), Err(0));
    }
}
