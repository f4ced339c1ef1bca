//! Addresses of accounts: what is on file and since when.

use recovery::{Address, AddressKind, Arrival, OwnMail, Timestamp};
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{StoreError, Tx, json, one_row, to_json};

/// An address with what an administrator knows its account by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRow {
    /// Whose it is.
    pub account: Uuid,
    /// A name of the account.
    pub user_id: String,
    /// Which address.
    pub kind: AddressKind,
    /// The address.
    pub address: Address,
}

/// The columns of an address, to be read by [`address`].
pub(crate) const ADDRESS: &str = "e.value, e.version, e.first_seen_at, e.arrival, \
     e.self_written, e.released_at, e.before_value";
/// A name of account `a` for administrators: one with a domain where there is one.
pub(crate) const USER_ID: &str = "coalesce(\
     (SELECT min(name) FROM account_name n WHERE n.account = a.id AND n.name LIKE '%@%'), \
     (SELECT min(name) FROM account_name n WHERE n.account = a.id), a.external_id) AS user_id";

impl Tx<'_> {
    /// An address of an account.
    pub async fn address(
        &mut self,
        account: Uuid,
        kind: AddressKind,
    ) -> Result<Option<Address>, StoreError> {
        let statement = format!("SELECT {ADDRESS} FROM address e WHERE account = $1 AND kind = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(account)
            .bind(kind.as_str())
            .fetch_optional(&mut *self.connection)
            .await?;
        row.map_or(Ok(None), |row| address(&row))
    }

    /// Puts an address on file.
    pub async fn put_address(
        &mut self,
        account: Uuid,
        kind: AddressKind,
        address: &Address,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO address (account, kind, value, version, first_seen_at, arrival,
                                  self_written, released_at, before_value)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (account, kind) DO UPDATE SET
                value = excluded.value, version = excluded.version,
                first_seen_at = excluded.first_seen_at, arrival = excluded.arrival,
                self_written = excluded.self_written, released_at = excluded.released_at,
                before_value = excluded.before_value",
        )
        .bind(account)
        .bind(kind.as_str())
        .bind(&address.value)
        .bind(address.version)
        .bind(address.first_seen_at.0)
        .bind(address.arrival.as_str())
        .bind(address.self_written)
        .bind(address.released_at.map(|at| at.0))
        .bind(&address.before)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The addresses of a tenant that came after `since` and not at first, the newest first.
    pub async fn addresses_since(
        &mut self,
        tenant: Uuid,
        since: Timestamp,
    ) -> Result<Vec<AddressRow>, StoreError> {
        let statement = format!(
            "SELECT a.id, {USER_ID}, e.kind, {ADDRESS} FROM account a
             JOIN address e ON e.account = a.id
             WHERE a.tenant = $1 AND e.first_seen_at > $2 AND e.arrival <> 'first'
               AND e.value IS NOT NULL
             ORDER BY e.first_seen_at DESC, user_id"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(tenant)
            .bind(since.0)
            .fetch_all(&mut *self.connection)
            .await?
            .iter()
            .map(|row| {
                let address = address(row)?.ok_or(StoreError::Inconsistent("address"))?;
                Ok(AddressRow {
                    account: row.try_get("id")?,
                    user_id: row.try_get("user_id")?,
                    kind: kind(row.try_get("kind")?)?,
                    address,
                })
            })
            .collect()
    }

    /// How many mail addresses a tenant's accounts have in which domain, the most first.
    pub async fn mail_domains(&mut self, tenant: Uuid) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT lower(substr(e.value, instr(e.value, '@') + 1)) AS domain, count(*) AS number
             FROM account a JOIN address e ON e.account = a.id
             WHERE a.tenant = $1 AND e.kind = 'email' AND e.value IS NOT NULL
             GROUP BY domain ORDER BY number DESC, domain",
        )
        .bind(tenant)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("domain")?, row.try_get("number")?))).collect()
    }

    /// The tenant's own mail domains.
    pub async fn own_mail(&mut self, tenant: Uuid) -> Result<OwnMail, StoreError> {
        let row = sqlx::query("SELECT own_mail, own_mail_counts FROM tenant WHERE id = $1")
            .bind(tenant)
            .fetch_one(&mut *self.connection)
            .await?;
        own_mail(&row)
    }

    /// Says which mail domains are the tenant's own, and whether addresses there count.
    pub async fn set_own_mail(&mut self, tenant: Uuid, own: &OwnMail) -> Result<(), StoreError> {
        let result =
            sqlx::query("UPDATE tenant SET own_mail = $2, own_mail_counts = $3 WHERE id = $1")
                .bind(tenant)
                .bind(to_json(&own.domains, "own mail")?)
                .bind(own.counts)
                .execute(&mut *self.connection)
                .await?;
        one_row(&result, "set_own_mail")
    }

    /// Forgets the addresses of accounts that left their directory before then.
    pub async fn sweep_gone_addresses(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let swept = sqlx::query(
            "DELETE FROM address WHERE account IN (SELECT id FROM account WHERE gone_at < $1)",
        )
        .bind(before.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(swept.rows_affected())
    }
}

pub(crate) fn own_mail(row: &SqliteRow) -> Result<OwnMail, StoreError> {
    Ok(OwnMail {
        domains: json(row.try_get("own_mail")?, "own mail")?,
        counts: row.try_get("own_mail_counts")?,
    })
}

/// Reads the columns of [`ADDRESS`]; none where there is no such row.
pub(crate) fn address(row: &SqliteRow) -> Result<Option<Address>, StoreError> {
    let Some(version) = row.try_get("version")? else {
        return Ok(None);
    };
    let arrival = match row.try_get("arrival")? {
        "first" => Arrival::First,
        "added" => Arrival::Added,
        "changed" => Arrival::Changed,
        _ => return Err(StoreError::Inconsistent("arrival")),
    };
    Ok(Some(Address {
        value: row.try_get("value")?,
        version,
        first_seen_at: Timestamp(row.try_get("first_seen_at")?),
        arrival,
        self_written: row.try_get("self_written")?,
        released_at: row.try_get::<Option<i64>, _>("released_at")?.map(Timestamp),
        before: row.try_get("before_value")?,
    }))
}

fn kind(text: &str) -> Result<AddressKind, StoreError> {
    let known = AddressKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or(StoreError::Inconsistent("address kind"))
}
