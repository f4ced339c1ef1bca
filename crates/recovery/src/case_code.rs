//! The six characters on every screen that find the audit trail.

use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};

/// Without 0, O, 1 and I, which people read to each other wrongly.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A case code: six of [`ALPHABET`], 30 bits. Names a recovery, proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaseCode(String);

impl CaseCode {
    /// A random one.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let letter = |_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]);
        Self((0..6).map(letter).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
