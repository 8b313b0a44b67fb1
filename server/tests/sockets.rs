//! A real server on a real port, spoken to by somebody else's client library.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use redis::{Commands, Connection, RedisResult};
use respect_server::{Handle, Server};

fn start() -> Handle {
    Server::builder().start().expect("a port of 127.0.0.1")
}

fn connect(server: &Handle) -> Connection {
    redis::Client::open(server.url())
        .and_then(|client| client.get_connection())
        .expect("the server listens")
}

/// A plain socket, on which a server that never answers is a failure and not a hang.
fn socket(server: &Handle) -> TcpStream {
    let socket = TcpStream::connect(server.addr()).expect("the server listens");
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("sockets have timeouts");
    socket
}

#[test]
fn a_client_library_sets_and_gets() {
    let server = start();
    let mut client = connect(&server);
    let () = client.set("greeting", "hello").expect("SET");
    assert_eq!(client.get("greeting"), Ok("hello".to_owned()));
    assert_eq!(client.get("nothing"), Ok(None::<String>));
    assert_eq!(client.del(&["greeting", "nothing"]), Ok(1));
    let refused: RedisResult<i64> = client.incr("greeting", "not a number");
    assert!(refused.is_err());
}

#[test]
fn a_pipeline_is_answered_in_order() {
    let server = start();
    let mut client = connect(&server);
    let mut pipeline = redis::pipe();
    for i in 0..10_000 {
        pipeline.set(format!("key:{i}"), i).ignore();
        pipeline.get(format!("key:{i}"));
    }
    let answers: Vec<i64> = pipeline.query(&mut client).expect("a pipeline");
    assert!(answers.into_iter().eq(0..10_000));
}

#[test]
fn large_values_survive_the_way_there_and_back() {
    let server = start();
    let mut client = connect(&server);
    for len in [0, 1, 16 * 1024, 64 * 1024 + 1, 5 << 20] {
        let value: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let () = client.set("large", &value).expect("SET");
        let answer: Vec<u8> = client.get("large").expect("GET");
        assert!(answer == value, "{len} bytes came back as others");
    }
}

#[test]
fn many_clients_of_several_threads_lose_nothing() {
    const THREADS: usize = 4;
    const CLIENTS: usize = 50;
    const ROUNDS: usize = 20;
    let server = start();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut clients: Vec<Connection> = (0..CLIENTS).map(|_| connect(&server)).collect();
                for _ in 0..ROUNDS {
                    for client in &mut clients {
                        let _: i64 = client.incr("hits", 1).expect("INCR");
                    }
                }
            });
        }
    });
    let hits: usize = connect(&server).get("hits").expect("GET");
    assert_eq!(hits, THREADS * CLIENTS * ROUNDS);
}

#[test]
fn a_client_that_sends_its_last_and_half_closes_is_still_answered() {
    let server = start();
    let mut socket = socket(&server);
    socket
        .write_all(b"PING one\r\nPING two\r\n")
        .expect("a write");
    socket
        .shutdown(std::net::Shutdown::Write)
        .expect("a shutdown");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("a read");
    assert_eq!(answer, b"$3\r\none\r\n$3\r\ntwo\r\n");
}

#[test]
fn urgent_data_is_ignored_and_nothing_behind_it_is_lost() {
    let server = start();
    let mut socket = socket(&server);
    for round in 0..200 {
        // Often, not always, all three are there when the server first looks.
        socket.write_all(b"PING one\r\n").expect("a write");
        socket2::SockRef::from(&socket)
            .send_out_of_band(b"!")
            .expect("TCP has urgent data");
        socket.write_all(b"PING two\r\n").expect("a write");
        let mut answer = [0; 18];
        socket.read_exact(&mut answer).expect("both are answered");
        assert_eq!(&answer, b"$3\r\none\r\n$3\r\ntwo\r\n", "in round {round}");
    }
}

#[test]
fn a_server_that_is_dropped_gives_up_its_port() {
    let server = start();
    let addr = server.addr();
    let mut socket = socket(&server);
    drop(server);
    // Its connections are closed, and nobody listens any more.
    let end = socket.read(&mut [0; 16]);
    assert!(!matches!(&end, Err(error) if error.kind() == ErrorKind::WouldBlock));
    assert!(!matches!(end, Ok(1..)));
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn servers_in_one_process_share_nothing() {
    let (one, other) = (start(), start());
    assert_ne!(one.addr(), other.addr());
    let () = connect(&one).set("key", "one").expect("SET");
    assert_eq!(connect(&other).get("key"), Ok(None::<String>));
}

#[test]
fn a_unix_socket_serves_as_well_and_is_removed_in_the_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("respect.sock");
    // What a server that was killed leaves behind is in nobody's way.
    std::fs::write(&path, "stale").expect("a file");
    let server = Server::builder()
        .unix_socket(&path)
        .config("unixsocketperm", "700")
        .start()
        .expect("a path to listen on");
    let mode = std::fs::metadata(&path).expect("the socket").permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);

    let client = redis::Client::open(format!("redis+unix://{}", path.display())).expect("a URL");
    let mut client = client.get_connection().expect("it listens there");
    let () = client.set("greeting", "hello").expect("SET");
    assert_eq!(connect(&server).get("greeting"), Ok("hello".to_owned()));
    let info: String = redis::cmd("CLIENT")
        .arg("INFO")
        .query(&mut client)
        .expect("CLIENT INFO");
    let (addr, flags) = (format!(" addr={}:0 ", path.display()), " flags=U ");
    assert!(info.contains(&addr) && info.contains(flags), "{info}");

    drop(server);
    assert!(!path.exists());
}

#[test]
fn other_addresses_are_listened_on_while_clients_are_connected() {
    let server = Server::builder()
        .config("bind", "*")
        .start()
        .expect("a port of all addresses");
    let mut client = connect(&server);
    let mut bind = |to: &str| {
        redis::cmd("CONFIG")
            .arg(&["SET", "bind", to])
            .exec(&mut client)
    };
    // The one is part of the other.
    bind("127.0.0.1").expect("it may be listened on");
    let again = connect(&server);
    // An address of nobody: what there was goes on.
    bind("203.0.113.1").expect_err("it is not this machine's");
    let () = connect(&server).set("k", "v").expect("it is served");
    bind("*").expect("it may be listened on");
    let () = connect(&server).set("k", "v").expect("it is served");
    drop(again);
}
