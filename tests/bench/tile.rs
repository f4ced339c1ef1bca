//! The tile: how soon the sign-in screen has it, with a host that answers and with one that does
//! not, and how large its library is. Under Wine, so only the order of magnitude is Windows'.

use anyhow::{Context as _, Result};
use tests::lab::{
    tile::{DLL, SignInScreen},
    wine::shipped,
};

use crate::report::{Budget, Report};

/// Measures and adds the figures.
///
/// # Errors
/// When the programs for Windows are not built.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    let screen = SignInScreen::start()?;
    screen.start_host()?;
    let said = screen.tell(&["measure"])?;
    let figure = |name: &str| -> Result<f64> {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(name));
        Ok(line.with_context(|| format!("no {name} in {said}"))?.trim().parse()?)
    };
    report.add("cp.tiles_ms", figure("cp.tiles_ms ")?, "ms", Budget::AtMost(50.0));
    let hung = figure("cp.tiles_hung_host_ms ")?;
    report.add("cp.tiles_hung_host_ms", hung, "ms", Budget::AtMost(300.0));
    let bytes = std::fs::metadata(shipped(DLL)?)?.len();
    report.add("cp.dll_kb", bytes as f64 / 1e3, "kB", Budget::AtMost(700.0));
    report.note("cp.*: under Wine; the median of fifty, and the worst of five".to_owned());
    Ok(())
}
