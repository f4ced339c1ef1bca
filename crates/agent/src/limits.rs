//! How many operations an hour this agent carries out, whatever the service asks
//! (design decision 6). Past that it stops until somebody on this machine releases it: neither
//! the next hour nor a restart does. Whom it may touch at all is in the settings of the driver,
//! which come from the same local file. The service can neither read nor raise any of it.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::standing::Standing;

const HOUR: Duration = Duration::from_secs(3600);
/// Fewest operations an hour when the file names no number.
const FEWEST: usize = 30;

/// The hourly limit: a window that slides on the monotonic clock, and a stop that does not end
/// by itself.
pub(crate) struct Limits {
    configured: Option<usize>,
    accounts: AtomicUsize,
    standing: Standing,
    hour: Mutex<Hour>,
}

struct Hour {
    taken: VecDeque<Instant>,
    stop: Option<Stop>,
    released_at: u64,
    /// A stop was released, and nobody has asked for that yet.
    is_lifted: bool,
}

/// That the limit was passed.
struct Stop {
    /// Whether a restart would know of it.
    is_on_disk: bool,
}

/// What came of asking for one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It may be carried out.
    Yes,
    /// This one was one too many.
    StopsNow,
    /// The agent has stopped before.
    Stopped,
}

impl Limits {
    /// A limit as configured, or 2 % of the accounts and at least 30; with the operations that
    /// the journal says were begun `ages` ago, so that a restart does not start a new hour.
    pub(crate) fn new(
        configured: Option<u32>,
        standing: Standing,
        ages: Vec<Duration>,
        now: Instant,
    ) -> Self {
        let mut taken: Vec<Instant> = ages
            .into_iter()
            .filter(|age| *age < HOUR)
            .map(|age| now.checked_sub(age).unwrap_or(now))
            .collect();
        taken.sort_unstable();
        let hour = Hour {
            taken: taken.into(),
            stop: standing.is_stopped().then_some(Stop { is_on_disk: true }),
            released_at: standing.released_at(),
            is_lifted: false,
        };
        Self {
            configured: configured.map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
            accounts: AtomicUsize::new(0),
            standing,
            hour: Mutex::new(hour),
        }
    }

    /// Notes how many accounts the last synchronisation found.
    pub(crate) fn set_accounts(&self, count: usize) {
        self.accounts.store(count, Ordering::Relaxed);
    }

    /// How many operations an hour are carried out.
    pub(crate) fn per_hour(&self) -> usize {
        let by_size = self.accounts.load(Ordering::Relaxed) / 50;
        self.configured.unwrap_or(by_size.max(FEWEST))
    }

    /// Takes one operation from the hour, or stops.
    pub(crate) fn take(&self, now: Instant, unix_millis: u64) -> Taken {
        let mut hour = self.hour();
        if self.still_stopped(&mut hour, unix_millis) {
            return Taken::Stopped;
        }
        while hour.taken.front().is_some_and(|&at| now.duration_since(at) >= HOUR) {
            hour.taken.pop_front();
        }
        if hour.taken.len() < self.per_hour() {
            hour.taken.push_back(now);
            return Taken::Yes;
        }
        // Only what is said from now on lifts it, also when it never gets on disk.
        hour.released_at = self.standing.released_at();
        hour.stop = Some(Stop { is_on_disk: self.note_stop(unix_millis) });
        Taken::StopsNow
    }

    /// Whether it has stopped and was not released since.
    pub(crate) fn is_stopped(&self, unix_millis: u64) -> bool {
        self.still_stopped(&mut self.hour(), unix_millis)
    }

    /// Whether a stop was released since this was last asked.
    pub(crate) fn was_lifted(&self, unix_millis: u64) -> bool {
        let mut hour = self.hour();
        self.still_stopped(&mut hour, unix_millis);
        std::mem::take(&mut hour.is_lifted)
    }

    fn still_stopped(&self, hour: &mut Hour, unix_millis: u64) -> bool {
        let Some(stop) = hour.stop.as_mut() else {
            return false;
        };
        let released_at = self.standing.released_at();
        // A stop that is not on disk is not there to be removed either.
        if released_at != hour.released_at && !self.standing.is_stopped() {
            hour.released_at = released_at;
            hour.stop = None;
            hour.is_lifted = true;
            hour.taken.clear();
            return false;
        }
        if !stop.is_on_disk {
            stop.is_on_disk = self.note_stop(unix_millis);
        }
        true
    }

    fn note_stop(&self, unix_millis: u64) -> bool {
        let noted = self.standing.stop(unix_millis);
        if let Err(error) = &noted {
            tracing::error!(%error, "the stop cannot be noted; it stands until this agent ends");
        }
        noted.is_ok()
    }

    fn hour(&self) -> MutexGuard<'_, Hour> {
        self.hour.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn limits(folder: &TempDir, configured: Option<u32>, ages: &[u64], now: Instant) -> Limits {
        let ages = ages.iter().copied().map(Duration::from_secs).collect();
        Limits::new(configured, Standing::of(folder.path()), ages, now)
    }

    fn take_all(limits: &Limits, now: Instant) -> usize {
        (0..10_000).take_while(|_| limits.take(now, 1) == Taken::Yes).count()
    }

    #[tokio::test]
    async fn the_hour_slides() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        let limits = limits(&folder, Some(3), &[], now);
        for _ in 0..3 {
            assert_eq!(limits.take(now, 1), Taken::Yes);
        }
        for _ in 0..3 {
            assert_eq!(limits.take(now + HOUR, 1), Taken::Yes);
        }
        assert_eq!(limits.take(now + HOUR + HOUR - Duration::from_secs(1), 1), Taken::StopsNow);
    }

    #[tokio::test]
    async fn past_the_limit_neither_time_nor_a_restart_releases_it() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        let first = limits(&folder, Some(2), &[], now);
        let taken: Vec<Taken> = (0..4).map(|_| first.take(now, 1)).collect();
        assert_eq!(taken, [Taken::Yes, Taken::Yes, Taken::StopsNow, Taken::Stopped]);
        let later = now + HOUR * 100;
        assert_eq!(first.take(later, 1), Taken::Stopped);
        let restarted = limits(&folder, Some(2), &[], later);
        assert!(restarted.is_stopped(1));
        assert_eq!(restarted.take(later, 1), Taken::Stopped);

        // A release is seen by the running agent, and begins a new hour.
        Standing::of(folder.path()).release(5).unwrap();
        assert!(!restarted.is_stopped(1));
        assert_eq!(take_all(&restarted, later), 2);
        assert_eq!(restarted.take(later, 1), Taken::Stopped);
        Standing::of(folder.path()).release(6).unwrap();
        assert_eq!(restarted.take(later, 1), Taken::Yes);
    }

    #[tokio::test]
    async fn a_stop_that_cannot_be_noted_stands_all_the_same() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let limits = Limits::new(Some(1), Standing::of(&data), Vec::new(), now);
        assert_eq!(limits.take(now, 1), Taken::Yes);
        std::fs::remove_dir_all(&data).unwrap();
        assert_eq!(limits.take(now, 1), Taken::StopsNow);
        assert_eq!(limits.take(now + HOUR, 1), Taken::Stopped);
        // As soon as the disk is back, a restart knows of it too.
        std::fs::create_dir(&data).unwrap();
        assert!(limits.is_stopped(1));
        assert!(Standing::of(&data).is_stopped());
    }

    #[tokio::test]
    async fn an_older_release_lifts_no_stop_that_cannot_be_noted() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        let limits = limits(&folder, Some(1), &[], now);
        assert_eq!(limits.take(now, 1), Taken::Yes);
        Standing::of(folder.path()).release(5).unwrap();
        // A folder where its new file must go: the stop cannot be written.
        let blocked = folder.path().join("stopped.new");
        std::fs::create_dir(&blocked).unwrap();
        assert_eq!(limits.take(now, 6), Taken::StopsNow);
        assert!(!Standing::of(folder.path()).is_stopped());
        assert_eq!(limits.take(now, 7), Taken::Stopped);
        Standing::of(folder.path()).release(8).unwrap();
        assert!(!limits.is_stopped(9));
    }

    #[tokio::test]
    async fn small_directories_get_thirty_and_large_ones_two_percent() {
        let now = Instant::now();
        for (accounts, expected) in [(0, 30), (10, 30), (10_000, 200)] {
            let folder = tempfile::tempdir().unwrap();
            let limits = limits(&folder, None, &[], now);
            limits.set_accounts(accounts);
            assert_eq!(take_all(&limits, now), expected);
        }
    }

    #[tokio::test]
    async fn a_restart_does_not_start_a_new_hour() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        let limits = limits(&folder, Some(5), &[10, 3599, 3600, 9999], now);
        assert_eq!(take_all(&limits, now), 3);
    }

    proptest::proptest! {
        #[test]
        fn no_hour_ever_has_more(limit in 1_u32..20, steps in proptest::collection::vec(0_u64..900, 1..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _entered = runtime.enter();
            let folder = tempfile::tempdir().unwrap();
            let mut now = Instant::now();
            let limits = limits(&folder, Some(limit), &[], now);
            let mut granted: Vec<Instant> = Vec::new();
            let mut has_stopped = false;
            for step in steps {
                now += Duration::from_secs(step);
                let taken = limits.take(now, 1);
                proptest::prop_assert!(taken != Taken::Yes || !has_stopped);
                has_stopped |= taken != Taken::Yes;
                if taken == Taken::Yes {
                    granted.push(now);
                }
                let last_hour = granted.iter().filter(|&&at| now - at < HOUR).count();
                proptest::prop_assert!(last_hour <= limit as usize);
            }
        }
    }
}
