//! Which tenant a request is for: the configured public host name, matched exactly (design
//! decision 9). A short-lived cache, because every request asks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use protocol::{
    api::{Help, TenantFace},
    id::TenantId,
};
use recovery::{Policy, Span, Timestamp};
use store::{Store, StoreError, TenantRow};

/// How long a tenant's row is believed.
const FRESH: Span = Span::seconds(5);

/// A tenant, ready to answer with.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its public host.
    pub host: String,
    /// What people see of it.
    pub face: TenantFace,
    /// What it demands.
    pub policy: Policy,
    /// First letters of its addresses' domains, for decoys of the same mix.
    pub domain_letters: Vec<String>,
}

/// What was read of a host, and when.
type Known = (Timestamp, Arc<Tenant>);

/// The cache.
#[derive(Default)]
pub struct Tenants {
    known: Mutex<HashMap<String, Known>>,
}

impl Tenants {
    /// The tenant of this host, if it is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of_host(
        &self,
        store: &Store,
        host: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        if let Some(known) = self.known(host, now) {
            return Ok(Some(known));
        }
        let wanted = host.to_owned();
        let found = store
            .read(|mut tx| {
                Box::pin(async move {
                    let Some(row) = tx.tenant_of_host(&wanted).await? else {
                        return Ok::<_, StoreError>(None);
                    };
                    let letters = tx.domain_letters(row.id).await?;
                    tenant(row, letters).map(Some)
                })
            })
            .await?
            .map(Arc::new);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Only tenants: what strangers make up never fills the memory.
        if let Some(tenant) = &found {
            known.insert(host.to_owned(), (now, Arc::clone(tenant)));
        } else {
            known.remove(host);
        }
        Ok(found)
    }

    fn known(&self, host: &str, now: Timestamp) -> Option<Arc<Tenant>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, tenant) = known.get(host)?;
        (now.since(*at) < FRESH && now >= *at).then(|| Arc::clone(tenant))
    }
}

fn tenant(row: TenantRow, domain_letters: Vec<String>) -> Result<Tenant, StoreError> {
    let help: Help =
        serde_json::from_str(&row.help).map_err(|_| StoreError::Inconsistent("help"))?;
    let id = TenantId(row.id);
    Ok(Tenant {
        id,
        host: row.host,
        face: TenantFace { id, name: row.name, accent: row.accent, help },
        policy: row.policy,
        domain_letters,
    })
}
