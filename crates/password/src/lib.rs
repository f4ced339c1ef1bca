//! Password rules as values, and the one judge of a password against them.
//!
//! Used by the agent and the embedded directory (whose verdict binds) and by the app (which
//! ticks each rule while the person types). Pure: no IO, no directory, no words for people.
//! The portal's judge in TypeScript (`ui/src/password.ts`) is held to the same
//! `vectors.json`.

mod judge;
mod new_password;
mod rules;

pub use judge::{Finding, judge};
pub use new_password::{NewPassword, UnusablePassword};
pub use rules::{CharacterClass, PasswordRefusal, PasswordRules};

/// The test vectors that every judge (Rust and TypeScript) must agree with.
pub const VECTORS: &str = include_str!("../vectors.json");
