//! Stories at the HTTP boundary: the whole service on SQLite, with time moved by hand. Messages
//! are read where the sender would take them out; everything else goes through requests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]
#![expect(unreachable_pub, reason = "a test binary: what its modules share is all there is")]

mod alerts;
mod attackers;
mod candour;
mod changes;
mod devices;
mod harness;
mod lanes;
mod pc;
mod recoveries;
mod repetitions;
mod synchronisation;
mod times;
mod trouble;
