//! Sends the accounts up, part by part: what changed every few minutes, all of them every hour,
//! on order, and whenever the directory cannot tell what changed. A run that breaks off is never
//! marked complete, so nothing is taken for deleted, and the next begins where the last whole
//! one ended.

mod pages;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use directory::{Cookie, Directory};
use protocol::{directory::NotDone, id::AgentId};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, timeout},
};

use self::pages::Pages;
use crate::{clock::Clock, enrolment::write_private, limits::Limits, outbox::Outbox};

/// How long after a failed run the next is tried.
const RETRY: Duration = Duration::from_secs(60);

/// What somebody asks of the synchronisation.
#[derive(Default)]
pub(crate) struct Asked {
    now: Notify,
    all: AtomicBool,
}

impl Asked {
    /// To look for changes now.
    pub(crate) fn changes(&self) {
        self.now.notify_one();
    }

    /// To send all accounts now, whatever was sent before.
    pub(crate) fn all(&self) {
        self.all.store(true, Ordering::Relaxed);
        self.now.notify_one();
    }
}

/// How often.
#[derive(Clone, Copy)]
pub(crate) struct Every {
    /// Changes.
    pub(crate) changes: Duration,
    /// All accounts: what was deleted is often seen only then.
    pub(crate) all: Duration,
}

pub(crate) struct Synchronisation<D> {
    pub(crate) directory: Arc<D>,
    pub(crate) outbox: Outbox,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Clock,
    pub(crate) every: Every,
    pub(crate) asked: Arc<Asked>,
    pub(crate) agent: AgentId,
    pub(crate) data_dir: PathBuf,
}

impl<D: Directory + 'static> Synchronisation<D> {
    /// Runs for ever: when asked and every so often.
    pub(crate) async fn run(self) {
        let mut kept = Kept::read(&self.data_dir, self.agent);
        self.limits.set_accounts(kept.accounts());
        let mut wait = self.every.changes;
        loop {
            // A timeout is the schedule, an answer is a request.
            let _ = timeout(wait, self.asked.now.notified()).await;
            if self.asked.all.swap(false, Ordering::Relaxed) {
                kept.forget_cookies();
            }
            let is_well = self.once(&mut kept).await;
            wait = if is_well { self.every.changes } else { RETRY.min(self.every.changes) };
        }
    }

    /// Every part, one after the other: one that cannot be read does not hold up the others.
    async fn once(&self, kept: &mut Kept) -> bool {
        kept.parts.resize_with(self.directory.parts(), KeptPart::default);
        let mut is_well = true;
        for at in 0..kept.parts.len() {
            is_well &= self.part(kept, at).await;
        }
        is_well
    }

    /// What changed comes first even where all is due: only a reading of changes says who may
    /// have written a new address.
    async fn part(&self, kept: &mut Kept, at: usize) -> bool {
        if let Some(cookie) = kept.parts[at].cookie.clone() {
            let is_well = self.reading(kept, at, Some(Cookie(cookie))).await;
            // What fails for changes alone must not keep all from being read.
            if !kept.parts[at].all_due(self.now(), self.every.all) {
                return is_well;
            }
        }
        self.reading(kept, at, None).await
    }

    fn now(&self) -> u64 {
        self.clock.unix_millis()
    }

    async fn reading(&self, kept: &mut Kept, at: usize, since: Option<Cookie>) -> bool {
        let (started, now) = (Instant::now(), self.now());
        let before = &kept.parts[at];
        // Another number than the last run's, also when the clock stands or goes back.
        let run = now.max(before.run + 1);
        let mut sent = Pages::new(run, before.run, &self.outbox);
        let (hand_over, mut pages) = mpsc::channel(1);
        let sending = async {
            while let Some(page) = pages.recv().await {
                if !sent.add(page).await {
                    // Who reads finds nobody to take the next page.
                    break;
                }
            }
            drop(pages);
        };
        let reading = self.directory.accounts(at, since.as_ref(), hand_over);
        let (reading, ()) = tokio::join!(reading, sending);
        let reading = match reading {
            Ok(reading) => reading,
            Err(NotDone::Expired) => return false,
            Err(reason) => {
                tracing::warn!(?reason, "accounts could not be read");
                return matches!(reason, NotDone::NoRight);
            }
        };
        let (whole, accounts) = (reading.whole, sent.count);
        kept.parts[at].name.clone_from(&reading.part);
        let parts = kept.names().filter(|_| whole);
        if !sent.finish(reading.part, whole, parts).await {
            return false;
        }
        let part = &mut kept.parts[at];
        part.run = run;
        part.cookie = reading.cookie.map(|Cookie(cookie)| cookie);
        if whole {
            part.all_at = now;
            part.accounts = accounts;
        }
        let seconds = started.elapsed().as_secs_f32();
        tracing::info!(part = %part.name, whole, accounts, seconds, "accounts sent");
        self.limits.set_accounts(kept.accounts());
        kept.write(&self.data_dir, self.agent);
        true
    }
}

/// What is remembered of the last complete runs; lost, everything is sent again.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Whose it is: on a copy of the folder it counts for nothing.
    agent: Option<AgentId>,
    parts: Vec<KeptPart>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptPart {
    /// As this process read it. Not kept: parts are known by their place, and after a restart
    /// the same place may be another section of the configuration.
    #[serde(skip)]
    name: String,
    run: u64,
    cookie: Option<String>,
    /// How many accounts there were, when all were read last (Unix milliseconds).
    accounts: usize,
    all_at: u64,
}

impl KeptPart {
    /// Whether it is time to read all; also after a clock that went back.
    fn all_due(&self, now: u64, every: Duration) -> bool {
        now.checked_sub(self.all_at).is_none_or(|age| u128::from(age) >= every.as_millis())
    }
}

impl Kept {
    fn read(data_dir: &Path, agent: AgentId) -> Self {
        let text = std::fs::read(path(data_dir)).unwrap_or_default();
        let kept: Self = serde_json::from_slice(&text).unwrap_or_default();
        if kept.agent == Some(agent) { kept } else { Self::default() }
    }

    fn write(&mut self, data_dir: &Path, agent: AgentId) {
        self.agent = Some(agent);
        if let Err(error) = write_private(&path(data_dir), self) {
            // The next start sends everything again.
            tracing::warn!(%error, "the state of the synchronisation cannot be stored");
        }
    }

    fn forget_cookies(&mut self) {
        self.parts.iter_mut().for_each(|part| part.cookie = None);
    }

    fn accounts(&self) -> usize {
        self.parts.iter().map(|part| part.accounts).sum()
    }

    /// Every part there is, once this process has read each: whoever is of none of them leaves,
    /// so nobody of a part that cannot be reached may be left out.
    fn names(&self) -> Option<Vec<String>> {
        let name = |part: &KeptPart| (!part.name.is_empty()).then(|| part.name.clone());
        self.parts.iter().map(name).collect()
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("synchronisation.json")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use directory::{Page, Reading};
    use password::NewPassword;
    use protocol::{
        agent::{AccountsPage, Report},
        directory::{AccountRecord, AccountStatus, ExternalId, Fence, Outcome},
    };
    use uuid::Uuid;

    use super::*;

    fn account(n: usize) -> AccountRecord {
        AccountRecord { external_id: ExternalId(n.to_string()), ..AccountRecord::default() }
    }

    /// A directory of two parts that says what it was asked, and fails where it is told to.
    #[derive(Default)]
    struct TwoParts {
        asked: Mutex<Vec<(usize, Option<String>)>>,
        fails: Mutex<Option<usize>>,
    }

    impl Directory for TwoParts {
        fn parts(&self) -> usize {
            2
        }

        async fn accounts(
            &self,
            part: usize,
            since: Option<&Cookie>,
            pages: mpsc::Sender<Page>,
        ) -> Result<Reading, NotDone> {
            let since = since.map(|Cookie(cookie)| cookie.clone());
            self.asked.lock().unwrap().push((part, since.clone()));
            let name = format!("dc=part{part}");
            let whole = since.is_none();
            let accounts = vec![account(part)];
            let page = Page { part: name.clone(), whole, accounts, gone: Vec::new() };
            pages.send(page).await.map_err(|_| NotDone::Expired)?;
            if *self.fails.lock().unwrap() == Some(part) {
                return Err(NotDone::DirectoryUnreachable);
            }
            Ok(Reading { part: name, whole, cookie: Some(Cookie("left off".to_owned())) })
        }

        async fn status(&self, _: &ExternalId) -> Result<AccountStatus, NotDone> {
            Err(NotDone::NoAccount)
        }

        async fn unlock(&self, _: &ExternalId, _: &Fence) -> Outcome {
            Outcome::NotKnown
        }

        async fn reset(&self, _: &ExternalId, _: &NewPassword, _: &Fence) -> Outcome {
            Outcome::NotKnown
        }

        async fn resolve(&self, _: &ExternalId, _: Option<&NewPassword>, _: &Fence) -> Outcome {
            Outcome::NotKnown
        }
    }

    struct Lab {
        synchronisation: Synchronisation<TwoParts>,
        minutes: Arc<std::sync::atomic::AtomicU64>,
        folder: tempfile::TempDir,
    }

    const AGENT: AgentId = AgentId(Uuid::from_u128(5));
    const MINUTE: Duration = Duration::from_secs(60);

    impl Lab {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let minutes = Arc::new(std::sync::atomic::AtomicU64::new(30_000_000));
            let told = Arc::clone(&minutes);
            let standing = crate::standing::Standing::of(folder.path());
            let synchronisation = Synchronisation {
                directory: Arc::new(TwoParts::default()),
                outbox: Outbox::default(),
                limits: Arc::new(Limits::new(None, standing, Vec::new(), Instant::now())),
                clock: Clock::new(move || told.load(Ordering::Relaxed) * 60_000),
                every: Every { changes: 5 * MINUTE, all: 60 * MINUTE },
                asked: Arc::default(),
                agent: AGENT,
                data_dir: folder.path().to_owned(),
            };
            Self { synchronisation, minutes, folder }
        }

        fn kept(&self) -> Kept {
            Kept::read(self.folder.path(), AGENT)
        }

        /// One round; the pages that were sent, and whether all went well.
        async fn round(&self, kept: &mut Kept) -> (Vec<AccountsPage>, bool) {
            let mut reports = self.synchronisation.outbox.connect();
            let is_well = self.synchronisation.once(kept).await;
            self.synchronisation.outbox.disconnect();
            let mut pages = Vec::new();
            while let Some(Report::Accounts(page)) = reports.recv().await {
                pages.push(page);
            }
            (pages, is_well)
        }

        /// Which parts were asked for changes (true) or for all.
        fn asked(&self) -> Vec<(usize, bool)> {
            let asked = std::mem::take(&mut *self.synchronisation.directory.asked.lock().unwrap());
            asked.into_iter().map(|(part, since)| (part, since.is_some())).collect()
        }

        fn forward(&self, minutes: u64) {
            self.minutes.fetch_add(minutes, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn each_part_goes_on_from_its_own_cookie_over_a_restart_and_all_is_sent_in_its_time() {
        let lab = Lab::new();
        let mut kept = lab.kept();
        let (first, is_well) = lab.round(&mut kept).await;
        assert!(is_well);
        assert_eq!(lab.asked(), [(0, false), (1, false)]);
        assert_eq!(first[0].since, None);
        let names = vec!["dc=part0".to_owned(), "dc=part1".to_owned()];
        let ends: Vec<_> = first.iter().map(|page| page.parts.clone()).collect();
        assert_eq!(ends, [None, Some(names)], "the parts are told once all were seen");

        lab.forward(5);
        let mut kept = lab.kept();
        assert_eq!(kept.accounts(), 2);
        let (changes, _) = lab.round(&mut kept).await;
        assert_eq!(lab.asked(), [(0, true), (1, true)]);
        assert_eq!(changes[0].since, Some(first[0].run));
        assert!(changes[0].run > first[0].run && changes.iter().all(|page| page.parts.is_none()));

        // What changed first: only that says who may have written a new address.
        let both = [(0, true), (0, false), (1, true), (1, false)];
        lab.forward(55);
        lab.round(&mut kept).await;
        assert_eq!(lab.asked(), both, "an hour has passed");
        lab.minutes.fetch_sub(30, Ordering::Relaxed);
        lab.round(&mut kept).await;
        assert_eq!(lab.asked(), both, "a clock that went back");
        kept.forget_cookies();
        lab.round(&mut kept).await;
        assert_eq!(lab.asked(), [(0, false), (1, false)], "on order");
    }

    #[tokio::test]
    async fn a_run_that_breaks_off_is_not_marked_and_holds_up_no_other_part() {
        let lab = Lab::new();
        let mut kept = lab.kept();
        lab.round(&mut kept).await;
        lab.asked();
        lab.forward(5);
        *lab.synchronisation.directory.fails.lock().unwrap() = Some(0);
        let (pages, is_well) = lab.round(&mut kept).await;
        assert!(!is_well);
        let ended: Vec<_> = pages.iter().map(|page| (page.part.as_str(), page.last)).collect();
        assert_eq!(ended, [("dc=part1", true)]);

        lab.asked();
        *lab.synchronisation.directory.fails.lock().unwrap() = None;
        let (again, _) = lab.round(&mut kept).await;
        assert_eq!(lab.asked(), [(0, true), (1, true)]);
        let first = again.iter().find(|page| page.part == "dc=part0").unwrap();
        assert!(first.since < again[1].since, "from the last complete run");
    }

    #[tokio::test]
    async fn parts_are_told_only_when_each_was_read_since_the_start() {
        let lab = Lab::new();
        let mut kept = lab.kept();
        lab.round(&mut kept).await;

        // A start later the sections may stand in another order, or be others.
        let mut kept = lab.kept();
        kept.forget_cookies();
        *lab.synchronisation.directory.fails.lock().unwrap() = Some(0);
        lab.forward(60);
        let (pages, _) = lab.round(&mut kept).await;
        let ends: Vec<_> = pages.iter().map(|page| (page.last, &page.parts)).collect();
        assert_eq!(ends, [(true, &None)], "which domain the other is, nobody knows");

        *lab.synchronisation.directory.fails.lock().unwrap() = None;
        kept.forget_cookies();
        let (pages, _) = lab.round(&mut kept).await;
        assert!(pages.iter().all(|page| page.parts.is_some()));
        *lab.synchronisation.directory.fails.lock().unwrap() = Some(0);
        kept.forget_cookies();
        let (pages, _) = lab.round(&mut kept).await;
        let names = vec!["dc=part0".to_owned(), "dc=part1".to_owned()];
        assert_eq!(pages[0].parts, Some(names), "it is known by now");
    }

    #[tokio::test]
    async fn without_a_link_nothing_counts_as_sent() {
        let lab = Lab::new();
        let mut kept = lab.kept();
        assert!(!lab.synchronisation.once(&mut kept).await);
        assert!(kept.parts.iter().all(|part| part.cookie.is_none()));
    }

    #[test]
    fn a_copied_folder_or_a_damaged_file_means_that_all_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let part = KeptPart { cookie: Some("x".to_owned()), ..KeptPart::default() };
        let mut kept = Kept { agent: None, parts: vec![part] };
        kept.write(folder.path(), AGENT);
        assert_eq!(Kept::read(folder.path(), AGENT).parts.len(), 1);
        assert!(Kept::read(folder.path(), AgentId(Uuid::from_u128(6))).parts.is_empty());
        std::fs::write(path(folder.path()), "{").unwrap();
        assert!(Kept::read(folder.path(), AGENT).parts.is_empty());
    }
}
