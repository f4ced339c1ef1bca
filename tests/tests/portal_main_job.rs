//! The portal in Chromium, on a real domain: the pages that the service serves, with the
//! password sealed in the browser. That the new password binds proves that what Chromium
//! sealed was opened with the real agent's key.

use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN, CARLA, DORA},
    },
    lab::{browser::walk_the_portal, service::SignIn},
};

const NEW: &str = "Four-green-lanterns-9";

#[test]
fn people_unlock_and_set_passwords_in_a_browser() {
    let organisation = Organisation::active_directory(&[ANNA, BEN, CARLA, DORA]).unwrap();
    organisation.lock(&ANNA).unwrap();

    let people = [("anna", ANNA), ("ben", BEN), ("carla", CARLA), ("dora", DORA)];
    walk_the_portal(&organisation, &people, NEW).unwrap();

    let sign_in = |person, password| organisation.sign_in(person, password).unwrap();
    assert_eq!(sign_in(&ANNA, ANNA.password), SignIn::Accepted);
    assert_eq!(sign_in(&BEN, NEW), SignIn::Accepted);
    assert_eq!(sign_in(&BEN, BEN.password), SignIn::Wrong);
    assert_eq!(sign_in(&CARLA, NEW), SignIn::Accepted);
    assert_eq!(sign_in(&DORA, NEW), SignIn::Accepted);
}
