//! The link key that one link runs on, and how its agent comes to a newer one: it is told the
//! newer key, says when that is stored, and from then on the newer key alone is proved to it.
//! Which generations there are, and who knows which, are rows; nothing is kept here.

use ed25519_dalek::{SigningKey, VerifyingKey};
use protocol::{
    agent::{LinkSession, Order},
    bytes::Bytes,
    link_key::LinkKeySuccessor,
};
use serde_json::json;
use store::{AgentRow, AuditEvent, LinkKeyRow, Retire, StoreError, Tx};

use super::LinkEnd;
use crate::{audit::Event, keys::Keys, service::Service};
use recovery::Timestamp;

/// A generation of the link key.
#[derive(Clone)]
pub(crate) struct LinkKey {
    pub(crate) generation: i64,
    pub(crate) key: SigningKey,
}

impl LinkKey {
    pub(crate) fn of(row: &LinkKeyRow, keys: &Keys) -> Self {
        Self { generation: row.generation, key: keys.link_key(&row.salt) }
    }

    pub(crate) fn public(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// The newest of these.
    pub(crate) fn newest(rows: &[LinkKeyRow], keys: &Keys) -> Result<Self, StoreError> {
        let row = rows.last().ok_or(StoreError::Inconsistent("link keys"))?;
        Ok(Self::of(row, keys))
    }

    /// The one to prove to this agent: the newest that it is known to accept; the newest of all
    /// where that one is retired, for it may know more than it could tell.
    pub(crate) fn known_to(
        agent: &AgentRow,
        rows: &[LinkKeyRow],
        keys: &Keys,
    ) -> Result<Self, StoreError> {
        match rows.iter().find(|row| row.generation == agent.link_generation) {
            Some(row) => Ok(Self::of(row, keys)),
            None => Self::newest(rows, keys),
        }
    }
}

/// What one link runs on, and what was told over it.
pub(super) struct Running {
    /// Signs what is said.
    pub(super) own: LinkKey,
    /// Told and not yet acknowledged.
    told: Option<LinkKey>,
}

impl Running {
    pub(super) fn on(own: LinkKey) -> Self {
        Self { own, told: None }
    }

    /// What this agent has to hear: the newest key, unless it knows it, or was told already.
    pub(super) fn news(
        &mut self,
        agent: &AgentRow,
        newest: LinkKey,
        session: &LinkSession,
    ) -> Option<Order> {
        let is_told = self.told.as_ref().is_some_and(|told| told.generation == newest.generation);
        if is_told || agent.link_generation >= newest.generation {
            return None;
        }
        let generation = u64::try_from(newest.generation).ok()?;
        let said = LinkKeySuccessor::sign(&self.own.key, (generation, &newest.key), session);
        self.told = Some(newest);
        Some(Order::LinkKey(said))
    }

    /// The agent has stored what it was told. From here on this link runs on that; what has to
    /// be said first, signed by it.
    pub(super) async fn kept(
        &mut self,
        service: &Service,
        agent: &AgentRow,
        (generation, key): (u64, &Bytes),
    ) -> Result<Option<Order>, LinkEnd> {
        let is_it = |told: &LinkKey| {
            u64::try_from(told.generation) == Ok(generation)
                && told.public().as_bytes().as_slice() == key.0
        };
        // The answer to what was told before something newer.
        let Some(told) = self.told.take_if(|told| is_it(told)) else {
            return Ok(None);
        };
        fail_points::point("link key: before the agent's word is stored").await;
        let (id, generation, now) = (agent.id, told.generation, service.now());
        let storing = service.store.write(move |mut tx| {
            Box::pin(async move {
                tx.agent_has_link_key(id, generation).await?;
                retire(&mut tx, Retire::Unneeded, now).await
            })
        });
        let retired = storing.await?;
        fail_points::point("link key: after the agent's word is stored").await;
        tracing::info!(agent = %agent.name, generation, ?retired, "an agent has the new link key");
        let key = Bytes(told.public().as_bytes().to_vec());
        self.own = told;
        Ok(Some(Order::LinkKeyInForce { key }))
    }
}

/// Makes the next generation, for all tenants.
pub(crate) async fn add(tx: &mut Tx<'_>, salt: &[u8], now: Timestamp) -> Result<i64, StoreError> {
    let generation = tx.add_link_key(salt, now).await?;
    note(tx, Event::LinkKeyChanged, generation, now).await?;
    Ok(generation)
}

/// Retires older generations; says which.
pub(crate) async fn retire(
    tx: &mut Tx<'_>,
    which: Retire,
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let retired = tx.retire_link_keys(which, now).await?;
    for generation in &retired {
        note(tx, Event::LinkKeyRetired, *generation, now).await?;
    }
    Ok(retired)
}

/// In every tenant's trail: the key is all tenants'.
async fn note(
    tx: &mut Tx<'_>,
    event: Event,
    generation: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    for tenant in tx.tenants().await? {
        let event = AuditEvent {
            tenant: tenant.id,
            event: event.as_str(),
            case_code: None,
            account: None,
            detail: json!({ "generation": generation }).to_string(),
        };
        tx.audit(&event, now).await?;
    }
    Ok(())
}
