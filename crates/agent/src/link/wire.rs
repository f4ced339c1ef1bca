//! What a link runs over: a WebSocket, or plain requests where nothing lets one through. Both
//! carry texts; the proofs and frames in them are the link's.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Upgraded;
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::{LinkError, polling::Polling};

pub(super) type Socket = WebSocketStream<Upgraded>;

const SEND_LIMIT: Duration = Duration::from_secs(10);

/// The two ways to carry texts.
pub(super) enum Wire {
    Socket(Box<Socket>),
    Polling(Polling),
}

/// What came over a wire.
pub(super) enum Came {
    Text(String),
    /// A sign of life that says nothing.
    Life,
}

impl Wire {
    /// What comes next. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Came, LinkError> {
        let socket = match self {
            Self::Socket(socket) => socket,
            Self::Polling(polling) => return polling.next().await,
        };
        match socket.next().await {
            Some(Ok(Message::Text(text))) => Ok(Came::Text(text.to_string())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Came::Life),
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                Err(LinkError::Protocol("a frame that is no text"))
            }
            // A service that does not know this agent, or its version, closes without a word.
            Some(Ok(Message::Close(_))) | None => Err(LinkError::Closed),
            Some(Err(error)) => Err(LinkError::Unreachable(error.to_string())),
        }
    }

    /// The next text.
    pub(super) async fn next_text(&mut self) -> Result<String, LinkError> {
        loop {
            if let Came::Text(text) = self.next().await? {
                return Ok(text);
            }
        }
    }

    /// Sends a text.
    pub(super) async fn send(&mut self, text: String) -> Result<(), LinkError> {
        match self {
            Self::Socket(socket) => send(socket, Message::Text(text.into())).await,
            Self::Polling(polling) => polling.say(text).await,
        }
    }

    /// Asks for a sign of life. `false` where waiting requests give it by themselves.
    pub(super) async fn ping(&mut self) -> Result<bool, LinkError> {
        match self {
            Self::Socket(socket) => {
                send(socket, Message::Ping(Vec::new().into())).await.map(|()| true)
            }
            Self::Polling(_) => Ok(false),
        }
    }

    /// Ends it in order.
    pub(super) async fn close(&mut self) {
        if let Self::Socket(socket) = self {
            let _ = timeout(SEND_LIMIT, WebSocketStream::close(socket, None)).await;
        }
    }
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), LinkError> {
    match timeout(SEND_LIMIT, socket.send(message)).await {
        Ok(sent) => sent.map_err(|error| LinkError::Unreachable(error.to_string())),
        Err(_) => Err(LinkError::Silent),
    }
}
