//! Seals a new password, or both of a change, for the directory's own agents and for nobody else. Decides here, once,
//! which list of recipients is to be trusted.

use bytes::Bytes;
use password::NewPassword;
use protocol::{
    api::SetPassword,
    id::TenantId,
    sealed::{Binding, RecipientList, SealedPassword},
};
use rand::CryptoRng;

/// Whom the app trusts to open a new password.
pub(crate) struct Trust<'a> {
    /// Fingerprints of directory keys, from policy; none means that policy names none.
    pub(crate) directory_keys: &'a [String],
    /// The tenant that the service said it is, or that policy names.
    pub(crate) tenant: Option<TenantId>,
    /// Now.
    pub(crate) unix_seconds: i64,
}

/// Why a password is not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSealed {
    #[error("the list of recipients or the operation is past its time")]
    PastItsTime,
    #[error("the list of recipients is not signed by the key it names, or has no usable key")]
    NotSigned,
    #[error("policy names other directory keys")]
    NotTrusted,
    #[error("the operation belongs to another tenant")]
    OtherTenant,
}

/// What a person typed.
pub(crate) struct Passwords {
    /// The present one, for a change.
    pub(crate) present: Option<NewPassword>,
    /// The new one.
    pub(crate) new: NewPassword,
}

/// The body of the call that sets the password.
pub(crate) fn seal(
    Passwords { present, new }: &Passwords,
    binding: &Binding,
    recipients: &RecipientList,
    trust: &Trust<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Bytes, NotSealed> {
    trust.check(binding, recipients)?;
    let sealed = match present {
        None => SealedPassword::seal(new, binding, recipients, rng),
        Some(present) => SealedPassword::seal_change(present, new, binding, recipients, rng),
    };
    let sealed = sealed.map_err(|_| NotSealed::NotSigned)?;
    serde_json::to_vec(&SetPassword { sealed }).map(Bytes::from).map_err(|_| NotSealed::NotSigned)
}

impl Trust<'_> {
    fn check(&self, binding: &Binding, recipients: &RecipientList) -> Result<(), NotSealed> {
        if self.tenant.is_some_and(|tenant| tenant != binding.tenant) {
            return Err(NotSealed::OtherTenant);
        }
        let pinned = self.directory_keys;
        if !pinned.is_empty() && !pinned.contains(&recipients.fingerprint()) {
            return Err(NotSealed::NotTrusted);
        }
        // The signature alone first, so that a clock that is wrong is not taken for a forgery.
        if !recipients.verify(i64::MIN) {
            return Err(NotSealed::NotSigned);
        }
        let over = |at: i64| at <= self.unix_seconds;
        if over(recipients.expires_at) || over(binding.expires_at) {
            return Err(NotSealed::PastItsTime);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use protocol::{
        id::{DirectoryId, KeyId, OperationId},
        sealed::OpeningKey,
    };
    use rand::{SeedableRng, rngs::StdRng};
    use uuid::Uuid;

    use super::*;

    struct Case {
        key: OpeningKey,
        list: RecipientList,
        binding: Binding,
    }

    fn case() -> Case {
        let key = OpeningKey::derive(KeyId(Uuid::from_u128(7)), &[7; 32]);
        let signer = SigningKey::from_bytes(&[9; 32]);
        let directory = DirectoryId(Uuid::from_u128(8));
        let list = RecipientList::sign(directory, 1, 2_000, vec![key.public()], &signer);
        let binding = Binding {
            tenant: TenantId(Uuid::from_u128(1)),
            operation: OperationId(Uuid::from_u128(2)),
            account: "3".to_owned(),
            expires_at: 1_000,
        };
        Case { key, list, binding }
    }

    fn password(text: &str) -> NewPassword {
        NewPassword::parse(text.to_owned()).unwrap()
    }

    fn seal_with(case: &Case, trust: &Trust<'_>) -> Result<Bytes, NotSealed> {
        let mut rng = StdRng::seed_from_u64(1);
        let typed = Passwords { present: None, new: password("Correct horse 7") };
        seal(&typed, &case.binding, &case.list, trust, &mut rng)
    }

    fn trust(keys: &[String]) -> Trust<'_> {
        Trust {
            directory_keys: keys,
            tenant: Some(TenantId(Uuid::from_u128(1))),
            unix_seconds: 999,
        }
    }

    #[test]
    fn the_directorys_agents_can_open_it_and_the_body_does_not_show_it() {
        let case = case();
        let pinned = [case.list.fingerprint()];
        let body = seal_with(&case, &trust(&pinned)).unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("Correct"));
        let body: SetPassword = serde_json::from_slice(&body).unwrap();
        let opened = body.sealed.open(&case.binding, &case.key).unwrap();
        assert_eq!(opened.expose(), "Correct horse 7");
        assert!(seal_with(&case, &trust(&[])).is_ok(), "policy may name none");
    }

    #[test]
    fn a_change_brings_both_passwords() {
        let case = case();
        let typed = Passwords { present: Some(password("Had 1")), new: password("Want 2") };
        let mut rng = StdRng::seed_from_u64(1);
        let body = seal(&typed, &case.binding, &case.list, &trust(&[]), &mut rng).unwrap();
        let body: SetPassword = serde_json::from_slice(&body).unwrap();
        let (present, new) = body.sealed.open_change(&case.binding, &case.key).unwrap();
        assert_eq!((present.expose(), new.expose()), ("Had 1", "Want 2"));
    }

    #[test]
    fn a_key_that_policy_does_not_name_is_refused() {
        let other = ["AAAAAAAAAAAAAAAAAAAAAA".to_owned()];
        assert_eq!(seal_with(&case(), &trust(&other)), Err(NotSealed::NotTrusted));
    }

    #[test]
    fn a_list_with_one_more_recipient_is_refused() {
        let mut case = case();
        let stranger = OpeningKey::derive(KeyId(Uuid::from_u128(66)), &[66; 32]);
        case.list.keys.push(stranger.public());
        let pinned = [case.list.fingerprint()];
        assert_eq!(seal_with(&case, &trust(&pinned)), Err(NotSealed::NotSigned));
    }

    #[test]
    fn nothing_is_sealed_for_another_tenant_or_past_the_time() {
        let case = case();
        let other = Trust { tenant: Some(TenantId(Uuid::from_u128(99))), ..trust(&[]) };
        assert_eq!(seal_with(&case, &other), Err(NotSealed::OtherTenant));
        for late in [1_000, 2_000, i64::MAX] {
            let late = Trust { unix_seconds: late, ..trust(&[]) };
            assert_eq!(seal_with(&case, &late), Err(NotSealed::PastItsTime));
        }
    }
}
