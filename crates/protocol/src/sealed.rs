//! The sealed password (design decision 4): one ciphertext of one size, its content key
//! wrapped once per agent with HPKE (RFC 9180; P-256, HKDF-SHA256, AES-256-GCM), bound to
//! tenant, operation, account, expiry and the epoch of the list of recipients.
//!
//! Sealing happens where the password is typed, opening in the agent or in the embedded
//! directory. HPKE's base mode proves no sender (RFC 9180 section 9.7): the job that carries
//! the blob is signed, and each operation is journalled once (`agent`).
//!
//! Long: sealing and opening are one format, read together with for whom it is sealed.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hpke::{Deserializable, Kem as _, OpModeR, OpModeS, Serializable};
use password::NewPassword;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::{
    VERSION,
    bytes::Bytes,
    id::{DirectoryId, KeyId, OperationId, TenantId},
};

type Kem = hpke::kem::DhP256HkdfSha256;
type Kdf = hpke::kdf::HkdfSha256;
type Aead256 = hpke::aead::AesGcm256;

/// HPKE's `info`: what these keys are used for, and nothing else.
const INFO: &[u8] = b"regain sealed password 1";
/// The same for a change, so that neither is ever opened as the other.
const CHANGE_INFO: &[u8] = b"regain sealed change 1";
/// Every plaintext is padded to this many bytes behind two bytes of length: HPKE does not hide
/// lengths (catalogue WB-04). A change is two of them.
const PADDED: usize = 1024;
/// One password in a plaintext.
const FRAMED: usize = 2 + PADDED;

/// What a sealed password is good for. Any difference and it does not open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The tenant.
    pub tenant: TenantId,
    /// The one operation.
    pub operation: OperationId,
    /// The account, as its directory names it for ever ([`crate::directory::ExternalId`]).
    pub account: String,
    /// Unix time in seconds after which it must not be written any more.
    pub expires_at: i64,
}

impl Binding {
    fn bytes(&self, epoch: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.account.len());
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(self.tenant.0.as_bytes());
        bytes.extend_from_slice(self.operation.0.as_bytes());
        bytes.extend_from_slice(&self.expires_at.to_be_bytes());
        bytes.extend_from_slice(&epoch.to_be_bytes());
        bytes.extend_from_slice(self.account.as_bytes());
        bytes
    }
}

/// A sealed password on its way; for a change the present and the new one in one ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SealedPassword {
    /// [`VERSION`].
    pub version: u16,
    /// The epoch of the list of recipients it was sealed for.
    pub epoch: u32,
    /// AES-256-GCM under the content key, nonce zero (the key is used once).
    pub ciphertext: Bytes,
    /// The content key, wrapped for each recipient.
    pub keys: Vec<WrappedKey>,
}

/// The content key for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WrappedKey {
    /// Whose key.
    pub key: KeyId,
    /// HPKE's encapsulated key, 65 bytes.
    pub enc: Bytes,
    /// The wrapped content key, 48 bytes.
    pub wrapped: Bytes,
}

/// Why sealing or opening failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The list of recipients is empty, has too many keys or a malformed one.
    #[error("the list of recipients is unusable")]
    BadRecipients,
    /// No wrapped key is for this recipient.
    #[error("the password is not sealed for this key")]
    NotForThisKey,
    /// Wrong version, wrong size, changed bytes or another binding.
    #[error("the sealed password does not open")]
    DoesNotOpen,
}

impl SealedPassword {
    /// Most recipients of one password.
    pub const MAX_RECIPIENTS: usize = 16;

    /// Seals `password` for every recipient.
    ///
    /// # Errors
    /// [`SealError::BadRecipients`].
    pub fn seal(
        password: &NewPassword,
        binding: &Binding,
        recipients: &RecipientList,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        let mut plain = Zeroizing::new([0; FRAMED]);
        frame(password, plain.as_mut());
        Self::seal_bytes(plain.as_ref(), INFO, binding, recipients, rng)
    }

    /// Seals the present and the new password of a change together.
    ///
    /// # Errors
    /// [`SealError::BadRecipients`].
    pub fn seal_change(
        present: &NewPassword,
        new: &NewPassword,
        binding: &Binding,
        recipients: &RecipientList,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        let mut plain = Zeroizing::new([0; 2 * FRAMED]);
        let (first, second) = plain.split_at_mut(FRAMED);
        frame(present, first);
        frame(new, second);
        Self::seal_bytes(plain.as_ref(), CHANGE_INFO, binding, recipients, rng)
    }

    fn seal_bytes(
        plain: &[u8],
        info: &[u8],
        binding: &Binding,
        recipients: &RecipientList,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        if recipients.keys.is_empty() || recipients.keys.len() > Self::MAX_RECIPIENTS {
            return Err(SealError::BadRecipients);
        }
        let mut content_key = Zeroizing::new([0_u8; 32]);
        rng.fill_bytes(content_key.as_mut());
        let bound = binding.bytes(recipients.epoch);
        let ciphertext = content_cipher(&content_key)
            .encrypt(&Default::default(), Payload { msg: plain, aad: &bound })
            .map_err(|_| SealError::BadRecipients)?;
        let mut keys = Vec::with_capacity(recipients.keys.len());
        for recipient in &recipients.keys {
            let (enc, wrapped) = wrap(recipient, info, &*content_key, &bound, rng)?;
            keys.push(WrappedKey {
                key: recipient.id,
                enc: Bytes(enc.to_bytes().to_vec()),
                wrapped: Bytes(wrapped),
            });
        }
        Ok(Self { version: VERSION, epoch: recipients.epoch, ciphertext: Bytes(ciphertext), keys })
    }

    /// Opens with one of the recipients' keys.
    ///
    /// # Errors
    /// Any difference in version, binding, size or bytes is one of [`SealError`].
    pub fn open(&self, binding: &Binding, key: &OpeningKey) -> Result<NewPassword, SealError> {
        let plain = self.open_bytes(INFO, binding, key)?;
        unframe(&plain)
    }

    /// Opens the present and the new password of a change, in this order.
    ///
    /// # Errors
    /// As [`SealedPassword::open`].
    pub fn open_change(
        &self,
        binding: &Binding,
        key: &OpeningKey,
    ) -> Result<(NewPassword, NewPassword), SealError> {
        let plain = self.open_bytes(CHANGE_INFO, binding, key)?;
        let (present, new) = plain.split_at_checked(FRAMED).ok_or(SealError::DoesNotOpen)?;
        Ok((unframe(present)?, unframe(new)?))
    }

    fn open_bytes(
        &self,
        info: &[u8],
        binding: &Binding,
        key: &OpeningKey,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if self.version != VERSION || self.keys.len() > Self::MAX_RECIPIENTS {
            return Err(SealError::DoesNotOpen);
        }
        let wrapped = self.keys.iter().find(|w| w.key == key.id).ok_or(SealError::NotForThisKey)?;
        let bound = binding.bytes(self.epoch);
        let opened = open(key, info, &wrapped.enc, &wrapped.wrapped, &bound)?;
        let content_key: Zeroizing<[u8; 32]> =
            Zeroizing::new(opened.as_slice().try_into().map_err(|_| SealError::DoesNotOpen)?);
        content_cipher(&content_key)
            .decrypt(&Default::default(), Payload { msg: &self.ciphertext.0, aad: &bound })
            .map(Zeroizing::new)
            .map_err(|_| SealError::DoesNotOpen)
    }
}

fn content_cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

/// Seals a few bytes for one key, for the use that `info` names and nothing else.
pub(crate) fn wrap(
    recipient: &RecipientKey,
    info: &[u8],
    content: &[u8],
    bound: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(<Kem as hpke::Kem>::EncappedKey, Vec<u8>), SealError> {
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&recipient.public.0)
        .map_err(|_| SealError::BadRecipients)?;
    let mut rng = rng;
    hpke::single_shot_seal_with_rng::<Aead256, Kdf, Kem>(
        &OpModeS::Base,
        &public,
        info,
        content,
        bound,
        &mut rng,
    )
    .map_err(|_| SealError::BadRecipients)
}

/// Opens what [`wrap`] sealed.
pub(crate) fn open(
    key: &OpeningKey,
    info: &[u8],
    enc: &Bytes,
    wrapped: &Bytes,
    bound: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let enc =
        <Kem as hpke::Kem>::EncappedKey::from_bytes(&enc.0).map_err(|_| SealError::DoesNotOpen)?;
    hpke::single_shot_open::<Aead256, Kdf, Kem>(
        &OpModeR::Base,
        &key.private,
        &enc,
        info,
        &wrapped.0,
        bound,
    )
    .map(Zeroizing::new)
    .map_err(|_| SealError::DoesNotOpen)
}

/// Writes a password into its [`FRAMED`] bytes: length, text, zeros.
fn frame(password: &NewPassword, into: &mut [u8]) {
    let text = password.expose().as_bytes();
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    into[..2].copy_from_slice(&length.to_be_bytes());
    into[2..2 + text.len()].copy_from_slice(text);
}

fn unframe(plain: &[u8]) -> Result<NewPassword, SealError> {
    let (length, rest) = plain.split_at_checked(2).ok_or(SealError::DoesNotOpen)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let text = rest.get(..length).ok_or(SealError::DoesNotOpen)?;
    if rest.len() != PADDED {
        return Err(SealError::DoesNotOpen);
    }
    let text = std::str::from_utf8(text).map_err(|_| SealError::DoesNotOpen)?;
    NewPassword::parse(text.to_owned()).map_err(|_| SealError::DoesNotOpen)
}

/// A recipient's private key. Wiped on drop; leaves only as bytes for the secret store.
pub struct OpeningKey {
    /// Names the key in lists and blobs.
    pub id: KeyId,
    private: <Kem as hpke::Kem>::PrivateKey,
}

impl OpeningKey {
    /// The key that belongs to 32 secret bytes (RFC 9180 `DeriveKeyPair`).
    pub fn derive(id: KeyId, secret: &[u8; 32]) -> Self {
        Self { id, private: Kem::derive_keypair(secret).0 }
    }

    /// What the list of recipients says of it.
    pub fn public(&self) -> RecipientKey {
        let public = Kem::sk_to_pk(&self.private);
        RecipientKey { id: self.id, public: Bytes(public.to_bytes().to_vec()) }
    }
}

/// A recipient's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientKey {
    /// Names the key.
    pub id: KeyId,
    /// P-256 point, uncompressed, 65 bytes.
    pub public: Bytes,
}

/// Who may open a new password: signed by the directory's own key, which only its agents hold,
/// so that a broken-into service cannot add itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientList {
    /// Whose list.
    pub directory: DirectoryId,
    /// Rises with each new list.
    pub epoch: u32,
    /// Unix time in seconds after which nothing is sealed for it any more.
    pub expires_at: i64,
    /// The recipients.
    pub keys: Vec<RecipientKey>,
    /// Keys that were taken away for good: dismissed agents, and rotated keys. Whoever merges
    /// two lists leaves them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<KeyId>,
    /// The directory's Ed25519 key, 32 bytes.
    pub directory_key: Bytes,
    /// Its signature over everything above, 64 bytes.
    pub signature: Bytes,
}

impl RecipientList {
    /// Makes and signs a list.
    pub fn sign(
        directory: DirectoryId,
        epoch: u32,
        expires_at: i64,
        keys: Vec<RecipientKey>,
        directory_key: &SigningKey,
    ) -> Self {
        Self::sign_without(directory, epoch, expires_at, (keys, Vec::new()), directory_key)
    }

    /// The same, with the keys that were taken away.
    pub fn sign_without(
        directory: DirectoryId,
        epoch: u32,
        expires_at: i64,
        (keys, gone): (Vec<RecipientKey>, Vec<KeyId>),
        directory_key: &SigningKey,
    ) -> Self {
        let mut list = Self {
            directory,
            epoch,
            expires_at,
            keys,
            gone,
            directory_key: Bytes(directory_key.verifying_key().as_bytes().to_vec()),
            signature: Bytes(Vec::new()),
        };
        list.signature = Bytes(directory_key.sign(&list.signed_bytes()).to_bytes().to_vec());
        list
    }

    /// Whether the signature is by the key that the list names, and the list is not past its
    /// time. Who trusts that key compares [`RecipientList::fingerprint`].
    pub fn verify(&self, unix_seconds: i64) -> bool {
        let Some(key) = self.directory_key.array().and_then(|k| VerifyingKey::from_bytes(&k).ok())
        else {
            return false;
        };
        let Some(signature) = self.signature.array::<64>() else {
            return false;
        };
        unix_seconds < self.expires_at
            && key.verify_strict(&self.signed_bytes(), &Signature::from_bytes(&signature)).is_ok()
    }

    /// The fingerprint of the directory's key that policy pins.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.directory_key.0)
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"regain recipients 1".to_vec();
        bytes.extend_from_slice(self.directory.0.as_bytes());
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.expires_at.to_be_bytes());
        for key in &self.keys {
            bytes.extend_from_slice(key.id.0.as_bytes());
            bytes.extend_from_slice(&Sha256::digest(&key.public.0));
        }
        if !self.gone.is_empty() {
            // Twelve bytes that no number of keys and ids can be mistaken for.
            bytes.extend_from_slice(b"without ");
            bytes.extend_from_slice(
                &u32::try_from(self.gone.len()).unwrap_or(u32::MAX).to_be_bytes(),
            );
            for id in &self.gone {
                bytes.extend_from_slice(id.0.as_bytes());
            }
        }
        bytes
    }
}

/// The fingerprint of a public key, as policy files and enrolment codes write it: the first
/// 16 bytes of its SHA-256, base64url.
pub fn fingerprint(public_key: &[u8]) -> String {
    Bytes::encode(&Sha256::digest(public_key)[..16])
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use uuid::Uuid;

    use super::*;

    fn binding() -> Binding {
        Binding {
            tenant: TenantId(Uuid::from_u128(1)),
            operation: OperationId(Uuid::from_u128(2)),
            account: "3".to_owned(),
            expires_at: 1_000,
        }
    }

    fn lab() -> (OpeningKey, RecipientList, SigningKey) {
        let key = OpeningKey::derive(KeyId(Uuid::from_u128(7)), &[7; 32]);
        let signer = SigningKey::from_bytes(&[9; 32]);
        let directory = DirectoryId(Uuid::from_u128(8));
        let list = RecipientList::sign(directory, 1, 1_000, vec![key.public()], &signer);
        (key, list, signer)
    }

    fn seal(text: &str) -> (SealedPassword, OpeningKey) {
        let (key, list, _) = lab();
        let password = NewPassword::parse(text.to_owned()).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        (SealedPassword::seal(&password, &binding(), &list, &mut rng).unwrap(), key)
    }

    #[test]
    fn a_sealed_password_opens_for_its_binding_and_no_other() {
        let (sealed, key) = seal("Correct horse 7");
        assert_eq!(sealed.open(&binding(), &key).unwrap().expose(), "Correct horse 7");
        for other in [
            Binding { tenant: TenantId(Uuid::from_u128(9)), ..binding() },
            Binding { operation: OperationId(Uuid::from_u128(9)), ..binding() },
            Binding { account: "4".to_owned(), ..binding() },
            Binding { expires_at: 1_001, ..binding() },
        ] {
            assert_eq!(sealed.open(&other, &key).err(), Some(SealError::DoesNotOpen));
        }
        let epoch_changed = SealedPassword { epoch: 2, ..sealed };
        assert_eq!(epoch_changed.open(&binding(), &key).err(), Some(SealError::DoesNotOpen));
    }

    #[test]
    fn every_sealed_password_has_the_same_size() {
        let size = |text: &str| serde_json::to_string(&seal(text).0).unwrap().len();
        assert_eq!(size("a"), size(&"ä".repeat(256)));
    }

    #[test]
    fn a_list_with_another_recipient_or_signer_is_refused() {
        let (_, list, _) = lab();
        assert!(list.verify(999));
        assert!(!list.verify(1_000), "past its time");
        let mut with_stranger = list.clone();
        with_stranger.keys.push(OpeningKey::derive(KeyId(Uuid::from_u128(66)), &[66; 32]).public());
        assert!(!with_stranger.verify(1));
        let mut without_tombstone = RecipientList::sign_without(
            list.directory,
            1,
            1_000,
            (list.keys.clone(), vec![KeyId(Uuid::from_u128(5))]),
            &lab().2,
        );
        assert!(without_tombstone.verify(999));
        without_tombstone.gone.clear();
        assert!(!without_tombstone.verify(999));
        let other = SigningKey::from_bytes(&[10; 32]);
        let resigned =
            RecipientList::sign(list.directory, list.epoch, 1_000, list.keys.clone(), &other);
        assert_ne!(resigned.fingerprint(), list.fingerprint());
    }

    #[test]
    fn a_change_opens_as_both_passwords_and_never_as_one() {
        let (key, list, _) = lab();
        let password = |text: &str| NewPassword::parse(text.to_owned()).unwrap();
        let seal_both = |present: &str, new: &str| {
            let (present, new) = (password(present), password(new));
            let mut rng = StdRng::seed_from_u64(1);
            SealedPassword::seal_change(&present, &new, &binding(), &list, &mut rng).unwrap()
        };
        let sealed = seal_both("What I had 1", "Correct horse 7");
        let (present, new) = sealed.open_change(&binding(), &key).unwrap();
        assert_eq!((present.expose(), new.expose()), ("What I had 1", "Correct horse 7"));
        let other = Binding { operation: OperationId(Uuid::from_u128(9)), ..binding() };
        assert_eq!(sealed.open_change(&other, &key).err(), Some(SealError::DoesNotOpen));
        // An order that says "set" or "change" of what was typed for the other one does nothing.
        assert_eq!(sealed.open(&binding(), &key).err(), Some(SealError::DoesNotOpen));
        let (single, _) = seal("Correct horse 7");
        assert_eq!(single.open_change(&binding(), &key).err(), Some(SealError::DoesNotOpen));
        let longest = "ä".repeat(256);
        let size = |sealed: &SealedPassword| sealed.ciphertext.0.len();
        assert_eq!(size(&sealed), size(&seal_both(&longest, "x")), "lengths do not show");
    }

    proptest::proptest! {
        #[test]
        fn any_flipped_bit_keeps_it_shut(position in 0_usize..1042, bit in 0_u8..8) {
            let (mut sealed, key) = seal("Correct horse 7");
            sealed.ciphertext.0[position] ^= 1 << bit;
            proptest::prop_assert!(sealed.open(&binding(), &key).is_err());
        }
    }
}
