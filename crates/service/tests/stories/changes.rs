//! A change with the present password, in the embedded directory: whom it is offered, what a
//! wrong one costs, and that nothing typed stays.

use password::PasswordRefusal;
use protocol::{
    api::{Act, Finding, Stage},
    directory::NotDone,
};
use recovery::Span;
use regain_service::{embedded::SignIn, flow::MessageKind};
use serde_json::json;

use crate::harness::{Heard, Lab, OLD_PASSWORD};

const NEW: &str = "Correct horse 7";

fn done() -> Stage {
    Stage::Done { act: Act::Change, reset_offered: false, replicates_later: false }
}

/// From the user ID to the page where both passwords are typed.
async fn at_the_page(lab: &Lab, user_id: &str) -> Heard {
    let choice = lab.through_the_gate(user_id).await;
    let page = lab.call("act", &choice.token(), json!({ "act": "change" })).await;
    assert!(matches!(page.stage(), Stage::ChangePassword { refused: None, .. }), "{page:?}");
    page
}

async fn hand_in(lab: &Lab, page: &Heard, present: &str, new: &str) -> Heard {
    lab.call("password", &page.token(), lab.seal_change(page, present, new)).await
}

#[tokio::test]
async fn who_knows_the_password_that_must_be_changed_keeps_what_it_protects() {
    let lab = Lab::new().await;
    let anna = lab.account("anna@example.org", |person| person.must_change = true).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    let Stage::Choice { finding, acts } = choice.stage() else { panic!("{choice:?}") };
    assert_eq!((finding, acts), (Finding::MustChange, vec![Act::Change, Act::Reset]));
    let page = lab.call("act", &choice.token(), json!({ "act": "change" })).await;
    lab.messages().await;

    let done_view = hand_in(&lab, &page, OLD_PASSWORD, NEW).await;
    assert_eq!(done_view.stage(), done());
    assert_eq!(lab.sign_in(anna, NEW).await, SignIn::In);
    assert_eq!(lab.key_version(anna).await, 2);
    let told: Vec<_> = lab.messages().await.into_iter().map(|message| message.kind).collect();
    assert!(matches!(told.as_slice(), [MessageKind::PasswordSet]), "the person is told");

    let disk = String::from_utf8_lossy(&lab.everything_on_disk()).into_owned();
    assert!(!disk.contains(NEW) && !disk.contains(OLD_PASSWORD));
}

/// Where three wrong ones lock, two are kept back.
#[tokio::test]
async fn a_wrong_password_ends_it_well_below_the_lock_and_a_reset_is_left() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let page = at_the_page(&lab, "anna@example.org").await;
    let spent = hand_in(&lab, &page, "Something-else-1", NEW).await;
    let Stage::NotDone { act, reason, acts } = spent.stage() else { panic!("{spent:?}") };
    assert_eq!((act, reason, acts), (Act::Change, NotDone::OldPassword, vec![Act::Reset]));
    let refused = lab.call("act", &spent.token(), json!({ "act": "change" })).await;
    assert_eq!(refused.code(), "act-not-offered");

    // Another recovery does not begin to count anew; once the right one was typed, one does.
    let choice = lab.through_the_gate("anna@example.org").await;
    let Stage::Choice { acts, .. } = choice.stage() else { panic!("{choice:?}") };
    assert_eq!(acts, [Act::Reset]);
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::In, "not locked by us");
    let page = at_the_page(&lab, "anna@example.org").await;
    assert_eq!(hand_in(&lab, &page, OLD_PASSWORD, NEW).await.stage(), done());
}

#[tokio::test]
async fn a_wrong_password_counts_in_the_directory_and_one_more_must_not_lock() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let page = at_the_page(&lab, "anna@example.org").await;
    hand_in(&lab, &page, "Something-else-1", NEW).await;
    // With ours this is the second of three.
    assert_eq!(lab.sign_in(anna, "wrong").await, SignIn::Wrong);
    let choice = lab.through_the_gate("anna@example.org").await;
    let Stage::Choice { acts, .. } = choice.stage() else { panic!("{choice:?}") };
    assert_eq!(acts, [Act::Reset]);
    assert_eq!(lab.sign_in(anna, "wrong").await, SignIn::Wrong);
    assert_eq!(lab.sign_in(anna, OLD_PASSWORD).await, SignIn::Locked, "ours was counted");
}

#[tokio::test]
async fn a_new_password_that_is_refused_costs_no_try() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let mut page = at_the_page(&lab, "anna@example.org").await;
    for (new, why) in [
        ("short", PasswordRefusal::TooShort),
        ("Anna-Berg-2026", PasswordRefusal::ContainsName),
        (OLD_PASSWORD, PasswordRefusal::UsedBefore),
    ] {
        page = hand_in(&lab, &page, OLD_PASSWORD, new).await;
        let Stage::ChangePassword { refused, .. } = page.stage() else { panic!("{page:?}") };
        assert_eq!(refused, Some(NotDone::Password(why)));
    }
    assert_eq!(lab.key_version(anna).await, 1);
    assert_eq!(hand_in(&lab, &page, OLD_PASSWORD, NEW).await.stage(), done());
}

#[tokio::test]
async fn it_is_offered_to_nobody_whom_it_cannot_help() {
    let lab = Lab::new().await;
    let locked = lab.person("anna@example.org").await;
    lab.lock(locked).await;
    lab.account("carla@example.org", |person| {
        person.must_change = true;
        person.has_signed_in = false;
    })
    .await;
    for (user_id, offered) in [
        ("anna@example.org", vec![Act::Unlock, Act::Reset]),
        ("carla@example.org", vec![Act::Reset]),
    ] {
        let choice = lab.through_the_gate(user_id).await;
        let Stage::Choice { acts, .. } = choice.stage() else { panic!("{choice:?}") };
        assert_eq!(acts, offered, "{user_id}");
        let refused = lab.call("act", &choice.token(), json!({ "act": "change" })).await;
        assert_eq!(refused.code(), "act-not-offered");
    }
}

#[tokio::test]
async fn an_app_of_before_is_offered_what_it_can_draw() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let mut body = lab.beginning("anna@example.org").await;
    let stages = body["draws"]["stages"].as_array_mut().unwrap();
    stages.retain(|stage| stage != "change-password");
    let begun = lab.post("recoveries", "", &lab.key(), &body).await;
    let code = lab.code().await;
    let choice = lab.call("code", &begun.token(), json!({ "code": code })).await;
    let Stage::Choice { acts, .. } = choice.stage() else { panic!("{choice:?}") };
    assert_eq!(acts, [Act::Reset]);
}

#[tokio::test]
async fn an_account_that_was_locked_meanwhile_is_not_changed() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let page = at_the_page(&lab, "anna@example.org").await;
    lab.lock(anna).await;
    let refused = hand_in(&lab, &page, OLD_PASSWORD, NEW).await;
    let Stage::NotDone { reason, acts, .. } = refused.stage() else { panic!("{refused:?}") };
    assert_eq!((reason, acts), (NotDone::Changed, vec![Act::Reset]));
    assert_eq!(lab.key_version(anna).await, 1);
}

#[tokio::test]
async fn what_was_sealed_as_a_reset_changes_nothing_here() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let page = at_the_page(&lab, "anna@example.org").await;
    let refused = lab.call("password", &page.token(), lab.seal(&page, NEW)).await;
    let Stage::NotDone { reason, .. } = refused.stage() else { panic!("{refused:?}") };
    assert_eq!(reason, NotDone::NotOpened);
    assert_eq!(lab.key_version(anna).await, 1);
}

#[tokio::test]
async fn a_gate_that_became_stale_is_asked_again_before_anything_is_changed() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    let mut page = at_the_page(&lab, "anna@example.org").await;
    for _ in 0..4 {
        lab.forward(Span::minutes(4));
        lab.get("recovery", &page.token()).await;
    }
    page = hand_in(&lab, &page, OLD_PASSWORD, NEW).await;
    assert!(matches!(page.stage(), Stage::EnterCode { .. }), "{page:?}");
    assert_eq!(lab.key_version(anna).await, 1);
}
