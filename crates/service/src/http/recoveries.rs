//! `POST /api/v1/recoveries`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{
    api::{Begin, Step},
    problem::Problem,
};

use super::{
    Answer,
    extract::{Call, OfTenant, Source},
};
use crate::{
    flow::{self, Beginning, Refused},
    service::Service,
};

/// Begins a recovery for a user ID. The answer is the same whosever the name is.
#[utoipa::path(
    post, path = "/recoveries", operation_id = "begin", tag = "recovery", request_body = Begin,
    params(("Idempotency-Key" = String, Header, description = "16 to 64 letters, digits, - or _")),
    responses((status = 201, body = Step), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    Source(source): Source,
    call: Call<Begin>,
) -> Result<Answer<Step>, Refused> {
    let beginning = Beginning { request: call.body, key: call.key, source };
    Ok(Answer(StatusCode::CREATED, flow::begin(&service, &tenant, beginning).await?))
}
