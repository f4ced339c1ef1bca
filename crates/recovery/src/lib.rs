//! The rules of a recovery: which gates a policy demands, which call is allowed at which
//! stage, what helps an account in which state, how often anything may be tried, and for how
//! long anything is good.
//!
//! Pure: no IO, no async, no SQL, no HTTP. The clock and randomness come in as arguments. It
//! knows neither the wire (`protocol`) nor the tables (`store`); the service converts at its
//! edge.

mod account;
mod address;
mod case_code;
mod code;
mod limits;
mod mask;
mod policy;
mod session;
mod steps;
mod times;

pub use account::{AccountState, Finding};
pub use address::{Address, AddressKind, Arrival, OwnMail, Seen, Sighting};
pub use case_code::CaseCode;
pub use code::Code;
pub use limits::{Lane, Limit, Limits};
pub use mask::Mask;
pub use policy::{Method, Policy, PolicyMistake};
pub use session::{
    Act, ActFailure, CodeRow, CodeVerdict, Ended, GatePass, OutcomeKind, Refusal, Session, Stage,
    Waiting,
};
pub use steps::{Call, Event, STEPS, StageName, Trigger, calls_of, next_of};
pub use times::{Span, Times, Timestamp};
