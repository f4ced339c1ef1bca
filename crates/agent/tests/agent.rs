//! The whole agent in process against a service that speaks the protocol: enrolment, link,
//! orders, synchronisation, and the way back after a lost link.
//!
//! Long: the service that the agent talks to is played in full.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a story stops at the first surprise and looks for one report among many"
)]

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use directory::{Cookie, Directory, Page, Reading};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use password::{NewPassword, PasswordRules};
use protocol::{
    agent::{
        Change, ChangeAct, Direction, Enrol, Enrolled, EnrolmentCode, Hello, LinkSession, Order,
        Proof, Report, SignedFrame, Welcome,
    },
    bytes::Bytes,
    directory::{AccountRecord, AccountStatus, ExternalId, Fence, NotDone, Outcome},
    id::{AgentId, DirectoryId, OperationId, TenantId},
    sealed::{Binding, RecipientList, SealedPassword, fingerprint},
};
use rand::{SeedableRng, rngs::StdRng};
use regain_agent::{
    Agent, AgentError,
    clock::Clock,
    config::Config,
    enrolment::{Bring, Enrolment, EnrolmentError, open_secrets},
    standing::Standing,
};
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use uuid::Uuid;

const TENANT: TenantId = TenantId(Uuid::from_u128(2));
const DIRECTORY: DirectoryId = DirectoryId(Uuid::from_u128(3));
const AGENT: AgentId = AgentId(Uuid::from_u128(5));
const SECRET: [u8; 32] = [6; 32];
const PATIENCE: Duration = Duration::from_secs(20);

/// The service: knows one agent once it is enrolled, hands each link to the test.
struct Service {
    origin: String,
    known: Arc<Known>,
    links: mpsc::Receiver<ServiceEnd>,
    server: JoinHandle<()>,
}

struct Known {
    key: SigningKey,
    /// What stands between agent and service does to an answer.
    tampering: Mutex<Option<Tampering>>,
    enrolled: Mutex<Option<Enrol>>,
    links: mpsc::Sender<ServiceEnd>,
}

/// What a proxy that terminates TLS could try.
#[derive(Clone, Copy)]
enum Tampering {
    /// The answer is lost.
    Lost,
    /// Another agent's id in the answer.
    OtherAgent,
    /// The service saw another key than the agent sent.
    OtherKey,
}

impl Service {
    async fn start() -> Self {
        let (links, waiting) = mpsc::channel(8);
        let known = Arc::new(Known {
            key: SigningKey::from_bytes(&[2; 32]),
            tampering: Mutex::new(None),
            enrolled: Mutex::new(None),
            links,
        });
        let app = Router::new()
            .route("/api/v1/agents/enrol", post(enrol))
            .route("/api/v1/agents/link", get(link))
            .with_state(Arc::clone(&known));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { origin, known, links: waiting, server }
    }

    fn code(&self) -> EnrolmentCode {
        EnrolmentCode {
            id: Bytes(vec![5; 16]),
            secret: SECRET.to_vec().into(),
            link_key_fingerprint: fingerprint(self.known.key.verifying_key().as_bytes()),
            origin: self.origin.clone(),
        }
    }

    async fn next_link(&mut self) -> ServiceEnd {
        timeout(PATIENCE, self.links.recv()).await.unwrap().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn enrol(
    State(known): State<Arc<Known>>,
    Json(mut enrol): Json<Enrol>,
) -> Result<Json<Enrolled>, StatusCode> {
    assert_eq!(enrol.code.0, [5; 16]);
    assert!(enrol.is_proved(&SECRET));
    let tampering = *known.tampering.lock().unwrap();
    if let Some(Tampering::OtherKey) = tampering {
        enrol.identity_key.0[0] ^= 1;
    }
    let mut enrolled = Enrolled::sign(&enrol, (AGENT, TENANT, DIRECTORY), false, &known.key);
    if let Some(Tampering::OtherAgent) = tampering {
        enrolled.agent = AgentId(Uuid::from_u128(66));
    }
    *known.enrolled.lock().unwrap() = Some(enrol);
    match tampering {
        Some(Tampering::Lost) => Err(StatusCode::BAD_GATEWAY),
        _ => Ok(Json(enrolled)),
    }
}

async fn link(State(known): State<Arc<Known>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["regain.agent.1"]).on_upgrade(async move |socket| {
        let end = ServiceEnd::prove(socket, &known).await;
        known.links.send(end).await.ok().unwrap();
    })
}

/// The service's end of a proven link.
struct ServiceEnd {
    socket: WebSocket,
    session: LinkSession,
    key: SigningKey,
    agent_key: VerifyingKey,
    sent: u64,
    received: u64,
}

impl ServiceEnd {
    async fn prove(mut socket: WebSocket, known: &Known) -> Self {
        let hello: Hello = hear(&mut socket).await;
        let nonce = Bytes(vec![7; 32]);
        let session = LinkSession::new(hello.agent, &hello.nonce, &nonce);
        let unix_millis = Clock::system().unix_millis();
        let signature = known.key.sign(&session.service_proof(unix_millis));
        let welcome =
            Welcome { nonce, unix_millis, signature: Bytes(signature.to_bytes().to_vec()) };
        let text = serde_json::to_string(&welcome).unwrap();
        socket.send(Message::Text(text.into())).await.unwrap();
        let proof: Proof = hear(&mut socket).await;
        let identity = known.enrolled.lock().unwrap();
        let identity = identity.as_ref().unwrap().identity_key.array().unwrap();
        let agent_key = VerifyingKey::from_bytes(&identity).unwrap();
        let signature = proof.signature.array::<64>().unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&signature);
        agent_key.verify_strict(&session.agent_proof(), &signature).unwrap();
        Self { socket, session, key: known.key.clone(), agent_key, sent: 0, received: 0 }
    }

    async fn order(&mut self, order: &Order) {
        let frame =
            SignedFrame::sign(order, self.sent, Direction::ToAgent, &self.session, &self.key);
        self.sent += 1;
        let text = serde_json::to_string(&frame.unwrap()).unwrap();
        self.socket.send(Message::Text(text.into())).await.unwrap();
    }

    /// The next report that `wanted` picks; what comes before is heard and dropped.
    async fn report<T>(&mut self, wanted: impl Fn(Report) -> Option<T>) -> T {
        let looking = async {
            loop {
                let frame: SignedFrame = hear(&mut self.socket).await;
                let report = frame
                    .open(self.received, Direction::ToService, &self.session, &self.agent_key)
                    .unwrap();
                self.received += 1;
                if let Some(found) = wanted(report) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, looking).await.unwrap()
    }

    async fn recipients(&mut self) -> RecipientList {
        self.report(|report| match report {
            Report::Recipients(list) => Some(list),
            _ => None,
        })
        .await
    }

    async fn outcome(&mut self, wanted: OperationId) -> Outcome {
        self.report(|report| match report {
            Report::Outcome { operation, outcome } if operation == wanted => Some(outcome),
            _ => None,
        })
        .await
    }
}

async fn hear<T: DeserializeOwned>(socket: &mut WebSocket) -> T {
    loop {
        match socket.recv().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A directory of one account that counts its writes.
#[derive(Clone, Default)]
struct OneAccount {
    writes: Arc<AtomicUsize>,
}

impl Directory for OneAccount {
    async fn accounts(
        &self,
        _: usize,
        _: Option<&Cookie>,
        pages: mpsc::Sender<Page>,
    ) -> Result<Reading, NotDone> {
        let anna = AccountRecord {
            external_id: anna(),
            display_name: "Anna Berg".to_owned(),
            names: vec!["anna".to_owned()],
            enabled: true,
            ..AccountRecord::default()
        };
        let page = Page { whole: true, accounts: vec![anna], ..Page::default() };
        pages.send(page).await.map_err(|_| NotDone::Expired)?;
        Ok(Reading { part: "all".to_owned(), whole: true, cookie: None })
    }

    async fn status(&self, account: &ExternalId) -> Result<AccountStatus, NotDone> {
        if *account != anna() {
            return Err(NotDone::NoAccount);
        }
        Ok(AccountStatus {
            locked: self.writes.load(Ordering::SeqCst) == 0,
            disabled: false,
            account_expired: false,
            password_expired: false,
            must_change: false,
            never_signed_in: false,
            protected: false,
            rules: PasswordRules::unread(),
            fence: fence(),
            ..AccountStatus::default()
        })
    }

    async fn unlock(&self, _: &ExternalId, _: &Fence) -> Outcome {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Outcome::Done
    }

    async fn reset(&self, _: &ExternalId, password: &NewPassword, _: &Fence) -> Outcome {
        assert_eq!(password.expose(), "Correct horse 7");
        self.writes.fetch_add(1, Ordering::SeqCst);
        Outcome::Done
    }

    async fn resolve(&self, _: &ExternalId, _: Option<&NewPassword>, _: &Fence) -> Outcome {
        Outcome::NotKnown
    }
}

fn anna() -> ExternalId {
    ExternalId("ae47168b-355d-45e5-8604-8ac548fa8605".to_owned())
}

fn fence() -> Fence {
    Fence {
        controller: "ldaps://dc1".to_owned(),
        password_last_set: "1".to_owned(),
        lockout_time: "2".to_owned(),
        key_version: Some(3),
    }
}

/// An agent's folder and configuration.
struct Place {
    folder: TempDir,
    config: Config,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "unused").unwrap();
        let file = folder.path().join("agent.toml");
        let text = format!(
            "[agent]\nname = \"lab\"\ndata_dir = \"{}\"\nsecrets = \"file\"\n[active_directory]\n\
             controllers = [\"ldaps://dc1\"]\naccount = \"svc\"\npassword_file = \"{}\"\n\
             subtrees = [\"OU=People,DC=x\"]\n",
            folder.path().join("data").display(),
            password.display(),
        );
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file, &[]).unwrap();
        Self { folder, config }
    }

    async fn enrol(&self, code: &EnrolmentCode) -> Result<Enrolment, EnrolmentError> {
        self.enrol_with(code, Bring::Kept).await
    }

    async fn enrol_with(
        &self,
        code: &EnrolmentCode,
        bring: Bring<'_>,
    ) -> Result<Enrolment, EnrolmentError> {
        let secrets = open_secrets(&self.config)?;
        let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng).unwrap();
        Enrolment::make(&self.config, &code.to_text(), &secrets, bring, &Clock::system(), &mut rng)
            .await
    }

    fn agent(&self, directory: &OneAccount) -> Result<Agent<OneAccount>, AgentError> {
        let secrets = open_secrets(&self.config)?;
        let rng = StdRng::seed_from_u64(2);
        Agent::open(&self.config, directory.clone(), &secrets, Clock::system(), rng)
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.folder.path()).join("data").join(name)
    }
}

/// A running agent and the word to stop it.
struct Running {
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<(), AgentError>>,
}

impl Running {
    fn start(agent: Agent<OneAccount>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(agent.run(async {
            let _ = stopped.await;
        }));
        Self { stop, done }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.done).await.unwrap().unwrap().unwrap();
    }
}

fn unlock(operation: OperationId) -> Order {
    Order::Change(Box::new(Change {
        operation,
        account: anna(),
        act: ChangeAct::Unlock,
        fence: fence(),
        expires_at_ms: Clock::system().unix_millis() + 60_000,
        handed_before: false,
    }))
}

#[tokio::test]
async fn an_enrolled_agent_says_who_it_is_and_carries_out_orders() {
    let mut service = Service::start().await;
    let place = Place::new();
    place.enrol(&service.code()).await.unwrap();
    let directory = OneAccount::default();
    let running = Running::start(place.agent(&directory).unwrap());
    let mut end = service.next_link().await;

    let list = end.recipients().await;
    assert!(list.verify(Clock::system().unix_seconds()));
    let enrolled_key =
        service.known.enrolled.lock().unwrap().as_ref().unwrap().directory_key.clone();
    assert_eq!(list.fingerprint(), fingerprint(&enrolled_key.0));

    let (count, last) = end
        .report(|report| match report {
            Report::Accounts(page) => Some((page.accounts.len(), page.last)),
            _ => None,
        })
        .await;
    assert_eq!((count, last), (1, true));

    end.order(&Order::Status { request: 9, account: anna() }).await;
    let status = end
        .report(|report| match report {
            Report::Status { request: 9, status } => Some(status),
            _ => None,
        })
        .await;
    assert!(status.unwrap().locked);

    let operation = OperationId(Uuid::from_u128(100));
    let expires_at = Clock::system().unix_seconds() + 60;
    let binding = Binding { tenant: TENANT, operation, account: anna().0, expires_at };
    let password = NewPassword::parse("Correct horse 7".to_owned()).ok().unwrap();
    let mut rng = StdRng::seed_from_u64(4);
    let sealed = SealedPassword::seal(&password, &binding, &list, &mut rng).unwrap();
    let reset = Order::Change(Box::new(Change {
        operation,
        account: anna(),
        act: ChangeAct::Reset { sealed, expires_at },
        fence: fence(),
        expires_at_ms: Clock::system().unix_millis() + 60_000,
        handed_before: false,
    }));
    for _ in 0..2 {
        end.order(&reset).await;
        assert_eq!(end.outcome(operation).await, Outcome::Done);
    }
    assert_eq!(directory.writes.load(Ordering::SeqCst), 1);
    running.stop().await;
}

#[tokio::test]
async fn an_outcome_that_was_not_stored_is_told_again_after_a_lost_link_and_a_restart() {
    let mut service = Service::start().await;
    let place = Place::new();
    place.enrol(&service.code()).await.unwrap();
    let directory = OneAccount::default();
    let operation = OperationId(Uuid::from_u128(100));

    let running = Running::start(place.agent(&directory).unwrap());
    let mut end = service.next_link().await;
    end.order(&unlock(operation)).await;
    assert_eq!(end.outcome(operation).await, Outcome::Done);
    drop(end);
    let mut end = service.next_link().await;
    assert_eq!(end.outcome(operation).await, Outcome::Done, "told again without being asked");
    running.stop().await;

    let running = Running::start(place.agent(&directory).unwrap());
    let mut end = service.next_link().await;
    assert_eq!(end.outcome(operation).await, Outcome::Done);
    end.order(&Order::Stored { operation }).await;
    end.order(&unlock(operation)).await;
    assert_eq!(end.outcome(operation).await, Outcome::Done, "still answered from the journal");
    running.stop().await;
    assert_eq!(directory.writes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn only_the_release_of_a_stop_begins_the_hour_anew_over_a_restart() {
    let mut service = Service::start().await;
    let mut place = Place::new();
    place.config.limits.operations_per_hour = Some(1);
    place.enrol(&service.code()).await.unwrap();
    let (directory, standing) = (OneAccount::default(), Standing::of(&place.file("")));
    let release = || standing.release(Clock::system().unix_millis()).unwrap();
    let nothing: fn() -> bool = || false;
    let limit = Outcome::NotDone { reason: NotDone::AgentLimit };
    // Before each start: what is said on the machine, and whether that was a stop's release.
    let starts: [(&dyn Fn() -> bool, bool, Outcome); 4] = [
        (&nothing, false, Outcome::Done),
        (&release, false, limit.clone()),
        (&release, true, Outcome::Done),
        (&release, false, limit),
    ];
    for (number, (before, of_stop, expected)) in (100..).zip(starts) {
        assert_eq!(before(), of_stop, "{number}");
        let running = Running::start(place.agent(&directory).unwrap());
        let mut end = service.next_link().await;
        let operation = OperationId(Uuid::from_u128(number));
        end.order(&unlock(operation)).await;
        assert_eq!(end.outcome(operation).await, expected, "{number}");
        running.stop().await;
    }
}

#[tokio::test]
async fn an_impostor_is_not_enrolled_with() {
    let service = Service::start().await;
    let place = Place::new();
    let code =
        EnrolmentCode { link_key_fingerprint: fingerprint(b"the real service"), ..service.code() };
    assert!(matches!(place.enrol(&code).await, Err(EnrolmentError::WrongKey(_))));
    assert!(matches!(
        place.agent(&OneAccount::default()),
        Err(AgentError::Enrolment(EnrolmentError::Missing(_)))
    ));
    let far = EnrolmentCode { origin: "http://reset.example.org".to_owned(), ..service.code() };
    assert!(matches!(place.enrol(&far).await, Err(EnrolmentError::Origin(_))));
}

#[tokio::test]
async fn an_answer_that_was_changed_on_the_way_stores_nothing() {
    let service = Service::start().await;
    let place = Place::new();
    for tampering in [Tampering::OtherKey, Tampering::OtherAgent] {
        *service.known.tampering.lock().unwrap() = Some(tampering);
        assert!(matches!(place.enrol(&service.code()).await, Err(EnrolmentError::WrongKey(_))));
        assert!(!place.file("enrolment.json").exists());
    }
}

#[tokio::test]
async fn an_enrolment_whose_answer_was_lost_is_repeated_with_the_same_keys() {
    let service = Service::start().await;
    let place = Place::new();
    let brought = || {
        let enrol = service.known.enrolled.lock().unwrap().take().unwrap();
        (enrol.identity_key, enrol.directory_key, enrol.recipient)
    };
    *service.known.tampering.lock().unwrap() = Some(Tampering::Lost);
    place.enrol(&service.code()).await.unwrap_err();
    let first = brought();
    *service.known.tampering.lock().unwrap() = None;
    let enrolment = place.enrol(&service.code()).await.unwrap();
    let again = brought();
    assert!(first == again, "the service has pinned these keys");
    assert_eq!(enrolment.recipient_key, again.2.id);

    // A secret that was lost is made anew, alone; asked for, all are.
    std::fs::remove_file(place.file("enrolment.json")).unwrap();
    open_secrets(&place.config).unwrap().delete("identity-key").unwrap();
    place.enrol(&service.code()).await.unwrap();
    let mended = brought();
    assert!(mended.0 != first.0 && mended.1 == first.1 && mended.2 == first.2);
    std::fs::remove_file(place.file("enrolment.json")).unwrap();
    place.enrol_with(&service.code(), Bring::New).await.unwrap();
    let new = brought();
    assert!(new.0 != mended.0 && new.1 != mended.1);
    assert!(new.2.id != mended.2.id && new.2.public != mended.2.public);
}

#[tokio::test]
async fn an_agent_is_enrolled_once_and_its_files_are_its_own() {
    let service = Service::start().await;
    let place = Place::new();
    place.enrol(&service.code()).await.unwrap();
    assert!(matches!(place.enrol(&service.code()).await, Err(EnrolmentError::Already(_))));
    place.agent(&OneAccount::default()).unwrap();
    #[cfg(unix)]
    for name in ["enrolment.json", "journal", ""] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(place.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}
