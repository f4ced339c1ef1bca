//! The promise, held against what happened: at most one write for each operation, and what is
//! told of it is true.

use store::OperationState;

use crate::{directory::Accounts, person::Asked, schedule::Schedule};

/// An operation at the end of a schedule.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) asked: Asked,
    pub(crate) state: OperationState,
    /// Why not, as stored.
    pub(crate) reason: Option<String>,
}

/// Every breach, in words.
pub(crate) fn breaches(schedule: &Schedule, accounts: &Accounts, ended: &[Ended]) -> Vec<String> {
    ended.iter().flat_map(|ended| breaches_of(schedule, accounts, ended)).collect()
}

fn breaches_of(schedule: &Schedule, accounts: &Accounts, ended: &Ended) -> Vec<String> {
    let Ended { asked, state, .. } = ended;
    let of_it =
        |account: &String, password| *account == asked.account && password == &asked.password;
    let written = accounts.written();
    let writes = written.iter().filter(|one| of_it(&one.account, &one.password)).count();
    let mut breaches = Vec::new();
    let mut breach = |what: &str| breaches.push(format!("{what}: {ended:?}, {writes} writes"));
    if writes > 1 {
        breach("written more than once");
    }
    // An account that is not locked any more is what "unlocked" says, whoever did it.
    let is_open = accounts.account(&asked.account).lockout_time == 0;
    let is_done = writes == 1 || (asked.password.is_none() && is_open);
    if asked.told.contains(&true) && !is_done {
        breach("told done, and it is not");
    }
    if asked.told.contains(&false) && writes > 0 {
        breach("told not done, and it is");
    }
    match state {
        OperationState::Done if !is_done => breach("stored as done, and it is not"),
        OperationState::NotDone if writes > 0 => breach("stored as not done, and it is"),
        OperationState::Typing if writes > 0 => breach("written before it was handed over"),
        OperationState::Waiting | OperationState::Sent => breach("never settled"),
        OperationState::NotKnown if !may_stay_unknown(schedule, asked) => {
            breach("could be known, and is not");
        }
        _ => {}
    }
    breaches
}

/// Where somebody else wrote too, or nothing shows whether a password was set, nobody can tell.
fn may_stay_unknown(schedule: &Schedule, asked: &Asked) -> bool {
    let of_a_password = asked.password.is_some();
    of_a_password && (schedule.has_other_hand() || schedule.hides_key_version)
}
