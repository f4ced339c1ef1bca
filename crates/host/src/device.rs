//! The device's key: in the PC's security chip where there is one, else in a file that only the
//! system may read. Bound to the machine: a copy of the disk on another one makes a key of its
//! own and enrols anew, without a word to anybody.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use protocol::host::{
    Exactly,
    app::{Device, KeyRefused},
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
    marks: Marks,
}

impl Drop for Written {
    fn drop(&mut self) {
        if let Some(secret) = &mut self.secret {
            zeroize::Zeroize::zeroize(&mut secret.0);
        }
    }
}

/// What the reports are told by: of the last one that the service took, and of the next. A copy
/// of this PC goes on from the same last one, and the service sees two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Zeros before the first.
    pub before: Exactly<16>,
    /// The same until the service has taken the report.
    pub next: Exactly<16>,
}

impl Marks {
    fn first(rng: &mut dyn CryptoRng) -> Self {
        Self { before: Exactly([0; 16]), next: drawn(rng) }
    }
}

fn drawn(rng: &mut dyn CryptoRng) -> Exactly<16> {
    let mut mark = [0; 16];
    rng.fill_bytes(&mut mark);
    Exactly(mark)
}

/// The device's key.
pub struct DeviceKey {
    file: PathBuf,
    machine: String,
    now: Mutex<Now>,
}

/// As it is at this moment.
#[derive(Clone)]
struct Now {
    public: Exactly<65>,
    /// None where the chip holds it.
    secret: Option<SigningKey>,
    enrolled: Option<Exactly<16>>,
    marks: Marks,
}

impl Now {
    /// A new key, which nobody has enrolled.
    fn make(chip: &dyn Chip, rng: &mut dyn CryptoRng) -> io::Result<Self> {
        let marks = Marks::first(rng);
        // A chip that fails is no chip: a way in that may be copied is better than none.
        let (public, secret) = match chip.make() {
            Ok(public) => (Exactly(public), None),
            Err(error) => {
                tracing::info!("the device's key is kept in a file: {error}");
                let secret = make_secret(rng)?;
                (public_of(&secret)?, Some(secret))
            }
        };
        Ok(Self { public, secret, enrolled: None, marks })
    }

    fn kind(&self) -> KeyKind {
        if self.secret.is_some() { KeyKind::Software } else { KeyKind::Tpm }
    }
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
        let found = Self::read(&file, machine, chip);
        let is_found = found.is_some();
        let now = match found {
            Some(now) => now,
            None => Now::make(chip, rng)?,
        };
        let key = Self { file, machine: machine.to_owned(), now: Mutex::new(now.clone()) };
        if !is_found {
            key.write(&now)?;
        }
        Ok(key)
    }

    fn read(file: &Path, machine: &str, chip: &dyn Chip) -> Option<Now> {
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
        let (public, enrolled, marks) = (written.public, written.enrolled, written.marks);
        Some(Now { public, secret, enrolled, marks })
    }

    fn write(&self, now: &Now) -> io::Result<()> {
        let written = Written {
            machine: self.machine.clone(),
            public: now.public,
            secret: now.secret.as_ref().map(|secret| Exactly(secret.to_bytes().into())),
            enrolled: now.enrolled,
            marks: now.marks,
        };
        let mut room = Zeroizing::new([0; MOST]);
        let bytes = postcard::to_slice(&written, room.as_mut()).map_err(io::Error::other)?;
        folder::write(&self.file, bytes)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of it: on the disk first.
    fn change(&self, change: impl FnOnce(&mut Now) -> io::Result<()>) -> io::Result<()> {
        let mut now = self.now();
        let mut changed = now.clone();
        change(&mut changed)?;
        self.write(&changed)?;
        *now = changed;
        Ok(())
    }

    /// The service took the report with the present marks, and knows the key under this name.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn reported(&self, device: Exactly<16>, rng: &mut dyn CryptoRng) -> io::Result<()> {
        self.change(|now| {
            now.enrolled = Some(device);
            now.marks = Marks { before: now.marks.next, next: drawn(rng) };
            Ok(())
        })
    }

    /// The service takes no more reports signed with it. Where two PCs have it, this one makes a
    /// new one.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn refused(
        &self,
        why: KeyRefused,
        chip: &dyn Chip,
        rng: &mut dyn CryptoRng,
    ) -> io::Result<()> {
        self.change(|now| {
            match why {
                KeyRefused::Shared => *now = Now::make(chip, rng)?,
                KeyRefused::Unknown | KeyRefused::Revoked => now.enrolled = None,
            }
            Ok(())
        })
    }

    /// What others may know of it.
    pub fn device(&self) -> Device {
        let now = self.now();
        Device { public: now.public, kind: now.kind(), enrolled: now.enrolled }
    }

    /// What the next report is told by.
    pub fn marks(&self) -> Marks {
        self.now().marks
    }

    /// Where it is kept.
    pub fn kind(&self) -> KeyKind {
        self.now().kind()
    }

    /// For one signature.
    pub fn with<'a>(&self, chip: &'a dyn Chip) -> impl Signs<Error = io::Error> + use<'a> {
        With { secret: self.now().secret.clone(), chip }
    }
}

struct With<'a> {
    secret: Option<SigningKey>,
    chip: &'a dyn Chip,
}

impl Signs for With<'_> {
    type Error = io::Error;

    fn sign(&self, bytes: &[u8]) -> io::Result<[u8; 64]> {
        match &self.secret {
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

    fn rng() -> StdRng {
        StdRng::seed_from_u64(77)
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
            first.reported(Exactly([5; 16]), &mut rng()).unwrap();
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
        original.reported(Exactly([5; 16]), &mut rng()).unwrap();
        let copy = open(folder.path(), "S-12", &NoChip);
        assert_ne!(original.device().public, copy.device().public);
        assert_eq!(copy.device().enrolled, None);
        assert_eq!(open(folder.path(), "S-12", &NoChip).device(), copy.device());
    }

    #[test]
    fn a_report_goes_on_from_the_last_one_that_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let key = open(folder.path(), "S-1", &NoChip);
        let first = key.marks();
        assert_eq!(first.before, Exactly([0; 16]));
        // Not taken, as far as anybody here knows: the same again.
        assert_eq!(open(folder.path(), "S-1", &NoChip).marks(), first);
        key.reported(Exactly([5; 16]), &mut rng()).unwrap();
        assert_eq!(key.marks().before, first.next);
        assert_ne!(key.marks().next, first.next);
        assert_eq!(open(folder.path(), "S-1", &NoChip).marks(), key.marks());
    }

    #[test]
    fn a_key_that_two_have_is_made_anew_and_one_that_is_unknown_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for chip in [&Soft(Mutex::new(None)) as &dyn Chip, &NoChip] {
            let _ = std::fs::remove_file(folder.path().join("device-key"));
            let key = open(folder.path(), "S-1", chip);
            let public = key.device().public;
            for why in [KeyRefused::Unknown, KeyRefused::Revoked] {
                key.reported(Exactly([5; 16]), &mut rng()).unwrap();
                key.refused(why, chip, &mut rng()).unwrap();
                assert_eq!((key.device().public, key.device().enrolled), (public, None));
            }
            key.refused(KeyRefused::Shared, chip, &mut rng()).unwrap();
            assert_ne!(key.device().public, public);
            assert_eq!(open(folder.path(), "S-1", chip).device(), key.device());
            assert!(is_good(&key, chip));
        }
    }

    #[test]
    fn a_cleared_chip_makes_a_new_key() {
        let folder = tempfile::tempdir().unwrap();
        let chip = Soft(Mutex::new(None));
        let first = open(folder.path(), "S-1", &chip);
        assert_eq!(first.kind(), KeyKind::Tpm);
        first.reported(Exactly([5; 16]), &mut rng()).unwrap();
        // Another key, as after a change of the board.
        chip.make().unwrap();
        let second = open(folder.path(), "S-1", &chip);
        assert_ne!(first.device().public, second.device().public);
        assert_eq!(second.device().enrolled, None);
        *chip.locked() = None;
        assert_eq!(open(folder.path(), "S-1", &NoChip).kind(), KeyKind::Software);
    }
}
