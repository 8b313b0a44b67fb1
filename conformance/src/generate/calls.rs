//! Calls of a command, made from its grammar: valid ones, and every eighth spoilt in one place. Knows the tree of arguments,
//! not what the words in it mean; those come from the [`pools`](super::pools).

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::Union;

use super::grammar::{Argument, ArgumentKind, Command};
use super::pools::{values_of, wild};

/// Repetitions of an argument that may be repeated, at most.
const REPEATED_MAX: usize = 3;

/// One word of a call, and what has to agree with it.
#[derive(Clone, Debug)]
struct Word {
    bytes: Vec<u8>,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Plain,
    /// Says how many repetitions are counted.
    Count,
    /// Begins a repetition that is counted.
    Counted,
    /// There are as many of these as there are counted repetitions.
    Paired,
}

/// What is wrong with a call. Shrinks to what is simplest to see.
#[derive(Clone, Debug)]
enum Spoiling {
    Leave(Index),
    Repeat(Index),
    Swap(Index, Index),
    Replace(Index, Vec<u8>),
    Insert(Index, Vec<u8>),
    Miscount(bool),
}

/// Any call of the command. `names` are the commands that arguments may name.
pub(super) fn calls(command: &Command, names: &[String]) -> BoxedStrategy<Vec<Vec<u8>>> {
    let name = command.words();
    let arguments = if command.container {
        option::of(prop_oneof![
            Just(plain(b"HELP".to_vec())),
            wild().prop_map(plain)
        ])
        .prop_map(Vec::from_iter)
        .boxed()
    } else if command.arguments.is_empty() {
        let due = usize::try_from(command.arity.abs()).unwrap_or(1);
        vec(wild().prop_map(plain), due.saturating_sub(name.len())).boxed()
    } else {
        sequence(command, &command.arguments, names)
    };
    let index = any::<Index>;
    let spoiling = prop_oneof![
        2 => index().prop_map(Spoiling::Leave),
        1 => index().prop_map(Spoiling::Repeat),
        1 => (index(), index()).prop_map(|(one, other)| Spoiling::Swap(one, other)),
        3 => (index(), wild()).prop_map(|(at, word)| Spoiling::Replace(at, word)),
        2 => (index(), wild()).prop_map(|(at, word)| Spoiling::Insert(at, word)),
        1 => any::<bool>().prop_map(Spoiling::Miscount),
    ];
    (arguments, option::weighted(0.125, spoiling))
        .prop_map(move |(words, spoiling)| {
            let mut call = name.clone();
            call.extend(agreed(words, spoiling));
            call
        })
        .boxed()
}

fn plain(bytes: Vec<u8>) -> Word {
    Word {
        bytes,
        role: Role::Plain,
    }
}

/// Arguments one after the other, with those that must agree in number marked.
fn sequence(
    command: &Command,
    arguments: &[Argument],
    names: &[String],
) -> BoxedStrategy<Vec<Word>> {
    let parts: Vec<_> = arguments
        .iter()
        .enumerate()
        .map(|(at, argument)| {
            let before = at.checked_sub(1).map(|before| &arguments[before]);
            let after = arguments.get(at + 1);
            let role = if counts(argument) && after.is_some_and(|after| after.multiple) {
                Role::Count
            } else if !argument.multiple {
                Role::Plain
            } else if argument.name == "weight"
                || before.is_some_and(|before| before.multiple && !before.optional)
            {
                Role::Paired
            } else if before.is_some_and(counts)
                || after.is_some_and(|after| after.multiple && !after.optional)
            {
                Role::Counted
            } else {
                Role::Plain
            };
            whole(command, argument, role, names)
        })
        .collect();
    parts.prop_map(|words| words.concat()).boxed()
}

/// Whether it says how many of the next argument there are.
fn counts(argument: &Argument) -> bool {
    argument.kind == ArgumentKind::Integer
        && matches!(argument.name.as_str(), "numkeys" | "numfields" | "numids")
}

/// An argument with its token and its repetitions, or nothing if it may be left out.
fn whole(
    command: &Command,
    argument: &Argument,
    role: Role,
    names: &[String],
) -> BoxedStrategy<Vec<Word>> {
    let value = value(command, argument, names).prop_map(move |mut words| {
        if let Some(first) = words.first_mut() {
            first.role = if role == Role::Plain {
                first.role
            } else {
                role
            };
        }
        words
    });
    let token = argument
        .token
        .as_deref()
        .filter(|_| argument.kind != ArgumentKind::PureToken);
    let repetitions = if argument.multiple { REPEATED_MAX } else { 1 };
    let values = vec(value, 1..=repetitions);
    let words = match token {
        None => values.prop_map(|values| values.concat()).boxed(),
        Some(token) => {
            let every = argument.multiple_token;
            (token_word(token), values)
                .prop_map(move |(token, values)| {
                    let mut words = Vec::new();
                    for (index, value) in values.into_iter().enumerate() {
                        if index == 0 || every {
                            words.push(token.clone());
                        }
                        words.extend(value);
                    }
                    words
                })
                .boxed()
        }
    };
    if argument.optional {
        option::weighted(0.4, words)
            .prop_map(Option::unwrap_or_default)
            .boxed()
    } else {
        words
    }
}

fn value(command: &Command, argument: &Argument, names: &[String]) -> BoxedStrategy<Vec<Word>> {
    match argument.kind {
        ArgumentKind::Block => sequence(command, &argument.arguments, names),
        ArgumentKind::OneOf => Union::new(
            argument
                .arguments
                .iter()
                .map(|alternative| whole(command, alternative, Role::Plain, names)),
        )
        .boxed(),
        ArgumentKind::PureToken => token_word(argument.token.as_deref().unwrap_or_default())
            .prop_map(|word| vec![word])
            .boxed(),
        _ => values_of(command, argument, names)
            .prop_map(|bytes| vec![plain(bytes)])
            .boxed(),
    }
}

fn token_word(token: &str) -> BoxedStrategy<Word> {
    let small = token.to_ascii_lowercase().into_bytes();
    prop_oneof![9 => Just(plain(token.as_bytes().to_vec())), 1 => Just(plain(small))].boxed()
}

/// The words with counts and pairs made to agree, and then what spoils them.
fn agreed(words: Vec<Word>, spoiling: Option<Spoiling>) -> Vec<Vec<u8>> {
    let counted = words
        .iter()
        .filter(|word| word.role == Role::Counted)
        .count();
    let said = match spoiling {
        Some(Spoiling::Miscount(more)) => (counted + usize::from(more) * 2).saturating_sub(1),
        _ => counted,
    };
    let paired: Vec<&Word> = words
        .iter()
        .filter(|word| word.role == Role::Paired)
        .collect();
    let mut agreed: Vec<Vec<u8>> = Vec::with_capacity(words.len());
    let mut pairs_are_due = true;
    for word in &words {
        match word.role {
            Role::Plain | Role::Counted => agreed.push(word.bytes.clone()),
            Role::Count => agreed.push(said.to_string().into_bytes()),
            Role::Paired if pairs_are_due => {
                let due = if counted == 0 { paired.len() } else { counted };
                agreed.extend(
                    paired
                        .iter()
                        .cycle()
                        .take(due)
                        .map(|word| word.bytes.clone()),
                );
                pairs_are_due = false;
            }
            Role::Paired => {}
        }
    }
    if let Some(spoiling) = spoiling {
        spoil(&mut agreed, spoiling);
    }
    agreed
}

/// The name stays: without it there would be fewer commands to find mistakes in.
fn spoil(words: &mut Vec<Vec<u8>>, spoiling: Spoiling) {
    let length = words.len();
    match spoiling {
        Spoiling::Insert(at, word) => words.insert(at.index(length + 1), word),
        _ if length == 0 => {}
        Spoiling::Leave(at) => drop(words.remove(at.index(length))),
        Spoiling::Repeat(at) => {
            let at = at.index(length);
            words.insert(at, words[at].clone());
        }
        Spoiling::Swap(one, other) => words.swap(one.index(length), other.index(length)),
        Spoiling::Replace(at, word) => words[at.index(length)] = word,
        Spoiling::Miscount(_) => {}
    }
}
