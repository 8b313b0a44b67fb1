//! A transcript with everything that is worked out once from its text; and choosing among many. Plays nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::reset::Undo;
use crate::transcript::finding::Finding;
use crate::transcript::{Action, Header, Transcript};

/// One transcript, ready to be played.
#[derive(Debug, Clone)]
pub struct Case {
    /// Where it is, below the folder of transcripts.
    pub path: PathBuf,
    /// What it says.
    pub transcript: Transcript,
    /// Its header.
    pub header: Header,
    /// What must be undone after it.
    pub undo: Undo,
}

impl Case {
    /// Reads a transcript's text.
    ///
    /// # Errors
    /// What is wrong with it, if it cannot be read as a transcript.
    pub fn parse(path: &Path, text: &str) -> Result<Case, Vec<Finding>> {
        let transcript = Transcript::parse(text)?;
        let header = transcript.header();
        Ok(Case {
            path: path.to_owned(),
            header,
            undo: Undo::of(text),
            transcript,
        })
    }

    /// `section/slug`
    pub fn id(&self) -> &str {
        &self.header.id
    }

    /// How long it sleeps in all when it is played once.
    pub fn sleeps(&self) -> Duration {
        let sleeps = self.transcript.steps().map(|(_, step)| match step.action {
            Action::Sleep(duration) => duration,
            _ => Duration::ZERO,
        });
        sleeps.sum()
    }

    /// Whether it is among those asked for: by any of the id patterns, and by any of the tags. Nothing asked for is
    /// everything.
    pub fn is_selected(&self, ids: &[String], tags: &[String]) -> bool {
        let by_id = ids.is_empty() || ids.iter().any(|pattern| matches(pattern, self.id()));
        let by_tag = tags.is_empty() || tags.iter().any(|tag| self.header.tags.contains(tag));
        by_id && by_tag
    }
}

/// Whether an id fits a pattern in which `*` is any number of characters and `?` is one. A pattern that ends with `/`
/// stands for everything in that section.
fn matches(pattern: &str, id: &str) -> bool {
    if pattern.ends_with('/') {
        return id.starts_with(pattern);
    }
    let (pattern, id) = (pattern.as_bytes(), id.as_bytes());
    let (mut at, mut within) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while within < id.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, within));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == id[within] => {
                at += 1;
                within += 1;
            }
            // The last star takes one more character, and the rest is tried again.
            _ => match &mut star {
                Some((star, taken)) => {
                    *taken += 1;
                    (at, within) = (*star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_chosen_by_name_by_pattern_and_by_section() {
        let id = "inline/crlf-before-resp";
        for pattern in [
            "inline/crlf-before-resp",
            "inline/*",
            "*",
            "*resp",
            "inline/",
            "i*crlf*e?p",
            "**",
        ] {
            assert!(matches(pattern, id), "{pattern}");
        }
        for pattern in [
            "inline",
            "crlf",
            "inline/crlf",
            "inline/?",
            "",
            "multibulk/",
        ] {
            assert!(!matches(pattern, id), "{pattern}");
        }
    }
}
