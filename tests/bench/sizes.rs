//! How large the download is: the program, and the pages in it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::report::{Budget, Report};

/// Measures both and adds the figures.
///
/// # Errors
/// When the app or its pages are not built.
pub(crate) fn measure(app: &Path, pages: &Path, report: &mut Report) -> Result<()> {
    let program = fs::metadata(app).with_context(|| format!("no {}", app.display()))?;
    let mb = program.len() as f64 / 1e6;
    report.add("app.binary_mb", mb, "MB", Budget::AtMost(8.0));
    let assets = pages.join("assets");
    let mut bytes = 0;
    for file in needed(&assets)? {
        bytes += gzipped(&fs::read(&file)?)?;
    }
    let kb = bytes as f64 / 1e3;
    report.add("app.bundle_kb_gzip", kb, "kB", Budget::AtMost(45.0));
    report.note(
        "app.binary_mb: the file of profile `app`, stripped by it; pages included".to_owned(),
    );
    report.note(
        "app.bundle_kb_gzip: script, style and the English texts, each file through gzip -9"
            .to_owned(),
    );
    Ok(())
}

/// The scripts and styles that a person with English texts loads.
fn needed(assets: &Path) -> Result<Vec<PathBuf>> {
    let mut needed = Vec::new();
    let mut has_texts = false;
    let entries = fs::read_dir(assets).with_context(|| format!("no {}", assets.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_code = [".js", ".css"].iter().any(|end| name.ends_with(end));
        let is_english = name.starts_with("en-");
        // `de-HASH.js`: texts of another language.
        let is_another = !is_english && name.find('-') == Some(2);
        has_texts |= is_english;
        if is_code && !is_another {
            needed.push(path);
        }
    }
    ensure!(has_texts, "{} has no English texts", assets.display());
    Ok(needed)
}

fn gzipped(bytes: &[u8]) -> Result<usize> {
    let mut gzip = Command::new("gzip")
        .args(["-9", "--no-name", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start gzip")?;
    let mut input = gzip.stdin.take().context("gzip has no input")?;
    let bytes = bytes.to_vec();
    // Beside the reading: a pipe holds less than a script.
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let output = gzip.wait_with_output()?;
    if !output.status.success() || writing.join().is_err() {
        bail!("gzip ended with {}", output.status);
    }
    Ok(output.stdout.len())
}
