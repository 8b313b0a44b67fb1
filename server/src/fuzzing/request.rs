//! What holds of the request parser: where a stream is cut, and who reads it, changes nothing.

use crate::resp::args::Args;
use crate::resp::request::{LINE_LEN_MAX, Limits, Parser, ProtocolError, Step, read_ahead};

/// What Redis takes from a client that has authenticated.
pub(crate) const LIMITS: Limits = Limits {
    bulk_len_max: 512 * 1024 * 1024,
    authenticated: true,
};

/// Commands that are read ahead at once.
const AHEAD: usize = 4;

/// Byte by byte are streams of so many bytes cut, and longer ones into as many pieces: more would only take longer.
const PIECES_MAX: usize = 4096;

/// The parser may keep twice what it was given, and a large argument's first room.
const ROOM_MAX: usize = 5 * 1024 * 1024;

/// The commands of a stream, and what ended it.
pub(crate) type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// How a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One command after the other.
    Plainly,
    /// Each command is put back, and read once more when what came before it is gone.
    Holding,
    /// As many as [`AHEAD`] are read ahead wherever it may be, and so many of them run.
    Ahead(usize),
}

/// Feeds `pieces` as a client's buffer would hold them: consumed bytes are dropped after every piece.
pub(crate) fn feed(pieces: &[&[u8]], limits: Limits, way: Way) -> Outcome {
    let mut parser = Parser::default();
    let (mut buffer, mut commands) = (Vec::new(), Vec::new());
    let mut arrived = 0;
    for piece in pieces {
        arrived += piece.len();
        let taken = parser.fill(piece);
        buffer.extend_from_slice(&piece[taken..]);
        loop {
            if let Way::Ahead(run) = way {
                commands.extend(run_ahead(&mut parser, &buffer, run));
            }
            match parser.next(&buffer, limits) {
                Ok(Step::Command) => commands.push(owned(parser.args(&buffer))),
                Ok(Step::Incomplete) => break,
                Err(error) => return (commands, Some(error)),
            }
            if way == Way::Holding {
                parser.hold();
                drop_consumed(&mut parser, &mut buffer);
                assert_eq!(parser.next(&buffer, limits), Ok(Step::Command));
                let again = owned(parser.args(&buffer));
                assert_eq!(commands.last(), Some(&again), "what was put back");
            }
        }
        drop_consumed(&mut parser, &mut buffer);
        let memory = parser.memory();
        assert!(memory <= 2 * arrived + ROOM_MAX, "{memory} bytes of room");
        assert!(parser.unparsed(buffer.len()) <= arrived);
    }
    (commands, None)
}

fn owned(args: Args<'_>) -> Vec<Vec<u8>> {
    args.iter().map(<[u8]>::to_vec).collect()
}

fn drop_consumed(parser: &mut Parser, buffer: &mut Vec<u8>) {
    buffer.truncate(buffer.len() - parser.moved());
    let consumed = parser.consumed();
    buffer.drain(..consumed);
    parser.dropped(consumed);
}

/// Reads ahead where it may be, and returns the first `run` of the commands so read, which have run then.
fn run_ahead(parser: &mut Parser, buffer: &[u8], run: usize) -> Vec<Vec<Vec<u8>>> {
    let mut commands = Vec::new();
    let Some(mut at) = parser.ahead_from() else {
        return commands;
    };
    let mut spans = Vec::new();
    for number in 0..AHEAD {
        let first = spans.len();
        let Some(end) = read_ahead(buffer, at, &mut spans) else {
            break;
        };
        if number < run {
            commands.push(owned(Args::new(buffer, &spans[first..], &[])));
            parser.ran(end);
        }
        at = end;
    }
    commands
}

/// What a client sends, and where it is cut.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    bytes: &'a [u8],
    parts: Vec<&'a [u8]>,
}

impl<'a> Stream<'a> {
    /// Where a cut lies behind the end there is none. Of a longer stream it is only the beginning: how long a line may be
    /// depends on how it arrives, in Redis too.
    pub(crate) fn cut(bytes: &'a [u8], cuts: impl IntoIterator<Item = usize>) -> Stream<'a> {
        let bytes = &bytes[..bytes.len().min(LINE_LEN_MAX)];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]);
        Stream {
            bytes,
            parts: parts.collect(),
        }
    }

    /// The stream behind eight bytes that say where it is cut.
    pub(super) fn of(input: &'a [u8]) -> Stream<'a> {
        let (seed, bytes) = input.split_first_chunk().unwrap_or((&[0; 8], input));
        let mut rng = fastrand::Rng::with_seed(u64::from_le_bytes(*seed));
        let count = rng.usize(..8);
        Stream::cut(bytes, (0..count).map(|_| rng.usize(..=bytes.len())))
    }

    /// Whole, byte by byte and in these parts, plainly and in every other way, by a client that has authenticated and by one
    /// that has not, the same commands are read and the same error ends them.
    pub(crate) fn is_read_alike_however_it_is_cut(&self) {
        let bytes = self.bytes.chunks(1 + self.bytes.len() / (PIECES_MAX + 1));
        let bytes: Vec<&[u8]> = bytes.collect();
        for authenticated in [true, false] {
            let limits = Limits {
                authenticated,
                ..LIMITS
            };
            let whole = feed(&[self.bytes], limits, Way::Plainly);
            assert_eq!(whole, feed(&bytes, limits, Way::Plainly), "byte by byte");
            for way in [Way::Plainly, Way::Holding] {
                assert_eq!(whole, feed(&self.parts, limits, way), "{way:?}");
            }
            // Only for those who have authenticated are commands read ahead.
            for run in (0..=AHEAD).filter(|_| authenticated) {
                let way = Way::Ahead(run);
                assert_eq!(whole, feed(&self.parts, limits, way), "{way:?}");
            }
        }
    }
}
