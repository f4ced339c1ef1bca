//! PCs make themselves known with a fleet token and report once a day. What is kept, copied,
//! repeated or stolen on the way gets nobody in.

use protocol::{
    bytes::Bytes,
    device::FleetToken,
    host::{
        Text,
        statement::{Check, Fact, Found},
    },
};
use recovery::Span;
use regain_service::config::LimitsConfig;
use serde_json::json;
use store::DirectoryKind;

use crate::{
    harness::{Lab, TENANT},
    pc::Pc,
};

#[tokio::test]
async fn a_pc_enrols_with_a_token_and_reports_with_its_key_alone() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1);
    assert_eq!(pc.reports(&lab, None).await.code(), "device-unknown");
    pc.facts = vec![Fact {
        check: Check::TileExcluded,
        found: Found::Breaks,
        seen: Text::new("two\nlines \u{202e}turned").unwrap(),
    }];
    let device = pc.enrols(&lab, &token).await;
    lab.forward(Span::hours(24));
    pc.name = "renamed".to_owned();
    let again = pc.reports(&lab, None).await;
    assert_eq!(again.json["device"], json!(device.to_string()));
    let all = lab.devices().await;
    assert_eq!((all.len(), all[0].report.name.as_str()), (1, "renamed"));
    assert!(all[0].trusted_at.is_none(), "an enrolled device is seen, not trusted");
    assert!(all[0].report.facts.contains("tile-excluded"));
    assert!(all[0].report.facts.contains("two lines  turned"), "{}", all[0].report.facts);
    assert_eq!(lab.tokens().await[0].used, 1);
    assert!(!contains(&lab.everything_on_disk(), token.secret.as_slice()), "only its hash is kept");
    assert!(contains(&lab.everything_on_disk(), &token.id), "the search itself works");
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[tokio::test]
async fn a_lost_answer_is_told_again_and_counts_once() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(1).await;
    let mut pc = Pc::new(1);
    let lost = pc.reports_into_the_void(&lab, Some(&token)).await;
    lab.forward(Span::hours(1));
    // The same request once more, and then a new report, because the PC heard nothing.
    let nonce = lab.device_nonce().await;
    let body = pc.report(&nonce, Some(&token));
    let first = lab.post("devices/report", "", &lab.key(), &body).await;
    let second = lab.post("devices/report", "", &lab.key(), &body).await;
    let third = pc.reports(&lab, Some(&token)).await;
    for heard in [&first, &second, &third] {
        assert_eq!((heard.status, &heard.json), (200, &lost.json));
    }
    lab.forward(Span::hours(24));
    assert_eq!(pc.reports(&lab, None).await.json, lost.json, "and it goes on from there");
    assert_eq!(lab.tokens().await[0].used, 1);
    assert_eq!(lab.devices().await.len(), 1);
}

#[tokio::test]
async fn of_many_at_once_exactly_as_many_enrol_as_the_token_is_good_for_thr_09() {
    let lab = std::sync::Arc::new(Lab::new().await);
    let token = lab.fleet_token(5).await;
    let mut reports = tokio::task::JoinSet::new();
    for number in 1..=20 {
        let (lab, token) = (lab.clone(), FleetToken::parse(&token.text()).unwrap());
        reports.spawn(async move { Pc::new(number).reports(&lab, Some(&token)).await });
    }
    let heard = reports.join_all().await;
    assert_eq!(heard.iter().filter(|heard| heard.status == 200).count(), 5);
    assert_eq!(heard.iter().filter(|heard| heard.code() == "fleet-token-refused").count(), 15);
    assert_eq!((lab.devices().await.len(), lab.tokens().await[0].used), (5, 5));
}

#[tokio::test]
async fn a_token_ends_with_its_time_when_it_is_taken_back_and_is_good_for_one_tenant() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    let other_secret = FleetToken { id: token.id, secret: zeroize::Zeroizing::new([9; 32]) };
    let unknown = FleetToken { id: [9; 16], secret: zeroize::Zeroizing::new(*token.secret) };
    for wrong in [other_secret, unknown] {
        assert_eq!(Pc::new(1).reports(&lab, Some(&wrong)).await.code(), "fleet-token-refused");
    }
    assert_eq!(lab.tokens().await[0].used, 0, "what was refused is not counted");
    let mut known = Pc::new(2);
    known.enrols(&lab, &token).await;
    lab.forward(Span::hours(720));
    assert_eq!(Pc::new(3).reports(&lab, Some(&token)).await.code(), "fleet-token-refused");
    assert_eq!(known.reports(&lab, Some(&token)).await.status, 200, "who is in stays in");

    let (taken, now) = (lab.fleet_token(10).await, recovery::Timestamp(1));
    let id = uuid::Uuid::from_bytes(taken.id);
    lab.change(move |mut tx| {
        Box::pin(async move { tx.revoke_fleet_token(TENANT, id, now).await.map(|_| ()) })
    })
    .await;
    assert_eq!(Pc::new(4).reports(&lab, Some(&taken)).await.code(), "fleet-token-refused");

    let elsewhere = Lab::new().await;
    assert_eq!(Pc::new(5).reports(&elsewhere, Some(&token)).await.code(), "fleet-token-refused");
}

#[tokio::test]
async fn two_pcs_with_one_key_are_found_and_each_enrols_anew() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    // The disk was copied before the first report, and once more after it.
    for copied_after in [false, true] {
        let number = if copied_after { 20 } else { 10 };
        let mut original = Pc::new(number);
        if copied_after {
            original.enrols(&lab, &token).await;
        }
        let mut copy = original.clone().differently();
        let mut codes = Vec::new();
        for _day in 0..2 {
            lab.forward(Span::hours(24));
            for pc in [&mut original, &mut copy] {
                codes.push(pc.reports(&lab, Some(&token)).await.code().to_owned());
            }
        }
        assert_eq!(codes.last().map(String::as_str), Some("device-shared"), "{codes:?}");
        for pc in [&mut original, &mut copy] {
            assert_eq!(pc.reports(&lab, Some(&token)).await.code(), "device-shared", "for both");
        }
        let (mut one, mut other) =
            (original.with_new_key(number + 1), copy.with_new_key(number + 2));
        assert_ne!(one.enrols(&lab, &token).await, other.enrols(&lab, &token).await);
    }
    let trail = lab.events().await;
    assert_eq!(trail.iter().filter(|event| *event == "device-shared").count(), 2);
}

#[tokio::test]
async fn a_report_that_somebody_kept_is_neither_taken_nor_a_second_pc() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1);
    pc.enrols(&lab, &token).await;
    lab.forward(Span::minutes(1));
    let kept = pc.report(&lab.device_nonce().await, None);
    lab.forward(Span::minutes(1));
    assert_eq!(pc.reports(&lab, None).await.status, 200);
    lab.forward(Span::minutes(1));
    assert_eq!(pc.reports(&lab, None).await.status, 200);
    let replayed = lab.post("devices/report", "", &lab.key(), &kept).await;
    assert_eq!(replayed.code(), "nonce-stale");
    assert!(lab.devices().await[0].is_good(), "nobody marks a device by what he kept");
    assert_eq!(pc.reports(&lab, None).await.status, 200);
}

#[tokio::test]
async fn a_nonce_is_ours_this_tenants_and_ten_minutes_old_at_most() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    let nonce = lab.device_nonce().await;
    let mut forged = nonce.clone();
    forged.0[7] ^= 1;
    let other = regain_service::devices::nonce(
        &lab.service.keys,
        protocol::id::TenantId(uuid::Uuid::from_u128(5)),
        lab.service.now(),
    );
    let future = regain_service::devices::nonce(
        &lab.service.keys,
        protocol::id::TenantId(TENANT),
        lab.service.now().plus(Span::seconds(1)),
    );
    let pc = Pc::new(1);
    for bad in [forged, Bytes(other.to_vec()), Bytes(future.to_vec()), Bytes(vec![0; 32])] {
        let body = pc.report(&bad, Some(&token));
        let heard = lab.post("devices/report", "", &lab.key(), &body).await;
        assert_eq!((heard.status, heard.code()), (409, "nonce-stale"));
    }
    let body = pc.report(&nonce, Some(&token));
    lab.forward(Span::minutes(10));
    assert_eq!(lab.post("devices/report", "", &lab.key(), &body).await.code(), "nonce-stale");
    assert!(lab.devices().await.is_empty());
}

#[tokio::test]
async fn a_key_that_was_shut_out_never_enrols_again_whatever_the_token() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1);
    let device = pc.enrols(&lab, &token).await;
    lab.trust(device).await;
    lab.shut_out(device).await;
    for token in [None, Some(&token), Some(&lab.fleet_token(10).await)] {
        assert_eq!(pc.reports(&lab, token).await.code(), "device-revoked");
    }
    lab.change(move |mut tx| Box::pin(async move { tx.revoke_device(device, None).await })).await;
    assert_eq!(pc.reports(&lab, None).await.status, 200, "an administrator let it in");
    assert!(lab.devices().await[0].trusted_at.is_none(), "and vouches for it no more");
}

#[tokio::test]
async fn a_changed_report_another_tenants_app_and_nonsense_are_refused() {
    let lab = Lab::new().await;
    let token = lab.fleet_token(10).await;
    let pc = Pc::new(1);
    let nonce = lab.device_nonce().await;
    let good = pc.report(&nonce, Some(&token));
    let mut changed = good.clone();
    let statement = changed["report"]["statement"].as_str().unwrap();
    let mut bytes = Bytes::decode(statement).unwrap();
    let at = bytes.windows(4).position(|four| four == b"PC-1").unwrap();
    bytes[at + 3] = b'2';
    changed["report"]["statement"] = json!(Bytes::encode(&bytes));
    let mut elsewhere = good.clone();
    elsewhere["tenant"] = json!(uuid::Uuid::from_u128(9));
    let mut more = good.clone();
    more["trust"] = json!("trusted");
    let cases = [
        (changed, "malformed"),
        (elsewhere, "wrong-tenant"),
        (more, "malformed"),
        (json!({}), "malformed"),
    ];
    for (body, code) in cases {
        assert_eq!(lab.post("devices/report", "", &lab.key(), &body).await.code(), code, "{body}");
    }
    assert!(lab.devices().await.is_empty());
    assert_eq!(lab.post("devices/report", "", &lab.key(), &good).await.status, 200);
}

#[tokio::test]
async fn reports_from_one_address_are_limited_before_any_work_thr_09() {
    let limits = LimitsConfig { reports_per_source_per_hour: 3, ..LimitsConfig::default() };
    let lab = Lab::with_limits(DirectoryKind::Embedded, limits).await;
    let token = lab.fleet_token(10).await;
    let mut pc = Pc::new(1);
    pc.enrols(&lab, &token).await;
    for _ in 0..2 {
        // Counted whatever it is worth.
        assert_eq!(Pc::new(2).reports(&lab, None).await.code(), "device-unknown");
    }
    let refused = pc.reports(&lab, None).await;
    assert_eq!((refused.status, refused.code()), (429, "too-many"));
    assert_eq!(refused.json["retry_after_s"].as_u64().unwrap() % 60, 0, "coarse");
    lab.forward(Span::hours(1));
    assert_eq!(pc.reports(&lab, None).await.status, 200);
}

#[tokio::test]
async fn what_an_organisation_says_of_its_tile_is_given_to_every_pc() {
    let lab = Lab::new().await;
    let own = lab.get("tile", "").await;
    assert_eq!((own.status, own.json), (200, json!({ "labels": {}, "picture": null })));
    let tile = store::TileRow {
        labels: [("de".to_owned(), "Kein Zugang?".to_owned())].into(),
        picture: Some(vec![1, 2, 3]),
    };
    lab.change(move |mut tx| Box::pin(async move { tx.set_tile(TENANT, &tile).await })).await;
    let face = lab.get("tile", "").await;
    assert_eq!(face.json, json!({ "labels": { "de": "Kein Zugang?" }, "picture": "AQID" }));
}
