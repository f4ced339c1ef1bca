//! A person at a client of the API: goes through the gate, chooses, seals, and repeats a call
//! whose answer was lost with its idempotency key.

use std::{sync::Arc, time::Duration};

use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use axum::{body::Body, http::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::BodyExt as _;
use password::NewPassword;
use protocol::{
    api::{Act, Draws, Stage, View},
    id::OperationId,
    sealed::SealedPassword,
};
use rand::{SeedableRng as _, rngs::StdRng};
use regain_service::flow::{Message, Token};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::StoreError;
use tokio::time::sleep;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{directory::PRESENT, world::World};

/// A person and where the recovery stands.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) name: String,
    token: String,
    host: String,
    calls: u32,
}

/// An operation that the person asked for, and what the pages said became of it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: Uuid,
    pub(crate) act: Act,
    pub(crate) account: String,
    /// `None` for an unlock.
    pub(crate) password: Option<String>,
    /// "Done" or "not done", each time a page said so.
    pub(crate) told: Vec<bool>,
}

struct Heard {
    status: u16,
    json: Value,
}

impl Heard {
    fn stage(&self) -> Option<Stage> {
        let view = self.json.get("view").unwrap_or(&self.json);
        Some(serde_json::from_value::<View>(view.clone()).ok()?.stage)
    }
}

impl Person {
    /// From the user ID to the page that says what is wrong.
    pub(crate) async fn through_the_gate(world: &Arc<World>, host: &str, name: &str) -> Self {
        let mut person =
            Self { name: name.to_owned(), token: String::new(), host: host.to_owned(), calls: 0 };
        let start = loop {
            // A machine with much else to do may refuse the first ones.
            if let Some(start) = person.get(world, "start").await
                && start.status == 200
            {
                break start;
            }
        };
        let challenge: Challenge = serde_json::from_value(start.json["challenge"].clone()).unwrap();
        let solution = solve_challenge(SolveChallengeOptions::new(&challenge)).unwrap().unwrap();
        let proof = json!({ "challenge": challenge, "solution": solution }).to_string();
        let beginning = json!({
            "proof_of_work": STANDARD.encode(proof),
            "user_id": name,
            "reason": "cant-sign-in",
            "draws": Draws::everything(),
            "language": "en",
            "tenant": null,
        });
        person.insist(world, "recoveries", &beginning).await.unwrap();
        let code = loop {
            if let Some(code) = newest_code(world).await {
                break code;
            }
        };
        let code = json!({ "code": code });
        let heard = person.insist(world, "recovery/code", &code).await.unwrap();
        let mut stage = heard.stage();
        while !matches!(stage, Some(Stage::Choice { .. })) {
            sleep(Duration::from_secs(1)).await;
            stage = person.look(world).await;
        }
        person
    }

    /// Chooses to be unlocked and waits for what the pages say, for as long as a person waits.
    pub(crate) async fn unlock(&mut self, world: &Arc<World>) -> Option<Asked> {
        let heard = self.insist(world, "recovery/act", &json!({ "act": "unlock" })).await?;
        let operation = self.operation(world).await?;
        let account = self.name.clone();
        let act = Act::Unlock;
        let mut asked = Asked { operation, act, account, password: None, told: Vec::new() };
        self.wait(world, heard.stage(), &mut asked).await;
        Some(asked)
    }

    /// Asks for a new password and sets it.
    pub(crate) async fn reset(&mut self, world: &Arc<World>, password: &str) -> Option<Asked> {
        let heard = self.insist(world, "recovery/act", &json!({ "act": "reset" })).await?;
        let Some(Stage::NewPassword { binding, recipients, .. }) = heard.stage() else {
            return None;
        };
        let OperationId(operation) = binding.operation;
        let typed = NewPassword::parse(password.to_owned()).unwrap();
        let mut rng = StdRng::seed_from_u64(world.seed);
        let sealed = SealedPassword::seal(&typed, &binding, &recipients, &mut rng).unwrap();
        let asked = self.asked(operation, Act::Reset, password);
        Some(self.hand_in(world, asked, &sealed).await)
    }

    /// Changes the password with the present one.
    pub(crate) async fn change(&mut self, world: &Arc<World>, password: &str) -> Option<Asked> {
        let heard = self.insist(world, "recovery/act", &json!({ "act": "change" })).await?;
        let Some(Stage::ChangePassword { binding, recipients, .. }) = heard.stage() else {
            return None;
        };
        let OperationId(operation) = binding.operation;
        let typed = |text: &str| NewPassword::parse(text.to_owned()).unwrap();
        let (present, new) = (typed(PRESENT), typed(password));
        let mut rng = StdRng::seed_from_u64(world.seed);
        let sealed =
            SealedPassword::seal_change(&present, &new, &binding, &recipients, &mut rng).unwrap();
        let asked = self.asked(operation, Act::Change, password);
        Some(self.hand_in(world, asked, &sealed).await)
    }

    fn asked(&self, operation: Uuid, act: Act, password: &str) -> Asked {
        let (account, password) = (self.name.clone(), Some(password.to_owned()));
        Asked { operation, act, account, password, told: Vec::new() }
    }

    async fn hand_in(
        &mut self,
        world: &Arc<World>,
        mut asked: Asked,
        sealed: &SealedPassword,
    ) -> Asked {
        let heard = self.insist(world, "recovery/password", &json!({ "sealed": sealed })).await;
        self.wait(world, heard.and_then(|heard| heard.stage()), &mut asked).await;
        asked
    }

    /// The same person once more, through a gate of its own.
    pub(crate) async fn again(&self, world: &Arc<World>) -> Self {
        Self::through_the_gate(world, &self.host, &self.name).await
    }

    /// Asks for a new password and hands it over, without waiting; the code of a refusal.
    pub(crate) async fn hand_over(
        &mut self,
        world: &Arc<World>,
        password: &str,
    ) -> Result<(), String> {
        let heard = self.insist(world, "recovery/act", &json!({ "act": "reset" })).await.unwrap();
        let Some(Stage::NewPassword { binding, recipients, .. }) = heard.stage() else {
            return Err(heard.json.to_string());
        };
        let typed = NewPassword::parse(password.to_owned()).unwrap();
        let mut rng = StdRng::seed_from_u64(world.seed);
        let sealed = SealedPassword::seal(&typed, &binding, &recipients, &mut rng).unwrap();
        self.calls += 1;
        let body = json!({ "sealed": sealed });
        let heard = self.post(world, "recovery/password", &body).await.unwrap();
        if heard.status < 300 {
            Ok(())
        } else {
            Err(heard.json["code"].as_str().unwrap().to_owned())
        }
    }

    async fn wait(&self, world: &Arc<World>, mut stage: Option<Stage>, asked: &mut Asked) {
        // The last is for what was held up for a minute and took long then.
        for pause in [1, 1, 2, 4, 8, 16, 32, 64, 64] {
            match stage {
                Some(Stage::Done { act, .. }) if act == asked.act => asked.told.push(true),
                Some(Stage::NotDone { act, .. }) if act == asked.act => asked.told.push(false),
                // Refused: the next try is another operation.
                Some(
                    Stage::NewPassword { refused: Some(_), .. }
                    | Stage::ChangePassword { refused: Some(_), .. },
                ) => asked.told.push(false),
                Some(Stage::Working { .. } | Stage::NotKnown { .. }) | None => {
                    sleep(Duration::from_secs(pause)).await;
                    stage = self.look(world).await;
                    continue;
                }
                Some(_) => {}
            }
            return;
        }
    }

    /// Makes a call until it is answered, with one key; asks anew when it was refused for now.
    async fn insist(&mut self, world: &Arc<World>, path: &str, body: &Value) -> Option<Heard> {
        for _ in 0..8 {
            self.calls += 1;
            for _ in 0..10 {
                match self.post(world, path, body).await {
                    Some(heard) if heard.status < 300 => {
                        self.take_token(&heard);
                        return Some(heard);
                    }
                    Some(heard) if heard.status >= 500 => break,
                    Some(_) => return None,
                    None => sleep(Duration::from_secs(2)).await,
                }
            }
            sleep(Duration::from_secs(5)).await;
        }
        None
    }

    fn take_token(&mut self, heard: &Heard) {
        if let Some(token) = heard.json["token"].as_str() {
            token.clone_into(&mut self.token);
        }
    }

    async fn look(&self, world: &Arc<World>) -> Option<Stage> {
        self.get(world, "recovery").await?.stage()
    }

    async fn operation(&self, world: &Arc<World>) -> Option<Uuid> {
        let id = Token::parse(&self.token)?.recovery;
        for _ in 0..20 {
            let row = world.ask(move |service, _| async move {
                let read = service
                    .store
                    .read(move |mut tx| Box::pin(async move { tx.recovery(id).await }));
                read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"))
            });
            if let Some(row) = row.await {
                return row?.operation;
            }
            sleep(Duration::from_secs(3)).await;
        }
        None
    }

    async fn post(&self, world: &Arc<World>, path: &str, body: &Value) -> Option<Heard> {
        let request = Request::post(format!("/api/v1/{path}"))
            .header("content-type", "application/json")
            .header("idempotency-key", format!("key-of-{}-{:06}", self.name, self.calls));
        self.send(world, request, Body::from(body.to_string())).await
    }

    async fn get(&self, world: &Arc<World>, path: &str) -> Option<Heard> {
        self.send(world, Request::get(format!("/api/v1/{path}")), Body::empty()).await
    }

    async fn send(
        &self,
        world: &Arc<World>,
        request: axum::http::request::Builder,
        body: Body,
    ) -> Option<Heard> {
        let request = request.header("host", &self.host);
        let request = match self.token.as_str() {
            "" => request,
            token => request.header("authorization", format!("Bearer {token}")),
        };
        let request = request.body(body).unwrap();
        world
            .ask(move |_, router| async move {
                let answer = router.oneshot(request).await.unwrap();
                let status = answer.status().as_u16();
                let bytes = answer.into_body().collect().await.unwrap().to_bytes();
                Heard { status, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
            })
            .await
    }
}

/// The code in the newest message that waits to be sent.
async fn newest_code(world: &Arc<World>) -> Option<String> {
    let now = world.service_now();
    let messages = world.ask(move |service, _| async move {
        let rows = service
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
        let open = |payload: &Vec<u8>| -> Message {
            serde_json::from_slice(&service.keys.open_payload(payload).unwrap()).unwrap()
        };
        rows.iter().map(|row| open(&row.payload)).collect::<Vec<_>>()
    });
    messages.await?.iter().rev().find_map(|message| message.code.clone())
}
