//! Every answer of a recovery on a real domain is lost once: each call is made twice with its
//! idempotency key, as a client does that heard nothing. The second answer is the first one
//! again, and the directory is written exactly once.

#[path = "../client/mod.rs"]
mod client;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    harness::{organisation::Organisation, people::ANNA},
    lab::{
        http::Http,
        service::SignIn,
        wait::{self, PATIENCE},
    },
};

const NEW: &str = "Four-green-lanterns-9";

#[test]
fn a_lost_answer_at_every_step_changes_nothing_but_once() {
    let mut organisation = Organisation::active_directory(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();
    let mut client = Client::new(organisation.service.api());

    client.begin(&organisation.user_id(&ANNA)).unwrap();
    let code = organisation.mailbox.wait_for_newest_code(ANNA.email).unwrap();
    client.step("recovery/code", &json!({ "code": code })).unwrap();
    client.wait_for("choice").unwrap();

    client.step("recovery/act", &json!({ "act": "unlock" })).unwrap();
    client.wait_for("done").unwrap();
    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
    let before = key_version(&mut organisation).unwrap();

    client.step("recovery/act", &json!({ "act": "reset" })).unwrap();
    let view = client.wait_for("new-password").unwrap();
    let sealed = client::seal(&view["stage"], NEW).unwrap();
    client.step("recovery/password", &json!({ "sealed": sealed })).unwrap();
    client.wait_for("done").unwrap();
    assert_eq!(organisation.sign_in(&ANNA, NEW).unwrap(), SignIn::Accepted);
    assert_eq!(key_version(&mut organisation).unwrap(), before + 1, "written exactly once");

    let codes = organisation.mailbox.mails(ANNA.email).unwrap();
    let codes = codes.iter().filter(|mail| mail.code().is_some()).count();
    assert_eq!(codes, 1, "one code was sent, however often it was asked for");
}

fn key_version(organisation: &mut Organisation) -> Result<u32> {
    organisation.domain()?.samba.key_version(ANNA.name)
}

/// A client whose every answer is lost once.
struct Client {
    api: Http,
    token: String,
    calls: u32,
}

impl Client {
    fn new(api: Http) -> Self {
        Self { api, token: String::new(), calls: 0 }
    }

    fn begin(&mut self, user_id: &str) -> Result<()> {
        let start = self.api.get("/start", &[])?.success()?;
        let body = client::beginning(&start, user_id)?;
        self.step("recoveries", &body)
    }

    /// Makes a call twice with one key and insists on the same answer.
    fn step(&mut self, path: &str, body: &Value) -> Result<()> {
        self.calls += 1;
        let key = format!("lost-answer-{:04}", self.calls);
        let authorization = format!("Bearer {}", self.token);
        let mut headers = vec![("idempotency-key", key.as_str())];
        if !self.token.is_empty() {
            headers.push(("authorization", authorization.as_str()));
        }
        let path = format!("/{path}");
        let lost = self.api.post(&path, &headers, body)?.success()?;
        let heard = self.api.post(&path, &headers, body)?.success()?;
        ensure!(lost["token"] == heard["token"], "{path}: two tokens for one call");
        let case_codes = [&lost, &heard].map(|answer| &answer["view"]["case_code"]);
        ensure!(case_codes[0] == case_codes[1], "{path}: two recoveries for one call");
        let token = heard["token"].as_str().context("an answer without a token")?;
        token.clone_into(&mut self.token);
        Ok(())
    }

    /// Reads the view until its stage has this name.
    fn wait_for(&self, stage: &str) -> Result<Value> {
        let authorization = format!("Bearer {}", self.token);
        wait::until(&format!("the stage {stage}"), PATIENCE, || {
            let headers = [("authorization", authorization.as_str())];
            let view = self.api.get("/recovery?wait_s=1", &headers)?.success()?;
            Ok((view["stage"]["name"] == stage).then_some(view))
        })
    }
}
