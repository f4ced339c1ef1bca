//! Secrets as files, for machines without a credential store. Written whole or not at all;
//! owner and mode are checked on every read, because a secret that others could read is none
//! and one that others could write is theirs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use zeroize::Zeroizing;

use crate::{Kind, SecretStore, SecretStoreError};

/// Says where the secrets of a folder are: in it, or in the system's credential store.
const NOTE: &str = "kept-in";

#[derive(Debug)]
pub(crate) struct SecretFiles {
    folder: PathBuf,
}

impl SecretFiles {
    /// `service`: whose secrets they are; on Windows a service of that name may read them.
    pub(crate) fn open(folder: &Path, service: &str) -> Result<Self, SecretStoreError> {
        make_private_folder(folder).map_err(failed(folder, "make the folder"))?;
        let found = fs::symlink_metadata(folder).map_err(failed(folder, "look at the folder"))?;
        private::check(folder, &found, private::Wanted::Folder)?;
        private::check_list(folder, service)?;
        Ok(Self { folder: folder.to_owned() })
    }

    pub(crate) fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretStoreError> {
        self.read(&self.path(name))
    }

    pub(crate) fn set(&self, name: &str, secret: &[u8]) -> Result<(), SecretStoreError> {
        self.write(&self.path(name), secret)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), SecretStoreError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => self.sync_folder(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&path, "delete the file")(error)),
        }
    }

    /// Where an earlier run put the secrets of this folder.
    pub(crate) fn note(&self) -> Result<Option<Kind>, SecretStoreError> {
        let path = self.folder.join(NOTE);
        match self.read(&path)?.as_ref().map(|note| note.as_slice()) {
            None => Ok(None),
            Some(b"keyring\n") => Ok(Some(Kind::Keyring)),
            Some(b"file\n") => Ok(Some(Kind::File)),
            Some(_) => Err(SecretStoreError::Note(path)),
        }
    }

    pub(crate) fn write_note(&self, kind: Kind) -> Result<(), SecretStoreError> {
        let note: &[u8] = match kind {
            Kind::Keyring => b"keyring\n",
            Kind::File | Kind::Auto => b"file\n",
        };
        self.write(&self.folder.join(NOTE), note)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.secret"))
    }

    fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, SecretStoreError> {
        let file = match private::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(path, "open the file")(error)),
        };
        // The open file is asked, not the path: nobody can swap it in between.
        let found = file.metadata().map_err(failed(path, "look at the file"))?;
        private::check(path, &found, private::Wanted::File)?;
        let mut secret = Zeroizing::new(Vec::with_capacity(SecretStore::MAX_BYTES + 1));
        let most = SecretStore::MAX_BYTES as u64 + 1;
        file.take(most).read_to_end(&mut secret).map_err(failed(path, "read the file"))?;
        if secret.len() > SecretStore::MAX_BYTES {
            return Err(SecretStoreError::TooLarge(secret.len()));
        }
        Ok(Some(secret))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SecretStoreError> {
        let temporary = self.temporary();
        // One of this name can only be left over from a crash of an earlier process.
        let _ = fs::remove_file(&temporary);
        let written = private::create(&temporary)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, path));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(failed(path, "write the file")(error));
        }
        self.sync_folder()
    }

    fn temporary(&self) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.folder.join(format!(".{process}-{count}.new"))
    }

    #[cfg(unix)]
    fn sync_folder(&self) -> Result<(), SecretStoreError> {
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed(&self.folder, "sync the folder"))
    }

    /// Windows keeps renames in its own journal and cannot open folders as files.
    #[cfg(windows)]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the other form needs both")]
    fn sync_folder(&self) -> Result<(), SecretStoreError> {
        Ok(())
    }
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> SecretStoreError {
    let path = path.to_owned();
    move |source| SecretStoreError::Io { path, doing, source }
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(windows)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// What "private" means: ours, and nobody else may read or write.
#[cfg(unix)]
mod private {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    use rustix::fs::OFlags;

    use super::{File, OpenOptions, Path, SecretStoreError, io};

    #[derive(Clone, Copy)]
    pub(super) enum Wanted {
        File,
        Folder,
    }

    pub(super) fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path)
    }

    pub(super) fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    pub(super) fn check(
        path: &Path,
        found: &std::fs::Metadata,
        wanted: Wanted,
    ) -> Result<(), SecretStoreError> {
        let exposed = |wrong: String, right: String| {
            Err(SecretStoreError::Exposed { path: path.to_owned(), wrong, right })
        };
        let (right_type, word, mode) = match wanted {
            Wanted::File => (found.is_file(), "plain file", 0o600),
            Wanted::Folder => (found.is_dir(), "folder", 0o700),
        };
        if !right_type {
            return exposed(format!("is no {word}"), format!("it must be a {word}"));
        }
        let us = rustix::process::geteuid().as_raw();
        if found.uid() != us {
            return exposed(
                format!("belongs to user {}", found.uid()),
                format!("it must belong to user {us}"),
            );
        }
        if found.mode() & 0o077 != 0 {
            return exposed(
                format!(
                    "has mode {:04o}, so that others have a right to it",
                    found.mode() & 0o7777
                ),
                format!("chmod {mode:04o}"),
            );
        }
        Ok(())
    }

    /// Owner and mode say it all.
    #[expect(clippy::unnecessary_wraps, reason = "the other form needs it")]
    pub(super) fn check_list(_folder: &Path, _service: &str) -> Result<(), SecretStoreError> {
        Ok(())
    }
}

/// On Windows the folder's access list says who may read, and what is made in it inherits that:
/// the system, the administrators, who runs this process, and the service of the store's name.
#[cfg(windows)]
mod private {
    use os_windows::access::{Sid, strangers};

    use super::{File, OpenOptions, Path, SecretStoreError, io};

    #[derive(Clone, Copy)]
    pub(super) enum Wanted {
        File,
        Folder,
    }

    pub(super) fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    pub(super) fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(super) fn check(
        path: &Path,
        found: &std::fs::Metadata,
        wanted: Wanted,
    ) -> Result<(), SecretStoreError> {
        let (right_type, word) = match wanted {
            Wanted::File => (found.is_file(), "plain file"),
            Wanted::Folder => (found.is_dir(), "folder"),
        };
        if right_type {
            return Ok(());
        }
        Err(SecretStoreError::Exposed {
            path: path.to_owned(),
            wrong: format!("is no {word}"),
            right: format!("it must be a {word}"),
        })
    }

    pub(super) fn check_list(folder: &Path, service: &str) -> Result<(), SecretStoreError> {
        let trusted = [Sid::system(), Sid::administrators(), Sid::of_service(service)];
        let others =
            strangers(folder, &trusted).map_err(super::failed(folder, "see who may read"))?;
        if others.is_empty() {
            return Ok(());
        }
        Err(SecretStoreError::Exposed {
            path: folder.to_owned(),
            wrong: format!("belongs to or is open to {}", others.join(", ")),
            right: "only the system, the administrators and we may have a right to it".to_owned(),
        })
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    fn files() -> (TempDir, SecretFiles) {
        let parent = tempfile::tempdir().unwrap();
        let files = SecretFiles::open(&parent.path().join("a/b"), "test").unwrap();
        (parent, files)
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn right(result: Result<Option<Zeroizing<Vec<u8>>>, SecretStoreError>) -> String {
        match result {
            Err(SecretStoreError::Exposed { right, .. }) => right,
            other => panic!("not refused as exposed: {other:?}"),
        }
    }

    #[test]
    fn a_secret_is_kept_replaced_read_and_forgotten() {
        let (_parent, files) = files();
        assert!(files.get("token").unwrap().is_none());
        files.set("token", b"first").unwrap();
        files.set("token", b"second").unwrap();
        files.set("other", b"").unwrap();
        assert_eq!(*files.get("token").unwrap().unwrap(), b"second");
        assert_eq!(*files.get("other").unwrap().unwrap(), b"");
        files.delete("token").unwrap();
        files.delete("token").unwrap();
        assert!(files.get("token").unwrap().is_none());
    }

    #[test]
    fn only_the_owner_may_read_and_nothing_else_is_left_in_the_folder() {
        let (_parent, files) = files();
        files.set("token", b"secret").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&files.folder), 0o700);
        assert_eq!(mode(&files.path("token")), 0o600);
        assert_eq!(fs::read_dir(&files.folder).unwrap().count(), 1);
    }

    #[test]
    fn a_file_or_folder_open_to_others_is_refused_with_the_command_that_mends_it() {
        let (_parent, files) = files();
        files.set("token", b"secret").unwrap();
        chmod(&files.path("token"), 0o640);
        assert_eq!(right(files.get("token")), "chmod 0600");
        chmod(&files.path("token"), 0o600);
        chmod(&files.folder, 0o750);
        let reopened = SecretFiles::open(&files.folder, "test");
        assert_eq!(right(reopened.map(|_| None)), "chmod 0700");
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        let (_parent, files) = files();
        files.set("token", b"secret").unwrap();
        let given_away = std::os::unix::fs::chown(files.path("token"), Some(65_534), None);
        if let Err(error) = given_away {
            // Only root can give a file away; for others somebody else's file must do.
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            let found = fs::metadata("/").unwrap();
            let checked = private::check(Path::new("/"), &found, private::Wanted::Folder);
            assert!(right(checked.map(|()| None)).starts_with("it must belong to user"));
            return;
        }
        assert!(right(files.get("token")).starts_with("it must belong to user"));
    }

    #[test]
    fn a_link_or_a_pipe_in_place_of_a_secret_is_not_followed() {
        let (parent, files) = files();
        let elsewhere = parent.path().join("elsewhere");
        fs::write(&elsewhere, "bait").unwrap();
        chmod(&elsewhere, 0o600);
        symlink(&elsewhere, files.path("token")).unwrap();
        assert!(matches!(files.get("token"), Err(SecretStoreError::Io { .. })));
        files.set("token", b"ours").unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"bait");
        fs::create_dir(files.path("pipe")).unwrap();
        assert_eq!(right(files.get("pipe")), "it must be a plain file");
    }

    #[test]
    fn a_crash_while_writing_leaves_the_old_secret() {
        let (_parent, files) = files();
        files.set("token", b"old").unwrap();
        // What a crash before the rename leaves behind.
        fs::write(files.folder.join(".1-0.new"), b"ne").unwrap();
        assert_eq!(*files.get("token").unwrap().unwrap(), b"old");
        // A folder in the way makes the rename itself fail.
        fs::create_dir(files.path("blocked")).unwrap();
        assert!(files.set("blocked", b"x").is_err());
        let left: Vec<_> = fs::read_dir(&files.folder).unwrap().collect();
        assert_eq!(left.len(), 3, "no temporary file of ours: {left:?}");
    }

    #[test]
    fn the_note_of_where_secrets_are_is_kept_and_a_strange_one_is_refused() {
        let (_parent, files) = files();
        assert_eq!(files.note().unwrap(), None);
        for kind in [Kind::Keyring, Kind::File] {
            files.write_note(kind).unwrap();
            assert_eq!(files.note().unwrap(), Some(kind));
        }
        files.write(&files.folder.join(NOTE), b"cloud\n").unwrap();
        assert!(matches!(files.note(), Err(SecretStoreError::Note(_))));
    }
}
