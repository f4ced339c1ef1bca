//! The app's window against a bare one: how soon the first field is drawn, and how much memory
//! all processes hold at rest.
//!
//! Both windows are treated alike and neither helps: "drawn" is read from the screen's pixels.
//! Where the first field is, WebDriver says in a run of its own that is not measured.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::{
    harness::{organisation::Organisation, people::ANNA},
    lab::{
        app::write_policy,
        process::Process,
        run_folder::RunFolder,
        wait::{self, PATIENCE, Stopwatch},
        webdriver::Window,
    },
};

use crate::{
    REPETITIONS, median, memory, ms,
    report::{Budget, Report, say},
    screen::{Area, Screen, difference, is_plain},
};

/// The first thing on the page that can be used: null until it stands still.
const FIRST_FIELD: &str = r"
const field = [...document.querySelectorAll('main button, main input, main a[href]')]
  .find(e => e.getClientRects().length > 0 && !e.disabled);
if (!field || document.readyState !== 'complete') return null;
if (document.getAnimations().some(animation => animation.playState === 'running')) return null;
const box = field.getBoundingClientRect();
return [Math.round(box.left), Math.round(box.top), Math.floor(box.width), Math.floor(box.height)];
";
/// As finely as time is read.
const LOOK: Duration = Duration::from_millis(1);
/// A field is drawn when no more of its pixels than this differ from its final picture (a
/// rounded corner, a caret).
const SAME: f64 = 0.01;

/// Measures both and adds the figures.
///
/// # Errors
/// When a window does not open.
pub(crate) fn measure(app: &Path, bare: &Path, report: &mut Report) -> Result<()> {
    say("App and bare window, in turns (about 3 minutes) ...");
    let organisation = Organisation::embedded(&[ANNA])?;
    let screen = Screen::start()?;
    let policy_folder = RunFolder::new("policy")?;
    let policy = write_policy(&policy_folder, &organisation.service)?;
    let app = Subject::new(&screen, "app", app, &["--policy".into(), policy])?;
    let bare = Subject::new(&screen, "bare window", bare, &[])?;
    let (mut of_app, mut of_bare) = (Runs::default(), Runs::default());
    for _ in 0..REPETITIONS {
        of_app.add(app.run(&screen)?);
        of_bare.add(bare.run(&screen)?);
    }
    let [app_start, bare_start] = [&of_app, &of_bare].map(|runs| median(&runs.start_ms));
    let [app_memory, bare_memory] = [&of_app, &of_bare].map(|runs| median(&runs.memory_mb));
    report.add("app.start_ratio", app_start / bare_start, "x", Budget::AtMost(1.25));
    report.add("app.memory_ratio", app_memory / bare_memory, "x", Budget::AtMost(1.15));
    report.note(format!(
        "app.start_ratio: app {app_start:.0} ms / bare window {bare_start:.0} ms; medians of \
         {REPETITIONS} starts each, in turns; from fork to the first field's final pixels on the \
         screen"
    ));
    report.note(format!(
        "app.memory_ratio: app {app_memory:.1} MB / bare window {bare_memory:.1} MB; PSS of the \
         program and all processes below it, at rest; medians of the same {REPETITIONS} runs"
    ));
    Ok(())
}

#[derive(Default)]
struct Runs {
    start_ms: Vec<f64>,
    memory_mb: Vec<f64>,
}

impl Runs {
    fn add(&mut self, (start_ms, memory_mb): (f64, f64)) {
        self.start_ms.push(start_ms);
        self.memory_mb.push(memory_mb);
    }
}

/// A program that opens a window.
struct Subject {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    folder: RunFolder,
    field: Area,
    /// The field as it looks in the end.
    drawn: Vec<u8>,
}

impl Subject {
    /// Opens the window twice without measuring: to find the field, and to see it drawn.
    fn new(
        screen: &Screen,
        name: &'static str,
        program: &Path,
        arguments: &[PathBuf],
    ) -> Result<Self> {
        let mut subject = Self {
            name,
            program: program.to_owned(),
            arguments: arguments.to_vec(),
            folder: RunFolder::new("window")?,
            field: Area::of(&json!([0, 0, 1, 1]))?,
            drawn: Vec::new(),
        };
        subject.field = subject.find_field(screen)?;
        subject.drawn = subject.see_field(screen)?;
        Ok(subject)
    }

    /// Starts it once: milliseconds until the field is drawn, and MB at rest.
    fn run(&self, screen: &Screen) -> Result<(f64, f64)> {
        let watch = Stopwatch::start();
        let mut process = self.start(screen)?;
        let start = loop {
            if difference(&screen.look(self.field)?, &self.drawn) <= SAME {
                break watch.elapsed();
            }
            ensure!(
                watch.elapsed() < PATIENCE,
                "{} draws no field\n{}",
                self.name,
                process.log_end()
            );
            thread::sleep(LOOK);
        };
        let memory = memory::at_rest(|| memory::pss_mb(process.id()))?;
        process.fail_if_ended()?;
        self.end(screen, process)?;
        Ok((ms(start), memory))
    }

    fn start(&self, screen: &Screen) -> Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        self.surround(&mut command, screen);
        Process::start("window", command, self.folder.path())
    }

    /// Ends it, and waits until it is gone from the screen too.
    fn end(&self, screen: &Screen, process: Process) -> Result<()> {
        drop(process);
        wait::until("the window to go", PATIENCE, || {
            let gone = difference(&screen.look(self.field)?, &self.drawn) > SAME;
            Ok(gone.then_some(()))
        })
    }

    fn find_field(&self, screen: &Screen) -> Result<Area> {
        let mut driver = Command::new("WebKitWebDriver");
        driver.env("TAURI_WEBVIEW_AUTOMATION", "true");
        self.surround(&mut driver, screen);
        let options = json!({ "binary": self.program, "args": self.arguments });
        let capabilities = json!({ "webkitgtk:browserOptions": options });
        let window = Window::open(driver, &capabilities, self.folder.path())?;
        let area = wait::until("the first field", PATIENCE, || {
            let said = window.run(FIRST_FIELD, &json!([]))?;
            (!said.is_null()).then(|| Area::of(&said)).transpose()
        });
        window.close();
        area.with_context(|| format!("{} has no field", self.name))
    }

    /// The field's picture once it has not changed for a second. A plain area is no picture: a
    /// window is empty before anything is drawn in it.
    fn see_field(&self, screen: &Screen) -> Result<Vec<u8>> {
        let process = self.start(screen)?;
        let (mut last, mut since) = (Vec::new(), Stopwatch::start());
        let drawn = wait::until("the field to stand still", PATIENCE, || {
            let seen = screen.look(self.field)?;
            if seen != last || is_plain(&seen) {
                (last, since) = (seen, Stopwatch::start());
                return Ok(None);
            }
            Ok((since.elapsed() > Duration::from_secs(1)).then_some(seen))
        })
        .with_context(|| process.log_end())?;
        drop(process);
        wait::until("the window to go", PATIENCE, || {
            Ok((difference(&screen.look(self.field)?, &drawn) > SAME).then_some(()))
        })?;
        Ok(drawn)
    }

    /// The same surroundings for both, apart from those of whoever runs this.
    fn surround(&self, command: &mut Command, screen: &Screen) {
        command
            .env("DISPLAY", screen.name())
            .env("LANG", "en_GB.UTF-8")
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("XDG_DATA_HOME", self.folder.join("data"))
            .env("XDG_CACHE_HOME", self.folder.join("cache"))
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .env("NO_AT_BRIDGE", "1")
            .env_remove("WAYLAND_DISPLAY");
    }
}
