//! What the journal keeps through crashes, and what it refuses.

use protocol::directory::NotDone;
use uuid::Uuid;

use super::*;

const AGENT: AgentId = AgentId(Uuid::from_u128(1));
const NOW: u64 = 1_800_000_000_000;

fn operation(n: u128) -> OperationId {
    OperationId(Uuid::from_u128(n))
}

fn intent() -> Intent {
    Intent {
        account: ExternalId("ae47168b-355d-45e5-8604-8ac548fa8605".to_owned()),
        act: Act::Reset,
        fence: Fence {
            controller: "ldaps://dc1".to_owned(),
            password_last_set: "1".to_owned(),
            lockout_time: String::new(),
            key_version: Some(2),
        },
    }
}

#[tokio::test]
async fn what_was_noted_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = Journal::open(&path, AGENT, NOW).unwrap();
    journal.intend(operation(1), intent(), NOW).await.unwrap();
    journal.intend(operation(2), intent(), NOW).await.unwrap();
    journal.conclude(operation(2), Outcome::Done, NOW).await.unwrap();
    let refused = Outcome::NotDone { reason: NotDone::AgentLimit };
    journal.conclude(operation(3), refused.clone(), NOW).await.unwrap();
    journal.stored(operation(3), NOW).await.unwrap();
    drop(journal);
    let journal = Journal::open(&path, AGENT, NOW).unwrap();
    assert_eq!(journal.open_intents(), [(operation(1), intent())]);
    assert_eq!(journal.unstored_outcomes(), [(operation(2), Outcome::Done)]);
    assert_eq!(journal.find(operation(3)).unwrap().outcome, Some(refused));
    assert_eq!(journal.find(operation(4)), None);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = Journal::open(&path, AGENT, NOW).unwrap();
    journal.intend(operation(1), intent(), NOW).await.unwrap();
    drop(journal);
    let whole = std::fs::read(&path).unwrap();
    let first_line = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for length in first_line..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let journal = Journal::open(&path, AGENT, NOW).unwrap();
        assert_eq!(journal.open_intents(), [], "torn after {length} bytes");
        journal.conclude(operation(9), Outcome::Done, NOW).await.unwrap();
        drop(journal);
        let journal = Journal::open(&path, AGENT, NOW).unwrap();
        assert_eq!(journal.find(operation(9)).unwrap().outcome, Some(Outcome::Done));
    }
}

#[tokio::test]
async fn damage_elsewhere_and_another_agents_journal_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = Journal::open(&path, AGENT, NOW).unwrap();
    journal.intend(operation(1), intent(), NOW).await.unwrap();
    journal.conclude(operation(1), Outcome::Done, NOW).await.unwrap();
    drop(journal);
    let stranger = AgentId(Uuid::from_u128(2));
    assert!(matches!(
        Journal::open(&path, stranger, NOW),
        Err(JournalError::Content { line: 1, .. })
    ));
    let mut bytes = std::fs::read(&path).unwrap();
    let second_line = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 20;
    bytes[second_line] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(Journal::open(&path, AGENT, NOW), Err(JournalError::Content { line: 2, .. })));
}

#[tokio::test]
async fn what_is_past_its_time_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = Journal::open(&path, AGENT, NOW).unwrap();
    journal.conclude(operation(1), Outcome::Done, NOW).await.unwrap();
    journal.stored(operation(1), NOW).await.unwrap();
    journal.conclude(operation(2), Outcome::Done, NOW + KEPT_MILLIS).await.unwrap();
    journal.stored(operation(2), NOW + KEPT_MILLIS).await.unwrap();
    drop(journal);
    let size = std::fs::metadata(&path).unwrap().len();
    for _ in 0..2 {
        let journal = Journal::open(&path, AGENT, NOW + KEPT_MILLIS).unwrap();
        assert_eq!(journal.find(operation(1)), None);
        assert!(journal.find(operation(2)).is_some());
    }
    assert!(std::fs::metadata(&path).unwrap().len() < size);
}

/// Found by a schedule: the agent ended after its write, started with a clock three days ahead,
/// took the repeated order for a new one and told "not done".
#[tokio::test]
async fn a_clock_far_ahead_forgets_nothing_that_the_service_has_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = Journal::open(&path, AGENT, NOW).unwrap();
    journal.intend(operation(1), intent(), NOW).await.unwrap();
    journal.intend(operation(2), intent(), NOW).await.unwrap();
    journal.conclude(operation(2), Outcome::Done, NOW).await.unwrap();
    drop(journal);
    let journal = Journal::open(&path, AGENT, NOW + 2 * KEPT_MILLIS).unwrap();
    assert_eq!(journal.open_intents(), [(operation(1), intent())]);
    assert_eq!(journal.unstored_outcomes(), [(operation(2), Outcome::Done)]);
}

#[tokio::test]
async fn a_failed_disk_ends_the_journal_and_nothing_is_promised_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = Journal::open(&path, AGENT, NOW).unwrap();
    let journal = journal.broken();
    assert!(journal.intend(operation(1), intent(), NOW).await.is_err());
    assert_eq!(journal.find(operation(1)), None);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(0_u8.., 0..200)) {
        let _ = file::read(&bytes);
    }

    /// However a file is cut, what is left is a prefix of what was written.
    #[test]
    fn every_cut_leaves_a_prefix(count in 1_u128..6, cut in 0_usize..2000) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::open(&path, AGENT, NOW).unwrap();
        runtime.block_on(async {
            for n in 0..count {
                journal.intend(operation(n), intent(), NOW).await.unwrap();
            }
        });
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        let (all, _) = file::read(&whole).unwrap();
        let (some, length) = file::read(&whole[..cut.min(whole.len())]).unwrap();
        proptest::prop_assert!(all.starts_with(&some));
        proptest::prop_assert!(usize::try_from(length).unwrap() <= cut);
    }
}
