//! The agent as a service of Windows: installed, removed, and run by Windows itself.
//!
//! It runs under a virtual account (`NT SERVICE\regain-agent`) or a group managed service
//! account. Its files are open to the service's own identifier, whichever account that is.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use os_windows::{
    event_log,
    service::{self, Definition, Stop},
};
use regain_agent::{
    config::Config,
    events::SOURCE,
    private::{SERVICE, refuse_foreign_owner, restrict},
};
use tokio::sync::oneshot;
use tracing_appender::rolling::{RollingFileAppender, Rotation};

use crate::{Common, run, runtime, say, start_log, unreadable};

/// Days that the log is kept.
const LOG_FILES: usize = 14;

/// What can be done with it.
#[derive(Subcommand)]
pub(crate) enum ServiceVerb {
    /// Put the service in, started with Windows, and close its files to everybody else. Run it
    /// again after a change of account.
    Install {
        #[command(flatten)]
        common: Common,
        /// A group managed service account, DOMAIN\\name$. Default: an account of its own,
        /// NT SERVICE\\regain-agent, which is the machine's on the network.
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<OsString>,
    },
    /// Stop the service and take it out. Its files stay.
    Uninstall,
    /// What Windows starts.
    #[command(hide = true)]
    Run {
        #[command(flatten)]
        common: Common,
    },
}

pub(crate) fn start(verb: ServiceVerb) -> Result<ExitCode> {
    match verb {
        ServiceVerb::Install { common, account } => install(&common, account)?,
        ServiceVerb::Uninstall => {
            service::uninstall(SERVICE)?;
            event_log::remove_source(SOURCE)?;
            say("The service is out. Its folder, with keys and journal, was left as it is.")?;
        }
        ServiceVerb::Run { common } => {
            service::run(SERVICE, move |stop| match serve(&common, stop) {
                Ok(()) => true,
                Err(error) => {
                    // Whoever wrote the event of it knew less.
                    tracing::error!("{error:#}");
                    false
                }
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn install(common: &Common, account: Option<OsString>) -> Result<()> {
    let file = std::path::absolute(&common.config).context("--config")?;
    let config = Config::load(&file, &common.overrides)?;
    let program = std::env::current_exe().context("where this program is")?;
    let data_dir = &config.agent.data_dir;
    std::fs::create_dir_all(data_dir).with_context(|| data_dir.display().to_string())?;
    // Whoever owns the folder of the configuration can put another one in its place.
    if let Some(folder) = file.parent() {
        refuse_foreign_owner(folder).with_context(|| folder.display().to_string())?;
    }
    let passwords =
        config.active_directory.iter().filter_map(|domain| domain.password_file.as_ref());
    for path in passwords.chain([data_dir, &file]) {
        restrict(path).with_context(|| path.display().to_string())?;
    }
    let overrides = common.overrides.iter().flat_map(|one| ["--set".into(), one.into()]);
    let arguments: Vec<OsString> =
        ["service".into(), "run".into(), "--config".into(), file.into_os_string()]
            .into_iter()
            .chain(overrides)
            .collect();
    event_log::register_source(SOURCE, &program)?;
    service::install(&Definition {
        name: SERVICE,
        display_name: "Regain Agent",
        description: "Unlocks accounts and writes new passwords back into the directory, as far \
                      as its own limits allow.",
        program,
        arguments,
        account,
        delayed: true,
    })?;
    say("The service is in and starts with Windows. Now: sc start regain-agent")
}

/// Is the agent until Windows says stop.
fn serve(common: &Common, stop: Stop) -> Result<()> {
    let config = Config::load(&common.config, &common.overrides).inspect_err(unreadable)?;
    start_log(&config, log_file(&config)?)?;
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        // An end without a word is one too.
        let _ = stop.recv();
        let _ = tell.send(());
    });
    let stopped = async {
        let _ = told.await;
    };
    runtime()?.block_on(run(&config, stopped)).map(drop)
}

/// A service has no standard error.
fn log_file(config: &Config) -> Result<std::sync::Mutex<RollingFileAppender>> {
    let folder: PathBuf = config.agent.data_dir.join("log");
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("agent")
        .filename_suffix("log")
        .max_log_files(LOG_FILES)
        .build(&folder);
    Ok(std::sync::Mutex::new(appender.with_context(|| folder.display().to_string())?))
}
