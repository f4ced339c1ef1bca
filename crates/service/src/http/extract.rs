//! Reading a request into types, at the edge: tenant, caller, body, source address. What cannot
//! be read is refused here and changes nothing.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    body::Bytes,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Uri, header, request::Parts},
};
use protocol::problem::ProblemCode;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{
    flow::{Caller, IdempotencyKey, Refused, Token},
    service::Service,
    tenants::Tenant,
};

/// The tenant of the host that the request names, matched exactly.
pub(super) struct OfTenant(pub(super) Arc<Tenant>);

impl FromRequestParts<Arc<Service>> for OfTenant {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Refused> {
        let unknown = || Refused::new(ProblemCode::UnknownHost);
        let host = host(&parts.uri, &parts.headers).ok_or_else(unknown)?;
        let found = service.tenants.of_host(&service.store, &host, service.now()).await?;
        found.map(Self).ok_or_else(unknown)
    }
}

/// The host that a request names: HTTP/2 has it in the address, HTTP/1.1 in a header. At most
/// 255 bytes (RFC 1035) and a port.
pub(super) fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let named = uri.authority().map(|authority| authority.as_str());
    let header = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = named.or(header)?;
    (host.len() <= 261).then(|| host.to_ascii_lowercase())
}

/// The address a request comes from: the peer's, or what trusted proxies say, read from the
/// right (catalogue THR-02).
pub(super) struct Source(pub(super) IpAddr);

impl FromRequestParts<Arc<Service>> for Source {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Refused> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.0.ip());
        Ok(Self(source(peer, &parts.headers, &service.config.http.trusted_proxies)))
    }
}

fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut source = peer.to_canonical();
    let said: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in said.iter().rev() {
        if !trusted.contains(&source) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(before) => source = before.to_canonical(),
            Err(_) => break,
        }
    }
    source
}

/// The token alone, for reading.
pub(super) struct Bearer(pub(super) Token);

impl FromRequestParts<Arc<Service>> for Bearer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, Refused> {
        bearer(&parts.headers).map(Self)
    }
}

fn bearer(headers: &HeaderMap) -> Result<Token, Refused> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(Token::parse)
        .ok_or_else(|| Refused::new(ProblemCode::TokenUnknown))
}

/// A JSON body of exactly this shape, with the idempotency key it must come with.
pub(super) struct Call<T> {
    /// The body.
    pub(super) body: T,
    /// The same for a repetition.
    pub(super) key: IdempotencyKey,
    /// Who calls, when it must be somebody.
    raw: Zeroizing<Vec<u8>>,
    headers: HeaderMap,
}

impl<T> Call<T> {
    /// The caller and the body of a call inside a recovery.
    pub(super) fn split(self) -> Result<(Caller, T), Refused> {
        let token = bearer(&self.headers)?;
        Ok((Caller { token, key: self.key, body: self.raw }, self.body))
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Service>> for Call<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Refused> {
        let headers = request.headers().clone();
        let key = headers
            .get("idempotency-key")
            .and_then(|value| value.to_str().ok())
            .and_then(IdempotencyKey::parse)
            .ok_or_else(|| Refused::new(ProblemCode::Malformed))?;
        let Body { body, raw } = Body::from_request(request, service).await?;
        Ok(Self { body, key, raw, headers })
    }
}

/// A JSON body of exactly this shape.
pub(super) struct Body<T> {
    /// The body.
    pub(super) body: T,
    raw: Zeroizing<Vec<u8>>,
}

impl<T: DeserializeOwned> FromRequest<Arc<Service>> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Refused> {
        if !is_json(request.headers()) {
            return Err(Refused::new(ProblemCode::NotJson));
        }
        let bytes = Bytes::from_request(request, service).await.map_err(|rejection| {
            let too_large = rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE;
            Refused::new(if too_large { ProblemCode::TooLarge } else { ProblemCode::Malformed })
        })?;
        let raw = Zeroizing::new(bytes.to_vec());
        let body =
            serde_json::from_slice(&raw).map_err(|_| Refused::new(ProblemCode::Malformed))?;
        Ok(Self { body, raw })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed_and_from_the_right() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.0.0.2".parse().unwrap());
        let trusted = [ip("10.0.0.1"), ip("10.0.0.2")];
        assert_eq!(source(ip("198.51.100.7"), &headers, &trusted), ip("198.51.100.7"));
        assert_eq!(source(ip("10.0.0.1"), &headers, &trusted), ip("203.0.113.9"));
        assert_eq!(source(ip("10.0.0.1"), &headers, &[]), ip("10.0.0.1"));
    }
}
