//! Tells a tenant's administrators by mail when nobody can be helped: no agent of a directory
//! has been there for some minutes, or one has stopped by itself. Once an episode, and once
//! more when an agent is back.

use std::sync::Arc;

use protocol::agent::Stopped;
use recovery::{Span, Times, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{
    AgentRow, AlertRow, AlertSettings, AuditEvent, DirectoryKind, DirectoryRow, NewMessage,
    StoreError, Tx,
};
use uuid::Uuid;

use crate::{
    agent_state::{is_linked, stopped},
    audit::Event,
    service::Service,
};

/// The outbox's word for an alert.
pub(crate) const KIND: &str = "alert";
/// Of use for so long.
const OF_USE: Span = Span::hours(24);
/// An episode of a directory without any agent.
const NO_AGENT: &str = "no-agent";
/// What an agent stops for without anybody having told it to.
const BY_ITSELF: [Stopped; 3] =
    [Stopped::HourlyLimit, Stopped::AccountLocked, Stopped::AccountRefused];

/// What an alert says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// No agent of a directory is there.
    NoAgent,
    /// One is there again.
    AgentBack,
    /// An agent stopped at its hourly limit.
    HourlyLimit,
    /// The directory has locked an agent's account.
    AccountLocked,
    /// The directory refuses an agent's account.
    AccountRefused,
}

impl AlertKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NoAgent,
        Self::AgentBack,
        Self::HourlyLimit,
        Self::AccountLocked,
        Self::AccountRefused,
    ];

    /// The part of its words' keys.
    pub fn key(self) -> &'static str {
        match self {
            Self::NoAgent => "alert-no-agent",
            Self::AgentBack => "alert-agent-back",
            Self::HourlyLimit => "alert-hourly-limit",
            Self::AccountLocked => "alert-account-locked",
            Self::AccountRefused => "alert-account-refused",
        }
    }

    fn of(stopped: Stopped) -> Option<Self> {
        match stopped {
            Stopped::HourlyLimit => Some(Self::HourlyLimit),
            Stopped::AccountLocked => Some(Self::AccountLocked),
            Stopped::AccountRefused => Some(Self::AccountRefused),
            Stopped::SwitchedOff => None,
        }
    }
}

/// An alert to one administrator, before it is sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// What it says.
    pub kind: AlertKind,
    /// The address.
    pub to: String,
    /// In which language.
    pub language: String,
    /// The directory's name.
    pub directory: String,
    /// The agent's name, where it is about one.
    pub agent: String,
    /// For how many minutes it has been so.
    pub minutes: u32,
}

/// Looks at every directory behind agents and tells what is new. Says that this service runs,
/// too.
///
/// # Errors
/// When the store refuses.
pub async fn look(service: &Arc<Service>) -> Result<(), StoreError> {
    let (for_tx, now) = (Arc::clone(service), service.now());
    let looked = service.store.write(move |mut tx| {
        Box::pin(async move {
            if tx.alive_at().await?.is_none_or(|at| now.since(at) >= Times::ALIVE) {
                tx.set_alive(now).await?;
            }
            for tenant in tx.tenants().await? {
                for directory in tx.directories(tenant.id).await? {
                    if directory.kind == DirectoryKind::Agent {
                        look_at(&mut tx, &for_tx, &directory, now).await?;
                    }
                }
            }
            Ok::<_, StoreError>(())
        })
    });
    looked.await?;
    service.outbox_filled.notify_one();
    Ok(())
}

async fn look_at(
    tx: &mut Tx<'_>,
    service: &Service,
    directory: &DirectoryRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut agents = tx.agents(directory.id).await?;
    agents.retain(|agent| !agent.revoked);
    let known = tx.alerts(directory.id).await?;
    let mut teller = Teller { service, directory, known: &known, now };
    let is_there = |agent: &AgentRow| {
        is_linked(agent, now) && (agent.directory_reachable || stopped(agent).is_some())
    };
    // One that was never linked is still being set up: nobody relies on it.
    let has_served = agents.iter().any(|agent| agent.heard_at.is_some());
    let agents_left = if agents.iter().any(is_there) {
        Left::Some
    } else if has_served {
        Left::None
    } else {
        Left::NotYet
    };
    teller.no_agent(tx, agents_left).await?;
    for agent in agents.iter().filter(|agent| is_linked(agent, now)) {
        for reason in BY_ITSELF {
            teller.stopped(tx, agent, reason, stopped(agent) == Some(reason)).await?;
        }
    }
    // An agent that was removed is no trouble any more.
    let is_gone = |alert: &&AlertRow| {
        alert.subject != directory.id && !agents.iter().any(|agent| agent.id == alert.subject)
    };
    for alert in known.iter().filter(is_gone) {
        tx.end_alert(alert.subject, &alert.kind).await?;
    }
    Ok(())
}

/// Whether an agent of a directory is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// At least one.
    Some,
    /// None, of those that people rely on.
    None,
    /// None, and none that ever served: nothing begins with it, and nothing is over either.
    NotYet,
}

/// What one directory's administrators know already, and how they are told more.
struct Teller<'a> {
    service: &'a Service,
    directory: &'a DirectoryRow,
    known: &'a [AlertRow],
    now: Timestamp,
}

impl Teller<'_> {
    async fn no_agent(&mut self, tx: &mut Tx<'_>, left: Left) -> Result<(), StoreError> {
        let id = self.directory.id;
        let known = self.find(id, NO_AGENT).cloned();
        match (known, left) {
            (None, Left::Some | Left::NotYet) => Ok(()),
            (None, Left::None) => tx.put_alert(&self.begun(id, NO_AGENT)).await,
            (Some(alert), Left::None) => {
                if alert.told_at.is_some() || self.now.since(alert.since) < Times::NO_AGENT {
                    return Ok(());
                }
                tx.put_alert(&AlertRow { told_at: Some(self.now), ..alert.clone() }).await?;
                self.note(tx, Event::NoAgentLeft).await?;
                self.tell(tx, AlertKind::NoAgent, "", alert.since).await
            }
            // Nobody heard of it, and nobody relies on an agent any more.
            (Some(alert), Left::Some | Left::NotYet) if alert.told_at.is_none() => {
                tx.end_alert(id, NO_AGENT).await
            }
            (Some(_), Left::NotYet) => Ok(()),
            (Some(alert), Left::Some) => {
                tx.end_alert(id, NO_AGENT).await?;
                self.note(tx, Event::AgentBack).await?;
                self.tell(tx, AlertKind::AgentBack, "", alert.since).await
            }
        }
    }

    async fn stopped(
        &mut self,
        tx: &mut Tx<'_>,
        agent: &AgentRow,
        reason: Stopped,
        is_so: bool,
    ) -> Result<(), StoreError> {
        let known = self.find(agent.id, reason.code()).is_some();
        match (known, is_so) {
            (true, true) | (false, false) => Ok(()),
            (true, false) => tx.end_alert(agent.id, reason.code()).await,
            (false, true) => {
                let mut alert = self.begun(agent.id, reason.code());
                alert.told_at = Some(self.now);
                tx.put_alert(&alert).await?;
                match AlertKind::of(reason) {
                    Some(kind) => self.tell(tx, kind, &agent.name, self.now).await,
                    None => Ok(()),
                }
            }
        }
    }

    fn find(&self, subject: Uuid, kind: &str) -> Option<&AlertRow> {
        self.known.iter().find(|alert| alert.subject == subject && alert.kind == kind)
    }

    fn begun(&self, subject: Uuid, kind: &str) -> AlertRow {
        AlertRow {
            tenant: self.directory.tenant,
            directory: self.directory.id,
            subject,
            kind: kind.to_owned(),
            since: self.now,
            told_at: None,
        }
    }

    async fn note(&self, tx: &mut Tx<'_>, event: Event) -> Result<(), StoreError> {
        let event = AuditEvent {
            tenant: self.directory.tenant,
            event: event.as_str(),
            case_code: None,
            account: None,
            detail: json!({ "directory": self.directory.id, "name": self.directory.name })
                .to_string(),
        };
        tx.audit(&event, self.now).await
    }

    /// Puts a letter to each administrator in the outbox.
    async fn tell(
        &self,
        tx: &mut Tx<'_>,
        kind: AlertKind,
        agent: &str,
        since: Timestamp,
    ) -> Result<(), StoreError> {
        let AlertSettings { to, language } = tx.alert_settings(self.directory.tenant).await?;
        let seconds = self.now.since(since).seconds_up();
        for to in to {
            let alert = Alert {
                kind,
                to,
                language: language.clone(),
                directory: self.directory.name.clone(),
                agent: agent.to_owned(),
                minutes: (seconds / 60).max(1),
            };
            let plain =
                serde_json::to_vec(&alert).map_err(|_| StoreError::Inconsistent("alert"))?;
            let payload = self
                .service
                .keys
                .seal_payload(&plain, &mut *self.service.rng())
                .map_err(|_| StoreError::Inconsistent("alert"))?;
            let message = NewMessage {
                tenant: self.directory.tenant,
                recovery: None,
                kind: KIND,
                payload,
                give_up_at: self.now.plus(OF_USE),
            };
            tx.post(&message, self.now).await?;
        }
        Ok(())
    }
}
