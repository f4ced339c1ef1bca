//! Enrolment: keys are made once and kept, the service learns their public halves proved with a
//! one-time secret that itself never leaves, and its link key is pinned: only the key whose
//! fingerprint the administrator carried over, and only after it signed what it took in.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use protocol::{
    admission::{Admission, JoinRequest},
    agent::{Enrol, Enrolled, EnrolmentCode},
    id::{AgentId, DirectoryId, KeyId, TenantId},
    sealed::{OpeningKey, SealError},
};
use rand::CryptoRng;
use secret_store::{Kind, SecretStore, SecretStoreError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    config::{Config, Secrets, is_acceptable_origin},
    link_keys::LinkKeys,
    private,
    way::Way,
};

const FILE: &str = "enrolment.json";
pub(crate) const IDENTITY: &str = "identity-key";
const DIRECTORY: &str = "directory-key";
pub(crate) const RECIPIENT: &str = "recipient-key";
pub(crate) const RECIPIENT_ID: &str = "recipient-key-id";

/// What the agent knows of itself and of its service since its enrolment. Nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Its id.
    pub agent: AgentId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Its directory.
    pub directory: DirectoryId,
    /// The service's origin.
    pub origin: String,
    /// The service's pinned link key, and newer ones.
    #[serde(flatten)]
    pub link_keys: LinkKeys,
    /// Names the agent's key for sealed passwords.
    pub recipient_key: KeyId,
    /// What an administrator of the service compares before this agent may do anything; none
    /// when it was let in at once.
    #[serde(default)]
    pub approval: Option<String>,
    /// Keys for sealed passwords that were replaced, while something sealed for them may come.
    #[serde(default)]
    pub old_recipients: Vec<OldRecipient>,
    /// Whether a new identity key waits for the service.
    #[serde(default)]
    pub has_successor: bool,
}

/// A replaced key for sealed passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldRecipient {
    /// Names it.
    pub id: KeyId,
    /// Unix seconds after which nothing that is sealed for it can come any more.
    pub wiped_at: i64,
}

/// The agent's private keys. Wiped on drop.
pub struct Keys {
    /// Proves who the agent is.
    pub identity: SigningKey,
    /// Takes its place as soon as the service knows it.
    pub successor: Option<SigningKey>,
    /// Signs lists of recipients.
    pub directory: SigningKey,
    /// Opens sealed passwords.
    pub recipient: OpeningKey,
    /// Replaced ones, for what was sealed before.
    pub old_recipients: Vec<OpeningKey>,
}

/// Which keys an enrolment brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bring<'a> {
    /// Those in the secret store; only missing ones are made. So an enrolment whose answer was
    /// lost is repeated with a fresh code.
    Kept,
    /// New ones in their place, after the agent was removed in the service.
    New,
    /// The directory's key from its first agent, and kept ones of its own.
    Admitted(&'a Admission),
}

/// Why the agent is not, or cannot be, enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The text is no enrolment code.
    #[error("this is no enrolment code; get one with: regain-service directory enrolment-code")]
    NoCode,
    /// The code leads to an address that passwords must not go to.
    #[error(
        "the code leads to {0:?}; the service must be reached over https (plain http only on this machine)"
    )]
    Origin(String),
    /// There is an enrolment already.
    #[error("{} exists: this agent is enrolled; to enrol it anew, delete that file, get a code with: regain-service directory enrolment-code, and run: regain-agent enrol --config FILE CODE (it keeps its keys)", .0.display())]
    Already(PathBuf),
    /// There is none.
    #[error("{} is missing: this agent is not enrolled; run: regain-agent enrol --config FILE CODE", .0.display())]
    Missing(PathBuf),
    /// The service did not answer, or not as a service of ours does.
    #[error("{origin}: {cause}")]
    Service {
        /// Where.
        origin: String,
        /// What happened.
        cause: String,
    },
    /// The service did not take the agent in.
    #[error(
        "{0} refused the enrolment. Either the code is used or too old: get another with: regain-service directory enrolment-code. Or this agent was removed, or the directory has another agent: run regain-agent join-request --new-keys here, regain-agent admit at an agent that is in, then enrol here with --admission. Only where no other agent is left: regain-agent enrol --new-keys --config FILE CODE"
    )]
    Refused(String),
    /// Somebody else answered, or answered something else than was asked.
    #[error(
        "{0} did not prove the key that the code names: somebody stands between agent and service; no enrolment was stored"
    )]
    WrongKey(String),
    /// What another agent gave is not for this one.
    #[error(
        "the admission is of no use here ({0}): it is for another request, was changed, or is older than a day; make one with: regain-agent admit, from this machine's regain-agent join-request"
    )]
    Admission(SealError),
    /// A file cannot be read, written or understood.
    #[error("{path}: {cause}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The keys cannot be kept or found.
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    /// A key is missing or malformed.
    #[error(
        "the {0} is missing from the secret store: delete enrolment.json in agent.data_dir, get a code with: regain-service directory enrolment-code, and run: regain-agent enrol --config FILE CODE"
    )]
    NoKey(&'static str),
}

impl Enrolment {
    /// Enrols this agent.
    ///
    /// # Errors
    /// [`EnrolmentError`]; then no enrolment is stored. Its keys are kept for the next try.
    pub async fn make(
        config: &Config,
        code: &str,
        secrets: &SecretStore,
        bring: Bring<'_>,
        clock: &Clock,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Self, EnrolmentError> {
        Self::refuse_second(&config.agent.data_dir)?;
        let code = EnrolmentCode::parse(code).ok_or(EnrolmentError::NoCode)?;
        if !is_acceptable_origin(&code.origin) {
            return Err(EnrolmentError::Origin(code.origin));
        }
        let keys = Keys::make(secrets, bring, clock, rng)?;
        let recipient = keys.recipient.public();
        let recipient_key = recipient.id;
        let request = Enrol::prove(
            &code,
            config.agent.name.clone(),
            &keys.identity.verifying_key(),
            recipient,
            &keys.directory.verifying_key(),
        );
        let enrolled = post(config, &code.origin, &request).await?;
        if !enrolled.answers(&request, &code.link_key_fingerprint) {
            return Err(EnrolmentError::WrongKey(code.origin));
        }
        let enrolment = Self {
            agent: enrolled.agent,
            tenant: enrolled.tenant,
            directory: enrolled.directory,
            origin: code.origin,
            link_keys: LinkKeys::of(enrolled.link_key),
            recipient_key,
            approval: enrolled.waits_for_approval.then(|| request.fingerprint()),
            old_recipients: Vec::new(),
            has_successor: false,
        };
        enrolment.write(&config.agent.data_dir)?;
        Ok(enrolment)
    }

    /// Stores it as a whole.
    ///
    /// # Errors
    /// [`EnrolmentError::File`].
    pub(crate) fn write(&self, data_dir: &Path) -> Result<(), EnrolmentError> {
        write_private(&path(data_dir), self)
    }

    /// Stops whoever is enrolled already, before anything is changed.
    ///
    /// # Errors
    /// [`EnrolmentError::Already`].
    pub fn refuse_second(data_dir: &Path) -> Result<(), EnrolmentError> {
        let path = path(data_dir);
        if path.exists() { Err(EnrolmentError::Already(path)) } else { Ok(()) }
    }

    /// Reads the enrolment.
    ///
    /// # Errors
    /// [`EnrolmentError::Missing`] or an unreadable file.
    pub fn read(data_dir: &Path) -> Result<Self, EnrolmentError> {
        let path = path(data_dir);
        let failed = |cause: String| EnrolmentError::File { path: path.clone(), cause };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(EnrolmentError::Missing(path));
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        let enrolment: Self =
            serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        let link_keys = enrolment.link_keys.keys();
        link_keys.ok_or_else(|| failed("link_key is no Ed25519 key".to_owned()))?;
        Ok(enrolment)
    }
}

/// Puts a small file in its place as a whole, for its owner alone.
pub(crate) fn write_private(path: &Path, content: &impl Serialize) -> Result<(), EnrolmentError> {
    let failed = |cause: std::io::Error| EnrolmentError::File {
        path: path.to_owned(),
        cause: cause.to_string(),
    };
    let text = serde_json::to_string_pretty(content).map_err(|error| failed(error.into()))?;
    let new = path.with_extension("new");
    let mut options = private::options();
    let written =
        options.write(true).create(true).truncate(true).open(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    written.and_then(|()| std::fs::rename(&new, path)).map_err(failed)?;
    // That it is in its place must outlast a power cut, too.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

impl Keys {
    /// Reads the keys; makes and keeps those that are missing, malformed or to be new.
    fn make(
        secrets: &SecretStore,
        bring: Bring<'_>,
        clock: &Clock,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, EnrolmentError> {
        let kept = |name: &str, length: usize| -> Result<_, SecretStoreError> {
            let secret = secrets.get(name)?;
            Ok(secret.filter(|secret| bring != Bring::New && secret.len() == length))
        };
        let mut recipient_is_new = false;
        for name in [IDENTITY, DIRECTORY, RECIPIENT] {
            if kept(name, 32)?.is_none() {
                let mut secret = Zeroizing::new([0_u8; 32]);
                rng.fill_bytes(secret.as_mut());
                secrets.set(name, secret.as_ref())?;
                recipient_is_new |= name == RECIPIENT;
            }
        }
        let id = kept(RECIPIENT_ID, 16)?.filter(|_| !recipient_is_new);
        let id = id.and_then(|id| id.as_slice().try_into().ok());
        let id = if let Some(id) = id {
            KeyId(Uuid::from_bytes(id))
        } else {
            let id = KeyId::new(clock.unix_millis(), rng);
            secrets.set(RECIPIENT_ID, id.0.as_bytes())?;
            id
        };
        let keys = Self::read(secrets, id)?;
        let Bring::Admitted(admission) = bring else {
            return Ok(keys);
        };
        let opened = admission.open(&keys.recipient, clock.unix_seconds());
        let directory = opened.map_err(EnrolmentError::Admission)?;
        secrets.set(DIRECTORY, Zeroizing::new(directory.to_bytes()).as_ref())?;
        Ok(Self { directory, ..keys })
    }

    /// What this agent asks another one of the same directory with. Makes and keeps its keys,
    /// all of them anew where the service or the directory no longer takes the kept ones.
    ///
    /// # Errors
    /// When they cannot be kept.
    pub fn join_request(
        secrets: &SecretStore,
        new_keys: bool,
        clock: &Clock,
        rng: &mut impl CryptoRng,
    ) -> Result<JoinRequest, EnrolmentError> {
        let bring = if new_keys { Bring::New } else { Bring::Kept };
        Ok(JoinRequest(Self::make(secrets, bring, clock, rng)?.recipient.public()))
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// When one is missing or the store cannot be read.
    pub fn read(secrets: &SecretStore, recipient: KeyId) -> Result<Self, EnrolmentError> {
        let key = |name: &'static str| -> Result<Zeroizing<[u8; 32]>, EnrolmentError> {
            let secret = secrets.get(name)?.ok_or(EnrolmentError::NoKey(name))?;
            let bytes = secret.as_slice().try_into().map_err(|_| EnrolmentError::NoKey(name))?;
            Ok(Zeroizing::new(bytes))
        };
        Ok(Self {
            identity: SigningKey::from_bytes(&*key(IDENTITY)?),
            successor: None,
            directory: SigningKey::from_bytes(&*key(DIRECTORY)?),
            recipient: OpeningKey::derive(recipient, &*key(RECIPIENT)?),
            old_recipients: Vec::new(),
        })
    }
}

/// Makes the data folder, for its owner alone, and opens the secret store in it.
///
/// # Errors
/// When either cannot be made.
pub fn open_secrets(config: &Config) -> Result<SecretStore, EnrolmentError> {
    let data_dir = &config.agent.data_dir;
    private::make_folder(data_dir).map_err(|error| EnrolmentError::File {
        path: data_dir.clone(),
        cause: format!("{error}; agent.data_dir must be a folder that the agent's user may write"),
    })?;
    let kind = match config.agent.secrets {
        // A credential vault of Windows is one account's; these are an administrator's, who
        // enrols, and the service's.
        Secrets::Auto if cfg!(windows) => Kind::File,
        Secrets::Auto => Kind::Auto,
        Secrets::Keyring => Kind::Keyring,
        Secrets::File => Kind::File,
    };
    Ok(SecretStore::open(private::SERVICE, &data_dir.join("secrets"), kind)?)
}

async fn post(config: &Config, origin: &str, request: &Enrol) -> Result<Enrolled, EnrolmentError> {
    let failed = |cause: String| EnrolmentError::Service { origin: origin.to_owned(), cause };
    let way = Way::new(config).map_err(failed)?;
    let answer = way
        .client()
        .post(format!("{origin}/api/v1/agents/enrol"))
        .timeout(Duration::from_secs(30))
        .json(request)
        .send()
        .await
        .map_err(|error| failed(way.words(&error)))?;
    let status = answer.status();
    if !status.is_success() {
        let body = answer.text().await.unwrap_or_default();
        let code = serde_json::from_str::<serde_json::Value>(&body).ok();
        let code = code.as_ref().and_then(|problem| problem.get("code")?.as_str());
        if code == Some("enrolment-refused") {
            return Err(EnrolmentError::Refused(origin.to_owned()));
        }
        return Err(failed(format!("refused the enrolment: {}", code.unwrap_or(status.as_str()))));
    }
    answer.json().await.map_err(|error| failed(way.words(&error)))
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}
