//! `respect record --proxy`: listens, lets the library pass on and take notes, and writes the transcripts.

use std::fs;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use clap::Args;
use respect_conformance::proxy::{News, Plan, run};
use respect_conformance::server::identity;
use respect_conformance::transcript::{Content, HeaderField, Level, Line, Transcript};

use super::{Exit, Stop};

// Without a group of its own: it would have the name of that of the command it is part of.
#[derive(Args)]
#[group(skip)]
#[command(next_help_heading = "As a proxy")]
pub(crate) struct Arguments {
    /// Listen at the first address, pass everything on to the server at the second, and write what both say as transcripts
    #[arg(long, num_args = 2, value_names = ["LISTEN", "UPSTREAM"], conflicts_with_all = ["ids", "oracles", "check"])]
    proxy: Option<Vec<String>>,
    /// One transcript for each connection, instead of one for all
    #[arg(long, requires = "proxy")]
    each: bool,
    /// End when so many connections have been made and are over [default: at an interrupt]
    #[arg(long, value_name = "N", requires = "proxy")]
    connections: Option<usize>,
    /// End after so long: 10s, 500ms
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time, requires = "proxy")]
    duration: Option<Duration>,
    /// Keep no more than so many bytes of a transcript
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20, requires = "proxy")]
    bytes_max: usize,
}

impl Arguments {
    pub(super) fn is_asked_for(&self) -> bool {
        self.proxy.is_some()
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let milliseconds = text
        .strip_suffix("ms")
        .and_then(|number| number.parse().ok());
    let seconds = || text.strip_suffix('s')?.parse().ok();
    milliseconds
        .map(Duration::from_millis)
        .or_else(|| seconds().map(Duration::from_secs))
        .ok_or_else(|| "expected a time such as 10s or 500ms".to_owned())
}

pub(super) fn main(arguments: &Arguments, out: &Path) -> Result<Exit, Stop> {
    let Some([listen, upstream]) = arguments.proxy.as_deref() else {
        return Err(Stop::usage("--proxy needs two addresses"));
    };
    let address = upstream
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| Stop::usage(format!("`{upstream}` is no address such as 127.0.0.1:6379")))?;
    let listener = TcpListener::bind(listen)
        .map_err(|error| Stop::usage(format!("cannot listen at {listen}: {error}")))?;
    // Who cannot say who it is can be recorded all the same.
    let speaker = identity(address).map_or_else(|_| upstream.clone(), |it| it.to_string());
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(Stop::usage)?;
    }
    let here = listener.local_addr().map_err(Stop::usage)?;
    eprintln!("recording at {here} what is said to {speaker}");
    let plan = Plan {
        connections: arguments.connections,
        duration: arguments.duration,
        bytes_max: arguments.bytes_max,
        each: arguments.each,
    };
    let recorded = run(&listener, address, &plan, &stop, &mut |news| match news {
        News::Opened(_) | News::Closed(_) => {}
        News::Fault(name, fault) => eprintln!("{name}: {fault}"),
        News::Full => eprintln!(
            "the transcript is {} bytes long; what follows is passed on, and not kept",
            arguments.bytes_max
        ),
    });
    let recorded = recorded.map_err(|error| Stop(Exit::Target, error.to_string()))?;
    let many = recorded.transcripts.len() > 1;
    for (index, transcript) in recorded.transcripts.into_iter().enumerate() {
        let suffix = if many {
            format!("-{}", index + 1)
        } else {
            String::new()
        };
        let path = write(
            out,
            &suffix,
            transcript,
            "What a client and a server said",
            "a proxy",
            Some(format!("{speaker}: said once, through a proxy")),
        )
        .map_err(|error| Stop::usage(format!("{}: {error}", out.display())))?;
        say!("{}", path.display());
    }
    if recorded.connections == 0 {
        return Err(Stop(Exit::Nothing, "nobody connected".to_owned()));
    }
    Ok(if recorded.server_faults > 0 {
        Exit::Divergence
    } else {
        Exit::Ok
    })
}

/// Writes a transcript under a name that no other one has: with its title, from what it was made, and who answered, if anybody
/// did.
pub(super) fn write(
    out: &Path,
    suffix: &str,
    said: Transcript,
    title: &str,
    source: &str,
    provenance: Option<String>,
) -> io::Result<PathBuf> {
    let now = DateTime::<Utc>::from(SystemTime::now());
    let mut id = format!("recorded/{}{suffix}", now.format("%Y%m%d-%H%M%S"));
    while out.join(format!("{id}.resp")).exists() {
        id.push_str("-again");
    }
    let path = out.join(format!("{id}.resp"));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let header = [
        Content::Header(HeaderField::Id(id)),
        Content::Header(HeaderField::Title(title.to_owned())),
        Content::Header(HeaderField::Level(Level::Must)),
        Content::Header(HeaderField::Why(format!(
            "recorded from {source} on {}; `respect record` asks other builds, too",
            now.format("%Y-%m-%d")
        ))),
        Content::Header(HeaderField::Tags(vec!["recorded".to_owned()])),
    ];
    let provenance = provenance.map(Content::Provenance);
    let mut lines: Vec<Line> = header
        .into_iter()
        .chain(provenance)
        .chain([Content::Blank])
        .map(|content| Line { number: 0, content })
        .collect();
    lines.extend(said.lines);
    fs::write(&path, Transcript { lines }.to_string())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(parse_time("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert!(parse_time("10").is_err() && parse_time("tens").is_err());
    }
}
