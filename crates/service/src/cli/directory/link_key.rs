//! `regain-service directory rotate-link-key`: a new link key for all agents, and the end of the
//! old one. Running services and agents find out by themselves.

use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::Args;
use protocol::sealed::fingerprint;
use rand::Rng as _;
use store::{Behind, Retire, StoreError};

use super::{ConfigFile, Opened, say};
use crate::agents::link_key::{self, LinkKey};

/// More in force than this is a change that nobody has looked after.
const MOST_IN_FORCE: usize = 4;

#[derive(Args)]
pub(crate) struct RotateLinkKey {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// Makes no new key, but ends the old one at once. Agents that have not taken the new one yet
    /// must be enrolled anew; the answer names them.
    #[arg(long)]
    pub(super) retire_old: bool,
}

impl RotateLinkKey {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut opened = Opened::open(&self.config).await?;
        say(&self.turn(&mut opened).await?)
    }

    /// Changes or ends it, and says in words what that means.
    pub(super) async fn turn(&self, opened: &mut Opened) -> anyhow::Result<String> {
        if self.retire_old { retire(opened).await } else { rotate(opened).await }
    }
}

async fn rotate(opened: &mut Opened) -> anyhow::Result<String> {
    let in_force =
        opened.store.read(|mut tx| Box::pin(async move { tx.link_keys().await })).await?;
    ensure!(
        in_force.len() < MOST_IN_FORCE,
        "{} link keys are in force already. `regain-service directory agents` shows who has not taken the newest; bring those agents back, or end the old keys with: regain-service directory rotate-link-key --retire-old",
        in_force.len()
    );
    let mut salt = vec![0; 32];
    opened.rng.fill_bytes(&mut salt);
    let now = Opened::now();
    let writing = opened.store.write(move |mut tx| {
        Box::pin(async move {
            let generation = link_key::add(&mut tx, &salt, now).await?;
            // Where there is no agent yet nobody needs the old one.
            link_key::retire(&mut tx, Retire::Unneeded, now).await?;
            let link_keys = tx.link_keys().await?;
            Ok::<_, StoreError>((link_keys, tx.agents_behind(generation).await?))
        })
    });
    let (in_force, behind) = writing.await?;
    let newest = LinkKey::newest(&in_force, &opened.keys)?;
    let named = format!(
        "The link key is generation {} from now on, fingerprint {}. New enrolment codes name it.",
        newest.generation,
        fingerprint(newest.public().as_bytes())
    );
    Ok(match (in_force.len(), behind.len()) {
        (1, _) => format!("{named}\nNo agent needs the old one: it is retired."),
        (_, waiting) => format!(
            "{named}\n\
             Linked agents take it within seconds and notice nothing; agents that are away take it when they come back. Still to take it: {waiting} (`regain-service directory agents` shows which).\n\
             The old key stays good until all have the new one, and is then retired by itself, within ten minutes.\n\
             If the old key may be in wrong hands, do not wait: regain-service directory rotate-link-key --retire-old"
        ),
    })
}

async fn retire(opened: &Opened) -> anyhow::Result<String> {
    let now = Opened::now();
    let writing = opened.store.write(move |mut tx| {
        Box::pin(async move {
            let newest = tx.link_keys().await?.last().map_or(0, |key| key.generation);
            let behind = tx.agents_behind(newest).await?;
            let retired = link_key::retire(&mut tx, Retire::All, now).await?;
            Ok::<_, StoreError>((retired, behind))
        })
    });
    let (retired, behind) = writing.await?;
    if retired.is_empty() {
        bail!(
            "there is no old link key; make a new one first: regain-service directory rotate-link-key"
        );
    }
    let done = "The old link key is retired: whoever holds it is no agent's service any more, and enrolment codes that name it are void.";
    if behind.is_empty() {
        return Ok(format!("{done}\nAll agents have the new one."));
    }
    let line = |agent: &Behind| format!("  {}\t{}\t{}", agent.host, agent.directory, agent.agent);
    let names: Vec<String> = behind.iter().map(line).collect();
    Ok(format!(
        "{done}\n\
         These agents had not said that they have the new one:\n{}\n\
         Each of them that writes event 32008 from now on must be enrolled anew: delete enrolment.json in its agent.data_dir, make a code with regain-service directory enrolment-code, and run: regain-agent enrol --config FILE CODE. It keeps its keys and its place.",
        names.join("\n")
    ))
}
