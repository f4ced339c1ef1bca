//! What administrators are told of: whom to write to, what is wrong now, and whether that was
//! told already. One row an episode.

use recovery::Timestamp;
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, Tx, json, one_row, to_json};

/// Who is told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSettings {
    /// The administrators' addresses.
    pub to: Vec<String>,
    /// The language of the letters.
    pub language: String,
}

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// The tenant that it concerns.
    pub tenant: Uuid,
    /// The directory that it concerns.
    pub directory: Uuid,
    /// The agent, or the directory itself.
    pub subject: Uuid,
    /// What is wrong, by its code.
    pub kind: String,
    /// Since when, as far as that was seen.
    pub since: Timestamp,
    /// When it was told.
    pub told_at: Option<Timestamp>,
}

impl Tx<'_> {
    /// Whom a tenant's alerts go to.
    pub async fn alert_settings(&mut self, tenant: Uuid) -> Result<AlertSettings, StoreError> {
        let row = sqlx::query("SELECT alert_to, alert_language FROM tenant WHERE id = $1")
            .bind(tenant)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(AlertSettings {
            to: json(row.try_get("alert_to")?, "alert addresses")?,
            language: row.try_get("alert_language")?,
        })
    }

    /// Lets a tenant's alerts go to others.
    pub async fn set_alert_settings(
        &mut self,
        tenant: Uuid,
        settings: &AlertSettings,
    ) -> Result<(), StoreError> {
        let result =
            sqlx::query("UPDATE tenant SET alert_to = $2, alert_language = $3 WHERE id = $1")
                .bind(tenant)
                .bind(to_json(&settings.to, "alert addresses")?)
                .bind(&settings.language)
                .execute(&mut *self.connection)
                .await?;
        one_row(&result, "set_alert_settings")
    }

    /// What is wrong with a directory and its agents, as far as that was noted.
    pub async fn alerts(&mut self, directory: Uuid) -> Result<Vec<AlertRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT tenant, directory, subject, kind, since, told_at FROM alert
             WHERE directory = $1 ORDER BY since, subject, kind",
        )
        .bind(directory)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(AlertRow {
                    tenant: row.try_get("tenant")?,
                    directory: row.try_get("directory")?,
                    subject: row.try_get("subject")?,
                    kind: row.try_get("kind")?,
                    since: Timestamp(row.try_get("since")?),
                    told_at: row.try_get::<Option<i64>, _>("told_at")?.map(Timestamp),
                })
            })
            .collect()
    }

    /// Notes that something is wrong, or that it was told.
    pub async fn put_alert(&mut self, alert: &AlertRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO alert (tenant, directory, subject, kind, since, told_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (subject, kind) DO UPDATE SET told_at = excluded.told_at",
        )
        .bind(alert.tenant)
        .bind(alert.directory)
        .bind(alert.subject)
        .bind(&alert.kind)
        .bind(alert.since.0)
        .bind(alert.told_at.map(|at| at.0))
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// It is over.
    pub async fn end_alert(&mut self, subject: Uuid, kind: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM alert WHERE subject = $1 AND kind = $2")
            .bind(subject)
            .bind(kind)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// A service says that it runs.
    pub async fn set_alive(&mut self, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO alive (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = $1",
        )
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// When a service last said so.
    pub async fn alive_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT at FROM alive WHERE id = 1")
            .fetch_optional(&mut *self.connection)
            .await?;
        row.map(|row| Ok(Timestamp(row.try_get("at")?))).transpose()
    }
}
