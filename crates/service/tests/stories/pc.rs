//! PCs with keys of their own, as host and app bring their words to the service: the real signed
//! statements, by a key in this process.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey as RunKey;
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use protocol::{
    bytes::Bytes,
    device::{DeviceNonce, DeviceProof, DeviceReport, FleetToken, SignedStatement, nonce},
    host::{
        Exactly, Few, Text,
        statement::{Assertion, Fact, KeyKind, Readiness, Signed, Signs},
    },
    id::TenantId,
    text::UserIdText,
};
use recovery::Span;
use regain_service::{
    clock::Clock as _,
    devices::{TokenWish, make_token},
};
use serde_json::{Value, json};
use store::{DeviceRow, FleetTokenRow, StoreError};

use crate::harness::{Heard, Lab, TENANT};

struct Key(SigningKey);

impl Signs for Key {
    type Error = ();

    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], ()> {
        let signature: Signature = self.0.sign(bytes);
        Ok(signature.to_bytes().into())
    }
}

/// A PC. A clone is the copy of its disk.
#[derive(Clone)]
pub struct Pc {
    number: u8,
    pub name: String,
    pub facts: Vec<Fact>,
    /// Whose tile or locked session it is.
    pub user: Option<String>,
    before: [u8; 16],
    next: [u8; 16],
    drawn: u8,
}

impl Pc {
    pub fn new(number: u8) -> Self {
        Self {
            number,
            name: format!("PC-{number}"),
            facts: Vec::new(),
            user: None,
            before: [0; 16],
            next: [number; 16],
            drawn: 0,
        }
    }

    /// The same PC for a person who signed in there before.
    pub fn of(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// It draws other marks from here on than its copies.
    pub fn differently(mut self) -> Self {
        self.drawn += 100;
        self
    }

    /// It makes a new key.
    pub fn with_new_key(&self, number: u8) -> Self {
        Self { name: self.name.clone(), ..Self::new(number) }
    }

    fn key(&self) -> Key {
        Key(SigningKey::from_slice(&[self.number; 32]).unwrap())
    }

    pub fn public_key(&self) -> [u8; 65] {
        self.key().0.verifying_key().to_sec1_point(false).as_bytes().try_into().unwrap()
    }

    /// The body of a report over this nonce.
    pub fn report(&self, nonce: &Bytes, token: Option<&FleetToken>) -> Value {
        let readiness = Readiness {
            nonce: Exactly(nonce.array().unwrap()),
            device_key: Exactly(self.public_key()),
            kind: KeyKind::Software,
            at: 0,
            mark: Exactly(self.next),
            before: Exactly(self.before),
            name: Text::new(self.name.as_str()).unwrap(),
            windows: Text::new("10.0.26100").unwrap(),
            version: Text::new("0.1.0").unwrap(),
            facts: Few::new(self.facts.clone()).unwrap(),
        };
        let report = DeviceReport {
            report: SignedStatement::of(&Signed::report(&readiness, &self.key()).unwrap()),
            fleet_token: token.map(|token| FleetToken::parse(&token.text()).unwrap()),
            tenant: Some(TenantId(TENANT)),
        };
        serde_json::to_value(report).unwrap()
    }

    /// Reports, and hears the answer.
    pub async fn reports(&mut self, lab: &Lab, token: Option<&FleetToken>) -> Heard {
        let heard = self.reports_into_the_void(lab, token).await;
        if heard.status == 200 {
            self.drawn += 1;
            self.before = self.next;
            self.next = [self.number; 16];
            self.next[0] = self.drawn;
        }
        heard
    }

    /// Reports, and the answer is lost.
    pub async fn reports_into_the_void(&self, lab: &Lab, token: Option<&FleetToken>) -> Heard {
        let nonce = lab.device_nonce().await;
        lab.post("devices/report", "", &lab.key(), &self.report(&nonce, token)).await
    }

    /// A report of a PC that drew another mark than any that was taken.
    pub async fn reports_of_another_day(&self, lab: &Lab) -> Heard {
        let mut other = self.clone();
        other.next = [0xEE; 16];
        other.before = [0xDD; 16];
        other.reports_into_the_void(lab, None).await
    }

    /// Enrols; it must work.
    pub async fn enrols(&mut self, lab: &Lab, token: &FleetToken) -> uuid::Uuid {
        let heard = self.reports(lab, Some(token)).await;
        assert_eq!(heard.status, 200, "{heard:?}");
        heard.json["device"].as_str().unwrap().parse().unwrap()
    }

    /// What its app sends with a beginning.
    pub fn proof(&self, nonce: &[u8; 32], user_id: &str) -> DeviceProof {
        let run_key = RunKey::from_bytes(&[self.number.wrapping_add(1); 32]);
        let assertion = Assertion {
            nonce: Exactly(*nonce),
            run_key: Exactly(run_key.verifying_key().to_bytes()),
            device_key: Exactly(self.public_key()),
            kind: KeyKind::Software,
            at: 0,
            scenario: None,
            user: self.user.as_deref().map(|user| Text::new(user).unwrap()),
        };
        let signed = Signed::assert(&assertion, &self.key()).unwrap();
        DeviceProof::sign(&signed, nonce, &UserIdText::parse(user_id).unwrap(), &run_key)
    }

    /// The body of a beginning at it.
    pub async fn beginning(&self, lab: &Lab, user_id: &str) -> Value {
        let mut body = lab.beginning(user_id).await;
        body["device"] = json!(self.proof(&nonce_in(&body), user_id));
        body
    }

    /// Begins a recovery at it.
    pub async fn begin(&self, lab: &Lab, user_id: &str) -> Heard {
        let body = self.beginning(lab, user_id).await;
        lab.post("recoveries", "", &lab.key(), &body).await
    }
}

/// What a device signs for the bot check in this body.
pub fn nonce_in(body: &Value) -> [u8; 32] {
    let solved = STANDARD.decode(body["proof_of_work"].as_str().unwrap()).unwrap();
    let solved: Value = serde_json::from_slice(&solved).unwrap();
    nonce(TenantId(TENANT), &solved["challenge"]).unwrap()
}

impl Lab {
    /// A token for so many PCs, good for 30 days.
    pub async fn fleet_token(&self, most: u32) -> FleetToken {
        let wish = TokenWish {
            tenant: TenantId(TENANT),
            note: "spring".to_owned(),
            most,
            life: Span::hours(720),
        };
        let now = self.clock.now();
        let (token, row) = make_token(&self.service.keys, &mut *self.service.rng(), wish, now);
        self.change(move |mut tx| Box::pin(async move { tx.add_fleet_token(&row).await })).await;
        token
    }

    pub async fn device_nonce(&self) -> Bytes {
        let heard = self.get("devices/nonce", "").await;
        serde_json::from_value::<DeviceNonce>(heard.json).unwrap().nonce
    }

    pub async fn devices(&self) -> Vec<DeviceRow> {
        let read =
            self.service.store.read(|mut tx| Box::pin(async move { tx.devices(TENANT).await }));
        read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"))
    }

    pub async fn tokens(&self) -> Vec<FleetTokenRow> {
        let read = self
            .service
            .store
            .read(|mut tx| Box::pin(async move { tx.fleet_tokens(TENANT).await }));
        read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"))
    }

    /// What an administrator does to the store.
    pub async fn change<F>(&self, body: F)
    where
        F: for<'t> FnOnce(
                store::Tx<'t>,
            ) -> std::pin::Pin<
                Box<dyn Future<Output = Result<(), StoreError>> + Send + 't>,
            > + Send
            + 'static,
    {
        self.service
            .store
            .write(body)
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    }

    pub async fn trust(&self, device: uuid::Uuid) {
        let now = self.clock.now();
        self.change(move |mut tx| {
            Box::pin(async move { tx.trust_device(device, Some(now)).await })
        })
        .await;
    }

    pub async fn shut_out(&self, device: uuid::Uuid) {
        let now = self.clock.now();
        self.change(move |mut tx| {
            Box::pin(async move { tx.revoke_device(device, Some(now)).await })
        })
        .await;
    }

    /// The names of all events.
    pub async fn events(&self) -> Vec<String> {
        let read = self
            .service
            .store
            .read(|mut tx| Box::pin(async move { tx.audit_after(0, 10_000).await }));
        let rows = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        rows.into_iter().map(|row| row.event).collect()
    }

    /// The details of an event of a case.
    pub async fn detail(&self, case_code: &str, event: &'static str) -> Option<Value> {
        let case_code = case_code.to_owned();
        let read = self
            .service
            .store
            .read(|mut tx| Box::pin(async move { tx.audit_of_case(TENANT, &case_code).await }));
        let rows = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        let row = rows.into_iter().find(|row| row.event == event)?;
        Some(serde_json::from_str(&row.detail).unwrap())
    }

    /// In which lane a recovery is, and what became of the proof.
    pub async fn lane(&self, begun: &Heard) -> (String, String) {
        let detail = self.detail(&begun.view().case_code, "recovery-begun").await.unwrap();
        let text = |name: &str| detail[name].as_str().unwrap_or("none").to_owned();
        (text("lane"), text("proof"))
    }
}
