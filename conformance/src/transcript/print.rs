//! A transcript's tree to its text, in the one canonical form. What was parsed from a canonical file prints as that file.

use std::fmt;
use std::time::Duration;

use super::payload::{print_pattern, print_send, print_words};
use super::{Action, Content, End, Ending, Line, Observation, SocketAction, Step, Transcript};

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Line {
    /// Without the line feed at its end; an any-order block has some inside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Blank => Ok(()),
            Content::Comment(text) => marked(f, "#", text),
            Content::Provenance(text) => marked(f, "%%", text),
            Content::Header(field) => write!(f, "{field}"),
            Content::Step(step) => write!(f, "{step}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(guard) = &self.guard {
            write!(f, "[{guard}] ")?;
        }
        write!(f, "{}", self.action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Command {
                connection,
                arguments,
            } => write!(f, "{connection}: {}", print_words(arguments)),
            Action::Send {
                connection,
                parts,
                ending,
            } => {
                let mark = if *ending == Ending::Crlf { ">" } else { ">>" };
                marked(f, &format!("{connection}{mark}"), &print_send(parts))
            }
            Action::Expect {
                connection,
                pattern,
                ending,
            } => {
                let mark = if *ending == Ending::Crlf { "<" } else { "<<" };
                marked(f, &format!("{connection}{mark}"), &print_pattern(pattern))
            }
            Action::AnyOrder { connection, items } => {
                writeln!(f, "{connection}<{{ any-order")?;
                items.iter().try_for_each(|item| writeln!(f, "{item}"))?;
                write!(f, "{connection}<}}")
            }
            Action::Socket { connection, action } => write!(f, "{connection}! {action}"),
            Action::Observe {
                connection,
                observation,
            } => write!(f, "{connection}! {observation}"),
            Action::Barrier => f.write_str("barrier"),
            Action::Sleep(duration) => write!(f, "sleep {}", Time(*duration)),
        }
    }
}

impl fmt::Display for SocketAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            SocketAction::Open { .. } => "open",
            SocketAction::Flush => "flush",
            SocketAction::Shutdown => "shutdown",
            SocketAction::Rst => "rst",
            SocketAction::Close => "close",
            SocketAction::Pause => "pause",
            SocketAction::Resume => "resume",
        };
        f.write_str(word)?;
        if let SocketAction::Open {
            receive_buffer,
            send_buffer,
        } = self
        {
            for (name, size) in [("rcvbuf", receive_buffer), ("sndbuf", send_buffer)] {
                if let Some(size) = size {
                    write!(f, " {name}={size}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Observation::End { end, discard } => {
                let end = match end {
                    End::Eof => "eof",
                    End::Reset => "reset",
                    End::Closed => "closed",
                };
                write!(f, "{end}{}", if *discard { " discard" } else { "" })
            }
            Observation::Quiet(None) => f.write_str("quiet"),
            Observation::Quiet(Some(duration)) => write!(f, "quiet {}", Time(*duration)),
        }
    }
}

/// A duration as transcripts write it: whole seconds if it is some, milliseconds otherwise.
pub(super) struct Time(pub(super) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 if !self.0.is_zero() => write!(f, "{}s", self.0.as_secs()),
            _ => write!(f, "{}ms", self.0.as_millis()),
        }
    }
}

/// A mark and the text it announces; the mark alone when there is none, because a blank must not end a line.
fn marked(f: &mut fmt::Formatter<'_>, mark: &str, text: &str) -> fmt::Result {
    f.write_str(mark)?;
    if text.is_empty() {
        Ok(())
    } else {
        write!(f, " {text}")
    }
}
