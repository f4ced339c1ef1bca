//! `GET /api/v1/recovery`, and the calls under it, one a file.

pub(super) mod act;
pub(super) mod back;
pub(super) mod cancel;
pub(super) mod code;
pub(super) mod method;
pub(super) mod password;
pub(super) mod user_id;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use protocol::{
    api::View,
    problem::{Problem, ProblemCode},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Answer,
    extract::{Bearer, OfTenant},
};
use crate::{
    flow::{self, Refused},
    service::Service,
};

/// Longest wait for a change.
const MAX_WAIT_S: u64 = 25;

/// How to read.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Look {
    /// Wait up to so many seconds (at most 25) for a change. A waiting read is no sign of life.
    wait_s: Option<u64>,
    /// The revision already seen; answers at once when there is a newer one.
    revision: Option<u64>,
}

/// Reads where a recovery stands. Never renews the token.
#[utoipa::path(
    get, path = "/recovery", operation_id = "look", tag = "recovery", params(Look),
    responses((status = 200, body = View), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(super) async fn get(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    Bearer(token): Bearer,
    look: Result<Query<Look>, QueryRejection>,
) -> Result<Answer<View>, Refused> {
    let Query(look) = look.map_err(|_| Refused::new(ProblemCode::Malformed))?;
    let view = match look.wait_s {
        None => flow::look(&service, &tenant, &token, true).await?,
        Some(seconds) => {
            let _place = service.waiting_reads.try_acquire().map_err(|_| Refused::busy())?;
            let wait = Duration::from_secs(seconds.min(MAX_WAIT_S));
            flow::wait_for_change(&service, &tenant, &token, look.revision, wait).await?
        }
    };
    Ok(Answer(StatusCode::OK, view))
}
