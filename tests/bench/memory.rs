//! How much memory processes hold, as the kernel counts it.

use std::{collections::HashMap, fs, thread, time::Duration};

use anyhow::{Context as _, Result};
use tests::lab::wait::{self, PATIENCE};

/// So many readings in a row that hardly differ are rest.
const READINGS: usize = 10;
const BETWEEN: Duration = Duration::from_millis(100);
/// What still counts as hardly.
const STILL: f64 = 0.005;

/// Reads again and again until nothing moves any more, and returns the last reading.
///
/// # Errors
/// When it never rests, or cannot be read.
pub(crate) fn at_rest(mut read: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut readings: Vec<f64> = Vec::new();
    wait::until("the memory to stay as it is", 2 * PATIENCE, || {
        readings.push(read()?);
        let from = readings.len().saturating_sub(READINGS);
        let last = &readings[from..];
        let least = last.iter().copied().fold(f64::INFINITY, f64::min);
        let most = last.iter().copied().fold(0.0, f64::max);
        if last.len() == READINGS && most - least <= most * STILL {
            return Ok(last.last().copied());
        }
        thread::sleep(BETWEEN);
        Ok(None)
    })
}

/// The proportional set size of a process and all below it, in MB.
///
/// # Errors
/// When the process is gone.
pub(crate) fn pss_mb(root: u32) -> Result<f64> {
    let mut kilobytes = 0.0;
    for process in tree(root)? {
        // A child may end between the look and the reading.
        kilobytes += field(&format!("/proc/{process}/smaps_rollup"), "Pss:").unwrap_or(0.0);
    }
    anyhow::ensure!(kilobytes > 0.0, "process {root} is gone");
    Ok(kilobytes / 1024.0)
}

/// The resident set size of one process, in MB.
///
/// # Errors
/// When the process is gone.
pub(crate) fn rss_mb(process: u32) -> Result<f64> {
    Ok(field(&format!("/proc/{process}/status"), "VmRSS:")? / 1024.0)
}

/// The most that a process ever held resident, in MB.
///
/// # Errors
/// When the process is gone.
pub(crate) fn peak_mb(process: u32) -> Result<f64> {
    Ok(field(&format!("/proc/{process}/status"), "VmHWM:")? / 1024.0)
}

fn field(file: &str, name: &str) -> Result<f64> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next());
    number.and_then(|number| number.parse().ok()).with_context(|| format!("{file} has no {name}"))
}

fn tree(root: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(parent) = field(&format!("/proc/{process}/status"), "PPid:") else {
            continue;
        };
        children.entry(parent as u32).or_default().push(process);
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(process) = found.get(next).copied() {
        found.extend(children.remove(&process).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}
