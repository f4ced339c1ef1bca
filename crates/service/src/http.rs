//! The HTTP API and the portal. One endpoint a file, path = URL; handlers read the request into
//! types, make one call of [`crate::flow`], and answer. What every answer must carry (headers,
//! problem documents, limits) is laid over all of them here, once.

pub mod agents;
mod answer;
mod devices;
mod extract;
mod guard;
mod portal;
mod recoveries;
mod recovery;
mod start;
mod tile;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::service::Service;

pub use answer::Answer;

/// Most bytes of a body (catalogue NET-08).
const MAX_BODY: usize = 64 * 1024;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Regain",
        description = "Recovery of locked-out accounts: one tenant per host, one view per step.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(protocol::problem::Problem))
)]
struct Api;

/// Everything the service answers.
pub fn router(service: &Arc<Service>) -> Router {
    let (api, _) = api().split_for_parts();
    api.merge(agents::link::route())
        .merge(agents::polling::route())
        .fallback(portal::page)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CompressionLayer::new().gzip(true))
        .layer(middleware::from_fn(guard::same_site))
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(middleware::from_fn(answer::finish))
        .with_state(Arc::clone(service))
}

/// The OpenAPI document, from the handlers themselves.
///
/// # Errors
/// When it cannot be written as JSON, which it always can.
pub fn openapi() -> Result<String, serde_json::Error> {
    let (_, document) = api().split_for_parts();
    document.to_pretty_json()
}

fn api() -> OpenApiRouter<Arc<Service>> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(start::get))
        .routes(routes!(recoveries::post))
        .routes(routes!(recovery::get))
        .routes(routes!(recovery::user_id::post))
        .routes(routes!(recovery::method::post))
        .routes(routes!(recovery::code::post))
        .routes(routes!(recovery::act::post))
        .routes(routes!(recovery::password::post))
        .routes(routes!(recovery::back::post))
        .routes(routes!(recovery::cancel::post))
        .routes(routes!(devices::nonce::get))
        .routes(routes!(devices::report::post))
        .routes(routes!(tile::get))
        .routes(routes!(agents::enrol::post));
    OpenApiRouter::with_openapi(Api::openapi()).nest("/api/v1", v1)
}
