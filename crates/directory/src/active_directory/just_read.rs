//! Accounts that were read a moment ago and may be written: the write that follows the reading
//! of its fence need not read them again. Only spares a reading: the write itself is fenced, so
//! that values which changed meanwhile let it fail.
//!
//! Must not hold an account for longer than a moment, nor one that is protected.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use protocol::directory::{ExternalId, Fence};
use tokio::time::Instant;

use super::{connection::Session, entry::Entry};

/// Whom an administrator protects within it is written all the same, as if the reading had come
/// so much later.
const MOMENT: Duration = Duration::from_secs(2);
const MOST: usize = 64;

/// A reading.
pub(super) struct Reading {
    pub(super) session: Session,
    pub(super) dn: String,
    pub(super) entry: Entry,
}

#[derive(Default)]
pub(super) struct JustRead(Mutex<VecDeque<(Instant, ExternalId, Fence, Reading)>>);

impl JustRead {
    /// Keeps a reading for a moment.
    pub(super) fn keep(&self, account: ExternalId, fence: Fence, reading: Reading) {
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readings.retain(|(at, of, ..)| at.elapsed() < MOMENT && *of != account);
        readings.truncate(MOST - 1);
        readings.push_front((Instant::now(), account, fence, reading));
    }

    /// Forgets all of them, with their connections.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The reading that gave this very fence, once.
    pub(super) fn take(&self, account: &ExternalId, fence: &Fence) -> Option<Reading> {
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readings.retain(|(at, ..)| at.elapsed() < MOMENT);
        let at = readings.iter().position(|(_, of, with, _)| of == account && with == fence)?;
        readings.remove(at).map(|(.., reading)| reading)
    }
}
