//! The link keys of the service that this agent accepts: the one that it knows, and newer ones
//! that the service has yet to prove. Proof of a newer one ends what came before it for good.
//! Whether a newer one was rightly told is the link's to check, and storing is the enrolment's.

use ed25519_dalek::VerifyingKey;
use protocol::{
    bytes::Bytes,
    link_key::{LinkKeySuccessor, MOST_LINK_KEYS},
};
use serde::{Deserialize, Serialize};

/// The keys, as they are stored. Nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkKeys {
    /// The one that the service proved last; in the beginning, the one of the enrolment code.
    link_key: Bytes,
    /// Its generation; 0 where it was never told.
    #[serde(default)]
    link_generation: u64,
    /// Newer ones that were told and are not proved yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    next_link_keys: Vec<Told>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    generation: u64,
    key: Bytes,
}

/// What telling a key changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// It is new: to be stored before anybody is told so.
    New,
    /// It is known already.
    Known,
    /// It is older than what is known, or another key of a known generation, or one too many.
    Refused,
}

impl LinkKeys {
    /// The key that an enrolment pinned.
    pub(crate) fn of(link_key: Bytes) -> Self {
        Self { link_key, link_generation: 0, next_link_keys: Vec::new() }
    }

    /// All of them, the known one first; `None` when one of them is none.
    pub(crate) fn keys(&self) -> Option<Vec<VerifyingKey>> {
        let next = self.next_link_keys.iter().map(|told| &told.key);
        let read = |key: &Bytes| VerifyingKey::from_bytes(&key.array()?).ok();
        [&self.link_key].into_iter().chain(next).map(read).collect()
    }

    /// Takes in a newer one.
    pub(crate) fn told(&mut self, said: &LinkKeySuccessor) -> Telling {
        let is_known = said.key == self.link_key
            || self
                .next_link_keys
                .iter()
                .any(|told| (told.generation, &told.key) == (said.generation, &said.key));
        if is_known {
            return Telling::Known;
        }
        let newest =
            self.next_link_keys.last().map_or(self.link_generation, |told| told.generation);
        if said.generation <= newest || self.next_link_keys.len() + 1 >= MOST_LINK_KEYS {
            return Telling::Refused;
        }
        let told = Told { generation: said.generation, key: said.key.clone() };
        self.next_link_keys.push(told);
        Telling::New
    }

    /// The service proved this one: what came before it is forgotten. Whether that changed
    /// anything.
    pub(crate) fn proved(&mut self, key: &VerifyingKey) -> bool {
        let is_it = |told: &Told| told.key.0 == key.as_bytes();
        let Some(at) = self.next_link_keys.iter().position(is_it) else {
            return false;
        };
        if let Some(told) = self.next_link_keys.drain(..=at).next_back() {
            (self.link_key, self.link_generation) = (told.key, told.generation);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn key(byte: u8) -> VerifyingKey {
        SigningKey::from_bytes(&[byte; 32]).verifying_key()
    }

    fn said(generation: u64, byte: u8) -> LinkKeySuccessor {
        let none = || Bytes(Vec::new());
        let key = Bytes(key(byte).as_bytes().to_vec());
        LinkKeySuccessor { generation, key, by_known: none(), by_new: none() }
    }

    fn known(byte: u8) -> LinkKeys {
        LinkKeys::of(Bytes(key(byte).as_bytes().to_vec()))
    }

    #[test]
    fn either_counts_until_the_newer_one_is_proved_and_nothing_older_comes_back() {
        let mut keys = known(1);
        assert_eq!(keys.told(&said(2, 2)), Telling::New);
        assert_eq!(keys.told(&said(2, 2)), Telling::Known);
        assert_eq!(keys.told(&said(3, 3)), Telling::New);
        assert_eq!(keys.keys(), Some(vec![key(1), key(2), key(3)]));
        assert!(!keys.proved(&key(1)), "the known one ends nothing");
        assert!(keys.proved(&key(2)));
        assert_eq!(keys.keys(), Some(vec![key(2), key(3)]));
        assert!(keys.proved(&key(3)));
        for old in [said(1, 1), said(2, 2), said(3, 9)] {
            assert_eq!(keys.told(&old), Telling::Refused);
        }
        assert_eq!(keys.told(&said(3, 3)), Telling::Known);
        assert_eq!(keys.keys(), Some(vec![key(3)]));
    }

    #[test]
    fn no_more_are_kept_than_a_service_has() {
        let mut keys = known(1);
        let told: Vec<_> = (2..20).map(|at| keys.told(&said(u64::from(at), at))).collect();
        let taken = told.iter().filter(|telling| **telling == Telling::New).count();
        assert_eq!(taken, MOST_LINK_KEYS - 1);
    }

    #[test]
    fn they_are_read_as_before_there_were_generations() {
        let old = format!(r#"{{"link_key":"{}"}}"#, Bytes::encode(key(1).as_bytes()));
        assert_eq!(serde_json::from_str::<LinkKeys>(&old).unwrap(), known(1));
    }
}
