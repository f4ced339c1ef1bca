//! `regain-service directory ...`

mod link_key;
mod list;
mod synchronisation;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use protocol::{
    agent::{EnrolmentCode, agent_fingerprint},
    bytes::Bytes,
    id::DirectoryId,
    sealed::{RecipientKey, fingerprint},
};
use rand::Rng as _;
use recovery::Times;
use serde_json::json;
use store::{AgentRow, AuditEvent, DirectoryKind, DirectoryRow, StoreError};

use self::{
    link_key::RotateLinkKey,
    list::{Agents, List},
};
use super::{ConfigFile, Opened, say};
use crate::{
    agent_state::AgentState, agents::link_key::LinkKey, audit::Event,
    http::agents::enrol::secret_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Adds a directory to an organisation; prints its id.
    Create(Create),
    /// Lists an organisation's directories: name, kind, accounts, agents, key fingerprint. Under
    /// each its agents: id, name, state, last heartbeat, version, clock, queue.
    List(List),
    /// Shows the agents of one directory, each with everything that is known of it.
    Agents(Agents),
    /// Makes a code that one agent enrols with; prints it once. It is good for an hour.
    EnrolmentCode(Enrolment),
    /// Lets an agent in that enrolled and waits, by the fingerprint that it shows.
    ApproveAgent(ApproveAgent),
    /// Makes a new link key, which all agents take without a pause. The old one stays good until
    /// all have the new one, and is then retired by itself.
    RotateLinkKey(RotateLinkKey),
    /// Removes an agent; it may not come back with its keys. With the last agent the directory's
    /// key is forgotten, so that a new agent can bring one.
    RemoveAgent(RemoveAgent),
    /// Switches changing a directory on or off, or says how it stands. Switched off, nothing new
    /// is begun, and what was handed over is still finished.
    WriteBack(WriteBack),
    /// Lists the accounts with values that cannot be used and count as missing: user ID, which
    /// values, id in the directory.
    Malformed(synchronisation::Which),
    /// Has the agents send all accounts again.
    Synchronise(synchronisation::Which),
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// In the service's own database.
    Embedded,
    /// Active Directory, behind an agent.
    Agent,
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// A name for the administrator.
    #[arg(long)]
    name: String,
    /// Where it lives.
    #[arg(long)]
    kind: Kind,
}

#[derive(Args)]
pub(crate) struct Enrolment {
    #[command(flatten)]
    config: ConfigFile,
    /// Whoever enrols with this code is in at once, without an administrator's approval: for
    /// installations that nobody watches.
    #[arg(long)]
    no_approval: bool,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The directory's name.
    #[arg(long)]
    directory: String,
}

#[derive(Args)]
pub(crate) struct ApproveAgent {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The directory's name.
    #[arg(long)]
    directory: String,
    /// What `regain-agent enrol` showed on the agent's machine.
    fingerprint: String,
}

#[derive(Args)]
pub(crate) struct RemoveAgent {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The directory's name.
    #[arg(long)]
    directory: String,
    /// The agent's id, or its name where no other has it.
    #[arg(long)]
    agent: String,
}

#[derive(Args)]
pub(crate) struct WriteBack {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The directory's name.
    #[arg(long)]
    directory: String,
    /// Which way.
    to: Switch,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// Accounts can be unlocked and reset.
    On,
    /// Nothing new is begun.
    Off,
    /// Say how it stands, and change nothing.
    Status,
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Agents(command) => command.run().await,
            Self::EnrolmentCode(command) => command.run().await,
            Self::ApproveAgent(command) => command.run().await,
            Self::RotateLinkKey(command) => command.run().await,
            Self::RemoveAgent(command) => command.run().await,
            Self::WriteBack(command) => command.run().await,
            Self::Malformed(which) => synchronisation::malformed(which).await,
            Self::Synchronise(which) => synchronisation::synchronise(which).await,
        }
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let mut opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.tenant).await?;
        let now = Opened::now();
        let id = DirectoryId::new(now.unix_millis(), &mut opened.rng).0;
        let kind = match self.kind {
            Kind::Embedded => DirectoryKind::Embedded,
            Kind::Agent => DirectoryKind::Agent,
        };
        let name = self.name.clone();
        opened
            .store
            .write(move |mut tx| {
                Box::pin(async move { tx.add_directory(id, tenant.id, &name, kind, now).await })
            })
            .await
            .with_context(|| format!("`{}` could not be added; is it there already?", self.name))?;
        say(&id.to_string())
    }
}

impl Enrolment {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let mut opened = Opened::open(&self.config).await?;
        say(&self.make(&mut opened).await?.to_text())
    }

    async fn make(&self, opened: &mut Opened) -> anyhow::Result<EnrolmentCode> {
        let directory = opened.directory(&self.tenant, &self.directory).await?;
        if directory.kind != DirectoryKind::Agent {
            bail!("`{}` is the embedded directory; it needs no agent", self.directory);
        }
        let mut id = Bytes(vec![0; 16]);
        opened.rng.fill_bytes(&mut id.0);
        let secret = secret_of(&opened.keys, &id);
        let stored = id.0.clone();
        let expires_at = Opened::now().plus(Times::ENROLMENT);
        let approval = !self.no_approval;
        let link_keys = opened
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let of = (directory.tenant, directory.id);
                    tx.add_enrolment_code(&stored, of.0, of.1, approval, expires_at).await?;
                    tx.link_keys().await
                })
            })
            .await?;
        // A service without TLS listens on loopback only, and so does whoever enrols there.
        let scheme = if opened.config.http.tls.is_some() { "https" } else { "http" };
        let link_key = LinkKey::newest(&link_keys, &opened.keys)?.public();
        Ok(EnrolmentCode {
            id,
            secret,
            link_key_fingerprint: fingerprint(link_key.as_bytes()),
            origin: format!("{scheme}://{}", self.tenant.to_ascii_lowercase()),
        })
    }
}

impl ApproveAgent {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        say(&self.approve(&opened).await?)
    }

    /// Approves it and says in words what that means.
    async fn approve(&self, opened: &Opened) -> anyhow::Result<String> {
        let directory = opened.directory(&self.tenant, &self.directory).await?;
        let id = directory.id;
        let agents =
            opened.store.read(move |mut tx| Box::pin(async move { tx.agents(id).await })).await?;
        let agent = agents
            .into_iter()
            .filter(|agent| !agent.revoked && !agent.approved)
            .find(|agent| fingerprint_of(agent).as_deref() == Some(self.fingerprint.trim()))
            .context("no agent that waits for approval has this fingerprint: read it again on the agent's machine; if it stays another one, somebody else enrolled: remove that agent")?;
        let event = AuditEvent {
            tenant: directory.tenant,
            event: Event::AgentApproved.as_str(),
            case_code: None,
            account: None,
            detail: json!({ "agent": agent.id, "name": agent.name }).to_string(),
        };
        let now = Opened::now();
        let approving = opened.store.write(move |mut tx| {
            Box::pin(async move {
                if !tx.approve_agent(agent.id, now).await? {
                    // Nothing of it is kept.
                    return Err(StoreError::RowCount("approve_agent"));
                }
                tx.audit(&event, now).await
            })
        });
        approving.await.context("it cannot be approved: the directory has another key by now; remove the agent, and let it in with an admission of another one (regain-agent admit)")?;
        Ok(format!("Approved agent {} ({}). It is linked within a minute.", agent.name, agent.id))
    }
}

/// What an agent shows to be compared.
fn fingerprint_of(agent: &AgentRow) -> Option<String> {
    let recipient: RecipientKey = serde_json::from_str(&agent.recipient).ok()?;
    Some(agent_fingerprint(&agent.identity_key, &recipient, &agent.directory_key))
}

impl RemoveAgent {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        say(&self.remove(&opened).await?)
    }

    /// Removes it and says in words what that means.
    async fn remove(&self, opened: &Opened) -> anyhow::Result<String> {
        let directory = opened.directory(&self.tenant, &self.directory).await?;
        let id = directory.id;
        let agents =
            opened.store.read(move |mut tx| Box::pin(async move { tx.agents(id).await })).await?;
        let agent = self.pick(agents)?;
        let event = AuditEvent {
            tenant: directory.tenant,
            event: Event::AgentRemoved.as_str(),
            case_code: None,
            account: None,
            detail: json!({ "agent": agent.id, "name": agent.name }).to_string(),
        };
        let now = Opened::now();
        let was_last = opened
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let was_last = tx.remove_agent(agent.id, now).await?;
                    tx.audit(&event, now).await?;
                    Ok::<_, StoreError>(was_last)
                })
            })
            .await?;
        let left = if was_last {
            "No agent is left, so the directory's key is forgotten: the next agent brings a new one.\n\
             To enrol on that machine again: regain-service directory enrolment-code, delete enrolment.json there, and run: regain-agent enrol --new-keys --config FILE CODE"
        } else {
            "Its key is still on the list of those that are left: take it off at one of them with regain-agent dismiss.\n\
             To enrol on that machine again: delete enrolment.json there, run: regain-agent join-request --new-keys, let it in at an agent that is left (regain-agent admit), and enrol with --admission."
        };
        Ok(format!(
            "Removed agent {} ({}). Its link ends within a minute and its keys are not taken again.\n{left}",
            agent.name, agent.id
        ))
    }

    fn pick(&self, agents: Vec<AgentRow>) -> anyhow::Result<AgentRow> {
        let is_meant =
            |agent: &AgentRow| agent.id.to_string() == self.agent || agent.name == self.agent;
        let mut meant = agents.into_iter().filter(|agent| !agent.revoked && is_meant(agent));
        match (meant.next(), meant.next()) {
            (Some(agent), None) => Ok(agent),
            (None, _) => bail!(
                "`{}` has no agent `{}`; see `regain-service directory list`",
                self.directory,
                self.agent
            ),
            (Some(_), Some(_)) => bail!(
                "more than one agent is called `{}`; give the id that `regain-service directory list` shows",
                self.agent
            ),
        }
    }
}

impl WriteBack {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        say(&self.switch(&opened).await?)
    }

    /// Switches it and says in words what that means.
    async fn switch(&self, opened: &Opened) -> anyhow::Result<String> {
        let directory = opened.directory(&self.tenant, &self.directory).await?;
        if self.to == Switch::Status {
            return self.status(opened, &directory).await;
        }
        let (id, on, now) = (directory.id, self.to == Switch::On, Opened::now());
        let event = AuditEvent {
            tenant: directory.tenant,
            event: if on { Event::WriteBackOn } else { Event::WriteBackOff }.as_str(),
            case_code: None,
            account: None,
            detail: json!({ "directory": id, "name": directory.name }).to_string(),
        };
        let open = opened
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    tx.set_write_back(id, on).await?;
                    tx.audit(&event, now).await?;
                    Ok::<_, StoreError>(tx.open_operations(id).await?.len())
                })
            })
            .await?;
        let name = &self.directory;
        Ok(match (on, open) {
            (true, _) => format!("Write-back of {name} is on."),
            (false, 0) => format!("Write-back of {name} is off; nothing is under way."),
            (false, open) => format!(
                "Write-back of {name} is off. Still being finished: {open}. \"status\" tells when none is."
            ),
        })
    }

    /// How it stands here and at the agents: the stricter one counts.
    async fn status(&self, opened: &Opened, directory: &DirectoryRow) -> anyhow::Result<String> {
        let (id, now) = (directory.id, Opened::now());
        let (open, agents, alive_at) = opened
            .store
            .read(move |mut tx| {
                Box::pin(async move {
                    let open = tx.open_operations(id).await?.len();
                    Ok::<_, StoreError>((open, tx.agents(id).await?, tx.alive_at().await?))
                })
            })
            .await?;
        let switch = if directory.write_back { "on" } else { "off" };
        let mut lines = vec![match open {
            0 => format!("Write-back of {} is {switch}; nothing is under way.", self.directory),
            _ => format!("Write-back of {} is {switch}. Under way: {open}.", self.directory),
        }];
        for agent in agents.iter().filter(|agent| !agent.revoked) {
            let state = AgentState::of(agent, now, alive_at).words();
            lines.push(format!("  agent\t{}\t{state}", agent.name));
        }
        Ok(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests;
