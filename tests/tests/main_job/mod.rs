//! The main job, the same stories for every kind of directory: the real app in a window, the real
//! service, codes from real mail. What happened is asked of the directory itself.
//!
//! [`on`] makes them the tests of a file; what only one kind of directory can say is not here.

use anyhow::Result;
use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN, CARLA},
        walk::tell,
    },
    lab::service::SignIn,
};

const NEW: &str = "Four-green-lanterns-9";

/// Makes each of the stories a test on the organisations that `$organisation` begins.
macro_rules! on {
    ($organisation:path: $($story:ident)*) => {
        $(
            #[test]
            fn $story() {
                main_job::$story($organisation).unwrap();
            }
        )*
    };
    ($organisation:path) => {
        main_job::on!($organisation:
            a_locked_account_is_unlocked_and_the_old_password_binds_again
            an_unlock_that_does_not_help_goes_on_to_a_new_password
            a_forgotten_password_is_replaced_and_the_lock_goes_with_it
            the_first_day_sets_the_first_password_of_an_account_never_used
            a_mistyped_user_id_is_mended_on_the_page_that_asks_for_the_code
            who_knows_the_password_changes_it
        );
    };
}
pub(crate) use on;

/// How an organisation with these people begins.
type Begin = fn(&[tests::harness::people::Person]) -> Result<Organisation>;

/// How often the password was written since the account was made, where that is counted.
fn assert_written(organisation: &mut Organisation, name: &str, times: u32) -> Result<()> {
    if let Ok(domain) = organisation.domain() {
        assert_eq!(domain.samba.key_version(name)?, 1 + times, "writes of {name}");
    }
    Ok(())
}

pub(crate) fn a_locked_account_is_unlocked_and_the_old_password_binds_again(
    begin: Begin,
) -> Result<()> {
    let mut organisation = begin(&[ANNA])?;
    organisation.lock(&ANNA)?;
    assert_eq!(organisation.sign_in(&ANNA, ANNA.password)?, SignIn::Locked);

    tell("unlock", &organisation, |walk| {
        walk.prove_who_i_am(&ANNA)?;
        walk.unlock()?;
        walk.finish()
    })?;

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password)?, SignIn::Accepted);
    assert_written(&mut organisation, ANNA.name, 0)
}

pub(crate) fn an_unlock_that_does_not_help_goes_on_to_a_new_password(begin: Begin) -> Result<()> {
    let mut organisation = begin(&[ANNA])?;
    organisation.lock(&ANNA)?;

    tell("unlock-then-reset", &organisation, |walk| {
        walk.prove_who_i_am(&ANNA)?;
        walk.unlock()?;
        walk.it_still_does_not_work()?;
        walk.set_password(NEW, false)?;
        walk.finish()
    })?;

    assert_eq!(organisation.sign_in(&ANNA, NEW)?, SignIn::Accepted);
    assert_eq!(organisation.sign_in(&ANNA, ANNA.password)?, SignIn::Wrong);
    assert_written(&mut organisation, ANNA.name, 1)
}

pub(crate) fn a_forgotten_password_is_replaced_and_the_lock_goes_with_it(
    begin: Begin,
) -> Result<()> {
    let mut organisation = begin(&[BEN])?;
    organisation.lock(&BEN)?;

    tell("reset-of-a-locked-account", &organisation, |walk| {
        walk.prove_who_i_am(&BEN)?;
        walk.see("choice-locked-title")?;
        walk.press("choice-locked-reset")?;
        walk.set_password(NEW, false)?;
        walk.finish()
    })?;

    assert!(!organisation.is_locked(&BEN)?);
    assert_eq!(organisation.sign_in(&BEN, NEW)?, SignIn::Accepted);
    assert_eq!(organisation.sign_in(&BEN, BEN.password)?, SignIn::Wrong);
    assert_written(&mut organisation, BEN.name, 1)
}

pub(crate) fn the_first_day_sets_the_first_password_of_an_account_never_used(
    begin: Begin,
) -> Result<()> {
    let organisation = begin(&[CARLA])?;
    assert_eq!(organisation.sign_in(&CARLA, CARLA.password)?, SignIn::MustChange);

    tell("first-day", &organisation, |walk| {
        walk.prove_who_i_am(&CARLA)?;
        walk.see("choice-never-used-title")?;
        walk.press("choice-reset-first")?;
        walk.set_password(NEW, true)?;
        walk.finish()
    })?;

    // Nothing is left to change.
    assert_eq!(organisation.sign_in(&CARLA, NEW)?, SignIn::Accepted);
    Ok(())
}

pub(crate) fn a_mistyped_user_id_is_mended_on_the_page_that_asks_for_the_code(
    begin: Begin,
) -> Result<()> {
    let organisation = begin(&[ANNA])?;
    organisation.lock(&ANNA)?;
    let right = organisation.user_id(&ANNA);
    let mistyped = right.replacen("anna", "ana", 1);

    tell("mistyped-user-id", &organisation, |walk| {
        walk.say_who_i_am(&mistyped, false)?;
        walk.mend_the_user_id(&right)?;
        walk.enter_the_code(&ANNA)?;
        walk.unlock()
    })?;

    assert_eq!(organisation.sign_in(&ANNA, ANNA.password)?, SignIn::Accepted);
    Ok(())
}

pub(crate) fn who_knows_the_password_changes_it(begin: Begin) -> Result<()> {
    let mut organisation = begin(&[BEN])?;

    tell("change", &organisation, |walk| {
        walk.prove_who_i_am(&BEN)?;
        walk.see("choice-nothing-wrong-title")?;
        walk.press("choice-nothing-wrong-change")?;
        walk.type_both_passwords(BEN.password, NEW)?;
        walk.see("done-reset-title")?;
        walk.finish()
    })?;

    assert_eq!(organisation.sign_in(&BEN, NEW)?, SignIn::Accepted);
    assert_eq!(organisation.sign_in(&BEN, BEN.password)?, SignIn::Wrong);
    assert_written(&mut organisation, BEN.name, 1)
}
