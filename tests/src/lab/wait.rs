//! Waiting for something to become true: asked again and again until a deadline, never slept
//! through. The only place of the lab that looks at a clock.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long the lab waits for a server or a page before it calls that a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_TWO_LOOKS: Duration = Duration::from_millis(20);

/// Asks `look` until it finds something.
///
/// # Errors
/// After `patience`, naming what was waited for; at once when `look` fails.
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if watch.elapsed() > patience {
            bail!("waited {} s in vain for {what}", patience.as_secs());
        }
        std::thread::sleep(BETWEEN_TWO_LOOKS);
    }
}

/// Measures how long a step of a story took.
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "the lab measures real processes")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since then.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
