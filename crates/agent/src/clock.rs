//! The wall clock as an argument, so that tests move it by hand. Lives and pauses are counted
//! on tokio's monotonic clock instead, which tests can move as well.

use std::{sync::Arc, time::SystemTime};

/// Tells the time of day.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(|| {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        })
    }

    /// A clock that tells what `unix_millis` says.
    pub fn new(unix_millis: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(unix_millis))
    }

    /// Unix milliseconds.
    pub fn unix_millis(&self) -> u64 {
        (self.0)()
    }

    /// Unix seconds.
    pub fn unix_seconds(&self) -> i64 {
        i64::try_from(self.unix_millis() / 1000).unwrap_or(i64::MAX)
    }
}
