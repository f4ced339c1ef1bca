//! The agent: keeps one link to its service, hands each order to the part that carries it out,
//! and says how it is. Generic over the directory, so that faults can be played to it.
//!
//! Long: how the parts are put together, and what each order sets going, are read together.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use directory::Directory;
use ed25519_dalek::VerifyingKey;
use protocol::{
    agent::{HEARTBEAT_S, Health, Order, Report, Stopped},
    bytes::Bytes,
    directory::ExternalId,
    link_key::LinkKeySuccessor,
    sealed::RecipientList,
};
use rand::rngs::StdRng;
use secret_store::SecretStore;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use crate::{
    clock::Clock,
    config::Config,
    enrolment::{Enrolment, EnrolmentError},
    event_log::{Details, EventLog},
    events::Event,
    journal::{Journal, JournalError},
    limits::Limits,
    link::{Choice, Ends, KeepAlive, Link, LinkError, Peer, ServiceTime, backoff},
    local::{Local, LocalWatch},
    outbox::Outbox,
    reach::Reach,
    recipients::{self, Recipients},
    rotation::{self, Rotation},
    standing::{Seen, Standing},
    synchronisation::{Asked, Every, Synchronisation},
    way::Way,
    write_back::{Arrived, WriteBack},
};

/// Most orders under way at once; more are not taken.
const ORDERS: u32 = 256;
/// How long orders under way may finish after the word to stop.
const GRACE: Duration = Duration::from_secs(15);
/// A difference of clocks worth a warning (catalogue TIM-02).
const SKEW_MILLIS: u64 = 300_000;
/// How long keys that could not be changed are left alone.
const ROTATION_PAUSE_SECONDS: u64 = 600;
/// A reconnect within this time needs no new synchronisation.
const FRESH: Duration = Duration::from_secs(300);

/// A running agent's parts.
pub struct Agent<D> {
    enrolment: Enrolment,
    way: Way,
    clock: Clock,
    rng: StdRng,
    synchronise_every: Every,
    shared: Arc<Shared<D>>,
}

/// What the link and the orders share.
struct Shared<D> {
    directory: Arc<D>,
    write_back: WriteBack<D>,
    outbox: Outbox,
    local: Arc<Local>,
    reach: Reach,
    synchronise: Arc<Asked>,
    is_reachable: AtomicBool,
    /// The agents of this directory; a file that `regain-agent admit` changes too.
    recipients: Mutex<Recipients>,
    recipients_expire_at: AtomicI64,
    data_dir: PathBuf,
    rotation: Rotation,
    /// When the keys could not be changed last, Unix seconds.
    rotation_failed_at: AtomicI64,
    enrolment: Enrolment,
    clock: Clock,
    permits: Arc<Semaphore>,
}

/// Why the agent cannot start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Not enrolled, or without its keys.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The journal cannot be used.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// The configuration of the way to the service cannot work.
    #[error("{0}")]
    Way(String),
}

impl<D: Directory + 'static> Agent<D> {
    /// Prepares an enrolled agent. Blocks for the secret store and the journal.
    ///
    /// # Errors
    /// [`AgentError`].
    pub fn open(
        config: &Config,
        directory: D,
        secrets: &SecretStore,
        clock: Clock,
        rng: StdRng,
    ) -> Result<Self, AgentError> {
        let events = EventLog::new(Vec::new(), clock.clone());
        Self::open_with(config, directory, secrets, (clock, rng), events)
    }

    /// The same, with an event log of its own.
    ///
    /// # Errors
    /// [`AgentError`].
    pub fn open_with(
        config: &Config,
        directory: D,
        secrets: &SecretStore,
        (clock, rng): (Clock, StdRng),
        events: EventLog,
    ) -> Result<Self, AgentError> {
        let enrolment = Enrolment::read(&config.agent.data_dir)?;
        let rotation = Rotation::new(config);
        rotation.settle(secrets, &enrolment)?;
        let keys = rotation::keys(secrets, &enrolment)?;
        let data_dir = &config.agent.data_dir;
        let journal = open_journal(data_dir, &enrolment, &clock)?;
        let recipients = Recipients::read(data_dir)?;
        let way = Way::new(config).map_err(AgentError::Way)?;
        let standing = Standing::of(data_dir);
        let (now, released_at) = (clock.unix_millis(), standing.stop_released_at());
        let age = |at: u64| Duration::from_millis(now.saturating_sub(at));
        let times = journal.intent_times().into_iter().filter(|at| *at > released_at);
        let ages = times.map(age).collect();
        let per_hour = config.limits.operations_per_hour;
        let limits = Limits::new(per_hour, standing.clone(), ages, Instant::now());
        let limits = Arc::new(limits);
        let local = Arc::new(Local::new(limits, standing, events, clock.clone()));
        let directory = Arc::new(directory);
        let outbox = Outbox::default();
        let write_back = WriteBack::new(
            Arc::clone(&directory),
            journal,
            Arc::clone(&local),
            outbox.clone(),
            keys,
            enrolment.tenant,
            clock.clone(),
        );
        write_back.has_others(recipients.has_others());
        let shared = Shared {
            directory,
            write_back,
            outbox,
            reach: Reach::new(Arc::clone(&local)),
            local,
            synchronise: Arc::default(),
            is_reachable: AtomicBool::new(false),
            recipients: Mutex::new(recipients),
            recipients_expire_at: AtomicI64::new(0),
            data_dir: data_dir.clone(),
            rotation,
            rotation_failed_at: AtomicI64::new(0),
            enrolment: enrolment.clone(),
            clock: clock.clone(),
            permits: Arc::new(Semaphore::new(ORDERS as usize)),
        };
        Ok(Self {
            enrolment,
            way,
            clock,
            rng,
            synchronise_every: config.synchronisation.every(),
            shared: Arc::new(shared),
        })
    }

    /// Serves until `stop` resolves, then lets orders under way finish.
    ///
    /// # Errors
    /// When the journal failed: the next start finds out by reading what became of its writes.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), AgentError> {
        let shared = Arc::clone(&self.shared);
        shared.local.events.write(Event::ServiceStarted, Details::none());
        let tasks = [
            tokio::spawn(Arc::clone(&shared).watch_directory()),
            tokio::spawn(Arc::clone(&shared).watch_local()),
            tokio::spawn(self.synchronisation().run()),
            tokio::spawn({
                let shared = Arc::clone(&shared);
                async move { shared.write_back.resolve_open().await }
            }),
        ];
        let ended = tokio::select! {
            () = stop => Ok(()),
            () = self.keep_linked() => Ok(()),
            () = shared.write_back.broken.notified() => Err(AgentError::Journal(JournalError::Broken)),
        };
        shared.outbox.disconnect();
        for task in tasks {
            task.abort();
        }
        // Whatever is not done by then stays open in the journal.
        let _ = timeout(GRACE, shared.permits.acquire_many(ORDERS)).await;
        shared.local.events.write(Event::ServiceStopped, Details::none());
        ended
    }

    async fn keep_linked(mut self) {
        let mut link_keys = self.enrolment.link_keys.keys().unwrap_or_default();
        let mut synchronised: Option<Instant> = None;
        let (mut choice, mut keep_alive) = (Choice::default(), KeepAlive::default());
        let mut tries = 0;
        loop {
            let until = choice.plain_until(Instant::now());
            let began = Instant::now();
            self.turn_keys().await;
            let keys = self.shared.write_back.keys();
            match self.shared.rotation.link_keys() {
                Ok(stored) => link_keys = stored,
                Err(error) => tracing::error!(%error, "going on with the link keys known"),
            }
            let ends = Ends {
                agent: self.enrolment.agent,
                identity: &keys.identity,
                successor: keys.successor.as_ref(),
                link_keys: &link_keys,
            };
            let (way, origin) = (&self.way, &self.enrolment.origin);
            let opened = match until {
                None => Link::open(way, origin, &ends, &mut self.rng).await,
                Some(_) => Link::open_plainly(way, origin, &ends, &mut self.rng).await,
            };
            let is_linked = opened.is_ok();
            let error = match opened {
                Ok(link) => {
                    self.warn_of_skew(&link.service_time);
                    self.shared.link_key_proved(&link.link_key).await;
                    self.shared.reach.linked();
                    tracing::info!(service = %self.enrolment.origin, plainly = until.is_some(), "linked");
                    let mut reports = self.shared.outbox.connect();
                    tokio::spawn(Arc::clone(&self.shared).greet());
                    if synchronised.is_none_or(|at| at.elapsed() > FRESH) {
                        self.shared.synchronise.changes();
                        synchronised = Some(Instant::now());
                    }
                    let error =
                        link.serve(&self.shared, &mut reports, &mut keep_alive, until).await;
                    self.shared.outbox.disconnect();
                    self.shared.reach.link_failed(&error);
                    if matches!(error, LinkError::NotApproved) {
                        // Nothing of it was taken.
                        synchronised = None;
                    }
                    error
                }
                Err(error) => {
                    self.shared.reach.link_failed(&error);
                    error
                }
            };
            let lived = began.elapsed();
            let now = Instant::now();
            let at_once = match (until, is_linked) {
                _ if matches!(error, LinkError::NewKeys) => true,
                (None, _) => choice.socket_ended(&error, lived, now),
                (Some(_), true) => matches!(error, LinkError::TryAgain),
                (Some(_), false) => {
                    choice.plain_failed();
                    false
                }
            };
            // A link that stood was no failed try; one that died at once was one.
            let stood = is_linked && lived > Duration::from_secs(HEARTBEAT_S);
            if stood {
                tries = 0;
            }
            if !at_once {
                tries += u32::from(!stood);
                sleep(backoff(tries, &mut self.rng)).await;
            }
        }
    }

    /// Changes keys where an administrator asked for it, or an old one has had its time.
    async fn turn_keys(&mut self) {
        let (shared, now) = (&self.shared, self.clock.unix_seconds());
        if !shared.has_new_keys() {
            return;
        }
        let is_settled = shared.write_back.is_settled();
        match shared.rotation.turn(is_settled, &self.clock, &mut self.rng).await {
            Ok(keys) => {
                shared.write_back.set_keys(keys);
                shared.recipients_changed();
            }
            Err(error) => {
                shared.rotation_failed_at.store(now, Ordering::Relaxed);
                tracing::error!(%error, now, "the keys could not be changed");
            }
        }
    }

    fn warn_of_skew(&self, service: &ServiceTime) {
        let skew = service.unix_millis().abs_diff(self.clock.unix_millis());
        if skew > SKEW_MILLIS {
            let details = Details::none().number("seconds", skew / 1000);
            self.shared.local.events.write(Event::ClockWrong, details);
        }
    }

    fn synchronisation(&self) -> Synchronisation<D> {
        Synchronisation {
            directory: Arc::clone(&self.shared.directory),
            outbox: self.shared.outbox.clone(),
            limits: Arc::clone(&self.shared.local.limits),
            clock: self.clock.clone(),
            every: self.synchronise_every,
            asked: Arc::clone(&self.shared.synchronise),
            agent: self.enrolment.agent,
            data_dir: self.shared.data_dir.clone(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_journal(
    data_dir: &Path,
    enrolment: &Enrolment,
    clock: &Clock,
) -> Result<Journal, JournalError> {
    Journal::open(&data_dir.join("journal"), enrolment.agent, clock.unix_millis())
}

impl<D: Directory + 'static> Shared<D> {
    /// What is said after each connect.
    async fn greet(self: Arc<Self>) {
        if let Some(list) = self.list() {
            self.outbox.send(list).await;
        }
        self.outbox.send(self.health()).await;
        self.outbox.send(self.alive()).await;
        self.write_back.tell_unstored().await;
    }

    /// The list that this agent signs now; none from one that was dismissed.
    fn list(&self) -> Option<Report> {
        let (keys, now) = (self.write_back.keys(), self.clock.unix_seconds());
        let recipients = lock(&self.recipients);
        self.write_back.has_others(recipients.has_others());
        let list = recipients.list(&self.enrolment, &keys, now)?;
        self.recipients_expire_at.store(list.expires_at, Ordering::Relaxed);
        Some(Report::Recipients(list))
    }

    /// Whether an administrator admitted or dismissed an agent here since the last look.
    fn recipients_changed(&self) -> bool {
        match Recipients::read(&self.data_dir) {
            Ok(stored) => std::mem::replace(&mut *lock(&self.recipients), stored.clone()) != stored,
            Err(error) => {
                tracing::error!(%error, "the recipients cannot be read; keeping those known");
                false
            }
        }
    }

    async fn identity_stored(&self, key: &Bytes) {
        match self.rotation.identity_stored(key).await {
            Ok(Some(keys)) => {
                self.write_back.set_keys(keys);
                tracing::info!("the service knows the new identity key");
            }
            Ok(None) => {}
            // It is said again with the next link.
            Err(error) => tracing::error!(%error, "the new identity key could not be kept"),
        }
    }

    async fn link_key_told(&self, said: LinkKeySuccessor) {
        match self.rotation.link_key_told(&said).await {
            Ok(true) => {
                let LinkKeySuccessor { generation, key, .. } = said;
                self.outbox.send(Report::LinkKeyKept { generation, key }).await;
            }
            Ok(false) => tracing::error!(said.generation, "this link key cannot come next"),
            // It is told again with the next link.
            Err(error) => tracing::error!(%error, "the new link key could not be kept"),
        }
    }

    async fn link_key_proved(&self, key: &VerifyingKey) {
        if let Err(error) = self.rotation.link_key_proved(key).await {
            tracing::error!(%error, "that the old link key ended could not be stored");
        }
    }

    /// What another agent of this directory signed.
    fn adopt(&self, list: &RecipientList) {
        let keys = self.write_back.keys();
        let of = (&self.enrolment, &*keys);
        // What an administrator has just said here must not be overwritten.
        let said_here = self.recipients_changed();
        let mut recipients = lock(&self.recipients);
        let adopted = recipients.adopt(list, of, self.clock.unix_seconds());
        if adopted && let Err(error) = recipients.write(&self.data_dir) {
            tracing::error!(%error, "the recipients cannot be stored");
        }
        if said_here || adopted {
            // Whatever is new in it is said with the next heartbeat.
            self.recipients_expire_at.store(0, Ordering::Relaxed);
            self.write_back.has_others(recipients.has_others());
        }
        if adopted {
            let (epoch, keys) = (list.epoch, list.keys.len());
            tracing::info!(epoch, keys, "the agents of this directory changed");
        }
        if adopted && recipients.is_dismissed() {
            self.local.events.write(Event::Dismissed, Details::none());
        }
    }

    /// An agent that was taken off the list can open nothing: it is not to be asked.
    fn alive(&self) -> Report {
        let is_listed = !lock(&self.recipients).is_dismissed();
        let is_reachable = self.is_reachable.load(Ordering::Relaxed);
        Report::Heartbeat { directory_reachable: is_reachable && is_listed }
    }

    fn health(&self) -> Report {
        Report::Health(Health {
            stopped: self.stopped(),
            waiting: u32::try_from(self.write_back.waiting()).unwrap_or(u32::MAX),
            unix_millis: self.clock.unix_millis(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// A refused account stops this agent only when no directory is left that lets it in.
    fn stopped(&self) -> Option<Stopped> {
        let is_reachable = self.is_reachable.load(Ordering::Relaxed);
        self.local.stopped(self.directory.own_account().filter(|_| !is_reachable))
    }

    /// Looks at what an administrator says on this machine and at what stops the agent, and
    /// tells the service at once when that changes.
    async fn watch_local(self: Arc<Self>) {
        const LOOK_AGAIN: Duration = Duration::from_secs(5);
        let mut watch = LocalWatch::new(&self.local);
        loop {
            self.reach.look();
            let own_account = self.directory.own_account();
            if self.local.was_released() {
                self.directory.try_own_account_again();
            }
            let seen = Seen {
                unix_millis: self.clock.unix_millis(),
                linked: self.reach.is_linked(),
                directory_reachable: self.is_reachable.load(Ordering::Relaxed),
                stopped: self.stopped().map(|why| why.code().to_owned()),
                under_way: u32::try_from(self.write_back.under_way()).unwrap_or(u32::MAX),
            };
            if watch.look(&self.local, own_account, &seen) {
                self.outbox.send(self.health()).await;
            }
            let _ = timeout(LOOK_AGAIN, self.local.changed.notified()).await;
        }
    }

    /// Asks the directory whether it answers, often enough to keep its connection warm, and
    /// tells the service at once when that changes.
    async fn watch_directory(self: Arc<Self>) {
        const WHEN_GONE: Duration = Duration::from_secs(5);
        loop {
            let is_reachable = self.directory.is_reachable().await;
            let was_reachable = self.is_reachable.swap(is_reachable, Ordering::Relaxed);
            self.reach.directory(is_reachable);
            if is_reachable != was_reachable {
                self.local.changed.notify_one();
                self.outbox.send(self.health()).await;
                self.outbox.send(self.alive()).await;
            }
            sleep(if is_reachable { Duration::from_secs(HEARTBEAT_S) } else { WHEN_GONE }).await;
        }
    }

    async fn tell_status(&self, request: u64, account: ExternalId) {
        let status = self.directory.status(&account).await;
        self.local.asked_about(&account, &status);
        self.outbox.send(Report::Status { request, status }).await;
    }
}

impl<D: Directory + 'static> Peer for Arc<Shared<D>> {
    fn take(&self, order: Order, service_time: ServiceTime) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            tracing::error!("too many orders at once; one was not taken");
            return;
        };
        let arrival = Instant::now();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            match order {
                Order::Status { request, account } => shared.tell_status(request, account).await,
                Order::Change(change) => {
                    let arrived = Arrived::at(arrival, *change, service_time);
                    shared.write_back.carry_out(arrived).await;
                }
                // The link ends with it.
                Order::NotApproved => {}
                Order::IdentityStored { key } => shared.identity_stored(&key).await,
                Order::LinkKey(said) => shared.link_key_told(said).await,
                // The link has seen that it signs.
                Order::LinkKeyInForce { key } => {
                    if let Some(Ok(key)) = key.array().map(|key| VerifyingKey::from_bytes(&key)) {
                        shared.link_key_proved(&key).await;
                    }
                }
                Order::Recipients(list) => shared.adopt(&list),
                Order::Synchronise => shared.synchronise.all(),
                Order::Stored { operation } => shared.write_back.stored(operation).await,
            }
        });
    }

    fn heartbeat(&self) -> Vec<Report> {
        let mut reports = vec![self.health(), self.alive()];
        reports.extend(self.news());
        reports
    }

    fn has_new_keys(&self) -> bool {
        let now = self.clock.unix_seconds();
        // Each try ends the link.
        let failed_at = self.rotation_failed_at.load(Ordering::Relaxed);
        now.abs_diff(failed_at) >= ROTATION_PAUSE_SECONDS
            && self.rotation.is_due(now, self.write_back.is_settled())
    }

    fn news(&self) -> Vec<Report> {
        let expire_at = self.recipients_expire_at.load(Ordering::Relaxed);
        let mut reports = Vec::new();
        if self.recipients_changed() || recipients::is_due(expire_at, self.clock.unix_seconds()) {
            reports.extend(self.list());
        }
        reports
    }
}
