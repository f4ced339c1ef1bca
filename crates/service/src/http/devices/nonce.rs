//! `GET /api/v1/devices/nonce`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use protocol::{bytes::Bytes, device::DeviceNonce, problem::Problem};

use crate::{
    devices,
    http::{Answer, extract::OfTenant},
    service::Service,
};

/// What a PC signs its report over. Nothing is kept of it.
#[utoipa::path(
    get, path = "/devices/nonce", operation_id = "device_nonce", tag = "devices",
    responses((status = 200, body = DeviceNonce), (status = "4XX", body = Problem))
)]
pub(in crate::http) async fn get(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
) -> Answer<DeviceNonce> {
    let nonce = devices::nonce(&service.keys, tenant.id, service.now());
    Answer(StatusCode::OK, DeviceNonce { nonce: Bytes(nonce.to_vec()) })
}
