//! What stands between agent and service: passes HTTP on until the WebSocket begins, then
//! frames, each as the schedule says: late, twice, in another order, edited, or never. Where it
//! lets no WebSocket through, the requests that carry frames are played the same tricks.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
    sync::Notify,
    time::sleep,
};

#[path = "plain.rs"]
mod plain;

use crate::clockwork::{Clockwork, lock};

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trick {
    /// It takes so long, and all behind it.
    Delay(Duration),
    /// It comes twice.
    Twice,
    /// The one behind it comes first.
    Swap,
    /// One character of it is another.
    Edit,
    /// It is the last one: the connection breaks.
    Break,
    /// It never comes; what is behind it does.
    Drop,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToService,
    ToAgent,
}

/// The relay's orders.
pub(crate) struct Relay {
    clockwork: Arc<Clockwork>,
    service: Mutex<Option<SocketAddr>>,
    tricks: Mutex<Vec<(Way, u32, Trick)>>,
    is_parted: Mutex<bool>,
    /// Whether no WebSocket comes through.
    strips: Mutex<bool>,
    /// The last plain request and answer with texts of the link, for a replay.
    passed: Mutex<plain::Passed>,
    breaks: Notify,
}

impl Relay {
    pub(crate) fn new(clockwork: &Arc<Clockwork>) -> Arc<Self> {
        Arc::new(Self {
            clockwork: Arc::clone(clockwork),
            service: Mutex::default(),
            tricks: Mutex::default(),
            is_parted: Mutex::default(),
            strips: Mutex::default(),
            passed: Mutex::default(),
            breaks: Notify::new(),
        })
    }

    /// Where the service is now; nowhere while it is down.
    pub(crate) fn service_at(&self, address: Option<SocketAddr>) {
        *lock(&self.service) = address;
    }

    /// The frame that comes so many frames later this way is played this trick.
    pub(crate) fn play(&self, way: Way, frames_later: u32, trick: Trick) {
        lock(&self.tricks).push((way, frames_later, trick));
    }

    /// Nothing comes through, and what stood breaks.
    pub(crate) fn part(&self, is_parted: bool) {
        *lock(&self.is_parted) = is_parted;
        if is_parted {
            self.break_all();
        }
    }

    /// From now on no WebSocket comes through: requests for one lose what makes them that.
    pub(crate) fn strip(&self, strips: bool) {
        *lock(&self.strips) = strips;
    }

    /// What stands breaks.
    pub(crate) fn break_all(&self) {
        self.breaks.notify_waiters();
    }

    /// From now on everything comes through as it is.
    pub(crate) fn heal(&self) {
        lock(&self.tricks).clear();
        self.part(false);
    }

    /// Passes on for ever.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((agent, _)) = listener.accept().await else { continue };
            let service = *lock(&self.service);
            if let (Some(service), false) = (service, *lock(&self.is_parted)) {
                let relay = Arc::clone(&self);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = relay.pass(agent, service) => {}
                        () = relay.breaks.notified() => {}
                    }
                });
            }
        }
    }

    async fn pass(&self, agent: TcpStream, service: SocketAddr) -> io::Result<()> {
        agent.set_nodelay(true)?;
        if *lock(&self.strips) {
            return plain::pass(self, agent, service).await;
        }
        let service = TcpStream::connect(service).await?;
        service.set_nodelay(true)?;
        let (from_agent, to_agent) = agent.into_split();
        let (from_service, to_service) = service.into_split();
        // The end of either direction is the end of both.
        tokio::select! {
            ended = self.one_way(Way::ToService, from_agent, to_service) => ended,
            ended = self.one_way(Way::ToAgent, from_service, to_agent) => ended,
        }
    }

    async fn one_way(
        &self,
        way: Way,
        mut from: tcp::OwnedReadHalf,
        mut to: tcp::OwnedWriteHalf,
    ) -> io::Result<()> {
        let mut buffer = Vec::new();
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            read_some(&mut from, &mut buffer).await?;
        };
        let rest = buffer.split_off(head);
        to.write_all(&buffer).await?;
        let text = String::from_utf8_lossy(&buffer).to_ascii_lowercase();
        let mut frames = Frames { from, buffer: rest };
        if !text.contains("upgrade: websocket") {
            loop {
                to.write_all(&frames.buffer).await?;
                frames.buffer.clear();
                read_some(&mut frames.from, &mut frames.buffer).await?;
            }
        }
        let mut held = VecDeque::new();
        loop {
            let mut frame = frames.next().await?;
            self.clockwork.event();
            // Only messages: pings and pongs say nothing.
            let is_text = frame.first().is_some_and(|first| first & 0x0f == 1);
            match is_text.then(|| self.trick(way)).flatten() {
                Some(Trick::Delay(time)) => sleep(time).await,
                Some(Trick::Twice) => to.write_all(&frame).await?,
                Some(Trick::Swap) => {
                    held.push_back(frame);
                    continue;
                }
                Some(Trick::Edit) => edit(&mut frame),
                Some(Trick::Break) => {
                    // The frame itself arrives; its answer does not.
                    to.write_all(&frame).await?;
                    to.flush().await?;
                    return Ok(());
                }
                Some(Trick::Drop) => continue,
                None => {}
            }
            to.write_all(&frame).await?;
            while is_text && let Some(frame) = held.pop_front() {
                to.write_all(&frame).await?;
            }
        }
    }

    /// The trick whose turn it is, if one is due this way.
    fn trick(&self, way: Way) -> Option<Trick> {
        let mut tricks = lock(&self.tricks);
        let due = tricks.iter().position(|(of, later, _)| *of == way && *later == 0);
        for (of, later, _) in &mut *tricks {
            if *of == way {
                *later = later.saturating_sub(1);
            }
        }
        due.map(|due| tricks.remove(due).2)
    }
}

struct Frames {
    from: tcp::OwnedReadHalf,
    buffer: Vec<u8>,
}

impl Frames {
    /// The bytes of the next WebSocket frame, masked as they came.
    async fn next(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(length) = length(&self.buffer).filter(|&all| all <= self.buffer.len()) {
                let rest = self.buffer.split_off(length);
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            read_some(&mut self.from, &mut self.buffer).await?;
        }
    }
}

/// How long the frame at the beginning is (RFC 6455, 5.2); `None` while that is not known.
fn length(bytes: &[u8]) -> Option<usize> {
    let second = *bytes.get(1)?;
    let (header, payload) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        length => (2, usize::from(length)),
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    Some(header + mask + payload)
}

/// Another bit in the middle of the payload: still text, and JSON or not.
fn edit(frame: &mut [u8]) {
    let middle = frame.len() / 2 + 3;
    if let Some(byte) = frame.get_mut(middle) {
        *byte ^= 1;
    }
}

async fn read_some(from: &mut tcp::OwnedReadHalf, buffer: &mut Vec<u8>) -> io::Result<()> {
    match from.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
