//! What survives a crash: the token of the recovery under way and the call whose answer was not
//! seen yet, through `SecretStore`, or with the host where there is one. Never a password and never
//! a code: of calls that carry one, only the name and the idempotency key are kept.
//!
//! In front of a sign-in screen anybody may be next. So with the host nothing is left that has
//! passed a gate, and nothing at all where nobody knows whose screen it is.
//!
//! The store may be slow, or ask a person to unlock it; so it has a thread of its own, and a
//! recovery goes on without it.

use std::{
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use protocol::api::Call;
use secret_store::{Kind, SecretStore, SecretStoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use protocol::host::app::Slot;

use crate::{
    host_link::{HostLink, LinkError},
    service_client::{Change, Path, Token},
    view::AnyView,
};

const SERVICE: &str = "regain";
const NAME: &str = "recovery";
/// Longest that a step waits until it is kept.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest that a start waits for what was kept: the time the store is given to answer at all.
const START_PATIENCE: Duration = Duration::from_secs(6);

/// A recovery to be taken up again.
pub(crate) struct Kept {
    pub(crate) token: Token,
    /// A call whose answer was never seen, when it can be repeated as it was.
    pub(crate) unanswered: Option<Change>,
}

/// Keeps one recovery.
pub(crate) struct Keeper {
    origin: String,
    /// Whose tile or locked session this is: on a PC of several people nobody takes up what
    /// another one left.
    user: Option<String>,
    place: Place,
    /// What is in the host's slot is this run's: read as its own, or written.
    is_ours: AtomicBool,
    /// The person leaves: nothing more is kept.
    is_closed: AtomicBool,
}

enum Place {
    /// This machine's secret store, behind a thread.
    Here(Sender<Order>),
    /// The host's slot.
    Host(HostLink),
    /// In front of nobody known.
    Nowhere,
}

enum Order {
    Read(oneshot::Sender<Option<Zeroizing<Vec<u8>>>>),
    Write(Zeroizing<Vec<u8>>, oneshot::Sender<()>),
    Forget(oneshot::Sender<()>),
}

#[derive(Serialize)]
struct RecordToWrite<'a> {
    origin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unanswered: Option<UnansweredToWrite<'a>>,
}

#[derive(Serialize)]
struct UnansweredToWrite<'a> {
    call: Call,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

#[derive(Deserialize)]
struct Record {
    origin: String,
    user: Option<String>,
    token: Token,
    unanswered: Option<Unanswered>,
}

#[derive(Deserialize)]
struct Unanswered {
    call: Call,
    key: String,
    body: Option<String>,
}

impl Keeper {
    /// Opens the store in the background; `origin` is the service that a recovery belongs to.
    pub(crate) fn new(origin: String, folder: PathBuf, kind: Kind) -> Self {
        let (orders, inbox) = mpsc::channel();
        thread::spawn(move || keep(&folder, kind, &inbox));
        Self::at(origin, None, Place::Here(orders))
    }

    /// Leaves it with the host, whose files outlive the run; `user` as the host knows them.
    pub(crate) fn with_host(origin: String, user: Option<String>, link: HostLink) -> Self {
        let place = if user.is_some() { Place::Host(link) } else { Place::Nowhere };
        Self::at(origin, user, place)
    }

    fn at(origin: String, user: Option<String>, place: Place) -> Self {
        let (is_ours, is_closed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { origin, user, place, is_ours, is_closed }
    }

    /// Whether a recovery that stands there may be found by whoever comes next.
    pub(crate) fn may_leave(&self, view: &AnyView) -> bool {
        match self.place {
            Place::Here(_) => true,
            Place::Host(_) => view.is_before_any_gate(),
            Place::Nowhere => false,
        }
    }

    /// Keeps nothing from now on.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    /// The recovery that an earlier run left behind.
    pub(crate) async fn kept(&self) -> Option<Kept> {
        let bytes = tokio::time::timeout(START_PATIENCE, self.read()).await.ok()??;
        let record: Record = serde_json::from_slice(&bytes)
            .inspect_err(|error| tracing::warn!(%error, "what was kept is not understood"))
            .ok()?;
        if record.origin != self.origin || record.user != self.user {
            return None;
        }
        self.is_ours.store(true, Ordering::Release);
        let unanswered = record.unanswered.and_then(Unanswered::into_change);
        Some(Kept { token: record.token, unanswered })
    }

    async fn read(&self) -> Option<Zeroizing<Vec<u8>>> {
        match &self.place {
            Place::Here(orders) => {
                let (answer, wait) = oneshot::channel();
                orders.send(Order::Read(answer)).ok()?;
                wait.await.ok()?
            }
            Place::Host(link) => {
                let kept = link.get(Slot::Resume).await;
                kept.inspect_err(|error| tell_of_host(*error)).ok()?.map(Zeroizing::new)
            }
            Place::Nowhere => None,
        }
    }

    /// Keeps where the recovery stands. Without an answer within a moment it goes on unkept. What
    /// may not be left is forgotten instead.
    pub(crate) async fn keep(&self, token: &Token, view: &AnyView, unanswered: Option<&Change>) {
        if !self.may_leave(view) {
            return self.forget().await;
        }
        if self.is_closed.load(Ordering::Acquire) {
            return;
        }
        self.is_ours.store(true, Ordering::Release);
        let record = RecordToWrite {
            origin: &self.origin,
            user: self.user.as_deref(),
            token: token.expose(),
            unanswered: unanswered.and_then(UnansweredToWrite::of),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(SecretStore::MAX_BYTES));
        if serde_json::to_writer(&mut *bytes, &record).is_ok() {
            in_time(self.write(bytes)).await;
        }
    }

    async fn write(&self, bytes: Zeroizing<Vec<u8>>) {
        match &self.place {
            Place::Here(orders) => {
                let (answer, wait) = oneshot::channel();
                if orders.send(Order::Write(bytes, answer)).is_ok() {
                    let _ = wait.await;
                }
            }
            Place::Host(link) => {
                if let Err(error) = link.put(Slot::Resume, &bytes).await {
                    tell_of_host(error);
                }
            }
            Place::Nowhere => {}
        }
    }

    /// Forgets the recovery: it has ended, or nobody may find it. What another person left there
    /// is not ours to forget.
    pub(crate) async fn forget(&self) {
        let forgotten = async {
            match &self.place {
                Place::Here(orders) => {
                    let (answer, wait) = oneshot::channel();
                    if orders.send(Order::Forget(answer)).is_ok() {
                        let _ = wait.await;
                    }
                }
                Place::Host(link) => {
                    if !self.is_ours.load(Ordering::Acquire) {
                        return;
                    }
                    match link.delete(Slot::Resume).await {
                        Ok(()) => self.is_ours.store(false, Ordering::Release),
                        Err(error) => tell_of_host(error),
                    }
                }
                Place::Nowhere => {}
            }
        };
        in_time(forgotten).await;
    }
}

async fn in_time(done: impl Future<Output = ()>) {
    if tokio::time::timeout(PATIENCE, done).await.is_err() {
        tracing::warn!("the secret store is slow; a crash now would lose the recovery");
    }
}

fn tell_of_host(error: LinkError) {
    tracing::warn!(%error, "cannot keep the recovery");
}

impl<'a> UnansweredToWrite<'a> {
    fn of(change: &'a Change) -> Option<Self> {
        let Path::Recovery(call) = change.path else {
            // Before the first answer there is nothing to lose but a user ID.
            return None;
        };
        let body = match call {
            Call::EnterCode | Call::SetPassword => None,
            Call::ChangeUserId
            | Call::ChooseMethod
            | Call::ChooseAct
            | Call::Back
            | Call::Cancel => std::str::from_utf8(&change.body).ok(),
        };
        Some(Self { call, key: &change.key, body })
    }
}

impl Unanswered {
    /// A call whose body was not kept cannot be made again.
    fn into_change(self) -> Option<Change> {
        Some(Change {
            path: Path::Recovery(self.call),
            key: self.key,
            body: Bytes::from(self.body?),
        })
    }
}

fn keep(folder: &std::path::Path, kind: Kind, inbox: &Receiver<Order>) {
    let store = SecretStore::open(SERVICE, folder, kind)
        .inspect_err(|error| warn("open the secret store", error))
        .ok();
    while let Ok(order) = inbox.recv() {
        // Who asked may have gone on without the answer; nobody is waiting then.
        match order {
            Order::Read(answer) => {
                let kept = store.as_ref().and_then(|store| {
                    store
                        .get(NAME)
                        .inspect_err(|error| warn("read what was kept", error))
                        .ok()
                        .flatten()
                });
                let _ = answer.send(kept);
            }
            Order::Write(bytes, done) => {
                tell(store.as_ref().map(|store| store.set(NAME, &bytes)));
                let _ = done.send(());
            }
            Order::Forget(done) => {
                tell(store.as_ref().map(|store| store.delete(NAME)));
                let _ = done.send(());
            }
        }
    }
}

fn tell(done: Option<Result<(), SecretStoreError>>) {
    if let Some(Err(error)) = done {
        warn("keep the recovery", &error);
    }
}

fn warn(doing: &'static str, error: &SecretStoreError) {
    tracing::warn!(%error, cause = std::error::Error::source(error), "cannot {doing}");
}
