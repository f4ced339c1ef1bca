//! Two agents beside one domain: the second is let in by the first, and does what the first one
//! can no longer do. Neither is told that the other is gone.

use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN},
        walk::Walk,
    },
    lab::{app::App, display::Display, service::SignIn},
};

const NEW: &str = "Four-green-lanterns-9";

#[test]
fn when_one_agent_dies_the_other_goes_on() {
    let mut organisation = Organisation::active_directory(&[ANNA, BEN]).unwrap();
    organisation.lock(&ANNA).unwrap();
    let code = organisation.service.enrolment_code("Staff").unwrap();
    let domain = organisation.domain().unwrap();
    let second = domain.agent.start_beside(&domain.samba, &code).unwrap();

    let display = Display::start().unwrap();
    let app = App::open(&display, &organisation.service).unwrap();
    let mut walk = Walk::new(&app, &organisation, "ad-two-agents", None);
    walk.prove_who_i_am(&ANNA).unwrap();
    walk.see("choice-locked-title").unwrap();
    // The newest link is the one that is asked.
    drop(second);
    walk.unlock().unwrap();
    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
}

#[test]
fn a_password_is_sealed_for_every_agent_so_that_any_can_write_it() {
    let mut organisation = Organisation::active_directory(&[BEN]).unwrap();
    let code = organisation.service.enrolment_code("Staff").unwrap();
    let domain = organisation.domain().unwrap();
    let _second = domain.agent.start_beside(&domain.samba, &code).unwrap();

    let display = Display::start().unwrap();
    let app = App::open(&display, &organisation.service).unwrap();
    let mut walk = Walk::new(&app, &organisation, "ad-two-agents-reset", None);
    walk.prove_who_i_am(&BEN).unwrap();
    walk.see("choice-nothing-wrong-title").unwrap();
    walk.press("choice-nothing-wrong-reset").unwrap();
    walk.see("new-password-title").unwrap();
    // The first agent, whose key made the directory's, is gone for good.
    organisation.domain().unwrap().agent.kill();
    app.fill(NEW).unwrap();
    app.press("new-password-submit").unwrap();
    app.see_page("done-reset-title").unwrap();

    assert_eq!(organisation.sign_in(&BEN, NEW).unwrap(), SignIn::Accepted);
    let samba = &organisation.domain().unwrap().samba;
    assert_eq!(samba.key_version(BEN.name).unwrap(), 2, "written exactly once");
}
