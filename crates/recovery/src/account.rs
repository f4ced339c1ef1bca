//! What helps an account in which state. Decided only after the gates (design decision 8).

use serde::{Deserialize, Serialize};

use crate::{Act, Policy};

/// The live truth about an account, as the rules need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, any mix of them can be true")]
pub struct AccountState {
    /// Locked by wrong passwords.
    pub locked: bool,
    /// Switched off by an administrator.
    pub disabled: bool,
    /// The account has ended.
    pub account_expired: bool,
    /// The password has run out.
    pub password_expired: bool,
    /// The password must be changed at the next sign-in.
    pub must_change: bool,
    /// Nobody has ever signed in with it.
    pub never_signed_in: bool,
    /// An account that Regain never touches.
    pub protected: bool,
    /// People sign in to it with a smart card only.
    pub smart_card_only: bool,
    /// The password is so new that the directory refuses another one, from us too.
    pub too_new: bool,
    /// The directory can change a password with the present one.
    pub takes_changes: bool,
    /// The password is so new that the directory refuses a change by the person.
    pub too_new_to_change: bool,
    /// How many wrong passwords the account still takes before it is locked, where that is known;
    /// the most there is where nothing locks it.
    pub wrong_tries_left: Option<u16>,
}

/// The one thing a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Locked by wrong passwords.
    Locked,
    /// Nothing is wrong with the account.
    NothingWrong,
    /// The password has run out.
    PasswordExpired,
    /// The password must be changed at the next sign-in.
    MustChange,
    /// Nobody has signed in yet.
    NeverUsed,
    /// Switched off by an administrator.
    Disabled,
    /// The account has ended.
    AccountExpired,
    /// People sign in to it with a smart card only: a new password is of no use.
    SmartCardOnly,
    /// The password is too new for another one.
    TooNew,
    /// Locked by wrong passwords, and a new password is of no use or refused.
    LockedUnlockOnly,
    /// Only administrators help here.
    Protected,
    /// Two accounts are the same person's.
    TwoForests,
    /// The directory could not be asked.
    Unreachable,
    /// There is no way on file to prove who it is.
    NotSetUp,
}

impl AccountState {
    /// What to tell: what nobody but an administrator can mend first, then what a new password
    /// mends anyway, then the lock.
    pub fn finding(self) -> Finding {
        if self.protected {
            Finding::Protected
        } else if self.disabled {
            Finding::Disabled
        } else if self.account_expired {
            Finding::AccountExpired
        } else if self.locked && (self.smart_card_only || self.too_new) {
            Finding::LockedUnlockOnly
        } else if self.smart_card_only {
            Finding::SmartCardOnly
        } else if self.too_new {
            Finding::TooNew
        } else if self.never_signed_in {
            Finding::NeverUsed
        } else if self.must_change {
            Finding::MustChange
        } else if self.password_expired {
            Finding::PasswordExpired
        } else if self.locked {
            Finding::Locked
        } else {
            Finding::NothingWrong
        }
    }

    /// How many wrong present passwords may be typed for a change; none where a change cannot
    /// work, or where nobody knows what a wrong one does. Two are kept back, so that who mistypes
    /// it finds the account no closer to the lock than that: an order that two agents try counts
    /// twice in the directory.
    pub fn present_tries(self) -> u16 {
        let can_work = self.takes_changes && !self.too_new_to_change && !self.locked;
        self.wrong_tries_left.filter(|_| can_work).unwrap_or(0).saturating_sub(2)
    }
}

impl Finding {
    /// What is offered, what loses least first. (A change only where the account is changeable,
    /// which the session knows.)
    pub fn acts(self, policy: &Policy) -> &'static [Act] {
        match self {
            Self::Locked if policy.unlock => &[Act::Unlock, Act::Reset],
            Self::LockedUnlockOnly if policy.unlock => &[Act::Unlock],
            // A change keeps what the password protects.
            Self::NothingWrong | Self::PasswordExpired | Self::MustChange => {
                &[Act::Change, Act::Reset]
            }
            Self::Locked | Self::NeverUsed => &[Act::Reset],
            Self::LockedUnlockOnly
            | Self::Disabled
            | Self::AccountExpired
            | Self::SmartCardOnly
            | Self::TooNew
            | Self::Protected
            | Self::TwoForests
            | Self::Unreachable
            | Self::NotSetUp => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_an_administrator_mends_is_told_before_the_lock() {
        let locked = AccountState { locked: true, ..AccountState::default() };
        assert_eq!(locked.finding(), Finding::Locked);
        let also_disabled = AccountState { disabled: true, ..locked };
        assert_eq!(also_disabled.finding(), Finding::Disabled);
        assert!(also_disabled.finding().acts(&Policy::default()).is_empty());
    }

    #[test]
    fn where_a_new_password_does_not_help_none_is_offered() {
        let policy = Policy::default();
        let card = AccountState { smart_card_only: true, ..AccountState::default() };
        let young = AccountState { too_new: true, ..AccountState::default() };
        assert_eq!(card.finding(), Finding::SmartCardOnly);
        assert_eq!(young.finding(), Finding::TooNew);
        assert!(
            card.finding().acts(&policy).is_empty() && young.finding().acts(&policy).is_empty()
        );
        for state in [card, young] {
            let locked = AccountState { locked: true, ..state };
            assert_eq!(locked.finding().acts(&policy), [Act::Unlock]);
            let disabled = AccountState { disabled: true, ..locked };
            assert_eq!(disabled.finding(), Finding::Disabled);
        }
    }

    #[test]
    fn a_change_is_possible_only_where_it_can_work_and_one_mistake_locks_nobody_out() {
        let able = AccountState {
            takes_changes: true,
            wrong_tries_left: Some(3),
            ..AccountState::default()
        };
        let with = |left| AccountState { wrong_tries_left: left, ..able }.present_tries();
        assert_eq!([5, 3, 2, 1, 0].map(|left| with(Some(left))), [3, 1, 0, 0, 0]);
        assert_eq!(with(None), 0, "nobody knows what a wrong one does");
        let states = [
            AccountState { takes_changes: false, ..able },
            AccountState { too_new_to_change: true, ..able },
            AccountState { locked: true, ..able },
        ];
        assert!(states.into_iter().all(|state| state.present_tries() == 0));
        let policy = Policy::default();
        for finding in [Finding::PasswordExpired, Finding::MustChange] {
            assert_eq!(finding.acts(&policy), [Act::Change, Act::Reset]);
        }
        assert_eq!(Finding::NeverUsed.acts(&policy), [Act::Reset]);
    }

    #[test]
    fn unlock_is_offered_only_where_it_can_help_and_policy_allows_it() {
        let policy = Policy::default();
        assert_eq!(Finding::Locked.acts(&policy), [Act::Unlock, Act::Reset]);
        assert_eq!(Finding::NothingWrong.acts(&policy), [Act::Change, Act::Reset]);
        let reset_only = Policy { unlock: false, ..policy };
        assert_eq!(Finding::Locked.acts(&reset_only), [Act::Reset]);
    }
}
