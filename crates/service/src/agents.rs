//! The service's end of the agent links: proving both keys, sending signed orders, taking in
//! signed reports. The service never opens a connection to an agent; which agent holds a link
//! here is a fact of this process only, every outcome is a row.
//!
//! Long: a link and what each report of it means are read together.

pub(crate) mod link_key;
pub(crate) mod pipe;
mod places;
mod wire;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use protocol::{
    agent::{
        Change, Direction, Health, Hello, LinkSession, Order, Proof, Report, SignedFrame, Welcome,
    },
    bytes::Bytes,
    directory::{AccountStatus, ExternalId, NotDone, Outcome},
    id::{AgentId, DirectoryId, OperationId},
    sealed::RecipientList,
};
use rand::Rng as _;
use recovery::{Span, Times, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use store::{
    AgentHealth, AgentRow, AuditEvent, LinkKeyRow, OperationRow, OperationState, StoreError,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval_at},
};

use self::{
    link_key::{LinkKey, Running},
    pipe::Pipes,
    wire::Came,
};
pub(crate) use self::{places::Places, wire::Wire};
use crate::{
    accounts::{self, PageTaken},
    audit::Event,
    directories::{order_of, try_finish},
    service::Service,
};

/// A link that takes no order for so long is as good as gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Orders that may wait for a slow link.
const QUEUE: usize = 256;
/// How long it is remembered who took an order: longer than anybody hands it over.
const REMEMBERED: Duration = Duration::from_secs(300);

/// How often a link looks whether an administrator removed its agent (another process does it).
const LOOK: Duration = Duration::from_secs(3);

/// An agent that does not answer in time is as good as a directory that does not.
const UNANSWERED: Result<AccountStatus, NotDone> = Err(NotDone::DirectoryUnreachable);

/// The links that are open in this process.
#[derive(Default)]
pub struct AgentLinks {
    pub(crate) pipes: Pipes,
    open: Mutex<HashMap<DirectoryId, Vec<Arc<Link>>>>,
    requests: AtomicU64,
    orders: Mutex<HashMap<OperationId, Taken>>,
}

/// Whether an order may be with an agent. Several ways lead there (the call, a new link), and
/// "nobody took it" must be true of all of them.
struct Taken {
    /// Nobody had it before this process began it: what is not counted here did not happen.
    is_ours: bool,
    /// Each time it was queued for an agent.
    hands: Vec<Hand>,
    /// The agents that told that it is not done.
    refused: Vec<AgentId>,
    given_up: bool,
    since: Instant,
}

impl Taken {
    /// This process gave it to no other agent.
    fn is_alone(&self, agent: AgentId) -> bool {
        self.hands.iter().all(|hand| hand.agent == agent)
    }
}

/// An order that was queued for an agent.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hand {
    agent: AgentId,
    /// It was told that others may have the order, so it looks before it says "not done".
    looks: bool,
}

/// What an agent's "not done" is worth. Only the first agent that had an order speaks of itself
/// alone; every later one has looked at the directory when no write could arrive any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    Certain,
    /// Certain where no other agent may have had the order before this process began.
    IfAlone,
    /// Another one has the order and may have written.
    Nothing,
}

struct Link {
    agent: AgentId,
    orders: mpsc::Sender<Order>,
    directory_reachable: AtomicBool,
    /// It begins nothing new, and says why in its row.
    stopped: AtomicBool,
    statuses: Mutex<HashMap<u64, oneshot::Sender<Result<AccountStatus, NotDone>>>>,
}

impl AgentLinks {
    /// Whether an agent of this directory is here and reaches a controller.
    pub fn is_ready(&self, directory: DirectoryId) -> bool {
        self.best(directory).is_some()
    }

    /// Whether an agent of this directory is here that begins nothing new by its own word.
    pub(crate) fn is_stopped(&self, directory: DirectoryId) -> bool {
        let open = self.open();
        let mut links = open.get(&directory).into_iter().flatten();
        links.any(|link| link.stopped.load(Ordering::Relaxed))
    }

    /// Asks for the live truth about an account.
    ///
    /// # Errors
    /// What the agent says, or that none answered in time.
    pub async fn status(
        &self,
        directory: DirectoryId,
        account: ExternalId,
        patience: Duration,
    ) -> Result<AccountStatus, NotDone> {
        let link = self.best(directory).ok_or(NotDone::NoAgent)?;
        let Some(other) = self.another(directory, &link) else {
            return self.ask(&link, account, patience).await.unwrap_or(UNANSWERED);
        };
        // One that went without a word is noticed late: another one has time to answer, too.
        if let Some(status) = self.ask(&link, account.clone(), patience / 2).await {
            return status;
        }
        self.ask(&other, account, patience / 2).await.unwrap_or(UNANSWERED)
    }

    /// `None` when it does not answer in time.
    async fn ask(
        &self,
        link: &Link,
        account: ExternalId,
        patience: Duration,
    ) -> Option<Result<AccountStatus, NotDone>> {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        let (tell, answer) = oneshot::channel();
        link.statuses().insert(request, tell);
        let order = Order::Status { request, account };
        if !link.send(order).await {
            link.statuses().remove(&request);
            return Some(Err(NotDone::NoAgent));
        }
        let answer = tokio::time::timeout(patience, answer).await;
        link.statuses().remove(&request);
        Some(answer.ok()?.unwrap_or(Err(NotDone::NoAgent)))
    }

    /// Hands a change to an agent that has not refused it. `false` when no link took it.
    pub async fn send_change(&self, directory: DirectoryId, mut change: Change) -> bool {
        let operation = change.operation;
        let refused = self.of_order(operation, |taken| taken.refused.clone());
        let Some(link) = self.best_but(directory, &refused) else {
            return false;
        };
        let hand = self.of_order(operation, |taken| {
            // Between the caller's look and now a new link may have taken it.
            let looks = change.handed_before || !taken.hands.is_empty();
            let hand = Hand { agent: link.agent, looks };
            (!taken.given_up).then(|| taken.hands.push(hand)).map(|()| hand)
        });
        let Some(hand) = hand else {
            return false;
        };
        change.handed_before = hand.looks;
        let sent = link.send(Order::Change(Box::new(change))).await;
        if !sent {
            self.of_order(operation, |taken| {
                if let Some(at) = taken.hands.iter().rposition(|other| *other == hand) {
                    taken.hands.remove(at);
                }
            });
        }
        sent
    }

    /// An agent tells that an order is not done. Once that is certain nobody is given the order
    /// any more, before it is stored.
    fn refused(&self, operation: OperationId, agent: AgentId) -> Worth {
        self.of_order(operation, |taken| {
            if !taken.refused.contains(&agent) {
                taken.refused.push(agent);
            }
            let own = taken.hands.iter().find(|hand| hand.agent == agent);
            // Of two that refused, one at least was not the first, and has looked.
            let is_certain = taken.refused.len() > 1
                || (taken.is_ours && (own.is_some_and(|hand| hand.looks) || taken.is_alone(agent)));
            taken.given_up |= is_certain;
            if is_certain {
                Worth::Certain
            } else if taken.is_alone(agent) {
                Worth::IfAlone
            } else {
                Worth::Nothing
            }
        })
    }

    /// No other agent had the order before this process began: `false` when one has it now.
    fn is_alone(&self, operation: OperationId, agent: AgentId) -> bool {
        self.of_order(operation, |taken| {
            let is_alone = taken.is_alone(agent);
            taken.given_up |= is_alone;
            is_alone
        })
    }

    /// Settles that nobody takes this order any more. `false` when somebody may have.
    pub(crate) fn give_up(&self, operation: OperationId) -> bool {
        self.of_order(operation, |taken| {
            taken.given_up |= taken.hands.is_empty();
            taken.given_up
        })
    }

    /// This process hands an order out that nobody had before.
    pub(crate) fn begin(&self, operation: OperationId) {
        self.of_order(operation, |taken| taken.is_ours = true);
    }

    /// Settles that nobody takes this order any more, in favour of a newer one. `false` when
    /// somebody may have it, or had it before this process began.
    pub(crate) fn cancel(&self, operation: OperationId) -> bool {
        self.of_order(operation, |taken| {
            taken.given_up |= taken.is_ours && taken.hands.is_empty();
            taken.given_up && taken.is_ours
        })
    }

    fn of_order<T>(&self, operation: OperationId, change: impl FnOnce(&mut Taken) -> T) -> T {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let since = Instant::now();
        orders.retain(|_, taken| since.duration_since(taken.since) < REMEMBERED);
        change(orders.entry(operation).or_insert(Taken {
            is_ours: false,
            hands: Vec::new(),
            refused: Vec::new(),
            given_up: false,
            since,
        }))
    }

    /// The newest link that reaches a controller and has not stopped.
    fn best(&self, directory: DirectoryId) -> Option<Arc<Link>> {
        self.best_but(directory, &[])
    }

    /// The same, of none of these agents.
    fn best_but(&self, directory: DirectoryId, not: &[AgentId]) -> Option<Arc<Link>> {
        let open = self.open();
        let reaches = |link: &&Arc<Link>| {
            !not.contains(&link.agent)
                && link.directory_reachable.load(Ordering::Relaxed)
                && !link.stopped.load(Ordering::Relaxed)
        };
        open.get(&directory)?.iter().rev().find(reaches).cloned()
    }

    /// The next one that reaches a controller, of another agent.
    fn another(&self, directory: DirectoryId, first: &Arc<Link>) -> Option<Arc<Link>> {
        let open = self.open();
        let other = |link: &&Arc<Link>| {
            link.agent != first.agent && link.directory_reachable.load(Ordering::Relaxed)
        };
        open.get(&directory)?.iter().rev().find(other).cloned()
    }

    /// Tells every other link of this directory. A full queue is no loss: the same is said
    /// again after its next connect.
    fn tell_others(&self, directory: DirectoryId, link: &Arc<Link>, order: &Order) {
        let open = self.open();
        let links = open.get(&directory).into_iter().flatten();
        for other in links.filter(|other| !Arc::ptr_eq(other, link)) {
            let _ = other.orders.try_send(order.clone());
        }
    }

    fn add(&self, directory: DirectoryId, link: &Arc<Link>) {
        self.open().entry(directory).or_default().push(Arc::clone(link));
    }

    fn remove(&self, directory: DirectoryId, link: &Arc<Link>) {
        if let Some(links) = self.open().get_mut(&directory) {
            links.retain(|other| !Arc::ptr_eq(other, link));
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<DirectoryId, Vec<Arc<Link>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Queues an order. `false` when the link is gone or too slow to take it.
    async fn send(&self, order: Order) -> bool {
        matches!(tokio::time::timeout(PATIENCE, self.orders.send(order)).await, Ok(Ok(())))
    }

    fn statuses(
        &self,
    ) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Result<AccountStatus, NotDone>>>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a link was closed. For the log; the peer sees only the end.
#[derive(Debug, thiserror::Error)]
pub enum LinkEnd {
    /// It speaks another version, is nobody we know, or may not come back.
    #[error("the agent is not known here")]
    Stranger,
    /// It is one of ours, and speaks a protocol that is too old.
    #[error("the agent's program is too old")]
    TooOld,
    /// No administrator has approved it yet.
    #[error("the agent waits for approval")]
    Waits,
    /// A proof or signature does not hold, or a frame came twice or out of order.
    #[error("a proof does not hold")]
    NotProved,
    /// It said something that is no message of ours.
    #[error("a frame cannot be read")]
    Unreadable,
    /// The link key that it knows is retired.
    #[error("the link key of this link is retired")]
    Retired,
    /// It went away, or said nothing for too long.
    #[error("the agent went away")]
    Gone,
    /// What it said could not be stored.
    #[error("the store refused")]
    Store(#[from] StoreError),
}

/// Serves one link from its first frame to its end, whatever it runs over.
pub(crate) async fn serve(service: Arc<Service>, mut wire: Wire) {
    let Proved { agent, session, link_key, successor } =
        match tokio::time::timeout(Duration::from_secs(10), prove(&service, &mut wire)).await {
            Ok(Ok(proved)) => proved,
            Ok(Err(end)) => return tracing::warn!(%end, "an agent link was refused"),
            Err(_) => return tracing::warn!("an agent link was refused: no proof in time"),
        };
    wire.is_proved();
    let (orders, queue) = mpsc::channel(QUEUE);
    if let Some(key) = successor {
        let _ = orders.try_send(Order::IdentityStored { key });
    }
    let link = Arc::new(Link {
        agent: AgentId(agent.id),
        orders,
        // Until its first heartbeat says otherwise.
        directory_reachable: AtomicBool::new(agent.directory_reachable),
        stopped: AtomicBool::new(agent.health.stopped.is_some()),
        statuses: Mutex::default(),
    });
    let directory = DirectoryId(agent.directory);
    service.links.add(directory, &link);
    let running = Running::on(link_key);
    let end = talk(&service, &agent, &link, (&session, running), wire, queue).await;
    service.links.remove(directory, &link);
    if service.links.is_ready(directory) {
        // What this one was given another one finishes: it looks first, and its write is fenced.
        hand_over_beside(&service, directory);
    }
    tracing::info!(agent = %link.agent, %end, "an agent link ended");
    let refused = match end {
        LinkEnd::NotProved | LinkEnd::Unreadable => {
            note(&service, &agent, Event::AgentFrameRefused, false).await
        }
        LinkEnd::Stranger
        | LinkEnd::TooOld
        | LinkEnd::Waits
        | LinkEnd::Retired
        | LinkEnd::Gone
        | LinkEnd::Store(_) => Ok(()),
    };
    let left = note(&service, &agent, Event::AgentDisconnected, true).await.and(refused);
    if let Err(cause) = left {
        tracing::error!(%cause, "the end of a link could not be stored");
    }
}

/// Who is at the other end.
struct Proved {
    agent: AgentRow,
    session: LinkSession,
    /// Ours that was proved to it.
    link_key: LinkKey,
    /// Its new key, which is stored.
    successor: Option<Bytes>,
}

/// Both ends prove their keys on fresh nonces.
async fn prove(service: &Service, wire: &mut Wire) -> Result<Proved, LinkEnd> {
    let hello: Hello = receive(wire).await?;
    if hello.version > protocol::VERSION || hello.nonce.0.len() != 32 {
        return Err(LinkEnd::Stranger);
    }
    let id = hello.agent.0;
    let (agent, link_keys) = read(service, id).await?;
    let mut agent = agent.filter(|agent| !agent.revoked).ok_or(LinkEnd::Stranger)?;
    let own = LinkKey::known_to(&agent, &link_keys, &service.keys)?;
    let mut nonce = vec![0; 32];
    service.rng().fill_bytes(&mut nonce);
    let nonce = Bytes(nonce);
    let session = LinkSession::new(hello.agent, &hello.nonce, &nonce);
    let unix_millis = service.now().unix_millis();
    let signature = own.key.sign(&session.service_proof(unix_millis));
    let signature = Bytes(signature.to_bytes().to_vec());
    send(wire, &Welcome { nonce, unix_millis, signature }).await?;
    let proof: Proof = receive(wire).await?;
    let new = check_proof(&proof, &identity_key(&agent)?, &session)?;
    if hello.version < protocol::VERSION {
        let (id, now) = (agent.id, service.now());
        let noted = service
            .store
            .write(move |mut tx| Box::pin(async move { tx.agent_too_old(id, now).await }));
        noted.await?;
        return Err(LinkEnd::TooOld);
    }
    if !agent.approved {
        send_order(wire, &Order::NotApproved, 0, &session, &own).await?;
        return Err(LinkEnd::Waits);
    }
    note(service, &agent, Event::AgentConnected, false).await?;
    if let Some(new) = &new {
        take_successor(service, &mut agent, new).await?;
    }
    Ok(Proved { agent, session, link_key: own, successor: new })
}

/// An agent, and the link keys in force.
async fn read(
    service: &Service,
    agent: uuid::Uuid,
) -> Result<(Option<AgentRow>, Vec<LinkKeyRow>), StoreError> {
    let reading = service.store.read(move |mut tx| {
        Box::pin(async move { Ok((tx.agent(agent).await?, tx.link_keys().await?)) })
    });
    reading.await
}

/// The proof of the known key; or of the one that it says takes its place, which is returned.
fn check_proof(
    proof: &Proof,
    known: &VerifyingKey,
    session: &LinkSession,
) -> Result<Option<Bytes>, LinkEnd> {
    let signature = proof.signature.array::<64>().ok_or(LinkEnd::NotProved)?;
    let is_known =
        known.verify_strict(&session.agent_proof(), &Signature::from_bytes(&signature)).is_ok();
    match &proof.successor {
        None if is_known => Ok(None),
        None => Err(LinkEnd::NotProved),
        Some(successor) => {
            let new = successor.accept(known, session).ok_or(LinkEnd::NotProved)?;
            // The old key proves the link as well, unless the new one is in its place already.
            if is_known || new == *known {
                Ok(Some(successor.key.clone()))
            } else {
                Err(LinkEnd::NotProved)
            }
        }
    }
}

/// Stores an agent's new key, unless it is stored already.
async fn take_successor(
    service: &Service,
    agent: &mut AgentRow,
    new: &Bytes,
) -> Result<(), LinkEnd> {
    if agent.identity_key == new.0 {
        return Ok(());
    }
    let (id, now) = (agent.id, service.now());
    let (old, key) = (std::mem::replace(&mut agent.identity_key, new.0.clone()), new.0.clone());
    let event = AuditEvent {
        tenant: agent.tenant,
        event: Event::AgentKeyChanged.as_str(),
        case_code: None,
        account: None,
        detail: json!({ "agent": id, "name": agent.name }).to_string(),
    };
    let storing = service.store.write(move |mut tx| {
        Box::pin(async move {
            let is_stored = tx.succeed_agent(id, &old, &key).await?;
            if is_stored {
                tx.audit(&event, now).await?;
            }
            Ok::<_, StoreError>(is_stored)
        })
    });
    if storing.await? { Ok(()) } else { Err(LinkEnd::NotProved) }
}

fn identity_key(agent: &AgentRow) -> Result<VerifyingKey, LinkEnd> {
    <[u8; 32]>::try_from(agent.identity_key.as_slice())
        .ok()
        .and_then(|key| VerifyingKey::from_bytes(&key).ok())
        .ok_or(LinkEnd::Stranger)
}

async fn note(
    service: &Service,
    agent: &AgentRow,
    event: Event,
    gone: bool,
) -> Result<(), StoreError> {
    let (id, now) = (agent.id, service.now());
    let event = AuditEvent {
        tenant: agent.tenant,
        event: event.as_str(),
        case_code: None,
        account: None,
        detail: json!({ "agent": id, "name": agent.name }).to_string(),
    };
    service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                if gone {
                    tx.agent_gone(id).await?;
                }
                tx.audit(&event, now).await
            })
        })
        .await
}

/// Orders out, reports in, until one side stops.
async fn talk(
    service: &Arc<Service>,
    agent: &AgentRow,
    link: &Arc<Link>,
    (session, mut running): (&LinkSession, Running),
    mut wire: Wire,
    mut queue: mpsc::Receiver<Order>,
) -> LinkEnd {
    let key = match identity_key(agent) {
        Ok(key) => key,
        Err(end) => return end,
    };
    let mut sent = 0;
    let mut received = 0;
    let mut silence = Silence::since(Instant::now());
    let mut look = interval_at(Instant::now(), LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = queue.recv() => {
                let Some(order) = order else { return LinkEnd::Gone };
                let own = &running.own;
                if let Err(end) = send_order(&mut wire, &order, sent, session, own).await {
                    return end;
                }
                sent += 1;
                silence.asked(Instant::now());
            }
            came = wire.next() => {
                silence = Silence::since(Instant::now());
                let text = match came {
                    Ok(Came::Text(text)) => text,
                    Ok(Came::Life) => continue,
                    Err(end) => return end,
                };
                let Ok(frame) = serde_json::from_str::<SignedFrame>(&text) else {
                    return LinkEnd::Unreadable;
                };
                let Some(report) = frame.open(received, Direction::ToService, session, &key) else {
                    return LinkEnd::NotProved;
                };
                received += 1;
                let taken = if let Report::LinkKeyKept { generation, key } = &report {
                    running.kept(service, agent, (*generation, key)).await
                } else {
                    take_in(service, agent, link, report).await.map(|()| None)
                };
                let first = match taken {
                    Ok(None) => continue,
                    Ok(Some(first)) => first,
                    Err(end) => return end,
                };
                let own = &running.own;
                if let Err(end) = send_order(&mut wire, &first, sent, session, own).await {
                    return end;
                }
                sent += 1;
            }
            _ = look.tick() => {
                let news = match look_at(service, agent, session, &mut running).await {
                    Ok(None) => continue,
                    Ok(Some(news)) => news,
                    Err(end) => return end,
                };
                let own = &running.own;
                if let Err(end) = send_order(&mut wire, &news, sent, session, own).await {
                    return end;
                }
                sent += 1;
            }
            () = tokio::time::sleep_until(silence.ends_at()) => return LinkEnd::Gone,
        }
    }
}

/// How long an agent may say nothing: on a quiet link it pings as seldom as the network allows,
/// and as soon as something is asked of it it says that it is alive every half minute.
struct Silence {
    heard: Instant,
    asked: Option<Instant>,
}

impl Silence {
    fn since(heard: Instant) -> Self {
        Self { heard, asked: None }
    }

    fn asked(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    fn ends_at(&self) -> Instant {
        let span = |span: Span| Duration::from_micros(u64::try_from(span.0).unwrap_or(0));
        let quiet = self.heard + span(Times::AGENT_QUIET);
        self.asked.map_or(quiet, |asked| quiet.min(asked + span(Times::AGENT_GONE)))
    }
}

/// Whether the agent is still one of ours, and its key and ours still those that were proved on
/// this link: one that was replaced proves nothing any more. What it has to hear of a newer link
/// key. A database that answers nobody removes nobody.
async fn look_at(
    service: &Service,
    agent: &AgentRow,
    session: &LinkSession,
    running: &mut Running,
) -> Result<Option<Order>, LinkEnd> {
    let Ok((row, link_keys)) = read(service, agent.id).await else {
        return Ok(None);
    };
    let is_same = |row: &AgentRow| !row.revoked && row.identity_key == agent.identity_key;
    let row = row.filter(is_same).ok_or(LinkEnd::Stranger)?;
    if !link_keys.iter().any(|key| key.generation == running.own.generation) {
        return Err(LinkEnd::Retired);
    }
    let newest = LinkKey::newest(&link_keys, &service.keys)?;
    Ok(running.news(&row, newest, session))
}

async fn send_order(
    wire: &mut Wire,
    order: &Order,
    number: u64,
    session: &LinkSession,
    own: &LinkKey,
) -> Result<(), LinkEnd> {
    let frame = SignedFrame::sign(order, number, Direction::ToAgent, session, &own.key)
        .map_err(|_| LinkEnd::Unreadable)?;
    send(wire, &frame).await
}

async fn take_in(
    service: &Arc<Service>,
    agent: &AgentRow,
    link: &Arc<Link>,
    report: Report,
) -> Result<(), LinkEnd> {
    match report {
        Report::Heartbeat { directory_reachable } => {
            link.directory_reachable.store(directory_reachable, Ordering::Relaxed);
            seen(service, agent, directory_reachable).await
        }
        Report::Health(said) => health(service, agent, link, said).await,
        Report::Recipients(list) => recipients(service, agent, link, list).await,
        Report::Status { request, status } => {
            if let Some(waiting) = link.statuses().remove(&request) {
                // Who asked may have stopped waiting.
                let _ = waiting.send(status);
            }
            Ok(())
        }
        Report::Outcome { operation, outcome } => {
            told(service, agent, link, operation, outcome).await
        }
        // Changes what the link runs on: see [`talk`].
        Report::LinkKeyKept { .. } => Ok(()),
        Report::Accounts(page) => match accounts::take_in(service, source(agent), page).await? {
            PageTaken::In | PageTaken::Missed => Ok(()),
            PageTaken::SendAll => {
                // A full queue is no loss: the next run goes on from nothing known, too.
                let _ = link.orders.try_send(Order::Synchronise);
                Ok(())
            }
            PageTaken::Unreadable => Err(LinkEnd::Unreadable),
        },
    }
}

/// What became of an operation, by an agent's word.
async fn told(
    service: &Arc<Service>,
    agent: &AgentRow,
    link: &Arc<Link>,
    operation: OperationId,
    outcome: Outcome,
) -> Result<(), LinkEnd> {
    let id = operation.0;
    let read =
        service.store.read(move |mut tx| Box::pin(async move { tx.operation(id).await })).await?;
    // The journal keeps what is not known: the truth may still come. A full queue is no
    // loss: what is not acknowledged is told again after the next connect.
    let known = outcome != Outcome::NotKnown;
    // Only operations of its own directory are its to report.
    if let Some(row) = read.filter(|row| row.directory == agent.directory) {
        let is_open = row.state.is_open() || row.state == OperationState::NotKnown;
        let is_refusal = matches!(outcome, Outcome::NotDone { .. });
        if is_open && is_refusal && !is_certain(service, agent, &row).await? {
            try_finish(service, &row, Outcome::NotKnown).await?;
            // Whoever else is here looks, and tells. Beside the links: see [`hand_over_beside`].
            if let Some(order) = order_of(&row, service.now(), true) {
                let (service, directory) = (Arc::clone(service), DirectoryId(agent.directory));
                tokio::spawn(async move { service.links.send_change(directory, order).await });
            }
            return Ok(());
        }
        try_finish(service, &row, outcome).await?;
    }
    if known {
        let _ = link.orders.try_send(Order::Stored { operation });
    }
    Ok(())
}

/// Whether an agent's "not done" speaks for everybody who may have had the order.
///
/// Who had it before this process began is not known. Then it counts only where no other agent
/// of the directory can have had it: one that was not heard of for a week before, or was never
/// let in. Otherwise a second one is asked, which looks; so it is settled as soon as another
/// agent is here, and one that went long ago (or was removed) holds nothing up. A week, since
/// the clock may have been wrong by days.
async fn is_certain(
    service: &Service,
    agent: &AgentRow,
    operation: &OperationRow,
) -> Result<bool, StoreError> {
    const UNHEARD: Span = Span::hours(7 * 24);
    match service.links.refused(OperationId(operation.id), AgentId(agent.id)) {
        Worth::Certain => Ok(true),
        Worth::Nothing => Ok(false),
        Worth::IfAlone => {
            let directory = agent.directory;
            let read = service
                .store
                .read(move |mut tx| Box::pin(async move { tx.agents(directory).await }));
            let may_have_had = |other: &AgentRow| {
                let was_here = |at: Timestamp| at.plus(UNHEARD) >= operation.expires_at;
                other.id != agent.id && other.approved && other.heard_at.is_none_or(was_here)
            };
            Ok(!read.await?.iter().any(may_have_had)
                && service.links.is_alone(OperationId(operation.id), AgentId(agent.id)))
        }
    }
}

fn source(agent: &AgentRow) -> accounts::Source {
    accounts::Source { tenant: agent.tenant, directory: agent.directory, agent: agent.id }
}

async fn seen(
    service: &Arc<Service>,
    agent: &AgentRow,
    directory_reachable: bool,
) -> Result<(), LinkEnd> {
    let (id, now) = (agent.id, service.now());
    service
        .store
        .write(move |mut tx| {
            Box::pin(async move { tx.agent_seen(id, directory_reachable, now).await })
        })
        .await?;
    Ok(())
}

/// What an agent says of itself. That it stopped or goes on is an event of its own.
async fn health(
    service: &Arc<Service>,
    agent: &AgentRow,
    link: &Arc<Link>,
    said: Health,
) -> Result<(), LinkEnd> {
    const LONGEST: usize = 32;
    link.stopped.store(said.stopped.is_some(), Ordering::Relaxed);
    let (id, tenant, name, now) = (agent.id, agent.tenant, agent.name.clone(), service.now());
    let millis = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
    let software: String =
        said.software.chars().filter(|c| c.is_ascii_graphic()).take(LONGEST).collect();
    let health = AgentHealth {
        software: Some(software),
        clock_skew_ms: Some(millis(said.unix_millis) - millis(now.unix_millis())),
        waiting: said.waiting,
        stopped: said.stopped.map(|stopped| stopped.code().to_owned()),
    };
    let stored = service.store.write(move |mut tx| {
        Box::pin(async move {
            let before = tx.agent(id).await?.and_then(|agent| agent.health.stopped);
            tx.agent_health(id, &health).await?;
            let event = match &health.stopped {
                stopped if *stopped == before => return Ok(()),
                Some(_) => Event::AgentStopped,
                None => Event::AgentGoesOn,
            };
            let reason = health.stopped.or(before);
            let event = AuditEvent {
                tenant,
                event: event.as_str(),
                case_code: None,
                account: None,
                detail: json!({ "agent": id, "name": name, "reason": reason }).to_string(),
            };
            tx.audit(&event, now).await
        })
    });
    stored.await?;
    Ok(())
}

/// A list counts only if the directory's own key signed it, and an older one than the stored
/// one does not: that one is told to who sent it. After a list what was open is handed over
/// again: the journal of the agent knows what was done.
async fn recipients(
    service: &Arc<Service>,
    agent: &AgentRow,
    link: &Arc<Link>,
    list: RecipientList,
) -> Result<(), LinkEnd> {
    let (id, now) = (agent.directory, service.now().unix_seconds());
    let text = serde_json::to_string(&list).map_err(|_| LinkEnd::Unreadable)?;
    let said = list.clone();
    let known = service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let directory = tx.directory(id).await?;
                let (key, stored) = directory.map_or((None, None), |row| {
                    let stored = row.recipients.and_then(|text| serde_json::from_str(&text).ok());
                    (row.directory_key, stored)
                });
                let signed = key.as_ref() == Some(&said.directory_key.0)
                    && said.directory.0 == id
                    && said.verify(now);
                let known = Known::of(signed, &said, stored, now);
                if matches!(known, Known::Nothing | Known::Same | Known::Other(_)) {
                    tx.set_recipients(id, &text).await?;
                }
                Ok::<_, StoreError>(known)
            })
        })
        .await?;
    let directory = DirectoryId(id);
    match known {
        Known::Refused => return Err(LinkEnd::NotProved),
        Known::Nothing | Known::Same => {}
        Known::Newer(stored) => {
            let _ = link.orders.try_send(Order::Recipients(stored));
        }
        Known::Other(stored) => {
            // Each hears the other's; two of one epoch agree on both.
            if stored.epoch == list.epoch {
                let _ = link.orders.try_send(Order::Recipients(stored));
            }
            service.links.tell_others(directory, link, &Order::Recipients(list));
        }
    }
    hand_over_beside(service, directory);
    Ok(())
}

/// What a list is beside the stored one.
enum Known {
    /// The directory's key did not sign it.
    Refused,
    /// There is none that still counts.
    Nothing,
    /// The same keys, for longer.
    Same,
    /// Other keys, as new or newer than the stored ones.
    Other(RecipientList),
    /// The stored one is newer.
    Newer(RecipientList),
}

impl Known {
    fn of(signed: bool, said: &RecipientList, stored: Option<RecipientList>, now: i64) -> Self {
        if !signed {
            return Self::Refused;
        }
        let counts =
            |list: &RecipientList| list.directory_key == said.directory_key && list.verify(now);
        match stored.filter(counts) {
            None => Self::Nothing,
            Some(stored) if stored.epoch > said.epoch => Self::Newer(stored),
            Some(stored) if stored.keys == said.keys && stored.gone == said.gone => Self::Same,
            Some(stored) => Self::Other(stored),
        }
    }
}

/// Beside the links, which alone empty the queues that this fills.
fn hand_over_beside(service: &Arc<Service>, directory: DirectoryId) {
    let service = Arc::clone(service);
    tokio::spawn(async move {
        if let Err(cause) = hand_over_again(&service, directory).await {
            tracing::error!(%cause, "open operations could not be handed over again");
        }
    });
}

async fn hand_over_again(service: &Arc<Service>, directory: DirectoryId) -> Result<(), LinkEnd> {
    let open = service
        .store
        .read(move |mut tx| Box::pin(async move { tx.open_operations(directory.0).await }))
        .await?;
    for operation in open {
        let was_sent = matches!(operation.state, OperationState::Sent | OperationState::NotKnown);
        if let (true, Some(order)) = (was_sent, order_of(&operation, service.now(), true)) {
            service.links.send_change(directory, order).await;
        }
    }
    Ok(())
}

async fn receive<T: DeserializeOwned>(wire: &mut Wire) -> Result<T, LinkEnd> {
    loop {
        if let Came::Text(text) = wire.next().await? {
            return serde_json::from_str(&text).map_err(|_| LinkEnd::Unreadable);
        }
    }
}

async fn send<T: Serialize>(wire: &mut Wire, message: &T) -> Result<(), LinkEnd> {
    wire.send(serde_json::to_string(message).map_err(|_| LinkEnd::Unreadable)?).await
}

#[cfg(test)]
mod tests;
