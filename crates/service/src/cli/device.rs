//! `regain-service device ...`: the PCs that people can recover at from their sign-in screen.

mod list;
#[cfg(test)]
mod tests;
mod token;

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use protocol::sealed::fingerprint;
use recovery::Timestamp;
use serde_json::{Value, json};
use store::{AuditEvent, DeviceRow, StoreError, Tx};
use uuid::Uuid;

use super::{ConfigFile, Opened, ago, say};
use crate::{audit::Event, devices::shown_token, flow, keys::Keys, readiness::pcs};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a token that PCs enrol with; prints it once. Give it to them by policy or installer.
    Token(token::Token),
    /// Lists the fleet tokens: id, whether it is good, how many PCs came with it, note.
    Tokens(token::Tokens),
    /// Takes a fleet token back: nobody enrols with it any more.
    RevokeToken(token::RevokeToken),
    /// Lists the PCs: name, trust, whether people can recover there and why not, last report,
    /// Windows, version, where its key is, id; its key's fingerprint, when it enrolled and with
    /// which token. At the end what most of them lack.
    List(list::List),
    /// Vouches for PCs: you know that their key is in the PC that they name. The truth is said on
    /// them where the tenant wants it (`tenant candid`). A name does only where no other row ever
    /// had it: whoever has a fleet token can enrol under any name.
    Trust(Trust),
    /// Shuts PCs out: their keys never enrol again. People recover there as strangers do.
    Revoke(Which),
    /// Lets PCs in again that were shut out (they count as seen), or that used up their tries.
    LetIn(Which),
}

/// Whose.
#[derive(Args)]
pub(crate) struct Of {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
}

#[derive(Args)]
pub(crate) struct Which {
    #[command(flatten)]
    of: Of,
    /// Names, where no other PC has it, ids, or fingerprints of keys.
    #[arg(required = true)]
    devices: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Trust {
    #[command(flatten)]
    which: Which,
    /// They count as seen again.
    #[arg(long)]
    no_more: bool,
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Token(command) => command.run().await,
            Self::Tokens(command) => command.run().await,
            Self::RevokeToken(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Trust(Trust { which, no_more }) => which.run(What::Trust(!no_more)).await,
            Self::Revoke(which) => which.run(What::Revoke).await,
            Self::LetIn(which) => which.run(What::LetIn).await,
        }
    }
}

/// What is done to PCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Trust(bool),
    Revoke,
    LetIn,
}

impl Which {
    async fn run(self, what: What) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.of.config).await?;
        say(&self.carry_out(opened, what).await?)
    }

    /// Does it to all of them or to none, and says in words what that means.
    async fn carry_out(self, opened: Opened, what: What) -> anyhow::Result<String> {
        let tenant = opened.tenant(&self.of.tenant).await?.id;
        let Opened { store, keys, .. } = opened;
        let read = store.read(move |mut tx| Box::pin(async move { tx.devices(tenant).await }));
        let all = read.await.map_err(|error: StoreError| error)?;
        let mut picked = Vec::new();
        for typed in &self.devices {
            picked.push(pick(&all, typed, what)?.clone());
        }
        let (count, now) = (picked.len(), Opened::now());
        let done = store.write(move |mut tx| {
            Box::pin(async move {
                for device in &picked {
                    what.carry_out(&mut tx, &keys, device, now).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        done.await?;
        let (pcs, are, key) = match count {
            1 => (pcs(1), "is", "its key"),
            _ => (pcs(count), "are", "their keys"),
        };
        Ok(match what {
            What::Trust(true) => format!("{pcs} {are} trusted from now on."),
            What::Trust(false) => format!("{pcs} {are} only seen from now on."),
            What::Revoke => format!("{pcs} {are} shut out; {key} never enrol again."),
            What::LetIn => format!("{pcs} {are} let in again."),
        })
    }
}

impl What {
    async fn carry_out(
        self,
        tx: &mut Tx<'_>,
        keys: &Keys,
        device: &DeviceRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Trust(on) => {
                tx.trust_device(device.id, on.then_some(now)).await?;
                let detail =
                    json!({ "device": device.id, "name": device.report.name, "trusted": on });
                tx.audit(&event(device.tenant, Event::DeviceTrusted, &detail), now).await
            }
            Self::Revoke => revoke_one(tx, device, now).await,
            Self::LetIn => {
                if device.revoked_at.is_some() {
                    tx.revoke_device(device.id, None).await?;
                }
                flow::release_device(tx, keys, device.id).await?;
                let detail = json!({ "device": device.id, "name": device.report.name });
                tx.audit(&event(device.tenant, Event::DeviceLetIn, &detail), now).await
            }
        }
    }
}

/// Shuts a device out.
async fn revoke_one(tx: &mut Tx<'_>, device: &DeviceRow, now: Timestamp) -> Result<(), StoreError> {
    tx.revoke_device(device.id, Some(now)).await?;
    let detail = json!({ "device": device.id, "name": device.report.name });
    tx.audit(&event(device.tenant, Event::DeviceRevoked, &detail), now).await
}

fn event(tenant: Uuid, event: Event, detail: &Value) -> AuditEvent {
    AuditEvent {
        tenant,
        event: event.as_str(),
        case_code: None,
        account: None,
        detail: detail.to_string(),
    }
}

/// The one that is meant; a name means a PC that this can be done to. Whom somebody vouches for
/// nobody else may be: there a name that two rows have, in whatever state, means none of them.
fn pick<'a>(all: &'a [DeviceRow], typed: &str, what: What) -> anyhow::Result<&'a DeviceRow> {
    let can = |device: &&DeviceRow| match what {
        What::Trust(_) | What::Revoke => device.is_good(),
        What::LetIn => device.shared_at.is_none(),
    };
    if let Ok(id) = typed.parse::<Uuid>() {
        let Some(device) = all.iter().find(|device| device.id == id) else {
            bail!("there is no PC `{typed}`: see `regain-service device list --all`");
        };
        if !can(&device) {
            bail!(
                "{} ({typed}) is no such PC: {}",
                device.report.name,
                match list::state(device) {
                    "key of two PCs" => "two PCs had its key, and each makes one of its own",
                    _ => "it is shut out; `regain-service device let-in` comes first",
                }
            );
        }
        return Ok(device);
    }
    let is_meant = |device: &&DeviceRow| {
        device.report.name.eq_ignore_ascii_case(typed) || fingerprint(&device.public_key) == typed
    };
    let named: Vec<&DeviceRow> = all.iter().filter(is_meant).collect();
    let meant: Vec<&DeviceRow> = named.iter().copied().filter(can).collect();
    match meant.as_slice() {
        [_, ..] if named.len() > 1 && what == What::Trust(true) => {
            let rows: Vec<String> = named.iter().map(|device| told_apart(device)).collect();
            bail!(
                "several PCs are or were called `{typed}`; say by its id whose key you know:\n{}",
                rows.join("\n")
            )
        }
        [only] => Ok(only),
        [] => bail!("there is no such PC `{typed}`: see `regain-service device list --all`"),
        several => {
            let ids: Vec<String> = several.iter().map(|device| device.id.to_string()).collect();
            bail!("several PCs are called `{typed}`; say which by its id: {}", ids.join(", "))
        }
    }
}

/// What tells PCs of one name apart.
fn told_apart(device: &DeviceRow) -> String {
    format!(
        "{}\t{}\tkey {}\tenrolled {} ago with token {}",
        device.id,
        list::state(device),
        fingerprint(&device.public_key),
        ago(Opened::now().since(device.enrolled_at).seconds_up()),
        shown_token(device.fleet_token)
    )
}
