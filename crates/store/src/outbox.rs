//! Messages to be sent: put in by the transaction that decided so, taken out under a lease with
//! a fencing number, tried again with growing pauses until they are of no use any more. Payloads are
//! sealed by the caller and wiped once sent.

use recovery::{Span, Timestamp};
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, Tx};

/// How long a sender may take.
const LEASE: Span = Span::seconds(60);
/// The longest pause between two tries.
const LONGEST_PAUSE: Span = Span::minutes(15);

/// A message to put in.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The tenant it speaks for.
    pub tenant: Uuid,
    /// The recovery it belongs to.
    pub recovery: Option<Uuid>,
    /// What it is.
    pub kind: &'static str,
    /// All the rest, sealed.
    pub payload: Vec<u8>,
    /// After this it is of no use any more.
    pub give_up_at: Timestamp,
}

/// A message taken out to be sent.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Its running number.
    pub id: i64,
    /// The tenant it speaks for.
    pub tenant: Uuid,
    /// The recovery it belongs to.
    pub recovery: Option<Uuid>,
    /// What it is.
    pub kind: String,
    /// All the rest, sealed.
    pub payload: Vec<u8>,
    /// The fencing number of this taking.
    pub lease: i64,
    /// Which try this is, from 1.
    pub tries: i64,
    give_up_at: Timestamp,
}

impl Tx<'_> {
    /// Puts a message in.
    pub async fn post(&mut self, message: &NewMessage, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO outbox (tenant, recovery, kind, payload, due_at, give_up_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(message.tenant)
        .bind(message.recovery)
        .bind(message.kind)
        .bind(&message.payload)
        .bind(now.0)
        .bind(message.give_up_at.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// Takes out what is due, at most `most`.
    pub async fn take_due(
        &mut self,
        most: i64,
        now: Timestamp,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let rows = sqlx::query(
            "UPDATE outbox SET leased_until = $1 + $2, lease = lease + 1, tries = tries + 1
             WHERE id IN (SELECT id FROM outbox
                          WHERE state = 'due' AND due_at <= $1 AND leased_until <= $1
                          ORDER BY due_at LIMIT $3)
             RETURNING id, tenant, recovery, kind, payload, lease, tries, give_up_at",
        )
        .bind(now.0)
        .bind(LEASE.0)
        .bind(most)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(OutboxRow {
                    id: row.try_get("id")?,
                    tenant: row.try_get("tenant")?,
                    recovery: row.try_get("recovery")?,
                    kind: row.try_get("kind")?,
                    payload: row.try_get("payload")?,
                    lease: row.try_get("lease")?,
                    tries: row.try_get("tries")?,
                    give_up_at: Timestamp(row.try_get("give_up_at")?),
                })
            })
            .collect()
    }

    /// It was sent: the payload is wiped. A lease that ran out meanwhile changes nothing.
    pub async fn sent(&mut self, row: &OutboxRow) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET state = 'sent', payload = NULL WHERE id = $1 AND lease = $2",
        )
        .bind(row.id)
        .bind(row.lease)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// It was not sent: it is due again after a pause that doubles, or dead once it is of no use
    /// any more or `for_ever`. Says whether it is dead.
    pub async fn not_sent(
        &mut self,
        row: &OutboxRow,
        for_ever: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let pause = Span::seconds(2_i64 << row.tries.clamp(0, 16)).min(LONGEST_PAUSE);
        let due_at = now.plus(pause);
        let dead = for_ever || due_at >= row.give_up_at;
        let statement = if dead {
            "UPDATE outbox SET state = 'dead', payload = NULL
             WHERE id = $1 AND lease = $2 AND $3 IS NOT NULL"
        } else {
            "UPDATE outbox SET due_at = $3, leased_until = 0 WHERE id = $1 AND lease = $2"
        };
        sqlx::query(statement)
            .bind(row.id)
            .bind(row.lease)
            .bind(due_at.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(dead)
    }

    /// Removes what was sent or died before `before`.
    pub async fn sweep_outbox(&mut self, before: Timestamp) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE state <> 'due' AND due_at < $1")
            .bind(before.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}
