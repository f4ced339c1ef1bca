//! PCs with a key of their own, as they come to the service by way of the app: the report of the
//! day, which also enrols, and the proof that a recovery is begun at one of them. What the host
//! signs is in [`crate::host::statement`]; here is only how it travels.
//!
//! No decisions: what such a proof buys is the service's and `recovery`'s to say.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::{
    bytes::Bytes,
    host::{Blob, Exactly, statement::Signed},
    id::{DeviceId, TenantId},
    text::UserIdText,
};

/// What the app's key of a run signs starts with this.
const BEGIN: &[u8] = b"regain device begin 1\0";
/// What the nonce of a beginning is made of starts with this.
const NONCE: &[u8] = b"regain device nonce 1\0";

/// A statement of the host's and its signature, as JSON carries them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedStatement {
    /// The bytes that were signed, without their label; at most 3,584.
    statement: Bytes,
    /// Two numbers of 32 bytes.
    signature: Bytes,
}

impl SignedStatement {
    /// As the host gave it.
    pub fn of(signed: &Signed) -> Self {
        Self {
            statement: Bytes(signed.statement.as_slice().to_vec()),
            signature: Bytes(signed.signature.0.to_vec()),
        }
    }

    /// As the host gave it; its lengths were looked at when it was read.
    pub fn signed(&self) -> Option<Signed> {
        let statement = Blob::new(self.statement.0.as_slice())?;
        Some(Signed { statement, signature: Exactly(self.signature.array()?) })
    }
}

impl<'de> Deserialize<'de> for SignedStatement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            statement: Bytes,
            signature: Bytes,
        }
        let Fields { statement, signature } = Fields::deserialize(deserializer)?;
        let read = Self { statement, signature };
        if read.signed().is_none() {
            return Err(de::Error::custom("not a signed statement"));
        }
        Ok(read)
    }
}

/// That a recovery is begun at a device of ours (part of `POST /api/v1/recoveries`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceProof {
    /// A [`crate::host::statement::Assertion`] over [`nonce`], signed by the device's key.
    assertion: SignedStatement,
    /// Of the run's key that the assertion names, over [`nonce`] and the user ID: whoever sees
    /// the assertion on its way can begin nothing else with it.
    signature: Bytes,
}

impl DeviceProof {
    /// Signs the beginning with the run's key, which the assertion names.
    pub fn sign(
        assertion: &Signed,
        nonce: &[u8; 32],
        user_id: &UserIdText,
        run_key: &SigningKey,
    ) -> Self {
        let signature = run_key.sign(&begin_text(nonce, user_id));
        Self {
            assertion: SignedStatement::of(assertion),
            signature: Bytes(signature.to_bytes().to_vec()),
        }
    }

    /// What the device asserts, if all of it is signed over this nonce and for this user ID.
    /// Whether the device is known is the service's to say.
    pub fn assertion(
        &self,
        nonce: &[u8; 32],
        user_id: &UserIdText,
    ) -> Option<crate::host::statement::Assertion> {
        let assertion = self.assertion.signed()?.assertion()?;
        let run_key = VerifyingKey::from_bytes(&assertion.run_key.0).ok()?;
        let signature = Signature::from_bytes(&self.signature.array()?);
        run_key.verify_strict(&begin_text(nonce, user_id), &signature).ok()?;
        (assertion.nonce.0 == *nonce).then_some(assertion)
    }
}

/// Reads a proof that a client offers. One that cannot be read is one that proves nothing: a
/// newer app or a broken one must be able to begin all the same.
///
/// # Errors
/// Only when it is no JSON.
pub fn offered<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DeviceProof>, D::Error> {
    let offered = Option::<serde_json::Value>::deserialize(deserializer)?;
    let nothing = || SignedStatement { statement: Bytes(Vec::new()), signature: Bytes(Vec::new()) };
    let unreadable = || DeviceProof { assertion: nothing(), signature: Bytes(Vec::new()) };
    Ok(offered.map(|proof| serde_json::from_value(proof).unwrap_or_else(|_| unreadable())))
}

fn begin_text(nonce: &[u8; 32], user_id: &UserIdText) -> Vec<u8> {
    let user_id = Sha256::digest(user_id.as_str().as_bytes());
    [BEGIN, nonce, user_id.as_slice()].concat()
}

/// The nonce of a beginning: of the bot check's challenge, which is good once, so that nothing
/// more has to be fetched and an assertion is good once as well. `None` when `challenge` is none.
pub fn nonce(tenant: TenantId, challenge: &serde_json::Value) -> Option<[u8; 32]> {
    let of_challenge = challenge.get("parameters")?.get("nonce")?.as_str()?;
    Some(nonce_of(tenant, of_challenge))
}

/// The same, from the nonce of the challenge alone.
pub fn nonce_of(tenant: TenantId, of_challenge: &str) -> [u8; 32] {
    let parts = [NONCE, tenant.0.as_bytes(), of_challenge.as_bytes()];
    Sha256::digest(parts.concat()).into()
}

/// Answer of `GET /api/v1/devices/nonce`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceNonce {
    /// 32 bytes, good for some minutes.
    pub nonce: Bytes,
}

/// Body of `POST /api/v1/devices/report`: what was found on a PC today. The first one enrols it.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceReport {
    /// A [`crate::host::statement::Readiness`] over the nonce, signed by the device's key.
    pub report: SignedStatement,
    /// What enrols a key that the service does not know yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub fleet_token: Option<FleetToken>,
    /// The tenant the app was rolled out for; a mismatch is refused.
    pub tenant: Option<TenantId>,
}

/// Answer of `POST /api/v1/devices/report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceReported {
    /// The device from now on.
    pub device: DeviceId,
}

/// What the PCs of a fleet enrol with: `<id>.<secret>`, both base64url. Wiped on drop; cannot be
/// printed.
pub struct FleetToken {
    /// Names the token, 16 bytes.
    pub id: [u8; 16],
    /// 32 bytes.
    pub secret: Zeroizing<[u8; 32]>,
}

impl FleetToken {
    /// Reads the text form; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.trim().split_once('.')?;
        let id = Bytes(Bytes::decode(id)?).array()?;
        let decoded = Zeroizing::new(Bytes::decode(secret)?);
        let mut secret = Zeroizing::new([0; 32]);
        (decoded.len() == 32).then(|| secret.copy_from_slice(&decoded))?;
        Some(Self { id, secret })
    }

    /// The text form, for whoever rolls it out.
    pub fn text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(Bytes::encode(self.secret.as_slice()));
        Zeroizing::new(format!("{}.{}", Bytes::encode(&self.id), secret.as_str()))
    }
}

impl fmt::Debug for FleetToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fleet token")
    }
}

impl Serialize for FleetToken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for FleetToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a fleet token"))
    }
}

/// Answer of `GET /api/v1/tile`: how the tile on the sign-in screen shall look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TileFace {
    /// The tile's label, by BCP 47 language; none for the product's own.
    pub labels: std::collections::BTreeMap<String, String>,
    /// A PNG file of at most 64 KiB, 128 by 128 points; none for the product's own.
    pub picture: Option<Bytes>,
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Signer as _;

    use super::*;
    use crate::host::statement::{Assertion, KeyKind, Signs};

    struct Key(p256::ecdsa::SigningKey);

    impl Signs for Key {
        type Error = ();

        fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], ()> {
            let signature: p256::ecdsa::Signature = self.0.sign(bytes);
            Ok(signature.to_bytes().into())
        }
    }

    fn user(name: &str) -> UserIdText {
        UserIdText::parse(name).unwrap()
    }

    fn proof(nonce: [u8; 32], user_id: &UserIdText, run_key: &SigningKey) -> DeviceProof {
        let key = Key(p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap());
        let public = key.0.verifying_key().to_sec1_point(false);
        let assertion = Assertion {
            nonce: Exactly(nonce),
            run_key: Exactly(SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes()),
            device_key: Exactly(public.as_bytes().try_into().unwrap()),
            kind: KeyKind::Software,
            at: 0,
            scenario: None,
            user: None,
        };
        DeviceProof::sign(&Signed::assert(&assertion, &key).unwrap(), &nonce, user_id, run_key)
    }

    #[test]
    fn a_proof_is_good_for_one_challenge_and_one_name() {
        let (alice, run_key) = (user("alice"), SigningKey::from_bytes(&[4; 32]));
        let good = proof([1; 32], &alice, &run_key);
        assert!(good.assertion(&[1; 32], &alice).is_some());
        assert!(good.assertion(&[2; 32], &alice).is_none());
        assert!(good.assertion(&[1; 32], &user("bob")).is_none());
        // An assertion that was seen on its way, with a key of one's own.
        let stolen = proof([1; 32], &alice, &SigningKey::from_bytes(&[5; 32]));
        assert!(stolen.assertion(&[1; 32], &alice).is_none());
        let written = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<DeviceProof>(&written).unwrap(), good);
    }

    #[test]
    fn a_proof_that_cannot_be_read_proves_nothing_and_stops_nothing() {
        #[derive(Deserialize)]
        struct Begin {
            #[serde(default, deserialize_with = "offered")]
            device: Option<DeviceProof>,
        }
        let (alice, run_key) = (user("alice"), SigningKey::from_bytes(&[4; 32]));
        let read = |text: &str| serde_json::from_str::<Begin>(text).map(|begin| begin.device);
        assert_eq!(read("{}").unwrap(), None);
        assert_eq!(read(r#"{"device": null}"#).unwrap(), None);
        for broken in [
            "7",
            "{}",
            r#"{"later": 1}"#,
            r#"{"assertion": {"statement": "", "signature": "AA"}, "signature": "*"}"#,
        ] {
            let offered = read(&format!(r#"{{"device": {broken}}}"#)).unwrap().unwrap();
            assert!(offered.assertion(&[1; 32], &alice).is_none(), "{broken}");
        }
        let good = proof([1; 32], &alice, &run_key);
        let written = serde_json::to_string(&good).unwrap();
        assert_eq!(read(&format!(r#"{{"device": {written}}}"#)).unwrap(), Some(good));
    }

    #[test]
    fn the_nonce_is_the_challenges_and_the_tenants() {
        let (one, other) = (TenantId(uuid::Uuid::from_u128(1)), TenantId(uuid::Uuid::from_u128(2)));
        let challenge = serde_json::json!({"parameters": {"nonce": "abc"}});
        assert_eq!(nonce(one, &challenge), Some(nonce_of(one, "abc")));
        assert_ne!(nonce_of(one, "abc"), nonce_of(other, "abc"));
        assert_ne!(nonce_of(one, "abc"), nonce_of(one, "abd"));
        assert_eq!(nonce(one, &serde_json::json!({})), None);
    }

    #[test]
    fn a_fleet_token_is_read_as_it_was_written() {
        let token = FleetToken { id: [7; 16], secret: Zeroizing::new([8; 32]) };
        let read = FleetToken::parse(&token.text()).unwrap();
        assert_eq!((read.id, *read.secret), ([7; 16], [8; 32]));
        for wrong in ["", ".", "a.b", "AAAA.AAAA", &format!("{}.x", token.text().as_str())] {
            assert!(FleetToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
