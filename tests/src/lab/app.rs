//! The real app in a real window, and a person in front of it: sees the heading, fills the
//! field, presses what is written on a button. Everything is found by the words a person reads
//! (by key, from the file the pages are drawn from), never by a class or an id.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    display::Display,
    process::built,
    run_folder::RunFolder,
    service::Service,
    wait::{self, PATIENCE},
    webdriver::Window,
};
use crate::harness::words::Words;

/// The app, open in front of somebody.
pub struct App {
    window: Option<Window>,
    words: Words,
    policy: PathBuf,
    display: String,
    folder: RunFolder,
}

/// Finds what can be pressed by the words that it starts with (a choice has a second line).
const PRESSABLE: &str = r#"
const said = e => (e.getAttribute('aria-label') || e.innerText || e.value || '').replace(/\s+/g, ' ').trim();
const seen = e => e.getClientRects().length > 0 && !e.disabled;
const all = [...document.querySelectorAll('button, a[href], [role=button], [role=radio], summary, label')].filter(seen);
return all.find(e => said(e) === arguments[0]) || all.find(e => said(e).startsWith(arguments[0])) || null;
"#;
/// The fields of the page, in their order.
const FIELD: &str = r#"
const seen = e => e.getClientRects().length > 0 && !e.disabled && !e.readOnly;
const types = ['text', 'password', 'email', 'tel', 'number', 'search'];
const main = document.querySelector('main') || document.body;
return [...main.querySelectorAll('input')].filter(e => types.includes(e.type) && seen(e))[arguments[0]] || null;
"#;
const HEADING: &str = r"
const heading = document.querySelector('h1');
return heading ? heading.innerText.replace(/\s+/g, ' ').trim() : '';
";
const STANDS_STILL: &str = r"
return document.readyState === 'complete'
  && document.getAnimations().every(animation => animation.playState !== 'running');
";
const TEXT: &str = r"return document.body.innerText.replace(/[ \t]+/g, ' ');";

impl App {
    /// Opens the app on `display`, rolled out for `service`, in its ordinary window.
    ///
    /// # Errors
    /// When the app is not built or its window does not open.
    pub fn open(display: &Display, service: &Service) -> Result<Self> {
        let folder = RunFolder::new("app")?;
        let mut app = Self {
            window: None,
            words: Words::read()?,
            policy: write_policy(&folder, service)?,
            display: display.name().to_owned(),
            folder,
        };
        app.open_again()?;
        Ok(app)
    }

    /// Opens the window again, as a person does after a crash: same home, same settings.
    ///
    /// # Errors
    /// When it does not open.
    pub fn open_again(&mut self) -> Result<()> {
        let program = built("regain", "regain")?;
        let policy = self.policy.display().to_string();
        self.drive(&program, &["--policy", &policy], self.driver())
    }

    /// The app as a host starts it, with this policy: `pipes` are its standard input and output,
    /// and their folder is the run's.
    ///
    /// # Errors
    /// When it does not open: it waits for the host's first word.
    pub fn open_hosted(
        display: &Display,
        policy: &Path,
        pipes: &Pipes,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let folder = RunFolder::new("hosted-app")?;
        let policy = policy.to_owned();
        let display = display.name().to_owned();
        let mut app = Self { window: None, words: Words::read()?, policy, display, folder };
        let program = pipes.program(&built("regain", "regain")?, &app.policy)?;
        let mut driver = app.driver();
        for name in ["TEMP", "TMP", "TMPDIR"] {
            driver.env(name, &pipes.folder);
        }
        driver.envs(settings.iter().copied());
        app.drive(&program, &[], driver)?;
        Ok(app)
    }

    fn drive(&mut self, program: &Path, args: &[&str], driver: Command) -> Result<()> {
        let capabilities =
            json!({ "webkitgtk:browserOptions": { "binary": program, "args": args } });
        self.window = Some(Window::open(driver, &capabilities, self.folder.path())?);
        Ok(())
    }

    fn driver(&self) -> Command {
        let mut driver = Command::new("WebKitWebDriver");
        driver
            .env("DISPLAY", &self.display)
            .env("TAURI_AUTOMATION", "true")
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("LANG", "en_GB.UTF-8")
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("XDG_DATA_HOME", self.folder.join("data"))
            .env("XDG_CACHE_HOME", self.folder.join("cache"))
            .env("XDG_RUNTIME_DIR", self.folder.path())
            // No session bus, so no credential store: the app keeps its secrets in a file.
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .env("NO_AT_BRIDGE", "1")
            .env_remove("WAYLAND_DISPLAY");
        driver
    }

    /// The app dies in the middle of things.
    pub fn crash(&mut self) {
        if let Some(window) = self.window.take() {
            window.kill();
        }
    }

    /// Waits for the page whose heading is the text of `title`.
    ///
    /// # Errors
    /// When it does not come; with the words that are shown instead.
    pub fn see_page(&self, title: &str) -> Result<()> {
        self.see_one_of(&[title]).map(drop)
    }

    /// Waits for one of these pages and says which one came.
    ///
    /// # Errors
    /// When none comes; with the words that are shown instead.
    pub fn see_one_of<'a>(&self, titles: &[&'a str]) -> Result<&'a str> {
        let seen = wait::until(&format!("the page {}", titles.join(" or ")), PATIENCE, || {
            let heading = self.heading()?;
            for &title in titles {
                if self.words.is(title, &heading)? {
                    return Ok(Some(title));
                }
            }
            Ok(None)
        });
        seen.with_context(|| self.what_is_shown())
    }

    /// Waits until the text of `key` stands anywhere on the page.
    ///
    /// # Errors
    /// When it does not appear; with the words that are shown instead.
    pub fn see(&self, key: &str) -> Result<()> {
        self.see_any(&[key])
    }

    /// Waits until one of these texts stands anywhere on the page.
    ///
    /// # Errors
    /// When none appears; with the words that are shown instead.
    pub fn see_any(&self, keys: &[&str]) -> Result<()> {
        let seen = wait::until(&format!("the words {}", keys.join(" or ")), PATIENCE, || {
            let text = self.text()?;
            for key in keys {
                if self.words.is(key, &text)? {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        });
        seen.with_context(|| self.what_is_shown())
    }

    /// Fills the one field of the page.
    ///
    /// # Errors
    /// When there is none.
    pub fn fill(&self, text: &str) -> Result<()> {
        self.fill_nth(0, text)
    }

    /// Fills one of several fields, counted from 0.
    ///
    /// # Errors
    /// When there is none.
    pub fn fill_nth(&self, nth: usize, text: &str) -> Result<()> {
        let window = self.window()?;
        let find = || window.find(FIELD, &json!([nth]));
        let field = wait::until("a field to fill", PATIENCE, find);
        let field = field.with_context(|| self.what_is_shown())?;
        window.clear(&field)?;
        window.type_into(&field, text)
    }

    /// Presses what carries the text of `key`.
    ///
    /// # Errors
    /// When there is nothing like that to press.
    pub fn press(&self, key: &str) -> Result<()> {
        let pressed = wait::until(&format!("{key} to press"), PATIENCE, || {
            Ok(self.press_if_there(key)?.then_some(()))
        });
        pressed.with_context(|| self.what_is_shown())
    }

    /// Presses what carries the text of `key` when the page has it at this moment, and says
    /// whether it did: for pages that may go on by themselves.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn press_if_there(&self, key: &str) -> Result<bool> {
        let words = self.words.fixed_parts(key)?;
        let words = words.into_iter().next().unwrap_or_default();
        let window = self.window()?;
        let Some(element) = window.find(PRESSABLE, &json!([words]))? else { return Ok(false) };
        // A page that changes under the finger is not an error.
        Ok(window.click(&element).is_ok())
    }

    /// What stands in the one field of the page.
    ///
    /// # Errors
    /// When there is none.
    pub fn typed(&self) -> Result<String> {
        let read = format!("const field = (() => {{ {FIELD} }})(); return field && field.value;");
        let value = self.window()?.run(&read, &json!([0]))?;
        value.as_str().map(str::to_owned).context("there is no field")
    }

    /// The heading of the page; empty while there is none.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn heading(&self) -> Result<String> {
        let heading = self.window()?.run(HEADING, &json!([]))?;
        Ok(heading.as_str().unwrap_or_default().to_owned())
    }

    /// Every word on the page.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn text(&self) -> Result<String> {
        let text = self.window()?.run(TEXT, &json!([]))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Runs JavaScript in the page: for measurements, never to act.
    ///
    /// # Errors
    /// When the script throws or the window is gone.
    pub fn measure(&self, script: &str) -> Result<Value> {
        self.window()?.run(script, &json!([]))
    }

    /// Saves what the window shows, once nothing moves any more.
    ///
    /// # Errors
    /// When the window is gone or the file cannot be written.
    pub fn screenshot(&self, file: &Path) -> Result<()> {
        let window = self.window()?;
        wait::until("the page to stand still", PATIENCE, || {
            let is_still = window.run(STANDS_STILL, &json!([]))?;
            Ok((is_still == true).then_some(()))
        })?;
        window.screenshot(file)
    }

    /// Closes the window.
    pub fn close(mut self) {
        if let Some(window) = self.window.take() {
            window.close();
        }
    }

    fn window(&self) -> Result<&Window> {
        match &self.window {
            Some(window) => Ok(window),
            None => bail!("the app's window is closed"),
        }
    }

    fn what_is_shown(&self) -> String {
        let text = self.text().unwrap_or_else(|error| format!("nothing: {error:#}"));
        format!("the app shows:\n{text}")
    }
}

/// Two pipes with names, and what starts the app on them: a driver of windows starts programs
/// without any.
#[derive(Clone, Debug)]
pub struct Pipes {
    folder: PathBuf,
}

impl Pipes {
    /// In this folder, which is the run's own.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn new(folder: &Path) -> Result<Self> {
        let pipes = Self { folder: folder.to_owned() };
        super::process::run(Command::new("mkfifo").args([pipes.input(), pipes.output()]))?;
        Ok(pipes)
    }

    /// Opens our ends, once the program opens its own.
    ///
    /// # Errors
    /// When they are gone.
    pub fn open(&self) -> std::io::Result<(File, File)> {
        let writer = File::options().write(true).open(self.input())?;
        Ok((File::open(self.output())?, writer))
    }

    /// The process that was started on them; none before.
    pub fn process(&self) -> Option<i32> {
        std::fs::read_to_string(self.folder.join("process")).ok()?.trim().parse().ok()
    }

    fn input(&self) -> PathBuf {
        self.folder.join("input")
    }

    fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    /// A script in place of the app, which becomes the app.
    fn program(&self, app: &Path, policy: &Path) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;

        let script = self.folder.join("app.sh");
        let text = format!(
            "#!/bin/sh\necho $$ > {process:?}\n\
             exec {app:?} --host --policy {policy:?} \"$@\" < {input:?} > {output:?}\n",
            process = self.folder.join("process"),
            input = self.input(),
            output = self.output(),
        );
        std::fs::write(&script, text)?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700))?;
        Ok(script)
    }
}

/// The settings that an administrator rolls out with the app.
///
/// # Errors
/// When they cannot be written.
pub fn write_policy(folder: &RunFolder, service: &Service) -> Result<PathBuf> {
    let state = folder.folder("state")?;
    let directories = service.directories()?;
    let keys: Vec<&str> = directories.iter().map(|line| line.key_fingerprint.as_str()).collect();
    let policy = format!(
        "service = \"{}\"\ntenant = \"{}\"\nstate_dir = \"{}\"\ndirectory_keys = {keys:?}\n\n\
         [help]\nname = \"IT service desk\"\nphone = \"+49 30 555 01 00\"\n\
         hours = \"every day, 6 to 22\"\nurl = \"https://it.northwind.example/help\"\n",
        service.origin(),
        service.tenant(),
        state.display()
    );
    folder.write("policy.toml", policy)
}
