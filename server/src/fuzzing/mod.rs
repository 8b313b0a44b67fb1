//! What holds of each parser whatever bytes it is given: the targets of `server/fuzz` are led through it by the code they
//! reach, and ordinary tests try it with inputs of their own making. It is no part of the server.
//!
//! Each law panics where it is broken.

pub(crate) mod config;
pub(crate) mod payload;
pub(crate) mod request;

use config::Asked;
use request::Stream;

/// A client's stream: the first eight bytes say where it is cut.
pub fn request(input: &[u8]) {
    Stream::of(input).is_read_alike_however_it_is_cut();
}

/// A payload of RESTORE, without the version and the check sum at its end.
pub fn payload(input: &[u8]) {
    payload::is_loaded_or_refused(input);
}

/// A redis.conf, and behind it arguments of the program, divided by bytes that are in no text: 0xff.
pub fn config(input: &[u8]) {
    Asked::of(input).is_obeyed_or_refused();
}
