//! `POST /api/v1/recovery/code`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{
    api::{EnterCode, Step},
    problem::Problem,
};

use crate::{
    flow::{self, Input, Refused},
    http::{
        Answer,
        extract::{Call, OfTenant, Source},
    },
    service::Service,
};

/// Proves a gate with its code.
#[utoipa::path(
    post, path = "/recovery/code", operation_id = "enter_code", tag = "recovery", request_body = EnterCode,
    params(("Idempotency-Key" = String, Header, description = "16 to 64 letters, digits, - or _")),
    responses((status = 200, body = Step), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    Source(source): Source,
    call: Call<EnterCode>,
) -> Result<Answer<Step>, Refused> {
    let (caller, body) = call.split()?;
    let input = Input::EnterCode(body.code, source);
    Ok(Answer(StatusCode::OK, flow::call(&service, &tenant, caller, input).await?))
}
