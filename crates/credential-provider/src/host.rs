//! The way to the host, as the tile sees it: a channel that carries the messages of
//! `protocol::host::tile`. Who answers on the pipe is looked at where it is opened (`com::pipe`).

use std::{io, time::Duration};

use protocol::host::tile::{Ask, Tell};

/// Opens channels.
pub trait Host: Send + Sync {
    /// A channel to whoever is the host. Gives up after this time.
    ///
    /// # Errors
    /// When the host is not there, or who answers is not the host.
    fn open(&self, within: Duration) -> io::Result<Box<dyn Channel>>;
}

/// One connection. Dropping it ends what runs over it.
pub trait Channel: Send {
    /// Says something.
    ///
    /// # Errors
    /// When the host is gone or does not take it in time.
    fn send(&mut self, ask: &Ask, within: Duration) -> io::Result<()>;

    /// What the host says next; none when it says nothing within this time.
    ///
    /// # Errors
    /// When the host is gone or says what is no message.
    fn receive(&mut self, within: Duration) -> io::Result<Option<Tell>>;
}
