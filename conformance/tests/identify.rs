//! The ancestry of servers whose ancestry is known: our own, and every real server that is installed.

use respect_conformance::case::Case;
use respect_conformance::control::Barrier;
use respect_conformance::identify::{Ancestry, identify, is_telling};
use respect_conformance::oracle;
use respect_conformance::ours::{self, Profile};
use respect_conformance::seat::Seat;
use respect_conformance::server::Origin;
use respect_conformance::transcript::files::read_folder;
use respect_conformance::transcript::lint::known_builds;
use respect_conformance::workspace;

fn ancestry(origin: &Origin) -> Ancestry {
    let files = read_folder(&workspace::fixtures()).unwrap();
    let cases: Vec<Case> = files
        .iter()
        .map(|file| Case::parse(&file.path, &file.text).unwrap())
        .collect();
    assert!(cases.iter().filter(|case| is_telling(case)).count() >= 50);
    // A wrong name, and the same one for all: what a server is called must not matter.
    let name = known_builds().into_iter().next();
    let mut seat = Seat::open(origin, name.as_ref(), Barrier::Ping).unwrap();
    identify(&mut seat, &cases, &mut |_| {}).unwrap()
}

#[test]
fn our_server_descends_from_the_build_it_follows() {
    let root = workspace::root().expect("tests run in a checkout");
    let program = ours::build(&root, Profile::Dev).unwrap();
    let ancestry = ancestry(&Origin::Program(program));
    assert_eq!(ancestry.ancestor().unwrap().build, "redis-8.2.3");
}

#[test]
fn every_installed_build_is_named_right() {
    for build in oracle::present(&workspace::oracles()) {
        let origin = Origin::oracle(build, &workspace::oracles()).unwrap();
        let ancestry = ancestry(&origin);
        let first = ancestry.ancestor().map(|likeness| likeness.build.clone());
        assert_eq!(first, Some(build.id()), "{:#?}", ancestry.builds);
    }
}
