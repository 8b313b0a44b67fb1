//! The recording proxy: what it writes of a real client's dialogue with our server is played back to that server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use respect_conformance::case::Case;
use respect_conformance::control::Barrier;
use respect_conformance::ours::{self, Profile};
use respect_conformance::proxy::{News, Plan, Recorded, run};
use respect_conformance::seat::Seat;
use respect_conformance::server::{Origin, Server};
use respect_conformance::suite::{Cuts, Verdict};
use respect_conformance::workspace;

/// Records what `clients` say to a server through a proxy, and what the proxy told meanwhile.
fn recorded(
    upstream: SocketAddr,
    connections: usize,
    clients: impl FnOnce(SocketAddr) + Send,
) -> (Recorded, Vec<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let plan = Plan {
        connections: Some(connections),
        duration: Some(Duration::from_secs(60)),
        ..Plan::default()
    };
    thread::scope(|scope| {
        scope.spawn(|| clients(address));
        let mut told = Vec::new();
        let never = AtomicBool::new(false);
        let recorded = run(&listener, upstream, &plan, &never, &mut |news| {
            if let News::Fault(name, fault) = news {
                told.push(format!("{name}: {fault}"));
            }
        });
        (recorded.unwrap(), told)
    })
}

#[test]
fn what_is_recorded_is_answered_so_again() {
    let root = workspace::root().expect("tests run in a checkout");
    let origin = Origin::Program(ours::build(&root, Profile::Dev).unwrap());
    let server = Server::start(&origin).unwrap();
    let (recorded, told) = recorded(server.address(), 3, |address| {
        let url = format!("redis://{address}/?protocol=resp3");
        let client = redis::Client::open(url).unwrap();
        let mut one = client.get_connection().unwrap();
        let mut two = client.get_connection().unwrap();
        let () = redis::cmd("SET")
            .arg("k")
            .arg(b"a b\r\n\xff{")
            .query(&mut one)
            .unwrap();
        let answers: (i64, String) = redis::pipe()
            .cmd("APPEND")
            .arg("n")
            .arg(1)
            .cmd("PING")
            .query(&mut two)
            .unwrap();
        assert_eq!(answers, (1, "PONG".to_owned()));
        let error: redis::RedisResult<()> = redis::cmd("INCR").arg("k").query(&mut two);
        assert!(error.is_err());
        drop((one, two));
        let mut raw = TcpStream::connect(address).unwrap();
        raw.write_all(b"GET n\r\nQUIT\r\n").unwrap();
        let mut reply = String::new();
        raw.read_to_string(&mut reply).unwrap();
        assert_eq!(reply, "$1\r\n1\r\n+OK\r\n");
    });
    assert_eq!(told, [""; 0]);
    assert_eq!(recorded.transcripts.len(), 1);
    let text = format!("@id recorded/a\n@title t\n\n{}", recorded.transcripts[0]);
    let case = Case::parse(Path::new("recorded/a.resp"), &text).unwrap();
    let mut seat = Seat::open(&origin, None, Barrier::Ping).unwrap();
    let judgement = seat.judge(&case, Cuts::Bytes).unwrap();
    assert!(
        matches!(judgement.verdict, Verdict::Same),
        "{:?}\n{text}",
        judgement.verdict
    );
}

#[test]
fn a_server_that_breaks_the_framing_is_told_of() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let upstream = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 64];
        let _ = stream.read(&mut buffer);
        let _ = stream.write_all(b"+PONG\r\n$3\r\nabcd\r\n");
    });
    let (recorded, told) = recorded(upstream, 1, |address| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"PING\r\n").unwrap();
        let mut reply = Vec::new();
        let _ = client.read_to_end(&mut reply);
        assert_eq!(
            reply, b"+PONG\r\n$3\r\nabcd\r\n",
            "bytes are passed on as they are"
        );
    });
    assert_eq!(recorded.server_faults, 1);
    assert!(
        told[0].starts_with("c1: the server wrote no reply: byte 14"),
        "{told:?}"
    );
}
