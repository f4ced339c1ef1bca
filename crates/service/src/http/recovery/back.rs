//! `POST /api/v1/recovery/back`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{
    api::{Nothing, Step},
    problem::Problem,
};

use crate::{
    flow::{self, Input, Refused},
    http::{
        Answer,
        extract::{Call, OfTenant},
    },
    service::Service,
};

/// One page back.
#[utoipa::path(
    post, path = "/recovery/back", operation_id = "back", tag = "recovery", request_body = Nothing,
    params(("Idempotency-Key" = String, Header, description = "16 to 64 letters, digits, - or _")),
    responses((status = 200, body = Step), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    call: Call<Nothing>,
) -> Result<Answer<Step>, Refused> {
    let (caller, Nothing {}) = call.split()?;
    let input = Input::Back;
    Ok(Answer(StatusCode::OK, flow::call(&service, &tenant, caller, input).await?))
}
