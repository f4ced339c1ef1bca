//! The flow as the app sees it, and the app's only mutable state: the token, the call that has
//! no answer yet, the view. Which call is allowed when is the service's; what a stage looks like
//! is the pages'.
//!
//! One changing call at a time. A call whose answer is lost is made again with its idempotency
//! key, so that pressing a button twice, or losing the network at the worst moment, never does a
//! thing twice. Whoever types something else meanwhile says another thing: the earlier call is
//! then made again only to fetch its answer, never to have it done.

mod calls;
mod end;
mod pressed;
mod start;
mod words;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use password::NewPassword;
use protocol::{
    api::{
        Act, Begin, Call, ChangeUserId, ChooseAct, ChooseMethod, Draws, EnterCode, Nothing, Reason,
    },
    device::DeviceProof,
    host::SecretText,
    id::TenantId,
    problem::ProblemCode,
    text::{CodeText, UserIdText},
};
use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    sync::{OnceCell, watch},
    task::JoinHandle,
    time::Instant,
};

pub use self::end::Leave;
pub use self::words::{Clock, Face, Greeting, Patience, Refusal, Started, Typed};
use self::{
    calls::body,
    end::Told,
    pressed::{Digester, Unanswered},
};
use crate::{
    command_line::Mode,
    hosted::Hosted,
    policy::Policy,
    proof::{Proof, Solved},
    resume::Keeper,
    seal::{self, NotSealed, Passwords, Trust},
    service_client::{Failure, Path, ServiceClient, Token, Why},
    view::AnyView,
};

/// A list of recipients that changes more often than this while somebody types is not honest.
const SEAL_TRIES: u32 = 3;

/// No view has this revision: who watches for it wants the service to know of the person, as any
/// key at the idle warning does (a read that waits is no sign of life).
pub const SIGN_OF_LIFE: u64 = 0;

/// Owns a recovery from the first page to the last.
pub struct Controller {
    policy: Policy,
    mode: Mode,
    patience: Patience,
    clock: Clock,
    /// Made in the background: reading the system's certificates would hold up the window.
    service: OnceCell<Option<ServiceClient>>,
    keeper: Keeper,
    rng: Mutex<StdRng>,
    digester: Digester,
    state: Mutex<State>,
    /// Held by the one changing call that is under way.
    turn: tokio::sync::Mutex<()>,
    /// The first start, begun before the window asked for it.
    ahead: Mutex<Option<JoinHandle<Started>>>,
    /// The host that started this run, if one did.
    host: Option<Arc<Hosted>>,
    /// When the host was last told that whoever waits is not away.
    told_waiting: Mutex<Option<Instant>>,
    /// Set once the first start has asked the host what it needs first.
    has_started: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    recovery: Option<Recovery>,
    /// A changing call whose answer was not seen.
    unanswered: Option<Arc<Unanswered>>,
    /// What the last recovery was begun for.
    begun: Option<(UserIdText, Reason)>,
    proof: Option<Proof>,
    tenant: Option<TenantId>,
    /// How it has ended so far, for the host.
    told: Option<Told>,
    /// The password that was handed in, where the outcome may sign the person in with it.
    to_sign_in: Option<SecretText<768>>,
}

#[derive(Clone)]
struct Recovery {
    token: Token,
    view: AnyView,
}

impl Controller {
    /// Gets ready; talks to nobody yet.
    pub fn new(policy: Policy, mode: Mode, patience: Patience, clock: Clock, rng: StdRng) -> Self {
        let origin = policy.service.to_string();
        let keeper = Keeper::new(origin, policy.state_dir.join("recovery"), policy.store);
        Self::with(policy, mode, patience, clock, rng, keeper)
    }

    /// The same in a run that the host started: what outlives it is left with the host, and a
    /// beginning says which device it is begun at.
    pub fn hosted(
        policy: Policy,
        mode: Mode,
        host: Arc<Hosted>,
        patience: Patience,
        clock: Clock,
        rng: StdRng,
    ) -> Self {
        let origin = policy.service.to_string();
        let keeper = Keeper::with_host(origin, host.user.clone(), host.link.clone());
        Self { host: Some(host), ..Self::with(policy, mode, patience, clock, rng, keeper) }
    }

    fn with(
        policy: Policy,
        mode: Mode,
        patience: Patience,
        clock: Clock,
        mut rng: StdRng,
        keeper: Keeper,
    ) -> Self {
        Self {
            state: Mutex::new(State { tenant: policy.tenant, ..State::default() }),
            policy,
            mode,
            patience,
            clock,
            service: OnceCell::new(),
            keeper,
            digester: Digester::new(&mut rng),
            rng: Mutex::new(rng),
            turn: tokio::sync::Mutex::new(()),
            ahead: Mutex::new(None),
            host: None,
            told_waiting: Mutex::default(),
            has_started: watch::Sender::new(false),
        }
    }

    /// Begins the first start now, so that its answer is there when the pages ask for it.
    pub fn start_ahead(self: &Arc<Self>) {
        let this = Arc::clone(self);
        *lock(&self.ahead) = Some(tokio::spawn(async move { this.start_now().await }));
    }

    /// Checks that the service can be reached, begins the bot check, and takes up a recovery
    /// that an earlier run left behind.
    pub async fn start(&self) -> Started {
        let ahead = lock(&self.ahead).take();
        if let Some(ahead) = ahead
            && let Ok(started) = ahead.await
        {
            return started;
        }
        self.start_now().await
    }

    /// Begins a recovery. `language` is for mails and plain texts; `draws` is what the pages can
    /// draw.
    ///
    /// # Errors
    /// [`Refusal`], as with every call.
    pub async fn begin(
        &self,
        user_id: &str,
        reason: Reason,
        language: String,
        draws: Draws,
    ) -> Result<AnyView, Refusal> {
        let user_id = UserIdText::parse(user_id).ok_or(ProblemCode::Malformed)?;
        let _turn = self.turn.lock().await;
        if let Some(earlier) = self.unanswered_begin(&user_id, reason) {
            match self.send(&earlier.change, None).await {
                Ok(step) => return Ok(self.adopt(step).await),
                Err(failure @ Failure::Unreachable(_)) => return Err(failure.into()),
                // It came to nothing then, and is begun now.
                Err(Failure::Problem(_)) => {}
            }
        }
        lock(&self.state).begun = Some((user_id.clone(), reason));
        let solved = self.proof().await?;
        let mut begin = Begin {
            device: self.device_proof(&solved, &user_id),
            proof_of_work: solved.proof_of_work,
            user_id,
            reason,
            draws,
            language,
            tenant: self.policy.tenant,
        };
        let begun = body(&begin)?;
        let meaning = self.digester.meaning(&[&begun]);
        let first = self.make(Path::Recoveries, begun, meaning).await;
        let too_old = |refusal: &Refusal| refusal.is(ProblemCode::BotCheckFailed);
        if !first.as_ref().is_err_and(too_old) {
            return first;
        }
        // Too old by the service's clock; the next one is not.
        let solved = self.proof().await?;
        begin.device = self.device_proof(&solved, &begin.user_id);
        begin.proof_of_work = solved.proof_of_work;
        let begun = body(&begin)?;
        let meaning = self.digester.meaning(&[&begun]);
        self.make(Path::Recoveries, begun, meaning).await
    }

    /// Another user ID, while no gate is passed.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn change_user_id(&self, user_id: &str) -> Result<AnyView, Refusal> {
        let user_id = UserIdText::parse(user_id).ok_or(ProblemCode::Malformed)?;
        self.press(Call::ChangeUserId, &ChangeUserId { user_id }).await
    }

    /// Uses this method, or sends again with it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn choose_method(&self, method: String) -> Result<AnyView, Refusal> {
        self.press(Call::ChooseMethod, &ChooseMethod { method }).await
    }

    /// Tries a code.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn enter_code(&self, code: &Typed) -> Result<AnyView, Refusal> {
        let code = CodeText::parse(code.expose()).ok_or(ProblemCode::Malformed)?;
        self.press(Call::EnterCode, &EnterCode { code }).await
    }

    /// Chooses what to do.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn choose_act(&self, act: Act) -> Result<AnyView, Refusal> {
        self.press(Call::ChooseAct, &ChooseAct { act }).await
    }

    /// Goes back a page.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn back(&self) -> Result<AnyView, Refusal> {
        self.press(Call::Back, &Nothing {}).await
    }

    /// Ends the recovery.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn cancel(&self) -> Result<AnyView, Refusal> {
        self.press(Call::Cancel, &Nothing {}).await
    }

    /// Seals a new password and hands it in; seals it again, without asking, when the recipients
    /// changed in the meantime.
    ///
    /// # Errors
    /// [`Refusal`]. `wrong-stage` when another password, typed before, was handed in already: the
    /// view that a watch then gives is of that one.
    pub async fn set_password(&self, password: Typed) -> Result<AnyView, Refusal> {
        let new = NewPassword::parse(password.into_text()).map_err(|_| ProblemCode::Malformed)?;
        self.hand_in(Passwords { present: None, new }).await
    }

    /// The same for a change: seals the present password and a new one together.
    ///
    /// # Errors
    /// As [`Controller::set_password`].
    pub async fn change_password(
        &self,
        present: Typed,
        password: Typed,
    ) -> Result<AnyView, Refusal> {
        let parsed = |typed: Typed| {
            NewPassword::parse(typed.into_text()).map_err(|_| Refusal::from(ProblemCode::Malformed))
        };
        let (present, new) = (parsed(present)?, parsed(password)?);
        self.hand_in(Passwords { present: Some(present), new }).await
    }

    async fn hand_in(&self, typed: Passwords) -> Result<AnyView, Refusal> {
        let _turn = self.turn.lock().await;
        let meaning = || {
            let Passwords { present, new } = &typed;
            // No password has a zero in it.
            let present = present.as_ref().map_or("", NewPassword::expose);
            self.digester.meaning(&[present.as_bytes(), &[0], new.expose().as_bytes()])
        };
        if let Some(answer) = self.settle(Call::SetPassword, &meaning()).await? {
            return Ok(answer);
        }
        // Not before: one typed earlier may turn out to be the one that was set.
        self.remember_to_sign_in(&typed.new);
        let mut tries = 1;
        loop {
            let sealed = self.seal(&typed)?;
            let path = Path::Recovery(Call::SetPassword);
            let answer = self.make(path, sealed, meaning()).await;
            let again =
                answer.as_ref().is_err_and(|refusal| refusal.is(ProblemCode::RecipientsChanged));
            if !again || tries == SEAL_TRIES {
                return answer;
            }
            tries += 1;
            self.read_again().await?;
        }
    }

    /// The view as soon as it is not at `revision` any more, or after a while the same one. With
    /// [`SIGN_OF_LIFE`] the service is told that somebody is there, and says how things stand.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn watch(&self, revision: u64) -> Result<AnyView, Refusal> {
        let Recovery { token, view } = self.recovery()?;
        self.nobody_is_away(&view);
        if revision == SIGN_OF_LIFE {
            self.read_again().await?;
            return Ok(self.recovery()?.view);
        }
        if view.revision() != revision {
            return Ok(view);
        }
        let service = self.service().await?;
        let mut pauses = self.patience.pauses.iter();
        loop {
            let failure = match service.changed_view(&token, revision).await {
                Ok(view) => return Ok(self.saw(&token, view).await),
                Err(failure) => failure,
            };
            let current = self.recovery()?;
            if current.token != token {
                // A changing call was quicker; its token is the one that counts.
                return Ok(current.view);
            }
            match (&failure, pauses.next()) {
                (Failure::Unreachable(why), Some(pause)) if why.may_pass() => {
                    tokio::time::sleep(*pause).await;
                }
                _ => return Err(self.refused(failure).await),
            }
        }
    }

    /// That it is begun here, if the host signed that.
    fn device_proof(&self, solved: &Solved, user_id: &UserIdText) -> Option<DeviceProof> {
        let (host, asserted) = (self.host.as_ref()?, solved.asserted.as_ref()?);
        Some(DeviceProof::sign(&asserted.signed, &asserted.nonce, user_id, host.run_key()))
    }

    /// The call that was to begin this very recovery, when its answer was never seen.
    fn unanswered_begin(&self, user_id: &UserIdText, reason: Reason) -> Option<Arc<Unanswered>> {
        let state = lock(&self.state);
        let the_same =
            state.begun.as_ref().is_some_and(|begun| begun.0 == *user_id && begun.1 == reason);
        let unanswered = state.unanswered.clone().filter(|_| the_same);
        unanswered.filter(|earlier| earlier.change.path == Path::Recoveries)
    }

    fn seal(&self, typed: &Passwords) -> Result<Bytes, Refusal> {
        let view = self.recovery()?.view;
        let (binding, recipients) =
            view.seal_for(typed.present.is_some()).ok_or(ProblemCode::WrongStage)?;
        let trust = Trust {
            directory_keys: &self.policy.directory_keys,
            tenant: lock(&self.state).tenant,
            unix_seconds: (self.clock)(),
        };
        let sealed = seal::seal(typed, binding, recipients, &trust, &mut *lock(&self.rng));
        sealed.map_err(|not| {
            tracing::error!(reason = %not, "the new password is not sealed");
            let ahead_s = self.ahead_s();
            match not {
                NotSealed::PastItsTime if ahead_s > self.patience.clock_ahead_s => {
                    Refusal::Unreachable { why: Why::Clock }
                }
                NotSealed::PastItsTime
                | NotSealed::NotSigned
                | NotSealed::NotTrusted
                | NotSealed::OtherTenant => ProblemCode::SealRejected.into(),
            }
        })
    }

    fn recovery(&self) -> Result<Recovery, Refusal> {
        let recovery = lock(&self.state).recovery.clone();
        recovery.ok_or_else(|| ProblemCode::TokenUnknown.into())
    }

    async fn service(&self) -> Result<&ServiceClient, Refusal> {
        let make = || async {
            let (policy, answer) = (self.policy.clone(), self.patience.answer);
            let clock = Arc::clone(&self.clock);
            let machine = self.host.as_ref().map(|host| host.proxy.clone());
            let made = tokio::task::spawn_blocking(move || {
                ServiceClient::new(&policy, machine.as_ref(), answer, clock)
            });
            let made = made.await.ok()?;
            made.inspect_err(|error| tracing::error!(%error, "the HTTPS client cannot be made"))
                .ok()
        };
        let service = self.service.get_or_init(make).await.as_ref();
        service.ok_or(Refusal::Unreachable { why: Why::Service })
    }

    /// Seconds that our clock is ahead of the service's, as far as it is known.
    fn ahead_s(&self) -> i64 {
        let service = self.service.get().and_then(Option::as_ref);
        service.map_or(0, ServiceClient::ahead_s)
    }
}

/// A panic elsewhere does not make what is behind a lock wrong: each holds whole values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            pauses: [300, 1_000, 2_000, 4_000].map(Duration::from_millis).to_vec(),
            answer: Duration::from_secs(20),
            clock_ahead_s: 120,
        }
    }
}

/// Randomness of the system.
///
/// # Errors
/// When the system has none.
pub fn system_randomness() -> Result<StdRng, rand::rngs::SysError> {
    StdRng::try_from_rng(&mut rand::rngs::SysRng)
}
