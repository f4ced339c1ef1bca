//! `regain-service account ...`: accounts of the embedded directory. Passwords come on standard
//! input, never on the command line (catalogue PWD-06).

mod held;

use std::{io::BufRead as _, process::ExitCode, sync::Arc};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use password::NewPassword;
use protocol::id::AccountId;
use recovery::{Address, AddressKind};
use serde_json::json;
use store::{AccountRow, DirectoryKind, EmbeddedRow, NewAccount, StoreError, canonical_name};
use zeroize::Zeroizing;

use super::{ConfigFile, Opened, say};
use crate::{
    embedded::{self, SignIn},
    flow,
    service::Service,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Adds an account; its password is one line on standard input.
    Create(Create),
    /// Prints what is known of an account, as JSON.
    Show(Which),
    /// Tries a password (one line on standard input) as a sign-in does: exit code 0 in, 1 wrong,
    /// 2 locked, 3 in but the password must be changed.
    SignIn(Which),
    /// Locks an account, to try things out.
    Lock(Which),
    /// Lets a name in again that wrong codes shut out, whatever its directory.
    Release(Release),
    /// Lists the addresses that changed lately and are no gate yet: user ID, kind, address, how it
    /// came, when it counts.
    Held(held::Held),
    /// Lets a held address count at once, after somebody made sure that it is right.
    ReleaseAddress(held::ReleaseAddress),
}

/// Which account.
#[derive(Args)]
pub(crate) struct Which {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host; needed only where there are several.
    #[arg(long)]
    tenant: Option<String>,
    /// The user ID.
    #[arg(long)]
    user_id: String,
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The directory's name.
    #[arg(long)]
    directory: String,
    /// The user ID.
    #[arg(long)]
    user_id: String,
    /// The name to greet by.
    #[arg(long)]
    display_name: String,
    /// The address of the email gate.
    #[arg(long)]
    email: Option<String>,
    /// The password must be changed at the next sign-in.
    #[arg(long)]
    must_change: bool,
    /// Nobody has signed in with it yet.
    #[arg(long)]
    never_signed_in: bool,
    /// Switched off.
    #[arg(long)]
    disabled: bool,
    /// An administrator's account, which Regain never touches.
    #[arg(long)]
    protected: bool,
}

/// Which name.
#[derive(Args)]
pub(crate) struct Release {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    tenant: String,
    /// The user ID, as the person types it.
    #[arg(long)]
    user_id: String,
}

impl Release {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.tenant).await?.id;
        let Opened { store, keys, .. } = opened;
        let user_id = self.user_id.clone();
        store
            .write(move |mut tx| {
                Box::pin(async move { flow::release_name(&mut tx, &keys, tenant, &user_id).await })
            })
            .await
            .map_err(|cause: StoreError| cause)?;
        say(&format!("`{}` can be tried again.", self.user_id))
    }
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(command) => command.run().await,
            Self::Show(which) => show(which).await,
            Self::SignIn(which) => sign_in(which).await,
            Self::Lock(which) => lock(which).await,
            Self::Release(command) => command.run().await,
            Self::Held(command) => command.run().await,
            Self::ReleaseAddress(command) => command.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        let directory = opened.directory(&self.tenant, &self.directory).await?;
        if directory.kind != DirectoryKind::Embedded {
            bail!("`{}` is behind an agent; its accounts are made there", self.directory);
        }
        if self.email.as_ref().is_some_and(|email| email.parse::<lettre::Address>().is_err()) {
            bail!("--email must be an address such as anna@example.org");
        }
        let typed = read_line()?;
        let password = NewPassword::parse(typed.as_str().to_owned())
            .map_err(|why| anyhow::anyhow!("the password cannot be used: {why:?}"))?;
        let service = opened.service()?;
        let hash = embedded::hash(&service, password)
            .await
            .map_err(|_| anyhow::anyhow!("the password could not be hashed"))?;
        self.store(&service, (directory.tenant, directory.id), hash).await
    }

    async fn store(
        self,
        service: &Arc<Service>,
        directory: (uuid::Uuid, uuid::Uuid),
        password_hash: String,
    ) -> anyhow::Result<ExitCode> {
        let now = service.now();
        let id = AccountId::new(now.unix_millis(), &mut *service.rng()).0;
        let user_id = self.user_id.clone();
        let row = EmbeddedRow {
            account: id,
            password_hash,
            wrong: 0,
            locked_at: None,
            must_change: self.must_change,
            signed_in_at: (!self.never_signed_in).then_some(now),
            password_set_at: now,
            key_version: 1,
        };
        service
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let external_id = canonical_name(&self.user_id);
                    let listed = NewAccount {
                        external_id: &external_id,
                        display_name: &self.display_name,
                        names: &[self.user_id],
                        enabled: !self.disabled,
                        protected: self.protected,
                        ..NewAccount::default()
                    };
                    tx.put_account(directory, id, &listed, 0).await?;
                    if let Some(email) = &self.email {
                        let address = Address::first(email, now);
                        tx.put_address(id, AddressKind::Email, &address).await?;
                    }
                    tx.add_embedded(&row).await
                })
            })
            .await
            .map_err(|cause: StoreError| cause)
            .with_context(|| format!("`{user_id}` could not be added; is it there already?"))?;
        say(&id.to_string())
    }
}

async fn show(which: Which) -> anyhow::Result<ExitCode> {
    let (service, account) = find(which).await?;
    let id = account.id;
    let row = service.store.read(move |mut tx| Box::pin(async move { tx.embedded(id).await }));
    let Some(row) = row.await? else {
        return held::show(&service, account).await;
    };
    let shown = json!({
        "user_id": account.external_id,
        "display_name": account.display_name,
        "enabled": account.enabled,
        "protected": account.protected,
        "locked": row.locked_at.is_some(),
        "must_change": row.must_change,
        "never_signed_in": row.signed_in_at.is_none(),
        "key_version": row.key_version,
    });
    say(&shown.to_string())
}

async fn sign_in(which: Which) -> anyhow::Result<ExitCode> {
    let typed = read_line()?;
    let (service, account) = find(which).await?;
    let (word, code) = match embedded::sign_in(&service, account.id, typed).await? {
        SignIn::In => ("in", 0),
        SignIn::Wrong => ("wrong", 1),
        SignIn::Locked => ("locked", 2),
        SignIn::MustChange => ("must change the password", 3),
        SignIn::NoAccount => bail!("the account is not of the embedded directory"),
    };
    say(word)?;
    Ok(ExitCode::from(code))
}

async fn lock(which: Which) -> anyhow::Result<ExitCode> {
    let (service, account) = find(which).await?;
    let (id, now) = (account.id, service.now());
    service
        .store
        .write(move |mut tx| Box::pin(async move { tx.embedded_lock(id, now).await }))
        .await?;
    say("The account is locked.")
}

async fn find(which: Which) -> anyhow::Result<(Arc<Service>, AccountRow)> {
    let opened = Opened::open(&which.config).await?;
    let tenant = match &which.tenant {
        Some(host) => opened.tenant(host).await?,
        None => {
            let all = opened.store.read(|mut tx| Box::pin(async move { tx.tenants().await }));
            let mut all = all.await?;
            match (all.pop(), all.is_empty()) {
                (Some(only), true) => only,
                _ => bail!("there is not exactly one tenant: say which with --tenant HOST"),
            }
        }
    };
    let name = canonical_name(&which.user_id);
    let account = opened
        .store
        .read(move |mut tx| Box::pin(async move { tx.account_of_name(tenant.id, &name).await }))
        .await?
        .with_context(|| format!("there is no account `{}`", which.user_id))?;
    Ok((opened.service()?, account))
}

fn read_line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::with_capacity(2048));
    std::io::stdin().lock().read_line(&mut line).context("no password on standard input")?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}
