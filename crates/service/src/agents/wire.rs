//! What a link runs over, as the service sees it: a WebSocket, or a pipe of plain requests. Both
//! carry texts; what they mean and whether they prove themselves is not known here.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};

use super::{LinkEnd, pipe::ServiceEnd, places::Place};

/// A wire that takes no text for so long is as good as gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The two ways to carry texts.
pub(crate) enum Wire {
    /// A WebSocket, and one of the few places for links that have not proved themselves.
    Socket(Box<WebSocket>, Option<Place>),
    /// A pipe; it keeps its place by itself.
    Pipe(ServiceEnd),
}

/// What came over a wire.
pub(crate) enum Came {
    /// A text.
    Text(String),
    /// A sign of life that says nothing.
    Life,
}

impl Wire {
    /// What comes next. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Result<Came, LinkEnd> {
        match self {
            Self::Socket(socket, _) => match socket.recv().await {
                Some(Ok(Message::Text(text))) => Ok(Came::Text(text.to_string())),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Came::Life),
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => {
                    Err(LinkEnd::Gone)
                }
            },
            Self::Pipe(pipe) => pipe.next().await,
        }
    }

    /// Sends a text.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), LinkEnd> {
        let sending = async {
            match self {
                Self::Socket(socket, _) => {
                    socket.send(Message::Text(text.into())).await.map_err(|_| LinkEnd::Gone)
                }
                Self::Pipe(pipe) => pipe.send(text).await,
            }
        };
        tokio::time::timeout(PATIENCE, sending).await.unwrap_or(Err(LinkEnd::Gone))
    }

    /// The other end has proved itself: others may come.
    pub(crate) fn is_proved(&mut self) {
        match self {
            Self::Socket(_, place) => *place = None,
            Self::Pipe(pipe) => pipe.is_proved(),
        }
    }
}
