//! The oracles that this machine is said to have are really here, and are the pinned programs.

use respect_conformance::oracle::{self, State};
use respect_conformance::workspace;

#[test]
fn every_required_oracle_is_installed() {
    let oracles = workspace::oracles();
    let required =
        oracle::required().unwrap_or_else(|why| panic!("RESPECT_REQUIRE_ORACLES: {why}"));
    for build in required {
        let state = build.state(&oracles).expect("the folder can be read");
        assert!(
            matches!(state, State::Installed(_)),
            "RESPECT_REQUIRE_ORACLES names {}: {state:?} below {}",
            build.id(),
            oracles.display()
        );
    }
}
