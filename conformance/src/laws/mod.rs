//! Laws that need no oracle: what must be so between two dialogues with the same server, whoever it is and whatever it answers.
//! Starts no server and prints nothing.
//!
//! A [`Dialogue`] (a transcript's requests, a generated stream's, or one of the [`probes`]) is played as it stands, one command
//! after the other, and then in the way a law says makes no difference: cut, pipelined, inline, beside a slow client. What is heard
//! must be what was heard before. Where two replies to the same question cannot be the same (a time, a random member), [`audit`]
//! says what is compared instead, and why; where a real server breaks a law, it says that too.
//!
//! A breach is shortened by leaving requests out as long as the law stays broken, and asked again: a server that answers the very
//! same dialogue differently from one time to the next is not held against a law but listed as unsettled.

mod answers;
pub mod audit;
mod dialogue;
mod examine;
mod play;
mod probes;
mod projection;
mod show;
mod suite;
mod vary;

use std::fmt;
use std::str::FromStr;

pub use dialogue::{Dialogue, Request, Step};
pub use examine::{Breach, Outcome, Row};
pub use probes::probes;
pub use suite::{LawReport, LawSummary, LawsPlan, generated, run};

/// A law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// Cuts.
    L1,
    /// Pipelines.
    L2,
    /// Inline.
    L3,
    /// Case.
    L4,
    /// Third connections.
    L5,
    /// Nothing.
    L6,
    /// Projection.
    L7,
    /// Count.
    L8,
    /// Silence.
    L9,
    /// Errors.
    L10,
}

/// What a law says and where it is from.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// Which.
    pub law: Law,
    /// In one sentence.
    pub text: &'static str,
    /// Where it is from: a document, or what was measured.
    pub source: &'static str,
    /// Which dialogues it is looked at with; [`audit`] leaves out more, by command.
    pub applies: &'static str,
    /// What is compared.
    pub compares: &'static str,
}

/// Every law.
pub const LAWS: [Statement; 10] = [
    Statement {
        law: Law::L1,
        text: "The same bytes get the same replies however they are divided into segments.",
        source: "TCP is a stream of bytes (RFC 9293, 3.8); measured on five builds at every cut",
        applies: "everything but transcripts that say `@split fixed`",
        compares: "every byte on every connection, and whether it is closed",
    },
    Statement {
        law: Law::L2,
        text: "Commands sent in one write are answered as the same commands sent one by one.",
        source: "redis.io, Redis pipelining: a client may send commands without waiting for the replies",
        applies: "whole commands, two or more in a row on one connection",
        compares: "every byte on every connection, and whether it is closed",
    },
    Statement {
        law: Law::L3,
        text: "A command means the same as an inline line and as an array of bulk strings.",
        source: "RESP specification, Inline commands",
        applies: "whole commands; those longer than 8 KiB stay multibulk, because servers limit the line",
        compares: "every byte on every connection, and whether it is closed",
    },
    Statement {
        law: Law::L4,
        text: "The names of commands and subcommands are not case-sensitive.",
        source: "redis.io, Commands: names are case-insensitive; measured on five builds",
        applies: "whole commands",
        compares: "every byte on every connection; errors without regard to case, because they spell the name as it was sent",
    },
    Statement {
        law: Law::L5,
        text: "Clients that are idle, stop in the middle of a command or send it byte by byte change nothing for others.",
        source: "clients share nothing but keys and channels; measured on five builds",
        applies: "everything",
        compares: "every byte on every connection of the dialogue, and whether it is closed",
    },
    Statement {
        law: Law::L6,
        text: "`*0`, `*-1` and empty lines between commands are nothing.",
        source: "measured on five builds; redis-cli --pipe ends with CRLF and ECHO and depends on it",
        applies: "whole commands",
        compares: "every byte on every connection, and whether it is closed",
    },
    Statement {
        law: Law::L7,
        text: "A RESP2 reply is the documented projection of the RESP3 reply.",
        source: "RESP specification, RESP3 types; the command pages, Return information",
        applies: "dialogues that stay in RESP2, with one reply a command",
        compares: "the RESP3 reply, projected by command, with every byte of the RESP2 reply",
    },
    Statement {
        law: Law::L8,
        text: "Replies parse, come one a command, and pushes come between them only; RESP3's types come in RESP3 only.",
        source: "RESP specification, RESP protocol description and Pushes",
        applies: "everything; replies are counted where nobody subscribes or is silenced",
        compares: "the number of replies with that of the commands",
    },
    Statement {
        law: Law::L9,
        text: "CLIENT REPLY OFF and SKIP leave out replies, and nothing else.",
        source: "redis.io, CLIENT REPLY",
        applies: "dialogues with one reply a command, outside of transactions and where nothing is refused",
        compares: "every byte that is still due on every connection, and whether it is closed",
    },
    Statement {
        law: Law::L10,
        text: "After an error that is not a protocol error the next command gets its own reply.",
        source: "RESP specification, Simple errors: an error is the reply to its command; measured on five builds",
        applies: "commands answered with an error outside of transactions, but NOAUTH and NOPERM",
        compares: "a PING's nonce behind the error, and every byte of the rest",
    },
];

impl Law {
    /// Every law.
    pub fn all() -> Vec<Law> {
        LAWS.iter().map(|statement| statement.law).collect()
    }

    /// What it says.
    pub fn statement(self) -> &'static Statement {
        &LAWS[self as usize]
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", *self as usize + 1)
    }
}

impl FromStr for Law {
    type Err = String;

    fn from_str(text: &str) -> Result<Law, String> {
        let law = Law::all()
            .into_iter()
            .find(|law| law.to_string().eq_ignore_ascii_case(text));
        law.ok_or_else(|| format!("there is no law `{text}`; they are L1 to L{}", LAWS.len()))
    }
}

/// A place in a dialogue: a step, or just before or behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// One more than the step's index; 0 is before the first.
    step: usize,
    rank: u8,
}

impl Place {
    const BEFORE: Place = Place { step: 0, rank: 0 };

    fn at(step: usize) -> Place {
        Place {
            step: step + 1,
            rank: 1,
        }
    }

    fn before(self) -> Place {
        Place { rank: 0, ..self }
    }

    fn after(self) -> Place {
        Place { rank: 2, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_laws() {
        for (index, statement) in LAWS.iter().enumerate() {
            assert_eq!(statement.law as usize, index);
            assert_eq!(statement.law.to_string().parse::<Law>(), Ok(statement.law));
        }
        assert!("L11".parse::<Law>().is_err());
    }
}
