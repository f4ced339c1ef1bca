//! Strangers: at the sign-in screen, on the network, with a list of names. They learn nothing
//! and change nothing. Names in the comments are ids of the security catalogue.

use axum::{body::Body, http::Request};
use protocol::api::{Ended, Stage};
use recovery::Span;
use serde_json::{Value, json};

use crate::harness::{HOST, Heard, Lab};

/// What a stranger sees, without what is random in every answer.
fn seen(heard: &Heard) -> String {
    let mut json = heard.json.clone();
    if json.get("token").is_some() {
        json["token"] = Value::from("x".repeat(heard.token().len()));
        json["view"]["case_code"] = Value::from("CASECD");
        json["view"]["user_id"] = Value::from("typed");
        for letter in ["mailbox_initial", "domain_initial"] {
            let shown = json["view"]["stage"]["method"][letter].as_str().unwrap_or("");
            assert_eq!(shown.len(), 1, "always the same shape");
            json["view"]["stage"]["method"][letter] = Value::from("x");
        }
        json["view"]["plain"]["text"] = Value::from("text");
    }
    json["trace"] = Value::from("trace");
    format!("{} {:?} {json}", heard.status, header_names(heard))
}

fn header_names(heard: &Heard) -> Vec<String> {
    heard.headers.keys().map(ToString::to_string).collect()
}

#[tokio::test]
async fn every_kind_of_name_gets_the_same_answers_id_01_id_02() {
    let lab = Lab::new().await;
    lab.person("known@example.org").await;
    lab.account("nomail@example.org", |person| person.has_email = false).await;
    lab.account("switched@example.org", |person| person.enabled = false).await;
    lab.account("admins@example.org", |person| person.protected = true).await;
    let locked = lab.person("locked@example.org").await;
    lab.lock(locked).await;

    let mut first: Option<Vec<String>> = None;
    for name in ["known", "nomail", "switched", "admins", "locked", "nobody"] {
        let begun = lab.begin(&format!("{name}@example.org")).await;
        let again = lab.get("recovery", &begun.token()).await;
        let wrong = lab.call("code", &begun.token(), json!({ "code": "00000000" })).await;
        lab.forward(Span::seconds(31));
        let sent = lab.call("method", &begun.token(), json!({ "method": "email" })).await;
        let mut all = vec![seen(&begun), wrong.code().to_owned(), seen(&sent)];
        all.push(format!("{}", again.status));
        match &first {
            None => first = Some(all),
            Some(first) => assert_eq!(&all, first, "{name} can be told apart"),
        }
    }
}

#[tokio::test]
async fn a_decoy_looks_the_same_each_time_and_never_passes() {
    let lab = Lab::new().await;
    lab.person("known@example.org").await;
    let once = lab.begin("nobody@example.org").await;
    let twice = lab.begin("nobody@example.org").await;
    assert_eq!(once.json["view"]["stage"]["method"], twice.json["view"]["stage"]["method"]);
    assert!(lab.messages().await.iter().all(|message| message.to.is_none()));
}

#[tokio::test]
async fn the_owner_learns_the_true_reason_by_mail() {
    let lab = Lab::new().await;
    lab.account("switched@example.org", |person| person.enabled = false).await;
    lab.begin("switched@example.org").await;
    let messages = lab.messages().await;
    assert_eq!(messages[0].kind, regain_service::flow::MessageKind::CannotRecover);
    assert!(messages[0].to.is_some() && messages[0].code.is_none());
}

#[tokio::test]
async fn five_wrong_codes_over_any_number_of_recoveries_shut_the_gate_cod_05() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    for name in ["anna@example.org", "nobody@example.org"] {
        for guess in 0..5 {
            let begun = lab.begin(name).await;
            let body = json!({ "code": format!("0000000{guess}") });
            let heard = lab.call("code", &begun.token(), body).await;
            if guess < 4 {
                assert_eq!(heard.code(), "code-wrong", "{name} {guess}");
            } else {
                assert_eq!(heard.stage(), Stage::Ended { why: Ended::TooManyTries });
            }
        }
        let shut = lab.begin(name).await;
        assert_eq!((shut.status, shut.code()), (429, "too-many"), "{name}");
        assert_eq!(shut.json["retry_after_s"].as_u64().unwrap() % 60, 0, "coarse");
    }
    lab.forward(Span::hours(24));
    assert_eq!(lab.begin("anna@example.org").await.status, 201);
}

#[tokio::test]
async fn a_bot_check_is_needed_once_and_in_time_bot_02() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let good = lab.beginning("anna@example.org").await;
    let mut missing = good.clone();
    missing["proof_of_work"] = json!("");
    let mut forged = good.clone();
    forged["proof_of_work"] = json!("eyJjaGFsbGVuZ2UiOnt9fQ==");
    for bad in [missing, forged] {
        assert_eq!(lab.post("recoveries", "", &lab.key(), &bad).await.code(), "bot-check-failed");
    }
    assert_eq!(lab.post("recoveries", "", &lab.key(), &good).await.status, 201);
    let used = lab.post("recoveries", "", &lab.key(), &good).await;
    assert_eq!(used.code(), "bot-check-failed");
    let late = lab.beginning("anna@example.org").await;
    lab.forward(Span::seconds(120));
    let late = lab.post("recoveries", "", &lab.key(), &late).await;
    assert_eq!(late.code(), "bot-check-failed");
}

#[tokio::test]
async fn what_was_refused_for_being_too_much_stays_counted_and_uses_its_bot_check_up() {
    let lab = Lab::new().await;
    for _ in 0..10 {
        assert_eq!(lab.begin("anna@example.org").await.status, 201);
    }
    let body = lab.beginning("anna@example.org").await;
    let refused = lab.post("recoveries", "", &lab.key(), &body).await;
    assert_eq!((refused.status, refused.code()), (429, "too-many"));
    let again = lab.post("recoveries", "", &lab.key(), &body).await;
    assert_eq!(again.code(), "bot-check-failed", "a bot check is good once, refused or not");
}

#[tokio::test]
async fn one_bot_check_is_not_good_for_a_list_of_names() {
    let lab = Lab::new().await;
    let mut heard = lab.begin("name0@example.org").await;
    for next in 1..=5 {
        let body = json!({ "user_id": format!("name{next}@example.org") });
        heard = lab.call("user-id", &heard.token(), body).await;
        assert_eq!(heard.status, 200, "{heard:?}");
    }
    let body = json!({ "user_id": "name6@example.org" });
    assert_eq!(lab.call("user-id", &heard.token(), body).await.code(), "wrong-stage");
}

#[tokio::test]
async fn guessing_from_one_address_stops_there_and_shuts_nobody_else_out() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let mut wrong = 0;
    for name in 0..20 {
        let begun = lab.begin(&format!("name{name}@example.org")).await;
        for _ in 0..4 {
            let heard = lab.call("code", &begun.token(), json!({ "code": "00000000" })).await;
            wrong += u32::from(heard.code() == "code-wrong");
        }
    }
    assert_eq!(wrong, 60);
    let begun = lab.begin("anna@example.org").await;
    assert_eq!(begun.status, 201, "others still begin");
}

#[tokio::test]
async fn bad_input_gets_a_problem_and_changes_nothing() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let before = lab.get("recovery", &begun.token()).await;
    let bad = [
        ("code", json!({})),
        ("code", json!({ "code": null })),
        ("code", json!({ "code": 12_345_678 })),
        ("code", json!({ "code": ["12345678"] })),
        ("code", json!({ "code": "" })),
        ("code", json!({ "code": "1".repeat(100) })),
        ("code", json!({ "code": "12345678", "gates": 0 })),
        ("method", json!({ "method": "sms" })),
        ("act", json!({ "act": "unlock" })),
        ("act", json!({ "act": "delete" })),
        ("user-id", json!({ "user_id": "a\u{200b}nna@example.org" })),
        ("user-id", json!({ "user_id": "a".repeat(300) })),
        ("password", json!({ "sealed": {} })),
        ("back", json!({})),
    ];
    for (path, body) in bad {
        let heard = lab.call(path, &begun.token(), body.clone()).await;
        assert!((400..500).contains(&heard.status), "{path} {body}: {heard:?}");
        assert_eq!(heard.headers["content-type"], "application/problem+json");
        assert!(heard.json["trace"].is_string() && heard.json["code"].is_string());
    }
    let after = lab.get("recovery", &begun.token()).await;
    assert_eq!(before.view(), after.view());
}

/// Method, path, host, content type, one more header, body; then status and code.
type Case<'a> = ([&'a str; 4], (&'a str, &'a str), &'a str, u16, &'a str);

const JSON: &str = "application/json";
const NONE: (&str, &str) = ("x-nothing", "x");
const EVIL: (&str, &str) = ("origin", "https://evil.example");
const CROSS: (&str, &str) = ("sec-fetch-site", "cross-site");
const START: &str = "/api/v1/start";
const BEGIN: &str = "/api/v1/recoveries";

const NONE_OF_OURS: &[Case<'_>] = &[
    (["GET", START, "other.example.org", JSON], NONE, "", 421, "unknown-host"),
    (["GET", START, "reset.example.org.evil", JSON], NONE, "", 421, "unknown-host"),
    (["GET", "/api/v1/nothing", HOST, JSON], NONE, "", 404, "not-found"),
    (["GET", "/../etc/passwd", HOST, JSON], NONE, "", 404, "not-found"),
    (["DELETE", "/api/v1/recovery", HOST, JSON], NONE, "", 405, "method-not-allowed"),
    (["POST", BEGIN, HOST, "text/plain"], NONE, "{}", 415, "not-json"),
    (["POST", BEGIN, HOST, JSON], NONE, "{", 400, "malformed"),
    (["POST", BEGIN, HOST, JSON], EVIL, "{}", 403, "cross-site"),
    (["POST", BEGIN, HOST, JSON], CROSS, "{}", 403, "cross-site"),
    (["POST", "/api/v1/recovery/back", HOST, JSON], NONE, "{}", 401, "token-unknown"),
    (["GET", "/api/v1/recovery?wait_s=x", HOST, JSON], NONE, "", 401, "token-unknown"),
    (["POST", "/api/v1/agents/enrol", HOST, JSON], NONE, "{}", 400, "malformed"),
];

fn request(what: &[&str; 4], extra: (&str, &str), body: &str) -> Request<Body> {
    let [method, path, host, kind] = *what;
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", host)
        .header("content-type", kind)
        .header("idempotency-key", "0123456789abcdef")
        .header(extra.0, extra.1)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

#[tokio::test]
async fn requests_that_are_none_of_ours_are_refused_each_with_its_code() {
    let lab = Lab::new().await;
    for (what, extra, body, status, code) in NONE_OF_OURS {
        let heard = lab.request(request(what, *extra, body)).await;
        assert_eq!((heard.status, heard.code()), (*status, *code), "{what:?} {extra:?}");
        assert!(heard.headers.contains_key("content-security-policy"), "{what:?}");
        assert_eq!(heard.headers["cache-control"], "no-store", "{what:?}");
    }
    let large = request(&["POST", BEGIN, HOST, JSON], NONE, &" ".repeat(70_000));
    let heard = lab.request(large).await;
    assert_eq!((heard.status, heard.code()), (413, "too-large"));
}

#[tokio::test]
async fn tokens_of_others_and_made_up_ones_open_nothing() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let token = lab.begin("anna@example.org").await.token();
    let mut flipped = token.clone().into_bytes();
    flipped[40] = if flipped[40] == b'A' { b'B' } else { b'A' };
    for bad in [String::from_utf8(flipped).unwrap(), "x".repeat(64), String::new(), token + "A"] {
        assert_eq!(lab.get("recovery", &bad).await.code(), "token-unknown");
    }
}

#[tokio::test]
async fn neither_code_nor_password_is_ever_on_disk_cod_12_pwd_06() {
    let lab = Lab::new().await;
    lab.person("anna@example.org").await;
    let begun = lab.begin("anna@example.org").await;
    let on_disk = lab.everything_on_disk();
    let code = lab.code().await;
    assert!(!contains(&on_disk, code.as_bytes()), "the code is on disk");
    let choice = lab.call("code", &begun.token(), json!({ "code": code })).await;
    let page = lab.call("act", &choice.token(), json!({ "act": "reset" })).await;
    let secret = "Canary horse 7341";
    let sealed = lab.seal(&page, secret);
    lab.call("password", &page.token(), sealed).await;
    let on_disk = lab.everything_on_disk();
    for canary in [secret.as_bytes(), code.as_bytes(), begun.token().as_bytes()] {
        assert!(!contains(&on_disk, canary), "a secret is on disk");
    }
    assert!(contains(&on_disk, b"anna@example.org"), "the search itself works");
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
