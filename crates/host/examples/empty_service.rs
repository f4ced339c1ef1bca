//! A service of Windows that does nothing: what the host's memory is compared with. For the bench
//! alone.

#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
fn main() -> std::io::Result<()> {
    os_windows::service::run("regain-empty", |stop| stop.recv().is_ok())
}
