//! The one place where long-lived secrets meet the machine: the system's credential store
//! where there is one (Windows Credential Manager, Secret Service), else a private file.
//!
//! It must not decide what a secret is good for, keep one in memory, or write one anywhere
//! else. All calls block; asynchronous callers use a blocking thread.

mod file;
mod keyring;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Once,
};

use zeroize::Zeroizing;

use crate::{file::SecretFiles, keyring::SystemKeyring};

/// Where to keep secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system's credential store when it takes a secret and gives it back, else files.
    /// Decided once for a folder and kept: a store that is missing later is an error, not a
    /// reason to look for the secrets elsewhere and find none.
    Auto,
    /// The system's credential store and nothing else.
    Keyring,
    /// Files of mode 0600 in a folder of mode 0700; on Windows in a folder that only the system,
    /// the administrators, we, and the service of the store's name have a right to.
    File,
}

/// An open store of secrets.
#[derive(Debug)]
pub struct SecretStore {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Keyring(SystemKeyring),
    Files(SecretFiles),
}

/// Why a secret could not be kept or read. No variant ever holds secret bytes.
#[derive(Debug, thiserror::Error)]
pub enum SecretStoreError {
    /// The name cannot name a secret.
    #[error("{0:?} cannot name a secret: use 1 to 64 of a-z, 0-9 and '-'")]
    Name(String),
    /// More bytes than every store takes.
    #[error("the secret has {0} bytes, more than the {max} that every store takes", max = SecretStore::MAX_BYTES)]
    TooLarge(usize),
    /// Somebody else could read or replace the secret.
    #[error("{}: {wrong}; {right}", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// What was found.
        wrong: String,
        /// What would be right.
        right: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: cannot {doing}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The system's credential store refused or is not there.
    #[error("the system's credential store: {0}")]
    Keyring(String),
    /// The note of where the secrets are says something else than it ever did.
    #[error("{}: holds neither \"keyring\" nor \"file\"; delete it to have the store chosen anew", .0.display())]
    Note(PathBuf),
}

impl SecretStore {
    /// Most bytes of one secret: what the Windows Credential Manager takes, less a margin.
    pub const MAX_BYTES: usize = 2048;

    /// Opens the store of `service_name`; files and the note of where the secrets are lie in
    /// `folder`, which is made when it is missing and must belong to us alone (0700): give it a
    /// folder of its own.
    ///
    /// # Errors
    /// When the credential store asked for is not there, or the folder is not private.
    pub fn open(service_name: &str, folder: &Path, kind: Kind) -> Result<Self, SecretStoreError> {
        let place = match kind {
            Kind::Keyring => Place::Keyring(SystemKeyring::open(service_name)?),
            Kind::File => Place::Files(SecretFiles::open(folder, service_name)?),
            Kind::Auto => {
                open_where_it_was(service_name, SecretFiles::open(folder, service_name)?)?
            }
        };
        Ok(Self { place })
    }

    /// The secret of this name, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read, or others could have read or written the secret.
    pub fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretStoreError> {
        let name = checked(name)?;
        match &self.place {
            Place::Keyring(keyring) => keyring.get(name),
            Place::Files(files) => files.get(name),
        }
    }

    /// Keeps a secret, in place of an older one: after a crash either is there, whole.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn set(&self, name: &str, secret: &[u8]) -> Result<(), SecretStoreError> {
        let name = checked(name)?;
        if secret.len() > Self::MAX_BYTES {
            return Err(SecretStoreError::TooLarge(secret.len()));
        }
        match &self.place {
            Place::Keyring(keyring) => keyring.set(name, secret),
            Place::Files(files) => files.set(name, secret),
        }
    }

    /// Forgets a secret; one that is not there is forgotten already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn delete(&self, name: &str) -> Result<(), SecretStoreError> {
        let name = checked(name)?;
        match &self.place {
            Place::Keyring(keyring) => keyring.delete(name),
            Place::Files(files) => files.delete(name),
        }
    }

    /// Which of the two stores this is, for logs and `doctor`.
    pub fn kind(&self) -> Kind {
        match &self.place {
            Place::Keyring(_) => Kind::Keyring,
            Place::Files(_) => Kind::File,
        }
    }
}

fn open_where_it_was(service_name: &str, files: SecretFiles) -> Result<Place, SecretStoreError> {
    match files.note()? {
        Some(Kind::Keyring) => SystemKeyring::open(service_name).map(Place::Keyring),
        Some(Kind::File) => Ok(Place::Files(files)),
        Some(Kind::Auto) | None => choose(service_name, files),
    }
}

fn choose(service_name: &str, files: SecretFiles) -> Result<Place, SecretStoreError> {
    static SAID: Once = Once::new();
    match SystemKeyring::probe(service_name) {
        Ok(keyring) => {
            files.write_note(Kind::Keyring)?;
            Ok(Place::Keyring(keyring))
        }
        Err(cause) => {
            SAID.call_once(|| tracing::info!(%cause, "no credential store; secrets go to files"));
            files.write_note(Kind::File)?;
            Ok(Place::Files(files))
        }
    }
}

/// Names become file names, so they are plain.
fn checked(name: &str) -> Result<&str, SecretStoreError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(SecretStoreError::Name(name.to_owned()));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = SecretStore::open("test", &folder.path().join("secrets"), Kind::File).unwrap();
        for name in ["", "../x", "a/b", "A", "a.b", &"a".repeat(65)] {
            assert!(matches!(store.set(name, b"x"), Err(SecretStoreError::Name(_))));
            assert!(matches!(store.get(name), Err(SecretStoreError::Name(_))));
        }
    }

    #[test]
    fn a_secret_too_large_for_some_store_is_refused_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = SecretStore::open("test", &folder.path().join("secrets"), Kind::File).unwrap();
        store.set("a", &[1; SecretStore::MAX_BYTES]).unwrap();
        assert!(matches!(
            store.set("a", &[1; SecretStore::MAX_BYTES + 1]),
            Err(SecretStoreError::TooLarge(2049))
        ));
    }
}
