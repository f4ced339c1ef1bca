//! `regain-service tenant candid`: whether a trusted device is told the truth about the account
//! of its own person (design decision 3).

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use store::{AuditEvent, StoreError};

use super::super::{ConfigFile, Opened, say};
use crate::audit::Event;

#[derive(Args)]
pub(crate) struct Candid {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    host: String,
    /// Which way.
    to: Switch,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// The truth is said at once, on trusted devices.
    On,
    /// Every device hears what strangers hear.
    Off,
    /// Say how it stands, and change nothing.
    Status,
}

impl Candid {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        say(&self.set(&opened).await?)
    }

    async fn set(&self, opened: &Opened) -> anyhow::Result<String> {
        let tenant = opened.tenant(&self.host).await?.id;
        let read =
            opened.store.read(move |mut tx| Box::pin(async move { tx.candid(tenant).await }));
        let before = read.await.map_err(|error: StoreError| error)?;
        let on = match self.to {
            Switch::On => true,
            Switch::Off => false,
            Switch::Status => before,
        };
        if on != before {
            let now = Opened::now();
            let event = AuditEvent {
                tenant,
                event: Event::CandidSet.as_str(),
                case_code: None,
                account: None,
                detail: json!({ "on": on }).to_string(),
            };
            let set = opened.store.write(move |mut tx| {
                Box::pin(async move {
                    tx.set_candid(tenant, on).await?;
                    tx.audit(&event, now).await
                })
            });
            set.await.map_err(|error: StoreError| error)?;
        }
        Ok(if on {
            "Candid answers are on: on a trusted device, the person whose device it is learns at \
             once that the account cannot recover. Other devices hear what strangers hear \
             (regain-service device trust)."
        } else {
            "Candid answers are off: every device hears what strangers hear."
        }
        .to_owned())
    }
}
