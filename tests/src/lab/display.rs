//! A screen that nobody sees: Xvfb on a free display number.

use std::process::Command;

use anyhow::Result;

use super::{process::Process, run_folder::RunFolder};

/// The screen.
pub struct Display {
    number: String,
    _process: Process,
    _folder: RunFolder,
}

impl Display {
    /// Starts one, as large as a small laptop's.
    ///
    /// # Errors
    /// When Xvfb is missing.
    pub fn start() -> Result<Self> {
        let folder = RunFolder::new("display")?;
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1366x900x24"]).args([
            "-nolisten",
            "tcp",
            "-noreset",
        ]);
        let (process, number) =
            Process::start_and_read_line("xvfb", command, folder.path(), |line| {
                !line.is_empty() && line.chars().all(|c| c.is_ascii_digit())
            })?;
        Ok(Self { number: format!(":{number}"), _process: process, _folder: folder })
    }

    /// What `DISPLAY` must say.
    pub fn name(&self) -> &str {
        &self.number
    }
}
