//! `POST /api/v1/agents/polling/hear`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::polling::{Hear, Heard};

use crate::{
    flow::Refused,
    http::{
        Answer,
        extract::{Body, OfTenant},
    },
    service::Service,
};

/// Answers with the texts for an agent from a number on, as soon as there are any.
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    _: OfTenant,
    Body { body: asked, .. }: Body<Hear>,
) -> Result<Answer<Heard>, Refused> {
    let texts = service.links.pipes.find(&asked.pipe)?.hear(&asked).await?;
    Ok(Answer(StatusCode::OK, Heard { texts }))
}
