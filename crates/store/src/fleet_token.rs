//! What the PCs of a fleet enrol with. Of the secret only a keyed hash is here.

use recovery::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{StoreError, Tx};

/// A fleet token.
#[derive(Clone, Debug)]
pub struct FleetTokenRow {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: Uuid,
    /// Keyed hash of its secret.
    pub hash: Vec<u8>,
    /// What it is for, in the administrator's words.
    pub note: String,
    /// So many devices may enrol with it.
    pub most: i64,
    /// So many did.
    pub used: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// When an administrator took it back.
    pub revoked_at: Option<Timestamp>,
}

const COLUMNS: &str =
    "SELECT id, tenant, hash, note, most, used, created_at, expires_at, revoked_at
    FROM fleet_token";

impl Tx<'_> {
    /// Adds a token, which nobody has used yet.
    pub async fn add_fleet_token(&mut self, row: &FleetTokenRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO fleet_token (id, tenant, hash, note, most, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(row.id)
        .bind(row.tenant)
        .bind(&row.hash)
        .bind(&row.note)
        .bind(row.most)
        .bind(row.created_at.0)
        .bind(row.expires_at.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The tenant's token with this id.
    pub async fn fleet_token(
        &mut self,
        tenant: Uuid,
        id: Uuid,
    ) -> Result<Option<FleetTokenRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE tenant = $1 AND id = $2")))
            .bind(tenant)
            .bind(id)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(|row| token(&row))
            .transpose()
    }

    /// The tokens of a tenant, newest first.
    pub async fn fleet_tokens(&mut self, tenant: Uuid) -> Result<Vec<FleetTokenRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE tenant = $1 ORDER BY created_at DESC, id DESC"
        )))
        .bind(tenant)
        .fetch_all(&mut *self.connection)
        .await?
        .iter()
        .map(token)
        .collect()
    }

    /// Lets one more device enrol with it. `false` where it is not good any more: one statement,
    /// so that two that come at once cannot both be the last.
    pub async fn use_fleet_token(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE fleet_token SET used = used + 1
             WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2 AND used < most",
        )
        .bind(id)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Takes a token back. `false` where that was done before, or there is none.
    pub async fn revoke_fleet_token(
        &mut self,
        tenant: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE fleet_token SET revoked_at = $3
             WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL",
        )
        .bind(tenant)
        .bind(id)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }
}

fn token(row: &SqliteRow) -> Result<FleetTokenRow, StoreError> {
    Ok(FleetTokenRow {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        hash: row.try_get("hash")?,
        note: row.try_get("note")?,
        most: row.try_get("most")?,
        used: row.try_get("used")?,
        created_at: Timestamp(row.try_get("created_at")?),
        expires_at: Timestamp(row.try_get("expires_at")?),
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Timestamp),
    })
}
