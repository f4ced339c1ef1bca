//! Whatever the service says: the tile can draw it, in every language, and nobody is left without
//! words or a way on.

use ed25519_dalek::SigningKey;
use proptest::{collection::vec, prelude::*, sample::select};
use protocol::{
    api::{Ended, MethodKind, Plain, Reason},
    host::{encode, tile},
    id::{DirectoryId, KeyId, OperationId, TenantId},
    sealed::{Binding, OpeningKey, RecipientList},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use password::{PasswordRefusal, PasswordRules};

use super::*;

const ACTS: [Act; 3] = [Act::Unlock, Act::Reset, Act::Change];
const FINDINGS: [Finding; 13] = [
    Finding::Locked,
    Finding::NothingWrong,
    Finding::PasswordExpired,
    Finding::MustChange,
    Finding::NeverUsed,
    Finding::Disabled,
    Finding::AccountExpired,
    Finding::SmartCardOnly,
    Finding::TooNew,
    Finding::Protected,
    Finding::TwoForests,
    Finding::Unreachable,
    Finding::NotSetUp,
];
const REFUSALS: [PasswordRefusal; 9] = [
    PasswordRefusal::TooShort,
    PasswordRefusal::TooLong,
    PasswordRefusal::TooFewClasses,
    PasswordRefusal::ContainsName,
    PasswordRefusal::UnusableCharacter,
    PasswordRefusal::UsedBefore,
    PasswordRefusal::TooNew,
    PasswordRefusal::TooCommon,
    PasswordRefusal::Rules,
];
const ENDED: [Ended; 6] = [
    Ended::Finished,
    Ended::Cancelled,
    Ended::Idle,
    Ended::TooLong,
    Ended::Replaced,
    Ended::TooManyTries,
];
const CALLS: [Call; 7] = [
    Call::ChangeUserId,
    Call::ChooseMethod,
    Call::EnterCode,
    Call::ChooseAct,
    Call::SetPassword,
    Call::Back,
    Call::Cancel,
];
const OVERS: [Over; 7] = [
    Over::Nothing,
    Over::More(0),
    Over::More(usize::MAX),
    Over::UserId,
    Over::Tips,
    Over::Again,
    Over::StillThere,
];

fn reasons() -> Vec<NotDone> {
    let mut all = vec![
        NotDone::Changed,
        NotDone::Protected,
        NotDone::NoAccount,
        NotDone::NoRight,
        NotDone::AgentLimit,
        NotDone::SwitchedOff,
        NotDone::DirectoryUnreachable,
        NotDone::Expired,
        NotDone::NotOpened,
        NotDone::NoAgent,
        NotDone::OldPassword,
        NotDone::TwoForests,
        NotDone::SmartCardOnly,
    ];
    all.extend(REFUSALS.map(NotDone::Password));
    all
}

fn binding() -> Binding {
    Binding {
        tenant: TenantId(Uuid::from_u128(1)),
        operation: OperationId(Uuid::from_u128(2)),
        account: "3".to_owned(),
        expires_at: 1,
    }
}

fn recipients() -> RecipientList {
    let key = OpeningKey::derive(KeyId(Uuid::from_u128(7)), &[7; 32]);
    let signer = SigningKey::from_bytes(&[9; 32]);
    RecipientList::sign(DirectoryId(Uuid::from_u128(8)), 1, 2, vec![key.public()], &signer)
}

fn rules(names: &[&str]) -> PasswordRules {
    PasswordRules {
        min_length: 14,
        max_length: 127,
        min_classes: 3,
        names: names.iter().map(ToString::to_string).collect(),
        history: Some(24),
        min_age_seconds: Some(86_400),
        complete: false,
    }
}

fn offer(id: &str) -> MethodOffer {
    MethodOffer {
        id: id.to_owned(),
        kind: MethodKind::Email,
        mailbox_initial: "a".to_owned(),
        domain_initial: "e".to_owned(),
    }
}

/// Every stage with everything that it can say.
fn stages() -> Vec<Stage> {
    let gates = [Gate { number: 1, of: 1 }, Gate { number: 2, of: 3 }];
    let mut all = vec![Stage::Checking];
    for gate in gates {
        for offers in 1..5 {
            let methods = (0..offers).map(|id| offer(&id.to_string())).collect();
            all.push(Stage::ChooseMethod { gate, methods });
        }
        for (sent_s_ago, good_for_s) in [(0, 600), (70, 530), (600, 0)] {
            let (method, digits, send_again_in_s) = (offer("0"), 8, 30);
            all.push(Stage::EnterCode {
                gate,
                method,
                digits,
                sent_s_ago,
                send_again_in_s,
                good_for_s,
            });
        }
    }
    for finding in FINDINGS {
        for acts in [&ACTS[..], &ACTS[..1], &ACTS[1..2], &ACTS[..2], &ACTS[1..], &[]] {
            all.push(Stage::Choice { finding, acts: acts.to_vec() });
        }
    }
    for refused in REFUSALS.map(Some).into_iter().chain([None]) {
        for first in [true, false] {
            let (rules, binding, recipients) = (rules(&["anna"]), binding(), recipients());
            all.push(Stage::NewPassword { first, rules, binding, recipients, refused });
        }
    }
    for reason in reasons() {
        let (rules, binding, recipients) = (rules(&["anna"]), binding(), recipients());
        let refused = Some(reason);
        all.push(Stage::ChangePassword { rules, binding, recipients, refused });
        for act in ACTS {
            for acts in [&ACTS[..], &ACTS[1..2], &[]] {
                all.push(Stage::NotDone { act, reason, acts: acts.to_vec() });
            }
        }
    }
    for act in ACTS {
        all.extend([Stage::Working { act, since_s: 0 }, Stage::Working { act, since_s: 60 }]);
        all.push(Stage::NotKnown { act });
        for offered in [true, false] {
            all.push(Stage::Done { act, reset_offered: offered, replicates_later: offered });
        }
    }
    all.extend(ENDED.map(|why| Stage::Ended { why }));
    all
}

fn view(stage: Stage, reason: Reason, calls: &[Call], user_id: &str) -> View {
    View {
        case_code: "ABC234".to_owned(),
        user_id: user_id.to_owned(),
        reason,
        stage,
        calls: calls.to_vec(),
        plain: Plain { title: "Title".to_owned(), text: "Text.".to_owned(), action: None },
        ends_in_s: 3_600,
        idle_ends_in_s: None,
        revision: 1,
    }
}

fn served(view: &View) -> AnyView {
    serde_json::from_value(serde_json::to_value(view).unwrap()).unwrap()
}

fn form(language: &str, at: At) -> Form {
    Form {
        words: Words::of(language),
        help: Some(Help {
            name: "IT service desk".to_owned(),
            phone: Some("+49 30 555 01 00".to_owned()),
            hours: Some("every day, 6 to 22".to_owned()),
            url: Some("https://it.northwind.example/help".to_owned()),
        }),
        accepts: AcceptsNewPassword::Unknown,
        first_day: false,
        user_id: "anna.berg@northwind-clinic.example".to_owned(),
        known_user_id: String::new(),
        at,
        over: Over::Nothing,
        error: None,
        sent_again: false,
        looking: false,
    }
}

/// What every page keeps to, whatever was drawn.
fn is_drawable(page: &Page) -> tile::View {
    let view = page.view(7);
    assert!(encode(&protocol::host::app::Ask::View(view.clone())).is_ok());
    assert!(page.fields.len() <= 2 && page.choices.len() <= 2, "{page:?}");
    // A page with fields has a button, and none is without words.
    assert!(page.fields.is_empty() || !page.choices.is_empty(), "{page:?}");
    assert!(page.choices.iter().all(|choice| !choice.words.is_empty()), "{page:?}");
    assert!(page.fields.iter().all(|field| !field.label.is_empty()), "{page:?}");
    for field in view.fields.as_slice() {
        assert!(!field.covered || field.typed.as_str().is_empty());
    }
    view
}

#[test]
fn every_stage_is_drawn_in_every_language_and_nothing_of_ours_is_cut() {
    for language in Words::languages() {
        for stage in stages() {
            for reason in [Reason::CantSignIn, Reason::FirstDay] {
                let view = view(stage.clone(), reason, &CALLS, "anna.berg@northwind.example");
                let mut form = form(language, At::View(served(&view)));
                for over in OVERS {
                    form.over = over;
                    let page = form.page(Duration::from_secs(20));
                    let drawn = is_drawable(&page);
                    assert!(!page.title.is_empty(), "{language} {stage:?}");
                    let text = page.text.join("\n");
                    assert!(page.text.iter().all(|line| !line.is_empty()), "{page:?}");
                    assert_eq!(drawn.title.as_str(), page.title, "{language} {stage:?}");
                    assert_eq!(drawn.text.as_str(), text, "{language} {stage:?}");
                    let choices = drawn.choices.as_slice().iter().zip(&page.choices);
                    for (drawn, choice) in choices {
                        assert_eq!(drawn.as_str(), choice.words, "{language} {stage:?}");
                    }
                }
            }
        }
    }
}

/// A page is waited out, or there is something to press that leads on.
#[test]
fn nobody_is_left_without_a_way_on() {
    for stage in stages() {
        let waits = matches!(stage, Stage::Checking | Stage::Working { .. });
        let any = served(&view(stage.clone(), Reason::CantSignIn, &CALLS, "anna"));
        let page = form("en", At::View(any)).page(Duration::ZERO);
        assert_eq!(page.choices.is_empty(), waits, "{stage:?}");
    }
    for at in [At::UserId, At::OutOfDate, At::Unreachable(Why::Offline)] {
        assert!(!form("en", at).page(Duration::ZERO).choices.is_empty());
    }
}

/// Every call that the view allows can be reached, two choices at a time.
#[test]
fn every_way_that_the_service_offers_is_reached() {
    for stage in stages() {
        let any = served(&view(stage.clone(), Reason::CantSignIn, &CALLS, "anna"));
        let mut form = form("en", At::View(any));
        let mut pressed = Vec::new();
        let mut next = vec![Over::Nothing];
        let mut seen = Vec::new();
        while let Some(over) = next.pop() {
            if seen.contains(&over) {
                continue;
            }
            seen.push(over);
            form.over = over;
            for choice in form.page(Duration::ZERO).choices {
                if let Press::Open(over) = choice.press {
                    next.push(over);
                } else {
                    pressed.push(choice.press);
                }
            }
        }
        let wanted: Vec<Press> = match &stage {
            Stage::ChooseMethod { methods, .. } => {
                let ways = methods.iter().map(|offer| Press::Method(offer.id.clone()));
                ways.chain([Press::Back, Press::UserId]).collect()
            }
            Stage::EnterCode { .. } => {
                vec![Press::Code, Press::SendAgain, Press::Back, Press::UserId]
            }
            Stage::Choice { acts, .. } | Stage::NotDone { acts, .. } => {
                acts.iter().map(|act| Press::Act(*act)).collect()
            }
            Stage::NewPassword { .. } => vec![Press::NewPassword, Press::Back],
            Stage::ChangePassword { .. } => vec![Press::ChangePassword, Press::Back],
            Stage::Done { reset_offered: true, .. } => vec![Press::Act(Act::Reset), Press::Finish],
            Stage::Checking
            | Stage::Working { .. }
            | Stage::Done { .. }
            | Stage::NotKnown { .. }
            | Stage::Ended { .. } => Vec::new(),
        };
        for wanted in wanted {
            assert!(pressed.contains(&wanted), "{stage:?} lacks {wanted:?}");
        }
    }
}

#[test]
fn a_stage_of_a_later_version_is_drawn_by_its_plain_words() {
    let later = json!({
        "stage": {"name": "scan-the-picture"},
        "plain": {"title": "Scan the picture", "text": "With your phone.", "action": "back"},
        "revision": 7,
    });
    let page = form("de", At::View(serde_json::from_value(later).unwrap())).page(Duration::ZERO);
    assert_eq!(
        (page.title.as_str(), page.text[0].as_str()),
        ("Scan the picture", "With your phone.")
    );
    assert_eq!(page.choices, [Choice::new("Weiter".to_owned(), Press::Back)]);
}

#[test]
fn what_a_password_lacks_is_said_in_words_before_it_is_sealed() {
    let form = form("en", At::UserId);
    let rules = rules(&["anna"]);
    assert_eq!(form.unmet("", &rules).unwrap(), "Enter a new password");
    let unmet = form.unmet("Anna1", &rules).unwrap();
    assert!(unmet.contains("at least 14 characters") && unmet.contains("your name"), "{unmet}");
    assert_eq!(form.unmet("Four-green-lanterns-9", &rules), None);
}

/// A code page says nothing that one name has and another has not; a password is nowhere.
#[test]
fn a_code_is_typed_in_the_clear_and_a_password_covered() {
    let covered = |stage: &Stage| {
        let any = served(&view(stage.clone(), Reason::CantSignIn, &CALLS, "anna"));
        let page = form("en", At::View(any)).page(Duration::ZERO).view(1);
        page.fields.as_slice().iter().map(|field| field.covered).collect::<Vec<_>>()
    };
    for stage in stages() {
        let expected: &[bool] = match &stage {
            Stage::EnterCode { .. } => &[false],
            Stage::NewPassword { .. } | Stage::ChangePassword { .. } => &[true, true],
            Stage::ChooseMethod { .. }
            | Stage::Checking
            | Stage::Choice { .. }
            | Stage::Working { .. }
            | Stage::Done { .. }
            | Stage::NotDone { .. }
            | Stage::NotKnown { .. }
            | Stage::Ended { .. } => &[],
        };
        assert_eq!(covered(&stage), expected, "{stage:?}");
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        ".{0,40}".prop_map(Json::from),
        select(vec!["enter-code", "back", "cancel", "done", "reset"]).prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let key =
            select(vec!["stage", "name", "plain", "title", "text", "revision", "calls", "acts"]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            vec((key, inner), 0..6).prop_map(|all| {
                all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Texts of any length and script fit the tile, whatever is over the page.
    #[test]
    fn any_view_becomes_one_of_the_tile(
        stage in select(stages()),
        calls in vec(select(CALLS.to_vec()), 0..8),
        over in select(OVERS.to_vec()),
        language in select(vec!["en", "de", "ar"]),
        texts in vec(".{0,400}", 6),
        age in 0..4_000_u64,
        looking: bool,
    ) {
        let mut view = view(stage, Reason::CantSignIn, &calls, &texts[0]);
        view.case_code.clone_from(&texts[1]);
        match &mut view.stage {
            Stage::ChooseMethod { methods, .. } => {
                for method in methods {
                    method.mailbox_initial.clone_from(&texts[2]);
                }
            }
            Stage::EnterCode { method, .. } => method.domain_initial.clone_from(&texts[2]),
            Stage::NewPassword { rules, .. } | Stage::ChangePassword { rules, .. } => {
                rules.names.push(texts[2].clone());
            }
            Stage::Checking
            | Stage::Choice { .. }
            | Stage::Working { .. }
            | Stage::Done { .. }
            | Stage::NotDone { .. }
            | Stage::NotKnown { .. }
            | Stage::Ended { .. } => {}
        }
        let mut form = form(language, At::View(served(&view)));
        (form.over, form.looking) = (over, looking);
        form.error = Some(texts[3].clone());
        form.user_id.clone_from(&texts[4]);
        form.help = Some(Help { name: texts[5].clone(), ..Help::default() });
        is_drawable(&form.page(Duration::from_secs(age)));
        if let Some(told) = form.told() {
            let _: protocol::host::Text<512> = super::super::page::fit(&told.words);
        }
    }

    /// Nothing that calls itself a view makes the form fall over.
    #[test]
    fn any_json_is_drawn_or_is_no_view(
        stage in select(stages()),
        at in select(vec!["/stage", "/calls", "/plain/text", "/plain/action", "/user_id", "/ends_in_s", "/idle_ends_in_s", "/stage/acts", "/stage/digits", ""]),
        wild in any_json(),
    ) {
        let view = view(stage, Reason::CantSignIn, &CALLS, "anna");
        let mut json = serde_json::to_value(&view).unwrap();
        if let Some(place) = json.pointer_mut(at) {
            *place = wild;
        }
        if let Ok(any) = serde_json::from_value::<AnyView>(json) {
            let (_, _) = (any.ends_in_s(), any.idle_ends_in_s());
            let form = form("en", At::View(any));
            is_drawable(&form.page(Duration::from_secs(5)));
            form.told();
        }
    }
}
