//! The small language in which the command table says what arguments a command takes, and the proptest strategy for it. Knows
//! the notation, not the commands nor what the words in it stand for.
//!
//! A word in capitals (or digits) is itself, a word in small letters is a slot that is filled by whoever uses the grammar.
//! `[…]` may be left out, `(…)` groups, `|` separates alternatives inside either, and `...` behind anything repeats it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;

/// Words of a command.
pub(super) type Words = Vec<Vec<u8>>;

/// What arguments a command takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    Literal(String),
    Slot(String),
    Sequence(Vec<Grammar>),
    Choice(Vec<Grammar>),
    Optional(Box<Grammar>),
    Repeated(Box<Grammar>),
}

impl Grammar {
    /// Reads the notation. It is written in this program, so what is wrong with it is told to the programmer.
    ///
    /// # Panics
    /// When brackets do not match; a test reads every line of the table.
    pub(super) fn parse(text: &str) -> Grammar {
        let spaced = ["[", "]", "(", ")", "|", "..."]
            .iter()
            .fold(text.to_owned(), |text, mark| {
                text.replace(mark, &format!(" {mark} "))
            });
        let mut tokens = spaced.split_whitespace().peekable();
        let grammar = parse_choice(&mut tokens);
        assert_eq!(tokens.next(), None, "a bracket too many in `{text}`");
        grammar
    }

    /// Everything the grammar allows, slots filled by `slot`.
    pub(super) fn strategy(
        &self,
        slot: &dyn Fn(&str) -> BoxedStrategy<Vec<u8>>,
    ) -> BoxedStrategy<Words> {
        match self {
            Grammar::Literal(word) => {
                let (plain, small) = (
                    word.clone().into_bytes(),
                    word.to_ascii_lowercase().into_bytes(),
                );
                prop_oneof![9 => Just(vec![plain]), 1 => Just(vec![small])].boxed()
            }
            Grammar::Slot(name) => slot(name).prop_map(|word| vec![word]).boxed(),
            Grammar::Sequence(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.strategy(slot)).collect();
                parts.prop_map(|words| words.concat()).boxed()
            }
            Grammar::Choice(parts) => {
                Union::new(parts.iter().map(|part| part.strategy(slot))).boxed()
            }
            Grammar::Optional(part) => option::weighted(0.4, part.strategy(slot))
                .prop_map(Option::unwrap_or_default)
                .boxed(),
            Grammar::Repeated(part) => vec(part.strategy(slot), 1..4)
                .prop_map(|words| words.concat())
                .boxed(),
        }
    }
}

fn parse_choice<'t>(tokens: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>) -> Grammar {
    let mut alternatives = vec![parse_sequence(tokens)];
    while tokens.next_if_eq(&"|").is_some() {
        alternatives.push(parse_sequence(tokens));
    }
    if alternatives.len() == 1 {
        alternatives.remove(0)
    } else {
        Grammar::Choice(alternatives)
    }
}

fn parse_sequence<'t>(tokens: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>) -> Grammar {
    let mut parts = Vec::new();
    while let Some(token) = tokens.next_if(|token| !matches!(*token, "]" | ")" | "|")) {
        let part = match token {
            "[" => {
                let inner = parse_choice(tokens);
                assert_eq!(tokens.next(), Some("]"), "`[` is not closed");
                Grammar::Optional(Box::new(inner))
            }
            "(" => {
                let inner = parse_choice(tokens);
                assert_eq!(tokens.next(), Some(")"), "`(` is not closed");
                inner
            }
            word if word.starts_with(|first: char| first.is_ascii_lowercase()) => {
                Grammar::Slot(word.to_owned())
            }
            word => Grammar::Literal(word.to_owned()),
        };
        let repeated = tokens.next_if_eq(&"...").is_some();
        parts.push(if repeated {
            Grammar::Repeated(Box::new(part))
        } else {
            part
        });
    }
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        Grammar::Sequence(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_reads_as_it_looks() {
        let literal = |word: &str| Grammar::Literal(word.to_owned());
        let slot = |word: &str| Grammar::Slot(word.to_owned());
        let expected = Grammar::Sequence(vec![
            literal("SET"),
            Grammar::Repeated(Box::new(Grammar::Sequence(vec![
                slot("key"),
                slot("value"),
            ]))),
            Grammar::Optional(Box::new(Grammar::Choice(vec![
                literal("NX"),
                Grammar::Sequence(vec![literal("EXAT"), slot("time")]),
            ]))),
        ]);
        assert_eq!(
            Grammar::parse("SET (key value)... [NX|EXAT time]"),
            expected
        );
    }
}
