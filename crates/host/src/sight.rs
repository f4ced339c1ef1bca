//! Looks whether a domain controller answers. Windows may take as long as it likes for that, far
//! from the organisation's network: one look at a time, on a thread of its own that cannot pile
//! up, and whoever asks meanwhile waits for its answer, but only so long.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use protocol::host::app::Known;

/// How long whoever asks waits.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The looks of one PC.
#[derive(Debug, Default)]
pub struct Sight {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Counts the looks; the last one runs, or none does.
    begun: u64,
    runs: bool,
    /// Of the look with this number.
    answer: (u64, Option<Known>),
}

/// What counts as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Also the one of a look that is under way.
    UnderWay,
    /// Only that of one begun from now on: something has changed.
    Now,
}

impl Sight {
    /// What a look says; [`Known::Unknown`] when none has said anything within this time.
    pub fn look(
        self: &Arc<Self>,
        from: From,
        within: Duration,
        look: impl FnOnce() -> Known + Send + 'static,
    ) -> Known {
        let mut look = Some(look);
        let mut state = self.locked();
        let wanted = match (from, state.runs) {
            (From::UnderWay, true) => state.begun,
            (From::UnderWay, false) | (From::Now, _) => state.begun + 1,
        };
        let mut left = within;
        // Twice at most: for the one under way, and for ours.
        loop {
            if let (number, Some(answer)) = state.answer
                && number >= wanted
            {
                return answer;
            }
            if !state.runs {
                let Some(look) = look.take() else { return Known::Unknown };
                if self.begin(&mut state, look).is_err() {
                    return Known::Unknown;
                }
            }
            let number = state.begun;
            let waited = self
                .over
                .wait_timeout_while(state, left, |state| state.runs && state.begun == number);
            let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                return Known::Unknown;
            }
            state = again;
            // Whoever waited for somebody else's look has half the time for its own.
            left /= 2;
        }
    }

    fn begin(
        self: &Arc<Self>,
        state: &mut State,
        look: impl FnOnce() -> Known + Send + 'static,
    ) -> io::Result<()> {
        let sight = Arc::clone(self);
        let number = state.begun + 1;
        let thread = thread::Builder::new().name("regain-sight".to_owned());
        thread.spawn(move || {
            let over = Over { sight, number };
            let answer = look();
            over.sight.locked().answer = (number, Some(answer));
        })?;
        state.begun = number;
        state.runs = true;
        Ok(())
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However a look ends, it is over.
struct Over {
    sight: Arc<Sight>,
    number: u64,
}

impl Drop for Over {
    fn drop(&mut self) {
        let mut state = self.sight.locked();
        if state.begun == self.number {
            state.runs = false;
        }
        drop(state);
        self.sight.over.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    };

    use super::*;

    const AT_ONCE: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn one_that_hangs_is_waited_for_so_long_and_is_the_only_one() {
        let sight = Arc::new(Sight::default());
        let begun = Arc::new(AtomicU32::new(0));
        let (go_on, told) = mpsc::channel::<()>();
        let counted = Arc::clone(&begun);
        let hangs = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = told.recv();
            Known::Yes
        };
        assert_eq!(sight.look(From::UnderWay, AT_ONCE, hangs), Known::Unknown);
        for _ in 0..50 {
            let counted = Arc::clone(&begun);
            let another = move || {
                counted.fetch_add(1, Ordering::SeqCst);
                Known::No
            };
            let from = if begun.load(Ordering::SeqCst) == 0 { From::UnderWay } else { From::Now };
            assert_eq!(sight.look(from, AT_ONCE, another), Known::Unknown);
        }
        // Its answer is that of everybody who waits.
        let waits = |from| {
            let sight = Arc::clone(&sight);
            thread::spawn(move || sight.look(from, LONG, || Known::No))
        };
        let shared: Vec<_> = (0..5).map(|_| waits(From::UnderWay)).collect();
        go_on.send(()).unwrap();
        let said: Vec<_> = shared.into_iter().map(|waits| waits.join().unwrap()).collect();
        assert!(said.iter().all(|said| *said != Known::Unknown), "{said:?}");
        assert_eq!(begun.load(Ordering::SeqCst), 1, "two at once");
    }

    #[test]
    fn what_was_seen_before_a_change_is_no_answer_after_it() {
        let sight = Arc::new(Sight::default());
        assert_eq!(sight.look(From::UnderWay, LONG, || Known::No), Known::No);
        assert_eq!(sight.look(From::UnderWay, LONG, || Known::Yes), Known::Yes, "an old answer");
        let (go_on, told) = mpsc::channel::<()>();
        let first = Arc::clone(&sight);
        let (begin, begun) = mpsc::channel();
        let first = thread::spawn(move || {
            first.look(From::UnderWay, LONG, move || {
                begin.send(()).unwrap();
                let _ = told.recv();
                Known::No
            })
        });
        begun.recv().unwrap();
        let second = Arc::clone(&sight);
        let second = thread::spawn(move || second.look(From::Now, LONG, || Known::Yes));
        go_on.send(()).unwrap();
        assert_eq!(second.join().unwrap(), Known::Yes);
        // The newest, where there is a newer one by now.
        assert_ne!(first.join().unwrap(), Known::Unknown);
    }

    #[test]
    fn a_look_that_breaks_is_over() {
        let sight = Arc::new(Sight::default());
        assert_eq!(sight.look(From::UnderWay, LONG, || panic!("broken")), Known::Unknown);
        assert_eq!(sight.look(From::UnderWay, LONG, || Known::Yes), Known::Yes);
    }
}
