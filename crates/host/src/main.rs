//! regain-host: the Windows service behind the tile. On other systems it is only a library.

use std::{io::Write as _, process::ExitCode};

fn main() -> ExitCode {
    let _ = writeln!(std::io::stderr(), "regain-host is a service of Windows.");
    ExitCode::FAILURE
}
