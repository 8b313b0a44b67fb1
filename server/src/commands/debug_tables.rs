//! The subcommands of DEBUG that describe tables and structures. Theirs are not ours: the sizes told are those that Redis's
//! would have.

use crate::commands::arguments;
use crate::engine::{Call, Engine};
use crate::keyspace::value::ValueRef;
use crate::registry::command::Outcome;
use crate::resp::error::Error;

/// The smallest table Redis makes (DICT_HT_INITIAL_SIZE).
const TABLE_MIN: usize = 4;

/// A table of so many elements in words.
fn describe(elements: usize) -> String {
    if elements == 0 {
        return String::new();
    }
    let size = elements.next_power_of_two().max(TABLE_MIN);
    format!(
        "Hash table 0 stats (main hash table):\n table size: {size}\n number of elements: {elements}\n"
    )
}

/// DEBUG HTSTATS dbid [full].
pub(super) fn htstats(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let index = arguments::integer(call.args.at(2))?;
    let index = usize::try_from(index)
        .ok()
        .filter(|index| *index < engine.keyspace.len())
        .ok_or(Error::fixed("ERR Out of range database"))?;
    let db = engine.keyspace.db(index);
    let text = format!(
        "[Dictionary HT]\n{}[Expires HT]\n{}",
        describe(db.table.len()),
        describe(db.volatile)
    );
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// DEBUG HTSTATS-KEY key [full].
pub(super) fn htstats_key(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let key = call.args.at(2);
    let elements = engine.with_keys(call.client, |keys| {
        let entry = keys.peek(key).ok_or(Error::NO_SUCH_KEY)?;
        let elements = match entry.value() {
            ValueRef::Hash(hash) => hash.len(),
            ValueRef::Set(set) => set.len(),
            ValueRef::Zset(set) => set.len(),
            _ => 0,
        };
        let in_table = matches!(entry.encoding(), "hashtable" | "skiplist");
        in_table.then_some(elements).ok_or(Error::fixed(
            "ERR The value stored at the specified key is not represented using an hash table",
        ))
    })?;
    call.reply.verbatim("txt", describe(elements).as_bytes());
    Ok(())
}

/// DEBUG STRUCTSIZE: the sizes of Redis's structures on a machine of 64 bits.
pub(super) fn structsize(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    call.reply.bulk(
        b"bits:64 robj:16 dictentry:24 sdshdr5:1 sdshdr8:3 sdshdr16:5 sdshdr32:9 sdshdr64:17 ",
    );
    Ok(())
}
