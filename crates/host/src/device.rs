//! The device's key: in the PC's security chip where there is one, else in a file that only the
//! system may read. Bound to the machine: a copy of the disk on another one makes a key of its
//! own and enrols anew, without a word to anybody.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use protocol::host::{
    Exactly,
    app::Device,
    statement::{KeyKind, Signs},
};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{folder, parts::Chip};

const MOST: usize = 1024;

/// What is known of the key, as it is written down.
#[derive(Serialize, Deserialize)]
struct Written {
    machine: String,
    public: Exactly<65>,
    /// Of a key that is not in the chip.
    secret: Option<Exactly<32>>,
    enrolled: Option<Exactly<16>>,
}

impl Drop for Written {
    fn drop(&mut self) {
        if let Some(secret) = &mut self.secret {
            zeroize::Zeroize::zeroize(&mut secret.0);
        }
    }
}

/// The device's key.
pub struct DeviceKey {
    file: PathBuf,
    machine: String,
    public: Exactly<65>,
    secret: Option<SigningKey>,
    enrolled: Mutex<Option<Exactly<16>>>,
}

impl DeviceKey {
    /// The key that is there, if it is this machine's; else a new one, which nobody has enrolled.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn open(
        folder: &Path,
        machine: &str,
        chip: &dyn Chip,
        rng: &mut dyn CryptoRng,
    ) -> io::Result<Self> {
        let file = folder.join("device-key");
        if let Some(found) = Self::read(&file, machine, chip) {
            return Ok(found);
        }
        // A chip that fails is no chip: a way in that may be copied is better than none.
        let made = match chip.make() {
            Ok(public) => Self::new(file, machine, Exactly(public), None),
            Err(error) => {
                tracing::info!("the device's key is kept in a file: {error}");
                let secret = make_secret(rng)?;
                Self::new(file, machine, public_of(&secret)?, Some(secret))
            }
        };
        made.write()?;
        Ok(made)
    }

    fn new(file: PathBuf, machine: &str, public: Exactly<65>, secret: Option<SigningKey>) -> Self {
        Self { file, machine: machine.to_owned(), public, secret, enrolled: Mutex::new(None) }
    }

    fn read(file: &Path, machine: &str, chip: &dyn Chip) -> Option<Self> {
        let bytes = folder::read(file, MOST)?;
        let written: Written = postcard::from_bytes(&bytes).ok()?;
        if written.machine != machine {
            tracing::warn!("the device's key is another machine's; this one makes its own");
            return None;
        }
        let secret = match &written.secret {
            Some(secret) => Some(SigningKey::from_slice(&secret.0).ok()?),
            // The chip was cleared, or changed.
            None if chip.public().ok()? != written.public.0 => return None,
            None => None,
        };
        let key = Self::new(file.to_owned(), machine, written.public, secret);
        *key.enrolled() = written.enrolled;
        Some(key)
    }

    fn write(&self) -> io::Result<()> {
        let written = Written {
            machine: self.machine.clone(),
            public: self.public,
            secret: self.secret.as_ref().map(|secret| Exactly(secret.to_bytes().into())),
            enrolled: *self.enrolled(),
        };
        let mut room = Zeroizing::new([0; MOST]);
        let bytes = postcard::to_slice(&written, room.as_mut()).map_err(io::Error::other)?;
        folder::write(&self.file, bytes)
    }

    fn enrolled(&self) -> std::sync::MutexGuard<'_, Option<Exactly<16>>> {
        self.enrolled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service knows it under this name from now on.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn enrol(&self, device: Exactly<16>) -> io::Result<()> {
        *self.enrolled() = Some(device);
        self.write()
    }

    /// What others may know of it.
    pub fn device(&self) -> Device {
        Device { public: self.public, kind: self.kind(), enrolled: *self.enrolled() }
    }

    /// Where it is kept.
    pub fn kind(&self) -> KeyKind {
        if self.secret.is_some() { KeyKind::Software } else { KeyKind::Tpm }
    }

    /// For one signature.
    pub fn with<'a>(&'a self, chip: &'a dyn Chip) -> impl Signs<Error = io::Error> + 'a {
        With { key: self, chip }
    }
}

struct With<'a> {
    key: &'a DeviceKey,
    chip: &'a dyn Chip,
}

impl Signs for With<'_> {
    type Error = io::Error;

    fn sign(&self, bytes: &[u8]) -> io::Result<[u8; 64]> {
        match &self.key.secret {
            Some(secret) => {
                let signature: Signature = secret.sign(bytes);
                Ok(signature.to_bytes().into())
            }
            None => self.chip.sign(bytes),
        }
    }
}

fn make_secret(rng: &mut dyn CryptoRng) -> io::Result<SigningKey> {
    // All but one in 2^32 numbers are a key.
    for _ in 0..8 {
        let mut number = Zeroizing::new([0; 32]);
        rng.fill_bytes(number.as_mut());
        if let Ok(secret) = SigningKey::from_slice(number.as_ref()) {
            return Ok(secret);
        }
    }
    Err(io::Error::other("no randomness"))
}

fn public_of(secret: &SigningKey) -> io::Result<Exactly<65>> {
    let point = secret.verifying_key().to_sec1_point(false);
    point.as_bytes().try_into().map(Exactly).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use protocol::host::statement::{Assertion, Signed};
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::parts::NoChip;

    /// A chip with one key, which can be cleared.
    struct Soft(Mutex<Option<SigningKey>>);

    impl Soft {
        fn locked(&self) -> std::sync::MutexGuard<'_, Option<SigningKey>> {
            self.0.lock().unwrap()
        }
    }

    impl Chip for Soft {
        fn make(&self) -> io::Result<[u8; 65]> {
            let number = 1 + self.locked().as_ref().map_or(0, |key| key.to_bytes()[31]);
            let mut bytes = [0; 32];
            bytes[31] = number;
            *self.locked() = SigningKey::from_slice(&bytes).ok();
            self.public()
        }

        fn public(&self) -> io::Result<[u8; 65]> {
            let key = self.locked();
            Ok(public_of(key.as_ref().ok_or_else(|| io::Error::other("cleared"))?)?.0)
        }

        fn sign(&self, bytes: &[u8]) -> io::Result<[u8; 64]> {
            let signature: Signature = self.locked().as_ref().unwrap().sign(bytes);
            Ok(signature.to_bytes().into())
        }
    }

    fn open(folder: &Path, machine: &str, chip: &dyn Chip) -> DeviceKey {
        let seed = u64::try_from(machine.len()).unwrap();
        DeviceKey::open(folder, machine, chip, &mut StdRng::seed_from_u64(seed)).unwrap()
    }

    fn is_good(key: &DeviceKey, chip: &dyn Chip) -> bool {
        let assertion = Assertion {
            nonce: Exactly([1; 32]),
            run_key: Exactly([2; 32]),
            device_key: key.device().public,
            kind: key.kind(),
            at: 0,
            scenario: None,
            user: None,
        };
        Signed::assert(&assertion, &key.with(chip)).unwrap().assertion().is_some()
    }

    #[test]
    fn the_key_and_its_enrolment_outlive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        for chip in [&Soft(Mutex::new(None)) as &dyn Chip, &NoChip] {
            let _ = std::fs::remove_file(folder.path().join("device-key"));
            let first = open(folder.path(), "S-1", chip);
            first.enrol(Exactly([5; 16])).unwrap();
            let second = open(folder.path(), "S-1", chip);
            assert_eq!(first.device(), second.device());
            assert_eq!(second.device().enrolled, Some(Exactly([5; 16])));
            assert!(is_good(&second, chip));
        }
    }

    #[test]
    fn a_copy_of_the_disk_on_another_machine_makes_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let original = open(folder.path(), "S-1", &NoChip);
        original.enrol(Exactly([5; 16])).unwrap();
        let copy = open(folder.path(), "S-12", &NoChip);
        assert_ne!(original.device().public, copy.device().public);
        assert_eq!(copy.device().enrolled, None);
        assert_eq!(open(folder.path(), "S-12", &NoChip).device(), copy.device());
    }

    #[test]
    fn a_cleared_chip_makes_a_new_key() {
        let folder = tempfile::tempdir().unwrap();
        let chip = Soft(Mutex::new(None));
        let first = open(folder.path(), "S-1", &chip);
        assert_eq!(first.kind(), KeyKind::Tpm);
        first.enrol(Exactly([5; 16])).unwrap();
        // Another key, as after a change of the board.
        chip.make().unwrap();
        let second = open(folder.path(), "S-1", &chip);
        assert_ne!(first.device().public, second.device().public);
        assert_eq!(second.device().enrolled, None);
        *chip.locked() = None;
        assert_eq!(open(folder.path(), "S-1", &NoChip).kind(), KeyKind::Software);
    }
}
