//! The command line of the agent: enrol, run, doctor. Start-up only.

#[cfg(windows)]
mod windows_service;

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use directory::active_directory::{ActiveDirectory, Forests, Settings, Trust};
use protocol::admission::{Admission, JoinRequest};
use rand::{
    SeedableRng,
    rngs::{StdRng, SysRng},
};
use regain_agent::{
    Agent,
    clock::Clock,
    config::{ActiveDirectorySection, Config, LogFormat},
    doctor::{self, Verdict},
    enrolment::{Bring, Enrolment, Keys, open_secrets},
    recipients::{AdmitError, Recipients},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Stands beside a directory and changes it when the service asks and its own limits allow.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Enrol this agent with the code from `regain-service directory enrolment-code`.
    Enrol {
        #[command(flatten)]
        common: Common,
        /// The code; "-" or nothing reads it from standard input, where no process list shows it.
        code: Option<String>,
        /// Make new keys in place of the kept ones. The service takes them after
        /// `regain-service directory remove-agent`.
        #[arg(long, conflicts_with = "admission")]
        new_keys: bool,
        /// For a second agent of a directory: what `regain-agent admit` printed at the first.
        #[arg(long, value_name = "TEXT")]
        admission: Option<String>,
    },
    /// Print what a further agent of a directory asks the first one with. No secret.
    JoinRequest {
        #[command(flatten)]
        common: Common,
    },
    /// Let a further agent of this directory in: prints its admission, which holds the
    /// directory's key for that agent alone.
    Admit {
        #[command(flatten)]
        common: Common,
        /// What `regain-agent join-request` printed on the other machine.
        request: String,
        /// The fingerprint that was printed beside it, told by its administrator.
        fingerprint: String,
    },
    /// Take another agent's key off the list, so that no password is sealed for it any more.
    Dismiss {
        #[command(flatten)]
        common: Common,
        /// The fingerprint that `regain-agent admit` showed.
        fingerprint: String,
    },
    /// Serve until told to stop.
    Run {
        #[command(flatten)]
        common: Common,
    },
    /// Check everything that is needed and print what mends it. Changes nothing.
    Doctor {
        #[command(flatten)]
        common: Common,
    },
    /// The agent as a service of Windows.
    #[cfg(windows)]
    Service {
        #[command(subcommand)]
        what: windows_service::ServiceVerb,
    },
}

#[derive(Args)]
struct Common {
    /// The configuration file; agent.example.toml explains every key.
    #[arg(long, env = "REGAIN_AGENT_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// Set one key over file and environment, such as --set agent.name=dc2. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

fn main() -> ExitCode {
    match start(Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "regain-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(verb: Verb) -> Result<ExitCode> {
    #[cfg(windows)]
    if let Verb::Service { what } = verb {
        return windows_service::start(what);
    }
    let common = match &verb {
        Verb::Enrol { common, .. }
        | Verb::JoinRequest { common }
        | Verb::Admit { common, .. }
        | Verb::Dismiss { common, .. }
        | Verb::Run { common }
        | Verb::Doctor { common } => common,
        #[cfg(windows)]
        Verb::Service { .. } => return Ok(ExitCode::FAILURE),
    };
    let config = Config::load(&common.config, &common.overrides)?;
    start_log(&config, std::io::stderr)?;
    let runtime = runtime()?;
    match verb {
        Verb::Enrol { code, new_keys, admission, .. } => {
            let admission = admission.as_deref().map(read_admission).transpose()?;
            let bring = match &admission {
                Some(admission) => Bring::Admitted(admission),
                None if new_keys => Bring::New,
                None => Bring::Kept,
            };
            runtime.block_on(enrol(&config, code, bring))
        }
        Verb::JoinRequest { .. } => ask_to_join(&config),
        Verb::Admit { request, fingerprint, .. } => admit(&config, &request, &fingerprint),
        Verb::Dismiss { fingerprint, .. } => dismiss(&config, &fingerprint),
        Verb::Run { .. } => runtime.block_on(run(&config, stop())),
        Verb::Doctor { .. } => runtime.block_on(diagnose(&config)),
        #[cfg(windows)]
        Verb::Service { .. } => Ok(ExitCode::FAILURE),
    }
}

/// One thread: an agent waits more than it works, and rests in little memory.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().context("starting the runtime")
}

fn read_admission(text: &str) -> Result<Admission> {
    Admission::parse(text).context("--admission: this is not what regain-agent admit printed")
}

fn ask_to_join(config: &Config) -> Result<ExitCode> {
    let secrets = open_secrets(config)?;
    let request = Keys::join_request(&secrets, &Clock::system(), &mut randomness()?)?;
    say(&format!(
        "{}\n\nOn the machine of this directory's first agent: regain-agent admit --config FILE \
         REQUEST {}\nThe last word is the request's fingerprint: read it out, do not send it along.",
        request.to_text(),
        request.fingerprint()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn admit(config: &Config, request: &str, fingerprint: &str) -> Result<ExitCode> {
    let request = JoinRequest::parse(request)
        .context("this is not what regain-agent join-request printed")?;
    if request.fingerprint() != fingerprint {
        return Err(AdmitError::Fingerprint(request.fingerprint()).into());
    }
    let (enrolment, keys) = enrolled(config)?;
    let admission = Recipients::admit(
        &config.agent.data_dir,
        &request,
        (&enrolment, &keys),
        Clock::system().unix_seconds(),
        &mut randomness()?,
    )?;
    say(&format!(
        "{}\n\nFor the agent with the fingerprint {}, and no other, within a day. There: \
         regain-agent enrol --config FILE --admission TEXT CODE\nTo take it back: regain-agent \
         dismiss --config FILE {}",
        admission.to_text(),
        request.fingerprint(),
        request.fingerprint()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn dismiss(config: &Config, fingerprint: &str) -> Result<ExitCode> {
    enrolled(config)?;
    if !Recipients::dismiss(&config.agent.data_dir, fingerprint)? {
        anyhow::bail!("no other agent has the fingerprint {fingerprint}");
    }
    say("Taken off the list. Cut its link too: regain-service directory remove-agent")?;
    Ok(ExitCode::SUCCESS)
}

fn enrolled(config: &Config) -> Result<(Enrolment, Keys)> {
    let enrolment = Enrolment::read(&config.agent.data_dir)?;
    let keys = Keys::read(&open_secrets(config)?, enrolment.recipient_key)?;
    Ok((enrolment, keys))
}

async fn enrol(config: &Config, code: Option<String>, bring: Bring<'_>) -> Result<ExitCode> {
    let code = match code {
        Some(code) if code != "-" => code,
        Some(_) | None => {
            let mut code = String::new();
            std::io::stdin()
                .lock()
                .take(4096)
                .read_to_string(&mut code)
                .context("reading the code")?;
            code
        }
    };
    let secrets = open_secrets(config)?;
    let mut rng = randomness()?;
    let clock = Clock::system();
    Enrolment::refuse_second(&config.agent.data_dir)?;
    Recipients::begin(&config.agent.data_dir, bring)?;
    let enrolment = Enrolment::make(config, &code, &secrets, bring, &clock, &mut rng).await?;
    say(&format!(
        "Enrolled with {} as agent {}.\nNext: regain-agent doctor, then regain-agent run.",
        enrolment.origin, enrolment.agent
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn run(config: &Config, stop: impl Future<Output = ()>) -> Result<ExitCode> {
    let directory = directory(config)?;
    let secrets = open_secrets(config)?;
    let agent = Agent::open(config, directory, &secrets, Clock::system(), randomness()?)?;
    agent.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}

async fn diagnose(config: &Config) -> Result<ExitCode> {
    let directory = directory(config)?;
    let checks = doctor::examine(config, &directory, &Clock::system()).await;
    for check in &checks {
        say(&check.to_string())?;
    }
    let bad = checks.iter().filter(|check| matches!(check.verdict, Verdict::Bad { .. })).count();
    say(&match bad {
        0 => "Everything needed is in place.".to_owned(),
        1 => "One thing must be mended.".to_owned(),
        _ => format!("{bad} things must be mended."),
    })?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn directory(config: &Config) -> Result<Forests> {
    let domains = config.active_directory.iter().map(domain).collect::<Result<_>>()?;
    Ok(Forests::new(domains))
}

fn domain(section: &ActiveDirectorySection) -> Result<ActiveDirectory> {
    let password_file = section.password_file.clone();
    let clock = Clock::system();
    let domain = ActiveDirectory::new(Settings {
        controllers: section.controllers.clone(),
        preferred_controller: section.preferred_controller.clone(),
        trust: section.ca_file.clone().map_or(Trust::System, Trust::File),
        bind_user: section.account.clone(),
        bind_password: Arc::new(move || Config::password(&password_file)),
        base_dns: section.subtrees.clone(),
        excluded_dns: section.excluded_subtrees.clone(),
        attributes: section.attributes(),
        groups: section.groups.clone(),
        now: Arc::new(move || clock.unix_seconds()),
    });
    domain.context("active_directory")
}

fn randomness() -> Result<StdRng> {
    StdRng::try_from_rng(&mut SysRng).context("the system gives no randomness")
}

fn start_log(
    config: &Config,
    to: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .context("log.filter: write a level such as \"info\", or \"info,regain_agent=debug\"")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(to);
    match config.log.format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// Resolves when the system asks the agent to stop.
async fn stop() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    interrupted.await;
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("writing to standard output")
}
