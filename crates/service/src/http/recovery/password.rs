//! `POST /api/v1/recovery/password`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{
    api::{SetPassword, Step},
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

/// Hands over the sealed password.
#[utoipa::path(
    post, path = "/recovery/password", operation_id = "set_password", tag = "recovery", request_body = SetPassword,
    params(("Idempotency-Key" = String, Header, description = "16 to 64 letters, digits, - or _")),
    responses((status = 200, body = Step), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    call: Call<SetPassword>,
) -> Result<Answer<Step>, Refused> {
    let (caller, body) = call.split()?;
    let input = Input::SetPassword(Box::new(body.sealed));
    Ok(Answer(StatusCode::OK, flow::call(&service, &tenant, caller, input).await?))
}
