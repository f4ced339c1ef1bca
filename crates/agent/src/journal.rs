//! The journal: what the agent was about to do and what became of it, so that a repeated order
//! is answered and not carried out again, whatever broke in between (catalogue WB-06, FLT-02).
//!
//! One append-only file. An entry is on disk (fsync) before the call returns; what comes at the
//! same time shares one fsync. A line that a power cut tore is cut off on opening; a damaged
//! line anywhere else, or another agent's journal, is refused. Passwords, sealed or in clear,
//! are never in it. A disk that fails once ends the journal: nothing is promised on it any more.

mod file;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use protocol::{
    agent::ChangeAct,
    directory::{ExternalId, Fence, Outcome},
    id::{AgentId, OperationId},
};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use self::file::JournalFile;

/// How long a stored outcome is kept to answer repetitions: longer than any order can live.
const KEPT_MILLIS: u64 = 48 * 3600 * 1000;

/// The journal of this agent.
#[derive(Clone)]
pub struct Journal {
    known: Arc<Mutex<HashMap<OperationId, Known>>>,
    writer: mpsc::UnboundedSender<Append>,
}

/// What the journal knows of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// When it was last written about, Unix milliseconds.
    pub at: u64,
    /// The write that was about to be made; `None` when it was refused before that.
    pub intent: Option<Intent>,
    /// What became of it; `None` while nobody knows.
    pub outcome: Option<Outcome>,
    /// Whether the service has stored the outcome.
    pub stored: bool,
}

/// A write that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Which account.
    pub account: ExternalId,
    /// What is done to it.
    pub act: Act,
    /// The values that the write is fenced on.
    pub fence: Fence,
}

/// What is done, without what it is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The lock is cleared.
    Unlock,
    /// A password is set.
    Reset,
    /// A password is changed with the present one.
    Change,
}

impl Act {
    /// What an order asks for.
    pub(crate) fn of(ordered: &ChangeAct) -> Self {
        match ordered {
            ChangeAct::Unlock => Self::Unlock,
            ChangeAct::Reset { .. } => Self::Reset,
            ChangeAct::Change { .. } => Self::Change,
        }
    }
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file or its folder.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// Somebody else's, or damaged.
    #[error("{path}: line {line}: {wrong}")]
    Content {
        /// The file.
        path: String,
        /// Which line.
        line: usize,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// A write failed before; what is on disk is not certain any more.
    #[error("the journal could not be written")]
    Broken,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
enum Entry {
    /// The first line: whose journal this is.
    Agent {
        agent: AgentId,
    },
    Intent {
        operation: OperationId,
        at: u64,
        #[serde(flatten)]
        intent: Intent,
    },
    Outcome {
        operation: OperationId,
        at: u64,
        #[serde(flatten)]
        outcome: Outcome,
    },
    Stored {
        operation: OperationId,
        at: u64,
    },
}

struct Append {
    entry: Entry,
    done: oneshot::Sender<Result<(), JournalError>>,
}

impl Journal {
    /// Opens or makes the journal of `agent` and drops what is past its time.
    ///
    /// # Errors
    /// When it cannot be read or written, is damaged, or is another agent's.
    pub fn open(path: &Path, agent: AgentId, now_millis: u64) -> Result<Self, JournalError> {
        let (mut file, entries) = JournalFile::open(path, agent)?;
        let mut known = HashMap::new();
        for entry in entries {
            apply(&mut known, entry);
        }
        let before = known.len();
        // By the wall clock, which may be wrong: what the service has not stored is never dropped.
        let is_kept =
            |known: &Known| !known.stored || known.at.saturating_add(KEPT_MILLIS) > now_millis;
        known.retain(|_, known| is_kept(known));
        if known.len() < before {
            file.replace(agent, known.iter().flat_map(|(&id, known)| lines_of(id, known)))?;
        }
        let (writer, appends) = mpsc::unbounded_channel();
        let points = fail_points::handle();
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                let _points = points.enter();
                write_all(file, appends);
            })
            .map_err(|cause| JournalError::Io { path: path.display().to_string(), cause })?;
        Ok(Self { known: Arc::new(Mutex::new(known)), writer })
    }

    /// Notes what is about to be written. Returns when it is on disk.
    ///
    /// # Errors
    /// [`JournalError`]: then nothing may be written to the directory.
    pub async fn intend(
        &self,
        operation: OperationId,
        intent: Intent,
        at: u64,
    ) -> Result<(), JournalError> {
        self.append(Entry::Intent { operation, at, intent }).await
    }

    /// Notes what became of it. Returns when it is on disk.
    ///
    /// # Errors
    /// [`JournalError`]: then the outcome may not be told.
    pub async fn conclude(
        &self,
        operation: OperationId,
        outcome: Outcome,
        at: u64,
    ) -> Result<(), JournalError> {
        self.append(Entry::Outcome { operation, at, outcome }).await
    }

    /// Notes that the service has stored the outcome.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn stored(&self, operation: OperationId, at: u64) -> Result<(), JournalError> {
        if !self.lock().contains_key(&operation) {
            return Ok(());
        }
        self.append(Entry::Stored { operation, at }).await
    }

    /// What is known of an operation.
    pub fn find(&self, operation: OperationId) -> Option<Known> {
        self.lock().get(&operation).cloned()
    }

    /// Every operation with an intent and no outcome.
    pub fn open_intents(&self) -> Vec<(OperationId, Intent)> {
        let known = self.lock();
        let open = known.iter().filter(|(_, known)| known.outcome.is_none());
        open.filter_map(|(&id, known)| Some((id, known.intent.clone()?))).collect()
    }

    /// Every outcome that the service has not stored yet.
    pub fn unstored_outcomes(&self) -> Vec<(OperationId, Outcome)> {
        let known = self.lock();
        let unstored = known.iter().filter(|(_, known)| !known.stored);
        unstored.filter_map(|(&id, known)| Some((id, known.outcome.clone()?))).collect()
    }

    /// When each write was begun that the hourly limit may still count.
    pub fn intent_times(&self) -> Vec<u64> {
        let known = self.lock();
        known.values().filter(|known| known.intent.is_some()).map(|known| known.at).collect()
    }

    /// A journal whose disk has failed.
    #[cfg(test)]
    pub(crate) fn broken(&self) -> Self {
        let (writer, _) = mpsc::unbounded_channel();
        Self { known: Arc::clone(&self.known), writer }
    }

    async fn append(&self, entry: Entry) -> Result<(), JournalError> {
        let (done, on_disk) = oneshot::channel();
        let append = Append { entry: entry.clone(), done };
        self.writer.send(append).map_err(|_| JournalError::Broken)?;
        on_disk.await.map_err(|_| JournalError::Broken)??;
        apply(&mut self.lock(), entry);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OperationId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(known: &mut HashMap<OperationId, Known>, entry: Entry) {
    let fresh = |at| Known { at, intent: None, outcome: None, stored: false };
    match entry {
        Entry::Agent { .. } => {}
        Entry::Intent { operation, at, intent } => {
            let known = known.entry(operation).or_insert_with(|| fresh(at));
            known.intent = Some(intent);
        }
        Entry::Outcome { operation, at, outcome } => {
            let known = known.entry(operation).or_insert_with(|| fresh(at));
            known.outcome = Some(outcome);
            known.stored = false;
        }
        Entry::Stored { operation, at } => {
            known.entry(operation).or_insert_with(|| fresh(at)).stored = true;
        }
    }
}

fn lines_of(operation: OperationId, known: &Known) -> Vec<Entry> {
    let at = known.at;
    let intent = known.intent.clone().map(|intent| Entry::Intent { operation, at, intent });
    let outcome = known.outcome.clone().map(|outcome| Entry::Outcome { operation, at, outcome });
    let stored = known.stored.then_some(Entry::Stored { operation, at });
    [intent, outcome, stored].into_iter().flatten().collect()
}

/// The journal's own thread: writes whatever waits, one fsync for all, then answers all.
fn write_all(mut file: JournalFile, mut appends: mpsc::UnboundedReceiver<Append>) {
    const MOST_AT_ONCE: usize = 64;
    let mut batch = Vec::with_capacity(MOST_AT_ONCE);
    while appends.blocking_recv_many(&mut batch, MOST_AT_ONCE) > 0 {
        let written = file.append(batch.iter().map(|append| &append.entry));
        let broken = written.is_err();
        if let Err(error) = written {
            tracing::error!(%error, "the journal cannot be written");
        }
        for append in batch.drain(..) {
            let answer = if broken { Err(JournalError::Broken) } else { Ok(()) };
            // Who no longer waits has been cancelled; the entry is on disk all the same.
            let _ = append.done.send(answer);
        }
        if broken {
            // After a failed fsync nobody knows what is on disk: no second try (FLT-02).
            return;
        }
    }
}

#[cfg(test)]
mod tests;
