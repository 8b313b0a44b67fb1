//! One connection: its socket, and whether it may have bytes that were not read.

use std::io::{self, IoSlice, Read, Write};

use socket2::Socket;

use crate::engine::{ClientKey, Written};
use crate::resp::output::Output;

/// Pieces of output joined in one write.
const SLICES_MAX: usize = 64;

/// One connection.
pub(super) struct Link {
    pub(super) stream: Socket,
    pub(super) key: ClientKey,
    /// An event has told that the peer closed its end: no other will tell so, and a read must find it.
    pub(super) ended: bool,
    /// Urgent data has come, at which a read stops short although more bytes wait behind it.
    pub(super) urgent: bool,
}

/// What a read came to.
pub(super) enum Arrived {
    /// So many bytes; `more` may wait.
    Bytes { count: usize, more: bool },
    /// Nothing now.
    Nothing,
    /// The peer has closed its end.
    End,
    /// The connection is broken.
    Broken,
}

impl Link {
    /// Reads once into `buffer`.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Arrived {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => Arrived::End,
                // A stream socket that gives less than was asked for is empty: what comes later is a new event.
                Ok(count) => Arrived::Bytes {
                    count,
                    more: self.ended || self.urgent || count == buffer.len(),
                },
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.urgent = false;
                        Arrived::Nothing
                    }
                    io::ErrorKind::Interrupted => continue,
                    _ => Arrived::Broken,
                },
            };
        }
    }

    /// Reads up to `room` bytes onto the end of `buffer`, which has room for them.
    pub(super) fn read_onto(&mut self, buffer: &mut Vec<u8>, room: usize) -> Arrived {
        let before = buffer.len();
        let outcome = (&mut self.stream).take(room as u64).read_to_end(buffer);
        let count = buffer.len() - before;
        match outcome {
            Ok(_) if count == room => Arrived::Bytes { count, more: true },
            // The end is seen again by the next read, after the bytes before it were dealt with.
            Ok(_) if count > 0 => Arrived::Bytes { count, more: true },
            Ok(_) => Arrived::End,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && count > 0 => {
                Arrived::Bytes {
                    count,
                    more: self.ended || self.urgent,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Arrived::Nothing,
            Err(_) => Arrived::Broken,
        }
    }

    /// Writes as much of the output as the socket takes, at most `share` bytes.
    pub(super) fn write(&mut self, output: &mut Output, mut share: usize) -> Written {
        loop {
            let outcome = match output.single_slice() {
                Some(bytes) => self.stream.write(&bytes[..bytes.len().min(share)]),
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                    let filled = output.slices(&mut slices, share);
                    self.stream.write_vectored(&slices[..filled])
                }
            };
            match outcome {
                Ok(0) => return Written::Failed,
                Ok(count) => {
                    output.sent(count);
                    share -= count;
                    if output.is_empty() {
                        return Written::All;
                    }
                    if share == 0 {
                        return Written::Share;
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Written::Part,
                    io::ErrorKind::Interrupted => {}
                    _ => return Written::Failed,
                },
            }
        }
    }
}
