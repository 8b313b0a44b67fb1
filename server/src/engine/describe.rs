//! One client in words, as CLIENT LIST shows it; decides nothing.

use std::fmt::Write;

use crate::engine::Engine;
use crate::engine::client::{Client, ClientFlags};
use crate::pubsub::Kind;
use crate::resp::args::Args;

/// The letters of the field `flags`, in Redis's order. `N` stands for none.
const FLAG_LETTERS: &[(ClientFlags, char)] = &[
    (ClientFlags::MONITOR, 'O'),
    (ClientFlags::PUBSUB, 'P'),
    (ClientFlags::MULTI, 'x'),
    (ClientFlags::POSTPONED.union(ClientFlags::BLOCKED), 'b'),
    (ClientFlags::TRACKING, 't'),
    (ClientFlags::TRACKING_BROKEN, 'R'),
    (ClientFlags::TRACKING_BCAST, 'B'),
    (ClientFlags::DIRTY_CAS, 'd'),
    (ClientFlags::CLOSE_AFTER_REPLY, 'c'),
    (ClientFlags::UNIX_SOCKET, 'U'),
    (ClientFlags::NO_EVICT, 'e'),
    (ClientFlags::NO_TOUCH, 'T'),
];

impl Engine {
    /// Writes one line of CLIENT LIST without its end. `running` is the command of the client that asks, if it is this one.
    pub(crate) fn describe(&self, client: &Client, running: Option<Args<'_>>, line: &mut String) {
        let now_s = self.now.wall_s();
        let labels = client.labels.as_deref();
        let label = |of: fn(&crate::engine::client::Labels) -> &Vec<u8>| {
            labels.map_or("".into(), |labels| String::from_utf8_lossy(of(labels)))
        };
        let mut flags: String = FLAG_LETTERS
            .iter()
            .filter(|(flag, _)| client.is(*flag))
            .map(|(_, letter)| *letter)
            .collect();
        if flags.is_empty() {
            flags.push('N');
        }
        // What a client runs has left its input, but is still of it.
        let parked = client.parked.as_ref().map(|parked| parked.args.as_args());
        let argv = running.or(parked);
        let argv_mem: usize = argv.map_or(0, |args| args.iter().map(<[u8]>::len).sum());
        let request_len = running.map_or(0, request_len);
        let qbuf = client.input.buffer.len() + client.input.parser.memory() + request_len;
        let qbuf_free = client.input.buffer.capacity() - client.input.buffer.len();
        let multi_mem = client.transaction.as_ref().map_or(0, |t| t.memory);
        let output = &client.output;
        let total = client.memory() + argv_mem + request_len;
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={flags} db={} sub={} psub={} ssub={} \
             multi={} watch={} qbuf={qbuf} qbuf-free={qbuf_free} argv-mem={argv_mem} multi-mem={multi_mem} \
             rbs={rbs} rbp={rbs} obl={} oll={} omem={} tot-mem={total} events={} cmd={} user=default redir={} \
             resp={} lib-name={} lib-ver={} io-thread=0 tot-net-in={} tot-net-out={} tot-cmds={}",
            client.id,
            client.peer.addr,
            client.peer.local,
            client.peer.fd,
            label(|labels| &labels.name),
            now_s - client.created_ms.div_euclid(1000),
            now_s - client.active_ms.div_euclid(1000),
            client.db,
            self.pubsub.topics(Kind::Channel).count(client.key),
            self.pubsub.topics(Kind::Pattern).count(client.key),
            self.pubsub.topics(Kind::Shard).count(client.key),
            client
                .transaction
                .as_ref()
                .map_or(-1, |t| t.queued.len() as i64),
            self.watches.of(client.key).len(),
            output.tail_len(),
            output.segments(),
            output.queued_memory(),
            if client.is(ClientFlags::WRITE_BLOCKED) {
                "rw"
            } else {
                "r"
            },
            client.last.map_or("NULL", |entry| entry.full_name.as_str()),
            client.redirect_id(),
            client.protocol.number(),
            label(|labels| &labels.lib_name),
            label(|labels| &labels.lib_ver),
            client.net_in,
            client.net_out,
            client.commands,
            rbs = output.tail_capacity(),
        );
    }
}

/// How long a command was as an array of bulk strings.
fn request_len(args: Args<'_>) -> usize {
    let header_len = |n: usize| crate::text::integers::digits_len(n as i64) + "*\r\n".len();
    args.iter().fold(header_len(args.len()), |len, arg| {
        len + header_len(arg.len()) + arg.len() + "\r\n".len()
    })
}
