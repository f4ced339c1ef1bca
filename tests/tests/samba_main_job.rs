//! The main job on a real Active Directory domain: the real app in a window, the real service
//! and agent, codes from real mail. What happened is asked of the domain.

use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN, CARLA},
        walk::tell,
    },
    lab::service::SignIn,
};

const NEW: &str = "Four-green-lanterns-9";

#[test]
fn a_locked_account_is_unlocked_and_the_old_password_binds_again() {
    let mut organisation = Organisation::active_directory(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();
    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Locked);

    tell("ad-unlock", &organisation, |walk| {
        walk.prove_who_i_am(&ANNA)?;
        walk.unlock()?;
        walk.finish()
    })
    .unwrap();

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
    let samba = &organisation.domain().unwrap().samba;
    assert_eq!(samba.key_version(ANNA.name).unwrap(), 1, "the password was not touched");
}

#[test]
fn an_unlock_that_does_not_help_goes_on_to_a_new_password() {
    let mut organisation = Organisation::active_directory(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();

    tell("ad-unlock-then-reset", &organisation, |walk| {
        walk.prove_who_i_am(&ANNA)?;
        walk.unlock()?;
        walk.it_still_does_not_work()?;
        walk.set_password(NEW, false)?;
        walk.finish()
    })
    .unwrap();

    assert_eq!(organisation.sign_in(&ANNA, NEW).unwrap(), SignIn::Accepted);
    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Wrong);
    let samba = &organisation.domain().unwrap().samba;
    assert_eq!(samba.key_version(ANNA.name).unwrap(), 2, "written exactly once");
}

#[test]
fn a_forgotten_password_is_replaced_and_the_lock_goes_with_it() {
    let mut organisation = Organisation::active_directory(&[BEN]).unwrap();
    organisation.lock(&BEN).unwrap();

    tell("ad-reset-of-a-locked-account", &organisation, |walk| {
        walk.prove_who_i_am(&BEN)?;
        walk.see("choice-locked-title")?;
        walk.press("choice-locked-reset")?;
        walk.set_password(NEW, false)?;
        walk.finish()
    })
    .unwrap();

    assert!(!organisation.is_locked(&BEN).unwrap());
    assert_eq!(organisation.sign_in(&BEN, NEW).unwrap(), SignIn::Accepted);
    assert_eq!(organisation.sign_in(&BEN, BEN.password).unwrap(), SignIn::Wrong);
    let samba = &organisation.domain().unwrap().samba;
    assert_eq!(samba.key_version(BEN.name).unwrap(), 2, "written exactly once");
}

#[test]
fn the_first_day_sets_the_first_password_of_an_account_never_used() {
    let mut organisation = Organisation::active_directory(&[CARLA]).unwrap();
    assert!(organisation.domain().unwrap().samba.must_change(CARLA.name).unwrap());

    tell("ad-first-day", &organisation, |walk| {
        walk.prove_who_i_am(&CARLA)?;
        walk.see("choice-never-used-title")?;
        walk.press("choice-reset-first")?;
        walk.set_password(NEW, true)?;
        walk.finish()
    })
    .unwrap();

    let samba = &organisation.domain().unwrap().samba;
    assert!(!samba.must_change(CARLA.name).unwrap(), "nothing is left to change");
    assert_eq!(organisation.sign_in(&CARLA, NEW).unwrap(), SignIn::Accepted);
}

#[test]
fn a_mistyped_user_id_is_mended_on_the_page_that_asks_for_the_code() {
    let organisation = Organisation::active_directory(&[ANNA]).unwrap();
    organisation.lock(&ANNA).unwrap();
    let right = organisation.user_id(&ANNA);
    let mistyped = right.replacen("anna", "ana", 1);

    tell("ad-mistyped-user-id", &organisation, |walk| {
        walk.say_who_i_am(&mistyped, false)?;
        walk.mend_the_user_id(&right)?;
        walk.enter_the_code(&ANNA)?;
        walk.unlock()
    })
    .unwrap();

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password).unwrap(), SignIn::Accepted);
}
