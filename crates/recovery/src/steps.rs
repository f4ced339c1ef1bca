//! The one step table (design decision 2): which call or event is possible at which stage and
//! where it can lead. Handlers and pages never decide that; a pair that is not here is refused.

use serde::{Deserialize, Serialize};

/// The stages, by name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageName {
    /// Choose how to prove who you are.
    ChooseMethod,
    /// The account cannot recover by itself, said at once on a device that may know.
    CannotRecover,
    /// Enter the code.
    EnterCode,
    /// The directory is asked.
    Checking,
    /// What is wrong, and the choice.
    Choice,
    /// Type a new password.
    NewPassword,
    /// Type the present password and a new one.
    ChangePassword,
    /// The directory is changed.
    Working,
    /// Changed.
    Done,
    /// Certainly not changed.
    NotDone,
    /// Nobody knows yet.
    NotKnown,
    /// Over.
    Ended,
}

impl StageName {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::ChooseMethod,
        Self::CannotRecover,
        Self::EnterCode,
        Self::Checking,
        Self::Choice,
        Self::NewPassword,
        Self::ChangePassword,
        Self::Working,
        Self::Done,
        Self::NotDone,
        Self::NotKnown,
        Self::Ended,
    ];
}

/// What a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Another user ID.
    ChangeUserId,
    /// Use this method; send again.
    ChooseMethod,
    /// Prove it with the code.
    EnterCode,
    /// Unlock, change or reset.
    ChooseAct,
    /// Hand over the sealed password, or both.
    SetPassword,
    /// One page back.
    Back,
    /// Stop; or finish, where the work is done.
    Cancel,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ChangeUserId,
        Self::ChooseMethod,
        Self::EnterCode,
        Self::ChooseAct,
        Self::SetPassword,
        Self::Back,
        Self::Cancel,
    ];
}

/// What happens without a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The account cannot recover by itself, and this device may know.
    CannotRecover,
    /// The directory told its truth, or could not be asked.
    Checked,
    /// The outcome of an operation is known, or known to be unknown.
    Outcome,
    /// A time of the table of times has passed, or a newer recovery took over.
    Expired,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CannotRecover, Self::Checked, Self::Outcome, Self::Expired];
}

/// What moves a recovery on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trigger {
    /// The client asked.
    Call(Call),
    /// It happened.
    Event(Event),
}

use Call as C;
use Event as E;
use StageName as S;
use Trigger::{Call as OnCall, Event as OnEvent};

/// The table: at this stage, on this trigger, to one of these stages.
pub const STEPS: &[(StageName, Trigger, &[StageName])] = &[
    (S::ChooseMethod, OnCall(C::ChooseMethod), &[S::EnterCode]),
    (S::ChooseMethod, OnCall(C::ChangeUserId), &[S::ChooseMethod, S::EnterCode]),
    (S::ChooseMethod, OnCall(C::Cancel), &[S::Ended]),
    (S::ChooseMethod, OnEvent(E::Expired), &[S::Ended]),
    // Leads nowhere but to another name: no gate was passed.
    (S::ChooseMethod, OnEvent(E::CannotRecover), &[S::CannotRecover]),
    (S::CannotRecover, OnCall(C::ChangeUserId), &[S::ChooseMethod]),
    (S::CannotRecover, OnCall(C::Cancel), &[S::Ended]),
    (S::CannotRecover, OnEvent(E::Expired), &[S::Ended]),
    // A right code leads to the next gate or, after the last, to the directory's truth; the
    // last wrong one ends it.
    (S::EnterCode, OnCall(C::EnterCode), &[S::EnterCode, S::ChooseMethod, S::Checking, S::Ended]),
    (S::EnterCode, OnCall(C::ChooseMethod), &[S::EnterCode]),
    (S::EnterCode, OnCall(C::ChangeUserId), &[S::ChooseMethod, S::EnterCode]),
    (S::EnterCode, OnCall(C::Back), &[S::ChooseMethod]),
    (S::EnterCode, OnCall(C::Cancel), &[S::Ended]),
    (S::EnterCode, OnEvent(E::Expired), &[S::Ended]),
    (S::Checking, OnCall(C::Cancel), &[S::Ended]),
    (S::Checking, OnEvent(E::Checked), &[S::Choice]),
    (S::Checking, OnEvent(E::Expired), &[S::Ended]),
    // A gate that became stale is asked again before anything is changed.
    (
        S::Choice,
        OnCall(C::ChooseAct),
        &[S::Working, S::NewPassword, S::ChangePassword, S::ChooseMethod],
    ),
    // A directory that could not be asked is asked again.
    (S::Choice, OnCall(C::Back), &[S::Checking]),
    (S::Choice, OnCall(C::Cancel), &[S::Ended]),
    (S::Choice, OnEvent(E::Expired), &[S::Ended]),
    (S::NewPassword, OnCall(C::SetPassword), &[S::Working, S::ChooseMethod]),
    (S::NewPassword, OnCall(C::Back), &[S::Choice, S::Done]),
    (S::NewPassword, OnCall(C::Cancel), &[S::Ended]),
    (S::NewPassword, OnEvent(E::Expired), &[S::Ended]),
    (S::ChangePassword, OnCall(C::SetPassword), &[S::Working, S::ChooseMethod]),
    (S::ChangePassword, OnCall(C::Back), &[S::Choice]),
    (S::ChangePassword, OnCall(C::Cancel), &[S::Ended]),
    (S::ChangePassword, OnEvent(E::Expired), &[S::Ended]),
    // Nothing stops a change that is under way, not even the clock: its outcome is told.
    (
        S::Working,
        OnEvent(E::Outcome),
        &[S::Done, S::NotDone, S::NotKnown, S::NewPassword, S::ChangePassword],
    ),
    (S::Done, OnCall(C::ChooseAct), &[S::NewPassword, S::ChooseMethod]),
    (S::Done, OnCall(C::Cancel), &[S::Ended]),
    (S::Done, OnEvent(E::Expired), &[S::Ended]),
    (
        S::NotDone,
        OnCall(C::ChooseAct),
        &[S::Working, S::NewPassword, S::ChangePassword, S::ChooseMethod],
    ),
    (S::NotDone, OnCall(C::Cancel), &[S::Ended]),
    (S::NotDone, OnEvent(E::Expired), &[S::Ended]),
    // The truth may still come in.
    (S::NotKnown, OnEvent(E::Outcome), &[S::Done, S::NotDone, S::NewPassword, S::ChangePassword]),
    (S::NotKnown, OnCall(C::Cancel), &[S::Ended]),
    (S::NotKnown, OnEvent(E::Expired), &[S::Ended]),
];

/// Where `trigger` can lead from `stage`; empty when it is not possible there.
pub fn next_of(stage: StageName, trigger: Trigger) -> &'static [StageName] {
    STEPS
        .iter()
        .find(|(at, on, _)| *at == stage && *on == trigger)
        .map_or(&[], |(_, _, next)| *next)
}

/// The calls that the table allows at `stage`.
pub fn calls_of(stage: StageName) -> impl Iterator<Item = Call> {
    Call::ALL.into_iter().filter(move |call| !next_of(stage, Trigger::Call(*call)).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pair_stands_twice_and_the_end_leads_nowhere() {
        for (index, (stage, trigger, next)) in STEPS.iter().enumerate() {
            assert!(!next.is_empty());
            let twice = STEPS[index + 1..].iter().any(|(s, t, _)| s == stage && t == trigger);
            assert!(!twice, "{stage:?} {trigger:?}");
            assert_ne!(*stage, StageName::Ended);
        }
    }

    #[test]
    fn every_stage_can_be_reached_and_left() {
        for stage in StageName::ALL {
            let reached = stage == StageName::ChooseMethod
                || STEPS.iter().any(|(from, _, next)| *from != stage && next.contains(&stage));
            assert!(reached, "{stage:?} cannot be reached");
            let left = STEPS.iter().any(|(from, _, _)| *from == stage);
            assert!(left || stage == StageName::Ended, "{stage:?} cannot be left");
        }
    }
}
