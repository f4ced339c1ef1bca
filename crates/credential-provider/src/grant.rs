//! The one-time sign-in after a reset: who holds it, for how long, and that it is used once.
//! Pure: the time is an argument.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::users::Owner;

/// As long as a grant that nobody takes is kept.
pub const LIFE: Duration = Duration::from_secs(60);

/// What signs somebody in. Wiped when it is dropped.
pub struct Grant {
    /// Whose; the tile of this user hands it over. None: the one of "Other user".
    pub sid: Option<String>,
    /// The domain, or nothing where the user's name is a whole one (`ann@example.org`).
    pub domain: String,
    /// The user's name.
    pub user: String,
    /// In UTF-16.
    pub password: Zeroizing<Vec<u16>>,
}

/// Holds at most one grant.
#[derive(Default)]
pub struct Holder {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Offered {
        grant: Grant,
        until: Duration,
    },
    /// Handed to Windows, which has not said yet what came of it.
    Handed,
}

/// What Windows made of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Nothing of ours.
    NotOurs,
    /// The sign-in of a grant.
    OfGrant,
}

impl Holder {
    /// Takes one in; an older one is wiped. `now` counts from anywhere.
    pub fn offer(&mut self, grant: Grant, now: Duration) {
        self.state = State::Offered { grant, until: now + LIFE };
    }

    /// The tile that is to sign in by itself.
    pub fn tile(&mut self, tiles: &[Owner], now: Duration) -> Option<usize> {
        self.expire(now);
        let State::Offered { grant, .. } = &self.state else {
            return None;
        };
        tiles.iter().position(|owner| owner.sid() == grant.sid.as_deref())
    }

    /// Hands it to Windows: only this owner's tile gets it, and only once.
    pub fn take(&mut self, owner: &Owner, now: Duration) -> Option<Grant> {
        self.expire(now);
        match std::mem::take(&mut self.state) {
            State::Offered { grant, .. } if grant.sid.as_deref() == owner.sid() => {
                self.state = State::Handed;
                Some(grant)
            }
            kept @ (State::Empty | State::Offered { .. } | State::Handed) => {
                self.state = kept;
                None
            }
        }
    }

    /// Windows says what came of a sign-in.
    pub fn report(&mut self) -> Report {
        match std::mem::take(&mut self.state) {
            State::Handed => Report::OfGrant,
            State::Empty | State::Offered { .. } => Report::NotOurs,
        }
    }

    /// The screen lets go of us: what Windows has not taken is wiped.
    pub fn let_go(&mut self) {
        if matches!(self.state, State::Offered { .. }) {
            self.state = State::Empty;
        }
    }

    /// Wipes one whose time is over.
    pub fn expire(&mut self, now: Duration) {
        if matches!(&self.state, State::Offered { until, .. } if now >= *until) {
            self.state = State::Empty;
        }
    }

    /// Whether Windows has one and has not said what came of it.
    pub fn is_handed(&self) -> bool {
        matches!(self.state, State::Handed)
    }

    /// Whether one waits to be taken.
    pub fn is_offered(&self) -> bool {
        matches!(self.state, State::Offered { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn ann() -> Owner {
        Owner::User("S-1-5-21-1".into())
    }

    fn grant() -> Grant {
        Grant {
            sid: Some("S-1-5-21-1".into()),
            domain: "AD".into(),
            user: "ann".into(),
            password: Zeroizing::new(vec![1, 2, 3]),
        }
    }

    fn holder() -> Holder {
        let mut holder = Holder::default();
        holder.offer(grant(), NOW);
        holder
    }

    #[test]
    fn it_is_taken_once_by_its_owner() {
        let mut holder = holder();
        let tiles = [Owner::User("S-1-5-21-2".into()), ann(), Owner::Other];
        assert_eq!(holder.tile(&tiles, NOW), Some(1));
        assert!(holder.take(&Owner::Other, NOW).is_none());
        assert!(holder.take(&ann(), NOW).is_some());
        assert!(holder.take(&ann(), NOW).is_none());
        // After one attempt nobody is signed in by itself any more.
        assert_eq!(holder.tile(&tiles, NOW), None);
        assert_eq!(holder.report(), Report::OfGrant);
        assert_eq!(holder.report(), Report::NotOurs);
    }

    #[test]
    fn one_for_nobody_listed_is_the_other_tiles() {
        let mut holder = Holder::default();
        holder.offer(Grant { sid: None, ..grant() }, NOW);
        assert_eq!(holder.tile(&[ann()], NOW), None);
        assert_eq!(holder.tile(&[ann(), Owner::Other], NOW), Some(1));
    }

    #[test]
    fn its_time_runs_out() {
        let mut holder = holder();
        assert!(holder.take(&ann(), NOW + LIFE).is_none());
        assert!(!holder.is_offered());
    }

    #[test]
    fn letting_go_wipes_what_was_not_taken_and_forgets_no_pending_sign_in() {
        let mut holder = holder();
        holder.let_go();
        assert!(holder.take(&ann(), NOW).is_none());
        holder.offer(grant(), NOW);
        assert!(holder.take(&ann(), NOW).is_some());
        holder.let_go();
        assert_eq!(holder.report(), Report::OfGrant);
    }
}
