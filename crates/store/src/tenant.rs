//! Tenants and their directories.

use std::collections::BTreeMap;

use recovery::{Policy, Timestamp};
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, Tx, json, one_row, to_json};

/// A tenant.
#[derive(Clone, Debug)]
pub struct TenantRow {
    /// Its id.
    pub id: Uuid,
    /// Its public host name, as browsers send it.
    pub host: String,
    /// The organisation's name.
    pub name: String,
    /// Accent colour, `#rrggbb`.
    pub accent: String,
    /// Whom to ask, as JSON of the API's type.
    pub help: String,
    /// What it demands.
    pub policy: Policy,
}

/// Where a directory lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryKind {
    /// In this service's own database.
    Embedded,
    /// Behind an agent.
    Agent,
}

impl DirectoryKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Agent => "agent",
        }
    }
}

/// A directory.
#[derive(Clone, Debug)]
pub struct DirectoryRow {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: Uuid,
    /// Its name for the administrator.
    pub name: String,
    /// Where it lives.
    pub kind: DirectoryKind,
    /// The Ed25519 key that its first agent brought.
    pub directory_key: Option<Vec<u8>>,
    /// The signed list of recipients, as JSON.
    pub recipients: Option<String>,
    /// Whether its accounts may be changed.
    pub write_back: bool,
}

/// How the tile on the sign-in screen shall look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileRow {
    /// Its label by language.
    pub labels: BTreeMap<String, String>,
    /// A PNG file.
    pub picture: Option<Vec<u8>>,
}

const TENANT: &str = "SELECT id, host, name, accent, help, policy FROM tenant";
const DIRECTORY: &str =
    "SELECT id, tenant, name, kind, directory_key, recipients, write_back FROM directory";

impl Tx<'_> {
    /// Adds a tenant.
    ///
    /// # Errors
    /// When the host is another tenant's already.
    pub async fn add_tenant(&mut self, row: &TenantRow, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO tenant (id, host, name, accent, help, policy, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(row.id)
        .bind(&row.host)
        .bind(&row.name)
        .bind(&row.accent)
        .bind(&row.help)
        .bind(to_json(&row.policy, "policy")?)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The tenant of this host, matched exactly.
    pub async fn tenant_of_host(&mut self, host: &str) -> Result<Option<TenantRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{TENANT} WHERE host = $1")))
            .bind(host)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(tenant)
            .transpose()
    }

    /// The tenant with this id.
    pub async fn tenant(&mut self, id: Uuid) -> Result<Option<TenantRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{TENANT} WHERE id = $1")))
            .bind(id)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(tenant)
            .transpose()
    }

    /// All tenants, by host.
    pub async fn tenants(&mut self) -> Result<Vec<TenantRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{TENANT} ORDER BY host")))
            .fetch_all(&mut *self.connection)
            .await?
            .into_iter()
            .map(tenant)
            .collect()
    }

    /// Puts another policy in force.
    pub async fn set_policy(&mut self, tenant: Uuid, policy: &Policy) -> Result<(), StoreError> {
        let result = sqlx::query("UPDATE tenant SET policy = $2 WHERE id = $1")
            .bind(tenant)
            .bind(to_json(policy, "policy")?)
            .execute(&mut *self.connection)
            .await?;
        one_row(&result, "set_policy")
    }

    /// Whether a trusted device is told the truth about the account of its own person.
    pub async fn candid(&mut self, tenant: Uuid) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT candid FROM tenant WHERE id = $1")
            .bind(tenant)
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
    }

    /// Switches that on or off.
    pub async fn set_candid(&mut self, tenant: Uuid, on: bool) -> Result<(), StoreError> {
        let result = sqlx::query("UPDATE tenant SET candid = $2 WHERE id = $1")
            .bind(tenant)
            .bind(on)
            .execute(&mut *self.connection)
            .await?;
        one_row(&result, "set_candid")
    }

    /// How the tile shall look.
    pub async fn tile(&mut self, tenant: Uuid) -> Result<TileRow, StoreError> {
        let row = sqlx::query("SELECT tile_labels, tile_picture FROM tenant WHERE id = $1")
            .bind(tenant)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(TileRow {
            labels: json(row.try_get("tile_labels")?, "tile labels")?,
            picture: row.try_get("tile_picture")?,
        })
    }

    /// Has it look otherwise.
    pub async fn set_tile(&mut self, tenant: Uuid, tile: &TileRow) -> Result<(), StoreError> {
        let result =
            sqlx::query("UPDATE tenant SET tile_labels = $2, tile_picture = $3 WHERE id = $1")
                .bind(tenant)
                .bind(to_json(&tile.labels, "tile labels")?)
                .bind(&tile.picture)
                .execute(&mut *self.connection)
                .await?;
        one_row(&result, "set_tile")
    }

    /// Adds a directory to a tenant.
    ///
    /// # Errors
    /// When the tenant has one of that name already.
    pub async fn add_directory(
        &mut self,
        id: Uuid,
        tenant: Uuid,
        name: &str,
        kind: DirectoryKind,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO directory (id, tenant, name, kind, created_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(tenant)
        .bind(name)
        .bind(kind.as_str())
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The directory with this id.
    pub async fn directory(&mut self, id: Uuid) -> Result<Option<DirectoryRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{DIRECTORY} WHERE id = $1")))
            .bind(id)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(directory)
            .transpose()
    }

    /// The directories of a tenant, by name.
    pub async fn directories(&mut self, tenant: Uuid) -> Result<Vec<DirectoryRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{DIRECTORY} WHERE tenant = $1 ORDER BY name")))
            .bind(tenant)
            .fetch_all(&mut *self.connection)
            .await?
            .into_iter()
            .map(directory)
            .collect()
    }

    /// Remembers the key that signs the list of recipients, once.
    pub async fn set_directory_key(&mut self, id: Uuid, key: &[u8]) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE directory SET directory_key = $2 WHERE id = $1 AND directory_key IS NULL",
        )
        .bind(id)
        .bind(key)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "set_directory_key")
    }

    /// Switches changing its accounts on or off.
    pub async fn set_write_back(&mut self, id: Uuid, on: bool) -> Result<(), StoreError> {
        let result = sqlx::query("UPDATE directory SET write_back = $2 WHERE id = $1")
            .bind(id)
            .bind(on)
            .execute(&mut *self.connection)
            .await?;
        one_row(&result, "set_write_back")
    }

    /// Stores the signed list of recipients.
    pub async fn set_recipients(&mut self, id: Uuid, list: &str) -> Result<(), StoreError> {
        let result = sqlx::query("UPDATE directory SET recipients = $2 WHERE id = $1")
            .bind(id)
            .bind(list)
            .execute(&mut *self.connection)
            .await?;
        one_row(&result, "set_recipients")
    }
}

fn tenant(row: sqlx::sqlite::SqliteRow) -> Result<TenantRow, StoreError> {
    Ok(TenantRow {
        id: row.try_get("id")?,
        host: row.try_get("host")?,
        name: row.try_get("name")?,
        accent: row.try_get("accent")?,
        help: row.try_get("help")?,
        policy: json(row.try_get("policy")?, "policy")?,
    })
}

fn directory(row: sqlx::sqlite::SqliteRow) -> Result<DirectoryRow, StoreError> {
    let kind = match row.try_get("kind")? {
        "embedded" => DirectoryKind::Embedded,
        "agent" => DirectoryKind::Agent,
        _ => return Err(StoreError::Inconsistent("directory kind")),
    };
    Ok(DirectoryRow {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        name: row.try_get("name")?,
        kind,
        directory_key: row.try_get("directory_key")?,
        recipients: row.try_get("recipients")?,
        write_back: row.try_get("write_back")?,
    })
}
