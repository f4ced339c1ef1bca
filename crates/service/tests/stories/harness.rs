//! A service in this process, people in its embedded directory, and a client that speaks the
//! API. Uses the field's words; asserts nothing by itself.
//!
//! Long: one client and one lab, read together.

use std::{path::PathBuf, sync::Arc, time::Duration};

use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use axum::{Router, body::Body, http::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::Verifier as _;
use http_body_util::BodyExt as _;
use password::NewPassword;
use protocol::{
    api::{Draws, Stage, View},
    sealed::SealedPassword,
};
use rand::{SeedableRng as _, rngs::StdRng};
use recovery::{Act, Address, AddressKind, Policy, Span, Timestamp};
use regain_service::{
    Service,
    clock::{Clock as _, HandClock},
    config::{
        BotCheckConfig, Config, HttpConfig, LimitsConfig, MailConfig, MailEncryption, ServiceConfig,
    },
    embedded::{self, SignIn},
    flow::{Message, Token},
    http, jobs,
    keys::Keys,
};
use serde_json::{Value, json};
use store::{
    DirectoryKind, EmbeddedRow, NewAccount, OperationRow, OperationState, Store, StoreError,
    TenantRow,
};
use tower::ServiceExt as _;
use uuid::Uuid;
use zeroize::Zeroizing;

pub const HOST: &str = "reset.example.org";
pub const OLD_PASSWORD: &str = "Old-Passw0rd!";
pub const TENANT: Uuid = Uuid::from_u128(0x7e);
pub const DIRECTORY: Uuid = Uuid::from_u128(0xd1);
const START: Timestamp = Timestamp(1_800_000_000_000_000);

/// A service and its folder.
pub struct Lab {
    pub service: Arc<Service>,
    pub clock: HandClock,
    pub router: Router,
    pub folder: tempfile::TempDir,
    keys: std::sync::atomic::AtomicU64,
}

/// An answer: status and JSON.
#[derive(Clone, Debug)]
pub struct Heard {
    pub status: u16,
    pub json: Value,
    pub headers: axum::http::HeaderMap,
}

impl Heard {
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("no problem")
    }

    pub fn token(&self) -> String {
        self.json["token"].as_str().unwrap_or_else(|| panic!("no token in {self:?}")).to_owned()
    }

    pub fn view(&self) -> View {
        let view = self.json.get("view").unwrap_or(&self.json);
        serde_json::from_value(view.clone()).unwrap_or_else(|_| panic!("no view in {self:?}"))
    }

    pub fn stage(&self) -> Stage {
        self.view().stage
    }
}

impl Lab {
    /// With one tenant and one directory of this kind.
    pub async fn with(kind: DirectoryKind) -> Self {
        Self::with_limits(kind, LimitsConfig::default()).await
    }

    /// The same, with limits of its own.
    pub async fn with_limits(kind: DirectoryKind, limits: LimitsConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = HandClock::at(START);
        let service = open(&folder.path().join("regain.db"), &clock, limits).await;
        let tenant = TenantRow {
            id: TENANT,
            host: HOST.to_owned(),
            name: "Example Ltd".to_owned(),
            accent: "#0b57d0".to_owned(),
            help: "{}".to_owned(),
            policy: Policy::default(),
        };
        service
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    tx.add_tenant(&tenant, START).await?;
                    tx.add_directory(DIRECTORY, TENANT, "main", kind, START).await
                })
            })
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        let router = http::router(&service);
        Self { service, clock, router, folder, keys: 0.into() }
    }

    pub async fn new() -> Self {
        Self::with(DirectoryKind::Embedded).await
    }

    /// The same folder with a new process on it.
    pub async fn restarted(self) -> Self {
        let limits = self.service.config.limits;
        let service = open(&self.folder.path().join("regain.db"), &self.clock, limits).await;
        jobs::start(&service);
        let router = http::router(&service);
        Self { service, router, ..self }
    }

    pub fn forward(&self, span: Span) {
        self.clock.forward(span);
    }

    /// A person with a mail address and [`OLD_PASSWORD`].
    pub async fn person(&self, user_id: &str) -> Uuid {
        self.account(user_id, |_| {}).await
    }

    /// A person, with something different.
    pub async fn account(&self, user_id: &str, change: impl FnOnce(&mut Person)) -> Uuid {
        let mut person = Person::default();
        change(&mut person);
        let password = NewPassword::parse(OLD_PASSWORD.to_owned()).unwrap();
        let password_hash = embedded::hash(&self.service, password).await.unwrap();
        let id = protocol::id::AccountId::new(1, &mut *self.service.rng()).0;
        let user_id = user_id.to_owned();
        let now = self.clock.now();
        self.service
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let email = format!("{}@mail.example", user_id.split('@').next().unwrap());
                    let listed = NewAccount {
                        external_id: &user_id,
                        display_name: "Anna Berg",
                        names: std::slice::from_ref(&user_id),
                        enabled: person.enabled,
                        protected: person.protected,
                        ..NewAccount::default()
                    };
                    tx.put_account((TENANT, DIRECTORY), id, &listed, 0).await?;
                    if person.has_email {
                        let address = Address::first(&email, now);
                        tx.put_address(id, AddressKind::Email, &address).await?;
                    }
                    tx.add_embedded(&EmbeddedRow {
                        account: id,
                        password_hash,
                        wrong: 0,
                        locked_at: None,
                        must_change: person.must_change,
                        signed_in_at: person.has_signed_in.then_some(now),
                        password_set_at: now,
                        key_version: 1,
                    })
                    .await
                })
            })
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        id
    }

    /// An administrator switches the account off.
    pub async fn switch_off(&self, account: Uuid) {
        self.service
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let row = tx.account(account).await?.expect("an account");
                    let listed = NewAccount {
                        external_id: &row.external_id,
                        display_name: &row.display_name,
                        names: std::slice::from_ref(&row.external_id),
                        ..NewAccount::default()
                    };
                    tx.put_account((TENANT, DIRECTORY), account, &listed, 0).await
                })
            })
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    }

    /// What stands in the store when the process dies right after an unlock was chosen.
    pub async fn interrupted_unlock(&self, choice: &Heard) -> Uuid {
        let id = Token::parse(&choice.token()).expect("a token").recovery;
        let operation = Uuid::from_u128(0x0b);
        let now = self.clock.now();
        self.service
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let mut row = tx.recovery(id).await?.expect("a recovery");
                    let account = tx.account(row.account.unwrap()).await?.expect("an account");
                    row.session.choose_act(Act::Unlock, &Policy::default(), now).unwrap();
                    tx.add_operation(
                        &OperationRow {
                            id: operation,
                            tenant: TENANT,
                            recovery: id,
                            directory: DIRECTORY,
                            account: account.id,
                            external_id: account.external_id,
                            act: Act::Unlock,
                            state: OperationState::Waiting,
                            seal_expires_at: None,
                            sealed: None,
                            fence: None,
                            reason: None,
                            expires_at: now.plus(Span::minutes(2)),
                        },
                        now,
                    )
                    .await?;
                    row.operation = Some(operation);
                    row.step += 1;
                    row.revision += 1;
                    tx.save_recovery(&row, now).await
                })
            })
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        operation
    }

    /// What stands in the store when the process dies right after an operation was sent.
    pub async fn sent(&self, operation: Uuid) {
        let sending = self
            .service
            .store
            .write(move |mut tx| Box::pin(async move { tx.send_operation(operation, "{}").await }));
        assert!(sending.await.unwrap_or_else(|error: StoreError| panic!("{error:?}")));
    }

    /// Nobody knows what became of it.
    pub async fn not_known(&self, operation: Uuid) {
        let (now, state) = (self.clock.now(), OperationState::NotKnown);
        let storing = self.service.store.write(move |mut tx| {
            Box::pin(async move { tx.finish_operation(operation, state, None, now).await })
        });
        assert!(storing.await.unwrap_or_else(|error: StoreError| panic!("{error:?}")));
    }

    /// An operation as it is stored.
    pub async fn operation(&self, operation: Uuid) -> OperationRow {
        let read = self
            .service
            .store
            .read(move |mut tx| Box::pin(async move { tx.operation(operation).await }));
        let row = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        row.expect("an operation")
    }

    /// Waits until an operation has an outcome.
    pub async fn until_finished(&self, operation: Uuid) {
        let finished = async {
            let mut changes = self.service.changes.subscribe();
            loop {
                let read = self
                    .service
                    .store
                    .read(move |mut tx| Box::pin(async move { tx.operation(operation).await }));
                let row = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
                if !row.expect("an operation").state.is_open() {
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), finished).await.expect("an outcome");
    }

    /// Somebody else unlocks the account.
    pub async fn unlock_by_hand(&self, account: Uuid) {
        self.service
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let locked_at = tx.embedded(account).await?.and_then(|row| row.locked_at);
                    tx.embedded_unlock(account, locked_at).await
                })
            })
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    }

    /// How often the password of an account was set.
    pub async fn key_version(&self, account: Uuid) -> i64 {
        let read = self
            .service
            .store
            .read(move |mut tx| Box::pin(async move { tx.embedded(account).await }));
        let row = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        row.expect("an account").key_version
    }

    /// Every byte of the service's folder.
    pub fn everything_on_disk(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// Switches changing the directory on or off, as an administrator does.
    pub async fn write_back(&self, on: bool) {
        let switched = self
            .service
            .store
            .write(move |mut tx| Box::pin(async move { tx.set_write_back(DIRECTORY, on).await }));
        switched.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    }

    /// Three wrong passwords.
    pub async fn lock(&self, account: Uuid) {
        for _ in 0..3 {
            self.sign_in(account, "wrong").await;
        }
    }

    pub async fn sign_in(&self, account: Uuid, password: &str) -> SignIn {
        let typed = Zeroizing::new(password.to_owned());
        embedded::sign_in(&self.service, account, typed).await.unwrap()
    }

    pub fn key(&self) -> String {
        let next = self.keys.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("idempotency-key-{next}")
    }

    /// Any request.
    pub async fn request(&self, request: Request<Body>) -> Heard {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Heard { status: parts.status.as_u16(), json, headers: parts.headers }
    }

    pub async fn post(&self, path: &str, token: &str, key: &str, body: &Value) -> Heard {
        let request = Request::post(format!("/api/v1/{path}"))
            .header("host", HOST)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key);
        self.request(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Heard {
        let request = Request::get(format!("/api/v1/{path}"))
            .header("host", HOST)
            .header("authorization", format!("Bearer {token}"));
        self.request(request.body(Body::empty()).unwrap()).await
    }

    /// A call of a recovery with a key of its own.
    pub async fn call(&self, path: &str, token: &str, body: Value) -> Heard {
        self.post(&format!("recovery/{path}"), token, &self.key(), &body).await
    }

    /// A solved bot check.
    pub async fn proof_of_work(&self) -> String {
        let start = self.get("start", "").await;
        let challenge: Challenge = serde_json::from_value(start.json["challenge"].clone()).unwrap();
        let solution =
            solve_challenge(SolveChallengeOptions::new(&challenge)).unwrap().expect("a solution");
        STANDARD.encode(json!({ "challenge": challenge, "solution": solution }).to_string())
    }

    pub async fn beginning(&self, user_id: &str) -> Value {
        json!({
            "proof_of_work": self.proof_of_work().await,
            "user_id": user_id,
            "reason": "cant-sign-in",
            "draws": Draws::everything(),
            "language": "en",
            "tenant": null,
        })
    }

    pub async fn begin(&self, user_id: &str) -> Heard {
        let body = self.beginning(user_id).await;
        self.post("recoveries", "", &self.key(), &body).await
    }

    /// The messages that wait to be sent, taken out as the sender would.
    pub async fn messages(&self) -> Vec<Message> {
        let now = self.clock.now();
        let rows = self
            .service
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let rows = tx.take_due(1_000, now).await?;
                    for row in &rows {
                        tx.sent(row).await?;
                    }
                    Ok::<_, StoreError>(rows)
                })
            })
            .await
            .unwrap();
        rows.iter()
            .map(|row| {
                let plain = self.service.keys.open_payload(&row.payload).unwrap();
                serde_json::from_slice(&plain).unwrap()
            })
            .collect()
    }

    /// The code in the newest message that has one.
    pub async fn code(&self) -> String {
        let messages = self.messages().await;
        let code = messages.iter().rev().find_map(|message| message.code.clone());
        code.expect("a message with a code")
    }

    /// From the user ID to the page after the gate.
    pub async fn through_the_gate(&self, user_id: &str) -> Heard {
        let begun = self.begin(user_id).await;
        let code = self.code().await;
        self.call("code", &begun.token(), json!({ "code": code })).await
    }

    /// Seals a password as a client does for what a view says.
    pub fn seal(&self, heard: &Heard, password: &str) -> Value {
        let (Stage::NewPassword { binding, recipients, .. }
        | Stage::ChangePassword { binding, recipients, .. }) = heard.stage()
        else {
            panic!("no page for a password: {heard:?}");
        };
        let password = NewPassword::parse(password.to_owned()).unwrap();
        let mut rng = StdRng::seed_from_u64(5);
        let sealed = SealedPassword::seal(&password, &binding, &recipients, &mut rng).unwrap();
        json!({ "sealed": sealed })
    }

    /// The same of both passwords of a change.
    pub fn seal_change(&self, heard: &Heard, present: &str, new: &str) -> Value {
        let Stage::ChangePassword { binding, recipients, .. } = heard.stage() else {
            panic!("no page for a change: {heard:?}");
        };
        let typed = |text: &str| NewPassword::parse(text.to_owned()).unwrap();
        let (present, new) = (typed(present), typed(new));
        let mut rng = StdRng::seed_from_u64(6);
        let sealed =
            SealedPassword::seal_change(&present, &new, &binding, &recipients, &mut rng).unwrap();
        json!({ "sealed": sealed })
    }

    /// The names of the events of a case, oldest first, after the chain was checked.
    pub async fn trail(&self, case_code: &str) -> Vec<String> {
        jobs::seal(&self.service).await.unwrap();
        let case_code = case_code.to_owned();
        let (all, of_case) = self
            .service
            .store
            .read(|mut tx| {
                Box::pin(async move {
                    let all = tx.audit_after(0, 10_000).await?;
                    Ok::<_, StoreError>((all, tx.audit_of_case(TENANT, &case_code).await?))
                })
            })
            .await
            .unwrap();
        let mut chain = Vec::new();
        for row in &all {
            chain = row.chained(&chain);
            assert_eq!(row.chain.as_ref(), Some(&chain), "the chain is broken");
            if let Some(signature) = &row.signature {
                let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
                let key = self.service.keys.audit_key().verifying_key();
                key.verify(&chain, &signature).expect("the chain is signed");
            }
        }
        of_case.into_iter().map(|row| row.event).collect()
    }

    pub async fn set_policy(&self, policy: Policy) {
        self.service
            .store
            .write(move |mut tx| Box::pin(async move { tx.set_policy(TENANT, &policy).await }))
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    }
}

/// What may be different about a person.
pub struct Person {
    pub has_email: bool,
    pub enabled: bool,
    pub protected: bool,
    pub must_change: bool,
    pub has_signed_in: bool,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            has_email: true,
            enabled: true,
            protected: false,
            must_change: false,
            has_signed_in: true,
        }
    }
}

async fn open(database: &std::path::Path, clock: &HandClock, limits: LimitsConfig) -> Arc<Service> {
    let store = Store::open(database).await.unwrap();
    let config = Config {
        service: ServiceConfig {
            data_dir: database.parent().unwrap().to_owned(),
            master_key_file: PathBuf::new(),
        },
        http: HttpConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            trusted_proxies: Vec::new(),
        },
        mail: MailConfig {
            host: "localhost".to_owned(),
            port: 1,
            encryption: MailEncryption::None,
            from: "IT <it@example.org>".to_owned(),
            user: None,
            password_file: None,
        },
        bot_check: BotCheckConfig { rounds: 1 },
        limits,
    };
    let keys = Keys::new([7; 32]);
    Service::new(config, store, keys, Arc::new(clock.clone()), StdRng::seed_from_u64(3)).unwrap()
}
