//! What people come for: in again.

use password::PasswordRefusal;
use protocol::{
    api::{Act, Call, Ended, Finding, Stage},
    directory::NotDone,
};
use recovery::Span;
use regain_service::{
    embedded::SignIn,
    flow::{MessageKind, Token},
};
use serde_json::json;
use store::{DirectoryKind, OperationState, StoreError};
use uuid::Uuid;

use crate::harness::{Heard, Lab, OLD_PASSWORD};

#[tokio::test]
async fn a_locked_person_who_knows_the_password_is_unlocked() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::Locked);

    let begun = lab.begin("  Anna@Example.org ").await;
    let Stage::EnterCode { method, digits, .. } = begun.stage() else { panic!("{begun:?}") };
    assert_eq!((method.mailbox_initial.as_str(), digits), ("a", 8));
    let code = lab.code().await;
    let choice = lab.call("code", &begun.token(), json!({ "code": code })).await;
    let Stage::Choice { finding, acts } = choice.stage() else { panic!("{choice:?}") };
    assert_eq!((finding, acts), (Finding::Locked, vec![Act::Unlock, Act::Reset]));
    let done = lab.call("act", &choice.token(), json!({ "act": "unlock" })).await;
    assert_eq!(
        done.stage(),
        Stage::Done { act: Act::Unlock, reset_offered: true, replicates_later: false }
    );

    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::In);
    let notice = lab.messages().await;
    assert_eq!(notice.len(), 1);
    assert_eq!(notice[0].kind, MessageKind::Unlocked);
    let ended = lab.call("cancel", &done.token(), json!({})).await;
    assert_eq!(ended.stage(), Stage::Ended { why: Ended::Finished });
    assert_eq!(
        lab.trail(&done.view().case_code).await,
        [
            "recovery-begun",
            "code-made",
            "gate-passed",
            "account-checked",
            "act-chosen",
            "operation-sent",
            "operation-done",
            "recovery-ended"
        ]
    );
}

#[tokio::test]
async fn it_still_does_not_work_so_a_new_password_is_set_in_the_same_recovery() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    let unlocked = lab.call("act", &choice.token(), json!({ "act": "unlock" })).await;
    let page = lab.call("act", &unlocked.token(), json!({ "act": "reset" })).await;

    let refused = lab.seal(&page, "Anna-Berg-2026");
    let again = lab.call("password", &page.token(), refused).await;
    let Stage::NewPassword { refused, .. } = again.stage() else { panic!("{again:?}") };
    assert_eq!(refused, Some(PasswordRefusal::ContainsName));
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::In, "nothing was changed");

    let sealed = lab.seal(&again, "Correct horse 7");
    let done = lab.call("password", &again.token(), sealed).await;
    assert_eq!(
        done.stage(),
        Stage::Done { act: Act::Reset, reset_offered: false, replicates_later: false }
    );
    assert_eq!(lab.sign_in(anna, "Correct horse 7").await, SignIn::In);
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::Wrong);
}

#[tokio::test]
async fn a_first_day_sets_the_first_password_and_clears_must_change() {
    let lab = Lab::new().await;
    let carla = lab
        .account("carla@example.org", |person| {
            person.must_change = true;
            person.has_signed_in = false;
        })
        .await;
    assert_eq!(lab.sign_in(carla, OLD_PASSWORD).await, SignIn::MustChange);
    let choice = lab.through_the_gate("carla@example.org").await;
    let Stage::Choice { finding, acts } = choice.stage() else { panic!("{choice:?}") };
    assert_eq!((finding, acts), (Finding::NeverUsed, vec![Act::Reset]));
    let page = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    assert!(matches!(page.stage(), Stage::NewPassword { first: true, .. }));
    let sealed = lab.seal(&page, "Correct horse 7");
    lab.call("password", &page.token(), sealed).await;
    assert_eq!(lab.sign_in(carla, "Correct horse 7").await, SignIn::In);
}

#[tokio::test]
async fn a_client_is_offered_only_what_it_can_draw() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let mut body = lab.beginning("anna@example.org").await;
    let stages = body["draws"]["stages"].as_array_mut().unwrap();
    stages.retain(|stage| stage != "new-password");
    stages.push(json!("a-stage-of-next-year"));
    let begun = lab.post("recoveries", "", &lab.key(), &body).await;
    let code = lab.code().await;
    let choice = lab.call("code", &begun.token(), json!({ "code": code })).await;
    let Stage::Choice { finding, acts } = choice.stage() else { panic!("{choice:?}") };
    assert_eq!((finding, acts), (Finding::Locked, vec![Act::Unlock]));
    let refused = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    assert_eq!(refused.code(), "act-not-offered");
    let done = lab.call("act", &choice.token(), json!({ "act": "unlock" })).await;
    assert!(matches!(done.stage(), Stage::Done { reset_offered: false, .. }));
}

#[tokio::test]
async fn a_mistyped_user_id_is_mended_while_no_gate_is_passed() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("ana@example.org").await;
    assert!(begun.view().calls.contains(&Call::ChangeUserId));
    let mended =
        lab.call("user-id", &begun.token(), json!({ "user_id": "anna@example.org" })).await;
    assert_eq!(mended.view().user_id, "anna@example.org");
    let code = lab.code().await;
    let choice = lab.call("code", &mended.token(), json!({ "code": code })).await;
    assert!(matches!(choice.stage(), Stage::Choice { .. }));
    assert!(!choice.view().calls.contains(&Call::ChangeUserId), "it belongs to one account now");
}

#[tokio::test]
async fn what_only_others_can_mend_is_said_only_after_the_gate() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let code = lab.code().await;
    // Switched off between the mail and the code: the code is good no more.
    lab.switch_off(anna).await;
    let refused = lab.call("code", &begun.token(), json!({ "code": code })).await;
    assert_eq!(refused.code(), "code-wrong");
}

#[tokio::test]
async fn a_newer_recovery_takes_over_only_once_it_passed_its_gate() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let first = lab.through_the_gate("anna@example.org").await;
    let second = lab.begin("anna@example.org").await;
    assert!(matches!(lab.get("recovery", &first.token()).await.stage(), Stage::Choice { .. }));
    let code = lab.code().await;
    lab.call("code", &second.token(), json!({ "code": code })).await;
    let replaced = lab.get("recovery", &first.token()).await;
    assert_eq!(replaced.stage(), Stage::Ended { why: Ended::Replaced });
}

#[tokio::test]
async fn a_password_sealed_for_another_operation_does_not_open() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.person("mallory@example.org").await;
    let other = lab.through_the_gate("mallory@example.org").await;
    let other = lab.call("act", &other.token(), json!({ "act": "reset" })).await;
    let sealed_for_other = lab.seal(&other, "Correct horse 7");

    let choice = lab.through_the_gate("anna@example.org").await;
    let page = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    let refused = lab.call("password", &page.token(), sealed_for_other).await;
    let Stage::NotDone { reason, .. } = refused.stage() else { panic!("{refused:?}") };
    assert_eq!(reason, NotDone::NotOpened);
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::In);
}

#[tokio::test]
async fn an_operation_that_a_crash_interrupted_is_done_after_the_restart() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    // The call is stored, and the process dies before the work begins.
    let operation = lab.interrupted_unlock(&choice).await;
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::Locked);
    let lab = lab.restarted().await;
    lab.until_finished(operation).await;
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::In);
    let view = lab.get("recovery", &choice.token()).await;
    assert_eq!(view.status, 401, "the call changed the stage, so the token was renewed");
}

#[tokio::test]
async fn without_anybody_who_could_write_nothing_is_begun() {
    let lab = Lab::with(DirectoryKind::Agent).await;
    assert_eq!(lab.begin("anna@example.org").await.code(), "directory-unavailable");
}

/// The first page still waits; nobody has its unlock yet.
#[tokio::test]
async fn a_newer_recovery_takes_the_place_of_an_operation_that_nobody_has() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let first = lab.through_the_gate("anna@example.org").await;
    let older = lab.interrupted_unlock(&first).await;
    let second = lab.through_the_gate("anna@example.org").await;
    let done = lab.call("act", &second.token(), json!({ "act": "unlock" })).await;
    assert!(matches!(done.stage(), Stage::Done { act: Act::Unlock, .. }), "{done:?}");
    let row = lab.operation(older).await;
    assert_eq!(row.state, OperationState::NotDone);
    let trail = lab.trail(&first.view().case_code).await;
    assert_eq!(trail[trail.len() - 2..], ["operation-not-done", "recovery-ended"]);
}

#[tokio::test]
async fn a_newer_recovery_waits_for_an_operation_that_somebody_may_have() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let first = lab.through_the_gate("anna@example.org").await;
    let older = lab.interrupted_unlock(&first).await;
    lab.sent(older).await;
    let second = lab.through_the_gate("anna@example.org").await;
    let busy = lab.call("act", &second.token(), json!({ "act": "unlock" })).await;
    assert_eq!(busy.code(), "account-busy");
    assert_eq!(lab.operation(older).await.state, OperationState::Sent, "it goes on");
    lab.not_known(older).await;
    let busy = lab.call("act", &second.token(), json!({ "act": "unlock" })).await;
    assert_eq!(busy.code(), "account-busy", "its write may still arrive");
    lab.forward(Span::seconds(151));
    let done = lab.call("act", &second.token(), json!({ "act": "unlock" })).await;
    assert!(matches!(done.stage(), Stage::Done { act: Act::Unlock, .. }), "{done:?}");
    assert_eq!(lab.operation(older).await.state, OperationState::NotKnown);
}

/// Waits until a recovery's operation is with who writes it: its hash is being computed.
async fn until_sent(lab: &Lab, page: &Heard) -> Uuid {
    let recovery = Token::parse(&page.token()).expect("a token").recovery;
    loop {
        let read = lab.service.store.read(move |mut tx| {
            Box::pin(async move {
                let row = tx.recovery(recovery).await?.expect("a recovery");
                tx.operation(row.operation.expect("an operation")).await
            })
        });
        let row = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        let row = row.expect("an operation");
        if row.state == OperationState::Sent {
            return row.id;
        }
        tokio::task::yield_now().await;
    }
}

/// The page for a new password, reached through a gate of its own.
async fn new_password_page(lab: &Lab) -> Heard {
    let choice = lab.through_the_gate("anna@example.org").await;
    lab.call("act", &choice.token(), json!({ "act": "reset" })).await
}

#[tokio::test]
async fn a_newer_operation_does_not_take_the_place_of_one_whose_hash_is_computed() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let first = new_password_page(&lab).await;
    let all = u32::try_from(lab.service.hashers.available_permits()).unwrap();
    let busy = lab.service.hashers.acquire_many(all).await.unwrap();
    let (token, handed_over) = (first.token(), lab.seal(&first, "First-Passw0rd-1"));
    tokio::join!(
        async {
            let operation = until_sent(&lab, &first).await;
            let second = new_password_page(&lab).await;
            let sealed = lab.seal(&second, "Second-Passw0rd-2");
            let refused = lab.call("password", &second.token(), sealed).await;
            assert_eq!(refused.code(), "account-busy");
            drop(busy);
            lab.until_finished(operation).await;
            assert_eq!(lab.operation(operation).await.state, OperationState::Done);
        },
        lab.call("password", &token, handed_over)
    );
    assert_eq!(lab.key_version(anna).await, 2);
    assert_eq!(lab.sign_in(anna, "First-Passw0rd-1").await, SignIn::In);
}

#[tokio::test]
async fn what_has_an_outcome_is_not_written_any_more() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let page = new_password_page(&lab).await;
    let all = u32::try_from(lab.service.hashers.available_permits()).unwrap();
    let busy = lab.service.hashers.acquire_many(all).await.unwrap();
    let (token, sealed) = (page.token(), lab.seal(&page, "First-Passw0rd-1"));
    tokio::join!(
        async {
            let operation = until_sent(&lab, &page).await;
            let now = lab.service.now();
            let told = lab.service.store.write(move |mut tx| {
                Box::pin(async move {
                    tx.finish_operation(operation, OperationState::NotDone, None, now).await
                })
            });
            assert!(told.await.unwrap_or_else(|error: StoreError| panic!("{error:?}")));
            let mut changes = lab.service.changes.subscribe();
            drop(busy);
            changes.recv().await.unwrap();
        },
        lab.call("password", &token, sealed)
    );
    assert_eq!(lab.key_version(anna).await, 1);
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::In);
}
