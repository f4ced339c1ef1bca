//! Flows with moved time.
//!
//! Long: the promises of one state machine.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test names what it looks for")]

use proptest::prelude::*;
use protocol::host::{Blob, Exactly, Few, SecretText, app::Part, statement::Wanted};
use zeroize::Zeroizing;

use super::*;
use crate::table::{APP, AppKind, TILE_MAY};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn words() -> Words {
    Words::of(&Text::default())
}

/// What effects are, in words that can be compared.
fn told(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(word).collect()
}

fn word(effect: &Effect) -> String {
    use tile::Tell;
    match effect {
        Effect::Greet { .. } => "greet".into(),
        Effect::Admit { .. } => "admit".into(),
        Effect::Tell(Tell::Status(_)) => "status".into(),
        Effect::Tell(Tell::View(view)) => format!("view {}", view.number),
        Effect::Tell(Tell::End { outcome, grant, .. }) => format!("end {outcome:?} {grant}"),
        Effect::Tell(Tell::Grant(grant)) => format!("grant {}", grant.user.as_str()),
        Effect::Tell(Tell::NoGrant) => "no grant".into(),
        Effect::Tell(Tell::Refused { .. }) => "refused".into(),
        Effect::Tell(Tell::Tile(_) | Tell::NotHere(_)) => "tile".into(),
        Effect::Tell(Tell::Foreground { process }) => format!("in front {process}"),
        Effect::Launch(attempt) => format!("launch {attempt:?}"),
        Effect::Say(app::Tell::Cancel(cause)) => format!("cancel {cause:?}"),
        Effect::Say(app::Tell::Answer(answer)) => format!("answer {}", answer.choice),
        Effect::Say(_) => "say".into(),
        Effect::Answer(_) => "desk".into(),
        Effect::Kill => "kill".into(),
        Effect::EndedBadly => "bad".into(),
        Effect::EndedWell => "well".into(),
        Effect::SignedIn(signed_in) => format!("in {signed_in}"),
        Effect::Over => "over".into(),
    }
}

fn launched() -> Event {
    Event::Launched { process: Some(42) }
}

fn closed() -> Event {
    Event::Closed { clean: true }
}

/// What an app said, with the end that follows once all is closed.
fn and_closed(flow: &mut Flow, event: Event, now: Duration) -> Vec<String> {
    let mut all = told(&flow.on(event, now));
    all.extend(told(&flow.on(closed(), now)));
    all
}

fn hello() -> tile::Ask {
    tile::Ask::Hello { scenario: tile::Scenario::Logon, session: 1, language: Text::default() }
}

fn start(form: Form) -> tile::Ask {
    let (scenario, way) = (tile::Scenario::Logon, Way::CannotSignIn);
    tile::Ask::Start { who: None, session: 1, scenario, way, form }
}

fn view(number: u32) -> View {
    let choices = Few::new(vec![Text::cut("Continue")]).unwrap();
    View { number, title: Text::cut("t"), text: Text::cut("x"), fields: Few::none(), choices }
}

fn answer(number: u32) -> tile::Ask {
    tile::Ask::Answer(tile::Answer { number, choice: 0, typed: Few::none() })
}

fn ending(outcome: Outcome, user: Option<&str>) -> app::Ask {
    let sign_in = user.map(|user| Grant {
        user: Text::cut(user),
        domain: Text::cut("AD"),
        password: SecretText::new(Zeroizing::new("geheim".into())).unwrap(),
    });
    app::Ask::Outcome(Ending { outcome, words: Text::cut("Done."), sign_in })
}

/// A flow whose app is drawn at second 2.
fn running(form: Form, sign_in: SignIn) -> Flow {
    let mut flow = Flow::of_tile(at(0), words());
    assert_eq!(told(&flow.on(Event::Tile(hello()), at(0))), ["greet"]);
    assert_eq!(told(&flow.on(Event::Tile(start(form)), at(0))), ["admit"]);
    flow.on(Event::Admitted { form, sign_in }, at(0));
    let in_front: &[&str] = if form == Form::Full { &["in front 42"] } else { &[] };
    assert_eq!(told(&flow.on(launched(), at(1))), in_front);
    assert_eq!(told(&flow.on(Event::App(app::Ask::Ready), at(2))), in_front);
    flow
}

#[test]
fn a_recovery_runs_and_its_grant_is_taken_once() {
    let mut flow = running(Form::Full, SignIn::Anybody);
    let asks = Wanted::Assertion { nonce: Exactly([0; 32]), run_key: Exactly([0; 32]) };
    assert_eq!(told(&flow.on(Event::App(app::Ask::Sign(asks)), at(3))), ["desk"]);
    assert!(flow.on(Event::App(ending(Outcome::Done, Some("anna"))), at(9)).is_empty());
    let end = and_closed(&mut flow, Event::App(app::Ask::End), at(9));
    assert_eq!(end, ["kill", "well", "end Done true"]);
    assert_eq!(told(&flow.on(Event::Tile(tile::Ask::TakeGrant), at(10))), ["grant anna"]);
    assert_eq!(told(&flow.on(Event::Tile(tile::Ask::TakeGrant), at(10))), ["no grant"]);
    // The sign-in itself changes the session.
    assert!(flow.on(Event::Stop(Cause::Session), at(11)).is_empty());
    let over = flow.on(Event::Tile(tile::Ask::LogonResult { signed_in: true }), at(12));
    assert_eq!(told(&over), ["in true", "over"]);
}

#[test]
fn a_grant_is_gone_after_a_minute_or_with_the_session() {
    let ended = || {
        let mut flow = running(Form::Full, SignIn::Anybody);
        flow.on(Event::App(ending(Outcome::Done, Some("anna"))), at(9));
        and_closed(&mut flow, Event::App(app::Ask::End), at(9));
        flow
    };
    let mut flow = ended();
    assert!(flow.on(Event::Time, at(68)).is_empty());
    assert_eq!(told(&flow.on(Event::Time, at(69))), ["over"]);
    let mut flow = ended();
    assert_eq!(told(&flow.on(Event::Stop(Cause::Session), at(10))), ["over"]);
    let mut flow = ended();
    assert_eq!(told(&flow.on(Event::TileGone, at(10))), ["over"]);
}

#[test]
fn only_the_one_who_may_be_signed_in_gets_a_grant() {
    let granted = |sign_in: SignIn, outcome, user: &str| {
        let mut flow = running(Form::Full, sign_in);
        flow.on(Event::App(ending(outcome, Some(user))), at(9));
        let end = and_closed(&mut flow, Event::App(app::Ask::End), at(9));
        end.last().unwrap().ends_with("true")
    };
    let only = |name: &str| SignIn::Only(Text::cut(name));
    assert!(!granted(SignIn::Never, Outcome::Done, "anna"));
    assert!(!granted(SignIn::Anybody, Outcome::NotDone, "anna"));
    assert!(granted(only("anna"), Outcome::Done, "Anna"));
    assert!(granted(only(r"ad\anna"), Outcome::Done, "anna"));
    assert!(!granted(only(r"ad\anna"), Outcome::Done, "ben"));
    assert!(!granted(only("anna"), Outcome::Done, "ben"));
}

#[test]
fn an_app_that_shows_nothing_is_tried_without_the_graphics_processor_and_then_in_the_tile() {
    let mut flow = Flow::of_tile(at(0), words());
    flow.on(Event::Tile(hello()), at(0));
    flow.on(Event::Tile(start(Form::Full)), at(0));
    let admitted = Event::Admitted { form: Form::Full, sign_in: SignIn::Never };
    assert_eq!(told(&flow.on(admitted, at(0))), ["status", "launch Full"]);
    flow.on(launched(), at(1));
    assert!(flow.on(Event::Time, at(15)).is_empty());
    assert_eq!(told(&flow.on(Event::Time, at(16))), ["kill", "status"]);
    assert_eq!(told(&flow.on(closed(), at(17))), ["launch WithoutGpu"]);
    flow.on(launched(), at(17));
    // This one falls over at once.
    let gone = and_closed(&mut flow, Event::AppGone, at(18));
    assert_eq!(gone, ["bad", "kill", "status", "launch Simple"]);
    flow.on(launched(), at(19));
    flow.on(Event::App(app::Ask::Ready), at(20));
    assert_eq!(told(&flow.on(Event::App(app::Ask::View(view(1))), at(20))), ["view 1"]);
    assert_eq!(told(&flow.on(Event::Tile(answer(1)), at(21))), ["answer 0"]);
}

#[test]
fn when_nothing_can_be_started_the_tile_says_so() {
    let mut flow = Flow::of_tile(at(0), words());
    flow.on(Event::Tile(hello()), at(0));
    flow.on(Event::Tile(start(Form::Full)), at(0));
    flow.on(Event::Admitted { form: Form::Full, sign_in: SignIn::Never }, at(0));
    assert_eq!(told(&flow.on(Event::NotLaunched, at(1))), ["status", "launch WithoutGpu"]);
    assert_eq!(told(&flow.on(Event::NotLaunched, at(2))), ["status", "launch Simple"]);
    assert_eq!(told(&flow.on(Event::NotLaunched, at(3))), ["end Failed false"]);
}

#[test]
fn an_answer_counts_once_and_for_the_view_that_is_shown() {
    let mut flow = running(Form::Simple, SignIn::Never);
    assert!(flow.on(Event::Tile(answer(1)), at(3)).is_empty(), "to nothing");
    flow.on(Event::App(app::Ask::View(view(1))), at(3));
    flow.on(Event::App(app::Ask::View(view(2))), at(3));
    assert!(flow.on(Event::Tile(answer(1)), at(4)).is_empty(), "to one that is gone");
    assert_eq!(told(&flow.on(Event::Tile(answer(2)), at(4))), ["answer 0"]);
    assert!(flow.on(Event::Tile(answer(2)), at(4)).is_empty(), "twice");
}

#[test]
fn whoever_leaves_stays_away_or_takes_too_long_ends_it() {
    let mut flow = running(Form::Full, SignIn::Anybody);
    let cancel = flow.on(Event::Tile(tile::Ask::Cancel), at(5));
    assert_eq!(told(&cancel), ["cancel Person"]);
    assert!(flow.on(Event::Time, at(6)).is_empty());
    let end = and_closed(&mut flow, Event::Time, at(7));
    assert_eq!(end, ["kill", "well", "end Cancelled false"]);

    let mut flow = running(Form::Full, SignIn::Never);
    flow.on(Event::App(app::Ask::Present), at(300));
    assert!(flow.on(Event::Time, at(629)).is_empty());
    assert_eq!(told(&flow.on(Event::Time, at(630))), ["cancel Idle"]);
    // The host's own words stand where the app has none.
    let silent = Ending { outcome: Outcome::Cancelled, words: Text::default(), sign_in: None };
    flow.on(Event::App(app::Ask::Outcome(silent)), at(631));
    flow.on(Event::App(app::Ask::End), at(631));
    let end = flow.on(closed(), at(631));
    let [Effect::Tell(tile::Tell::End { words: said, .. })] = end.as_slice() else { panic!("end") };
    assert_eq!(said.as_str(), words().away());

    let mut flow = running(Form::Full, SignIn::Never);
    for minute in 1..61 {
        flow.on(Event::App(app::Ask::Present), at(minute * 60));
    }
    assert_eq!(told(&flow.on(Event::Time, at(3660))), ["cancel Time"]);

    for cause in [Cause::Session, Cause::Power] {
        let mut flow = running(Form::Full, SignIn::Never);
        assert_eq!(told(&flow.on(Event::Stop(cause), at(5))), [format!("cancel {cause:?}")]);
    }
    let mut flow = running(Form::Full, SignIn::Never);
    assert_eq!(told(&flow.on(Event::TileGone, at(5))), ["cancel Tile"]);
}

#[test]
fn what_was_done_is_told_although_somebody_cancelled_meanwhile() {
    let mut flow = running(Form::Full, SignIn::Anybody);
    flow.on(Event::Tile(tile::Ask::Cancel), at(5));
    // A view that crossed the cancel is nothing; the outcome is something.
    assert!(flow.on(Event::App(app::Ask::Present), at(5)).is_empty());
    assert!(flow.on(Event::App(ending(Outcome::Done, Some("anna"))), at(6)).is_empty());
    let end = and_closed(&mut flow, Event::App(app::Ask::End), at(6));
    assert_eq!(end, ["kill", "well", "end Done false"], "but nobody is signed in");
}

#[test]
fn an_app_that_breaks_the_rules_is_ended_at_once() {
    let broken = ["cancel Rules", "bad", "kill", "end Failed false"];
    let says = |ask| {
        let mut flow = running(Form::Full, SignIn::Never);
        and_closed(&mut flow, Event::App(ask), at(3))
    };
    assert_eq!(says(app::Ask::Ready), broken, "ready twice");
    assert_eq!(says(app::Ask::View(view(1))), broken, "no tile");
    assert_eq!(says(app::Ask::Facts), broken, "no report");
    assert_eq!(says(app::Ask::End), broken, "without an outcome");
    let mut flow = running(Form::Full, SignIn::Never);
    assert_eq!(and_closed(&mut flow, Event::AppFloods, at(3)), broken, "too many questions");
    let mut flow = running(Form::Full, SignIn::Never);
    flow.on(Event::App(ending(Outcome::Done, None)), at(3));
    let twice = Event::App(ending(Outcome::Done, None));
    assert_eq!(and_closed(&mut flow, twice, at(3)), broken, "twice");
    assert!(flow.on(Event::App(app::Ask::End), at(3)).is_empty(), "it is dead");
}

#[test]
fn a_crash_goes_back_to_the_tile() {
    let mut flow = running(Form::Full, SignIn::Never);
    let gone = and_closed(&mut flow, Event::AppGone, at(3));
    assert_eq!(gone, ["bad", "kill", "end Failed false"]);
}

#[test]
fn a_tile_that_breaks_the_rules_loses_its_connection_and_the_app() {
    let mut flow = Flow::of_tile(at(0), words());
    assert_eq!(told(&flow.on(Event::Tile(start(Form::Full)), at(0))), ["over"]);
    let mut flow = Flow::of_tile(at(0), words());
    flow.on(Event::Tile(hello()), at(0));
    assert_eq!(told(&flow.on(Event::Tile(tile::Ask::TakeGrant), at(0))), ["over"]);
    let mut flow = running(Form::Full, SignIn::Never);
    assert_eq!(told(&flow.on(Event::Tile(start(Form::Full)), at(3))), ["kill"]);
    assert!(flow.on(Event::Tile(tile::Ask::Cancel), at(3)).is_empty(), "it is heard no more");
    assert_eq!(told(&flow.on(closed(), at(4))), ["over"]);
}

#[test]
fn one_that_left_while_the_app_was_started_leaves_nothing_behind() {
    let mut flow = Flow::of_tile(at(0), words());
    flow.on(Event::Tile(hello()), at(0));
    flow.on(Event::Tile(start(Form::Full)), at(0));
    flow.on(Event::Admitted { form: Form::Full, sign_in: SignIn::Never }, at(0));
    flow.on(Event::Tile(tile::Ask::Cancel), at(1));
    assert!(flow.is_closing());
    let end = and_closed(&mut flow, launched(), at(2));
    assert_eq!(end, ["kill", "well", "end Cancelled false"]);
}

fn launching() -> Flow {
    let mut flow = Flow::of_tile(at(0), words());
    flow.on(Event::Tile(hello()), at(0));
    flow.on(Event::Tile(start(Form::Full)), at(0));
    let admitted = Event::Admitted { form: Form::Full, sign_in: SignIn::Never };
    assert_eq!(told(&flow.on(admitted, at(0))), ["status", "launch Full"]);
    flow
}

/// There is one account: its end is told once nothing of it is open any more, however long that
/// takes, and the person hears that it takes long.
#[test]
fn a_start_that_is_under_way_is_waited_for_however_long_it_takes() {
    let mut flow = launching();
    assert!(flow.on(Event::Tile(tile::Ask::Cancel), at(1)).is_empty());
    assert!(flow.on(Event::Time, at(2)).is_empty());
    assert_eq!(told(&flow.on(Event::Time, at(3))), ["status"], "it takes long");
    for later in 4..60 {
        assert!(flow.on(Event::Time, at(later)).is_empty(), "once");
    }
    assert_eq!(told(&flow.on(launched(), at(60))), ["kill", "well"]);
    assert_eq!(told(&flow.on(Event::Time, at(62))), ["status"], "and so does this");
    assert_eq!(told(&flow.on(closed(), at(63))), ["end Cancelled false"]);

    let mut flow = launching();
    flow.on(Event::TileGone, at(1));
    assert!(!flow.is_over(), "it is under way");
    assert_eq!(told(&flow.on(launched(), at(2))), ["kill", "well"]);
    assert_eq!(told(&flow.on(closed(), at(3))), ["end Cancelled false", "over"]);

    let mut flow = launching();
    flow.on(Event::Stop(Cause::Power), at(1));
    let end = told(&flow.on(Event::NotLaunched, at(2)));
    assert_eq!(end, ["well", "end Cancelled false"]);
}

#[test]
fn the_next_attempt_waits_until_the_one_before_is_closed_or_is_none() {
    let winding = || {
        let mut flow = launching();
        flow.on(launched(), at(1));
        assert_eq!(told(&flow.on(Event::AppGone, at(2))), ["bad", "kill", "status"]);
        assert!(flow.on(Event::Time, at(3)).is_empty());
        flow
    };
    let mut flow = winding();
    assert_eq!(told(&flow.on(closed(), at(3))), ["launch WithoutGpu"]);
    // Something of it still runs.
    let mut flow = winding();
    let end = told(&flow.on(Event::Closed { clean: false }, at(3)));
    assert_eq!(end, ["end Failed false"]);
    // Nobody waits for it any more.
    let mut flow = winding();
    assert!(flow.on(Event::Tile(tile::Ask::Cancel), at(3)).is_empty());
    assert_eq!(told(&flow.on(closed(), at(3))), ["end Cancelled false"]);
    let mut flow = winding();
    assert!(flow.on(Event::TileGone, at(3)).is_empty());
    assert_eq!(told(&flow.on(closed(), at(3))), ["over"]);
}

#[test]
fn what_an_app_says_is_drawn_four_times_a_second_the_newest() {
    let millis = Duration::from_millis;
    let status = |words| Event::App(app::Ask::Status(Text::cut(words)));
    let show = |number| Event::App(app::Ask::View(view(number)));
    let mut flow = running(Form::Simple, SignIn::Never);
    assert_eq!(told(&flow.on(show(1), millis(3000))), ["view 1"]);
    assert!(flow.on(status("soon"), millis(3001)).is_empty());
    assert!(flow.on(show(2), millis(3100)).is_empty());
    assert!(flow.on(show(3), millis(3200)).is_empty());
    assert!(flow.holds_news());
    assert!(flow.on(Event::Time, millis(3249)).is_empty());
    assert_eq!(told(&flow.on(Event::Time, millis(3250))), ["view 3"], "the newest");
    assert!(!flow.holds_news());
    assert!(flow.on(show(4), millis(3300)).is_empty());
    assert!(flow.on(status("now"), millis(3300)).is_empty());
    // Nobody's clock went on, but the pause went by.
    assert_eq!(told(&flow.on(Event::Pause, millis(3300))), ["view 4", "status"]);
    // An answer counts for the newest, also before it is drawn.
    assert!(flow.on(show(5), millis(3310)).is_empty());
    assert!(flow.on(Event::Tile(answer(4)), millis(3320)).is_empty());
    // Nothing is drawn any more after the end.
    flow.on(Event::Tile(tile::Ask::Cancel), millis(3330));
    assert!(!flow.holds_news());
    assert!(flow.on(Event::Pause, millis(4000)).is_empty());
}

/// Of each message that may come often: so many are plenty, and ten times that is an end.
#[test]
fn whoever_says_anything_without_end_is_ended() {
    let part = Part { part: 0, of: 1, bytes: Blob::new([]).unwrap() };
    let sign = Wanted::Assertion { nonce: Exactly([0; 32]), run_key: Exactly([0; 32]) };
    let asks: [(&dyn Fn() -> app::Ask, usize); 8] = [
        (&|| app::Ask::Status(Text::default()), 40),
        (&|| app::Ask::View(view(1)), 40),
        (&|| app::Ask::Put { slot: app::Slot::Resume, part: part.clone() }, 600),
        (&|| app::Ask::Get { slot: app::Slot::Resume, part: 0 }, 600),
        (&|| app::Ask::Sign(sign), 80),
        (&|| app::Ask::Pc, 12),
        (&|| app::Ask::Connect, 12),
        (&|| app::Ask::Present, 30),
    ];
    for (ask, most) in asks {
        let name = AppKind::of(&ask());
        let mut flow = running(Form::Simple, SignIn::Never);
        for _ in 0..most {
            let effects = flow.on(Event::App(ask()), at(3));
            assert!(!effects.iter().any(|effect| matches!(effect, Effect::Kill)), "{name:?}");
        }
        let broken = told(&flow.on(Event::App(ask()), at(3)));
        assert_eq!(broken, ["cancel Rules", "bad", "kill"], "{name:?}");
        // At its pace it goes on for ever.
        let mut flow = running(Form::Simple, SignIn::Never);
        for second in 3..300 {
            if second % 10 == 0 {
                flow.on(Event::App(app::Ask::Present), at(second));
            }
            if second % 5 == 0 {
                let effects = flow.on(Event::App(ask()), at(second));
                assert!(!effects.iter().any(|effect| matches!(effect, Effect::Kill)), "{name:?}");
            }
        }
    }
    // The tile as well.
    let mut flow = running(Form::Simple, SignIn::Never);
    let floods = (0..1000).any(|_| told(&flow.on(Event::Tile(answer(1)), at(3))) == ["kill"]);
    assert!(floods, "answers without end");
    let mut flow = launching();
    for _ in 0..1000 {
        flow.on(Event::Tile(tile::Ask::Cancel), at(3));
    }
    flow.on(launched(), at(4));
    assert_eq!(told(&flow.on(closed(), at(4))), ["end Cancelled false", "over"], "cancels");
}

#[test]
fn a_tile_that_says_nothing_more_loses_its_connection() {
    let mut flow = Flow::of_tile(at(100), words());
    assert!(flow.on(Event::Time, at(104)).is_empty());
    assert_eq!(told(&flow.on(Event::Time, at(105))), ["over"]);
    let mut flow = Flow::of_tile(at(100), words());
    flow.on(Event::Tile(hello()), at(101));
    assert!(flow.on(Event::Time, at(130)).is_empty());
    assert_eq!(told(&flow.on(Event::Time, at(131))), ["over"]);
}

#[test]
fn a_report_has_no_person() {
    let (mut flow, first) = Flow::of_report(at(0), words());
    assert_eq!(word(&first), "launch Report");
    flow.on(launched(), at(1));
    flow.on(Event::App(app::Ask::Ready), at(2));
    assert_eq!(told(&flow.on(Event::App(app::Ask::Facts), at(2))), ["desk"]);
    flow.on(Event::App(ending(Outcome::Done, Some("anna"))), at(3));
    assert_eq!(and_closed(&mut flow, Event::App(app::Ask::End), at(3))[2], "end Done false");
    let (mut flow, _) = Flow::of_report(at(0), words());
    flow.on(launched(), at(1));
    assert_eq!(and_closed(&mut flow, Event::Time, at(16)), ["kill", "end Failed false"]);
}

#[test]
fn the_tables_have_one_row_for_each_message() {
    let kinds: Vec<String> = APP.iter().map(|(kind, ..)| format!("{kind:?}")).collect();
    let mut once = kinds.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((once.len(), kinds.len()), (17, 17));
    assert_eq!(TILE_MAY.len(), 6);
    let part = Part { part: 0, of: 1, bytes: Blob::new([]).unwrap() };
    let put = app::Ask::Put { slot: app::Slot::Resume, part };
    assert_eq!(AppKind::of(&put), AppKind::Put);
}

/// Anything that can happen.
fn anything() -> impl Strategy<Value = u8> {
    0_u8..29
}

fn event(number: u8) -> Event {
    match number {
        0 => Event::Tile(hello()),
        1 => Event::Tile(start(Form::Full)),
        2 => Event::Tile(start(Form::Simple)),
        3 => Event::Tile(answer(1)),
        4 => Event::Tile(tile::Ask::Cancel),
        5 => Event::Tile(tile::Ask::TakeGrant),
        6 => Event::Tile(tile::Ask::LogonResult { signed_in: true }),
        7 => Event::TileGone,
        8 => Event::Admitted { form: Form::Full, sign_in: SignIn::Anybody },
        9 => Event::Admitted { form: Form::Simple, sign_in: SignIn::Never },
        10 => Event::NotAdmitted(Text::default()),
        11 | 12 => launched(),
        13 => Event::NotLaunched,
        14 | 15 => Event::App(app::Ask::Ready),
        16 => Event::App(app::Ask::View(view(1))),
        17 => Event::App(app::Ask::Present),
        18 => Event::App(app::Ask::Facts),
        19 | 20 => Event::App(ending(Outcome::Done, Some("anna"))),
        21 => Event::App(app::Ask::End),
        22 => Event::AppGone,
        23 => Event::Stop(Cause::Session),
        24 => Event::App(app::Ask::Status(Text::default())),
        25 | 26 => closed(),
        27 => Event::Pause,
        _ => Event::Time,
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_left_running(
        happens in proptest::collection::vec((anything(), 0_u64..40), 0..60),
    ) {
        let mut flow = Flow::of_tile(at(0), words());
        let mut world = World::default();
        for (number, later) in happens {
            world.now += later;
            world.take(&mut flow, event(number))?;
        }
        // And then what is under way comes to its end, and only time passes.
        for _ in 0..8 {
            world.now += 4000;
            world.take(&mut flow, launched())?;
            world.take(&mut flow, Event::Time)?;
            world.take(&mut flow, closed())?;
        }
        prop_assert!(!world.runs && !world.launching, "something runs for ever");
        prop_assert!(world.ends <= 1 && world.grants <= 1 && world.overs <= 1);
    }
}

/// What the effects of a flow have made.
#[derive(Default)]
struct World {
    now: u64,
    launching: bool,
    /// Open, or not closed again.
    runs: bool,
    closing: bool,
    ends: u32,
    grants: u32,
    overs: u32,
}

impl World {
    /// Only what is there can say something.
    fn take(&mut self, flow: &mut Flow, event: Event) -> Result<(), TestCaseError> {
        let can_be = match event {
            Event::Launched { .. } | Event::NotLaunched => std::mem::take(&mut self.launching),
            Event::Closed { .. } => std::mem::take(&mut self.closing),
            Event::App(_) | Event::AppGone => self.runs && !self.closing,
            _ => true,
        };
        if !can_be {
            return Ok(());
        }
        match event {
            Event::Launched { .. } => self.runs = true,
            Event::Closed { .. } => self.runs = false,
            _ => {}
        }
        for effect in flow.on(event, at(self.now)) {
            match effect {
                Effect::Launch(_) => {
                    prop_assert!(!self.runs && !self.launching, "two at once");
                    self.launching = true;
                }
                Effect::Kill => {
                    prop_assert!(self.runs && !self.closing, "nothing is to be closed");
                    self.closing = true;
                }
                Effect::Tell(tile::Tell::End { .. }) => {
                    prop_assert!(!self.runs && !self.launching, "told too early");
                    self.ends += 1;
                }
                Effect::Tell(tile::Tell::Grant(_)) => self.grants += 1,
                Effect::Over => {
                    prop_assert!(!self.runs && !self.launching, "over too early");
                    self.overs += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
