//! Client-side caching: clients are told which keys they must not keep any longer; the table of who has read what is kept
//! elsewhere.
//!
//! Others are told as soon as the keys have changed. The client whose command runs is told when that has been answered,
//! and everything that it does inside MULTI is one command: a push never stands inside a reply.

use std::collections::BTreeSet;

use crate::engine::Engine;
use crate::engine::client::{Client, ClientFlags, ClientKey};
use crate::keyspace::changes::{Change, Class};
use crate::registry::command::Flags;
use crate::registry::keys;
use crate::registry::table::Entry;
use crate::resp::args::Args;
use crate::resp::reply::{Broadcast, Protocol, Reply};
use crate::tracking::News;

/// The channel on which a RESP2 subscriber is told for somebody else.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Keys forgotten at a time when there are too many; more with every command that finds there still are.
const FORGOTTEN_TOGETHER: usize = 100;

/// What a client must not keep.
#[derive(Debug)]
pub(super) enum Stale {
    Key(Box<[u8]>),
    /// A database was emptied; it is not said which.
    Everything,
}

impl Stale {
    fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Stale::Key(key) => {
                reply.array(1);
                reply.bulk(key);
            }
            Stale::Everything => reply.null(),
        }
    }
}

/// How far the engine has come in telling.
#[derive(Debug, Default)]
pub(super) struct Invalidation {
    /// How many clients track.
    trackers: usize,
    /// How many clients track or did so before, and so may have keys that they will want to hear of again.
    readers: usize,
    /// The client whose command runs.
    running: Option<ClientKey>,
    /// What that client is told when its command has been answered.
    owed: Vec<Stale>,
    /// So many commands in a row have found too many keys in the table and could not forget enough.
    overfull: usize,
}

/// Where a client wants invalidations to go, as CLIENT TRACKING ON was last told.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    /// Another client, by its number and its place; `None` is itself.
    pub(crate) redirect: Option<(u64, ClientKey)>,
    /// With BCAST, of which prefixes it hears.
    pub(crate) prefixes: BTreeSet<Box<[u8]>>,
}

impl Tracker {
    /// Bytes that it takes.
    pub(super) fn memory(&self) -> usize {
        let prefixes = self.prefixes.iter();
        size_of::<Tracker>()
            + prefixes
                .map(|prefix| size_of_val(prefix) + prefix.len())
                .sum::<usize>()
    }
}

/// Everything that is only meant while tracking is on.
const MODES: ClientFlags = ClientFlags::TRACKING
    .union(ClientFlags::TRACKING_BROKEN)
    .union(ClientFlags::TRACKING_BCAST)
    .union(ClientFlags::TRACKING_OPTIN)
    .union(ClientFlags::TRACKING_OPTOUT)
    .union(ClientFlags::TRACKING_NOLOOP);

impl Engine {
    /// CLIENT TRACKING ON: `modes` replace those before, prefixes are added to those there are.
    pub(crate) fn track(
        &mut self,
        key: ClientKey,
        modes: ClientFlags,
        redirect: Option<(u64, ClientKey)>,
        prefixes: &[&[u8]],
    ) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if !client.is(ClientFlags::TRACKING) {
            self.invalidation.trackers += 1;
        }
        if client.tracker.is_none() {
            self.invalidation.readers += 1;
        }
        self.changes.tracked = true;
        client.flags.remove(MODES);
        client.flags.insert(ClientFlags::TRACKING | modes);
        let tracker = client.tracker.get_or_insert_default();
        tracker.redirect = redirect;
        for &prefix in prefixes {
            tracker.prefixes.insert(prefix.into());
            self.tracking.hear(key, prefix);
        }
    }

    /// Ends tracking. What the client has read is not forgotten: it may switch tracking on again, and keep its cache.
    pub(crate) fn untrack(&mut self, key: ClientKey) {
        let Some(client) = self
            .clients
            .get_mut(key)
            .filter(|client| client.is(ClientFlags::TRACKING))
        else {
            return;
        };
        client.flags.remove(MODES | ClientFlags::TRACKING_CACHING);
        if let Some(tracker) = &mut client.tracker {
            for prefix in std::mem::take(&mut tracker.prefixes) {
                self.tracking.unhear(key, &prefix);
            }
        }
        self.invalidation.trackers -= 1;
        self.derive_tracked();
    }

    /// Forgets a client that is gone, and with the last one all that was read: nobody may pay for what nobody can hear.
    pub(super) fn forget_tracker(&mut self, key: ClientKey) {
        self.untrack(key);
        let client = self.clients.get_mut(key);
        if client.and_then(|client| client.tracker.take()).is_some() {
            self.invalidation.readers -= 1;
            if self.invalidation.readers == 0 {
                let keys = self.tracking.forget_all();
                self.host.discard(Box::new(keys), 0);
            }
            self.derive_tracked();
        }
    }

    /// As long as a key is known to have been read, its changes are looked at, even while nobody tracks.
    fn derive_tracked(&mut self) {
        self.changes.tracked = self.invalidation.trackers > 0 || self.tracking.keys() > 0;
    }

    /// How many clients track.
    pub(crate) fn trackers(&self) -> usize {
        self.invalidation.trackers
    }

    /// Says whose command begins to run.
    pub(super) fn begin_invalidation(&mut self, key: ClientKey) {
        self.invalidation.running = Some(key);
    }

    /// A command has been answered: tells its client which of its keys changed meanwhile.
    pub(super) fn end_invalidation(&mut self, key: ClientKey) {
        self.invalidation.running = None;
        if !self.invalidation.owed.is_empty() {
            self.send_owed(key);
        }
    }

    #[cold]
    fn send_owed(&mut self, key: ClientKey) {
        for stale in std::mem::take(&mut self.invalidation.owed) {
            self.send_stale(key, &stale);
        }
    }

    /// A client has read keys: it is told when they change.
    #[cold]
    pub(super) fn note_read(&mut self, key: ClientKey, entry: &Entry, args: Args<'_>) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        if !entry.command.flags.contains(Flags::READONLY) || !wants_read(client) {
            return;
        }
        for found in keys::of_command(entry.command, args) {
            let clients = &self.clients;
            self.tracking.read(key, args.at(found.position), |other| {
                clients.get(other).is_some()
            });
        }
    }

    /// A key has changed: whoever has read it is told, and whoever hears of its prefix will be.
    #[cold]
    pub(super) fn invalidate(&mut self, change: &Change) {
        // That a key expired is nobody's doing, even if a client's command has found it out.
        let by_itself = change.class.intersects(Class::EXPIRED | Class::EVICTED);
        let by = self.invalidation.running.filter(|_| !by_itself);
        self.tracking.changed(&change.key, by);
        self.invalidate_readers(&change.key);
        self.derive_tracked();
    }

    fn invalidate_readers(&mut self, key: &[u8]) {
        let readers = self.tracking.forget(key);
        if readers.is_empty() {
            return;
        }
        let stale = Stale::Key(key.into());
        for reader in readers {
            let Some(client) = self.clients.get(reader) else {
                continue;
            };
            // It may have gone over to BCAST since.
            if !client.is(ClientFlags::TRACKING) || client.is(ClientFlags::TRACKING_BCAST) {
                continue;
            }
            if self.invalidation.running != Some(reader) {
                self.send_stale(reader, &stale);
            } else if !client.is(ClientFlags::TRACKING_NOLOOP) {
                self.invalidation.owed.push(Stale::Key(key.into()));
            }
        }
    }

    /// A database was emptied: all who track are told to keep nothing.
    ///
    /// # Returns
    /// what takes time to be given back: the table of keys, now that nobody may have any.
    pub(crate) fn invalidate_all(&mut self) -> impl Send + use<> {
        let trackers: Vec<ClientKey> = self
            .clients
            .iter()
            .filter(|client| client.is(ClientFlags::TRACKING) && !client.is(ClientFlags::DOOMED))
            .map(|client| client.key)
            .collect();
        for key in trackers {
            if self.invalidation.running == Some(key) {
                self.invalidation.owed.push(Stale::Everything);
            } else {
                self.send_stale(key, &Stale::Everything);
            }
        }
        let keys = self.tracking.forget_all();
        self.derive_tracked();
        keys
    }

    /// Tells the client whose command runs what it is owed before it is answered: FLUSHALL SYNC answers when all has been
    /// given back, and 8.2.3 does not keep what is known already until then.
    pub(crate) fn invalidate_before_reply(&mut self, key: ClientKey, reply: &mut Reply<'_>) {
        self.send_owed(key);
        if let Some(client) = self.clients.get_mut(key) {
            reply.let_pass(&mut client.output);
        }
    }

    /// Forgets keys as long as there are more than `tracking-table-max-keys`, and tells those who have read them.
    #[cold]
    pub(super) fn limit_tracked_keys(&mut self) {
        let mut left = FORGOTTEN_TOGETHER * (self.invalidation.overfull + 1);
        while self.has_too_many_tracked_keys() {
            if left == 0 {
                self.invalidation.overfull += 1;
                return;
            }
            left -= 1;
            let rng = &mut self.rng;
            let key = self.tracking.any_key(|count| rng.usize(..count));
            let Some(key) = key.map(<[u8]>::to_vec) else {
                return;
            };
            self.invalidate_readers(&key);
        }
        self.invalidation.overfull = 0;
    }

    /// Whether there are more keys in the table than `tracking-table-max-keys`; zero is no limit.
    pub(super) fn has_too_many_tracked_keys(&self) -> bool {
        let max = self.config.tracking_table_max_keys;
        max > 0 && self.tracking.keys() > max
    }

    /// At the end of a turn, tells those who hear of prefixes what has changed, all of a prefix together.
    pub(super) fn broadcast_invalidations(&mut self) {
        if self.tracking.prefixes() == 0 {
            return;
        }
        for News { clients, changed } in self.tracking.news() {
            let all: Vec<&[u8]> = changed.keys().map(|key| &**key).collect();
            let mut to_all = Broadcast::new(|reply| write_keys(reply, &all));
            for key in clients {
                let noloop = |client: &Client| client.is(ClientFlags::TRACKING_NOLOOP);
                if !self.clients.get(key).is_some_and(noloop) {
                    self.send(key, |reply| reply.broadcast(&mut to_all));
                    continue;
                }
                let by_others: Vec<&[u8]> = changed
                    .iter()
                    .filter(|(_, by)| **by != Some(key))
                    .map(|(key, _)| &**key)
                    .collect();
                if !by_others.is_empty() {
                    self.send(key, |reply| write_keys(reply, &by_others));
                }
            }
        }
    }

    fn send_stale(&mut self, key: ClientKey, stale: &Stale) {
        self.send(key, |reply| {
            write_head(reply);
            stale.write(reply);
        });
    }

    /// Sends an invalidation to a client, or to whom it has redirected them.
    fn send(&mut self, key: ClientKey, write: impl FnOnce(&mut Reply<'_>)) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let redirect = client.tracker.as_ref().and_then(|tracker| tracker.redirect);
        let Some((id, target)) = redirect else {
            // A RESP2 client could not tell it from a reply.
            if client.protocol == Protocol::Resp3 {
                self.push(key, write);
            }
            return;
        };
        match self.clients.get(target) {
            Some(other) if !other.is(ClientFlags::DOOMED) => {
                if other.protocol == Protocol::Resp3 || other.is(ClientFlags::PUBSUB) {
                    self.push(target, write);
                }
            }
            _ => self.send_broken(key, id),
        }
    }

    /// Tells a client that whom it redirects to is gone.
    fn send_broken(&mut self, key: ClientKey, id: u64) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.flags.insert(ClientFlags::TRACKING_BROKEN);
        if client.protocol == Protocol::Resp3 {
            self.push(key, |reply| {
                reply.push(2);
                reply.bulk(b"tracking-redir-broken");
                reply.int(id as i64);
            });
        }
    }
}

/// Whether what a client reads now is to be remembered.
fn wants_read(client: &Client) -> bool {
    let said = client.is(ClientFlags::TRACKING_CACHING);
    let left_out = client.is(ClientFlags::TRACKING_OPTIN) && !said
        || client.is(ClientFlags::TRACKING_OPTOUT) && said;
    client.is(ClientFlags::TRACKING) && !client.is(ClientFlags::TRACKING_BCAST) && !left_out
}

/// What comes before the keys: of a push, or of a message to a RESP2 subscriber.
fn write_head(reply: &mut Reply<'_>) {
    match reply.protocol() {
        Protocol::Resp3 => {
            reply.push(2);
            reply.bulk(b"invalidate");
        }
        Protocol::Resp2 => {
            reply.push(3);
            reply.bulk(b"message");
            reply.bulk(CHANNEL);
        }
    }
}

fn write_keys(reply: &mut Reply<'_>, keys: &[&[u8]]) {
    write_head(reply);
    reply.array(keys.len());
    for key in keys {
        reply.bulk(key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::embedded::{Connection, Embedded};

    /// A server with a client that speaks RESP3 and tracks, and another one.
    fn start(options: &str) -> (Embedded, Connection, Connection) {
        let mut redis = Embedded::new(1);
        let (a, b) = (redis.connect(), redis.connect());
        redis.ask(a, "HELLO 3");
        assert_eq!(
            redis.ask(a, &format!("CLIENT TRACKING ON {options}")),
            "+OK\r\n"
        );
        (redis, a, b)
    }

    fn push(key: &str) -> String {
        format!(
            ">2\r\n$10\r\ninvalidate\r\n*1\r\n${}\r\n{key}\r\n",
            key.len()
        )
    }

    #[test]
    fn a_push_follows_the_reply_that_caused_it_and_precedes_the_next() {
        let (mut redis, a, _) = start("");
        redis.ask(a, "GET k");
        let told = redis.ask(a, "SET k 1\r\nGET k\r\nSET k 2\r\nPING");
        let expected = format!("+OK\r\n{p}$1\r\n1\r\n+OK\r\n{p}+PONG\r\n", p = push("k"));
        assert_eq!(told, expected);
    }

    #[test]
    fn no_push_stands_within_the_reply_to_exec() {
        let (mut redis, a, b) = start("");
        redis.ask(a, "MGET k l");
        let told = redis.ask(a, "MULTI\r\nSET k 1\r\nGET k\r\nDEL k l\r\nEXEC\r\nPING");
        let queued = "+QUEUED\r\n".repeat(3);
        let k = push("k");
        // l was not there: deleting it changed nothing. k was read anew, and changed twice.
        let expected = format!("+OK\r\n{queued}*3\r\n+OK\r\n$1\r\n1\r\n:1\r\n{k}{k}+PONG\r\n");
        assert_eq!(told, expected);
        redis.ask(b, "SET l 1");
        assert_eq!(redis.output(a), push("l").as_bytes());
    }

    #[test]
    fn what_the_woken_change_is_told_to_them_after_their_reply() {
        let (mut redis, a, b) = start("");
        redis.ask(a, "LLEN from\r\nLLEN to");
        assert_eq!(redis.ask(a, "BLMOVE from to LEFT LEFT 0"), "");
        redis.send(b, b"RPUSH from x\r\n");
        let told = redis.exchange(a, b"PING\r\n");
        let expected = format!("{}$1\r\nx\r\n{}+PONG\r\n", push("from"), push("to"));
        assert_eq!(told, expected.as_bytes());
    }

    #[test]
    fn bcast_is_told_once_a_turn_after_all_replies() {
        let (mut redis, a, b) = start("BCAST");
        redis.send(b, b"SET z 1\r\nSET a 1\r\n");
        redis.send(a, b"SET m 1\r\nPING\r\n");
        redis.send(b, b"DEL z\r\n");
        let keys = "*3\r\n$1\r\na\r\n$1\r\nm\r\n$1\r\nz\r\n";
        let expected = format!("+OK\r\n+PONG\r\n>2\r\n$10\r\ninvalidate\r\n{keys}");
        assert_eq!(redis.exchange(a, b""), expected.as_bytes());
    }

    #[test]
    fn one_key_too_many_is_told_of_before_the_next_reply_whoever_asks() {
        for options in ["", "NOLOOP"] {
            let (mut redis, a, b) = start(options);
            redis.engine.config.tracking_table_max_keys = 3;
            redis.ask(a, "MGET k1 k2 k3 k4 k5");
            assert_eq!(redis.engine.tracking.keys(), 5);
            let told = redis.ask(a, "PING");
            assert_eq!(told.matches("invalidate").count(), 2, "{told}");
            assert!(told.ends_with("+PONG\r\n"), "{told}");
            assert_eq!(redis.engine.tracking.keys(), 3);
            redis.ask(a, "MGET k1 k2 k3 k4 k5");
            redis.ask(b, "GET x");
            let told = String::from_utf8(redis.output(a)).expect("text");
            assert_eq!(told.matches("invalidate").count(), 2, "{told}");
        }
    }

    #[test]
    fn far_too_many_keys_are_forgotten_with_growing_effort() {
        let (mut redis, a, b) = start("");
        for i in 0..2000 {
            redis.ask(a, &format!("GET k{i}"));
        }
        redis.engine.config.tracking_table_max_keys = 1;
        let mut left = Vec::new();
        for _ in 0..7 {
            redis.ask(b, "PING");
            left.push(redis.engine.tracking.keys());
        }
        assert_eq!(left, [1900, 1700, 1400, 1000, 500, 1, 1]);
    }

    #[test]
    fn info_counts_who_tracks_and_what_was_read() {
        let (mut redis, a, b) = start("");
        redis.ask(b, "CLIENT TRACKING ON");
        redis.ask(a, "MGET k l");
        redis.ask(b, "GET k");
        let c = redis.connect();
        redis.ask(c, "CLIENT TRACKING ON BCAST PREFIX x PREFIX y");
        let told = redis.ask(c, "INFO clients\r\nINFO stats");
        for field in [
            "tracking_clients:3\r\n",
            "tracking_total_keys:2\r\n",
            "tracking_total_items:3\r\n",
            "tracking_total_prefixes:2\r\n",
        ] {
            assert!(told.contains(field), "{field} in {told}");
        }
    }

    #[test]
    fn a_client_is_listed_with_how_it_tracks_and_where_to() {
        let (mut redis, a, b) = start("BCAST");
        let told = redis.ask(a, "CLIENT INFO");
        assert!(
            told.contains(" flags=tB ") && told.contains(" redir=0 "),
            "{told}"
        );
        redis.ask(
            a,
            "CLIENT TRACKING OFF\r\nCLIENT TRACKING ON REDIRECT 2\r\nGET k",
        );
        redis.disconnect(b);
        let c = redis.connect();
        redis.ask(c, "SET k 1");
        let told = redis.ask(a, "CLIENT INFO");
        assert!(
            told.starts_with(">2\r\n$21\r\ntracking-redir-broken\r\n:2\r\n"),
            "{told}"
        );
        assert!(
            told.contains(" flags=tR ") && told.contains(" redir=2 "),
            "{told}"
        );
    }

    #[test]
    fn nobody_pays_for_those_who_have_gone() {
        let (mut redis, a, b) = start("");
        redis.ask(a, "GET k\r\nGET l");
        assert!(redis.engine.changes.tracked);
        redis.ask(a, "CLIENT TRACKING OFF");
        assert!(redis.engine.changes.tracked, "it may track again");
        redis.disconnect(a);
        assert!(!redis.engine.changes.tracked);
        assert_eq!(redis.engine.tracking.keys(), 0);
        redis.ask(b, "CLIENT TRACKING ON BCAST");
        redis.ask(b, "RESET");
        assert!(!redis.engine.changes.tracked);
    }

    #[test]
    fn a_key_that_expires_by_itself_is_told_of() {
        let (mut redis, a, b) = start("");
        redis.ask(b, "SET k v PX 10");
        redis.ask(a, "GET k");
        redis.advance(Duration::from_millis(200));
        assert_eq!(redis.output(a), push("k").as_bytes());
    }
}
