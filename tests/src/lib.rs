//! The lab and the harness: real processes on this machine, started, watched and ended.
//!
//! `lab` starts things (a domain, a mail server, the service, the agent, the app's window) and
//! asks them questions from outside. `harness` has the people and the words of the stories.
//! Neither links the product: what a story sees, it sees through a process, a socket or a
//! window, so that the demo compiles in seconds and no story can cheat. What needs the
//! product's types (stories below the wire) is a dev-dependency of `tests/tests`.

pub mod demo;
pub mod harness;
pub mod lab;
