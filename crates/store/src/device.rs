//! PCs with a key of their own, as their last report described them. A key belongs to one device
//! of a tenant for ever: a row is never removed, so that one that was shut out stays known.

use recovery::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{StoreError, Tx, one_row};

/// A device.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: Uuid,
    /// Its key, P-256, uncompressed.
    pub public_key: Vec<u8>,
    /// Where that is kept: `tpm` or `software`.
    pub kind: String,
    /// With which fleet token it came.
    pub fleet_token: Uuid,
    /// When it came.
    pub enrolled_at: Timestamp,
    /// When it last reported.
    pub reported_at: Timestamp,
    /// What it reported.
    pub report: NewReport,
    /// When an administrator made it trusted.
    pub trusted_at: Option<Timestamp>,
    /// When it turned out that two PCs have the key.
    pub shared_at: Option<Timestamp>,
    /// When an administrator shut it out.
    pub revoked_at: Option<Timestamp>,
}

/// What a device says in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// Its name, as it says of itself.
    pub name: String,
    /// Its Windows.
    pub windows: String,
    /// The version of the host.
    pub version: String,
    /// What was found on it, as JSON.
    pub facts: String,
    /// When the nonce was made that it signed.
    pub nonce_at: Timestamp,
    /// The report's mark.
    pub mark: Vec<u8>,
    /// That of the one before.
    pub mark_before: Vec<u8>,
}

impl DeviceRow {
    /// Whether its key counts.
    pub fn is_good(&self) -> bool {
        self.shared_at.is_none() && self.revoked_at.is_none()
    }
}

const COLUMNS: &str = "SELECT id, tenant, public_key, kind, name, windows, version, facts,
    fleet_token, enrolled_at, reported_at, nonce_at, mark, mark_before, trusted_at, shared_at,
    revoked_at FROM device";

impl Tx<'_> {
    /// Adds a device that enrolled.
    ///
    /// # Errors
    /// When its key is another device's already.
    pub async fn add_device(&mut self, row: &DeviceRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO device (id, tenant, public_key, kind, name, windows, version, facts,
                 fleet_token, enrolled_at, reported_at, nonce_at, mark, mark_before)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(row.id)
        .bind(row.tenant)
        .bind(&row.public_key)
        .bind(&row.kind)
        .bind(&row.report.name)
        .bind(&row.report.windows)
        .bind(&row.report.version)
        .bind(&row.report.facts)
        .bind(row.fleet_token)
        .bind(row.enrolled_at.0)
        .bind(row.reported_at.0)
        .bind(row.report.nonce_at.0)
        .bind(&row.report.mark)
        .bind(&row.report.mark_before)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// A device reported.
    pub async fn device_reported(
        &mut self,
        id: Uuid,
        report: &NewReport,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE device SET name = $2, windows = $3, version = $4, facts = $5, nonce_at = $6,
                 mark = $7, mark_before = $8, reported_at = $9
             WHERE id = $1 AND nonce_at <= $6",
        )
        .bind(id)
        .bind(&report.name)
        .bind(&report.windows)
        .bind(&report.version)
        .bind(&report.facts)
        .bind(report.nonce_at.0)
        .bind(&report.mark)
        .bind(&report.mark_before)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "device_reported")
    }

    /// The tenant's device with this key.
    pub async fn device_of_key(
        &mut self,
        tenant: Uuid,
        public_key: &[u8],
    ) -> Result<Option<DeviceRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE tenant = $1 AND public_key = $2")))
            .bind(tenant)
            .bind(public_key)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(|row| device(&row))
            .transpose()
    }

    /// The devices of a tenant, by name.
    pub async fn devices(&mut self, tenant: Uuid) -> Result<Vec<DeviceRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE tenant = $1 ORDER BY name, enrolled_at, id"
        )))
        .bind(tenant)
        .fetch_all(&mut *self.connection)
        .await?
        .iter()
        .map(device)
        .collect()
    }

    /// Two PCs have this device's key: it counts no more, for either.
    pub async fn share_device(&mut self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        self.mark_device(id, "shared_at = $2, trusted_at = NULL", Some(now)).await
    }

    /// An administrator vouches for a device, or does no more.
    pub async fn trust_device(
        &mut self,
        id: Uuid,
        since: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.mark_device(id, "trusted_at = $2", since).await
    }

    /// An administrator shuts a device out, or lets it in again. Either way nobody vouches for it
    /// any more.
    pub async fn revoke_device(
        &mut self,
        id: Uuid,
        since: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.mark_device(id, "revoked_at = $2, trusted_at = NULL", since).await
    }

    async fn mark_device(
        &mut self,
        id: Uuid,
        set: &'static str,
        at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let statement = format!("UPDATE device SET {set} WHERE id = $1");
        let result = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(id)
            .bind(at.map(|at| at.0))
            .execute(&mut *self.connection)
            .await?;
        one_row(&result, "mark_device")
    }

    /// The devices at which recoveries for a name were begun lately.
    pub async fn devices_of_name(&mut self, name_key: &[u8]) -> Result<Vec<Uuid>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT device FROM recovery WHERE name_key = $1 AND device IS NOT NULL",
        )
        .bind(name_key)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

fn device(row: &SqliteRow) -> Result<DeviceRow, StoreError> {
    let at = |column: &str| -> Result<Option<Timestamp>, StoreError> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp))
    };
    Ok(DeviceRow {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        public_key: row.try_get("public_key")?,
        kind: row.try_get("kind")?,
        fleet_token: row.try_get("fleet_token")?,
        enrolled_at: Timestamp(row.try_get("enrolled_at")?),
        reported_at: Timestamp(row.try_get("reported_at")?),
        report: NewReport {
            name: row.try_get("name")?,
            windows: row.try_get("windows")?,
            version: row.try_get("version")?,
            facts: row.try_get("facts")?,
            nonce_at: Timestamp(row.try_get("nonce_at")?),
            mark: row.try_get("mark")?,
            mark_before: row.try_get("mark_before")?,
        },
        trusted_at: at("trusted_at")?,
        shared_at: at("shared_at")?,
        revoked_at: at("revoked_at")?,
    })
}
