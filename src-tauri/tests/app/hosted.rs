//! The controller as the host starts it: what is left with the host for whoever comes next, and
//! what the host is told at the end. The host is written down here, over real pipes.
#![expect(clippy::wildcard_enum_match_arm, reason = "a host that is played answers what it knows")]

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use protocol::{
    api::{Act, Draws, Reason},
    host::{
        self, Blob, Text,
        app::{Ask, Cause, Ending, Hello, Join, Known, Mode, Part, Pc, Proxy, Slot, Tell},
        tile::Outcome,
    },
};
use rand::{SeedableRng, rngs::StdRng};
use regain::{AnyView, Controller, HostLink, Hosted, Leave, Refusal, Started, Stop, Typed};
use tempfile::TempDir;

use crate::{
    double::{Double, Fault},
    stories::{own_problem, patience, policy, stage},
};

const ANNA: &str = "anna@example.org";
const FIRST: &str = "Correct horse 7";
const SECOND: &str = "Battery staple 8";

/// A PC whose sign-in screen one person after another stands at.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    slot: Option<Vec<u8>>,
    /// Looking for a controller has no end.
    looks_on: bool,
}

struct Run {
    app: Arc<Controller>,
    link: HostLink,
    /// What the app said that is no question.
    said: mpsc::Receiver<Ask>,
    writer: io::PipeWriter,
    _home: TempDir,
}

const PC: Pc = Pc {
    join: Join::Domain,
    controller: Known::Unknown,
    cached_sign_in: Known::Unknown,
    vpn_hook: true,
};

impl Desk {
    fn with<T>(&self, with: impl FnOnce(&mut Kept) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn slot(&self) -> Option<Vec<u8>> {
        self.with(|kept| kept.slot.clone())
    }

    fn answer(&self, ask: &Ask) -> Option<Tell> {
        self.with(|kept| match ask {
            Ask::Get { slot: Slot::Resume, .. } => Some(match kept.slot.clone() {
                Some(bytes) => {
                    Tell::Part(Part { part: 0, of: 1, bytes: Blob::new(bytes).unwrap() })
                }
                None => Tell::Nothing,
            }),
            Ask::Get { .. } => Some(Tell::Nothing),
            Ask::Put { slot: Slot::Resume, part } => {
                kept.slot = Some(part.bytes.as_slice().to_vec());
                Some(Tell::Kept)
            }
            Ask::Delete(Slot::Resume) => {
                kept.slot = None;
                Some(Tell::Kept)
            }
            Ask::Pc | Ask::Connect if !kept.looks_on => Some(Tell::Pc(PC)),
            _ => None,
        })
    }

    /// The app of the screen of `user`.
    fn open(&self, double: &Double, user: Option<&str>) -> Run {
        let (reader, mut theirs) = io::pipe().unwrap();
        let (mut ours, writer) = io::pipe().unwrap();
        let hello = Hello {
            mode: Mode::SignIn,
            scenario: None,
            way: None,
            user: user.and_then(Text::new),
            proxy: Proxy::Direct,
            pc: PC,
            device: None,
            fleet_token: None,
            language: Text::cut("en-GB"),
            may_sign_in: true,
            without_gpu: false,
        };
        host::write_to(&mut theirs, &Tell::Hello(hello)).unwrap();
        let writer_of_tests = theirs.try_clone().unwrap();
        let (tell, said) = mpsc::channel();
        let desk = self.clone();
        thread::spawn(move || {
            while let Ok(Some(ask)) = host::read_from::<Ask>(&mut ours) {
                match desk.answer(&ask) {
                    Some(answer) => drop(host::write_to(&mut theirs, &answer)),
                    None => drop(tell.send(ask)),
                }
            }
        });
        let (link, hello) = HostLink::over(reader, writer).unwrap();
        let mut rng = StdRng::seed_from_u64(11);
        let host = Arc::new(Hosted::new(link.clone(), &hello, &mut rng));
        let home = tempfile::tempdir().unwrap();
        let policy = policy(&double.origin, home.path());
        let clock = Arc::new(|| 1_000);
        let app = Controller::hosted(policy, regain::Mode::SignIn, host, patience(), clock, rng);
        Run { app: Arc::new(app), link, said, writer: writer_of_tests, _home: home }
    }
}

impl Run {
    async fn resumed(&self) -> Option<AnyView> {
        match self.app.start().await {
            Started::Ready(greeting) => greeting.resumed,
            Started::Unreachable { why, .. } => panic!("unreachable: {why:?}"),
        }
    }

    async fn at_the_code(&self) {
        assert!(self.resumed().await.is_none());
        let (language, draws) = ("en".to_owned(), Draws::everything());
        let view = self.app.begin(ANNA, Reason::CantSignIn, language, draws).await.unwrap();
        assert_eq!(stage(&view), "enter-code");
    }

    async fn past_the_gate(&self) {
        self.at_the_code().await;
        self.app.enter_code(&Typed::new("12345678".to_owned())).await.unwrap();
    }

    async fn at_the_password(&self) {
        self.past_the_gate().await;
        self.app.choose_act(Act::Reset).await.unwrap();
    }

    async fn password(&self, text: &str) -> Result<AnyView, Refusal> {
        self.app.set_password(Typed::new(text.to_owned())).await
    }

    async fn leave(self) -> Ending {
        self.app.leave(Leave::Pressed).await;
        self.ending()
    }

    fn ending(&self) -> Ending {
        loop {
            if let Ask::Outcome(ending) = self.said.recv_timeout(Duration::from_secs(5)).unwrap() {
                return ending;
            }
        }
    }

    /// Until this was said.
    fn hears(&self, wanted: impl Fn(&Ask) -> bool) -> bool {
        while let Ok(ask) = self.said.recv_timeout(Duration::from_millis(300)) {
            if wanted(&ask) {
                return true;
            }
        }
        false
    }
}

#[tokio::test]
async fn at_a_screen_of_nobody_known_nothing_is_left_for_the_next() {
    let (double, desk) = (Double::start().await, Desk::default());
    let run = desk.open(&double, None);
    run.at_the_code().await;
    assert_eq!(desk.slot(), None);
    drop(run);
    assert!(desk.open(&double, None).resumed().await.is_none());
}

#[tokio::test]
async fn what_has_passed_a_gate_is_left_for_nobody() {
    let (double, desk) = (Double::start().await, Desk::default());
    let run = desk.open(&double, Some(ANNA));
    run.at_the_code().await;
    let before = desk.slot().expect("the same person goes on before a gate");
    run.app.enter_code(&Typed::new("12345678".to_owned())).await.unwrap();
    assert_eq!(desk.slot(), None);
    run.app.choose_act(Act::Reset).await.unwrap();
    assert_eq!(desk.slot(), None);
    drop(run);
    assert!(desk.open(&double, Some(ANNA)).resumed().await.is_none());

    // Even where one was left: it is ended.
    let left = String::from_utf8(before).unwrap().replace("token-1", "token-3");
    assert!(left.contains("token-3"), "{left}");
    desk.with(|kept| kept.slot = Some(left.into_bytes()));
    assert!(desk.open(&double, Some(ANNA)).resumed().await.is_none());
    assert_eq!(desk.slot(), None);
    assert_eq!(double.done().last().unwrap(), "recovery/cancel");
}

#[tokio::test]
async fn before_a_gate_the_same_person_goes_on_and_another_neither_sees_nor_ends_it() {
    let (double, desk) = (Double::start().await, Desk::default());
    let run = desk.open(&double, Some(ANNA));
    run.at_the_code().await;
    run.app.leave(Leave::Told(Stop::Cancelled(Cause::Session))).await;
    assert_eq!(run.ending().outcome, Outcome::Cancelled);

    for other in [Some("ben@example.org"), None] {
        let run = desk.open(&double, other);
        assert!(run.resumed().await.is_none());
        run.leave().await;
        assert!(desk.slot().is_some(), "{other:?}");
    }
    let resumed = desk.open(&double, Some(ANNA)).resumed().await.unwrap();
    assert_eq!(stage(&resumed), "enter-code");
}

#[tokio::test]
async fn past_a_gate_a_screen_that_goes_away_ends_it() {
    for user in [Some(ANNA), None] {
        let (double, desk) = (Double::start().await, Desk::default());
        let run = desk.open(&double, user);
        run.past_the_gate().await;
        run.app.leave(Leave::Told(Stop::Cancelled(Cause::Tile))).await;
        assert_eq!(double.done().last().unwrap(), "recovery/cancel");
        assert_eq!(desk.slot(), None);
    }
}

#[tokio::test]
async fn whoever_leaves_while_the_host_looks_for_a_controller_leaves_nothing_behind() {
    let (double, desk) = (Double::start().await, Desk::default());
    desk.with(|kept| kept.looks_on = true);
    let run = desk.open(&double, Some(ANNA));
    run.at_the_code().await;
    assert!(desk.slot().is_some());
    let app = Arc::clone(&run.app);
    let looks = tokio::spawn(async move { app.accepts_new_password(false).await });
    tokio::task::yield_now().await;
    assert!(run.hears(|ask| matches!(ask, Ask::Pc)));
    run.leave().await;
    assert_eq!(desk.slot(), None);
    assert_eq!(double.done().last().unwrap(), "recovery/cancel");
    looks.await.unwrap();
}

#[tokio::test]
async fn whoever_leaves_without_a_network_leaves_nothing_behind() {
    let (double, desk) = (Double::start().await, Desk::default());
    let run = desk.open(&double, Some(ANNA));
    run.at_the_code().await;
    (0..3).for_each(|_| double.next("cancel", Fault::AnswerNever));
    assert_eq!(run.leave().await.outcome, Outcome::Cancelled);
    assert_eq!(desk.slot(), None);
}

#[tokio::test]
async fn whoever_waits_for_something_is_not_away() {
    let (double, desk) = (Double::start().await, Desk::default());
    let run = desk.open(&double, None);
    run.app.drawn();
    run.at_the_code().await;
    let is_present = |ask: &Ask| matches!(ask, Ask::Present);
    run.app.watch(0).await.unwrap();
    assert!(!run.hears(is_present), "nothing is awaited");
    double.wait_for_something();
    let view = run.app.watch(0).await.unwrap();
    run.app.watch(view.revision()).await.unwrap();
    assert!(run.hears(is_present));
    run.app.watch(view.revision()).await.unwrap();
    assert!(!run.hears(is_present), "once a minute");
}

#[tokio::test]
async fn a_sign_in_has_the_password_that_was_set() {
    let (double, desk) = (Double::start().await, Desk::default());
    let run = desk.open(&double, None);
    run.at_the_password().await;
    (0..3).for_each(|_| double.next("password", Fault::AnswerLost));
    assert!(run.password(FIRST).await.is_err());
    assert_eq!(run.password(SECOND).await, Err(own_problem("wrong-stage")));
    assert_eq!(double.passwords(), [FIRST]);
    assert_eq!(stage(&run.app.watch(0).await.unwrap()), "done");
    let ending = run.leave().await;
    assert_eq!(ending.outcome, Outcome::Done);
    assert_eq!(ending.sign_in.unwrap().password.expose(), FIRST);
}

#[tokio::test]
async fn whoever_leaves_in_the_middle_of_a_change_is_told_that_nobody_knows() {
    let (double, desk) = (Double::start().await, Desk::default());
    let mut run = desk.open(&double, None);
    run.at_the_password().await;
    (0..9).for_each(|_| double.next("password", Fault::AnswerNever));
    let (app, link) = (Arc::clone(&run.app), run.link.clone());
    let handed_in = tokio::spawn(async move { app.set_password(Typed::new(FIRST.into())).await });
    while double.passwords().is_empty() {
        tokio::task::yield_now().await;
    }
    host::write_to(&mut run.writer, &Tell::Cancel(Cause::Person)).unwrap();
    let stop = link.stopped().await;
    run.app.leave(Leave::Told(stop)).await;
    let ending = run.ending();
    assert_eq!(ending.outcome, Outcome::NotKnown);
    assert!(!ending.words.as_str().is_empty() && ending.sign_in.is_none());
    handed_in.abort();
}

#[tokio::test]
async fn who_can_help_is_said_at_the_end_too() {
    let (double, desk) = (Double::start().await, Desk::default());
    double.find_what_others_must_mend();
    let run = desk.open(&double, None);
    run.past_the_gate().await;
    let ending = run.leave().await;
    assert_eq!(ending.outcome, Outcome::NotDone);
    assert!(!ending.words.as_str().is_empty());
}
