//! Reads the accounts in scope, all or what changed, page by page, on a connection of its own:
//! a long read must not hold up a write. Nobody's page is read before the last one was taken.

use std::collections::HashSet;

use protocol::directory::{AccountRecord, ExternalId, NotDone};
use tokio::sync::mpsc;

use super::{
    ActiveDirectory, account,
    changes::{Mark, guid},
    connection::{Controller, Session},
    domain::Domain,
    entry::Entry,
    groups::{self, Group},
    refusal::Fault,
    self_written::Attributes as Writable,
    told,
};
use crate::{Cookie, Page, Reading};

/// Accounts of people: no computers, no trusts.
pub(super) const PERSONS: &str =
    "(&(objectCategory=person)(objectClass=user)(sAMAccountType=805306368))";

/// Why a reading ended early.
pub(super) enum Stop {
    /// The controller.
    Fault(Fault),
    /// Nobody takes the pages any more.
    Unread,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// One reading of one domain at one controller.
pub(super) struct Reader<'a> {
    pub(super) directory: &'a ActiveDirectory,
    pub(super) session: &'a Session,
    pub(super) groups: Vec<Group>,
    /// The ids of the members of each of the groups.
    members: Vec<HashSet<[u8; 16]>>,
    pages: &'a mpsc::Sender<Page>,
    part: String,
    unreadable: usize,
    /// Every account so far said when it changed.
    tells_changes: bool,
}

impl ActiveDirectory {
    pub(super) async fn list(
        &self,
        since: Option<&Cookie>,
        pages: &mpsc::Sender<Page>,
    ) -> Result<Reading, NotDone> {
        let (controller, session) = self.own_session().await?;
        let read = self.read_accounts(&session, since, pages).await;
        read.map_err(|stop| match stop {
            Stop::Fault(fault) => told(controller, &fault),
            Stop::Unread => NotDone::Expired,
        })
    }

    async fn read_accounts(
        &self,
        session: &Session,
        since: Option<&Cookie>,
        pages: &mpsc::Sender<Page>,
    ) -> Result<Reading, Stop> {
        // Before anything is read: what changes meanwhile is read again next time.
        let now = Mark::of(session, &self.settings_text(session)).await?;
        let then = since.and_then(Mark::parse);
        let from = now.as_ref().zip(then).and_then(|(now, then)| now.goes_on_from(&then));
        let mut reader = Reader {
            directory: self,
            session,
            groups: groups::resolve(session, &self.groups).await?,
            members: Vec::new(),
            pages,
            part: session.domain.head.to_lowercase(),
            unreadable: 0,
            tells_changes: true,
        };
        let whole = match from {
            Some(from) => !reader.changes(from).await?,
            None => true,
        };
        if whole {
            reader.all().await?;
        }
        if reader.unreadable > 0 {
            let accounts = reader.unreadable;
            tracing::warn!(accounts, "accounts without a usable id, name or state are left out");
        }
        let cookie = now.filter(|_| reader.tells_changes).map(|now| now.cookie());
        Ok(Reading { part: reader.part, whole, cookie })
    }

    /// What a reading depends on besides the directory: with other settings all is read anew.
    fn settings_text(&self, session: &Session) -> String {
        let scope = &session.domain.scope;
        format!("1 {:?} {:?} {:?} {:?}", scope.bases, scope.excluded, self.attributes, self.groups)
    }

    fn listed_attributes(&self) -> Vec<String> {
        let mapped = &self.attributes;
        let phones = [&mapped.mobile, &mapped.office].into_iter().flatten();
        let mut names: Vec<String> = account::LISTED.iter().map(|&name| name.to_owned()).collect();
        for name in [&mapped.email, &mapped.display_name].into_iter().chain(phones) {
            if !names.iter().any(|listed| listed.eq_ignore_ascii_case(name)) {
                names.push(name.clone());
            }
        }
        names
    }

    /// At any controller, a read-only one as well; those that failed lately come last.
    async fn own_session(&self) -> Result<(&Controller, Session), NotDone> {
        let mut last = NotDone::DirectoryUnreachable;
        let mut controllers: Vec<_> = self.controllers.configured.iter().collect();
        controllers.sort_by_key(|controller| controller.is_failing());
        for controller in controllers {
            match controller.new_session().await {
                Ok(session) => return Ok((controller, session)),
                Err(fault) => last = told(controller, &fault),
            }
        }
        Err(last)
    }
}

impl Reader<'_> {
    async fn all(&mut self) -> Result<(), Stop> {
        let bases: Vec<String> = separate_bases(&self.session.domain).cloned().collect();
        for base in &bases {
            self.read_members(base, "").await?;
            let attributes = self.directory.listed_attributes();
            let mut found = self.session.pages(base, PERSONS, attributes).await?;
            while let Some(entries) = found.next().await? {
                self.tells_changes &=
                    entries.iter().all(|entry| !entry.all("uSNChanged").is_empty());
                let accounts = entries.iter().filter_map(|entry| self.record(entry)).collect();
                self.hand_over(true, accounts, Vec::new()).await?;
            }
        }
        Ok(())
    }

    /// What changed after `from`. `false` when that cannot be told account by account.
    async fn changes(&mut self, from: u64) -> Result<bool, Stop> {
        let later = format!("(uSNChanged>={})", from + 1);
        let head = self.session.domain.head.clone();
        let Some(deleted) = self.deleted(&head, &later).await? else { return Ok(false) };
        if self.moves_many(&head, &later).await? {
            return Ok(false);
        }
        self.read_members(&head, &later).await?;
        let writable = Writable::learn(self.session, &self.directory.attributes).await?;
        self.hand_over(false, Vec::new(), deleted).await?;
        let filter = format!("(&{PERSONS}{later})");
        // From the head, not the subtrees: who was moved out of them is seen there.
        let attributes = self.directory.listed_attributes();
        let mut found = self.session.pages(&head, &filter, attributes).await?;
        while let Some(entries) = found.next().await? {
            let (mut accounts, mut gone) = (Vec::new(), Vec::new());
            for entry in &entries {
                if !self.session.domain.scope.holds(&entry.dn) {
                    gone.extend(account::external_id(entry));
                } else if let Some(mut record) = self.record(entry) {
                    record.self_written = writable.by_itself(self.session, entry).await?;
                    accounts.push(record);
                }
            }
            self.hand_over(false, accounts, gone).await?;
        }
        Ok(true)
    }

    async fn read_members(&mut self, base: &str, clause: &str) -> Result<(), Stop> {
        self.members.clear();
        for at in 0..self.groups.len() {
            let mut members = HashSet::new();
            let filter = format!("(&{PERSONS}{clause}{})", self.groups[at].members());
            let attributes = vec!["objectGUID".to_owned()];
            let mut found = self.session.pages(base, &filter, attributes).await?;
            while let Some(entries) = found.next().await? {
                members.extend(entries.iter().filter_map(|entry| guid(entry, "objectGUID")));
            }
            self.members.push(members);
        }
        Ok(())
    }

    fn record(&mut self, entry: &Entry) -> Option<AccountRecord> {
        let domain = &self.session.domain;
        let protected = domain.scope.listed_protection(entry).is_some();
        let record = account::record(entry, domain, &self.directory.attributes, protected);
        let Some(mut record) = record else {
            self.unreadable += 1;
            return None;
        };
        let id = guid(entry, "objectGUID")?;
        let groups = self.groups.iter().zip(&self.members);
        let of = groups.filter(|(_, members)| members.contains(&id));
        record.groups = of.map(|(group, _)| group.name.clone()).collect();
        Some(record)
    }

    async fn hand_over(
        &self,
        whole: bool,
        accounts: Vec<AccountRecord>,
        gone: Vec<ExternalId>,
    ) -> Result<(), Stop> {
        let page = Page { part: self.part.clone(), whole, accounts, gone };
        self.pages.send(page).await.map_err(|_| Stop::Unread)
    }
}

/// The configured subtrees without those inside another, so that nobody is listed twice.
fn separate_bases(domain: &Domain) -> impl Iterator<Item = &String> {
    let names = &domain.scope.bases;
    domain.bases.iter().enumerate().filter_map(move |(at, base)| {
        let covered = names.iter().enumerate().any(|(other, parent)| {
            other != at && names[at].is_within(parent) && (names[at] != *parent || other < at)
        });
        (!covered).then_some(base)
    })
}
