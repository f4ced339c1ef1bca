//! What an administrator did wrong, planted in a real domain: the doctor finds each, says where,
//! and what it prints mends it. One domain for all of it.

#![expect(clippy::unwrap_used, reason = "a story stops at the first surprise")]

use std::{net::TcpListener, process::Output, sync::Arc, thread};

use anyhow::{Context, Result, ensure};
use directory::active_directory::{ActiveDirectory, Attributes, Forests, Settings, SignIn, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use regain_agent::{clock::Clock, config::Config, doctor};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use serde_json::Value;
use tests::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN},
    },
    lab::{
        agent::Agent,
        samba::Samba,
        wait::{self, PATIENCE},
    },
};

/// What one run of the doctor found.
struct Found {
    succeeded: bool,
    checks: Vec<Value>,
}

impl Found {
    fn of(output: &Output) -> Result<Self> {
        let said = String::from_utf8_lossy(&output.stdout);
        let json: Value = serde_json::from_str(&said)
            .with_context(|| format!("{said} {}", String::from_utf8_lossy(&output.stderr)))?;
        let groups = json["groups"].as_array().context("groups")?;
        let checks = groups.iter().flat_map(|group| group["checks"].as_array().unwrap().clone());
        Ok(Self { succeeded: output.status.success(), checks: checks.collect() })
    }

    /// What is bad, by its code, with what is wrong.
    fn bad(&self) -> Vec<(&str, &Value)> {
        let bad = self.checks.iter().filter(|check| check["verdict"] == "bad");
        bad.map(|check| (check["code"].as_str().unwrap(), check)).collect()
    }

    /// The only bad thing, which must have this code.
    fn only_bad(&self, code: &str) -> Result<&Value> {
        match self.bad().as_slice() {
            [(found, check)] if *found == code && !self.succeeded => Ok(*check),
            other => anyhow::bail!("{code} expected: {other:#?} among {:#?}", self.checks),
        }
    }

    fn verdict(&self, code: &str) -> Result<&str> {
        let check = self.checks.iter().find(|check| check["code"] == code);
        check.and_then(|check| check["verdict"].as_str()).with_context(|| format!("no {code}"))
    }

    fn check(&self, code: &str) -> Result<&Value> {
        let check = self.checks.iter().find(|check| check["code"] == code);
        check.with_context(|| format!("no {code}"))
    }
}

/// The commands of a check that are for Samba.
fn commands(check: &Value) -> Vec<&str> {
    let mend = check["mend"].as_array().unwrap();
    let all = mend.iter().filter_map(|mend| mend["command"].as_str());
    all.filter(|command| command.starts_with("samba-tool")).collect()
}

fn says(check: &Value, words: &str) -> bool {
    check.to_string().contains(words)
}

fn ask(agent: &Agent, overrides: &[String]) -> Result<Found> {
    let mut arguments = vec!["--json"];
    for set in overrides {
        arguments.extend(["--set", set.as_str()]);
    }
    Found::of(&agent.ask("doctor", &arguments)?)
}

#[tokio::test]
async fn every_planted_misconfiguration_is_found_and_what_is_printed_mends_it() -> Result<()> {
    let mut organisation = Organisation::active_directory(&[ANNA, BEN])?;
    let domain = organisation.domain().context("a domain")?;
    let (agent, samba) = (&domain.agent, &domain.samba);

    let healthy = ask(agent, &[])?;
    ensure!(healthy.succeeded && healthy.bad().is_empty(), "{:#?}", healthy.bad());
    assert_eq!(healthy.verdict("rights")?, "good");
    assert_eq!(healthy.verdict("unexpire")?, "good", "a new domain grants it to everybody");
    for code in ["controller-clock", "service-clock", "service", "enrolment"] {
        assert_eq!(healthy.verdict(code)?, "good", "{code}");
    }

    no_right_and_the_right_elsewhere(agent, samba).context("no right and the right elsewhere")?;
    a_change_that_is_denied(agent, samba).context("a change that is denied")?;
    inheritance_that_is_switched_off(agent, samba).context("inheritance that is switched off")?;
    accounts_that_are_not_reached(agent, samba).context("accounts that are not reached")?;
    the_way_to_a_controller(agent).context("the way to a controller")?;
    a_certificate_that_has_run_out(agent).context("a certificate that has run out")?;
    wrong_clocks(agent, samba).await.context("wrong clocks")?;
    an_own_account_that_is_locked(agent, samba).context("an own account that is locked")?;
    what_is_worth_a_look(agent, samba).context("what is worth a look")?;
    a_whole_domain(agent, samba).context("a whole domain")?;
    ensure!(ask(agent, &[])?.succeeded, "all is mended");

    let printed = agent.ask("doctor", &[])?;
    let printed = String::from_utf8(printed.stdout)?;
    ensure!(
        printed.ends_with("is worth a look.\n") || printed.ends_with("in place.\n"),
        "{printed}"
    );

    a_running_agent_with_a_locked_account(&mut organisation)
}

fn no_right_and_the_right_elsewhere(agent: &Agent, samba: &Samba) -> Result<()> {
    let guests = format!("OU=Guests,{}", samba.base_dn());
    samba.add_unit(&guests)?;
    samba.change(&format!(
        "dn: CN=dora,{guests}\nchangetype: add\nobjectClass: user\nsAMAccountName: dora\n\
         userAccountControl: 546\n"
    ))?;
    let there = [format!("active_directory.subtrees={guests}")];
    let found = ask(agent, &there)?;
    let check = found.only_bad("rights")?;
    let lacking = "lacks: Reset Password, write lockoutTime, write pwdLastSet";
    ensure!(says(check, lacking) && says(check, &guests), "{check:#}");
    // It was granted on the wrong place.
    ensure!(says(check, &format!("on {} instead", samba.people_dn())), "{check:#}");
    let dsacls =
        format!("dsacls \\\"{guests}\\\" /I:S /G \\\"AD\\\\regain-agent:WP;lockoutTime;user");
    ensure!(says(check, &dsacls), "{check:#}");
    for command in commands(check) {
        samba.paste(command)?;
    }
    assert_eq!(ask(agent, &there)?.verdict("rights")?, "good", "what was printed mends it");
    Ok(())
}

fn a_change_that_is_denied(agent: &Agent, samba: &Samba) -> Result<()> {
    const CHANGE_PASSWORD: &str = "ab721a53-1e2f-11d0-9819-00aa0040529b";
    let unit = format!("OU=Old,{}", samba.base_dn());
    let olga = format!("CN=olga,{unit}");
    samba.add_unit(&unit)?;
    samba.change(&format!(
        "dn: {olga}\nchangetype: add\nobjectClass: user\nsAMAccountName: olga\n\
         userAccountControl: 546\n"
    ))?;
    let there = [format!("active_directory.subtrees={unit}")];
    let lacks = |found: &Found| anyhow::Ok(says(found.only_bad("rights")?, "Change Password"));
    ensure!(!lacks(&ask(agent, &there)?)?, "everybody has it as a domain is delivered");
    samba.deny_agent(&olga, CHANGE_PASSWORD)?;
    ensure!(lacks(&ask(agent, &there)?)?);
    Ok(())
}

fn inheritance_that_is_switched_off(agent: &Agent, samba: &Samba) -> Result<()> {
    let branch = format!("OU=Branch,{}", samba.people_dn());
    let below = format!("OU=Below,{branch}");
    samba.add_unit(&branch)?;
    samba.add_unit(&below)?;
    ensure!(ask(agent, &[])?.succeeded, "a new unit inherits");
    samba.switch_inheritance_off(&branch)?;
    let found = ask(agent, &[])?;
    let check = found.only_bad("inheritance")?;
    ensure!(check["what"] == branch.as_str(), "once, at its root: {check:#}");
    ensure!(says(check, "/P:N"), "{check:#}");
    for command in commands(check) {
        samba.paste(command)?;
    }
    ensure!(ask(agent, &[])?.succeeded, "what was printed mends it");
    Ok(())
}

/// The domain's own containers are closed as delivered: nobody is told to open them, nor what
/// the administrator excluded.
fn a_whole_domain(agent: &Agent, samba: &Samba) -> Result<()> {
    let whole = format!("active_directory.subtrees={}", samba.base_dn());
    let closed = format!("OU=Closed,{}", samba.people_dn());
    samba.add_unit(&closed)?;
    samba.switch_inheritance_off(&closed)?;
    let found = ask(agent, std::slice::from_ref(&whole))?;
    for command in commands(found.check("rights")?) {
        samba.paste(command)?;
    }
    let found = ask(agent, std::slice::from_ref(&whole))?;
    assert_eq!(found.only_bad("inheritance")?["what"], closed.as_str());
    let excluded = format!("active_directory.excluded_subtrees={closed}");
    ensure!(ask(agent, &[whole, excluded])?.succeeded, "what was printed mends it");
    samba.switch_inheritance_on(&closed)
}

fn accounts_that_are_not_reached(agent: &Agent, samba: &Samba) -> Result<()> {
    samba.change(&format!(
        "dn: {}\nchangetype: modify\nreplace: adminCount\nadminCount: 1\n",
        samba.dn(ANNA.name)
    ))?;
    let found = ask(agent, &[])?;
    ensure!(found.succeeded, "as it should be for an administrator: {:#?}", found.bad());
    let check = found.check("protected")?;
    ensure!(says(check, &samba.dn(ANNA.name)) && !says(check, &samba.dn(BEN.name)), "{check:#}");
    // Who was an administrator once keeps inheritance switched off.
    samba.switch_inheritance_off(&samba.dn(ANNA.name))?;
    samba.change(&format!(
        "dn: {}\nchangetype: modify\ndelete: adminCount\n",
        samba.dn(ANNA.name)
    ))?;
    let found = ask(agent, &[])?;
    let check = found.only_bad("account-inheritance")?;
    ensure!(says(check, &samba.dn(ANNA.name)) && !says(check, &samba.dn(BEN.name)), "{check:#}");
    samba.switch_inheritance_on(&samba.dn(ANNA.name))?;
    ensure!(ask(agent, &[])?.succeeded);
    Ok(())
}

fn the_way_to_a_controller(agent: &Agent) -> Result<()> {
    let at = |url: &str| ask(agent, &[format!("active_directory.controllers={url}")]);
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let found = at(&format!("ldaps://127.0.0.1:{closed}"))?;
    let check = found.only_bad("unreached")?;
    ensure!(says(check, &format!("nc -vz 127.0.0.1 {closed}")), "{check:#}");
    at("ldaps://dc1.invalid")?.only_bad("name")?;
    let misspelt = ["active_directory.subtrees=OU=Poeple,DC=ad,DC=example,DC=test".to_owned()];
    ask(agent, &misspelt)?.only_bad("subtree")?;
    Ok(())
}

fn a_certificate_that_has_run_out(agent: &Agent) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ca_file = folder.path().join("ca.pem");
    let port = controller_with_an_old_certificate(&ca_file)?;
    let overrides = [
        format!("active_directory.controllers=ldaps://127.0.0.1:{port}"),
        format!("active_directory.ca_file={}", ca_file.display()),
    ];
    let found = ask(agent, &overrides)?;
    let check = found.only_bad("certificate")?;
    ensure!(says(check, "it has run out") && says(check, "-dates"), "{check:#}");
    // A stranger's certificate is another trouble.
    let stranger = [format!("active_directory.ca_file={}", ca_file.display())];
    let found = ask(agent, &stranger)?;
    let check = found.only_bad("certificate")?;
    ensure!(says(check, "ca_file"), "{check:#}");
    Ok(())
}

/// Something that speaks TLS with a certificate of 2020; ends with the process of the test.
fn controller_with_an_old_certificate(ca_file: &std::path::Path) -> Result<u16> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(ca_file, authority.pem())?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 2, 1);
    let certificate = params.signed_by(&key, &authority)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    let (tls, listener) = (Arc::new(tls), TcpListener::bind("127.0.0.1:0")?);
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let _ = std::io::Read::read(&mut stream, &mut [0; 64]);
        }
    });
    Ok(port)
}

/// The clock of this machine is an argument: moved an hour, both others are an hour apart.
async fn wrong_clocks(agent: &Agent, samba: &Samba) -> Result<()> {
    let config = Config::load(&agent.configuration(), &[])?;
    let (account, password) = samba.agent_account();
    let settings = Settings {
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
    };
    let forests = Forests::new(vec![ActiveDirectory::new(settings)?]);
    let fast = Clock::new(|| Clock::system().unix_millis() + 3_600_000);
    let findings = doctor::examine(&config, &forests, &fast).await;
    let json: Value = serde_json::from_str(&findings.json()?)?;
    let groups = json["groups"].as_array().context("groups")?;
    let checks = groups.iter().flat_map(|group| group["checks"].as_array().unwrap());
    let mut wrong = checks.filter(|check| check["verdict"] == "bad");
    for code in ["service-clock", "controller-clock"] {
        let check = wrong.next().context(code)?;
        ensure!(
            check["code"] == code && says(check, "this machine is 60 minutes ahead"),
            "{check:#}"
        );
    }
    assert_eq!(findings.bad(), 2);
    Ok(())
}

fn an_own_account_that_is_locked(agent: &Agent, samba: &Samba) -> Result<()> {
    for _ in 0..3 {
        samba.try_bind("regain-agent", "not the password")?;
    }
    let found = ask(agent, &[])?;
    let check = found.only_bad("account-locked")?;
    ensure!(says(check, "Unlock-ADAccount regain-agent"), "{check:#}");
    for command in commands(check) {
        samba.paste(command)?;
    }
    ensure!(ask(agent, &[])?.succeeded, "what was printed mends it");

    let wrong = tempfile::NamedTempFile::new()?;
    std::fs::write(wrong.path(), "not the password")?;
    let set = [format!("active_directory.password_file={}", wrong.path().display())];
    ask(agent, &set)?.only_bad("account-refused")?;
    Ok(())
}

fn what_is_worth_a_look(agent: &Agent, samba: &Samba) -> Result<()> {
    let found = ask(agent, &[])?;
    for code in ["fine-grained", "lockout"] {
        let check = found.check(code)?;
        assert_eq!(check["verdict"], "look", "{code}");
        for command in commands(check) {
            samba.paste(command)?;
        }
    }
    ensure!(says(found.check("lockout")?, "New-ADFineGrainedPasswordPolicy"));
    let found = ask(agent, &[])?;
    for code in ["fine-grained", "lockout"] {
        assert_eq!(found.verdict(code)?, "good", "{code}: what was printed mends it");
    }
    Ok(())
}

/// The service hears of it and offers nothing any more; after an unlock and a release it does.
fn a_running_agent_with_a_locked_account(organisation: &mut Organisation) -> Result<()> {
    let domain = organisation.domain().context("a domain")?;
    // Never locked by wrong passwords, as the doctor had it: by an administrator then.
    let own = format!("CN=regain-agent,CN=Users,{}", domain.samba.base_dn());
    let set = |control: u32| {
        format!(
            "dn: {own}\nchangetype: modify\nreplace: userAccountControl\n\
             userAccountControl: {control}\n"
        )
    };
    domain.samba.change(&set(66_050))?;
    // Its warm connection ends with the controller.
    domain.samba.stop_controller();
    domain.samba.start_controller()?;
    let is_refused = |said: &str| said.contains("the directory refuses its account");
    let service = &organisation.service;
    wait::until("the service to hear of it", PATIENCE, || {
        Ok(is_refused(&service.agents("Staff")?).then_some(()))
    })?;

    let domain = organisation.domain().context("a domain")?;
    domain.samba.change(&set(66_048))?;
    domain.agent.ask("release", &[])?;
    let service = &organisation.service;
    wait::until("the agent to go on", PATIENCE, || {
        Ok(service.agents("Staff")?.contains("\tup").then_some(()))
    })?;
    let events =
        organisation.domain().context("a domain")?.agent.data_folder().join("events.jsonl");
    let events = std::fs::read_to_string(events)?;
    for number in [31_015, 31_019, 34_012, 34_013] {
        ensure!(events.contains(&format!("\"id\":{number}")), "{number} in {events}");
    }
    // It had not stopped at its limit: nobody is told that it goes on.
    ensure!(!events.contains("\"id\":34011"), "a limit was released in {events}");
    Ok(())
}
