//! What one running service holds. Truth is in the store; what is here are keys, caches and the
//! ends of open links.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rand::rngs::StdRng;
use recovery::Timestamp;
use store::Store;
use tokio::sync::{Notify, Semaphore, broadcast};
use uuid::Uuid;

use crate::{
    agents::{AgentLinks, Places},
    clock::Clock,
    config::Config,
    keys::Keys,
    locale::Locales,
    notify::Mail,
    tenants::Tenants,
};

/// Most password hashes computed at once (catalogue KEY-03).
const HASHERS: usize = 2;
/// Most reads that wait for a change: whoever opens more gets "unavailable" instead of our memory
/// (catalogue NET-09).
const WAITING_READS: usize = 10_000;

/// The running service. Handlers, jobs and tests share it behind an [`Arc`].
pub struct Service {
    /// The only truth.
    pub store: Store,
    /// Keys, one per purpose.
    pub keys: Keys,
    /// Settings.
    pub config: Config,
    /// Which host is whose.
    pub tenants: Tenants,
    /// Open links to agents.
    pub links: AgentLinks,
    /// The way out for mail.
    pub mail: Mail,
    /// The languages of mails and plain texts.
    pub locales: Locales,
    /// Says which recovery changed. Only a hint: who waits also looks again by itself.
    pub changes: broadcast::Sender<Uuid>,
    /// Wakes the sender of messages.
    pub outbox_filled: Notify,
    /// Bounds the hashing of passwords.
    pub hashers: Semaphore,
    /// Bounds the agent links that have not proved themselves yet.
    pub(crate) unproved_links: Arc<Places>,
    /// The same for links over plain requests, of which a stranger can open many without
    /// holding a connection for each.
    pub(crate) unproved_pipes: Arc<Places>,
    /// Bounds the reads that wait for a change.
    pub waiting_reads: Semaphore,
    /// Work that runs in this process already, so that it is not started twice.
    under_way: Mutex<HashSet<Uuid>>,
    clock: Arc<dyn Clock>,
    rng: Mutex<StdRng>,
}

impl Service {
    /// Puts a service together; nothing runs yet.
    ///
    /// # Errors
    /// When the way out for mail cannot be set up.
    pub fn new(
        config: Config,
        store: Store,
        keys: Keys,
        clock: Arc<dyn Clock>,
        rng: StdRng,
    ) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            mail: Mail::new(&config.mail)?,
            store,
            keys,
            config,
            tenants: Tenants::default(),
            links: AgentLinks::default(),
            locales: Locales::load(),
            changes: broadcast::Sender::new(1024),
            outbox_filled: Notify::new(),
            hashers: Semaphore::new(HASHERS),
            unproved_links: Arc::default(),
            unproved_pipes: Arc::default(),
            waiting_reads: Semaphore::new(WAITING_READS),
            under_way: Mutex::default(),
            clock,
            rng: Mutex::new(rng),
        }))
    }

    /// Now, by the clock that was given.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The randomness that was given. Held for a few draws only, never across an await.
    pub fn rng(&self) -> MutexGuard<'_, StdRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a recovery changed.
    pub fn changed(&self, recovery: Uuid) {
        // Nobody may be listening.
        let _ = self.changes.send(recovery);
    }

    /// Runs `work` in the background unless work on `id` runs already.
    pub fn once<F>(self: &Arc<Self>, id: Uuid, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if !self.under_way().insert(id) {
            return;
        }
        let service = Arc::clone(self);
        tokio::spawn(async move {
            // A panic in the work must not leave the mark behind.
            let finished = tokio::spawn(work).await;
            service.under_way().remove(&id);
            if let Err(cause) = finished {
                tracing::error!(%cause, "background work broke off");
            }
        });
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
