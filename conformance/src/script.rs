//! A script as a value: what it claims, in which world, step by step, and what must be true afterwards.
//! Reads nothing and runs nothing: [`parse`](crate::parse) makes scripts, [`judge`](crate::judge()) runs them.

use std::fmt;
use std::time::Duration;

use crate::pattern::Pattern;

/// More lines than this earn a warning: a longer script is two scripts.
pub const LINES_MAX: usize = 60;

/// A whole `.smtp` file, loops unrolled.
#[derive(Debug, Clone)]
pub struct Script {
    /// The file's name, as given to the parser.
    pub file: String,
    /// The file's text, for excerpts and blessing.
    pub source: String,
    /// The claim, one sentence.
    pub title: String,
    /// The requirements it exercises: `rfc2920#3.2/4`, `manual#NAME`, `decision#9`. Never empty.
    pub spec: Vec<String>,
    /// The server that it needs.
    pub world: World,
    /// What is said and heard, in order.
    pub steps: Vec<Step>,
    /// What must be true when all is said.
    pub aftermath: Aftermath,
    /// Complaints that do not stop the script.
    pub warnings: Vec<Complaint>,
}

impl Script {
    /// All the time that the script itself waits for in the worst case: every `quiet` and `pause`,
    /// and every `within` that is longer than the usual bound.
    pub fn waiting(&self, usual: Duration) -> Duration {
        self.steps
            .iter()
            .map(|step| {
                if let Act::Quiet(time) | Act::Pause(time) = step.act {
                    return time;
                }
                if let Act::Within(time) = step.act
                    && time > usual
                {
                    return time;
                }
                Duration::ZERO
            })
            .sum()
    }

    /// Line `number` (from 1) of the source.
    pub(crate) fn line(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|index| self.source.lines().nth(index)).unwrap_or_default()
    }
}

/// The server a script needs: a base, and settings on top.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    /// `plain`: recipients at `local.example` are accepted and others refused, no waits, default limits.
    pub base: String,
    /// `NAME VALUE`, as the server's configuration spells them.
    pub settings: Vec<String>,
    /// The lines of the policy; none: there is no policy but the base's.
    pub policy: Vec<String>,
    /// What name servers know: `NAME KIND VALUE`, or `NAME` and how questions for it end; `NAME PLAYED` leaves that to
    /// the script (`D>`, `D<`).
    pub zone: Vec<String>,
}

/// One mark of the margin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Line of the script, from 1.
    pub line: usize,
    /// Which client connection it speaks of, from 1.
    pub client: u32,
    /// What is done or awaited.
    pub act: Act,
}

/// What a step does or awaits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// `C:` `C+` `C|`: the client says these octets; `more` when they share their segment with the next ones.
    Send {
        /// The octets, with CRLF where the mark adds it.
        octets: Vec<u8>,
        /// Whether the segment goes on.
        more: bool,
    },
    /// `S:` `S+` `S-`: the next server line.
    Line {
        /// What it must look like.
        pattern: Pattern,
        /// Where it stands in its reply and write.
        place: Place,
    },
    /// `S~` and `S!`: some line, or no line, of the next reply looks like this.
    Among {
        /// What to look for.
        pattern: Pattern,
        /// `false` for `S!`.
        wanted: bool,
    },
    /// `S>`: a whole reply with this last line.
    Last(Pattern),
    /// `S|`: exactly these octets, in a write of their own.
    Exactly(Vec<u8>),
    /// `quiet`: the server says nothing for exactly this long.
    Quiet(Duration),
    /// `pause`: the client waits this long.
    Pause(Duration),
    /// `within`: the bound for the next server step.
    Within(Duration),
    /// `C closes`: no more octets will come from the client; it still reads.
    ClientCloses,
    /// `C resets`: the connection is torn.
    ClientResets,
    /// `S closes`: the server ends the connection, with nothing left to read.
    ServerCloses,
    /// `C starts tls`.
    StartTls,
    /// `F>` `R>` `P>` `M>` `D>`: a helper is asked this.
    Asked(Helper, Pattern),
    /// `F<` `R<` `D<`: a helper answers this.
    Answers(Helper, String),
    /// `F dies` and its kin.
    Dies(Helper),
    /// `F silent` and its kin: asked, it never answers.
    Silent(Helper),
}

impl Act {
    /// Whether this step awaits the server on the wire.
    pub(crate) fn is_heard(&self) -> bool {
        matches!(
            self,
            Self::Line { .. } | Self::Among { .. } | Self::Last(_) | Self::Exactly(_) | Self::ServerCloses
        )
    }
}

/// Where a server line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `S:` the last line of its reply, and of its write.
    Ends,
    /// `S+` the last line of its reply; the write goes on.
    Shares,
    /// `S-` the reply goes on.
    Continues,
}

/// Who helps the server with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Helper {
    /// `F`: the content filter.
    Filter,
    /// `R`: the router.
    Router,
    /// `P`: the policy service.
    PolicyService,
    /// `M`: a milter.
    Milter,
    /// `D`: the resolver (DNS).
    Resolver,
}

impl fmt::Display for Helper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Filter => "filter",
            Self::Router => "router",
            Self::PolicyService => "policy service",
            Self::Milter => "milter",
            Self::Resolver => "resolver",
        })
    }
}

/// What must be true after the dialogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aftermath {
    /// What the spool holds; `None` when the script does not say.
    pub spool: Option<SpoolClaim>,
    /// Events that must have happened, each with its line.
    pub events: Vec<(usize, Pattern)>,
}

/// What the spool must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpoolClaim {
    /// Line of the script.
    pub line: usize,
    /// How many messages.
    pub messages: usize,
    /// What is said of the first ones, in their order of arrival.
    pub blocks: Vec<MessageClaim>,
}

/// What one message must be; what is not said is not judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageClaim {
    /// Its reverse-path, empty for the null one; with its line.
    pub from: Option<(usize, String)>,
    /// All its recipients in order, if any is named; each with its line.
    pub to: Vec<(usize, String)>,
    /// Its octets behind what the server put in front; with its line.
    pub body: Option<(usize, Vec<u8>)>,
    /// Octets that must stand somewhere in the stored file; each with its line.
    pub has: Vec<(usize, Vec<u8>)>,
}

/// Something in a script that cannot be understood, or should not be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The file, as given to the parser.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The offending line.
    pub text: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        writeln!(out, "    {}", self.text.replace('\t', " "))?;
        writeln!(out, "    {:>width$}", "^", width = self.column)?;
        write!(out, "    hint: {}", self.hint)
    }
}
