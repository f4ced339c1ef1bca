//! Lists every account in scope, page by page, on a connection of its own: a long read must not
//! hold up a write.

use protocol::directory::{AccountRecord, NotDone};

use super::{
    ActiveDirectory, account,
    connection::{Controller, Session},
    domain::Domain,
    entry::Entry,
    told,
};

/// Accounts of people: no computers, no trusts.
pub(super) const PERSONS: &str =
    "(&(objectCategory=person)(objectClass=user)(sAMAccountType=805306368))";

impl ActiveDirectory {
    pub(super) async fn list(
        &self,
        each: &mut (dyn FnMut(Vec<AccountRecord>) + Send),
    ) -> Result<(), NotDone> {
        let (controller, session) = self.own_session().await?;
        let domain = &session.domain;
        let mut attributes: Vec<String> =
            account::LISTED.iter().map(|&name| name.to_owned()).collect();
        if !account::LISTED.contains(&self.email_attribute.as_str()) {
            attributes.push(self.email_attribute.clone());
        }
        let record = |entry: &Entry| {
            let protected = domain.scope.listed_protection(entry).is_some();
            account::record(entry, domain, &self.email_attribute, protected)
        };
        for base in separate_bases(domain) {
            let mut page = |entries: Vec<Entry>| each(entries.iter().filter_map(record).collect());
            let read = session.pages(base, PERSONS, attributes.clone(), &mut page).await;
            read.map_err(|fault| told(controller, &fault))?;
        }
        Ok(())
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
