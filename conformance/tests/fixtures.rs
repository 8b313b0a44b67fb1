//! What is different, as snapshots: between our server and each oracle build, and between the builds themselves. A changed
//! snapshot is a changed answer, to be looked at by a person.
//!
//! Snapshots are made of escaped text: insta turns CRLF into LF, and would hide the very thing that is judged here.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::thread;

use insta::Settings;
use respect_conformance::case::Case;
use respect_conformance::control::Barrier;
use respect_conformance::known::{Known, pinned_bytes};
use respect_conformance::ours::{self, Profile};
use respect_conformance::server::Origin;
use respect_conformance::suite::{self, Cuts, Plan, Verdict};
use respect_conformance::transcript::files::read_folder;
use respect_conformance::transcript::lint::known_builds;
use respect_conformance::transcript::{Content, Identity, Step};
use respect_conformance::workspace;

/// The build whose answers our server gives.
const FOLLOWED: &str = "redis-8.2.3";

fn cases() -> Vec<Case> {
    let files = read_folder(&workspace::fixtures()).unwrap();
    assert!(
        files.len() >= 250,
        "only {} transcripts are there; most are missing",
        files.len()
    );
    files
        .iter()
        .map(|file| Case::parse(&file.path, &file.text).unwrap())
        .collect()
}

fn snapshot(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(workspace::root().unwrap().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn our_server_and_each_build() {
    let root = workspace::root().expect("tests run in a checkout");
    let program = ours::build(&root, Profile::Dev).unwrap();
    let known = Known::load(&workspace::fixtures().join("known.toml")).unwrap();
    let followed: Identity = FOLLOWED.parse().unwrap();
    let cases = cases();
    for build in known_builds() {
        // Where the builds differ among themselves our server can agree with one only: see `the_builds_themselves`.
        let comparable: Vec<&Case> = cases
            .iter()
            .filter(|case| said_by(case, &build) == said_by(case, &followed))
            .collect();
        let plan = Plan {
            target: Origin::Program(program.clone()),
            judged_as: Some(build.clone()),
            oracles: Vec::new(),
            // At every cut they are played by `cargo conformance`.
            cuts: if build == followed {
                Cuts::Bytes
            } else {
                Cuts::None
            },
            barrier: Barrier::Ping,
            jobs: thread::available_parallelism().map_or(1, Into::into),
        };
        let reports =
            suite::run(&plan, &comparable, &mut |_, _| ControlFlow::Continue(())).unwrap();
        let mut differences = String::new();
        for (case, report) in comparable.iter().zip(reports) {
            let report = report.expect("nothing stops a run that is not fail-fast");
            describe(
                &mut differences,
                case,
                &report.target.verdict,
                &followed,
                &known,
            );
        }
        let text = if differences.is_empty() {
            "identical".to_owned()
        } else {
            differences
        };
        snapshot(&format!("ours-and-{build}"), &text);
    }
}

/// A line for each thing that is not as it is recorded, unless that is known and accepted.
fn describe(text: &mut String, case: &Case, verdict: &Verdict, followed: &Identity, known: &Known) {
    let id = case.id();
    let _ = match verdict {
        Verdict::Same | Verdict::NotApplicable(_) => Ok(()),
        Verdict::Diverged(failure) => {
            let divergence = &failure.divergence;
            if known.accepting(id, followed, divergence).is_some() {
                return;
            }
            let level = case.header.level.spelling();
            writeln!(
                text,
                "{id}:{} ({level}) {}\n  due:  {}\n  came: {}",
                divergence.line,
                divergence.fault,
                divergence.expected,
                pinned_bytes(divergence)
            )
        }
        Verdict::Died(fatality) => writeln!(text, "{id}: the server died: {}", fatality.trouble),
        Verdict::Unplayable(why) => writeln!(text, "{id}: {why}"),
    };
}

#[test]
fn the_builds_themselves() {
    let builds = known_builds();
    let mut text = String::new();
    for case in cases() {
        let mut groups: BTreeMap<Option<Vec<String>>, Vec<&Identity>> = BTreeMap::new();
        for build in &builds {
            groups.entry(said_by(&case, build)).or_default().push(build);
        }
        if groups.len() == 1 {
            continue;
        }
        let _ = writeln!(text, "{}", case.id());
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by(|(_, left), (_, right)| left.cmp(right));
        for (said, builds) in groups {
            let names: Vec<String> = builds.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "  {}", names.join(", "));
            match said {
                None => text.push_str("    (does not apply)\n"),
                Some(lines) => lines.iter().for_each(|line| {
                    let _ = writeln!(text, "    {}", shortened(line));
                }),
            }
        }
    }
    snapshot("between-builds", &text);
}

/// What a transcript says of one build and not of all: its guarded lines that hold. `None` if it is not for that build.
fn said_by(case: &Case, build: &Identity) -> Option<Vec<String>> {
    if case
        .header
        .since
        .as_ref()
        .is_some_and(|since| !since.holds(build))
    {
        return None;
    }
    let guarded = case
        .transcript
        .lines
        .iter()
        .filter_map(|line| match &line.content {
            Content::Step(Step {
                guard: Some(guard),
                action,
            }) if guard.holds(build) => Some(action.to_string()),
            _ => None,
        });
    Some(guarded.collect())
}

fn shortened(line: &str) -> String {
    const WIDE: usize = 110;
    match line.char_indices().nth(WIDE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
