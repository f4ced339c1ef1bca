//! The simple form of the sign-in screen: the real app without a window, as the host starts it,
//! the real service, the host's own flow, desk and slots on Linux (`regain_host::double`), and a
//! tile that is played. What happened is asked of the directory. No display is needed.
#![expect(clippy::wildcard_enum_match_arm, reason = "a story names what it waits for")]

use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use protocol::host::{
    Few, SecretText, Text,
    app::{Cause, Join, Known},
    tile::{Answer, Ask, Form, Outcome, Scenario, Tell, View, Way},
};
use regain_host::{
    double::{self, AsProcess, Machine, Shared, Tile},
    serve::Host,
};
use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN, CARLA, DORA, Person},
        words::Words,
    },
    lab::{app::write_policy, process::built, run_folder::RunFolder, service::SignIn},
};

const NEW: &str = "Four-green-lanterns-9";
const SESSION: u32 = 1;

/// A locked PC of an organisation, in front of somebody.
struct Screen {
    organisation: Organisation,
    pc: Shared,
    host: Arc<Host>,
    _folder: RunFolder,
}

/// The tile in its simple form, and what it shows.
struct Simple {
    tile: Tile,
    words: Words,
    view: View,
}

/// How a press of the tile ended.
struct End {
    outcome: Outcome,
    words: String,
}

impl Screen {
    fn of(people: &[Person], machine: impl FnOnce(&mut Machine)) -> Result<Self> {
        let organisation = Organisation::embedded(people)?;
        let pc = Shared::default();
        pc.with(machine);
        let folder = RunFolder::new("host")?;
        let (app, policy) =
            (built("regain", "regain")?, write_policy(&folder, &organisation.service)?);
        let launcher = AsProcess(move || as_the_host_starts_it(&app, &policy));
        let host = double::host(&pc, folder.path(), Box::new(launcher), 1)?;
        Ok(Self { organisation, pc, host, _folder: folder })
    }

    /// Presses a link of the tile, and waits for its first page.
    fn open(&self, way: Way, form: Form) -> Result<Simple> {
        let mut tile = Tile::connect(&self.host, SESSION)?;
        tile.hello(SESSION, "en-GB")?;
        let Some(Tell::Tile(_)) = tile.hear()? else { bail!("there is no tile") };
        let scenario = Scenario::Logon;
        tile.say(&Ask::Start { who: None, session: SESSION, scenario, way, form })?;
        let view = next_view(&mut tile)?;
        Ok(Simple { tile, words: Words::read()?, view })
    }

    fn open_simply(&self) -> Result<Simple> {
        self.open(Way::CannotSignIn, Form::Simple)
    }

    fn user_id(&self, person: &Person) -> String {
        self.organisation.user_id(person)
    }

    /// From the first page to what is wrong.
    fn prove_who_i_am(&self, simple: &mut Simple, person: &Person) -> Result<()> {
        if simple.see("user-id-known").is_err() {
            simple.see("user-id-title")?;
        }
        simple.fill("frame-continue", &[&self.user_id(person)])?;
        simple.see("enter-code-title")?;
        let code = self.organisation.mailbox.wait_for_newest_code(person.email)?;
        simple.fill("frame-continue", &[&code])
    }
}

fn as_the_host_starts_it(app: &PathBuf, policy: &PathBuf) -> Command {
    let mut command = Command::new(app);
    command.arg("--host").arg("--policy").arg(policy);
    // No display: nothing of a window is needed.
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"] {
        command.env_remove(name);
    }
    command
}

fn next_view(tile: &mut Tile) -> Result<View> {
    loop {
        match tile.hear()?.context("the tile hears nothing more")? {
            Tell::View(view) => return Ok(view),
            Tell::Status(_) => {}
            Tell::End { words, .. } => bail!("it ended: {}", words.as_str()),
            Tell::Refused { words } => bail!("it was refused: {}", words.as_str()),
            _ => bail!("the tile was told something else"),
        }
    }
}

impl Simple {
    /// Waits for the page with this title.
    fn see(&mut self, title: &str) -> Result<()> {
        // A page that waits goes on by itself.
        for _ in 0..4 {
            if self.words.is(title, self.view.title.as_str())? {
                return Ok(());
            }
            if !self.view.choices.as_slice().is_empty() {
                break;
            }
            self.view = next_view(&mut self.tile)?;
        }
        bail!("not {title}, but: {:?}", self.view)
    }

    /// Whether these words stand in the text.
    fn says(&self, key: &str) -> Result<bool> {
        self.words.is(key, self.view.text.as_str())
    }

    /// Types into the fields and presses what carries these words, to the next page.
    fn fill(&mut self, choice: &str, typed: &[&str]) -> Result<()> {
        self.answer(choice, typed)?;
        self.view = next_view(&mut self.tile)?;
        Ok(())
    }

    fn press(&mut self, choice: &str) -> Result<()> {
        self.fill(choice, &[])
    }

    /// The same where there are more ways than the tile has room for: two at a time.
    fn press_among(&mut self, choice: &str) -> Result<()> {
        for _ in 0..5 {
            if self.has(choice) {
                return self.press(choice);
            }
            self.press("More ways")?;
        }
        bail!("{choice} is on none of the pages")
    }

    fn has(&self, choice: &str) -> bool {
        let is = |words: &Text<96>| self.words.is(choice, words.as_str()).unwrap_or(false);
        self.view.choices.as_slice().iter().any(is)
    }

    /// Presses what carries these words, to the end.
    fn end(mut self, choice: &str) -> Result<End> {
        self.answer(choice, &[])?;
        self.hear_the_end()
    }

    fn hear_the_end(&mut self) -> Result<End> {
        loop {
            match self.tile.hear()?.context("the tile hears nothing more")? {
                Tell::End { outcome, words, .. } => {
                    return Ok(End { outcome, words: words.as_str().to_owned() });
                }
                Tell::Status(_) | Tell::View(_) => {}
                _ => bail!("the tile was told something else"),
            }
        }
    }

    fn answer(&mut self, choice: &str, typed: &[&str]) -> Result<()> {
        let choices = self.view.choices.as_slice();
        let mut found = None;
        for (number, words) in choices.iter().enumerate() {
            // The page's own words, or ones that only the simple form has.
            if words.as_str() == choice || self.words.is(choice, words.as_str()).unwrap_or(false) {
                found = Some(u8::try_from(number)?);
            }
        }
        let choice = found.with_context(|| format!("no {choice} to press: {:?}", self.view))?;
        if typed.len() != self.view.fields.as_slice().len() {
            bail!("another page, with other fields: {:?}", self.view);
        }
        let typed = typed.iter().map(|text| SecretText::new((*text).to_owned().into()));
        let typed = typed.collect::<Option<Vec<_>>>().and_then(Few::new);
        let typed = typed.context("too much was typed")?;
        Ok(self.tile.answer(Answer { number: self.view.number, choice, typed })?)
    }
}

#[test]
fn an_account_is_unlocked_in_the_tile_from_the_known_user_to_the_truth() {
    let screen = Screen::of(&[ANNA], |pc| pc.user = Text::new("anna.berg@demo.example")).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let mut simple = screen.open_simply().unwrap();

    simple.see("user-id-known").unwrap();
    let [field] = simple.view.fields.as_slice() else { panic!("one field") };
    assert_eq!((field.typed.as_str(), field.covered), ("anna.berg@demo.example", false));
    screen.prove_who_i_am(&mut simple, &ANNA).unwrap();
    simple.see("choice-locked-title").unwrap();
    simple.press("choice-locked-unlock").unwrap();
    simple.see("done-unlock-title").unwrap();
    let end = simple.end("done-finish").unwrap();

    assert_eq!(end.outcome, Outcome::Done);
    assert!(end.words.contains("unlocked"), "{}", end.words);
    assert_eq!(screen.pc.with(|pc| pc.account_log.clone()).last(), Some(&"forgotten"));
    let sign_in = screen.organisation.sign_in(&ANNA, ANNA.password).unwrap();
    assert_eq!(sign_in, SignIn::Accepted);
}

#[test]
fn a_password_that_the_rules_refuse_is_explained_in_the_tile_and_the_next_one_taken() {
    let screen = Screen::of(&[BEN], |_| {}).unwrap();
    let mut simple = screen.open_simply().unwrap();
    screen.prove_who_i_am(&mut simple, &BEN).unwrap();
    simple.see("choice-nothing-wrong-title").unwrap();
    simple.press_among("choice-nothing-wrong-reset").unwrap();

    simple.see("new-password-title").unwrap();
    let covered: Vec<bool> =
        simple.view.fields.as_slice().iter().map(|field| field.covered).collect();
    assert_eq!(covered, [true, true]);
    simple.fill("new-password-submit", &["short", "short"]).unwrap();
    simple.see("new-password-title").unwrap();
    assert!(simple.view.text.as_str().starts_with("Make it longer"), "{:?}", simple.view);
    assert!(!format!("{:?}", simple.view).contains("short"), "{:?}", simple.view);
    simple.fill("new-password-submit", &[NEW, "Four-green-lanterns-8"]).unwrap();
    assert!(simple.view.text.as_str().starts_with("The two new passwords were different"));
    simple.fill("new-password-submit", &[NEW, NEW]).unwrap();
    simple.see("done-reset-title").unwrap();
    assert_eq!(simple.end("done-finish").unwrap().outcome, Outcome::Done);

    assert_eq!(screen.organisation.sign_in(&BEN, NEW).unwrap(), SignIn::Accepted);
}

#[test]
fn a_password_is_changed_with_the_present_one_and_the_new_one_typed_again() {
    let screen = Screen::of(&[DORA], |_| {}).unwrap();
    let mut simple = screen.open_simply().unwrap();
    screen.prove_who_i_am(&mut simple, &DORA).unwrap();
    simple.see("choice-nothing-wrong-title").unwrap();
    simple.press_among("choice-nothing-wrong-change").unwrap();
    simple.see("change-password-title").unwrap();
    simple.fill("frame-continue", &[DORA.password, NEW]).unwrap();
    assert_eq!(simple.view.title.as_str(), "Type the new password once more");
    simple.fill("change-password-submit", &[NEW]).unwrap();
    simple.see("done-reset-title").unwrap();
    simple.end("done-finish").unwrap();

    assert_eq!(screen.organisation.sign_in(&DORA, NEW).unwrap(), SignIn::Accepted);
}

#[test]
fn a_first_password_is_set_on_the_first_day() {
    let screen = Screen::of(&[CARLA], |_| {}).unwrap();
    let mut simple = screen.open(Way::FirstDay, Form::Simple).unwrap();
    assert!(simple.says("user-id-help-first-day").unwrap(), "{:?}", simple.view);
    screen.prove_who_i_am(&mut simple, &CARLA).unwrap();
    simple.see("choice-never-used-title").unwrap();
    simple.press("choice-reset-first").unwrap();
    simple.see("new-password-title-first").unwrap();
    simple.fill("new-password-submit", &[NEW, NEW]).unwrap();
    simple.see("done-reset-title-first").unwrap();
    simple.end("done-finish").unwrap();

    assert_eq!(screen.organisation.sign_in(&CARLA, NEW).unwrap(), SignIn::Accepted);
}

#[test]
fn a_wrong_code_is_refused_a_mistyped_name_mended_and_the_right_ones_still_work() {
    let screen = Screen::of(&[ANNA], |_| {}).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let mut simple = screen.open_simply().unwrap();
    simple.fill("frame-continue", &[""]).unwrap();
    assert!(simple.says("user-id-missing").unwrap(), "{:?}", simple.view);
    simple.fill("frame-continue", &["anna.burg@demo.example"]).unwrap();
    simple.see("enter-code-title").unwrap();
    simple.fill("More ways", &[""]).unwrap();
    simple.press_among("enter-code-change-spoken").unwrap();
    simple.see("user-id-title").unwrap();
    assert_eq!(simple.view.fields.as_slice()[0].typed.as_str(), "anna.burg@demo.example");
    simple.fill("frame-continue", &[&screen.user_id(&ANNA)]).unwrap();
    simple.see("enter-code-title").unwrap();
    simple.fill("frame-continue", &["12"]).unwrap();
    assert!(simple.says("enter-code-missing").unwrap(), "{:?}", simple.view);
    simple.fill("frame-continue", &["0000 0000"]).unwrap();
    assert!(simple.says("error-code-wrong").unwrap(), "{:?}", simple.view);
    assert_eq!(simple.view.fields.as_slice()[0].typed.as_str(), "", "no code is said back");
    let code = screen.organisation.mailbox.wait_for_newest_code(ANNA.email).unwrap();
    simple.fill("frame-continue", &[&code]).unwrap();
    simple.see("choice-locked-title").unwrap();
    simple.press("choice-locked-unlock").unwrap();
    simple.see("done-unlock-title").unwrap();

    let sign_in = screen.organisation.sign_in(&ANNA, ANNA.password).unwrap();
    assert_eq!(sign_in, SignIn::Accepted);
}

#[test]
fn who_leaves_is_out_at_once_and_leaves_nothing_behind() {
    let screen = Screen::of(&[ANNA], |_| {}).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let mut simple = screen.open_simply().unwrap();
    screen.prove_who_i_am(&mut simple, &ANNA).unwrap();
    simple.see("choice-locked-title").unwrap();
    simple.tile.say(&Ask::Cancel).unwrap();
    let end = simple.hear_the_end().unwrap();
    assert_eq!((end.outcome, end.words.as_str()), (Outcome::Cancelled, ""));
    assert!(screen.organisation.is_locked(&ANNA).unwrap());
    let log = screen.pc.with(|pc| pc.account_log.clone());
    assert!(log.contains(&"enabled") && log.ends_with(&["disabled", "forgotten"]), "{log:?}");

    // Nobody finds the gates that were passed.
    let mut simple = screen.open_simply().unwrap();
    simple.see("user-id-title").unwrap();
}

#[test]
fn who_is_done_is_done_also_when_they_leave_by_cancel() {
    let screen = Screen::of(&[ANNA], |_| {}).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let mut simple = screen.open_simply().unwrap();
    screen.prove_who_i_am(&mut simple, &ANNA).unwrap();
    simple.press("choice-locked-unlock").unwrap();
    simple.see("done-unlock-title").unwrap();
    simple.tile.say(&Ask::Cancel).unwrap();
    assert_eq!(simple.hear_the_end().unwrap().outcome, Outcome::Done);
}

#[test]
fn the_same_person_goes_on_before_a_gate_after_the_session_changed_and_begins_again_past_it() {
    let screen = Screen::of(&[ANNA], |pc| pc.user = Text::new("anna.berg@demo.example")).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    let mut simple = screen.open_simply().unwrap();
    simple.see("user-id-known").unwrap();
    simple.fill("frame-continue", &[&screen.user_id(&ANNA)]).unwrap();
    simple.see("enter-code-title").unwrap();
    screen.host.stop(Some(SESSION), Cause::Power);
    simple.hear_the_end().unwrap();

    let mut simple = screen.open_simply().unwrap();
    if !simple.view.fields.as_slice().is_empty() {
        // The page that asks was drawn before the service had answered.
        simple.view = next_view(&mut simple.tile).unwrap();
    }
    simple.see("enter-code-title").unwrap();
    let code = screen.organisation.mailbox.wait_for_newest_code(ANNA.email).unwrap();
    simple.fill("frame-continue", &[&code]).unwrap();
    simple.see("choice-locked-title").unwrap();
    screen.host.stop(Some(SESSION), Cause::Power);
    simple.hear_the_end().unwrap();

    // Whoever opens the same tile now may be somebody else.
    let mut simple = screen.open_simply().unwrap();
    screen.prove_who_i_am(&mut simple, &ANNA).unwrap();
    simple.see("choice-locked-title").unwrap();
}

#[test]
fn a_service_that_is_away_is_said_in_words_with_whom_to_ask_and_tried_again() {
    let mut screen = Screen::of(&[ANNA], |_| {}).unwrap();
    screen.organisation.lock(&ANNA).unwrap();
    screen.organisation.service.stop();
    let mut simple = screen.open_simply().unwrap();
    if simple.view.title.as_str().contains("user ID") {
        simple.view = next_view(&mut simple.tile).unwrap();
    }
    simple.see("unreachable-service-title").unwrap();
    assert!(simple.view.text.as_str().contains("+49 30 555 01 00"), "{:?}", simple.view);
    screen.organisation.service.start_again().unwrap();
    simple.press("unreachable-retry").unwrap();
    screen.prove_who_i_am(&mut simple, &ANNA).unwrap();
    simple.press("choice-locked-unlock").unwrap();
    simple.see("done-unlock-title").unwrap();
}

#[test]
fn a_pc_without_a_webview_shows_the_simple_form_to_who_wanted_the_app() {
    let screen = Screen::of(&[ANNA], |pc| pc.webview = false).unwrap();
    let mut simple = screen.open(Way::CannotSignIn, Form::Full).unwrap();
    simple.see("user-id-title").unwrap();
}

#[test]
fn what_this_pc_does_with_a_new_password_is_said_before_the_first_gate_and_after_the_last() {
    let screen = Screen::of(&[BEN], |pc| {
        (pc.join, pc.controller) = (Join::Domain, Known::No);
    })
    .unwrap();
    let mut simple = screen.open_simply().unwrap();
    simple.fill("frame-continue", &[&screen.user_id(&BEN)]).unwrap();
    simple.see("enter-code-title").unwrap();
    assert!(simple.says("start-after-network").unwrap(), "{:?}", simple.view);
    let code = screen.organisation.mailbox.wait_for_newest_code(BEN.email).unwrap();
    simple.fill("frame-continue", &[&code]).unwrap();
    simple.press_among("choice-nothing-wrong-reset").unwrap();
    simple.fill("new-password-submit", &[NEW, NEW]).unwrap();
    simple.see("done-reset-title").unwrap();
    while !simple.says("done-reset-after-network").unwrap() {
        simple.view = next_view(&mut simple.tile).unwrap();
    }
    let end = simple.end("done-finish").unwrap();
    assert!(end.words.contains("company network"), "{}", end.words);
}

/// The host counts nobody as away who waits for a mail, and somebody who is away as away.
#[test]
fn an_hour_is_the_end_whatever_is_on_the_screen() {
    let screen = Screen::of(&[ANNA], |_| {}).unwrap();
    let mut simple = screen.open_simply().unwrap();
    simple.see("user-id-title").unwrap();
    screen.pc.with(|pc| pc.now += Duration::from_secs(3_700));
    screen.host.look_at_the_time();
    let end = simple.hear_the_end().unwrap();
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert!(!end.words.is_empty());
}
