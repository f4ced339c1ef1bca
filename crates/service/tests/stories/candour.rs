//! The truth said at once: on a trusted device, where the organisation wants it, about the
//! account of the person whose device it is. Everybody else hears what strangers hear, to the
//! byte (design decision 3).

use protocol::api::{Call, Finding, Stage};
use recovery::Span;
use serde_json::{Value, json};

use crate::{
    harness::{Heard, Lab, TENANT},
    pc::Pc,
};

const DISABLED: &str = "disabled@example.org";
const ADMIN: &str = "admin@example.org";
const NO_MAIL: &str = "nomail@example.org";
const NOBODY: &str = "nobody@example.org";
const FINE: &str = "anna@example.org";

async fn organisation(candid: bool) -> Lab {
    let lab = Lab::new().await;
    lab.account(DISABLED, |person| person.enabled = false).await;
    lab.account(ADMIN, |person| person.protected = true).await;
    lab.account(NO_MAIL, |person| person.has_email = false).await;
    lab.person(FINE).await;
    if candid {
        lab.change(|mut tx| Box::pin(async move { tx.set_candid(TENANT, true).await })).await;
    }
    lab
}

async fn trusted(lab: &Lab, number: u8, user: &str) -> Pc {
    let mut pc = Pc::new(number).of(user);
    let device = pc.enrols(lab, &lab.fleet_token(10).await).await;
    lab.trust(device).await;
    pc
}

/// What is seen, without what is random in every answer.
fn seen(heard: &Heard) -> String {
    let mut json = heard.json.clone();
    json["token"] = Value::from("x".repeat(heard.token().len()));
    json["view"]["case_code"] = Value::from("CASECD");
    let headers: Vec<String> = heard.headers.keys().map(ToString::to_string).collect();
    format!("{} {headers:?} {json}", heard.status)
}

#[tokio::test]
async fn on_a_trusted_device_its_person_learns_at_once_why_and_nothing_is_sent() {
    let lab = organisation(true).await;
    let cases = [
        (DISABLED, Finding::Disabled, "switched off"),
        (ADMIN, Finding::Protected, "specially protected"),
        (NO_MAIL, Finding::NotSetUp, "not set up"),
        (NOBODY, Finding::NotSetUp, "not set up"),
    ];
    for (number, (user, finding, words)) in (1..).zip(cases) {
        let pc = trusted(&lab, number, user).await;
        let told = pc.begin(&lab, &user.to_uppercase()).await;
        assert_eq!(told.stage(), Stage::Choice { finding, acts: Vec::new() }, "{user}");
        let view = told.view();
        assert_eq!(
            view.calls,
            [Call::ChangeUserId, Call::Cancel],
            "nothing can be done from there"
        );
        assert!(view.plain.text.contains(words), "{}", view.plain.text);
        let detail = lab.detail(&view.case_code, "cannot-recover").await;
        assert!(detail.is_some_and(|detail| detail["device"].is_string()), "{user}");
        for (path, body) in [
            ("code", json!({ "code": "00000000" })),
            ("method", json!({ "method": "email" })),
            ("act", json!({ "act": "reset" })),
        ] {
            let refused = lab.call(path, &told.token(), body).await;
            assert_eq!(refused.code(), "wrong-stage", "{path}");
        }
        let again = lab.get("recovery", &told.token()).await;
        assert_eq!(again.view(), view);
    }
    assert!(lab.messages().await.is_empty());
}

#[tokio::test]
async fn a_person_who_can_recover_does_so_as_everywhere() {
    let lab = organisation(true).await;
    let pc = trusted(&lab, 1, FINE).await;
    let begun = pc.begin(&lab, FINE).await;
    assert_eq!(seen(&begun), seen(&lab.begin(FINE).await));
}

#[tokio::test]
async fn a_name_that_was_mistyped_first_is_told_the_truth_once_it_is_mended() {
    let lab = organisation(true).await;
    let pc = trusted(&lab, 1, DISABLED).await;
    let begun = pc.begin(&lab, "disabld@example.org").await;
    assert!(matches!(begun.stage(), Stage::EnterCode { .. }));
    let mended = lab.call("user-id", &begun.token(), json!({ "user_id": DISABLED })).await;
    assert!(matches!(mended.stage(), Stage::Choice { finding: Finding::Disabled, .. }));
    // And on to another name, with which it is a stranger's flow again.
    let other = lab.call("user-id", &mended.token(), json!({ "user_id": NO_MAIL })).await;
    assert!(matches!(other.stage(), Stage::EnterCode { .. }), "{other:?}");
    let idle = lab.call("user-id", &other.token(), json!({ "user_id": DISABLED })).await;
    lab.forward(Span::minutes(5));
    assert_eq!(lab.call("cancel", &idle.token(), json!({})).await.code(), "recovery-ended");
}

#[tokio::test]
async fn everybody_else_hears_what_strangers_hear_to_the_byte() {
    for candid in [true, false] {
        let lab = organisation(candid).await;
        let token = lab.fleet_token(100).await;
        let stranger = seen(&lab.begin(DISABLED).await);
        // Seen and not trusted; trusted for somebody else, for an unknown one, for nobody; shut
        // out; not known at all.
        let mut only_seen = Pc::new(1).of(DISABLED);
        only_seen.enrols(&lab, &token).await;
        let of_another = trusted(&lab, 2, FINE).await;
        let of_an_unknown = trusted(&lab, 3, NOBODY).await;
        let mut of_nobody = trusted(&lab, 4, FINE).await;
        of_nobody.user = None;
        let mut revoked = Pc::new(5).of(DISABLED);
        let device = revoked.enrols(&lab, &token).await;
        lab.trust(device).await;
        lab.shut_out(device).await;
        let unknown = Pc::new(6).of(DISABLED);
        let mut all = vec![only_seen, of_another, of_an_unknown, of_nobody, revoked, unknown];
        if !candid {
            all.push(trusted(&lab, 7, DISABLED).await);
        }
        for (index, pc) in all.iter().enumerate() {
            let heard = seen(&pc.begin(&lab, DISABLED).await);
            assert_eq!(heard, stranger, "{index}, candid: {candid}");
        }
    }
}
