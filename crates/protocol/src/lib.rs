//! What crosses a wire: the bodies of the HTTP API, the frames of the agent link and of the
//! host's pipes, error codes, ids and sealed passwords. Every text from outside becomes a type here, with its length
//! limit, before anybody looks at it.
//!
//! No decisions: which call is allowed when is `recovery`'s, who may do what is the service's
//! and the agent's. Versioned: a field is added, never given another meaning.

pub mod admission;
pub mod agent;
pub mod api;
pub mod bytes;
pub mod device;
pub mod directory;
pub mod host;
pub mod id;
pub mod link_key;
pub mod phone;
pub mod polling;
pub mod problem;
pub mod sealed;
pub mod text;

/// The version of the agent link and of sealed passwords. A peer that speaks another one is
/// refused by name.
pub const VERSION: u16 = 1;
