//! The generations of the service's link key: which are in force, and which agents know which.

use recovery::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{StoreError, Tx, one_row};

/// A generation that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkKeyRow {
    /// From 1, rising by one.
    pub generation: i64,
    /// What it is derived with, beside the master key. Empty for the first one.
    pub salt: Vec<u8>,
}

/// What retires an older generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retire {
    /// Nobody needs it: each agent knows a newer one, and no code that may be used names it.
    Unneeded,
    /// An administrator says so, whoever needs it.
    All,
}

impl Tx<'_> {
    /// The generations in force, oldest first. The last one is the newest.
    pub async fn link_keys(&mut self) -> Result<Vec<LinkKeyRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT generation, salt FROM link_key WHERE retired_at IS NULL ORDER BY generation",
        )
        .fetch_all(&mut *self.connection)
        .await?;
        let read =
            |row: SqliteRow| Ok(LinkKeyRow { generation: row.try_get(0)?, salt: row.try_get(1)? });
        rows.into_iter().map(read).collect()
    }

    /// Adds the next generation, and says its number.
    pub async fn add_link_key(&mut self, salt: &[u8], now: Timestamp) -> Result<i64, StoreError> {
        let row = sqlx::query(
            "INSERT INTO link_key (generation, salt, made_at)
             SELECT max(generation) + 1, $1, $2 FROM link_key
             RETURNING generation",
        )
        .bind(salt)
        .bind(now.0)
        .fetch_one(&mut *self.connection)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// An agent accepts this generation from now on. It never goes back.
    pub async fn agent_has_link_key(
        &mut self,
        agent: Uuid,
        generation: i64,
    ) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE agent SET link_generation = max(link_generation, $2) WHERE id = $1",
        )
        .bind(agent)
        .bind(generation)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "agent_has_link_key")
    }

    /// Retires older generations than the newest; says which. What they are derived with is gone
    /// with it.
    pub async fn retire_link_keys(
        &mut self,
        which: Retire,
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query(
            "UPDATE link_key SET salt = x'', retired_at = $1
             WHERE retired_at IS NULL
               AND generation < (SELECT max(generation) FROM link_key)
               AND ($2 OR (
                   NOT EXISTS (SELECT 1 FROM agent WHERE revoked_at IS NULL
                               AND agent.link_generation = link_key.generation)
                   AND NOT EXISTS (SELECT 1 FROM enrolment_code AS code
                                   WHERE code.used_at IS NULL AND code.expires_at > $1
                                     AND code.link_generation = link_key.generation)))
             RETURNING generation",
        )
        .bind(now.0)
        .bind(which == Retire::All)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.into_iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The agents that may come, of all tenants, which know no newer generation than that.
    pub async fn agents_behind(&mut self, newest: i64) -> Result<Vec<Behind>, StoreError> {
        let rows = sqlx::query(
            "SELECT agent.name, directory.name, tenant.host
             FROM agent JOIN directory ON directory.id = agent.directory
                        JOIN tenant ON tenant.id = agent.tenant
             WHERE agent.revoked_at IS NULL AND agent.link_generation < $1
             ORDER BY tenant.host, directory.name, agent.name",
        )
        .bind(newest)
        .fetch_all(&mut *self.connection)
        .await?;
        let read = |row: SqliteRow| {
            Ok(Behind { agent: row.try_get(0)?, directory: row.try_get(1)?, host: row.try_get(2)? })
        };
        rows.into_iter().map(read).collect()
    }
}

/// An agent that knows no newer link key than one that is to go, for the administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Its name.
    pub agent: String,
    /// Its directory's.
    pub directory: String,
    /// Its tenant's host.
    pub host: String,
}
