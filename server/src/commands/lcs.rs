//! LCS: the longest common subsequence of two strings.

use super::arguments::integer;
use crate::data::lcs;
use crate::engine::Data;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("lcs", "7.0.0", Group::String, -3, Run::Data(lcs))
            .flags(Flags::READONLY)
            .categories(Categories::STRING)
            .keys(&[Keys::range(1, 1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))])
            .args(&[
                Arg::key("key1", 0),
                Arg::key("key2", 0),
                Arg::word("len", "LEN").optional(),
                Arg::word("idx", "IDX").optional(),
                Arg::new("min-match-len", ArgKind::Integer)
                    .token("MINMATCHLEN")
                    .optional(),
                Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
            ])
            .summary("Finds the longest common substring.")
            .complexity(
                "O(N*M) where N and M are the lengths of s1 and s2, \
             respectively",
            ),
    ];

const WRONG_TYPE: Error = Error::fixed("ERR The specified keys must contain string values");
const AMBIGUOUS: Error =
    Error::fixed("ERR If you want both the length and indexes, please just use IDX.");
const TOO_LONG: Error = Error::fixed("ERR String too long for LCS");
const TOO_MUCH_MEMORY: Error =
    Error::fixed("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");

/// What LCS answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Len,
    Matches,
}

/// The options of LCS.
struct Options {
    form: Form,
    with_len: bool,
    len_min: i64,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, Error> {
        let (mut len, mut matches, mut with_len, mut len_min) = (false, false, false, 0);
        let mut index = 3;
        while index < args.len() {
            if args.is(index, "idx") {
                matches = true;
            } else if args.is(index, "len") {
                len = true;
            } else if args.is(index, "withmatchlen") {
                with_len = true;
            } else if args.is(index, "minmatchlen") && index + 1 < args.len() {
                index += 1;
                len_min = integer(args.at(index))?;
            } else {
                return Err(Error::SYNTAX);
            }
            index += 1;
        }
        let form = match (len, matches) {
            (true, true) => return Err(AMBIGUOUS),
            (true, false) => Form::Len,
            (false, true) => Form::Matches,
            (false, false) => Form::Text,
        };
        Ok(Options {
            form,
            with_len,
            len_min,
        })
    }
}

fn lcs(d: &mut Data<'_>) -> Outcome {
    // Both keys are looked up before either is judged, and both are judged before the options.
    let (a, b) = (operand(d, 1), operand(d, 2));
    let (a, b) = (a?, b?);
    let options = Options::parse(d.args)?;
    check_memory(a.len(), b.len(), d.config.proto_max_bulk_len)?;
    match options.form {
        Form::Len => d.reply.count(lcs::len(&a, &b)),
        Form::Text => {
            let mut text = Vec::new();
            for found in lcs::matches(&a, &b).into_iter().rev() {
                text.extend_from_slice(&a[found.a]);
            }
            d.reply.bulk(&text);
        }
        Form::Matches => reply_matches(d, &options, &lcs::matches(&a, &b)),
    }
    Ok(())
}

/// A copy of a key's string; a missing key counts as empty.
fn operand(d: &mut Data<'_>, index: usize) -> Result<Vec<u8>, Error> {
    match d.keys.string(d.args.at(index)) {
        Ok(Some(string)) => Ok(string.to_vec()),
        Ok(None) => Ok(Vec::new()),
        Err(_) => Err(WRONG_TYPE),
    }
}

/// Redis's table takes four bytes a cell, and its limit is felt although ours is far smaller.
fn check_memory(a_len: usize, b_len: usize, limit: i64) -> Outcome {
    const LEN_MAX: usize = u32::MAX as usize - 1;
    if a_len >= LEN_MAX || b_len >= LEN_MAX {
        return Err(TOO_LONG);
    }
    let cells = (a_len as u128 + 1) * (b_len as u128 + 1);
    if cells * size_of::<u32>() as u128 > u128::try_from(limit).unwrap_or(0) {
        return Err(TOO_MUCH_MEMORY);
    }
    Ok(())
}

fn reply_matches(d: &mut Data<'_>, options: &Options, matches: &[lcs::Match]) {
    let shown = matches
        .iter()
        .filter(|found| found.a.len() as i64 >= options.len_min);
    d.reply.map(2);
    d.reply.bulk(b"matches");
    d.reply.array(shown.clone().count());
    for found in shown {
        d.reply.array(2 + usize::from(options.with_len));
        for range in [&found.a, &found.b] {
            d.reply.array(2);
            d.reply.count(range.start);
            d.reply.count(range.end - 1);
        }
        if options.with_len {
            d.reply.count(found.a.len());
        }
    }
    d.reply.bulk(b"len");
    d.reply
        .count(matches.iter().map(|found| found.a.len()).sum());
}
