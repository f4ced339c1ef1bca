//! A person's way through the app, with the network at its worst. Each story runs the real
//! controller and the real client over a real socket.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::double::{Double, Fault, TENANT};
use axum::http::StatusCode;
use protocol::api::{Act, Draws, Reason};
use rand::{SeedableRng, rngs::StdRng};
use regain::{
    AcceptsNewPassword, AnyView, Controller, Mode, Patience, Policy, Refusal, SIGN_OF_LIFE,
    Started, Typed, Why,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Each run of the app has a randomness of its own.
static RUN: AtomicU64 = AtomicU64::new(0);
const PASSWORD: &str = "Correct horse 7";

/// A PC with the app on it.
pub(crate) struct Pc {
    pub(crate) app: Arc<Controller>,
    policy: Policy,
    clock: Arc<AtomicI64>,
    _home: TempDir,
}

impl Pc {
    pub(crate) fn new(double: &Double) -> Self {
        Self::with(double, |_| {})
    }

    fn with(double: &Double, change: impl FnOnce(&mut Policy)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut policy = policy(&double.origin, home.path());
        change(&mut policy);
        let clock = Arc::new(AtomicI64::new(1_000));
        Self { app: app(&policy, &clock), policy, clock, _home: home }
    }

    /// The app dies and is started again.
    fn crash(&mut self) {
        self.app = app(&self.policy, &self.clock);
    }

    async fn resumed(&self) -> Option<AnyView> {
        match self.app.start().await {
            Started::Ready(greeting) => greeting.resumed,
            Started::Unreachable { why, .. } => panic!("unreachable: {why:?}"),
        }
    }

    pub(crate) async fn begin(&self) -> Result<AnyView, Refusal> {
        let language = "en".to_owned();
        self.app.begin("anna@example.org", Reason::CantSignIn, language, Draws::everything()).await
    }

    pub(crate) async fn code(&self, code: &str) -> Result<AnyView, Refusal> {
        self.app.enter_code(&Typed::new(code.to_owned())).await
    }

    async fn password(&self) -> Result<AnyView, Refusal> {
        self.app.set_password(Typed::new(PASSWORD.to_owned())).await
    }

    pub(crate) async fn at_the_password(&self) {
        self.app.start().await;
        self.begin().await.unwrap();
        self.code("12345678").await.unwrap();
        self.app.choose_act(Act::Reset).await.unwrap();
    }
}

pub(crate) fn policy(origin: &str, home: &Path) -> Policy {
    Policy {
        service: origin.parse().unwrap(),
        tenant: Some(TENANT),
        directory_keys: vec![crate::double::directory_key()],
        authorities: Vec::new(),
        proxy: None,
        language: None,
        state_dir: home.join("state"),
        store: secret_store::Kind::File,
        help: None,
    }
}

fn app(policy: &Policy, clock: &Arc<AtomicI64>) -> Arc<Controller> {
    let clock = Arc::clone(clock);
    Arc::new(Controller::new(
        policy.clone(),
        Mode::Desktop,
        patience(),
        Arc::new(move || clock.load(Ordering::Relaxed)),
        StdRng::seed_from_u64(RUN.fetch_add(1, Ordering::Relaxed)),
    ))
}

pub(crate) fn patience() -> Patience {
    Patience {
        pauses: vec![Duration::from_millis(5); 2],
        answer: Duration::from_millis(500),
        clock_ahead_s: 120,
    }
}

pub(crate) fn stage(view: &AnyView) -> Value {
    serde_json::to_value(view).unwrap()["stage"]["name"].clone()
}

fn problem(code: &str) -> Refusal {
    Refusal::Problem {
        code: code.to_owned(),
        retry_after_s: Some(7),
        case_code: Some("ABC234".to_owned()),
    }
}

pub(crate) fn own_problem(code: &str) -> Refusal {
    Refusal::Problem { code: code.to_owned(), retry_after_s: None, case_code: None }
}

#[tokio::test]
async fn somebody_gets_a_new_password() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    let started = serde_json::to_value(pc.app.start().await).unwrap();
    assert_eq!(started["kind"], "ready");
    assert_eq!(started["start"]["tenant"]["name"], "Example");
    assert_eq!(started["start"]["languages"], json!(["en", "de"]));
    assert_eq!(started["start"].get("challenge"), None);
    assert_eq!(started["resumed"], Value::Null);
    assert_eq!(pc.app.accepts_new_password(true).await, AcceptsNewPassword::Unknown);
    assert_eq!(started["mode"], "desktop");

    assert_eq!(stage(&pc.begin().await.unwrap()), "enter-code");
    assert_eq!(pc.code("0000 0000").await, Err(problem("code-wrong")));
    assert_eq!(stage(&pc.code("1234 5678").await.unwrap()), "choice");
    let choice = pc.app.choose_act(Act::Reset).await.unwrap();
    assert_eq!(stage(&choice), "new-password");
    assert_eq!(stage(&pc.password().await.unwrap()), "done");
    assert_eq!(double.passwords(), [PASSWORD]);

    let begun = &double.seen("recoveries")[0];
    assert_eq!(begun.body["tenant"], json!(TENANT));
    assert_eq!(begun.body["draws"], json!(Draws::everything()));
    assert_eq!(begun.token, None);
    let sent = double.seen("password")[0].body.to_string();
    assert!(!sent.contains("horse"), "sealed on its way");
}

#[tokio::test]
async fn an_answer_lost_at_any_step_is_fetched_again_and_nothing_is_done_twice() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start().await;
    for path in ["recoveries", "code", "act", "password", "cancel"] {
        double.next(path, Fault::AnswerLost);
        double.next(path, Fault::AnswerNever);
    }
    pc.begin().await.unwrap();
    pc.code("12345678").await.unwrap();
    pc.app.choose_act(Act::Reset).await.unwrap();
    pc.password().await.unwrap();
    pc.app.cancel().await.unwrap();
    assert_eq!(
        double.done(),
        ["recoveries", "recovery/code", "recovery/act", "recovery/password", "recovery/cancel"]
    );
    for path in ["recoveries", "code", "act", "password", "cancel"] {
        let calls = double.seen(path);
        assert_eq!(calls.len(), 3, "{path}");
        let same = calls.iter().all(|call| call.key == calls[0].key && call.body == calls[0].body);
        assert!(same, "{path}: a repetition is the very same call");
    }
}

#[tokio::test]
async fn a_button_pressed_again_after_patience_ran_out_is_the_same_call() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start().await;
    let lose_three = |path| (0..3).for_each(|_| double.next(path, Fault::AnswerLost));
    let no_answer = Err(Refusal::Unreachable { why: Why::Service });

    lose_three("recoveries");
    assert_eq!(pc.begin().await, no_answer);
    assert_eq!(stage(&pc.begin().await.unwrap()), "enter-code");

    lose_three("code");
    assert_eq!(pc.code("12345678").await, no_answer);
    assert_eq!(stage(&pc.code("12345678").await.unwrap()), "choice");

    lose_three("act");
    assert_eq!(pc.app.choose_act(Act::Reset).await, no_answer);
    // Another button: the lost call is settled first, and has led where this one is possible.
    assert_eq!(stage(&pc.password().await.unwrap()), "done");

    assert_eq!(double.done(), ["recoveries", "recovery/code", "recovery/act", "recovery/password"]);
}

#[tokio::test]
async fn a_wrong_code_whose_answer_was_lost_costs_one_try() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start().await;
    pc.begin().await.unwrap();
    for _ in 0..3 {
        double.next("code", Fault::AnswerLost);
    }
    pc.code("00000000").await.unwrap_err();
    assert_eq!(pc.code("00000000").await, Err(problem("code-wrong")));
    let keys: std::collections::BTreeSet<_> =
        double.seen("code").into_iter().map(|call| call.key).collect();
    assert_eq!(keys.len(), 1, "one press, one key");
    assert_eq!(stage(&pc.code("12345678").await.unwrap()), "choice");
}

#[tokio::test]
async fn a_crash_loses_nothing_that_can_be_had_again() {
    let double = Double::start().await;
    let mut pc = Pc::new(&double);
    pc.app.start().await;
    pc.begin().await.unwrap();
    pc.crash();
    assert_eq!(stage(&pc.resumed().await.unwrap()), "enter-code");
    pc.code("12345678").await.unwrap();

    // The answer to "unlock" never arrives, and the app dies.
    for _ in 0..3 {
        double.next("act", Fault::AnswerLost);
    }
    pc.app.choose_act(Act::Unlock).await.unwrap_err();
    pc.crash();
    assert_eq!(stage(&pc.resumed().await.unwrap()), "done");
    assert_eq!(double.done(), ["recoveries", "recovery/code", "recovery/act"]);

    pc.app.cancel().await.unwrap();
    pc.crash();
    assert_eq!(pc.resumed().await, None, "what has ended is forgotten");
}

#[tokio::test]
async fn neither_codes_nor_passwords_are_kept() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.at_the_password().await;
    for path in ["code", "password"] {
        for _ in 0..3 {
            double.next(path, Fault::AnswerLost);
        }
    }
    let kept = || {
        let file = pc.policy.state_dir.join("recovery/recovery.secret");
        std::fs::read_to_string(file).unwrap()
    };
    pc.password().await.unwrap_err();
    let text = kept();
    assert!(text.contains("set-password") && text.contains("token-"));
    assert!(!text.contains("body") && !text.contains("ciphertext"), "{text}");

    let pc = Pc::new(&double);
    pc.app.start().await;
    pc.begin().await.unwrap();
    pc.code("12345678").await.unwrap_err();
    let file = pc.policy.state_dir.join("recovery/recovery.secret");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("enter-code") && !text.contains("12345678"), "{text}");
}

#[tokio::test]
async fn a_recovery_of_another_service_is_not_taken_up() {
    let (double, other) = (Double::start().await, Double::start().await);
    let mut pc = Pc::new(&double);
    pc.app.start().await;
    pc.begin().await.unwrap();
    pc.policy.service = other.origin.parse().unwrap();
    pc.crash();
    assert_eq!(pc.resumed().await, None);
    assert!(other.seen("recovery").is_empty(), "the token went nowhere else");
}

#[tokio::test]
async fn a_recovery_that_is_gone_is_forgotten() {
    let double = Double::start().await;
    let mut pc = Pc::new(&double);
    pc.app.start().await;
    pc.begin().await.unwrap();
    let gone = Fault::Problem(StatusCode::GONE, "recovery-ended");
    double.next("code", gone);
    assert_eq!(pc.code("12345678").await, Err(problem("recovery-ended")));
    assert_eq!(pc.code("12345678").await, Err(own_problem("token-unknown")));
    pc.crash();
    assert_eq!(pc.resumed().await, None);
}

#[tokio::test]
async fn recipients_that_change_while_somebody_types_are_sealed_for_without_asking() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.at_the_password().await;
    double.change_recipients();
    assert_eq!(stage(&pc.password().await.unwrap()), "done");
    let keys: Vec<_> = double.seen("password").into_iter().map(|call| call.key).collect();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1], "another body is another call");
    assert_eq!(double.passwords(), [PASSWORD]);
}

#[tokio::test]
async fn a_password_is_sealed_for_nobody_that_policy_does_not_name() {
    let double = Double::start().await;
    let stranger = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let pc = Pc::with(&double, |policy| policy.directory_keys = vec![stranger]);
    pc.at_the_password().await;
    assert_eq!(pc.password().await, Err(own_problem("seal-rejected")));
    assert!(double.seen("password").is_empty(), "nothing left this PC");
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_is_named_when_it_stops_the_seal() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    // The double's answers carry the true date.
    pc.clock.store(i64::from(i32::MAX) * 4, Ordering::Relaxed);
    pc.at_the_password().await;
    assert_eq!(pc.password().await, Err(Refusal::Unreachable { why: Why::Clock }));
}

#[tokio::test]
async fn a_bot_check_that_grew_old_is_solved_anew_without_asking() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start().await;
    double.next("recoveries", Fault::Problem(StatusCode::FORBIDDEN, "bot-check-failed"));
    assert_eq!(stage(&pc.begin().await.unwrap()), "enter-code");
    let proofs: Vec<_> = double.seen("recoveries").into_iter().map(|call| call.body).collect();
    assert_ne!(proofs[0]["proof_of_work"], proofs[1]["proof_of_work"]);
}

#[tokio::test]
async fn the_start_is_ready_before_the_page_asks_for_it() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start_ahead();
    assert!(matches!(pc.app.start().await, Started::Ready(_)));
    assert_eq!(double.seen("start").len(), 1);
    pc.begin().await.unwrap();
    assert_eq!(double.seen("start").len(), 1, "the bot check was solved ahead");
}

#[tokio::test]
async fn any_key_at_the_idle_warning_tells_the_service() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start().await;
    pc.begin().await.unwrap();
    pc.app.watch(SIGN_OF_LIFE).await.unwrap();
    let seen = double.seen("recovery");
    assert_eq!(seen.len(), 1, "the service was asked, not the memory");
}

#[tokio::test]
async fn a_change_is_seen_while_watching_and_a_quicker_call_wins() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start().await;
    let first = pc.begin().await.unwrap();
    let other_revision = pc.app.watch(first.revision() + 1).await.unwrap();
    assert_eq!(other_revision, first, "another revision is answered at once");
    assert!(double.seen("recovery").is_empty());
    assert_eq!(pc.app.watch(first.revision()).await.unwrap(), first);

    double.next("recovery", Fault::AnswerNever);
    let watching = {
        let (app, revision) = (Arc::clone(&pc.app), first.revision());
        tokio::spawn(async move { app.watch(revision).await })
    };
    let second = pc.code("12345678").await.unwrap();
    assert_eq!(pc.app.watch(first.revision()).await.unwrap(), second);
    watching.abort();
}

#[tokio::test]
async fn a_later_versions_view_is_passed_on() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    double.speak_a_later_version();
    pc.app.start().await;
    let view = pc.begin().await.unwrap();
    assert_eq!(stage(&view), "of-a-later-version");
    assert!(view.known().is_none());
    pc.code("12345678").await.unwrap();
}

#[tokio::test]
async fn what_can_be_no_user_id_code_or_password_never_leaves_this_pc() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.at_the_password().await;
    let before = double.done();
    let malformed = Err(own_problem("malformed"));
    assert_eq!(pc.app.change_user_id("a\u{200B}b").await, malformed);
    assert_eq!(pc.code("abc").await, malformed);
    for unusable in ["", "a\u{7}b", &"x".repeat(2000)] {
        let typed = Typed::new(unusable.to_owned());
        assert_eq!(pc.app.set_password(typed).await, malformed);
    }
    assert_eq!(double.done(), before);
}

#[tokio::test]
async fn an_app_of_another_tenant_does_not_begin() {
    let double = Double::start().await;
    let pc = Pc::with(&double, |policy| {
        policy.tenant = Some(protocol::id::TenantId(uuid::Uuid::from_u128(9)));
    });
    let started = pc.app.start().await;
    assert!(matches!(started, Started::Unreachable { why: Why::Service, .. }));
}
