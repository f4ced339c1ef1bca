//! The driver of `cargo xtask bench`: measures what design and docs/bench.md promise, each
//! figure beside what it is compared with, in one run and in turns. Prints a table and writes
//! the report. A missed budget is said, never hidden, and is no failure of the run.
//!
//! Changes nothing of what it measures: programs are the release builds, asked from outside;
//! only the load on the service runs in this process, for the reason that `recoveries` gives.

mod app;
#[path = "../client/mod.rs"]
mod client;
mod host;
mod load;
mod memory;
mod recoveries;
mod report;
mod screen;
mod sizes;
mod synchronisation;
mod tile;
mod tls;
mod wire;
mod write_back;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use lexopt::{Arg, ValueExt as _};
use tests::lab::wait::Stopwatch;

use self::report::{Report, say};

/// How often each side of a comparison is measured.
const REPETITIONS: usize = 30;

fn main() -> ExitCode {
    match Arguments::read().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("The bench stopped: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What to measure, and where to write it.
#[derive(Default)]
struct Arguments {
    app: PathBuf,
    bare: PathBuf,
    pages: PathBuf,
    report: PathBuf,
    /// The installer.
    package: PathBuf,
    /// One part alone, for whoever works on it; the report then holds only its figures.
    only: Option<String>,
}

impl Arguments {
    fn read() -> Result<Self> {
        let mut arguments = Self::default();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("app") => arguments.app = parser.value()?.into(),
                Arg::Long("bare") => arguments.bare = parser.value()?.into(),
                Arg::Long("pages") => arguments.pages = parser.value()?.into(),
                Arg::Long("report") => arguments.report = parser.value()?.into(),
                Arg::Long("package") => arguments.package = parser.value()?.into(),
                Arg::Long("only") => arguments.only = Some(parser.value()?.string()?),
                Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => {
                    return Err(argument.unexpected()).context("run it by: cargo xtask bench");
                }
            }
        }
        Ok(arguments)
    }
}

type Part = (&'static str, fn(&Arguments, &mut Report) -> Result<()>);

/// The parts, in the order of the budgets.
const PARTS: [Part; 8] = [
    ("app", |arguments, report| app::measure(&arguments.app, &arguments.bare, report)),
    ("sizes", |arguments, report| sizes::measure(&arguments.app, &arguments.pages, report)),
    ("wire", |_, report| wire::measure(report)),
    ("writeback", |_, report| write_back::measure(report)),
    ("sync", |_, report| synchronisation::measure(report)),
    ("recoveries", |_, report| recoveries::measure(report)),
    ("tile", |_, report| tile::measure(report)),
    ("host", |arguments, report| host::measure(&arguments.package, report)),
];

fn run(arguments: &Arguments) -> Result<()> {
    let mut report = Report::default();
    for (name, measure) in PARTS {
        if arguments.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let watch = Stopwatch::start();
        measure(arguments, &mut report).with_context(|| format!("measuring {name}"))?;
        say(&format!("  {name}: measured in {:.0} s", watch.elapsed().as_secs_f64()));
    }
    report.print();
    report.write(&arguments.report)
}

/// The middle of many measurements.
fn median(measured: &[f64]) -> f64 {
    let mut sorted = measured.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// Milliseconds, for tables.
fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
