//! The whole host without Windows: the real flow over the real frames, an app that is a process,
//! a tile that is played, and time that is moved.
//!
//! Long: one list of promises.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test names what it looks for")]
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use os_windows::policy::{Key, Mistake, POLICIES, Place};
use protocol::host::{
    Few, SecretText, Text,
    app::{Cause, Known},
    statement::{Check, Found},
    tile::{Answer, Ask, Form, LOADS, MOST_LOADS, NotHere, Outcome, Tell},
};
use regain_host::{
    double::{self, AsProcess, Machine, Shared, Tile, Value},
    events::{Details, Event},
    parts::{Launch, Launcher, Policy, Running, Vpn},
    readiness,
    serve::Host,
};
use zeroize::Zeroizing;

const SESSION: u32 = 3;

/// A PC with a host whose app does what `act` says.
struct Pc {
    host: Arc<Host>,
    shared: Shared,
    folder: tempfile::TempDir,
    act: Arc<Mutex<&'static str>>,
}

impl Pc {
    fn new(act: &'static str, machine: Machine) -> Self {
        let shared = Shared::new(machine);
        let folder = tempfile::tempdir().unwrap();
        let act = Arc::new(Mutex::new(act));
        let host = start(&shared, folder.path(), &act);
        Self { host, shared, folder, act }
    }

    fn tile(&self) -> Tile {
        let mut tile = Tile::connect(&self.host, SESSION).unwrap();
        tile.hello(SESSION, "de-DE").unwrap();
        tile
    }

    /// A tile that has begun.
    fn begin(&self, form: Form) -> Tile {
        let mut tile = self.tile();
        assert!(matches!(tile.hear().unwrap(), Some(Tell::Tile(_))));
        tile.start(SESSION, form).unwrap();
        assert!(matches!(tile.hear().unwrap(), Some(Tell::Status(_))), "opening");
        tile
    }

    /// What is left of runs: nothing, once the tile was told the end.
    fn is_clean(&self) -> bool {
        let is_empty =
            |name: &str| std::fs::read_dir(self.folder.path().join(name)).unwrap().next().is_none();
        let last =
            self.shared.with(|pc| pc.account_log.iter().rev().take(2).copied().collect::<Vec<_>>());
        is_empty("runs") && is_empty("open") && last == ["forgotten", "disabled"]
    }

    /// Lets time pass for everybody.
    fn later(&self, seconds: u64) {
        self.shared.with(|pc| pc.now += Duration::from_secs(seconds));
        self.host.look_at_the_time();
    }
}

fn app() -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let built = me.ancestors().nth(2).unwrap().join("examples/app_double");
    assert!(built.is_file(), "{} is built with the tests", built.display());
    built
}

fn start(shared: &Shared, folder: &Path, act: &Arc<Mutex<&'static str>>) -> Arc<Host> {
    let act = Arc::clone(act);
    let command = move || {
        let mut command = Command::new(app());
        command.arg(*act.lock().unwrap());
        command
    };
    double::host(shared, folder, Box::new(AsProcess(command)), 7).unwrap()
}

fn end(tile: &mut Tile) -> (Outcome, String) {
    loop {
        match tile.hear().unwrap().unwrap() {
            Tell::End { outcome, words, .. } => return (outcome, words.as_str().to_owned()),
            Tell::Status(_) => {}
            _ => panic!("neither status nor end"),
        }
    }
}

fn not_here(pc: &Pc) -> Option<NotHere> {
    match pc.tile().hear().unwrap() {
        Some(Tell::NotHere(reason)) => Some(reason),
        _ => None,
    }
}

#[test]
fn a_recovery_runs_from_the_tile_to_its_end_and_leaves_nothing_open() {
    let user = Some(Text::cut("anna@example.org"));
    let pc = Pc::new("prove", Machine { user, ..Machine::default() });
    let (outcome, words) = end(&mut pc.begin(Form::Full));
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(words, "anna@example.org, kept nothing, without gpu false");
    assert!(pc.is_clean());
    let (_, words) = end(&mut pc.begin(Form::Full));
    assert!(words.contains("kept a token"), "{words}");
    // What is kept outlives the host as well.
    let again = start(&pc.shared, pc.folder.path(), &pc.act);
    let mut tile = Tile::connect(&again, SESSION).unwrap();
    tile.hello(SESSION, "en").unwrap();
    tile.hear().unwrap();
    tile.start(SESSION, Form::Full).unwrap();
    assert!(end(&mut tile).1.contains("kept a token"));
}

#[test]
fn the_simple_form_runs_in_the_tile_by_choice_or_where_there_is_no_webview() {
    for (form, webview) in [(Form::Simple, true), (Form::Full, false)] {
        let pc = Pc::new("", Machine { webview, ..Machine::default() });
        let mut tile = pc.begin(form);
        let Some(Tell::View(view)) = tile.hear().unwrap() else { panic!("no view") };
        let typed = || SecretText::new(Zeroizing::new("grün 42".to_owned())).unwrap();
        let typed = Few::new(vec![typed(), typed()]).unwrap();
        tile.answer(Answer { number: view.number, choice: 0, typed }).unwrap();
        assert_eq!(end(&mut tile), (Outcome::Done, "the same: true".to_owned()));
        assert!(pc.is_clean());
    }
}

#[test]
fn an_app_that_shows_nothing_ends_in_the_simple_form() {
    let pc = Pc::new("shows-nothing", Machine::default());
    let mut tile = pc.begin(Form::Full);
    let host = Arc::clone(&pc.host);
    let (over, shared) = (Arc::new(AtomicBool::new(false)), pc.shared.clone());
    let is_over = Arc::clone(&over);
    // Time passes until the tile has something to draw.
    let passing = thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            shared.with(|pc| pc.now += Duration::from_secs(1));
            host.look_at_the_time();
            thread::yield_now();
            thread::park_timeout(Duration::from_millis(60));
        }
    });
    let mut tries = 0;
    let view = loop {
        match tile.hear().unwrap().unwrap() {
            // That closing the one before takes long is said as well, where it does.
            Tell::Status(words) => tries += usize::from(words.as_str().contains("anderer Weg")),
            Tell::View(view) => break view,
            _ => panic!("neither status nor view"),
        }
    };
    over.store(true, Ordering::Relaxed);
    passing.join().unwrap();
    assert_eq!((tries, view.title.as_str()), (2, "New password"));
    tile.say(&Ask::Cancel).unwrap();
    assert_eq!(end(&mut tile), (Outcome::Cancelled, "Person".to_owned()));
    assert!(pc.is_clean());
}

#[test]
fn sessions_power_and_people_end_a_flow() {
    type End = fn(&Pc, &mut Tile);
    let ways: [(End, Outcome); 4] = [
        (|_, tile| tile.say(&Ask::Cancel).unwrap(), Outcome::Cancelled),
        (|pc, _| pc.host.stop(Some(SESSION), Cause::Session), Outcome::Cancelled),
        (|pc, _| pc.host.stop(None, Cause::Power), Outcome::Cancelled),
        (|pc, _| pc.later(3700), Outcome::Cancelled),
    ];
    for (end_it, expected) in ways {
        let pc = Pc::new("waits", Machine::default());
        let mut tile = pc.begin(Form::Simple);
        // Whether it is drawn yet makes no difference to these.
        end_it(&pc, &mut tile);
        let passing = thread::spawn({
            let (host, shared) = (Arc::clone(&pc.host), pc.shared.clone());
            move || {
                for _ in 0..40 {
                    thread::park_timeout(Duration::from_millis(25));
                    shared.with(|pc| pc.now += Duration::from_secs(1));
                    host.look_at_the_time();
                }
            }
        });
        assert_eq!(end(&mut tile).0, expected);
        assert!(pc.is_clean());
        passing.join().unwrap();
    }
}

#[test]
fn another_session_ends_nothing_here() {
    let pc = Pc::new("", Machine::default());
    let mut tile = pc.begin(Form::Simple);
    assert!(matches!(tile.hear().unwrap(), Some(Tell::View(_))));
    pc.host.stop(Some(SESSION + 1), Cause::Session);
    tile.say(&Ask::Cancel).unwrap();
    assert_eq!(end(&mut tile).1, "Person");
}

#[test]
fn garbage_from_the_app_ends_it_and_three_bad_ends_switch_the_tile_off() {
    let pc = Pc::new("garbage", Machine::default());
    for _ in 0..3 {
        assert_eq!(not_here(&pc), None);
        assert_eq!(end(&mut pc.begin(Form::Simple)).0, Outcome::Failed);
        assert!(pc.is_clean());
    }
    assert_eq!(not_here(&pc), Some(NotHere::Crashes));
    pc.later(600);
    assert_eq!(not_here(&pc), None);
}

#[test]
fn one_that_falls_over_at_once_is_tried_three_ways() {
    let pc = Pc::new("falls-over", Machine::default());
    assert_eq!(end(&mut pc.begin(Form::Full)).0, Outcome::Failed);
    assert!(pc.is_clean());
    assert_eq!(not_here(&pc), Some(NotHere::Crashes));
    let pc = Pc::new("falls-over-later", Machine::default());
    assert_eq!(end(&mut pc.begin(Form::Full)).0, Outcome::Failed);
    assert_eq!(not_here(&pc), None, "once is not three times");
}

#[test]
fn the_tile_is_away_where_it_must_be() {
    let off = Policy { tile: false, ..Policy::default() };
    let away = |machine: Machine| not_here(&Pc::new("", machine));
    assert_eq!(away(Machine { policy: off, ..Machine::default() }), Some(NotHere::Policy));
    assert_eq!(away(Machine { in_setup: true, ..Machine::default() }), Some(NotHere::Setup));
    assert_eq!(away(Machine { remote: true, ..Machine::default() }), Some(NotHere::Remote));
    assert_eq!(away(Machine { account: false, ..Machine::default() }), Some(NotHere::Account));
    let policy = Policy { remote_sessions: true, ..Policy::default() };
    assert_eq!(away(Machine { remote: true, policy, ..Machine::default() }), None);
    // A tile that speaks for another session than its own.
    let pc = Pc::new("", Machine::default());
    let mut tile = Tile::connect(&pc.host, SESSION).unwrap();
    tile.hello(SESSION + 1, "en").unwrap();
    assert!(matches!(tile.hear().unwrap(), Some(Tell::NotHere(_))));
}

#[test]
fn what_changed_between_the_tile_and_the_start_counts_at_the_start() {
    let pc = Pc::new("prove", Machine::default());
    let mut tile = pc.tile();
    tile.hear().unwrap();
    pc.shared.with(|machine| machine.policy.tile = false);
    tile.start(SESSION, Form::Full).unwrap();
    let Some(Tell::Refused { words }) = tile.hear().unwrap() else { panic!("begun") };
    assert!(words.as_str().contains("abgeschaltet"), "in the tile's language");
    assert!(!pc.shared.with(|machine| machine.account_log.contains(&"enabled")));
}

#[test]
fn one_person_at_a_time_and_a_report_makes_way() {
    let pc = Pc::new("waits", Machine::default());
    let mut first = pc.begin(Form::Full);
    let mut second = pc.tile();
    second.hear().unwrap();
    second.start(SESSION, Form::Full).unwrap();
    assert!(matches!(second.hear().unwrap(), Some(Tell::Refused { .. })));
    first.say(&Ask::Cancel).unwrap();
    end(&mut first);

    pc.later(3600);
    let host = Arc::clone(&pc.host);
    let report = thread::spawn(move || host.report_if_due());
    let enabled = || pc.shared.with(|m| m.account_log.iter().filter(|w| **w == "enabled").count());
    while enabled() < 2 {
        thread::yield_now();
    }
    let mut third = pc.begin(Form::Full);
    assert!(report.join().unwrap(), "it was tried");
    third.say(&Ask::Cancel).unwrap();
    end(&mut third);
    assert!(pc.is_clean());
}

#[test]
fn a_report_enrols_and_brings_what_the_tile_shows() {
    let fleet_token = Some("fleet-token".to_owned());
    let pc = Pc::new("", Machine { fleet_token, ..Machine::default() });
    pc.later(600);
    assert!(pc.host.report_if_due());
    assert!(!pc.host.report_if_due(), "once");
    assert!(pc.is_clean());
    assert_eq!(pc.shared.with(|machine| machine.fleet_token.clone()), None, "used up");
    let mut tile = Tile::connect(&pc.host, SESSION).unwrap();
    tile.hello(SESSION, "en-GB").unwrap();
    let Some(Tell::Tile(look)) = tile.hear().unwrap() else { panic!("no tile") };
    assert_eq!(look.label.as_str(), "Brought by the report");
    assert_eq!(look.help.as_str(), "Call 4711");
    let picture = pc.folder.path().join("tile").join(look.picture.unwrap().file_name());
    assert_eq!(std::fs::read(picture).unwrap().len(), protocol::host::tile::Picture::BYTES);
    // The administrator's own words win.
    pc.shared.with(|machine| machine.policy.label = Some(Text::cut("Locked out?")));
    let mut tile = Tile::connect(&pc.host, SESSION).unwrap();
    tile.hello(SESSION, "en-GB").unwrap();
    let Some(Tell::Tile(look)) = tile.hear().unwrap() else { panic!("no tile") };
    assert_eq!(look.label.as_str(), "Locked out?");
}

#[test]
fn a_failed_start_leaves_the_account_disabled() {
    struct Broken;
    impl Launcher for Broken {
        fn launch(&self, launch: Launch<'_>) -> io::Result<Running> {
            assert!(launch.password.len() >= 40 && launch.folder.is_dir());
            Err(io::Error::other("no session"))
        }
    }
    let shared = Shared::new(Machine::default());
    let folder = tempfile::tempdir().unwrap();
    let host = double::host(&shared, folder.path(), Box::new(Broken), 7).unwrap();
    let mut tile = Tile::connect(&host, SESSION).unwrap();
    tile.hello(SESSION, "en").unwrap();
    tile.hear().unwrap();
    tile.start(SESSION, Form::Full).unwrap();
    assert_eq!(end(&mut tile).0, Outcome::Failed);
    let log = shared.with(|machine| machine.account_log.clone());
    let one = ["enabled", "disabled", "disabled", "forgotten"];
    assert_eq!(log, [&["disabled", "disabled"][..], &one, &one, &one].concat());
}

/// Starts the app when it is told to, and counts how many are started at once.
struct Slow {
    go_on: Mutex<std::sync::mpsc::Receiver<()>>,
    begun: std::sync::mpsc::Sender<()>,
    starts: Arc<Starts>,
}

/// How many are under way, and the most there ever were.
#[derive(Default)]
struct Starts {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Launcher for Slow {
    fn launch(&self, launch: Launch<'_>) -> io::Result<Running> {
        let now = self.starts.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.starts.most.fetch_max(now, Ordering::SeqCst);
        self.begun.send(()).map_err(io::Error::other)?;
        let told = self.go_on.lock().map(|go_on| go_on.recv());
        let started = AsProcess(|| {
            let mut command = Command::new(app());
            command.arg("waits");
            command
        })
        .launch(launch);
        self.starts.now.fetch_sub(1, Ordering::SeqCst);
        if matches!(told, Ok(Ok(()))) { started } else { Err(io::Error::other("nobody waits")) }
    }
}

/// A host whose app starts when it is told to.
struct SlowPc {
    host: Arc<Host>,
    shared: Shared,
    go_on: std::sync::mpsc::Sender<()>,
    begun: std::sync::mpsc::Receiver<()>,
    starts: Arc<Starts>,
    _folder: tempfile::TempDir,
}

impl SlowPc {
    fn new() -> Self {
        let shared = Shared::new(Machine::default());
        let folder = tempfile::tempdir().unwrap();
        let ((go_on, goes_on), (begin, begun)) =
            (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let starts = Arc::<Starts>::default();
        let slow = Slow { go_on: Mutex::new(goes_on), begun: begin, starts: Arc::clone(&starts) };
        let host = double::host(&shared, folder.path(), Box::new(slow), 7).unwrap();
        Self { host, shared, go_on, begun, starts, _folder: folder }
    }

    fn wait_for_start(&self) {
        self.begun.recv_timeout(Duration::from_secs(60)).expect("nothing is started");
    }

    fn start(&self, session: u32) -> Tile {
        let mut tile = Tile::connect(&self.host, session).unwrap();
        tile.hello(session, "en").unwrap();
        assert!(matches!(tile.hear().unwrap(), Some(Tell::Tile(_))));
        tile.start(session, Form::Full).unwrap();
        tile
    }
}

fn status(tile: &mut Tile) -> String {
    match tile.hear().unwrap() {
        Some(Tell::Status(words)) => words.as_str().to_owned(),
        _ => panic!("no status"),
    }
}

#[test]
fn whoever_begins_again_while_the_app_is_being_started_waits_for_its_end() {
    let pc = SlowPc::new();
    for session in [SESSION, SESSION + 1] {
        let mut first = pc.start(SESSION);
        assert!(status(&mut first).starts_with("Opening"));
        pc.wait_for_start();
        first.say(&Ask::Cancel).unwrap();
        // Until it is heard, somebody else would be told that it is in use.
        let mut second = loop {
            let mut second = pc.start(session);
            match second.hear().unwrap() {
                Some(Tell::Status(words)) if words.as_str().starts_with("One moment") => {
                    break second;
                }
                Some(Tell::Refused { .. }) => {}
                _ => panic!("two at once"),
            }
        };
        pc.go_on.send(()).unwrap();
        assert_eq!(end(&mut first).0, Outcome::Cancelled);
        assert!(status(&mut second).starts_with("Opening"));
        pc.wait_for_start();
        pc.go_on.send(()).unwrap();
        second.say(&Ask::Cancel).unwrap();
        assert_eq!(end(&mut second).0, Outcome::Cancelled);
        assert_eq!(pc.starts.most.load(Ordering::SeqCst), 1, "two starts on one account");
    }
    let log = pc.shared.with(|machine| machine.account_log.clone());
    let opened: Vec<_> = log.iter().filter(|what| **what != "disabled").collect();
    assert!(opened.chunks(2).all(|run| run == [&"enabled", &"forgotten"]), "{opened:?}");
}

#[test]
fn a_tile_that_goes_while_the_app_is_being_started_leaves_nobody_a_second_start() {
    let pc = SlowPc::new();
    let first = pc.start(SESSION);
    pc.wait_for_start();
    drop(first);
    let mut second = loop {
        let mut second = pc.start(SESSION);
        match second.hear().unwrap() {
            Some(Tell::Status(words)) if words.as_str().starts_with("One moment") => break second,
            Some(Tell::Refused { .. }) => {}
            _ => panic!("two at once"),
        }
    };
    pc.go_on.send(()).unwrap();
    pc.wait_for_start();
    pc.go_on.send(()).unwrap();
    second.say(&Ask::Cancel).unwrap();
    end(&mut second);
    assert_eq!(pc.starts.most.load(Ordering::SeqCst), 1, "two starts on one account");
}

#[test]
fn what_still_runs_under_the_account_is_ended_before_and_after_each_run() {
    let pc = Pc::new("waits", Machine { strays: 1, ..Machine::default() });
    let log = || pc.shared.with(|machine| std::mem::take(&mut machine.account_log));
    assert_eq!(log(), ["disabled", "ended", "disabled"], "by the host's start");
    pc.shared.with(|machine| machine.strays = 2);
    let mut tile = pc.begin(Form::Full);
    // It runs once the foreground is handed on.
    while pc.shared.with(|machine| !machine.account_log.contains(&"enabled")) {
        thread::yield_now();
    }
    pc.shared.with(|machine| machine.strays = 1);
    tile.say(&Ask::Cancel).unwrap();
    end(&mut tile);
    assert_eq!(
        log(),
        ["ended", "enabled", "disabled", "ended", "disabled", "forgotten"],
        "before anybody may use it, and before its profile goes"
    );
}

#[test]
fn nothing_starts_while_a_process_of_the_account_cannot_be_ended() {
    let pc = Pc::new("waits", Machine::default());
    let mut tile = pc.begin(Form::Full);
    while pc.shared.with(|machine| !machine.account_log.contains(&"enabled")) {
        thread::yield_now();
    }
    pc.shared.with(|machine| (machine.strays, machine.immortal) = (1, true));
    tile.say(&Ask::Cancel).unwrap();
    assert_eq!(end(&mut tile).0, Outcome::Cancelled);
    assert!(!pc.is_clean(), "a profile that is in use was removed");
    let mut log = pc.shared.with(|machine| std::mem::take(&mut machine.account_log));
    assert_eq!(log.pop(), Some("disabled"));
    *pc.act.lock().unwrap() = "prove";
    assert_eq!(end(&mut pc.begin(Form::Full)).0, Outcome::Failed);
    assert!(pc.shared.with(|machine| machine.account_log.is_empty()), "it was enabled");
    // Once it is gone, what was left is closed, and the next run begins.
    pc.shared.with(|machine| (machine.strays, machine.immortal) = (0, false));
    assert_eq!(end(&mut pc.begin(Form::Full)).0, Outcome::Done);
    assert!(pc.is_clean());
}

#[test]
fn a_stop_of_the_service_waits_until_everything_is_closed() {
    let pc = Pc::new("", Machine::default());
    let mut tile = pc.begin(Form::Simple);
    assert!(matches!(tile.hear().unwrap(), Some(Tell::View(_))));
    let ends = thread::spawn({
        let host = Arc::clone(&pc.host);
        move || host.shut(Duration::from_secs(60))
    });
    assert_eq!(end(&mut tile), (Outcome::Cancelled, "Power".to_owned()));
    assert!(ends.join().unwrap());
    assert!(pc.is_clean());
    // And then nobody begins any more.
    let mut tile = pc.tile();
    tile.hear().unwrap();
    tile.start(SESSION, Form::Full).unwrap();
    assert!(matches!(tile.hear().unwrap(), Some(Tell::Refused { .. })));
    pc.later(3600);
    assert!(!pc.host.report_if_due());
}

#[test]
fn a_stop_that_cannot_wait_any_longer_closes_the_account() {
    let pc = SlowPc::new();
    let mut tile = pc.start(SESSION);
    status(&mut tile);
    pc.wait_for_start();
    let last = || pc.shared.with(|machine| machine.account_log.last().copied());
    assert_eq!(last(), Some("enabled"));
    assert!(!pc.host.shut(Duration::from_millis(1)));
    assert_eq!(last(), Some("disabled"));
    pc.go_on.send(()).unwrap();
    assert_eq!(end(&mut tile).0, Outcome::Cancelled);
}

#[test]
fn an_app_that_floods_is_ended() {
    for act in ["floods", "floods-questions"] {
        let pc = Pc::new(act, Machine::default());
        assert_eq!(end(&mut pc.begin(Form::Full)).0, Outcome::Failed, "{act}");
        assert!(pc.is_clean());
    }
}

#[test]
fn there_are_only_so_many_connections_of_tiles() {
    let pc = Pc::new("", Machine::default());
    let mut tiles: Vec<Tile> = (0..12).map(|_| pc.tile()).collect();
    for tile in &mut tiles {
        assert!(matches!(tile.hear().unwrap(), Some(Tell::Tile(_))));
    }
    let mut more = Tile::connect(&pc.host, SESSION).unwrap();
    assert!(more.hear().unwrap().is_none(), "one too many");
    // The ones that say nothing more go by themselves.
    pc.later(31);
    for tile in &mut tiles {
        assert!(tile.hear().unwrap().is_none(), "idle");
    }
    assert!(matches!(pc.tile().hear().unwrap(), Some(Tell::Tile(_))));
}

#[test]
fn a_controller_is_looked_for_when_the_app_asks_and_keeps_no_start_up() {
    let hangs = Machine { controller_hangs: true, ..Machine::default() };
    let pc = Pc::new("prove", hangs);
    assert_eq!(end(&mut pc.begin(Form::Full)).0, Outcome::Done);
    pc.shared.with(|machine| machine.controller_hangs = false);

    let user = Some(Text::cut("anna@example.org"));
    let vpn = Some(Vpn { command: "connect".into(), within: Duration::from_secs(1) });
    let policy = Policy { vpn, ..Policy::default() };
    let controller = Known::No;
    let cached_sign_in = Known::Yes;
    let known = Machine { user, policy, controller, cached_sign_in, ..Machine::default() };
    let said = |machine| end(&mut Pc::new("asks-pc", machine).begin(Form::Full)).1;
    assert_eq!(said(known.clone()), "Unknown Yes; No Yes; Yes Yes");
    let stranger = Machine { user: None, ..known.clone() };
    assert_eq!(said(stranger), "Unknown Unknown; No Unknown; Yes Unknown");
    let none_kept = Machine { cached_sign_in: Known::No, ..known };
    assert_eq!(said(none_kept), "Unknown No; No No; Yes No");
}

#[test]
fn whoever_leaves_while_a_controller_is_looked_for_is_forgotten_at_once() {
    let pc = Pc::new("leaves-while-looking", Machine::default());
    pc.shared.with(|machine| machine.controller_hangs = true);
    let ended = end(&mut pc.begin(Form::Full));
    pc.shared.with(|machine| machine.controller_hangs = false);
    assert_eq!(ended, (Outcome::Cancelled, "forgotten at once".to_owned()));
    *pc.act.lock().unwrap() = "prove";
    let (_, words) = end(&mut pc.begin(Form::Full));
    assert!(words.contains("kept nothing"), "{words}");
}

#[test]
fn the_foreground_is_handed_on_before_the_app_shows_and_when_it_is_drawn() {
    let pc = Pc::new("prove", Machine::default());
    let mut tile = pc.begin(Form::Full);
    end(&mut tile);
    let [started, drawn] = *tile.foreground() else { panic!("{:?}", tile.foreground()) };
    assert!(started == drawn && started > 0);
    let mut tile = pc.begin(Form::Simple);
    assert!(matches!(tile.hear().unwrap(), Some(Tell::View(_))));
    assert!(tile.foreground().is_empty(), "there is no window");
}

#[test]
fn every_breaker_that_is_planted_is_found() {
    const SYSTEM: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System";
    const PROVIDER: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers\{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}";
    const SERVER: &str =
        r"SOFTWARE\Classes\CLSID\{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}\InprocServer32";
    let pc = Pc::new("", Machine::default());
    let set = |key: &str, name: &str, value: Value| {
        pc.shared.with(|pc| pc.registry.insert((key.into(), name.into()), value));
    };
    let found = |check: Check| {
        let known = readiness::Known { key: None, clock_went_back: false };
        let facts = readiness::facts(&pc.host.parts, known);
        facts.as_slice().iter().find(|fact| fact.check == check).unwrap().found
    };
    assert_eq!(found(Check::TileRegistered), Found::Breaks);
    set(PROVIDER, "", Value::Text("Regain".into()));
    set(SERVER, "", Value::Text(r"C:\x.dll".into()));
    assert_eq!(found(Check::TileRegistered), Found::Fine);

    let numbers = [
        (Check::UserAccountControl, "EnableLUA", 0, Found::Less),
        (Check::LastUserHidden, "dontdisplaylastusername", 1, Found::Less),
        (Check::UserSwitchingHidden, "HideFastUserSwitching", 1, Found::Less),
        (Check::SmartCardRequired, "scforceoption", 1, Found::Breaks),
    ];
    for (check, name, bad, as_what) in numbers {
        assert_eq!(found(check), Found::Fine, "{name}");
        set(SYSTEM, name, Value::Number(bad));
        assert_eq!(found(check), as_what, "{name}");
    }
    assert_eq!(found(Check::TileExcluded), Found::Fine);
    let list = "{00000000-0000-0000-0000-000000000000}, {9a7c1e52-6b0d-4f38-8e21-5d3b7a40c6f1}";
    set(SYSTEM, "ExcludedCredentialProviders", Value::Text(list.into()));
    assert_eq!(found(Check::TileExcluded), Found::Breaks);
    pc.shared.with(|pc| (pc.account, pc.webview) = (false, false));
    assert_eq!(found(Check::AppAccount), Found::Breaks);
    assert_eq!(found(Check::WebviewRuntime), Found::Less);

    // The library's own count, of this version alone.
    let loads = pc.folder.path().join(LOADS);
    let version = env!("CARGO_PKG_VERSION");
    let counted =
        |of: &str, times| std::fs::write(&loads, format!("{of}\n").repeat(times)).unwrap();
    for (of, times, as_what) in
        [(version, 4, Found::Fine), ("0.0.9", 5, Found::Fine), (version, MOST_LOADS, Found::Breaks)]
    {
        counted(of, times);
        assert_eq!(found(Check::TileSwitchedOff), as_what, "{times} of {of}");
    }
    let wrong = |key| Mistake::of(key, &Place::Registry(POLICIES), "is a number");
    for (mistakes, as_what) in [
        (vec![], Found::Fine),
        (vec![wrong(Key::HelpName)], Found::Less),
        (vec![wrong(Key::HelpName), wrong(Key::Service)], Found::Breaks),
    ] {
        pc.shared.with(|pc| pc.mistakes.clone_from(&mistakes));
        assert_eq!(found(Check::PolicyValues), as_what);
    }
}

/// What an administrator reads of a day: every line of it, and nothing of the person's.
#[test]
fn the_event_log_tells_what_happened_and_nothing_of_what_was_typed() {
    let user = Some(Text::cut("anna@example.org"));
    let pc = Pc::new("prove", Machine { user, ..Machine::default() });
    assert_eq!(end(&mut pc.begin(Form::Full)).0, Outcome::Done);
    let told = |pc: &Pc| pc.shared.with(|pc| std::mem::take(&mut pc.events));
    let events = told(&pc);
    let names: Vec<Event> = events.iter().map(|(event, _)| *event).collect();
    assert_eq!(names, [Event::KeyMade, Event::FlowBegun, Event::FlowEnded]);
    let facts = |details: &Details| {
        let facts = details.iter().map(|(name, value)| format!("{name}={value}"));
        facts.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(facts(&events[1].1), "session=3 way=CannotSignIn form=Full");
    assert_eq!(facts(&events[2].1), "outcome=Done seconds=0 session=3");
    assert!(!format!("{events:?}").contains("anna"));

    // Three bad ends.
    *pc.act.lock().unwrap() = "garbage";
    for _ in 0..3 {
        end(&mut pc.begin(Form::Simple));
    }
    let names: Vec<Event> = told(&pc).into_iter().map(|(event, _)| event).collect();
    assert_eq!(names.iter().filter(|event| **event == Event::FlowFailed).count(), 3);
    assert_eq!(names.iter().filter(|event| **event == Event::TileOff).count(), 1);
}

/// The words of the service's list, once, and again when something changed.
#[test]
fn the_event_log_says_that_people_here_cannot_recover_and_why() {
    const SYSTEM: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System";
    let fleet_token = Some("fleet-token".to_owned());
    let pc = Pc::new("", Machine { fleet_token, ..Machine::default() });
    let set = |name: &str, number| {
        let place = (SYSTEM.to_owned(), name.to_owned());
        pc.shared.with(|pc| pc.registry.insert(place, Value::Number(number)));
    };
    let report = || {
        pc.later(2 * 24 * 3600);
        assert!(pc.host.report_if_due());
        let events = pc.shared.with(|pc| std::mem::take(&mut pc.events));
        let about = |event: &Event| {
            [Event::CannotRecover, Event::LessComfort, Event::Ready, Event::ReportMade]
                .contains(event)
        };
        events.into_iter().filter(|(event, _)| about(event)).collect::<Vec<_>>()
    };
    set("scforceoption", 1);
    let told = report();
    let [(Event::CannotRecover, details), (Event::ReportMade, _)] = told.as_slice() else {
        panic!("{told:?}")
    };
    let because = details.iter().find(|(name, _)| *name == "because").unwrap().1;
    assert!(because.contains(Check::SmartCardRequired.remedy().because), "{because}");
    assert!(because.contains("scforceoption = 1"), "{because}");
    assert!(because.contains(Check::TileRegistered.remedy().because), "{because}");
    // The next day again, though nothing changed; within the day once.
    assert_eq!(report().len(), 2);
    pc.host.look_around();
    assert!(pc.shared.with(|pc| pc.events.is_empty()));
}

#[test]
fn wrong_settings_and_a_tile_that_switched_itself_off_are_told_once() {
    let pc = Pc::new("", Machine::default());
    let told = || {
        pc.host.look_around();
        let events = pc.shared.with(|pc| std::mem::take(&mut pc.events));
        events.into_iter().map(|(event, _)| event).collect::<Vec<_>>()
    };
    assert_eq!(told(), [Event::KeyMade]);
    let wrong = |key| Mistake::of(key, &Place::Registry(POLICIES), "is a number");
    pc.shared.with(|pc| pc.mistakes = vec![wrong(Key::HelpName)]);
    assert_eq!((told(), told()), (vec![Event::SettingWrong], vec![]));
    pc.shared.with(|pc| pc.mistakes.push(wrong(Key::VpnCommand)));
    assert_eq!((told(), told()), (vec![Event::SettingWrong], vec![]));
    let loads = pc.folder.path().join(LOADS);
    std::fs::write(&loads, format!("{}\n", env!("CARGO_PKG_VERSION")).repeat(MOST_LOADS)).unwrap();
    assert_eq!((told(), told()), (vec![Event::TileSwitchedOff], vec![]));
    std::fs::remove_file(&loads).unwrap();
    assert_eq!(told(), []);
}

/// A chip that does not answer at the start: nothing is lost, and it is told when it is back.
#[test]
fn a_key_that_is_away_at_the_start_is_kept_and_told() {
    let pc = Pc::new("", Machine { fleet_token: Some("t".to_owned()), ..Machine::default() });
    pc.later(600);
    assert!(pc.host.report_if_due());
    let names = |pc: &Pc| {
        let events = pc.shared.with(|pc| std::mem::take(&mut pc.events));
        events.into_iter().map(|(event, _)| event).collect::<Vec<_>>()
    };
    assert!(names(&pc).contains(&Event::Enrolled));
    let file = std::fs::read(pc.folder.path().join("device-key")).unwrap();
    // The next start, at which the system does not say which machine it is.
    pc.shared.with(|pc| pc.machine.clear());
    let again = start(&pc.shared, pc.folder.path(), &pc.act);
    assert_eq!(names(&pc), [Event::KeyAway]);
    again.look_around();
    assert_eq!(names(&pc), []);
    assert_eq!(std::fs::read(pc.folder.path().join("device-key")).unwrap(), file);
    pc.shared.with(|pc| pc.machine = Machine::default().machine);
    again.look_around();
    assert_eq!(names(&pc), [Event::KeyBack]);
    assert_eq!(std::fs::read(pc.folder.path().join("device-key")).unwrap(), file);
}
