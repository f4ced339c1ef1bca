//! Administrators are told when nobody can be helped: once an episode, and again when it is over.

use recovery::{Span, Times};
use regain_service::{
    alerts::{self, Alert, AlertKind},
    notify,
};
use store::{AgentHealth, AlertSettings, DirectoryKind, NewAgent, StoreError};
use uuid::Uuid;

use crate::harness::{DIRECTORY, Lab, TENANT};

const DC1: Uuid = Uuid::from_u128(0xa1);
const DC2: Uuid = Uuid::from_u128(0xa2);

/// An organisation with an administrator who reads mail, and these agents, linked.
async fn lab(agents: &'static [Uuid]) -> Lab {
    let lab = Lab::with(DirectoryKind::Agent).await;
    let now = lab.service.now();
    let made = lab.service.store.write(move |mut tx| {
        Box::pin(async move {
            let settings =
                AlertSettings { to: vec!["it@example.org".to_owned()], language: "de".to_owned() };
            tx.set_alert_settings(TENANT, &settings).await?;
            for (at, &id) in agents.iter().enumerate() {
                let name = format!("dc{}", at + 1);
                let key = [u8::try_from(at).unwrap(); 32];
                let agent = NewAgent {
                    id,
                    name: &name,
                    identity_key: &key,
                    recipient: "{}",
                    directory_key: &key,
                    waits: false,
                    link_generation: 1,
                };
                tx.add_agent(TENANT, DIRECTORY, &agent, now).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    made.await.unwrap();
    for agent in agents {
        heartbeat(&lab, *agent, true).await;
    }
    lab
}

/// Enrols one, not linked yet.
async fn add(lab: &Lab, id: Uuid) {
    let now = lab.service.now();
    let made = lab.service.store.write(move |mut tx| {
        Box::pin(async move {
            let agent = NewAgent {
                id,
                name: "new",
                identity_key: id.as_bytes(),
                recipient: "{}",
                directory_key: &[2; 32],
                waits: false,
                link_generation: 1,
            };
            tx.add_agent(TENANT, DIRECTORY, &agent, now).await
        })
    });
    made.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
}

async fn heartbeat(lab: &Lab, agent: Uuid, reaches: bool) {
    let now = lab.service.now();
    let seen = lab
        .service
        .store
        .write(move |mut tx| Box::pin(async move { tx.agent_seen(agent, reaches, now).await }));
    seen.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
}

async fn says(lab: &Lab, agent: Uuid, stopped: Option<&'static str>) {
    let health = AgentHealth { stopped: stopped.map(str::to_owned), ..AgentHealth::default() };
    let said = lab
        .service
        .store
        .write(move |mut tx| Box::pin(async move { tx.agent_health(agent, &health).await }));
    said.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
}

async fn loses_its_link(lab: &Lab, agent: Uuid) {
    let gone =
        lab.service.store.write(move |mut tx| Box::pin(async move { tx.agent_gone(agent).await }));
    gone.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
}

async fn remove(lab: &Lab, agent: Uuid) {
    let now = lab.service.now();
    let removed = lab
        .service
        .store
        .write(move |mut tx| Box::pin(async move { tx.remove_agent(agent, now).await }));
    removed.await.map(drop).unwrap_or_else(|error: StoreError| panic!("{error:?}"));
}

/// The alerts that are new, as the service sees it now.
async fn told(lab: &Lab) -> Vec<Alert> {
    alerts::look(&lab.service).await.unwrap();
    let now = lab.service.now();
    let taken = lab.service.store.write(move |mut tx| {
        Box::pin(async move {
            let rows = tx.take_due(100, now).await?;
            for row in &rows {
                tx.sent(row).await?;
            }
            Ok::<_, StoreError>(rows)
        })
    });
    let plain = |payload: &[u8]| lab.service.keys.open_payload(payload).unwrap();
    let rows = taken.await.unwrap();
    rows.iter().map(|row| serde_json::from_slice(&plain(&row.payload)).unwrap()).collect()
}

async fn kinds(lab: &Lab) -> Vec<AlertKind> {
    told(lab).await.iter().map(|alert| alert.kind).collect()
}

async fn events(lab: &Lab) -> Vec<String> {
    let read =
        lab.service.store.read(|mut tx| Box::pin(async move { tx.audit_after(0, 100).await }));
    let rows = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    rows.into_iter().map(|row| row.event).collect()
}

#[tokio::test]
async fn that_no_agent_is_left_is_told_once_and_that_one_is_back_too() {
    let lab = lab(&[DC1, DC2]).await;
    loses_its_link(&lab, DC1).await;
    assert!(kinds(&lab).await.is_empty(), "another one is there");
    loses_its_link(&lab, DC2).await;
    assert!(kinds(&lab).await.is_empty(), "for a moment");
    lab.forward(Span(Times::NO_AGENT.0 - 1));
    assert!(kinds(&lab).await.is_empty(), "still a moment");
    lab.forward(Span::seconds(1));
    let alerts = told(&lab).await;
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.minutes), (AlertKind::NoAgent, 3));
    assert_eq!((alert.to.as_str(), alert.directory.as_str()), ("it@example.org", "main"));
    for _ in 0..10 {
        lab.forward(Span::minutes(20));
        assert!(kinds(&lab).await.is_empty(), "once an episode");
    }
    heartbeat(&lab, DC1, true).await;
    assert_eq!(kinds(&lab).await, [AlertKind::AgentBack]);
    assert!(kinds(&lab).await.is_empty());
    assert_eq!(events(&lab).await, ["no-agent-left", "agent-back"]);

    // The next episode is told again.
    lab.forward(Span::minutes(10));
    assert!(kinds(&lab).await.is_empty());
    lab.forward(Span::minutes(3));
    assert_eq!(kinds(&lab).await, [AlertKind::NoAgent]);
}

#[tokio::test]
async fn a_short_break_is_told_to_nobody() {
    let lab = lab(&[DC1]).await;
    loses_its_link(&lab, DC1).await;
    assert!(kinds(&lab).await.is_empty());
    lab.forward(Span::minutes(2));
    heartbeat(&lab, DC1, true).await;
    assert!(kinds(&lab).await.is_empty());
    lab.forward(Span::seconds(80));
    assert!(kinds(&lab).await.is_empty(), "the minutes begin anew");
    assert!(events(&lab).await.is_empty());
}

#[tokio::test]
async fn an_agent_whose_service_crashed_and_one_that_reaches_nothing_are_not_there() {
    let lab = lab(&[DC1]).await;
    // Its row still says that it is linked.
    lab.forward(Span(Times::AGENT_QUIET.0 + 1));
    assert!(kinds(&lab).await.is_empty());
    lab.forward(Times::NO_AGENT);
    heartbeat(&lab, DC1, false).await;
    assert_eq!(kinds(&lab).await, [AlertKind::NoAgent]);
}

#[tokio::test]
async fn an_agent_that_was_never_linked_is_still_being_set_up() {
    let lab = lab(&[]).await;
    add(&lab, DC1).await;
    assert!(kinds(&lab).await.is_empty());
    lab.forward(Span::hours(1));
    assert!(kinds(&lab).await.is_empty());
}

#[tokio::test]
async fn removing_the_last_agent_brings_none_back() {
    let lab = lab(&[DC1]).await;
    loses_its_link(&lab, DC1).await;
    assert!(kinds(&lab).await.is_empty());
    lab.forward(Times::NO_AGENT);
    assert_eq!(kinds(&lab).await, [AlertKind::NoAgent]);
    remove(&lab, DC1).await;
    lab.forward(Span::minutes(2));
    assert!(kinds(&lab).await.is_empty(), "there is none to answer");

    // Nor does its successor, before it has served.
    add(&lab, DC2).await;
    lab.forward(Span::minutes(5));
    assert!(kinds(&lab).await.is_empty(), "it was never linked");
    assert_eq!(events(&lab).await, ["no-agent-left"]);
    heartbeat(&lab, DC2, true).await;
    let alerts = told(&lab).await;
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.minutes), (AlertKind::AgentBack, 10));
}

#[tokio::test]
async fn an_agent_removed_before_anybody_was_told_ends_it_unsaid() {
    let lab = lab(&[DC1]).await;
    loses_its_link(&lab, DC1).await;
    assert!(kinds(&lab).await.is_empty());
    remove(&lab, DC1).await;
    assert!(kinds(&lab).await.is_empty());
    lab.forward(Span::hours(1));
    assert!(kinds(&lab).await.is_empty());
    add(&lab, DC2).await;
    heartbeat(&lab, DC2, true).await;
    loses_its_link(&lab, DC2).await;
    assert!(kinds(&lab).await.is_empty(), "its minutes begin anew");
    assert!(events(&lab).await.is_empty());
}

#[tokio::test]
async fn an_agent_that_stopped_by_itself_is_told_at_once_and_once() {
    let lab = lab(&[DC1, DC2]).await;
    says(&lab, DC2, Some("hourly-limit")).await;
    let alerts = told(&lab).await;
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.agent.as_str()), (AlertKind::HourlyLimit, "dc2"));
    assert!(kinds(&lab).await.is_empty());
    // A link that broke meanwhile is no end of it.
    loses_its_link(&lab, DC2).await;
    assert!(kinds(&lab).await.is_empty());
    heartbeat(&lab, DC2, true).await;
    assert!(kinds(&lab).await.is_empty());
    says(&lab, DC2, None).await;
    assert!(kinds(&lab).await.is_empty());
    says(&lab, DC2, Some("account-locked")).await;
    heartbeat(&lab, DC2, false).await;
    assert_eq!(kinds(&lab).await, [AlertKind::AccountLocked]);
    // The administrator's own switch is no news to them.
    says(&lab, DC1, Some("switched-off")).await;
    assert!(kinds(&lab).await.is_empty());
}

#[tokio::test]
async fn an_alert_leaves_by_mail_like_every_message() {
    let lab = lab(&[DC1]).await;
    says(&lab, DC1, Some("account-refused")).await;
    alerts::look(&lab.service).await.unwrap();
    // Nobody listens there: tried again while it is of use, then given up.
    let mut tries = 0;
    for _ in 0..25 * 4 {
        tries += notify::send_due(&lab.service).await.unwrap();
        lab.forward(Span::minutes(15));
    }
    assert!(tries > 50, "{tries}");
    assert_eq!(events(&lab).await, ["message-dead"]);
}
