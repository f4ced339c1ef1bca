//! Every stage times every call, generated from the step table; and random walks, which must
//! never reach a change without the gates, nor do anything after the end.
#![expect(clippy::wildcard_enum_match_arm, reason = "the rest of the walk is the same")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

use proptest::prelude::*;
use recovery::{
    Act, ActFailure, Call, CodeVerdict, Ended, Event, Finding, Method, OutcomeKind, Policy,
    Refusal, Session, Span, Stage, StageName, Times, Timestamp, Trigger, next_of,
};

const NOW: Timestamp = Timestamp(1_000_000_000);

fn right() -> CodeVerdict {
    CodeVerdict::Right { address_version: 1, code: [1; 16] }
}

/// A session that stands at `stage` by legal steps only.
fn standing_at(stage: StageName) -> Session {
    let mut s = Session::begin(Policy::default(), NOW);
    if stage == StageName::ChooseMethod {
        return s;
    }
    if stage == StageName::CannotRecover {
        s.cannot_recover(Finding::Disabled).unwrap();
        return s;
    }
    s.choose_method(Method::Email, NOW).unwrap();
    if stage == StageName::EnterCode {
        return s;
    }
    if stage == StageName::Ended {
        s.cancel(NOW).unwrap();
        return s;
    }
    s.enter_code(right(), NOW).unwrap();
    if stage == StageName::Checking {
        return s;
    }
    if stage == StageName::ChangePassword {
        s.checked(Finding::PasswordExpired, 2, NOW).unwrap();
        s.choose_act(Act::Change, &Policy::default(), NOW).unwrap();
        return s;
    }
    s.checked(Finding::Locked, 2, NOW).unwrap();
    if stage == StageName::Choice {
        return s;
    }
    if stage == StageName::NewPassword {
        s.choose_act(Act::Reset, &Policy::default(), NOW).unwrap();
        return s;
    }
    s.choose_act(Act::Unlock, &Policy::default(), NOW).unwrap();
    let outcome = match stage {
        StageName::Done => OutcomeKind::Done,
        StageName::NotDone => OutcomeKind::Failed(ActFailure::Other),
        StageName::NotKnown => OutcomeKind::NotKnown,
        _ => return s,
    };
    s.outcome(outcome, NOW).unwrap();
    s
}

fn make(s: &mut Session, call: Call, now: Timestamp) -> Result<(), Refusal> {
    let policy = Policy::default();
    match call {
        Call::ChangeUserId => s.change_user_id(now),
        Call::ChooseMethod => s.choose_method(Method::Email, now),
        Call::EnterCode => s.enter_code(right(), now),
        Call::ChooseAct => {
            // Whichever is offered first: an unlock, a change or a reset.
            let act = s.acts().first().copied().unwrap_or(Act::Reset);
            s.choose_act(act, &policy, now)
        }
        Call::SetPassword => s.set_password(&policy, now),
        Call::Back => s.back(now),
        Call::Cancel => s.cancel(now),
    }
}

#[test]
fn every_stage_takes_exactly_the_calls_of_the_table() {
    // Past the wait before sending again, within every other time.
    let now = NOW.plus(Span::seconds(40));
    for stage in StageName::ALL {
        for call in Call::ALL {
            let mut session = standing_at(stage);
            assert_eq!(session.name(), stage);
            let offered = session.calls().contains(&call);
            let before = session.clone();
            let answer = make(&mut session, call, now);
            assert_eq!(answer.is_ok(), offered, "{stage:?} {call:?}: {answer:?}");
            if offered {
                assert!(next_of(stage, Trigger::Call(call)).contains(&session.name()));
            } else {
                assert_eq!(session, before, "a refused call changed something");
                let expected =
                    if stage == StageName::Ended { Refusal::Ended } else { Refusal::WrongStage };
                assert_eq!(answer, Err(expected));
            }
        }
    }
}

#[test]
fn every_stage_takes_exactly_the_events_of_the_table() {
    for stage in StageName::ALL {
        for event in Event::ALL {
            let mut session = standing_at(stage);
            let allowed = !next_of(stage, Trigger::Event(event)).is_empty();
            let took = match event {
                Event::CannotRecover => session.cannot_recover(Finding::NotSetUp).is_ok(),
                Event::Checked => session.checked(Finding::Locked, 2, NOW).is_ok(),
                Event::Outcome => session.outcome(OutcomeKind::Done, NOW).is_ok(),
                Event::Expired => session.expire(NOW.plus(Times::RECOVERY)),
            };
            assert_eq!(took, allowed, "{stage:?} {event:?}");
        }
    }
}

#[test]
fn a_passed_gate_becomes_stale_and_is_asked_again_alone() {
    let mut session = standing_at(StageName::Choice);
    let late = NOW.plus(Times::GATE);
    session.choose_act(Act::Reset, &Policy::default(), late).unwrap();
    assert_eq!(session.stage, Stage::ChooseMethod);
    assert!(session.passed.is_empty());
}

#[test]
fn a_policy_made_stricter_on_the_way_holds() {
    let mut session = standing_at(StageName::Choice);
    let no_mail = Policy { methods: Vec::new(), ..Policy::default() };
    session.choose_act(Act::Reset, &no_mail, NOW).unwrap();
    assert_eq!(session.stage, Stage::ChooseMethod);
    assert!(session.methods().is_empty(), "mail does not count any more");

    let mut session = standing_at(StageName::Choice);
    let reset_only = Policy { unlock: false, ..Policy::default() };
    assert_eq!(session.choose_act(Act::Unlock, &reset_only, NOW), Err(Refusal::ActNotOffered));
}

#[test]
fn a_gate_passed_with_an_address_that_was_corrected_since_is_asked_again() {
    let mut session = standing_at(StageName::Choice);
    session.keep_passes_of(1);
    assert_eq!(session.passed.len(), 1);
    session.keep_passes_of(2);
    session.choose_act(Act::Reset, &Policy::default(), NOW).unwrap();
    assert_eq!(session.stage, Stage::ChooseMethod);
}

#[test]
fn after_five_other_user_ids_a_new_beginning_is_due() {
    let mut session = Session::begin(Policy::default(), NOW);
    for _ in 0..Session::MOST_CHANGES {
        session.change_user_id(NOW).unwrap();
    }
    assert_eq!(session.change_user_id(NOW), Err(Refusal::WrongStage));
}

#[test]
fn an_unlock_may_be_followed_by_one_reset() {
    let mut session = standing_at(StageName::Done);
    assert_eq!(session.acts(), [Act::Reset]);
    session.choose_act(Act::Reset, &Policy::default(), NOW).unwrap();
    session.back(NOW).unwrap();
    assert_eq!(session.stage, Stage::Done { act: Act::Unlock });
    session.choose_act(Act::Reset, &Policy::default(), NOW).unwrap();
    session.set_password(&Policy::default(), NOW).unwrap();
    session.outcome(OutcomeKind::Done, NOW).unwrap();
    assert!(session.acts().is_empty());
}

/// A session at the choice, of a person whose password has run out.
fn expired_password(present_tries: u16, drawn: Vec<StageName>) -> Session {
    let mut session = Session::begin(Policy::default(), NOW).drawn_by(drawn);
    session.choose_method(Method::Email, NOW).unwrap();
    session.enter_code(right(), NOW).unwrap();
    session.checked(Finding::PasswordExpired, present_tries, NOW).unwrap();
    session
}

#[test]
fn a_change_is_offered_first_to_whom_it_can_help_and_who_can_draw_it() {
    let all = StageName::ALL.to_vec();
    assert_eq!(expired_password(2, all.clone()).acts(), [Act::Change, Act::Reset]);
    let mut cannot = expired_password(0, all.clone());
    assert_eq!(cannot.acts(), [Act::Reset]);
    let asked = cannot.choose_act(Act::Change, &Policy::default(), NOW);
    assert_eq!(asked, Err(Refusal::ActNotOffered));
    let older = all.into_iter().filter(|stage| *stage != StageName::ChangePassword).collect();
    assert_eq!(expired_password(2, older).acts(), [Act::Reset], "an app of before");
}

#[test]
fn after_the_last_wrong_present_password_only_a_reset_is_offered() {
    let mut session = expired_password(2, StageName::ALL.to_vec());
    let policy = Policy::default();
    session.choose_act(Act::Change, &policy, NOW).unwrap();
    session.set_password(&policy, NOW).unwrap();
    assert_eq!(session.stage, Stage::Working { act: Act::Change, since: NOW });
    let failed = |why| OutcomeKind::Failed(why);
    session.outcome(failed(ActFailure::PresentPasswordWrong), NOW).unwrap();
    assert_eq!(session.stage, Stage::ChangePassword { refused: true });
    session.set_password(&policy, NOW).unwrap();
    session.outcome(failed(ActFailure::PresentPasswordWrong), NOW).unwrap();
    assert_eq!(session.stage, Stage::NotDone { act: Act::Change });
    assert_eq!(session.acts(), [Act::Reset]);
    session.choose_act(Act::Reset, &policy, NOW).unwrap();
    session.back(NOW).unwrap();
    assert_eq!((&session.stage, session.acts()), (&Stage::Choice, vec![Act::Reset]));
}

#[test]
fn what_may_pass_leaves_the_change_on_offer() {
    let mut session = expired_password(2, StageName::ALL.to_vec());
    let policy = Policy::default();
    session.choose_act(Act::Change, &policy, NOW).unwrap();
    session.back(NOW).unwrap();
    assert_eq!(session.stage, Stage::Choice);
    session.choose_act(Act::Change, &policy, NOW).unwrap();
    session.set_password(&policy, NOW).unwrap();
    session.outcome(OutcomeKind::Failed(ActFailure::PasswordRefused), NOW).unwrap();
    assert_eq!(session.stage, Stage::ChangePassword { refused: true });
    session.set_password(&policy, NOW).unwrap();
    session.outcome(OutcomeKind::Failed(ActFailure::Other), NOW).unwrap();
    assert_eq!(session.acts(), [Act::Change, Act::Reset]);
    session.choose_act(Act::Change, &policy, NOW).unwrap();
    session.set_password(&policy, NOW).unwrap();
    session.outcome(OutcomeKind::Done, NOW).unwrap();
    assert_eq!(session.stage, Stage::Done { act: Act::Change });
    assert!(session.acts().is_empty());
}

#[test]
fn waiting_for_a_code_is_not_idleness_but_sixty_minutes_are_the_end() {
    let mut session = standing_at(StageName::EnterCode);
    assert!(!session.expire(NOW.plus(Span::minutes(14))));
    assert!(session.expire(NOW.plus(Span::minutes(15))));
    assert_eq!(session.stage, Stage::Ended { why: Ended::Idle });

    let mut session = standing_at(StageName::Choice);
    assert!(session.expire(NOW.plus(Span::minutes(5))));

    let mut session = standing_at(StageName::Working);
    assert!(!session.expire(NOW.plus(Span::hours(2))), "a change under way is told");
}

#[derive(Clone, Debug)]
enum Push {
    Call(Call),
    Code(bool),
    Checked(Finding),
    Outcome(u8),
    Wait(i64),
}

fn pushes() -> impl Strategy<Value = Vec<Push>> {
    let call = proptest::sample::select(Call::ALL.to_vec()).prop_map(Push::Call);
    let findings =
        vec![Finding::Locked, Finding::NothingWrong, Finding::PasswordExpired, Finding::Disabled];
    let push = prop_oneof![
        4 => call,
        3 => any::<bool>().prop_map(Push::Code),
        2 => proptest::sample::select(findings).prop_map(Push::Checked),
        2 => (0..6_u8).prop_map(Push::Outcome),
        1 => (0..400_i64).prop_map(Push::Wait),
    ];
    proptest::collection::vec(push, 1..60)
}

proptest! {
    #[test]
    fn no_walk_changes_anything_without_a_fresh_gate(walk in pushes()) {
        let mut session = Session::begin(Policy::default(), NOW);
        let mut now = NOW;
        let mut right_code_at = None;
        for push in walk {
            let ended_before = session.name() == StageName::Ended;
            let before = session.clone();
            session.expire(now);
            match push {
                Push::Wait(seconds) => now = now.plus(Span::seconds(seconds)),
                Push::Call(Call::EnterCode) | Push::Code(false) => {
                    let _ = session.enter_code(CodeVerdict::Wrong, now);
                }
                Push::Code(true) => {
                    if session.enter_code(right(), now).is_ok() {
                        right_code_at = Some(now);
                    }
                }
                Push::Call(call) => { let _ = make(&mut session, call, now); }
                Push::Checked(finding) => { let _ = session.checked(finding, 2, now); }
                Push::Outcome(0) => { let _ = session.outcome(OutcomeKind::Done, now); }
                Push::Outcome(1) => { let _ = session.outcome(OutcomeKind::NotKnown, now); }
                Push::Outcome(2) => {
                    let _ = session.outcome(OutcomeKind::Failed(ActFailure::PasswordRefused), now);
                }
                Push::Outcome(3) => {
                    let wrong = ActFailure::PresentPasswordWrong;
                    let _ = session.outcome(OutcomeKind::Failed(wrong), now);
                }
                Push::Outcome(4) => {
                    let _ = session.outcome(OutcomeKind::Failed(ActFailure::NoMoreChanges), now);
                }
                Push::Outcome(_) => {
                    let _ = session.outcome(OutcomeKind::Failed(ActFailure::Other), now);
                }
            }
            if ended_before {
                prop_assert_eq!(&session, &before, "something happened after the end");
            }
            let began_working = session.name() == StageName::Working
                && before.name() != StageName::Working;
            if began_working {
                let fresh = right_code_at.is_some_and(|at| now.since(at) < Times::GATE);
                prop_assert!(fresh, "a change began without a fresh gate");
                prop_assert!(session.finding.is_some_and(|f| !f.acts(&session.policy).is_empty()));
            }
        }
    }
}
