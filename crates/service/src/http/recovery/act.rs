//! `POST /api/v1/recovery/act`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{
    api::{ChooseAct, Step},
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

/// Chooses what to do: unlock, or a new password.
#[utoipa::path(
    post, path = "/recovery/act", operation_id = "choose_act", tag = "recovery", request_body = ChooseAct,
    params(("Idempotency-Key" = String, Header, description = "16 to 64 letters, digits, - or _")),
    responses((status = 200, body = Step), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    call: Call<ChooseAct>,
) -> Result<Answer<Step>, Refused> {
    let (caller, body) = call.split()?;
    let input = Input::ChooseAct(body.act);
    Ok(Answer(StatusCode::OK, flow::call(&service, &tenant, caller, input).await?))
}
