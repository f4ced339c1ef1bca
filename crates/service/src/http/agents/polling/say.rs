//! `POST /api/v1/agents/polling/say`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::polling::{Said, Say};

use crate::{
    flow::Refused,
    http::{
        Answer,
        extract::{Body, OfTenant},
    },
    service::Service,
};

/// Takes a text of an agent in, once under its number.
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    _: OfTenant,
    Body { body: said, .. }: Body<Say>,
) -> Result<Answer<Said>, Refused> {
    service.links.pipes.find(&said.pipe)?.say(said).await?;
    Ok(Answer(StatusCode::OK, Said {}))
}
