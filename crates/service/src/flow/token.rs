//! Tokens and idempotency keys: how a repeated call finds its first answer.
//!
//! A token is the recovery's id and a keyed hash of id and step. The successor is derived, not
//! drawn, so that a repetition gets the very same one (design decision 1).

use protocol::bytes::Bytes;
use store::RecoveryRow;
use uuid::Uuid;

use crate::keys::{Keys, Purpose};

/// What a client shows for its recovery. Never logged.
pub struct Token {
    /// Which recovery it claims to be for.
    pub recovery: Uuid,
    proof: [u8; 32],
}

/// Which token was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenAge {
    /// The one in force.
    Current,
    /// The one before: good for repeating the last call, and for nothing else.
    Previous,
}

impl Token {
    /// Reads the text of a bearer token; `None` when it is none of ours by its form.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let bytes = Bytes::decode(text)?;
        let (id, proof) = bytes.split_at_checked(16)?;
        Some(Self { recovery: Uuid::from_slice(id).ok()?, proof: proof.try_into().ok()? })
    }

    /// The text of the token in force.
    pub fn text(keys: &Keys, row: &RecoveryRow) -> String {
        let proof = proof(keys, row.id, row.step);
        Bytes::encode(&[row.id.as_bytes().as_slice(), &proof].concat())
    }

    /// Whether it is this recovery's; `None` when it is not, or not any more.
    pub(super) fn age(&self, keys: &Keys, row: &RecoveryRow) -> Option<TokenAge> {
        if Keys::equal(&self.proof, &proof(keys, row.id, row.step)) {
            Some(TokenAge::Current)
        } else if Keys::equal(&self.proof, &proof(keys, row.id, row.step - 1)) {
            Some(TokenAge::Previous)
        } else {
            None
        }
    }
}

fn proof(keys: &Keys, recovery: Uuid, step: i64) -> [u8; 32] {
    keys.hash(Purpose::Token, &[recovery.as_bytes(), &step.to_be_bytes()])
}

/// New for each press of a button, the same for its repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// 16 to 64 letters, digits, `-` or `_`.
    pub fn parse(text: &str) -> Option<Self> {
        let usable = (16..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        usable.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
