//! `regain-service letter`: the welcome letter for somebody's first day, to be printed.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use protocol::{api::Help, text::UserIdText};

use super::{ConfigFile, Opened, say};
use crate::{locale::Locales, welcome::Welcome};

/// No name is longer, and none fills the page.
const LONGEST_NAME: usize = 100;

#[derive(Args)]
pub(crate) struct Letter {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The person's name, as to be greeted.
    #[arg(long)]
    name: String,
    /// What the person types as user ID.
    #[arg(long)]
    user_id: String,
    /// The language, such as de.
    #[arg(long, default_value = "en")]
    language: String,
    /// The words of the tile on the sign-in screen, where the policy TileLabel changes them.
    #[arg(long)]
    tile_label: Option<String>,
    /// Where the page (HTML) is written; printed when there is none.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Letter {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            bail!("--name must have 1 to {LONGEST_NAME} characters");
        }
        let user_id = self.user_id.trim();
        if UserIdText::parse(user_id).is_none() {
            bail!("--user-id must be what the person types, such as anna@example.org");
        }
        let opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.tenant).await?;
        let help: Help = serde_json::from_str(&tenant.help)?;
        let welcome = Welcome {
            name,
            user_id,
            language: &self.language,
            tenant: &tenant.name,
            host: &tenant.host,
            accent: &tenant.accent,
            help: &help,
            tile: self.tile_label.as_deref(),
        };
        let page = welcome.page(&Locales::load())?;
        let Some(out) = self.out else { return say(&page) };
        fs::write(&out, page).with_context(|| format!("cannot write {}", out.display()))?;
        say(&format!("The letter is in {}: open it in a browser and print it.", out.display()))
    }
}
