//! Agents and the codes they enrol with.

use recovery::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{LinkKeyRow, StoreError, Tx, one_row};

/// An agent.
#[derive(Clone, Debug)]
pub struct AgentRow {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: Uuid,
    /// Its directory.
    pub directory: Uuid,
    /// Its name for the administrator.
    pub name: String,
    /// Its Ed25519 key.
    pub identity_key: Vec<u8>,
    /// Its key for sealed passwords, as JSON.
    pub recipient: String,
    /// The directory's key, as it brought it.
    pub directory_key: Vec<u8>,
    /// Whether it may do anything.
    pub approved: bool,
    /// When it was last heard of.
    pub seen_at: Option<Timestamp>,
    /// Whether a controller answered it then.
    pub directory_reachable: bool,
    /// When it was last heard of, whether or not its link stands.
    pub heard_at: Option<Timestamp>,
    /// What it said of itself last.
    pub health: AgentHealth,
    /// When it was turned away because its protocol is too old; until it is let in.
    pub too_old_at: Option<Timestamp>,
    /// The newest link key of the service that it is known to accept.
    pub link_generation: i64,
    /// Whether it may not come back.
    pub revoked: bool,
}

/// What an agent says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentHealth {
    /// The version of its program.
    pub software: Option<String>,
    /// Its clock beside ours in milliseconds; positive: ahead.
    pub clock_skew_ms: Option<i64>,
    /// Changes that it has begun or told and that are not acknowledged yet.
    pub waiting: u32,
    /// Why it begins nothing new, by its code.
    pub stopped: Option<String>,
}

/// An agent that enrols.
#[derive(Clone, Debug)]
pub struct NewAgent<'a> {
    /// Its id from now on.
    pub id: Uuid,
    /// Its name for the administrator.
    pub name: &'a str,
    /// Its Ed25519 key.
    pub identity_key: &'a [u8],
    /// Its key for sealed passwords, as JSON.
    pub recipient: &'a str,
    /// The directory's key, as it brings it.
    pub directory_key: &'a [u8],
    /// Whether an administrator must approve it first.
    pub waits: bool,
    /// The link key that its code named.
    pub link_generation: i64,
}

/// What an enrolment code was good for.
#[derive(Clone, Debug)]
pub struct UsedCode {
    /// The tenant.
    pub tenant: Uuid,
    /// The directory.
    pub directory: Uuid,
    /// Whether who enrols with it waits for an administrator.
    pub approval: bool,
    /// The link key that it names, while that is in force.
    pub link_key: Option<LinkKeyRow>,
}

const COLUMNS: &str = "SELECT id, tenant, directory, name, identity_key, recipient,
    directory_key, approved_at, seen_at, link_generation,
    directory_reachable, heard_at, software, clock_skew_ms, waiting, stopped, too_old_at,
    revoked_at FROM agent";

impl Tx<'_> {
    /// Stores the id of a new enrolment code, which names the newest link key.
    pub async fn add_enrolment_code(
        &mut self,
        id: &[u8],
        tenant: Uuid,
        directory: Uuid,
        approval: bool,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO enrolment_code
                 (id, tenant, directory, approval, expires_at, link_generation)
             SELECT $1, $2, $3, $4, $5, max(generation) FROM link_key",
        )
        .bind(id)
        .bind(tenant)
        .bind(directory)
        .bind(approval)
        .bind(expires_at.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// Uses an enrolment code up; says for which tenant and directory it was good.
    pub async fn use_enrolment_code(
        &mut self,
        id: &[u8],
        now: Timestamp,
    ) -> Result<Option<UsedCode>, StoreError> {
        let row = sqlx::query(
            "UPDATE enrolment_code SET used_at = $2
             WHERE id = $1 AND used_at IS NULL AND expires_at > $2
             RETURNING tenant, directory, approval, link_generation",
        )
        .bind(id)
        .bind(now.0)
        .fetch_optional(&mut *self.connection)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let generation: i64 = row.try_get(3)?;
        let in_force = self.link_keys().await?;
        Ok(Some(UsedCode {
            tenant: row.try_get(0)?,
            directory: row.try_get(1)?,
            approval: row.try_get(2)?,
            link_key: in_force.into_iter().find(|key| key.generation == generation),
        }))
    }

    /// Stores an agent that enrolled.
    pub async fn add_agent(
        &mut self,
        tenant: Uuid,
        directory: Uuid,
        agent: &NewAgent<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO agent (id, tenant, directory, name, identity_key, recipient,
                 directory_key, approved_at, enrolled_at, link_generation)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(agent.id)
        .bind(tenant)
        .bind(directory)
        .bind(agent.name)
        .bind(agent.identity_key)
        .bind(agent.recipient)
        .bind(agent.directory_key)
        .bind((!agent.waits).then_some(now.0))
        .bind(now.0)
        .bind(agent.link_generation)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// An administrator approved an agent: it may come, and a directory without a key gets the
    /// one that it brought. `false` when the directory has another key.
    pub async fn approve_agent(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE agent SET approved_at = $2
             WHERE id = $1 AND approved_at IS NULL AND revoked_at IS NULL",
        )
        .bind(id)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "approve_agent")?;
        let result = sqlx::query(
            "UPDATE directory SET directory_key = agent.directory_key FROM agent
             WHERE agent.id = $1 AND directory.id = agent.directory
               AND (directory.directory_key IS NULL
                    OR directory.directory_key = agent.directory_key)",
        )
        .bind(id)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Takes in what an agent brought that enrolled again with the key it has.
    pub async fn update_agent(
        &mut self,
        agent: &NewAgent<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE agent SET name = $2, recipient = $3, enrolled_at = $4, directory_key = $6,
                 link_generation = $7
             WHERE id = $1 AND identity_key = $5 AND revoked_at IS NULL",
        )
        .bind(agent.id)
        .bind(agent.name)
        .bind(agent.recipient)
        .bind(now.0)
        .bind(agent.identity_key)
        .bind(agent.directory_key)
        .bind(agent.link_generation)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "update_agent")
    }

    /// Removes an agent: it may not come back, with this id or this key. The list of recipients
    /// goes too, for it may name the agent's key; those who are left send theirs again.
    ///
    /// Says whether the directory's key went with it: without any agent nobody holds that key,
    /// and a new agent must be able to bring one.
    pub async fn remove_agent(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE agent SET revoked_at = $2, seen_at = NULL
             WHERE id = $1 AND revoked_at IS NULL",
        )
        .bind(id)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "remove_agent")?;
        let result = sqlx::query(
            "UPDATE directory SET directory_key = NULL, recipients = NULL
             WHERE id = (SELECT directory FROM agent WHERE id = $1)
               AND NOT EXISTS (SELECT 1 FROM agent
                               WHERE agent.directory = directory.id AND revoked_at IS NULL
                                 AND approved_at IS NOT NULL)",
        )
        .bind(id)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// An agent has another key from now on. `false` when it has not the one that said so, or
    /// when the new one was another agent's.
    pub async fn succeed_agent(
        &mut self,
        id: Uuid,
        old: &[u8],
        new: &[u8],
    ) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE agent SET identity_key = $3
             WHERE id = $1 AND identity_key = $2 AND revoked_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM agent AS other WHERE other.identity_key = $3)",
        )
        .bind(id)
        .bind(old)
        .bind(new)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// The agent with this id.
    pub async fn agent(&mut self, id: Uuid) -> Result<Option<AgentRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1")))
            .bind(id)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(|row| agent(&row))
            .transpose()
    }

    /// The agents of a directory, by name.
    pub async fn agents(&mut self, directory: Uuid) -> Result<Vec<AgentRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE directory = $1 ORDER BY name")))
            .bind(directory)
            .fetch_all(&mut *self.connection)
            .await?
            .iter()
            .map(agent)
            .collect()
    }

    /// An agent was heard of. An error for one that was removed meanwhile: its link then ends.
    pub async fn agent_seen(
        &mut self,
        id: Uuid,
        directory_reachable: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE agent SET seen_at = $2, heard_at = $2, directory_reachable = $3,
                    too_old_at = NULL
                 WHERE id = $1 AND revoked_at IS NULL",
        )
        .bind(id)
        .bind(now.0)
        .bind(directory_reachable)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "agent_seen")
    }

    /// What an agent says of itself.
    pub async fn agent_health(&mut self, id: Uuid, health: &AgentHealth) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE agent SET software = $2, clock_skew_ms = $3, waiting = $4, stopped = $5
             WHERE id = $1",
        )
        .bind(id)
        .bind(&health.software)
        .bind(health.clock_skew_ms)
        .bind(health.waiting)
        .bind(&health.stopped)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// An agent proved itself, and speaks a protocol that is too old.
    pub async fn agent_too_old(&mut self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE agent SET too_old_at = $2, seen_at = NULL WHERE id = $1")
            .bind(id)
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// An agent's link was cut.
    pub async fn agent_gone(&mut self, id: Uuid) -> Result<(), StoreError> {
        sqlx::query("UPDATE agent SET seen_at = NULL WHERE id = $1")
            .bind(id)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

fn agent(row: &SqliteRow) -> Result<AgentRow, StoreError> {
    Ok(AgentRow {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        directory: row.try_get("directory")?,
        name: row.try_get("name")?,
        identity_key: row.try_get("identity_key")?,
        recipient: row.try_get("recipient")?,
        directory_key: row.try_get("directory_key")?,
        approved: row.try_get::<Option<i64>, _>("approved_at")?.is_some(),
        seen_at: row.try_get::<Option<i64>, _>("seen_at")?.map(Timestamp),
        directory_reachable: row.try_get("directory_reachable")?,
        heard_at: row.try_get::<Option<i64>, _>("heard_at")?.map(Timestamp),
        health: AgentHealth {
            software: row.try_get("software")?,
            clock_skew_ms: row.try_get("clock_skew_ms")?,
            waiting: row.try_get("waiting")?,
            stopped: row.try_get("stopped")?,
        },
        too_old_at: row.try_get::<Option<i64>, _>("too_old_at")?.map(Timestamp),
        link_generation: row.try_get("link_generation")?,
        revoked: row.try_get::<Option<i64>, _>("revoked_at")?.is_some(),
    })
}
