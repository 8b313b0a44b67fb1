//! The lossless reader against every type, every cut and any bytes at all. No server is asked.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use respect_conformance::wire::{Element, Kind, Limits, Reader, Reply, WireError, read_all};

/// What a reader makes of bytes that arrive in these pieces: the replies before the first error, the bytes of an
/// incomplete one, and the error.
fn read_in_pieces<'b>(
    pieces: impl IntoIterator<Item = &'b [u8]>,
) -> (Vec<Reply>, Vec<u8>, Option<WireError>) {
    let mut reader = Reader::new();
    let mut replies = Vec::new();
    for piece in pieces {
        reader.feed(piece);
        loop {
            match reader.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => return (replies, Vec::new(), Some(error)),
            }
        }
    }
    (replies, reader.pending().to_vec(), None)
}

fn only(bytes: &[u8]) -> Reply {
    let (mut replies, rest) = read_all(bytes).unwrap();
    assert_eq!(
        (replies.len(), rest),
        (1, &b""[..]),
        "{}",
        bytes.escape_ascii()
    );
    replies.remove(0)
}

#[test]
fn every_type_keeps_its_kind_and_its_bytes() {
    let cases: [(&[u8], Kind, &[u8]); 26] = [
        (b"+OK\r\n", Kind::SimpleString, b"OK"),
        (b"+\r\n", Kind::SimpleString, b""),
        (b"-ERR x\xff\r\n", Kind::Error, b"ERR x\xff"),
        (b":-7\r\n", Kind::Integer, b"-7"),
        (b":+7\r\n", Kind::Integer, b"+7"),
        (b"$5\r\na\r\nbc\r\n", Kind::Bulk, b"a\r\nbc"),
        (b"$0\r\n\r\n", Kind::Bulk, b""),
        (b"$-1\r\n", Kind::NullBulk, b"-1"),
        (b"*-1\r\n", Kind::NullArray, b"-1"),
        (b"*0\r\n", Kind::Array, b"0"),
        (b"_\r\n", Kind::Null, b""),
        (b"#t\r\n", Kind::Boolean, b"t"),
        (b"#f\r\n", Kind::Boolean, b"f"),
        (
            b",3.1400000000000001\r\n",
            Kind::Double,
            b"3.1400000000000001",
        ),
        (
            b",1.2345678912345679e+8\r\n",
            Kind::Double,
            b"1.2345678912345679e+8",
        ),
        (b",-inf\r\n", Kind::Double, b"-inf"),
        (b",nan\r\n", Kind::Double, b"nan"),
        (
            b"(-1234567999999999999999999\r\n",
            Kind::BigNumber,
            b"-1234567999999999999999999",
        ),
        (b"!5\r\nERR x\r\n", Kind::BulkError, b"ERR x"),
        (b"=7\r\ntxt:abc\r\n", Kind::Verbatim, b"txt:abc"),
        (b"%1\r\n+k\r\n:1\r\n", Kind::Map, b"1"),
        (b"~2\r\n:1\r\n:2\r\n", Kind::Set, b"2"),
        (b">2\r\n+pubsub\r\n:1\r\n", Kind::Push, b"2"),
        (b"|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n", Kind::Bulk, b"v"),
        (b"*2\r\n*1\r\n:1\r\n*-1\r\n", Kind::Array, b"2"),
        (b"|0\r\n|1\r\n+a\r\n:1\r\n*0\r\n", Kind::Array, b"0"),
    ];
    for (bytes, kind, body) in cases {
        let reply = only(bytes);
        assert_eq!(
            (reply.kind(), reply.root().body(), reply.bytes()),
            (kind, body, bytes),
            "{}",
            bytes.escape_ascii()
        );
        assert_eq!(reply.is_push(), kind == Kind::Push);
    }
}

#[test]
fn elements_and_attributes_can_be_walked() {
    let reply =
        only(b"|1\r\n+k\r\n+v\r\n*3\r\n|1\r\n+a\r\n:1\r\n$1\r\nx\r\n%1\r\n+m\r\n*0\r\n:5\r\n");
    let show = |elements: Vec<Element<'_>>| -> Vec<String> {
        elements
            .iter()
            .map(|element| element.bytes().escape_ascii().to_string())
            .collect()
    };
    assert_eq!(show(reply.attributes().collect()), [r"|1\r\n+k\r\n+v\r\n"]);
    assert_eq!(
        show(reply.root().children().collect()),
        [
            r"|1\r\n+a\r\n:1\r\n",
            r"$1\r\nx\r\n",
            r"%1\r\n+m\r\n*0\r\n",
            r":5\r\n"
        ]
    );
}

#[test]
fn pushes_are_told_apart_and_offsets_count_the_stream() {
    let (replies, rest) = read_all(b"+a\r\n>1\r\n+p\r\n:1\r\n$3\r\nab").unwrap();
    let seen: Vec<_> = replies
        .iter()
        .map(|reply| (reply.is_push(), reply.offset()))
        .collect();
    assert_eq!(seen, [(false, 0), (true, 4), (false, 12)]);
    assert_eq!(rest, b"$3\r\nab");
}

#[test]
fn an_error_says_at_which_byte_and_what_was_expected() {
    let cases: [(&[u8], &str); 27] = [
        (
            b"+OK\r\nPONG\r\n",
            r#"byte 5: expected the first byte of a reply, found "PONG\r\n""#,
        ),
        (
            b"$3\r\nabcXY",
            r#"byte 7: expected CRLF after the announced number of bytes, found "XY""#,
        ),
        (
            b"$3\r\nabc\rY",
            r#"byte 8: expected CRLF after the announced number of bytes, found "Y""#,
        ),
        (
            b"$4\r\nabc\r\n+",
            r#"byte 8: expected CRLF after the announced number of bytes, found "\n+""#,
        ),
        (
            b"+a\nb",
            r#"byte 2: expected CRLF at the end of the line, found "\nb""#,
        ),
        (
            b"+a\rb",
            r#"byte 2: expected CRLF at the end of the line, found "\rb""#,
        ),
        (
            b"$-2\r\n",
            r#"byte 1: expected a length: digits without leading zeros, or -1, found "-2\r\n""#,
        ),
        (
            b"$03\r\n",
            r#"byte 1: expected a length: digits without leading zeros, or -1, found "03\r\n""#,
        ),
        (
            b"*\r\n",
            r#"byte 1: expected a length: digits without leading zeros, or -1, found "\r\n""#,
        ),
        (
            b"*?\r\n",
            r#"byte 1: expected a length: digits without leading zeros, or -1, found "?\r\n""#,
        ),
        (
            b"%-1\r\n",
            r#"byte 1: expected a length: digits without leading zeros, found "-1\r\n""#,
        ),
        (
            b"=-1\r\n",
            r#"byte 1: expected a length: digits without leading zeros, found "-1\r\n""#,
        ),
        (
            b"=3\r\n",
            r#"byte 1: expected a length of at least 4 (a verbatim string begins with its format and a colon), found "3\r\n""#,
        ),
        (
            b"=4\r\ntxt;\r\n",
            r#"byte 7: expected a colon after the three letters of the format, found ";\r\n""#,
        ),
        (
            b":1x\r\n",
            r#"byte 1: expected an integer: digits, perhaps with a sign, found "1x\r\n""#,
        ),
        (
            b":\r\n",
            r#"byte 1: expected an integer: digits, perhaps with a sign, found "\r\n""#,
        ),
        (
            b"(1.5\r\n",
            r#"byte 1: expected a big number: digits, perhaps with a sign, found "1.5\r\n""#,
        ),
        (
            b",1.\r\n",
            r#"byte 1: expected a double, inf, -inf or nan, found "1.\r\n""#,
        ),
        (
            b",INF\r\n",
            r#"byte 1: expected a double, inf, -inf or nan, found "INF\r\n""#,
        ),
        (b"#1\r\n", r#"byte 1: expected t or f, found "1\r\n""#),
        (
            b"_1\r\n",
            r#"byte 1: expected CRLF straight after the underscore, found "1\r\n""#,
        ),
        (
            b"*2\r\n:1\r\n>1\r\n",
            r#"byte 8: expected an element of the reply (a push never comes inside one), found ">1\r\n""#,
        ),
        (
            b"|1\r\n+a\r\n:1\r\n>1\r\n",
            r#"byte 12: expected an element of the reply (a push never comes inside one), found ">1\r\n""#,
        ),
        (
            b"$9999999999\r\n",
            r#"byte 1: expected a shorter blob (this length is over the reader's limit), found "9999999999\r\n""#,
        ),
        (
            b"*9999999999\r\n",
            r#"byte 1: expected fewer elements (this count is over the reader's limit), found "9999999999\r\n""#,
        ),
        (
            b"%9223372036854775807\r\n",
            r#"byte 1: expected fewer elements (this count is over the reader's limit), found "922337203685477\x35""#,
        ),
        (
            b"*2\r\n$1\r\na\r\n\r\n",
            r#"byte 11: expected the first byte of a reply, found "\r\n""#,
        ),
    ];
    for (bytes, expected) in cases {
        let (_, _, error) = read_in_pieces([bytes]);
        let error = error.unwrap_or_else(|| panic!("{} was accepted", bytes.escape_ascii()));
        assert_eq!(
            error.to_string(),
            expected.replace(r"\x35", "5"),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn after_an_error_the_stream_has_no_meaning() {
    let mut reader = Reader::new();
    reader.feed(b"?\r\n");
    let error = reader.next_reply().unwrap_err();
    reader.feed(b"+OK\r\n");
    assert_eq!(reader.next_reply(), Err(error));
}

#[test]
fn limits_hold_and_can_be_moved() {
    let nested = |depth: usize| b"*1\r\n".repeat(depth);
    assert_eq!(read_in_pieces([&nested(128)[..]]).2, None);
    let error = read_in_pieces([&nested(129)[..]]).2.unwrap();
    assert_eq!(
        (error.offset, error.expected),
        (512, "an element that is not an aggregate (nested too deep)")
    );

    let limits = Limits {
        depth: 1,
        line_bytes: 4,
        blob_bytes: 3,
    };
    let refuses = |bytes: &[u8]| {
        let mut reader = Reader::with_limits(limits);
        reader.feed(bytes);
        reader.next_reply().is_err()
    };
    assert!(!refuses(b"+abc\r\n") && !refuses(b"$3\r\nabc\r\n") && !refuses(b"*1\r\n:1\r\n"));
    assert!(
        refuses(b"+abcd\r\n")
            && refuses(b"+abcde")
            && refuses(b"$4\r\n")
            && refuses(b"*1\r\n*1\r\n")
    );
}

/// A reader that began again with every byte would look at 300,000 * 300,000 / 2 of them and take minutes.
#[test]
fn a_dribbling_server_is_read_in_linear_time() {
    let mut bytes = b"*2\r\n$300000\r\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', 300_000));
    bytes.extend_from_slice(b"\r\n+");
    bytes.extend(std::iter::repeat_n(b'y', 300_000));
    bytes.extend_from_slice(b"\r\n");
    let (replies, rest, error) = read_in_pieces(bytes.chunks(1));
    assert_eq!((replies.len(), rest.len(), error), (1, 0, None));
    assert_eq!(replies[0].bytes(), bytes);
}

/// An element written anew from its kind, body and children.
fn print(element: Element<'_>, out: &mut Vec<u8>) {
    out.push(element.kind().prefix());
    match element.kind() {
        Kind::Bulk | Kind::BulkError | Kind::Verbatim => {
            out.extend_from_slice(element.body().len().to_string().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        _ => {}
    }
    out.extend_from_slice(element.body());
    out.extend_from_slice(b"\r\n");
    element.children().for_each(|child| print(child, out));
}

fn printed(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    reply
        .attributes()
        .for_each(|attribute| print(attribute, &mut out));
    print(reply.root(), &mut out);
    out
}

/// Any one reply in its bytes; pushes only at the top.
fn reply_bytes() -> impl Strategy<Value = Vec<u8>> {
    let line = |prefix: char, body: &'static str| {
        body.prop_map(move |body| format!("{prefix}{body}\r\n").into_bytes())
    };
    let blob = |prefix: u8, intro: &'static [u8]| {
        vec(any::<u8>(), 0..20).prop_map(move |content| {
            let content = [intro, &content].concat();
            [
                &[prefix],
                content.len().to_string().as_bytes(),
                b"\r\n",
                &content,
                b"\r\n",
            ]
            .concat()
        })
    };
    let leaf = prop_oneof![
        line('+', "[ -~]{0,9}"),
        line('-', "[ -~é]{0,9}"),
        line(':', "[+-]?[0-9]{1,19}"),
        line(
            ',',
            "-?[0-9]{1,4}(\\.[0-9]{1,4})?(e[+-]?[0-9]{1,2})?|inf|-inf|nan"
        ),
        line('(', "-?[0-9]{1,40}"),
        line('#', "[tf]"),
        select(vec!["$-1\r\n", "*-1\r\n", "_\r\n"]).prop_map(|null| null.as_bytes().to_vec()),
        blob(b'$', b""),
        blob(b'!', b""),
        blob(b'=', b"txt:"),
    ];
    let value = leaf.prop_recursive(4, 40, 6, |inner| {
        let attributed = (vec((inner.clone(), inner.clone()), 0..3), inner.clone()).prop_map(|(pairs, value)| {
            let mut bytes = format!("|{}\r\n", pairs.len()).into_bytes();
            pairs.iter().for_each(|(key, value)| bytes.extend([&key[..], value].concat()));
            [bytes, value].concat()
        });
        prop_oneof![
            3 => (select(b"*~".to_vec()), vec(inner.clone(), 0..6)).prop_map(|(prefix, items)| aggregate(prefix, items.len(), &items)),
            2 => vec(inner.clone(), 0..3).prop_map(|items| {
                let doubled: Vec<_> = items.iter().flat_map(|item| [item.clone(), item.clone()]).collect();
                aggregate(b'%', items.len(), &doubled)
            }),
            1 => attributed,
        ]
    });
    let push = vec(value.clone(), 1..4).prop_map(|items| aggregate(b'>', items.len(), &items));
    prop_oneof![6 => value, 1 => push]
}

fn aggregate(prefix: u8, count: usize, items: &[Vec<u8>]) -> Vec<u8> {
    [
        &[prefix],
        count.to_string().as_bytes(),
        b"\r\n",
        &items.concat(),
    ]
    .concat()
}

/// The bytes divided at these places, taken modulo what is left.
fn divide<'b>(mut bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() || lengths.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at(1 + length % bytes.len());
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #[test]
    fn replies_are_read_one_by_one_and_print_as_they_came(replies in vec(reply_bytes(), 0..8)) {
        let stream = replies.concat();
        let (read, rest) = read_all(&stream).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(rest, b"");
        prop_assert_eq!(read.iter().map(|reply| reply.bytes().to_vec()).collect::<Vec<_>>(), replies);
        for reply in &read {
            prop_assert_eq!(printed(reply), reply.bytes());
        }
    }

    #[test]
    fn any_segmentation_gives_the_same_replies(
        replies in vec(reply_bytes(), 0..6),
        spoiled in proptest::option::of((any::<usize>(), any::<u8>())),
        lengths in vec(0..12usize, 1..10),
    ) {
        let mut stream = replies.concat();
        if let Some((at, byte)) = spoiled && !stream.is_empty() {
            let at = at % stream.len();
            stream[at] = byte;
        }
        let (whole, rest, error) = read_in_pieces([&stream[..]]);
        for pieces in [divide(&stream, &lengths), stream.chunks(1).collect()] {
            let (pieced, pieced_rest, pieced_error) = read_in_pieces(pieces);
            prop_assert_eq!(&pieced, &whole);
            prop_assert_eq!(&pieced_rest, &rest);
            // What was found is shorter when less had arrived; where and what was expected is not.
            let place = |error: &Option<WireError>| error.as_ref().map(|error| (error.offset, error.expected));
            prop_assert_eq!(place(&pieced_error), place(&error));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(prop_oneof![3 => select(b"+-:$*_#,(!=%~>|0123459\r\n".to_vec()), 1 => any::<u8>()], 0..200)) {
        let (replies, rest, error) = read_in_pieces([&bytes[..]]);
        let read: usize = replies.iter().map(|reply| reply.bytes().len()).sum();
        prop_assert!(bytes.starts_with(&replies.iter().flat_map(|reply| reply.bytes().to_vec()).collect::<Vec<u8>>()));
        prop_assert!(error.is_some() || read + rest.len() == bytes.len());
    }
}
