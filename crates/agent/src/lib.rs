//! regain-agent: stands beside a directory and changes it when the service asks and its own
//! limits allow. Opens outbound connections only. Usable in process: [`Agent::open`] takes any
//! directory, clock and randomness.
//!
//! It never listens, never keeps a password, and never does twice what was asked once.

mod agent;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod enrolment;
pub mod event_log;
pub mod events;
pub mod journal;
mod limits;
mod link;
pub mod link_keys;
mod local;
mod outbox;
pub mod private;
mod reach;
pub mod recipients;
pub mod rotation;
pub mod standing;
mod synchronisation;
mod way;
mod write_back;

pub use agent::{Agent, AgentError};
