//! How often the app ended badly: three times, and the tile is off for ten minutes (KSK-10); and
//! how often it was started, which has a limit too. In memory alone: a restart of the PC is a
//! new attempt.

use std::{collections::VecDeque, time::Duration};

/// What ended badly, and what was started.
#[derive(Debug, Default)]
pub struct Crashes {
    in_a_row: u32,
    off_until: Duration,
    starts: VecDeque<Duration>,
}

impl Crashes {
    /// Bad ends in a row that switch the tile off.
    pub const MOST: u32 = 3;
    /// For how long.
    pub const OFF: Duration = Duration::from_secs(600);
    /// Most starts within [`Self::STARTS_WITHIN`].
    pub const STARTS: usize = 20;
    /// The window that they are counted in.
    pub const STARTS_WITHIN: Duration = Duration::from_secs(600);

    /// Whether the tile is off.
    pub fn is_off(&self, now: Duration) -> bool {
        now < self.off_until
    }

    /// The app fell over or broke the rules: whether that switched the tile off.
    pub fn ended_badly(&mut self, now: Duration) -> bool {
        self.in_a_row += 1;
        let is_last = self.in_a_row >= Self::MOST;
        if is_last {
            self.in_a_row = 0;
            self.off_until = now + Self::OFF;
        }
        is_last
    }

    /// The app came to its own end.
    pub fn ended_well(&mut self) {
        self.in_a_row = 0;
    }

    /// Counts a start; false when there were too many.
    pub fn may_start(&mut self, now: Duration) -> bool {
        let from = now.saturating_sub(Self::STARTS_WITHIN);
        self.starts.retain(|at| *at >= from);
        if self.starts.len() >= Self::STARTS {
            return false;
        }
        self.starts.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_bad_ends_in_a_row_switch_it_off_for_ten_minutes() {
        let mut crashes = Crashes::default();
        crashes.ended_badly(at(1));
        crashes.ended_badly(at(2));
        crashes.ended_well();
        crashes.ended_badly(at(3));
        assert!(!crashes.ended_badly(at(4)));
        assert!(!crashes.is_off(at(4)));
        assert!(crashes.ended_badly(at(5)));
        assert!(crashes.is_off(at(604)));
        assert!(!crashes.is_off(at(605)));
    }

    #[test]
    fn starts_are_counted_in_a_window() {
        let mut crashes = Crashes::default();
        for _ in 0..Crashes::STARTS {
            assert!(crashes.may_start(at(100)));
        }
        assert!(!crashes.may_start(at(700)));
        assert!(crashes.may_start(at(701)));
    }
}
