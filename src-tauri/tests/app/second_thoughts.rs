//! Stories of somebody who types something else after a press that had no answer: what was typed
//! last counts, or is said not to; what was typed first is never handed in behind their back.

use axum::http::StatusCode;
use protocol::api::Act;
use regain::{AnyView, Refusal, Typed, Why};

use crate::{
    double::{Double, Fault},
    stories::{Pc, own_problem, stage},
};

const FIRST: &str = "Correct horse 7";
const SECOND: &str = "Battery staple 8";

#[tokio::test]
async fn the_password_typed_last_is_set_when_the_first_never_arrived() {
    let (double, pc) = at_the_password().await;
    never_arrives(&double, "password");
    assert_eq!(password(&pc, FIRST).await, no_answer());
    assert_eq!(stage(&password(&pc, SECOND).await.unwrap()), "done");
    assert_eq!(double.passwords(), [SECOND]);
    let keys = keys(&double, "password");
    assert_eq!(keys[..3], vec![keys[0].clone(); 3], "one press, one key");
    assert_eq!(keys.len(), 4, "the first was not handed in again");
    assert_ne!(keys[3], keys[0]);
}

#[tokio::test]
async fn a_second_password_is_not_said_to_be_set_when_the_first_one_was() {
    let (double, pc) = at_the_password().await;
    answers_are_lost(&double, "password");
    assert_eq!(password(&pc, FIRST).await, no_answer());
    assert_eq!(password(&pc, SECOND).await, Err(own_problem("wrong-stage")));
    assert_eq!(double.passwords(), [FIRST]);
    // What the page reads next is where it truly stands, and the recovery can be ended.
    assert_eq!(stage(&pc.app.watch(0).await.unwrap()), "done");
    pc.app.cancel().await.unwrap();
}

#[tokio::test]
async fn the_same_password_again_is_the_same_call() {
    for lose in [never_arrives, answers_are_lost] {
        let (double, pc) = at_the_password().await;
        lose(&double, "password");
        assert_eq!(password(&pc, FIRST).await, no_answer());
        assert_eq!(stage(&password(&pc, FIRST).await.unwrap()), "done");
        let calls = double.seen("password");
        let same =
            |call: &crate::double::Seen| call.key == calls[0].key && call.body == calls[0].body;
        assert!(calls.len() == 4 && calls.iter().all(same));
        assert_eq!(double.passwords(), [FIRST]);
    }
}

#[tokio::test]
async fn a_first_password_is_kept_in_mind_while_nobody_can_say_what_became_of_it() {
    let (double, pc) = at_the_password().await;
    answers_are_lost(&double, "password");
    assert_eq!(password(&pc, FIRST).await, no_answer());
    double.next("recovery", Fault::AnswerLost);
    assert_eq!(password(&pc, SECOND).await, no_answer());
    assert_eq!(password(&pc, SECOND).await, Err(own_problem("wrong-stage")));
    assert_eq!(double.passwords(), [FIRST]);
    assert_eq!(stage(&pc.app.watch(0).await.unwrap()), "done");
}

#[tokio::test]
async fn a_password_that_never_arrived_is_not_set_by_another_button() {
    let (double, pc) = at_the_password().await;
    never_arrives(&double, "password");
    assert_eq!(password(&pc, FIRST).await, no_answer());
    assert_eq!(stage(&pc.app.cancel().await.unwrap()), "ended");
    assert!(double.passwords().is_empty());
}

#[tokio::test]
async fn a_code_that_never_arrived_is_not_tried_for_the_next_one() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start().await;
    pc.begin().await.unwrap();
    never_arrives(&double, "code");
    assert_eq!(pc.code("00000000").await, no_answer());
    assert_eq!(stage(&pc.code("12345678").await.unwrap()), "choice");
    let codes: Vec<_> =
        double.seen("code").into_iter().map(|call| call.body["code"].clone()).collect();
    assert_eq!(codes, ["00000000", "00000000", "00000000", "12345678"]);
    let keys = keys(&double, "code");
    assert_ne!(keys[2], keys[3]);
}

#[tokio::test]
async fn a_code_that_was_right_leads_on_whatever_is_typed_next() {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.app.start().await;
    pc.begin().await.unwrap();
    answers_are_lost(&double, "code");
    assert_eq!(pc.code("12345678").await, no_answer());
    assert_eq!(stage(&pc.code("00000000").await.unwrap()), "choice");
    assert_eq!(double.done(), ["recoveries", "recovery/code"]);
    // The token that came with it is the one in use.
    let next = pc.app.choose_act(Act::Reset).await.unwrap();
    assert_eq!(stage(&next), "new-password");
}

async fn at_the_password() -> (Double, Pc) {
    let double = Double::start().await;
    let pc = Pc::new(&double);
    pc.at_the_password().await;
    (double, pc)
}

async fn password(pc: &Pc, text: &str) -> Result<AnyView, Refusal> {
    pc.app.set_password(Typed::new(text.to_owned())).await
}

/// A gateway answers in place of the service, as long as patience lasts.
fn never_arrives(double: &Double, path: &'static str) {
    let gateway = Fault::Instead(StatusCode::BAD_GATEWAY, "text/html", "<html>");
    (0..3).for_each(|_| double.next(path, gateway.clone()));
}

/// It is done, and the answers are lost as long as patience lasts.
fn answers_are_lost(double: &Double, path: &'static str) {
    (0..3).for_each(|_| double.next(path, Fault::AnswerLost));
}

fn no_answer() -> Result<AnyView, Refusal> {
    Err(Refusal::Unreachable { why: Why::Service })
}

fn keys(double: &Double, path: &str) -> Vec<Option<String>> {
    double.seen(path).into_iter().map(|call| call.key).collect()
}
