//! Text of a transcript to its tree: one line at a time, so that every wrong line is told at once. Judges form only;
//! whether the case makes sense is the linter's business.

use std::time::Duration;

use super::finding::Finding;
use super::header::parse_header;
use super::payload::{parse_bytes, parse_words, pattern_parts, send_parts};
use super::{
    Action, Content, End, Ending, Guard, Line, Observation, Pattern, SocketAction, Step, Transcript,
};

impl Transcript {
    /// Reads a transcript.
    ///
    /// # Errors
    /// Every line that has not the form of one, with what was expected in it.
    pub fn parse(text: &str) -> Result<Transcript, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut document = Document::default();
        let mut lines: Vec<&str> = text.split('\n').collect();
        if lines.pop() != Some("") {
            let column = lines.last().map_or(1, |line| line.chars().count() + 1);
            findings.push(Finding::error(
                lines.len() + 1,
                column,
                "expected a line feed at the end of the file",
            ));
            lines = text.split('\n').collect();
        }
        for (index, line) in lines.iter().enumerate() {
            let number = index + 1;
            let parsed = parse_line(line).and_then(|parsed| document.add(number, parsed));
            if let Err(fault) = parsed {
                findings.push(fault.at_line(number, line));
            }
        }
        if let Some((number, block)) = &document.block {
            let message = format!("expected `{}<}}` to close this block", block.connection);
            findings.push(Finding::error(*number, 1, message));
        }
        if findings.is_empty() {
            Ok(Transcript {
                lines: document.lines,
            })
        } else {
            Err(findings)
        }
    }
}

/// What is wrong in a line: the byte of the line, and the finding that still lacks its place.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
}

pub(super) fn fault<T>(at: usize, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        at,
        message: message.into(),
        suggestion: None,
    })
}

impl Fault {
    pub(super) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Advises the closest of the known words.
    pub(super) fn suggest_closest<'w>(
        mut self,
        word: &str,
        known: impl IntoIterator<Item = &'w str>,
    ) -> Self {
        self.suggestion = Finding::error(0, 0, "")
            .suggest_closest(word, known)
            .suggestion;
        self
    }

    fn at_line(self, number: usize, line: &str) -> Finding {
        let before = line.get(..self.at).unwrap_or(line);
        let finding = Finding::error(number, before.chars().count() + 1, self.message);
        Finding {
            suggestion: self.suggestion,
            ..finding
        }
    }
}

/// A line as it stands, before any-order blocks are put together.
enum ParsedLine {
    Content(Content),
    OpenBlock(Block),
    CloseBlock { at: usize, connection: String },
}

/// An any-order block under way.
struct Block {
    guard: Option<Guard>,
    connection: String,
    items: Vec<Line>,
}

#[derive(Default)]
struct Document {
    lines: Vec<Line>,
    block: Option<(usize, Block)>,
}

impl Document {
    fn add(&mut self, number: usize, parsed: ParsedLine) -> Result<(), Fault> {
        match (parsed, self.block.take()) {
            (ParsedLine::Content(content), None) => self.lines.push(Line { number, content }),
            (ParsedLine::Content(content), Some((start, mut block))) => {
                let belongs = match &content {
                    Content::Blank | Content::Comment(_) => true,
                    Content::Step(Step {
                        action: Action::Expect { connection, .. },
                        ..
                    }) => *connection == block.connection,
                    _ => false,
                };
                let connection = block.connection.clone();
                if belongs {
                    block.items.push(Line { number, content });
                }
                self.block = Some((start, block));
                if !belongs {
                    return fault(
                        0,
                        format!(
                            "expected `{connection}< …` or `{connection}<}}` inside the any-order block of line {start}"
                        ),
                    );
                }
            }
            (ParsedLine::OpenBlock(block), None) => self.block = Some((number, block)),
            (ParsedLine::OpenBlock(_), Some((start, block))) => {
                self.block = Some((start, block));
                return fault(
                    0,
                    format!("expected the any-order block of line {start} to be closed first"),
                );
            }
            (ParsedLine::CloseBlock { at, connection }, Some((start, block))) => {
                if connection != block.connection {
                    let message = format!(
                        "expected `{}<}}`, which closes the any-order block of line {start}",
                        block.connection
                    );
                    self.block = Some((start, block));
                    return fault(at, message);
                }
                let Block {
                    guard,
                    connection,
                    items,
                } = block;
                let content = Content::Step(Step {
                    guard,
                    action: Action::AnyOrder { connection, items },
                });
                self.lines.push(Line {
                    number: start,
                    content,
                });
            }
            (ParsedLine::CloseBlock { at, connection }, None) => {
                return fault(
                    at,
                    format!("expected `{connection}<{{ any-order` before this"),
                );
            }
        }
        Ok(())
    }
}

fn parse_line(line: &str) -> Result<ParsedLine, Fault> {
    if let Some(at) = line.find('\r') {
        return fault(
            at,
            r"expected lines to end with a line feed alone, found a carriage return; \r writes one",
        );
    }
    let trimmed = line.trim_end_matches([' ', '\t']);
    if trimmed.len() < line.len() {
        return Err(Fault {
            at: trimmed.len(),
            message: "expected no blank at the end of the line".into(),
            suggestion: None,
        }
        .suggest(r"remove it, or write `\s` if it is meant"));
    }
    let content = match line.as_bytes() {
        [] => Content::Blank,
        [b'#', ..] => Content::Comment(text_after(line, "#")),
        [b'%', b'%', ..] => Content::Provenance(text_after(line, "%%")),
        [b'@', ..] => Content::Header(parse_header(line)?),
        _ => return parse_step(line),
    };
    Ok(ParsedLine::Content(content))
}

/// What stands behind a mark and the blank that sets it off.
fn text_after(line: &str, mark: &str) -> String {
    let text = &line[mark.len()..];
    text.strip_prefix(' ').unwrap_or(text).to_owned()
}

const MARKS: &str = "`:`, `>`, `>>`, `<`, `<<`, `<{`, `<}` or `!`";

fn parse_step(line: &str) -> Result<ParsedLine, Fault> {
    let (guard, start) = parse_guard(line)?;
    let rest = &line[start..];
    let name_length = rest
        .bytes()
        .take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        .count();
    let name = &rest[..name_length];
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return fault(
            start,
            "expected `#`, `%%`, `@key`, `[guard]`, `barrier`, `sleep` or a connection in small letters",
        );
    }
    let at = start + name_length;
    let after = &line[at..];
    let step = |action| {
        Ok(ParsedLine::Content(Content::Step(Step {
            guard: guard.clone(),
            action,
        })))
    };
    match name {
        "barrier" if after.is_empty() => return step(Action::Barrier),
        "sleep" if after.starts_with(' ') => {
            return step(Action::Sleep(parse_duration(line, at + 1)?));
        }
        "barrier" | "sleep" => {
            return fault(
                at,
                format!(
                    "expected {}",
                    if name == "barrier" {
                        "nothing behind `barrier`"
                    } else {
                        "a time such as `sleep 150ms`"
                    }
                ),
            );
        }
        _ => {}
    }
    let connection = name.to_owned();
    // Longer marks first.
    let marks = [">>", "<<", "<{", "<}", ":", ">", "<", "!"];
    let Some(mark) = marks.into_iter().find(|mark| after.starts_with(mark)) else {
        return fault(
            at,
            format!("expected {MARKS} behind the connection `{name}`"),
        );
    };
    let from = at + mark.len();
    if mark == "<}" {
        return match (&guard, &line[from..]) {
            (None, "") => Ok(ParsedLine::CloseBlock {
                at: start,
                connection,
            }),
            (Some(_), _) => fault(
                0,
                "expected no guard here: the one in front of the block's first line holds for all of it",
            ),
            _ => fault(from, "expected nothing behind `<}`"),
        };
    }
    let from = match line.as_bytes().get(from) {
        None => from,
        Some(b' ') if line.as_bytes().get(from + 1) != Some(&b' ') => from + 1,
        Some(b' ') => {
            let message = "expected one blank behind the mark, found more".to_owned();
            return Err(Fault {
                at: from + 1,
                message,
                suggestion: None,
            }
            .suggest(r"a blank that is meant is written `\s`"));
        }
        Some(_) => return fault(from, format!("expected a blank behind `{mark}`")),
    };
    match mark {
        ":" => step(Action::Command {
            connection,
            arguments: parse_words(line, from)?,
        }),
        ">" | ">>" => {
            let parts = send_parts(parse_bytes(line, from)?)?;
            step(Action::Send {
                connection,
                parts,
                ending: ending(mark),
            })
        }
        "<" | "<<" => {
            let pattern = Pattern {
                parts: pattern_parts(parse_bytes(line, from)?)?,
            };
            step(Action::Expect {
                connection,
                pattern,
                ending: ending(mark),
            })
        }
        "<{" if &line[from..] == "any-order" => Ok(ParsedLine::OpenBlock(Block {
            guard,
            connection,
            items: Vec::new(),
        })),
        "<{" => fault(from, "expected `any-order`"),
        _ => step(parse_observation_or_action(connection, line, from)?),
    }
}

fn ending(mark: &str) -> Ending {
    if mark.len() == 1 {
        Ending::Crlf
    } else {
        Ending::Exact
    }
}

/// The guard in front of the line, if any, and where what it guards begins.
fn parse_guard(line: &str) -> Result<(Option<Guard>, usize), Fault> {
    let Some(rest) = line.strip_prefix('[') else {
        return Ok((None, 0));
    };
    let Some(length) = rest.find(']') else {
        return fault(line.len(), "expected `]` to close the guard");
    };
    let guard = rest[..length]
        .parse::<Guard>()
        .or_else(|error| fault(1 + error.at, error.message))?;
    let after = 1 + length + 1;
    match line[after..].strip_prefix(' ') {
        Some(guarded) if !guarded.starts_with(' ') => Ok((Some(guard), after + 1)),
        _ => fault(
            after,
            "expected one blank behind the guard, and then what it guards",
        ),
    }
}

/// A whole number of seconds or milliseconds: `2s`, `150ms`.
pub(super) fn parse_duration(line: &str, from: usize) -> Result<Duration, Fault> {
    let text = &line[from..];
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let duration = match (text[..digits].parse::<u64>(), &text[digits..]) {
        (Ok(number), "s") => Some(Duration::from_secs(number)),
        (Ok(number), "ms") => Some(Duration::from_millis(number)),
        _ => None,
    };
    let longest = Duration::from_secs(3600);
    match duration {
        Some(duration) if duration <= longest => Ok(duration),
        Some(_) => fault(from, format!("expected at most an hour, found `{text}`")),
        None => fault(
            from,
            format!("expected a time such as `2s` or `150ms`, found `{text}`"),
        ),
    }
}

const AFTER_EXCLAMATION: [&str; 11] = [
    "open", "flush", "shutdown", "rst", "close", "pause", "resume", "eof", "reset", "closed",
    "quiet",
];

fn parse_observation_or_action(
    connection: String,
    line: &str,
    from: usize,
) -> Result<Action, Fault> {
    let text = &line[from..];
    let (word, options) = text.split_once(' ').unwrap_or((text, ""));
    let options_at = from + word.len() + 1;
    let end = |end| match options {
        "" => Ok(Observation::End {
            end,
            discard: false,
        }),
        "discard" => Ok(Observation::End { end, discard: true }),
        _ => fault(
            options_at,
            format!("expected nothing or `discard` behind `{word}`, found `{options}`"),
        ),
    };
    let observation = match word {
        "eof" => end(End::Eof)?,
        "reset" => end(End::Reset)?,
        "closed" => end(End::Closed)?,
        "quiet" if options.is_empty() => Observation::Quiet(None),
        "quiet" => Observation::Quiet(Some(parse_duration(line, options_at)?)),
        _ => {
            let action = parse_socket_action(word, options, from, options_at)?;
            return Ok(Action::Socket { connection, action });
        }
    };
    Ok(Action::Observe {
        connection,
        observation,
    })
}

fn parse_socket_action(
    word: &str,
    options: &str,
    at: usize,
    options_at: usize,
) -> Result<SocketAction, Fault> {
    let action = match word {
        "open" => return parse_open(options, options_at),
        "flush" => SocketAction::Flush,
        "shutdown" => SocketAction::Shutdown,
        "rst" => SocketAction::Rst,
        "close" => SocketAction::Close,
        "pause" => SocketAction::Pause,
        "resume" => SocketAction::Resume,
        _ => {
            let message = format!(
                "expected one of {} behind `!`, found `{word}`",
                AFTER_EXCLAMATION.join(", ")
            );
            return Err(Fault {
                at,
                message,
                suggestion: None,
            }
            .suggest_closest(word, AFTER_EXCLAMATION));
        }
    };
    if options.is_empty() {
        Ok(action)
    } else {
        fault(
            options_at,
            format!("expected nothing behind `{word}`, found `{options}`"),
        )
    }
}

fn parse_open(options: &str, mut at: usize) -> Result<SocketAction, Fault> {
    let (mut receive_buffer, mut send_buffer) = (None, None);
    for option in options.split(' ').filter(|_| !options.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let size = value
            .parse::<usize>()
            .ok()
            .filter(|size| (1..=1 << 30).contains(size));
        let known = match name {
            "rcvbuf" => &mut receive_buffer,
            "sndbuf" => &mut send_buffer,
            _ => {
                return fault(
                    at,
                    format!("expected rcvbuf=BYTES or sndbuf=BYTES, found `{option}`"),
                );
            }
        };
        if size.is_none() || known.is_some() {
            return fault(
                at,
                format!("expected `{name}` once, with a number of bytes, found `{option}`"),
            );
        }
        *known = size;
        at += option.len() + 1;
    }
    Ok(SocketAction::Open {
        receive_buffer,
        send_buffer,
    })
}
