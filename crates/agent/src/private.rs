//! Files that only the agent may read: on Unix by their mode, on Windows by the list of their
//! folder, which only the system, the administrators and the agent's own service are on.

use std::{fs::OpenOptions, io, path::Path};
#[cfg(unix)]
use std::{os::unix::fs::MetadataExt as _, path::PathBuf};

/// The agent's name where the machine knows it: its service, its secrets.
pub const SERVICE: &str = "regain-agent";

/// The program, called as the user whom its unit names; Windows lets administrators at its files.
pub const AS_AGENT: &str =
    if cfg!(windows) { "regain-agent" } else { "sudo -u regain-agent regain-agent" };

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

/// The folder is somebody else's: what is written there now could not be read by the agent.
#[cfg(unix)]
#[derive(Debug, thiserror::Error)]
#[error(
    "{} belongs to {owner}; what another user writes there, the agent cannot read. Run it as the \
     agent's user: sudo -u {owner} regain-agent ...",
    folder.display()
)]
pub struct NotOurs {
    folder: PathBuf,
    /// A name, or what sudo takes for one.
    owner: String,
}

/// Refuses a data folder of another user, root included: files are for their owner alone. One
/// that is missing is made by whoever comes first.
///
/// # Errors
/// When it is another user's.
#[cfg(unix)]
pub fn refuse_others(folder: &Path) -> Result<(), NotOurs> {
    refuse_user(folder, rustix::process::geteuid().as_raw())
}

#[cfg(unix)]
fn refuse_user(folder: &Path, user: u32) -> Result<(), NotOurs> {
    // Whatever else is wrong with it is said by what writes there.
    let owner = std::fs::metadata(folder).map_or(user, |found| found.uid());
    if owner == user {
        return Ok(());
    }
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let owner = user_name(&known, owner).unwrap_or_else(|| format!("'#{owner}'"));
    Err(NotOurs { folder: folder.to_owned(), owner })
}

/// The user's name in a file like /etc/passwd.
#[cfg(unix)]
fn user_name(known: &str, user: u32) -> Option<String> {
    known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let is_meant = fields.nth(1)?.parse() == Ok(user);
        is_meant.then(|| name.to_owned())
    })
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_written_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let owner = std::fs::metadata(folder.path()).unwrap().uid();
        refuse_user(folder.path(), owner).unwrap();
        let error = refuse_user(folder.path(), owner + 1).unwrap_err().to_string();
        assert!(error.contains("regain-agent ..."), "{error}");
        refuse_user(&folder.path().join("missing"), owner + 1).unwrap();
    }

    #[test]
    fn the_owner_is_named_as_sudo_takes_it() {
        let known = "root:x:0:0:root:/root:/bin/sh\nregain-agent:x:997:997::/:/bin/false\n";
        assert_eq!(user_name(known, 997).as_deref(), Some("regain-agent"));
        assert_eq!(user_name(known, 99), None);
    }
}
