//! A program's window, driven from outside by WebDriver (W3C), as a person's hands and eyes
//! would: real clicks, real keys, real pixels.

use std::{net::TcpListener, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    http::Http,
    process::Process,
    wait::{self, PATIENCE},
};

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A driver and the one window it holds.
pub struct Window {
    http: Http,
    session: String,
    driver: Process,
}

/// Something on the page.
pub struct Element(String);

impl Window {
    /// Starts `driver` (without its port) and opens a window with these capabilities.
    ///
    /// # Errors
    /// When the driver is missing or the window does not open; with the driver's log.
    pub fn open(driver: Command, capabilities: &Value, folder: &Path) -> Result<Self> {
        let (http, mut driver) = start_driver(driver, folder)?;
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let session = http
            .post("/session", &[], &body)
            .and_then(|answer| answer.success())
            .and_then(|value| {
                let id = value["value"]["sessionId"].as_str();
                id.map(str::to_owned).context("no session id")
            });
        match session {
            Ok(session) => Ok(Self { http, session, driver }),
            Err(error) => {
                driver.stop();
                Err(error.context(driver.log_end()))
            }
        }
    }

    /// Runs JavaScript in the page and returns what it returns.
    ///
    /// # Errors
    /// When the script throws or the window is gone.
    pub fn run(&self, script: &str, arguments: &Value) -> Result<Value> {
        self.command("execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// The element that `script` returns; `None` when it returns null.
    ///
    /// # Errors
    /// When the script throws or the window is gone.
    pub fn find(&self, script: &str, arguments: &Value) -> Result<Option<Element>> {
        let found = self.run(script, arguments)?;
        Ok(found[ELEMENT].as_str().map(|id| Element(id.to_owned())))
    }

    /// Clicks it.
    ///
    /// # Errors
    /// When something lies over it or it is gone.
    pub fn click(&self, element: &Element) -> Result<()> {
        self.command(&format!("element/{}/click", element.0), &json!({})).map(drop)
    }

    /// Types into it, after what is there.
    ///
    /// # Errors
    /// When it cannot be typed into or is gone.
    pub fn type_into(&self, element: &Element, text: &str) -> Result<()> {
        let path = format!("element/{}/value", element.0);
        self.command(&path, &json!({ "text": text })).map(drop)
    }

    /// Empties it.
    ///
    /// # Errors
    /// When it cannot be typed into or is gone.
    pub fn clear(&self, element: &Element) -> Result<()> {
        self.command(&format!("element/{}/clear", element.0), &json!({})).map(drop)
    }

    /// Saves what the window shows as PNG.
    ///
    /// # Errors
    /// When the window is gone or the file cannot be written.
    pub fn screenshot(&self, file: &Path) -> Result<()> {
        let path = format!("/session/{}/screenshot", self.session);
        let answer = self.http.get(&path, &[])?.success()?;
        let png = answer["value"].as_str().context("no picture came")?;
        std::fs::write(file, STANDARD.decode(png)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Closes the window and ends the driver.
    pub fn close(self) {
        let _ = self.http.delete(&format!("/session/{}", self.session));
    }

    /// Ends program and driver at once, as a power cut does.
    pub fn kill(mut self) {
        self.driver.kill();
    }

    fn command(&self, command: &str, body: &Value) -> Result<Value> {
        let path = format!("/session/{}/{command}", self.session);
        let mut answer = self.http.post(&path, &[], body)?.success()?;
        Ok(answer["value"].take())
    }
}

/// Starts a driver on a port that was free a moment ago; takes another one when it was lost.
fn start_driver(command: Command, folder: &Path) -> Result<(Http, Process)> {
    let mut last_words = String::new();
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut with_port = Command::new(command.get_program());
        with_port.args(command.get_args()).arg(format!("--port={port}"));
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => with_port.env(key, value),
                None => with_port.env_remove(key),
            };
        }
        let mut driver = Process::start("webdriver", with_port, folder)?;
        let http = Http::new(format!("http://127.0.0.1:{port}"));
        let ready = wait::until("the WebDriver", PATIENCE, || {
            driver.fail_if_ended()?;
            Ok(http.get("/status", &[]).ok())
        });
        match ready {
            Ok(_) => return Ok((http, driver)),
            Err(error) => last_words = format!("{error:#}"),
        }
    }
    bail!("the WebDriver does not start: {last_words}")
}
