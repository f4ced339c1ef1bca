//! Windows services: putting one in, taking it out, and being one.

use std::{
    ffi::OsString,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError, mpsc},
    time::Duration,
};

use windows_service::{
    define_windows_service,
    service::{
        PowerEventParam, ServiceAccess, ServiceAction, ServiceActionType, ServiceControl,
        ServiceControlAccept, ServiceErrorControl, ServiceExitCode, ServiceFailureActions,
        ServiceFailureResetPeriod, ServiceInfo, ServiceSidType, ServiceStartType, ServiceState,
        ServiceStatus, ServiceType,
    },
    service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle},
    service_dispatcher,
    service_manager::{ServiceManager, ServiceManagerAccess},
};

/// How long a service may take to start or to end before Windows counts it as hung.
const TO_CHANGE: Duration = Duration::from_secs(20);

/// A service as Windows keeps it.
#[derive(Debug)]
pub struct Definition {
    /// Its name, which its identifier is made of.
    pub name: &'static str,
    /// What the list of services shows.
    pub display_name: &'static str,
    /// The line below it.
    pub description: &'static str,
    /// The program.
    pub program: PathBuf,
    /// What it is started with.
    pub arguments: Vec<OsString>,
    /// The account: a group managed service account `DOMAIN\name$`, `LocalSystem`, or none for a
    /// virtual account of its own.
    pub account: Option<OsString>,
    /// Started a while after Windows is up; else with it.
    pub delayed: bool,
}

/// Puts a service in, or changes the one of this name: it starts with Windows, and again after
/// it failed. Needs an administrator.
///
/// # Errors
/// When Windows refuses; with what it was asked for.
pub fn install(definition: &Definition) -> io::Result<()> {
    let virtual_account = || OsString::from(format!(r"NT SERVICE\{}", definition.name));
    let info = ServiceInfo {
        name: definition.name.into(),
        display_name: definition.display_name.into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: definition.program.clone(),
        launch_arguments: definition.arguments.clone(),
        dependencies: Vec::new(),
        account_name: Some(definition.account.clone().unwrap_or_else(virtual_account)),
        account_password: None,
    };
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    // START: setting failure actions that start the service again asks for it.
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    let service = match manager.open_service(definition.name, access) {
        Ok(service) => {
            service.change_config(&info).map_err(failed("changing the service"))?;
            service
        }
        Err(_) => manager.create_service(&info, access).map_err(failed("making the service"))?,
    };
    service.set_description(definition.description).map_err(failed("describing the service"))?;
    let again = |seconds| ServiceAction {
        action_type: ServiceActionType::Restart,
        delay: Duration::from_secs(seconds),
    };
    service
        .update_failure_actions(ServiceFailureActions {
            reset_period: ServiceFailureResetPeriod::After(Duration::from_secs(24 * 3600)),
            reboot_msg: None,
            command: None,
            actions: Some(vec![again(5), again(30), again(60)]),
        })
        .map_err(failed("saying what happens when the service fails"))?;
    let on_errors = service.set_failure_actions_on_non_crash_failures(true);
    where_known(on_errors).map_err(failed("saying what happens when the service fails"))?;
    let delayed = service.set_delayed_auto_start(definition.delayed);
    where_known(delayed).map_err(failed("delaying the start"))?;
    // What its files are opened to (`access::Sid::of_service`).
    let identifier = service.set_config_service_sid_info(ServiceSidType::Unrestricted);
    where_known(identifier).map_err(failed("giving the service its identifier"))
}

/// Every Windows since Vista knows these levels of a service's configuration; Wine does not.
fn where_known(done: windows_service::Result<()>) -> windows_service::Result<()> {
    const INVALID_LEVEL: i32 = 124;
    match done {
        Err(windows_service::Error::Winapi(error))
            if error.raw_os_error() == Some(INVALID_LEVEL) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Stops a service and takes it out. One that is not there is out already. Needs an
/// administrator.
///
/// # Errors
/// When Windows refuses.
pub fn uninstall(name: &str) -> io::Result<()> {
    const NOT_THERE: i32 = 1060;
    let manager = manager(ServiceManagerAccess::CONNECT)?;
    let access = ServiceAccess::STOP | ServiceAccess::DELETE | ServiceAccess::QUERY_STATUS;
    let service = match manager.open_service(name, access) {
        Ok(service) => service,
        Err(windows_service::Error::Winapi(error)) if error.raw_os_error() == Some(NOT_THERE) => {
            return Ok(());
        }
        Err(error) => return Err(failed("opening the service")(error)),
    };
    // One that does not run is stopped already; one that does not stop goes with the next start.
    let _ = service.stop();
    let mut left = TO_CHANGE;
    const PAUSE: Duration = Duration::from_millis(100);
    while !left.is_zero()
        && service.query_status().is_ok_and(|now| now.current_state != ServiceState::Stopped)
    {
        std::thread::park_timeout(PAUSE);
        left = left.saturating_sub(PAUSE);
    }
    service.delete().map_err(failed("removing the service"))
}

/// The process that a service runs in now; none when it does not run.
///
/// # Errors
/// When Windows does not tell, or there is no such service.
pub fn process_of(name: &str) -> io::Result<Option<u32>> {
    let service = manager(ServiceManagerAccess::CONNECT)?
        .open_service(name, ServiceAccess::QUERY_STATUS)
        .map_err(failed("opening the service"))?;
    let status = service.query_status().map_err(failed("asking for the service"))?;
    Ok(status.process_id)
}

fn manager(access: ServiceManagerAccess) -> io::Result<ServiceManager> {
    ServiceManager::local_computer(None::<&str>, access)
        .map_err(failed("opening the list of services (an administrator may)"))
}

fn failed(doing: &'static str) -> impl FnOnce(windows_service::Error) -> io::Error {
    move |error| match error {
        windows_service::Error::Winapi(cause) => {
            io::Error::new(cause.kind(), format!("{doing}: {cause}"))
        }
        other => io::Error::other(format!("{doing}: {other}")),
    }
}

/// Resolves, once, when Windows asks the service to stop.
pub type Stop = mpsc::Receiver<()>;

/// What Windows tells a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// To stop; Windows may be going down.
    Stop,
    /// A session was locked, unlocked, connected, left or signed in to.
    Session(u32),
    /// The machine goes to sleep.
    Sleep,
}

type Body = Box<dyn FnOnce(mpsc::Receiver<Told>) -> bool + Send>;

/// The one service that this process is. Windows calls a plain function, which takes it here.
static SERVICE: OnceLock<(&'static str, Mutex<Option<Body>>)> = OnceLock::new();

/// Is the service of this name until `body` returns: whether it ended as it should. Must be
/// called by the program that Windows started as that service.
///
/// # Errors
/// When Windows did not start this program as a service.
pub fn run(name: &'static str, body: impl FnOnce(Stop) -> bool + Send + 'static) -> io::Result<()> {
    run_told(name, |told| {
        let (stop, stopped) = mpsc::channel();
        std::thread::spawn(move || {
            if told.iter().any(|told| told == Told::Stop) {
                // Nobody listens any more when it has ended by itself.
                let _ = stop.send(());
            }
        });
        body(stopped)
    })
}

/// As [`run`], for a service that wants to know what becomes of sessions.
///
/// # Errors
/// As [`run`].
pub fn run_told(
    name: &'static str,
    body: impl FnOnce(mpsc::Receiver<Told>) -> bool + Send + 'static,
) -> io::Result<()> {
    let kept = SERVICE.set((name, Mutex::new(Some(Box::new(body)))));
    kept.map_err(|_| io::Error::other("a process is one service"))?;
    service_dispatcher::start(name, service_main).map_err(failed("being a service"))
}

define_windows_service!(service_main, serve);

/// On a thread of Windows.
fn serve(_arguments: Vec<OsString>) {
    let Some((name, body)) = SERVICE.get() else {
        return;
    };
    let body = body.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (tell, told) = mpsc::channel();
    let own: Arc<OnceLock<ServiceStatusHandle>> = Arc::default();
    let ending = Arc::clone(&own);
    let handler = move |control| {
        let told = match control {
            ServiceControl::Stop | ServiceControl::Preshutdown => {
                // So that Windows waits: it gives up on one that seems to do nothing.
                if let Some(handle) = ending.get() {
                    say(*handle, ServiceState::StopPending, 0);
                }
                Told::Stop
            }
            ServiceControl::SessionChange(change) => Told::Session(change.notification.session_id),
            ServiceControl::PowerEvent(PowerEventParam::Suspend) => Told::Sleep,
            ServiceControl::Interrogate | ServiceControl::PowerEvent(_) => {
                return ServiceControlHandlerResult::NoError;
            }
            _ => return ServiceControlHandlerResult::NotImplemented,
        };
        // Nobody listens any more when it has ended by itself.
        let _ = tell.send(told);
        ServiceControlHandlerResult::NoError
    };
    let (Some(body), Ok(handle)) = (body, service_control_handler::register(name, handler)) else {
        return;
    };
    // Just made, and set once.
    let _ = own.set(handle);
    say(handle, ServiceState::Running, 0);
    let succeeded = body(told);
    say(handle, ServiceState::Stopped, u32::from(!succeeded));
}

fn say(handle: ServiceStatusHandle, state: ServiceState, code: u32) {
    let accepted = match state {
        ServiceState::Running => {
            ServiceControlAccept::STOP
                // Before the shutdown itself, which leaves services five seconds for everything.
                | ServiceControlAccept::PRESHUTDOWN
                | ServiceControlAccept::SESSION_CHANGE
                | ServiceControlAccept::POWER_EVENT
        }
        _ => ServiceControlAccept::empty(),
    };
    let exit_code =
        if code == 0 { ServiceExitCode::NO_ERROR } else { ServiceExitCode::ServiceSpecific(code) };
    // Windows hears it or is going down.
    let _ = handle.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: accepted,
        exit_code,
        checkpoint: 0,
        wait_hint: TO_CHANGE,
        process_id: None,
    });
}
