//! Limits and one-time claims: one atomic statement each, inside the caller's transaction, so
//! that check and charge cannot be raced (catalogue THR-09).

use recovery::{Limit, Timestamp};
use sqlx::Row;

use crate::{StoreError, Tx};

impl Tx<'_> {
    /// Counts one under `key` against `limit`. When the limit is passed the door is shut, and
    /// the answer says until when; nothing is counted while it is shut.
    ///
    /// `key` is a keyed hash of the limit's name, the lane and what is limited.
    pub async fn take(
        &mut self,
        key: &[u8],
        limit: Limit,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "INSERT INTO limit_count (key, count, ends_at, shut_until) VALUES ($1, 1, $3, 0)
             ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN shut_until > $2 THEN count
                             WHEN ends_at <= $2 THEN 1 ELSE count + 1 END,
                shut_until = CASE WHEN shut_until > $2 THEN shut_until
                                  WHEN ends_at > $2 AND count + 1 > $5 THEN max($4, ends_at)
                                  ELSE 0 END,
                ends_at = CASE WHEN shut_until > $2 OR ends_at > $2 THEN ends_at ELSE $3 END
             RETURNING shut_until",
        )
        .bind(key)
        .bind(now.0)
        .bind(now.plus(limit.window).0)
        .bind(now.plus(limit.shut).0)
        .bind(i64::from(limit.most))
        .fetch_one(&mut *self.connection)
        .await?;
        let shut_until: i64 = row.try_get(0)?;
        Ok((shut_until > now.0).then_some(Timestamp(shut_until)))
    }

    /// How many more fit under `key`; 0 while the door is shut. Counts nothing.
    pub async fn left(
        &mut self,
        key: &[u8],
        limit: Limit,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let row = sqlx::query("SELECT count, ends_at, shut_until FROM limit_count WHERE key = $1")
            .bind(key)
            .fetch_optional(&mut *self.connection)
            .await?;
        let Some(row) = row else {
            return Ok(limit.most);
        };
        let (count, ends_at, shut_until): (i64, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(if shut_until > now.0 {
            0
        } else if ends_at <= now.0 {
            limit.most
        } else {
            limit.most.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX))
        })
    }

    /// Until when the door under `key` is shut. Counts nothing.
    pub async fn shut_until(
        &mut self,
        key: &[u8],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT shut_until FROM limit_count WHERE key = $1")
            .bind(key)
            .fetch_optional(&mut *self.connection)
            .await?;
        let until = row.map(|row| row.try_get::<i64, _>(0)).transpose()?.map(Timestamp);
        Ok(until.filter(|until| *until > now))
    }

    /// Forgets the count under `key`, as a whole finished recovery does for the gates it passed
    /// (catalogue COD-06).
    pub async fn forget(&mut self, key: &[u8]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM limit_count WHERE key = $1")
            .bind(key)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Claims `key` for ever (until `expires_at`). `false` when somebody did before.
    pub async fn claim(&mut self, key: &[u8], expires_at: Timestamp) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "INSERT INTO claim (key, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(key)
        .bind(expires_at.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Removes counts and claims that say nothing any more.
    pub async fn sweep_limits(&mut self, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM limit_count WHERE ends_at < $1 AND shut_until < $1")
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        sqlx::query("DELETE FROM claim WHERE expires_at < $1")
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}
