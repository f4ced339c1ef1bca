//! Exactly once in effect: a directory that counts its writes, and every way of losing an
//! answer. Time stands still and is moved by hand.
//!
//! Long: one lab, and a story for each way that a write can go wrong.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
};

use directory::{Cookie, Page, Reading};
use ed25519_dalek::SigningKey;
use password::{PasswordRefusal, PasswordRules};
use protocol::{
    directory::{AccountStatus, Fence},
    id::{AgentId, DirectoryId, KeyId},
    sealed::{OpeningKey, RecipientList, SealedPassword},
};
use rand::{SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;
use tokio::{sync::mpsc, time::sleep};
use uuid::Uuid;

use super::*;
use crate::{event_log::tests::Kept, events::Event, limits::Limits, standing::Standing};

const TENANT: TenantId = TenantId(Uuid::from_u128(2));
const PASSWORD: &str = "Correct horse 7";
const PRESENT: &str = "What I have 1";
/// What the service's clock shows when an order of these tests arrives.
const NOW_MS: u64 = 1_000_000;

/// What becomes of the next write.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    /// Written, but the answer is lost.
    AnswerLost,
    /// Never arrived.
    RequestLost,
    /// Arrived long after everybody stopped waiting for the answer.
    RequestLate(Duration),
    Refused(NotDone),
    /// Another agent's write got there first; this one finds other values.
    Overtaken,
    /// The same, and the directory says something else than that.
    RefusedAsOvertaken(NotDone),
}

/// One account, and a count of the writes that reached it.
#[derive(Default)]
struct Counting {
    writes: Arc<AtomicUsize>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    fates: Mutex<VecDeque<Fate>>,
    hides_key_version: AtomicBool,
    /// Ten are taken before it locks; that it is not known when eleven were counted.
    wrong_tries: AtomicU16,
}

impl Counting {
    fn with(fates: impl IntoIterator<Item = Fate>) -> Arc<Self> {
        Arc::new(Self { fates: Mutex::new(fates.into_iter().collect()), ..Self::default() })
    }

    fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    async fn write(&self) -> Outcome {
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        sleep(Duration::from_millis(20)).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let fate = lock(&self.fates).pop_front().unwrap_or(Fate::Answered);
        match fate {
            Fate::Answered | Fate::AnswerLost | Fate::Overtaken | Fate::RefusedAsOvertaken(_) => {
                self.writes.fetch_add(1, Ordering::SeqCst)
            }
            Fate::RequestLost | Fate::Refused(_) => 0,
            Fate::RequestLate(after) => {
                let writes = Arc::clone(&self.writes);
                tokio::spawn(async move {
                    sleep(after).await;
                    writes.fetch_add(1, Ordering::SeqCst);
                });
                0
            }
        };
        match fate {
            Fate::Answered => Outcome::Done,
            Fate::AnswerLost | Fate::RequestLost | Fate::RequestLate(_) => Outcome::NotKnown,
            Fate::Refused(reason) | Fate::RefusedAsOvertaken(reason) => Outcome::NotDone { reason },
            Fate::Overtaken => Outcome::NotDone { reason: NotDone::Changed },
        }
    }
}

impl Directory for Counting {
    async fn accounts(
        &self,
        _: usize,
        _: Option<&Cookie>,
        _: mpsc::Sender<Page>,
    ) -> Result<Reading, NotDone> {
        Err(NotDone::NoRight)
    }

    async fn status(&self, _: &ExternalId) -> Result<AccountStatus, NotDone> {
        let key_version = u32::try_from(self.writes()).ok();
        let key_version = key_version.filter(|_| !self.hides_key_version.load(Ordering::SeqCst));
        Ok(AccountStatus {
            locked: self.writes() == 0,
            disabled: false,
            account_expired: false,
            password_expired: false,
            must_change: false,
            never_signed_in: false,
            protected: false,
            rules: PasswordRules::unread(),
            fence: Fence { key_version, ..fence() },
            wrong_tries_left: 10_u16.checked_sub(self.wrong_tries.load(Ordering::SeqCst)),
            ..AccountStatus::default()
        })
    }

    async fn unlock(&self, _: &ExternalId, _: &Fence) -> Outcome {
        self.write().await
    }

    async fn reset(&self, _: &ExternalId, password: &NewPassword, _: &Fence) -> Outcome {
        assert_eq!(password.expose(), PASSWORD);
        self.write().await
    }

    async fn change(
        &self,
        _: &ExternalId,
        old: &NewPassword,
        new: &NewPassword,
        _: &Fence,
    ) -> Outcome {
        assert_eq!((old.expose(), new.expose()), (PRESENT, PASSWORD));
        self.write().await
    }

    async fn resolve(&self, _: &ExternalId, _: Option<&NewPassword>, _: &Fence) -> Outcome {
        match self.writes() {
            0 => Outcome::NotDone { reason: NotDone::DirectoryUnreachable },
            _ => Outcome::Done,
        }
    }
}

/// An agent's write-back with what it said.
struct Lab {
    write_back: Arc<WriteBack<Counting>>,
    directory: Arc<Counting>,
    reports: mpsc::Receiver<Report>,
    folder: Arc<TempDir>,
    events: Kept,
}

impl Lab {
    fn new(directory: &Arc<Counting>) -> Self {
        Self::on(directory, Arc::new(tempfile::tempdir().unwrap()), 30)
    }

    /// The agent after a restart: the same journal, nothing else kept.
    fn restarted(&self) -> Self {
        Self::on(&self.directory, Arc::clone(&self.folder), 30)
    }

    fn on(directory: &Arc<Counting>, folder: Arc<TempDir>, per_hour: u32) -> Self {
        let journal =
            Journal::open(&folder.path().join("journal"), AgentId(Uuid::from_u128(1)), 0).unwrap();
        let standing = Standing::of(folder.path());
        let limits = Limits::new(Some(per_hour), standing.clone(), Vec::new(), Instant::now());
        let limits = Arc::new(limits);
        let clock = Clock::new(|| 1_000);
        let events = Kept::default();
        let local = Arc::new(Local::new(limits, standing, events.log(), clock));
        let outbox = Outbox::default();
        let reports = outbox.connect();
        let keys = Keys {
            successor: None,
            old_recipients: Vec::new(),
            identity: SigningKey::from_bytes(&[1; 32]),
            directory: SigningKey::from_bytes(&[2; 32]),
            recipient: recipient(),
        };
        let clock = Clock::new(|| 1_000);
        let write_back =
            WriteBack::new(Arc::clone(directory), journal, local, outbox, keys, TENANT, clock);
        let (write_back, directory) = (Arc::new(write_back), Arc::clone(directory));
        Self { write_back, directory, reports, folder, events }
    }

    async fn order(&mut self, change: Change) -> Outcome {
        self.write_back.carry_out(arrived(change)).await;
        self.said().pop().unwrap()
    }

    /// Every outcome said so far.
    fn said(&mut self) -> Vec<Outcome> {
        let mut said = Vec::new();
        while let Ok(report) = self.reports.try_recv() {
            let Report::Outcome { outcome, .. } = report else { panic!("another report") };
            said.push(outcome);
        }
        said
    }

    fn journal_path(&self) -> PathBuf {
        self.folder.path().join("journal")
    }
}

fn recipient() -> OpeningKey {
    OpeningKey::derive(KeyId(Uuid::from_u128(4)), &[3; 32])
}

fn fence() -> Fence {
    Fence {
        controller: "ldaps://dc1".to_owned(),
        password_last_set: "1".to_owned(),
        lockout_time: "2".to_owned(),
        key_version: Some(0),
    }
}

/// An order that arrives when the service's clock shows [`NOW_MS`].
fn arrived(change: Change) -> Arrived {
    let now = Instant::now();
    Arrived::at(now, change, ServiceTime::new(NOW_MS, now))
}

fn change(operation: u128, act: ChangeAct) -> Change {
    Change {
        operation: OperationId(Uuid::from_u128(operation)),
        account: ExternalId("anna".to_owned()),
        act,
        fence: fence(),
        expires_at_ms: NOW_MS + 120_000,
        handed_before: false,
    }
}

fn unlock(operation: u128) -> Change {
    change(operation, ChangeAct::Unlock)
}

fn reset(operation: u128) -> Change {
    let (binding, list) = (binding(operation), recipients());
    let mut rng = StdRng::seed_from_u64(1);
    let sealed = SealedPassword::seal(&password(PASSWORD), &binding, &list, &mut rng).unwrap();
    change(operation, ChangeAct::Reset { sealed, expires_at: binding.expires_at })
}

fn change_password(operation: u128) -> Change {
    change_from(operation, PRESENT)
}

fn change_from(operation: u128, present: &str) -> Change {
    let (binding, list) = (binding(operation), recipients());
    let (present, new) = (password(present), password(PASSWORD));
    let mut rng = StdRng::seed_from_u64(1);
    let sealed = SealedPassword::seal_change(&present, &new, &binding, &list, &mut rng).unwrap();
    change(operation, ChangeAct::Change { sealed, expires_at: binding.expires_at })
}

fn password(text: &str) -> NewPassword {
    NewPassword::parse(text.to_owned()).ok().unwrap()
}

fn binding(operation: u128) -> Binding {
    Binding {
        tenant: TENANT,
        operation: OperationId(Uuid::from_u128(operation)),
        account: "anna".to_owned(),
        expires_at: 2_000,
    }
}

fn recipients() -> RecipientList {
    let signer = SigningKey::from_bytes(&[2; 32]);
    let keys = vec![recipient().public()];
    RecipientList::sign(DirectoryId(Uuid::from_u128(3)), 1, 10_000, keys, &signer)
}

fn not_done(reason: NotDone) -> Outcome {
    Outcome::NotDone { reason }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_order_is_answered_and_not_carried_out_again() {
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    for change in [unlock(1), reset(2), change_password(3)] {
        let before = directory.writes();
        assert_eq!(lab.order(change.clone()).await, Outcome::Done);
        assert_eq!(lab.order(change.clone()).await, Outcome::Done);
        let mut restarted = lab.restarted();
        assert_eq!(restarted.order(change).await, Outcome::Done);
        assert_eq!(directory.writes(), before + 1);
        lab = restarted;
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_kept_too() {
    let directory = Counting::with([Fate::Refused(NotDone::Changed)]);
    let mut lab = Lab::new(&directory);
    assert_eq!(lab.order(unlock(1)).await, not_done(NotDone::Changed));
    assert_eq!(lab.restarted().order(unlock(1)).await, not_done(NotDone::Changed));
    assert_eq!(directory.writes(), 0);
}

/// An order that another agent had before.
fn again(change: Change) -> Change {
    Change { handed_before: true, ..change }
}

#[tokio::test(start_paused = true)]
async fn what_another_agent_has_done_is_seen_and_not_done_again() {
    for change in [unlock(1), reset(1), change_password(1)] {
        let directory = Counting::with([]);
        directory.writes.store(1, Ordering::SeqCst);
        assert_eq!(Lab::new(&directory).order(again(change)).await, Outcome::Done);
        assert_eq!(directory.writes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_agent_has_not_done_is_done() {
    for change in [unlock(1), reset(1), change_password(1)] {
        let directory = Counting::with([]);
        assert_eq!(Lab::new(&directory).order(again(change)).await, Outcome::Done);
        assert_eq!(directory.writes(), 1);
    }
}

/// The same, long after it could be carried out.
fn much_too_late(change: Change) -> Change {
    Change { expires_at_ms: NOW_MS - 900_000, ..again(change) }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_another_agent_had_and_that_is_too_late_is_looked_at() {
    for written in [0, 1] {
        let directory = Counting::with([]);
        directory.writes.store(written, Ordering::SeqCst);
        let outcome = Lab::new(&directory).order(much_too_late(unlock(1))).await;
        let truth = [not_done(NotDone::DirectoryUnreachable), Outcome::Done];
        assert_eq!(outcome, truth[written]);
        assert_eq!(directory.writes(), written, "nothing is written too late");
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_agent_may_still_write_is_not_known_until_its_order_ends() {
    // Sealed before this agent was let in: it cannot open it, the other one can.
    let mut change = again(reset(1));
    change.operation = OperationId(Uuid::from_u128(2));
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    let begun = Instant::now();
    lab.write_back.carry_out(arrived(change)).await;
    assert_eq!(lab.said(), [Outcome::NotKnown, not_done(NotDone::DirectoryUnreachable)]);
    assert!(begun.elapsed() >= MAX_LIFE + SETTLED);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_because_another_agent_has_just_written_is_done() {
    let refusals = [NotDone::DirectoryUnreachable, NotDone::Password(PasswordRefusal::UsedBefore)];
    for reason in refusals {
        let directory = Counting::with([Fate::RefusedAsOvertaken(reason)]);
        let outcome = Lab::new(&directory).order(again(reset(1))).await;
        assert_eq!((outcome, directory.writes()), (Outcome::Done, 1));
    }
    // A password that is too short was too short for the other one too.
    let reason = NotDone::Password(PasswordRefusal::TooShort);
    let directory = Counting::with([Fate::Refused(reason)]);
    assert_eq!(Lab::new(&directory).order(again(reset(1))).await, not_done(reason));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_overtaken_by_another_tells_the_truth() {
    for change in [unlock(1), reset(1), change_password(1)] {
        let directory = Counting::with([Fate::Overtaken]);
        let mut lab = Lab::new(&directory);
        lab.write_back.has_others(true);
        assert_eq!(lab.order(change).await, Outcome::Done);
        assert_eq!(directory.writes(), 1);
    }
    // Where there is no other agent it was somebody else, and ours is not written.
    let directory = Counting::with([Fate::Overtaken]);
    let alone = Lab::new(&directory).order(reset(1)).await;
    assert_eq!(alone, not_done(NotDone::Changed));
}

#[tokio::test(start_paused = true)]
async fn to_a_second_writer_a_wrong_present_password_may_be_the_first_ones_doing() {
    let overtaken = Fate::RefusedAsOvertaken(NotDone::OldPassword);
    let directory = Counting::with([overtaken]);
    let mut lab = Lab::new(&directory);
    lab.write_back.has_others(true);
    assert_eq!(lab.order(change_password(1)).await, Outcome::Done);
    // Where nothing is written it is wrong, whoever else there is.
    let directory = Counting::with([Fate::Refused(NotDone::OldPassword)]);
    let mut lab = Lab::new(&directory);
    lab.write_back.has_others(true);
    assert_eq!(lab.order(change_password(1)).await, not_done(NotDone::OldPassword));
    assert_eq!(directory.writes(), 0);
    // Also to one that is handed what the first had: it is told so, and not as "not known".
    let directory = Counting::with([Fate::Refused(NotDone::OldPassword)]);
    let handed = again(change_password(1));
    assert_eq!(Lab::new(&directory).order(handed).await, not_done(NotDone::OldPassword));
}

#[tokio::test(start_paused = true)]
async fn no_wrong_password_that_could_lock_the_account_is_tried_whatever_is_ordered() {
    let with = |wrong_tries| {
        let directory = Counting::with([]);
        directory.wrong_tries.store(wrong_tries, Ordering::SeqCst);
        directory
    };
    for (wrong_tries, handed_before, outcome) in [
        (7, false, Outcome::Done),
        (8, false, not_done(NotDone::Changed)),
        (10, false, not_done(NotDone::Changed)),
        // Nobody can say.
        (11, false, not_done(NotDone::Changed)),
        // The first agent's try is counted already.
        (8, true, Outcome::Done),
    ] {
        let directory = with(wrong_tries);
        let order = Change { handed_before, ..change_password(1) };
        assert_eq!(Lab::new(&directory).order(order).await, outcome, "{wrong_tries}");
        assert_eq!(directory.writes(), usize::from(outcome == Outcome::Done));
    }
    // Handed on, and none may be tried: only looked at, so that nothing untrue is told.
    let directory = with(9);
    let order = again(change_password(1));
    assert_eq!(Lab::new(&directory).order(order).await, not_done(NotDone::DirectoryUnreachable));
    // A new password, and an unlock, cost none.
    let directory = with(10);
    assert_eq!(Lab::new(&directory).order(reset(1)).await, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn a_change_to_the_same_password_is_never_begun() {
    let directory = Counting::with([]);
    let refused = Lab::new(&directory).order(change_from(1, PASSWORD)).await;
    assert_eq!(refused, not_done(NotDone::Password(PasswordRefusal::UsedBefore)));
    assert_eq!(directory.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_sealed_for_a_change_does_not_open_as_a_reset_nor_the_other_way() {
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    let sealed_in = |change: Change| match change.act {
        ChangeAct::Reset { sealed, expires_at } | ChangeAct::Change { sealed, expires_at } => {
            (sealed, expires_at)
        }
        ChangeAct::Unlock => panic!("nothing is sealed for an unlock"),
    };
    let (sealed, expires_at) = sealed_in(change_password(1));
    let as_reset = change(1, ChangeAct::Reset { sealed, expires_at });
    assert_eq!(lab.order(as_reset).await, not_done(NotDone::NotOpened));
    let (sealed, expires_at) = sealed_in(reset(2));
    let as_change = change(2, ChangeAct::Change { sealed, expires_at });
    assert_eq!(lab.order(as_change).await, not_done(NotDone::NotOpened));
    assert_eq!(directory.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_found_out_by_reading() {
    for change in [unlock(1), reset(1), change_password(1)] {
        let directory = Counting::with([Fate::AnswerLost]);
        assert_eq!(Lab::new(&directory).order(change).await, Outcome::Done);
        assert_eq!(directory.writes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_not_done_only_when_it_can_no_longer_arrive() {
    let directory = Counting::with([Fate::RequestLost]);
    let mut lab = Lab::new(&directory);
    let begun = Instant::now();
    lab.write_back.carry_out(arrived(unlock(1))).await;
    assert!(begun.elapsed() >= SETTLED);
    assert_eq!(lab.said(), [Outcome::NotKnown, not_done(NotDone::DirectoryUnreachable)]);
    assert_eq!(directory.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_arrives_late_is_done() {
    let directory = Counting::with([Fate::RequestLate(Duration::from_secs(9))]);
    let mut lab = Lab::new(&directory);
    lab.write_back.carry_out(arrived(unlock(1))).await;
    assert_eq!(lab.said(), [Outcome::NotKnown, Outcome::Done]);
    assert_eq!(directory.writes(), 1);
}

/// The journal as a crash between intent and outcome leaves it.
async fn crashed(directory: &Arc<Counting>, act: Act) -> Lab {
    crashed_with(directory, act, fence()).await
}

async fn crashed_with(directory: &Arc<Counting>, act: Act, fence: Fence) -> Lab {
    let lab = Lab::new(directory);
    let intent = Intent { account: ExternalId("anna".to_owned()), act, fence };
    let operation = OperationId(Uuid::from_u128(1));
    lab.write_back.journal.intend(operation, intent, 1_000).await.unwrap();
    lab.restarted()
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_write_ends_as_done_without_another() {
    for (act, change) in [(Act::Unlock, unlock(1)), (Act::Reset, reset(1))] {
        let directory = Counting::with([]);
        let mut lab = crashed(&directory, act).await;
        directory.writes.store(1, Ordering::SeqCst);
        assert_eq!(lab.order(change).await, Outcome::Done);
        assert_eq!(directory.writes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_write_ends_as_not_done_and_nothing_is_written_later() {
    for (act, change) in [(Act::Unlock, unlock(1)), (Act::Reset, reset(1))] {
        let directory = Counting::with([]);
        let mut lab = crashed(&directory, act).await;
        assert_eq!(lab.order(change.clone()).await, not_done(NotDone::DirectoryUnreachable));
        assert_eq!(lab.order(change).await, not_done(NotDone::DirectoryUnreachable));
        assert_eq!(directory.writes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_agent_finds_out_after_a_crash_even_when_nobody_asks_again() {
    let directory = Counting::with([]);
    let mut lab = crashed(&directory, Act::Unlock).await;
    directory.writes.store(1, Ordering::SeqCst);
    lab.write_back.resolve_open().await;
    assert_eq!(lab.said(), [Outcome::Done]);

    let directory = Counting::with([]);
    let mut lab = crashed(&directory, Act::Reset).await;
    lab.write_back.resolve_open().await;
    assert_eq!(lab.said(), [not_done(NotDone::DirectoryUnreachable)]);

    // A password was set, but whether it was ours only the password can prove.
    let directory = Counting::with([]);
    let mut lab = crashed(&directory, Act::Reset).await;
    directory.writes.store(1, Ordering::SeqCst);
    lab.write_back.resolve_open().await;
    assert_eq!(lab.said(), [Outcome::NotKnown]);
    assert_eq!(lab.order(reset(1)).await, Outcome::Done);
    assert_eq!(directory.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn hidden_key_versions_do_not_prove_that_nothing_was_written() {
    let directory = Counting::with([]);
    directory.hides_key_version.store(true, Ordering::SeqCst);
    let fence = Fence { key_version: None, ..fence() };
    let mut lab = crashed_with(&directory, Act::Reset, fence).await;
    directory.writes.store(1, Ordering::SeqCst);
    lab.write_back.resolve_open().await;
    assert_eq!(lab.said(), [Outcome::NotKnown]);
}

#[tokio::test(start_paused = true)]
async fn an_orders_life_is_counted_on_the_services_clock_and_capped() {
    let linked = Instant::now();
    let service_time = ServiceTime::new(NOW_MS, linked);
    let life = |held_up: u64, expires_at_ms: u64| {
        let arrival = linked + Duration::from_secs(held_up);
        let change = Change { expires_at_ms, ..unlock(1) };
        Arrived::at(arrival, change, service_time).deadline - arrival
    };
    assert_eq!(life(0, NOW_MS + 60_000), Duration::from_secs(60));
    assert_eq!(life(50, NOW_MS + 60_000), Duration::from_secs(10));
    assert_eq!(life(61, NOW_MS + 60_000), Duration::ZERO);
    assert_eq!(life(0, u64::MAX), MAX_LIFE);

    // Held up on the way for longer than it lives: it is not begun.
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    let arrival = linked + Duration::from_secs(121);
    let late = Arrived::at(arrival, unlock(1), service_time);
    sleep(Duration::from_secs(121)).await;
    lab.write_back.carry_out(late).await;
    assert_eq!(lab.said(), [not_done(NotDone::Expired)]);
    assert_eq!(directory.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_order_past_its_life_is_not_begun() {
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    let late = Change { expires_at_ms: NOW_MS, ..unlock(1) };
    assert_eq!(lab.order(late).await, not_done(NotDone::Expired));
    let mut sealed_for_the_past = arrived(reset(2));
    sealed_for_the_past.service_time = ServiceTime::new(2_000_000, Instant::now());
    lab.write_back.carry_out(sealed_for_the_past).await;
    assert_eq!(lab.said(), [not_done(NotDone::Expired)]);
    // Told once, it stays so: a fresh life does not revive it.
    assert_eq!(lab.order(unlock(1)).await, not_done(NotDone::Expired));
    assert_eq!(directory.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_password_sealed_for_another_operation_or_account_is_not_opened() {
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    let swapped = Change { operation: OperationId(Uuid::from_u128(9)), ..reset(1) };
    assert_eq!(lab.order(swapped).await, not_done(NotDone::NotOpened));
    let redirected = Change { account: ExternalId("boss".to_owned()), ..reset(2) };
    assert_eq!(lab.order(redirected).await, not_done(NotDone::NotOpened));
    assert_eq!(directory.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn past_its_hourly_limit_the_agent_refuses() {
    let directory = Counting::with([]);
    let mut lab = Lab::on(&directory, Arc::new(tempfile::tempdir().unwrap()), 2);
    let mut outcomes = Vec::new();
    for operation in 1..=4 {
        outcomes.push(lab.order(unlock(operation)).await);
    }
    let refused = not_done(NotDone::AgentLimit);
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done, refused.clone(), refused.clone()]);
    assert_eq!(directory.writes(), 2);
    let stops = |lab: &Lab| {
        lab.events.events().iter().filter(|event| **event == Event::LimitReached).count()
    };
    assert_eq!(stops(&lab), 1, "written down once");

    // Neither the next hours nor a restart let it go on, only somebody here does.
    tokio::time::advance(Duration::from_secs(3 * 3600)).await;
    let mut lab = Lab::on(&directory, Arc::clone(&lab.folder), 2);
    assert_eq!(lab.order(unlock(5)).await, refused);
    assert!(Standing::of(lab.folder.path()).release(2_000).unwrap());
    assert_eq!(lab.order(unlock(6)).await, Outcome::Done);
    assert_eq!(directory.writes(), 3);
}

#[tokio::test(start_paused = true)]
async fn switched_off_here_nothing_new_is_begun_and_what_was_begun_is_finished() {
    let directory = Counting::with([Fate::RequestLate(Duration::from_secs(10))]);
    let mut lab = Lab::new(&directory);
    let standing = Standing::of(lab.folder.path());
    let write_back = Arc::clone(&lab.write_back);
    let begun = tokio::spawn(async move { write_back.carry_out(arrived(unlock(1))).await });
    while lab.write_back.under_way() == 0 {
        tokio::task::yield_now().await;
    }

    standing.switch(false, 1_000).unwrap();
    let off = not_done(NotDone::SwitchedOff);
    assert_eq!(lab.write_back.allow(&arrived(unlock(2))).err(), Some(NotDone::SwitchedOff));
    begun.await.unwrap();
    assert_eq!(lab.said().pop(), Some(Outcome::Done), "drained");
    assert_eq!(lab.write_back.under_way(), 0);
    assert_eq!(lab.order(reset(3)).await, off);
    // A repetition is still answered with what became of it.
    assert_eq!(lab.order(unlock(1)).await, Outcome::Done);
    assert_eq!(directory.writes(), 1);

    standing.switch(true, 2_000).unwrap();
    assert_eq!(lab.order(unlock(4)).await, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn each_change_is_in_the_event_log_and_no_password_is() {
    let directory = Counting::with([Fate::Answered, Fate::Refused(NotDone::NoRight)]);
    let mut lab = Lab::new(&directory);
    lab.order(reset(1)).await;
    lab.order(unlock(2)).await;
    let refused = Fate::Refused(NotDone::Password(PasswordRefusal::TooShort));
    lock(&directory.fates).push_back(refused);
    lab.order(reset(3)).await;
    let expected = [
        Event::ResetStart,
        Event::ResetSuccess,
        Event::UnlockStart,
        Event::NoRight,
        Event::UnlockFail,
        Event::ResetStart,
        Event::PolicyRefused,
        Event::ResetFail,
    ];
    assert_eq!(lab.events.events(), expected);
    assert!(!lab.events.text().contains(PASSWORD));
}

#[tokio::test(start_paused = true)]
async fn one_account_has_one_operation_at_a_time() {
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    let same = unlock(1);
    let write_back = &lab.write_back;
    tokio::join!(
        write_back.carry_out(arrived(same.clone())),
        write_back.carry_out(arrived(same)),
        write_back.carry_out(arrived(unlock(2))),
        write_back.carry_out(arrived(reset(3))),
    );
    assert_eq!(directory.writes(), 3, "the repetition was not carried out");
    assert_eq!(directory.most_at_once.load(Ordering::SeqCst), 1);
    assert_eq!(lab.said().len(), 3);
    assert!(lock(&lab.write_back.in_flight).is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_nothing_is_written_and_the_agent_ends() {
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    let write_back = Arc::get_mut(&mut lab.write_back).unwrap();
    write_back.journal = write_back.journal.broken();
    // Not "not done": found by a schedule, in which the restarted agent carried the order out
    // while this report was still on its way.
    assert_eq!(lab.order(unlock(1)).await, Outcome::NotKnown);
    assert_eq!(directory.writes(), 0);
    lab.write_back.broken.notified().await;
}

#[tokio::test(start_paused = true)]
async fn no_password_is_ever_in_the_journal() {
    let directory = Counting::with([]);
    let mut lab = Lab::new(&directory);
    let order = reset(1);
    let ChangeAct::Reset { sealed, .. } = &order.act else { panic!() };
    let ciphertext = serde_json::to_string(&sealed.ciphertext).unwrap();
    assert_eq!(lab.order(order.clone()).await, Outcome::Done);
    let journal = std::fs::read_to_string(lab.journal_path()).unwrap();
    assert!(journal.contains("\"act\":\"reset\""));
    assert!(!journal.contains(PASSWORD) && !journal.contains(ciphertext.trim_matches('"')));
}
