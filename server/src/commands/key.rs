//! Commands on keys of any type.

use crate::engine::Data;
use crate::registry::command::{
    Arg, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("del", "1.0.0", Group::Generic, -2, Run::Data(del))
            .flags(Flags::WRITE)
            .categories(Categories::KEYSPACE)
            .keys(&[Keys::range(1, -1, 1, KeyFlags::RM.union(KeyFlags::DELETE))])
            .args(&[Arg::key("key", 0).multiple()])
            .summary("Deletes one or more keys.")
            .complexity("O(N)"),
    ];

fn del(d: &mut Data<'_>) -> Outcome {
    let mut deleted = 0;
    for key in d.args.rest(1) {
        deleted += usize::from(d.keys.delete(key));
    }
    d.reply.count(deleted);
    Ok(())
}
