//! The demo, started by `cargo xtask demo` after the service is built. See `tests::demo`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tests::demo::main()
}
