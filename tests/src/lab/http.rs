//! Plain HTTP on the loopback: for the mailbox, the service's API and WebDriver.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What came back.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null when it is not JSON.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

/// One client for one server.
#[derive(Clone)]
pub struct Http {
    agent: ureq::Agent,
    base: String,
}

impl Http {
    /// For the server at `base`, such as `http://127.0.0.1:4444`.
    pub fn new(base: impl Into<String>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .proxy(None)
            .build()
            .new_agent();
        Self { agent, base: base.into() }
    }

    /// Where the server is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// When nothing comes back. A refusal by the server is an answer.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(path, request.call())
    }

    /// Posts `body` as JSON to `path`.
    ///
    /// # Errors
    /// When nothing comes back. A refusal by the server is an answer.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(path, request.send(body.to_string()))
    }

    /// Deletes `path`.
    ///
    /// # Errors
    /// When nothing comes back. A refusal by the server is an answer.
    pub fn delete(&self, path: &str) -> Result<Answer> {
        let request = self.agent.delete(format!("{}{path}", self.base));
        self.answer(path, request.call())
    }

    fn answer(
        &self,
        path: &str,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer> {
        let mut response = result.with_context(|| format!("{}{path}", self.base))?;
        let status = response.status().as_u16();
        let text = response
            .body_mut()
            .with_config()
            .limit(64 * 1024 * 1024)
            .read_to_string()
            .with_context(|| format!("{}{path}", self.base))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, body, text })
    }
}

impl Answer {
    /// The body, if the answer is a success.
    ///
    /// # Errors
    /// With status and body otherwise.
    pub fn success(self) -> Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("status {}: {}", self.status, self.text);
        }
        Ok(self.body)
    }
}
