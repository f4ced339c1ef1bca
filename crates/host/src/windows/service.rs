//! The host as a service of Windows: put in, taken out, and run by Windows itself, as the system.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use os_windows::{
    access::{Sid, make_private, this_user},
    account, machine,
    pipe::Event,
    service::{self, Definition, Told},
};
use protocol::host::{app::Cause, statement::Found};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tracing_appender::rolling::{RollingFileAppender, Rotation};

use super::{
    ACCOUNT, SERVICE, folder,
    launcher::WindowsLauncher,
    machine::{LocalAccount, MachineRegistry, RegistrySettings, SystemClock, ThisPc, Tpm},
    tile_pipe,
};
use crate::{
    parts::Parts,
    readiness::{self, Known},
    serve::Host,
};

const HIDDEN: &str =
    r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon\SpecialAccounts\UserList";
/// How often is looked whether a report is due.
const LOOK: Duration = Duration::from_secs(60);
/// For everything that runs to be closed when the service stops.
const TO_CLOSE: Duration = Duration::from_secs(10);
/// Days that the log is kept.
const LOG_FILES: usize = 14;

/// Puts the service in, with its folder and the app's account.
///
/// # Errors
/// When Windows refuses.
pub fn install(screen: Option<&Path>) -> Result<()> {
    prepare()?;
    let screen = screen
        .into_iter()
        .flat_map(|screen| [OsString::from("--sign-in-screen"), screen.as_os_str().to_owned()]);
    service::install(&Definition {
        name: SERVICE,
        display_name: "Regain",
        description: "The way in from the sign-in screen: starts the app safely and holds this \
                      device's key.",
        program: std::env::current_exe().context("where this program is")?,
        arguments: ["service".into(), "run".into()].into_iter().chain(screen).collect(),
        account: Some("LocalSystem".into()),
        delayed: false,
    })?;
    Ok(())
}

/// What must be there before anything runs. One that is there is left as it is.
fn prepare() -> Result<()> {
    let folder = folder()?;
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let trusted = [Sid::system(), Sid::administrators(), this_user()?];
    make_private(&folder, &trusted).with_context(|| folder.display().to_string())?;
    machine::set_number(HIDDEN, ACCOUNT, 0)?;
    let made = account::create(ACCOUNT, "Runs Regain's app, and is disabled otherwise.", &first()?);
    // Without it there is no tile, which the report says; the rest works.
    if let Err(error) = made {
        tracing::error!("the app's account: {error}");
    }
    Ok(())
}

/// The password of an account that nobody may use.
fn first() -> Result<zeroize::Zeroizing<String>> {
    let mut random = random()?;
    Ok(zeroize::Zeroizing::new(format!("Aa0-{:032x}{:032x}", word(&mut random), word(&mut random))))
}

fn word(random: &mut StdRng) -> u128 {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    u128::from_le_bytes(bytes)
}

fn random() -> Result<StdRng> {
    StdRng::try_from_rng(&mut rand::rngs::SysRng).context("the system's randomness")
}

/// Stops the service and takes everything away: account, profile, folder, keys.
///
/// # Errors
/// When Windows refuses.
pub fn uninstall() -> Result<()> {
    service::uninstall(SERVICE)?;
    if let Ok(who) = account::of_name(ACCOUNT) {
        account::delete_profile(&who);
    }
    account::delete(ACCOUNT)?;
    machine::remove(HIDDEN, ACCOUNT);
    let folder = folder()?;
    // The service may take a moment to let go of its log.
    for _ in 0..50 {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                thread::park_timeout(Duration::from_millis(100));
            }
            Ok(()) | Err(_) => return Ok(()),
        }
    }
    fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())
}

/// Is the service until Windows says stop.
///
/// # Errors
/// When Windows did not start this program as that service.
pub fn run(screen: Option<PathBuf>) -> Result<()> {
    let ran = service::run_told(SERVICE, move |told| match serve(screen, &told) {
        Ok(()) => true,
        Err(error) => {
            tracing::error!("{error:#}");
            false
        }
    });
    ran.map_err(Into::into)
}

fn serve(screen: Option<PathBuf>, told: &Receiver<Told>) -> Result<()> {
    // An installer may have put the service in without more.
    prepare()?;
    start_log()?;
    let screen = match screen {
        Some(screen) => screen,
        None => {
            let windows = std::env::var_os("SystemRoot").context("SystemRoot")?;
            Path::new(&windows).join(r"System32\LogonUI.exe")
        }
    };
    let host = Host::open(parts()?, Box::new(random()?)).context("the host's folder")?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    let stop = Arc::new(Event::new()?);
    let tiles = thread::spawn({
        let (host, stop) = (Arc::clone(&host), Arc::clone(&stop));
        move || tile_pipe::listen(&host, &screen, &stop)
    });
    let reports = thread::spawn({
        let (host, stop) = (Arc::clone(&host), Arc::clone(&stop));
        move || {
            while !stop.wait(LOOK) {
                host.report_if_due();
            }
        }
    });
    while let Ok(told) = told.recv() {
        match told {
            Told::Stop => break,
            Told::Session(session) => host.stop(Some(session), Cause::Session),
            Told::Sleep => host.stop(None, Cause::Power),
        }
    }
    stop.set();
    // The account must not be left open by a stop in the middle of a run.
    host.shut(TO_CLOSE);
    let _ = tiles.join();
    let _ = reports.join();
    tracing::info!("stopped");
    Ok(())
}

fn parts() -> Result<Parts> {
    let random = std::sync::Mutex::new(random()?);
    let name = move || {
        let mut random = random.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        format!(r"\\.\pipe\regain-host-run-{:032x}", word(&mut random))
    };
    Ok(Parts {
        clock: Box::new(SystemClock),
        settings: Box::new(RegistrySettings),
        accounts: Box::new(LocalAccount),
        launcher: Box::new(WindowsLauncher { name: Box::new(name) }),
        pc: Box::new(ThisPc),
        registry: Box::new(MachineRegistry),
        chip: Box::new(Tpm),
        folder: folder()?,
    })
}

/// What the readiness report would say, a line each, but for what only the service knows.
///
/// # Errors
/// When there is no randomness.
pub fn check() -> Result<Vec<String>> {
    let known = Known { key: None, clock_went_back: false };
    let facts = readiness::facts(&parts()?, known);
    let line = |fact: &protocol::host::statement::Fact| {
        let found = match fact.found {
            Found::Fine => "fine",
            Found::Less => "less",
            Found::Breaks => "breaks",
            Found::Unknown => "unknown",
        };
        format!("{} {found} {}", fact.check.name(), fact.seen.as_str()).trim_end().to_owned()
    };
    Ok(facts.as_slice().iter().map(line).collect())
}

/// A service has no standard error.
fn start_log() -> Result<()> {
    let folder = folder()?.join("log");
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("host")
        .filename_suffix("log")
        .max_log_files(LOG_FILES)
        .build(&folder)
        .with_context(|| folder.display().to_string())?;
    tracing_subscriber::fmt()
        .with_writer(std::sync::Mutex::new(appender))
        .with_ansi(false)
        .try_init()
        .map_err(|error| anyhow::anyhow!("{error}"))
}
