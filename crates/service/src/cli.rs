//! The commands of `regain-service`. Each prints what it did in a plain sentence, or the one
//! thing that was asked for (an id, a code, JSON), so that scripts can use it.

mod account;
mod audit;
mod device;
mod directory;
mod letter;
mod serve;
mod tenant;

use std::{
    io::{Write as _, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use rand::{SeedableRng as _, rngs::StdRng, rngs::SysRng};
use store::{DirectoryRow, Store, TenantRow};

use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    doctor, http,
    keys::Keys,
    service::Service,
};

/// Self-service recovery of locked-out accounts: the service.
#[derive(Parser)]
#[command(name = "regain-service", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the settings are.
#[derive(Args, Clone)]
pub(crate) struct ConfigFile {
    /// The configuration file; crates/service/service.example.toml documents every key.
    #[arg(long = "config", env = "REGAIN_CONFIG", default_value = "/etc/regain/service.toml")]
    file: PathBuf,
    /// One setting over the file's and the environment's, such as http.listen=127.0.0.1:9000.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Config::load(&self.file, &self.set)
    }
}

#[derive(Subcommand)]
enum Command {
    /// Answers requests until it is told to stop.
    Serve(serve::Serve),
    /// Brings the database up to date.
    Migrate(ConfigFile),
    /// Checks everything the service needs and says how to mend what is wrong.
    Doctor(ConfigFile),
    /// Prints the OpenAPI document.
    Openapi,
    /// Organisations.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Directories of an organisation, and the codes their agents enrol with.
    #[command(subcommand)]
    Directory(directory::Command),
    /// PCs with the way in from the sign-in screen: the tokens they come with, how they are.
    #[command(subcommand)]
    Device(device::Command),
    /// Accounts: those of the embedded directory, and names shut out by wrong codes.
    #[command(subcommand)]
    Account(account::Command),
    /// The audit trail.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Makes the welcome letter for somebody's first day, to be printed. Nothing on it is secret.
    Letter(letter::Letter),
}

/// Runs a command; a failure is told in one sentence and its causes.
pub fn main(cli: Cli) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")
        .and_then(|runtime| runtime.block_on(run(cli)));
    outcome.unwrap_or_else(|error| {
        // Nothing is left to tell it to when even this fails.
        let _ = writeln!(stderr().lock(), "regain-service: {error:#}");
        ExitCode::from(2)
    })
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(command) => command.run().await,
        Command::Migrate(config) => {
            let opened = Opened::open(&config).await?;
            say(&format!("The database {} is up to date.", opened.config.database().display()))
        }
        Command::Doctor(config) => doctor::run(&config.load()?).await,
        Command::Openapi => say(&http::openapi()?),
        Command::Tenant(command) => command.run().await,
        Command::Directory(command) => command.run().await,
        Command::Device(command) => command.run().await,
        Command::Account(command) => command.run().await,
        Command::Audit(command) => command.run().await,
        Command::Letter(command) => command.run().await,
    }
}

/// Prints one line (or text) to who called.
pub(crate) fn say(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A randomness seeded by the system.
pub(crate) fn system_rng() -> anyhow::Result<StdRng> {
    StdRng::try_from_rng(&mut SysRng).context("the system gives no randomness")
}

/// What a command works on: settings, store and keys.
pub(crate) struct Opened {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) rng: StdRng,
}

impl Opened {
    /// Opens them, making folder, database and master key where there are none yet.
    pub(crate) async fn open(config: &ConfigFile) -> anyhow::Result<Self> {
        let config = config.load()?;
        make_private(&config.service.data_dir)?;
        let mut rng = system_rng()?;
        let keys = Keys::open(&config.service.master_key_file, &mut rng)?;
        let database = config.database();
        let store = Store::open(&database)
            .await
            .with_context(|| format!("cannot open the database {}", database.display()))?;
        Ok(Self { config, store, keys, rng })
    }

    /// A whole service over them, for commands that need more than the store.
    pub(crate) fn service(self) -> anyhow::Result<Arc<Service>> {
        Service::new(self.config, self.store, self.keys, Arc::new(SystemClock), self.rng)
    }

    /// The tenant of this host.
    pub(crate) async fn tenant(&self, host: &str) -> anyhow::Result<TenantRow> {
        let host = host.to_ascii_lowercase();
        let wanted = host.clone();
        self.store
            .read(|mut tx| Box::pin(async move { tx.tenant_of_host(&wanted).await }))
            .await?
            .with_context(|| {
                format!(
                    "there is no tenant with the host `{host}`; see `regain-service tenant list`"
                )
            })
    }

    /// The directory of this name in the tenant of this host.
    pub(crate) async fn directory(&self, host: &str, name: &str) -> anyhow::Result<DirectoryRow> {
        let tenant = self.tenant(host).await?;
        let directories = self
            .store
            .read(|mut tx| Box::pin(async move { tx.directories(tenant.id).await }))
            .await?;
        directories.into_iter().find(|directory| directory.name == name).with_context(|| {
            format!("`{host}` has no directory `{name}`; see `regain-service directory list`")
        })
    }

    /// Now.
    pub(crate) fn now() -> recovery::Timestamp {
        SystemClock.now()
    }
}

/// How long ago, roughly.
pub(crate) fn ago(seconds: u32) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn make_private(folder: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("`service.data_dir` {} cannot be made", folder.display()))
}
