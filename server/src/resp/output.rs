//! The bytes that wait to be sent to one client: owned while small, shared and counted while large.
//!
//! Knows nothing of replies and nothing of sockets; both work on it.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// From here on a value is shared with the output instead of being copied into it.
pub(crate) const SHARE_LEN_MIN: usize = 16 * 1024;

/// An owned tail is queued, and a new one begun, when it has grown to this.
const TAIL_LEN_MAX: usize = 64 * 1024;

/// An empty tail keeps no more than this for the next reply.
const TAIL_KEEP: usize = 4 * 1024;

#[derive(Debug, Clone)]
enum Segment {
    Owned(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Segment {
    fn bytes(&self) -> &[u8] {
        match self {
            Segment::Owned(bytes) => bytes,
            Segment::Shared(bytes) => bytes,
        }
    }
}

/// What waits to be sent to one client, in order.
#[derive(Debug, Default)]
pub(crate) struct Output {
    queue: VecDeque<Segment>,
    tail: Vec<u8>,
    /// Bytes in `queue`, those already sent included.
    queued: usize,
    /// Bytes already sent of the first segment (of the tail when nothing is queued).
    sent: usize,
}

impl Output {
    /// Bytes not yet sent.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.queued + self.tail.len() - self.sent
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Segments queued before the tail, as CLIENT LIST's `oll` counts them.
    pub(crate) fn segments(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of memory held for the queued segments, as CLIENT LIST's `omem` counts them.
    pub(crate) fn queued_memory(&self) -> usize {
        self.queued + self.queue.len() * size_of::<Segment>()
    }

    /// Bytes of memory held in all.
    pub(crate) fn memory(&self) -> usize {
        self.queued_memory() + self.tail_capacity()
    }

    /// Bytes in the tail, as CLIENT LIST's `obl` counts them.
    pub(crate) fn tail_len(&self) -> usize {
        self.tail.len()
    }

    /// Bytes the tail has room for, as CLIENT LIST's `rbs` counts them.
    pub(crate) fn tail_capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// The owned bytes at the end, to append to. Call [`Output::settle`] when done with one reply.
    #[inline]
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Queues a tail that has grown large, so that it is never moved by growing further.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.tail.len() >= TAIL_LEN_MAX {
            self.queue_tail();
        }
    }

    fn queue_tail(&mut self) {
        if !self.tail.is_empty() {
            self.queued += self.tail.len();
            self.queue
                .push_back(Segment::Owned(std::mem::take(&mut self.tail)));
        }
    }

    /// Appends bytes that others hold too.
    pub(crate) fn share(&mut self, bytes: Arc<Vec<u8>>) {
        if bytes.is_empty() {
            return;
        }
        self.queue_tail();
        self.queued += bytes.len();
        self.queue.push_back(Segment::Shared(bytes));
    }

    /// Appends everything of `other`, which is left empty.
    pub(crate) fn append(&mut self, other: &mut Output) {
        debug_assert_eq!(
            other.sent, 0,
            "only an output that was never written from is appended"
        );
        if other.queue.is_empty() {
            self.tail.append(&mut other.tail);
        } else {
            self.queue_tail();
            self.queued += other.queued;
            self.queue.append(&mut other.queue);
            self.tail = std::mem::take(&mut other.tail);
        }
        other.queued = 0;
    }

    /// Leaves room, at the end, for a header whose length is not known yet.
    pub(crate) fn leave_room(&mut self) -> Room {
        self.queue_tail();
        self.queue.push_back(Segment::Owned(Vec::new()));
        Room(self.queue.len() - 1)
    }

    /// Fills room left earlier.
    pub(crate) fn fill(&mut self, room: Room, header: Vec<u8>) {
        self.queued += header.len();
        self.queue[room.0] = Segment::Owned(header);
    }

    /// Fills `slices` with what is to be sent next, at most so many bytes, and returns how many it filled.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>], mut bytes_max: usize) -> usize {
        let mut skip = self.sent;
        let mut filled = 0;
        for bytes in self
            .queue
            .iter()
            .map(Segment::bytes)
            .chain([self.tail.as_slice()])
        {
            let bytes = &bytes[skip..];
            skip = 0;
            if bytes.is_empty() {
                continue;
            }
            let bytes = &bytes[..bytes.len().min(bytes_max)];
            let Some(slot) = slices.get_mut(filled).filter(|_| !bytes.is_empty()) else {
                break;
            };
            *slot = IoSlice::new(bytes);
            filled += 1;
            bytes_max -= bytes.len();
        }
        filled
    }

    /// The bytes to be sent next where they lie in one piece; the usual case.
    #[inline]
    pub(crate) fn single_slice(&self) -> Option<&[u8]> {
        self.queue.is_empty().then(|| &self.tail[self.sent..])
    }

    /// Drops what was sent.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
        while let Some(first) = self.queue.front() {
            let len = first.bytes().len();
            if self.sent < len {
                return;
            }
            self.sent -= len;
            self.queued -= len;
            self.queue.pop_front();
        }
        if self.sent == self.tail.len() {
            self.sent = 0;
            self.tail.clear();
            if self.tail.capacity() > TAIL_KEEP {
                self.tail = Vec::new();
            }
            if self.queue.capacity() > 16 {
                self.queue = VecDeque::new();
            }
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        *self = Output::default();
    }

    /// Everything in one piece, of an output that was never written from.
    pub(crate) fn into_vec(self) -> Vec<u8> {
        debug_assert_eq!(self.sent, 0);
        if self.queue.is_empty() {
            self.tail
        } else {
            self.to_vec()
        }
    }

    /// Everything not yet sent, in one piece.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.queued + self.tail.len());
        for bytes in self
            .queue
            .iter()
            .map(Segment::bytes)
            .chain([self.tail.as_slice()])
        {
            all.extend_from_slice(bytes);
        }
        all.drain(..self.sent);
        all
    }
}

/// Room left in an output; see [`Output::leave_room`].
#[derive(Debug)]
pub(crate) struct Room(usize);

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(text: &str) -> Arc<Vec<u8>> {
        Arc::new(text.as_bytes().to_vec())
    }

    #[test]
    fn bytes_leave_in_the_order_they_came_whatever_the_pieces() {
        let mut output = Output::default();
        output.tail().extend_from_slice(b"one ");
        output.share(shared("two "));
        output.tail().extend_from_slice(b"three");
        let mut seen = Vec::new();
        while !output.is_empty() {
            let mut slices = [IoSlice::new(b""); 2];
            let filled = output.slices(&mut slices, usize::MAX);
            assert!(filled > 0);
            seen.push(slices[0][0]);
            output.sent(1);
        }
        assert_eq!(seen, b"one two three");
        assert_eq!(output.len(), 0);
    }

    #[test]
    fn room_is_filled_where_it_was_left() {
        let mut output = Output::default();
        output.tail().extend_from_slice(b"a");
        let room = output.leave_room();
        output.tail().extend_from_slice(b"c");
        output.fill(room, b"b".to_vec());
        assert_eq!(output.to_vec(), b"abc");
    }

    #[test]
    fn appending_keeps_order_and_empties_the_other() {
        let mut output = Output::default();
        output.tail().extend_from_slice(b"reply ");
        let mut pushes = Output::default();
        pushes.share(shared("push"));
        pushes.tail().extend_from_slice(b"!");
        output.append(&mut pushes);
        assert_eq!(
            (output.to_vec(), pushes.len()),
            (b"reply push!".to_vec(), 0)
        );
    }
}
