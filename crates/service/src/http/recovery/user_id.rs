//! `POST /api/v1/recovery/user-id`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{
    api::{ChangeUserId, Step},
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

/// Another user ID, while no gate is passed.
#[utoipa::path(
    post, path = "/recovery/user-id", operation_id = "change_user_id", tag = "recovery", request_body = ChangeUserId,
    params(("Idempotency-Key" = String, Header, description = "16 to 64 letters, digits, - or _")),
    responses((status = 200, body = Step), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    Source(source): Source,
    call: Call<ChangeUserId>,
) -> Result<Answer<Step>, Refused> {
    let (caller, body) = call.split()?;
    let input = Input::ChangeUserId(body.user_id, source);
    Ok(Answer(StatusCode::OK, flow::call(&service, &tenant, caller, input).await?))
}
