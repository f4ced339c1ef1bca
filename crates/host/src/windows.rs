//! The host on Windows: what stands behind the traits of `parts`, and the service around it.

mod launcher;
mod machine;
mod own_folder;
mod service;
mod tile_pipe;

pub use launcher::helper;
pub use service::{check, install, run, uninstall};

use std::{io, path::PathBuf};

use protocol::host::tile;

/// The service's name.
pub const SERVICE: &str = "regain-host";

/// The account that the app runs under.
const ACCOUNT: &str = "RegainApp";

/// The app, beside this program.
const APP: &str = "regain.exe";

/// The folder that only the system and administrators may enter.
fn folder() -> io::Result<PathBuf> {
    os_windows::machine::program_data().map(|data| data.join(tile::FOLDER))
}
