//! `regain-service tenant ...`

mod candid;
mod mail_domains;
mod tile;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use protocol::{api::Help, id::TenantId};
use recovery::Policy;
use serde_json::json;
use store::{AlertSettings, AuditEvent, StoreError, TenantRow};
use uuid::Uuid;

use super::{ConfigFile, Opened, say};
use crate::{audit::Event, locale::Locales};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Adds an organisation; prints its id.
    Create(Create),
    /// Lists the organisations: host and name.
    List(ConfigFile),
    /// Puts another policy in force, read from a JSON file.
    SetPolicy(SetPolicy),
    /// Says which mail domains are the organisation's own, and shows which its accounts use. An
    /// address in one of them is no gate unless that is said.
    MailDomains(mail_domains::MailDomains),
    /// Switches candid answers on or off, or says how it stands: on a device that is trusted, the
    /// person whose device it is learns at once that the account cannot recover, and whom to ask.
    Candid(candid::Candid),
    /// Sets the label and the picture of the tile on the sign-in screen; shows them without more.
    Tile(tile::Tile),
    /// Says whom to write to when no agent is left or one has stopped; shows it without more.
    Alerts(Alerts),
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    config: ConfigFile,
    /// Its public host name, as browsers send it (with the port when that is not 443).
    #[arg(long)]
    host: String,
    /// The name people know it by.
    #[arg(long)]
    name: String,
    /// Its accent colour.
    #[arg(long, default_value = "#0b57d0")]
    accent: String,
    /// What it calls its help.
    #[arg(long, default_value = "IT service desk")]
    help_name: String,
    /// The telephone number of its help.
    #[arg(long)]
    help_phone: Option<String>,
    /// When somebody answers there.
    #[arg(long)]
    help_hours: Option<String>,
    /// The web address of its help.
    #[arg(long)]
    help_url: Option<String>,
}

#[derive(Args)]
pub(crate) struct SetPolicy {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    host: String,
    /// The policy, such as {"gates": 1, "email_code_minutes": 10, "unlock": true}.
    #[arg(long)]
    file: std::path::PathBuf,
}

#[derive(Args)]
pub(crate) struct Alerts {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    host: String,
    /// An administrator's mail address; repeat it for several. They replace those before.
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Write to nobody.
    #[arg(long, conflicts_with = "to")]
    nobody: bool,
    /// The language of the letters, such as de.
    #[arg(long)]
    language: Option<String>,
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(command) => command.run().await,
            Self::List(config) => list(&config).await,
            Self::SetPolicy(command) => command.run().await,
            Self::MailDomains(command) => command.run().await,
            Self::Candid(command) => command.run().await,
            Self::Tile(command) => command.run().await,
            Self::Alerts(command) => command.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let hex = self.accent.strip_prefix('#').unwrap_or_default();
        if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            bail!("--accent must be a colour such as #0b57d0");
        }
        if self.host.is_empty() || self.host.contains(['/', ' ', '@']) {
            bail!("--host must be a host name such as reset.example.org, without https://");
        }
        let mut opened = Opened::open(&self.config).await?;
        let now = Opened::now();
        let help = Help {
            name: self.help_name,
            phone: self.help_phone,
            hours: self.help_hours,
            url: self.help_url,
        };
        let row = TenantRow {
            id: TenantId::new(now.unix_millis(), &mut opened.rng).0,
            host: self.host.to_ascii_lowercase(),
            name: self.name,
            accent: self.accent,
            help: serde_json::to_string(&help)?,
            policy: Policy::default(),
        };
        let (id, host) = (row.id, row.host.clone());
        opened
            .store
            .write(move |mut tx| Box::pin(async move { tx.add_tenant(&row, now).await }))
            .await
            .with_context(|| format!("`{host}` could not be added; is it a tenant already?"))?;
        say(&id.to_string())
    }
}

async fn list(config: &ConfigFile) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(config).await?;
    let tenants = opened.store.read(|mut tx| Box::pin(async move { tx.tenants().await })).await?;
    let lines: Vec<String> =
        tenants.iter().map(|tenant| format!("{}\t{}", tenant.host, tenant.name)).collect();
    say(&lines.join("\n"))
}

impl SetPolicy {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.host).await?;
        let file = self.file.display();
        let text = std::fs::read(&self.file).with_context(|| format!("cannot read {file}"))?;
        let policy: Policy =
            serde_json::from_slice(&text).with_context(|| format!("{file} is no policy"))?;
        policy.check().with_context(|| format!("{file} cannot be put in force"))?;
        opened
            .store
            .write(move |mut tx| Box::pin(async move { tx.set_policy(tenant.id, &policy).await }))
            .await?;
        say(&format!("The policy of `{}` is in force.", self.host))
    }
}

/// Most addresses that alerts go to.
const MOST_ADDRESSES: usize = 20;

impl Alerts {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        say(&self.set(&opened).await?)
    }

    /// Stores what was given and says how it stands.
    async fn set(&self, opened: &Opened) -> anyhow::Result<String> {
        let tenant = opened.tenant(&self.host).await?.id;
        let settings = self.wanted(opened, tenant).await?;
        let (new, now) = (settings.clone(), Opened::now());
        let event = AuditEvent {
            tenant,
            event: Event::AlertsSet.as_str(),
            case_code: None,
            account: None,
            detail: json!({ "addresses": settings.to.len(), "language": settings.language })
                .to_string(),
        };
        opened
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    if tx.alert_settings(tenant).await? == new {
                        return Ok(());
                    }
                    tx.set_alert_settings(tenant, &new).await?;
                    tx.audit(&event, now).await
                })
            })
            .await
            .map_err(|error: StoreError| error)?;
        Ok(match settings.to.as_slice() {
            [] => "Alerts go to nobody. Name somebody: --to it@example.org".to_owned(),
            to => format!("Alerts go to {} (language: {}).", to.join(", "), settings.language),
        })
    }

    async fn wanted(&self, opened: &Opened, tenant: Uuid) -> anyhow::Result<AlertSettings> {
        let read = opened
            .store
            .read(move |mut tx| Box::pin(async move { tx.alert_settings(tenant).await }));
        let mut settings = read.await.map_err(|error: StoreError| error)?;
        if let Some(language) = &self.language {
            let chosen = Locales::load().choose(language);
            if !language.to_lowercase().starts_with(chosen) {
                bail!("letters are not written in `{language}`");
            }
            settings.language = chosen.to_owned();
        }
        if let Some(wrong) = self.to.iter().find(|to| to.parse::<lettre::Address>().is_err()) {
            bail!("`{wrong}` is no mail address");
        }
        if self.to.len() > MOST_ADDRESSES {
            bail!("at most {MOST_ADDRESSES} addresses; use a distribution list");
        }
        if self.nobody || !self.to.is_empty() {
            settings.to.clone_from(&self.to);
        }
        Ok(settings)
    }
}
