//! `regain-service account held` and `release-address`: addresses that changed lately; and what
//! `account show` says of accounts behind an agent.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use recovery::{Address, AddressKind, Times, Timestamp};
use serde_json::{Map, Value, json};
use store::{AccountRow, AddressRow, AuditEvent, StoreError, canonical_name};

use super::super::{ConfigFile, Opened, say};
use crate::{audit::Event, service::Service};

/// Prints what is on file of an account behind an agent.
pub(super) async fn show(service: &Service, account: AccountRow) -> anyhow::Result<ExitCode> {
    let (id, now) = (account.id, service.now());
    let (groups, addresses) = service
        .store
        .read(move |mut tx| {
            Box::pin(async move {
                let mut addresses = Map::new();
                for kind in AddressKind::ALL {
                    if let Some(address) = tx.address(id, kind).await? {
                        addresses.insert(kind.as_str().to_owned(), shown(&address, now));
                    }
                }
                Ok::<_, StoreError>((tx.member_of(id).await?, addresses))
            })
        })
        .await?;
    let shown = json!({
        "id_in_directory": account.external_id,
        "display_name": account.display_name,
        "enabled": account.enabled,
        "protected": account.protected,
        "groups": groups,
        "addresses": addresses,
    });
    say(&shown.to_string())
}

fn shown(address: &Address, now: Timestamp) -> Value {
    json!({
        "value": address.value,
        "version": address.version,
        "first_seen_at": address.first_seen_at.unix_seconds(),
        "came": address.arrival.as_str(),
        "held_until": address.held_until(now).map(Timestamp::unix_seconds),
    })
}

#[derive(Args)]
pub(crate) struct Held {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
}

#[derive(Args)]
pub(crate) struct ReleaseAddress {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The user ID.
    #[arg(long)]
    user_id: String,
    /// Which address.
    #[arg(long, default_value = "email")]
    kind: Kind,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Email,
    Mobile,
    Office,
}

impl From<Kind> for AddressKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Email => Self::Email,
            Kind::Mobile => Self::Mobile,
            Kind::Office => Self::Office,
        }
    }
}

impl Held {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.tenant).await?.id;
        let now = Opened::now();
        let since = Timestamp(now.0 - Times::ADDRESS_HELD.0);
        let rows = opened
            .store
            .read(move |mut tx| Box::pin(async move { tx.addresses_since(tenant, since).await }))
            .await?;
        let lines: Vec<String> = rows.iter().filter_map(|row| line(row, now)).collect();
        if lines.is_empty() {
            return say("No address is held.");
        }
        say(&lines.join("\n"))
    }
}

fn line(row: &AddressRow, now: Timestamp) -> Option<String> {
    let hours = now.until(row.address.held_until(now)?).seconds_up().div_ceil(3_600);
    let value = row.address.value.as_deref().unwrap_or_default();
    let (kind, arrival) = (row.kind.as_str(), row.address.arrival.as_str());
    Some(format!("{}\t{kind}\t{value}\t{arrival}\tcounts in {hours} h", row.user_id))
}

impl ReleaseAddress {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.tenant).await?.id;
        let (kind, now) = (AddressKind::from(self.kind), Opened::now());
        let name = canonical_name(&self.user_id);
        let account = opened
            .store
            .read(|mut tx| Box::pin(async move { tx.account_of_name(tenant, &name).await }))
            .await?
            .with_context(|| format!("there is no account `{}`", self.user_id))?
            .id;
        let event = AuditEvent {
            tenant,
            event: Event::AddressReleased.as_str(),
            case_code: None,
            account: Some(account),
            detail: json!({ "address": kind.as_str() }).to_string(),
        };
        let released = opened
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let address = tx.address(account, kind).await?;
                    let Some(mut address) = address.filter(|a| a.held_until(now).is_some()) else {
                        return Ok(false);
                    };
                    address.released_at = Some(now);
                    tx.put_address(account, kind, &address).await?;
                    tx.audit(&event, now).await?;
                    Ok::<_, StoreError>(true)
                })
            })
            .await?;
        if !released {
            bail!("`{}` has no {} address that is held", self.user_id, kind.as_str());
        }
        say(&format!("The {} address of `{}` counts from now on.", kind.as_str(), self.user_id))
    }
}
