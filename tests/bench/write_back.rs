//! Unlock and reset through the whole stack against the same changes made by hand over LDAPS:
//! one real domain, one warm connection on each side, in turns. Then, with everything quiet,
//! what service and agent hold in memory.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tests::{
    harness::{organisation::Organisation, people::Person},
    lab::{
        http::Http,
        samba::Samba,
        wait::{self, PATIENCE, Stopwatch},
    },
};

use crate::{
    REPETITIONS, client, median, memory, ms,
    report::{Budget, Report, say},
};

/// Not counted: connections and caches become warm.
const WARM_UP: usize = 3;
const READ: [&str; 4] =
    ["lockoutTime", "pwdLastSet", "msDS-KeyVersionNumber", "msDS-User-Account-Control-Computed"];

/// Measures and adds the figures.
///
/// # Errors
/// When a change is not made.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    say("Write-back on a Samba domain (about 2 minutes) ...");
    let rounds = WARM_UP + REPETITIONS;
    let people: Vec<Person> = (0..2 * rounds).map(person).collect();
    let mut organisation = Organisation::active_directory(&people)?;
    for person in &people {
        organisation.lock(person)?;
    }
    let (ours, by_hand) = people.split_at(rounds);
    let runtime = tokio::runtime::Runtime::new()?;
    let mut raw = runtime.block_on(Raw::open(&organisation.domain()?.samba))?;
    let mut times = Times::default();
    for (round, (our, raw_person)) in ours.iter().zip(by_hand).enumerate() {
        let mut recovery = Recovery::proven(&organisation, our)?;
        let unlock = recovery.unlock()?;
        let raw_unlock = runtime.block_on(raw.unlock(raw_person))?;
        let reset = recovery.reset(round)?;
        let raw_reset = runtime.block_on(raw.reset(raw_person, round))?;
        if round >= WARM_UP {
            times.add([unlock, raw_unlock, reset, raw_reset]);
        }
    }
    let last = &ours[rounds - 1];
    let bound = organisation.sign_in(last, &new_password(rounds - 1))?;
    ensure!(
        bound == tests::lab::service::SignIn::Accepted,
        "the last reset did not happen: {bound:?}"
    );
    times.report(report);
    drop((raw, runtime));
    at_rest(&mut organisation, report)
}

fn at_rest(organisation: &mut Organisation, report: &mut Report) -> Result<()> {
    let service = organisation.service.process_id().context("no service")?;
    let service_mb = memory::at_rest(|| memory::rss_mb(service))?;
    let agent = organisation.domain()?.agent.process_id();
    let agent = agent.context("no agent")?;
    let agent_mb = memory::at_rest(|| memory::rss_mb(agent))?;
    report.add("service.rss_mb", service_mb, "MB", Budget::AtMost(40.0));
    report.add("agent.rss_mb", agent_mb, "MB", Budget::AtMost(20.0));
    report.note(
        "service.rss_mb, agent.rss_mb: VmRSS of the release programs once it has stood still \
         for a second, after the recoveries of the figures above"
            .to_owned(),
    );
    Ok(())
}

/// Milliseconds of every change.
#[derive(Default)]
struct Times {
    unlock: Vec<f64>,
    raw_unlock: Vec<f64>,
    reset: Vec<f64>,
    raw_reset: Vec<f64>,
}

impl Times {
    fn add(&mut self, [unlock, raw_unlock, reset, raw_reset]: [Duration; 4]) {
        self.unlock.push(ms(unlock));
        self.raw_unlock.push(ms(raw_unlock));
        self.reset.push(ms(reset));
        self.raw_reset.push(ms(raw_reset));
    }

    fn report(&self, report: &mut Report) {
        let [unlock, raw_unlock, reset, raw_reset] =
            [&self.unlock, &self.raw_unlock, &self.reset, &self.raw_reset].map(|all| median(all));
        report.add("writeback.unlock_added_ms", unlock - raw_unlock, "ms", Budget::AtMost(5.0));
        report.add("writeback.reset_ratio", reset / raw_reset, "x", Budget::AtMost(1.3));
        report.note(format!(
            "writeback.unlock_added_ms: {unlock:.2} ms from sending POST act to its answer, which \
             holds the outcome - {raw_unlock:.2} ms for modify and read over LDAPS; medians of \
             {REPETITIONS} each, in turns"
        ));
        report.note(format!(
            "writeback.reset_ratio: {reset:.2} ms from sending POST password to its answer / \
             {raw_reset:.2} ms for modify and read over LDAPS; medians of {REPETITIONS} each, in \
             turns"
        ));
    }
}

fn person(number: usize) -> Person {
    Person {
        name: String::leak(format!("person{number:03}")),
        display_name: "Anna Berg",
        email: String::leak(format!("person{number:03}@mail.example")),
        password: "Seven-otters-swim-1",
        first_day: false,
    }
}

fn new_password(round: usize) -> String {
    format!("Four-green-lanterns-{round}")
}

/// A recovery whose gate is passed.
struct Recovery {
    api: Http,
    token: String,
    calls: u32,
}

impl Recovery {
    fn proven(organisation: &Organisation, person: &Person) -> Result<Self> {
        let mut recovery = Self { api: organisation.service.api(), token: String::new(), calls: 0 };
        let start = recovery.api.get("/start", &[])?.success()?;
        recovery.post("/recoveries", &client::beginning(&start, &organisation.user_id(person))?)?;
        let code = organisation.mailbox.wait_for_newest_code(person.email)?;
        recovery.post("/recovery/code", &json!({ "code": code }))?;
        recovery.wait_for("choice")?;
        Ok(recovery)
    }

    fn unlock(&mut self) -> Result<Duration> {
        let watch = Stopwatch::start();
        let view = self.post("/recovery/act", &json!({ "act": "unlock" }))?;
        self.until_done(&view, &watch)
    }

    fn reset(&mut self, round: usize) -> Result<Duration> {
        self.post("/recovery/act", &json!({ "act": "reset" }))?;
        let view = self.wait_for("new-password")?;
        let sealed = client::seal(&view["stage"], &new_password(round))?;
        let body = json!({ "sealed": sealed });
        let watch = Stopwatch::start();
        let view = self.post("/recovery/password", &body)?;
        self.until_done(&view, &watch)
    }

    /// The answer holds the outcome; where it took too long for that, a reading that waits does.
    fn until_done(&self, view: &Value, watch: &Stopwatch) -> Result<Duration> {
        if view["stage"]["name"] != "done" {
            self.wait_for("done")?;
        }
        Ok(watch.elapsed())
    }

    fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.calls += 1;
        let key = format!("bench-call-key-{:04}", self.calls);
        let authorization = format!("Bearer {}", self.token);
        let mut headers = vec![("idempotency-key", key.as_str())];
        if !self.token.is_empty() {
            headers.push(("authorization", authorization.as_str()));
        }
        let mut answer = self.api.post(path, &headers, body)?.success()?;
        let token = answer["token"].as_str().context("no token")?;
        token.clone_into(&mut self.token);
        Ok(answer["view"].take())
    }

    fn wait_for(&self, stage: &str) -> Result<Value> {
        let authorization = format!("Bearer {}", self.token);
        wait::until(&format!("the stage {stage}"), PATIENCE, || {
            let headers = [("authorization", authorization.as_str())];
            let view = self.api.get("/recovery?wait_s=1", &headers)?.success()?;
            Ok((view["stage"]["name"] == stage).then_some(view))
        })
    }
}

/// The same changes by hand: the agent's own account, one modify and one read of the result.
struct Raw {
    ldap: Ldap,
    people: String,
}

impl Raw {
    async fn open(samba: &Samba) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(samba.ca_file())? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let settings = LdapConnSettings::new().set_config(Arc::new(tls));
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &samba.url()).await?;
        tokio::spawn(connection.drive());
        let (account, password) = samba.agent_account();
        ldap.simple_bind(&account, password).await?.success()?;
        Ok(Self { ldap, people: samba.people_dn() })
    }

    async fn unlock(&mut self, person: &Person) -> Result<Duration> {
        let watch = Stopwatch::start();
        let unlocked = Mod::Replace("lockoutTime", HashSet::from(["0"]));
        self.change(person, vec![unlocked]).await?;
        Ok(watch.elapsed())
    }

    async fn reset(&mut self, person: &Person, round: usize) -> Result<Duration> {
        let quoted = format!("\"{}\"", new_password(round));
        let password: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let watch = Stopwatch::start();
        let set = Mod::Replace(b"unicodePwd".to_vec(), HashSet::from([password]));
        let unlocked = Mod::Replace(b"lockoutTime".to_vec(), HashSet::from([b"0".to_vec()]));
        self.change(person, vec![set, unlocked]).await?;
        Ok(watch.elapsed())
    }

    async fn change<S: AsRef<[u8]> + Eq + std::hash::Hash>(
        &mut self,
        person: &Person,
        changes: Vec<Mod<S>>,
    ) -> Result<()> {
        let dn = format!("CN={},{}", person.name, self.people);
        self.ldap.modify(&dn, changes).await?.success()?;
        let found = self.ldap.search(&dn, Scope::Base, "(objectClass=*)", READ).await?;
        let (entries, _) = found.success()?;
        ensure!(entries.len() == 1, "{dn} is not found");
        Ok(())
    }
}
