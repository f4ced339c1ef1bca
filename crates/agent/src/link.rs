//! The link: one outbound WebSocket to the service, over the connection that the HTTP client
//! opened (its proxy, its TLS). Both ends prove their keys before anything else is said; from
//! then on every frame carries its number and a signature (design decision 17).
//!
//! A frame that does not prove itself ends the link; nothing in it is acted on. What an order
//! means is not decided here.

mod handshake;

use std::time::Duration;

use ed25519_dalek::{SigningKey, VerifyingKey};
use futures_util::{SinkExt, StreamExt};
use protocol::{
    agent::{Direction, HEARTBEAT_S, LinkSession, MAX_FRAME, Order, Report, SignedFrame},
    id::AgentId,
};
use rand::CryptoRng;
use reqwest::Upgraded;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::WebSocketConfig},
};

pub(crate) use handshake::upgrade;

const SEND_LIMIT: Duration = Duration::from_secs(10);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(20);
/// After this long without a sign of life the connection counts as dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(HEARTBEAT_S * 5 / 2);

/// Who we are and whom we expect.
pub(crate) struct Ends<'a> {
    /// Our id.
    pub(crate) agent: AgentId,
    /// Our key.
    pub(crate) identity: &'a SigningKey,
    /// The service's pinned key.
    pub(crate) link_key: VerifyingKey,
}

/// Why a link could not be made, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// No connection, or it broke.
    #[error("the service cannot be reached: {0}")]
    Unreachable(String),
    /// The service answered, but not with a link.
    #[error("the service refused the link with HTTP status {0}")]
    Refused(u16),
    /// The other end does not speak as agreed.
    #[error("the other end broke the protocol: {0}")]
    Protocol(&'static str),
    /// The other end is not the service we enrolled with.
    #[error(
        "the other end does not hold the service's key: somebody stands between agent and service"
    )]
    WrongKey,
    /// Nothing was heard for too long.
    #[error("nothing heard for {} s", SILENCE_LIMIT.as_secs())]
    Silent,
    /// The service closed the link.
    #[error("the service closed the link")]
    Closed,
}

/// A proven link.
pub(crate) struct Link {
    socket: Socket,
    session: LinkSession,
    identity: SigningKey,
    link_key: VerifyingKey,
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

    /// What to say at each heartbeat.
    fn heartbeat(&self) -> Vec<Report>;
}

impl Link {
    /// Connects and proves both ends.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(crate) async fn open(
        client: &reqwest::Client,
        origin: &str,
        ends: &Ends<'_>,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Self, LinkError> {
        let opening = async {
            let socket = upgrade(client, origin).await?;
            let config = WebSocketConfig::default()
                .max_message_size(Some(MAX_FRAME))
                .max_frame_size(Some(MAX_FRAME));
            let socket = WebSocketStream::from_raw_socket(
                socket,
                tokio_tungstenite::tungstenite::protocol::Role::Client,
                Some(config),
            )
            .await;
            handshake::prove(socket, ends, rng).await
        };
        timeout(HANDSHAKE_LIMIT, opening).await.map_err(|_| {
            LinkError::Unreachable(format!("no link within {} s", HANDSHAKE_LIMIT.as_secs()))
        })?
    }

    /// Carries orders in and reports out until the link ends; why it ended. `reports` running
    /// dry (its senders gone) closes the link in order.
    pub(crate) async fn serve(
        mut self,
        peer: &impl Peer,
        reports: &mut mpsc::Receiver<Report>,
    ) -> LinkError {
        let beat = Duration::from_secs(HEARTBEAT_S);
        let mut heartbeat = interval_at(Instant::now() + beat, beat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let done = tokio::select! {
                message = self.socket.next() => {
                    heard = Instant::now();
                    self.hear(message, peer)
                }
                report = reports.recv() => match report {
                    Some(report) => self.say(&report).await,
                    None => {
                        let _ = timeout(SEND_LIMIT, self.socket.close(None)).await;
                        Err(LinkError::Closed)
                    }
                },
                _ = heartbeat.tick() => self.beat(peer).await,
                () = tokio::time::sleep_until(heard + SILENCE_LIMIT) => Err(LinkError::Silent),
            };
            if let Err(error) = done {
                return error;
            }
        }
    }

    fn hear(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
        peer: &impl Peer,
    ) -> Result<(), LinkError> {
        match message {
            Some(Ok(Message::Text(text))) => {
                let order = self.open_frame(&text)?;
                peer.take(order, self.service_time);
                Ok(())
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                Err(LinkError::Protocol("a frame that is no text"))
            }
            Some(Ok(Message::Close(_))) | None => Err(LinkError::Closed),
            Some(Err(error)) => Err(LinkError::Unreachable(error.to_string())),
        }
    }

    fn open_frame(&mut self, text: &str) -> Result<Order, LinkError> {
        let frame: SignedFrame =
            serde_json::from_str(text).map_err(|_| LinkError::Protocol("a frame that is none"))?;
        let order = frame
            .open(self.received, Direction::ToAgent, &self.session, &self.link_key)
            .ok_or(LinkError::Protocol("a frame that does not prove itself: edited, repeated, dropped or swapped on the way"))?;
        self.received += 1;
        Ok(order)
    }

    async fn beat(&mut self, peer: &impl Peer) -> Result<(), LinkError> {
        for report in peer.heartbeat() {
            self.say(&report).await?;
        }
        // The answer to a ping is the sign of life of a service that has nothing to ask.
        self.send(Message::Ping(Vec::new().into())).await
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
        self.send(Message::Text(frame.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), LinkError> {
        match timeout(SEND_LIMIT, self.socket.send(message)).await {
            Ok(sent) => sent.map_err(|error| LinkError::Unreachable(error.to_string())),
            Err(_) => Err(LinkError::Silent),
        }
    }
}

type Socket = WebSocketStream<Upgraded>;

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
