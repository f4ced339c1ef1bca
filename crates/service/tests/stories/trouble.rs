//! Other machines in trouble: the person is told before typing what could not be used.

use protocol::{
    api::{Act, Finding, Stage},
    directory::{AccountStatus, NotDone},
};
use recovery::Span;
use serde_json::json;

use regain_service::{embedded::SignIn, flow::Token};
use store::StoreError;

use crate::harness::{Heard, Lab, OLD_PASSWORD};

#[tokio::test]
async fn without_a_mail_server_nothing_is_begun() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    assert!(!lab.service.mail.probe().await, "nobody listens there");
    assert_eq!(lab.begin("anna@example.org").await.code(), "mail-unavailable");
    lab.forward(Span::seconds(31));
    let again = lab.call("method", &begun.token(), json!({ "method": "email" })).await;
    assert_eq!(again.code(), "mail-unavailable");
}

#[tokio::test]
async fn a_code_that_does_not_leave_is_tried_again_while_it_is_of_use() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let mut tries = 0;
    for _ in 0..60 {
        tries += regain_service::notify::send_due(&lab.service).await.unwrap();
        lab.forward(Span::minutes(1));
    }
    assert!((5..12).contains(&tries), "{tries}");
    let trail = lab.trail(&begun.view().case_code).await;
    assert_eq!(trail.iter().filter(|event| *event == "message-dead").count(), 1);
}

#[tokio::test]
async fn a_notice_is_tried_for_a_day() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    lab.call("act", &choice.token(), json!({ "act": "unlock" })).await;
    let mut tries = 0;
    for _ in 0..25 * 4 {
        tries += regain_service::notify::send_due(&lab.service).await.unwrap();
        lab.forward(Span::minutes(15));
    }
    assert!(tries > 50, "{tries}");
}

#[tokio::test]
async fn an_account_that_changed_under_the_page_is_not_overwritten() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    lab.switch_off(anna).await;
    let heard = lab.call("act", &choice.token(), json!({ "act": "unlock" })).await;
    let Stage::NotDone { act, reason, .. } = heard.stage() else { panic!("{heard:?}") };
    assert_eq!((act, reason), (Act::Unlock, NotDone::Changed));
}

#[tokio::test]
async fn an_unlock_of_an_account_that_unlocked_itself_is_done() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    lab.unlock_by_hand(anna).await;
    let heard = lab.call("act", &choice.token(), json!({ "act": "unlock" })).await;
    assert!(matches!(heard.stage(), Stage::Done { .. }));
}

#[tokio::test]
async fn more_waiting_reads_than_places_are_told_so_and_take_none() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let places = lab.service.waiting_reads.available_permits();
    let _all = lab.service.waiting_reads.acquire_many(u32::try_from(places).unwrap()).await;
    let refused = lab.get("recovery?wait_s=20", &begun.token()).await;
    assert_eq!((refused.status, refused.code()), (503, "unavailable"));
    assert_eq!(lab.get("recovery", &begun.token()).await.status, 200);
}

#[tokio::test]
async fn with_write_back_off_nothing_new_is_begun_and_what_was_handed_over_is_finished() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.person("ben@example.org").await;
    lab.lock(anna).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    let operation = lab.interrupted_unlock(&choice).await;
    let bens = lab.through_the_gate("ben@example.org").await;

    lab.write_back(false).await;
    assert_eq!(lab.begin("ben@example.org").await.code(), "recovery-paused");
    let refused = lab.call("act", &bens.token(), json!({ "act": "reset" })).await;
    assert_eq!(refused.code(), "recovery-paused", "told before a password is typed");
    lab.write_back(true).await;
    assert_eq!(lab.begin("ben@example.org").await.status, 201);

    lab.write_back(false).await;
    let lab = lab.restarted().await;
    lab.until_finished(operation).await;
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::In);
}

/// What the directory told after the last gate, as if it were another one than it is.
async fn told(lab: &Lab, choice: &Heard, finding: recovery::Finding, status: AccountStatus) {
    let id = Token::parse(&choice.token()).expect("a token").recovery;
    let now = lab.service.now();
    let stored = lab.service.store.write(move |mut tx| {
        Box::pin(async move {
            let mut row = tx.recovery(id).await?.expect("a recovery");
            row.session.finding = Some(finding);
            row.status = Some(serde_json::to_string(&status).unwrap());
            row.revision += 1;
            tx.save_recovery(&row, now).await
        })
    });
    stored.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
}

#[tokio::test]
async fn where_a_new_password_is_of_no_use_none_is_asked_for() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let choice = lab.through_the_gate("anna@example.org").await;
    let cases = [
        (recovery::Finding::SmartCardOnly, Finding::SmartCardOnly, vec![]),
        (recovery::Finding::TwoForests, Finding::TwoForests, vec![]),
        (recovery::Finding::TooNew, Finding::TooNew, vec![]),
        (recovery::Finding::LockedUnlockOnly, Finding::Locked, vec![Act::Unlock]),
    ];
    for (finding, shown, acts) in cases {
        told(&lab, &choice, finding, AccountStatus::default()).await;
        let page = lab.get("recovery", &choice.token()).await;
        assert_eq!(page.stage(), Stage::Choice { finding: shown, acts });
        let refused = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
        assert_ne!(refused.status, 200, "{finding:?}");
    }
}

#[tokio::test]
async fn a_change_that_takes_minutes_to_arrive_says_so() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    let far = AccountStatus { replicates_later: true, ..AccountStatus::default() };
    told(&lab, &choice, recovery::Finding::Locked, far).await;
    let done = lab.call("act", &choice.token(), json!({ "act": "unlock" })).await;
    let expected = Stage::Done { act: Act::Unlock, reset_offered: true, replicates_later: true };
    assert_eq!(done.stage(), expected);
}
