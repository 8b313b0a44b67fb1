//! `respect show`: prints transcripts, which builds answer which lines, and the bytes themselves.

use clap::Args;
use respect_conformance::case::{Case, Variant};
use respect_conformance::transcript::script::expand_write;
use respect_conformance::transcript::{Captures, Guard, Identity, Move, PatternPart};

use super::fixtures::Selection;
use super::{Exit, Stop};

/// So many bytes stand on a line.
const WIDE: usize = 16;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Show every byte in hexadecimal, for each way in which builds answer
    #[arg(long)]
    hex: bool,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    for case in arguments.selection.cases()? {
        say!("{}", case.transcript);
        say!("{}", answers(&case));
        if arguments.hex {
            for variant in case.variants() {
                say!("# bytes, as {} answers", names(&variant.builds));
                say!("{}", bytes(&variant));
            }
        }
    }
    Ok(Exit::Ok)
}

/// Who answers alike; and where builds differ, the lines that are theirs.
fn answers(case: &Case) -> String {
    let variants = case.variants();
    if let [only] = &variants[..] {
        return format!("# answered alike by {}\n", names(&only.builds));
    }
    let mut text = String::new();
    for Variant { builds, .. } in &variants {
        text.push_str(&format!("# {}\n", names(builds)));
        for (number, step) in case.transcript.steps() {
            let holds = |guard: &Guard| builds.iter().any(|build| guard.holds(build));
            if step.guard.as_ref().is_some_and(holds) {
                text.push_str(&format!("#   {number}: {}\n", step.action));
            }
        }
    }
    text
}

fn names(builds: &[Identity]) -> String {
    let names: Vec<String> = builds.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What is sent and what is due, move by move. What only a run knows, as the content of holes, is named instead.
fn bytes(variant: &Variant) -> String {
    let mut text = String::new();
    for step in &variant.script.moves {
        match step {
            Move::Write { connection, sends } => match expand_write(sends, &Captures::new()) {
                Ok(pieces) => {
                    for piece in pieces {
                        dump(&mut text, &format!("{connection}>"), &piece);
                    }
                }
                Err(missing) => text.push_str(&format!("{connection}> ({missing})\n")),
            },
            Move::Read { connection, lines } => {
                for part in lines.iter().flat_map(|line| &line.pattern.parts) {
                    let mark = format!("{connection}<");
                    match part {
                        PatternPart::Literal(bytes) => dump(&mut text, &mark, bytes),
                        PatternPart::Repeat { unit, count } => {
                            text.push_str(&format!("{mark} {count} times\n"));
                            dump(&mut text, &mark, unit);
                        }
                        PatternPart::Hole { name, kind } => {
                            text.push_str(&format!("{mark} {{{name}:{}}}\n", kind.spelling()));
                        }
                        PatternPart::Reuse(name) => text.push_str(&format!("{mark} {{{name}}}\n")),
                        PatternPart::AnyOrder(items) => {
                            text.push_str(&format!("{mark} {} in any order\n", items.len()));
                        }
                    }
                }
            }
            Move::Socket { .. }
            | Move::Observe { .. }
            | Move::Barrier { .. }
            | Move::Sleep { .. } => {}
        }
    }
    text
}

/// Sixteen bytes a line, as hexdump shows them.
fn dump(text: &mut String, mark: &str, bytes: &[u8]) {
    for (index, chunk) in bytes.chunks(WIDE).enumerate() {
        let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let plain: String = chunk
            .iter()
            .map(|byte| match byte {
                b' '..=b'~' => char::from(*byte),
                _ => '.',
            })
            .collect();
        let offset = index * WIDE;
        text.push_str(&format!(
            "{mark} {offset:06x}  {:<47}  {plain}\n",
            hex.join(" ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn case() -> Case {
        let text =
            "@id s/a\n@title t\n\na: PING\n[redis<7] a< +OLD\n[redis>=7|valkey] a< +{x:any}\n";
        Case::parse(Path::new("s/a.resp"), text).unwrap()
    }

    #[test]
    fn builds_that_differ_are_shown_with_their_lines() {
        assert_eq!(
            answers(&case()),
            "# redis-6.2.5\n#   5: a< +OLD\n# redis-7.0.15, redis-8.2.3, valkey-8.1.8, valkey-9.1.2\n#   6: a< +{x:any}\n"
        );
    }

    #[test]
    fn bytes_are_dumped_and_holes_are_named() {
        let shown = bytes(&case().variants()[1]);
        let hex = "2a 31 0d 0a 24 34 0d 0a 50 49 4e 47 0d 0a";
        assert_eq!(
            shown,
            format!(
                "a> 000000  {hex:<47}  *1..$4..PING..\na< 000000  {:<47}  +\na< {{x:any}}\na< 000000  {:<47}  ..\n",
                "2b", "0d 0a"
            )
        );
    }
}
