//! A screen that nobody sees but this bench: Xvfb keeps its pixels in a file, which is read
//! without asking the program that draws, or the X server, for anything.

use std::{fs::File, os::unix::fs::FileExt as _, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::lab::{process::Process, run_folder::RunFolder};

/// The screen.
pub(crate) struct Screen {
    name: String,
    pixels: File,
    /// Where the first pixel is in the file.
    begin: u64,
    bytes_per_line: u64,
    _process: Process,
    _folder: RunFolder,
}

/// A part of the screen, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) left: u64,
    pub(crate) top: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
}

const BYTES_PER_PIXEL: u64 = 4;

impl Screen {
    /// Starts one, as large as a small laptop's.
    ///
    /// # Errors
    /// When Xvfb is missing.
    pub(crate) fn start() -> Result<Self> {
        let folder = RunFolder::new("screen")?;
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", "1366x900x24"])
            .args(["-nolisten", "tcp", "-noreset", "-fbdir"])
            .arg(folder.path());
        let (process, number) =
            Process::start_and_read_line("xvfb", command, folder.path(), |line| {
                !line.is_empty() && line.chars().all(|c| c.is_ascii_digit())
            })?;
        let pixels = File::open(folder.join("Xvfb_screen0")).context("Xvfb keeps no pixels")?;
        // The header of an X window dump: 32-bit numbers, the most significant byte first.
        let number_at = |index: u64| {
            let mut bytes = [0; 4];
            pixels.read_exact_at(&mut bytes, index * 4)?;
            anyhow::Ok(u64::from(u32::from_be_bytes(bytes)))
        };
        let (header, bytes_per_line, colours) = (number_at(0)?, number_at(12)?, number_at(19)?);
        Ok(Self {
            name: format!(":{number}"),
            begin: header + colours * 12,
            bytes_per_line,
            pixels,
            _process: process,
            _folder: folder,
        })
    }

    /// What `DISPLAY` must say.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What an area shows now.
    ///
    /// # Errors
    /// When it lies outside.
    pub(crate) fn look(&self, area: Area) -> Result<Vec<u8>> {
        let line = area.width * BYTES_PER_PIXEL;
        let mut seen = vec![0; usize::try_from(line * area.height)?];
        for (row, bytes) in (area.top..).zip(seen.chunks_exact_mut(usize::try_from(line)?)) {
            let at = self.begin + row * self.bytes_per_line + area.left * BYTES_PER_PIXEL;
            self.pixels.read_exact_at(bytes, at)?;
        }
        Ok(seen)
    }
}

impl Area {
    /// From what a page says of one of its elements: `[left, top, width, height]`.
    ///
    /// # Errors
    /// When it says something else.
    pub(crate) fn of(said: &Value) -> Result<Self> {
        let number = |index: usize| said[index].as_u64().context("the page names no area");
        Ok(Self { left: number(0)?, top: number(1)?, width: number(2)?, height: number(3)? })
    }
}

/// Which part of the pixels differs between two pictures of one area.
pub(crate) fn difference(a: &[u8], b: &[u8]) -> f64 {
    let size = BYTES_PER_PIXEL as usize;
    let pairs = a.chunks_exact(size).zip(b.chunks_exact(size));
    let differing = pairs.filter(|(a, b)| a != b).count();
    differing as f64 / (a.len() / size).max(1) as f64
}

/// Whether a picture has one colour only.
pub(crate) fn is_plain(seen: &[u8]) -> bool {
    let mut pixels = seen.chunks_exact(BYTES_PER_PIXEL as usize);
    pixels.next().is_none_or(|first| pixels.all(|pixel| pixel == first))
}
