//! `POST /api/v1/agents/polling`: a link over plain requests, for where WebSockets do not come
//! through; the calls under it, one a file. Agents alone speak it: it is described in
//! docs/network.md, not in the OpenAPI document.

mod hear;
mod say;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::post,
};
use protocol::{agent::MAX_FRAME, polling::Opened};

use crate::{
    agents::{self, Wire, pipe},
    flow::Refused,
    http::{
        Answer,
        extract::{OfTenant, Source},
    },
    service::Service,
};

/// A text with all its quotation marks escaped.
const MAX_BODY: usize = 2 * MAX_FRAME;

/// The routes.
pub(in crate::http) fn route() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/v1/agents/polling", post(open))
        .route("/api/v1/agents/polling/say", post(say::post))
        .route("/api/v1/agents/polling/hear", post(hear::post))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

/// Opens a pipe. Like a WebSocket it takes one of a few places for links that have not proved
/// themselves; places of its own, so that they cannot be used up for WebSockets.
async fn open(
    State(service): State<Arc<Service>>,
    _: OfTenant,
    Source(source): Source,
) -> Result<Answer<Opened>, Refused> {
    let place = service.unproved_pipes.take(source).ok_or_else(Refused::busy)?;
    let (pipe, end) = pipe::open(&service, place);
    tokio::spawn(agents::serve(Arc::clone(&service), Wire::Pipe(end)));
    Ok(Answer(StatusCode::CREATED, Opened { pipe }))
}
