//! What the terminal shows of a failure, with colours: the words that tell are told apart. Whether colours are shown at all is
//! for whoever writes to decide.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

const BAD: Style = AnsiColor::Red.on_default().bold();
const DUE: Style = AnsiColor::Green.on_default();
const CAME: Style = AnsiColor::Red.on_default();
const ASIDE: Style = Style::new().dimmed();

/// The same text with the first word of each line that tells something coloured.
pub fn coloured(text: &str) -> String {
    let mut painted = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let word = line.split_whitespace().next().unwrap_or_default();
        let style = match word {
            "DIVERGES" | "DIED" | "UNPLAYABLE" | "ORACLE" => BAD,
            "expected" => DUE,
            "actual" => CAME,
            "why:" | "wire" | "at" | "accept" | "again:" => ASIDE,
            _ => {
                painted.push_str(line);
                continue;
            }
        };
        let start = line.len() - line.trim_start().len();
        let (before, rest) = line.split_at(start);
        let (word, behind) = rest.split_at(word.len());
        let _ = write!(painted, "{before}{style}{word}{style:#}{behind}");
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_no_text() {
        let text = "DIVERGES  a/b\n  expected  +OK\n  actual    expected\n\n            ^ byte 0\n";
        let painted = coloured(text);
        assert_ne!(painted, text);
        assert_eq!(anstream::adapter::strip_str(&painted).to_string(), text);
    }
}
