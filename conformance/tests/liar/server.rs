//! A server that answers a handful of commands, and is wrong in one chosen way. It reads its connections in turn on one
//! thread, as Redis does, so that the judge's barrier means with it what it means with Redis.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use socket2::SockRef;

/// A way to be wrong. Only the commands of the tests are answered wrongly: the judge's own are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// None at all.
    Honest,
    NullArrayForNullBulk,
    NullBulkForNullArray,
    NoCrlfAfterBulk,
    NoCrlfAfterStatus,
    LineFeedOnly,
    LatePush,
    SwappedReplies,
    DroppedReply,
    DuplicatedReply,
    ExtraByteBetween,
    ExtraByteAtTheEnd,
    EarlyClose,
    CloseUnasked,
    StaysOpen,
    ResetForFin,
    FinBeforeTheLastReply,
    Stuck,
    StuckInTheMiddle,
    FloatText,
    ErrorText,
    ErrorForBulk,
    WrongSign,
    WrongNumber,
    WrongCount,
    MapInResp2,
    BulkForStatus,
    TruncatedBulk,
    LowercasedBulk,
    SpeaksUnasked,
    /// Right as long as a command arrives in one piece.
    OtherWhenCut,
    /// Right as long as no CR is the last byte that has arrived.
    OtherWhenCutInsideCrlf,
    Dies,
    // The shapes of RESP3.
    SetForMap,
    BulkForDouble,
    IntegerForBoolean,
    BulkForVerbatim,
    BulkForBigNumber,
    NullOfResp2,
    PushInsideReply,
    // Numbers.
    LeadingZero,
    PlusSign,
    // Bytes.
    CutAtNul,
    BlankBehindError,
    UppercasedErrorCode,
    // Timing, limits and ends.
    HeldUntilTheNext,
    RefusesLargeArguments,
    ClosesAfterError,
    HalfCloseLosesTheReply,
    // Each breaks one law, and only that.
    OtherWhenPipelined,
    OtherWhenInline,
    OtherInSmallLetters,
    OtherBesideOthers,
    AnswersNothing,
    OtherInResp3,
    TwoReplies,
    SkipsNothing,
    DeafAfterError,
    /// Says that it is Redis 8.2.3, and is not.
    IdentifiedAndLowercased,
    /// Somebody's data are in it.
    HoldsKeys,
    /// Echoes the client's port instead.
    NeverTwiceTheSame,
}

/// The running server. Dropping it ends its thread.
pub(crate) struct Liar {
    address: SocketAddr,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    pub(crate) fn start(lie: Lie) -> Liar {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || serve(&listener, lie, &stopped));
        Liar {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        drop(self.stop.take());
        // One more connection wakes its poll; if it has died there is nothing to wake.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

struct Client {
    stream: TcpStream,
    input: Vec<u8>,
    /// A command has arrived in more than one piece.
    cut: bool,
    /// A piece ended with CR.
    cut_inside_crlf: bool,
    open: bool,
    resp3: bool,
    /// CLIENT REPLY OFF.
    silent: bool,
    /// CLIENT REPLY SKIP.
    skips: bool,
    /// The last answer was an error.
    erred: bool,
    /// An answer that is kept back.
    held: Vec<u8>,
    /// The client says no more.
    shut: bool,
}

/// A command and how it came.
struct Command {
    words: Vec<Vec<u8>>,
    inline: bool,
    /// It is not the first of its write.
    pipelined: bool,
    /// Another client has sent half a command.
    beside_others: bool,
}

/// What is done about a command.
enum Deed {
    Say(Vec<u8>),
    Close,
    Reset,
    Die,
}

fn serve(listener: &TcpListener, lie: Lie, stopped: &Receiver<()>) {
    listener.set_nonblocking(true).unwrap();
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let mut fds = vec![PollFd::new(listener, PollFlags::IN)];
        fds.extend(
            clients
                .iter()
                .map(|client| PollFd::new(&client.stream, PollFlags::IN)),
        );
        let _ = poll(
            &mut fds,
            Some(&Timespec::try_from(Duration::from_secs(10)).unwrap()),
        );
        drop(fds);
        if matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Disconnected)) {
            return;
        }
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            clients.push(Client {
                stream,
                input: Vec::new(),
                cut: false,
                cut_inside_crlf: false,
                open: true,
                resp3: false,
                silent: false,
                skips: false,
                erred: false,
                held: Vec::new(),
                shut: false,
            });
        }
        for index in 0..clients.len() {
            let halfway = |other: &Client| !other.input.is_empty();
            let others = clients.iter().enumerate();
            let beside_others = others
                .filter(|(at, _)| *at != index)
                .any(|(_, other)| halfway(other));
            if !clients[index].turn(lie, beside_others) {
                return;
            }
        }
        clients.retain(|client| client.open);
    }
}

impl Client {
    /// Reads, answers; `false` when the whole server is to die.
    fn turn(&mut self, lie: Lie, beside_others: bool) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.open = false,
            Ok(length) => self.input.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return true,
            Err(_) => self.open = false,
        }
        if lie == Lie::HalfCloseLosesTheReply {
            // The FIN may be there already, behind the command.
            self.shut |= self.open && matches!(self.stream.peek(&mut [0]), Ok(0));
        }
        let mut deeds = Vec::new();
        let mut pipelined = false;
        while let Some((words, inline, length)) = parse(&self.input) {
            self.input.drain(..length);
            if words.is_empty() {
                if lie == Lie::AnswersNothing {
                    deeds.push(Deed::Say(b"-ERR nothing was asked\r\n".to_vec()));
                }
                continue;
            }
            let command = Command {
                words,
                inline,
                pipelined,
                beside_others,
            };
            pipelined = true;
            deeds.extend(self.obey(lie, &command));
            (self.cut, self.cut_inside_crlf) = (false, false);
        }
        self.cut |= !self.input.is_empty();
        self.cut_inside_crlf |= self.input.ends_with(b"\r");
        rearrange(lie, &mut deeds);
        for deed in deeds {
            match deed {
                Deed::Say(_) if self.shut => {}
                Deed::Say(bytes) => self.stream.write_all(&bytes).unwrap_or(()),
                Deed::Close => {
                    self.open = false;
                    self.stream.shutdown(Shutdown::Both).unwrap_or(());
                }
                Deed::Reset => {
                    self.open = false;
                    SockRef::from(&self.stream)
                        .set_linger(Some(Duration::ZERO))
                        .unwrap();
                }
                Deed::Die => return false,
            }
        }
        true
    }

    /// What the connection's own state makes of the answer.
    fn obey(&mut self, lie: Lie, command: &Command) -> Vec<Deed> {
        let word = |index: usize| {
            let word = command.words.get(index).map_or(&b""[..], Vec::as_slice);
            String::from_utf8_lossy(word).to_ascii_uppercase()
        };
        let skipped = std::mem::take(&mut self.skips);
        match (word(0).as_str(), word(1).as_str(), word(2).as_str()) {
            ("CLIENT", "REPLY", "SKIP") => {
                self.skips = lie != Lie::SkipsNothing;
                return Vec::new();
            }
            ("CLIENT", "REPLY", mode) => self.silent = mode == "OFF",
            ("HELLO", "3", _) => self.resp3 = true,
            _ => {}
        }
        let mut deeds = self.answer(lie, command);
        self.erred =
            matches!(deeds.first(), Some(Deed::Say(bytes)) if bytes.starts_with(b"-ERR wrong"));
        if self.erred && lie == Lie::ClosesAfterError {
            deeds.push(Deed::Close);
        }
        if lie == Lie::HeldUntilTheNext && word(0) == "ECHO" {
            if let Some(Deed::Say(bytes)) = deeds.pop() {
                self.held = bytes;
            }
        } else if !self.held.is_empty() {
            deeds.insert(0, Deed::Say(std::mem::take(&mut self.held)));
        }
        if skipped || self.silent {
            deeds.retain(|deed| !matches!(deed, Deed::Say(_)));
        }
        deeds
    }

    fn answer(&self, lie: Lie, command: &Command) -> Vec<Deed> {
        let Command { words, .. } = command;
        let name = String::from_utf8_lossy(&words[0]).to_ascii_uppercase();
        let argument = words.get(1).map_or(&b""[..], Vec::as_slice);
        let say = |text: &str| vec![Deed::Say(text.as_bytes().to_vec())];
        let in_small_letters = words[0].iter().any(u8::is_ascii_lowercase);
        let lowercased = match lie {
            Lie::OtherWhenPipelined => command.pipelined,
            Lie::OtherWhenInline => command.inline,
            Lie::OtherInSmallLetters => in_small_letters,
            Lie::OtherBesideOthers => command.beside_others,
            Lie::LowercasedBulk | Lie::IdentifiedAndLowercased => true,
            _ => false,
        };
        match (name.as_str(), lie) {
            ("HELLO", _) => say("%1\r\n$5\r\nproto\r\n:3\r\n"),
            ("PING", Lie::DeafAfterError) if words.len() == 2 && self.erred => say("+PONG\r\n"),
            ("PING", _) if words.len() == 2 => vec![Deed::Say(bulk(argument))],
            ("PING", Lie::BulkForStatus) => say("$4\r\nPONG\r\n"),
            ("PING", Lie::NoCrlfAfterStatus) => say("+PONG"),
            ("PING", Lie::LineFeedOnly) => say("+PONG\n"),
            ("PING", Lie::SpeaksUnasked | Lie::ExtraByteAtTheEnd) => say("+PONG\r\n\n"),
            ("PING", Lie::CloseUnasked) => vec![Deed::Say(b"+PONG\r\n".to_vec()), Deed::Close],
            ("PING", _) => say("+PONG\r\n"),

            ("ECHO", Lie::NoCrlfAfterBulk) => {
                vec![Deed::Say(bulk(argument)[..argument.len() + 4].to_vec())]
            }
            ("ECHO", Lie::ErrorForBulk) => say("-ERR unknown command 'ECHO'\r\n"),
            ("ECHO", Lie::TruncatedBulk) => vec![Deed::Say(bulk(&argument[..argument.len() - 1]))],
            ("ECHO", _) if lowercased => vec![Deed::Say(bulk(&argument.to_ascii_lowercase()))],
            ("ECHO", Lie::CutAtNul) => {
                let end = argument.iter().position(|byte| *byte == 0);
                vec![Deed::Say(bulk(&argument[..end.unwrap_or(argument.len())]))]
            }
            ("ECHO", Lie::RefusesLargeArguments) if argument.len() > 1000 => {
                say("-ERR too large\r\n")
            }
            ("ECHO", Lie::Stuck) => Vec::new(),
            ("ECHO", Lie::StuckInTheMiddle) => vec![Deed::Say(bulk(argument)[..6].to_vec())],
            ("ECHO", Lie::EarlyClose) => vec![Deed::Say(bulk(argument)[..6].to_vec()), Deed::Close],
            ("ECHO", Lie::OtherWhenCut) if self.cut => vec![Deed::Say(bulk(b"cut"))],
            ("ECHO", Lie::OtherWhenCutInsideCrlf) if self.cut_inside_crlf => {
                vec![Deed::Say(bulk(b"cut"))]
            }
            ("ECHO", Lie::Dies) => vec![Deed::Die],
            ("ECHO", Lie::NeverTwiceTheSame) => {
                let port = self.stream.peer_addr().unwrap().port();
                vec![Deed::Say(bulk(port.to_string().as_bytes()))]
            }
            ("ECHO", _) => vec![Deed::Say(bulk(argument))],

            ("NULLBULK", Lie::NullArrayForNullBulk) | ("NULLARRAY", Lie::NullArrayForNullBulk) => {
                say("*-1\r\n")
            }
            ("NULLBULK", _) | ("NULLARRAY", Lie::NullBulkForNullArray) => say("$-1\r\n"),
            ("NULLARRAY", _) => say("*-1\r\n"),
            ("SCORES", Lie::SetForMap) => say("~2\r\n+a\r\n,1.5\r\n"),
            ("SCORES", Lie::BulkForDouble) => say("%1\r\n+a\r\n$3\r\n1.5\r\n"),
            ("SCORES", Lie::PushInsideReply) => say("%1\r\n+a\r\n>1\r\n+msg\r\n,1.5\r\n"),
            ("SCORES", _) => say("%1\r\n+a\r\n,1.5\r\n"),
            ("TRUTH", Lie::IntegerForBoolean) => say(":1\r\n"),
            ("TRUTH", _) => say("#t\r\n"),
            ("TEXT", Lie::BulkForVerbatim) => say("$2\r\nhi\r\n"),
            ("TEXT", _) => say("=6\r\ntxt:hi\r\n"),
            ("HUGE", Lie::BulkForBigNumber) => say("$2\r\n12\r\n"),
            ("HUGE", _) => say("(12\r\n"),
            ("NOTHING", Lie::NullOfResp2) => say("$-1\r\n"),
            ("NOTHING", _) => say("_\r\n"),
            ("FLOAT", Lie::OtherInResp3) if self.resp3 => say(",0.10\r\n"),
            ("FLOAT", _) if self.resp3 => say(",0.1\r\n"),
            ("FLOAT", Lie::FloatText) => say("$19\r\n0.10000000000000001\r\n"),
            ("FLOAT", _) => say("$3\r\n0.1\r\n"),
            ("FAIL", Lie::BlankBehindError) => {
                say("-ERR wrong number of arguments for 'fail' command \r\n")
            }
            ("FAIL", Lie::UppercasedErrorCode) => {
                say("-Err wrong number of arguments for 'fail' command\r\n")
            }
            ("FAIL", Lie::ErrorText) => {
                say("-ERR wrong number of arguments for 'FAIL' command\r\n")
            }
            ("FAIL", _) => say("-ERR wrong number of arguments for 'fail' command\r\n"),
            ("MINUS", Lie::LeadingZero) => say(":-07\r\n"),
            ("SEVEN", Lie::PlusSign) => say(":+7\r\n"),
            ("SEVEN", _) => say(":7\r\n"),
            ("MINUS", Lie::WrongSign) => say(":7\r\n"),
            ("MINUS", Lie::WrongNumber) => say(":-8\r\n"),
            ("MINUS", _) => say(":-7\r\n"),
            ("PAIR", Lie::TwoReplies) => say("+k\r\n+v\r\n"),
            ("PAIR", _) if self.resp3 => say("%1\r\n$1\r\nk\r\n$1\r\nv\r\n"),
            ("PAIR", Lie::MapInResp2) => say("%1\r\n$1\r\nk\r\n$1\r\nv\r\n"),
            ("PAIR", Lie::WrongCount) => say("*1\r\n$1\r\nk\r\n"),
            ("PAIR", _) => say("*2\r\n$1\r\nk\r\n$1\r\nv\r\n"),
            ("NOTIFY", Lie::LatePush) => say(":1\r\n>1\r\n$3\r\nmsg\r\n"),
            ("NOTIFY", _) => say(">1\r\n$3\r\nmsg\r\n:1\r\n"),
            ("QUIT", Lie::StaysOpen) => say("+OK\r\n"),
            ("QUIT", Lie::FinBeforeTheLastReply) => vec![Deed::Close],
            ("QUIT", Lie::ResetForFin) => vec![Deed::Say(b"+OK\r\n".to_vec()), Deed::Reset],
            ("QUIT", _) => vec![Deed::Say(b"+OK\r\n".to_vec()), Deed::Close],
            ("INFO", Lie::HoldsKeys) => vec![Deed::Say(bulk(
                b"# Keyspace\r\ndb0:keys=5,expires=0\r\ndb9:keys=7,expires=0\r\n",
            ))],
            ("INFO", _) => vec![Deed::Say(bulk(b"# Server\r\nredis_version:8.2.3\r\n"))],
            ("CONFIG", _) => say("*0\r\n"),
            _ => say("+OK\r\n"),
        }
    }
}

/// Lies about several replies that arrived, and leave, together. The judge's own commands never say anything in threes.
fn rearrange(lie: Lie, deeds: &mut Vec<Deed>) {
    if deeds.len() < 3 {
        return;
    }
    match lie {
        Lie::SwappedReplies => deeds.swap(0, 1),
        Lie::DroppedReply => drop(deeds.remove(1)),
        Lie::DuplicatedReply => {
            if let Deed::Say(bytes) = &deeds[0] {
                let again = Deed::Say(bytes.clone());
                deeds.insert(1, again);
            }
        }
        Lie::ExtraByteBetween => deeds.insert(1, Deed::Say(b"!".to_vec())),
        _ => {}
    }
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The first whole command, whether it is an inline line, and its length. No words are nothing: `*0` or an empty line.
fn parse(input: &[u8]) -> Option<(Vec<Vec<u8>>, bool, usize)> {
    if *input.first()? != b'*' {
        let length = input.iter().position(|byte| *byte == b'\n')? + 1;
        let line = String::from_utf8_lossy(&input[..length]).into_owned();
        let words = line
            .split_whitespace()
            .map(|word| word.trim_matches('"').as_bytes().to_vec());
        return Some((words.collect(), true, length));
    }
    let mut at = 0;
    let header = |prefix: u8, at: &mut usize| -> Option<i64> {
        let end = *at + input[*at..].windows(2).position(|pair| pair == b"\r\n")?;
        let digits = input[*at..end].strip_prefix(&[prefix])?;
        *at = end + 2;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let count = header(b'*', &mut at)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(header(b'$', &mut at)?).ok()?;
        words.push(input.get(at..at + length)?.to_vec());
        at += length + 2;
        if at > input.len() {
            return None;
        }
    }
    Some((words, false, at))
}
