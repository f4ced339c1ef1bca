//! The app's controller and client against a service that breaks when it is told to.
#![expect(
    clippy::unwrap_used,
    reason = "a fault of the harness is a failed test that names its line"
)]

mod double;
mod hosted;
mod second_thoughts;
mod simple_form;
mod stories;
mod unreachable;
