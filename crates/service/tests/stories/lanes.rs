//! People at their own devices keep their tries when strangers use up everybody's; and no device
//! gets more of them than its own. A proof that lacks something stops nobody.

use protocol::api::{Ended, Stage};
use recovery::Span;
use serde_json::{Value, json};

use crate::{
    harness::{Heard, Lab},
    pc::{Pc, nonce_in},
};

const ANNA: &str = "anna@example.org";

async fn wrong(lab: &Lab, begun: &Heard) -> Heard {
    lab.call("code", &begun.token(), json!({ "code": "00000000" })).await
}

/// Strangers use the name up.
async fn shut_out_by_strangers(lab: &Lab, name: &str) {
    for _ in 0..5 {
        let begun = lab.begin(name).await;
        wrong(lab, &begun).await;
    }
    assert_eq!(lab.begin(name).await.code(), "too-many");
}

#[tokio::test]
async fn strangers_shut_a_name_out_and_the_person_at_the_own_device_still_gets_in() {
    let lab = Lab::new().await;
    lab.person(ANNA).await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1).of(ANNA);
    pc.enrols(&lab, &token).await;
    shut_out_by_strangers(&lab, ANNA).await;
    lab.messages().await;
    let begun = pc.begin(&lab, ANNA).await;
    assert_eq!(lab.lane(&begun).await, ("enrolled-device".to_owned(), "good".to_owned()));
    assert_eq!(wrong(&lab, &begun).await.code(), "code-wrong", "with tries of its own");
    let code = lab.code().await;
    let choice = lab.call("code", &begun.token(), json!({ "code": code })).await;
    assert!(matches!(choice.stage(), Stage::Choice { .. }), "{choice:?}");
}

#[tokio::test]
async fn a_device_shuts_a_name_out_for_itself_and_not_for_others() {
    let lab = Lab::new().await;
    lab.person(ANNA).await;
    let token = lab.fleet_token(10).await;
    let (mut rogue, mut own) = (Pc::new(1), Pc::new(2));
    rogue.enrols(&lab, &token).await;
    own.enrols(&lab, &token).await;
    let begun = rogue.begin(&lab, ANNA).await;
    for _ in 0..4 {
        assert_eq!(wrong(&lab, &begun).await.code(), "code-wrong");
    }
    assert_eq!(wrong(&lab, &begun).await.stage(), Stage::Ended { why: Ended::TooManyTries });
    let again = rogue.begin(&lab, ANNA).await;
    assert_eq!(lab.lane(&again).await, ("stranger".to_owned(), "used-up".to_owned()));
    let begun = own.begin(&lab, ANNA).await;
    assert_eq!(lab.lane(&begun).await.0, "enrolled-device");
    assert_eq!(lab.begin(ANNA).await.status, 201, "nor for strangers");
}

#[tokio::test]
async fn a_device_has_ten_wrong_codes_a_day_over_all_names_thr_01() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    let mut rogue = Pc::new(1);
    rogue.enrols(&lab, &token).await;
    let mut guesses = 0;
    for name in 0..20 {
        let begun = rogue.begin(&lab, &format!("name{name}@example.org")).await;
        let (lane, proof) = lab.lane(&begun).await;
        if lane == "stranger" {
            assert_eq!(proof, "used-up");
            continue;
        }
        for _ in 0..4 {
            if begun.status == 201 && wrong(&lab, &begun).await.status < 500 {
                guesses += 1;
            }
            let view = lab.get("recovery", &begun.token()).await;
            if view.status != 200 || matches!(view.stage(), Stage::Ended { .. }) {
                break;
            }
        }
        lab.forward(Span::minutes(6));
    }
    assert_eq!(guesses, 10);
    // Spreading them out gains nothing: the day counts from the tenth.
    lab.forward(Span::hours(20));
    let begun = rogue.begin(&lab, ANNA).await;
    assert_eq!(lab.lane(&begun).await.1, "used-up");
    lab.forward(Span::hours(4));
    let begun = rogue.begin(&lab, ANNA).await;
    assert_eq!(lab.lane(&begun).await.1, "good");
}

#[tokio::test]
async fn many_devices_of_one_attacker_have_twenty_five_tries_for_a_name() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(100).await;
    let mut guesses = 0;
    for number in 1..=8 {
        let mut rogue = Pc::new(number);
        rogue.enrols(&lab, &token).await;
        let begun = rogue.begin(&lab, ANNA).await;
        if lab.lane(&begun).await.0 == "stranger" {
            continue;
        }
        for _ in 0..5 {
            let heard = wrong(&lab, &begun).await;
            guesses += 1;
            if heard.code() != "code-wrong" {
                break;
            }
        }
    }
    assert_eq!(guesses, 25);
}

#[tokio::test]
async fn a_device_begins_twenty_recoveries_in_an_hour_and_is_then_a_stranger() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1);
    pc.enrols(&lab, &token).await;
    for name in 0..22 {
        let begun = pc.begin(&lab, &format!("name{name}@example.org")).await;
        let expected = if name < 20 { "good" } else { "used-up" };
        assert_eq!(lab.lane(&begun).await.1, expected, "{name}");
        lab.forward(Span::minutes(1));
    }
}

#[tokio::test]
async fn an_administrator_lets_a_name_in_again_at_devices_too_thr_06() {
    let lab = Lab::new().await;
    lab.person(ANNA).await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1);
    pc.enrols(&lab, &token).await;
    let begun = pc.begin(&lab, ANNA).await;
    for _ in 0..5 {
        wrong(&lab, &begun).await;
    }
    assert_eq!(lab.lane(&pc.begin(&lab, ANNA).await).await.1, "used-up");
    let keys = regain_service::keys::Keys::new([7; 32]);
    lab.change(move |mut tx| {
        Box::pin(async move {
            regain_service::flow::release_name(&mut tx, &keys, crate::harness::TENANT, ANNA).await
        })
    })
    .await;
    assert_eq!(lab.lane(&pc.begin(&lab, ANNA).await).await.1, "good");
}

#[tokio::test]
async fn a_proof_that_lacks_something_stops_nobody_and_is_written_down() {
    let lab = Lab::new().await;
    lab.person(ANNA).await;
    let token = lab.fleet_token(20).await;
    let (mut known, unknown, mut revoked) = (Pc::new(1), Pc::new(2), Pc::new(3));
    known.enrols(&lab, &token).await;
    let device = revoked.enrols(&lab, &token).await;
    lab.shut_out(device).await;
    let mut shared = Pc::new(4);
    shared.enrols(&lab, &token).await;
    let copy = shared.clone().differently();
    lab.forward(Span::minutes(1));
    shared.reports(&lab, None).await;
    lab.forward(Span::minutes(1));
    assert_eq!(copy.differently().reports_of_another_day(&lab).await.code(), "device-shared");

    let mut cases: Vec<(Value, &str)> = Vec::new();
    for (pc, said) in [(&unknown, "unknown"), (&revoked, "revoked"), (&shared, "shared")] {
        cases.push((pc.beginning(&lab, ANNA).await, said));
    }
    // For another bot check, for another name, by another key of the run, and no proof at all.
    let mut body = lab.beginning(ANNA).await;
    body["device"] = json!(known.proof(&nonce_in(&lab.beginning(ANNA).await), ANNA));
    cases.push((body, "not-proved"));
    let mut body = lab.beginning(ANNA).await;
    body["device"] = json!(known.proof(&nonce_in(&body), "bob@example.org"));
    cases.push((body, "not-proved"));
    let mut body = known.beginning(&lab, ANNA).await;
    body["device"]["signature"] =
        unknown.beginning(&lab, ANNA).await["device"]["signature"].clone();
    cases.push((body, "not-proved"));
    for nonsense in [json!(7), json!({}), json!({ "later": "form" }), json!("x".repeat(9000))] {
        let mut body = lab.beginning(ANNA).await;
        body["device"] = nonsense;
        cases.push((body, "not-proved"));
    }
    for (body, said) in cases {
        let begun = lab.post("recoveries", "", &lab.key(), &body).await;
        assert_eq!(begun.status, 201, "{said}: {begun:?}");
        assert_eq!(lab.lane(&begun).await, ("stranger".to_owned(), said.to_owned()));
    }
}

#[tokio::test]
async fn a_proof_is_good_once_and_its_repetition_is_the_same_beginning() {
    let lab = Lab::new().await;
    lab.person(ANNA).await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1);
    pc.enrols(&lab, &token).await;
    let (body, key) = (pc.beginning(&lab, ANNA).await, lab.key());
    let lost = lab.post("recoveries", "", &key, &body).await;
    let again = lab.post("recoveries", "", &key, &body).await;
    assert_eq!((lost.token(), lost.view()), (again.token(), again.view()));
    let stolen = lab.post("recoveries", "", &lab.key(), &body).await;
    assert_eq!(stolen.code(), "bot-check-failed");
    let codes = lab.messages().await;
    assert_eq!(codes.len(), 1, "counted and sent once");
}

#[tokio::test]
async fn another_name_in_the_same_recovery_is_counted_at_the_device() {
    let lab = Lab::new().await;
    lab.person(ANNA).await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1);
    pc.enrols(&lab, &token).await;
    shut_out_by_strangers(&lab, ANNA).await;
    let begun = pc.begin(&lab, "ana@example.org").await;
    let mended = lab.call("user-id", &begun.token(), json!({ "user_id": ANNA })).await;
    assert_eq!(mended.status, 200, "{mended:?}");
    for _ in 0..5 {
        wrong(&lab, &mended).await;
    }
    // A stranger from now on, and those are shut out.
    assert_eq!(pc.begin(&lab, ANNA).await.code(), "too-many");
}
