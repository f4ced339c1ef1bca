//! Whether service and directory are reached, as events: each loss and each return once, not
//! each try.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{event_log::Details, events::Event, link::LinkError, local::Local};

/// Without a link for so long, it is an error and no warning any more.
const LONG: Duration = Duration::from_secs(300);

/// What was last seen.
pub(crate) struct Reach {
    local: Arc<Local>,
    is_linked: AtomicBool,
    lost: Mutex<Option<Lost>>,
    directory: Mutex<Option<bool>>,
}

/// The link is not there.
struct Lost {
    since: Instant,
    last: Event,
    is_long: bool,
}

impl Reach {
    pub(crate) fn new(local: Arc<Local>) -> Self {
        let (lost, directory) = (Mutex::default(), Mutex::default());
        Self { local, is_linked: AtomicBool::new(false), lost, directory }
    }

    /// The link stands.
    pub(crate) fn linked(&self) {
        self.is_linked.store(true, Ordering::Relaxed);
        *lock(&self.lost) = None;
        self.local.events.write(Event::Linked, Details::none());
    }

    pub(crate) fn is_linked(&self) -> bool {
        self.is_linked.load(Ordering::Relaxed)
    }

    /// It ended, or could not be made.
    pub(crate) fn link_failed(&self, error: &LinkError) {
        self.is_linked.store(false, Ordering::Relaxed);
        let event = if matches!(error, LinkError::WrongKey) {
            Event::WrongService
        } else if matches!(error, LinkError::Refused(_)) {
            Event::ServiceRefused
        } else if matches!(error, LinkError::Protocol(_)) {
            Event::FrameRefused
        } else {
            Event::LinkLost
        };
        let now = Instant::now();
        let mut lost = lock(&self.lost);
        let is_new = lost.as_ref().is_none_or(|lost| lost.last != event);
        let lost = lost.get_or_insert(Lost { since: now, last: event, is_long: false });
        lost.last = event;
        if is_new {
            self.local.events.write(event, Details::none().cause(error));
        } else {
            tracing::debug!(%error, "no link");
        }
        if !lost.is_long && now.duration_since(lost.since) >= LONG {
            lost.is_long = true;
            self.local.events.write(Event::Unlinked, Details::none().cause(error));
        }
    }

    /// Whether a controller answers.
    pub(crate) fn directory(&self, is_reachable: bool) {
        let before = lock(&self.directory).replace(is_reachable);
        if before == Some(is_reachable) {
            return;
        }
        let event = if is_reachable { Event::DirectoryUsable } else { Event::DirectoryUnusable };
        self.local.events.write(event, Details::none());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use crate::{clock::Clock, event_log::tests::Kept, limits::Limits, standing::Standing};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loss_is_told_once_and_again_when_it_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, standing) = (Kept::default(), Standing::of(folder.path()));
        let limits = Limits::new(None, standing.clone(), Vec::new(), Instant::now());
        let local = Local::new(Arc::new(limits), standing, kept.log(), Clock::new(|| 1));
        let reach = Reach::new(Arc::new(local));
        reach.linked();
        for _ in 0..20 {
            reach.link_failed(&LinkError::Closed);
            reach.link_failed(&LinkError::Unreachable("no route".to_owned()));
            tokio::time::advance(Duration::from_secs(30)).await;
        }
        reach.link_failed(&LinkError::Refused(503));
        reach.linked();
        reach.link_failed(&LinkError::WrongKey);
        for is_reachable in [false, false, true, true] {
            reach.directory(is_reachable);
        }
        let expected = [
            Event::Linked,
            Event::LinkLost,
            Event::Unlinked,
            Event::ServiceRefused,
            Event::Linked,
            Event::WrongService,
            Event::DirectoryUnusable,
            Event::DirectoryUsable,
        ];
        assert_eq!(kept.events(), expected);
    }
}
