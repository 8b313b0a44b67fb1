//! The commands that README.md says are there are those that are there.

use std::collections::BTreeSet;

use respect_conformance::wire;
use respect_server::Embedded;

#[test]
fn every_command_is_in_the_readme_and_no_other() {
    let mut server = Embedded::new(1);
    let client = server.connect();
    let answer = server.exchange(client, b"COMMAND LIST\r\n");
    let (replies, _) = wire::read_all(&answer).expect("an answer");
    let commands: BTreeSet<String> = replies[0]
        .root()
        .children()
        .map(|name| String::from_utf8_lossy(name.body()).to_uppercase())
        .filter(|name| !name.contains('|'))
        .collect();
    assert_eq!(told(), commands);
}

/// The commands in README.md's table.
fn told() -> BTreeSet<String> {
    let readme = include_str!("../../README.md");
    let table = readme
        .split_once("| group | commands |")
        .expect("the table")
        .1;
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let commands = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    commands.map(str::to_owned).collect()
}
