//! How often a quiet link is pinged: seldom where the network is healthy, up to once a minute
//! where it cuts idle connections, and slowly less often again. Pure: the caller counts time.

use std::time::Duration;

/// The longest time between two pings, and the first one.
const RELAXED: Duration = Duration::from_secs(240);
/// The shortest: a network must leave connections alone for this long and some seconds more.
const TIGHTEST: Duration = Duration::from_secs(60);
/// A connection that ends after a shorter rest was not cut for being idle.
const IDLE: Duration = Duration::from_secs(20);
/// So many pings in a row are answered before they become a little rarer.
const CALM: u32 = 30;

/// The time between two pings, as the network taught it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeepAlive {
    every: Duration,
    calm: u32,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { every: RELAXED, calm: 0 }
    }
}

impl KeepAlive {
    /// After so long without a word the link is pinged.
    pub(crate) fn every(&self) -> Duration {
        self.every
    }

    /// A connection that had rested for so long still stood.
    pub(crate) fn stood(&mut self, rested: Duration) {
        // A shorter rest than the one that is tried says nothing of it.
        if rested < self.every {
            return;
        }
        self.calm += 1;
        if self.calm >= CALM {
            self.every = (self.every + self.every / 8).min(RELAXED);
            self.calm = 0;
        }
    }

    /// A connection that had rested for so long was gone.
    pub(crate) fn was_cut(&mut self, rested: Duration) {
        if rested < IDLE {
            return;
        }
        self.every = (rested.min(self.every) / 2).max(TIGHTEST);
        self.calm = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A network that cuts what rested longer than that.
    fn live(keep_alive: &mut KeepAlive, cuts_after: Duration, pings: u32) -> u32 {
        let mut cut = 0;
        for _ in 0..pings {
            let rested = keep_alive.every();
            if rested > cuts_after {
                keep_alive.was_cut(rested);
                cut += 1;
            } else {
                keep_alive.stood(rested);
            }
        }
        cut
    }

    proptest! {
        #[test]
        fn it_stays_between_a_minute_and_four(events in prop::collection::vec((any::<bool>(), 0_u64..2_000), 0..300)) {
            let mut keep_alive = KeepAlive::default();
            for (was_cut, rested) in events {
                let (before, rested) = (keep_alive.every(), Duration::from_secs(rested));
                if was_cut {
                    keep_alive.was_cut(rested);
                    prop_assert!(keep_alive.every() <= before, "a cut never relaxes it");
                } else {
                    keep_alive.stood(rested);
                    prop_assert!(keep_alive.every() >= before, "a quiet rest never tightens it");
                    prop_assert!(keep_alive.every() <= before + before / 8, "slowly");
                }
                prop_assert!((TIGHTEST..=RELAXED).contains(&keep_alive.every()));
            }
        }

        #[test]
        fn two_cuts_suffice_for_any_network_that_leaves_a_minute(idle_seconds in 60_u64..600) {
            let mut keep_alive = KeepAlive::default();
            prop_assert!(live(&mut keep_alive, Duration::from_secs(idle_seconds), 29) <= 2);
        }

        #[test]
        fn it_seldom_asks_for_too_much_again(idle_seconds in 60_u64..600) {
            let mut keep_alive = KeepAlive::default();
            let cut = live(&mut keep_alive, Duration::from_secs(idle_seconds), 3_000);
            prop_assert!(cut <= 2 + 3_000 / CALM, "{cut}");
        }
    }

    #[test]
    fn a_healthy_path_is_pinged_every_four_minutes_and_a_mended_one_again() {
        let mut keep_alive = KeepAlive::default();
        assert_eq!(live(&mut keep_alive, Duration::from_secs(3_600), 100), 0);
        assert_eq!(keep_alive.every(), RELAXED);
        live(&mut keep_alive, Duration::from_secs(90), 10);
        assert_eq!(keep_alive.every(), TIGHTEST);
        live(&mut keep_alive, Duration::from_secs(3_600), CALM * 20);
        assert_eq!(keep_alive.every(), RELAXED);
    }

    #[test]
    fn a_connection_that_ends_in_use_was_not_cut_for_resting() {
        let mut keep_alive = KeepAlive::default();
        keep_alive.was_cut(Duration::from_secs(1));
        assert_eq!(keep_alive, KeepAlive::default());
    }
}
