//! What a RESP3 reply is in RESP2, by command: the shapes that the command pages and the RESP specification give for both.
//! Knows one reply and the command it answers.
//!
//! The general rules: a map is its keys and values in one array, a set is an array, a double and a big number are bulk strings
//! with the same text, a verbatim string is a bulk string without its format, true is 1 and false is 0, the null is `$-1`, a bulk
//! error is an error, and attributes are left out. What differs from them is in the tables below, and nowhere else.

use super::dialogue::Request;
use crate::wire::{Element, Kind};

/// Commands whose missing answer is a null array in RESP2 (`*-1`): there, a null says what it is a null of.
///
/// Source: the command pages, "Return information", RESP2: "Nil reply" of a command that otherwise returns an array.
const NULL_ARRAYS: &[(&str, Null)] = &[
    ("BLPOP", Null::Itself),
    ("BRPOP", Null::Itself),
    ("BLMPOP", Null::Itself),
    ("BZPOPMIN", Null::Itself),
    ("BZPOPMAX", Null::Itself),
    ("BZMPOP", Null::Itself),
    ("LMPOP", Null::Itself),
    ("ZMPOP", Null::Itself),
    ("XREAD", Null::Itself),
    ("XREADGROUP", Null::Itself),
    ("EXEC", Null::Itself),
    ("GEOPOS", Null::Elements),
];

/// Of what there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Null {
    Itself,
    Elements,
}

/// Commands whose pairs are arrays of two in RESP3 and stand one behind the other in RESP2, if the word is among the arguments;
/// for the popping ones if a count is.
///
/// Source: the command pages, "Return information", RESP2 and RESP3.
const PAIRS: &[(&str, &str)] = &[
    ("ZRANGE", "WITHSCORES"),
    ("ZREVRANGE", "WITHSCORES"),
    ("ZRANGEBYSCORE", "WITHSCORES"),
    ("ZREVRANGEBYSCORE", "WITHSCORES"),
    ("ZUNION", "WITHSCORES"),
    ("ZINTER", "WITHSCORES"),
    ("ZDIFF", "WITHSCORES"),
    ("ZRANDMEMBER", "WITHSCORES"),
    ("HRANDFIELD", "WITHVALUES"),
    ("ZPOPMIN", ""),
    ("ZPOPMAX", ""),
    ("VSIM", "WITHSCORES"),
];

/// Commands whose map is an array of pairs in RESP2, not one flat array.
const MAPS_OF_PAIRS: &[&str] = &["XREAD", "XREADGROUP"];

/// The reply in RESP2. `ran` are the commands that EXEC ran: its elements are theirs.
pub(super) fn projected(
    reply: Element<'_>,
    request: &Request,
    ran: Option<&[&Request]>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    match (ran, reply.kind()) {
        (Some(ran), Kind::Array) => {
            let elements: Vec<Element<'_>> = elements(reply).collect();
            header(&mut bytes, b'*', elements.len());
            for (index, element) in elements.into_iter().enumerate() {
                match ran.get(index) {
                    Some(request) => bytes.extend(projected(element, request, None)),
                    None => plain(&mut bytes, element, false),
                }
            }
        }
        _ => one(&mut bytes, reply, request),
    }
    bytes
}

fn one(bytes: &mut Vec<u8>, reply: Element<'_>, request: &Request) {
    let name = request.word(0);
    let null = NULL_ARRAYS
        .iter()
        .find(|(command, _)| *command == name)
        .map(|(_, null)| *null);
    let null_arrays_inside = null == Some(Null::Elements);
    match reply.kind() {
        Kind::Null if null == Some(Null::Itself) || is_null_array(request) => {
            bytes.extend(b"*-1\r\n");
        }
        Kind::Map if MAPS_OF_PAIRS.contains(&name.as_str()) => {
            let elements: Vec<Element<'_>> = elements(reply).collect();
            header(bytes, b'*', elements.len() / 2);
            for pair in elements.chunks(2) {
                header(bytes, b'*', pair.len());
                pair.iter()
                    .for_each(|element| plain(bytes, *element, false));
            }
        }
        Kind::Array if has_pairs(request) && reply.children().all(is_pair) => {
            let pairs = reply.children().flat_map(elements);
            header(bytes, b'*', 2 * reply.children().count());
            pairs.for_each(|element| plain(bytes, element, false));
        }
        _ => plain(bytes, reply, null_arrays_inside),
    }
}

/// The nulls that depend on an argument: with a count LPOP and RPOP have an array to give, with WITHSCORE a rank comes in one.
fn is_null_array(request: &Request) -> bool {
    match request.word(0).as_str() {
        "LPOP" | "RPOP" => request.arguments.len() > 2,
        "ZRANK" | "ZREVRANK" => request.arguments.len() > 3,
        _ => false,
    }
}

fn has_pairs(request: &Request) -> bool {
    PAIRS.iter().any(|(name, word)| {
        let has_word = if word.is_empty() {
            request.arguments.len() > 2
        } else {
            (1..request.arguments.len()).any(|index| request.word(index) == *word)
        };
        request.word(0) == *name && has_word
    })
}

fn is_pair(element: Element<'_>) -> bool {
    element.kind() == Kind::Array && element.children().count() == 2
}

/// By the general rules.
fn plain(bytes: &mut Vec<u8>, element: Element<'_>, null_arrays: bool) {
    let body = element.body();
    match element.kind() {
        Kind::Array | Kind::Set | Kind::Map | Kind::Push => {
            let elements: Vec<Element<'_>> = elements(element).collect();
            header(bytes, b'*', elements.len());
            elements
                .into_iter()
                .for_each(|element| plain(bytes, element, null_arrays));
        }
        Kind::Null if null_arrays => bytes.extend(b"*-1\r\n"),
        Kind::Null => bytes.extend(b"$-1\r\n"),
        Kind::Boolean => bytes.extend(if body == b"t" { b":1\r\n" } else { b":0\r\n" }),
        Kind::Double | Kind::BigNumber => bulk(bytes, body),
        Kind::Verbatim => bulk(bytes, &body[4..]),
        Kind::BulkError => {
            bytes.push(b'-');
            bytes.extend(body);
            bytes.extend(b"\r\n");
        }
        Kind::SimpleString
        | Kind::Error
        | Kind::Integer
        | Kind::Bulk
        | Kind::NullBulk
        | Kind::NullArray => bytes.extend(element.bytes()),
        // It belongs to what follows it, and RESP2 has none.
        Kind::Attribute => {}
    }
}

/// What is inside, without attributes.
fn elements(element: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    element
        .children()
        .filter(|child| child.kind() != Kind::Attribute)
}

fn header(bytes: &mut Vec<u8>, prefix: u8, number: usize) {
    bytes.push(prefix);
    bytes.extend(number.to_string().into_bytes());
    bytes.extend(b"\r\n");
}

fn bulk(bytes: &mut Vec<u8>, text: &[u8]) {
    header(bytes, b'$', text.len());
    bytes.extend(text);
    bytes.extend(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read_all;

    #[track_caller]
    fn becomes(command: &str, resp3: &str, resp2: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        let (replies, rest) = read_all(resp3.as_bytes()).unwrap();
        assert!(rest.is_empty() && replies.len() == 1);
        let bytes = projected(replies[0].root(), &Request::multibulk(&words), None);
        assert_eq!(
            bytes.escape_ascii().to_string(),
            resp2.escape_debug().to_string(),
            "{command}"
        );
    }

    #[test]
    fn each_resp3_type_has_its_resp2_form() {
        becomes(
            "HGETALL h",
            "%1\r\n$1\r\nf\r\n$1\r\nv\r\n",
            "*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
        );
        becomes("SMEMBERS s", "~1\r\n$1\r\nm\r\n", "*1\r\n$1\r\nm\r\n");
        becomes("ZSCORE z m", ",0.1\r\n", "$3\r\n0.1\r\n");
        becomes("GET k", "_\r\n", "$-1\r\n");
        becomes("X", "#t\r\n", ":1\r\n");
        becomes("X", "(12\r\n", "$2\r\n12\r\n");
        becomes("LOLWUT", "=6\r\ntxt:hi\r\n", "$2\r\nhi\r\n");
        becomes("X", "|1\r\n+a\r\n:1\r\n:2\r\n", ":2\r\n");
    }

    #[test]
    fn what_a_null_was_of_depends_on_the_command() {
        becomes("LPOP l", "_\r\n", "$-1\r\n");
        becomes("LPOP l 2", "_\r\n", "*-1\r\n");
        becomes("EXEC", "_\r\n", "*-1\r\n");
        becomes("GEOPOS g a", "*1\r\n_\r\n", "*1\r\n*-1\r\n");
        becomes("MGET a", "*1\r\n_\r\n", "*1\r\n$-1\r\n");
    }

    #[test]
    fn pairs_stand_one_behind_the_other() {
        becomes(
            "ZRANGE z 0 -1 withscores",
            "*1\r\n*2\r\n$1\r\nm\r\n,1\r\n",
            "*2\r\n$1\r\nm\r\n$1\r\n1\r\n",
        );
        becomes(
            "XREAD STREAMS s 0",
            "%1\r\n$1\r\ns\r\n*0\r\n",
            "*1\r\n*2\r\n$1\r\ns\r\n*0\r\n",
        );
    }

    #[test]
    fn the_elements_of_exec_are_those_of_its_commands() {
        let (replies, _) = read_all(b"*2\r\n_\r\n_\r\n").unwrap();
        let (get, pop) = (
            Request::multibulk(&["GET", "k"]),
            Request::multibulk(&["BLPOP", "l", "0"]),
        );
        let bytes = projected(
            replies[0].root(),
            &Request::multibulk(&["EXEC"]),
            Some(&[&get, &pop]),
        );
        assert_eq!(bytes, b"*2\r\n$-1\r\n*-1\r\n");
    }
}
