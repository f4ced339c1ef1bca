//! A lost answer is repeated at every step: the same call with the same key gets the same answer
//! and the same token, and counts once (catalogue FLOW-08).

use protocol::api::Stage;
use serde_json::{Value, json};

use crate::harness::{Heard, Lab};

/// Makes a call, loses the answer, makes it again.
async fn twice(lab: &Lab, path: &str, token: &str, body: Value) -> Heard {
    let key = lab.key();
    let lost = lab.post(path, token, &key, &body).await;
    let again = lab.post(path, token, &key, &body).await;
    assert_eq!(lost.status, again.status, "{path}");
    assert_eq!(lost.json["token"], again.json["token"], "{path}");
    if lost.status < 300 {
        assert_eq!(lost.view(), again.view(), "{path}");
    } else {
        assert_eq!(lost.code(), again.code(), "{path}");
    }
    again
}

#[tokio::test]
async fn every_step_survives_a_lost_answer() {
    let lab = Lab::new().await;
    let anna = lab.person("anna@example.org").await;
    lab.lock(anna).await;
    let body = lab.beginning("ana@example.org").await;
    let begun = twice(&lab, "recoveries", "", body).await;
    let mended = json!({ "user_id": "anna@example.org" });
    let mended = twice(&lab, "recovery/user-id", &begun.token(), mended).await;
    assert_eq!(lab.messages().await.iter().filter(|m| m.to.is_some()).count(), 1);
    lab.forward(recovery::Span::seconds(31));
    let method = json!({ "method": "email" });
    let sent = twice(&lab, "recovery/method", &mended.token(), method).await;
    let code = lab.code().await;
    let wrong = json!({ "code": if code == "00000000" { "11111111" } else { "00000000" } });
    for _ in 0..4 {
        // Four wrong codes, each repeated: eight requests, and still one try left.
        assert_eq!(
            twice(&lab, "recovery/code", &sent.token(), wrong.clone()).await.code(),
            "code-wrong"
        );
    }
    let choice = twice(&lab, "recovery/code", &sent.token(), json!({ "code": code })).await;
    let act = json!({ "act": "unlock" });
    let unlocked = twice(&lab, "recovery/act", &choice.token(), act).await;
    let page = twice(&lab, "recovery/act", &unlocked.token(), json!({ "act": "reset" })).await;
    let back = twice(&lab, "recovery/back", &page.token(), json!({})).await;
    let page = twice(&lab, "recovery/act", &back.token(), json!({ "act": "reset" })).await;
    let sealed = lab.seal(&page, "Correct horse 7");
    let done = twice(&lab, "recovery/password", &page.token(), sealed).await;
    assert!(matches!(done.stage(), Stage::Done { .. }));
    let key_version = lab.key_version(anna).await;
    assert_eq!(key_version, 2, "the password was written once");
    let ended = twice(&lab, "recovery/cancel", &done.token(), json!({})).await;
    assert!(matches!(ended.stage(), Stage::Ended { .. }));
}

#[tokio::test]
async fn the_same_key_for_another_request_is_refused() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let key = lab.key();
    let first = json!({ "code": "00000000" });
    lab.post("recovery/code", &begun.token(), &key, &first).await;
    let other = json!({ "code": "00000001" });
    let refused = lab.post("recovery/code", &begun.token(), &key, &other).await;
    assert_eq!((refused.status, refused.code()), (409, "key-reused"));
    let other_path = lab.post("recovery/cancel", &begun.token(), &key, &json!({})).await;
    assert_eq!(other_path.code(), "key-reused");
}

#[tokio::test]
async fn the_old_token_is_good_for_the_repetition_alone() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let (old, key) = (begun.token(), lab.key());
    let body = json!({ "code": lab.code().await });
    let choice = lab.post("recovery/code", &old, &key, &body).await;
    assert_eq!(lab.call("act", &old, json!({ "act": "reset" })).await.code(), "token-unknown");
    assert_eq!(lab.post("recovery/code", &old, &key, &body).await.token(), choice.token());
    lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    let dead = lab.post("recovery/code", &old, &key, &body).await;
    assert_eq!((dead.status, dead.code()), (401, "token-unknown"));
}

#[tokio::test]
async fn of_many_right_codes_at_once_exactly_one_passes_the_gate() {
    let lab = std::sync::Arc::new(Lab::new().await);
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let code = lab.code().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (lab, token, code) = (lab.clone(), begun.token(), code.clone());
        calls.spawn(async move { lab.call("code", &token, json!({ "code": code })).await });
    }
    let heard = calls.join_all().await;
    assert_eq!(heard.iter().filter(|heard| heard.status == 200).count(), 1);
    let trail = lab.trail(&begun.view().case_code).await;
    assert_eq!(trail.iter().filter(|event| *event == "gate-passed").count(), 1);
}
