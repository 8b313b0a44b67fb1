//! Our server beside every installed oracle, in one run: commands a second and processor time per command, as ratios.
//!
//! `cargo bench -p respect-conformance --bench side_by_side -- --help` lists the options. Servers run one at a time, in
//! turns (A B C A B C …), each pinned to one core with the load on another, so that what disturbs the machine disturbs
//! them alike. Times belong to the machine; the ratios are what travels.

mod load;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use respect_conformance::oracle::{self, State};
use respect_conformance::server::{Origin, Server};
use respect_conformance::workspace;

use load::{Shape, Work};

/// Compare the speed of servers that speak the Redis protocol.
#[derive(Parser)]
struct Options {
    /// Rounds; the table shows medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections
    #[arg(long, default_value_t = 50)]
    clients: usize,
    /// Different keys
    #[arg(long, default_value_t = 1_000_000)]
    keys: usize,
    /// Commands per measurement at pipeline 1; ten times as many when pipelined
    #[arg(long, default_value_t = 100_000)]
    commands: usize,
    /// Another server: a name and a command with {port} in it
    #[arg(long, value_name = "NAME=COMMAND")]
    peer: Vec<String>,
    /// Only the works whose name has this in it, such as GET or P=16
    #[arg(long)]
    only: Option<String>,
    /// Only the servers whose name has this in it, beside ours and the reference
    #[arg(long)]
    server: Option<String>,
    /// The server that the others are compared with
    #[arg(long, default_value = "redis-8.2.3")]
    reference: String,
    /// Passed by `cargo bench`; means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

/// One server to be measured.
struct Contender {
    name: String,
    origin: Origin,
}

/// One row of the table.
struct Row {
    name: String,
    work: Work,
    pipeline: usize,
}

/// What one run of one row on one server came to.
#[derive(Clone, Copy)]
struct Figure {
    per_second: f64,
    cpu_us: f64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match compare(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), String> {
    let contenders = contenders(options)?;
    let rows: Vec<Row> = rows()
        .into_iter()
        .filter(|row| {
            options
                .only
                .as_ref()
                .is_none_or(|only| row.name.contains(only.as_str()))
        })
        .collect();
    if rows.is_empty() {
        return Err(format!(
            "no work's name has `{}` in it",
            options.only.as_deref().unwrap_or_default()
        ));
    }
    // The load runs on the last core; each server is moved to the first.
    pin(None, available_cores() - 1)?;
    let mut figures = vec![vec![Vec::new(); contenders.len()]; rows.len()];
    for round in 0..options.rounds {
        for (column, contender) in contenders.iter().enumerate() {
            eprintln!(
                "round {} of {}: {}",
                round + 1,
                options.rounds,
                contender.name
            );
            let server = Server::start(&contender.origin).map_err(|error| error.to_string())?;
            let pid = server
                .pid()
                .ok_or_else(|| format!("{} was not started here", contender.name))?;
            pin(Some(pid), 0)?;
            for (prefix, value) in [("key", b"vvv".as_slice()), ("cnt", b"1000")] {
                load::fill(server.address(), prefix, options.keys, value)
                    .map_err(|error| format!("{}: {error}", contender.name))?;
            }
            for (row, figures) in rows.iter().zip(&mut figures) {
                let figure = measure(&server, pid, row, options, round as u64)
                    .map_err(|error| format!("{}, {}: {error}", contender.name, row.name))?;
                figures[column].push(figure);
            }
        }
    }
    print_table(&contenders, &rows, &figures, options);
    Ok(())
}

fn contenders(options: &Options) -> Result<Vec<Contender>, String> {
    let root = workspace::root().ok_or("run this inside the checkout")?;
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "-p", "respect-server"])
        .current_dir(&root)
        .status()
        .map_err(|error| format!("cargo build: {error}"))?;
    if !built.success() {
        return Err("our server does not build".to_owned());
    }
    let ours =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let ours = Origin::Program(ours.join("release/respect-server"));
    let mut contenders = vec![Contender {
        name: "respect".to_owned(),
        origin: ours,
    }];
    let oracles = workspace::oracles();
    let installed =
        |build: &&oracle::Build| matches!(build.state(&oracles), Ok(State::Installed(_)));
    for build in oracle::BUILDS.iter().filter(installed) {
        let name = build.id();
        let wanted = options
            .server
            .as_ref()
            .is_none_or(|wanted| name.contains(wanted.as_str()));
        if wanted || name == options.reference {
            contenders.push(Contender {
                name,
                origin: Origin::oracle(build, &oracles)?,
            });
        }
    }
    for peer in &options.peer {
        let (name, command) = peer
            .split_once('=')
            .ok_or_else(|| format!("--peer `{peer}`: expected NAME=COMMAND with {{port}} in it"))?;
        contenders.push(Contender {
            name: name.to_owned(),
            origin: Origin::parse(command)?,
        });
    }
    if !contenders
        .iter()
        .any(|contender| contender.name == options.reference)
    {
        return Err(format!(
            "{} is not here to compare with; `respect oracle install {0}` brings it",
            options.reference
        ));
    }
    Ok(contenders)
}

fn rows() -> Vec<Row> {
    let works = [
        ("PING", Work::Ping),
        ("SET 3 B", Work::Set(3)),
        ("GET 3 B", Work::Get),
        ("INCR", Work::Incr),
        ("MSET of 10, 3 B", Work::Mset10(3)),
    ];
    let pipelines = [1, 16, 64];
    let mut rows = Vec::new();
    for (name, work) in works {
        for pipeline in pipelines {
            rows.push(Row {
                name: format!("{name} P={pipeline}"),
                work,
                pipeline,
            });
        }
    }
    rows
}

fn measure(
    server: &Server,
    pid: u32,
    row: &Row,
    options: &Options,
    round: u64,
) -> Result<Figure, String> {
    let commands = if row.pipeline == 1 {
        options.commands
    } else {
        options.commands * 10
    };
    let commands = if matches!(row.work, Work::Mset10(_)) {
        commands / 5
    } else {
        commands
    };
    let shape = Shape {
        clients: options.clients,
        pipeline: row.pipeline,
        commands,
        keys: options.keys,
        seed: 0x5eed + round,
    };
    let before = cpu_time(pid)?;
    let took = load::run(server.address(), row.work, shape).map_err(|error| error.to_string())?;
    let cpu = cpu_time(pid)? - before;
    let done = commands.div_ceil(row.pipeline) * row.pipeline;
    Ok(Figure {
        per_second: done as f64 / took.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / done as f64,
    })
}

/// User and system time of a process so far, all its threads included.
fn cpu_time(pid: u32) -> Result<Duration, String> {
    // The scheduler's own sum is in nanoseconds; the ticks of /proc/PID/stat are a hundredth of a second.
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .map_err(|error| format!("/proc/{pid}/task: {error}"))?;
    let mut nanoseconds = 0;
    for task in tasks.flatten() {
        let path = task.path().join("schedstat");
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        nanoseconds += text
            .split_whitespace()
            .next()
            .and_then(|first| first.parse::<u64>().ok())
            .unwrap_or_default();
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Binds a process (this one, if none is named) to one core, so that load and server do not share one.
fn pin(pid: Option<u32>, core: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(core)
        .map_err(|error| format!("core {core}: {error}"))?;
    let pid = Pid::from_raw(pid.map_or(0, |pid| i32::try_from(pid).unwrap_or_default()));
    sched_setaffinity(pid, &set).map_err(|error| format!("binding to core {core}: {error}"))
}

fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn print_table(
    contenders: &[Contender],
    rows: &[Row],
    figures: &[Vec<Vec<Figure>>],
    options: &Options,
) {
    let reference = contenders
        .iter()
        .position(|contender| contender.name == options.reference)
        .unwrap_or_default();
    let heading: Vec<&str> = contenders
        .iter()
        .map(|contender| contender.name.as_str())
        .collect();
    for (title, value, unit) in [
        (
            "Commands a second; behind it the ratio to the reference (higher is better)",
            per_second as Value,
            "k/s",
        ),
        (
            "Server CPU per command; behind it the ratio to the reference (lower is better)",
            cpu_us as Value,
            "µs",
        ),
    ] {
        println!(
            "\n{title}; medians of {} rounds, {} clients, {} keys\n",
            options.rounds, options.clients, options.keys
        );
        println!("| work | {} |", heading.join(" | "));
        println!("|---|{}", "---|".repeat(contenders.len()));
        for (row, columns) in rows.iter().zip(figures) {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| {
                    let ratios = column
                        .iter()
                        .zip(&columns[reference])
                        .map(|(ours, theirs)| value(ours) / value(theirs));
                    format!(
                        "{:.3} {unit} ({:.2})",
                        median(column.iter().map(value)),
                        median(ratios)
                    )
                })
                .collect();
            println!("| {} | {} |", row.name, cells.join(" | "));
        }
    }
    println!(
        "\nSpread, largest over smallest of a row's rounds: at most {:.2} in CPU per command.",
        spread(figures)
    );
}

type Value = fn(&Figure) -> f64;

fn per_second(figure: &Figure) -> f64 {
    figure.per_second / 1000.0
}

fn cpu_us(figure: &Figure) -> f64 {
    figure.cpu_us
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(figures: &[Vec<Vec<Figure>>]) -> f64 {
    figures
        .iter()
        .flatten()
        .map(|column| {
            let values = || column.iter().map(|figure| figure.cpu_us);
            values().fold(0.0, f64::max) / values().fold(f64::INFINITY, f64::min)
        })
        .fold(1.0, f64::max)
}
