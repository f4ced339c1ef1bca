//! The command line of the agent: enrol, run, doctor. Start-up only.
//!
//! Long: one verb after the other, each short; what they share is read with them.

#[cfg(windows)]
mod windows_service;

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use directory::active_directory::{ActiveDirectory, Forests, Settings, SignIn, Trust};
use protocol::admission::{Admission, JoinRequest};
use rand::{
    SeedableRng,
    rngs::{StdRng, SysRng},
};
#[cfg(target_os = "linux")]
use regain_agent::event_log::Journald;
#[cfg(windows)]
use regain_agent::event_log::WindowsEvents;
use regain_agent::{
    Agent, AgentError,
    clock::Clock,
    config::{ActiveDirectorySection, Config, ConfigError, LogFormat},
    doctor,
    enrolment::{Bring, Enrolment, EnrolmentError, Keys, open_secrets},
    event_log::{Details, EventLog, JsonFile, Sink, moment},
    events::Event,
    private,
    recipients::{AdmitError, Recipients},
    rotation,
    standing::Standing,
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
        /// Make new keys in place of the kept ones, on a machine whose agent was removed.
        #[arg(long)]
        new_keys: bool,
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
    /// Have the agent on this machine make new keys of its own, without a pause: within half a
    /// minute, or with its next start.
    RotateKeys {
        #[command(flatten)]
        common: Common,
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
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let the agent go on after a stop at its hourly limit, and try its own account again.
    Release {
        #[command(flatten)]
        common: Common,
    },
    /// Switch changing the directory on or off on this machine, or say how it stands. Switched
    /// off, nothing new is begun, and what was begun is finished.
    WriteBack {
        #[command(flatten)]
        common: Common,
        /// Which way.
        to: Switch,
    },
    /// The agent as a service of Windows.
    #[cfg(windows)]
    Service {
        #[command(subcommand)]
        what: windows_service::ServiceVerb,
    },
}

#[cfg(unix)]
impl Verb {
    /// Whether it leaves something in the data folder that the agent reads.
    fn writes(&self) -> bool {
        match self {
            Self::Doctor { .. } | Self::WriteBack { to: Switch::Status, .. } => false,
            Self::Enrol { .. }
            | Self::JoinRequest { .. }
            | Self::Admit { .. }
            | Self::RotateKeys { .. }
            | Self::Dismiss { .. }
            | Self::Run { .. }
            | Self::Release { .. }
            | Self::WriteBack { to: Switch::On | Switch::Off, .. } => true,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// Changes are carried out when the service asks (and has not switched them off itself).
    On,
    /// Nothing new is begun, whatever the service asks.
    Off,
    /// Say how it stands, and change nothing.
    Status,
}

/// Where the settings are unless another place is named.
const CONFIGURATION: &str =
    if cfg!(windows) { r"C:\ProgramData\Regain\agent.toml" } else { "/etc/regain/agent.toml" };

#[derive(Args)]
struct Common {
    /// The configuration file; agent.example.toml explains every key.
    #[arg(long, env = "REGAIN_AGENT_CONFIG", value_name = "FILE", default_value = CONFIGURATION)]
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
        | Verb::JoinRequest { common, .. }
        | Verb::Admit { common, .. }
        | Verb::RotateKeys { common }
        | Verb::Dismiss { common, .. }
        | Verb::Run { common }
        | Verb::Doctor { common, .. }
        | Verb::Release { common }
        | Verb::WriteBack { common, .. } => common,
        #[cfg(windows)]
        Verb::Service { .. } => return Ok(ExitCode::FAILURE),
    };
    let config = Config::load(&common.config, &common.overrides).inspect_err(unreadable)?;
    start_log(&config, std::io::stderr)?;
    #[cfg(unix)]
    if verb.writes() {
        private::refuse_others(&config.agent.data_dir)?;
    }
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
        Verb::JoinRequest { new_keys, .. } => ask_to_join(&config, new_keys),
        Verb::Admit { request, fingerprint, .. } => admit(&config, &request, &fingerprint),
        Verb::RotateKeys { .. } => rotate_keys(&config),
        Verb::Dismiss { fingerprint, .. } => dismiss(&config, &fingerprint),
        Verb::Run { .. } => runtime.block_on(run(&config, stop())),
        Verb::Doctor { json, .. } => runtime.block_on(diagnose(&config, json)),
        Verb::Release { .. } => release(&config),
        Verb::WriteBack { to, .. } => write_back(&config, to),
        #[cfg(windows)]
        Verb::Service { .. } => Ok(ExitCode::FAILURE),
    }
}

/// One thread: an agent waits more than it works, and rests in little memory.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().context("starting the runtime")
}

/// A configuration that cannot be read names no file for events; the journal still hears of it.
fn unreadable(error: &ConfigError) {
    let log = EventLog::new(journal(), Clock::system());
    log.write(Event::ConfigurationUnreadable, Details::none().cause(error));
}

fn release(config: &Config) -> Result<ExitCode> {
    let standing = Standing::of(&config.agent.data_dir);
    let stopped_at = standing.stopped_at();
    let was_stopped = standing.release(Clock::system().unix_millis())?;
    say(&match (was_stopped, stopped_at) {
        (true, Some(at)) => format!(
            "Released. It had stopped at its hourly limit {}; a new hour begins within seconds.",
            moment(at)
        ),
        (true, None) => "Released: a new hour begins within seconds.".to_owned(),
        (false, _) => "It had not stopped. Its own account is tried again within seconds, should the directory have refused it.".to_owned(),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn write_back(config: &Config, to: Switch) -> Result<ExitCode> {
    let standing = Standing::of(&config.agent.data_dir);
    let now = Clock::system().unix_millis();
    if to != Switch::Status {
        standing.switch(to == Switch::On, now)?;
    }
    let switch = if standing.is_switched_off() { "off" } else { "on" };
    let mut lines = vec![format!("Write-back is {switch} on this machine.")];
    if standing.is_stopped() {
        lines.push(format!(
            "The agent has stopped at its hourly limit; once you know why: {} release --config FILE",
            private::AS_AGENT
        ));
    }
    lines.push(match standing.seen() {
        Some(seen) if now.saturating_sub(seen.unix_millis) < 90_000 => {
            let link = if seen.linked { "linked" } else { "not linked" };
            let reach = if seen.directory_reachable { "reaches" } else { "does not reach" };
            format!("The agent runs: {link}, {reach} the directory. Under way: {}.", seen.under_way)
        }
        Some(seen) => format!("The agent does not run; last seen {}.", moment(seen.unix_millis)),
        None => "The agent has not run yet.".to_owned(),
    });
    lines.push("The service has a switch of its own, and the stricter counts: regain-service directory write-back ... status".to_owned());
    say(&lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn read_admission(text: &str) -> Result<Admission> {
    Admission::parse(text).context("--admission: this is not what regain-agent admit printed")
}

fn ask_to_join(config: &Config, new_keys: bool) -> Result<ExitCode> {
    let secrets = open_secrets(config)?;
    let request = Keys::join_request(&secrets, new_keys, &Clock::system(), &mut randomness()?)?;
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

fn rotate_keys(config: &Config) -> Result<ExitCode> {
    enrolled(config)?;
    rotation::ask(&config.agent.data_dir)?;
    say(
        "The agent makes new keys within half a minute, or with its next start; its log says so. \
         The old key for passwords is kept for a day, for what was sealed before.",
    )?;
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
    let events = events(config);
    Enrolment::refuse_second(&config.agent.data_dir)?;
    events.write(Event::OnboardingStart, Details::none());
    Recipients::begin(&config.agent.data_dir, bring)?;
    let enrolment = Enrolment::make(config, &code, &secrets, bring, &clock, &mut rng).await;
    let enrolment = enrolment.inspect_err(|error| {
        events.write(enrolment_failed(error), Details::none().cause(error));
    })?;
    for event in [Event::EnrolmentAccepted, Event::OnboardingSuccess] {
        events.write(event, Details::none());
    }
    if let Some(fingerprint) = &enrolment.approval {
        say(&format!(
            "This agent waits for approval and can do nothing until then. Its fingerprint: {fingerprint}\n\
             Read it out to an administrator of the service (do not send it along), who runs: \
             regain-service directory approve-agent --tenant HOST --directory NAME FINGERPRINT"
        ))?;
    }
    say(&format!(
        "Enrolled with {} as agent {}.\nNext: regain-agent doctor, then regain-agent run.",
        enrolment.origin, enrolment.agent
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn enrolment_failed(error: &EnrolmentError) -> Event {
    if matches!(error, EnrolmentError::Service { .. }) {
        Event::EnrolmentUnanswered
    } else if matches!(error, EnrolmentError::WrongKey(_)) {
        Event::WrongService
    } else if matches!(error, EnrolmentError::Secrets(_) | EnrolmentError::NoKey(_)) {
        Event::KeysUnusable
    } else {
        Event::EnrolmentRefused
    }
}

async fn run(config: &Config, stop: impl Future<Output = ()>) -> Result<ExitCode> {
    let directory = directory(config)?;
    let (events, clock) = (events(config), Clock::system());
    let secrets = open_secrets(config)?;
    let opened =
        Agent::open_with(config, directory, &secrets, (clock, randomness()?), events.clone());
    let agent = opened.inspect_err(|error| {
        let event = match error {
            AgentError::Enrolment(_) => Event::KeysUnusable,
            AgentError::Way(_) => Event::ConfigurationUnreadable,
            AgentError::Journal(_) => Event::Unexpected,
        };
        events.write(event, Details::none().cause(error));
    })?;
    agent.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Where events go on this machine.
fn events(config: &Config) -> EventLog {
    let file = config.log.event_file.clone();
    let file = file.unwrap_or_else(|| config.agent.data_dir.join("events.jsonl"));
    let most_bytes = u64::from(config.log.event_file_mb) * 1_000_000;
    let mut sinks = journal();
    // Under systemd standard error is in the journal too: once is enough.
    let is_twice = !sinks.is_empty() && std::env::var_os("JOURNAL_STREAM").is_some();
    sinks.push(Box::new(JsonFile::new(file, most_bytes)));
    let log = EventLog::new(sinks, Clock::system());
    if is_twice { log.without_lines() } else { log }
}

fn journal() -> Vec<Box<dyn Sink>> {
    #[cfg(target_os = "linux")]
    if let Some(journal) = Journald::open() {
        return vec![Box::new(journal)];
    }
    #[cfg(windows)]
    if let Some(log) = WindowsEvents::open() {
        return vec![Box::new(log)];
    }
    Vec::new()
}

async fn diagnose(config: &Config, json: bool) -> Result<ExitCode> {
    let directory = directory(config)?;
    let findings = doctor::examine(config, &directory, &Clock::system()).await;
    let is_seen = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    say(&if json { findings.json()? } else { findings.text(is_seen) })?;
    Ok(if findings.bad() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn directory(config: &Config) -> Result<Forests> {
    let domains = config.active_directory.iter().map(domain).collect::<Result<_>>()?;
    Ok(Forests::new(domains))
}

fn domain(section: &ActiveDirectorySection) -> Result<ActiveDirectory> {
    let clock = Clock::system();
    let domain = ActiveDirectory::new(Settings {
        controllers: section.controllers.clone(),
        preferred_controller: section.preferred_controller.clone(),
        trust: section.ca_file.clone().map_or(Trust::System, Trust::File),
        sign_in: sign_in(section),
        base_dns: section.subtrees.clone(),
        excluded_dns: section.excluded_subtrees.clone(),
        attributes: section.attributes(),
        groups: section.groups.clone(),
        now: Arc::new(move || clock.unix_seconds()),
    });
    domain.context("active_directory")
}

fn sign_in(section: &ActiveDirectorySection) -> SignIn {
    match &section.password_file {
        Some(file) => {
            let file = file.clone();
            let password = Arc::new(move || Config::password(&file));
            SignIn::Password { user: section.account.clone(), password }
        }
        None => SignIn::Kerberos,
    }
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
