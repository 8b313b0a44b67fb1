//! The laws, looked at with our server: it may break none. (Real ones are looked at with `respect laws --target redis-8.2.3`.)

use respect_conformance::control::Barrier;
use respect_conformance::laws::{self, Dialogue, Law, LawsPlan};
use respect_conformance::ours::{self, Profile};
use respect_conformance::server::Origin;
use respect_conformance::workspace;

fn look(target: Origin, dialogues: &[Dialogue]) {
    let plan = LawsPlan {
        target,
        identity: Some("redis-8.2.3".parse().unwrap()),
        laws: Law::all(),
        seed: 1,
        barrier: Barrier::Ping,
        jobs: 2,
    };
    let mut told = String::new();
    let summaries = laws::run(&plan, dialogues, &mut |report| {
        for breach in report.breaches() {
            told.push_str(&breach.to_string());
        }
        told.extend(report.died.clone());
    });
    assert!(told.is_empty(), "{told}");
    for (law, summary) in summaries.unwrap() {
        assert!(summary.looked_at() > 0, "{law}: {summary:?}");
    }
}

fn dialogues() -> Vec<Dialogue> {
    let streams = laws::generated(1).take(10);
    laws::probes().into_iter().chain(streams).collect()
}

#[test]
fn our_server_breaks_no_law() {
    let root = workspace::root().expect("tests run in a checkout");
    let ours = Origin::Program(ours::build(&root, Profile::Dev).unwrap());
    look(ours, &dialogues());
}

#[test]
fn a_seed_gives_the_same_dialogues_again() {
    let steps = |seed| -> Vec<_> {
        laws::generated(seed)
            .take(3)
            .map(|dialogue| dialogue.steps)
            .collect()
    };
    assert_eq!(steps(7), steps(7));
    assert_ne!(steps(7), steps(8));
}
