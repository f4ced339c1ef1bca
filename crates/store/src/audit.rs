//! The audit trail: rows in the caller's transaction; a sealer chains them and signs the chain
//! within a second (design decision 10). An edited, removed or reordered row breaks the
//! chain; rows cut off at the end do not, which only a copy elsewhere shows.

use recovery::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{StoreError, Tx};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Whose.
    pub tenant: Uuid,
    /// What, by its stable name.
    pub event: &'static str,
    /// In which recovery.
    pub case_code: Option<String>,
    /// To which account.
    pub account: Option<Uuid>,
    /// The rest, as JSON. Never a code, a password or a token.
    pub detail: String,
}

/// A row of the trail.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its running number.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: String,
    /// In which recovery.
    pub case_code: Option<String>,
    /// To which account.
    pub account: Option<Uuid>,
    /// The rest.
    pub detail: String,
    /// The chain up to here, once sealed.
    pub chain: Option<Vec<u8>>,
    /// The signature over the chain, on the last row of a sealing.
    pub signature: Option<Vec<u8>>,
    tenant: Uuid,
}

const COLUMNS: &str =
    "SELECT sequence, tenant, at, event, case_code, account, detail, chain, signature
     FROM audit";

impl AuditRow {
    /// The chain after this row: SHA-256 over the chain before it and every field, each with
    /// its length.
    pub fn chained(&self, before: &[u8]) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(before);
        hash.update(self.sequence.to_be_bytes());
        hash.update(self.tenant.as_bytes());
        hash.update(self.at.0.to_be_bytes());
        let account = self.account.map(|id| id.to_string());
        for field in [
            Some(self.event.as_str()),
            self.case_code.as_deref(),
            account.as_deref(),
            Some(self.detail.as_str()),
        ] {
            let length = field.map_or(u64::MAX, |text| text.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(field.unwrap_or_default());
        }
        hash.finalize().to_vec()
    }
}

impl Tx<'_> {
    /// Writes down what happened.
    pub async fn audit(&mut self, event: &AuditEvent, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO audit (tenant, at, event, case_code, account, detail)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(event.tenant)
        .bind(now.0)
        .bind(event.event)
        .bind(&event.case_code)
        .bind(event.account)
        .bind(&event.detail)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The trail of a case, oldest first.
    pub async fn audit_of_case(
        &mut self,
        tenant: Uuid,
        case_code: &str,
    ) -> Result<Vec<AuditRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE tenant = $1 AND case_code = $2 ORDER BY sequence"
        )))
        .bind(tenant)
        .bind(case_code)
        .fetch_all(&mut *self.connection)
        .await?
        .iter()
        .map(audit_row)
        .collect()
    }

    /// The whole trail after `sequence`, oldest first, at most `most`.
    pub async fn audit_after(
        &mut self,
        sequence: i64,
        most: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE sequence > $1 ORDER BY sequence LIMIT $2"
        )))
        .bind(sequence)
        .bind(most)
        .fetch_all(&mut *self.connection)
        .await?
        .iter()
        .map(audit_row)
        .collect()
    }

    /// Whether something is not chained yet.
    pub async fn has_unsealed_audit(&mut self) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM audit WHERE chain IS NULL LIMIT 1")
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(row.is_some())
    }

    /// Chains what is not chained yet; `sign` signs the chain's end. Answers how many rows.
    pub async fn seal_audit(
        &mut self,
        sign: &(dyn Fn(&[u8]) -> Vec<u8> + Sync),
    ) -> Result<usize, StoreError> {
        let last = sqlx::query(
            "SELECT sequence, chain FROM audit WHERE chain IS NOT NULL
             ORDER BY sequence DESC LIMIT 1",
        )
        .fetch_optional(&mut *self.connection)
        .await?;
        let (sequence, mut chain): (i64, Vec<u8>) = match last {
            Some(row) => (row.try_get(0)?, row.try_get(1)?),
            None => (0, Vec::new()),
        };
        let rows = self.audit_after(sequence, 10_000).await?;
        for (index, row) in rows.iter().enumerate() {
            chain = row.chained(&chain);
            let signature = (index + 1 == rows.len()).then(|| sign(&chain));
            sqlx::query("UPDATE audit SET chain = $2, signature = $3 WHERE sequence = $1")
                .bind(row.sequence)
                .bind(&chain)
                .bind(signature)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(rows.len())
    }
}

fn audit_row(row: &SqliteRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        sequence: row.try_get("sequence")?,
        tenant: row.try_get("tenant")?,
        at: Timestamp(row.try_get("at")?),
        event: row.try_get("event")?,
        case_code: row.try_get("case_code")?,
        account: row.try_get("account")?,
        detail: row.try_get("detail")?,
        chain: row.try_get("chain")?,
        signature: row.try_get("signature")?,
    })
}
