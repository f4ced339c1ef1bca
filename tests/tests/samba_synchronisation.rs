//! The synchronisation on a real domain: what changed is told account by account, with nothing
//! but the right to read, and everything is read anew where that cannot be told. Then through
//! the real agent to the real service, as an administrator sees it.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use directory::{
    Cookie, Directory, Page, Reading,
    active_directory::{ActiveDirectory, Attributes, Settings, SignIn, Trust},
};
use protocol::directory::{AccountRecord, ExternalId, Field};
use serde_json::Value;
use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN},
    },
    lab::{
        samba::{Account, Kind, Samba},
        wait::{self, PATIENCE},
    },
};
use tokio::sync::mpsc;

const BASE: &str = "DC=ad,DC=example,DC=test";

fn account(name: &str) -> Account<'_> {
    Account {
        name,
        display_name: "Anna Berg",
        mail: "anna@mail.example",
        password: "Old-password-17",
        must_change: false,
    }
}

fn driver(samba: &Samba) -> Result<ActiveDirectory> {
    let (account, password) = samba.agent_account();
    driver_as(samba, account, password)
}

fn driver_as(samba: &Samba, account: String, password: &'static str) -> Result<ActiveDirectory> {
    Ok(ActiveDirectory::new(Settings {
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
        groups: vec![format!("CN=Staff,OU=Other,{BASE}"), "Nobody's".to_owned()],
        now: Arc::new(|| 1_800_000_000),
    })?)
}

/// One reading.
struct Read {
    reading: Reading,
    accounts: Vec<AccountRecord>,
    gone: Vec<ExternalId>,
}

impl Read {
    async fn of(driver: &ActiveDirectory, since: Option<&Cookie>) -> Result<Self> {
        let (hand_over, mut pages) = mpsc::channel::<Page>(1);
        let (mut accounts, mut gone) = (Vec::new(), Vec::new());
        let taking = async {
            while let Some(page) = pages.recv().await {
                accounts.extend(page.accounts);
                gone.extend(page.gone);
            }
        };
        let (reading, ()) = tokio::join!(driver.accounts(0, since, hand_over), taking);
        let reading = reading.map_err(|reason| anyhow::anyhow!("accounts: {reason:?}"))?;
        Ok(Self { reading, accounts, gone })
    }

    /// The next reading after this one.
    async fn next(&self, driver: &ActiveDirectory) -> Result<Self> {
        Self::of(driver, self.reading.cookie.as_ref()).await
    }

    fn get(&self, name: &str) -> Result<&AccountRecord> {
        let named = |account: &&AccountRecord| account.names.iter().any(|n| n == name);
        self.accounts.iter().find(named).with_context(|| format!("{name} was not read"))
    }

    /// Who was told of: accounts by the second of their names, and how many are gone.
    fn told(&self) -> (Vec<&str>, usize) {
        let mut names: Vec<&str> = self.accounts.iter().map(|a| a.names[1].as_str()).collect();
        names.sort_unstable();
        (names, self.gone.len())
    }
}

/// A domain with a folder and a group outside the people's subtree.
fn domain(people: &[&str]) -> Result<Samba> {
    let samba = Samba::start()?;
    samba.change(&format!(
        "dn: OU=Other,{BASE}\nchangetype: add\nobjectClass: organizationalUnit\n\n\
         dn: OU=Team,{}\nchangetype: add\nobjectClass: organizationalUnit\n\n\
         dn: CN=Inner,OU=Other,{BASE}\nchangetype: add\nobjectClass: group\nsAMAccountName: Inner\n\n\
         dn: CN=Staff,OU=Other,{BASE}\nchangetype: add\nobjectClass: group\nsAMAccountName: Staff\n\
         member: CN=Inner,OU=Other,{BASE}\n",
        samba.people_dn()
    ))?;
    for name in people {
        samba.add(&account(name))?;
    }
    Ok(samba)
}

fn modify(samba: &Samba, dn: &str, what: &str) -> Result<()> {
    samba.change(&format!("dn: {dn}\nchangetype: modify\n{what}\n"))
}

fn rename(samba: &Samba, dn: &str, name: &str, to: &str) -> Result<()> {
    samba.change(&format!(
        "dn: {dn}\nchangetype: modrdn\nnewrdn: {name}\ndeleteoldrdn: 1\nnewsuperior: {to}\n"
    ))
}

#[tokio::test]
async fn changes_are_told_account_by_account() -> Result<()> {
    let samba = domain(&["anna", "ben", "carla", "dora"])?;
    let driver = driver(&samba)?;
    let (people, other) = (samba.people_dn(), format!("OU=Other,{BASE}"));
    let first = Read::of(&driver, None).await?;
    assert!(first.reading.whole);
    assert_eq!(first.told(), (vec!["anna", "ben", "carla", "dora"], 0));
    assert!(first.get("anna")?.never_signed_in);
    assert_eq!(first.reading.part, BASE.to_lowercase());

    let nothing = first.next(&driver).await?;
    assert!(!nothing.reading.whole);
    assert_eq!(nothing.told(), (vec![], 0));

    samba.add(&account("emil"))?;
    modify(
        &samba,
        &samba.dn("anna"),
        "replace: mail\nmail: new@mail.example\n-\nreplace: mobile\nmobile: +49 170 1234567\n-\n\
         replace: telephoneNumber\ntelephoneNumber: +49 30 1234 x567",
    )?;
    modify(
        &samba,
        &samba.dn("ben"),
        "replace: mail\nmail: no address\n-\nreplace: mobile\nmobile: 0170 1234567",
    )?;
    let changed = nothing.next(&driver).await?;
    assert!(!changed.reading.whole);
    assert_eq!(changed.told(), (vec!["anna", "ben", "emil"], 0));
    let anna = changed.get("anna")?;
    assert_eq!(anna.email.as_deref(), Some("new@mail.example"));
    assert_eq!(anna.mobile.as_ref().unwrap().to_string(), "+491701234567");
    assert_eq!(anna.office.as_ref().unwrap().extension(), Some("567"));
    let ben = changed.get("ben")?;
    assert_eq!(ben.malformed, [Field::Email, Field::Mobile]);
    assert!(ben.email.is_none() && ben.mobile.is_none());
    // As delivered: everybody may write the own numbers, nobody the own mail.
    assert_eq!(anna.self_written, Some(vec![Field::Mobile, Field::Office]));

    rename(&samba, &samba.dn("carla"), "CN=carla-new", &people)?;
    rename(&samba, &samba.dn("dora"), "CN=dora", &other)?;
    let moved = changed.next(&driver).await?;
    assert!(!moved.reading.whole);
    assert_eq!(moved.told(), (vec!["carla"], 1));
    assert_eq!(moved.gone[0], first.get("dora")?.external_id);
    rename(&samba, &format!("CN=dora,{other}"), "CN=dora", &people)?;
    let back = moved.next(&driver).await?;
    assert_eq!(back.told(), (vec!["dora"], 0));
    Ok(())
}

#[tokio::test]
async fn what_moves_many_is_read_anew_and_deleted_ones_are_missing_then() -> Result<()> {
    let samba = domain(&["anna", "ben"])?;
    let driver = driver(&samba)?;
    let (people, other) = (samba.people_dn(), format!("OU=Other,{BASE}"));
    rename(&samba, &samba.dn("ben"), "CN=ben", &format!("OU=Team,{people}"))?;
    let first = Read::of(&driver, None).await?;
    assert_eq!(first.told().0, ["anna", "ben"]);
    assert!(first.get("anna")?.groups.is_empty());

    // A member of a group in the group; the account itself does not change.
    let dn = samba.dn("anna");
    modify(&samba, &format!("CN=Inner,{other}"), &format!("add: member\nmember: {dn}"))?;
    let joined = first.next(&driver).await?;
    assert!(joined.reading.whole);
    assert_eq!(joined.get("anna")?.groups, [format!("CN=Staff,{other}")]);
    assert!(joined.get("ben")?.groups.is_empty());
    // A change of a member is told with its groups.
    modify(&samba, &dn, "replace: mail\nmail: x@mail.example")?;
    let changed = joined.next(&driver).await?;
    assert!(!changed.reading.whole);
    assert_eq!(changed.get("anna")?.groups.len(), 1);

    // A whole folder leaves the subtree; those in it do not change.
    rename(&samba, &format!("OU=Team,{people}"), "OU=Team", &other)?;
    let moved = changed.next(&driver).await?;
    assert!(moved.reading.whole);
    assert_eq!(moved.told().0, ["anna"]);

    samba.change(&format!("dn: {dn}\nchangetype: delete\n"))?;
    let deleted = moved.next(&driver).await?;
    assert!(!deleted.reading.whole);
    assert_eq!(deleted.told(), (vec![], 0), "our account may not see what was deleted");
    let all = Read::of(&driver, None).await?;
    assert_eq!(all.told(), (vec![], 0));

    let (administrator, password) = samba.administrator();
    let sees_all = driver_as(&samba, administrator.to_owned(), password)?;
    let seen = Read::of(&sees_all, changed.reading.cookie.as_ref()).await?;
    assert!(seen.reading.whole, "the folder was moved since");
    let seen = Read::of(&sees_all, moved.reading.cookie.as_ref()).await?;
    assert!(!seen.reading.whole);
    assert_eq!(seen.gone, [first.get("anna")?.external_id.clone()], "whoever may see them is told");
    Ok(())
}

#[tokio::test]
async fn a_cookie_counts_at_one_controller_with_the_same_settings_alone() -> Result<()> {
    let mut samba = domain(&["anna"])?;
    let second = samba.join(Kind::Writable)?;
    let first = Read::of(&driver(&samba)?, None).await?;
    assert!(!first.next(&driver(&samba)?).await?.reading.whole);
    let elsewhere = first.next(&driver(&second)?).await?;
    assert!(elsewhere.reading.whole, "another controller counts for itself");
    assert!(!elsewhere.next(&driver(&second)?).await?.reading.whole);
    let nonsense = Cookie("usn 00 1 00".to_owned());
    assert!(Read::of(&driver(&samba)?, Some(&nonsense)).await?.reading.whole);
    Ok(())
}

#[test]
fn an_administrator_sees_what_changed_held_and_malformed() -> Result<()> {
    let mut organisation = Organisation::active_directory(&[ANNA, BEN])?;
    let administer = |organisation: &Organisation, verb: &[&str], arguments: &[&str]| {
        organisation.service.administer(verb, arguments)
    };
    let shown = |organisation: &Organisation| -> Result<Value> {
        let user_id = organisation.user_id(&ANNA);
        let text = administer(organisation, &["account", "show"], &["--user-id", &user_id])?;
        Ok(serde_json::from_str(&text)?)
    };
    let before = shown(&organisation)?;
    assert_eq!(before["addresses"]["email"]["held_until"], Value::Null, "known from the start");

    let domain = organisation.domain()?;
    let samba = &domain.samba;
    modify(samba, &samba.dn(ANNA.name), "replace: mail\nmail: thief@evil.example")?;
    modify(samba, &samba.dn(BEN.name), "replace: telephoneNumber\ntelephoneNumber: 12-34")?;
    // After a start it looks for changes at once, and goes on from where it was.
    domain.agent.stop();
    domain.agent.start_again()?;
    let held = wait::until("the change", PATIENCE, || {
        let held = administer(&organisation, &["account", "held"], &[])?;
        Ok(held.contains("thief@evil.example").then_some(held))
    })?;
    ensure!(held.contains("anna.berg@ad.example.test\temail"), "{held}");
    ensure!(held.contains("changed\tcounts in 72 h"), "{held}");
    let malformed =
        administer(&organisation, &["directory", "malformed"], &["--directory", "Staff"])?;
    ensure!(malformed.starts_with("ben.okafor@ad.example.test\toffice\t"), "{malformed}");
    let log = organisation.domain()?.agent.log_end();
    ensure!(log.contains("whole=false"), "only what changed was sent: {log}");
    wait::until("the notice to the address before", PATIENCE, || {
        let mails = organisation.mailbox.mails(ANNA.email)?;
        Ok((!mails.is_empty()).then_some(()))
    })?;

    let user_id = organisation.user_id(&ANNA);
    administer(&organisation, &["account", "release-address"], &["--user-id", &user_id])?;
    assert_eq!(shown(&organisation)?["addresses"]["email"]["held_until"], Value::Null);
    let none = administer(&organisation, &["account", "held"], &[])?;
    ensure!(none.starts_with("No address is held."), "{none}");
    Ok(())
}
