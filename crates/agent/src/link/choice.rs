//! Whether the next link is tried over a WebSocket or over plain requests. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::LinkError;

/// For so long plain requests are kept to before a WebSocket is tried again.
const PLAIN_FOR: Duration = Duration::from_secs(15 * 60);
/// A WebSocket that lived no longer than this died at once.
const AT_ONCE: Duration = Duration::from_secs(15);
/// So many that died at once, one after another, and it is believed.
const TIMES: u32 = 3;

/// What was learnt of the way to the service.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    plain_until: Option<Instant>,
    died_at_once: u32,
}

impl Choice {
    /// Until when the next link is to be one over plain requests; `None` for a WebSocket.
    pub(crate) fn plain_until(&self, now: Instant) -> Option<Instant> {
        self.plain_until.filter(|until| now < *until)
    }

    /// A WebSocket was not made, or it ended after so long. `true` when plain requests are to be
    /// tried without waiting.
    pub(crate) fn socket_ended(
        &mut self,
        error: &LinkError,
        lived: Duration,
        now: Instant,
    ) -> bool {
        let was_stripped = error.is_stripped();
        let died = matches!(
            error,
            LinkError::Unreachable(_) | LinkError::Closed | LinkError::Silent | LinkError::Cut(_)
        );
        self.died_at_once = match (died, lived < AT_ONCE) {
            (true, true) => self.died_at_once + 1,
            (true, false) => 0,
            (false, _) => self.died_at_once,
        };
        if was_stripped || self.died_at_once >= TIMES {
            self.plain_until = Some(now + PLAIN_FOR);
            // One more of these, when it is tried again, and it is believed at once.
            self.died_at_once = TIMES - 1;
            return true;
        }
        false
    }

    /// A link over plain requests could not be made either: the way is not the cause.
    pub(crate) fn plain_failed(&mut self) {
        self.plain_until = None;
        self.died_at_once = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> LinkError {
        LinkError::Closed
    }

    #[test]
    fn what_comes_back_without_its_upgrade_is_answered_with_plain_requests() {
        let now = Instant::now();
        for status in [200, 400, 403, 405, 426, 501] {
            let mut choice = Choice::default();
            assert!(choice.socket_ended(&LinkError::Refused(status), Duration::ZERO, now));
            assert!(choice.plain_until(now).is_some(), "{status}");
            assert!(choice.plain_until(now + PLAIN_FOR).is_none(), "then it is tried again");
        }
        for error in [LinkError::Refused(404), LinkError::Refused(503), LinkError::WrongKey] {
            let mut choice = Choice::default();
            assert!(!choice.socket_ended(&error, Duration::ZERO, now), "{error}");
            assert!(choice.plain_until(now).is_none());
        }
    }

    #[test]
    fn sockets_that_die_at_once_are_believed_after_three() {
        let (now, mut choice) = (Instant::now(), Choice::default());
        assert!(!choice.socket_ended(&closed(), Duration::ZERO, now));
        assert!(!choice.socket_ended(&closed(), Duration::ZERO, now));
        assert!(!choice.socket_ended(&closed(), Duration::from_secs(3600), now), "one that lived");
        for _ in 0..2 {
            assert!(!choice.socket_ended(&closed(), Duration::ZERO, now));
        }
        let no_way = LinkError::NoWay("down".to_owned());
        assert!(!choice.socket_ended(&no_way, Duration::ZERO, now), "not a socket at all");
        assert!(choice.socket_ended(&closed(), Duration::ZERO, now));
        let later = now + PLAIN_FOR;
        assert!(choice.plain_until(later).is_none());
        assert!(choice.socket_ended(&closed(), Duration::ZERO, later), "once more is enough");
        choice.plain_failed();
        assert!(choice.plain_until(later).is_none(), "nothing comes through at all");
    }
}
