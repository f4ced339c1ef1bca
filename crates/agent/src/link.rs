//! The link: one outbound connection to the service, a WebSocket over the connection that the
//! HTTP client opened (its proxy, its TLS), or plain requests where nothing lets one through.
//! Both ends prove their keys before anything else is said; from then on every frame carries its
//! number and a signature (design decision 17).
//!
//! A frame that does not prove itself ends the link; nothing in it is acted on. What an order
//! means is not decided here.

mod choice;
mod handshake;
mod keep_alive;
mod polling;
mod wire;

use std::time::Duration;

use ed25519_dalek::{SigningKey, VerifyingKey};
use protocol::{
    agent::{Direction, HEARTBEAT_S, LinkSession, MAX_FRAME, Order, Report, SignedFrame},
    id::AgentId,
};
use rand::CryptoRng;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::WebSocketConfig};

pub(crate) use self::{choice::Choice, keep_alive::KeepAlive};
use self::{
    polling::Polling,
    wire::{Came, Wire},
};
use crate::way::Way;

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(20);
/// A ping that is not answered for so long was the last one.
const ANSWER_LIMIT: Duration = Duration::from_secs(45);
/// For so long after an order the service hears every half minute that this agent lives: it may
/// be waiting for an answer (catalogue WB-13).
const BUSY: Duration = Duration::from_secs(300);

/// Who we are and whom we expect.
pub(crate) struct Ends<'a> {
    /// Our id.
    pub(crate) agent: AgentId,
    /// Our key.
    pub(crate) identity: &'a SigningKey,
    /// The one that takes its place, until the service says that it knows it.
    pub(crate) successor: Option<&'a SigningKey>,
    /// The service's keys that count: the known one, and newer ones that it told.
    pub(crate) link_keys: &'a [VerifyingKey],
}

/// Why a link could not be made, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// No connection.
    #[error("the service cannot be reached: {0}")]
    NoWay(String),
    /// A connection broke.
    #[error("the connection to the service broke: {0}")]
    Unreachable(String),
    /// A WebSocket was promised and is none, or says nothing.
    #[error("something between agent and service disturbs WebSockets: {0}")]
    Cut(String),
    /// The service answered, but not with a link.
    #[error("the service refused the link with HTTP status {0}")]
    Refused(u16),
    /// The other end does not speak as agreed.
    #[error("the other end broke the protocol: {0}")]
    Protocol(&'static str),
    /// The other end is not the service we enrolled with.
    #[error(
        "the other end does not hold the service's key: somebody stands between agent and service, or the service ended its old link key while this agent was away (ask its administrator; then enrol anew: docs/agent.md, New keys)"
    )]
    WrongKey,
    /// Nothing was heard for too long.
    #[error("a ping was not answered for {} s", ANSWER_LIMIT.as_secs())]
    Silent,
    /// The service closed the link.
    #[error("the service closed the link")]
    Closed,
    /// An administrator of the service has yet to approve this agent.
    #[error(
        "this agent waits for approval: regain-service directory approve-agent, with the fingerprint that regain-agent enrol showed"
    )]
    NotApproved,
    /// The keys on this machine are to change: the next link is made with the new ones.
    #[error("new keys")]
    NewKeys,
    /// Plain requests did for a while; now a WebSocket is tried again.
    #[error("a WebSocket is tried again")]
    TryAgain,
}

impl LinkError {
    /// Whether a request for a WebSocket came back as something else: where a box on the way
    /// takes the upgrade out of a request, the service sees a plain one.
    fn is_stripped(&self) -> bool {
        match self {
            Self::Cut(_) => true,
            Self::Refused(status) => matches!(status, 200..=299 | 400 | 403 | 405 | 426 | 501),
            Self::NoWay(_)
            | Self::Unreachable(_)
            | Self::Protocol(_)
            | Self::WrongKey
            | Self::Silent
            | Self::Closed
            | Self::NotApproved
            | Self::NewKeys
            | Self::TryAgain => false,
        }
    }

    /// Whether making the same request again cannot help.
    fn is_final(&self) -> bool {
        match self {
            Self::Closed | Self::Protocol(_) | Self::WrongKey | Self::NotApproved => true,
            // Without a word of the service of its own; a box on the way may say anything.
            Self::Refused(status) => matches!(status, 400 | 404 | 405 | 413 | 415 | 421),
            Self::NoWay(_)
            | Self::Unreachable(_)
            | Self::Cut(_)
            | Self::Silent
            | Self::NewKeys
            | Self::TryAgain => false,
        }
    }
}

/// A proven link.
pub(crate) struct Link {
    wire: Wire,
    session: LinkSession,
    identity: SigningKey,
    /// The service's, proved here.
    pub(crate) link_key: VerifyingKey,
    /// A newer one, told here and not proved yet.
    next: Option<VerifyingKey>,
    sent: u64,
    received: u64,
    /// The time exchange: the service's time and ours at the same moment.
    pub(crate) service_time: ServiceTime,
}

/// The service's clock, counted on from the time exchange on our monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceTime {
    unix_millis: u64,
    at: Instant,
}

impl ServiceTime {
    /// A clock that showed `unix_millis` at that moment.
    pub(crate) fn new(unix_millis: u64, at: Instant) -> Self {
        Self { unix_millis, at }
    }

    /// What the service's clock shows now.
    pub(crate) fn unix_millis(&self) -> u64 {
        self.unix_millis_at(Instant::now())
    }

    /// What it showed at that moment.
    pub(crate) fn unix_millis_at(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.at).as_millis();
        self.unix_millis.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// The same in seconds.
    pub(crate) fn unix_seconds(&self) -> i64 {
        i64::try_from(self.unix_millis() / 1000).unwrap_or(i64::MAX)
    }
}

/// What the rest of the agent does while a link stands.
pub(crate) trait Peer {
    /// Takes an order that proved itself. Must not block.
    fn take(&self, order: Order, time: ServiceTime);

    /// What to say with each ping.
    fn heartbeat(&self) -> Vec<Report>;

    /// What is new since the last look and cannot wait for the next ping.
    fn news(&self) -> Vec<Report>;

    /// Whether this link should make room for one with other keys.
    fn has_new_keys(&self) -> bool;
}

impl Link {
    /// Connects over a WebSocket and proves both ends.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(crate) async fn open(
        way: &Way,
        origin: &str,
        ends: &Ends<'_>,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Self, LinkError> {
        let upgrading = timeout(HANDSHAKE_LIMIT, handshake::upgrade(way, origin));
        let socket = upgrading.await.map_err(|_| LinkError::NoWay(not_in_time()))??;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        let socket = WebSocketStream::from_raw_socket(
            socket,
            tokio_tungstenite::tungstenite::protocol::Role::Client,
            Some(config),
        )
        .await;
        let proving = handshake::prove(Wire::Socket(Box::new(socket)), ends, rng);
        timeout(HANDSHAKE_LIMIT, proving).await.map_err(|_| LinkError::Cut(not_in_time()))?
    }

    /// Connects over plain requests and proves both ends.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(crate) async fn open_plainly(
        way: &Way,
        origin: &str,
        ends: &Ends<'_>,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Self, LinkError> {
        let opening = async {
            let polling = Polling::open(way, origin).await?;
            handshake::prove(Wire::Polling(polling), ends, rng).await
        };
        timeout(HANDSHAKE_LIMIT, opening).await.map_err(|_| LinkError::NoWay(not_in_time()))?
    }

    /// Carries orders in and reports out until the link ends; why it ended. `reports` running
    /// dry (its senders gone) closes the link in order, and so does `until`.
    pub(crate) async fn serve(
        mut self,
        peer: &impl Peer,
        reports: &mut mpsc::Receiver<Report>,
        keep_alive: &mut KeepAlive,
        until: Option<Instant>,
    ) -> LinkError {
        let look = Duration::from_secs(HEARTBEAT_S);
        let mut looks = interval_at(Instant::now() + look, look);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pulse = Pulse::at(Instant::now());
        loop {
            let next_ping = pulse.next_ping(keep_alive);
            let done = tokio::select! {
                came = self.wire.next() => {
                    pulse.heard(keep_alive);
                    self.hear(came, peer, &mut pulse)
                }
                report = reports.recv() => match report {
                    Some(report) => {
                        pulse.moved();
                        self.say(&report).await
                    }
                    None => {
                        self.wire.close().await;
                        Err(LinkError::Closed)
                    }
                },
                _ = looks.tick() => self.look(peer, &mut pulse).await,
                () = sleep_until(next_ping) => self.beat(peer, &mut pulse).await,
                () = sleep_until(pulse.ends_at()) => Err(LinkError::Silent),
                () = at(until) => {
                    self.wire.close().await;
                    Err(LinkError::TryAgain)
                }
            };
            if let Err(error) = done {
                if matches!(error, LinkError::Silent | LinkError::Unreachable(_)) {
                    keep_alive.was_cut(pulse.rest());
                }
                return error;
            }
        }
    }

    fn hear(
        &mut self,
        came: Result<Came, LinkError>,
        peer: &impl Peer,
        pulse: &mut Pulse,
    ) -> Result<(), LinkError> {
        if let Came::Text(text) = came? {
            let order = self.open_frame(&text)?;
            self.look_after_key(&order)?;
            if matches!(order, Order::NotApproved) {
                return Err(LinkError::NotApproved);
            }
            pulse.asked = Some(Instant::now());
            peer.take(order, self.service_time);
        }
        Ok(())
    }

    /// Every half minute: what is new on this machine, and that it lives where that counts.
    async fn look(&mut self, peer: &impl Peer, pulse: &mut Pulse) -> Result<(), LinkError> {
        if peer.has_new_keys() {
            self.wire.close().await;
            return Err(LinkError::NewKeys);
        }
        if pulse.asked.is_some_and(|asked| asked.elapsed() < BUSY) {
            return self.beat(peer, pulse).await;
        }
        for report in peer.news() {
            pulse.moved();
            self.say(&report).await?;
        }
        Ok(())
    }

    async fn beat(&mut self, peer: &impl Peer, pulse: &mut Pulse) -> Result<(), LinkError> {
        pulse.pinged();
        for report in peer.heartbeat() {
            self.say(&report).await?;
        }
        // The answer to a ping is the sign of life of a service that has nothing to ask.
        if !self.wire.ping().await? {
            pulse.needs_no_answer();
        }
        Ok(())
    }

    fn open_frame(&mut self, text: &str) -> Result<Order, LinkError> {
        let frame: SignedFrame =
            serde_json::from_str(text).map_err(|_| LinkError::Protocol("a frame that is none"))?;
        let open =
            |key: &VerifyingKey| frame.open(self.received, Direction::ToAgent, &self.session, key);
        let by_known = open(&self.link_key);
        let order = by_known.or_else(|| {
            let next = self.next?;
            let order = open(&next)?;
            // From here on the old one signs nothing any more.
            (self.link_key, self.next) = (next, None);
            Some(order)
        });
        self.received += 1;
        order.ok_or(LinkError::Protocol(
            "a frame that does not prove itself: edited, repeated, dropped or swapped on the way",
        ))
    }

    /// A newer key of the service counts on the known one's word and its own, and is in force
    /// once it signs.
    fn look_after_key(&mut self, order: &Order) -> Result<(), LinkError> {
        match order {
            Order::LinkKey(said) => {
                let next = said.accept(&self.link_key, &self.session);
                self.next = Some(next.ok_or(LinkError::Protocol(
                    "a new link key without the old one's word or its own",
                ))?);
                Ok(())
            }
            Order::LinkKeyInForce { key } if key.0 != self.link_key.as_bytes() => {
                Err(LinkError::Protocol("a new link key that does not sign"))
            }
            Order::LinkKeyInForce { .. }
            | Order::Status { .. }
            | Order::Change(_)
            | Order::Recipients(_)
            | Order::Synchronise
            | Order::IdentityStored { .. }
            | Order::NotApproved
            | Order::Stored { .. } => Ok(()),
        }
    }

    async fn say(&mut self, report: &Report) -> Result<(), LinkError> {
        let frame = SignedFrame::sign(
            report,
            self.sent,
            Direction::ToService,
            &self.session,
            &self.identity,
        )
        .and_then(|frame| serde_json::to_string(&frame))
        .map_err(|_| LinkError::Protocol("a report without a JSON form"))?;
        self.sent += 1;
        self.wire.send(frame).await
    }
}

fn not_in_time() -> String {
    format!("no link within {} s", HANDSHAKE_LIMIT.as_secs())
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// When a link was last of use, and what was asked since.
struct Pulse {
    /// Something was said or heard last.
    moved: Instant,
    /// It was said last that this agent lives. Other reports do not say it, nor does what is
    /// heard.
    told: Instant,
    /// A ping that is not answered, and how long the link had rested before it.
    pinged: Option<(Instant, Duration)>,
    /// The last order.
    asked: Option<Instant>,
}

impl Pulse {
    fn at(now: Instant) -> Self {
        Self { moved: now, told: now, pinged: None, asked: None }
    }

    fn next_ping(&self, keep_alive: &KeepAlive) -> Instant {
        self.told + keep_alive.every()
    }

    fn ends_at(&self) -> Instant {
        // Without a ping under way nothing is missed.
        const NEVER: Duration = Duration::from_secs(24 * 3600);
        self.pinged.map_or(self.moved + NEVER, |(at, _)| at + ANSWER_LIMIT)
    }

    /// How long the link had rested when it was last tried, or has rested now.
    fn rest(&self) -> Duration {
        self.pinged.map_or_else(|| self.moved.elapsed(), |(_, rested)| rested)
    }

    fn moved(&mut self) {
        self.moved = Instant::now();
    }

    fn pinged(&mut self) {
        let rested = self.moved.elapsed();
        self.pinged.get_or_insert((Instant::now(), rested));
        self.told = Instant::now();
        self.moved();
    }

    fn needs_no_answer(&mut self) {
        self.pinged = None;
    }

    fn heard(&mut self, keep_alive: &mut KeepAlive) {
        if let Some((_, rested)) = self.pinged.take() {
            keep_alive.stood(rested);
        }
        self.moved();
    }
}

/// How long to wait before the next try: doubling from one second to a minute, and somewhere in
/// the upper half of that, so that the agents of a restarted service do not come all at once.
pub(crate) fn backoff(tries: u32, rng: &mut impl CryptoRng) -> Duration {
    const LONGEST_MILLIS: u64 = 60_000;
    let full = 1000_u64
        .checked_shl(tries.min(16))
        .map_or(LONGEST_MILLIS, |millis| millis.min(LONGEST_MILLIS));
    Duration::from_millis(full / 2 + rng.next_u64() % (full / 2 + 1))
}

#[cfg(test)]
mod tests;
