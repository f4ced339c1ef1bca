//! The Active Directory driver on a real domain: what it may do with nothing but the delegated
//! rights, what it refuses, and what it says afterwards. What happened is checked with another
//! LDAP client, never with the driver's own word.
//!
//! Long: a story for each thing that a real domain can say or do.

#![expect(clippy::unwrap_used, reason = "a story stops at the first surprise")]

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use directory::{
    Directory, Page,
    active_directory::{
        ActiveDirectory, Attributes, Fault, Forests, Right, Settings, SignIn, Trust,
    },
};
use password::{NewPassword, PasswordRefusal};
use protocol::directory::{
    AccountRecord, ExternalId, Fence, LockoutRules, NotDone, Outcome, State,
};
use tokio::sync::mpsc;

use tests::lab::{
    ldap::Bind,
    samba::{Account, Kind, Samba},
};

const ANNA: Account<'_> = Account {
    name: "anna.berg",
    display_name: "Anna Berg",
    mail: "anna.private@mail.example",
    password: "Old-password-17",
    must_change: false,
};
const CARLA: Account<'_> = Account {
    name: "carla.first",
    display_name: "Carla First",
    mail: "carla@mail.example",
    password: "Start-password-17",
    must_change: true,
};

fn settings(samba: &Samba) -> Settings {
    let (account, password) = samba.agent_account();
    Settings {
        controllers: vec![samba.url()],
        preferred_controller: None,
        trust: Trust::File(samba.ca_file()),
        sign_in: SignIn::Password {
            user: account,
            password: Arc::new(move || Ok(password.to_owned().into())),
        },
        base_dns: vec![samba.people_dn()],
        excluded_dns: Vec::new(),
        attributes: Attributes::default(),
        groups: Vec::new(),
        now: Arc::new(|| 1_800_000_000),
    }
}

fn driver(samba: &Samba) -> Result<ActiveDirectory> {
    Ok(ActiveDirectory::new(settings(samba))?)
}

async fn all_accounts(driver: &impl Directory) -> Result<Vec<AccountRecord>> {
    let mut all = Vec::new();
    for part in 0..driver.parts() {
        let (hand_over, mut pages) = mpsc::channel::<Page>(1);
        let taking = async {
            while let Some(page) = pages.recv().await {
                all.extend(page.accounts);
            }
        };
        let (read, ()) = tokio::join!(driver.accounts(part, None, hand_over), taking);
        read.map_err(|reason| anyhow::anyhow!("accounts: {reason:?}"))?;
    }
    Ok(all)
}

async fn id_of(driver: &impl Directory, name: &str) -> Result<ExternalId> {
    let all = all_accounts(driver).await?;
    let found = all.into_iter().find(|account| account.names.iter().any(|n| n == name));
    Ok(found.with_context(|| format!("{name} is not listed"))?.external_id)
}

async fn fence_of(driver: &ActiveDirectory, account: &ExternalId) -> Fence {
    driver.status(account).await.unwrap().fence
}

fn password(text: &str) -> NewPassword {
    NewPassword::parse(text.to_owned()).ok().unwrap()
}

fn not_done(reason: NotDone) -> Outcome {
    Outcome::NotDone { reason }
}

/// A fence as somebody holds it who read before the last change.
fn stale(fence: &Fence) -> Fence {
    Fence {
        password_last_set: "129000000000000000".to_owned(),
        lockout_time: "129000000000000000".to_owned(),
        ..fence.clone()
    }
}

#[tokio::test]
async fn accounts_are_listed_with_every_name_and_their_address() -> Result<()> {
    let samba = Samba::start()?;
    for name in ["person1", "person2", "person3", "person4", "person5"] {
        samba.add(&Account { name, mail: "not an address", ..ANNA })?;
    }
    samba.add(&ANNA)?;
    let all = all_accounts(&driver(&samba)?).await?;
    ensure!(all.len() == 6, "{} accounts", all.len());
    let anna =
        all.iter().find(|account| account.display_name == "Anna Berg" && account.email.is_some());
    let anna = anna.context("Anna with her address")?;
    for name in [
        "anna.berg@ad.example.test",
        "anna.berg",
        r"AD\anna.berg",
        r"ad.example.test\anna.berg",
        ANNA.mail,
    ] {
        assert!(anna.names.iter().any(|n| n == name), "{name} in {:?}", anna.names);
    }
    assert_eq!(anna.email.as_deref(), Some(ANNA.mail));
    assert!(anna.enabled && !anna.protected);
    assert_eq!(all.iter().filter(|account| account.email.is_none()).count(), 5);
    Ok(())
}

#[tokio::test]
async fn three_wrong_passwords_lock_and_an_unlock_lets_the_old_password_in_again() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    let driver = driver(&samba)?;
    let anna = id_of(&driver, ANNA.name).await?;
    let before = driver.status(&anna).await.unwrap();
    assert!(!before.locked && before.never_signed_in && !before.must_change);
    assert_eq!((before.rules.min_length, before.rules.min_classes), (8, 3));
    assert!(before.rules.complete);

    samba.lock(ANNA.name)?;
    let locked = driver.status(&anna).await.unwrap();
    assert!(locked.locked);
    let lost = driver.unlock(&anna, &stale(&locked.fence)).await;
    assert_eq!(lost, not_done(NotDone::Changed));
    assert!(samba.is_locked(ANNA.name)?, "a stale fence writes nothing");
    let asked_early = driver.resolve(&anna, None, &locked.fence).await;
    assert_eq!(asked_early, not_done(NotDone::DirectoryUnreachable));

    assert_eq!(driver.unlock(&anna, &locked.fence).await, Outcome::Done);
    assert!(!samba.is_locked(ANNA.name)?);
    assert_eq!(samba.try_bind(ANNA.name, ANNA.password)?, Bind::Accepted);
    assert_eq!(driver.resolve(&anna, None, &locked.fence).await, Outcome::Done);
    assert_eq!(driver.unlock(&anna, &locked.fence).await, Outcome::Done, "nothing left to do");
    assert_eq!(Some(samba.key_version(ANNA.name)?), locked.fence.key_version);
    assert!(!driver.status(&anna).await.unwrap().never_signed_in);
    Ok(())
}

#[tokio::test]
async fn a_reset_clears_lock_and_must_change_in_one_write() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&CARLA)?;
    samba.lock(CARLA.name)?;
    let driver = driver(&samba)?;
    let carla = id_of(&driver, CARLA.name).await?;
    let status = driver.status(&carla).await.unwrap();
    assert!(status.locked && status.must_change && !status.password_expired);
    let version = status.fence.key_version.context("a readable key version")?;

    let new = password("First-password-18");
    let lost = driver.reset(&carla, &new, &stale(&status.fence)).await;
    assert_eq!(lost, not_done(NotDone::Changed));
    assert_eq!(samba.key_version(CARLA.name)?, version);

    assert_eq!(driver.reset(&carla, &new, &status.fence).await, Outcome::Done);
    assert_eq!(samba.key_version(CARLA.name)?, version + 1);
    assert!(!samba.is_locked(CARLA.name)? && !samba.must_change(CARLA.name)?);
    assert_eq!(samba.try_bind(CARLA.name, "First-password-18")?, Bind::Accepted);
    // The same order again finds another fence and changes nothing.
    assert_eq!(driver.reset(&carla, &new, &status.fence).await, not_done(NotDone::Changed));
    assert_eq!(samba.key_version(CARLA.name)?, version + 1);
    Ok(())
}

#[tokio::test]
async fn what_became_of_a_reset_is_found_out_by_reading() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    let driver = driver(&samba)?;
    let anna = id_of(&driver, ANNA.name).await?;
    let fence = fence_of(&driver, &anna).await;
    let ours = password("Our-password-18");
    let unwritten = driver.resolve(&anna, Some(&ours), &fence).await;
    assert_eq!(unwritten, not_done(NotDone::DirectoryUnreachable));
    assert_eq!(driver.reset(&anna, &ours, &fence).await, Outcome::Done);
    assert_eq!(driver.resolve(&anna, Some(&ours), &fence).await, Outcome::Done);

    // One password was set, but not this one. Asking again and again must not lock Anna out.
    let other = password("Other-password-18");
    for _ in 0..5 {
        assert_eq!(driver.resolve(&anna, Some(&other), &fence).await, Outcome::NotKnown);
    }
    assert!(!samba.is_locked(ANNA.name)?);

    // Two passwords were set since: nobody knows what became of ours.
    let newer = fence_of(&driver, &anna).await;
    assert_eq!(driver.reset(&anna, &password("Newer-password-19"), &newer).await, Outcome::Done);
    assert_eq!(driver.resolve(&anna, Some(&ours), &fence).await, Outcome::NotKnown);
    let elsewhere = Fence { controller: "ldaps://other.example.test".to_owned(), ..fence };
    assert_eq!(driver.resolve(&anna, Some(&ours), &elsewhere).await, Outcome::NotKnown);
    Ok(())
}

#[tokio::test]
async fn a_refused_password_is_explained_and_the_old_one_stays() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    let driver = driver(&samba)?;
    let anna = id_of(&driver, ANNA.name).await?;
    let fence = fence_of(&driver, &anna).await;
    let cases = [
        ("aB3-x", PasswordRefusal::TooShort),
        ("onlylowercase", PasswordRefusal::TooFewClasses),
        (&"Aa1-".repeat(32), PasswordRefusal::TooLong),
    ];
    for (text, refusal) in cases {
        let said = driver.reset(&anna, &password(text), &fence).await;
        assert_eq!(said, not_done(NotDone::Password(refusal)), "{text}");
    }
    assert_eq!(fence_of(&driver, &anna).await, fence);
    assert_eq!(samba.try_bind(ANNA.name, ANNA.password)?, Bind::Accepted);
    Ok(())
}

#[tokio::test]
async fn protected_accounts_are_refused_by_the_driver_itself() -> Result<()> {
    let samba = Samba::start()?;
    for name in ["admin.berg", "flagged.berg", "sql.berg", "moved.berg"] {
        samba.add(&Account { name, ..ANNA })?;
    }
    let driver = driver(&samba)?;
    let moved = id_of(&driver, "moved.berg").await?;
    samba.make_administrator("admin.berg")?;
    let modify = |name: &str, change: &str| {
        samba.change(&format!("dn: {}\nchangetype: modify\n{change}\n", samba.dn(name)))
    };
    modify("flagged.berg", "replace: adminCount\nadminCount: 1")?;
    modify(
        "sql.berg",
        "add: servicePrincipalName\nservicePrincipalName: MSSQLSvc/sql.ad.example.test",
    )?;
    samba.change(&format!(
        "dn: {}\nchangetype: modrdn\nnewrdn: CN=moved.berg\ndeleteoldrdn: 1\nnewsuperior: CN=Users,{}\n",
        samba.dn("moved.berg"),
        samba.base_dn()
    ))?;
    let mut accounts = vec![moved];
    for name in ["admin.berg", "flagged.berg", "sql.berg"] {
        accounts.push(id_of(&driver, name).await?);
    }
    for account in accounts {
        let status = driver.status(&account).await.unwrap();
        assert!(status.protected);
        let reset = driver.reset(&account, &password("Evil-password-1"), &status.fence).await;
        assert_eq!(reset, not_done(NotDone::Protected));
        assert_eq!(driver.unlock(&account, &status.fence).await, not_done(NotDone::Protected));
        let after = driver.status(&account).await.unwrap();
        assert_eq!(after.fence, status.fence);
    }
    let nobody = ExternalId("00000000-0000-0000-0000-000000000001".to_owned());
    assert_eq!(driver.status(&nobody).await.err(), Some(NotDone::NoAccount));
    let no_guid = ExternalId("x>,DC=test".to_owned());
    assert_eq!(driver.status(&no_guid).await.err(), Some(NotDone::NoAccount));
    Ok(())
}

#[tokio::test]
async fn the_agents_own_account_is_never_a_subject() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    let wide = ActiveDirectory::new(Settings {
        // The second lies in the first: nobody is listed twice.
        base_dns: vec![samba.base_dn().to_owned(), samba.people_dn()],
        // The first is gone: the next one is asked.
        controllers: vec!["ldaps://127.0.0.1:1".to_owned(), samba.url()],
        ..settings(&samba)
    })?;
    let all = all_accounts(&wide).await?;
    let named_anna = |account: &&AccountRecord| account.display_name == ANNA.display_name;
    assert_eq!(all.iter().filter(named_anna).count(), 1);
    let protected = |name: &str| {
        let found = all.iter().find(|account| account.names.iter().any(|n| n == name));
        found.map(|account| account.protected)
    };
    for name in ["regain-agent", "Administrator", "krbtgt", "Guest"] {
        assert_eq!(protected(name), Some(true), "{name}");
    }
    assert_eq!(protected(ANNA.name), Some(false));
    let own = id_of(&wide, "regain-agent").await?;
    let fence = fence_of(&wide, &own).await;
    let reset = wide.reset(&own, &password("Evil-password-1"), &fence).await;
    assert_eq!(reset, not_done(NotDone::Protected));
    Ok(())
}

#[tokio::test]
async fn a_controller_that_comes_back_is_used_again() -> Result<()> {
    let mut samba = Samba::start()?;
    samba.add(&ANNA)?;
    let driver = driver(&samba)?;
    let anna = id_of(&driver, ANNA.name).await?;
    let fence = fence_of(&driver, &anna).await;
    assert!(driver.is_reachable().await);
    samba.stop_controller();
    assert!(!driver.is_reachable().await);
    assert_eq!(driver.status(&anna).await.err(), Some(NotDone::DirectoryUnreachable));
    let new = password("New-password-18");
    let gone = not_done(NotDone::DirectoryUnreachable);
    assert_eq!(driver.reset(&anna, &new, &fence).await, gone);
    assert_eq!(driver.unlock(&anna, &fence).await, gone);
    assert_eq!(driver.resolve(&anna, Some(&new), &fence).await, Outcome::NotKnown);
    samba.start_controller()?;
    assert!(driver.is_reachable().await);
    assert_eq!(driver.reset(&anna, &new, &fence).await, Outcome::Done);
    assert_eq!(samba.try_bind(ANNA.name, "New-password-18")?, Bind::Accepted);
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_trusted_controller_is_spoken_to() -> Result<()> {
    let (samba, stranger) = (Samba::start()?, Samba::start()?);
    let driver = ActiveDirectory::new(Settings {
        trust: Trust::File(stranger.ca_file()),
        ..settings(&samba)
    })?;
    assert!(!driver.is_reachable().await);
    let found = driver.examine().await.controllers.remove(0).found;
    assert!(matches!(found.err(), Some(Fault::Tls(_))));
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_of_the_service_account_does_not_lock_it() -> Result<()> {
    let samba = Samba::start()?;
    // One controller under three addresses: as many wrong passwords as lock an account.
    let addresses = ["", ":636", ":3269"].map(|port| format!("ldaps://{}{port}", samba.ip()));
    let driver = ActiveDirectory::new(Settings {
        controllers: addresses.to_vec(),
        sign_in: SignIn::Password {
            user: samba.agent_account().0,
            password: Arc::new(|| Ok("not the password".to_owned().into())),
        },
        ..settings(&samba)
    })?;
    for _ in 0..6 {
        assert!(!driver.is_reachable().await);
    }
    let (account, password) = samba.agent_account();
    let own = samba.change_as(&account, password, "");
    assert!(own.is_ok(), "still signs in: {own:?}");
    Ok(())
}

#[tokio::test]
async fn the_examination_finds_missing_rights_and_missing_subtrees() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    let found = driver(&samba)?.examine().await.domain.context("a domain")??;
    assert_eq!(found.subtrees[0].dn, samba.people_dn());
    assert_eq!(found.subtrees[0].missing, []);
    // A new domain grants Unexpire Password to everybody who signs in.
    assert!(found.rules_readable && found.may_unexpire);

    let other = format!("OU=Other,{}", samba.base_dn());
    samba.change(&format!("dn: {other}\nchangetype: add\nobjectClass: organizationalUnit\n"))?;
    samba.change(&format!(
        "dn: CN=dora,{other}\nchangetype: add\nobjectClass: user\nsAMAccountName: dora\nuserAccountControl: 546\n"
    ))?;
    let undelegated = Settings { base_dns: vec![other.clone()], ..settings(&samba) };
    let found = ActiveDirectory::new(undelegated)?.examine().await.domain.context("a domain")??;
    let expected = [Right::ResetPassword, Right::WriteLockoutTime, Right::WritePwdLastSet];
    assert_eq!(found.subtrees[0].missing, expected);

    let misspelt = format!("OU=Poeple,{}", samba.base_dn());
    let missing = Settings { base_dns: vec![misspelt.clone()], ..settings(&samba) };
    let found = ActiveDirectory::new(missing)?.examine().await.controllers.remove(0).found;
    assert!(matches!(found.err(), Some(Fault::NoBase(dn)) if dn == misspelt));
    Ok(())
}

#[tokio::test]
async fn without_the_delegated_right_the_write_is_refused_by_name() -> Result<()> {
    let samba = Samba::start()?;
    let other = format!("OU=Other,{}", samba.base_dn());
    samba.change(&format!("dn: {other}\nchangetype: add\nobjectClass: organizationalUnit\n"))?;
    samba.change(&format!(
        "dn: CN=dora,{other}\nchangetype: add\nobjectClass: user\nsAMAccountName: dora\nuserAccountControl: 546\n"
    ))?;
    let undelegated = Settings { base_dns: vec![other], ..settings(&samba) };
    let driver = ActiveDirectory::new(undelegated)?;
    let dora = id_of(&driver, "dora").await?;
    let status = driver.status(&dora).await.unwrap();
    assert!(status.disabled);
    let reset = driver.reset(&dora, &password("New-password-18"), &status.fence).await;
    assert_eq!(reset, not_done(NotDone::NoRight));
    assert_eq!(fence_of(&driver, &dora).await, status.fence);
    Ok(())
}

#[tokio::test]
async fn writes_go_to_the_pdc_emulator_or_the_preferred_controller_and_else_to_the_next()
-> Result<()> {
    let mut first = Samba::start()?;
    first.add(&ANNA)?;
    first.name_by_address()?;
    let second = first.join(Kind::Writable)?;
    let both = vec![second.url(), first.url()];
    let new = |controllers: Vec<String>, preferred_controller: Option<String>| {
        let settings = Settings { controllers, preferred_controller, ..settings(&first) };
        ActiveDirectory::new(settings)
    };

    // The first controller is the PDC emulator, though it is named last.
    let driver = new(both.clone(), None)?;
    let anna = id_of(&driver, ANNA.name).await?;
    let status = driver.status(&anna).await.unwrap();
    assert_eq!((&status.fence.controller, status.replicates_later), (&first.url(), false));
    assert_eq!(
        driver.reset(&anna, &password("First-password-18"), &status.fence).await,
        Outcome::Done
    );
    assert_eq!((first.key_version(ANNA.name)?, second.key_version(ANNA.name)?), (2, 1));

    // Not configured, it is reached by the host name that the directory gives, also by a fence
    // from before a restart.
    let by_name = new(vec![second.url()], None)?;
    let found = by_name.status(&anna).await.unwrap();
    assert_eq!(found.fence.controller, format!("ldaps://{}", first.ip()));
    assert!(!found.replicates_later);
    let restarted = new(vec![second.url()], None)?;
    let reset = restarted.reset(&anna, &password("Second-password-18"), &found.fence).await;
    assert_eq!(reset, Outcome::Done);
    assert_eq!((first.key_version(ANNA.name)?, second.key_version(ANNA.name)?), (3, 1));
    // A fence cannot name a controller that neither configuration nor directory knows.
    let elsewhere = Fence { controller: "ldaps://localhost".to_owned(), ..found.fence.clone() };
    let refused = restarted.reset(&anna, &password("Evil-password-1"), &elsewhere).await;
    assert_eq!(refused, not_done(NotDone::DirectoryUnreachable));

    // A preferred one comes before it, and its writes need their time.
    let local = new(both.clone(), Some(second.url()))?;
    let status = local.status(&anna).await.unwrap();
    assert_eq!((&status.fence.controller, status.replicates_later), (&second.url(), true));
    second.lock(ANNA.name)?;
    let status = local.status(&anna).await.unwrap();
    assert!(status.locked);
    assert_eq!(local.unlock(&anna, &status.fence).await, Outcome::Done);
    assert!(!second.is_locked(ANNA.name)?);

    // Without its holder the next one takes the writes, and when it comes back it is first.
    let early = driver.status(&anna).await.unwrap();
    first.stop_controller();
    let status = driver.status(&anna).await.unwrap();
    assert_eq!((&status.fence.controller, status.replicates_later), (&second.url(), true));
    let never_moved = driver.reset(&anna, &password("Third-password-18"), &early.fence).await;
    assert_eq!(never_moved, not_done(NotDone::DirectoryUnreachable));
    let reset = driver.reset(&anna, &password("Third-password-18"), &status.fence).await;
    assert_eq!(reset, Outcome::Done);
    assert_eq!(second.key_version(ANNA.name)?, 2);
    first.start_controller()?;
    assert!(driver.is_reachable().await);
    let status = driver.status(&anna).await.unwrap();
    assert_eq!((&status.fence.controller, status.replicates_later), (&first.url(), false));
    Ok(())
}

#[tokio::test]
async fn a_read_only_controller_is_read_when_no_other_answers_and_never_written() -> Result<()> {
    let mut first = Samba::start()?;
    first.add(&ANNA)?;
    let read_only = first.join(Kind::ReadOnly)?;
    let driver = ActiveDirectory::new(Settings {
        controllers: vec![read_only.url(), first.url()],
        ..settings(&first)
    })?;
    let anna = id_of(&driver, ANNA.name).await?;
    let status = driver.status(&anna).await.unwrap();
    assert_eq!((&status.fence.controller, status.read_only), (&first.url(), false));
    assert!(driver.is_reachable().await);

    first.stop_controller();
    let status = driver.status(&anna).await.unwrap();
    assert_eq!(status.fence.controller, read_only.url());
    assert!(status.states().contains(&State::ReadOnly));
    let reset = driver.reset(&anna, &password("New-password-18"), &status.fence).await;
    assert_eq!(reset, not_done(NotDone::DirectoryUnreachable));
    assert!(!driver.is_reachable().await, "for those who want to write");
    Ok(())
}

#[tokio::test]
async fn the_rules_are_those_of_the_account() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    samba.add(&CARLA)?;
    let driver = driver(&samba)?;
    let (anna, carla) = (id_of(&driver, ANNA.name).await?, id_of(&driver, CARLA.name).await?);
    let of_domain = driver.status(&anna).await.unwrap();
    let lockout = LockoutRules { threshold: 3, duration_seconds: Some(1800), window_seconds: 1800 };
    assert_eq!(of_domain.lockout, Some(lockout));

    let strict = [
        ("MinimumPasswordLength", "14"),
        ("PasswordComplexityEnabled", "FALSE"),
        ("PasswordHistoryLength", "5"),
        ("MinimumPasswordAge", "-1728000000000"),
        ("LockoutThreshold", "7"),
        ("LockoutDuration", "-3000000000"),
        ("LockoutObservationWindow", "-3000000000"),
    ];
    samba.add_fine_grained_policy(ANNA.name, &strict)?;
    // Without the right to read it, stricter rules may apply.
    let hidden = driver.status(&anna).await.unwrap();
    assert!(!hidden.rules.complete && hidden.lockout.is_none());
    assert_eq!(hidden.rules.min_length, 8);

    samba.let_agent_read(&samba.fine_grained_policies_dn())?;
    let driver = self::driver(&samba)?;
    let told = driver.status(&anna).await.unwrap();
    assert_eq!((told.rules.min_length, told.rules.min_classes), (14, 0));
    assert_eq!((told.rules.history, told.rules.min_age_seconds), (Some(5), Some(172_800)));
    assert!(told.rules.complete);
    let lockout = LockoutRules { threshold: 7, duration_seconds: Some(300), window_seconds: 300 };
    assert_eq!(told.lockout, Some(lockout));
    assert_eq!(driver.status(&carla).await.unwrap().rules.min_length, 8, "not Carla's");

    // The directory means it, and a reset asks neither age nor history.
    let short = driver.reset(&anna, &password("Short-pass-18"), &told.fence).await;
    assert_eq!(short, not_done(NotDone::Password(PasswordRefusal::TooShort)));
    let reset = driver.reset(&anna, &password("long and simple"), &told.fence).await;
    assert_eq!(reset, Outcome::Done);
    Ok(())
}

#[tokio::test]
async fn each_state_has_its_code() -> Result<()> {
    let samba = Samba::start()?;
    let day = 86_400;
    samba.change(&format!(
        "dn: {}\nchangetype: modify\nreplace: minPwdAge\nminPwdAge: -864000000000\n",
        samba.base_dn()
    ))?;
    let names = ["plain", "off", "ended", "card", "barred"];
    for name in names {
        samba.add(&Account { name, ..ANNA })?;
        assert_eq!(samba.try_bind(name, ANNA.password)?, Bind::Accepted);
    }
    samba.add(&CARLA)?;
    let modify = |name: &str, attribute: &str, value: &str| {
        let dn = samba.dn(name);
        samba.change(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        ))
    };
    modify("off", "userAccountControl", "514")?;
    modify("ended", "accountExpires", "131000000000000000")?;
    modify("card", "userAccountControl", "262656")?;
    samba.lock("barred")?;

    let set: i64 = samba.attribute("plain", "pwdLastSet")?.context("pwdLastSet")?.parse()?;
    let set = set / 10_000_000 - 11_644_473_600;
    let at = |seconds: i64| {
        let now: Arc<dyn Fn() -> i64 + Send + Sync> = Arc::new(move || seconds);
        ActiveDirectory::new(Settings { now, ..settings(&samba) })
    };
    let (today, later) = (at(set + 60)?, at(set + 2 * day)?);
    let plain = id_of(&today, "plain").await?;
    let status = today.status(&plain).await.unwrap();
    assert_eq!(status.states(), [State::TooNew]);
    assert_eq!(status.too_new_until, Some(set + day));
    assert!(!status.reset_obeys_age_and_history, "Samba offers no policy hints");
    let expected = [
        ("plain", vec![]),
        ("off", vec![State::Disabled]),
        ("ended", vec![State::AccountExpired]),
        ("card", vec![State::SmartCardOnly]),
        ("barred", vec![State::Locked]),
        (CARLA.name, vec![State::NeverSignedIn, State::MustChange]),
    ];
    for (name, states) in expected {
        let status = later.status(&id_of(&later, name).await?).await.unwrap();
        assert_eq!(status.states(), states, "{name}");
    }

    // To somebody with a card a new password is of no use, so none is set.
    let card = id_of(&later, "card").await?;
    let fence = fence_of(&later, &card).await;
    let reset = later.reset(&card, &password("New-password-18"), &fence).await;
    assert_eq!(reset, not_done(NotDone::SmartCardOnly));
    assert_eq!(fence_of(&later, &card).await, fence);
    Ok(())
}

#[tokio::test]
async fn a_password_is_changed_with_the_old_one() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    let driver = driver(&samba)?;
    let anna = id_of(&driver, ANNA.name).await?;
    let fence = fence_of(&driver, &anna).await;
    let old = password(ANNA.password);
    let cases = [
        ("Wrong-password-1", "New-password-18", NotDone::OldPassword),
        (ANNA.password, "aB3-x", NotDone::Password(PasswordRefusal::TooShort)),
        (ANNA.password, "onlylowercase", NotDone::Password(PasswordRefusal::TooFewClasses)),
        (ANNA.password, ANNA.password, NotDone::Password(PasswordRefusal::UsedBefore)),
    ];
    for (typed, new, reason) in cases {
        let said = driver.change(&anna, &password(typed), &password(new), &fence).await;
        assert_eq!(said, not_done(reason), "{typed} {new}");
    }
    assert_eq!(fence_of(&driver, &anna).await, fence);
    let lost = driver.change(&anna, &old, &password("New-password-18"), &stale(&fence)).await;
    assert_eq!(lost, not_done(NotDone::Changed));

    let new = password("New-password-18");
    assert_eq!(driver.change(&anna, &old, &new, &fence).await, Outcome::Done);
    assert_eq!(samba.try_bind(ANNA.name, "New-password-18")?, Bind::Accepted);
    assert_eq!(samba.key_version(ANNA.name)?, 2);
    assert_eq!(driver.resolve(&anna, Some(&new), &fence).await, Outcome::Done);
    // The same order again finds another fence and changes nothing.
    assert_eq!(driver.change(&anna, &old, &new, &fence).await, not_done(NotDone::Changed));

    // One that must be changed is: by who knows it, and then it need not be any more.
    samba.change(&format!(
        "dn: {}\nchangetype: modify\nreplace: pwdLastSet\npwdLastSet: 0\n",
        samba.dn(ANNA.name)
    ))?;
    let (old, new) = (new, password("Newer-password-19"));
    let fence = fence_of(&driver, &anna).await;
    assert_eq!(driver.change(&anna, &old, &new, &fence).await, Outcome::Done);
    assert!(!samba.must_change(ANNA.name)?);
    assert_eq!(samba.key_version(ANNA.name)?, 3);

    samba.change(&format!(
        "dn: {}\nchangetype: modify\nreplace: minPwdAge\nminPwdAge: -864000000000\n",
        samba.base_dn()
    ))?;
    let fence = fence_of(&driver, &anna).await;
    let early = driver.change(&anna, &new, &password("Newest-password-20"), &fence).await;
    assert_eq!(early, not_done(NotDone::Password(PasswordRefusal::TooNew)));
    assert_eq!(samba.key_version(ANNA.name)?, 3);
    Ok(())
}

/// A wrong old password is a wrong password: it counts towards the lock, and the status says how
/// many are left.
#[tokio::test]
async fn a_wrong_old_password_counts_as_at_the_sign_in_screen() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    let set: i64 = samba.attribute(ANNA.name, "pwdLastSet")?.context("pwdLastSet")?.parse()?;
    let set = set / 10_000_000 - 11_644_473_600;
    let now: Arc<dyn Fn() -> i64 + Send + Sync> = Arc::new(move || set + 60);
    let driver = ActiveDirectory::new(Settings { now, ..settings(&samba) })?;
    let anna = id_of(&driver, ANNA.name).await?;
    let status = driver.status(&anna).await.unwrap();
    assert!(status.takes_changes);
    assert_eq!(status.wrong_tries_left, Some(3));
    let wrong = password("Wrong-password-1");
    for left in [2, 1] {
        let fence = fence_of(&driver, &anna).await;
        let said = driver.change(&anna, &wrong, &password("New-password-18"), &fence).await;
        assert_eq!(said, not_done(NotDone::OldPassword));
        assert_eq!(driver.status(&anna).await.unwrap().wrong_tries_left, Some(left));
    }
    assert!(!samba.is_locked(ANNA.name)?);
    // A right one that the rules refuse counts for nothing.
    let fence = fence_of(&driver, &anna).await;
    let short = driver.change(&anna, &password(ANNA.password), &password("aB3-x"), &fence).await;
    assert_eq!(short, not_done(NotDone::Password(PasswordRefusal::TooShort)));
    assert!(!samba.is_locked(ANNA.name)?);
    Ok(())
}

/// What fences a change, whoever sends it twice: the second one finds the old password gone.
#[test]
fn the_same_change_sent_twice_is_carried_out_once() -> Result<()> {
    let samba = Samba::start()?;
    samba.add(&ANNA)?;
    let (agent, agent_password) = samba.agent_account();
    let quoted = |text: &str| {
        let quoted = format!("\"{text}\"");
        STANDARD.encode(quoted.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    };
    let (old, new) = (quoted(ANNA.password), quoted("New-password-18"));
    let change = format!(
        "dn: {}\nchangetype: modify\ndelete: unicodePwd\nunicodePwd:: {old}\n-\n\
         add: unicodePwd\nunicodePwd:: {new}\n-\n",
        samba.dn(ANNA.name)
    );
    samba.change_as(&agent, agent_password, &change)?;
    ensure!(samba.change_as(&agent, agent_password, &change).is_err());
    assert_eq!(samba.key_version(ANNA.name)?, 2);
    assert_eq!(samba.try_bind(ANNA.name, "New-password-18")?, Bind::Accepted);
    Ok(())
}

#[tokio::test]
async fn each_forest_is_served_and_a_person_in_two_is_refused() -> Result<()> {
    let (one, mut two) = (Samba::start()?, Samba::start()?);
    let ben = Account { name: "ben.both", mail: "ben@mail.example", ..ANNA };
    let eve = Account { name: "eve.one", mail: "eve@mail.example", ..ANNA };
    let eve_again = Account { name: "eve.two", ..eve };
    let dora = Account { name: "dora.two", mail: "dora@mail.example", ..ANNA };
    for (samba, people) in [(&one, [&ANNA, &ben, &eve]), (&two, [&dora, &ben, &eve_again])] {
        for person in people {
            samba.add(person)?;
        }
    }
    let both = || anyhow::Ok(Forests::new(vec![driver(&one)?, driver(&two)?]));
    let forests = both()?;
    assert_eq!(all_accounts(&forests).await?.len(), 6);
    let (anna, dora) = (id_of(&forests, ANNA.name).await?, id_of(&forests, dora.name).await?);

    // After a restart nothing was listed yet: each is found in its forest and written there.
    let forests = both()?;
    for (samba, account, name) in [(&one, &anna, ANNA.name), (&two, &dora, "dora.two")] {
        let status = forests.status(account).await.unwrap();
        assert_eq!(status.fence.controller, samba.url());
        let reset = forests.reset(account, &password("New-password-18"), &status.fence).await;
        assert_eq!(reset, Outcome::Done);
        assert_eq!(samba.try_bind(name, "New-password-18")?, Bind::Accepted);
    }

    // The same principal name, or the same mail: whose password is meant?
    let (in_one, in_two) = (driver(&one)?, driver(&two)?);
    for (driver, name) in [(&in_one, ben.name), (&in_two, ben.name), (&in_one, eve.name)] {
        let account = id_of(driver, name).await?;
        let fence = fence_of(driver, &account).await;
        let new = password("New-password-18");
        let refused = not_done(NotDone::TwoForests);
        assert_eq!(forests.status(&account).await.err(), Some(NotDone::TwoForests));
        assert_eq!(forests.unlock(&account, &fence).await, refused);
        assert_eq!(forests.reset(&account, &new, &fence).await, refused);
        let old = password(ANNA.password);
        assert_eq!(forests.change(&account, &old, &new, &fence).await, refused);
        assert_eq!(fence_of(driver, &account).await, fence);
    }

    // An account that is switched off is no second one.
    let off = format!(
        "dn: {}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n",
        two.dn(ben.name)
    );
    two.change(&off)?;
    let ben = id_of(&in_one, ben.name).await?;
    assert!(forests.status(&ben).await.is_ok());

    // A forest that is gone stops neither the other nor is anybody taken for deleted.
    two.stop_controller();
    assert!(forests.is_reachable().await);
    assert!(forests.status(&anna).await.is_ok());
    assert_eq!(forests.status(&dora).await.err(), Some(NotDone::DirectoryUnreachable));
    assert!(all_accounts(&forests).await.is_err());
    Ok(())
}
