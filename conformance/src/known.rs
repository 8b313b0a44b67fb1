//! The known differences: the one file in which a divergence is accepted, with its reason and its bytes. An accepted
//! divergence is still a test: other bytes are a new one, and an entry that matches nothing any more is a failure.

use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};

use crate::replay::Divergence;
use crate::transcript::Identity;
use crate::transcript::escape::escaped;

/// Of the differing bytes so many are pinned.
const PINNED: usize = 64;

/// Every difference that is accepted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// One for each transcript and build.
    #[serde(default, rename = "difference")]
    pub differences: Vec<Difference>,
}

/// One accepted difference.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The transcript's id.
    pub id: String,
    /// The build whose answers are expected and not given: `redis-8.2.3`.
    pub build: String,
    /// Why that is better than giving them.
    pub reason: String,
    /// What comes instead, from the first differing byte on, escaped as in a transcript: see [`pinned_bytes`].
    pub actual: String,
    /// Where that is discussed: a link.
    #[serde(default)]
    pub link: Option<String>,
    /// The last day on which it is accepted; without one it is accepted for ever.
    #[serde(default, deserialize_with = "day")]
    pub expires: Option<NaiveDate>,
}

/// A TOML date without a time: `2027-01-31`.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    let written = toml::value::Datetime::deserialize(deserializer)?.to_string();
    let date = written.parse();
    date.map(Some)
        .map_err(|_| serde::de::Error::custom(format!("expected a day, found `{written}`")))
}

impl Known {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or is not of this form.
    pub fn load(path: &Path) -> Result<Known, String> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Known::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Reads the file, whose entries must all be for transcripts that are in the folder.
    ///
    /// # Errors
    /// As [`Known::load`], and when a transcript is not there.
    pub fn load_for(path: &Path, transcripts: &Path) -> Result<Known, String> {
        let known = Known::load(path)?;
        let is_there = |id: &str| transcripts.join(format!("{id}.resp")).is_file();
        match known.differences.iter().find(|entry| !is_there(&entry.id)) {
            None => Ok(known),
            Some(entry) => Err(format!(
                "{}: the entry for {} is for no transcript that is there",
                path.display(),
                entry.id
            )),
        }
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// When it is not TOML of this form, or an entry gives no reason.
    pub fn parse(text: &str) -> Result<Known, String> {
        let known: Known = toml::from_str(text).map_err(|error| error.to_string())?;
        match known
            .differences
            .iter()
            .find(|difference| difference.reason.trim().is_empty())
        {
            Some(difference) => Err(format!("{}: a difference needs a reason", difference.id)),
            None => Ok(known),
        }
    }

    /// The entry that accepts exactly this divergence.
    pub fn accepting(
        &self,
        id: &str,
        build: &Identity,
        divergence: &Divergence,
    ) -> Option<&Difference> {
        let actual = pinned_bytes(divergence);
        self.differences.iter().find(|known| {
            known.id == id && known.build == build.to_string() && known.actual == actual
        })
    }

    /// The entries for a build that are accepted no longer on this day.
    pub fn expired<'k>(
        &'k self,
        build: &Identity,
        today: NaiveDate,
    ) -> impl Iterator<Item = &'k Difference> + 'k {
        self.concerning(build, |_| true)
            .filter(move |known| known.expires.is_some_and(|last| last < today))
    }

    /// The entries for a build and one of these transcripts.
    pub fn concerning<'k>(
        &'k self,
        build: &Identity,
        is_judged: impl Fn(&str) -> bool + 'k,
    ) -> impl Iterator<Item = &'k Difference> + 'k {
        let build = build.to_string();
        self.differences
            .iter()
            .filter(move |known| known.build == build && is_judged(&known.id))
    }
}

/// What an entry pins: the fault, for one that is no byte, or the first differing bytes.
pub fn pinned_bytes(divergence: &Divergence) -> String {
    let differing = &divergence.actual[divergence.offset.min(divergence.actual.len())..];
    if differing.is_empty() {
        return format!("({})", divergence.fault);
    }
    escaped(&differing[..differing.len().min(PINNED)])
}

/// The line of an entry that accepts this divergence, ready to be pasted.
pub fn pin_line(pinned: &str) -> String {
    if pinned.contains('\'') {
        let escaped = pinned.replace('\\', "\\\\").replace('"', "\\\"");
        format!("actual = \"{escaped}\"")
    } else {
        format!("actual = '{pinned}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Fault;
    use crate::replay::State;

    fn divergence(actual: &[u8], offset: usize) -> Divergence {
        Divergence {
            fault: Fault::WrongText,
            connection: "a".to_owned(),
            line: 3,
            sent: Vec::new(),
            expected: String::new(),
            expected_bytes: Vec::new(),
            actual: actual.to_vec(),
            offset,
            stream_offset: offset,
            due: String::new(),
            state: State::Open,
        }
    }

    #[test]
    fn a_difference_is_accepted_for_its_build_and_its_bytes_only() {
        let known = Known::parse(
            "[[difference]]\nid = \"a/b\"\nbuild = \"redis-8.2.3\"\nreason = \"better\"\nactual = '+NO\\r\\n'\n",
        )
        .unwrap();
        let build: Identity = "redis-8.2.3".parse().unwrap();
        assert!(
            known
                .accepting("a/b", &build, &divergence(b"x+NO\r\n", 1))
                .is_some()
        );
        assert!(
            known
                .accepting("a/b", &build, &divergence(b"x+NOT\r\n", 1))
                .is_none()
        );
        assert!(
            known
                .accepting("a/c", &build, &divergence(b"x+NO\r\n", 1))
                .is_none()
        );
        assert!(
            known
                .accepting(
                    "a/b",
                    &"redis-7.0.15".parse().unwrap(),
                    &divergence(b"x+NO\r\n", 1)
                )
                .is_none()
        );
        assert_eq!(known.concerning(&build, |id| id == "a/b").count(), 1);
        assert_eq!(known.concerning(&build, |_| false).count(), 0);
    }

    #[test]
    fn what_never_came_is_pinned_by_its_fault() {
        assert_eq!(pinned_bytes(&divergence(b"+OK\r\n", 5)), "(other bytes)");
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        let text =
            "[[difference]]\nid = \"a/b\"\nbuild = \"redis-8.2.3\"\nreason = \" \"\nactual = ''\n";
        assert!(Known::parse(text).unwrap_err().contains("needs a reason"));
        assert!(Known::parse("[[difference]]\nid = 1\n").is_err());
    }

    #[test]
    fn the_line_to_paste_is_read_back_as_the_very_pin() {
        for pinned in [
            r"+NO\r\n",
            r#"-ERR unknown '"x"', \\"#,
            "(the server did not close)",
        ] {
            let text = format!(
                "[[difference]]\nid = 'a/b'\nbuild = 'redis-8.2.3'\nreason = 'r'\n{}\n",
                pin_line(pinned)
            );
            assert_eq!(Known::parse(&text).unwrap().differences[0].actual, pinned);
        }
    }

    #[test]
    fn an_entry_holds_through_its_last_day() {
        let text = |expires: &str| {
            format!(
                "[[difference]]\nid = 'a/b'\nbuild = 'redis-8.2.3'\nreason = 'r'\nactual = ''\nexpires = {expires}\n"
            )
        };
        let known = Known::parse(&text("2027-01-31")).unwrap();
        let build: Identity = "redis-8.2.3".parse().unwrap();
        let expired = |day: &str| known.expired(&build, day.parse().unwrap()).count();
        assert_eq!((expired("2027-01-31"), expired("2027-02-01")), (0, 1));
        for wrong in ["2027-01-31T10:00:00", "'soon'", "10:00:00"] {
            assert!(Known::parse(&text(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_entry_for_no_transcript_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known.toml");
        let text = "[[difference]]\nid = 'a/b'\nbuild = 'redis-8.2.3'\nreason = 'r'\nactual = ''\n";
        fs::write(&file, text).unwrap();
        let why = Known::load_for(&file, dir.path()).unwrap_err();
        assert!(
            why.contains("the entry for a/b is for no transcript"),
            "{why}"
        );
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b.resp"), "").unwrap();
        assert_eq!(
            Known::load_for(&file, dir.path())
                .unwrap()
                .differences
                .len(),
            1
        );
    }
}
