//! `POST /api/v1/recovery/method`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{
    api::{ChooseMethod, Step},
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

/// Sends a code with this method, for the first time or again.
#[utoipa::path(
    post, path = "/recovery/method", operation_id = "choose_method", tag = "recovery", request_body = ChooseMethod,
    params(("Idempotency-Key" = String, Header, description = "16 to 64 letters, digits, - or _")),
    responses((status = 200, body = Step), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    call: Call<ChooseMethod>,
) -> Result<Answer<Step>, Refused> {
    let (caller, body) = call.split()?;
    let input = Input::ChooseMethod(body.method);
    Ok(Answer(StatusCode::OK, flow::call(&service, &tenant, caller, input).await?))
}
