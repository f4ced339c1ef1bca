//! How a directory's second agent gets the directory's own key: sealed by the first agent for
//! the second one's key, carried by the administrator. The service never sees it, so that
//! whoever owns the service cannot make himself an agent. No decisions here.

use ed25519_dalek::SigningKey;
use hpke::Serializable as _;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    bytes::Bytes,
    id::KeyId,
    sealed::{OpeningKey, RecipientKey, RecipientList, SealError, fingerprint, open, wrap},
};

/// HPKE's `info`: never that of a password.
const INFO: &[u8] = b"regain admission 1";

/// What a new agent asks with. Text form: `<key id>.<public key>`; no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest(pub RecipientKey);

impl JoinRequest {
    /// Reads the text form; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, public) = text.trim().split_once('.')?;
        let id: [u8; 16] = Bytes::decode(id)?.try_into().ok()?;
        let public = Bytes(Bytes::decode(public)?);
        let request = Self(RecipientKey { id: KeyId(uuid::Uuid::from_bytes(id)), public });
        (request.0.public.0.len() == 65).then_some(request)
    }

    /// Writes the text form.
    pub fn to_text(&self) -> String {
        let RecipientKey { id, public } = &self.0;
        format!("{}.{}", Bytes::encode(id.0.as_bytes()), Bytes::encode(&public.0))
    }

    /// Short enough to be read out; of the id and the key.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.to_text().as_bytes())
    }
}

/// The answer: the directory's key for that agent alone, and the list of recipients with it.
/// Text form: base64url of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// Whose key it is sealed for.
    pub admitted: KeyId,
    /// HPKE's encapsulated key.
    enc: Bytes,
    /// The directory's private key, sealed.
    sealed: Bytes,
    /// Who may open new passwords from now on, the new agent among them.
    pub recipients: RecipientList,
}

impl Admission {
    /// Lets `request` in. `recipients` must have its key.
    ///
    /// # Errors
    /// [`SealError::BadRecipients`] when the request's key is no key.
    pub fn seal(
        request: &JoinRequest,
        directory_key: &SigningKey,
        recipients: RecipientList,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        let secret = Zeroizing::new(directory_key.to_bytes());
        let (enc, sealed) = wrap(&request.0, INFO, &*secret, &recipients.directory_key.0, rng)?;
        let enc = Bytes(enc.to_bytes().to_vec());
        Ok(Self { admitted: request.0.id, enc, sealed: Bytes(sealed), recipients })
    }

    /// The directory's key. It signed the list, and the list has `key`.
    ///
    /// # Errors
    /// [`SealError`]: another agent's, changed on the way, or too old.
    pub fn open(&self, key: &OpeningKey, unix_seconds: i64) -> Result<SigningKey, SealError> {
        let bound = &self.recipients.directory_key.0;
        let secret = open(key, INFO, &self.enc, &self.sealed, bound)?;
        let secret: Zeroizing<[u8; 32]> =
            Zeroizing::new(secret.as_slice().try_into().map_err(|_| SealError::DoesNotOpen)?);
        let directory_key = SigningKey::from_bytes(&secret);
        let signed = self.recipients.directory_key.0 == directory_key.verifying_key().as_bytes()
            && self.recipients.verify(unix_seconds);
        let names_us = self.admitted == key.id && self.recipients.keys.contains(&key.public());
        if signed && names_us { Ok(directory_key) } else { Err(SealError::DoesNotOpen) }
    }

    /// Reads the text form; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_slice(&Bytes::decode(text.trim())?).ok()
    }

    /// Writes the text form.
    pub fn to_text(&self) -> String {
        Bytes::encode(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use uuid::Uuid;

    use super::*;
    use crate::id::DirectoryId;

    const NOW: i64 = 1_000;

    fn opening(number: u8) -> OpeningKey {
        OpeningKey::derive(KeyId(Uuid::from_u128(number.into())), &[number; 32])
    }

    fn admission(of: &OpeningKey) -> Admission {
        let directory_key = SigningKey::from_bytes(&[9; 32]);
        let keys = vec![opening(1).public(), of.public()];
        let directory = DirectoryId(Uuid::from_u128(3));
        let list = RecipientList::sign(directory, 2, NOW + 1, keys, &directory_key);
        let request = JoinRequest(of.public());
        Admission::seal(&request, &directory_key, list, &mut StdRng::seed_from_u64(1)).unwrap()
    }

    #[test]
    fn a_request_and_an_admission_are_read_as_they_were_written() {
        let request = JoinRequest(opening(2).public());
        assert_eq!(JoinRequest::parse(&format!(" {}\n", request.to_text())), Some(request));
        let admission = admission(&opening(2));
        assert_eq!(Admission::parse(&admission.to_text()), Some(admission));
        for wrong in ["", ".", "a.b", "AAAA.AAAA", "e30"] {
            assert!(JoinRequest::parse(wrong).is_none() && Admission::parse(wrong).is_none());
        }
    }

    #[test]
    fn only_the_agent_that_asked_gets_the_key() {
        let given = admission(&opening(2));
        let key = given.open(&opening(2), NOW).unwrap();
        assert_eq!(key.to_bytes(), [9; 32]);
        assert!(given.open(&opening(1), NOW).is_err(), "sealed for another");
        assert!(given.open(&opening(2), NOW + 1).is_err(), "too old");
        assert!(!given.to_text().contains(&Bytes::encode(&[9; 32])));
    }

    #[test]
    fn a_list_that_was_swapped_on_the_way_is_refused() {
        let mut swapped = admission(&opening(2));
        swapped.recipients.keys.push(opening(5).public());
        assert!(swapped.open(&opening(2), NOW).is_err());
        let mut without_us = admission(&opening(2));
        without_us.recipients = admission(&opening(4)).recipients;
        assert!(without_us.open(&opening(2), NOW).is_err());
    }
}
