//! Accounts as the service knows them: names, addresses and flags, synchronised from their
//! directory. Everything before the gates is answered from here alone.

use recovery::Timestamp;
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, Tx};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id here.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: Uuid,
    /// Its directory.
    pub directory: Uuid,
    /// Its name for ever in its directory.
    pub external_id: String,
    /// The name to greet by.
    pub display_name: String,
    /// The address of the email gate.
    pub email: Option<String>,
    /// Rises with each change of the address.
    pub email_version: i64,
    /// Not switched off.
    pub enabled: bool,
    /// Never to be touched.
    pub protected: bool,
}

/// An account as its directory lists it.
#[derive(Clone, Debug)]
pub struct NewAccount<'a> {
    /// Its name for ever in its directory.
    pub external_id: &'a str,
    /// The name to greet by.
    pub display_name: &'a str,
    /// Every name a person may type.
    pub names: &'a [String],
    /// The address of the email gate.
    pub email: Option<&'a str>,
    /// Not switched off.
    pub enabled: bool,
    /// Never to be touched.
    pub protected: bool,
}

/// The form in which names are compared: trimmed and in lower case. Two names that differ in
/// anything else are two names (catalogue UNI-01).
pub fn canonical_name(typed: &str) -> String {
    typed.trim().to_lowercase()
}

impl Tx<'_> {
    /// The accounts that this canonical name could mean; more than one means nobody. Answers
    /// with one query whether there are any or not.
    pub async fn account_of_name(
        &mut self,
        tenant: Uuid,
        canonical: &str,
    ) -> Result<Option<AccountRow>, StoreError> {
        let mut rows = sqlx::query(
            "SELECT a.id, a.tenant, a.directory, a.external_id, a.display_name, a.email,
                    a.email_version, a.enabled, a.protected
             FROM account_name n JOIN account a ON a.id = n.account
             WHERE n.tenant = $1 AND n.name = $2 LIMIT 2",
        )
        .bind(tenant)
        .bind(canonical)
        .fetch_all(&mut *self.connection)
        .await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => account(&row).map(Some),
            _ => Ok(None),
        }
    }

    /// The account with this id.
    pub async fn account(&mut self, id: Uuid) -> Result<Option<AccountRow>, StoreError> {
        sqlx::query(
            "SELECT id, tenant, directory, external_id, display_name, email, email_version,
                    enabled, protected
             FROM account WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&mut *self.connection)
        .await?
        .map(|row| account(&row))
        .transpose()
    }

    /// Adds or updates an account as its directory lists it; `new_id` is used for a new one.
    /// An address that changed gets a new version.
    pub async fn put_account(
        &mut self,
        directory: (Uuid, Uuid),
        new_id: Uuid,
        listed: &NewAccount<'_>,
        run: i64,
    ) -> Result<Uuid, StoreError> {
        let (tenant, directory) = directory;
        let id: Uuid = sqlx::query(
            "INSERT INTO account (id, tenant, directory, external_id, display_name, email,
                                  enabled, protected, run)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (directory, external_id) DO UPDATE SET
                display_name = excluded.display_name,
                email_version = email_version + (email IS NOT excluded.email),
                email = excluded.email,
                enabled = excluded.enabled,
                protected = excluded.protected,
                run = excluded.run
             RETURNING id",
        )
        .bind(new_id)
        .bind(tenant)
        .bind(directory)
        .bind(listed.external_id)
        .bind(listed.display_name)
        .bind(listed.email)
        .bind(listed.enabled)
        .bind(listed.protected)
        .bind(run)
        .fetch_one(&mut *self.connection)
        .await?
        .try_get(0)?;
        self.put_names(tenant, id, listed.names).await?;
        Ok(id)
    }

    async fn put_names(
        &mut self,
        tenant: Uuid,
        account: Uuid,
        names: &[String],
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM account_name WHERE account = $1")
            .bind(account)
            .execute(&mut *self.connection)
            .await?;
        for name in names {
            sqlx::query(
                "INSERT INTO account_name (tenant, name, account) VALUES ($1, $2, $3)
                 ON CONFLICT DO NOTHING",
            )
            .bind(tenant)
            .bind(canonical_name(name))
            .bind(account)
            .execute(&mut *self.connection)
            .await?;
        }
        Ok(())
    }

    /// Removes the names and the address of the accounts that did not come in this run: they
    /// are gone from their directory, but the audit trail still names them.
    pub async fn end_run(&mut self, directory: Uuid, run: i64) -> Result<u64, StoreError> {
        sqlx::query(
            "DELETE FROM account_name WHERE account IN
                (SELECT id FROM account WHERE directory = $1 AND run <> $2)",
        )
        .bind(directory)
        .bind(run)
        .execute(&mut *self.connection)
        .await?;
        let gone = sqlx::query(
            "UPDATE account SET email = NULL, enabled = 0, email_version = email_version + 1
             WHERE directory = $1 AND run <> $2 AND (email IS NOT NULL OR enabled)",
        )
        .bind(directory)
        .bind(run)
        .execute(&mut *self.connection)
        .await?;
        Ok(gone.rows_affected())
    }

    /// The first letters of the domains of the tenant's addresses, for decoys of the same mix.
    pub async fn domain_letters(&mut self, tenant: Uuid) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT lower(substr(email, instr(email, '@') + 1, 1)) AS letter FROM account
             WHERE tenant = $1 AND email IS NOT NULL ORDER BY letter",
        )
        .bind(tenant)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// How many accounts a directory has.
    pub async fn count_accounts(&mut self, directory: Uuid) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM account WHERE directory = $1 AND enabled")
            .bind(directory)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Ends every other live recovery of an account: one that has passed fewer gates never
    /// displaces it, so this is called when the last gate is passed.
    pub async fn live_recoveries(
        &mut self,
        account: Uuid,
        except: Uuid,
        since: Timestamp,
    ) -> Result<Vec<Uuid>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM recovery
             WHERE account = $1 AND id <> $2 AND ended_at IS NULL AND created_at >= $3",
        )
        .bind(account)
        .bind(except)
        .bind(since.0)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

fn account(row: &sqlx::sqlite::SqliteRow) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        directory: row.try_get("directory")?,
        external_id: row.try_get("external_id")?,
        display_name: row.try_get("display_name")?,
        email: row.try_get("email")?,
        email_version: row.try_get("email_version")?,
        enabled: row.try_get("enabled")?,
        protected: row.try_get("protected")?,
    })
}
