//! `POST /api/v1/devices/report`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{
    device::{DeviceReport, DeviceReported},
    problem::Problem,
};

use crate::{
    devices,
    flow::Refused,
    http::{
        Answer,
        extract::{Body, OfTenant, Source},
    },
    service::Service,
};

/// Takes in what was found on a PC today. The first report enrols its key, with a fleet token.
#[utoipa::path(
    post, path = "/devices/report", operation_id = "device_report", tag = "devices",
    request_body = DeviceReport,
    responses((status = 200, body = DeviceReported), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    Source(source): Source,
    Body { body, .. }: Body<DeviceReport>,
) -> Result<Answer<DeviceReported>, Refused> {
    let device = devices::report(&service, &tenant, source, body).await?;
    Ok(Answer(StatusCode::OK, DeviceReported { device }))
}
