//! Several domains and forests behind one agent, each with its own controllers, service account
//! and subtrees. An account belongs to one of them; a person who has an account in two forests
//! is refused (33003): nobody can tell which one they sign in with.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ldap3::ldap_escape;
use password::NewPassword;
use protocol::directory::{AccountStatus, ExternalId, Fence, NotDone, Outcome, OwnAccount};
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

use super::{ActiveDirectory, Examination, account, listing::PERSONS, or_not_done, told};
use crate::{Cookie, Directory, Page, Reading};

/// The event that two accounts of one person are.
const SAME_PERSON_TWICE: u32 = 33003;
/// How long it is taken for true that a person has no second account.
const KEPT: Duration = Duration::from_secs(60);
/// Most persons of whom that is kept.
const MOST_KEPT: usize = 1024;

/// All domains of one agent.
pub struct Forests {
    domains: Vec<ActiveDirectory>,
    /// Which domain an account is in, as far as that was seen.
    routes: Mutex<HashMap<Uuid, usize>>,
    /// When a person was last found to have one account only.
    singles: Mutex<HashMap<ExternalId, Instant>>,
}

/// By what the same person is known in another forest.
struct Person {
    forest: Option<Vec<u8>>,
    /// User principal name and mail.
    names: Vec<String>,
}

impl Forests {
    /// The domains in the order of the configuration.
    pub fn new(domains: Vec<ActiveDirectory>) -> Self {
        Self { domains, routes: Mutex::default(), singles: Mutex::default() }
    }

    /// Examines every domain, each in its place.
    pub async fn examine(&self) -> Vec<Examination> {
        let mut all = Vec::with_capacity(self.domains.len());
        for domain in &self.domains {
            all.push(domain.examine().await);
        }
        all
    }

    /// The domain of an account: the one where it was seen, else the one that knows it.
    async fn domain_of(&self, account: &ExternalId) -> Result<&ActiveDirectory, NotDone> {
        if let [only] = self.domains.as_slice() {
            return Ok(only);
        }
        let guid: Uuid = account.0.parse().map_err(|_| NotDone::NoAccount)?;
        let seen = lock(&self.routes).get(&guid).copied();
        if let Some(domain) = seen.and_then(|at| self.domains.get(at)) {
            return Ok(domain);
        }
        let mut last = NotDone::NoAccount;
        for (at, domain) in self.domains.iter().enumerate() {
            match domain.person(account).await {
                Ok(_) => {
                    lock(&self.routes).insert(guid, at);
                    return Ok(domain);
                }
                Err(NotDone::NoAccount) => {}
                Err(reason) => last = reason,
            }
        }
        Err(last)
    }

    fn note_routes(&self, part: usize, page: &Page) {
        if self.domains.len() > 1 {
            let ids = page.accounts.iter().filter_map(|record| record.external_id.0.parse().ok());
            lock(&self.routes).extend(ids.map(|guid: Uuid| (guid, part)));
        }
    }

    /// The domain of an account that may be changed: its person has no other.
    async fn admitted(&self, account: &ExternalId) -> Result<&ActiveDirectory, NotDone> {
        let domain = self.domain_of(account).await?;
        self.refuse_twins(domain, account).await?;
        Ok(domain)
    }

    /// Refuses a person who has an account in another forest too. A forest that does not answer
    /// refuses nobody: its outage must not stop the recoveries of the others.
    async fn refuse_twins(
        &self,
        own: &ActiveDirectory,
        account: &ExternalId,
    ) -> Result<(), NotDone> {
        if self.domains.len() == 1 || self.is_single(account) {
            return Ok(());
        }
        let person = own.person(account).await?;
        let mut all_answered = true;
        for other in self.domains.iter().filter(|other| !std::ptr::eq(*other, own)) {
            match other.has_twin(&person).await {
                Ok(false) => {}
                Ok(true) => {
                    tracing::error!(
                        event = SAME_PERSON_TWICE,
                        account = %account.0,
                        "the same user principal name or mail is in two forests: refused"
                    );
                    return Err(NotDone::TwoForests);
                }
                Err(_) => all_answered = false,
            }
        }
        if all_answered {
            let mut singles = lock(&self.singles);
            singles.retain(|_, at| at.elapsed() < KEPT);
            if singles.len() < MOST_KEPT {
                singles.insert(account.clone(), Instant::now());
            }
        }
        Ok(())
    }

    fn is_single(&self, account: &ExternalId) -> bool {
        lock(&self.singles).get(account).is_some_and(|at| at.elapsed() < KEPT)
    }
}

impl ActiveDirectory {
    async fn person(&self, account: &ExternalId) -> Result<Person, NotDone> {
        const NAMES: &[&str] = &["userPrincipalName", "mail"];
        let dn = account::base_of(account).ok_or(NotDone::NoAccount)?;
        let read = self.controllers.read(&dn, NAMES).await?;
        let entry = read.entry.ok_or(NotDone::NoAccount)?;
        let names = NAMES.iter().filter_map(|name| entry.text(name)).map(str::to_owned).collect();
        Ok(Person { forest: read.session.domain.forest.clone(), names })
    }

    /// Whether the person of another forest has an account here that is switched on. (One that
    /// is off is how a forest for mailboxes knows the people of the forest they sign in to.)
    async fn has_twin(&self, person: &Person) -> Result<bool, NotDone> {
        const SWITCHED_ON: &str = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))";
        // The root DSE, for the connection.
        let read = self.controllers.read("", &["currentTime"]).await?;
        let domain = &read.session.domain;
        if person.names.is_empty() || person.forest.is_none() || domain.forest == person.forest {
            return Ok(false);
        }
        let either: String = person
            .names
            .iter()
            .map(|name| ldap_escape(name.as_str()))
            .map(|name| format!("(userPrincipalName={name})(mail={name})"))
            .collect();
        let filter = format!("(&{PERSONS}{SWITCHED_ON}(|{either}))");
        for base in &domain.bases {
            let found = read.session.find(base, &filter, &["objectGUID"], 1).await;
            if !found.map_err(|fault| told(&read.controller, &fault))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Directory for Forests {
    fn parts(&self) -> usize {
        self.domains.len()
    }

    async fn accounts(
        &self,
        part: usize,
        since: Option<&Cookie>,
        pages: mpsc::Sender<Page>,
    ) -> Result<Reading, NotDone> {
        let domain = self.domains.get(part).ok_or(NotDone::DirectoryUnreachable)?;
        let (hand_over, mut read) = mpsc::channel::<Page>(1);
        let noting = async {
            while let Some(page) = read.recv().await {
                self.note_routes(part, &page);
                if pages.send(page).await.is_err() {
                    break;
                }
            }
            // What is read after this finds nobody to take it.
            drop(read);
        };
        let (reading, ()) = tokio::join!(domain.accounts(0, since, hand_over), noting);
        reading
    }

    async fn status(&self, account: &ExternalId) -> Result<AccountStatus, NotDone> {
        let domain = self.domain_of(account).await?;
        let (status, single) =
            tokio::join!(domain.status(account), self.refuse_twins(domain, account));
        if status == Err(NotDone::NoAccount)
            && let Ok(guid) = account.0.parse()
        {
            // It may have moved to another domain: the next question finds it there.
            lock(&self.routes).remove(&guid);
        }
        single.and(status)
    }

    async fn unlock(&self, account: &ExternalId, fence: &Fence) -> Outcome {
        match self.admitted(account).await {
            Ok(domain) => domain.unlock(account, fence).await,
            Err(reason) => or_not_done(Err(reason)),
        }
    }

    async fn reset(&self, account: &ExternalId, password: &NewPassword, fence: &Fence) -> Outcome {
        match self.admitted(account).await {
            Ok(domain) => domain.reset(account, password, fence).await,
            Err(reason) => or_not_done(Err(reason)),
        }
    }

    async fn change(
        &self,
        account: &ExternalId,
        old: &NewPassword,
        new: &NewPassword,
        fence: &Fence,
    ) -> Outcome {
        match self.admitted(account).await {
            Ok(domain) => domain.change(account, old, new, fence).await,
            Err(reason) => or_not_done(Err(reason)),
        }
    }

    async fn resolve(
        &self,
        account: &ExternalId,
        password: Option<&NewPassword>,
        fence: &Fence,
    ) -> Outcome {
        match self.domain_of(account).await {
            Ok(domain) => domain.resolve(account, password, fence).await,
            Err(_) => Outcome::NotKnown,
        }
    }

    /// Whether one of the domains answers. All are asked, so that each keeps its connection.
    async fn is_reachable(&self) -> bool {
        let mut is_reachable = false;
        for domain in &self.domains {
            is_reachable |= domain.is_reachable().await;
        }
        is_reachable
    }

    fn own_account(&self) -> Option<OwnAccount> {
        self.domains.iter().find_map(Directory::own_account)
    }

    fn try_own_account_again(&self) {
        self.domains.iter().for_each(Directory::try_own_account_again);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
