//! Answers: JSON, or a problem document. Every refusal of ours or of the framework leaves as the
//! same kind of document with a trace that finds its cause in the log; every answer carries the
//! same protective headers (catalogue NET-04, NET-06).

use std::any::Any;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use protocol::{
    bytes::Bytes,
    problem::{Problem, ProblemCode},
};
use rand::{TryRng as _, rngs::SysRng};
use serde::Serialize;

use crate::flow::Refused;

/// A JSON answer with this status.
pub struct Answer<T>(pub StatusCode, pub T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        (self.0, axum::Json(self.1)).into_response()
    }
}

/// What [`finish`] turns into a problem document. Clonable, as response extensions must be; the
/// cause is logged here and goes no further.
#[derive(Clone)]
struct Marked {
    code: ProblemCode,
    retry_after_s: Option<u32>,
    case_code: Option<String>,
    trace: String,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let trace = trace();
        if let Some(cause) = &self.cause {
            let code = self.code;
            tracing::error!(%trace, %code, %cause, source = ?cause.source(), "a request failed");
        }
        let mut response = StatusCode::OK.into_response();
        response.extensions_mut().insert(Marked {
            code: self.code,
            retry_after_s: self.retry_after.map(recovery::Span::seconds_up),
            case_code: self.case_code,
            trace,
        });
        response
    }
}

/// Lays what every answer must carry over this one.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let is_head = request.method() == Method::HEAD;
    let mut response = next.run(request).await;
    let marked = response.extensions_mut().remove::<Marked>().or_else(|| plain_failure(&response));
    if let Some(marked) = marked {
        response = problem(marked);
    }
    protect(&mut response, is_api);
    if is_head {
        *response.body_mut() = Body::empty();
    }
    response
}

/// A refusal of the framework's own becomes one of ours.
fn plain_failure(response: &Response) -> Option<Marked> {
    let code = match response.status() {
        status if status.is_success() || status.is_informational() || status.is_redirection() => {
            return None;
        }
        StatusCode::NOT_FOUND => ProblemCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemCode::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemCode::NotJson,
        status if status.is_client_error() => ProblemCode::Malformed,
        _ => ProblemCode::Internal,
    };
    Some(Marked { code, retry_after_s: None, case_code: None, trace: trace() })
}

fn problem(marked: Marked) -> Response {
    let mut document = Problem::new(marked.code, marked.trace);
    document.case_code = marked.case_code;
    document.retry_after_s = marked.retry_after_s;
    let status = StatusCode::from_u16(document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(document)).into_response();
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    if let Some(seconds) = marked.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; worker-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; \
    frame-ancestors 'none'; form-action 'self'";

fn protect(response: &mut Response, is_api: bool) {
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", CSP),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// A panic in a handler is one 500, not a dead service.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Refused::internal(format!("a handler panicked: {said}")).into_response()
}

/// The path exists, not with this method.
pub(super) async fn method_not_allowed() -> Response {
    Refused::new(ProblemCode::MethodNotAllowed).into_response()
}

/// Eight random bytes that stand in the answer and in the log.
fn trace() -> String {
    let mut bytes = [0; 8];
    // Only to find a line in the log again: no secret, so a failing system source is no reason
    // to fail the request.
    let _ = SysRng.try_fill_bytes(&mut bytes);
    Bytes::encode(&bytes)
}
