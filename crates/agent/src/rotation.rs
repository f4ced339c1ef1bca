//! New keys without a pause: a new identity key, which the service takes on the word of the old
//! one, and a new key for sealed passwords, beside which the old one is kept for as long as
//! something sealed for it may still come.
//!
//! `regain-agent rotate-keys` only leaves a mark; the running agent alone changes its files. Each
//! new secret is kept before anything names it; what names it, the enrolment, is replaced as a
//! whole; and what follows from that is done again at every start (`settle`).
//!
//! The service's link key changes here too, as far as this agent keeps it: a newer one is stored
//! before the service hears so, and the old one goes when the newer one is proved.

use std::path::{Path, PathBuf};

use ed25519_dalek::{SigningKey, VerifyingKey};
use protocol::{bytes::Bytes, id::KeyId, link_key::LinkKeySuccessor, sealed::OpeningKey};
use rand::CryptoRng;
use secret_store::{SecretStore, SecretStoreError};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    config::Config,
    enrolment::{
        Enrolment, EnrolmentError, IDENTITY, Keys, OldRecipient, RECIPIENT, RECIPIENT_ID,
        open_secrets, write_private,
    },
    link_keys::Telling,
    recipients::{GOOD_FOR_SECONDS, Recipients},
};

const MARK: &str = "rotate-keys";
const SUCCESSOR: &str = "identity-key-next";
/// A list with the old key may be in force for so long, and what is sealed for it lives an hour.
const KEPT_SECONDS: i64 = GOOD_FOR_SECONDS + 3600;

/// Asks the agent on this folder for new keys.
///
/// # Errors
/// When the mark cannot be written.
pub fn ask(data_dir: &Path) -> Result<(), EnrolmentError> {
    write_private(&mark(data_dir), &())
}

/// The keys that an enrolment names.
///
/// # Errors
/// When one is missing.
pub(crate) fn keys(secrets: &SecretStore, enrolment: &Enrolment) -> Result<Keys, EnrolmentError> {
    let mut keys = Keys::read(secrets, enrolment.recipient_key)?;
    if let Some(key) = opening_key(secrets, enrolment.recipient_key)? {
        keys.recipient = key;
    }
    for old in &enrolment.old_recipients {
        keys.old_recipients.extend(opening_key(secrets, old.id)?);
    }
    if enrolment.has_successor {
        let secret = secret(secrets, SUCCESSOR)?.ok_or(EnrolmentError::NoKey(SUCCESSOR))?;
        keys.successor = Some(SigningKey::from_bytes(&secret));
    }
    Ok(keys)
}

/// Changes of keys that an agent makes while it runs.
pub(crate) struct Rotation {
    config: Config,
    /// Held while the enrolment is read, changed and written.
    changing: Mutex<()>,
}

impl Rotation {
    pub(crate) fn new(config: &Config) -> Self {
        Self { config: config.clone(), changing: Mutex::default() }
    }

    /// Whether there is anything to change; `is_settled` when no write is in doubt.
    pub(crate) fn is_due(&self, unix_seconds: i64, is_settled: bool) -> bool {
        mark(self.data_dir()).exists()
            || Enrolment::read(self.data_dir())
                .is_ok_and(|enrolment| is_settled && has_old(&enrolment, unix_seconds))
    }

    /// Changes what is due, and tells the keys from now on.
    pub(crate) async fn turn(
        &self,
        is_settled: bool,
        clock: &Clock,
        rng: &mut impl CryptoRng,
    ) -> Result<Keys, EnrolmentError> {
        let _alone = self.changing.lock().await;
        let secrets = open_secrets(&self.config)?;
        let mut enrolment = Enrolment::read(self.data_dir())?;
        if mark(self.data_dir()).exists() {
            self.replace(&secrets, &mut enrolment, clock, rng).await?;
        }
        let now = clock.unix_seconds();
        if is_settled && has_old(&enrolment, now) {
            self.wipe(&secrets, &mut enrolment, now)?;
        }
        self.settle(&secrets, &enrolment)?;
        keys(&secrets, &enrolment)
    }

    async fn replace(
        &self,
        secrets: &SecretStore,
        enrolment: &mut Enrolment,
        clock: &Clock,
        rng: &mut impl CryptoRng,
    ) -> Result<(), EnrolmentError> {
        let old = enrolment.recipient_key;
        // The first one was kept under a name without its id.
        if secret(secrets, &named(old))?.is_none() {
            let secret = secret(secrets, RECIPIENT)?.ok_or(EnrolmentError::NoKey(RECIPIENT))?;
            secrets.set(&named(old), secret.as_ref())?;
        }
        let new = KeyId::new(clock.unix_millis(), rng);
        secrets.set(&named(new), fresh(rng).as_ref())?;
        // One that waits already may be with the service.
        if !enrolment.has_successor {
            secrets.set(SUCCESSOR, fresh(rng).as_ref())?;
        }
        fail_points::point("rotation: before the enrolment names the new keys").await;
        let wiped_at = clock.unix_seconds().saturating_add(KEPT_SECONDS);
        enrolment.old_recipients.push(OldRecipient { id: old, wiped_at });
        enrolment.recipient_key = new;
        enrolment.has_successor = true;
        enrolment.write(self.data_dir())?;
        fail_points::point("rotation: after the enrolment names the new keys").await;
        remove(&mark(self.data_dir()))?;
        tracing::info!("new keys; the old one for passwords is kept for a day");
        Ok(())
    }

    fn wipe(
        &self,
        secrets: &SecretStore,
        enrolment: &mut Enrolment,
        unix_seconds: i64,
    ) -> Result<(), EnrolmentError> {
        let is_old = |old: &OldRecipient| old.wiped_at <= unix_seconds;
        for old in enrolment.old_recipients.iter().filter(|old| is_old(old)) {
            secrets.delete(&named(old.id))?;
        }
        enrolment.old_recipients.retain(|old| !is_old(old));
        enrolment.write(self.data_dir())?;
        tracing::info!("an old key for passwords is wiped");
        Ok(())
    }

    /// What follows from the enrolment, whatever was cut off on the way: a later enrolment begins
    /// with the newest key, and the list of recipients is without the old ones.
    pub(crate) fn settle(
        &self,
        secrets: &SecretStore,
        enrolment: &Enrolment,
    ) -> Result<(), EnrolmentError> {
        if let Some(newest) = secret(secrets, &named(enrolment.recipient_key))? {
            secrets.set(RECIPIENT_ID, enrolment.recipient_key.0.as_bytes())?;
            secrets.set(RECIPIENT, newest.as_ref())?;
        }
        let mut recipients = Recipients::read(self.data_dir())?;
        if recipients.leave_out(enrolment.old_recipients.iter().map(|old| old.id)) {
            recipients.write(self.data_dir())?;
        }
        Ok(())
    }

    /// The service knows the new identity key: it takes the old one's place. `None` when it is
    /// another one than waits.
    pub(crate) async fn identity_stored(
        &self,
        key: &Bytes,
    ) -> Result<Option<Keys>, EnrolmentError> {
        let _alone = self.changing.lock().await;
        let secrets = open_secrets(&self.config)?;
        let mut enrolment = Enrolment::read(self.data_dir())?;
        let known = keys(&secrets, &enrolment)?;
        let is_it = |new: &&SigningKey| new.verifying_key().as_bytes().as_slice() == key.0;
        let Some(new) = known.successor.as_ref().filter(is_it) else {
            return Ok(None);
        };
        secrets.set(IDENTITY, Zeroizing::new(new.to_bytes()).as_ref())?;
        fail_points::point("rotation: after the new identity is kept").await;
        enrolment.has_successor = false;
        enrolment.write(self.data_dir())?;
        secrets.delete(SUCCESSOR)?;
        keys(&secrets, &enrolment).map(Some)
    }

    /// The link keys that count now, the known one first.
    ///
    /// # Errors
    /// When the enrolment cannot be read.
    pub(crate) fn link_keys(&self) -> Result<Vec<VerifyingKey>, EnrolmentError> {
        Ok(Enrolment::read(self.data_dir())?.link_keys.keys().unwrap_or_default())
    }

    /// Stores a newer link key. Whether it is kept, now or before.
    ///
    /// # Errors
    /// When it cannot be stored: then nobody may be told that it is.
    pub(crate) async fn link_key_told(
        &self,
        said: &LinkKeySuccessor,
    ) -> Result<bool, EnrolmentError> {
        let _alone = self.changing.lock().await;
        let mut enrolment = Enrolment::read(self.data_dir())?;
        match enrolment.link_keys.told(said) {
            Telling::Known => Ok(true),
            Telling::Refused => Ok(false),
            Telling::New => {
                fail_points::point("link key: before the new one is kept").await;
                enrolment.write(self.data_dir())?;
                fail_points::point("link key: after the new one is kept").await;
                tracing::info!(generation = said.generation, "the service has a new link key");
                Ok(true)
            }
        }
    }

    /// The service proved this link key: what came before it does not count any more.
    ///
    /// # Errors
    /// When that cannot be stored; it is proved again with the next link.
    pub(crate) async fn link_key_proved(&self, key: &VerifyingKey) -> Result<(), EnrolmentError> {
        let _alone = self.changing.lock().await;
        let mut enrolment = Enrolment::read(self.data_dir())?;
        if enrolment.link_keys.proved(key) {
            fail_points::point("link key: before the old one is dropped").await;
            enrolment.write(self.data_dir())?;
            fail_points::point("link key: after the old one is dropped").await;
            tracing::info!("the service proved its new link key; the old one counts no more");
        }
        Ok(())
    }

    fn data_dir(&self) -> &Path {
        &self.config.agent.data_dir
    }
}

fn has_old(enrolment: &Enrolment, unix_seconds: i64) -> bool {
    enrolment.old_recipients.iter().any(|old| old.wiped_at <= unix_seconds)
}

fn mark(data_dir: &Path) -> PathBuf {
    data_dir.join(MARK)
}

fn remove(path: &Path) -> Result<(), EnrolmentError> {
    std::fs::remove_file(path)
        .map_err(|error| EnrolmentError::File { path: path.to_owned(), cause: error.to_string() })
}

fn named(id: KeyId) -> String {
    format!("{RECIPIENT}-{}", id.0.simple())
}

fn opening_key(secrets: &SecretStore, id: KeyId) -> Result<Option<OpeningKey>, SecretStoreError> {
    Ok(secret(secrets, &named(id))?.map(|secret| OpeningKey::derive(id, &secret)))
}

fn secret(
    secrets: &SecretStore,
    name: &str,
) -> Result<Option<Zeroizing<[u8; 32]>>, SecretStoreError> {
    let secret = secrets.get(name)?;
    Ok(secret.and_then(|secret| secret.as_slice().try_into().ok()).map(Zeroizing::new))
}

fn fresh(rng: &mut impl CryptoRng) -> Zeroizing<[u8; 32]> {
    let mut secret = Zeroizing::new([0; 32]);
    rng.fill_bytes(secret.as_mut());
    secret
}
