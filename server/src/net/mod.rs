//! Everything that knows mio: the loop, the listening sockets, the connections, the signals. It decides nothing.

mod event_loop;
mod link;
mod listener;
mod rotation;
mod signals;

pub(crate) use event_loop::{EventLoop, Stop};
pub(crate) use listener::{BindError, Reception};
