//! The way out for reports while a link stands. Without one they are dropped: what must not
//! be lost is in the journal and sent again after the next connect.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::agent::Report;
use tokio::sync::mpsc;

/// Most reports that wait for a slow link.
const WAITING: usize = 32;

/// Where reports go.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Mutex<Option<mpsc::Sender<Report>>>>);

impl Outbox {
    /// Opens the way out for a new link; what came before ends.
    pub(crate) fn connect(&self) -> mpsc::Receiver<Report> {
        let (sender, receiver) = mpsc::channel(WAITING);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Closes the way out.
    pub(crate) fn disconnect(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Sends a report, waiting while the link is slow; false when there is no link.
    pub(crate) async fn send(&self, report: Report) -> bool {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match sender {
            Some(sender) => sender.send(report).await.is_ok(),
            None => false,
        }
    }
}
