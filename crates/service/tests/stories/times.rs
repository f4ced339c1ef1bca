//! The table of times, moved by hand.

use protocol::api::{Ended, Stage};
use recovery::{Policy, Span};
use serde_json::json;

use crate::harness::Lab;

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_not_a_moment_longer() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    for (wait, answer) in [(Span::seconds(599), "no problem"), (Span::seconds(600), "code-expired")]
    {
        let begun = lab.begin("anna@example.org").await;
        let code = lab.code().await;
        lab.forward(wait);
        let heard = lab.call("code", &begun.token(), json!({ "code": code })).await;
        assert_eq!(heard.code(), answer);
    }
}

#[tokio::test]
async fn sending_again_kills_the_code_before_and_takes_its_time() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let first = lab.code().await;
    let method = json!({ "method": "email" });
    let too_soon = lab.call("method", &begun.token(), method.clone()).await;
    assert_eq!((too_soon.status, too_soon.code()), (429, "too-many"));
    lab.forward(Span::seconds(30));
    let again = lab.call("method", &begun.token(), method).await;
    let second = lab.code().await;
    assert_ne!(first, second);
    let old = lab.call("code", &again.token(), json!({ "code": first })).await;
    assert_eq!(old.code(), "code-wrong");
    let new = lab.call("code", &again.token(), json!({ "code": second })).await;
    assert!(matches!(new.stage(), Stage::Choice { .. }));
}

#[tokio::test]
async fn five_idle_minutes_end_it_and_any_sign_of_life_goes_on() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let choice = lab.through_the_gate("anna@example.org").await;
    assert_eq!(choice.view().idle_ends_in_s, Some(300));
    lab.forward(Span::minutes(4));
    let alive = lab.get("recovery", &choice.token()).await;
    assert_eq!(alive.view().idle_ends_in_s, Some(300), "reading is a sign of life");
    lab.forward(Span::minutes(4));
    lab.get("recovery?wait_s=0", &choice.token()).await;
    lab.forward(Span::minutes(1));
    let ended = lab.get("recovery", &choice.token()).await;
    assert_eq!(ended.stage(), Stage::Ended { why: Ended::Idle }, "a waiting read is none");
    let late = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    assert_eq!((late.status, late.code()), (410, "recovery-ended"));
}

#[tokio::test]
async fn a_gate_is_asked_again_alone_after_fifteen_minutes() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let choice = lab.through_the_gate("anna@example.org").await;
    for _ in 0..4 {
        lab.forward(Span::minutes(4));
        lab.get("recovery", &choice.token()).await;
    }
    let again = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    assert!(matches!(again.stage(), Stage::EnterCode { .. }), "{again:?}");
    let code = lab.code().await;
    let choice = lab.call("code", &again.token(), json!({ "code": code })).await;
    let page = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    assert!(matches!(page.stage(), Stage::NewPassword { .. }));
}

#[tokio::test]
async fn sixty_minutes_are_the_end_in_any_case() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let choice = lab.through_the_gate("anna@example.org").await;
    for _ in 0..15 {
        lab.forward(Span::minutes(4));
        lab.get("recovery", &choice.token()).await;
    }
    let ended = lab.get("recovery", &choice.token()).await;
    assert_eq!(ended.stage(), Stage::Ended { why: Ended::TooLong });
}

#[tokio::test]
async fn a_policy_made_stricter_on_the_way_holds_at_the_change() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let choice = lab.through_the_gate("anna@example.org").await;
    lab.set_policy(Policy { unlock: false, ..Policy::default() }).await;
    let refused = lab.call("act", &choice.token(), json!({ "act": "unlock" })).await;
    assert_eq!(refused.code(), "act-not-offered");
}

#[tokio::test]
async fn a_clock_that_jumps_back_revives_nothing() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let choice = lab.through_the_gate("anna@example.org").await;
    lab.forward(Span::minutes(6));
    lab.get("recovery", &choice.token()).await;
    lab.forward(Span::minutes(-6));
    let dead = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    assert_eq!(dead.code(), "recovery-ended");
}
