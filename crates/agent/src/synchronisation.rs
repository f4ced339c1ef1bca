//! Sends the accounts up: all of them, page by page, on order, after a connect and every so
//! often. A run that breaks off is never marked complete, so nothing is taken for deleted.

use std::{sync::Arc, time::Duration};

use directory::Directory;
use protocol::{
    agent::{MAX_PAGE, Report},
    directory::{AccountRecord, NotDone},
};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, timeout},
};

use crate::{clock::Clock, limits::Limits, outbox::Outbox};

/// Most bytes of accounts in a page: signed, escaped and framed it stays under the limit.
const PAGE_BYTES: usize = 100 * 1024;
/// How long after a failed run the next is tried.
const RETRY: Duration = Duration::from_secs(60);

pub(crate) struct Synchronisation<D> {
    pub(crate) directory: Arc<D>,
    pub(crate) outbox: Outbox,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Clock,
    pub(crate) every: Duration,
    /// Somebody asked for a run now.
    pub(crate) asked: Arc<Notify>,
}

impl<D: Directory + 'static> Synchronisation<D> {
    /// Runs for ever: when asked and every so often.
    pub(crate) async fn run(self) {
        let mut wait = self.every;
        loop {
            // A timeout is the schedule, an answer is a request.
            let _ = timeout(wait, self.asked.notified()).await;
            wait = if self.once().await { self.every } else { RETRY.min(self.every) };
        }
    }

    async fn once(&self) -> bool {
        let started = Instant::now();
        let run = self.clock.unix_millis();
        let (pages, mut read) = mpsc::unbounded_channel::<Vec<AccountRecord>>();
        let directory = Arc::clone(&self.directory);
        let reading = tokio::spawn(async move {
            directory
                .accounts(&mut |page| {
                    // Nobody reads any more when the link is gone.
                    let _ = pages.send(page);
                })
                .await
        });
        let mut sent = Pages::new(run, &self.outbox);
        while let Some(page) = read.recv().await {
            if !sent.add(page).await {
                reading.abort();
                return false;
            }
        }
        match reading.await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => {
                tracing::warn!(?reason, "accounts could not be read");
                return matches!(reason, NotDone::NoRight);
            }
            Err(_) => return false,
        }
        let Some(count) = sent.finish().await else {
            return false;
        };
        self.limits.set_accounts(count);
        tracing::info!(count, seconds = started.elapsed().as_secs_f32(), "accounts sent");
        true
    }
}

/// Cuts accounts into pages that fit a frame.
struct Pages<'a> {
    run: u64,
    outbox: &'a Outbox,
    waiting: Vec<AccountRecord>,
    bytes: usize,
    count: usize,
}

impl<'a> Pages<'a> {
    fn new(run: u64, outbox: &'a Outbox) -> Self {
        Self { run, outbox, waiting: Vec::new(), bytes: 0, count: 0 }
    }

    async fn add(&mut self, accounts: Vec<AccountRecord>) -> bool {
        for account in accounts {
            let size = size(&account);
            if (self.bytes + size > PAGE_BYTES || self.waiting.len() == MAX_PAGE)
                && !self.send(false).await
            {
                return false;
            }
            self.bytes += size;
            self.count += 1;
            self.waiting.push(account);
        }
        true
    }

    /// Sends the rest; how many accounts there were, if all were sent.
    async fn finish(mut self) -> Option<usize> {
        self.send(true).await.then_some(self.count)
    }

    async fn send(&mut self, last: bool) -> bool {
        self.bytes = 0;
        let accounts = std::mem::take(&mut self.waiting);
        self.outbox.send(Report::Accounts { run: self.run, accounts, last }).await
    }
}

/// At least as many bytes as the record takes in JSON inside JSON.
fn size(account: &AccountRecord) -> usize {
    const FRAME: usize = 256;
    let texts = account.names.iter().chain([&account.display_name]).chain(&account.email);
    FRAME + texts.map(|text| 2 * text.len() + 8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use protocol::{agent::MAX_FRAME, directory::ExternalId};

    use super::*;

    fn account(n: usize) -> AccountRecord {
        AccountRecord {
            external_id: ExternalId(format!("ae47168b-355d-45e5-8604-{n:012}")),
            display_name: "\"Anna\" \\Berg ".repeat(15),
            names: vec![format!("anna{n}@{}", "x".repeat(200)), format!(r"AD\anna{n}")],
            email: Some(format!("anna{n}@mail.example")),
            enabled: true,
            protected: false,
        }
    }

    #[tokio::test]
    async fn pages_fit_a_frame_and_only_the_last_is_marked() {
        let outbox = Outbox::default();
        let mut reports = outbox.connect();
        let sending = tokio::spawn(async move {
            let mut pages = Pages::new(7, &outbox);
            assert!(pages.add((0..1200).map(account).collect()).await);
            let count = pages.finish().await;
            outbox.disconnect();
            count
        });
        let (mut count, mut lasts) = (0, Vec::new());
        while let Some(report) = reports.recv().await {
            let json = serde_json::to_string(&report).unwrap();
            assert!(serde_json::to_string(&json).unwrap().len() < MAX_FRAME - 1024);
            let Report::Accounts { run: 7, accounts, last } = report else { panic!() };
            assert!(accounts.len() <= MAX_PAGE);
            count += accounts.len();
            lasts.push(last);
        }
        assert_eq!((count, sending.await.unwrap()), (1200, Some(1200)));
        assert_eq!(lasts.iter().filter(|&&last| last).count(), 1);
        assert_eq!(lasts.last(), Some(&true));
    }
}
