//! `POST /api/v1/recovery/cancel`

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

/// Stops the recovery; or finishes it, where the work is done.
#[utoipa::path(
    post, path = "/recovery/cancel", operation_id = "cancel", tag = "recovery", request_body = Nothing,
    params(("Idempotency-Key" = String, Header, description = "16 to 64 letters, digits, - or _")),
    responses((status = 200, body = Step), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    call: Call<Nothing>,
) -> Result<Answer<Step>, Refused> {
    let (caller, Nothing {}) = call.split()?;
    let input = Input::Cancel;
    Ok(Answer(StatusCode::OK, flow::call(&service, &tenant, caller, input).await?))
}
