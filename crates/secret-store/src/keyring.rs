//! The system's credential store, through the `keyring` crate. It must not put secret bytes
//! into an error: the crate's own errors can hold them, so only their words are kept.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use keyring::Entry;
use zeroize::Zeroizing;

use crate::SecretStoreError;

/// A locked Secret Service asks a person for its password and waits; a probe does not.
const PROBE_TIME: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct SystemKeyring {
    service_name: String,
}

impl SystemKeyring {
    pub(crate) fn open(service_name: &str) -> Result<Self, SecretStoreError> {
        match Entry::store_status() {
            Ok(()) => Ok(Self { service_name: service_name.to_owned() }),
            Err(error) => Err(refused(error)),
        }
    }

    /// Opens the store only if it takes a secret and gives it back in time.
    pub(crate) fn probe(service_name: &str) -> Result<Self, SecretStoreError> {
        let service_name = service_name.to_owned();
        let (answer, wait) = mpsc::sync_channel(1);
        thread::spawn(move || {
            // Nobody listens any more when the time is over.
            let _ = answer.send(Self::open(&service_name).and_then(Self::proven));
        });
        match wait.recv_timeout(PROBE_TIME) {
            Ok(proven) => proven,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(SecretStoreError::Keyring(format!("no answer within {PROBE_TIME:?}")))
            }
        }
    }

    fn proven(self) -> Result<Self, SecretStoreError> {
        // Several processes may probe at once; each has a name of its own.
        let name = format!("probe-{}", std::process::id());
        self.set(&name, b"probe")?;
        let read = self.get(&name)?;
        self.delete(&name)?;
        match read {
            Some(read) if *read == b"probe" => Ok(self),
            Some(_) | None => {
                Err(SecretStoreError::Keyring("it did not give back what it was given".to_owned()))
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretStoreError> {
        match self.entry(name)?.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    pub(crate) fn set(&self, name: &str, secret: &[u8]) -> Result<(), SecretStoreError> {
        self.entry(name)?.set_secret(secret).map_err(|error| refused(&error))
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), SecretStoreError> {
        match self.entry(name)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(refused(&error)),
        }
    }

    fn entry(&self, name: &str) -> Result<Entry, SecretStoreError> {
        Entry::new(&self.service_name, name).map_err(|error| refused(&error))
    }
}

fn refused(error: &keyring::Error) -> SecretStoreError {
    SecretStoreError::Keyring(error.to_string())
}
