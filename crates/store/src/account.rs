//! Accounts as the service knows them: names, addresses and flags, synchronised from their
//! directory. Everything before the gates is answered from here alone.

use recovery::{Address, OwnMail, Timestamp};
use sqlx::Row;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    address::{ADDRESS, address, own_mail},
    one_row, to_json,
};

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
    /// The address of the email gate, whether it counts or not.
    pub email: Option<Address>,
    /// The tenant's own mail domains.
    pub own_mail: OwnMail,
    /// Not switched off.
    pub enabled: bool,
    /// Never to be touched.
    pub protected: bool,
}

impl AccountRow {
    /// The address of the email gate, whether it counts or not.
    pub fn email_value(&self) -> Option<&str> {
        self.email.as_ref()?.value.as_deref()
    }
}

/// What is known of an account that is listed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id here.
    pub id: Uuid,
    /// Hash of what its directory said last; none after it had left.
    pub listed: Option<Vec<u8>>,
}

/// An account as its directory lists it, its addresses apart.
#[derive(Clone, Debug, Default)]
pub struct NewAccount<'a> {
    /// Its name for ever in its directory.
    pub external_id: &'a str,
    /// The name to greet by.
    pub display_name: &'a str,
    /// Every name a person may type.
    pub names: &'a [String],
    /// Not switched off.
    pub enabled: bool,
    /// Never to be touched.
    pub protected: bool,
    /// The part of its directory.
    pub part: &'a str,
    /// The configured groups that it is in.
    pub member_of: &'a [String],
    /// Its values that cannot be used.
    pub malformed: &'a [&'a str],
    /// Hash of what its directory says.
    pub listed: Option<&'a [u8]>,
}

/// Accounts with the address of the email gate and the tenant's own mail domains: one query for
/// whoever it is.
fn accounts(of: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!(
        "SELECT a.id, a.tenant, a.directory, a.external_id, a.display_name, a.enabled,
                a.protected, t.own_mail, t.own_mail_counts, {ADDRESS}
         FROM {of} JOIN tenant t ON t.id = a.tenant
         LEFT JOIN address e ON e.account = a.id AND e.kind = 'email'"
    ))
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
        let mut rows = sqlx::query(accounts(
            "(SELECT account FROM account_name WHERE tenant = $1 AND name = $2 LIMIT 2) n
             JOIN account a ON a.id = n.account",
        ))
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
        sqlx::query(accounts("(SELECT * FROM account WHERE id = $1) a"))
            .bind(id)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(|row| account(&row))
            .transpose()
    }

    /// What is known of an account by its name for ever.
    pub async fn listed(
        &mut self,
        directory: Uuid,
        external_id: &str,
    ) -> Result<Option<Listed>, StoreError> {
        let row =
            sqlx::query("SELECT id, listed FROM account WHERE directory = $1 AND external_id = $2")
                .bind(directory)
                .bind(external_id)
                .fetch_optional(&mut *self.connection)
                .await?;
        row.map(|row| Ok(Listed { id: row.try_get("id")?, listed: row.try_get("listed")? }))
            .transpose()
    }

    /// An account is still as it was listed before.
    pub async fn seen_again(
        &mut self,
        account: Uuid,
        part: &str,
        run: i64,
    ) -> Result<(), StoreError> {
        let result = sqlx::query("UPDATE account SET run = $2, part = $3 WHERE id = $1")
            .bind(account)
            .bind(run)
            .bind(part)
            .execute(&mut *self.connection)
            .await?;
        one_row(&result, "seen_again")
    }

    /// Adds or updates an account as its directory lists it; `new_id` is used for a new one.
    pub async fn put_account(
        &mut self,
        directory: (Uuid, Uuid),
        new_id: Uuid,
        listed: &NewAccount<'_>,
        run: i64,
    ) -> Result<Uuid, StoreError> {
        let (tenant, directory) = directory;
        let id: Uuid = sqlx::query(
            "INSERT INTO account (id, tenant, directory, external_id, display_name, enabled,
                                  protected, run, part, member_of, malformed, listed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (directory, external_id) DO UPDATE SET
                display_name = excluded.display_name,
                enabled = excluded.enabled,
                protected = excluded.protected,
                run = excluded.run,
                part = excluded.part,
                member_of = excluded.member_of,
                malformed = excluded.malformed,
                listed = excluded.listed,
                gone_at = NULL
             RETURNING id",
        )
        .bind(new_id)
        .bind(tenant)
        .bind(directory)
        .bind(listed.external_id)
        .bind(listed.display_name)
        .bind(listed.enabled)
        .bind(listed.protected)
        .bind(run)
        .bind(listed.part)
        .bind(to_json(&listed.member_of, "groups")?)
        .bind(to_json(&listed.malformed, "malformed")?)
        .bind(listed.listed)
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

    /// An account left its directory: nobody is found by its names any more, but the audit trail
    /// still names it. Its addresses are the caller's to take off the file.
    pub async fn leave(&mut self, account: Uuid, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM account_name WHERE account = $1")
            .bind(account)
            .execute(&mut *self.connection)
            .await?;
        let result = sqlx::query(
            "UPDATE account SET enabled = 0, listed = NULL, member_of = '[]', malformed = '[]',
                gone_at = coalesce(gone_at, $2)
             WHERE id = $1",
        )
        .bind(account)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "leave")
    }

    /// The configured groups that an account is in.
    pub async fn member_of(&mut self, account: Uuid) -> Result<Vec<String>, StoreError> {
        let row = sqlx::query("SELECT member_of FROM account WHERE id = $1")
            .bind(account)
            .fetch_optional(&mut *self.connection)
            .await?;
        row.map_or(Ok(Vec::new()), |row| crate::json(row.try_get(0)?, "groups"))
    }

    /// The first letters of the domains of the tenant's addresses, for decoys of the same mix.
    pub async fn domain_letters(&mut self, tenant: Uuid) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT lower(substr(e.value, instr(e.value, '@') + 1, 1)) AS letter
             FROM account a JOIN address e ON e.account = a.id
             WHERE a.tenant = $1 AND e.kind = 'email' AND e.value IS NOT NULL ORDER BY letter",
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
        email: address(row)?,
        own_mail: own_mail(row)?,
        enabled: row.try_get("enabled")?,
        protected: row.try_get("protected")?,
    })
}
