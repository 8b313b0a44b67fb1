//! Commands a second and processor time per command, of the usual commands at the usual pipelines.

use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::contenders::{Contender, Running};
use super::super::figures::{Figure, Sheet};
use super::super::load::{Crowd, Shape};
use super::super::options::Settings;
use super::super::requests::Work;
use super::{Bench, fill, load_error, tally};

/// Works and pipelines, those that need the same keys together: keys are stored when the next work needs others.
const ROWS: &[(Work, &[usize])] = &[
    (Work::Set(3), &[1, 16, 64]),
    (Work::Get(3), &[1, 16, 64]),
    (Work::Mset10(3), &[16, 64]),
    (Work::Ping, &[1, 16, 64]),
    (Work::Incr, &[1, 16, 64]),
    (Work::Set(64), &[1, 16, 64]),
    (Work::Get(64), &[1, 16, 64]),
    (Work::Set(1024), &[64]),
    (Work::Get(1024), &[64]),
    (Work::GetLarge, &[1]),
];

fn rows() -> impl Iterator<Item = (Work, usize)> {
    ROWS.iter()
        .flat_map(|(work, pipelines)| pipelines.iter().map(|pipeline| (*work, *pipeline)))
}

fn name(work: Work, pipeline: usize) -> String {
    format!("{work} P={pipeline}")
}

pub(crate) fn works(_: &Settings) -> Vec<String> {
    rows()
        .map(|(work, pipeline)| name(work, pipeline))
        .collect()
}

pub(crate) fn run(
    bench: &Bench<'_>,
    contender: &Contender,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    let mut running = bench.start(contender)?;
    let mut stored = None;
    for (work, pipeline) in rows() {
        let name = name(work, pipeline);
        if !bench.wants(&name) {
            continue;
        }
        if let Some(store) = work.store().filter(|store| stored != Some(*store)) {
            fill(&mut running, store, bench.settings.keys)?;
            stored = Some(store);
        }
        measure(
            bench,
            contender,
            &mut running,
            (work, pipeline),
            &name,
            sheet,
        )
        .map_err(|error| format!("{name}: {}", running.explain(error)))?;
    }
    Ok(())
}

fn measure(
    bench: &Bench<'_>,
    contender: &Contender,
    running: &mut Running,
    (work, pipeline): (Work, usize),
    name: &str,
    sheet: &mut Sheet<'_>,
) -> Result<(), String> {
    let shape = Shape {
        work,
        clients: bench.settings.clients,
        pipeline,
        keys: bench.settings.keys,
        seed: 0x5eed,
    };
    let mut crowd = Crowd::connect(running.address(), shape).map_err(|error| load_error(&error))?;
    let profiler = bench
        .options
        .profile
        .as_deref()
        .map(|command| Profiler::start(command, running.pid, &contender.named.name, name))
        .transpose()?;
    let tally = tally(&mut crowd, running.pid, bench.measured_for())?;
    if let Some(profiler) = profiler {
        profiler.stop();
        eprintln!(
            "  {}: {name}: {} commands while the profiler looked, {:.3} µs of processor time each",
            contender.named.name,
            tally.warm_up + tally.commands,
            tally.cpu_us()
        );
    }
    sheet.record(name, Figure::CPU, tally.cpu_us());
    sheet.record(name, Figure::RATE, tally.thousands_per_second());
    sheet.waited(tally.waited_percent());
    if tally.load_was_the_limit() {
        sheet.load_was_the_limit(name, Figure::RATE);
    }
    Ok(())
}

/// A program that looks at the server while it is measured.
struct Profiler {
    child: Child,
}

impl Profiler {
    fn start(command: &str, pid: u32, server: &str, work: &str) -> Result<Profiler, String> {
        let file_name = |text: &str| text.replace([' ', ','], "-");
        let command = command
            .replace("{pid}", &pid.to_string())
            .replace("{server}", &file_name(server))
            .replace("{work}", &file_name(work));
        let child = Command::new("sh")
            .arg("-c")
            .arg(format!("exec {command}"))
            .spawn()
            .map_err(|error| format!("--profile: {error}"))?;
        // Attaching announces itself in no way that all profilers share.
        thread::sleep(Duration::from_millis(500));
        Ok(Profiler { child })
    }

    /// Interrupts it, as a person would, and waits for what it has to say.
    fn stop(mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        // Both fail only when it has ended already.
        let _ = kill(pid, Signal::SIGINT);
        let _ = self.child.wait();
    }
}
