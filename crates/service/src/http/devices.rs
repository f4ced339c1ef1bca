//! `/api/v1/devices/...`, one endpoint a file.

pub(super) mod nonce;
pub(super) mod report;
