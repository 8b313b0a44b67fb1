//! A transcript with everything that is worked out once from its text; and choosing among many. Plays nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::cuts;
use crate::reset::Undo;
use crate::transcript::finding::Finding;
use crate::transcript::lint::known_builds;
use crate::transcript::{Action, Header, Identity, Script, Split, Transcript};

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

/// What a transcript expects of builds that answer it alike.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The transcript as these builds meet it.
    pub script: Script,
    /// The builds, in the order of [`KNOWN_BUILDS`](crate::transcript::lint::KNOWN_BUILDS); never empty.
    pub builds: Vec<Identity>,
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

    /// Whether a server of this identity has what it is about.
    pub fn applies_to(&self, identity: &Identity) -> bool {
        let since = self.header.since.as_ref();
        since.is_none_or(|since| since.holds(identity))
    }

    /// Every way in which the builds it was recorded from answer it; more than one if they differ.
    pub fn variants(&self) -> Vec<Variant> {
        let mut variants: Vec<Variant> = Vec::new();
        for build in known_builds() {
            if !self.applies_to(&build) {
                continue;
            }
            let script = self.transcript.script(&build);
            match variants.iter_mut().find(|other| other.script == script) {
                Some(same) => same.builds.push(build),
                None => variants.push(Variant {
                    script,
                    builds: vec![build],
                }),
            }
        }
        variants
    }

    /// The recorded builds whose answers are expected of a server of this identity.
    pub fn expected_of(&self, identity: &Identity) -> Vec<Identity> {
        let own = self.transcript.script(identity);
        let variants = self.variants();
        let same = variants
            .into_iter()
            .find(|variant| variant.script == own)
            .map(|variant| variant.builds);
        same.unwrap_or_default()
    }

    /// The same, but an answer may take only so long where the transcript does not say. A server that answers little would
    /// otherwise take the longest of all.
    pub fn with_patience(&self, patience: Option<Duration>) -> Case {
        let mut case = self.clone();
        case.header.timeout = case.header.timeout.or(patience);
        case
    }

    /// How long it sleeps in all when it is played once.
    pub fn sleeps(&self) -> Duration {
        let sleeps = self.transcript.steps().map(|(_, step)| match step.action {
            Action::Sleep(duration) => duration,
            _ => Duration::ZERO,
        });
        sleeps.sum()
    }

    /// About how much work it is to play it at every cut: how many writes are made in all.
    pub fn effort(&self, identity: &Identity) -> usize {
        let script = self.transcript.script(identity);
        let writes: Vec<usize> = script.writes().collect();
        let runs = match self.header.split {
            Split::Any => cuts::plan(&writes).0.len(),
            Split::Fixed => 0,
        };
        (self.header.repeat.max(1) as usize + runs) * writes.len()
    }

    /// Whether it is among those asked for: by any of the id patterns, and by any of the tags. Nothing asked for is
    /// everything.
    pub fn is_selected(&self, ids: &[String], tags: &[String]) -> bool {
        let by_id = ids.is_empty() || ids.iter().any(|pattern| matches(pattern, self.id()));
        let by_tag = tags.is_empty() || tags.iter().any(|tag| self.header.tags.contains(tag));
        by_id && by_tag
    }
}

/// One of several shares of the transcripts, so that several machines judge them all. A transcript's share depends on its id
/// alone: it stays where it is when others come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Whether it has this id's transcript.
    pub fn has(self, id: &str) -> bool {
        // FNV-1a, and its bits mixed once more: the lowest alone would follow those of the last letters.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash ^ (hash >> 32)) % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    /// Reads `2/5`, the second of five.
    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/');
        let parts =
            parts.and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if 1 <= index && index <= count => Ok(Shard { index, count }),
            _ => Err("expected a share such as 2/5, the second of five".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
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
    fn builds_that_are_answered_for_by_the_same_lines_share_a_variant() {
        let text = "@id s/a\n@title t\n@since redis|valkey>=9\n\na: PING\n[redis<7] a< +OLD\n[redis>=7|valkey] a< +PONG\n";
        let case = Case::parse(Path::new("s/a.resp"), text).unwrap();
        let builds: Vec<String> = case
            .variants()
            .iter()
            .map(|variant| {
                format!(
                    "{:?}",
                    variant
                        .builds
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                )
            })
            .collect();
        assert_eq!(
            builds,
            [
                r#"["redis-6.2.5"]"#,
                r#"["redis-7.0.15", "redis-8.2.3", "valkey-9.1.2"]"#
            ]
        );
        let between: Identity = "redis-7.4.0".parse().unwrap();
        assert_eq!(case.expected_of(&between).len(), 3);
    }

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

    #[test]
    fn every_transcript_is_in_exactly_one_share_and_the_shares_are_alike() {
        let ids: Vec<String> = (0..1000).map(|n| format!("strings/case-{n}")).collect();
        let mut sizes = [0; 5];
        for id in &ids {
            let shares: Vec<usize> = (1..=5)
                .filter(|n| format!("{n}/5").parse::<Shard>().unwrap().has(id))
                .collect();
            assert_eq!(shares.len(), 1, "{id}");
            sizes[shares[0] - 1] += 1;
        }
        assert!(
            sizes.iter().all(|size| (150..250).contains(size)),
            "{sizes:?}"
        );
        // Another hash would move every transcript of everybody's CI.
        assert!("2/5".parse::<Shard>().unwrap().has("strings/case-1"));
        for wrong in ["0/5", "6/5", "1", "1/0", "a/b", "-1/5", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
