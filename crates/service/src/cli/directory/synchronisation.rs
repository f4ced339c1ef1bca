//! `regain-service directory malformed` and `synchronise`: what agents sent, and having it sent
//! again.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use store::{DirectoryKind, MalformedRow};

use super::super::{ConfigFile, Opened, say};

#[derive(Args)]
pub(crate) struct Which {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The directory's name.
    #[arg(long)]
    directory: String,
}

/// Lists the accounts with values that cannot be used.
pub(crate) async fn malformed(which: Which) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(&which.config).await?;
    let directory = opened.directory(&which.tenant, &which.directory).await?.id;
    let rows = opened
        .store
        .read(move |mut tx| Box::pin(async move { tx.malformed(directory).await }))
        .await?;
    if rows.is_empty() {
        return say("Every value can be used.");
    }
    let line = |row: &MalformedRow| {
        format!("{}\t{}\t{}", row.user_id, row.fields.join(", "), row.external_id)
    };
    say(&rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Has every agent of the directory send all its accounts.
pub(crate) async fn synchronise(which: Which) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(&which.config).await?;
    let directory = opened.directory(&which.tenant, &which.directory).await?;
    if directory.kind != DirectoryKind::Agent {
        bail!("`{}` is the embedded directory; nothing is sent", which.directory);
    }
    opened
        .store
        .write(move |mut tx| Box::pin(async move { tx.forget_runs(directory.id).await }))
        .await?;
    say("Each agent sends all accounts when it next looks for changes, within minutes.")
}
