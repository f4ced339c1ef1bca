//! The host: how much memory it holds at rest beside a service that does nothing, both as they are
//! shipped and under one Wine, and how large the installer is.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use tests::lab::{
    wait::{self, PATIENCE},
    wine::{Wine, shipped},
};

use crate::{
    median, memory,
    report::{Budget, Report},
};

const RUNNING: u32 = 4;
const STOPPED: u32 = 1;
/// How often each is started.
const ROUNDS: usize = 5;

struct Service {
    name: &'static str,
    /// Where it is on the machine.
    program: &'static str,
    /// What its process is found by.
    file: &'static str,
}

const HOST: Service = Service {
    name: "regain-host",
    program: r"C:\Program Files\Regain\regain-host.exe",
    file: "regain-host.exe",
};
const EMPTY: Service = Service {
    name: "regain-empty",
    program: r"C:\Program Files\Empty\empty_service.exe",
    file: "empty_service.exe",
};

/// Measures and adds the figures.
///
/// # Errors
/// When the programs for Windows or the installer are not built.
pub(crate) fn measure(package: &Path, report: &mut Report) -> Result<()> {
    let wine = Wine::start()?;
    wine.write(HOST.program, fs::read(shipped("regain-host.exe")?)?)?;
    wine.write(EMPTY.program, fs::read(shipped("examples/empty_service.exe")?)?)?;
    wine.run(wine.command(HOST.program).args(["service", "install"]), "")?;
    let program = format!("\"{}\"", EMPTY.program);
    wine.run(wine.command("sc").args(["create", EMPTY.name, "binPath=", &program]), "")?;
    let (mut host, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        host.push(at_rest(&wine, &HOST)?);
        empty.push(at_rest(&wine, &EMPTY)?);
    }
    let (host, empty) = (median(&host), median(&empty));
    report.add("host.rss_over_empty_mb", host - empty, "MB", Budget::AtMost(8.0));
    report.note(format!(
        "host.rss_over_empty_mb: under Wine, the median of {ROUNDS} starts each: {host:.1} MB over \
         {empty:.1} MB"
    ));
    let bytes = fs::metadata(package).with_context(|| format!("no {}", package.display()))?.len();
    report.add("msi.mb", bytes as f64 / 1e6, "MB", Budget::AtMost(15.0));
    Ok(())
}

/// Starts it, reads its memory once nothing moves any more, and stops it.
fn at_rest(wine: &Wine, service: &Service) -> Result<f64> {
    let ask = |verb| wine.run(wine.command("sc").args([verb, service.name]), "").map(drop);
    let is = |state| {
        wait::until(service.name, PATIENCE, || {
            Ok((wine.service_state(service.name)? == Some(state)).then_some(()))
        })
    };
    ask("start")?;
    is(RUNNING)?;
    let process = process_of(service.file)?;
    let memory = memory::at_rest(|| memory::rss_mb(process))?;
    ask("stop")?;
    is(STOPPED)?;
    Ok(memory)
}

/// The process of this machine's kernel that runs a program of Wine's.
fn process_of(file: &str) -> Result<u32> {
    let runs_it = |process: &u32| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(program).ends_with(file)
    };
    let entries = fs::read_dir("/proc")?.flatten();
    let mut numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.find(runs_it).with_context(|| format!("{file} does not run"))
}
