//! When the next report is due: soon after the installation and after a change of the settings,
//! and then once a day at a time of its own, so that a fleet does not come all at once.

use std::{path::Path, time::Duration};

use rand::{CryptoRng, RngExt as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{folder, parts::Policy};

/// What is known of the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    /// Unix time in seconds.
    at: i64,
    /// When the next one was to come: drawn anew at each start, it would come too often.
    due: i64,
    /// Of the settings that it was made under.
    settings: [u8; 32],
    version: String,
}

/// When the next one is due.
#[derive(Debug)]
pub struct Schedule {
    file: std::path::PathBuf,
    last: Option<Last>,
    due: i64,
    settings: [u8; 32],
    version: &'static str,
}

/// A fleet that is installed or changed at once comes spread over this.
const SOON: Duration = Duration::from_secs(600);
/// After one that failed.
const AGAIN: Duration = Duration::from_secs(3600);

impl Schedule {
    /// As it was left.
    pub fn open(
        folder: &Path,
        policy: &Policy,
        version: &'static str,
        unix: i64,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let file = folder.join("last-report");
        let last = folder::read(&file, 256).and_then(|bytes| postcard::from_bytes(&bytes).ok());
        let settings = sum(policy);
        let mut schedule = Self { file, last, due: unix, settings, version };
        schedule.due = match &schedule.last {
            Some(last) if last.settings == settings && last.version == version => {
                // Once the clock went back, it is not far in the future.
                last.due.min(unix + seconds(hours(policy) * 2))
            }
            _ => unix + within(SOON, rng),
        };
        schedule
    }

    /// Whether one is due; the settings may have changed meanwhile.
    pub fn is_due(&mut self, policy: &Policy, unix: i64, rng: &mut dyn CryptoRng) -> bool {
        let settings = sum(policy);
        if settings != self.settings {
            self.settings = settings;
            self.due = self.due.min(unix + within(SOON, rng));
        }
        // A clock that was put right may have moved it far away.
        self.due = self.due.min(unix + seconds(hours(policy) * 2));
        unix >= self.due
    }

    /// One was made, or was tried.
    pub fn done(&mut self, good: bool, policy: &Policy, unix: i64, rng: &mut dyn CryptoRng) {
        if !good {
            self.due = unix + seconds(AGAIN) + within(SOON, rng);
            return;
        }
        self.due = unix + within(hours(policy), rng) + seconds(hours(policy)) / 2;
        let version = self.version.to_owned();
        let last = Last { at: unix, due: self.due, settings: self.settings, version };
        let mut room = [0; 256];
        let written = postcard::to_slice(&last, &mut room).map_err(std::io::Error::other);
        let written = written.and_then(|bytes| folder::write(&self.file, bytes));
        if let Err(error) = written {
            tracing::warn!("writing down when the report was made: {error}");
        }
        self.last = Some(last);
    }

    /// Whether this clock is behind what was written down: it was put back.
    pub fn clock_went_back(&self, unix: i64) -> bool {
        self.last.as_ref().is_some_and(|last| last.at > unix + seconds(SOON))
    }
}

fn hours(policy: &Policy) -> Duration {
    Duration::from_secs(u64::from(policy.report_hours.max(1)) * 3600)
}

/// From a second to all of it.
fn within(span: Duration, rng: &mut dyn CryptoRng) -> i64 {
    let most = seconds(span).max(1);
    let drawn: u64 = rng.random();
    1 + i64::try_from(drawn % most.unsigned_abs()).unwrap_or_default()
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX / 4)
}

/// Of everything that is set.
fn sum(policy: &Policy) -> [u8; 32] {
    Sha256::digest(format!("{policy:?}")).into()
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const DAY: i64 = 24 * 3600;

    fn open(folder: &Path, seed: u64, unix: i64) -> (Schedule, StdRng) {
        let mut rng = StdRng::seed_from_u64(seed);
        let schedule = Schedule::open(folder, &Policy::default(), "1", unix, &mut rng);
        (schedule, rng)
    }

    proptest::proptest! {
        #[test]
        fn it_comes_soon_after_the_installation_and_about_daily(seed: u64, skew in 0_i64..100) {
            let folder = tempfile::tempdir().unwrap();
            let policy = Policy::default();
            let (mut schedule, mut rng) = open(folder.path(), seed, NOW);
            assert!(schedule.is_due(&policy, NOW + 600, &mut rng));
            schedule.done(true, &policy, NOW, &mut rng);
            assert!(!schedule.is_due(&policy, NOW + DAY / 2 - 1, &mut rng));
            assert!(schedule.is_due(&policy, NOW + DAY * 3 / 2 + skew, &mut rng));
            // Restarted every minute it comes no more often.
            let (mut again, mut rng) = open(folder.path(), seed, NOW + 60);
            assert_eq!(again.due, schedule.due);
            assert!(again.is_due(&policy, NOW + DAY * 3 / 2, &mut rng));
        }

        #[test]
        fn a_change_of_the_settings_or_the_version_brings_it_soon(seed: u64) {
            let folder = tempfile::tempdir().unwrap();
            let policy = Policy::default();
            let (mut schedule, mut rng) = open(folder.path(), seed, NOW);
            schedule.done(true, &policy, NOW, &mut rng);
            let changed = Policy { remote_sessions: true, ..Policy::default() };
            assert!(!schedule.is_due(&policy, NOW + 601, &mut rng));
            assert!(!schedule.is_due(&changed, NOW, &mut rng));
            assert!(schedule.is_due(&changed, NOW + 600, &mut rng));
            let mut newer = Schedule::open(folder.path(), &policy, "2", NOW, &mut rng);
            assert!(newer.is_due(&policy, NOW + 600, &mut rng));
        }
    }

    #[test]
    fn one_that_failed_is_tried_again_after_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let policy = Policy::default();
        let (mut schedule, mut rng) = open(folder.path(), 1, NOW);
        schedule.done(false, &policy, NOW, &mut rng);
        assert!(!schedule.is_due(&policy, NOW + 3599, &mut rng));
        assert!(schedule.is_due(&policy, NOW + 4200, &mut rng));
        assert!(!schedule.clock_went_back(NOW));
    }

    #[test]
    fn a_clock_that_was_put_back_is_seen_and_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let policy = Policy::default();
        let (mut schedule, mut rng) = open(folder.path(), 1, NOW);
        schedule.done(true, &policy, NOW, &mut rng);
        let earlier = NOW - 1000 * DAY;
        assert!(schedule.clock_went_back(earlier));
        schedule.is_due(&policy, earlier, &mut rng);
        assert!(schedule.is_due(&policy, earlier + 2 * DAY, &mut rng));
    }
}
