//! The main job on a real Active Directory domain, with the real agent beside it.

mod main_job;

use tests::{
    harness::{organisation::Organisation, people::DORA, walk::tell},
    lab::service::SignIn,
};

main_job::on!(Organisation::active_directory);

#[test]
fn a_password_that_must_be_changed_is_changed_by_who_knows_it() {
    const NEW: &str = "Four-green-lanterns-9";
    let mut organisation = Organisation::active_directory(&[DORA]).unwrap();
    let samba = &organisation.domain().unwrap().samba;
    let dn = samba.dn(DORA.name);
    let must_change = format!("dn: {dn}\nchangetype: modify\nreplace: pwdLastSet\npwdLastSet: 0\n");
    samba.change(&must_change).unwrap();
    assert_eq!(organisation.sign_in(&DORA, DORA.password).unwrap(), SignIn::MustChange);

    tell("must-change", &organisation, |walk| {
        walk.prove_who_i_am(&DORA)?;
        walk.see("choice-known-must-change-title")?;
        walk.press("choice-known-change")?;
        walk.type_both_passwords(DORA.password, NEW)?;
        walk.see("done-reset-title")?;
        walk.finish()
    })
    .unwrap();

    assert_eq!(organisation.sign_in(&DORA, NEW).unwrap(), SignIn::Accepted);
}
