//! Brings a server back to the state in which every transcript begins: no keys, no scripts, the configuration it was
//! started with. Knows commands that undo, and which transcripts need which; nothing of answers.

use std::collections::BTreeMap;

use crate::control::{Control, Trouble};
use crate::request::encode_multibulk;
use crate::transcript::Header;
use crate::wire::{Kind, Reply};

/// What a server was like when it was fresh, and what it allows.
#[derive(Debug, Clone)]
pub struct FirstState {
    config: Option<Config>,
    debug: bool,
    scripts: bool,
    flushes: bool,
}

/// Option names and values as CONFIG GET tells them.
type Config = BTreeMap<Vec<u8>, Vec<u8>>;

/// Why a transcript cannot be begun. Its text is shown to the user.
#[derive(Debug)]
pub enum NotReady {
    /// The server refuses an option; a fresh one started with it might do.
    Refused(String),
    /// What an earlier transcript did cannot be undone.
    Dirty(String),
    /// The server is gone or stuck.
    Trouble(Trouble),
}

impl From<Trouble> for NotReady {
    fn from(trouble: Trouble) -> NotReady {
        NotReady::Trouble(trouble)
    }
}

/// Commands that undo what a transcript may have done, by a word that a transcript must contain to have done it.
const UNDO: &[(&str, &[&[&str]])] = &[
    ("CONFIG", &[&["CONFIG", "RESETSTAT"]]),
    ("INFO", &[&["CONFIG", "RESETSTAT"]]),
    ("PAUSE", &[&["CLIENT", "UNPAUSE"]]),
    ("EVAL", &[&["SCRIPT", "FLUSH"]]),
    ("SCRIPT", &[&["SCRIPT", "FLUSH"]]),
    ("FUNCTION", &[&["FUNCTION", "FLUSH"]]),
    ("SLOWLOG", &[&["SLOWLOG", "RESET"]]),
    ("LATENCY", &[&["LATENCY", "RESET"]]),
    ("DEBUG", &[&["DEBUG", "SET-ACTIVE-EXPIRE", "1"]]),
    ("REPLICAOF", &[&["REPLICAOF", "NO", "ONE"]]),
    ("SLAVEOF", &[&["REPLICAOF", "NO", "ONE"]]),
];

/// What must be undone after a transcript, found out once from its text.
///
/// A word in a comment counts as well: undoing what was not done harms nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undo {
    commands: Vec<Vec<u8>>,
    config: bool,
    users: bool,
}

impl Undo {
    /// What the transcript of this text may leave behind.
    pub fn of(text: &str) -> Undo {
        let text = text.to_ascii_uppercase();
        let mut commands = vec![encode_multibulk(&["FLUSHALL"])];
        for (word, undo) in UNDO {
            if text.contains(word) {
                commands.extend(undo.iter().map(|arguments| encode_multibulk(arguments)));
            }
        }
        commands.dedup();
        Undo {
            commands,
            config: text.contains("CONFIG"),
            users: text.contains("ACL"),
        }
    }
}

impl FirstState {
    /// Looks at a fresh server. One that closes the connection at a command it does not know has refused it, too.
    pub fn of(control: &mut Control) -> Result<FirstState, Trouble> {
        let allows = |reply: &Option<Reply>| {
            let reply = reply.as_ref();
            reply.is_some_and(|reply| reply.kind() != Kind::Error)
        };
        let debug = ask(control, &[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"])?;
        let flushed = ask(control, &[b"FLUSHALL"])?;
        let scripts = ask(control, &[b"EVAL", b"return 1", b"0"])?;
        let config = ask(control, &[b"CONFIG", b"GET", b"*"])?;
        Ok(FirstState {
            config: config.as_ref().and_then(pairs),
            debug: allows(&debug),
            scripts: allows(&scripts),
            flushes: flushed.is_some_and(|reply| !is_unknown(&reply)),
        })
    }

    /// Whether it has FLUSHALL. Without it only a fresh server has no keys.
    pub fn flushes(&self) -> bool {
        self.flushes
    }

    /// The first of the transcript's `@needs` that the server does not meet.
    pub fn lacks(&self, header: &Header, can_start: bool) -> Option<&'static str> {
        let needs = |what: &str| header.needs.iter().any(|need| need == what);
        if (needs("config") || !header.config.is_empty()) && self.config.is_none() {
            Some("CONFIG is not allowed")
        } else if needs("debug") && !self.debug {
            Some("DEBUG is not allowed")
        } else if needs("lua") && !self.scripts {
            Some("scripts are not run")
        } else if needs("start") && !can_start {
            Some("the server was not started by the judge")
        } else {
            None
        }
    }

    /// Undoes what the previous transcript did, and sets the options of the next one.
    pub fn prepare(
        &self,
        control: &mut Control,
        undo: &Undo,
        header: &Header,
    ) -> Result<(), NotReady> {
        if undo.users {
            delete_users(control)?;
        }
        if undo.config {
            self.restore_config(control)?;
        }
        control.pipeline(&undo.commands)?;
        for (key, value) in &header.config {
            let reply = control.command(&[b"CONFIG", b"SET", key.as_bytes(), value.as_bytes()])?;
            if reply.kind() == Kind::Error {
                let text = String::from_utf8_lossy(reply.root().body()).into_owned();
                return Err(NotReady::Refused(format!("@config {key} {value}: {text}")));
            }
        }
        Ok(())
    }

    /// Undoes the last transcript before another one, which may not undo the same things, is begun.
    pub fn clean(&self, control: &mut Control, undo: &Undo) -> Result<(), NotReady> {
        if undo.users {
            delete_users(control)?;
        }
        if undo.config {
            self.restore_config(control)?;
        }
        Ok(control.pipeline(&undo.commands)?)
    }

    fn restore_config(&self, control: &mut Control) -> Result<(), NotReady> {
        let Some(first) = &self.config else {
            return Ok(());
        };
        let now = config(control)?.unwrap_or_default();
        let changed: Vec<_> = first
            .iter()
            .filter(|(key, value)| now.get(*key) != Some(value))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        for (key, value) in changed {
            control.command(&[b"CONFIG", b"SET", key, value])?;
        }
        let now = config(control)?.unwrap_or_default();
        match first
            .iter()
            .find(|(key, value)| now.get(*key) != Some(value))
        {
            None => Ok(()),
            Some((key, _)) => Err(NotReady::Dirty(format!(
                "{} cannot be set back",
                String::from_utf8_lossy(key)
            ))),
        }
    }
}

/// The reply to a command; nothing if the server closes instead, and then the connection is made anew.
fn ask(control: &mut Control, arguments: &[&[u8]]) -> Result<Option<Reply>, Trouble> {
    match control.command(arguments) {
        Ok(reply) => Ok(Some(reply)),
        Err(Trouble::Lost(_)) => {
            *control = control.another()?;
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}

fn is_unknown(reply: &Reply) -> bool {
    let text = String::from_utf8_lossy(reply.root().body()).to_ascii_lowercase();
    reply.kind() == Kind::Error && text.contains("unknown command")
}

fn config(control: &mut Control) -> Result<Option<Config>, Trouble> {
    let reply = control.command(&[b"CONFIG", b"GET", b"*"])?;
    Ok(pairs(&reply))
}

fn pairs(reply: &Reply) -> Option<Config> {
    if !matches!(reply.kind(), Kind::Array | Kind::Map) {
        return None;
    }
    let words: Vec<Vec<u8>> = reply
        .root()
        .children()
        .map(|child| child.body().to_vec())
        .collect();
    Some(
        words
            .chunks_exact(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect(),
    )
}

fn delete_users(control: &mut Control) -> Result<(), Trouble> {
    let users = control.command(&[b"ACL", b"USERS"])?;
    let users: Vec<Vec<u8>> = users
        .root()
        .children()
        .map(|user| user.body().to_vec())
        .collect();
    for user in users.iter().filter(|user| user.as_slice() != b"default") {
        control.command(&[b"ACL", b"DELUSER", user])?;
    }
    control.command(&[
        b"ACL",
        b"SETUSER",
        b"default",
        b"on",
        b"allkeys",
        b"allchannels",
        b"allcommands",
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_transcript_mentions_is_undone() {
        let commands = |text: &str| -> String {
            Undo::of(text)
                .commands
                .iter()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .collect()
        };
        assert_eq!(commands("a: PING"), "*1\r\n$8\r\nFLUSHALL\r\n");
        assert!(commands("a: client pause 10").contains("UNPAUSE"));
        assert!(commands("a: eval 'return 1' 0").contains("SCRIPT"));
        assert!(Undo::of("@config maxmemory 1mb").config && !Undo::of("a: PING").config);
        assert!(Undo::of("a: ACL SETUSER u").users);
    }

    #[test]
    fn what_a_transcript_needs_and_a_server_lacks_is_named() {
        let state = FirstState {
            config: None,
            debug: true,
            scripts: false,
            flushes: true,
        };
        let header = |needs: &str| Header {
            needs: vec![needs.to_owned()],
            ..Header::default()
        };
        assert_eq!(state.lacks(&header("debug"), false), None);
        assert_eq!(
            state.lacks(&header("lua"), false),
            Some("scripts are not run")
        );
        assert_eq!(state.lacks(&header("start"), true), None);
        assert_eq!(
            state.lacks(&header("start"), false),
            Some("the server was not started by the judge")
        );
        let config = Header {
            config: vec![("timeout".to_owned(), "1".to_owned())],
            ..Header::default()
        };
        assert_eq!(state.lacks(&config, true), Some("CONFIG is not allowed"));
    }
}
