//! `regain-service directory list` and `directory agents`: how directories and their agents are,
//! for people and as JSON.

use std::process::ExitCode;

use clap::Args;
use protocol::{id::DirectoryId, sealed::fingerprint};
use recovery::Timestamp;
use serde_json::{Value, json};
use store::{AgentRow, DirectoryKind, DirectoryRow, StoreError};
use uuid::Uuid;

use super::{super::ago, ConfigFile, Opened, say};
use crate::agent_state::AgentState;

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    pub(super) tenant: String,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(crate) struct Agents {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    pub(super) tenant: String,
    /// The directory's name.
    #[arg(long)]
    pub(super) directory: String,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.tenant).await?.id;
        let (all, seen) = read(&opened, tenant).await?;
        if self.json {
            let all: Vec<Value> = all.iter().map(|known| known.json(&opened, seen)).collect();
            return say(&serde_json::to_string_pretty(&all)?);
        }
        let lines: Vec<String> = all.iter().map(|known| known.lines(&opened, seen)).collect();
        say(&lines.join("\n"))
    }
}

impl Agents {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        say(&self.text(&opened).await?)
    }

    pub(super) async fn text(&self, opened: &Opened) -> anyhow::Result<String> {
        let directory = opened.directory(&self.tenant, &self.directory).await?;
        let (all, seen) = read(opened, directory.tenant).await?;
        let known = all.into_iter().find(|known| known.directory.id == directory.id);
        let agents = known.map(|known| known.agents).unwrap_or_default();
        if self.json {
            let agents: Vec<Value> = agents.iter().map(|agent| agent_json(agent, seen)).collect();
            return Ok(serde_json::to_string_pretty(&agents)?);
        }
        if agents.is_empty() && directory.kind == DirectoryKind::Agent {
            return Ok(format!(
                "{} has no agent yet: regain-service directory enrolment-code",
                self.directory
            ));
        }
        Ok(agents.iter().map(|agent| paragraph(agent, seen)).collect::<Vec<_>>().join("\n\n"))
    }
}

/// The moment of looking, and when the service last said that it runs.
#[derive(Clone, Copy)]
struct Seen {
    now: Timestamp,
    alive_at: Option<Timestamp>,
    /// The newest generation of the link key.
    link_generation: i64,
}

struct Known {
    directory: DirectoryRow,
    accounts: i64,
    agents: Vec<AgentRow>,
}

async fn read(opened: &Opened, tenant: Uuid) -> anyhow::Result<(Vec<Known>, Seen)> {
    let now = Opened::now();
    let read = opened.store.read(move |mut tx| {
        Box::pin(async move {
            let mut all = Vec::new();
            for directory in tx.directories(tenant).await? {
                let accounts = tx.count_accounts(directory.id).await?;
                let agents = tx.agents(directory.id).await?;
                all.push(Known { directory, accounts, agents });
            }
            let link_generation = tx.link_keys().await?.last().map_or(0, |key| key.generation);
            let alive_at = tx.alive_at().await?;
            Ok::<_, StoreError>((all, Seen { now, alive_at, link_generation }))
        })
    });
    Ok(read.await?)
}

impl Known {
    fn kind(&self) -> &'static str {
        match self.directory.kind {
            DirectoryKind::Embedded => "embedded",
            DirectoryKind::Agent => "agent",
        }
    }

    fn key_fingerprint(&self, opened: &Opened) -> Option<String> {
        let key = match self.directory.kind {
            DirectoryKind::Embedded => {
                let key = opened.keys.directory_key(DirectoryId(self.directory.id));
                Some(key.verifying_key().as_bytes().to_vec())
            }
            DirectoryKind::Agent => self.directory.directory_key.clone(),
        };
        key.map(|key| fingerprint(&key))
    }

    fn lines(&self, opened: &Opened, seen: Seen) -> String {
        let (name, kind, accounts) = (&self.directory.name, self.kind(), self.accounts);
        let there = self.agents.iter().filter(|agent| !agent.revoked).count();
        let key = self.key_fingerprint(opened).unwrap_or_else(|| "-".to_owned());
        let mut lines = format!("{name}\t{kind}\t{accounts} accounts\t{there} agents\t{key}");
        if !self.directory.write_back {
            lines.push_str("\twrite-back is off");
        }
        for agent in &self.agents {
            let facts = facts(agent, seen).join("\t");
            let state = AgentState::of(agent, seen.now, seen.alive_at).words();
            lines.push_str(&format!("\n  agent\t{}\t{}\t{state}\t{facts}", agent.id, agent.name));
        }
        lines
    }

    fn json(&self, opened: &Opened, seen: Seen) -> Value {
        let agents: Vec<Value> = self.agents.iter().map(|agent| agent_json(agent, seen)).collect();
        json!({
            "id": self.directory.id,
            "name": self.directory.name,
            "kind": self.kind(),
            "accounts": self.accounts,
            "write_back": self.directory.write_back,
            "key_fingerprint": self.key_fingerprint(opened),
            "agents": agents,
        })
    }
}

fn paragraph(agent: &AgentRow, seen: Seen) -> String {
    let state = AgentState::of(agent, seen.now, seen.alive_at).words();
    let mut lines = vec![format!("{}\t{state}", agent.name), format!("  id {}", agent.id)];
    lines.extend(facts(agent, seen).into_iter().map(|fact| format!("  {fact}")));
    lines.join("\n")
}

/// What is known besides its state.
fn facts(agent: &AgentRow, seen: Seen) -> Vec<String> {
    let heard = agent.heard_at.map_or_else(
        || "never heard of".to_owned(),
        |at| format!("last heartbeat {} ago", ago(seen.now.since(at).seconds_up())),
    );
    let mut facts = vec![heard];
    if let Some(software) = &agent.health.software {
        facts.push(format!("version {software}"));
    }
    if let Some(skew) = agent.health.clock_skew_ms {
        let (seconds, tenths) = (skew.abs() / 1000, skew.abs() % 1000 / 100);
        facts.push(match (seconds, tenths) {
            (0, 0) => "clock equal".to_owned(),
            _ => {
                let side = if skew > 0 { "ahead" } else { "behind" };
                format!("clock {seconds}.{tenths} s {side}")
            }
        });
    }
    facts.push(format!("{} waiting", agent.health.waiting));
    if !has_link_key(agent, seen) {
        facts.push("has not taken the new link key yet".to_owned());
    }
    facts
}

/// Whether it knows the service's newest link key. One that was removed needs none.
fn has_link_key(agent: &AgentRow, seen: Seen) -> bool {
    agent.revoked || agent.link_generation >= seen.link_generation
}

fn agent_json(agent: &AgentRow, seen: Seen) -> Value {
    let state = AgentState::of(agent, seen.now, seen.alive_at);
    json!({
        "id": agent.id,
        "name": agent.name,
        "state": state.code(),
        "words": state.words(),
        "directory_reachable": agent.directory_reachable,
        "last_heartbeat": agent.heard_at.map(Timestamp::unix_seconds),
        "version": agent.health.software,
        "clock_skew_ms": agent.health.clock_skew_ms,
        "waiting": agent.health.waiting,
        "has_link_key": has_link_key(agent, seen),
    })
}
