//! `/api/v1/agents`: enrolment once, then the link.

pub mod enrol;
pub mod link;
