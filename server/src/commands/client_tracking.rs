//! CLIENT TRACKING and its kin: what a connection says about the keys it caches.

use crate::commands::arguments;
use crate::commands::client::own;
use crate::engine::{Call, Client, ClientFlags, ClientKey, Engine};
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;

/// CLIENT CACHING.
pub(super) const CACHING: Command = Command::new(
    "caching",
    "6.0.0",
    Group::Connection,
    3,
    Run::Engine(caching),
)
.flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
.categories(Categories::CONNECTION)
.args(&[Arg::one_of(
    "mode",
    &[Arg::word("yes", "YES"), Arg::word("no", "NO")],
)])
.summary(
    "Instructs the server whether to track the keys in the next \
                 request.",
)
.complexity("O(1)");

/// CLIENT GETREDIR.
pub(super) const GETREDIR: Command = Command::new(
    "getredir",
    "6.0.0",
    Group::Connection,
    2,
    Run::Engine(getredir),
)
.flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
.categories(Categories::CONNECTION)
.summary(
    "Returns the client ID to which the connection's tracking \
                 notifications are redirected.",
)
.complexity("O(1)");

/// CLIENT TRACKING.
pub(super) const TRACKING: Command = Command::new(
    "tracking",
    "6.0.0",
    Group::Connection,
    -3,
    Run::Engine(tracking),
)
.flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
.categories(Categories::CONNECTION)
.args(&[
    Arg::one_of("status", &[Arg::word("on", "ON"), Arg::word("off", "OFF")]),
    Arg::new("client-id", ArgKind::Integer)
        .token("REDIRECT")
        .optional(),
    Arg::new("prefix", ArgKind::String)
        .token("PREFIX")
        .optional()
        .multiple()
        .multiple_token(),
    Arg::word("bcast", "BCAST").optional(),
    Arg::word("optin", "OPTIN").optional(),
    Arg::word("optout", "OPTOUT").optional(),
    Arg::word("noloop", "NOLOOP").optional(),
])
.summary(
    "Controls server-assisted client-side caching for the \
                 connection.",
)
.complexity("O(1). Some options may introduce additional complexity.");

/// CLIENT TRACKINGINFO.
pub(super) const TRACKING_INFO: Command = Command::new(
    "trackinginfo",
    "6.2.0",
    Group::Connection,
    2,
    Run::Engine(tracking_info),
)
.flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
.categories(Categories::CONNECTION)
.summary(
    "Returns information about server-assisted client-side caching \
                 for the connection.",
)
.complexity("O(1)");

/// What was asked for with the options of CLIENT TRACKING.
struct Options<'a> {
    modes: ClientFlags,
    redirect: Option<(u64, ClientKey)>,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// # Errors
    /// `syntax error`, or that there is no client to redirect to.
    fn parse(engine: &Engine, call: &Call<'a>) -> Result<Options<'a>, Error> {
        let mut options = Options {
            modes: ClientFlags::empty(),
            redirect: None,
            prefixes: Vec::new(),
        };
        let mut words = call.args.rest(3);
        while let Some(word) = words.next() {
            match word.to_ascii_lowercase().as_slice() {
                b"redirect" => {
                    let id = words.next().ok_or(Error::SYNTAX)?;
                    if options.redirect.is_some() {
                        return Err(Error::fixed(
                            "ERR A client can only redirect to a single other client",
                        ));
                    }
                    let id = arguments::integer(id)?;
                    let target = u64::try_from(id)
                        .ok()
                        .and_then(|id| engine.clients.by_id(id))
                        .ok_or(Error::fixed(
                            "ERR The client ID you want redirect to does not exist",
                        ))?;
                    options.redirect = Some((target.id, target.key));
                }
                b"prefix" => options.prefixes.push(words.next().ok_or(Error::SYNTAX)?),
                b"bcast" => options.modes |= ClientFlags::TRACKING_BCAST,
                b"optin" => options.modes |= ClientFlags::TRACKING_OPTIN,
                b"optout" => options.modes |= ClientFlags::TRACKING_OPTOUT,
                b"noloop" => options.modes |= ClientFlags::TRACKING_NOLOOP,
                _ => return Err(Error::SYNTAX),
            }
        }
        Ok(options)
    }

    /// # Errors
    /// in the order of Redis's checks: options that contradict each other, or the modes that the client is in.
    fn check(&self, client: &Client) -> Result<(), Error> {
        let asked = |mode| self.modes.contains(mode);
        let (bcast, optin, optout) = (
            asked(ClientFlags::TRACKING_BCAST),
            asked(ClientFlags::TRACKING_OPTIN),
            asked(ClientFlags::TRACKING_OPTOUT),
        );
        let refusal = if !bcast && !self.prefixes.is_empty() {
            "ERR PREFIX option requires BCAST mode to be enabled"
        } else if client.is(ClientFlags::TRACKING)
            && client.is(ClientFlags::TRACKING_BCAST) != bcast
        {
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
             with a different mode."
        } else if bcast && (optin || optout) {
            "ERR OPTIN and OPTOUT are not compatible with BCAST"
        } else if optin && optout {
            "ERR You can't specify both OPTIN mode and OPTOUT mode"
        } else if optin && client.is(ClientFlags::TRACKING_OPTOUT)
            || optout && client.is(ClientFlags::TRACKING_OPTIN)
        {
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
             with a different mode."
        } else {
            return self.check_prefixes(client);
        };
        Err(Error::fixed(refusal))
    }

    /// Refuses prefixes of which one begins with another: a key would be told of twice.
    fn check_prefixes(&self, client: &Client) -> Result<(), Error> {
        let heard = client.tracker.iter().flat_map(|tracker| &tracker.prefixes);
        for (index, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = heard.clone().find(|other| overlap(prefix, other)) {
                return Err(overlapping(prefix, "an existing", other));
            }
            let later = self.prefixes[index + 1..].iter();
            if let Some(other) = later.copied().find(|other| overlap(prefix, other)) {
                return Err(overlapping(prefix, "another provided", other));
            }
        }
        Ok(())
    }
}

fn overlap(a: &[u8], b: &[u8]) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

fn overlapping(prefix: &[u8], kind: &str, other: &[u8]) -> Error {
    let before = [b"ERR Prefix '", c_text(prefix), b"' overlaps with "].concat();
    let other = [b" prefix '", c_text(other)].concat();
    let line = [&before, kind.as_bytes(), &other].concat();
    Error::new(
        [
            &line,
            b"'. Prefixes for a single client must not overlap.".as_slice(),
        ]
        .concat(),
    )
}

/// What Redis shows of bytes that it formats as a C string.
fn c_text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn tracking(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let mut options = Options::parse(engine, call)?;
    if call.args.is(2, "ON") {
        options.check(own(engine, call)?)?;
        if options.modes.contains(ClientFlags::TRACKING_BCAST) && options.prefixes.is_empty() {
            options.prefixes.push(b"");
        }
        engine.track(
            call.client,
            options.modes,
            options.redirect,
            &options.prefixes,
        );
    } else if call.args.is(2, "OFF") {
        engine.untrack(call.client);
    } else {
        return Err(Error::SYNTAX);
    }
    call.reply.ok();
    Ok(())
}

fn caching(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let client = own(engine, call)?;
    if !client.is(ClientFlags::TRACKING) {
        return Err(Error::fixed(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    }
    let (mode, refusal) = if call.args.is(2, "YES") {
        (
            ClientFlags::TRACKING_OPTIN,
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        )
    } else if call.args.is(2, "NO") {
        (
            ClientFlags::TRACKING_OPTOUT,
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        )
    } else {
        return Err(Error::SYNTAX);
    };
    if !client.is(mode) {
        return Err(Error::fixed(refusal));
    }
    client.flags.insert(ClientFlags::TRACKING_CACHING);
    call.reply.ok();
    Ok(())
}

fn getredir(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let id = own(engine, call)?.redirect_id();
    call.reply.int(id);
    Ok(())
}

fn tracking_info(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let client = own(engine, call)?;
    let flags = [
        (ClientFlags::TRACKING, "on"),
        (ClientFlags::TRACKING_BCAST, "bcast"),
        (ClientFlags::TRACKING_OPTIN, "optin"),
        (ClientFlags::TRACKING_OPTOUT, "optout"),
        (ClientFlags::TRACKING_CACHING, caching_word(client)),
        (ClientFlags::TRACKING_NOLOOP, "noloop"),
        (ClientFlags::TRACKING_BROKEN, "broken_redirect"),
    ];
    let mut shown: Vec<&str> = flags
        .iter()
        .filter(|(flag, _)| client.is(*flag))
        .map(|(_, word)| *word)
        .collect();
    if shown.is_empty() {
        shown.push("off");
    }
    let prefixes = client.tracker.iter().flat_map(|tracker| &tracker.prefixes);
    let reply = &mut call.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(shown.len());
    for word in shown {
        reply.bulk(word.as_bytes());
    }
    reply.bulk(b"redirect");
    reply.int(client.redirect_id());
    reply.bulk(b"prefixes");
    reply.array(prefixes.clone().count());
    for prefix in prefixes {
        reply.bulk(prefix);
    }
    Ok(())
}

/// What CLIENT CACHING said: in each mode it can only say the one thing.
fn caching_word(client: &Client) -> &'static str {
    if client.is(ClientFlags::TRACKING_OPTIN) {
        "caching-yes"
    } else {
        "caching-no"
    }
}
