//! The service's keys: one master key in a file outside the database, and from it one key per
//! purpose (HKDF-SHA256), so that no two purposes ever share one.
//!
//! Nothing here is printed, cloned into a log or stored.

use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::Aead as _};
use anyhow::{Context as _, bail};
use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use protocol::{id::DirectoryId, sealed::OpeningKey};
use rand::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

/// What a keyed hash is for. Part of its key, so that hashes of one kind say nothing of another.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Tokens of recoveries.
    Token,
    /// One-time codes.
    Code,
    /// Typed names, in limits and decoys.
    Name,
    /// Keys of limits and claims.
    Limit,
    /// What a call asked, to tell a repetition from another request.
    Body,
    /// Signatures of bot checks.
    BotCheck,
    /// Secrets of enrolment codes.
    Enrolment,
    /// Nonces for reports of PCs.
    DeviceNonce,
    /// Secrets of fleet tokens, as they are stored.
    FleetToken,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Token => b"regain token 1",
            Self::Code => b"regain code 1",
            Self::Name => b"regain name 1",
            Self::Limit => b"regain limit 1",
            Self::Body => b"regain body 1",
            Self::BotCheck => b"regain bot check 1",
            Self::Enrolment => b"regain enrolment 1",
            Self::DeviceNonce => b"regain device nonce 1",
            Self::FleetToken => b"regain fleet token 1",
        }
    }
}

/// The keys.
pub struct Keys {
    master: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// From 32 secret bytes.
    pub fn new(master: [u8; 32]) -> Self {
        Self { master: Zeroizing::new(master) }
    }

    /// Reads the master key, or makes it (0600) where there is none yet.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(file: &Path, rng: &mut (impl CryptoRng + ?Sized)) -> anyhow::Result<Self> {
        match std::fs::read(file) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let Ok(master) = <[u8; 32]>::try_from(bytes.as_slice()) else {
                    bail!("{} must hold exactly 32 bytes", file.display());
                };
                Ok(Self::new(master))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::create(file, rng),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    fn create(file: &Path, rng: &mut (impl CryptoRng + ?Sized)) -> anyhow::Result<Self> {
        let mut master = Zeroizing::new([0; 32]);
        rng.fill_bytes(master.as_mut());
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .with_context(|| format!("cannot make {}", file.display()))?;
        out.write_all(master.as_ref())?;
        out.sync_all()?;
        Ok(Self { master })
    }

    /// A keyed hash of `parts`, each with its length, so that no two lists look alike.
    pub fn hash(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.mac(purpose.label());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub fn equal(a: &[u8], b: &[u8]) -> bool {
        a.ct_eq(b).into()
    }

    /// The key that signs bot checks, as the text its library wants.
    pub fn bot_check_secret(&self) -> String {
        protocol::bytes::Bytes::encode(self.derive(Purpose::BotCheck.label(), &[]).as_ref())
    }

    /// The service's end of the agent links: a generation of it, by its salt in the store. The
    /// first one has none. So neither an old backup nor the store alone tells a later one.
    pub fn link_key(&self, salt: &[u8]) -> SigningKey {
        SigningKey::from_bytes(&self.derive(b"regain link key 1", salt))
    }

    /// The key that signs the audit chain.
    pub fn audit_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.derive(b"regain audit key 1", &[]))
    }

    /// The embedded directory's own key, which signs its list of recipients.
    pub fn directory_key(&self, directory: DirectoryId) -> SigningKey {
        SigningKey::from_bytes(&self.derive(b"regain directory key 1", directory.0.as_bytes()))
    }

    /// The key that opens passwords sealed for the embedded directory.
    pub fn opening_key(&self, directory: DirectoryId) -> OpeningKey {
        let secret = self.derive(b"regain opening key 1", directory.0.as_bytes());
        OpeningKey::derive(protocol::id::KeyId(directory.0), &secret)
    }

    /// Seals what waits in the outbox: codes and addresses are never on disk in clear.
    ///
    /// # Errors
    /// Only when the cipher fails, which it does not for texts of this size.
    pub fn seal_payload(
        &self,
        plain: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> anyhow::Result<Vec<u8>> {
        let mut nonce = [0; 12];
        rng.fill_bytes(&mut nonce);
        let sealed = self
            .payload_cipher()
            .encrypt(&nonce.into(), plain)
            .map_err(|_| anyhow::anyhow!("a message could not be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Keys::seal_payload`] sealed; `None` for anything else.
    pub fn open_payload(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(12)?;
        let nonce: [u8; 12] = nonce.try_into().ok()?;
        self.payload_cipher().decrypt(&nonce.into(), sealed).ok().map(Zeroizing::new)
    }

    /// The hash under which a one-time code is stored: bound to its own row.
    pub fn code_hash(&self, row: Uuid, digits: &[u8]) -> [u8; 32] {
        self.hash(Purpose::Code, &[row.as_bytes(), digits])
    }

    fn payload_cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.derive(b"regain outbox 1", &[])).into())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, label: &[u8]) -> Hmac<Sha256> {
        let key = self.derive(label, &[]);
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_ref()).expect("any length")
    }

    #[expect(clippy::expect_used, reason = "32 bytes are far below HKDF's limit")]
    fn derive(&self, label: &[u8], context: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, self.master.as_ref())
            .expand_multi_info(&[label, context], key.as_mut())
            .expect("32 bytes");
        key
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let keys = Keys::new([1; 32]);
        assert_ne!(keys.hash(Purpose::Token, &[b"x"]), keys.hash(Purpose::Name, &[b"x"]));
        assert_ne!(
            keys.hash(Purpose::Name, &[b"ab", b"c"]),
            keys.hash(Purpose::Name, &[b"a", b"bc"])
        );
    }

    #[test]
    fn a_payload_opens_only_unchanged() {
        let keys = Keys::new([1; 32]);
        let mut sealed = keys.seal_payload(b"12345678", &mut StdRng::seed_from_u64(1)).unwrap();
        assert!(!sealed.windows(8).any(|bytes| bytes == b"12345678"));
        assert_eq!(keys.open_payload(&sealed).unwrap().as_slice(), b"12345678");
        *sealed.last_mut().unwrap() ^= 1;
        assert!(keys.open_payload(&sealed).is_none());
    }

    #[test]
    fn the_master_key_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        let first = Keys::open(&file, &mut StdRng::seed_from_u64(1)).unwrap();
        let again = Keys::open(&file, &mut StdRng::seed_from_u64(2)).unwrap();
        assert_eq!(first.hash(Purpose::Name, &[]), again.hash(Purpose::Name, &[]));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
