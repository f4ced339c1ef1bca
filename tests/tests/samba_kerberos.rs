//! An agent that signs in to a real domain by Kerberos: a keytab, no password. What goes wrong
//! with it is told in words that lead on.

#[path = "../client/mod.rs"]
mod client;
#[path = "../client/patient.rs"]
mod patient;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use patient::{Asked, Patient};
use serde_json::Value;
use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN, Person},
    },
    lab::{
        agent::Agent,
        service::SignIn,
        wait::{self, PATIENCE},
    },
};

const NEW: &str = "Four-green-lanterns-9";

#[test]
fn a_keytab_is_all_an_agent_needs_and_a_worthless_one_is_told() -> Result<()> {
    let mut organisation = Organisation::active_directory_by_kerberos(&[ANNA, BEN])?;
    let agent = &organisation.domain()?.agent;
    no_password_lies_there(agent.folder())?;
    let healthy = ask(agent)?;
    ensure!(bad(&healthy).is_empty(), "{healthy:#}");
    ensure!(healthy.to_string().contains("signed in by Kerberos as regain-agent"), "{healthy:#}");

    organisation.lock(&ANNA)?;
    ensure!(go_through(&organisation, 1, &ANNA, &Asked::Unlock)? == "done");
    ensure!(organisation.sign_in(&ANNA, ANNA.password)? == SignIn::Accepted);
    ensure!(go_through(&organisation, 2, &BEN, &Asked::Reset(NEW))? == "done");
    ensure!(organisation.sign_in(&BEN, NEW)? == SignIn::Accepted);

    a_worthless_keytab(&mut organisation).context("a worthless keytab")?;
    no_keytab(&mut organisation).context("no keytab")
}

/// The account has another password now, so the key is of no use. A running agent and a doctor
/// that look again and again do not lock the account (three wrong passwords would), and a new key
/// is tried at once.
fn a_worthless_keytab(organisation: &mut Organisation) -> Result<()> {
    let domain = organisation.domain()?;
    domain.samba.change_agent_password("Another-agent-account-7")?;
    // Its tickets are gone.
    domain.agent.stop();
    domain.agent.start_again()?;
    wait::until("the agent to look again and again", PATIENCE, || {
        let log = fs::read_to_string(domain.agent.folder().join("agent.log"))?;
        let since = log.split("the service account cannot sign in").nth(1);
        let looks = since.map(|log| log.matches("controller cannot be read").count());
        Ok(looks.filter(|looks| *looks > 4).map(drop))
    })
    .with_context(|| domain.agent.log_end())?;
    let found = ask(&domain.agent)?;
    let only = only_bad(&found, "account-refused")?;
    ensure!(only.contains("does not hold the account's present password"), "{only}");
    ensure!(only.contains("exportkeytab"), "{only}");

    domain.samba.export_agent_keytab(&domain.agent.keytab())?;
    let healthy = ask(&domain.agent)?;
    ensure!(bad(&healthy).is_empty(), "{healthy:#}");
    wait::until("the agent to write again", PATIENCE, || {
        let change = Asked::Change(ANNA.password, NEW);
        Ok((go_through(organisation, 3, &ANNA, &change)? == "done").then_some(()))
    })?;
    ensure!(organisation.sign_in(&ANNA, NEW)? == SignIn::Accepted);
    Ok(())
}

fn no_keytab(organisation: &mut Organisation) -> Result<()> {
    let domain = organisation.domain()?;
    fs::remove_file(domain.agent.keytab())?;
    let found = ask(&domain.agent)?;
    let only = only_bad(&found, "kerberos")?;
    ensure!(only.contains("no keytab and no ticket"), "{only}");
    ensure!(only.contains("KRB5_CLIENT_KTNAME"), "{only}");
    domain.samba.export_agent_keytab(&domain.agent.keytab())
}

fn no_password_lies_there(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        ensure!(!path.display().to_string().contains("password"), "{}", path.display());
    }
    let text = fs::read_to_string(folder.join("agent.toml"))?;
    ensure!(!text.contains("password") && text.contains("kerberos"), "{text}");
    Ok(())
}

fn ask(agent: &Agent) -> Result<Value> {
    let output = agent.ask("doctor", &["--json"])?;
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said)
        .with_context(|| format!("{said} {}", String::from_utf8_lossy(&output.stderr)))
}

fn bad(found: &Value) -> Vec<&Value> {
    let groups = found["groups"].as_array().into_iter().flatten();
    let checks = groups.flat_map(|group| group["checks"].as_array().into_iter().flatten());
    checks.filter(|check| check["verdict"] == "bad").collect()
}

/// The words of the only bad thing, which must have this code.
fn only_bad(found: &Value, code: &str) -> Result<String> {
    match bad(found).as_slice() {
        [check] if check["code"] == code => Ok(check.to_string()),
        other => anyhow::bail!("{code} expected: {other:#?}"),
    }
}

/// Does what a person asks for; what the page says in the end.
fn go_through(
    organisation: &Organisation,
    number: usize,
    person: &Person,
    asked: &Asked<'_>,
) -> Result<String> {
    let mut client = Patient::new(organisation.service.api(), number);
    let user_id = organisation.user_id(person);
    client.prove(&user_id, || organisation.mailbox.wait_for_newest_code(person.email))?;
    let (path, body) = client.last_call(asked)?;
    client.step(path, &body)?;
    client.outcome()
}
