//! How many operations an hour this agent carries out, whatever the service asks
//! (design decision 6). Whom it may touch at all is in the settings of the driver, which come
//! from the same local file. The service can neither read nor raise any of it.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);
/// Fewest operations an hour when the file names no number.
const FEWEST: usize = 30;

/// The hourly limit: a window that slides on the monotonic clock.
pub(crate) struct Limits {
    configured: Option<usize>,
    accounts: AtomicUsize,
    taken: Mutex<VecDeque<Instant>>,
}

impl Limits {
    /// A limit as configured, or 2 % of the accounts and at least 30; with the operations that
    /// the journal says were begun `ages` ago, so that a restart does not start a new hour.
    pub(crate) fn new(configured: Option<u32>, ages: Vec<Duration>, now: Instant) -> Self {
        let mut taken: Vec<Instant> = ages
            .into_iter()
            .filter(|age| *age < HOUR)
            .map(|age| now.checked_sub(age).unwrap_or(now))
            .collect();
        taken.sort_unstable();
        Self {
            configured: configured.map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
            accounts: AtomicUsize::new(0),
            taken: Mutex::new(taken.into()),
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

    /// Takes one operation from the hour; false when there is none left.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.front().is_some_and(|&at| now.duration_since(at) >= HOUR) {
            taken.pop_front();
        }
        let left = taken.len() < self.per_hour();
        if left {
            taken.push_back(now);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(limits: &Limits, now: Instant) -> usize {
        (0..10_000).take_while(|_| limits.take(now)).count()
    }

    #[tokio::test]
    async fn the_hour_slides() {
        let now = Instant::now();
        let limits = Limits::new(Some(3), Vec::new(), now);
        assert_eq!(take_all(&limits, now), 3);
        assert!(!limits.take(now + HOUR - Duration::from_secs(1)));
        assert_eq!(take_all(&limits, now + HOUR), 3);
    }

    #[tokio::test]
    async fn small_directories_get_thirty_and_large_ones_two_percent() {
        let now = Instant::now();
        let limits = Limits::new(None, Vec::new(), now);
        assert_eq!(take_all(&limits, now), 30);
        limits.set_accounts(10_000);
        assert_eq!(take_all(&limits, now), 170);
        limits.set_accounts(10);
        assert_eq!(limits.per_hour(), 30);
    }

    #[tokio::test]
    async fn a_restart_does_not_start_a_new_hour() {
        let now = Instant::now();
        let ages = [10, 3599, 3600, 9999].map(Duration::from_secs).to_vec();
        assert_eq!(take_all(&Limits::new(Some(5), ages, now), now), 3);
    }

    proptest::proptest! {
        #[test]
        fn no_hour_ever_has_more(limit in 1_u32..20, steps in proptest::collection::vec(0_u64..900, 1..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _entered = runtime.enter();
            let mut now = Instant::now();
            let limits = Limits::new(Some(limit), Vec::new(), now);
            let mut granted: Vec<Instant> = Vec::new();
            for step in steps {
                now += Duration::from_secs(step);
                if limits.take(now) {
                    granted.push(now);
                }
                let last_hour = granted.iter().filter(|&&at| now - at < HOUR).count();
                proptest::prop_assert!(last_hour <= limit as usize);
            }
        }
    }
}
