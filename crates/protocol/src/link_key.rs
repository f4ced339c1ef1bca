//! The next generation of the service's link key, as an agent hears of it on a proven link: the
//! key that proved the link says so, and the new one that it is there. What becomes of it is
//! decided by neither type here.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::{agent::LinkSession, bytes::Bytes};

/// Most link keys that one agent accepts at a time: the one it knows and newer ones that the
/// service has yet to prove. A service has fewer in force.
pub const MOST_LINK_KEYS: usize = 8;

/// A newer link key of the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkKeySuccessor {
    /// Rises with each new key: an older one never comes back.
    pub generation: u64,
    /// The new Ed25519 key, 32 bytes.
    pub key: Bytes,
    /// The signature of the key that this link runs on.
    pub by_known: Bytes,
    /// The new key's signature over the same.
    pub by_new: Bytes,
}

impl LinkKeySuccessor {
    /// `new` beside `known`, on this link.
    pub fn sign(
        known: &SigningKey,
        (generation, new): (u64, &SigningKey),
        session: &LinkSession,
    ) -> Self {
        let key = new.verifying_key();
        let said = session.link_key_succession(generation, key.as_bytes());
        let sign = |by: &SigningKey| Bytes(by.sign(&said).to_bytes().to_vec());
        Self {
            generation,
            key: Bytes(key.as_bytes().to_vec()),
            by_known: sign(known),
            by_new: sign(new),
        }
    }

    /// The new key, if it is there and `known` says so.
    pub fn accept(&self, known: &VerifyingKey, session: &LinkSession) -> Option<VerifyingKey> {
        let new = VerifyingKey::from_bytes(&self.key.array()?).ok()?;
        let said = session.link_key_succession(self.generation, new.as_bytes());
        let is_by = |key: &VerifyingKey, signature: &Bytes| {
            let signature = signature.array::<64>().map(|bytes| Signature::from_bytes(&bytes));
            signature.is_some_and(|signature| key.verify_strict(&said, &signature).is_ok())
        };
        (is_by(known, &self.by_known) && is_by(&new, &self.by_new)).then_some(new)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::AgentId;

    #[test]
    fn a_new_link_key_counts_on_its_own_link_by_the_word_of_the_known_one_and_its_own() {
        let [known, new, thief] = [5, 6, 7].map(|byte| SigningKey::from_bytes(&[byte; 32]));
        let agent = AgentId(Uuid::from_u128(1));
        let nonce = |byte| Bytes(vec![byte; 32]);
        let session = LinkSession::new(agent, &nonce(1), &nonce(2));
        let said = || LinkKeySuccessor::sign(&known, (2, &new), &session);
        let known_key = known.verifying_key();
        assert_eq!(said().accept(&known_key, &session), Some(new.verifying_key()));

        let by_thief = LinkKeySuccessor::sign(&thief, (2, &thief), &session);
        assert!(by_thief.accept(&known_key, &session).is_none(), "not the known key's word");
        let swapped = LinkKeySuccessor { key: by_thief.key, ..said() };
        assert!(swapped.accept(&known_key, &session).is_none(), "another key");
        let absent = LinkKeySuccessor { by_new: said().by_known, ..said() };
        assert!(absent.accept(&known_key, &session).is_none(), "the new one is not there");
        let renumbered = LinkKeySuccessor { generation: 3, ..said() };
        assert!(renumbered.accept(&known_key, &session).is_none(), "another generation");
        let later = LinkSession::new(agent, &nonce(1), &nonce(3));
        assert!(said().accept(&known_key, &later).is_none(), "of another link");
    }
}
