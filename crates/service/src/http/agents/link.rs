//! `GET /api/v1/agents/link`: the WebSocket that an agent opens.

use std::sync::Arc;

use axum::{
    Router,
    extract::{State, WebSocketUpgrade},
    response::Response,
    routing::any,
};

use crate::{
    agents::{self, Wire},
    flow::Refused,
    http::extract::{OfTenant, Source},
    service::Service,
};

/// The name of the protocol spoken on the link.
const PROTOCOL: &str = "regain.agent.1";

/// The route; not part of the OpenAPI document, which knows no WebSockets (docs/network.md).
pub(in crate::http) fn route() -> Router<Arc<Service>> {
    Router::new().route("/api/v1/agents/link", any(upgrade))
}

async fn upgrade(
    State(service): State<Arc<Service>>,
    _: OfTenant,
    Source(source): Source,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let place = service.unproved_links.take(source).ok_or_else(Refused::busy)?;
    Ok(upgrade
        .protocols([PROTOCOL])
        .max_frame_size(protocol::agent::MAX_FRAME)
        .max_message_size(protocol::agent::MAX_FRAME)
        .on_upgrade(move |socket| {
            agents::serve(service, Wire::Socket(Box::new(socket), Some(place)))
        }))
}
