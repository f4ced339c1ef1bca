//! The end of a run that the host started: what it is told of the views meanwhile, and the one
//! outcome. Nothing of this happens where there is no host.

use std::time::Duration;

use password::NewPassword;
use protocol::{
    api::{Act, Call, Ended, Finding, Nothing, Reason, Stage},
    host::{
        SecretText, Text,
        app::{Cause, Ending},
        tile::{Grant, Outcome},
    },
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Controller, lock};
use crate::{
    host_link::Stop,
    hosted::{AcceptsNewPassword, TIME_TO_CANCEL},
    view::AnyView,
    words::Words,
};

/// While something is awaited the host hears this often that nobody is away.
const PRESENT: Duration = Duration::from_secs(60);

/// Why the app is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The person chose so in the app.
    Pressed,
    /// The host wants it.
    Told(Stop),
}

impl Leave {
    /// Whether the recovery is over with it. Where only the screen went away, the person comes
    /// back to it, as far as it may be left.
    fn ends_it(self) -> bool {
        match self {
            Self::Pressed
            | Self::Told(Stop::Cancelled(Cause::Person | Cause::Idle | Cause::Time)) => true,
            Self::Told(
                Stop::Cancelled(Cause::Session | Cause::Power | Cause::Tile | Cause::Rules)
                | Stop::HostGone,
            ) => false,
        }
    }
}

/// How it has ended so far.
pub(super) struct Told {
    outcome: Outcome,
    /// A new password was set, with which the person can be signed in.
    has_new_password: bool,
    words: String,
    user_id: String,
}

impl Controller {
    /// What this PC can do with a new password, once the start has asked the host for what comes
    /// first; with `connect` after an attempt to reach the organisation's network.
    pub async fn accepts_new_password(&self, connect: bool) -> AcceptsNewPassword {
        let Some(host) = &self.host else { return AcceptsNewPassword::Unknown };
        let mut has_started = self.has_started.subscribe();
        // The controller outlives this call, so the other end is there.
        let _ = has_started.wait_for(|started| *started).await;
        let accepts = host.accepts(connect).await;
        // Nobody has an old password on the first day.
        if accepts == AcceptsNewPassword::AfterNetwork && self.is_first_day() {
            return AcceptsNewPassword::OnlyOnNetwork;
        }
        accepts
    }

    fn is_first_day(&self) -> bool {
        let state = lock(&self.state);
        let known = state.recovery.as_ref().and_then(|recovery| recovery.view.known());
        known.is_some_and(|view| view.reason == Reason::FirstDay)
    }

    /// The first page is drawn.
    pub fn drawn(&self) {
        if let Some(host) = &self.host {
            host.link.ready();
        }
    }

    /// The person did something; at most every ten seconds.
    pub fn present(&self) {
        if let Some(host) = &self.host {
            host.link.present();
        }
    }

    /// Ends the recovery where that is meant, and says the one outcome to the host.
    pub async fn leave(&self, leave: Leave) {
        self.end_in_time(leave).await;
        if let Some(host) = &self.host {
            host.link.end(self.ending());
        }
    }

    /// While something is awaited that the person cannot hasten, nobody counts as away: the
    /// pages then watch without end. The simple form says so itself.
    pub(super) fn nobody_is_away(&self, view: &AnyView) {
        let Some(host) = self.host.as_ref().filter(|host| host.has_window) else { return };
        if view.idle_ends_in_s().is_some() || view.has_ended() {
            return;
        }
        let now = Instant::now();
        let mut told = lock(&self.told_waiting);
        if told.is_none_or(|told| now >= told + PRESENT) {
            *told = Some(now);
            host.link.present();
        }
    }

    /// The first half of it: ends the recovery where that is meant, and one that nobody may find
    /// in any case.
    pub(crate) async fn end_in_time(&self, leave: Leave) {
        let may_stay = {
            let state = lock(&self.state);
            let recovery = state.recovery.as_ref();
            recovery.is_none_or(|recovery| self.keeper.may_leave(&recovery.view))
        };
        if leave.ends_it() || !may_stay {
            let ended = tokio::time::timeout(TIME_TO_CANCEL, self.end_recovery()).await;
            if ended.is_err() {
                tracing::warn!("the service was not told in time; it ends the recovery by itself");
            }
        }
    }

    /// The next person here must not find it: it is forgotten and the service told, both at once,
    /// and whatever else the host is asked for waits no more.
    async fn end_recovery(&self) {
        self.keeper.close();
        if let Some(host) = &self.host {
            host.link.leave();
        }
        let recovery = lock(&self.state).recovery.clone();
        let can_cancel = |view: &AnyView| !view.is_over() && view.allows(Call::Cancel);
        let cancel = async {
            if recovery.is_some_and(|recovery| can_cancel(&recovery.view)) {
                // What is done is done; the outcome says it either way.
                let _ = self.press(Call::Cancel, &Nothing {}).await;
            }
        };
        tokio::join!(self.keeper.forget(), cancel);
    }

    /// The one outcome. Said once: with it goes what signs the person in.
    pub(crate) fn ending(&self) -> Ending {
        let mut state = lock(&self.state);
        let password = state.to_sign_in.take();
        if let (Some(host), Some(unanswered)) = (&self.host, &state.unanswered)
            && unanswered.changes_the_directory()
        {
            // The directory may be changed: nobody has heard yet.
            let language = self.policy.language.as_deref().unwrap_or(&host.language);
            let words = Words::of(language);
            let words = ["not-known-title", "not-known-next"].map(|key| words.say(key)).join("\n");
            let outcome = Outcome::NotKnown;
            return Ending { outcome, words: Text::cut(&words), sign_in: None };
        }
        let Some(told) = state.told.take() else {
            let words = Text::default();
            return Ending { outcome: Outcome::Cancelled, words, sign_in: None };
        };
        let password = password.filter(|_| told.has_new_password);
        let sign_in = password.and_then(|password| {
            Some(Grant { user: Text::new(told.user_id)?, domain: Text::default(), password })
        });
        Ending { outcome: told.outcome, words: Text::cut(&told.words), sign_in }
    }

    /// Tells the host what a view means for it.
    pub(super) fn tell_host(&self, view: &AnyView) {
        let (Some(host), Some(known)) = (&self.host, view.known()) else { return };
        let (outcome, act) = match &known.stage {
            Stage::Checking | Stage::Working { .. } => {
                if host.has_window {
                    host.link.status(&known.plain.title);
                }
                let Stage::Working { act, .. } = known.stage else { return };
                (Outcome::NotKnown, act)
            }
            Stage::Done { act, .. } => (Outcome::Done, *act),
            Stage::NotDone { act, .. } => (Outcome::NotDone, *act),
            Stage::NotKnown { act } => (Outcome::NotKnown, *act),
            // Who chose it need not be told; what was done before stays done.
            Stage::Ended { why: Ended::Cancelled | Ended::Finished } => return,
            Stage::Ended { .. } => {
                let mut state = lock(&self.state);
                if state.told.is_none() {
                    state.told = Some(Told {
                        outcome: Outcome::Cancelled,
                        has_new_password: false,
                        words: words(view),
                        user_id: known.user_id.clone(),
                    });
                }
                return;
            }
            Stage::Choice { finding, acts }
                if acts.is_empty() && *finding != Finding::NothingWrong =>
            {
                // Only somebody else can help, and the words say who.
                let mut state = lock(&self.state);
                if state.told.as_ref().is_none_or(|told| told.outcome != Outcome::Done) {
                    state.told = Some(Told {
                        outcome: Outcome::NotDone,
                        has_new_password: false,
                        words: words(view),
                        user_id: known.user_id.clone(),
                    });
                }
                return;
            }
            Stage::ChooseMethod { .. }
            | Stage::EnterCode { .. }
            | Stage::Choice { .. }
            | Stage::NewPassword { .. }
            | Stage::ChangePassword { .. } => return,
        };
        let has_new_password = outcome == Outcome::Done && act != Act::Unlock;
        let mut state = lock(&self.state);
        if matches!(known.stage, Stage::NotDone { .. }) {
            state.to_sign_in = None;
        }
        let user_id = known.user_id.clone();
        state.told = Some(Told { outcome, has_new_password, words: words(view), user_id });
    }

    /// Keeps the password that is handed in for the grant, where there may be one. Wiped with the
    /// outcome, or when another one is handed in.
    pub(super) fn remember_to_sign_in(&self, new: &NewPassword) {
        if self.host.as_ref().is_some_and(|host| host.may_sign_in) {
            let text = Zeroizing::new(new.expose().to_owned());
            lock(&self.state).to_sign_in = SecretText::new(text);
        }
    }
}

/// What the tile says when the app is gone: the view's own words, in the person's language.
fn words(view: &AnyView) -> String {
    let plain = view.known().map(|view| &view.plain);
    plain.map_or_else(String::new, |plain| {
        [plain.title.as_str(), plain.text.as_str()].join("\n").trim().to_owned()
    })
}
