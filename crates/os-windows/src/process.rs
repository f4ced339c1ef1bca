//! Processes: starting one with a token, in a job that ends with us, with two pipes and nothing
//! else inherited; whose program a process runs; and all that run as one account.
#![expect(unsafe_code, reason = "processes and jobs are handles of Windows")]

use std::{
    ffi::OsString,
    io::{self, PipeReader, PipeWriter},
    os::windows::{
        ffi::{OsStrExt as _, OsStringExt as _},
        io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use windows::{
    Win32::{
        Foundation::{
            HANDLE, HANDLE_FLAG_INHERIT, SetHandleInformation, WAIT_OBJECT_0, WAIT_TIMEOUT,
        },
        System::{
            JobObjects::{
                AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT,
                JOB_OBJECT_LIMIT_ACTIVE_PROCESS, JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
                JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
                JobObjectExtendedLimitInformation, SetInformationJobObject, TerminateJobObject,
            },
            ProcessStatus::EnumProcesses,
            Threading::{
                CREATE_NO_WINDOW, CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT,
                CreateProcessAsUserW, DeleteProcThreadAttributeList, EXTENDED_STARTUPINFO_PRESENT,
                GetExitCodeProcess, InitializeProcThreadAttributeList,
                LPPROC_THREAD_ATTRIBUTE_LIST, OpenProcess, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                PROCESS_ACCESS_RIGHTS, PROCESS_INFORMATION, PROCESS_NAME_WIN32,
                PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, PROCESS_TERMINATE,
                QueryFullProcessImageNameW, ResumeThread, STARTF_USESTDHANDLES, STARTUPINFOEXW,
                TerminateProcess, UpdateProcThreadAttribute, WaitForSingleObject,
            },
        },
    },
    core::{PCWSTR, PWSTR},
};

use crate::{access::Sid, command::CommandLine, failed, token::Token};

/// A job: its processes end when it is dropped, and there are never more of them than was said.
#[derive(Debug)]
pub struct Job(OwnedHandle);

impl Job {
    /// For at most so many processes at a time.
    ///
    /// # Errors
    /// When Windows refuses.
    pub fn new(processes: u32) -> io::Result<Self> {
        // SAFETY: no pointers but the absent name.
        let handle =
            unsafe { CreateJobObjectW(None, PCWSTR::null()) }.map_err(failed("making a job"))?;
        // SAFETY: just made, and owned by nobody else.
        let job = Self(unsafe { OwnedHandle::from_raw_handle(handle.0) });
        // No limits of the user interface: the browser runtime makes jobs of its own.
        let flags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
            | JOB_OBJECT_LIMIT_ACTIVE_PROCESS
            | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
        job.limit(flags, processes)?;
        Ok(job)
    }

    /// Lets its processes go on when it is dropped.
    ///
    /// # Errors
    /// When Windows refuses.
    pub fn release(&self) -> io::Result<()> {
        self.limit(JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION, 0)
    }

    fn limit(&self, flags: JOB_OBJECT_LIMIT, processes: u32) -> io::Result<()> {
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = flags;
        limits.BasicLimitInformation.ActiveProcessLimit = processes;
        let length = u32::try_from(size_of_val(&limits)).unwrap_or_default();
        // SAFETY: Windows reads a structure of the length said.
        unsafe {
            SetInformationJobObject(
                self.handle(),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                length,
            )
        }
        .map_err(failed("limiting a job"))
    }

    /// Ends all of its processes now.
    pub fn end(&self) {
        // SAFETY: the handle is open. What cannot be ended is ended by the drop.
        let _ = unsafe { TerminateJobObject(self.handle(), 1) };
    }

    fn handle(&self) -> HANDLE {
        HANDLE(self.0.as_raw_handle())
    }
}

/// What to start, and how.
#[derive(Debug)]
pub struct Start<'a> {
    /// As whom.
    pub token: &'a Token,
    /// The program, its whole path.
    pub program: &'a Path,
    /// What it is called with; none of it has quotes in it.
    pub arguments: &'a [&'a str],
    /// What stands after that on its command line, as it is.
    pub rest: &'a str,
    /// Window station and desktop; none for a new one that nobody sees.
    pub desktop: Option<&'a str>,
    /// All that is in its environment.
    pub environment: &'a [(&'a str, OsString)],
    /// Where it begins.
    pub folder: &'a Path,
}

/// A process that was started.
#[derive(Debug)]
pub struct Started {
    process: OwnedHandle,
    /// Its number.
    pub id: u32,
}

/// The other ends of a process's standard input and output.
#[derive(Debug)]
pub struct Pipes {
    /// What it says.
    pub output: PipeReader,
    /// What it is told.
    pub input: PipeWriter,
}

/// Starts a program in this job, with two pipes and nothing else inherited.
///
/// # Errors
/// When Windows refuses; nothing runs then.
pub fn start_with_pipes(start: &Start<'_>, job: &Job) -> io::Result<(Started, Pipes)> {
    let (their_input, input) = io::pipe()?;
    let (output, their_output) = io::pipe()?;
    let theirs = [HANDLE(their_input.as_raw_handle()), HANDLE(their_output.as_raw_handle())];
    for handle in theirs {
        // SAFETY: the handle is open and ours.
        unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT.0, HANDLE_FLAG_INHERIT) }
            .map_err(failed("passing a pipe on"))?;
    }
    let started = begin(start, job, Some(&theirs))?;
    Ok((started, Pipes { output, input }))
}

/// Starts a program in this job, with nothing inherited: into another session nothing can be.
///
/// # Errors
/// When Windows refuses; nothing runs then.
pub fn start_bare(start: &Start<'_>, job: &Job) -> io::Result<Started> {
    begin(start, job, None)
}

/// It runs only once it is in its job.
fn begin(start: &Start<'_>, job: &Job, inherited: Option<&[HANDLE; 2]>) -> io::Result<Started> {
    let list = inherited.map(|handles| HandleList::new(handles)).transpose()?;
    let mut desktop: Vec<u16> =
        start.desktop.unwrap_or_default().encode_utf16().chain([0]).collect();
    let mut startup = STARTUPINFOEXW::default();
    startup.StartupInfo.cb = u32::try_from(size_of::<STARTUPINFOEXW>()).unwrap_or_default();
    startup.StartupInfo.lpDesktop = PWSTR(desktop.as_mut_ptr());
    if let (Some(list), Some([input, output])) = (&list, inherited) {
        startup.lpAttributeList = list.list;
        startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        startup.StartupInfo.hStdInput = *input;
        startup.StartupInfo.hStdOutput = *output;
    }
    let mut line = command_line(start);
    let environment = environment_block(start.environment);
    let mut made = PROCESS_INFORMATION::default();
    let program: Vec<u16> = wide(start.program);
    let folder: Vec<u16> = wide(start.folder);
    // SAFETY: all texts end with a nul, the environment with two, and everything lives until the
    // call returns; Windows writes two handles, which are ours.
    unsafe {
        CreateProcessAsUserW(
            Some(start.token.handle()),
            PCWSTR(program.as_ptr()),
            Some(PWSTR(line.as_mut_ptr())),
            None,
            None,
            inherited.is_some(),
            CREATE_SUSPENDED
                | CREATE_UNICODE_ENVIRONMENT
                | EXTENDED_STARTUPINFO_PRESENT
                | CREATE_NO_WINDOW,
            Some(environment.as_ptr().cast()),
            PCWSTR(folder.as_ptr()),
            (&raw const startup.StartupInfo).cast(),
            &raw mut made,
        )
    }
    .map_err(failed("starting a program"))?;
    // SAFETY: just given to us.
    let process = unsafe { OwnedHandle::from_raw_handle(made.hProcess.0) };
    // SAFETY: as above.
    let thread = unsafe { OwnedHandle::from_raw_handle(made.hThread.0) };
    let started = Started { process, id: made.dwProcessId };
    let run = started.enter(job).and_then(|()| {
        // SAFETY: the handle is open.
        match unsafe { ResumeThread(HANDLE(thread.as_raw_handle())) } {
            u32::MAX => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    });
    if let Err(error) = run {
        started.end();
        return Err(error);
    }
    Ok(started)
}

impl Started {
    fn enter(&self, job: &Job) -> io::Result<()> {
        // SAFETY: both handles are open.
        unsafe { AssignProcessToJobObject(job.handle(), self.handle()) }
            .map_err(failed("putting the app into its job"))
    }

    /// Ends it now.
    pub fn end(&self) {
        // SAFETY: the handle is open. One that has ended already is ended.
        let _ = unsafe { TerminateProcess(self.handle(), 1) };
    }

    /// Waits for its end: its exit code, none when it still runs.
    ///
    /// # Errors
    /// When Windows does not tell.
    pub fn wait(&self, within: Duration) -> io::Result<Option<u32>> {
        let millis = u32::try_from(within.as_millis()).unwrap_or(u32::MAX - 1);
        // SAFETY: the handle is open.
        match unsafe { WaitForSingleObject(self.handle(), millis) } {
            WAIT_OBJECT_0 => {}
            WAIT_TIMEOUT => return Ok(None),
            _ => return Err(io::Error::last_os_error()),
        }
        let mut code = 0;
        // SAFETY: the handle is open; Windows writes one number.
        unsafe { GetExitCodeProcess(self.handle(), &raw mut code) }
            .map_err(failed("asking how a process ended"))?;
        Ok(Some(code))
    }

    fn handle(&self) -> HANDLE {
        HANDLE(self.process.as_raw_handle())
    }
}

/// Most processes that a command may have at a time.
const OF_A_COMMAND: u32 = 64;

/// Runs a command as this process's own account, where nobody sees it, in a job: how it ended;
/// none when it and all that it started had to be ended at its deadline. What it started goes on
/// when it has ended by itself: a network that it opened may live there.
///
/// # Errors
/// When it cannot be started.
pub fn run_command(command: &CommandLine, within: Duration) -> io::Result<Option<u32>> {
    let token = Token::own()?;
    let job = Job::new(OF_A_COMMAND)?;
    let own: Vec<(String, OsString)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        // The drives' own folders, which Windows keeps there.
        .filter(|(name, _)| !name.starts_with('='))
        .collect();
    let environment: Vec<(&str, OsString)> =
        own.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let program = command.program();
    let start = Start {
        token: &token,
        program,
        arguments: &[],
        rest: command.rest(),
        desktop: None,
        environment: &environment,
        folder: program.parent().unwrap_or(program),
    };
    let started = start_bare(&start, &job)?;
    match started.wait(within)? {
        Some(code) => {
            job.release()?;
            Ok(Some(code))
        }
        None => {
            job.end();
            Ok(None)
        }
    }
}

/// Every process that runs as this account now, whoever started it and in whatever session. One
/// that Windows lets nobody look at is none of it.
///
/// # Errors
/// When Windows does not tell which there are.
pub fn all_of(who: &Sid) -> io::Result<Vec<Started>> {
    let mut numbers = vec![0_u32; 1024];
    let length = loop {
        let room = u32::try_from(size_of_val(numbers.as_slice())).map_err(io::Error::other)?;
        let mut length = 0;
        // SAFETY: there is as much room as said; Windows writes so many bytes at most.
        unsafe { EnumProcesses(numbers.as_mut_ptr(), room, &raw mut length) }
            .map_err(failed("listing processes"))?;
        if length < room {
            break usize::try_from(length).unwrap_or_default() / size_of::<u32>();
        }
        // As many as there is room for: there may be more.
        numbers.resize(numbers.len() * 2, 0);
    };
    numbers.truncate(length);
    Ok(numbers.into_iter().filter_map(|id| of(id, who)).collect())
}

/// The process of this number, when it runs as this account.
fn of(id: u32, who: &Sid) -> Option<Started> {
    const LOOK: PROCESS_ACCESS_RIGHTS = PROCESS_QUERY_LIMITED_INFORMATION;
    let seen = open(id, LOOK)?;
    if Token::of_process(HANDLE(seen.as_raw_handle())).ok()?.user().ok()? != *who {
        return None;
    }
    // The same one: a number is not given anew while somebody holds its process.
    let process = open(id, LOOK | PROCESS_SYNCHRONIZE | PROCESS_TERMINATE);
    let found = Started { process: process.unwrap_or(seen), id };
    // One that has ended and is still held by somebody is ended.
    let has_ended = matches!(found.wait(Duration::ZERO), Ok(Some(_)));
    (!has_ended).then_some(found)
}

fn open(id: u32, access: PROCESS_ACCESS_RIGHTS) -> Option<OwnedHandle> {
    // SAFETY: no pointers; the handle is ours.
    let handle = unsafe { OpenProcess(access, false, id) }.ok()?;
    // SAFETY: just opened, and owned by nobody else.
    Some(unsafe { OwnedHandle::from_raw_handle(handle.0) })
}

/// The program that a process runs.
///
/// # Errors
/// When it is gone, or Windows does not tell.
pub fn program_of(process: u32) -> io::Result<PathBuf> {
    // SAFETY: no pointers; the handle is ours.
    let handle = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, false, process) }
        .map_err(failed("opening a process"))?;
    // SAFETY: just opened, and owned by nobody else.
    let handle = unsafe { OwnedHandle::from_raw_handle(handle.0) };
    let mut name = vec![0_u16; 32_768];
    let mut length = u32::try_from(name.len()).unwrap_or_default();
    // SAFETY: the buffer is as long as said; Windows writes the length of the name.
    unsafe {
        QueryFullProcessImageNameW(
            HANDLE(handle.as_raw_handle()),
            PROCESS_NAME_WIN32,
            PWSTR(name.as_mut_ptr()),
            &raw mut length,
        )
    }
    .map_err(failed("asking for a process's program"))?;
    name.truncate(usize::try_from(length).unwrap_or_default());
    Ok(OsString::from_wide(&name).into())
}

/// The handles that a process inherits, and no other.
struct HandleList<'a> {
    list: LPPROC_THREAD_ATTRIBUTE_LIST,
    _room: Vec<u64>,
    _handles: &'a [HANDLE],
}

impl<'a> HandleList<'a> {
    fn new(handles: &'a [HANDLE]) -> io::Result<Self> {
        let mut length = 0;
        // Fails with the length that is needed.
        // SAFETY: nothing is written but the length.
        let _ = unsafe { InitializeProcThreadAttributeList(None, 1, None, &raw mut length) };
        let mut room = vec![0_u64; length.div_ceil(8)];
        let list = LPPROC_THREAD_ATTRIBUTE_LIST(room.as_mut_ptr().cast());
        // SAFETY: the room has the length that Windows asked for, and is kept with the list.
        unsafe { InitializeProcThreadAttributeList(Some(list), 1, None, &raw mut length) }
            .map_err(failed("making a list of handles"))?;
        let made = Self { list, _room: room, _handles: handles };
        // SAFETY: the handles outlive the list, which borrows them.
        unsafe {
            UpdateProcThreadAttribute(
                made.list,
                0,
                usize::try_from(PROC_THREAD_ATTRIBUTE_HANDLE_LIST).unwrap_or_default(),
                Some(handles.as_ptr().cast()),
                size_of_val(handles),
                None,
                None,
            )
        }
        .map_err(failed("making a list of handles"))?;
        Ok(made)
    }
}

impl Drop for HandleList<'_> {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`, and its room is still there.
        unsafe { DeleteProcThreadAttributeList(self.list) };
    }
}

fn wide(path: &Path) -> Vec<u16> {
    path.as_os_str().encode_wide().chain([0]).collect()
}

fn command_line(start: &Start<'_>) -> Vec<u16> {
    let mut line: Vec<u16> = vec![u16::from(b'"')];
    line.extend(start.program.as_os_str().encode_wide());
    line.push(u16::from(b'"'));
    for argument in start.arguments {
        line.extend(" \"".encode_utf16());
        line.extend(argument.encode_utf16().filter(|unit| *unit != u16::from(b'"')));
        line.push(u16::from(b'"'));
    }
    if !start.rest.is_empty() {
        line.push(u16::from(b' '));
        line.extend(start.rest.encode_utf16());
    }
    line.push(0);
    line
}

/// Sorted, each ended by a nul, and one more at the end.
fn environment_block(variables: &[(&str, OsString)]) -> Vec<u16> {
    let mut sorted: Vec<_> = variables.iter().collect();
    sorted.sort_by_key(|(name, _)| name.to_ascii_uppercase());
    let mut block = Vec::new();
    for (name, value) in sorted {
        block.extend(name.encode_utf16());
        block.push(u16::from(b'='));
        block.extend(value.encode_wide());
        block.push(0);
    }
    block.push(0);
    if block.len() == 1 {
        block.push(0);
    }
    block
}
