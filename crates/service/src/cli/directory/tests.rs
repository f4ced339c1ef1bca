//! From the code that an administrator makes to the agent that is removed again.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use ed25519_dalek::SigningKey;
use protocol::{
    agent::{Enrol, Enrolled},
    id::KeyId,
    sealed::{OpeningKey, RecipientKey},
};
use recovery::Policy;
use store::{AgentHealth, TenantRow};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::{link_key::RotateLinkKey, *};
use crate::http;

const HOST: &str = "reset.example.org";

struct Lab {
    folder: tempfile::TempDir,
    opened: Opened,
    router: Router,
}

impl Lab {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let text = format!(
            "[service]\ndata_dir = \"{at}/data\"\nmaster_key_file = \"{at}/master.key\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n\
             [mail]\nhost = \"127.0.0.1\"\nport = 25\nencryption = \"none\"\nfrom = \"IT <it@example.org>\"\n"
        );
        std::fs::write(folder.path().join("service.toml"), text).unwrap();
        let tenant = TenantRow {
            id: Uuid::from_u128(1),
            host: HOST.to_owned(),
            name: "Example Ltd".to_owned(),
            accent: "#0b57d0".to_owned(),
            help: "{}".to_owned(),
            policy: Policy::default(),
        };
        let opened = Opened::open(&config(&folder)).await.unwrap();
        let now = Opened::now();
        let added = opened
            .store
            .write(move |mut tx| Box::pin(async move { tx.add_tenant(&tenant, now).await }));
        added.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
        let create = Create {
            config: config(&folder),
            tenant: HOST.to_owned(),
            name: "main".to_owned(),
            kind: Kind::Agent,
        };
        create.run().await.unwrap();
        let other = Opened::open(&config(&folder)).await.unwrap();
        let router = http::router(&other.service().unwrap());
        Self { folder, opened, router }
    }

    async fn code(&mut self) -> EnrolmentCode {
        self.code_with(true).await
    }

    async fn code_with(&mut self, no_approval: bool) -> EnrolmentCode {
        let made = Enrolment {
            config: config(&self.folder),
            no_approval,
            tenant: HOST.to_owned(),
            directory: "main".to_owned(),
        };
        made.make(&mut self.opened).await.unwrap()
    }

    async fn send(&self, enrol: &Enrol) -> Result<Enrolled, (StatusCode, String)> {
        let request = Request::post("/api/v1/agents/enrol")
            .header("host", HOST)
            .header("content-type", "application/json")
            .body(Body::from(serde_json::to_vec(enrol).unwrap()))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 64 * 1024).await.unwrap();
        if status == StatusCode::CREATED {
            Ok(serde_json::from_slice(&body).unwrap())
        } else {
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            Err((status, problem["code"].as_str().unwrap().to_owned()))
        }
    }

    /// Enrols an agent that has this identity and directory key.
    async fn enrol(&mut self, identity: u8, directory: u8) -> Result<Enrolled, String> {
        let code = self.code().await;
        let enrol = bring(&code, identity, directory);
        let enrolled = self.send(&enrol).await.map_err(|(_, code)| code)?;
        assert!(enrolled.answers(&enrol, &code.link_key_fingerprint));
        Ok(enrolled)
    }

    async fn remove(&self, agent: &str) -> anyhow::Result<String> {
        let command = RemoveAgent {
            config: config(&self.folder),
            tenant: HOST.to_owned(),
            directory: "main".to_owned(),
            agent: agent.to_owned(),
        };
        command.remove(&self.opened).await
    }

    async fn stored(&self) -> (DirectoryRow, Vec<AgentRow>) {
        let directory = self.opened.directory(HOST, "main").await.unwrap();
        let id = directory.id;
        let agents = self
            .opened
            .store
            .read(move |mut tx| Box::pin(async move { tx.agents(id).await }))
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error}"));
        (directory, agents)
    }

    async fn audited(&self, event: Event) -> usize {
        let trail = self
            .opened
            .store
            .read(|mut tx| Box::pin(async move { tx.audit_after(0, 1_000).await }));
        let trail = trail.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
        trail.iter().filter(|row| row.event == event.as_str()).count()
    }
}

fn state_of(agent: &AgentRow) -> AgentState {
    let now = Opened::now();
    AgentState::of(agent, now, Some(now))
}

fn config(folder: &tempfile::TempDir) -> ConfigFile {
    ConfigFile { file: folder.path().join("service.toml"), set: Vec::new() }
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn recipient() -> RecipientKey {
    OpeningKey::derive(KeyId(Uuid::from_u128(4)), &[3; 32]).public()
}

fn bring(code: &EnrolmentCode, identity: u8, directory: u8) -> Enrol {
    let (identity, directory) = (key(identity), key(directory));
    Enrol::prove(
        code,
        "dc1".to_owned(),
        &identity.verifying_key(),
        recipient(),
        &directory.verifying_key(),
    )
}

#[tokio::test]
async fn keys_that_were_swapped_on_the_way_are_refused_and_cost_no_code() {
    let mut lab = Lab::new().await;
    let code = lab.code().await;
    let honest = bring(&code, 1, 2);
    let evil = Bytes(key(9).verifying_key().as_bytes().to_vec());
    let refused = Err((StatusCode::FORBIDDEN, "enrolment-refused".to_owned()));
    for swap in [
        |enrol: &mut Enrol, evil: Bytes| enrol.identity_key = evil,
        |enrol: &mut Enrol, evil: Bytes| enrol.directory_key = evil,
        |enrol: &mut Enrol, _| enrol.recipient.id = KeyId(Uuid::from_u128(9)),
    ] {
        let mut swapped = bring(&code, 1, 2);
        swap(&mut swapped, evil.clone());
        assert_eq!(lab.send(&swapped).await.map(drop), refused);
    }
    let enrolled = lab.send(&honest).await.unwrap();
    assert!(enrolled.answers(&honest, &code.link_key_fingerprint));
    assert_eq!(lab.send(&honest).await.map(drop), refused, "good once");
    let (directory, agents) = lab.stored().await;
    assert_eq!(directory.directory_key, Some(honest.directory_key.0));
    assert_eq!(agents.len(), 1);
}

#[tokio::test]
async fn the_secret_of_a_code_is_not_in_the_database() {
    let mut lab = Lab::new().await;
    let code = lab.code().await;
    let data = lab.folder.path().join("data");
    let all: Vec<u8> = std::fs::read_dir(data)
        .unwrap()
        .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    let has = |bytes: &[u8]| all.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(&code.id.0) && !has(&code.secret));
}

#[tokio::test]
async fn an_agent_that_enrols_again_stays_the_agent_it_is() {
    let mut lab = Lab::new().await;
    let first = lab.enrol(1, 2).await.unwrap();
    let again = lab.enrol(1, 2).await.unwrap();
    assert_eq!(first.agent, again.agent);
    assert_eq!(lab.stored().await.1.len(), 1);
    assert_eq!(
        lab.enrol(1, 9).await.map(drop),
        Err("enrolment-refused".to_owned()),
        "another directory key"
    );
}

#[tokio::test]
async fn after_the_last_agent_is_removed_a_new_one_brings_its_own_keys() {
    let mut lab = Lab::new().await;
    let old = lab.enrol(1, 2).await.unwrap();
    let second = lab.enrol(5, 2).await.unwrap();
    assert!(lab.remove("dc1").await.is_err(), "two have that name");
    assert!(lab.remove("nobody").await.is_err());

    let said = lab.remove(&old.agent.to_string()).await.unwrap();
    assert!(said.contains("regain-agent dismiss"), "{said}");
    assert!(lab.stored().await.0.directory_key.is_some());
    let said = lab.remove("dc1").await.unwrap();
    assert!(said.contains("No agent is left"), "{said}");
    let (directory, agents) = lab.stored().await;
    assert!(directory.directory_key.is_none() && directory.recipients.is_none());
    assert!(agents.iter().all(|agent| state_of(agent) == AgentState::Removed));

    // Its link ends with the next heartbeat, and its key does not come back.
    let (id, now) = (second.agent.0, Opened::now());
    let seen = lab
        .opened
        .store
        .write(move |mut tx| Box::pin(async move { tx.agent_seen(id, true, now).await }));
    assert!(matches!(seen.await, Err(StoreError::RowCount(_))));
    assert!(lab.enrol(1, 2).await.is_err());
    let new = lab.enrol(7, 8).await.unwrap();
    assert!(new.agent != old.agent && new.agent != second.agent);
    assert_eq!(lab.audited(Event::AgentRemoved).await, 2);
}

#[tokio::test]
async fn agents_are_shown_with_all_that_is_known_of_them() {
    let mut lab = Lab::new().await;
    let agents = |json| Agents {
        config: config(&lab.folder),
        tenant: HOST.to_owned(),
        directory: "main".to_owned(),
        json,
    };
    let (for_people, for_programs) = (agents(false), agents(true));
    let none = for_people.text(&lab.opened).await.unwrap();
    assert!(none.contains("enrolment-code"), "{none}");

    let id = lab.enrol(1, 2).await.unwrap().agent.0;
    let now = Opened::now();
    let health = AgentHealth {
        software: Some("0.0.9".to_owned()),
        clock_skew_ms: Some(-2_300),
        waiting: 4,
        stopped: None,
    };
    let told = lab.opened.store.write(move |mut tx| {
        Box::pin(async move {
            tx.set_alive(now).await?;
            tx.agent_seen(id, true, now).await?;
            tx.agent_health(id, &health).await
        })
    });
    told.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
    let said = for_people.text(&lab.opened).await.unwrap();
    for fact in ["dc1\tup, outdated", "version 0.0.9", "clock 2.3 s behind", "4 waiting", " s ago"]
    {
        assert!(said.contains(fact), "{fact}: {said}");
    }
    let said = for_programs.text(&lab.opened).await.unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said[0]["state"], "outdated");
    assert_eq!(said[0]["clock_skew_ms"], -2_300);
    assert_eq!(said[0]["last_heartbeat"], now.unix_seconds());
}

#[tokio::test]
async fn the_status_of_write_back_names_the_agents_that_stopped() {
    let mut lab = Lab::new().await;
    let id = lab.enrol(1, 2).await.unwrap().agent.0;
    let now = Opened::now();
    let health = AgentHealth { stopped: Some("switched-off".to_owned()), ..Default::default() };
    let told = lab.opened.store.write(move |mut tx| {
        Box::pin(async move {
            tx.agent_seen(id, true, now).await?;
            tx.agent_health(id, &health).await
        })
    });
    told.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
    let say = |to| WriteBack {
        config: config(&lab.folder),
        tenant: HOST.to_owned(),
        directory: "main".to_owned(),
        to,
    };
    let said = say(Switch::Status).switch(&lab.opened).await.unwrap();
    assert!(said.starts_with("Write-back of main is on; nothing is under way."), "{said}");
    assert!(said.contains("dc1\tswitched off on its machine"), "{said}");
    say(Switch::Off).switch(&lab.opened).await.unwrap();
    let said = say(Switch::Status).switch(&lab.opened).await.unwrap();
    assert!(said.starts_with("Write-back of main is off"), "{said}");
}

#[tokio::test]
async fn who_enrols_waits_until_the_fingerprint_was_compared() {
    let mut lab = Lab::new().await;
    let approve = |lab: &Lab, fingerprint: String| ApproveAgent {
        config: config(&lab.folder),
        tenant: HOST.to_owned(),
        directory: "main".to_owned(),
        fingerprint,
    };
    // A thief was faster with another code: nothing of it counts.
    let stolen = lab.code_with(false).await;
    let thief = bring(&stolen, 8, 9);
    assert!(lab.send(&thief).await.unwrap().waits_for_approval);
    let code = lab.code_with(false).await;
    let ours = bring(&code, 1, 2);
    let enrolled = lab.send(&ours).await.unwrap();
    assert!(enrolled.waits_for_approval && enrolled.answers(&ours, &code.link_key_fingerprint));
    let (directory, agents) = lab.stored().await;
    assert!(directory.directory_key.is_none());
    assert!(agents.iter().all(|agent| state_of(agent) == AgentState::WaitsForApproval));

    assert!(approve(&lab, "AAAA".to_owned()).approve(&lab.opened).await.is_err());
    assert_ne!(ours.fingerprint(), thief.fingerprint());
    approve(&lab, ours.fingerprint()).approve(&lab.opened).await.unwrap();
    let (directory, agents) = lab.stored().await;
    assert_eq!(directory.directory_key, Some(ours.directory_key.0.clone()));
    let approved: Vec<_> = agents.iter().filter(|agent| agent.approved).collect();
    assert_eq!((approved.len(), approved[0].id), (1, enrolled.agent.0));
    assert_eq!(lab.audited(Event::AgentApproved).await, 1);

    // Another directory key is not taken in even then, and nothing of the try is kept.
    let error = approve(&lab, thief.fingerprint()).approve(&lab.opened).await.unwrap_err();
    assert!(error.to_string().contains("another key"), "{error}");
    assert_eq!(lab.stored().await.1.iter().filter(|agent| agent.approved).count(), 1);
    assert!(approve(&lab, ours.fingerprint()).approve(&lab.opened).await.is_err(), "once");
}

/// From the new key to the end of the old one: what the terminal says, which key a code names,
/// and who answers an agent that brings a code of before.
#[tokio::test]
async fn the_link_key_changes_in_words_and_codes_name_the_newest() {
    let mut lab = Lab::new().await;
    let turn = |retire_old| RotateLinkKey { config: config(&lab.folder), retire_old };
    let (rotate, retire) = (turn(false), turn(true));
    let error = retire.turn(&mut lab.opened).await.unwrap_err();
    assert!(error.to_string().contains("there is no old link key"), "{error}");

    let agent = lab.enrol(1, 2).await.unwrap();
    let [before, void] = [lab.code().await, lab.code().await];
    let said = rotate.turn(&mut lab.opened).await.unwrap();
    let after = lab.code().await;
    assert_ne!(after.link_key_fingerprint, before.link_key_fingerprint);
    assert!(said.contains(&after.link_key_fingerprint), "{said}");
    assert!(said.contains("Still to take it: 1"), "{said}");
    let shown = Agents {
        config: config(&lab.folder),
        tenant: HOST.to_owned(),
        directory: "main".to_owned(),
        json: false,
    };
    let behind = "has not taken the new link key yet";
    assert!(shown.text(&lab.opened).await.unwrap().contains(behind));

    // A code is answered by the key that it names, for as long as that is in force.
    for (identity, code) in [(3, &before), (4, &after)] {
        let enrol = bring(code, identity, 2);
        let enrolled = lab.send(&enrol).await.unwrap();
        assert!(enrolled.answers(&enrol, &code.link_key_fingerprint), "{identity}");
    }
    let generations: Vec<_> =
        lab.stored().await.1.iter().map(|agent| (agent.id, agent.link_generation)).collect();
    assert!(generations.contains(&(agent.agent.0, 1)) && generations.len() == 3);

    let said = retire.turn(&mut lab.opened).await.unwrap();
    assert_eq!(said.matches("reset.example.org\tmain\tdc1").count(), 2, "{said}");
    assert!(said.contains("enrolled anew"), "{said}");
    let refused = Err((StatusCode::FORBIDDEN, "enrolment-refused".to_owned()));
    assert_eq!(lab.send(&bring(&void, 5, 2)).await.map(drop), refused, "its key is retired");
    // Enrolled anew it stays the agent it is, and has the newest.
    let again = lab.enrol(1, 2).await.unwrap();
    assert_eq!(again.agent, agent.agent);
    let row = lab.stored().await.1.into_iter().find(|row| row.id == agent.agent.0).unwrap();
    assert_eq!(row.link_generation, 2);
    assert_eq!(lab.audited(Event::LinkKeyChanged).await, 1);
    assert_eq!(lab.audited(Event::LinkKeyRetired).await, 1);
}

#[tokio::test]
async fn an_old_link_key_goes_by_itself_once_nobody_needs_it_and_not_before() {
    let mut lab = Lab::new().await;
    let rotate = RotateLinkKey { config: config(&lab.folder), retire_old: false };
    let said = rotate.turn(&mut lab.opened).await.unwrap();
    assert!(said.contains("No agent needs the old one"), "{said}");
    let mut agents = Vec::new();
    for identity in 3..6 {
        agents.push(lab.enrol(identity, 2).await.unwrap().agent.0);
        rotate.turn(&mut lab.opened).await.unwrap();
    }
    // Nobody looks after it: there is an end to it.
    let error = rotate.turn(&mut lab.opened).await.unwrap_err();
    assert!(error.to_string().contains("--retire-old"), "{error}");
    let now = Opened::now();
    let taking = lab.opened.store.write(move |mut tx| {
        Box::pin(async move {
            let kept = tx.retire_link_keys(store::Retire::Unneeded, now).await?;
            tx.agent_has_link_key(agents[0], 5).await?;
            // A late word of an older one.
            tx.agent_has_link_key(agents[0], 3).await?;
            let gone = tx.retire_link_keys(store::Retire::Unneeded, now).await?;
            Ok::<_, StoreError>((kept, gone, tx.link_keys().await?))
        })
    });
    let (kept, gone, left) = taking.await.unwrap();
    assert_eq!((kept, gone), (Vec::new(), vec![2]));
    let left: Vec<_> = left.iter().map(|key| key.generation).collect();
    assert_eq!(left, [3, 4, 5]);
}
