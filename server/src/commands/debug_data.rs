//! What DEBUG does with the data as a whole: its digest, and loading it anew.

use crate::commands::dump;
use crate::commands::flush::{self, How};
use crate::engine::{Call, Data, Engine};
use crate::keyspace::db::Deadline;
use crate::keyspace::digest::Digest;
use crate::rdb;
use crate::registry::command::Outcome;
use crate::resp::error::Error;

const LOADING_FAILED: Error =
    Error::fixed("ERR Error trying to load the RDB dump, check server logs.");
const UNKNOWN_OPTION: Error =
    Error::fixed("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");

/// DEBUG DIGEST.
pub(super) fn digest(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let digest = Digest::of_all(&engine.keyspace);
    call.reply.status(&digest.to_string());
    Ok(())
}

/// DEBUG DIGEST-VALUE key …: keys that have expired but are still there are digested as well.
pub(super) fn digest_value(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let db = engine.with_keys(call.client, |keys| keys.db);
    let table = &engine.keyspace.db(db).table;
    let keys = call.args.rest(2);
    call.reply.array(keys.len());
    for key in keys {
        let digest = table.get(key).map(Digest::of).unwrap_or_default();
        call.reply.status(&digest.to_string());
    }
    Ok(())
}

/// A key as it was saved.
struct Saved {
    db: usize,
    key: Vec<u8>,
    expire_ms: Option<i64>,
    /// When or how often it was used, if a policy goes by that: the 24 bits of LRU or LFU.
    access: Option<u32>,
    payload: Vec<u8>,
}

/// DEBUG RELOAD [NOSAVE] [NOFLUSH] [MERGE]: writes all data in the format of files, and reads it again.
pub(super) fn reload(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let (mut flushes, mut merges) = (true, false);
    for index in 2..call.args.len() {
        if call.args.is(index, "NOSAVE") {
            // Nothing was saved before: it is written into memory only.
            return Err(LOADING_FAILED);
        } else if call.args.is(index, "NOFLUSH") {
            flushes = false;
        } else if call.args.is(index, "MERGE") {
            merges = true;
        } else {
            return Err(UNKNOWN_OPTION);
        }
    }
    let saved = save(engine);
    if !(flushes || merges || saved.is_empty()) {
        // Redis does not survive it.
        return Err(LOADING_FAILED);
    }
    if flushes {
        let all = 0..engine.keyspace.len();
        flush::empty(engine, call, all, How::Sync);
    }
    let events = engine.changes.list.len();
    engine.with_data(call, |d| load(d, saved))?;
    // Loading is no event, and all that was changed has been saved.
    engine.changes.list.truncate(events);
    engine.changes.dirty = 0;
    call.reply.ok();
    Ok(())
}

fn save(engine: &Engine) -> Vec<Saved> {
    let by_use = engine.config.maxmemory_policy.is_by_use();
    let mut saved = Vec::new();
    for db in 0..engine.keyspace.len() {
        let entries = engine.keyspace.db(db).table.iter();
        saved.extend(entries.map(|entry| Saved {
            db,
            key: entry.key().to_vec(),
            expire_ms: entry.expire_ms(),
            access: by_use.then(|| entry.access()),
            payload: rdb::dump(entry.value(), engine.config.rdbcompression),
        }));
    }
    saved
}

fn load(d: &mut Data<'_>, saved: Vec<Saved>) -> Outcome {
    let limits = dump::limits(d);
    for Saved {
        db,
        key,
        expire_ms,
        access,
        payload,
    } in saved
    {
        let mut keys = d.keys.other(db);
        keys.take(&key);
        if expire_ms.is_some_and(|at_ms| at_ms < keys.now_ms) {
            continue;
        }
        let loaded = rdb::restore(&payload, &limits).map_err(|_| LOADING_FAILED)?;
        let deadline = expire_ms.map_or(Deadline::Clear, Deadline::At);
        loaded.store(|value| keys.set(&key, value, deadline));
        keys.expect_fields(&key);
        if let Some(access) = access
            && let Some(entry) = keys.edit(&key)
        {
            entry.set_access(access);
        }
    }
    Ok(())
}
