//! `GET /api/v1/tile`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{bytes::Bytes, device::TileFace, problem::Problem};

use super::{Answer, extract::OfTenant};
use crate::{flow::Refused, service::Service};

/// How the tile on the sign-in screen shall look.
#[utoipa::path(
    get, path = "/tile", operation_id = "tile", tag = "devices",
    responses((status = 200, body = TileFace), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(super) async fn get(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
) -> Result<Answer<TileFace>, Refused> {
    let id = tenant.id.0;
    let tile = service.store.read(move |mut tx| Box::pin(async move { tx.tile(id).await })).await?;
    let face = TileFace { labels: tile.labels, picture: tile.picture.map(Bytes) };
    Ok(Answer(StatusCode::OK, face))
}
