//! The list of who may open new passwords: this agent's key, signed by the directory's own key
//! and renewed before it runs out. The epoch rises when the keys change, not when the same list
//! is signed for another day: what was sealed for it stays good.

use protocol::sealed::RecipientList;

use crate::enrolment::{Enrolment, Keys};

const GOOD_FOR_SECONDS: i64 = 24 * 3600;
const RENEWED_BEFORE_SECONDS: i64 = 12 * 3600;

/// The list as of now.
pub fn list(enrolment: &Enrolment, keys: &Keys, unix_seconds: i64) -> RecipientList {
    RecipientList::sign(
        enrolment.directory,
        enrolment.epoch,
        unix_seconds.saturating_add(GOOD_FOR_SECONDS),
        vec![keys.recipient.public()],
        &keys.directory,
    )
}

/// Whether a list that was sent should be sent anew.
pub fn is_due(expires_at: i64, unix_seconds: i64) -> bool {
    expires_at.saturating_sub(unix_seconds) < RENEWED_BEFORE_SECONDS
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use protocol::{
        bytes::Bytes,
        id::{AgentId, DirectoryId, KeyId, TenantId},
        sealed::OpeningKey,
    };
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_list_is_signed_by_the_directory_and_renewed_in_time() {
        let recipient_key = KeyId(Uuid::from_u128(4));
        let enrolment = Enrolment {
            agent: AgentId(Uuid::from_u128(1)),
            tenant: TenantId(Uuid::from_u128(2)),
            directory: DirectoryId(Uuid::from_u128(3)),
            origin: "https://reset.example.org".to_owned(),
            link_key: Bytes(vec![0; 32]),
            recipient_key,
            epoch: 1,
        };
        let keys = Keys {
            identity: SigningKey::from_bytes(&[1; 32]),
            directory: SigningKey::from_bytes(&[2; 32]),
            recipient: OpeningKey::derive(recipient_key, &[3; 32]),
        };
        let list = list(&enrolment, &keys, 1_000);
        assert!(list.verify(1_000 + GOOD_FOR_SECONDS - 1));
        assert!(!list.verify(1_000 + GOOD_FOR_SECONDS));
        assert_eq!(list.keys, [keys.recipient.public()]);
        assert!(!is_due(list.expires_at, 1_000 + RENEWED_BEFORE_SECONDS));
        assert!(is_due(list.expires_at, 1_001 + RENEWED_BEFORE_SECONDS));
    }
}
