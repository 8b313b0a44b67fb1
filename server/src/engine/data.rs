//! The window of a data command: arguments, keys, time and reply, and nothing else.

use crate::config::Config;
use crate::engine::host::Now;
use crate::keyspace::db::Keys;
use crate::resp::args::Args;
use crate::resp::reply::Reply;

/// What a data command sees. The fields are separate so that a value can be read while the reply is written.
pub(crate) struct Data<'a> {
    pub(crate) args: Args<'a>,
    pub(crate) keys: Keys<'a>,
    pub(crate) reply: Reply<'a>,
    pub(crate) config: &'a Config,
    pub(crate) now: Now,
    /// A RESP2 subscriber, to whom even PING answers with a message.
    pub(crate) reads_only_messages: bool,
}
