//! The agent link: enrolment over HTTP once, then frames over one outbound WebSocket
//! (`/api/v1/agents/link`), each a JSON text of at most [`MAX_FRAME`] bytes.
//!
//! Both ends prove their Ed25519 keys on fresh nonces before anything else is said, and sign
//! every job and answer over the link's nonces (design decision 17): a terminating or
//! inspecting proxy can neither read a password nor change an order. No decisions here.
//!
//! Long: enrolment and link share what is signed, and its tests.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    bytes::Bytes,
    directory::{AccountRecord, AccountStatus, ExternalId, Fence, Outcome},
    id::{AgentId, DirectoryId, OperationId, TenantId},
    link_key::LinkKeySuccessor,
    sealed::{RecipientKey, RecipientList, SealedPassword, fingerprint},
};

/// Most bytes of one frame.
pub const MAX_FRAME: usize = 256 * 1024;
/// Seconds between two heartbeats of the agent (catalogue WB-13).
pub const HEARTBEAT_S: u64 = 30;
/// Most accounts in one page of the synchronisation.
pub const MAX_PAGE: usize = 500;

/// What the administrator carries from `regain-service directory enrolment-code` to
/// `regain-agent enrol`: where, with which secret, and which link key to expect there.
/// Text form: `<id>.<secret>.<fingerprint>.<base64url of the service's address>`.
///
/// The secret itself never crosses a wire: it proves what [`Enrol`] brings, and only the id,
/// which is no secret, says which code was used.
pub struct EnrolmentCode {
    /// Names the code, 16 bytes.
    pub id: Bytes,
    /// The one-time secret, 32 bytes.
    pub secret: zeroize::Zeroizing<Vec<u8>>,
    /// [`crate::sealed::fingerprint`] of the service's link key.
    pub link_key_fingerprint: String,
    /// The service's origin, such as `https://reset.example.org`.
    pub origin: String,
}

impl EnrolmentCode {
    /// Reads the text form; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let (id, secret) = (parts.next()?, parts.next()?);
        let (fingerprint, origin) = (parts.next()?, parts.next()?);
        let code = Self {
            id: Bytes(Bytes::decode(id)?),
            secret: zeroize::Zeroizing::new(Bytes::decode(secret)?),
            link_key_fingerprint: fingerprint.to_owned(),
            origin: String::from_utf8(Bytes::decode(origin)?).ok()?,
        };
        let is_whole = parts.next().is_none() && code.id.0.len() == 16 && code.secret.len() == 32;
        is_whole.then_some(code)
    }

    /// Writes the text form, once, for the administrator's eyes.
    pub fn to_text(&self) -> String {
        format!(
            "{}.{}.{}.{}",
            Bytes::encode(&self.id.0),
            Bytes::encode(&self.secret),
            self.link_key_fingerprint,
            Bytes::encode(self.origin.as_bytes())
        )
    }
}

/// Body of `POST /api/v1/agents/enrol`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The id of the enrolment code, 16 bytes. Not its secret.
    pub code: Bytes,
    /// The agent's name for the administrator, at most 64 characters.
    pub name: String,
    /// Its Ed25519 key, 32 bytes.
    pub identity_key: Bytes,
    /// Its key for sealed passwords.
    pub recipient: RecipientKey,
    /// The directory's Ed25519 key; the first agent of a directory makes it.
    pub directory_key: Bytes,
    /// HMAC-SHA256 over all of the above under the code's secret: nobody between agent and
    /// service can swap a key.
    pub proof: Bytes,
}

impl Enrol {
    /// What an agent brings, proved with the secret of its code.
    pub fn prove(
        code: &EnrolmentCode,
        name: String,
        identity_key: &VerifyingKey,
        recipient: RecipientKey,
        directory_key: &VerifyingKey,
    ) -> Self {
        let mut enrol = Self {
            code: code.id.clone(),
            name,
            identity_key: Bytes(identity_key.as_bytes().to_vec()),
            recipient,
            directory_key: Bytes(directory_key.as_bytes().to_vec()),
            proof: Bytes(Vec::new()),
        };
        enrol.proof = Bytes(enrol.mac(&code.secret).finalize().into_bytes().to_vec());
        enrol
    }

    /// Whether somebody who knows the secret brings exactly this. Compares in constant time.
    pub fn is_proved(&self, secret: &[u8]) -> bool {
        self.mac(secret).verify_slice(&self.proof.0).is_ok()
    }

    /// What two administrators compare before the agent may do anything.
    pub fn fingerprint(&self) -> String {
        agent_fingerprint(&self.identity_key.0, &self.recipient, &self.directory_key.0)
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, secret: &[u8]) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(secret);
        mac.expect("any length").chain_update(self.bytes())
    }

    /// Everything but the proof, each part with its length.
    fn bytes(&self) -> Vec<u8> {
        labelled(
            b"regain enrol 1",
            &[
                &self.code.0,
                self.name.as_bytes(),
                &self.identity_key.0,
                self.recipient.id.0.as_bytes(),
                &self.recipient.public.0,
                &self.directory_key.0,
            ],
        )
    }
}

/// Short enough to be read out; of all keys that an agent brings.
pub fn agent_fingerprint(
    identity_key: &[u8],
    recipient: &RecipientKey,
    directory_key: &[u8],
) -> String {
    let id = recipient.id.0;
    let parts = [identity_key, id.as_bytes(), &recipient.public.0, directory_key];
    fingerprint(&labelled(b"regain agent 1", &parts))
}

/// Answer of `POST /api/v1/agents/enrol`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// The agent's id from now on.
    pub agent: AgentId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Its directory.
    pub directory: DirectoryId,
    /// The service's Ed25519 link key, 32 bytes; its fingerprint must be the code's.
    pub link_key: Bytes,
    /// Whether an administrator must approve the agent before it may do anything.
    pub waits_for_approval: bool,
    /// The link key's signature over what the agent brought and all of the above.
    pub signature: Bytes,
}

impl Enrolled {
    /// The answer to `enrol`, signed.
    pub fn sign(
        enrol: &Enrol,
        (agent, tenant, directory): (AgentId, TenantId, DirectoryId),
        waits_for_approval: bool,
        key: &SigningKey,
    ) -> Self {
        let mut enrolled = Self {
            agent,
            tenant,
            directory,
            link_key: Bytes(key.verifying_key().as_bytes().to_vec()),
            waits_for_approval,
            signature: Bytes(Vec::new()),
        };
        let signature = key.sign(&enrolled.signed_bytes(enrol));
        enrolled.signature = Bytes(signature.to_bytes().to_vec());
        enrolled
    }

    /// Whether the service that the code names answered exactly what this agent brought.
    pub fn answers(&self, enrol: &Enrol, link_key_fingerprint: &str) -> bool {
        let key = self.link_key.array::<32>();
        let key = key.and_then(|key| VerifyingKey::from_bytes(&key).ok());
        let signature = self.signature.array::<64>();
        let (Some(key), Some(signature)) = (key, signature) else {
            return false;
        };
        let signature = Signature::from_bytes(&signature);
        fingerprint(&self.link_key.0) == link_key_fingerprint
            && key.verify_strict(&self.signed_bytes(enrol), &signature).is_ok()
    }

    fn signed_bytes(&self, enrol: &Enrol) -> Vec<u8> {
        labelled(
            b"regain enrolled 1",
            &[
                &enrol.bytes(),
                self.agent.0.as_bytes(),
                self.tenant.0.as_bytes(),
                self.directory.0.as_bytes(),
                &[u8::from(self.waits_for_approval)],
            ],
        )
    }
}

/// A label and parts, each with its length, so that no two lists look alike.
fn labelled(label: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = label.to_vec();
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// First frame of the agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`crate::VERSION`].
    pub version: u16,
    /// Who speaks.
    pub agent: AgentId,
    /// 32 fresh bytes.
    pub nonce: Bytes,
}

/// First frame of the service: its proof.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// 32 fresh bytes.
    pub nonce: Bytes,
    /// The service's time, Unix milliseconds: the agent counts lives of jobs from here on its
    /// own monotonic clock.
    pub unix_millis: u64,
    /// The service's signature over [`LinkSession::service_proof`].
    pub signature: Bytes,
}

/// Second frame of the agent: its proof, over [`LinkSession::agent_proof`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The agent's signature.
    pub signature: Bytes,
    /// The key that takes its place from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Successor>,
}

/// A new identity key of an agent, in a proof: the old one says so, and the new one that it is
/// there. Sent again until the service says [`Order::IdentityStored`]; whichever of the two it
/// knows by then, it takes the proof.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Successor {
    /// The new Ed25519 key, 32 bytes.
    pub key: Bytes,
    /// Signatures over [`LinkSession::succession`] by the old key and by the new one.
    pub by_old: Bytes,
    /// By the new one.
    pub by_new: Bytes,
}

impl Successor {
    /// `new` in the place of `old`, on this link.
    pub fn sign(old: &SigningKey, new: &SigningKey, session: &LinkSession) -> Self {
        let key = new.verifying_key();
        let said = session.succession(key.as_bytes());
        let sign = |by: &SigningKey| Bytes(by.sign(&said).to_bytes().to_vec());
        Self { key: Bytes(key.as_bytes().to_vec()), by_old: sign(old), by_new: sign(new) }
    }

    /// The new key, if it is there and `known` says so; or is `known` itself, when the service
    /// has it already and its answer was lost.
    pub fn accept(&self, known: &VerifyingKey, session: &LinkSession) -> Option<VerifyingKey> {
        let new = VerifyingKey::from_bytes(&self.key.array()?).ok()?;
        let said = session.succession(new.as_bytes());
        let is_by = |key: &VerifyingKey, signature: &Bytes| {
            let signature = signature.array::<64>().map(|bytes| Signature::from_bytes(&bytes));
            signature.is_some_and(|signature| key.verify_strict(&said, &signature).is_ok())
        };
        let is_meant = new == *known || is_by(known, &self.by_old);
        (is_meant && is_by(&new, &self.by_new)).then_some(new)
    }
}

/// The bytes that both ends of one connection sign, so that no frame of another connection,
/// agent or direction is ever accepted.
#[derive(Clone)]
pub struct LinkSession {
    id: [u8; 32],
}

impl LinkSession {
    /// The session of this agent with these two nonces.
    pub fn new(agent: AgentId, agent_nonce: &Bytes, service_nonce: &Bytes) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"regain link 1");
        hash.update(agent.0.as_bytes());
        hash.update(Sha256::digest(&agent_nonce.0));
        hash.update(Sha256::digest(&service_nonce.0));
        Self { id: hash.finalize().into() }
    }

    /// What the service signs in [`Welcome`].
    pub fn service_proof(&self, unix_millis: u64) -> Vec<u8> {
        [b"service".as_slice(), &self.id, &unix_millis.to_be_bytes()].concat()
    }

    /// What the agent signs in [`Proof`].
    pub fn agent_proof(&self) -> Vec<u8> {
        [b"agent".as_slice(), &self.id].concat()
    }

    /// What both keys of a [`Successor`] sign.
    fn succession(&self, new: &[u8; 32]) -> Vec<u8> {
        [b"successor".as_slice(), &self.id, new].concat()
    }

    /// What both keys of a [`LinkKeySuccessor`] sign.
    pub(crate) fn link_key_succession(&self, generation: u64, new: &[u8; 32]) -> Vec<u8> {
        [b"link key".as_slice(), &self.id, &generation.to_be_bytes(), new].concat()
    }

    fn frame(&self, direction: &[u8], number: u64, body: &str) -> Vec<u8> {
        [b"frame ".as_slice(), direction, &self.id, &number.to_be_bytes(), body.as_bytes()].concat()
    }
}

/// Which way a frame goes; part of what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Orders.
    ToAgent,
    /// Answers and lists.
    ToService,
}

impl Direction {
    fn label(self) -> &'static [u8] {
        match self {
            Self::ToAgent => b"to agent",
            Self::ToService => b"to service",
        }
    }
}

/// A signed frame: the JSON of a message, its running number in this direction, a signature.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedFrame {
    /// From 0, rising by one: a repeated, dropped or swapped frame is noticed.
    pub number: u64,
    /// The JSON text of an [`Order`] or a [`Report`].
    pub body: String,
    /// The sender's Ed25519 signature, 64 bytes.
    pub signature: Bytes,
}

impl SignedFrame {
    /// Signs `message` as frame `number`.
    ///
    /// # Errors
    /// When the message has no JSON form, which no message of ours lacks.
    pub fn sign<T: Serialize>(
        message: &T,
        number: u64,
        direction: Direction,
        session: &LinkSession,
        key: &SigningKey,
    ) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_string(message)?;
        let signature = key.sign(&session.frame(direction.label(), number, &body));
        Ok(Self { number, body, signature: Bytes(signature.to_bytes().to_vec()) })
    }

    /// Checks number, direction, session and signature, then reads the message. `None` for any
    /// difference: the link is then closed.
    pub fn open<T: DeserializeOwned>(
        &self,
        expected_number: u64,
        direction: Direction,
        session: &LinkSession,
        key: &VerifyingKey,
    ) -> Option<T> {
        let signature = Signature::from_bytes(&self.signature.array::<64>()?);
        let signed = session.frame(direction.label(), self.number, &self.body);
        if self.number != expected_number || key.verify_strict(&signed, &signature).is_err() {
            return None;
        }
        serde_json::from_str(&self.body).ok()
    }
}

/// What the service asks of an agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// Read the live truth about one account. Answered by [`Report::Status`].
    Status {
        /// Echoed in the answer.
        request: u64,
        /// Which account.
        account: ExternalId,
    },
    /// Change one account. Answered by [`Report::Outcome`].
    Change(Box<Change>),
    /// The list of recipients that another agent of this directory sent. Counts only if the
    /// directory's own key signed it.
    Recipients(RecipientList),
    /// Send the accounts, all of them, whatever was sent before. Answered by
    /// [`Report::Accounts`] pages.
    Synchronise,
    /// The agent's new identity key is stored: the old one is of no use any more.
    IdentityStored {
        /// The new key.
        key: Bytes,
    },
    /// A newer link key of the service, to be accepted beside the known one. Answered by
    /// [`Report::LinkKeyKept`] once it is stored.
    LinkKey(LinkKeySuccessor),
    /// The first frame that the newer link key signs, as all that follow: what came before it is
    /// of no use any more.
    LinkKeyInForce {
        /// The newer key.
        key: Bytes,
    },
    /// No administrator has approved the agent yet: it is told nothing else, and the link ends.
    NotApproved,
    /// The outcome of this operation is stored; the journal may forget it after its time.
    Stored {
        /// Which.
        operation: OperationId,
    },
}

/// One change of one account, exactly once in effect: the agent journals it by its operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The operation; a repetition is answered from the journal.
    pub operation: OperationId,
    /// Which account.
    pub account: ExternalId,
    /// What to do.
    pub act: ChangeAct,
    /// The values read before; the write is fenced on them.
    pub fence: Fence,
    /// When the order ends, Unix milliseconds of the service's clock, which the agent counts on
    /// its monotonic clock from the time exchange of the connection: what was held up on the
    /// way lives no longer for it.
    pub expires_at_ms: u64,
    /// Whether an agent had it before: that one may have written, so who gets it now looks
    /// first.
    #[serde(default)]
    pub handed_before: bool,
}

/// What to do to an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum ChangeAct {
    /// Clear the lock.
    Unlock,
    /// Set the sealed password, clear the lock and must-change with it.
    Reset {
        /// Sealed for the agents of this directory.
        sealed: SealedPassword,
        /// Unix time in seconds that the seal is bound to.
        expires_at: i64,
    },
    /// Change the password with the present one. Only ordered of an account whose status says
    /// [`takes_changes`](crate::directory::AccountStatus::takes_changes).
    Change {
        /// The present and the new one together, sealed for the agents of this directory.
        sealed: SealedPassword,
        /// Unix time in seconds that the seal is bound to.
        expires_at: i64,
    },
}

/// How an agent is, for the administrator of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Why it begins nothing new, if it does not.
    pub stopped: Option<Stopped>,
    /// Changes that were begun, or told, and are not acknowledged yet.
    pub waiting: u32,
    /// What its clock shows, Unix milliseconds.
    pub unix_millis: u64,
    /// The version of its program, such as `0.1.0`; at most 32 characters.
    pub software: String,
}

/// Why an agent begins nothing new. What it began before is finished all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// Past its own hourly limit: it waits for a release on its machine.
    HourlyLimit,
    /// The directory has locked its account: it waits before it tries again.
    AccountLocked,
    /// The directory refuses its account, for the password most likely: it waits before it
    /// tries again.
    AccountRefused,
    /// Switched off on its machine.
    SwitchedOff,
}

impl Stopped {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::HourlyLimit, Self::AccountLocked, Self::AccountRefused, Self::SwitchedOff];

    /// Its stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::HourlyLimit => "hourly-limit",
            Self::AccountLocked => "account-locked",
            Self::AccountRefused => "account-refused",
            Self::SwitchedOff => "switched-off",
        }
    }

    /// The one with this code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stopped| stopped.code() == code)
    }
}

/// What an agent says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum Report {
    /// Alive.
    Heartbeat {
        /// Whether a controller answered the last time it was asked.
        directory_reachable: bool,
    },
    /// How it is. Sent before each heartbeat, and at once when it stops or goes on.
    Health(Health),
    /// Who may open new passwords. Sent after each connect and each change.
    Recipients(RecipientList),
    /// Answer to [`Order::Status`].
    Status {
        /// Of the order.
        request: u64,
        /// The truth, or why it could not be read.
        status: Result<AccountStatus, crate::directory::NotDone>,
    },
    /// Answer to [`Order::Change`].
    Outcome {
        /// Which.
        operation: OperationId,
        /// What became of it.
        outcome: Outcome,
    },
    /// Answer to [`Order::LinkKey`]: it is stored, and outlasts a power cut.
    LinkKeyKept {
        /// Of the order.
        generation: u64,
        /// Of the order.
        key: Bytes,
    },
    /// One page of the accounts.
    Accounts(AccountsPage),
}

/// One page of a run of the synchronisation. A directory has one part or several (domains),
/// each with runs of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountsPage {
    /// The run that the page belongs to; a new number starts anew.
    pub run: u64,
    /// The part that is read: the naming context of a domain. At most 256 bytes.
    pub part: String,
    /// From 0, rising by one in each run: what was lost on the way is noticed, and the run counts
    /// for nothing.
    pub number: u32,
    /// Only what changed since this run of the same agent and part, which the service must
    /// have: else it asks for all. Absent: all accounts of the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Accounts as they are now. At most [`MAX_PAGE`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountRecord>,
    /// Accounts that are there no more, or outside. At most [`MAX_PAGE`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<ExternalId>,
    /// The last page of the run: accounts of the part that did not come in a run of all are
    /// gone.
    #[serde(default)]
    pub last: bool,
    /// With the last page of a run of all: every part there is, where that is known. Accounts of
    /// other parts are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::KeyId;

    fn code() -> EnrolmentCode {
        EnrolmentCode {
            id: Bytes(vec![1; 16]),
            secret: vec![2; 32].into(),
            link_key_fingerprint: fingerprint(link_key().verifying_key().as_bytes()),
            origin: "https://reset.example.org".to_owned(),
        }
    }

    fn link_key() -> SigningKey {
        SigningKey::from_bytes(&[3; 32])
    }

    fn ids() -> (AgentId, TenantId, DirectoryId) {
        let id = Uuid::from_u128;
        (AgentId(id(1)), TenantId(id(2)), DirectoryId(id(3)))
    }

    fn enrol() -> Enrol {
        let recipient = RecipientKey { id: KeyId(Uuid::from_u128(4)), public: Bytes(vec![4; 65]) };
        let key = |byte| SigningKey::from_bytes(&[byte; 32]).verifying_key();
        Enrol::prove(&code(), "dc1".to_owned(), &key(5), recipient, &key(6))
    }

    #[test]
    fn a_code_is_read_as_it_was_written() {
        let text = code().to_text();
        let read = EnrolmentCode::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(read.to_text(), text);
        assert_eq!((read.id.0.len(), read.secret.len()), (16, 32));
        for wrong in ["", "a.b.c.d", &format!("{text}.x"), &text[3..]] {
            assert!(EnrolmentCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn whoever_stands_between_sees_no_secret_and_can_swap_nothing() {
        let honest = enrol();
        assert!(honest.is_proved(&code().secret));
        assert!(!honest.is_proved(&[9; 32]));
        let sent = serde_json::to_string(&honest).unwrap();
        assert!(!sent.contains(&Bytes::encode(&code().secret)));
        let swaps: [fn(&mut Enrol); 7] = [
            |enrol| enrol.code.0[0] ^= 1,
            |enrol| enrol.name.push('x'),
            |enrol| enrol.identity_key.0[0] ^= 1,
            |enrol| enrol.recipient.id = KeyId(Uuid::from_u128(9)),
            |enrol| enrol.recipient.public.0[64] ^= 1,
            |enrol| enrol.directory_key.0[0] ^= 1,
            |enrol| enrol.proof.0.truncate(16),
        ];
        for swap in swaps {
            let mut swapped = enrol();
            swap(&mut swapped);
            assert!(!swapped.is_proved(&code().secret));
        }
    }

    #[test]
    fn an_answer_counts_only_from_the_named_service_and_to_what_was_brought() {
        let expected = code().link_key_fingerprint;
        let answer = || Enrolled::sign(&enrol(), ids(), true, &link_key());
        assert!(answer().answers(&enrol(), &expected));

        let stranger = SigningKey::from_bytes(&[8; 32]);
        assert!(!Enrolled::sign(&enrol(), ids(), true, &stranger).answers(&enrol(), &expected));
        let mut pretending = Enrolled::sign(&enrol(), ids(), true, &stranger);
        pretending.link_key = answer().link_key;
        assert!(!pretending.answers(&enrol(), &expected));

        let mut swapped = enrol();
        swapped.directory_key.0[0] ^= 1;
        assert!(!Enrolled::sign(&swapped, ids(), true, &link_key()).answers(&enrol(), &expected));
        let mut moved = answer();
        moved.directory = DirectoryId(Uuid::from_u128(7));
        assert!(!moved.answers(&enrol(), &expected));
        let mut approved = answer();
        approved.waits_for_approval = false;
        assert!(!approved.answers(&enrol(), &expected));
    }

    #[test]
    fn a_new_identity_key_needs_the_old_one_s_word_and_is_taken_again_once_it_is_known() {
        let [old, new, thief] = [5, 6, 7].map(|byte| SigningKey::from_bytes(&[byte; 32]));
        let nonce = |byte| Bytes(vec![byte; 32]);
        let session = LinkSession::new(ids().0, &nonce(1), &nonce(2));
        let successor = || Successor::sign(&old, &new, &session);
        let known = old.verifying_key();
        assert_eq!(successor().accept(&known, &session), Some(new.verifying_key()));
        let known_already = new.verifying_key();
        assert_eq!(successor().accept(&known_already, &session), Some(new.verifying_key()));

        let by_thief = Successor::sign(&thief, &thief, &session);
        assert!(by_thief.accept(&known, &session).is_none(), "not the old key's word");
        let mut swapped = successor();
        swapped.key = by_thief.key;
        assert!(swapped.accept(&known, &session).is_none(), "another key");
        let without_the_new_one = Successor { by_new: successor().by_old, ..successor() };
        assert!(without_the_new_one.accept(&known, &session).is_none());
        let later = LinkSession::new(ids().0, &nonce(1), &nonce(3));
        assert!(successor().accept(&known, &later).is_none(), "of another link");
        assert!(successor().accept(&thief.verifying_key(), &session).is_none());
    }
}
