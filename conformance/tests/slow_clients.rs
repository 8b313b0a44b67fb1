//! Slow clients, held against our server; and against one that serves its clients one after the other, which must be
//! found out.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use respect_conformance::ours::{self, Profile};
use respect_conformance::server::Origin;
use respect_conformance::slow::{PATIENCE, TRIALS, Verdict};
use respect_conformance::workspace;

#[test]
fn our_server_serves_others_while_some_are_slow() {
    let root = workspace::root().expect("tests run in a checkout");
    let ours = Origin::Program(ours::build(&root, Profile::Dev).unwrap());
    for trial in TRIALS {
        let measured = trial.run(&ours, PATIENCE);
        assert_eq!(
            measured.verdict,
            Verdict::Held,
            "{}: {measured:#?}",
            trial.id
        );
        assert!(!measured.figures.is_empty(), "{}", trial.id);
    }
}

/// Answers SET, FLUSHALL, GET and PING, one command at a time: while a reader does not read its answer, or a writer has not
/// sent all of its command, it does nothing else. (It takes the next connection when the last is done with.)
fn one_after_the_other() -> Origin {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut clients: Vec<(TcpStream, BufReader<TcpStream>)> = Vec::new();
        let mut keys = HashMap::new();
        listener.set_nonblocking(true).unwrap();
        loop {
            if let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(false).unwrap();
                stream.set_nodelay(true).unwrap();
                clients.push((stream.try_clone().unwrap(), BufReader::new(stream)));
            }
            // A client that has begun to speak is listened to until it has finished, whoever else is waiting.
            clients.retain_mut(|(stream, reader)| {
                stream.set_nonblocking(true).unwrap();
                let waits = matches!(reader.fill_buf(), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
                stream.set_nonblocking(false).unwrap();
                waits || command(reader, &mut keys).is_some_and(|answer| stream.write_all(&answer).is_ok())
            });
            thread::yield_now();
        }
    });
    Origin::Address(address)
}

fn command(
    reader: &mut BufReader<TcpStream>,
    keys: &mut HashMap<Vec<u8>, Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut header = String::new();
    reader.read_line(&mut header).ok()?;
    let count: usize = header.strip_prefix('*')?.trim_end().parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        header.clear();
        reader.read_line(&mut header).ok()?;
        let mut word = vec![0; header.strip_prefix('$')?.trim_end().parse::<usize>().ok()? + 2];
        std::io::Read::read_exact(reader, &mut word).ok()?;
        word.truncate(word.len() - 2);
        words.push(word);
    }
    let bulk = |bytes: &[u8]| [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    Some(match (words.first()?.as_slice(), words.len()) {
        (b"SET", _) => {
            keys.insert(words[1].clone(), words[2].clone());
            b"+OK\r\n".to_vec()
        }
        (b"GET", _) => bulk(keys.get(&words[1])?),
        (b"DEL", _) => b":1\r\n".to_vec(),
        (b"PING", 2) => bulk(&words[1]),
        (b"PING", _) => b"+PONG\r\n".to_vec(),
        _ => b"+OK\r\n".to_vec(),
    })
}

#[test]
fn a_server_that_waits_for_slow_clients_is_found_out() {
    for id in ["readers/stopped", "writers/dribbling"] {
        let trial = TRIALS.iter().find(|trial| trial.id == id).unwrap();
        let measured = trial.run(&one_after_the_other(), Duration::from_millis(500));
        assert!(
            matches!(measured.verdict, Verdict::Failed(_) | Verdict::Lost(_)),
            "{id}: {measured:#?}"
        );
    }
}

#[test]
fn figures_are_data_that_a_report_can_take() {
    let trial = TRIALS
        .iter()
        .find(|trial| trial.id == "writers/dribbling")
        .unwrap();
    let root = workspace::root().expect("tests run in a checkout");
    let ours = Origin::Program(ours::build(&root, Profile::Dev).unwrap());
    let measured = trial.run(&ours, PATIENCE);
    let mut slower = measured.clone();
    assert_eq!(measured.worse_than(&measured), [""; 0]);
    for figure in &mut slower.figures {
        figure.value = figure.value * 20.0 + 5000.0;
    }
    assert_eq!(slower.worse_than(&measured).len(), 2, "{slower:#?}");
    let text = serde_json::to_string(&measured).unwrap();
    assert!(
        text.contains(r#""trial":"writers/dribbling""#)
            && text.contains(r#""outcome":"held""#)
            && text.contains(r#""unit":"milliseconds""#),
        "{text}"
    );
}
