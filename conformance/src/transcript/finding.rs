//! What is wrong with a transcript and where, in words a person can act on; nothing of how it was found.

use std::fmt;

/// One thing that is wrong, or deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What was expected and what is there.
    pub message: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// Cannot be played, or means something else than it says.
    Error,
}

impl Finding {
    /// An error at a place.
    pub fn error(line: usize, column: usize, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Error,
            line,
            column,
            message: message.into(),
            suggestion: None,
        }
    }

    /// A warning at a place.
    pub fn warning(line: usize, column: usize, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Warning,
            ..Finding::error(line, column, message)
        }
    }

    /// A note at a place.
    pub fn note(line: usize, column: usize, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Note,
            ..Finding::error(line, column, message)
        }
    }

    /// The same finding with advice.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// The same finding with the closest of the known words as advice, if one is close.
    #[must_use]
    pub fn suggest_closest<'w>(self, word: &str, known: impl IntoIterator<Item = &'w str>) -> Self {
        match closest(word, known) {
            Some(close) => self.suggest(format!("did you mean `{close}`?")),
            None => self,
        }
    }
}

impl fmt::Display for Finding {
    /// `3:7: error: …; did you mean …?`, to be put behind a path and a colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(
            f,
            "{}:{}: {severity}: {}",
            self.line, self.column, self.message
        )?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// The known word that takes the fewest changed letters, if they are few enough to be a slip.
fn closest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let near = |candidate: &&str| distance(word, candidate);
    let best = known.into_iter().min_by_key(near)?;
    let tolerated = if word.len() < 4 { 1 } else { 2 };
    let letters = |word: &str| {
        let mut letters = word.as_bytes().to_vec();
        letters.sort_unstable();
        letters
    };
    let swapped = letters(word) == letters(best);
    let starts_alike = !word.is_empty() && (best.starts_with(word) || word.starts_with(best));
    (distance(word, best) <= tolerated || swapped || starts_alike).then_some(best)
}

/// Letters to insert, remove or replace to turn one word into the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left_byte) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, right_byte) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(left_byte != right_byte);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_known_word_is_suggested_only_when_it_is_close() {
        let known = ["title", "tags", "timeout", "trailing"];
        let cases = [
            ("titel", Some("title")),
            ("timeou", Some("timeout")),
            ("tag", Some("tags")),
            ("tgas", Some("tags")),
            ("colour", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(closest(word, known), expected, "{word}");
        }
    }
}
