//! Files that only the agent may read: on Unix by their mode, on Windows by the list of their
//! folder, which only the system, the administrators and the agent's own service are on.

use std::{fs::OpenOptions, io, path::Path};

/// The agent's name where the machine knows it: its service, its secrets.
pub const SERVICE: &str = "regain-agent";

/// Makes the agent's folder, for its owner alone.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(windows)]
    restrict(path)?;
    Ok(())
}

/// How files in it are opened that are made when they are missing.
pub(crate) fn options() -> OpenOptions {
    #[cfg(unix)]
    return std::os::unix::fs::OpenOptionsExt::mode(&mut OpenOptions::new(), 0o600).clone();
    #[cfg(not(unix))]
    OpenOptions::new()
}

/// Takes every right to it from others, unless they have none.
///
/// # Errors
/// When it belongs to somebody else, or the system refuses.
#[cfg(windows)]
pub fn restrict(path: &Path) -> io::Result<()> {
    use os_windows::access::{Sid, make_private, strangers};

    let trusted = [Sid::system(), Sid::administrators(), Sid::of_service(SERVICE)];
    if strangers(path, &trusted)?.is_empty() {
        return Ok(());
    }
    make_private(path, &trusted)
}

/// Refuses a folder that belongs to somebody else than the system, the administrators, who runs
/// this program, or the service.
///
/// # Errors
/// Who that is, or that Windows does not tell.
#[cfg(windows)]
pub fn refuse_foreign_owner(folder: &Path) -> io::Result<()> {
    use os_windows::access::{Sid, foreign_owner};

    let trusted = [Sid::system(), Sid::administrators(), Sid::of_service(SERVICE)];
    match foreign_owner(folder, &trusted)? {
        None => Ok(()),
        Some(owner) => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to {owner}; make the folder anew as an administrator"),
        )),
    }
}
