//! What this machine has to say to every change, and what it writes down of it: the hourly
//! limit, the local switch and the event log, in one place for those who carry out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use protocol::{
    agent::{Change, Stopped},
    directory::{AccountStatus, ExternalId, NotDone, Outcome, OwnAccount},
    id::OperationId,
};
use tokio::{sync::Notify, time::Instant};

use crate::{
    clock::Clock,
    event_log::{Details, EventLog},
    events::Event,
    journal::{Act, Intent, JournalError, Known},
    limits::{Limits, Taken},
    standing::{Seen, Standing},
};

/// How the agent is is noted at least this often while it runs.
const NOTED_MILLIS: u64 = 30_000;

/// The local word.
pub(crate) struct Local {
    pub(crate) limits: Arc<Limits>,
    pub(crate) standing: Standing,
    pub(crate) events: EventLog,
    /// Something changed that the service should hear of at once.
    pub(crate) changed: Notify,
    released_at: AtomicU64,
    clock: Clock,
}

impl Local {
    pub(crate) fn new(
        limits: Arc<Limits>,
        standing: Standing,
        events: EventLog,
        clock: Clock,
    ) -> Self {
        let released_at = AtomicU64::new(standing.released_at());
        Self { limits, standing, events, changed: Notify::new(), released_at, clock }
    }

    /// Whether somebody on this machine has released the agent since this was last asked: from
    /// a stop, which is written down, or to try its own account again.
    pub(crate) fn was_released(&self) -> bool {
        if self.limits.was_lifted(self.clock.unix_millis()) {
            self.events.write(Event::LimitReleased, Details::none());
        }
        let now = self.standing.released_at();
        self.released_at.swap(now, Ordering::Relaxed) != now
    }

    /// What the directory said of an account that the service asked about.
    pub(crate) fn asked_about(
        &self,
        account: &ExternalId,
        status: &Result<AccountStatus, NotDone>,
    ) {
        let details = Details::none().account(account);
        match status {
            Ok(status) if status.disabled => self.events.write(Event::AccountDisabled, details),
            Err(NotDone::TwoForests) => self.events.write(Event::TwoForests, details),
            Err(NotDone::NoAccount) => self.events.write(Event::NoAccount, details),
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes one change from what may be begun.
    ///
    /// # Errors
    /// Switched off here, or past the hourly limit.
    pub(crate) fn take_one(&self) -> Result<(), NotDone> {
        if self.standing.is_switched_off() {
            return Err(NotDone::SwitchedOff);
        }
        match self.limits.take(Instant::now(), self.clock.unix_millis()) {
            Taken::Yes => Ok(()),
            Taken::StopsNow => {
                let per_hour = u64::try_from(self.limits.per_hour()).unwrap_or(u64::MAX);
                self.events
                    .write(Event::LimitReached, Details::none().number("per_hour", per_hour));
                self.changed.notify_one();
                Err(NotDone::AgentLimit)
            }
            Taken::Stopped => Err(NotDone::AgentLimit),
        }
    }

    /// Why nothing new is begun, if it is not; the administrator's own word first.
    pub(crate) fn stopped(&self, own_account: Option<OwnAccount>) -> Option<Stopped> {
        if self.standing.is_switched_off() {
            Some(Stopped::SwitchedOff)
        } else if self.limits.is_stopped(self.clock.unix_millis()) {
            Some(Stopped::HourlyLimit)
        } else {
            own_account.map(|own| match own {
                OwnAccount::Locked => Stopped::AccountLocked,
                OwnAccount::Refused => Stopped::AccountRefused,
            })
        }
    }

    pub(crate) fn begins(&self, operation: OperationId, intent: &Intent) {
        let event = match intent.act {
            Act::Unlock => Event::UnlockStart,
            Act::Reset => Event::ResetStart,
            Act::Change => Event::ChangeStart,
        };
        let details = Details::none().operation(operation).account(&intent.account);
        self.events.write(event, details.controller(&intent.fence.controller));
    }

    /// An order that is refused before anything is begun.
    pub(crate) fn refused(&self, change: &Change, reason: NotDone) {
        let details = Details::none().operation(change.operation).account(&change.account);
        self.failed(Act::of(&change.act), reason, details);
    }

    /// What became of something that was begun; of anything else the word was said before.
    pub(crate) fn ended(&self, operation: OperationId, known: Option<Known>, outcome: &Outcome) {
        let Some(intent) = known.and_then(|known| known.intent) else {
            return;
        };
        let details = Details::none().operation(operation).account(&intent.account);
        let details = details.controller(&intent.fence.controller);
        match (outcome, intent.act) {
            (Outcome::Done, Act::Reset) => self.events.write(Event::ResetSuccess, details),
            (Outcome::Done, Act::Change) => self.events.write(Event::ChangeSuccess, details),
            (Outcome::Done, Act::Unlock) => self.events.write(Event::UnlockSuccess, details),
            (Outcome::NotKnown, _) => self.events.write(Event::NotKnown, details),
            (Outcome::NotDone { reason }, act) => self.failed(act, *reason, details),
        }
    }

    fn failed(&self, act: Act, reason: NotDone, details: Details) {
        let details = details.reason(reason);
        if let Some(why) = event_of(reason) {
            self.events.write(why, details.clone());
        }
        let failed = match act {
            Act::Unlock => Event::UnlockFail,
            Act::Reset => Event::ResetFail,
            Act::Change => Event::ChangeFail,
        };
        self.events.write(failed, details);
    }

    pub(crate) fn cannot_find_out(&self, operation: OperationId, intent: &Intent) {
        let details = Details::none().operation(operation).account(&intent.account);
        self.events.write(Event::NotKnown, details.controller(&intent.fence.controller));
    }

    pub(crate) fn journal_failed(&self, error: &JournalError) {
        self.events.write(Event::Unexpected, Details::none().cause(error));
    }
}

/// What was last seen of the local word, to notice a change of it.
pub(crate) struct LocalWatch {
    is_off: bool,
    /// Switched off, and something that was begun before is not finished yet.
    is_draining: bool,
    own_account: Option<OwnAccount>,
    noted: Option<Seen>,
}

impl LocalWatch {
    pub(crate) fn new(local: &Local) -> Self {
        let is_off = local.standing.is_switched_off();
        Self { is_off, is_draining: false, own_account: None, noted: None }
    }

    /// Writes down what changed; says whether the service should hear of it.
    pub(crate) fn look(
        &mut self,
        local: &Local,
        own_account: Option<OwnAccount>,
        seen: &Seen,
    ) -> bool {
        self.look_at_switch(local, seen.under_way);
        let refused = std::mem::replace(&mut self.own_account, own_account);
        match (refused, own_account) {
            (None, Some(why)) => {
                let said = match why {
                    OwnAccount::Locked => "locked",
                    OwnAccount::Refused => "refused",
                };
                local.events.write(Event::OwnAccountRefused, Details::none().cause(&said));
            }
            (Some(_), None) => local.events.write(Event::OwnAccountAccepted, Details::none()),
            (None, None) | (Some(_), Some(_)) => {}
        }
        let before = self.noted.as_ref();
        let has_stopped = before.map(|before| &before.stopped) != Some(&seen.stopped);
        let is_new = before.is_none_or(|before| {
            *before != Seen { unix_millis: before.unix_millis, ..seen.clone() }
                || seen.unix_millis.abs_diff(before.unix_millis) >= NOTED_MILLIS
        });
        if is_new {
            local.standing.note_seen(seen);
            self.noted = Some(seen.clone());
        }
        has_stopped
    }

    fn look_at_switch(&mut self, local: &Local, under_way: u32) {
        let is_off = local.standing.is_switched_off();
        let was_off = std::mem::replace(&mut self.is_off, is_off);
        if is_off && !was_off {
            local.events.write(Event::OffboardingStart, Details::none());
            self.is_draining = true;
        }
        if !is_off && was_off {
            local.events.write(Event::OnboardingStart, Details::none());
            local.events.write(Event::OnboardingSuccess, Details::none());
        }
        self.is_draining &= is_off;
        if self.is_draining && under_way == 0 {
            local.events.write(Event::OffboardingSuccess, Details::none());
            self.is_draining = false;
        }
    }
}

/// The event that says more about why a change was not made.
fn event_of(reason: NotDone) -> Option<Event> {
    match reason {
        NotDone::Password(_) => Some(Event::PolicyRefused),
        NotDone::Protected | NotDone::NoRight => Some(Event::NoRight),
        NotDone::NoAccount => Some(Event::NoAccount),
        NotDone::TwoForests => Some(Event::TwoForests),
        NotDone::NotOpened => Some(Event::NotOpened),
        NotDone::OldPassword => Some(Event::OldPasswordWrong),
        NotDone::DirectoryUnreachable => Some(Event::DirectoryUnusable),
        NotDone::Changed
        | NotDone::AgentLimit
        | NotDone::SwitchedOff
        | NotDone::Expired
        | NotDone::NoAgent
        | NotDone::SmartCardOnly => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::tests::Kept;

    #[tokio::test]
    async fn only_a_release_of_a_stop_is_written_down_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, standing) = (Kept::default(), Standing::of(folder.path()));
        let limits = Limits::new(Some(1), standing.clone(), Vec::new(), Instant::now());
        let clock = Clock::new(|| 1);
        let local = Local::new(Arc::new(limits), standing.clone(), kept.log(), clock);
        assert!(!local.was_released());
        standing.release(2).unwrap();
        assert!(local.was_released(), "its own account is tried again");
        assert!(kept.events().is_empty(), "and it had not stopped");

        local.take_one().unwrap();
        assert_eq!(local.take_one(), Err(NotDone::AgentLimit));
        standing.release(3).unwrap();
        // An order that comes before the next look goes on at once.
        local.take_one().unwrap();
        assert!(local.was_released());
        assert!(!local.was_released());
        assert_eq!(kept.events(), [Event::LimitReached, Event::LimitReleased]);
    }
}
