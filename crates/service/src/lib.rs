//! regain-service: policy, challenges, the recovery flow, the HTTP API, the portals and the
//! embedded directory. Faces the internet, and therefore holds no password in clear (except
//! where it is the directory itself, for as long as hashing takes) and opens no connection to
//! an agent.
//!
//! Start reading at [`http`] (a call comes in), then [`flow`] (what it does) and [`directories`]
//! (how the directory is changed).

pub mod accounts;
mod agent_state;
pub mod agents;
pub mod alerts;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod devices;
pub mod directories;
pub mod doctor;
pub mod embedded;
pub mod flow;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod locale;
pub mod notify;
mod readiness;
pub mod service;
pub mod tenants;
pub mod welcome;

pub use service::Service;
