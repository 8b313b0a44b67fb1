//! The `@key value` lines: which keys there are, how each value is read and printed. Knows no other line.

use std::fmt;

use super::parse::{Fault, fault, parse_duration};
use super::print::Time;
use super::{Guard, HeaderField, Level, NEEDS, Split, Trailing};
use crate::request::{quote_word, split_line};

/// Every key, in the order a header is usually written.
pub(super) const KEYS: [&str; 12] = [
    "id", "title", "level", "why", "tags", "since", "config", "needs", "split", "trailing",
    "timeout", "repeat",
];

impl HeaderField {
    /// The key, without `@`.
    pub fn key(&self) -> &'static str {
        match self {
            HeaderField::Id(_) => "id",
            HeaderField::Title(_) => "title",
            HeaderField::Level(_) => "level",
            HeaderField::Why(_) => "why",
            HeaderField::Tags(_) => "tags",
            HeaderField::Since(_) => "since",
            HeaderField::Config { .. } => "config",
            HeaderField::Needs(_) => "needs",
            HeaderField::Split(_) => "split",
            HeaderField::Trailing(_) => "trailing",
            HeaderField::Timeout(_) => "timeout",
            HeaderField::Repeat(_) => "repeat",
        }
    }
}

/// Reads a line that begins with `@`.
pub(super) fn parse_header(line: &str) -> Result<HeaderField, Fault> {
    let key_end = line.find(' ').unwrap_or(line.len());
    let key = &line[1..key_end];
    let value = line[key_end..].trim_start_matches(' ');
    let at = line.len() - value.len();
    if !KEYS.contains(&key) {
        let message = format!(
            "expected one of {}, found `@{key}`",
            KEYS.map(|key| format!("@{key}")).join(", ")
        );
        return Err(Fault {
            at: 0,
            message,
            suggestion: None,
        }
        .suggest_closest(key, KEYS));
    }
    if value.is_empty() {
        return fault(at, format!("expected a value behind `@{key}`"));
    }
    Ok(match key {
        "id" => HeaderField::Id(value.to_owned()),
        "title" => HeaderField::Title(value.to_owned()),
        "level" => HeaderField::Level(one_of(&Level::ALL, value, at)?),
        "why" => HeaderField::Why(value.to_owned()),
        "tags" => HeaderField::Tags(
            value
                .split(' ')
                .filter(|tag| !tag.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        "since" => HeaderField::Since(
            value
                .parse::<Guard>()
                .or_else(|error| fault(at + error.at, error.message))?,
        ),
        "config" => parse_config(value, at)?,
        "needs" => parse_needs(value, at)?,
        "split" => HeaderField::Split(one_of(&SPLITS, value, at)?),
        "trailing" => HeaderField::Trailing(one_of(&TRAILINGS, value, at)?),
        "timeout" => HeaderField::Timeout(parse_duration(line, at)?),
        _ => match value.parse() {
            Ok(repeat @ 1..=100_000) => HeaderField::Repeat(repeat),
            _ => {
                return fault(
                    at,
                    format!("expected a number from 1 to 100000, found `{value}`"),
                );
            }
        },
    })
}

const SPLITS: [(&str, Split); 2] = [("any", Split::Any), ("fixed", Split::Fixed)];
const TRAILINGS: [(&str, Trailing); 2] = [("strict", Trailing::Strict), ("allow", Trailing::Allow)];

fn one_of<T: Copy>(known: &[(&str, T)], value: &str, at: usize) -> Result<T, Fault> {
    if let Some((_, found)) = known.iter().find(|(spelling, _)| *spelling == value) {
        return Ok(*found);
    }
    let spellings: Vec<&str> = known.iter().map(|(spelling, _)| *spelling).collect();
    let message = format!("expected one of {}, found `{value}`", spellings.join(", "));
    Err(Fault {
        at,
        message,
        suggestion: None,
    }
    .suggest_closest(value, spellings))
}

/// The key, a blank, and the value: as it stands, or quoted as in redis-cli when that would be nothing or begin with a quote.
fn parse_config(value: &str, at: usize) -> Result<HeaderField, Fault> {
    let Some((key, text)) = value.split_once(' ') else {
        return fault(
            at + value.len(),
            "expected a value behind the option's name; `\"\"` is an empty one",
        );
    };
    let value = if text.starts_with('"') {
        let words = split_line(text.as_bytes()).or_else(|error| {
            fault(
                at + key.len() + 1 + error.at,
                format!("expected {}", error.expected),
            )
        })?;
        let word = match <[Vec<u8>; 1]>::try_from(words) {
            Ok([word]) => String::from_utf8(word).ok(),
            Err(_) => None,
        };
        let Some(word) = word else {
            return fault(at + key.len() + 1, "expected one quoted text");
        };
        word
    } else {
        text.to_owned()
    };
    Ok(HeaderField::Config {
        key: key.to_owned(),
        value,
    })
}

fn parse_needs(value: &str, mut at: usize) -> Result<HeaderField, Fault> {
    let known = NEEDS.map(|(need, _)| need);
    let mut needs = Vec::new();
    for need in value.split(',') {
        if !known.contains(&need) {
            let message = format!(
                "expected some of {}, separated by commas, found `{need}`",
                known.join(", ")
            );
            return Err(Fault {
                at,
                message,
                suggestion: None,
            }
            .suggest_closest(need, known));
        }
        needs.push(need.to_owned());
        at += need.len() + 1;
    }
    Ok(HeaderField::Needs(needs))
}

impl fmt::Display for HeaderField {
    /// The canonical line: values stand in one column.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{:<6} ", self.key())?;
        match self {
            HeaderField::Id(text) | HeaderField::Title(text) | HeaderField::Why(text) => {
                f.write_str(text)
            }
            HeaderField::Level(level) => f.write_str(level.spelling()),
            HeaderField::Tags(tags) => f.write_str(&tags.join(" ")),
            HeaderField::Since(guard) => write!(f, "{guard}"),
            HeaderField::Config { key, value } => {
                let plain =
                    !value.is_empty() && !value.starts_with(['"', ' ']) && !value.ends_with(' ');
                let value = if plain {
                    value.clone()
                } else {
                    quote_word(value.as_bytes())
                };
                write!(f, "{key} {value}")
            }
            HeaderField::Needs(needs) => f.write_str(&needs.join(",")),
            HeaderField::Split(split) => f.write_str(spelling(&SPLITS, *split)),
            HeaderField::Trailing(trailing) => f.write_str(spelling(&TRAILINGS, *trailing)),
            HeaderField::Timeout(timeout) => write!(f, "{}", Time(*timeout)),
            HeaderField::Repeat(repeat) => write!(f, "{repeat}"),
        }
    }
}

fn spelling<T: Copy + PartialEq>(known: &[(&'static str, T)], value: T) -> &'static str {
    let found = known.iter().find(|(_, one)| *one == value);
    found.expect("every value has a spelling").0
}
