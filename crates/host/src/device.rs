//! The device's key: in the PC's security chip where there is one, else in a file that only the
//! system may read. Bound to the machine: a copy of the disk on another one makes a key of its
//! own and enrols anew, without a word to anybody.
//!
//! A new key is another device to everybody else. So one is made only where the old one is known
//! to be gone; a chip or a disk that does not answer is asked again later ([`DeviceKey::look`]),
//! and until then nothing is signed.

use std::{
    fmt, io,
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

use crate::{
    folder::{self, Kept},
    parts::{Chip, ChipError},
};

const MOST: usize = 1024;
/// So often a chip that is there and does not answer is asked for a first key (once a minute);
/// then a key in a file is better than none.
const PATIENCE: u32 = 10;

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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// As it is at this moment; none while it is not known whether there is one.
    now: Option<Now>,
    /// How often the chip did not answer when a first key was to be made.
    tries: u32,
}

#[derive(Clone)]
struct Now {
    machine: String,
    public: Exactly<65>,
    /// None where the chip holds it.
    secret: Option<SigningKey>,
    enrolled: Option<Exactly<16>>,
    marks: Marks,
}

/// What a look at the key found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// The key that was there, and it can be used.
    There,
    /// A new one, which nobody has enrolled.
    Made(Why),
}

/// Why a new key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There was none.
    First,
    /// What was there belongs to another machine: this is a copy of its disk.
    OtherMachine,
    /// The chip is gone, was cleared, or is another one.
    OtherChip,
    /// What was written down is not what we wrote.
    Damaged,
    /// Two PCs had it.
    Shared,
}

impl Why {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "the first one",
            Self::OtherMachine => "the one before is another machine's",
            Self::OtherChip => "the security chip has another one, or none",
            Self::Damaged => "the file of the one before is damaged",
            Self::Shared => "two PCs had the one before",
        }
    }
}

/// Why the key cannot be used now. What is written down stays as it is.
#[derive(Debug)]
pub enum Trouble {
    /// The system does not tell which machine this is.
    Machine(io::Error),
    /// The disk.
    Disk(io::Error),
    /// The chip.
    Chip(ChipError),
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(error) => write!(out, "which machine this is: {error}"),
            Self::Disk(error) => write!(out, "the file of the device's key: {error}"),
            Self::Chip(error) => error.fmt(out),
        }
    }
}

impl Now {
    /// A new key, which nobody has enrolled. A chip that is not there is done without, and one
    /// that does not answer only where that is said.
    fn make(
        machine: &str,
        chip: &dyn Chip,
        without: bool,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Trouble> {
        let (public, secret) = match chip.make() {
            Ok(public) => (Exactly(public), None),
            Err(error @ ChipError::Away(_)) if !without => return Err(Trouble::Chip(error)),
            Err(error) => {
                tracing::info!("the device's key is kept in a file: {error}");
                let secret = make_secret(rng).map_err(Trouble::Disk)?;
                (public_of(&secret).map_err(Trouble::Disk)?, Some(secret))
            }
        };
        let marks = Marks::first(rng);
        Ok(Self { machine: machine.to_owned(), public, secret, enrolled: None, marks })
    }

    fn of(written: &Written) -> Option<Self> {
        let secret = match &written.secret {
            Some(secret) => Some(SigningKey::from_slice(&secret.0).ok()?),
            None => None,
        };
        let machine = written.machine.clone();
        let (public, enrolled, marks) = (written.public, written.enrolled, written.marks);
        Some(Self { machine, public, secret, enrolled, marks })
    }

    fn kind(&self) -> KeyKind {
        if self.secret.is_some() { KeyKind::Software } else { KeyKind::Tpm }
    }

    /// Whether the chip holds it, where it should.
    fn is_held(&self, chip: &dyn Chip) -> Result<bool, ChipError> {
        if self.secret.is_some() {
            return Ok(true);
        }
        match chip.public() {
            Ok(public) => Ok(public == self.public.0),
            Err(ChipError::NoChip | ChipError::NoKey) => Ok(false),
            Err(error @ ChipError::Away(_)) => Err(error),
        }
    }
}

impl DeviceKey {
    /// In this folder. What there is of it says the first [`Self::look`].
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join("device-key"), state: Mutex::default() }
    }

    /// Looks for the key that is there, if it is this machine's and can be used; else makes one.
    ///
    /// # Errors
    /// When that cannot be known, or a new one cannot be made, at this moment. A key that is
    /// written down is kept, and so is that it is enrolled.
    pub fn look(
        &self,
        machine: io::Result<String>,
        chip: &dyn Chip,
        rng: &mut dyn CryptoRng,
    ) -> Result<Looked, Trouble> {
        let machine = machine.map_err(Trouble::Machine)?;
        let mut state = self.state();
        let why = match self.found(&mut state, &machine)? {
            Some(why) => why,
            None => {
                let is_held = state.now.as_ref().map_or(Ok(false), |now| now.is_held(chip));
                if is_held.map_err(Trouble::Chip)? {
                    return Ok(Looked::There);
                }
                Why::OtherChip
            }
        };
        state.tries += 1;
        let without = state.tries >= PATIENCE;
        let made = Now::make(&machine, chip, without, rng)?;
        self.put_in_place(&mut state, made, chip).map_err(Trouble::Disk)?;
        Ok(Looked::Made(why))
    }

    /// Knows what is written down; why that is no key for this machine, if it is none.
    fn found(&self, state: &mut State, machine: &str) -> Result<Option<Why>, Trouble> {
        if state.now.is_some() {
            return Ok(None);
        }
        let written = match folder::find(&self.file, MOST).map_err(Trouble::Disk)? {
            Kept::Nothing => return Ok(Some(Why::First)),
            Kept::Damaged => return Ok(Some(Why::Damaged)),
            Kept::Whole(bytes) => postcard::from_bytes::<Written>(&bytes),
        };
        let Some(now) = written.ok().and_then(|written| Now::of(&written)) else {
            return Ok(Some(Why::Damaged));
        };
        if now.machine != machine {
            return Ok(Some(Why::OtherMachine));
        }
        state.now = Some(now);
        Ok(None)
    }

    fn write(&self, now: &Now) -> io::Result<()> {
        let written = Written {
            machine: now.machine.clone(),
            public: now.public,
            secret: now.secret.as_ref().map(|secret| Exactly(secret.to_bytes().into())),
            enrolled: now.enrolled,
            marks: now.marks,
        };
        let mut room = Zeroizing::new([0; MOST]);
        let bytes = postcard::to_slice(&written, room.as_mut()).map_err(io::Error::other)?;
        folder::write(&self.file, bytes)
    }

    /// On the disk first. A chip that holds nothing of ours any more is left with nothing.
    fn put_in_place(&self, state: &mut State, made: Now, chip: &dyn Chip) -> io::Result<()> {
        self.write(&made)?;
        if made.secret.is_some()
            && let Err(error @ ChipError::Away(_)) = chip.forget()
        {
            tracing::warn!("a key of before may be left in the security chip: {error}");
        }
        *state = State { now: Some(made), tries: 0 };
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of it: on the disk first.
    fn change(&self, change: impl FnOnce(&mut Now)) -> io::Result<()> {
        let mut state = self.state();
        let mut changed = state.now.clone().ok_or_else(no_key)?;
        change(&mut changed);
        self.write(&changed)?;
        state.now = Some(changed);
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
        })
    }

    /// The service takes no more reports signed with it. Where two PCs have it, this one makes a
    /// new one.
    ///
    /// # Errors
    /// When there is none now, or what follows cannot be written down.
    pub fn refused(
        &self,
        why: KeyRefused,
        chip: &dyn Chip,
        rng: &mut dyn CryptoRng,
    ) -> io::Result<()> {
        match why {
            KeyRefused::Unknown | KeyRefused::Revoked => self.change(|now| now.enrolled = None),
            KeyRefused::Shared => {
                let mut state = self.state();
                let machine = state.now.as_ref().ok_or_else(no_key)?.machine.clone();
                let made = Now::make(&machine, chip, false, rng)
                    .map_err(|trouble| io::Error::other(trouble.to_string()))?;
                self.put_in_place(&mut state, made, chip)
            }
        }
    }

    /// What others may know of it; none while there is none.
    pub fn device(&self) -> Option<Device> {
        let state = self.state();
        let now = state.now.as_ref()?;
        Some(Device { public: now.public, kind: now.kind(), enrolled: now.enrolled })
    }

    /// What the next report is told by; none while there is no key.
    pub fn marks(&self) -> Option<Marks> {
        Some(self.state().now.as_ref()?.marks)
    }

    /// Where it is kept; none while there is none.
    pub fn kind(&self) -> Option<KeyKind> {
        Some(self.state().now.as_ref()?.kind())
    }

    /// For one signature.
    pub fn with<'a>(&self, chip: &'a dyn Chip) -> impl Signs<Error = io::Error> + use<'a> {
        With { now: self.state().now.clone(), chip }
    }
}

struct With<'a> {
    now: Option<Now>,
    chip: &'a dyn Chip,
}

impl Signs for With<'_> {
    type Error = io::Error;

    fn sign(&self, bytes: &[u8]) -> io::Result<[u8; 64]> {
        let now = self.now.as_ref().ok_or_else(no_key)?;
        match &now.secret {
            Some(secret) => {
                let signature: Signature = secret.sign(bytes);
                Ok(signature.to_bytes().into())
            }
            None => self.chip.sign(&now.public.0, bytes).map_err(io::Error::other),
        }
    }
}

fn no_key() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the device has no key at this moment")
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
mod tests;
