//! The name of the tile's pipe, which somebody else may have taken before we did: it is waited for,
//! and said once. Until it is ours there is no tile; nobody else's pipe is ever joined.

use std::io;

use crate::events::{Details, Event};

/// Takes the name, again and again until it is ours: none when `pause` says to stop.
pub fn take<T>(
    mut take: impl FnMut() -> io::Result<T>,
    mut pause: impl FnMut() -> bool,
    mut note: impl FnMut(Event, &Details),
) -> Option<T> {
    let mut is_told = false;
    loop {
        match take() {
            Ok(taken) => {
                if is_told {
                    note(Event::PipeFree, &Details::none());
                }
                return Some(taken);
            }
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    note(Event::PipeTaken, &Details::none().cause(&error));
                }
            }
        }
        if pause() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(taken_for: u32, stopped_after: u32) -> (Option<&'static str>, Vec<Event>) {
        let (mut tries, mut pauses, mut events) = (0, 0, Vec::new());
        let taken = take(
            || {
                tries += 1;
                if tries <= taken_for { Err(io::Error::other("taken")) } else { Ok("ours") }
            },
            || {
                pauses += 1;
                pauses > stopped_after
            },
            |event, _| events.push(event),
        );
        (taken, events)
    }

    #[test]
    fn a_name_that_is_taken_is_waited_for_and_said_once() {
        assert_eq!(played(0, 10), (Some("ours"), Vec::new()));
        assert_eq!(played(5, 10), (Some("ours"), vec![Event::PipeTaken, Event::PipeFree]));
        assert_eq!(played(50, 10), (None, vec![Event::PipeTaken]));
    }
}
