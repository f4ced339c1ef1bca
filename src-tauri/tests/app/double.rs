//! A service that answers as the wire says and breaks when it is told to: answers that are lost,
//! slow, or somebody else's. The stories against the real service are in the workspace's
//! `tests`; here are only faults that a real one cannot be made to have at the right moment.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use ed25519_dalek::SigningKey;
use protocol::{
    api::SetPassword,
    id::{DirectoryId, KeyId, OperationId, TenantId},
    sealed::{Binding, OpeningKey, RecipientList},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// What happens to the next call of a path.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is done, and the answer never arrives.
    AnswerLost,
    /// It is done, and the answer takes as long as anybody waits.
    AnswerNever,
    /// Something else answers in its place.
    Instead(StatusCode, &'static str, &'static str),
    /// The service refuses it.
    Problem(StatusCode, &'static str),
}

/// A call as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) key: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) body: Value,
}

/// The double, listening.
pub(crate) struct Double {
    pub(crate) origin: String,
    shared: Arc<Mutex<Shared>>,
    _server: Stop,
}

struct Shared {
    faults: VecDeque<(&'static str, Fault)>,
    seen: Vec<Seen>,
    /// Calls that were really done, a repetition not counted.
    done: Vec<String>,
    step: u32,
    stage: Stage,
    last: Option<(String, Value)>,
    epoch: u32,
    passwords: Vec<String>,
    later_stage: bool,
    idle_s: u32,
    waits: bool,
    helpless: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Code,
    Choice,
    Password,
    Done,
    Ended,
}

struct Stop(tokio::task::JoinHandle<()>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) const TENANT: TenantId = TenantId(Uuid::from_u128(1));

impl Double {
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            faults: VecDeque::new(),
            seen: Vec::new(),
            done: Vec::new(),
            step: 0,
            stage: Stage::Ended,
            last: None,
            epoch: 1,
            passwords: Vec::new(),
            later_stage: false,
            idle_s: 300,
            waits: false,
            helpless: false,
        }));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { origin, shared, _server: Stop(server) }
    }

    /// The next call of `path` (its end) has this fault.
    pub(crate) fn next(&self, path: &'static str, fault: Fault) {
        self.shared().faults.push_back((path, fault));
    }

    /// The recipients change now.
    pub(crate) fn change_recipients(&self) {
        self.shared().epoch += 1;
    }

    /// From now on the views are those of a later version.
    pub(crate) fn speak_a_later_version(&self) {
        self.shared().later_stage = true;
    }

    /// Who does nothing for so many seconds is away from now on.
    pub(crate) fn idle_after(&self, seconds: u32) {
        self.shared().idle_s = seconds;
    }

    /// From now on something is awaited that the person cannot hasten.
    pub(crate) fn wait_for_something(&self) {
        self.shared().waits = true;
    }

    /// From now on only somebody else can help.
    pub(crate) fn find_what_others_must_mend(&self) {
        self.shared().helpless = true;
    }

    /// Every call of `path`, as it arrived.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        let all = &self.shared().seen;
        all.iter().filter(|seen| seen.path.ends_with(path)).cloned().collect()
    }

    /// What was really done, each once.
    pub(crate) fn done(&self) -> Vec<String> {
        self.shared().done.clone()
    }

    /// The passwords that the directory's agent opened.
    pub(crate) fn passwords(&self) -> Vec<String> {
        self.shared().passwords.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

/// The fingerprint that policy would pin.
pub(crate) fn directory_key() -> String {
    recipients(1).fingerprint()
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let text = |name| header_text(&parts.headers, name);
    let seen = Seen {
        path: parts.uri.path().to_owned(),
        key: text("idempotency-key"),
        token: text("authorization").map(|text| text.replace("Bearer ", "")),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let (fault, answer) = {
        let mut shared = lock(&shared);
        let at = shared.faults.iter().position(|(path, _)| seen.path.ends_with(path));
        let fault = at.and_then(|at| shared.faults.remove(at)).map(|(_, fault)| fault);
        shared.seen.push(seen.clone());
        let answer = match &fault {
            Some(Fault::Instead(status, kind, body)) => other(*status, kind, body),
            Some(Fault::Problem(status, code)) => problem(*status, code),
            Some(Fault::AnswerLost | Fault::AnswerNever) | None => shared.answer(&seen),
        };
        (fault, answer)
    };
    match fault {
        Some(Fault::AnswerLost) => lost(),
        Some(Fault::AnswerNever) => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            lost()
        }
        Some(Fault::Instead(..) | Fault::Problem(..)) | None => answer,
    }
}

/// Headers, and then the connection breaks.
fn lost() -> Response {
    let cut = futures_util::stream::once(async {
        Err::<Vec<u8>, _>(std::io::Error::other("the line is cut"))
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, Body::from_stream(cut)).into_response()
}

fn other(status: StatusCode, kind: &'static str, body: &'static str) -> Response {
    let location = (header::LOCATION, "http://portal.example/");
    (status, [(header::CONTENT_TYPE, kind), location], body).into_response()
}

fn problem(status: StatusCode, code: &str) -> Response {
    let body = json!({
        "type": format!("urn:regain:problem:{code}"), "title": "x", "status": status.as_u16(),
        "code": code, "trace": "t", "case_code": "ABC234", "retry_after_s": 7,
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, Body::from(body.to_string())).into_response()
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

impl Shared {
    fn answer(&mut self, seen: &Seen) -> Response {
        match seen.path.trim_start_matches("/api/v1/") {
            "start" => json_answer(&start()),
            "recovery" => match self.is_current(seen) {
                true => json_answer(&self.view()),
                false => problem(StatusCode::UNAUTHORIZED, "token-unknown"),
            },
            path => self.change(seen, path),
        }
    }

    fn change(&mut self, seen: &Seen, path: &str) -> Response {
        let key = seen.key.clone().unwrap_or_default();
        if let Some((last, answer)) = &self.last
            && *last == key
        {
            return json_answer(answer);
        }
        if path != "recoveries" && !self.is_current(seen) {
            return problem(StatusCode::UNAUTHORIZED, "token-unknown");
        }
        self.stage = match path {
            "recoveries" => Stage::Code,
            "recovery/code" if seen.body["code"] == "12345678" => Stage::Choice,
            "recovery/code" => return problem(StatusCode::UNPROCESSABLE_ENTITY, "code-wrong"),
            "recovery/act" if seen.body["act"] == "unlock" => Stage::Done,
            "recovery/act" => Stage::Password,
            "recovery/password" => match self.open(&seen.body) {
                Some(password) => {
                    self.passwords.push(password);
                    Stage::Done
                }
                None => return problem(StatusCode::CONFLICT, "recipients-changed"),
            },
            "recovery/cancel" => Stage::Ended,
            _ => self.stage,
        };
        self.step += 1;
        self.done.push(path.to_owned());
        let answer = json!({"token": self.token(), "view": self.view()});
        self.last = Some((key, answer.clone()));
        json_answer(&answer)
    }

    fn open(&self, body: &Value) -> Option<String> {
        let body: SetPassword = serde_json::from_value(body.clone()).ok()?;
        let opened = body.sealed.open(&binding(), &opening_key()).ok()?;
        (body.sealed.epoch == self.epoch).then(|| opened.expose().to_owned())
    }

    fn is_current(&self, seen: &Seen) -> bool {
        seen.token == Some(self.token())
    }

    fn token(&self) -> String {
        format!("token-{}", self.step)
    }

    fn view(&self) -> Value {
        let (stage, calls) = self.stage();
        json!({
            "case_code": "ABC234",
            "user_id": "anna@example.org",
            "reason": "cant-sign-in",
            "stage": if self.later_stage { json!({"name": "of-a-later-version"}) } else { stage },
            "calls": calls,
            "plain": {"title": "t", "text": "x", "action": null},
            "ends_in_s": 3600,
            "idle_ends_in_s": if self.waits { Value::Null } else { json!(self.idle_s) },
            "revision": self.step,
        })
    }

    fn stage(&self) -> (Value, Value) {
        let method = json!({
            "id": "m1", "kind": "email", "mailbox_initial": "a", "domain_initial": "e",
        });
        match self.stage {
            Stage::Code => (
                json!({
                    "name": "enter-code", "gate": {"number": 1, "of": 1}, "method": method,
                    "digits": 8, "sent_s_ago": 0, "send_again_in_s": 30, "good_for_s": 600,
                }),
                json!(["enter-code", "choose-method", "change-user-id", "back", "cancel"]),
            ),
            Stage::Choice if self.helpless => {
                (json!({"name": "choice", "finding": "disabled", "acts": []}), json!(["cancel"]))
            }
            Stage::Choice => (
                json!({"name": "choice", "finding": "locked", "acts": ["unlock", "reset"]}),
                json!(["choose-act", "cancel"]),
            ),
            Stage::Password => (
                json!({
                    "name": "new-password", "first": false, "rules": password::PasswordRules::unread(),
                    "binding": binding(), "recipients": recipients(self.epoch), "refused": null,
                }),
                json!(["set-password", "back", "cancel"]),
            ),
            Stage::Done => (
                json!({"name": "done", "act": if self.passwords.is_empty() { "unlock" } else { "reset" }, "reset_offered": self.passwords.is_empty()}),
                json!(["choose-act", "cancel"]),
            ),
            Stage::Ended => (json!({"name": "ended", "why": "cancelled"}), json!([])),
        }
    }
}

fn json_answer(body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, Body::from(body.to_string())).into_response()
}

pub(crate) fn start() -> Value {
    let challenge = altcha::create_challenge(altcha::CreateChallengeOptions {
        algorithm: "SHA-256".to_owned(),
        cost: 1,
        hmac_signature_secret: Some("key".to_owned()),
        ..altcha::CreateChallengeOptions::default()
    });
    json!({
        "tenant": {
            "id": TENANT, "name": "Example", "accent": "#0b57d0",
            "help": {"name": "IT", "phone": null, "hours": null, "url": null},
        },
        "challenge": challenge.unwrap(),
        "languages": ["en", "de"],
    })
}

fn opening_key() -> OpeningKey {
    OpeningKey::derive(KeyId(Uuid::from_u128(7)), &[7; 32])
}

fn recipients(epoch: u32) -> RecipientList {
    let signer = SigningKey::from_bytes(&[9; 32]);
    let keys = vec![opening_key().public()];
    RecipientList::sign(DirectoryId(Uuid::from_u128(8)), epoch, 10_000, keys, &signer)
}

fn binding() -> Binding {
    Binding {
        tenant: TENANT,
        operation: OperationId(Uuid::from_u128(2)),
        account: "3".to_owned(),
        expires_at: 5_000,
    }
}
