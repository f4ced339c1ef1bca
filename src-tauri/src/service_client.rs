//! The one way to the service: HTTPS by rustls to one origin, no redirects, with limits on time
//! and size. Says in one word why the service cannot be reached; decides nothing about the
//! recovery and keeps nothing.

mod failure;
mod way;

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use protocol::{
    api::{Call, Start},
    device::{DeviceNonce, DeviceReport, DeviceReported, TileFace},
    host::app,
};
use rand::CryptoRng;
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue},
    redirect,
};
use serde::{Deserialize, de::DeserializeOwned};
use zeroize::Zeroizing;

pub use self::failure::Why;
pub(crate) use self::failure::{Failure, Problem};
use crate::{Clock, policy::Policy, view::AnyView};

/// Longest wait for a connection: below what people take for "it hangs".
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long the service holds a reading of the view at most.
const WATCH_S: u32 = 25;
/// No honest answer is larger.
const MOST_BYTES: usize = 256 * 1024;

/// The opaque token of a recovery. Wiped on drop; cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Zeroizing<String>);

impl Token {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the header of a call and for the secret store. Nowhere else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// One changing call, whole: sent again it is the same call, by its idempotency key.
pub(crate) struct Change {
    /// The path under `/api/v1/`.
    pub(crate) path: Path,
    /// New per press of a button.
    pub(crate) key: String,
    /// JSON; wiped on drop, because some of them are secret.
    pub(crate) body: Bytes,
}

/// What a changing call changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// A new recovery.
    Recoveries,
    /// The recovery of the token.
    Recovery(Call),
}

impl Change {
    pub(crate) fn new(path: Path, body: Bytes, rng: &mut impl CryptoRng) -> Self {
        let mut random = [0; 16];
        rng.fill_bytes(&mut random);
        Self { path, key: URL_SAFE_NO_PAD.encode(random), body }
    }
}

impl Path {
    fn as_str(self) -> &'static str {
        match self {
            Self::Recoveries => "api/v1/recoveries",
            Self::Recovery(Call::ChangeUserId) => "api/v1/recovery/user-id",
            Self::Recovery(Call::ChooseMethod) => "api/v1/recovery/method",
            Self::Recovery(Call::EnterCode) => "api/v1/recovery/code",
            Self::Recovery(Call::ChooseAct) => "api/v1/recovery/act",
            Self::Recovery(Call::SetPassword) => "api/v1/recovery/password",
            Self::Recovery(Call::Back) => "api/v1/recovery/back",
            Self::Recovery(Call::Cancel) => "api/v1/recovery/cancel",
        }
    }
}

/// Answer of a changing call.
#[derive(Deserialize)]
pub(crate) struct Step {
    pub(crate) token: Token,
    pub(crate) view: AnyView,
}

/// The client of one service.
pub(crate) struct ServiceClient {
    http: Client,
    origin: Url,
    by_proxy: bool,
    answer_time: Duration,
    clock: Clock,
    /// Seconds that our clock is ahead of the service's, as of its last answer.
    ahead_s: AtomicI64,
}

impl ServiceClient {
    /// `machine` is the proxy that the host names.
    pub(crate) fn new(
        policy: &Policy,
        machine: Option<&app::Proxy>,
        answer_time: Duration,
        clock: Clock,
    ) -> Result<Self, reqwest::Error> {
        let proxy = way::proxy(policy, machine)?;
        let mut builder = Client::builder()
            .user_agent(concat!("regain/", env!("CARGO_PKG_VERSION")))
            .https_only(policy.service.scheme() == "https")
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIME)
            .timeout(answer_time)
            .dns_resolver(failure::Names)
            .no_proxy();
        if !policy.authorities.is_empty() {
            builder = builder.tls_certs_only(policy.authorities.clone());
        }
        let by_proxy = proxy.is_some();
        if let Some(proxy) = proxy {
            builder = builder.proxy(proxy);
        }
        Ok(Self {
            http: builder.build()?,
            origin: policy.service.clone(),
            by_proxy,
            answer_time,
            clock,
            ahead_s: AtomicI64::new(0),
        })
    }

    /// All that is needed before anybody typed anything.
    pub(crate) async fn start(&self) -> Result<Start, Failure> {
        self.ask(Method::GET, "api/v1/start", None, |request| request).await
    }

    /// Where the recovery stands now.
    pub(crate) async fn view(&self, token: &Token) -> Result<AnyView, Failure> {
        self.ask(Method::GET, "api/v1/recovery", Some(token), |request| request).await
    }

    /// Where the recovery stands as soon as it is not at `revision` any more, or after a while.
    pub(crate) async fn changed_view(
        &self,
        token: &Token,
        revision: u64,
    ) -> Result<AnyView, Failure> {
        let path = format!("api/v1/recovery?wait_s={WATCH_S}&revision={revision}");
        let time = self.answer_time + Duration::from_secs(WATCH_S.into());
        self.ask(Method::GET, &path, Some(token), |request| request.timeout(time)).await
    }

    /// Makes a changing call, once.
    pub(crate) async fn change(
        &self,
        change: &Change,
        token: Option<&Token>,
    ) -> Result<Step, Failure> {
        self.ask(Method::POST, change.path.as_str(), token, |request| {
            request
                .header(CONTENT_TYPE, "application/json")
                .header("Idempotency-Key", &change.key)
                .body(change.body.clone())
        })
        .await
    }

    /// What a report of this PC is to be signed over.
    pub(crate) async fn device_nonce(&self) -> Result<[u8; 32], Failure> {
        let path = "api/v1/devices/nonce";
        let nonce: DeviceNonce = self.ask(Method::GET, path, None, |request| request).await?;
        nonce.nonce.array().ok_or_else(|| Why::Service.into())
    }

    /// Hands in the report of this PC; the device, as the service names it.
    pub(crate) async fn report(&self, report: &DeviceReport) -> Result<[u8; 16], Failure> {
        // Room enough that no copy of the token is left behind by growing.
        let mut json = Zeroizing::new(Vec::with_capacity(8192));
        serde_json::to_writer(&mut *json, report).map_err(|_| Why::Service)?;
        let body = Bytes::from_owner(json);
        let reported: DeviceReported = self
            .ask(Method::POST, "api/v1/devices/report", None, |request| {
                request.header(CONTENT_TYPE, "application/json").body(body)
            })
            .await?;
        Ok(reported.device.0.into_bytes())
    }

    /// How the tile on the sign-in screen shall look.
    pub(crate) async fn tile(&self) -> Result<TileFace, Failure> {
        self.ask(Method::GET, "api/v1/tile", None, |request| request).await
    }

    /// Seconds that our clock is ahead of the service's.
    pub(crate) fn ahead_s(&self) -> i64 {
        self.ahead_s.load(Ordering::Relaxed)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        token: Option<&Token>,
        complete: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<T, Failure> {
        let url = self.origin.join(path).map_err(|_| Why::Service)?;
        let mut request = self.http.request(method, url).header(ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        let answer = complete(request).send().await;
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        self.compare_clocks(&answer);
        let body = self.body(&mut answer).await?;
        self.read(&answer, &body)
    }

    fn compare_clocks(&self, answer: &Response) {
        let date = answer.headers().get(DATE).and_then(|d| d.to_str().ok());
        let since = date
            .and_then(|date| httpdate::parse_http_date(date).ok())
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        if let Some(theirs) = since.and_then(|since| i64::try_from(since.as_secs()).ok()) {
            self.ahead_s.store((self.clock)() - theirs, Ordering::Relaxed);
        }
    }

    async fn body(&self, answer: &mut Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                tracing::warn!("the answer is larger than any of the service");
                return Err(Why::Service.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn read<T: DeserializeOwned>(&self, answer: &Response, body: &[u8]) -> Result<T, Failure> {
        let content_type = answer.headers().get(CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let status = answer.status();
        let read = match content_type.as_str() {
            "application/json" if status.is_success() => serde_json::from_slice(body).ok(),
            "application/problem+json" if !status.is_success() => {
                if let Ok(problem) = serde_json::from_slice::<Problem>(body) {
                    return Err(Failure::Problem(problem));
                }
                None
            }
            _ => return Err(self.somebody_else(status).into()),
        };
        read.ok_or_else(|| {
            tracing::warn!(%status, content_type, "the answer is not understood");
            Why::Service.into()
        })
    }

    /// Who answers with something that is not of the service.
    fn somebody_else(&self, status: StatusCode) -> Why {
        tracing::warn!(%status, "somebody else answered for the service");
        match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Why::Proxy,
            _ if status.is_server_error()
                && status != StatusCode::NETWORK_AUTHENTICATION_REQUIRED =>
            {
                Why::Service
            }
            _ if self.by_proxy && status.is_client_error() => Why::Proxy,
            _ => Why::CaptivePortal,
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let why = failure::why(error, self.by_proxy);
        tracing::warn!(%error, cause = failure::innermost(error), ?why, "no answer");
        why.into()
    }
}

fn bearer(token: &Token) -> Result<HeaderValue, Failure> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| Why::Service)?;
    value.set_sensitive(true);
    Ok(value)
}
