//! The agent as a service of Windows (Wine plays it): installed, enrolled and started as its
//! administrator does it, beside a real domain. It does what the one on Linux does.

use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN},
        walk::Walk,
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
fn a_service_of_windows_unlocks_and_resets_and_goes_without_a_trace() {
    let mut organisation = Organisation::active_directory_and_windows(&[ANNA, BEN]).unwrap();
    organisation.lock(&ANNA).unwrap();
    organisation.lock(&BEN).unwrap();
    let display = Display::start().unwrap();

    let app = App::open(&display, &organisation.service).unwrap();
    let mut walk = Walk::new(&app, &organisation, "windows-agent-unlock", None);
    walk.prove_who_i_am(&ANNA).unwrap();
    walk.see("choice-locked-title").unwrap();
    walk.unlock().unwrap();
    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
    drop(app);

    // Stopped by Windows and started again, it still knows who it is.
    let agent = &mut organisation.domain().unwrap().agent;
    agent.stop();
    agent.start_again().unwrap();
    wait::until("the second link", PATIENCE, || {
        Ok((agent.log_end().matches("plainly=").count() == 2).then_some(()))
    })
    .unwrap();

    let app = App::open(&display, &organisation.service).unwrap();
    let mut walk = Walk::new(&app, &organisation, "windows-agent-reset", None);
    walk.prove_who_i_am(&BEN).unwrap();
    walk.see("choice-locked-title").unwrap();
    walk.press("choice-locked-reset").unwrap();
    walk.see("new-password-title").unwrap();
    app.fill(NEW).unwrap();
    app.press("new-password-submit").unwrap();
    app.see_page("done-reset-title").unwrap();
    assert_eq!(organisation.sign_in(&BEN, NEW).unwrap(), SignIn::Accepted);

    let agent = &mut organisation.domain().unwrap().agent;
    assert!(!agent.uninstall().unwrap(), "the service is still in the list");
}
