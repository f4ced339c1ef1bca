//! Which controller an account is read and written at: the preferred one, else the PDC
//! emulator, to which every other controller turns first with passwords and locks, else the
//! next one that takes writes. Never a read-only one for a write.
//!
//! Only the configuration and the directory itself name controllers: a name from elsewhere (a
//! fence) is looked up among them, never connected to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::directory::{Fence, NotDone};

use super::{
    connection::{Controller, Session},
    domain::{Head, RoleOwner},
    entry::Entry,
    told,
};

/// The controllers of one domain.
pub(super) struct Controllers {
    pub(super) configured: Vec<Arc<Controller>>,
    preferred: Option<Arc<Controller>>,
    /// Controllers that the directory named besides; fences may name them.
    found: Mutex<Vec<Arc<Controller>>>,
    pdc: Mutex<Option<Pdc>>,
}

struct Pdc {
    owner: RoleOwner,
    controller: Arc<Controller>,
}

/// An entry, and the controller and connection it was read on.
pub(super) struct Read {
    pub(super) controller: Arc<Controller>,
    pub(super) session: Session,
    pub(super) entry: Option<Entry>,
}

impl Controllers {
    pub(super) fn new(
        configured: Vec<Arc<Controller>>,
        preferred: Option<Arc<Controller>>,
    ) -> Self {
        Self { configured, preferred, found: Mutex::default(), pdc: Mutex::default() }
    }

    /// Reads an entry where it would be written. At a read-only controller only when no other
    /// answers. Those that did not answer lately are asked last.
    pub(super) async fn read(
        &self,
        dn: &str,
        attributes: &'static [&'static str],
    ) -> Result<Read, NotDone> {
        let mut search = Search::new(dn, attributes);
        for and_failing in [false, true] {
            search.and_failing = and_failing;
            if let Some(read) = self.read_in_order(&mut search).await {
                return Ok(read);
            }
        }
        search.read_only.ok_or(search.last)
    }

    /// Whether a controller that takes writes answers; tries the failing ones as well, and
    /// renews what is kept of rules and roles. Meant for the background: a person's request
    /// then neither waits for a dead controller nor for the rules.
    pub(super) async fn probe(&self) -> bool {
        let mut search = Search::new("", &["currentTime"]);
        search.and_failing = true;
        let Some(read) = self.read_in_order(&mut search).await else {
            return false;
        };
        if let Ok(head) = read.session.read_head().await {
            self.note(&head);
        }
        true
    }

    /// The controller that was read, and no other.
    pub(super) async fn of_fence(&self, fence: &Fence) -> Option<Arc<Controller>> {
        let known = |list: &[Arc<Controller>]| {
            list.iter().find(|controller| controller.url == fence.controller).cloned()
        };
        if let Some(controller) = known(&self.configured).or_else(|| known(&lock(&self.found))) {
            return Some(controller);
        }
        // After a restart the PDC emulator may be known only to the directory.
        let mut search = Search::new("", &[]);
        search.and_failing = true;
        self.pdc_emulator(&mut search).await;
        known(&lock(&self.found))
    }

    /// The PDC emulator, as the directory names it.
    pub(super) async fn pdc(&self) -> Option<Arc<Controller>> {
        let mut search = Search::new("", &[]);
        search.and_failing = true;
        self.pdc_emulator(&mut search).await
    }

    /// Takes note of who holds the role now.
    pub(super) fn note(&self, head: &Head) {
        let mut pdc = lock(&self.pdc);
        let moved = pdc.as_ref().zip(head.pdc.as_ref());
        if moved.is_some_and(|(known, owner)| known.owner.name != owner.name) {
            tracing::info!("the role of PDC emulator has moved");
            *pdc = None;
        }
    }

    async fn read_in_order(&self, search: &mut Search<'_>) -> Option<Read> {
        if let Some(preferred) = &self.preferred
            && let Some(read) = search.ask(preferred).await
        {
            return Some(read);
        }
        if let Some(pdc) = self.pdc_emulator(search).await
            && let Some(read) = search.ask(&pdc).await
        {
            return Some(read);
        }
        for controller in &self.configured {
            if let Some(read) = search.ask(controller).await {
                return Some(read);
            }
        }
        None
    }

    /// The holder of the role, asked of the first controller that answers.
    async fn pdc_emulator(&self, search: &mut Search<'_>) -> Option<Arc<Controller>> {
        if let Some(pdc) = lock(&self.pdc).as_ref() {
            return Some(Arc::clone(&pdc.controller));
        }
        for controller in &self.configured {
            let Some(session) = search.session(controller).await else {
                continue;
            };
            let Some(owner) = session.head().await.ok().and_then(|head| head.pdc.clone()) else {
                continue;
            };
            let found = if session.domain.service.as_ref() == Some(&owner.name) {
                Arc::clone(controller)
            } else {
                self.holder(&session, &owner, search).await?
            };
            tracing::info!(controller = %found.url, "PDC emulator");
            *lock(&self.pdc) = Some(Pdc { owner, controller: Arc::clone(&found) });
            return Some(found);
        }
        None
    }

    /// The controller that holds the role: a configured one, by its host name or by what it
    /// says of itself, else one reached by the host name that the directory gives.
    async fn holder(
        &self,
        session: &Session,
        owner: &RoleOwner,
        search: &mut Search<'_>,
    ) -> Option<Arc<Controller>> {
        let server = session.read(owner.server()?, &["dNSHostName"]).await.ok()??;
        let host = server.text("dNSHostName");
        let named = |list: &[Arc<Controller>]| {
            let has_name = |controller: &&Arc<Controller>| {
                host.is_some_and(|host| controller.host.eq_ignore_ascii_case(host))
            };
            list.iter().find(has_name).cloned()
        };
        if let Some(controller) = named(&self.configured) {
            return Some(controller);
        }
        for controller in &self.configured {
            if let Some(other) = search.session(controller).await
                && other.domain.service.as_ref() == Some(&owner.name)
            {
                return Some(Arc::clone(controller));
            }
        }
        let mut found = lock(&self.found);
        if let Some(controller) = named(&found) {
            return Some(controller);
        }
        let controller = Arc::new(self.configured.first()?.sibling(host?).ok()?);
        found.push(Arc::clone(&controller));
        Some(controller)
    }
}

/// One question, put to one controller after another.
struct Search<'a> {
    dn: &'a str,
    attributes: &'static [&'static str],
    /// Whether controllers are asked that did not answer lately.
    and_failing: bool,
    /// Those that did not answer this time.
    failed: Vec<String>,
    read_only: Option<Read>,
    last: NotDone,
}

impl<'a> Search<'a> {
    fn new(dn: &'a str, attributes: &'static [&'static str]) -> Self {
        let (failed, last) = (Vec::new(), NotDone::DirectoryUnreachable);
        Self { dn, attributes, and_failing: false, failed, read_only: None, last }
    }

    fn skips(&self, controller: &Controller) -> bool {
        let is_answered =
            self.read_only.as_ref().is_some_and(|read| read.controller.url == controller.url);
        is_answered
            || self.failed.contains(&controller.url)
            || (controller.is_failing() && !self.and_failing)
    }

    async fn session(&mut self, controller: &Controller) -> Option<Session> {
        if self.skips(controller) {
            return None;
        }
        match controller.session().await {
            Ok(session) => Some(session),
            Err(fault) => {
                self.last = told(controller, &fault);
                self.failed.push(controller.url.clone());
                None
            }
        }
    }

    /// What a controller that takes writes answers.
    async fn ask(&mut self, controller: &Arc<Controller>) -> Option<Read> {
        if self.skips(controller) {
            return None;
        }
        match controller.read(self.dn, self.attributes).await {
            Ok((session, entry)) => {
                let read = Read { controller: Arc::clone(controller), session, entry };
                if read.session.domain.is_read_only {
                    self.read_only.get_or_insert(read);
                    return None;
                }
                Some(read)
            }
            Err(fault) => {
                self.last = told(controller, &fault);
                self.failed.push(controller.url.clone());
                None
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
