//! The host as a service of Windows: put in, taken out, and run by Windows itself, as the system.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use os_windows::{
    access::Sid,
    account, event_log, machine, pipe,
    service::{self, Definition, Told},
};
use protocol::host::{app::Cause, statement::Found};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tracing_appender::rolling::{RollingFileAppender, Rotation};

use super::{
    ACCOUNT, SERVICE,
    launcher::WindowsLauncher,
    machine::{
        LocalAccount, MachineRegistry, NoEvents, RegistrySettings, SystemClock, ThisPc, Tpm,
        WindowsEvents,
    },
    own_folder, tile_pipe,
};
use crate::{
    events::{Details, Event, SOURCE, Sink, write},
    folder,
    parts::{Chip as _, Parts},
    readiness::{self, Known},
    serve::Host,
    uninstall::{self, Left, Step},
};

/// The accounts that no sign-in screen shows, and the key around that list. Windows has neither
/// until somebody needs it.
const HIDDEN: &str =
    r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon\SpecialAccounts\UserList";
const AROUND_HIDDEN: &str =
    r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon\SpecialAccounts";
/// The file that says that both are of our making.
const MADE: &str = "made-list-of-hidden";
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
    let program = std::env::current_exe().context("where this program is")?;
    event_log::register_source(SOURCE, &program)?;
    let events = sink();
    prepare(&*events)?;
    let screen = screen
        .into_iter()
        .flat_map(|screen| [OsString::from("--sign-in-screen"), screen.as_os_str().to_owned()]);
    service::install(&Definition {
        name: SERVICE,
        display_name: "Regain",
        description: "The way in from the sign-in screen: starts the app safely and holds this \
                      device's key.",
        program,
        arguments: ["service".into(), "run".into()].into_iter().chain(screen).collect(),
        account: Some("LocalSystem".into()),
        delayed: false,
    })?;
    write(&*events, Event::Installed, &Details::none());
    Ok(())
}

fn sink() -> Box<dyn Sink> {
    match WindowsEvents::open() {
        Some(log) => Box::new(log),
        None => Box::new(NoEvents),
    }
}

/// What must be there before anything runs. One that is there is left as it is.
fn prepare(events: &dyn Sink) -> Result<()> {
    own_folder::take_over(&mut random()?, events)?;
    if !machine::is_key(AROUND_HIDDEN)? {
        folder::write(&super::folder()?.join(MADE), b"")?;
    }
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

pub(super) fn word(random: &mut StdRng) -> u128 {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    u128::from_le_bytes(bytes)
}

fn random() -> Result<StdRng> {
    StdRng::try_from_rng(&mut rand::rngs::SysRng).context("the system's randomness")
}

/// Stops the service and takes everything away: account, rights, profile, folder, keys. What
/// cannot be taken away stays alone, and is named.
///
/// # Errors
/// When Windows does not tell where its folders are.
pub fn uninstall() -> Result<Vec<Left>> {
    let folder = super::folder()?;
    let made_list = folder.join(MADE).is_file();
    let who = account::find(ACCOUNT);
    let of_account = |take: fn(&Sid) -> io::Result<()>| {
        let who = &who;
        move || match who {
            Ok(Some(who)) => take(who),
            Ok(None) => Ok(()),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    };
    let list_of_hidden = || match made_list {
        true => machine::remove_empty_key(HIDDEN)
            .and_then(|()| machine::remove_empty_key(AROUND_HIDDEN)),
        false => Ok(()),
    };
    let mut left = uninstall::all(vec![
        Step::new("the service", || service::uninstall(SERVICE)),
        Step::new("the profile of the app's account", of_account(account::delete_profile)),
        Step::new("the rights of the app's account", of_account(account::take_rights)),
        Step::new("the app's account", || account::delete(ACCOUNT)),
        Step::new("the entry among hidden accounts", || machine::remove(HIDDEN, ACCOUNT)),
        Step::new("the list of hidden accounts", list_of_hidden),
        Step::new("the device's key in the chip", || Tpm.forget().map_err(io::Error::other)),
        Step::new("the folder with keys and logs", || remove_folder(&folder)),
    ]);
    let events = sink();
    if left.is_empty() {
        write(&*events, Event::Uninstalled, &Details::none());
    } else {
        let all = |details: Details, left: &Left| details.with("stays", left);
        let details = left.iter().fold(Details::none(), all);
        write(&*events, Event::NotUninstalled, &details);
    }
    // The last event keeps its text by itself.
    left.extend(uninstall::all(vec![Step::new("the source of events", || {
        event_log::remove_source(SOURCE)
    })]));
    Ok(left)
}

/// The service may take a moment to let go of its log.
fn remove_folder(folder: &Path) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(100);
    for _ in 0..50 {
        if own_folder::remove(folder).is_ok() {
            return Ok(());
        }
        thread::park_timeout(PAUSE);
    }
    own_folder::remove(folder)
}

/// Is the service until Windows says stop.
///
/// # Errors
/// When Windows did not start this program as that service.
pub fn run(screen: Option<PathBuf>) -> Result<()> {
    let ran = service::run_told(SERVICE, move |told| match serve(screen, &told) {
        Ok(()) => true,
        Err(error) => {
            let cause = format!("{error:#}");
            write(&*sink(), Event::NotStarted, &Details::none().cause(&cause));
            false
        }
    });
    ran.map_err(Into::into)
}

fn serve(screen: Option<PathBuf>, told: &Receiver<Told>) -> Result<()> {
    // An installer may have put the service in without more. What is found in the way now goes to
    // the event log alone: there is no other yet.
    prepare(&*sink())?;
    start_log()?;
    let screen = match screen {
        Some(screen) => screen,
        None => {
            let windows = std::env::var_os("SystemRoot").context("SystemRoot")?;
            Path::new(&windows).join(r"System32\LogonUI.exe")
        }
    };
    let host = Host::open(parts()?, Box::new(random()?)).context("the host's folder")?;
    host.note(Event::Started, &Details::none().with("version", &env!("CARGO_PKG_VERSION")));
    let stop = Arc::new(pipe::Event::new()?);
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
    host.note(Event::Stopped, &Details::none());
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
        events: sink(),
        folder: super::folder()?,
    })
}

/// What the readiness report would say, a line each, but for what only the service knows.
///
/// # Errors
/// When there is no randomness.
pub fn check() -> Result<Vec<String>> {
    let known = Known { key: None, clock_went_back: false };
    let parts = parts()?;
    let facts = readiness::facts(&parts, known);
    let line = |fact: &protocol::host::statement::Fact| {
        let found = match fact.found {
            Found::Fine => "fine",
            Found::Less => "less",
            Found::Breaks => "breaks",
            Found::Unknown => "unknown",
        };
        let line = format!("{} {found} {}", fact.check.name(), fact.seen.as_str());
        match fact.found {
            Found::Breaks | Found::Less => {
                format!("{}: {}", line.trim_end(), fact.check.remedy().because)
            }
            Found::Fine | Found::Unknown => line.trim_end().to_owned(),
        }
    };
    let mistakes = parts.settings.mistakes();
    Ok(facts.as_slice().iter().map(line).chain(mistakes.iter().map(ToString::to_string)).collect())
}

/// A service has no standard error.
fn start_log() -> Result<()> {
    let folder = super::folder()?.join("log");
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
