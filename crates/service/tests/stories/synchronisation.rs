//! What agents send of the accounts: runs of all and of changes, what breaks off, and addresses
//! that changed, with time moved by hand.

use protocol::{
    agent::AccountsPage,
    api::Stage,
    directory::{AccountRecord, ExternalId, Field},
    phone::Phone,
};
use recovery::{AddressKind, OwnMail, Span};
use regain_service::{
    accounts::{self, PageTaken, Source},
    clock::Clock as _,
    flow::MessageKind,
};
use serde_json::json;
use store::{AccountRow, DirectoryKind, StoreError};
use uuid::Uuid;

use crate::harness::{Heard, Lab, TENANT};

const AD: Uuid = Uuid::from_u128(0xad);
const AGENT: Uuid = Uuid::from_u128(0xa1);
const SECOND: Uuid = Uuid::from_u128(0xa2);
const PART: &str = "dc=example,dc=org";

/// A person who works here, whose mail only administrators write.
fn person(name: &str) -> AccountRecord {
    AccountRecord {
        external_id: ExternalId(format!("guid-{name}")),
        display_name: "Anna Berg".to_owned(),
        names: vec![format!("{name}@example.org"), name.to_owned()],
        email: Some(format!("{name}@mail.example")),
        enabled: true,
        self_written: Some(vec![Field::Mobile, Field::Office]),
        ..AccountRecord::default()
    }
}

fn with_mail(name: &str, email: &str) -> AccountRecord {
    AccountRecord { email: Some(email.to_owned()), ..person(name) }
}

fn all(run: u64, accounts: Vec<AccountRecord>) -> AccountsPage {
    AccountsPage { run, part: PART.to_owned(), accounts, last: true, ..AccountsPage::default() }
}

fn changes(run: u64, since: u64, accounts: Vec<AccountRecord>) -> AccountsPage {
    AccountsPage { since: Some(since), ..all(run, accounts) }
}

/// A service with a directory behind an agent, beside the embedded one of the other stories.
struct Behind(Lab);

impl Behind {
    async fn new() -> Self {
        let lab = Lab::new().await;
        let now = lab.clock.now();
        let added = lab.service.store.write(move |mut tx| {
            Box::pin(
                async move { tx.add_directory(AD, TENANT, "ad", DirectoryKind::Agent, now).await },
            )
        });
        added.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        Self(lab)
    }

    /// With these people, known since the first synchronisation (run 1).
    async fn with(people: &[&str]) -> Self {
        let behind = Self::new().await;
        let people = people.iter().copied().map(person).collect();
        assert_eq!(behind.sends(all(1, people)).await, PageTaken::In);
        behind.0.forward(Span::hours(1));
        behind
    }

    async fn sends(&self, page: AccountsPage) -> PageTaken {
        self.agent_sends(AGENT, page).await
    }

    async fn agent_sends(&self, agent: Uuid, page: AccountsPage) -> PageTaken {
        let source = Source { tenant: TENANT, directory: AD, agent };
        accounts::take_in(&self.0.service, source, page).await.unwrap()
    }

    async fn account(&self, name: &str) -> Option<AccountRow> {
        let name = format!("{name}@example.org");
        let read = self
            .0
            .service
            .store
            .read(|mut tx| Box::pin(async move { tx.account_of_name(TENANT, &name).await }));
        read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"))
    }

    /// Whether a code that is asked for now opens the gate.
    async fn gets_in(&self, name: &str) -> bool {
        let begun = self.0.begin(&format!("{name}@example.org")).await;
        let messages = self.0.messages().await;
        let Some(code) = messages.iter().rev().find_map(|message| message.code.clone()) else {
            return false;
        };
        let heard = self.0.call("code", &begun.token(), json!({ "code": code })).await;
        heard.code() == "no problem" && !matches!(heard.stage(), Stage::EnterCode { .. })
    }
}

#[tokio::test]
async fn whoever_is_missing_in_a_whole_run_is_gone_and_comes_back_without_a_wait() {
    let behind = Behind::with(&["anna", "ben"]).await;
    assert!(behind.gets_in("ben").await);
    assert_eq!(behind.sends(all(2, vec![person("anna")])).await, PageTaken::In);
    assert!(behind.account("ben").await.is_none());
    assert!(!behind.gets_in("ben").await);
    assert!(behind.gets_in("anna").await);
    assert_eq!(behind.sends(changes(3, 2, vec![person("ben")])).await, PageTaken::In);
    assert!(behind.gets_in("ben").await, "the address that counted before");
}

#[tokio::test]
async fn a_run_that_breaks_off_or_loses_a_page_deletes_nobody() {
    let behind = Behind::with(&["anna", "ben", "carla"]).await;
    let first = AccountsPage { last: false, ..all(2, vec![person("anna")]) };
    assert_eq!(behind.sends(first).await, PageTaken::In);
    // Page 1 is lost on the way, the last one comes.
    let last = AccountsPage { number: 2, ..all(2, vec![person("carla")]) };
    assert_eq!(behind.sends(last).await, PageTaken::SendAll);
    // Another run, of which only the end comes.
    let end = AccountsPage { number: 1, ..all(3, Vec::new()) };
    assert_eq!(behind.sends(end).await, PageTaken::SendAll);
    for name in ["anna", "ben", "carla"] {
        assert!(behind.account(name).await.is_some(), "{name}");
    }
}

#[tokio::test]
async fn changes_count_only_after_the_run_that_is_known_here_else_all_is_asked_for() {
    let behind = Behind::with(&["anna"]).await;
    let moved = with_mail("anna", "anna@new.example");
    // The database was put back, or the end of a run never came.
    assert_eq!(behind.sends(changes(9, 8, vec![moved.clone()])).await, PageTaken::SendAll);
    let first = AccountsPage { last: false, ..changes(9, 8, vec![moved.clone()]) };
    assert_eq!(behind.sends(first).await, PageTaken::Missed);
    let anna = behind.account("anna").await.unwrap();
    assert_eq!(anna.email_value(), Some("anna@mail.example"), "nothing of it was taken in");
    assert_eq!(behind.sends(changes(9, 1, vec![moved])).await, PageTaken::In);
    let anna = behind.account("anna").await.unwrap();
    assert_eq!(anna.email_value(), Some("anna@new.example"));

    let forget =
        behind.0.service.store.write(|mut tx| Box::pin(async move { tx.forget_runs(AD).await }));
    forget.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    let next = changes(10, 9, vec![]);
    assert_eq!(behind.sends(next).await, PageTaken::SendAll, "an administrator asks for all");
}

#[tokio::test]
async fn two_agents_do_not_take_each_others_accounts_for_deleted() {
    let behind = Behind::with(&["anna"]).await;
    behind.agent_sends(SECOND, all(76, vec![person("anna")])).await;
    let first = AccountsPage { last: false, ..all(2, vec![person("anna")]) };
    assert_eq!(behind.sends(first).await, PageTaken::In);
    // The second agent looks for changes meanwhile, and sees somebody who was added since.
    let added = changes(77, 76, vec![person("ben")]);
    assert_eq!(behind.agent_sends(SECOND, added).await, PageTaken::In);
    let last = AccountsPage { number: 1, ..all(2, Vec::new()) };
    assert_eq!(behind.sends(last).await, PageTaken::In);
    assert!(behind.account("anna").await.is_some() && behind.account("ben").await.is_some());
    let since_own = behind.agent_sends(SECOND, changes(78, 77, vec![])).await;
    assert_eq!(since_own, PageTaken::In, "each goes on from its own runs");
}

#[tokio::test]
async fn parts_are_told_apart_and_one_that_is_no_more_takes_its_accounts_along() {
    let behind = Behind::with(&["anna"]).await;
    let other = |run, people| AccountsPage { part: "dc=two".to_owned(), ..all(run, people) };
    behind.sends(other(2, vec![person("ben")])).await;
    assert!(behind.gets_in("ben").await, "the first reading of its part");
    behind.sends(all(3, vec![person("anna")])).await;
    assert!(behind.account("ben").await.is_some(), "of another part");
    let only = AccountsPage { parts: Some(vec![PART.to_owned()]), ..all(4, vec![person("anna")]) };
    behind.sends(only).await;
    assert!(behind.account("ben").await.is_none());
    assert!(behind.account("anna").await.is_some());
}

#[tokio::test]
async fn an_account_that_is_told_to_be_gone_is_found_no_more() {
    let behind = Behind::with(&["anna", "ben"]).await;
    let mut page = changes(2, 1, Vec::new());
    page.gone = vec![ExternalId("guid-ben".to_owned()), ExternalId("guid-nobody".to_owned())];
    assert_eq!(behind.sends(page).await, PageTaken::In);
    assert!(behind.account("ben").await.is_none() && behind.account("anna").await.is_some());
}

#[tokio::test]
async fn a_changed_address_waits_three_days_and_the_one_before_is_told() {
    let behind = Behind::with(&["anna"]).await;
    behind.sends(changes(2, 1, vec![with_mail("anna", "thief@evil.example")])).await;
    let messages = behind.0.messages().await;
    let [notice] = messages.as_slice() else { panic!("{} messages", messages.len()) };
    assert_eq!(notice.kind, MessageKind::AddressChanged);
    assert_eq!(notice.to.as_ref().unwrap().address, "anna@mail.example");
    assert_eq!(notice.user_id, "anna@example.org");
    assert_eq!(behind.0.trail(&notice.case_code).await, ["address-held"]);

    assert!(!behind.gets_in("anna").await);
    behind.0.forward(Span::hours(71));
    assert!(!behind.gets_in("anna").await);
    behind.0.forward(Span::hours(1));
    assert!(behind.gets_in("anna").await);
}

#[tokio::test]
async fn a_number_that_is_added_or_changed_is_told_by_mail_to_the_address_that_counts() {
    let behind = Behind::with(&["anna", "ben"]).await;
    let with = |number| AccountRecord { mobile: Phone::parse(number), ..person("anna") };
    behind.sends(changes(2, 1, vec![with("+49 170 1234567")])).await;
    // Whoever changes both is not told in the place of the owner.
    let both =
        AccountRecord { email: Some("thief@evil.example".to_owned()), ..with("+49 170 7654321") };
    behind.0.forward(Span::hours(80));
    behind.sends(changes(3, 2, vec![both])).await;
    let messages = behind.0.messages().await;
    let told = |message: &&regain_service::flow::Message| {
        message.kind == MessageKind::NumberChanged
            && message.to.as_ref().is_some_and(|to| to.address == "anna@mail.example")
    };
    assert_eq!(messages.iter().filter(told).count(), 2);
    assert_eq!(messages.len(), 3, "and the address once");
}

#[tokio::test]
async fn a_detour_does_not_shorten_the_wait_and_the_way_back_needs_none() {
    let behind = Behind::with(&["anna", "ben"]).await;
    let none = |name| AccountRecord { email: None, ..person(name) };
    behind.sends(changes(2, 1, vec![none("anna"), none("ben")])).await;
    assert!(!behind.gets_in("ben").await);
    let back = vec![with_mail("anna", "thief@evil.example"), person("ben")];
    behind.0.forward(Span::hours(1));
    behind.sends(changes(3, 2, back)).await;
    let told: Vec<_> = behind.0.messages().await;
    assert!(told.iter().any(|message| message.kind == MessageKind::AddressChanged));
    assert!(!behind.gets_in("anna").await);
    assert!(behind.gets_in("ben").await);
}

#[tokio::test]
async fn what_was_there_before_the_first_sign_in_counts_at_once_and_what_came_alone_later_not() {
    let behind = Behind::with(&["anna"]).await;
    let new_hire = AccountRecord { never_signed_in: true, self_written: None, ..person("carla") };
    let own_doing = AccountRecord { self_written: Some(vec![Field::Email]), ..person("dora") };
    let unknown = AccountRecord { self_written: None, ..person("emil") };
    behind.sends(changes(2, 1, vec![new_hire, own_doing, unknown, person("fay")])).await;
    assert!(behind.gets_in("carla").await);
    assert!(!behind.gets_in("dora").await, "may have written it itself");
    assert!(!behind.gets_in("emil").await, "unknown counts as may");
    assert!(behind.gets_in("fay").await, "only an administrator can have written it");
    behind.0.forward(Span::hours(72));
    assert!(behind.gets_in("dora").await && behind.gets_in("emil").await);
}

#[tokio::test]
async fn an_address_that_comes_while_the_first_run_is_not_whole_yet_is_no_first_one() {
    let behind = Behind::new().await;
    let without = AccountRecord { email: None, ..person("anna") };
    let broken_off = AccountsPage { last: false, ..all(1, vec![without, person("ben")]) };
    assert_eq!(behind.sends(broken_off).await, PageTaken::In);
    let own_doing = AccountRecord { self_written: None, ..person("anna") };
    assert_eq!(behind.sends(all(2, vec![own_doing, person("ben")])).await, PageTaken::In);
    assert!(!behind.gets_in("anna").await, "came between the two");
    assert!(behind.gets_in("ben").await);
}

#[tokio::test]
async fn a_stranger_cannot_tell_a_held_address_or_an_own_domain_from_nobody() {
    let behind = Behind::with(&["anna", "ben", "own"]).await;
    let lab = &behind.0;
    let own = with_mail("own", "own@example.org");
    behind.sends(changes(2, 1, vec![with_mail("anna", "new@mail.example"), own])).await;
    lab.forward(Span::hours(80));
    behind.sends(changes(3, 2, vec![with_mail("anna", "newer@mail.example")])).await;
    set_own(lab, false).await;
    lab.messages().await;
    let mut first: Option<(String, usize, Vec<String>)> = None;
    for name in ["ben", "anna", "own", "nobody"] {
        let begun = lab.begin(&format!("{name}@example.org")).await;
        let messages = lab.messages().await.len();
        let wrong = lab.call("code", &begun.token(), json!({ "code": "00000000" })).await;
        let case_code = begun.view().case_code;
        let mut shown = shape(&begun);
        shown.push_str(wrong.code());
        let all = (shown, messages, lab.trail(&case_code).await);
        match &first {
            None => first = Some(all),
            Some(first) => assert_eq!(&all, first, "{name} can be told apart"),
        }
    }
}

/// What a stranger sees but for what differs for every name.
fn shape(heard: &Heard) -> String {
    let mut json = heard.json.clone();
    let token = heard.token().len();
    json["token"] = json!("x".repeat(token));
    for part in ["case_code", "user_id", "plain"] {
        json["view"][part] = json!("x");
    }
    for letter in ["mailbox_initial", "domain_initial"] {
        json["view"]["stage"]["method"][letter] = json!("x");
    }
    format!("{} {json}", heard.status)
}

async fn set_own(lab: &Lab, counts: bool) {
    let own = OwnMail { domains: vec!["example.org".to_owned()], counts };
    let set = lab
        .service
        .store
        .write(move |mut tx| Box::pin(async move { tx.set_own_mail(TENANT, &own).await }));
    set.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
}

#[tokio::test]
async fn an_address_in_an_own_mail_domain_is_a_gate_only_when_that_is_said() {
    let behind = Behind::new().await;
    behind.sends(all(1, vec![with_mail("anna", "anna@post.example.org"), person("ben")])).await;
    set_own(&behind.0, false).await;
    assert!(!behind.gets_in("anna").await);
    assert!(behind.gets_in("ben").await);
    set_own(&behind.0, true).await;
    assert!(behind.gets_in("anna").await);
}

#[tokio::test]
async fn a_gate_passed_with_an_address_that_is_held_since_does_not_count() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let choice = lab.through_the_gate("anna@example.org").await;
    lab.forward(Span::minutes(1));
    let now = lab.clock.now();
    let changed = lab.service.store.write(move |mut tx| {
        Box::pin(async move {
            let mut address = tx.address(anna, AddressKind::Email).await?.expect("an address");
            address.arrival = recovery::Arrival::Changed;
            address.first_seen_at = now;
            tx.put_address(anna, AddressKind::Email, &address).await
        })
    });
    changed.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    let act = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    assert!(matches!(act.stage(), Stage::EnterCode { .. }), "{act:?}");
}

#[tokio::test]
async fn phones_groups_and_what_is_malformed_are_kept_with_their_versions() {
    let behind = Behind::with(&["anna"]).await;
    let anna = AccountRecord {
        mobile: Phone::parse("+49 170 1234567"),
        office: Phone::parse("+49 30 1234 x567"),
        groups: vec!["Staff".to_owned()],
        // One that the mail library refuses, although the driver let it pass.
        email: Some("anna@mail..example".to_owned()),
        malformed: vec![Field::DisplayName],
        ..person("anna")
    };
    behind.sends(changes(2, 1, vec![anna.clone()])).await;
    let id = behind.account("anna").await.unwrap().id;
    let now = behind.0.clock.now();
    let read = behind.0.service.store.read(|mut tx| {
        Box::pin(async move {
            let mobile = tx.address(id, AddressKind::Mobile).await?.expect("a mobile");
            let office = tx.address(id, AddressKind::Office).await?.expect("a desk");
            Ok::<_, StoreError>((mobile, office, tx.member_of(id).await?, tx.malformed(AD).await?))
        })
    });
    let (mobile, office, groups, malformed) = read.await.unwrap();
    assert_eq!(mobile.value.as_deref(), Some("+491701234567"));
    assert_eq!(office.value.as_deref(), Some("+49301234;ext=567"));
    assert!(!mobile.counts(now), "everybody may write the own one");
    assert_eq!(groups, ["Staff"]);
    assert_eq!(malformed[0].user_id, "anna@example.org");
    assert_eq!(malformed[0].fields, ["display-name", "email"]);

    behind.sends(all(3, vec![person("anna")])).await;
    let read = behind.0.service.store.read(|mut tx| {
        Box::pin(async move {
            let mobile = tx.address(id, AddressKind::Mobile).await?.expect("a mobile");
            Ok::<_, StoreError>((mobile, tx.malformed(AD).await?))
        })
    });
    let (mobile, malformed) = read.await.unwrap();
    assert_eq!((mobile.value, mobile.version), (None, 2));
    assert!(malformed.is_empty());
}

#[tokio::test]
async fn nothing_stays_on_file_a_month_after_an_account_left() {
    let behind = Behind::with(&["anna", "ben"]).await;
    behind.sends(all(2, vec![person("anna")])).await;
    let held = |lab: &Lab| {
        let bytes = lab.everything_on_disk();
        bytes.windows(16).any(|window| window == b"ben@mail.example")
    };
    assert!(held(&behind.0));
    let before = behind.0.clock.now().plus(Span::seconds(1));
    let swept = behind
        .0
        .service
        .store
        .write(move |mut tx| Box::pin(async move { tx.sweep_gone_addresses(before).await }));
    assert_eq!(swept.await.unwrap_or_else(|error: StoreError| panic!("{error:?}")), 1);
    assert!(!behind.gets_in("ben").await);
}

#[tokio::test]
async fn a_page_that_no_agent_of_ours_sends_is_not_taken_in() {
    let behind = Behind::new().await;
    let long = AccountRecord { display_name: "x".repeat(513), ..person("anna") };
    let nameless = AccountsPage { part: String::new(), ..all(1, Vec::new()) };
    for page in [all(1, vec![long]), nameless, all(1, vec![person("anna"); 501])] {
        assert_eq!(behind.sends(page).await, PageTaken::Unreadable);
    }
}
