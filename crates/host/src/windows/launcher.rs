//! Starts the app: without a person from the service itself; on a sign-in screen through a helper
//! in that session, because neither can desktops of another session be opened nor handles be
//! inherited into one. The helper is this program, short-lived, over a pipe of its own.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use os_windows::{
    access::this_user,
    desktop,
    pipe::{Event, Pipe, Server, connect},
    process::{Job, Pipes, Start, Started, start_bare, start_with_pipes},
    token::Token,
};
use protocol::host::{self, Message, SecretText, Text};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{ACCOUNT, APP};
use crate::parts::{Child, Launch, Launcher, Running};

/// The app and its browser runtime: a browser, a graphics process, a network process, a renderer,
/// a crash handler, with room for a start over.
const APP_PROCESSES: u32 = 24;
/// The helper, the app, and what the app starts.
const HELPER_PROCESSES: u32 = APP_PROCESSES + 2;
/// For the helper to come up, and for the app in it.
const PATIENCE: Duration = Duration::from_secs(10);
/// For the helper to take back what it opened.
const FAREWELL: Duration = Duration::from_secs(3);
/// For the helper to be gone: it may have waited for the app as long as that.
const GONE: Duration = Duration::from_secs(5);
/// For a reader that is slow.
const SLOW: Duration = Duration::from_secs(5);
const DESKTOP: &str = "Winlogon";

/// What the helper is told.
#[derive(Serialize, Deserialize)]
struct Order {
    account: Text<64>,
    password: SecretText<128>,
    app: Text<512>,
    folder: Text<512>,
    session: u32,
}

impl Message for Order {
    const CONVERSATION: u8 = 101;
}

/// What the helper says, before it passes on what the app says.
#[derive(Serialize, Deserialize)]
enum Reply {
    /// With the app's process.
    Started(u32),
    Failed(Text<512>),
}

impl Message for Reply {
    const CONVERSATION: u8 = 102;
}

/// Starts the app beside this program.
pub(super) struct WindowsLauncher {
    /// Names the pipe of each run.
    pub(super) name: Box<dyn Fn() -> String + Send + Sync>,
}

impl Launcher for WindowsLauncher {
    fn launch(&self, launch: Launch<'_>) -> io::Result<Running> {
        let me = std::env::current_exe()?;
        let app = me.parent().map(|folder| folder.join(APP)).ok_or(io::ErrorKind::NotFound)?;
        match launch.session {
            Some(session) => in_session(&me, &app, launch, session, &(self.name)()),
            None => here(&app, launch),
        }
    }
}

/// In the service's own session, where nobody sees anything.
fn here(app: &Path, launch: Launch<'_>) -> io::Result<Running> {
    let token = Token::log_on(ACCOUNT, launch.password)?;
    let job = Job::new(APP_PROCESSES)?;
    let (started, pipes) = start_app(&token, app, launch.folder, None, &job)?;
    let Pipes { output, input } = pipes;
    let process = Some(started.id);
    let child = Box::new(Here { job, started });
    Ok(Running { reader: Box::new(output), writer: Box::new(input), child, process })
}

fn start_app(
    token: &Token,
    app: &Path,
    folder: &Path,
    desktop: Option<&str>,
    job: &Job,
) -> io::Result<(Started, Pipes)> {
    let weak = token.without_privileges()?;
    let environment = environment(folder);
    let start = Start {
        token: &weak,
        program: app,
        arguments: &["--host"],
        rest: "",
        desktop,
        environment: &environment,
        folder: app.parent().unwrap_or(folder),
    };
    start_with_pipes(&start, job)
}

/// Nothing of ours, and nothing that turns the browser runtime's head (KSK-07).
fn environment(folder: &Path) -> Vec<(&'static str, OsString)> {
    let kept = ["SystemRoot", "SystemDrive", "windir", "ProgramData", "ProgramFiles"];
    let kept = kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let own = ["TEMP", "TMP", "LOCALAPPDATA", "APPDATA", "USERPROFILE"];
    kept.chain(own.into_iter().map(|name| (name, folder.as_os_str().to_owned()))).collect()
}

struct Here {
    job: Job,
    started: Started,
}

impl Child for Here {
    fn kill(&mut self) {
        self.job.end();
        // So that its files can be removed.
        let _ = self.started.wait(FAREWELL);
    }
}

fn in_session(
    me: &Path,
    app: &Path,
    launch: Launch<'_>,
    session: u32,
    name: &str,
) -> io::Result<Running> {
    let server = Server::bind(name, &[this_user()?])?;
    let job = Job::new(HELPER_PROCESSES)?;
    let token = Token::own()?.for_session(session)?;
    let environment = environment(launch.folder);
    let folder = me.parent().unwrap_or(launch.folder);
    let station = format!(r"WinSta0\{DESKTOP}");
    let helper = start_bare(
        &Start {
            token: &token,
            program: me,
            arguments: &["session-helper", name],
            rest: "",
            desktop: Some(&station),
            environment: &environment,
            folder,
        },
        &job,
    )?;
    let pipe = Arc::new(accept(server, helper.id)?);
    let path = |path: &Path| {
        path.to_str().and_then(Text::new).ok_or_else(|| io::Error::other("a strange path"))
    };
    let password = SecretText::new(Zeroizing::new(launch.password.as_str().to_owned()))
        .ok_or_else(|| io::Error::other("a long password"))?;
    let order = Order {
        account: Text::cut(ACCOUNT),
        password,
        app: path(app)?,
        folder: path(launch.folder)?,
        session,
    };
    host::write_to(&mut pipe.within(Some(SLOW)), &order)?;
    let process = match host::read_from::<Reply>(&mut pipe.within(Some(PATIENCE)))? {
        Some(Reply::Started(process)) => process,
        Some(Reply::Failed(why)) => return Err(io::Error::other(why.as_str().to_owned())),
        None => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    let child = InSession { pipe: Arc::clone(&pipe), job, helper };
    Ok(Running {
        reader: Box::new(End(Arc::clone(&pipe))),
        writer: Box::new(End(pipe)),
        child: Box::new(child),
        process: Some(process),
    })
}

/// The helper and nobody else, in time.
fn accept(server: Server, helper: u32) -> io::Result<Pipe> {
    let stop = Arc::new(Event::new()?);
    let (tell, told) = mpsc::channel::<()>();
    let late = Arc::clone(&stop);
    let watch = thread::spawn(move || {
        if told.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            late.set();
        }
    });
    let accepted = server.accept(&stop);
    drop(tell);
    let _ = watch.join();
    let pipe = accepted?.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "no helper"))?;
    if pipe.client()?.process != helper {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not the helper"));
    }
    Ok(pipe)
}

/// The service's end of a helper's pipe.
struct End(Arc<Pipe>);

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer, None)
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes, Some(SLOW))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct InSession {
    pipe: Arc<Pipe>,
    job: Job,
    helper: Started,
}

impl Child for InSession {
    /// The helper takes back what it opened when it is told; if it does not, its end ends the
    /// app, and the sign-in that was let onto the desktop is over with it.
    fn kill(&mut self) {
        let _ = self.pipe.write_all(&GOODBYE, Some(FAREWELL));
        if !matches!(self.helper.wait(GONE), Ok(Some(_))) {
            tracing::warn!("the helper had to be ended");
        }
        self.pipe.close();
        self.job.end();
    }
}

/// Ends what is passed on to the app: no frame has this length.
const GOODBYE: [u8; 2] = [0, 0];

/// The helper, in the session: starts the app where the person sees it, passes frames on, and
/// takes back what it opened.
///
/// # Errors
/// What went wrong; the service has been told.
pub fn helper(name: &str) -> io::Result<()> {
    let pipe = Arc::new(connect(name, PATIENCE)?);
    let server = os_windows::service::process_of(super::SERVICE)?;
    if server != Some(pipe.server_process()?) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not the service"));
    }
    let order = host::read_from::<Order>(&mut pipe.within(Some(PATIENCE)))?;
    let order = order.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut answer = pipe.within(Some(SLOW));
    let token = match Token::log_on(order.account.as_str(), order.password.expose()) {
        Ok(token) => token,
        Err(error) => return fail(&mut answer, error),
    };
    let opened = token.sign_in().and_then(|who| desktop::allow(&who, DESKTOP, order.session));
    let _allowed = match opened {
        Ok(allowed) => allowed,
        Err(error) => return fail(&mut answer, error),
    };
    // The app does without one; the browser runtime starts faster with it.
    let _profile = token.load_profile(order.account.as_str()).ok();
    let token = token.for_session(order.session);
    let (app, folder) = (PathBuf::from(order.app.as_str()), PathBuf::from(order.folder.as_str()));
    let station = format!(r"WinSta0\{DESKTOP}");
    let job = Job::new(APP_PROCESSES)?;
    let started = token.and_then(|token| start_app(&token, &app, &folder, Some(&station), &job));
    let (started, pipes) = match started {
        Ok(started) => started,
        Err(error) => return fail(&mut answer, error),
    };
    host::write_to(&mut answer, &Reply::Started(started.id))?;
    pass_on(&pipe, pipes);
    job.end();
    let _ = started.wait(FAREWELL);
    Ok(())
}

fn fail(pipe: &mut impl Write, error: io::Error) -> io::Result<()> {
    host::write_to(pipe, &Reply::Failed(Text::cut(&error.to_string())))?;
    Err(error)
}

/// Until one of the two ends.
fn pass_on(pipe: &Arc<Pipe>, pipes: Pipes) {
    let Pipes { mut output, mut input } = pipes;
    let (tell, told) = mpsc::channel();
    let (from_app, ended) = (Arc::clone(pipe), tell.clone());
    thread::spawn(move || {
        let mut buffer = Zeroizing::new([0; host::MAX_FRAME]);
        while let Ok(read @ 1..) = output.read(buffer.as_mut()) {
            let passed = buffer.get(..read).map(|bytes| from_app.write_all(bytes, Some(SLOW)));
            if !matches!(passed, Some(Ok(()))) {
                break;
            }
        }
        let _ = ended.send(());
    });
    let from_service = Arc::clone(pipe);
    thread::spawn(move || {
        while let Ok(Some(frame)) = next_frame(&from_service) {
            if input.write_all(&frame).is_err() {
                break;
            }
        }
        let _ = tell.send(());
    });
    let _ = told.recv();
}

/// A whole frame, unread; none at the goodbye.
fn next_frame(pipe: &Pipe) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut reader = pipe.within(None);
    let mut length = [0; 2];
    reader.read_exact(&mut length)?;
    if length == GOODBYE {
        return Ok(None);
    }
    let rest = host::length_of_rest(length).map_err(io::Error::other)?;
    let mut frame = Zeroizing::new(vec![0; 2 + rest]);
    let (head, body) = frame.split_at_mut(2);
    head.copy_from_slice(&length);
    reader.read_exact(body)?;
    Ok(Some(frame))
}
