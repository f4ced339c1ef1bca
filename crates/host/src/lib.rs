//! The host: a Windows service that lets the tile on the sign-in screen start the app with no
//! power to misuse, and that holds the device's key.
//!
//! It runs as the system, and therefore never touches the network and parses nothing from outside
//! but the frames of `protocol::host`. What Windows does for it stands behind the traits of
//! [`parts`], so that everything here runs in tests on any system.

pub mod crashes;
pub mod desk;
pub mod device;
pub mod double;
pub mod events;
pub mod flow;
pub mod folder;
pub mod journal;
pub mod keep;
pub mod name;
pub mod parts;
pub mod rates;
pub mod readiness;
pub mod report;
pub mod serve;
pub mod sight;
pub mod table;
pub mod takeover;
pub mod uninstall;
pub mod watch;
#[cfg(windows)]
pub mod windows;
pub mod words;
