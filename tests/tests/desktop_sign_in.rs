//! The app as the host starts it from the sign-in screen: the real app in a real window over the
//! whole screen, the real service, and the host's own flow, desk and slots on Linux
//! (`regain_host::double`) with a tile that is played. What happened is asked of the directory.
//!
//! Long: one screen, and the stories of it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use protocol::host::{
    Text,
    app::{Cause, Join, Known},
    tile::{Ask, Form, Outcome, Scenario, Tell, Way},
};
use regain_host::{
    double::{self, AsProcess, Machine, Shared, Tile},
    parts::{Child, Launch, Launcher, Policy, Running, Vpn},
    serve::Host,
};
use serde_json::json;
use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN, CARLA, Person},
        walk::Walk,
    },
    lab::{
        app::{App, Pipes, write_policy},
        display::Display,
        process::built,
        run_folder::RunFolder,
        service::SignIn,
        wait::{self, PATIENCE},
    },
};

const NEW: &str = "Four-green-lanterns-9";
const SESSION: u32 = 1;
/// Whose page it is; nothing before that is known.
const TENANT: &str = "return document.querySelector('.top__tenant')?.innerText.trim() ?? '';";

/// A locked PC of an organisation, in front of somebody.
struct Screen {
    organisation: Organisation,
    pc: Shared,
    host: Arc<Host>,
    apps: mpsc::Receiver<Result<App>>,
    settings: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    folder: RunFolder,
}

/// How a press of the tile ended.
struct End {
    outcome: Outcome,
    words: String,
    grant: bool,
}

/// Starts the app by a driver of windows, on the pipes of the run.
struct ByDriver {
    display: Arc<Display>,
    policy: PathBuf,
    settings: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    apps: Mutex<mpsc::Sender<Result<App>>>,
}

impl Launcher for ByDriver {
    fn launch(&self, launch: Launch<'_>) -> std::io::Result<Running> {
        if launch.session.is_none() {
            // The report of the day has no window.
            let (app, policy) = (built("regain", "regain"), self.policy.clone());
            let app = app.map_err(std::io::Error::other)?;
            let command = move || {
                let mut command = Command::new(&app);
                command.arg("--host").arg("--policy").arg(&policy);
                command
            };
            return AsProcess(command).launch(launch);
        }
        let pipes = Pipes::new(launch.folder).map_err(std::io::Error::other)?;
        let (display, policy) = (Arc::clone(&self.display), self.policy.clone());
        let settings = locked(&self.settings).clone();
        let (theirs, apps) = (pipes.clone(), locked(&self.apps).clone());
        // A window opens only once the app has heard the host's hello.
        thread::spawn(move || {
            let app = App::open_hosted(&display, &policy, &theirs, &settings);
            let _ = apps.send(app);
        });
        let (reader, writer) = pipes.open()?;
        let (reader, writer) = (Box::new(reader), Box::new(writer));
        Ok(Running { reader, writer, process: None, child: Box::new(Started(pipes)) })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Started(Pipes);

impl Child for Started {
    fn kill(&mut self) {
        let Some(process) = self.0.process() else { return };
        let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        if let (Some(pid), "regain") = (rustix::process::Pid::from_raw(process), name.trim()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Screen {
    fn of(people: &[Person], machine: impl FnOnce(&mut Machine)) -> Result<Self> {
        let organisation = Organisation::embedded(people)?;
        let pc = Shared::default();
        pc.with(machine);
        let folder = RunFolder::new("host")?;
        let settings = Arc::default();
        let (tell, apps) = mpsc::channel();
        let launcher = ByDriver {
            display: Arc::new(Display::start()?),
            policy: write_policy(&folder, &organisation.service)?,
            settings: Arc::clone(&settings),
            apps: Mutex::new(tell),
        };
        let host = double::host(&pc, folder.path(), Box::new(launcher), 1)?;
        Ok(Self { organisation, pc, host, apps, settings, folder })
    }

    /// Enrols the device by the report of the day, which also fetches what is shown offline.
    fn enrol(&self) -> Result<()> {
        let token = self.organisation.service.administer(&["device", "token"], &[])?;
        self.pc.with(|pc| {
            pc.fleet_token = Some(token.trim().to_owned());
            pc.now += Duration::from_secs(36 * 3_600);
        });
        anyhow::ensure!(self.host.report_if_due(), "no report is due");
        Ok(())
    }

    /// Presses a link of the tile.
    fn press(&self, way: Way) -> Result<Tile> {
        let mut tile = Tile::connect(&self.host, SESSION)?;
        tile.hello(SESSION, "en-GB")?;
        let Some(Tell::Tile(_)) = tile.hear()? else { bail!("there is no tile") };
        tile.say(&Ask::Start {
            who: None,
            session: SESSION,
            scenario: Scenario::Logon,
            way,
            form: Form::Full,
        })?;
        match tile.hear()? {
            Some(Tell::Status(_)) => Ok(tile),
            Some(_) | None => bail!("the tile says nothing"),
        }
    }

    /// The host has heard that the app is drawn: past the time for it, it does not start another.
    fn assert_is_ready(&self, app: &App) -> Result<()> {
        self.pc.with(|pc| pc.now += Duration::from_secs(16));
        self.host.look_at_the_time();
        let another = self.apps.recv_timeout(Duration::from_millis(500));
        assert!(another.is_err(), "the host did not hear that the app is drawn");
        app.heading().map(drop)
    }

    /// Presses "Can't access your account?" and looks at the app that opens.
    fn open(&self) -> Result<(Tile, App)> {
        self.open_by(Way::CannotSignIn)
    }

    fn open_by(&self, way: Way) -> Result<(Tile, App)> {
        let tile = self.press(way)?;
        let app = self.apps.recv_timeout(PATIENCE).context("no window was opened")??;
        Ok((tile, app))
    }

    fn walk<'a>(&'a self, app: &'a App, story: &'a str) -> Walk<'a> {
        Walk::new(app, &self.organisation, story, None)
    }
}

/// Listens until the tile is told how it ended.
fn end_of(tile: &mut Tile) -> Result<End> {
    loop {
        let told = tile.hear()?.context("the tile hears nothing more")?;
        if let Tell::End { outcome, words, grant } = told {
            return Ok(End { outcome, words: words.as_str().to_owned(), grant });
        }
        anyhow::ensure!(matches!(told, Tell::Status(_)), "the tile was told something else");
    }
}

/// Presses what ends the app. A window that is gone before the press has its answer was left.
fn leave(app: &App, key: &str) -> Result<()> {
    app.press(key).or_else(|error| if app.heading().is_ok() { Err(error) } else { Ok(()) })
}

/// The first page, still after the service has answered: nothing was taken up again.
fn assert_begins_anew(app: &App) -> Result<()> {
    wait::until("the service's answer", PATIENCE, || {
        Ok((app.measure(TENANT)? != "").then_some(()))
    })?;
    app.see_page("start-title")?;
    anyhow::ensure!(app.measure("return document.querySelector('.case') === null")? == true);
    Ok(())
}

fn known(person: &str) -> impl FnOnce(&mut Machine) {
    let user = Text::new(person);
    move |machine| machine.user = user
}

#[test]
fn an_account_is_unlocked_from_the_sign_in_screen_and_the_known_user_only_confirmed() {
    let user_id = "anna.berg@demo.example";
    let screen = Screen::of(&[ANNA], known(user_id)).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let (mut tile, app) = screen.open().unwrap();
    let mut walk = screen.walk(&app, "sign-in-unlock");

    walk.see("start-title").unwrap();
    assert_covers_the_screen(&app).unwrap();
    walk.press("start-cant-sign-in").unwrap();
    walk.see("user-id-known").unwrap();
    assert_eq!(app.typed().unwrap(), user_id);
    walk.press("frame-continue").unwrap();
    walk.see("enter-code-title").unwrap();
    walk.enter_the_code(&ANNA).unwrap();
    walk.unlock().unwrap();
    screen.assert_is_ready(&app).unwrap();
    leave(&app, "done-finish").unwrap();

    let end = end_of(&mut tile).unwrap();
    assert_eq!((end.outcome, end.grant), (Outcome::Done, false));
    assert!(end.words.contains("unlocked"), "{}", end.words);
    assert_eq!(screen.pc.with(|pc| pc.account_log.clone()).last(), Some(&"forgotten"));
    let sign_in = screen.organisation.sign_in(&ANNA, ANNA.password).unwrap();
    assert_eq!(sign_in, SignIn::Accepted);
}

/// The screen of the lab is 1366 by 900.
fn assert_covers_the_screen(app: &App) -> Result<()> {
    let size =
        app.measure("return [innerWidth, innerHeight, document.documentElement.dataset];")?;
    assert_eq!((&size[0], &size[1]), (&json!(1366), &json!(900)));
    assert_eq!(size[2]["mode"], "sign-in");
    Ok(())
}

#[test]
fn a_new_password_is_set_and_signs_the_person_in_where_the_administrator_wants_it() {
    let screen = Screen::of(&[BEN], |machine| {
        machine.policy = Policy { sign_in_hand_over: true, ..Policy::default() };
    })
    .unwrap();
    let (mut tile, app) = screen.open().unwrap();
    let mut walk = screen.walk(&app, "sign-in-reset");

    walk.prove_who_i_am(&BEN).unwrap();
    walk.see("choice-nothing-wrong-title").unwrap();
    walk.press("choice-nothing-wrong-reset").unwrap();
    walk.see("new-password-title").unwrap();
    assert_offered_only_with_the_keyboard(&app).unwrap();
    walk.set_password(NEW, false).unwrap();
    leave(&app, "done-finish").unwrap();

    let end = end_of(&mut tile).unwrap();
    assert_eq!((end.outcome, end.grant), (Outcome::Done, true));
    tile.say(&Ask::TakeGrant).unwrap();
    let Some(Tell::Grant(grant)) = tile.hear().unwrap() else { panic!("no grant") };
    assert_eq!(grant.password.expose(), NEW);
    assert_eq!(grant.user.as_str(), screen.organisation.user_id(&BEN));
    assert_eq!(screen.organisation.sign_in(&BEN, NEW).unwrap(), SignIn::Accepted);
}

/// Keys that the window does not get would land in what lies behind it.
fn assert_offered_only_with_the_keyboard(app: &App) -> Result<()> {
    let look = |has_focus: bool, event: &str| {
        app.measure(&format!(
            "document.hasFocus = () => {has_focus}; dispatchEvent(new Event('{event}')); \
             return document.querySelector('.password__input').disabled;"
        ))
    };
    let focused = "return [...document.querySelectorAll('.password__input')]\
                   .indexOf(document.activeElement);";
    app.measure("document.querySelector('.password__input').focus(); return 0;")?;
    assert_eq!(look(false, "blur")?, true);
    assert_eq!(look(true, "focus")?, false);
    assert_eq!(app.measure(focused)?, 0, "who was typing goes on in the same field");
    app.measure("document.activeElement.blur(); return 0;")?;
    look(false, "blur")?;
    look(true, "focus")?;
    assert_eq!(app.measure(focused)?, -1, "and who was elsewhere is not moved into one");
    app.measure("delete document.hasFocus; return 0;").map(drop)
}

#[test]
fn somebody_who_leaves_from_the_tile_leaves_nothing_behind() {
    let screen = Screen::of(&[ANNA], |_| {}).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let (mut tile, app) = screen.open().unwrap();
    screen.walk(&app, "sign-in-cancel").prove_who_i_am(&ANNA).unwrap();
    app.see_page("choice-locked-title").unwrap();
    tile.say(&Ask::Cancel).unwrap();
    let end = end_of(&mut tile).unwrap();
    assert_eq!((end.outcome, end.words.as_str()), (Outcome::Cancelled, ""));
    drop(app);

    // Nobody finds the gates that were passed.
    let (mut tile, app) = screen.open().unwrap();
    assert_begins_anew(&app).unwrap();
    leave(&app, "frame-leave").unwrap();
    assert_eq!(end_of(&mut tile).unwrap().outcome, Outcome::Cancelled);
}

#[test]
fn a_session_that_changes_ends_the_app_and_only_the_same_person_goes_on_before_a_gate() {
    let anna = "anna.berg@demo.example";
    let screen = Screen::of(&[ANNA, BEN], known(anna)).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let (mut tile, app) = screen.open().unwrap();
    app.see_page("start-title").unwrap();
    app.press("start-cant-sign-in").unwrap();
    app.see_page("user-id-known").unwrap();
    app.press("frame-continue").unwrap();
    app.see_page("enter-code-title").unwrap();
    screen.host.stop(Some(SESSION), Cause::Session);
    assert_eq!(end_of(&mut tile).unwrap().outcome, Outcome::Cancelled);
    drop((app, tile));

    screen.pc.with(known("ben.okafor@demo.example"));
    let (mut tile, app) = screen.open().unwrap();
    assert_begins_anew(&app).unwrap();
    screen.host.stop(Some(SESSION), Cause::Session);
    end_of(&mut tile).unwrap();
    drop((app, tile));

    screen.pc.with(known(anna));
    let (mut tile, app) = screen.open().unwrap();
    app.see_page("enter-code-title").unwrap();
    screen.walk(&app, "sign-in-session").enter_the_code(&ANNA).unwrap();
    app.see_page("choice-locked-title").unwrap();
    screen.host.stop(Some(SESSION), Cause::Session);
    assert_eq!(end_of(&mut tile).unwrap().outcome, Outcome::Cancelled);
    drop((app, tile));

    // Whoever opens the same tile now may be somebody else: gates that were passed are nobody's.
    let (_tile, app) = screen.open().unwrap();
    app.see_page("start-title").unwrap();
}

#[test]
fn an_app_that_falls_over_is_said_so_and_the_next_one_finds_nothing_of_it() {
    let screen = Screen::of(&[ANNA], |_| {}).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let (mut tile, mut app) = screen.open().unwrap();
    screen.walk(&app, "sign-in-crash").prove_who_i_am(&ANNA).unwrap();
    app.see_page("choice-locked-title").unwrap();
    app.crash();
    assert_eq!(end_of(&mut tile).unwrap().outcome, Outcome::Failed);
    drop(tile);

    let (mut tile, app) = screen.open().unwrap();
    let mut walk = screen.walk(&app, "sign-in-after-the-crash");
    walk.see("start-title").unwrap();
    walk.prove_who_i_am(&ANNA).unwrap();
    walk.unlock().unwrap();
    leave(&app, "done-finish").unwrap();
    assert_eq!(end_of(&mut tile).unwrap().outcome, Outcome::Done);
}

#[test]
fn away_from_the_company_network_it_is_said_before_the_first_gate_and_after_the_last() {
    let screen = Screen::of(&[BEN], |machine| {
        (machine.join, machine.controller) = (Join::Domain, Known::No);
    })
    .unwrap();
    let (_tile, app) = screen.open().unwrap();
    app.see("start-after-network").unwrap();
    let mut walk = screen.walk(&app, "sign-in-away");
    walk.prove_who_i_am(&BEN).unwrap();
    walk.see("choice-nothing-wrong-title").unwrap();
    walk.press("choice-nothing-wrong-reset").unwrap();
    walk.set_password(NEW, false).unwrap();
    app.see("done-reset-after-network").unwrap();
}

#[test]
fn on_the_first_day_the_administrators_command_reaches_the_company_network() {
    let screen = Screen::of(&[CARLA], |machine| {
        (machine.join, machine.controller) = (Join::Domain, Known::No);
        let within = Duration::from_secs(60);
        let vpn = Some(Vpn { command: "connect".into(), within });
        machine.policy = Policy { vpn, ..Policy::default() };
    })
    .unwrap();
    let (mut tile, app) = screen.open_by(Way::FirstDay).unwrap();
    let mut walk = screen.walk(&app, "sign-in-first-day");
    walk.see("user-id-title").unwrap();
    app.see("start-after-network").unwrap();
    app.fill(&screen.organisation.user_id(&CARLA)).unwrap();
    walk.press("frame-continue").unwrap();
    walk.see("enter-code-title").unwrap();
    walk.enter_the_code(&CARLA).unwrap();
    walk.see("choice-never-used-title").unwrap();
    walk.press("choice-reset-first").unwrap();
    walk.set_password(NEW, true).unwrap();
    app.see("done-reset-now").unwrap();
    leave(&app, "done-finish").unwrap();
    assert_eq!(end_of(&mut tile).unwrap().outcome, Outcome::Done);
    assert_eq!(screen.organisation.sign_in(&CARLA, NEW).unwrap(), SignIn::Accepted);
}

#[test]
fn a_trusted_device_is_told_the_truth_and_uses_up_nobodys_limits() {
    let anna = "anna.berg@demo.example";
    let screen = Screen::of(&[ANNA], known("nobody@demo.example")).unwrap();
    let service = &screen.organisation.service;
    screen.enrol().unwrap();
    service.administer(&["device", "trust"], &["DOUBLE"]).unwrap();
    service.be_candid().unwrap();

    let (mut tile, app) = screen.open().unwrap();
    app.press("start-cant-sign-in").unwrap();
    app.see_page("user-id-known").unwrap();
    app.press("frame-continue").unwrap();
    let told = wait::until("the truth", PATIENCE, || {
        Ok(app.heading()?.contains("by yourself").then_some(()))
    });
    told.with_context(|| app.text().unwrap_or_default()).unwrap();

    // Somebody else there hears what strangers hear, in the lane of devices.
    leave(&app, "frame-leave").unwrap();
    let end = end_of(&mut tile).unwrap();
    assert_eq!(end.outcome, Outcome::NotDone);
    assert!(!end.words.is_empty(), "who can help is said");
    let (_tile, app) = screen.open().unwrap();
    let mut walk = screen.walk(&app, "sign-in-enrolled");
    walk.see("start-title").unwrap();
    walk.press("start-cant-sign-in").unwrap();
    app.fill(anna).unwrap();
    walk.press("frame-continue").unwrap();
    walk.see("enter-code-title").unwrap();
    let case = app.measure("return document.querySelector('.case').textContent;").unwrap();
    let trail = service.administer(&["audit", "show"], &[case.as_str().unwrap()]).unwrap();
    assert!(trail.contains("enrolled-device"), "{trail}");
}

#[test]
fn offline_it_is_still_the_organisations_page() {
    let mut screen = Screen::of(&[], |_| {}).unwrap();
    screen.enrol().unwrap();
    let (mut tile, app) = screen.open().unwrap();
    let online = wait::until("the tenant's name", PATIENCE, || {
        Ok(app.measure(TENANT)?.as_str().filter(|name| !name.is_empty()).map(str::to_owned))
    });
    leave(&app, "frame-leave").unwrap();
    end_of(&mut tile).unwrap();

    screen.organisation.service.stop();
    let (_tile, app) = screen.open().unwrap();
    app.see_page("unreachable-service-title").unwrap();
    assert_eq!(app.measure(TENANT).unwrap(), online.unwrap());
}

#[test]
fn a_webview_whose_head_somebody_turns_is_never_opened() {
    let screen = Screen::of(&[], |_| {}).unwrap();
    locked(&screen.settings).push(("WEBVIEW2_USER_DATA_FOLDER", "/tmp/elsewhere"));
    let mut tile = screen.press(Way::CannotSignIn).unwrap();
    let end = end_of(&mut tile).unwrap();
    assert_eq!(end.outcome, Outcome::Failed);
    assert!(end.words.contains("simple form"), "{}", end.words);
    assert!(!matches!(screen.apps.try_recv(), Ok(Ok(_))), "a window was opened");
}

#[test]
fn the_pipe_is_the_apps_alone() {
    let screen = Screen::of(&[], |_| {}).unwrap();
    let (_tile, app) = screen.open().unwrap();
    app.see_page("start-title").unwrap();
    let holders = wait::until("the processes of the app", PATIENCE, || {
        Ok(Some(holders_of_the_pipes(screen.folder.path())?).filter(|holders| !holders.is_empty()))
    });
    assert_eq!(holders.unwrap(), ["regain"], "programs that could write into the frames");
}

/// The names of the other programs that hold the pipe into which the app of this host writes.
fn holders_of_the_pipes(host: &Path) -> Result<Vec<String>> {
    let me = std::env::current_exe().ok();
    let mut holders = Vec::new();
    for process in std::fs::read_dir("/proc")?.flatten() {
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files
            .flatten()
            .filter_map(|file| std::fs::read_link(file.path()).ok())
            .any(|file| file.starts_with(host) && file.ends_with("output"));
        let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        // Ours, and a program that it is about to start.
        let is_ours = std::fs::read_link(process.path().join("exe")).ok() == me;
        if holds && !is_ours {
            holders.push(name.trim().to_owned());
        }
    }
    Ok(holders)
}
