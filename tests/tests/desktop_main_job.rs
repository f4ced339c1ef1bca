//! The app in a real window on the embedded directory: the main job, and what goes wrong on the
//! way. What happened is asked of the directory.

mod main_job;

use anyhow::Result;
use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN},
        walk::{Walk, tell},
    },
    lab::{app::App, display::Display, service::SignIn},
};

const NEW: &str = "Four-green-lanterns-9";

main_job::on!(Organisation::embedded);

#[test]
fn a_password_that_the_rules_refuse_is_explained_and_the_next_one_taken() {
    let organisation = Organisation::embedded(&[BEN]).unwrap();

    tell("refused-password", &organisation, |walk| {
        walk.prove_who_i_am(&BEN)?;
        walk.see("choice-nothing-wrong-title")?;
        walk.press("choice-nothing-wrong-reset")?;
        walk.see("new-password-title")?;
        walk.app().fill("short")?;
        walk.press("new-password-submit")?;
        walk.app().see("error-summary-title")?;
        walk.set_password(NEW, false)
    })
    .unwrap();

    assert_eq!(organisation.sign_in(&BEN, NEW).unwrap(), SignIn::Accepted);
}

#[test]
fn a_wrong_code_is_refused_and_the_right_one_still_works() {
    let organisation = Organisation::embedded(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();

    tell("wrong-code", &organisation, |walk| {
        walk.say_who_i_am(&organisation.user_id(&ANNA), false)?;
        walk.app().fill("0000 0000")?;
        walk.press("frame-continue")?;
        walk.app().see("error-code-wrong")?;
        walk.enter_the_code(&ANNA)?;
        walk.unlock()
    })
    .unwrap();

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
}

#[test]
fn a_recovery_goes_on_where_it_was_after_the_app_crashed() {
    let organisation = Organisation::embedded(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();

    go_on_after_a_crash(&organisation).unwrap();

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
}

fn go_on_after_a_crash(organisation: &Organisation) -> Result<()> {
    let display = Display::start()?;
    let mut app = App::open(&display, &organisation.service)?;
    Walk::new(&app, organisation, "before-the-crash", None).prove_who_i_am(&ANNA)?;
    app.see_page("choice-locked-title")?;
    app.crash();
    app.open_again()?;
    Walk::new(&app, organisation, "after-the-crash", None).unlock()
}

#[test]
fn a_service_that_restarts_in_the_middle_loses_nothing() {
    let mut organisation = Organisation::embedded(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();

    let display = Display::start().unwrap();
    let app = App::open(&display, &organisation.service).unwrap();
    let user_id = organisation.user_id(&ANNA);
    let mut before = Walk::new(&app, &organisation, "before-the-restart", None);
    before.say_who_i_am(&user_id, false).unwrap();
    organisation.service.kill();
    organisation.service.start_again().unwrap();
    let mut after = Walk::new(&app, &organisation, "after-the-restart", None);
    after.enter_the_code(&ANNA).unwrap();
    after.unlock().unwrap();

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
}

#[test]
fn an_app_whose_service_is_away_says_so_and_goes_on_when_it_is_back() {
    let mut organisation = Organisation::embedded(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();
    organisation.service.stop();

    let display = Display::start().unwrap();
    let app = App::open(&display, &organisation.service).unwrap();
    app.see_page("unreachable-service-title").unwrap();
    organisation.service.start_again().unwrap();
    app.press("unreachable-retry").unwrap();
    let mut walk = Walk::new(&app, &organisation, "service-back", None);
    walk.prove_who_i_am(&ANNA).unwrap();
    walk.unlock().unwrap();

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
}

#[test]
fn mail_that_is_refused_at_first_arrives_later() {
    let organisation = Organisation::embedded(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();
    organisation.mailbox.refuse(true).unwrap();

    tell("mail-refused-at-first", &organisation, |walk| {
        walk.say_who_i_am(&organisation.user_id(&ANNA), false)?;
        organisation.mailbox.refuse(false)?;
        walk.enter_the_code(&ANNA)?;
        walk.unlock()
    })
    .unwrap();

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
}
