//! Bytes from a client: parsed where they lie, run one command after the other, the rest kept for later.

use crate::engine::Engine;
use crate::engine::client::{Address, ClientFlags, ClientKey, Input, Peer};
use crate::engine::dispatch::Verdict;
use crate::resp::error::Error;
use crate::resp::output::Output;
use crate::resp::reply::Reply;
use crate::resp::request::{Limits, Step};

/// A client runs so many commands, then it is the others' turn.
const COMMANDS_PER_TURN: usize = 1000;

/// An input buffer larger than this is given back when it is empty.
const BUFFER_KEEP: usize = 16 * 1024;

/// A query buffer's offsets are kept in 32 bits.
const BUFFER_LEN_MAX: usize = u32::MAX as usize - 1;

/// Whether a client has commands left that it may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing to do until more bytes arrive, or until something else happens.
    Idle,
    /// The budget ended: call [`Engine::proceed`] in a later turn.
    More,
}

/// What a client from another machine is told while `protected-mode` keeps it out.
const PROTECTED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the \
    default user. In this mode connections are only accepted from the loopback interface. If you want to connect \
    from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected \
    mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis \
    from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet \
    if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the \
    protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and \
    then restarting the server. 3) If you started the server manually just for testing, restart it with the \
    '--protected-mode no' option. 4) Set up an authentication password for the default user. NOTE: You only need \
    to do one of the above things in order for the server to start accepting connections from the outside.\r\n";

impl Engine {
    /// Lets a client in.
    ///
    /// # Errors
    /// the bytes to send before closing, if there is no place for it.
    pub(crate) fn connect(&mut self, peer: Peer) -> Result<ClientKey, &'static [u8]> {
        // Those about to be closed have left already, as far as others can tell.
        let connected = self.clients.len() - self.lists.doomed.len();
        if connected >= self.config.maxclients {
            self.stats.connections_rejected += 1;
            return Err(b"-ERR max number of clients reached\r\n");
        }
        if self.config.protected_mode && self.config.requirepass.is_empty() && !peer.addr.is_local()
        {
            self.stats.connections_rejected += 1;
            return Err(PROTECTED);
        }
        self.stats.connections_received += 1;
        let unix = matches!(peer.addr, Address::Unix(_));
        let client = self.clients.add(peer, self.now.wall_ms());
        client.flags.set(ClientFlags::UNIX_SOCKET, unix);
        client.flags.set(
            ClientFlags::AUTHENTICATED,
            self.config.requirepass.is_empty(),
        );
        let key = client.key;
        self.count_memory(key, 0);
        Ok(key)
    }

    /// Takes bytes a client has sent, and runs the commands that they complete.
    pub(crate) fn receive(&mut self, key: ClientKey, bytes: &[u8]) -> Progress {
        let Some(client) = self.clients.get_mut(key) else {
            return Progress::Idle;
        };
        client.net_in += bytes.len() as u64;
        client.active_ms = self.now.wall_ms();
        self.stats.net_input_bytes += bytes.len() as u64;
        self.stats.reads_processed += 1;
        let taken = client.input.parser.fill(bytes);
        let bytes = &bytes[taken..];
        let client = if taken > 0 {
            self.check_query_limit(key);
            let Some(client) = self.clients.get_mut(key) else {
                return Progress::Idle;
            };
            client
        } else {
            client
        };
        if client.is(ClientFlags::CLOSE_AFTER_REPLY | ClientFlags::DOOMED) {
            return Progress::Idle;
        }
        if !client.input.buffer.is_empty() || client.is(ClientFlags::RUNS_NOTHING) {
            client.input.buffer.extend_from_slice(bytes);
            return self.proceed(key);
        }
        // The usual case: nothing was left over, and the commands run from where the bytes lie.
        let mut input = std::mem::take(&mut client.input);
        let progress = self.run(key, &mut input, Some(bytes));
        self.store(key, input);
        progress
    }

    /// Where bytes of a large argument can be read straight into the buffer that a value will keep, and how many.
    /// [`Engine::filled`] must be told how many came.
    pub(crate) fn filling(&mut self, key: ClientKey) -> Option<(&mut Vec<u8>, usize)> {
        self.clients.get_mut(key)?.input.parser.filling()
    }

    /// Says that `count` bytes were read into the buffer that [`Engine::filling`] named.
    pub(crate) fn filled(&mut self, key: ClientKey, count: usize) -> Progress {
        let Some(client) = self.clients.get_mut(key) else {
            return Progress::Idle;
        };
        client.net_in += count as u64;
        client.active_ms = self.now.wall_ms();
        self.stats.net_input_bytes += count as u64;
        self.stats.reads_processed += 1;
        let complete = client.input.parser.filling().is_none();
        // An argument that is too much by itself is not carried out.
        self.check_query_limit(key);
        if complete {
            self.proceed(key)
        } else {
            Progress::Idle
        }
    }

    /// Runs commands that have arrived and were left for later.
    pub(crate) fn proceed(&mut self, key: ClientKey) -> Progress {
        let Some(client) = self.clients.get_mut(key) else {
            return Progress::Idle;
        };
        if client.is(ClientFlags::RUNS_NOTHING) {
            return self.check_query_limit(key);
        }
        let mut input = std::mem::take(&mut client.input);
        let progress = self.run(key, &mut input, None);
        self.store(key, input);
        progress
    }

    /// Runs the complete commands of `arrived`, or of the input's own buffer; leaves the rest in that buffer.
    fn run(&mut self, key: ClientKey, input: &mut Input, arrived: Option<&[u8]>) -> Progress {
        let Some(client) = self.clients.get_mut(key) else {
            return Progress::Idle;
        };
        // While its commands run, a client's output is here; what others push to it meanwhile is appended after the
        // reply of the command that caused it.
        let mut out = std::mem::take(&mut client.output);
        let kept = std::mem::take(&mut input.buffer);
        let bytes = arrived.unwrap_or(&kept);
        let progress = self.run_commands(key, input, bytes, &mut out);

        let end = bytes.len() - input.parser.moved();
        let consumed = input.parser.consumed().min(end);
        input.parser.dropped(consumed);
        if arrived.is_some() {
            if consumed < end {
                input.buffer = bytes[consumed..end].to_vec();
            }
        } else {
            let mut kept = kept;
            kept.truncate(end);
            kept.drain(..consumed);
            if !kept.is_empty() || kept.capacity() <= BUFFER_KEEP {
                input.buffer = kept;
            }
        }
        if let Some(client) = self.clients.get_mut(key) {
            out.append(&mut client.output);
            client.output = out;
            self.note_output(key);
        }
        progress
    }

    fn run_commands(
        &mut self,
        key: ClientKey,
        input: &mut Input,
        bytes: &[u8],
        out: &mut Output,
    ) -> Progress {
        let mut left = COMMANDS_PER_TURN;
        while left > 0 {
            let ran = self.run_ahead(key, &mut input.parser, bytes, out, left);
            if ran > 0 {
                left -= ran;
                self.after_command(key, out);
                if input.parser.is_at_end(bytes) {
                    return Progress::Idle;
                }
                continue;
            }
            left -= 1;
            let Some(client) = self.clients.get(key) else {
                return Progress::Idle;
            };
            if client.is(ClientFlags::RUNS_NOTHING) {
                return Progress::Idle;
            }
            let limits = Limits {
                bulk_len_max: self.config.proto_max_bulk_len,
                authenticated: self.is_authenticated(client),
            };
            match input.parser.next(bytes, limits) {
                Ok(Step::Incomplete) => return Progress::Idle,
                Ok(Step::Command) => {
                    let verdict = self.dispatch(key, input.parser.args(bytes), out);
                    if verdict == Verdict::Postponed {
                        self.postpone(key, input);
                        return Progress::Idle;
                    }
                    self.after_command(key, out);
                }
                Err(error) => {
                    self.stats.count_error(b"ERR");
                    let line = [b"ERR Protocol error: ", &*error.reason()].concat();
                    let muted = client.is(ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP_NEXT);
                    Reply::new(out, client.protocol, muted).error(&Error::new(line));
                    log::debug!("{error} from client {}", client.id);
                    self.close_after_reply(key);
                    return Progress::Idle;
                }
            }
        }
        Progress::More
    }

    /// Leaves the command just parsed for when the pause ends.
    fn postpone(&mut self, key: ClientKey, input: &mut Input) {
        // One with a large argument, which has left the buffer, keeps its parsed form.
        input.parser.hold();
        if let Some(client) = self.clients.get_mut(key) {
            client.flags.insert(ClientFlags::POSTPONED);
            self.lists.postponed.push(key);
        }
    }

    /// Puts the input back, unless the client has gone meanwhile.
    fn store(&mut self, key: ClientKey, input: Input) {
        if let Some(client) = self.clients.get_mut(key) {
            client.input = input;
            self.check_query_limit(key);
        }
    }

    /// Closes a client whose bytes that were not carried out, queued by MULTI or not read at all, exceed
    /// client-query-buffer-limit.
    fn check_query_limit(&mut self, key: ClientKey) -> Progress {
        self.count_memory(key, 0);
        if let Some(client) = self.clients.get(key) {
            let queued = client.transaction.as_ref().map_or(0, |t| t.args_len);
            let held = queued + client.input.parser.unparsed(client.input.buffer.len());
            if held as u64 > self.config.client_query_buffer_limit
                || client.input.buffer.len() > BUFFER_LEN_MAX
            {
                log::warn!(
                    "Closing client that reached max query buffer length: id={} qbuf={held}",
                    client.id
                );
                self.stats.query_buffer_limit_disconnections += 1;
                self.doom(key);
            }
        }
        Progress::Idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::Embedded;

    fn from(addr: &str) -> Peer {
        let addr = Address::Tcp(addr.parse().expect("an address"));
        Peer {
            addr: addr.clone(),
            local: addr,
            fd: 3,
        }
    }

    #[test]
    fn protected_mode_keeps_other_machines_out_while_there_is_no_password() {
        let mut redis = Embedded::new(1);
        let a = redis.connect();
        assert_eq!(redis.engine.connect(from("10.0.0.1:5000")), Err(PROTECTED));
        assert!(redis.engine.connect(from("[::1]:5000")).is_ok());
        assert_eq!(redis.engine.stats.connections_rejected, 1);
        redis.ask(a, "CONFIG SET protected-mode no");
        assert!(redis.engine.connect(from("10.0.0.1:5000")).is_ok());
        redis.ask(a, "CONFIG SET protected-mode yes requirepass secret");
        assert!(redis.engine.connect(from("10.0.0.1:5000")).is_ok());
    }
}
