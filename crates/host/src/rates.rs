//! How often things may be said: whoever was taken over must not keep the sign-in screen busy or
//! fill anybody's memory. What is past its limit ends the run; nothing is dropped in silence.

use std::time::Duration;

use crate::table::{AppKind, TileKind};

/// So many at once, and then one more after each of these times.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    most: u32,
    each: Duration,
    left: u32,
    filled: Duration,
}

impl Bucket {
    const fn new(most: u32, each: Duration) -> Self {
        Self { most, each, left: most, filled: Duration::ZERO }
    }

    fn take(&mut self, now: Duration) -> bool {
        while self.left < self.most && now >= self.filled + self.each {
            self.left += 1;
            self.filled += self.each;
        }
        if self.left == self.most {
            self.filled = now;
        }
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        true
    }
}

/// What one flow may say, of both sides.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// What is drawn in the tile. Drawn at most four times a second, so this is plenty.
    drawn: Bucket,
    /// Parts of slots and of the picture. The longest slot has 74.
    parts: Bucket,
    signatures: Bucket,
    /// What takes the host long, or is needed once or twice.
    rare: Bucket,
    present: Bucket,
    answers: Bucket,
    cancels: Bucket,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Rates {
    /// Nothing was said yet.
    pub const fn new() -> Self {
        Self {
            drawn: Bucket::new(40, millis(125)),
            parts: Bucket::new(600, millis(100)),
            signatures: Bucket::new(80, millis(1000)),
            rare: Bucket::new(12, millis(5000)),
            present: Bucket::new(30, millis(1000)),
            answers: Bucket::new(20, millis(500)),
            cancels: Bucket::new(10, millis(1000)),
        }
    }

    /// Whether the app may say one more of these now.
    pub fn app_may(&mut self, kind: AppKind, now: Duration) -> bool {
        let bucket = match kind {
            AppKind::Status | AppKind::View => &mut self.drawn,
            AppKind::Get | AppKind::Put | AppKind::Delete | AppKind::Look => &mut self.parts,
            AppKind::Assertion | AppKind::ReadinessReport => &mut self.signatures,
            AppKind::Reported
            | AppKind::KeyRefused
            | AppKind::Facts
            | AppKind::Pc
            | AppKind::Connect => &mut self.rare,
            AppKind::Present => &mut self.present,
            // Once, as the flow itself sees to.
            AppKind::Ready | AppKind::Outcome | AppKind::End => return true,
        };
        bucket.take(now)
    }

    /// Whether the tile may.
    pub fn tile_may(&mut self, kind: TileKind, now: Duration) -> bool {
        match kind {
            TileKind::Answer => self.answers.take(now),
            TileKind::Cancel | TileKind::TakeGrant => self.cancels.take(now),
            // Once, as the flow itself sees to.
            TileKind::Hello | TileKind::Start | TileKind::LogonResult => true,
        }
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_gives_what_is_in_it_and_fills_again() {
        let mut bucket = Bucket::new(3, millis(100));
        assert!((0..3).all(|_| bucket.take(millis(7))));
        assert!(!bucket.take(millis(7)));
        assert!(!bucket.take(millis(106)));
        assert!(bucket.take(millis(107)));
        assert!(!bucket.take(millis(107)));
        // It never holds more than at first.
        assert!((0..3).all(|_| bucket.take(millis(90_000))));
        assert!(!bucket.take(millis(90_000)));
    }

    proptest! {
        /// Whoever keeps to the pace is never held up; nobody gets more than pace and store.
        #[test]
        fn no_more_than_the_pace(steps in proptest::collection::vec(0_u64..300, 1..200)) {
            let mut bucket = Bucket::new(5, millis(100));
            let (mut now, mut taken) = (0, 0);
            for step in steps {
                now += step;
                taken += u64::from(bucket.take(millis(now)));
                prop_assert!(taken <= 5 + now / 100);
            }
            let mut bucket = Bucket::new(5, millis(100));
            prop_assert!((0..50).all(|at| bucket.take(millis(now + at * 100))));
        }
    }
}
