//! The store's doors: many readers, one writer that commits in groups.
//!
//! A write is a closure over a [`Tx`]. The writer takes all closures that are waiting, runs
//! each in its savepoint, commits once, and only then tells every caller: one fsync for many.
//! A closure that fails rolls back its own savepoint and nobody else's.

use std::{future::Future, panic::AssertUnwindSafe, path::Path, pin::Pin};

use futures_util::FutureExt as _;

use sqlx::{
    ConnectOptions, Connection, Executor, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

/// Most closures that share one commit.
const GROUP: usize = 128;
/// Most closures that wait; more are refused by waiting themselves.
const QUEUE: usize = 1024;
/// After so many closures the log is copied into the database.
const CHECKPOINT: usize = 256;
/// A log longer than this (in pages) is begun anew; writers wait for that moment.
const LONG_LOG: i64 = 16_384;

/// A transaction (or a plain connection, when reading): every query of the repository is a method of it.
pub struct Tx<'c> {
    pub(crate) connection: &'c mut SqliteConnection,
}

type BoxFuture<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;

/// What the writer runs: the closure, and how its caller learns the result.
trait Write: Send {
    /// Runs it; `true` keeps what it wrote.
    fn run<'c>(&'c mut self, tx: Tx<'c>) -> BoxFuture<'c, bool>;
    /// Tells the caller, after the commit (or its failure).
    fn tell(self: Box<Self>, committed: bool);
}

struct Closure<F, T, E> {
    body: Option<F>,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Write for Closure<F, T, E>
where
    F: for<'t> FnOnce(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run<'c>(&'c mut self, tx: Tx<'c>) -> BoxFuture<'c, bool> {
        Box::pin(async move {
            let Some(body) = self.body.take() else {
                return false;
            };
            let result = body(tx).await;
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn tell(self: Box<Self>, committed: bool) {
        let result = match self.result {
            Some(Ok(_)) if !committed => Err(StoreError::NotCommitted.into()),
            Some(result) => result,
            None => Err(StoreError::Panicked.into()),
        };
        // A caller that went away does not need the answer; the row is the truth.
        let _ = self.caller.send(result);
    }
}

/// The store. Clones share it.
#[derive(Clone)]
pub struct Store {
    readers: SqlitePool,
    writer: mpsc::Sender<Box<dyn Write>>,
}

impl Store {
    /// Opens (and makes, when new) the database file and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or is newer than this program.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(10))
            // Copying the log inside somebody's commit would make him wait for everybody's
            // writes of the last minute: `checkpoint` does it beside the writer.
            .pragma("wal_autocheckpoint", "0")
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        sqlx::migrate!("migrations/sqlite").run(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .min_connections(1)
            // Calls have limits of their own; a disk that is slow for a moment ends none.
            .acquire_timeout(std::time::Duration::from_secs(300))
            .connect_with(options.clone().pragma("query_only", "on"))
            .await?;
        let (writer, queue) = mpsc::channel(QUEUE);
        let (grown, growths) = mpsc::channel(1);
        // Who still reads is not waited for: the next copy gets further.
        let patience = std::time::Duration::from_millis(100);
        let copier = options.clone().busy_timeout(patience).connect().await?;
        tokio::spawn(checkpoint(copier, growths));
        tokio::spawn(write_groups(connection, queue, grown));
        Ok(Self { readers, writer })
    }

    /// Runs `body` in a write transaction and answers once it is on disk.
    ///
    /// # Errors
    /// What `body` refuses (nothing of it is kept), or that the store cannot write.
    pub async fn write<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let write = Box::new(Closure { body: Some(body), result: None, caller });
        self.writer.send(write).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `body` without the right to write. Each of its queries sees what is committed then.
    ///
    /// # Errors
    /// What `body` refuses, or that the store cannot be read.
    pub async fn read<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send,
        E: From<StoreError>,
    {
        let mut connection = self.readers.acquire().await.map_err(StoreError::from)?;
        body(Tx { connection: &mut connection }).await
    }

    /// Whether the database answers: for health checks and `doctor`.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.readers.acquire().await?;
        connection.ping().await?;
        Ok(())
    }
}

async fn write_groups(
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<Box<dyn Write>>,
    grown: mpsc::Sender<()>,
) {
    let mut group = Vec::with_capacity(GROUP);
    let mut since_checkpoint = 0;
    while queue.recv_many(&mut group, GROUP).await > 0 {
        let committed = match write_group(&mut connection, &mut group).await {
            Ok(()) => true,
            Err(cause) => {
                tracing::error!(%cause, "a group of writes was not committed");
                let _ = connection.execute("ROLLBACK").await;
                false
            }
        };
        since_checkpoint += group.len();
        for write in group.drain(..) {
            write.tell(committed);
        }
        // A full channel means that it is about to be done.
        if since_checkpoint >= CHECKPOINT && grown.try_send(()).is_ok() {
            since_checkpoint = 0;
        }
    }
}

/// Copies the log into the database beside the writer, whenever it has grown.
async fn checkpoint(mut connection: SqliteConnection, mut growths: mpsc::Receiver<()>) {
    while growths.recv().await.is_some() {
        if let Err(cause) = copy_log(&mut connection).await {
            tracing::warn!(%cause, "the log could not be copied into the database; it grows");
        }
    }
}

async fn copy_log(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let (_, pages, _): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await?;
    if pages > LONG_LOG {
        // Little is left to copy, so the writer waits little.
        connection.execute("PRAGMA wal_checkpoint(RESTART)").await?;
    }
    Ok(())
}

async fn write_group(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Write>],
) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN IMMEDIATE").await?;
    for write in group {
        connection.execute("SAVEPOINT one").await?;
        // A panic is that caller's failure, not the end of everybody's writes.
        let run = AssertUnwindSafe(write.run(Tx { connection })).catch_unwind().await;
        if !run.unwrap_or(false) {
            connection.execute("ROLLBACK TO one").await?;
        }
        connection.execute("RELEASE one").await?;
    }
    connection.execute("COMMIT").await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_is_copied_into_the_database_beside_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("regain.db");
        let store = Store::open(&file).await.unwrap();
        let claimed = store.write(|mut tx| {
            Box::pin(async move { tx.claim(b"found-again", recovery::Timestamp(1)).await })
        });
        assert!(claimed.await.unwrap_or_else(|error: StoreError| panic!("{error}")));
        let holds = |file: &Path| {
            let bytes = std::fs::read(file).unwrap();
            bytes.windows(11).any(|window| window == b"found-again")
        };
        assert!(!holds(&file), "only in the log so far");
        let mut connection = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
        copy_log(&mut connection).await.unwrap();
        assert!(holds(&file));
    }

    /// A database of the first schema, with an organisation and what the second and the third
    /// change.
    async fn of_the_first_schema(file: &Path) {
        let folder = tempfile::tempdir().unwrap();
        let first = include_str!("../migrations/sqlite/0001_first.sql");
        std::fs::write(folder.path().join("0001_first.sql"), first).unwrap();
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        let migrator = sqlx::migrate::Migrator::new(folder.path()).await.unwrap();
        migrator.run(&mut connection).await.unwrap();
        let id = |number: u8| format!("x'{}'", format!("{number:02x}").repeat(16));
        let (tenant, directory) = (id(1), id(2));
        let rows = format!(
            "INSERT INTO tenant (id, host, name, accent, help, policy, created_at)
                 VALUES ({tenant}, 'h', 'n', '', '', '', 1);
             INSERT INTO directory (id, tenant, name, kind, directory_key, created_at)
                 VALUES ({directory}, {tenant}, 'main', 'agent', x'0d', 1);
             INSERT INTO agent (id, tenant, directory, name, identity_key, recipient,
                     enrolled_at, seen_at)
                 VALUES ({}, {tenant}, {directory}, 'dc1', x'0a', '{{}}', 5, 7);
             INSERT INTO enrolment_code (id, tenant, directory, expires_at)
                 VALUES (x'0c', {tenant}, {directory}, 100);
             INSERT INTO account (id, tenant, directory, external_id, display_name, email,
                     email_version, enabled, protected)
                 VALUES ({}, {tenant}, {directory}, 'e', 'Anna', 'anna@x', 3, 1, 0);
             INSERT INTO recovery (id, tenant, case_code, begin_key, name_key, user_id, lane,
                     reason, language, step, revision, stage, state, created_at)
                 VALUES ({recovery}, {tenant}, 'K7M4PX', x'0e', x'0f', 'anna', 'stranger',
                     'cant-sign-in', 'en', 1, 1, 'working', '{{}}', 1);
             INSERT INTO operation (id, tenant, recovery, directory, account, external_id, act,
                     state, fence, created_at, expires_at)
                 VALUES ({}, {tenant}, {recovery}, {directory}, {}, 'e', 'unlock', 'sent', '{{}}',
                     1, 2);",
            id(3),
            id(4),
            id(6),
            id(4),
            recovery = id(5),
        );
        connection.execute(sqlx::AssertSqlSafe(rows)).await.unwrap();
        connection.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_database_of_the_first_schema_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("regain.db");
        of_the_first_schema(&file).await;
        let (tenant, directory) =
            (uuid::Uuid::from_bytes([1; 16]), uuid::Uuid::from_bytes([2; 16]));
        let store = Store::open(&file).await.unwrap();
        let read = store.write(move |mut tx| {
            Box::pin(async move {
                let used = tx.use_enrolment_code(&[0x0c], recovery::Timestamp(9)).await?;
                let alerts = (tx.alert_settings(tenant).await?, tx.alerts(directory).await?);
                let open = tx.open_operations(directory).await?;
                Ok::<_, StoreError>((tx.agents(directory).await?, used, alerts, open))
            })
        });
        let (agents, used, (settings, alerts), open) = read.await.unwrap();
        let [operation] = open.as_slice() else { panic!("{open:?}") };
        assert_eq!(operation.id, uuid::Uuid::from_bytes([6; 16]), "what was under way still is");
        assert_eq!(operation.act, recovery::Act::Unlock);
        let [agent] = agents.as_slice() else { panic!("{agents:?}") };
        assert!(agent.approved && !agent.revoked, "it was let in without an approval");
        assert_eq!(agent.directory_key, [0x0d], "which is why its directory's key counts");
        assert_eq!(agent.heard_at, Some(recovery::Timestamp(7)));
        assert_eq!(agent.health, crate::AgentHealth::default());
        assert!(used.unwrap().approval, "who comes now waits");
        assert_eq!((settings.to.len(), settings.language.as_str()), (0, "en"));
        assert!(alerts.is_empty());
    }

    #[tokio::test]
    async fn a_panic_in_one_write_is_that_callers_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("regain.db")).await.unwrap();
        let claim = |key: &'static [u8]| {
            store.write(move |mut tx| {
                Box::pin(async move {
                    let claimed = tx.claim(key, recovery::Timestamp(1)).await?;
                    assert!(key != b"bad", "a mistake of ours");
                    Ok::<_, StoreError>(claimed)
                })
            })
        };
        let (before, bad, after) = tokio::join!(claim(b"one"), claim(b"bad"), claim(b"two"));
        assert!(before.unwrap() && after.unwrap());
        assert!(matches!(bad, Err(StoreError::Panicked)));
        assert!(claim(b"three").await.unwrap(), "the writer lives on");
        let kept = store.write(|mut tx| {
            Box::pin(async move { tx.claim(b"bad", recovery::Timestamp(1)).await })
        });
        assert!(
            kept.await.unwrap_or_else(|error: StoreError| panic!("{error}")),
            "nothing is kept"
        );
    }
}
