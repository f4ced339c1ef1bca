//! What a run reads, cut into numbered pages that fit a frame, with a count of what is malformed.

use directory::Page;
use protocol::{
    agent::{AccountsPage, MAX_PAGE, Report},
    directory::{AccountRecord, ExternalId, Field},
};

use crate::outbox::Outbox;

/// Most bytes of accounts in a page: signed, escaped and framed it stays under the limit.
const PAGE_BYTES: usize = 100 * 1024;

/// Cuts accounts into pages that fit a frame.
pub(super) struct Pages<'a> {
    run: u64,
    /// The run before, which changes go on from.
    before: u64,
    outbox: &'a Outbox,
    part: String,
    whole: bool,
    accounts: Vec<AccountRecord>,
    gone: Vec<ExternalId>,
    bytes: usize,
    number: u32,
    /// Accounts so far.
    pub(super) count: usize,
    malformed: Vec<Field>,
}

impl<'a> Pages<'a> {
    /// Pages of `run`; changes go on from the run `before`.
    pub(super) fn new(run: u64, before: u64, outbox: &'a Outbox) -> Self {
        Self {
            run,
            before,
            outbox,
            part: String::new(),
            whole: false,
            accounts: Vec::new(),
            gone: Vec::new(),
            bytes: 0,
            number: 0,
            count: 0,
            malformed: Vec::new(),
        }
    }

    /// Sends what no longer fits a page; false when there is no way out any more.
    pub(super) async fn add(&mut self, page: Page) -> bool {
        (self.part, self.whole) = (page.part, page.whole);
        for account in page.accounts {
            self.malformed.extend_from_slice(&account.malformed);
            let size = size(&account);
            if !self.make_room(size).await {
                return false;
            }
            self.count += 1;
            self.accounts.push(account);
        }
        for id in page.gone {
            if !self.make_room(2 * id.0.len() + 8).await {
                return false;
            }
            self.gone.push(id);
        }
        true
    }

    async fn make_room(&mut self, size: usize) -> bool {
        let is_full = self.bytes + size > PAGE_BYTES
            || self.accounts.len() == MAX_PAGE
            || self.gone.len() == MAX_PAGE;
        let sent = !is_full || self.send(false, None).await;
        self.bytes += size;
        sent
    }

    /// Sends the rest, marked as the last; whether it was sent.
    pub(super) async fn finish(
        mut self,
        part: String,
        whole: bool,
        parts: Option<Vec<String>>,
    ) -> bool {
        (self.part, self.whole) = (part, whole);
        self.log_malformed();
        self.send(true, parts).await
    }

    async fn send(&mut self, last: bool, parts: Option<Vec<String>>) -> bool {
        self.bytes = 0;
        let page = AccountsPage {
            run: self.run,
            part: self.part.clone(),
            number: self.number,
            since: (!self.whole).then_some(self.before),
            accounts: std::mem::take(&mut self.accounts),
            gone: std::mem::take(&mut self.gone),
            last,
            parts,
        };
        self.number += 1;
        self.outbox.send(Report::Accounts(page)).await
    }

    fn log_malformed(&self) {
        if self.malformed.is_empty() {
            return;
        }
        let of = |field| self.malformed.iter().filter(|&&other| other == field).count();
        tracing::warn!(
            email = of(Field::Email),
            mobile = of(Field::Mobile),
            office = of(Field::Office),
            name = of(Field::Name),
            display_name = of(Field::DisplayName),
            "malformed values count as missing; the service lists them: regain-service directory malformed"
        );
    }
}

/// At least as many bytes as the record takes in JSON inside JSON.
fn size(account: &AccountRecord) -> usize {
    const FRAME: usize = 512;
    let texts = account.names.iter().chain([&account.display_name]).chain(&account.email);
    FRAME + texts.chain(&account.groups).map(|text| 2 * text.len() + 8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use protocol::agent::MAX_FRAME;

    use super::*;

    fn account(n: usize) -> AccountRecord {
        AccountRecord {
            external_id: ExternalId(format!("ae47168b-355d-45e5-8604-{n:012}")),
            display_name: "\"Anna\" \\Berg ".repeat(15),
            names: vec![format!("anna{n}@{}", "x".repeat(200)), format!(r"AD\anna{n}")],
            email: Some(format!("anna{n}@mail.example")),
            enabled: true,
            ..AccountRecord::default()
        }
    }

    fn page(accounts: Vec<AccountRecord>) -> Page {
        Page { part: "dc=test".to_owned(), whole: true, accounts, gone: Vec::new() }
    }

    #[tokio::test]
    async fn pages_fit_a_frame_and_only_the_last_is_marked() {
        let outbox = Outbox::default();
        let mut reports = outbox.connect();
        let sending = tokio::spawn(async move {
            let mut pages = Pages::new(7, 6, &outbox);
            assert!(pages.add(page((0..1200).map(account).collect())).await);
            let count = pages.count;
            assert!(pages.finish("dc=test".to_owned(), true, None).await);
            outbox.disconnect();
            count
        });
        let (mut count, mut lasts, mut number) = (0, Vec::new(), 0);
        while let Some(report) = reports.recv().await {
            let json = serde_json::to_string(&report).unwrap();
            assert!(serde_json::to_string(&json).unwrap().len() < MAX_FRAME - 1024);
            let Report::Accounts(page) = report else { panic!() };
            assert_eq!((page.run, page.number, page.since), (7, number, None));
            number += 1;
            assert!(page.accounts.len() <= MAX_PAGE);
            count += page.accounts.len();
            lasts.push(page.last);
        }
        assert_eq!((count, sending.await.unwrap()), (1200, 1200));
        assert_eq!(lasts.iter().filter(|&&last| last).count(), 1);
        assert_eq!(lasts.last(), Some(&true));
    }
}
