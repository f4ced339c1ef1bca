//! Takes in what agents say of the accounts of their directories: whole runs and changes, what
//! is no more, and what becomes of an address that changed. Which address counts is `recovery`'s.
//!
//! A run counts only when every page of it came: nobody is taken for deleted by what was lost.

use std::sync::Arc;

use protocol::{
    agent::{AccountsPage, MAX_PAGE},
    directory::{AccountRecord, Field},
    id::AccountId,
};
use recovery::{Address, AddressKind, CaseCode, Seen, Sighting, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::{AuditEvent, NewAccount, StoreError, Tx};
use uuid::Uuid;

use crate::{
    audit::Event,
    flow::{self, Message, MessageKind, Recipient},
    service::Service,
};

/// Most bytes of texts that a directory may say.
const MAX_TEXT: usize = 512;

/// What becomes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageTaken {
    /// PageTaken in.
    In,
    /// Not taken in: it goes on from a run that is not known here, or pages before it are
    /// missing.
    Missed,
    /// The end of such a run: the agent must send all accounts.
    SendAll,
    /// No page that an agent of ours sends.
    Unreadable,
}

/// Who sends a page.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The tenant.
    pub tenant: Uuid,
    /// The directory that the agent stands beside.
    pub directory: Uuid,
    /// The agent.
    pub agent: Uuid,
}

/// Takes in a page.
///
/// # Errors
/// When the store refuses.
pub async fn take_in(
    service: &Arc<Service>,
    source: Source,
    page: AccountsPage,
) -> Result<PageTaken, StoreError> {
    if !is_readable(&page) {
        return Ok(PageTaken::Unreadable);
    }
    let (for_tx, now) = (Arc::clone(service), service.now());
    let taken = service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let Source { tenant, directory, agent } = source;
                let taking = Taking { service: &for_tx, tenant, directory, agent, now };
                taking.page(&mut tx, &page).await
            })
        })
        .await?;
    // Somebody may have to be told.
    service.outbox_filled.notify_one();
    Ok(taken)
}

fn is_readable(page: &AccountsPage) -> bool {
    let short = |text: &String| text.len() <= MAX_TEXT;
    let record = |account: &AccountRecord| {
        account.external_id.0.len() <= 64
            && short(&account.display_name)
            && account.email.iter().chain(&account.names).chain(&account.groups).all(short)
            && account.names.len() <= 64
            && account.groups.len() <= 256
            && account.malformed.len() <= 16
    };
    let parts = page.parts.iter().flatten().chain([&page.part]);
    page.accounts.len() <= MAX_PAGE
        && page.gone.len() <= MAX_PAGE
        && !page.part.is_empty()
        && parts.into_iter().all(|part| part.len() <= MAX_TEXT)
        && page.parts.as_ref().is_none_or(|parts| parts.len() <= 64)
        && page.accounts.iter().all(record)
}

struct Taking<'a> {
    service: &'a Service,
    tenant: Uuid,
    directory: Uuid,
    agent: Uuid,
    now: Timestamp,
}

impl Taking<'_> {
    async fn page(&self, tx: &mut Tx<'_>, page: &AccountsPage) -> Result<PageTaken, StoreError> {
        let missed = if page.last { PageTaken::SendAll } else { PageTaken::Missed };
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (run, of) = (number(page.run), (self.agent, page.part.as_str()));
        let known = tx.run(of.0, of.1).await?;
        let complete = known.and_then(|known| known.complete);
        if page.since.is_some_and(|since| complete != Some(number(since))) {
            return Ok(missed);
        }
        if page.number == 0 {
            tx.begin_run(self.directory, of, run).await?;
        }
        let Some(known) = tx.run(of.0, of.1).await?.filter(|known| known.run == run) else {
            return Ok(missed);
        };
        if known.pages != i64::from(page.number) {
            return Ok(missed);
        }
        let is_first_reading = tx.is_first_reading(self.directory, &page.part).await?;
        let count = tx.run_count(self.directory).await?;
        for account in &page.accounts {
            self.account(tx, account, (&page.part, count), is_first_reading).await?;
        }
        for id in &page.gone {
            if let Some(account) = tx.listed(self.directory, &id.0).await? {
                leave(tx, account.id, self.now).await?;
            }
        }
        if page.last && page.since.is_none() {
            self.end_whole(tx, page, known.counted).await?;
        }
        tx.took_page(of, page.last).await?;
        Ok(PageTaken::In)
    }

    /// Whoever did not come in a run of all is there no more.
    async fn end_whole(
        &self,
        tx: &mut Tx<'_>,
        page: &AccountsPage,
        since: i64,
    ) -> Result<(), StoreError> {
        let mut gone = tx.accounts_unseen(self.directory, &page.part, since).await?;
        if let Some(parts) = &page.parts {
            for other in tx.parts(self.directory).await? {
                if other != page.part && !parts.contains(&other) {
                    gone.extend(tx.accounts_unseen(self.directory, &other, i64::MAX).await?);
                }
            }
        }
        for account in gone {
            leave(tx, account, self.now).await?;
        }
        tx.was_read(self.directory, &page.part, self.now).await
    }

    async fn account(
        &self,
        tx: &mut Tx<'_>,
        record: &AccountRecord,
        (part, count): (&str, i64),
        is_first_reading: bool,
    ) -> Result<(), StoreError> {
        let known = tx.listed(self.directory, &record.external_id.0).await?;
        let hash = hash(record)?;
        if let Some(known) = &known
            && record.self_written.is_none()
            && known.listed.as_ref() == Some(&hash)
        {
            return tx.seen_again(known.id, part, count).await;
        }
        // Mail is sent by a library with a mind of its own about addresses.
        let email = record.email.as_deref().filter(|email| is_address(email));
        let mut malformed = record.malformed.clone();
        if record.email.is_some() && email.is_none() {
            malformed.push(Field::Email);
        }
        let malformed: Vec<&str> = malformed.into_iter().map(Field::as_str).collect();
        let new_id = AccountId::new(self.now.unix_millis(), &mut *self.service.rng()).0;
        let listed = NewAccount {
            external_id: &record.external_id.0,
            display_name: &record.display_name,
            names: &record.names,
            enabled: record.enabled,
            protected: record.protected,
            part,
            member_of: &record.groups,
            malformed: &malformed,
            listed: Some(&hash),
        };
        let id = tx.put_account((self.tenant, self.directory), new_id, &listed, count).await?;
        let phone =
            |phone: &Option<protocol::phone::Phone>| phone.as_ref().map(ToString::to_string);
        let values = [
            (AddressKind::Email, Field::Email, email.map(str::to_owned)),
            (AddressKind::Mobile, Field::Mobile, phone(&record.mobile)),
            (AddressKind::Office, Field::Office, phone(&record.office)),
        ];
        for (kind, field, value) in values {
            let sighting = Sighting {
                value: value.as_deref(),
                self_written: record.self_written.as_ref().map(|own| own.contains(&field)),
                // An account that is known already may have been changed since, by itself.
                is_first_reading: is_first_reading && known.is_none(),
                never_signed_in: record.never_signed_in,
                now: self.now,
            };
            // One that was not known before has no address yet.
            let on_file = if known.is_some() { tx.address(id, kind).await? } else { None };
            self.address(tx, (id, kind), record, Address::see(on_file.as_ref(), &sighting)).await?;
        }
        Ok(())
    }

    async fn address(
        &self,
        tx: &mut Tx<'_>,
        (account, kind): (Uuid, AddressKind),
        record: &AccountRecord,
        seen: Seen,
    ) -> Result<(), StoreError> {
        let (address, to) = match seen {
            Seen::Same => return Ok(()),
            Seen::New(address) => (address, None),
            Seen::Announce { address, to } => (address, Some(to)),
        };
        tx.put_address(account, kind, &address).await?;
        if address.first_seen_at != self.now || address.held_until(self.now).is_none() {
            return Ok(());
        }
        let case_code = CaseCode::random(&mut *self.service.rng()).as_str().to_owned();
        let (notice, to) = match kind {
            AddressKind::Email => (MessageKind::AddressChanged, to),
            // There is no way to tell a number of it; its owner is told by mail.
            // One that was there before we looked is no news to its owner.
            AddressKind::Mobile | AddressKind::Office
                if to.is_none() && record.self_written.is_none() =>
            {
                (MessageKind::NumberChanged, None)
            }
            AddressKind::Mobile | AddressKind::Office => {
                let email = tx.address(account, AddressKind::Email).await?;
                (MessageKind::NumberChanged, email.and_then(|email| email.counted(self.now)))
            }
        };
        let detail = json!({ "address": kind.as_str(), "announced": to.is_some() });
        let event = AuditEvent {
            tenant: self.tenant,
            event: Event::AddressHeld.as_str(),
            case_code: Some(case_code.clone()),
            account: Some(account),
            detail: detail.to_string(),
        };
        tx.audit(&event, self.now).await?;
        let Some(address) = to else { return Ok(()) };
        let name = record.display_name.clone();
        let user_id = record.names.first().cloned().unwrap_or_else(|| name.clone());
        let message = Message {
            kind: notice,
            to: Some(Recipient { address, name }),
            code: None,
            minutes: 0,
            user_id,
            case_code,
            language: self.service.locales.choose("").to_owned(),
        };
        flow::post_notice(tx, self.service, self.tenant, &message, self.now).await
    }
}

/// Takes an account and its addresses off the file. What counted is remembered for a while, so
/// that who comes back with it need not wait.
///
/// # Errors
/// When the store refuses.
pub async fn leave(tx: &mut Tx<'_>, account: Uuid, now: Timestamp) -> Result<(), StoreError> {
    tx.leave(account, now).await?;
    let gone = Sighting {
        value: None,
        self_written: None,
        is_first_reading: false,
        never_signed_in: false,
        now,
    };
    for kind in AddressKind::ALL {
        let on_file = tx.address(account, kind).await?;
        if let Seen::New(address) = Address::see(on_file.as_ref(), &gone) {
            tx.put_address(account, kind, &address).await?;
        }
    }
    Ok(())
}

/// Of everything that is kept of an account.
fn hash(record: &AccountRecord) -> Result<Vec<u8>, StoreError> {
    let record = AccountRecord { self_written: None, ..record.clone() };
    let text = serde_json::to_vec(&record).map_err(|_| StoreError::Inconsistent("account"))?;
    Ok(Sha256::digest(&text).to_vec())
}

/// Whether mail can be sent there at all; anything else counts as missing.
fn is_address(text: &str) -> bool {
    text.parse::<lettre::Address>().is_ok()
}
