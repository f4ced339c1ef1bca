//! `/api/v1/agents`: enrolment once, then the link, over a WebSocket or over plain requests.

pub mod enrol;
pub mod link;
pub mod polling;
