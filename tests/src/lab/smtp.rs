//! A real SMTP server that keeps what it gets, with a page to read it on: the demo's mailbox
//! and the stories' way to the code.

use std::{cell::RefCell, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    http::Http,
    process::Process,
    run_folder::RunFolder,
    wait::{self, PATIENCE},
};

/// The mail server.
pub struct Mailbox {
    /// The port it takes mail on, without encryption (loopback only).
    pub smtp_port: u16,
    http: Http,
    taken: RefCell<Vec<String>>,
    process: Process,
    _folder: RunFolder,
}

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

impl Mailbox {
    /// Starts it on free ports.
    ///
    /// # Errors
    /// When Debian's python3 or its aiosmtpd is missing.
    pub fn start() -> Result<Self> {
        let folder = RunFolder::new("mail")?;
        let script = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/lab/mailbox.py"));
        // Not the first python3 of the PATH: aiosmtpd comes with Debian's.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
        let (process, line) =
            Process::start_and_read_line("mailbox", command, folder.path(), |line| {
                line.starts_with('{')
            })?;
        let ready: Value = serde_json::from_str(&line)?;
        let port = |name: &str| {
            let number = ready[name].as_u64().and_then(|n| u16::try_from(n).ok());
            number.with_context(|| format!("the mailbox said {line}"))
        };
        Ok(Self {
            smtp_port: port("smtp")?,
            http: Http::new(format!("http://127.0.0.1:{}", port("http")?)),
            taken: RefCell::default(),
            process,
            _folder: folder,
        })
    }

    /// Where the mail can be read in a browser.
    pub fn address(&self) -> &str {
        self.http.base()
    }

    /// The mail that came for `to`, oldest first.
    ///
    /// # Errors
    /// When the mail server is gone.
    pub fn mails(&self, to: &str) -> Result<Vec<Mail>> {
        let path = format!("/messages?to={}", to.replace('+', "%2B"));
        let list = self.http.get(&path, &[])?.success()?;
        let text = |mail: &Value, key: &str| mail[key].as_str().unwrap_or_default().to_owned();
        let mails = list.as_array().context("the mailbox answered no list")?;
        Ok(mails
            .iter()
            .map(|mail| Mail {
                subject: text(mail, "subject"),
                text: text(mail, "text"),
                html: text(mail, "html"),
            })
            .collect())
    }

    /// Waits for the mail number `count` (from 1) for `to`.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_for_mail(&self, to: &str, count: usize) -> Result<Mail> {
        wait::until(&format!("mail {count} to {to}"), PATIENCE, || {
            Ok(self.mails(to)?.get(count.saturating_sub(1)).cloned())
        })
    }

    /// Waits until `to` has a code, and returns the newest: each code can be had once, so
    /// that a story never enters an old one by chance.
    ///
    /// # Errors
    /// When none comes.
    pub fn wait_for_newest_code(&self, to: &str) -> Result<String> {
        wait::until(&format!("a code to {to}"), PATIENCE, || {
            let codes: Vec<String> = self.mails(to)?.iter().filter_map(Mail::code).collect();
            let mut taken = self.taken.borrow_mut();
            let newest = codes.last().filter(|code| !taken.contains(code)).cloned();
            taken.extend(newest.clone());
            Ok(newest)
        })
    }

    /// From now on every mail is refused (or taken again).
    ///
    /// # Errors
    /// When the mail server is gone.
    pub fn refuse(&self, refuse: bool) -> Result<()> {
        let body = json!({ "refuse": refuse });
        self.http.post("/refuse", &[], &body)?.success()?;
        Ok(())
    }

    /// Ends it, as when the mail server of an organisation is down.
    pub fn stop(&mut self) {
        self.process.stop();
    }
}

impl Mail {
    /// The code in it: eight digits, grouped by four, on a line of their own.
    pub fn code(&self) -> Option<String> {
        self.text.lines().find_map(|line| {
            let digits: String = line.chars().filter(|c| !c.is_whitespace()).collect();
            let is_code = digits.len() == 8 && digits.chars().all(|c| c.is_ascii_digit());
            is_code.then_some(digits)
        })
    }
}
