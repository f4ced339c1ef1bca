//! `regain-service audit ...`: what a case code finds, and whether the trail is whole.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use ed25519_dalek::{Signature, Verifier as _};
use store::{AuditRow, StoreError};

use super::{ConfigFile, Opened, say};

/// Rows read at once.
const PAGE: i64 = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Prints what happened in a case, oldest first: time (Unix seconds), event, details.
    Show(Show),
    /// Checks the chain over the whole trail and its signatures.
    Verify(ConfigFile),
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The six characters that the person read out.
    case_code: String,
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Show(command) => command.run().await,
            Self::Verify(config) => verify(&config).await,
        }
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.tenant).await?.id;
        let case_code = self.case_code.trim().to_uppercase();
        let wanted = case_code.clone();
        let rows = opened
            .store
            .read(|mut tx| Box::pin(async move { tx.audit_of_case(tenant, &wanted).await }))
            .await?;
        if rows.is_empty() {
            bail!("there is no case `{case_code}`");
        }
        let line =
            |row: &AuditRow| format!("{}\t{}\t{}", row.at.unix_seconds(), row.event, row.detail);
        say(&rows.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

async fn verify(config: &ConfigFile) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(config).await?;
    let key = opened.keys.audit_key().verifying_key();
    let (mut chain, mut last, mut sealed) = (Vec::new(), 0, 0_u64);
    loop {
        let rows = opened
            .store
            .read(move |mut tx| Box::pin(async move { tx.audit_after(last, PAGE).await }))
            .await
            .map_err(|cause: StoreError| cause)?;
        let Some(end) = rows.last() else { break };
        last = end.sequence;
        for row in &rows {
            let Some(stored) = &row.chain else { continue };
            chain = row.chained(&chain);
            let signed = row.signature.as_ref().is_none_or(|bytes| {
                Signature::from_slice(bytes).is_ok_and(|s| key.verify(&chain, &s).is_ok())
            });
            if *stored != chain || !signed {
                bail!("the trail was changed at or before row {}", row.sequence);
            }
            sealed += 1;
        }
    }
    say(&format!("The trail is whole: {sealed} rows."))
}
