//! The recovery flow: what each call does. Every call is one transaction over one row; what is
//! allowed when is the step table of `recovery`, and this module never asks anything else.
//!
//! Strangers learn nothing (design decision 3): until the first gate is passed, every name goes
//! through the same queries and writes, and messages leave after the answer is fixed.

mod begin;
mod bot_check;
mod call;
mod code;
mod lane;
mod message;
mod refused;
mod token;
mod view;

pub use begin::{Beginning, begin, start};
pub use call::{Caller, Input, call};
pub use message::{Message, MessageKind, Recipient};
pub use refused::Refused;
pub use token::{IdempotencyKey, Token};
pub use view::{look, of as view_of, wait_for_change};

pub(crate) use call::{count_act, count_present_password, present_password_tries};
pub(crate) use code::forget_wrong as forget_wrong_codes;
pub(crate) use code::{limit_key, source_block};
pub(crate) use lane::release_device;
pub use lane::release_name;
pub(crate) use message::{post as post_message, post_notice};
pub(crate) use view::binding;
