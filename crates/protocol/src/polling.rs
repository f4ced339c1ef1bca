//! The agent link where nothing lets a WebSocket through: the same texts over plain requests.
//!
//! A pipe carries texts both ways, each with a running number. A text that was said is repeated
//! under its number until it is acknowledged, and one that was heard is acknowledged by asking
//! from the next number, so that a lost HTTP answer loses and repeats nothing. The pipe proves
//! nothing: handshake and signed frames inside it are those of the WebSocket (`agent`).

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;

/// Longest that [`Hear`] waits for a text.
pub const MAX_WAIT_S: u64 = 25;
/// Bytes of a pipe's id.
pub const PIPE_BYTES: usize = 16;

/// Answer of `POST /api/v1/agents/polling`: a new pipe.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// Names it; known to its two ends alone.
    pub pipe: Bytes,
}

/// Body of `POST /api/v1/agents/polling/say`. Answered once the text is in the pipe.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// The pipe.
    pub pipe: Bytes,
    /// From 0, rising by one. The last one may come again, with the same text.
    pub number: u64,
    /// At most [`crate::agent::MAX_FRAME`] bytes.
    pub text: String,
}

/// Answer to [`Say`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {}

/// Body of `POST /api/v1/agents/polling/hear`. Of two that wait, the later one is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hear {
    /// The pipe.
    pub pipe: Bytes,
    /// The number of the next text; everything before it has arrived.
    pub from: u64,
    /// How long to wait for one, at most [`MAX_WAIT_S`].
    pub wait_s: u64,
}

/// Answer to [`Hear`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// The texts from there on; none when none came in time.
    pub texts: Vec<String>,
}
