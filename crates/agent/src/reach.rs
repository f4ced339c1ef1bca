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
/// A service tells an agent that is not approved so at once: a link that stands for so long is one.
const APPROVED: Duration = Duration::from_secs(10);

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
    /// The last link ended because nobody has approved this agent yet.
    waits: bool,
    /// Since when there is another one, of which it is not known yet.
    again: Option<Instant>,
}

impl Reach {
    pub(crate) fn new(local: Arc<Local>) -> Self {
        let (lost, directory) = (Mutex::default(), Mutex::default());
        Self { local, is_linked: AtomicBool::new(false), lost, directory }
    }

    /// The link stands.
    pub(crate) fn linked(&self) {
        self.is_linked.store(true, Ordering::Relaxed);
        let mut lost = lock(&self.lost);
        if let Some(lost) = lost.as_mut().filter(|lost| lost.waits) {
            lost.again = Some(Instant::now());
            return;
        }
        *lost = None;
        self.local.events.write(Event::Linked, Details::none());
    }

    /// Tells of a link that an approved agent has at last. To be called now and then.
    pub(crate) fn look(&self) {
        let mut lost = lock(&self.lost);
        let again = lost.as_ref().and_then(|lost| lost.again);
        if again.is_some_and(|at| at.elapsed() >= APPROVED) {
            *lost = None;
            self.local.events.write(Event::Linked, Details::none());
        }
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
        let lost = lost.get_or_insert(Lost {
            since: now,
            last: event,
            is_long: false,
            waits: false,
            again: None,
        });
        lost.last = event;
        lost.waits =
            matches!(error, LinkError::NotApproved) || (lost.waits && lost.again.is_none());
        lost.again = None;
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
    async fn waiting_for_approval_is_told_once_and_its_end_when_it_is_certain() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, standing) = (Kept::default(), Standing::of(folder.path()));
        let limits = Limits::new(None, standing.clone(), Vec::new(), Instant::now());
        let local = Local::new(Arc::new(limits), standing, kept.log(), Clock::new(|| 1));
        let reach = Reach::new(Arc::new(local));
        for _ in 0..20 {
            reach.linked();
            reach.look();
            reach.link_failed(&LinkError::NotApproved);
            tokio::time::advance(Duration::from_secs(60)).await;
            reach.look();
        }
        assert_eq!(kept.events(), [Event::Linked, Event::LinkLost, Event::Unlinked]);
        reach.linked();
        tokio::time::advance(APPROVED).await;
        reach.look();
        reach.look();
        assert_eq!(kept.events()[3..], [Event::Linked]);
        reach.link_failed(&LinkError::Closed);
        assert_eq!(kept.events()[4..], [Event::LinkLost]);
    }

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
