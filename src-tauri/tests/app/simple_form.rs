//! The simple form over the host's frames, where the service or the tile does what a real one
//! cannot be made to do at the right moment.

use std::{io, sync::Arc, thread};

use protocol::host::{
    self, Few, SecretText, Text,
    app::{Ask, Cause, Hello, Join, Known, Mode, Pc, Proxy, Slot, Tell},
    tile::{Answer, Outcome, View},
};
use rand::{SeedableRng, rngs::StdRng};
use regain::{HostLink, Policy, run_without_window};

use crate::double::{Double, Fault};

/// The host's end of a run.
struct Played {
    reader: io::PipeReader,
    writer: io::PipeWriter,
    view: Option<View>,
    outcome: Option<(Outcome, String)>,
    run: Option<thread::JoinHandle<()>>,
}

impl Played {
    /// Starts the app in the simple form against this service.
    fn start(double: &Double) -> Self {
        let (theirs, mut writer) = io::pipe().unwrap();
        let (reader, ours) = io::pipe().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.toml");
        let state = folder.path().join("state");
        let text = format!("service = \"{}\"\nstate_dir = {state:?}\n", double.origin);
        std::fs::write(&file, text).unwrap();
        let policy = Policy::load(Some(&file)).unwrap();
        host::write_to(&mut writer, &Tell::Hello(hello())).unwrap();
        let run = thread::spawn(move || {
            let (link, hello) = HostLink::over(theirs, ours).unwrap();
            let rng = StdRng::seed_from_u64(1);
            run_without_window(&link, &hello, policy, Arc::new(|| 1_000), rng).unwrap();
        });
        Self { reader, writer, view: None, outcome: None, run: Some(run) }
    }

    /// Answers what the app asks, until there is another page, or the end.
    fn go_on(&mut self) {
        loop {
            match host::read_from::<Ask>(&mut self.reader).unwrap() {
                Some(Ask::View(view)) => return self.view = Some(view),
                Some(Ask::Outcome(ending)) => {
                    self.outcome = Some((ending.outcome, ending.words.as_str().to_owned()));
                }
                Some(Ask::End) | None => return,
                Some(Ask::Get { slot: Slot::Resume | Slot::Contact | Slot::Branding, .. }) => {
                    self.tell(&Tell::Nothing);
                }
                Some(Ask::Put { .. } | Ask::Delete(_)) => self.tell(&Tell::Kept),
                Some(Ask::Ready | Ask::Present | Ask::Status(_)) => {}
                Some(_) => panic!("asked for something else"),
            }
        }
    }

    fn tell(&mut self, tell: &Tell) {
        host::write_to(&mut self.writer, tell).unwrap();
    }

    fn view(&self) -> &View {
        self.view.as_ref().unwrap()
    }

    fn say(&mut self, number: u32, choice: u8, typed: &[&str]) {
        let typed = typed.iter().map(|text| SecretText::new((*text).to_owned().into()).unwrap());
        let typed = Few::new(typed.collect()).unwrap();
        self.tell(&Tell::Answer(Answer { number, choice, typed }));
    }

    /// Presses a choice of the page that is drawn, to the next one.
    fn press(&mut self, choice: u8, typed: &[&str]) {
        self.say(self.view().number, choice, typed);
        self.go_on();
    }

    /// To the page that says what is wrong.
    fn prove(&mut self) {
        self.go_on();
        self.press(0, &["anna@example.org"]);
        self.press(0, &["1234 5678"]);
        assert!(self.view().title.as_str().starts_with("Your account is locked"));
    }

    fn end(mut self) -> (Outcome, String) {
        while self.outcome.is_none() {
            self.go_on();
        }
        self.run.take().unwrap().join().unwrap();
        self.outcome.unwrap()
    }
}

fn hello() -> Hello {
    Hello {
        mode: Mode::Tile,
        scenario: None,
        way: None,
        user: None,
        proxy: Proxy::Direct,
        pc: Pc {
            join: Join::Alone,
            controller: Known::Unknown,
            cached_sign_in: Known::Unknown,
            vpn_hook: false,
        },
        device: None,
        fleet_token: None,
        language: Text::cut("en"),
        may_sign_in: false,
        without_gpu: false,
    }
}

fn in_a_thread(story: impl FnOnce(&mut Played) + Send + 'static, played: Played) -> Played {
    let mut played = played;
    thread::spawn(move || {
        story(&mut played);
        played
    })
    .join()
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_fit_its_page_changes_nothing() {
    let double = Double::start().await;
    let played = Played::start(&double);
    let played = in_a_thread(
        |played| {
            played.go_on();
            let first = played.view().clone();
            // None of these fits the one field and the one choice.
            for (choice, typed) in [(1, &["a"][..]), (0, &[]), (0, &["a", "b"])] {
                played.press(choice, typed);
                assert_eq!(played.view().title, first.title);
            }
            played.say(first.number, 0, &["of a page that is gone"]);
            played.press(0, &["anna@example.org"]);
        },
        played,
    );
    let begun = double.seen("recoveries");
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].body["user_id"], "anna@example.org");
    drop(played);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_nothing_is_asked_whether_they_are_there() {
    let double = Double::start().await;
    let played = Played::start(&double);
    let played = in_a_thread(Played::prove, played);
    double.idle_after(60);
    let played = in_a_thread(
        |played| {
            played.press(1, &[]);
            played.go_on();
            assert_eq!(played.view().title.as_str(), "Are you still there?");
            played.press(0, &[]);
            assert_eq!(played.view().title.as_str(), "Set a new password");
        },
        played,
    );
    drop(played);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_a_password_is_on_its_way_is_told_no_lie() {
    let double = Double::start().await;
    let played = Played::start(&double);
    double.next("recovery/password", Fault::AnswerNever);
    double.next("recovery/cancel", Fault::AnswerNever);
    double.next("recovery", Fault::AnswerNever);
    let played = in_a_thread(
        |played| {
            played.prove();
            played.press(1, &[]);
            played.say(played.view().number, 0, &["Correct horse 7", "Correct horse 7"]);
        },
        played,
    );
    while double.seen("recovery/password").is_empty() {
        tokio::task::yield_now().await;
    }
    let ended = tokio::task::spawn_blocking(move || {
        let mut played = played;
        played.tell(&Tell::Cancel(Cause::Person));
        played.end()
    });
    let (outcome, words) = ended.await.unwrap();
    assert_eq!(outcome, Outcome::NotKnown, "{words}");
    assert!(words.starts_with("We don’t know yet"), "{words}");
}
