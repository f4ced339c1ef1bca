//! Who may open new passwords: this agent's key and those of the directory's other agents,
//! signed by the directory's own key and renewed before it runs out. The epoch rises when the
//! keys change, not when the same list is signed for another day: what was sealed for it stays
//! good.
//!
//! Keys join by an administrator at an agent (`admit`) and reach the other agents as a signed
//! list; the service can carry a list and not change it.

use std::path::{Path, PathBuf};

use protocol::{
    admission::{Admission, JoinRequest},
    id::KeyId,
    sealed::{RecipientKey, RecipientList, SealError, SealedPassword},
};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::enrolment::{Bring, Enrolment, EnrolmentError, Keys, write_private};

const FILE: &str = "recipients.json";
pub(crate) const GOOD_FOR_SECONDS: i64 = 24 * 3600;
/// So many keys that were taken away are remembered, the newest: those of sixteen agents that
/// change theirs twice a year, for eight years.
const MOST_GONE: usize = 256;
const RENEWED_BEFORE_SECONDS: i64 = 12 * 3600;

/// The recipients besides this agent. A file of its own: it changes while the agent runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipients {
    epoch: u32,
    others: Vec<RecipientKey>,
    /// Keys that were taken away for good, in the order of their ids.
    #[serde(default)]
    gone: Vec<KeyId>,
    /// Another agent's administrator took this agent off the list.
    #[serde(default)]
    dismissed: bool,
}

/// Why no agent is let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The request is another one than its administrator read out.
    #[error(
        "this request has the fingerprint {0}: ask for it again, on a way that nobody can change"
    )]
    Fingerprint(String),
    /// An agent that is in has that key id with another key.
    #[error(
        "another agent has this key id; make new keys there: regain-agent join-request --new-keys"
    )]
    Taken,
    /// The key was taken away for good.
    #[error("this key was taken away; make new keys there: regain-agent join-request --new-keys")]
    Gone,
    /// This agent was itself taken off the list.
    #[error("this agent was taken off the list: let the other one in at an agent that is on it")]
    Dismissed,
    /// Sixteen is the most.
    #[error("a directory has at most {} agents", SealedPassword::MAX_RECIPIENTS)]
    TooMany,
    /// Its key is none.
    #[error("this request holds no usable key: make it anew with regain-agent join-request")]
    Request(#[from] SealError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] EnrolmentError),
}

impl Default for Recipients {
    /// This agent alone.
    fn default() -> Self {
        Self { epoch: 1, others: Vec::new(), gone: Vec::new(), dismissed: false }
    }
}

impl Recipients {
    /// Reads them; this agent alone where nothing is stored.
    ///
    /// # Errors
    /// [`EnrolmentError::File`].
    pub fn read(data_dir: &Path) -> Result<Self, EnrolmentError> {
        let path = path(data_dir);
        let failed = |cause: String| EnrolmentError::File { path: path.clone(), cause };
        match std::fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|error| failed(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// What an enrolment begins with, stored before it: a list of an earlier directory must not
    /// outlive it.
    ///
    /// # Errors
    /// [`EnrolmentError::File`].
    pub fn begin(data_dir: &Path, bring: Bring<'_>) -> Result<(), EnrolmentError> {
        match bring {
            Bring::Admitted(admission) => {
                let own = admission.admitted;
                Self::of(&admission.recipients, own).write(data_dir)
            }
            Bring::New => Self::default().write(data_dir),
            Bring::Kept => Ok(()),
        }
    }

    /// Those of a list, for the agent with this key.
    fn of(list: &RecipientList, own: KeyId) -> Self {
        let others = list.keys.iter().filter(|key| key.id != own).cloned().collect();
        Self { epoch: list.epoch, others, gone: list.gone.clone(), dismissed: false }
    }

    /// Stores them.
    ///
    /// # Errors
    /// [`EnrolmentError::File`].
    pub fn write(&self, data_dir: &Path) -> Result<(), EnrolmentError> {
        write_private(&path(data_dir), self)
    }

    /// Whether this agent was taken off the list.
    pub fn is_dismissed(&self) -> bool {
        self.dismissed
    }

    /// Whether there are other agents, one of which may have written.
    pub fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// The list as of now; `None` from an agent that was taken off it.
    pub fn list(
        &self,
        enrolment: &Enrolment,
        keys: &Keys,
        unix_seconds: i64,
    ) -> Option<RecipientList> {
        if self.dismissed {
            return None;
        }
        let mut all = self.others.clone();
        all.push(keys.recipient.public());
        // Every agent signs the same list.
        all.sort_by_key(|key| key.id.0);
        let expires_at = unix_seconds.saturating_add(GOOD_FOR_SECONDS);
        let (directory, all) = (enrolment.directory, (all, self.gone.clone()));
        let key = &keys.directory;
        Some(RecipientList::sign_without(directory, self.epoch, expires_at, all, key))
    }

    /// Remembers keys that are not to come back. `true` when that was new.
    pub(crate) fn leave_out(&mut self, ids: impl Iterator<Item = KeyId>) -> bool {
        let new: Vec<_> = ids.filter(|id| !self.gone.contains(id)).collect();
        if new.is_empty() {
            return false;
        }
        self.gone = merged(&self.gone, &new);
        self.others.retain(|other| !new.contains(&other.id));
        self.epoch += 1;
        true
    }

    /// Lets another agent in, and stores that.
    ///
    /// # Errors
    /// [`AdmitError`]; then nothing is stored.
    pub fn admit(
        data_dir: &Path,
        request: &JoinRequest,
        (enrolment, keys): (&Enrolment, &Keys),
        unix_seconds: i64,
        rng: &mut impl CryptoRng,
    ) -> Result<Admission, AdmitError> {
        let mut recipients = Self::read(data_dir)?;
        if recipients.others.len() + 1 >= SealedPassword::MAX_RECIPIENTS {
            return Err(AdmitError::TooMany);
        }
        if recipients.dismissed {
            return Err(AdmitError::Dismissed);
        }
        if recipients.gone.contains(&request.0.id) {
            return Err(AdmitError::Gone);
        }
        let own = keys.recipient.public();
        let has_its_id = |key: &RecipientKey| key.id == request.0.id && *key != request.0;
        if own.id == request.0.id || recipients.others.iter().any(has_its_id) {
            return Err(AdmitError::Taken);
        }
        recipients.others.retain(|key| *key != request.0);
        recipients.others.push(request.0.clone());
        recipients.epoch += 1;
        let list =
            recipients.list(enrolment, keys, unix_seconds).ok_or(SealError::BadRecipients)?;
        let admission = Admission::seal(request, &keys.directory, list, rng)?;
        recipients.write(data_dir)?;
        Ok(admission)
    }

    /// Takes an agent's key off the list, and stores that. `false` when it was not on it.
    ///
    /// # Errors
    /// [`EnrolmentError::File`].
    pub fn dismiss(data_dir: &Path, fingerprint: &str) -> Result<bool, EnrolmentError> {
        let mut recipients = Self::read(data_dir)?;
        let is_it =
            |other: &&RecipientKey| JoinRequest((*other).clone()).fingerprint() == fingerprint;
        let dismissed: Vec<_> = recipients.others.iter().filter(is_it).map(|key| key.id).collect();
        let was_there = recipients.leave_out(dismissed.into_iter());
        if was_there {
            recipients.write(data_dir)?;
        }
        Ok(was_there)
    }

    /// Takes over what another agent says, if the directory's key signed it. `true` when that
    /// changed anything: the caller stores it.
    pub fn adopt(
        &mut self,
        list: &RecipientList,
        (enrolment, keys): (&Enrolment, &Keys),
        unix_seconds: i64,
    ) -> bool {
        let ours = list.directory == enrolment.directory
            && list.directory_key.0 == keys.directory.verifying_key().as_bytes()
            && list.verify(unix_seconds);
        if !ours || list.epoch < self.epoch {
            return false;
        }
        let own = keys.recipient.id;
        let mut merged = Self::of(list, own);
        merged.gone = self::merged(&self.gone, &list.gone);
        if list.epoch == self.epoch {
            // Two administrators at two agents at once: both of what they said.
            let missing = self.others.iter().filter(|key| !list.keys.contains(key)).cloned();
            merged.others.extend(missing.collect::<Vec<_>>());
        }
        merged.others.retain(|key| !merged.gone.contains(&key.id));
        merged.others.sort_by_key(|key| key.id.0);
        merged.dismissed = merged.gone.contains(&own);
        self.others.sort_by_key(|key| key.id.0);
        if list.epoch == self.epoch {
            merged.epoch = self.epoch;
            if *self == merged {
                // Whoever sent it hears of ours.
                return false;
            }
        }
        // What says more than the list is a newer one.
        let said = |key: &RecipientKey| merged.others.contains(key) || key.id == own;
        let is_on_it = list.keys.iter().any(|key| key.id == own);
        let says_the_same = merged.gone == list.gone
            && list.keys.iter().all(said)
            && merged.others.iter().all(|key| list.keys.contains(key))
            && is_on_it != merged.dismissed;
        merged.epoch = if says_the_same { list.epoch } else { list.epoch + 1 };
        let changed = *self != merged;
        *self = merged;
        changed
    }
}

/// Both, in the order of their ids, which is that of their making; the newest of too many.
fn merged(some: &[KeyId], more: &[KeyId]) -> Vec<KeyId> {
    let mut all: Vec<KeyId> = some.iter().chain(more).copied().collect();
    all.sort_by_key(|id| id.0);
    all.dedup();
    all.split_off(all.len().saturating_sub(MOST_GONE))
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
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
        id::{AgentId, DirectoryId, TenantId},
        sealed::OpeningKey,
    };
    use rand::{SeedableRng, rngs::StdRng};
    use uuid::Uuid;

    use super::*;
    use crate::link_keys::LinkKeys;

    const NOW: i64 = 1_000;

    struct OneAgent {
        enrolment: Enrolment,
        keys: Keys,
        folder: tempfile::TempDir,
    }

    impl OneAgent {
        fn new(number: u8) -> Self {
            let recipient_key = KeyId(Uuid::from_u128(number.into()));
            let enrolment = Enrolment {
                agent: AgentId(Uuid::from_u128(number.into())),
                tenant: TenantId(Uuid::from_u128(2)),
                directory: DirectoryId(Uuid::from_u128(3)),
                origin: "https://reset.example.org".to_owned(),
                link_keys: LinkKeys::of(Bytes(vec![0; 32])),
                recipient_key,
                approval: None,
                old_recipients: Vec::new(),
                has_successor: false,
            };
            let keys = Keys {
                identity: SigningKey::from_bytes(&[number; 32]),
                successor: None,
                old_recipients: Vec::new(),
                directory: SigningKey::from_bytes(&[99; 32]),
                recipient: OpeningKey::derive(recipient_key, &[number; 32]),
            };
            Self { enrolment, keys, folder: tempfile::tempdir().unwrap() }
        }

        fn recipients(&self) -> Recipients {
            Recipients::read(self.folder.path()).unwrap()
        }

        fn list(&self) -> RecipientList {
            self.recipients().list(&self.enrolment, &self.keys, NOW).unwrap()
        }

        fn admit(&self, other: &Self) -> Admission {
            self.try_admit(other).unwrap()
        }

        fn try_admit(&self, other: &Self) -> Result<Admission, AdmitError> {
            let request = JoinRequest(other.keys.recipient.public());
            let of = (&self.enrolment, &self.keys);
            let mut rng = StdRng::seed_from_u64(1);
            Recipients::admit(self.folder.path(), &request, of, NOW, &mut rng)
        }

        fn hear(&self, list: &RecipientList) -> bool {
            let mut recipients = self.recipients();
            let changed = recipients.adopt(list, (&self.enrolment, &self.keys), NOW);
            recipients.write(self.folder.path()).unwrap();
            changed
        }
    }

    #[test]
    fn a_list_is_signed_by_the_directory_and_renewed_in_time() {
        let agent = OneAgent::new(1);
        let list = agent.list();
        assert!(list.verify(NOW + GOOD_FOR_SECONDS - 1));
        assert!(!list.verify(NOW + GOOD_FOR_SECONDS));
        assert_eq!(list.keys, [agent.keys.recipient.public()]);
        assert!(!is_due(list.expires_at, NOW + RENEWED_BEFORE_SECONDS));
        assert!(is_due(list.expires_at, NOW + 1 + RENEWED_BEFORE_SECONDS));
    }

    #[test]
    fn who_is_admitted_is_on_every_agents_list() {
        let [first, second, third] = [1, 2, 3].map(OneAgent::new);
        let admission = first.admit(&second);
        assert!(admission.open(&second.keys.recipient, NOW).is_ok());
        let given = Recipients::of(&admission.recipients, second.keys.recipient.id);
        given.write(second.folder.path()).unwrap();
        assert_eq!(first.list(), second.list());

        second.admit(&third);
        assert!(third.hear(&second.list()) && first.hear(&second.list()));
        assert_eq!((first.list(), third.list()), (second.list(), second.list()));
        assert!(!first.hear(&third.list()), "nothing new");
    }

    #[test]
    fn an_old_list_or_a_strangers_changes_nothing() {
        let [first, second] = [1, 2].map(OneAgent::new);
        let alone = first.list();
        first.admit(&second);
        assert!(!first.hear(&alone), "an older one");
        let mut stranger = OneAgent::new(4);
        stranger.keys.directory = SigningKey::from_bytes(&[66; 32]);
        stranger.admit(&second);
        stranger.admit(&OneAgent::new(5));
        assert!(!first.hear(&stranger.list()), "signed by another key");
        assert_eq!(first.list().keys.len(), 2);
    }

    #[test]
    fn two_admitted_at_once_are_both_on_the_list() {
        let [first, second, third, fourth] = [1, 2, 3, 4].map(OneAgent::new);
        first.admit(&second);
        second.hear(&first.list());
        first.admit(&third);
        second.admit(&fourth);
        let (of_first, of_second) = (first.list(), second.list());
        assert!(first.hear(&of_second) && second.hear(&of_first));
        assert_eq!(first.list(), second.list());
        assert_eq!(first.list().keys.len(), 4);
    }

    #[test]
    fn a_dismissed_key_does_not_come_back_with_a_list_that_was_made_at_the_same_time() {
        let [first, second, third, fourth] = [1, 2, 3, 4].map(OneAgent::new);
        for other in [&second, &third] {
            first.admit(other);
        }
        for agent in [&second, &third] {
            agent.hear(&first.list());
        }
        let thirds = JoinRequest(third.keys.recipient.public()).fingerprint();
        assert!(Recipients::dismiss(first.folder.path(), &thirds).unwrap());
        second.admit(&fourth);
        let (of_first, of_second) = (first.list(), second.list());
        assert_eq!(of_first.epoch, of_second.epoch);
        assert!(first.hear(&of_second) && second.hear(&of_first));
        assert_eq!(first.list(), second.list());
        let has = |list: &RecipientList, agent: &OneAgent| {
            list.keys.contains(&agent.keys.recipient.public())
        };
        assert!(has(&first.list(), &fourth) && !has(&first.list(), &third));

        // Nor with a newer list of one who had not heard of it.
        let [fifth, sixth, seventh] = [5, 6, 7].map(OneAgent::new);
        first.admit(&fifth);
        let before = first.list();
        second.hear(&before);
        let fifths = JoinRequest(fifth.keys.recipient.public()).fingerprint();
        Recipients::dismiss(first.folder.path(), &fifths).unwrap();
        second.admit(&sixth);
        second.admit(&seventh);
        assert!(second.list().epoch > first.list().epoch && first.hear(&second.list()));
        assert!(second.hear(&first.list()));
        assert_eq!(first.list(), second.list());
        assert!(!has(&first.list(), &fifth) && has(&first.list(), &seventh));
        assert!(matches!(second.try_admit(&fifth), Err(AdmitError::Gone)));
    }

    #[test]
    fn an_agent_with_a_new_key_stays_on_lists_that_know_the_old_one() {
        let [mut first, second, third] = [1, 2, 3].map(OneAgent::new);
        first.admit(&second);
        second.hear(&first.list());
        let old = first.keys.recipient.id;
        first.keys.recipient = OpeningKey::derive(KeyId(Uuid::from_u128(11)), &[11; 32]);
        let mut recipients = first.recipients();
        assert!(recipients.leave_out([old].into_iter()));
        assert!(!recipients.leave_out([old].into_iter()), "once");
        recipients.write(first.folder.path()).unwrap();
        second.admit(&third);
        second.admit(&OneAgent::new(4));
        assert!(first.hear(&second.list()));
        assert!(second.hear(&first.list()));
        assert_eq!(first.list(), second.list());
        let ids: Vec<_> = first.list().keys.iter().map(|key| key.id).collect();
        assert!(ids.contains(&first.keys.recipient.id) && !ids.contains(&old) && ids.len() == 4);
    }

    #[test]
    fn a_request_with_an_id_that_is_taken_evicts_nobody() {
        let [first, second] = [1, 2].map(OneAgent::new);
        first.admit(&second);
        let mut thief = OneAgent::new(3);
        for taken in [first.keys.recipient.id, second.keys.recipient.id] {
            thief.keys.recipient = OpeningKey::derive(taken, &[3; 32]);
            assert!(matches!(first.try_admit(&thief), Err(AdmitError::Taken)));
        }
        assert_eq!(first.list().keys.len(), 2);
    }

    #[test]
    fn who_is_dismissed_signs_no_list_any_more() {
        let [first, second] = [1, 2].map(OneAgent::new);
        first.admit(&second);
        second.hear(&first.list());
        let fingerprint = JoinRequest(second.keys.recipient.public()).fingerprint();
        assert!(Recipients::dismiss(first.folder.path(), &fingerprint).unwrap());
        assert!(!Recipients::dismiss(first.folder.path(), &fingerprint).unwrap());
        assert!(second.hear(&first.list()));
        assert!(second.recipients().list(&second.enrolment, &second.keys, NOW).is_none());
        assert_eq!(first.list().keys.len(), 1);
        let lets_in = second.try_admit(&OneAgent::new(3));
        assert!(matches!(lets_in, Err(AdmitError::Dismissed)), "nor lets itself back in");
    }
}
