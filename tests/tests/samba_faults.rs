//! What goes wrong between the service and a real domain: an agent that is gone, a controller
//! that is gone, an account that must not be touched. The person is told; nothing is half done.

use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN},
        walk::{Walk, tell},
    },
    lab::{
        app::App,
        display::Display,
        service::SignIn,
        wait::{self, PATIENCE},
    },
};

const NEW: &str = "Four-green-lanterns-9";

#[test]
fn an_agent_gone_between_gate_and_write_changes_nothing_and_can_be_tried_again() {
    let mut organisation = Organisation::active_directory(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();

    let display = Display::start().unwrap();
    let app = App::open(&display, &organisation.service).unwrap();
    let mut walk = Walk::new(&app, &organisation, "ad-agent-gone", None);
    walk.prove_who_i_am(&ANNA).unwrap();
    walk.see("choice-locked-title").unwrap();
    organisation.domain().unwrap().agent.kill();
    app.press("choice-locked-unlock").unwrap();
    // Refused before it began, or given up when the link was found dead: said in words.
    app.see_any(&["error-directory-unavailable", "not-done-no-agent"]).unwrap();
    assert!(organisation.is_locked(&ANNA).unwrap(), "nothing was changed");

    organisation.domain().unwrap().agent.start_again().unwrap();
    wait::until("the agent to be back", PATIENCE, || {
        let pages = ["done-unlock-title", "choice-locked-title", "not-done-unlock-title"];
        // Pressed only while it is there: the press before may just now have its answer.
        match app.see_one_of(&pages)? {
            "choice-locked-title" => app.press_if_there("choice-locked-unlock")?,
            "not-done-unlock-title" => app.press_if_there("not-done-try-unlock")?,
            _ => return Ok(Some(())),
        };
        Ok(None)
    })
    .unwrap();
    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
}

#[test]
fn a_directory_that_is_away_is_named_before_a_password_is_typed() {
    let mut organisation = Organisation::active_directory(&[BEN]).unwrap();
    let display = Display::start().unwrap();
    let app = App::open(&display, &organisation.service).unwrap();
    let user_id = organisation.user_id(&BEN);
    let mut walk = Walk::new(&app, &organisation, "ad-directory-away", None);
    walk.say_who_i_am(&user_id, false).unwrap();
    organisation.domain().unwrap().samba.stop_controller();
    let mut walk = Walk::new(&app, &organisation, "ad-directory-away", None);
    walk.enter_the_code(&BEN).unwrap();
    app.see_page("choice-unreachable-title").unwrap();

    organisation.domain().unwrap().samba.start_controller().unwrap();
    assert_eq!(organisation.sign_in(&BEN, BEN.password).unwrap(), SignIn::Accepted);
}

#[test]
fn an_administrators_account_is_never_touched() {
    let mut organisation = Organisation::active_directory(&[BEN]).unwrap();
    let samba = &organisation.domain().unwrap().samba;
    samba.make_administrator(BEN.name).unwrap();

    tell("ad-administrator", &organisation, |walk| {
        walk.prove_who_i_am(&BEN)?;
        walk.see("choice-protected-title")
    })
    .unwrap();

    assert_eq!(organisation.sign_in(&BEN, BEN.password).unwrap(), SignIn::Accepted);
}

#[test]
fn a_password_that_the_domain_refuses_is_explained_and_the_next_one_taken() {
    let mut organisation = Organisation::active_directory(&[BEN]).unwrap();

    let display = Display::start().unwrap();
    let app = App::open(&display, &organisation.service).unwrap();
    let mut walk = Walk::new(&app, &organisation, "ad-refused-password", None);
    walk.prove_who_i_am(&BEN).unwrap();
    walk.see("choice-nothing-wrong-title").unwrap();
    walk.press("choice-nothing-wrong-reset").unwrap();
    walk.see("new-password-title").unwrap();
    // The rules change while the person types: only the domain knows.
    let samba = &organisation.domain().unwrap().samba;
    samba.set_least_length(20).unwrap();
    app.fill("Shorter-than-20").unwrap();
    app.press("new-password-submit").unwrap();
    app.see("new-password-refused-too-short").unwrap();
    app.fill(NEW).unwrap();
    app.press("new-password-submit").unwrap();
    app.see_page("done-reset-title").unwrap();

    assert_eq!(organisation.sign_in(&BEN, NEW).unwrap(), SignIn::Accepted);
}
