//! `respect scoreboard`: finds the servers there are, has them judged, and writes the page.

use std::fs;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use clap::Args;
use respect_conformance::control::Barrier;
use respect_conformance::coverage::table::Table;
use respect_conformance::matrix::{self, Contender, Plan};
use respect_conformance::oracle;
use respect_conformance::scoreboard::peers::{PEERS, Package, Peer};
use respect_conformance::scoreboard::{Absent, Entry, claims, markdown};
use respect_conformance::server::{Origin, Server};
use respect_conformance::suite::Cuts;
use respect_conformance::workspace;

use super::fixtures::Selection;
use super::report::{Outputs, Wanted, of_matrix};
use super::target::{OURS_ANSWERS_AS, installed};
use super::{Exit, Stop};

/// Servers by others have a thread for every connection, or do not promise any order between them.
const BARRIER: Barrier = Barrier::Timed(Duration::from_millis(5));

/// How long one of them may take to answer. None takes longer when it answers at all.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these servers, such as fakeredis or redis-7.0.15 [default: all that are installed]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// First bring the servers by others that are not here, with pip and cargo
    #[arg(long)]
    install: bool,
    /// Where to write the page [default: conformance/docs/scoreboard.md of the checkout; with names, only to the terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a report too, with every transcript on every server: html, json, junit, tap, markdown or github, with =PATH
    /// behind it, or to stdout; may be repeated
    #[arg(long = "report", value_name = "KIND[=PATH]")]
    reports: Vec<Wanted>,
    /// Judge no server for longer: one without FLUSHALL is started anew for every transcript, which takes long
    #[arg(long, value_name = "MINUTES", default_value = "10")]
    minutes: NonZero<u64>,
    /// The folder of transcripts
    #[arg(long, value_name = "DIR", env = "RESPECT_FIXTURES")]
    fixtures: Option<PathBuf>,
}

/// Everything that is to be judged, and what cannot be.
#[derive(Default)]
struct Field {
    contenders: Vec<Contender>,
    entries: Vec<Entry>,
    absent: Vec<Absent>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let selection = Selection {
        fixtures: arguments.fixtures.clone(),
        ..Selection::default()
    };
    let cases = selection.cases()?;
    let outputs = Outputs::open(&arguments.reports)?;
    let root = workspace::root().ok_or_else(|| {
        Stop::usage("servers are installed below target/ of a checkout, and this is none")
    })?;
    let peers = root.join("target/peers");
    let asked =
        |name: &str| arguments.names.is_empty() || arguments.names.iter().any(|it| it == name);
    let mut field = Field::default();
    for build in oracle::present(&workspace::oracles()) {
        if asked(&build.id()) {
            field.add_build(build)?;
        }
    }
    for peer in PEERS.iter().filter(|peer| asked(peer.name)) {
        if arguments.install && !matches!(peer.package, Package::None(_)) {
            eprintln!("installing {} {}", peer.name, peer.version);
            if let Err(why) = peer.install(&peers) {
                field.leave_out(peer, why);
                continue;
            }
        }
        match peer.origin(&peers) {
            Ok(origin) => field.add_peer(peer, origin),
            Err(why) => field.leave_out(peer, why),
        }
    }
    if field.contenders.is_empty() {
        return Err(Stop(
            Exit::Nothing,
            "no server is here to be judged".to_owned(),
        ));
    }
    let plan = Plan {
        contenders: field.contenders,
        cuts: Cuts::None,
        at_once: 2,
        patience: Some(PATIENCE),
        within: Some(Duration::from_secs(arguments.minutes.get() * 60)),
    };
    let begun = Instant::now();
    let bar = super::run::progress((cases.len() * plan.contenders.len()) as u64);
    let matrix = matrix::run(&plan, &cases, &|server, case| {
        bar.set_message(format!("{} {}", plan.contenders[server].name, case.id()));
        bar.inc(1);
    });
    bar.finish_and_clear();
    let date = DateTime::<Utc>::from(SystemTime::now()).format("%Y-%m-%d");
    let command = format!("just scoreboard --minutes {}", arguments.minutes);
    let page = markdown(
        &date.to_string(),
        &command,
        &matrix,
        &field.entries,
        &field.absent,
    );
    let out = match &arguments.out {
        Some(out) => Some(out.clone()),
        None if arguments.names.is_empty() => Some(root.join("conformance/docs/scoreboard.md")),
        None => None,
    };
    if let Some(out) = out {
        fs::write(&out, &page)
            .map_err(|error| Stop::usage(format!("{}: {error}", out.display())))?;
    }
    say!("{page}");
    if let Some(report) = of_matrix(&plan, &matrix, begun, super::matrix::conclusion(&matrix))? {
        outputs.write(&report)?;
    }
    Ok(Exit::Ok)
}

impl Field {
    fn add_build(&mut self, build: &'static oracle::Build) -> Result<(), Stop> {
        self.contenders.push(Contender {
            name: build.id(),
            origin: installed(build)?,
            judged_as: build.id().parse().ok(),
            barrier: Barrier::Ping,
            claims: None,
        });
        self.entries.push(Entry {
            name: build.name.to_owned(),
            version: build.version.to_owned(),
            claimed: None,
        });
        Ok(())
    }

    fn add_peer(&mut self, peer: &Peer, origin: Origin) {
        let claimed = Server::start(&origin)
            .map_err(|error| error.to_string())
            .and_then(|server| {
                claims(server.address(), &Table::recorded()).map_err(|trouble| trouble.to_string())
            });
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(why) => return self.leave_out(peer, why),
        };
        self.entries.push(Entry {
            name: peer.name.to_owned(),
            version: peer.version.to_owned(),
            claimed: Some(claimed.len()),
        });
        self.contenders.push(Contender {
            name: peer.name.to_owned(),
            origin,
            judged_as: OURS_ANSWERS_AS.parse().ok(),
            barrier: BARRIER,
            claims: Some(claimed),
        });
    }

    fn leave_out(&mut self, peer: &Peer, why: String) {
        self.absent.push(Absent {
            name: peer.name.to_owned(),
            version: peer.version.to_owned(),
            why,
        });
    }
}
