//! What a client is told when a command fails: the exact line, without the leading `-` and the CRLF.

use std::borrow::Cow;
use std::fmt;

/// An error reply. Its first word is the code that `INFO errorstats` counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error(Cow<'static, [u8]>);

impl Error {
    pub(crate) const SYNTAX: Error = Error::fixed("ERR syntax error");
    pub(crate) const NOT_INTEGER: Error =
        Error::fixed("ERR value is not an integer or out of range");
    pub(crate) const NOT_FLOAT: Error = Error::fixed("ERR value is not a valid float");
    pub(crate) const OVERFLOW: Error = Error::fixed("ERR increment or decrement would overflow");
    pub(crate) const NO_SUCH_KEY: Error = Error::fixed("ERR no such key");
    #[allow(
        dead_code,
        reason = "strings are the only type yet; the first other type needs it"
    )]
    pub(crate) const WRONG_TYPE: Error =
        Error::fixed("WRONGTYPE Operation against a key holding the wrong kind of value");

    /// A line known beforehand, with its code.
    pub(crate) const fn fixed(line: &'static str) -> Error {
        Error(Cow::Borrowed(line.as_bytes()))
    }

    /// A line made for the occasion, with its code. Line ends become blanks when it is written.
    pub(crate) fn new(line: impl Into<Vec<u8>>) -> Error {
        Error(Cow::Owned(line.into()))
    }

    /// `ERR wrong number of arguments for 'NAME' command`, `container|subcommand` for a subcommand.
    pub(crate) fn arity(full_name: &str) -> Error {
        Error::new(format!(
            "ERR wrong number of arguments for '{full_name}' command"
        ))
    }

    /// A line that quotes what the client sent: up to its first NUL, since Redis formats it as a C string.
    pub(crate) fn quoting(before: &str, quoted: &[u8], after: &str) -> Error {
        let end = memchr::memchr(0, quoted).unwrap_or(quoted.len());
        Error::new([before.as_bytes(), &quoted[..end], after.as_bytes()].concat())
    }

    /// A container's subcommand that does not exist, or not with so many arguments.
    pub(crate) fn subcommand(container: &str, name: &[u8]) -> Error {
        const QUOTED_LEN_MAX: usize = 128;
        Error::quoting(
            "ERR unknown subcommand or wrong number of arguments for '",
            &name[..name.len().min(QUOTED_LEN_MAX)],
            &format!("'. Try {container} HELP."),
        )
    }

    /// The whole line.
    pub(crate) fn line(&self) -> &[u8] {
        &self.0
    }

    /// The first word.
    pub(crate) fn code(&self) -> &[u8] {
        self.0.split(|&b| b == b' ').next().unwrap_or_default()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl std::error::Error for Error {}
