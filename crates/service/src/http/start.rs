//! `GET /api/v1/start`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{api::Start, problem::Problem};

use super::{
    Answer,
    extract::{OfTenant, Source},
};
use crate::{
    flow::{self, Refused},
    service::Service,
};

/// What a client needs before anybody typed anything: whose service this is, and a bot check.
#[utoipa::path(
    get, path = "/start", operation_id = "start", tag = "recovery",
    responses((status = 200, body = Start), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(super) async fn get(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    Source(source): Source,
) -> Result<Answer<Start>, Refused> {
    Ok(Answer(StatusCode::OK, flow::start(&service, &tenant, source).await?))
}
