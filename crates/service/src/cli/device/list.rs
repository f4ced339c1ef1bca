//! `regain-service device list`: the PCs, how they are, and why people could not recover there.

use std::process::ExitCode;

use clap::Args;
use recovery::Timestamp;
use serde_json::{Value, json};
use store::{DeviceRow, StoreError};

use super::{Of, token::shown_id};
use crate::{
    cli::{Opened, ago, say},
    readiness::{Fleet, StoredFact, cannot_recover, facts, is_silent, pcs},
};

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(super) of: Of,
    /// Only PCs on which nobody can recover.
    #[arg(long)]
    pub(super) cannot_recover: bool,
    /// Also those that are shut out, and keys that two PCs had.
    #[arg(long)]
    pub(super) all: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.of.config).await?;
        say(&self.text(&opened, Opened::now()).await?)
    }

    pub(super) async fn text(&self, opened: &Opened, now: Timestamp) -> anyhow::Result<String> {
        let tenant = opened.tenant(&self.of.tenant).await?.id;
        let read =
            opened.store.read(move |mut tx| Box::pin(async move { tx.devices(tenant).await }));
        let devices = read.await.map_err(|error: StoreError| error)?;
        let is_shown = |device: &&DeviceRow| {
            (self.all || device.is_good()) && (!self.cannot_recover || cannot_recover(device))
        };
        let shown: Vec<&DeviceRow> = devices.iter().filter(is_shown).collect();
        if self.json {
            let all: Vec<Value> = shown.iter().map(|device| device_json(device, now)).collect();
            return Ok(serde_json::to_string_pretty(&all)?);
        }
        let mut lines: Vec<String> = shown.iter().map(|device| paragraph(device, now)).collect();
        lines.extend(summary(&devices, now));
        Ok(lines.join("\n"))
    }
}

/// What holds for all of them.
fn summary(devices: &[DeviceRow], now: Timestamp) -> Vec<String> {
    let fleet = Fleet::of(devices, now);
    if fleet.all == 0 {
        return vec!["No PC has enrolled yet: regain-service device token".to_owned()];
    }
    let mut lines = fleet.sentences();
    if fleet.cannot == 0 {
        lines.insert(0, format!("{} known; people can recover on all of them.", pcs(fleet.all)));
    }
    lines
}

/// The state in one word or two.
pub(super) fn state(device: &DeviceRow) -> &'static str {
    if device.revoked_at.is_some() {
        "shut out"
    } else if device.shared_at.is_some() {
        "key of two PCs"
    } else if device.trusted_at.is_some() {
        "trusted"
    } else {
        "seen"
    }
}

fn paragraph(device: &DeviceRow, now: Timestamp) -> String {
    let report = &device.report;
    let heard = ago(now.since(device.reported_at).seconds_up());
    let silent = if is_silent(device, now) { " (long silent)" } else { "" };
    let can = if cannot_recover(device) { "cannot recover" } else { "can recover" };
    let mut lines = vec![format!(
        "{}\t{}\t{can}\tlast report {heard} ago{silent}\tWindows {}\tversion {}\tkey in {}\t{}",
        report.name,
        state(device),
        report.windows,
        report.version,
        if device.kind == "tpm" { "the chip" } else { "a file" },
        device.id,
    )];
    let facts = facts(device);
    let said = |fact: &StoredFact, word: &str| format!("  {word}: {}", fact.words());
    lines.extend(facts.iter().filter(|fact| fact.breaks()).map(|fact| said(fact, "in the way")));
    lines.extend(facts.iter().filter(|fact| fact.hinders()).map(|fact| said(fact, "less well")));
    lines.join("\n")
}

fn device_json(device: &DeviceRow, now: Timestamp) -> Value {
    json!({
        "id": device.id,
        "name": device.report.name,
        "state": state(device),
        "cannot_recover": cannot_recover(device),
        "silent": is_silent(device, now),
        "last_report": device.reported_at.unix_seconds(),
        "enrolled": device.enrolled_at.unix_seconds(),
        "token": shown_id(device.fleet_token),
        "windows": device.report.windows,
        "version": device.report.version,
        "key": device.kind,
        "facts": facts(device),
    })
}
