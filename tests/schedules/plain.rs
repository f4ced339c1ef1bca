//! The relay where no WebSocket comes through: passes requests and their answers on, and plays
//! the tricks to those that carry texts of the link.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use super::{Relay, Trick, Way};
use crate::clockwork::lock;

/// One request or answer.
#[derive(Clone)]
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
}

/// What came through last.
#[derive(Default)]
pub(super) struct Passed {
    said: Option<Message>,
    heard: Option<Message>,
}

/// Passes requests of one connection on, until it ends.
pub(super) async fn pass(
    relay: &Relay,
    mut agent: TcpStream,
    service: SocketAddr,
) -> io::Result<()> {
    let mut to_service = TcpStream::connect(service).await?;
    to_service.set_nodelay(true)?;
    let (mut from_agent, mut from_service) = (Vec::new(), Vec::new());
    loop {
        let mut request = Message::read(&mut agent, &mut from_agent).await?;
        relay.clockwork.event();
        request.strip();
        let before = request.clone();
        let trick = if request.is("/polling/say ") { relay.trick(Way::ToService) } else { None };
        match trick {
            Some(Trick::Delay(time)) => sleep(time).await,
            // Over a way of its own, before it comes.
            Some(Trick::Twice) => request.send_apart(service).await?,
            Some(Trick::Edit) => edit(&mut request.body),
            Some(Trick::Drop) => return Ok(()),
            Some(Trick::Swap | Trick::Break) | None => {}
        }
        request.write(&mut to_service).await?;
        if trick == Some(Trick::Break) {
            // It arrives; its answer does not.
            Message::read(&mut to_service, &mut from_service).await?;
            return Ok(());
        }
        let mut answer = Message::read(&mut to_service, &mut from_service).await?;
        relay.clockwork.event();
        if before.is("/polling/say ") {
            let older = lock(&relay.passed).said.replace(before.clone());
            if let (Some(Trick::Swap), Some(older)) = (trick, older) {
                // The one before it comes again, behind it.
                older.send_apart(service).await?;
            }
        }
        let has_texts = before.is("/polling/hear ") && answer.body.len() > b"{\"texts\":[]}".len();
        let as_it_came = answer.clone();
        match has_texts.then(|| relay.trick(Way::ToAgent)).flatten() {
            Some(Trick::Delay(time)) => sleep(time).await,
            // An older answer in the place of this one.
            Some(Trick::Twice | Trick::Swap) => {
                if let Some(heard) = lock(&relay.passed).heard.take() {
                    answer = heard;
                }
            }
            Some(Trick::Edit) => edit(&mut answer.body),
            Some(Trick::Drop | Trick::Break) => return Ok(()),
            None => {}
        }
        if has_texts {
            lock(&relay.passed).heard = Some(as_it_came);
        }
        answer.write(&mut agent).await?;
        if *lock(&relay.is_parted) {
            return Ok(());
        }
    }
}

impl Message {
    async fn read(from: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Self> {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            read_some(from, buffer).await?;
        };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.map_or(0, |length| length.trim().parse().unwrap());
        while buffer.len() < head + length {
            read_some(from, buffer).await?;
        }
        let rest = buffer.split_off(head + length);
        let mut head_bytes = std::mem::replace(buffer, rest);
        let body = head_bytes.split_off(head);
        Ok(Self { head: head_bytes, body })
    }

    async fn write(&self, to: &mut TcpStream) -> io::Result<()> {
        to.write_all(&self.head).await?;
        to.write_all(&self.body).await
    }

    async fn send_apart(&self, service: SocketAddr) -> io::Result<()> {
        let mut apart = TcpStream::connect(service).await?;
        self.write(&mut apart).await?;
        Self::read(&mut apart, &mut Vec::new()).await.map(drop)
    }

    fn is(&self, path: &str) -> bool {
        let line = self.head.split(|byte| *byte == b'\r').next().unwrap();
        line.windows(path.len()).any(|bytes| bytes == path.as_bytes())
    }

    /// What a box does that knows no WebSockets: the headers between two neighbours go.
    fn strip(&mut self) {
        let text = String::from_utf8_lossy(&self.head).into_owned();
        let goes = |line: &&str| {
            let line = line.to_ascii_lowercase();
            !line.starts_with("upgrade:") && !line.starts_with("connection:")
        };
        self.head = text.split("\r\n").filter(goes).collect::<Vec<_>>().join("\r\n").into_bytes();
    }
}

/// Another bit in the middle, where the text of the link is: still JSON, or not.
fn edit(body: &mut [u8]) {
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
}

async fn read_some(from: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    match from.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
