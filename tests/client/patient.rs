//! A client that does not give up: what it talks to is killed and comes up again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use protocol::sealed::SealedPassword;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tests::lab::{http::Http, wait};

use crate::client;

/// How long an outcome may take: an agent trusts after 30 s that no write arrives any more.
const SETTLED: Duration = Duration::from_secs(100);

/// What a person asks for.
pub(crate) enum Asked<'a> {
    Unlock,
    /// This new password.
    Reset(&'a str),
    /// The present password, and the one in its place.
    Change(&'a str, &'a str),
}

/// A client that repeats each call with its key until it is answered.
pub(crate) struct Patient {
    api: Http,
    token: String,
    number: usize,
    calls: u32,
}

impl Patient {
    pub(crate) fn new(api: Http, number: usize) -> Self {
        Self { api, token: String::new(), number, calls: 0 }
    }

    fn begin(&mut self, user_id: &str) -> Result<()> {
        let api = self.api.clone();
        let start = answered("the start", || api.get("/start", &[])?.success())?;
        let body = client::beginning(&start, user_id)?;
        self.step("recoveries", &body)
    }

    /// Repeats a call until it is answered; one that is refused for now is another call.
    pub(crate) fn step(&mut self, path: &str, body: &Value) -> Result<()> {
        let heard = wait::until(path, SETTLED, || {
            self.calls += 1;
            let key = format!("patient-{:06}-{:06}", self.number, self.calls);
            let heard = answered(path, || {
                let authorization = format!("Bearer {}", self.token);
                let mut headers = vec![("idempotency-key", key.as_str())];
                if !self.token.is_empty() {
                    headers.push(("authorization", authorization.as_str()));
                }
                self.api.post(&format!("/{path}"), &headers, body)
            })?;
            if heard.status >= 500 {
                return Ok(None);
            }
            heard.success().map(Some)
        })?;
        heard["token"].as_str().context("an answer without a token")?.clone_into(&mut self.token);
        Ok(())
    }

    fn look(&self) -> Result<Value> {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("authorization", authorization.as_str())];
        answered("the view", || self.api.get("/recovery?wait_s=1", &headers)?.success())
    }

    fn wait_for(&self, stages: &[&str]) -> Result<Value> {
        wait::until(&format!("{stages:?}"), SETTLED, || {
            let view = self.look()?;
            let stage = view["stage"]["name"].as_str().unwrap_or_default();
            Ok(stages.contains(&stage).then_some(view))
        })
    }

    /// Proves who somebody is, with the code that `read` finds; ends where the directory's truth
    /// is told.
    pub(crate) fn prove(
        &mut self,
        user_id: &str,
        read: impl FnOnce() -> Result<String>,
    ) -> Result<()> {
        self.begin(user_id)?;
        let code = read()?;
        self.step("recovery/code", &json!({ "code": code }))?;
        // A directory that did not answer in time, on a busy machine, is asked again.
        while self.wait_for(&["choice"])?["stage"]["finding"] == "unreachable" {
            self.step("recovery/back", &json!({}))?;
        }
        Ok(())
    }

    /// The call that does what is asked for, after the page for it was reached.
    pub(crate) fn last_call(&mut self, asked: &Asked<'_>) -> Result<(&'static str, Value)> {
        let sealed = match asked {
            Asked::Unlock => return Ok(("recovery/act", json!({ "act": "unlock" }))),
            Asked::Reset(new) => {
                self.step("recovery/act", &json!({ "act": "reset" }))?;
                client::seal(&self.wait_for(&["new-password"])?["stage"], new)?
            }
            Asked::Change(present, new) => {
                self.step("recovery/act", &json!({ "act": "change" }))?;
                let view = self.wait_for(&["change-password"])?;
                seal_change(&view["stage"], present, new)?
            }
        };
        Ok(("recovery/password", json!({ "sealed": sealed })))
    }

    /// What the page says in the end; "not known" only after all patience.
    pub(crate) fn outcome(&self) -> Result<String> {
        let certain = self.wait_for(&["done", "not-done"]);
        let view = certain.or_else(|_| self.look())?;
        let stage = view["stage"]["name"].as_str().context("a view without a stage")?;
        ensure!(["done", "not-done", "not-known"].contains(&stage), "it ends at {stage}");
        Ok(stage.to_owned())
    }
}

/// Asks until something answers: what was killed comes up again.
fn answered<T>(what: &str, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    wait::until(what, wait::PATIENCE, || Ok(ask().ok()))
}

/// The present password and a new one, sealed together.
fn seal_change(stage: &Value, present: &str, new: &str) -> Result<Value> {
    let (present, new) = (client::typed(present)?, client::typed(new)?);
    let (binding, recipients) = client::seal_for(stage)?;
    let mut rng = StdRng::seed_from_u64(7);
    let sealed = SealedPassword::seal_change(&present, &new, &binding, &recipients, &mut rng)?;
    Ok(serde_json::to_value(&sealed)?)
}
