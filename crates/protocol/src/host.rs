//! The frames of the way in from the Windows sign-in screen: between the tile and the host
//! ([`tile`]), and between the host and the app that it started ([`app`]).
//!
//! A frame is at most 4 KiB: two bytes of length of the rest (little endian), one byte of
//! version, one that says which conversation and direction it belongs to, then the message, as
//! [postcard](https://postcard.jamesmunns.com/wire-format) writes it. The reading is strict: an
//! unknown message, a byte too many, a length past its limit, another spelling of the same
//! message are errors, never panics. Three of the four readers run as the system.
//!
//! What does not fit a frame does not cross: the tile's picture is a file of bare pixels of one
//! size, in a folder that only administrators write ([`tile::Picture`]), and what the host keeps
//! for the app goes in parts ([`app::Part`]).
//!
//! No decisions: which message is allowed when is the host's table.

pub mod app;
mod limited;
pub mod remedy;
pub mod statement;
pub mod tile;

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

pub use limited::{Blob, Exactly, Few, SecretText, Text};

/// The version of all frames. A peer of another one is refused by name: tile, host and app are
/// installed together, and one that was loaded before an upgrade waits for its end.
pub const VERSION: u8 = 1;

/// Most bytes of a frame, its length included.
pub const MAX_FRAME: usize = 4096;

/// Length, version and conversation.
const HEAD: usize = 4;

/// Most bytes of a message.
pub const MAX_MESSAGE: usize = MAX_FRAME - HEAD;

/// The messages of one direction of one conversation.
pub trait Message: Serialize + DeserializeOwned {
    /// Tells it from the others in each frame.
    const CONVERSATION: u8;
}

/// Why bytes are no frame, or a message does not become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`], or too short for a message.
    #[error("a frame of {0} bytes")]
    Length(usize),
    /// The peer speaks another version.
    #[error("frames of version {0}, not {VERSION}")]
    Version(u8),
    /// A frame of another conversation or direction.
    #[error("a frame of another conversation ({0})")]
    Conversation(u8),
    /// An unknown message, a field past its limit, bytes left over or an odd spelling.
    #[error("no message that is known here")]
    Message,
}

/// A whole frame. Some hold secrets, so all are wiped.
///
/// # Errors
/// [`FrameError::Message`] when the message is longer than a frame; its fields' limits allow that
/// for none of ours, which tests hold them to.
pub fn encode<M: Message>(message: &M) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    // Never grown, so that nothing of it stays behind in memory.
    let mut frame = Zeroizing::new(vec![0; MAX_FRAME]);
    let (head, rest) = frame.split_at_mut(HEAD);
    let written = postcard::to_slice(message, rest).map_err(|_| FrameError::Message)?.len();
    let length = u16::try_from(written + HEAD - 2).map_err(|_| FrameError::Message)?;
    head.copy_from_slice(&[
        length.to_le_bytes()[0],
        length.to_le_bytes()[1],
        VERSION,
        M::CONVERSATION,
    ]);
    frame.truncate(HEAD + written);
    Ok(frame)
}

/// How many bytes follow the two of the length.
///
/// # Errors
/// [`FrameError::Length`].
pub fn length_of_rest(length: [u8; 2]) -> Result<usize, FrameError> {
    let rest = usize::from(u16::from_le_bytes(length));
    // A version, a conversation, and at least the message's number.
    let fits = (HEAD - 1..=MAX_FRAME - 2).contains(&rest);
    fits.then_some(rest).ok_or(FrameError::Length(rest))
}

/// Reads what follows the length.
///
/// # Errors
/// [`FrameError`], whatever the bytes are.
pub fn decode<M: Message>(rest: &[u8]) -> Result<M, FrameError> {
    let (head, message) = rest.split_at_checked(HEAD - 2).ok_or(FrameError::Length(rest.len()))?;
    if message.len() > MAX_MESSAGE {
        return Err(FrameError::Length(rest.len()));
    }
    match *head {
        [VERSION, conversation] if conversation == M::CONVERSATION => {}
        [VERSION, conversation] => return Err(FrameError::Conversation(conversation)),
        [version, _] => return Err(FrameError::Version(version)),
        _ => return Err(FrameError::Length(rest.len())),
    }
    strict(message)
}

/// A message that fills these bytes, in the one spelling that `encode` gives it.
fn strict<M: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<M, FrameError> {
    let (read, left) = postcard::take_from_bytes::<M>(bytes).map_err(|_| FrameError::Message)?;
    if !left.is_empty() {
        return Err(FrameError::Message);
    }
    let mut again = Zeroizing::new([0; MAX_FRAME]);
    let spelled = postcard::to_slice(&read, again.as_mut()).map_err(|_| FrameError::Message)?;
    if *spelled == *bytes { Ok(read) } else { Err(FrameError::Message) }
}

/// Reads one frame from a pipe; `None` when it ended before one began.
///
/// # Errors
/// What the pipe says; [`io::ErrorKind::InvalidData`] around a [`FrameError`].
pub fn read_from<M: Message>(pipe: &mut (impl Read + ?Sized)) -> io::Result<Option<M>> {
    let mut length = [0; 2];
    loop {
        match pipe.read(&mut length[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    pipe.read_exact(&mut length[1..])?;
    let mut rest = Zeroizing::new(vec![0; length_of_rest(length).map_err(invalid)?]);
    pipe.read_exact(&mut rest)?;
    decode(&rest).map(Some).map_err(invalid)
}

/// Writes one frame to a pipe, at once.
///
/// # Errors
/// What the pipe says.
pub fn write_to<M: Message>(pipe: &mut (impl Write + ?Sized), message: &M) -> io::Result<()> {
    pipe.write_all(&encode(message).map_err(invalid)?)?;
    pipe.flush()
}

fn invalid(error: FrameError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests;
