//! One recovery: its stage, the gates it passed, and the transitions between stages.
//!
//! Every transition goes through [`Session::to`], which holds it to the step table. There is no
//! "verified" flag: what may be changed is derived again from the passed gates each time,
//! under the stricter of the policy at the start and now (design decision 1).
//!
//! Long: a stage, its transitions and what it offers are read together.

use serde::{Deserialize, Serialize};

use crate::{
    Call, Event, Finding, Method, Policy, Span, StageName, Times, Timestamp, Trigger, calls_of,
    next_of,
};

/// What can be done to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Clear the lock.
    Unlock,
    /// Set a new password; clears the lock and must-change with it.
    Reset,
    /// Set a new password with the present one, which keeps what that one protects.
    Change,
}

/// A passed gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePass {
    /// With which method.
    pub method: Method,
    /// The version of the address it was proved with.
    pub address_version: i64,
    /// The row of the code that was right.
    pub code: CodeRow,
    /// When.
    pub at: Timestamp,
}

/// The id of a code's row (sixteen bytes of a UUID), which the rules only carry.
pub type CodeRow = [u8; 16];

/// Why a recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The work was done.
    Finished,
    /// The person stopped it.
    Cancelled,
    /// Nothing happened for too long.
    Idle,
    /// It took longer than a recovery may.
    TooLong,
    /// A newer one of the same account took over.
    Replaced,
    /// Too many wrong codes.
    TooManyTries,
}

/// Where a recovery stands, with what only that stage knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub enum Stage {
    /// Choose how to prove who you are.
    ChooseMethod,
    /// The account cannot recover by itself, said before any gate.
    CannotRecover {
        /// Why.
        finding: Finding,
    },
    /// Enter the code.
    EnterCode {
        /// Sent with.
        method: Method,
        /// When.
        sent_at: Timestamp,
    },
    /// The directory is asked.
    Checking {
        /// Since when.
        since: Timestamp,
    },
    /// What is wrong, and the choice.
    Choice,
    /// Type a new password.
    NewPassword {
        /// Whether the last one was refused (why is the operation's).
        refused: bool,
    },
    /// Type the present password and a new one.
    ChangePassword {
        /// Whether the last ones were refused (why is the operation's).
        refused: bool,
    },
    /// The directory is changed.
    Working {
        /// How.
        act: Act,
        /// Since when.
        since: Timestamp,
    },
    /// Changed.
    Done {
        /// How.
        act: Act,
    },
    /// Certainly not changed (why is the operation's).
    NotDone {
        /// What was tried.
        act: Act,
    },
    /// Nobody knows yet.
    NotKnown {
        /// What was tried.
        act: Act,
    },
    /// Over.
    Ended {
        /// Why.
        why: Ended,
    },
}

/// Whether the code matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeVerdict {
    /// It did.
    Right {
        /// The version of the address it was sent to.
        address_version: i64,
        /// The code's row.
        code: CodeRow,
    },
    /// It did not, and may be tried again.
    Wrong,
    /// It came too late.
    Expired,
    /// It did not, and was the last try of this name for a long time.
    Spent,
}

/// What became of an operation, as far as the rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Changed and read back.
    Done,
    /// Certainly not changed.
    Failed(ActFailure),
    /// Nobody knows yet.
    NotKnown,
}

/// Why an operation was certainly not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActFailure {
    /// The directory did not take this password: another one may do.
    PasswordRefused,
    /// The present password, typed for a change, is another: one more try.
    PresentPasswordWrong,
    /// A change is of no use any more; a reset may be.
    NoMoreChanges,
    /// Anything else.
    Other,
}

/// Why a call is refused. It changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Over.
    #[error("the recovery has ended")]
    Ended,
    /// Not in the step table.
    #[error("not possible at this stage")]
    WrongStage,
    /// Not in the policy, or already used for another gate.
    #[error("this method is not offered")]
    MethodNotOffered,
    /// Not offered for what is wrong.
    #[error("this act is not offered")]
    ActNotOffered,
    /// Sent again before the wait was over.
    #[error("too soon to send again")]
    TooSoon(Span),
}

/// What a recovery waits for, which decides what counts as idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// For the person: idleness counts.
    Person,
    /// For a message or the directory: it does not.
    World,
}

/// One recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The policy when it began.
    pub policy: Policy,
    /// When it began.
    pub started_at: Timestamp,
    /// When the person was last heard of.
    pub seen_at: Timestamp,
    /// The gates passed, oldest first.
    pub passed: Vec<GatePass>,
    /// What the directory said is wrong, once it was asked.
    pub finding: Option<Finding>,
    /// Whether an unlock was done in it.
    pub unlocked: bool,
    /// How many wrong present passwords may still be typed for a change; at none it is not
    /// offered.
    #[serde(default)]
    pub present_tries: u16,
    /// The stages that this person's client can draw; what leads to another is not offered.
    #[serde(default = "every_stage")]
    pub drawn: Vec<StageName>,
    /// How often another user ID was typed: each further one is a new beginning.
    #[serde(default)]
    pub changes: u8,
    /// Where it stands.
    pub stage: Stage,
}

impl Session {
    /// After so many changes of the user ID a new bot check is due, so a new recovery.
    pub const MOST_CHANGES: u8 = 5;

    /// A new one, under this policy.
    pub fn begin(policy: Policy, now: Timestamp) -> Self {
        Self {
            policy,
            started_at: now,
            seen_at: now,
            passed: Vec::new(),
            finding: None,
            unlocked: false,
            present_tries: 0,
            drawn: every_stage(),
            changes: 0,
            stage: Stage::ChooseMethod,
        }
    }

    /// The same for a client that can draw these stages and no others.
    #[must_use]
    pub fn drawn_by(self, stages: Vec<StageName>) -> Self {
        Self { drawn: stages, ..self }
    }

    /// Ends it if a time of the table has passed. Everything else comes after this.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let too_long = now.since(self.started_at) >= Times::RECOVERY;
        let idle = self.idle_ends_at().is_some_and(|at| now >= at);
        let why = match (&self.stage, too_long, idle) {
            (_, false, false) | (Stage::Ended { .. } | Stage::Working { .. }, _, _) => {
                return false;
            }
            (Stage::Done { .. }, _, _) => Ended::Finished,
            (_, true, _) => Ended::TooLong,
            (_, false, true) => Ended::Idle,
        };
        self.to(Trigger::Event(Event::Expired), Stage::Ended { why }).is_ok()
    }

    /// Whether `call` may be made now.
    ///
    /// # Errors
    /// [`Refusal::Ended`] or [`Refusal::WrongStage`].
    pub fn admit(&self, call: Call) -> Result<(), Refusal> {
        if self.name() == StageName::Ended {
            return Err(Refusal::Ended);
        }
        if self.calls().contains(&call) { Ok(()) } else { Err(Refusal::WrongStage) }
    }

    /// The calls that are possible now: the step table's, less those that lead nowhere here.
    pub fn calls(&self) -> Vec<Call> {
        calls_of(self.name()).filter(|call| self.leads_on(*call)).collect()
    }

    fn leads_on(&self, call: Call) -> bool {
        match call {
            // Once a gate is passed the recovery belongs to one account.
            Call::ChangeUserId => self.passed.is_empty() && self.changes < Self::MOST_CHANGES,
            // No choice page where there is no choice.
            Call::Back if self.name() == StageName::EnterCode => self.methods().len() > 1,
            Call::Back if self.name() == StageName::Choice => {
                self.finding == Some(Finding::Unreachable)
            }
            Call::ChooseAct => !self.acts().is_empty(),
            Call::ChooseMethod
            | Call::EnterCode
            | Call::SetPassword
            | Call::Back
            | Call::Cancel => true,
        }
    }

    /// Another user ID was typed; the recovery starts over with it.
    ///
    /// # Errors
    /// See [`Session::admit`].
    pub fn change_user_id(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.admit(Call::ChangeUserId)?;
        self.seen_at = now;
        self.changes += 1;
        self.to(Trigger::Call(Call::ChangeUserId), Stage::ChooseMethod)
    }

    /// The account cannot recover by itself, and the device it is tried at may know (design
    /// decision 3). Nothing can be done from there: no gate was passed.
    ///
    /// # Errors
    /// [`Refusal::WrongStage`] once a method is chosen.
    pub fn cannot_recover(&mut self, finding: Finding) -> Result<(), Refusal> {
        self.to(Trigger::Event(Event::CannotRecover), Stage::CannotRecover { finding })
    }

    /// A code is sent with `method`, for the first time or again.
    ///
    /// # Errors
    /// See [`Session::admit`]; [`Refusal::MethodNotOffered`]; [`Refusal::TooSoon`].
    pub fn choose_method(&mut self, method: Method, now: Timestamp) -> Result<(), Refusal> {
        self.admit(Call::ChooseMethod)?;
        if !self.methods().contains(&method) {
            return Err(Refusal::MethodNotOffered);
        }
        if let Stage::EnterCode { method: sent_with, sent_at } = &self.stage {
            let again_at = sent_at.plus(Times::SEND_AGAIN);
            if *sent_with == method && now < again_at {
                return Err(Refusal::TooSoon(now.until(again_at)));
            }
        }
        self.seen_at = now;
        self.to(Trigger::Call(Call::ChooseMethod), Stage::EnterCode { method, sent_at: now })
    }

    /// A code was compared.
    ///
    /// # Errors
    /// See [`Session::admit`].
    pub fn enter_code(&mut self, verdict: CodeVerdict, now: Timestamp) -> Result<(), Refusal> {
        self.admit(Call::EnterCode)?;
        let Stage::EnterCode { method, .. } = self.stage else {
            return Err(Refusal::WrongStage);
        };
        self.seen_at = now;
        let next = match verdict {
            CodeVerdict::Wrong | CodeVerdict::Expired => return Ok(()),
            CodeVerdict::Spent => Stage::Ended { why: Ended::TooManyTries },
            CodeVerdict::Right { address_version, code } => {
                self.passed.push(GatePass { method, address_version, code, at: now });
                if self.gate_to_pass(&self.policy, now).is_some() {
                    Stage::ChooseMethod
                } else {
                    Stage::Checking { since: now }
                }
            }
        };
        self.to(Trigger::Call(Call::EnterCode), next)
    }

    /// Forgets the gates that were passed with an address that is not on file any more.
    pub fn keep_passes_of(&mut self, address_version: i64) {
        self.passed.retain(|pass| pass.address_version == address_version);
    }

    /// The directory told its truth, or could not be asked; `present_tries` is how many wrong
    /// ones a change with the present password may cost.
    ///
    /// # Errors
    /// [`Refusal::WrongStage`] when nobody asked.
    pub fn checked(
        &mut self,
        finding: Finding,
        present_tries: u16,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.to(Trigger::Event(Event::Checked), Stage::Choice)?;
        self.finding = Some(finding);
        self.present_tries = present_tries;
        self.seen_at = now;
        Ok(())
    }

    /// The person chose what to do. `policy` is the one in force now.
    ///
    /// # Errors
    /// See [`Session::admit`]; [`Refusal::ActNotOffered`].
    pub fn choose_act(&mut self, act: Act, policy: &Policy, now: Timestamp) -> Result<(), Refusal> {
        self.admit(Call::ChooseAct)?;
        if !self.acts().contains(&act) || (act == Act::Unlock && !policy.unlock) {
            return Err(Refusal::ActNotOffered);
        }
        self.seen_at = now;
        let next = match act {
            Act::Unlock => Stage::Working { act, since: now },
            Act::Reset => Stage::NewPassword { refused: false },
            Act::Change => Stage::ChangePassword { refused: false },
        };
        self.go_on(Call::ChooseAct, next, policy, now)
    }

    /// A sealed password was handed over, or both for a change. `policy` is the one in force now.
    ///
    /// # Errors
    /// See [`Session::admit`].
    pub fn set_password(&mut self, policy: &Policy, now: Timestamp) -> Result<(), Refusal> {
        self.admit(Call::SetPassword)?;
        self.seen_at = now;
        let act = if self.name() == StageName::ChangePassword { Act::Change } else { Act::Reset };
        let next = Stage::Working { act, since: now };
        self.go_on(Call::SetPassword, next, policy, now)
    }

    /// To `next`, unless a gate must be asked again first.
    fn go_on(
        &mut self,
        call: Call,
        next: Stage,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let policy = self.policy.stricter(policy);
        if self.gate_to_pass(&policy, now).is_none() {
            return self.to(Trigger::Call(call), next);
        }
        self.to(Trigger::Call(call), Stage::ChooseMethod)?;
        self.passed.retain(|pass| is_good(pass, &policy, now));
        self.policy = policy;
        Ok(())
    }

    /// The outcome of the operation under way came in.
    ///
    /// # Errors
    /// [`Refusal::WrongStage`] when none is awaited.
    pub fn outcome(&mut self, outcome: OutcomeKind, now: Timestamp) -> Result<(), Refusal> {
        let (Stage::Working { act, .. } | Stage::NotKnown { act }) = self.stage else {
            return Err(Refusal::WrongStage);
        };
        let mut outcome = outcome;
        if outcome == OutcomeKind::Failed(ActFailure::PresentPasswordWrong) {
            self.present_tries = self.present_tries.saturating_sub(1);
            if self.present_tries == 0 {
                outcome = OutcomeKind::Failed(ActFailure::NoMoreChanges);
            }
        }
        let next = match outcome {
            OutcomeKind::Done => Stage::Done { act },
            OutcomeKind::Failed(ActFailure::PasswordRefused | ActFailure::PresentPasswordWrong)
                if act == Act::Change =>
            {
                Stage::ChangePassword { refused: true }
            }
            OutcomeKind::Failed(ActFailure::PasswordRefused) => {
                Stage::NewPassword { refused: true }
            }
            OutcomeKind::Failed(
                ActFailure::Other | ActFailure::PresentPasswordWrong | ActFailure::NoMoreChanges,
            ) => Stage::NotDone { act },
            OutcomeKind::NotKnown => Stage::NotKnown { act },
        };
        self.to(Trigger::Event(Event::Outcome), next)?;
        self.unlocked |= outcome == OutcomeKind::Done;
        if outcome == OutcomeKind::Failed(ActFailure::NoMoreChanges) {
            self.present_tries = 0;
        }
        self.seen_at = now;
        Ok(())
    }

    /// One page back.
    ///
    /// # Errors
    /// See [`Session::admit`].
    pub fn back(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.admit(Call::Back)?;
        self.seen_at = now;
        let to = match (self.name(), self.unlocked) {
            (StageName::NewPassword, true) => Stage::Done { act: Act::Unlock },
            (StageName::NewPassword, false) | (StageName::ChangePassword, _) => Stage::Choice,
            (StageName::Choice, _) => Stage::Checking { since: now },
            _ => Stage::ChooseMethod,
        };
        self.to(Trigger::Call(Call::Back), to)
    }

    /// Stop; or finish, where the work is done.
    ///
    /// # Errors
    /// See [`Session::admit`].
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.admit(Call::Cancel)?;
        self.seen_at = now;
        let why = if self.name() == StageName::Done { Ended::Finished } else { Ended::Cancelled };
        self.to(Trigger::Call(Call::Cancel), Stage::Ended { why })
    }

    /// A newer recovery of the same account, which passed as many gates, takes over
    /// (catalogue SES-07). A change under way is not taken over.
    ///
    /// # Errors
    /// [`Refusal::WrongStage`] where that is not possible.
    pub fn replaced(&mut self) -> Result<(), Refusal> {
        self.to(Trigger::Event(Event::Expired), Stage::Ended { why: Ended::Replaced })
    }

    /// Which gate is asked next, from 1, and how many there are.
    pub fn gate(&self) -> (u8, u8) {
        let passed = u8::try_from(self.passed.len()).unwrap_or(u8::MAX);
        (passed.saturating_add(1).min(self.policy.gates), self.policy.gates)
    }

    /// The methods that can still be used: in the policy and not used for another gate.
    pub fn methods(&self) -> Vec<Method> {
        let used = |method: &Method| self.passed.iter().any(|pass| pass.method == *method);
        let usable = |method: &Method| !used(method) && self.drawn.contains(&method.stage());
        self.policy.methods.iter().copied().filter(usable).collect()
    }

    /// What can be done now.
    pub fn acts(&self) -> Vec<Act> {
        let Some(finding) = self.finding else {
            return Vec::new();
        };
        let drawn = |act: &Act| match act {
            Act::Unlock => true,
            Act::Reset => self.drawn.contains(&StageName::NewPassword),
            Act::Change => {
                self.present_tries > 0 && self.drawn.contains(&StageName::ChangePassword)
            }
        };
        match &self.stage {
            Stage::Choice | Stage::NotDone { .. } => finding
                .acts(&self.policy)
                .iter()
                .copied()
                .filter(|act| !(self.unlocked && *act == Act::Unlock))
                .filter(drawn)
                .collect(),
            Stage::Done { act: Act::Unlock } if finding == Finding::LockedUnlockOnly => Vec::new(),
            Stage::Done { act: Act::Unlock } => [Act::Reset].into_iter().filter(drawn).collect(),
            Stage::Done { act: Act::Reset | Act::Change }
            | Stage::ChooseMethod
            | Stage::CannotRecover { .. }
            | Stage::EnterCode { .. }
            | Stage::Checking { .. }
            | Stage::NewPassword { .. }
            | Stage::ChangePassword { .. }
            | Stage::Working { .. }
            | Stage::NotKnown { .. }
            | Stage::Ended { .. } => Vec::new(),
        }
    }

    /// When it ends if the person does nothing; `None` while it waits for the world.
    pub fn idle_ends_at(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::EnterCode { method, sent_at } => {
                let code_dies = sent_at.plus(self.policy.code_life(*method));
                Some(self.seen_at.max(code_dies).plus(Times::IDLE))
            }
            Stage::Checking { .. } | Stage::Working { .. } | Stage::Ended { .. } => None,
            Stage::ChooseMethod
            | Stage::CannotRecover { .. }
            | Stage::Choice
            | Stage::NewPassword { .. }
            | Stage::ChangePassword { .. }
            | Stage::Done { .. }
            | Stage::NotDone { .. }
            | Stage::NotKnown { .. } => Some(self.seen_at.plus(Times::IDLE)),
        }
    }

    /// What it waits for.
    pub fn waiting(&self) -> Waiting {
        match &self.stage {
            Stage::EnterCode { .. } | Stage::Checking { .. } | Stage::Working { .. } => {
                Waiting::World
            }
            Stage::ChooseMethod
            | Stage::CannotRecover { .. }
            | Stage::Choice
            | Stage::NewPassword { .. }
            | Stage::ChangePassword { .. }
            | Stage::Done { .. }
            | Stage::NotDone { .. }
            | Stage::NotKnown { .. }
            | Stage::Ended { .. } => Waiting::Person,
        }
    }

    /// The name of the stage.
    pub fn name(&self) -> StageName {
        match &self.stage {
            Stage::ChooseMethod => StageName::ChooseMethod,
            Stage::CannotRecover { .. } => StageName::CannotRecover,
            Stage::EnterCode { .. } => StageName::EnterCode,
            Stage::Checking { .. } => StageName::Checking,
            Stage::Choice => StageName::Choice,
            Stage::NewPassword { .. } => StageName::NewPassword,
            Stage::ChangePassword { .. } => StageName::ChangePassword,
            Stage::Working { .. } => StageName::Working,
            Stage::Done { .. } => StageName::Done,
            Stage::NotDone { .. } => StageName::NotDone,
            Stage::NotKnown { .. } => StageName::NotKnown,
            Stage::Ended { .. } => StageName::Ended,
        }
    }

    /// The first gate that `policy` demands and that is not, or no longer, passed.
    fn gate_to_pass(&self, policy: &Policy, now: Timestamp) -> Option<usize> {
        let good = self.passed.iter().filter(|pass| is_good(pass, policy, now)).count();
        (good < usize::from(policy.gates)).then_some(good)
    }

    /// The only way to another stage: through the step table.
    fn to(&mut self, trigger: Trigger, stage: Stage) -> Result<(), Refusal> {
        let before = self.name();
        let after = std::mem::replace(&mut self.stage, stage);
        if next_of(before, trigger).contains(&self.name()) {
            return Ok(());
        }
        self.stage = after;
        Err(Refusal::WrongStage)
    }
}

/// What a recovery that was begun before clients said so is drawn by.
fn every_stage() -> Vec<StageName> {
    StageName::ALL.to_vec()
}

fn is_good(pass: &GatePass, policy: &Policy, now: Timestamp) -> bool {
    policy.methods.contains(&pass.method) && now.since(pass.at) < Times::GATE
}
