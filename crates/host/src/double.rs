//! A host without Windows, for stories about the app: the real flow, desk, slots and device key
//! over the real frames, with an app that is an ordinary process on inherited pipes, and a tile
//! that is played. Nothing here protects anybody.

use std::{
    collections::HashMap,
    io::{self, PipeReader, PipeWriter},
    path::Path,
    process::{self, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use os_windows::policy::Mistake;
use protocol::host::{
    self, Text,
    app::{Join, Known, Proxy},
    tile::{Answer, Ask, Form, Scenario, SidText, Tell, Way},
};
use rand::{SeedableRng as _, rngs::StdRng};
use zeroize::Zeroizing;

use crate::{
    events::{Details, Event, Sink},
    parts::{
        Accounts, Child, Clock, Launch, Launcher, NoChip, Parts, Pc, Policy, Registry, Running,
        Settings, Vpn,
    },
    serve::Host,
};

/// What the double's PC is like. Shared: a story changes it while the host runs.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What the administrator set.
    pub policy: Policy,
    /// What is set wrong.
    pub mistakes: Vec<Mistake>,
    /// What the device enrols with.
    pub fleet_token: Option<String>,
    /// Whether the app's account is there.
    pub account: bool,
    /// Whose tile or session it is.
    pub user: Option<Text<256>>,
    /// What it belongs to.
    pub join: Join,
    /// Whether a controller answers; the VPN command brings it.
    pub controller: Known,
    /// The proxy.
    pub proxy: Proxy,
    /// Whether there is a webview.
    pub webview: bool,
    /// Whether Windows is still being set up.
    pub in_setup: bool,
    /// Whether the session is seen from afar.
    pub remote: bool,
    /// What tells it from a copy; empty while it does not say.
    pub machine: String,
    /// Numbers and texts of the registry, by key and name.
    pub registry: HashMap<(String, String), Value>,
    /// Since the start; moved by hand.
    pub now: Duration,
    /// Unix time at the start.
    pub unix: i64,
    /// What was done with the account, in order.
    pub account_log: Vec<&'static str>,
    /// Whether passwords of earlier sign-ins are kept.
    pub cached_sign_in: Known,
    /// Processes of the app's account that nobody knows of.
    pub strays: usize,
    /// They cannot be ended.
    pub immortal: bool,
    /// Looking for a controller takes until this is taken back.
    pub controller_hangs: bool,
    /// What went to the event log, in order.
    pub events: Vec<(Event, Details)>,
}

/// A value of the double's registry.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number.
    Number(u32),
    /// A text.
    Text(String),
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            mistakes: Vec::new(),
            fleet_token: None,
            account: true,
            user: None,
            join: Join::Alone,
            controller: Known::Unknown,
            proxy: Proxy::Direct,
            webview: true,
            in_setup: false,
            remote: false,
            machine: "S-1-5-21-1-2-3".into(),
            registry: HashMap::new(),
            now: Duration::ZERO,
            unix: 1_800_000_000,
            account_log: Vec::new(),
            cached_sign_in: Known::Unknown,
            strays: 0,
            immortal: false,
            controller_hangs: false,
            events: Vec::new(),
        }
    }
}

/// The double's PC.
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<Mutex<Machine>>);

impl Shared {
    /// A PC like this.
    pub fn new(machine: Machine) -> Self {
        Self(Arc::new(Mutex::new(machine)))
    }

    /// Looks at it or changes it.
    pub fn with<T>(&self, with: impl FnOnce(&mut Machine) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A host over this PC, its files in `folder`, its app what `launcher` starts.
///
/// # Errors
/// When the folder cannot be used.
pub fn host(
    shared: &Shared,
    folder: &Path,
    launcher: Box<dyn Launcher>,
    seed: u64,
) -> io::Result<Arc<Host>> {
    let parts = Parts {
        clock: Box::new(shared.clone()),
        settings: Box::new(shared.clone()),
        accounts: Box::new(shared.clone()),
        launcher,
        pc: Box::new(shared.clone()),
        registry: Box::new(shared.clone()),
        chip: Box::new(NoChip),
        events: Box::new(shared.clone()),
        folder: folder.to_owned(),
    };
    Host::open(parts, Box::new(StdRng::seed_from_u64(seed)))
}

/// Starts the app as an ordinary process: the frames on its standard input and output, `TEMP`,
/// `TMP` and `TMPDIR` the run's own folder.
pub struct AsProcess<F>(
    /// Makes the command of each start.
    pub F,
);

impl<F: Fn() -> Command + Send + Sync> Launcher for AsProcess<F> {
    fn launch(&self, launch: Launch<'_>) -> io::Result<Running> {
        let mut command = (self.0)();
        for name in ["TEMP", "TMP", "TMPDIR"] {
            command.env(name, launch.folder);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(writer), Some(reader)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let process = Some(child.id());
        let child = Box::new(Process(child));
        Ok(Running { reader: Box::new(reader), writer: Box::new(writer), child, process })
    }
}

struct Process(process::Child);

impl Child for Process {
    fn kill(&mut self) {
        // One that has ended already is ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A tile that is played, on a connection of its own.
pub struct Tile {
    reader: PipeReader,
    writer: PipeWriter,
    foreground: Vec<u32>,
}

impl Tile {
    /// Connects to a host.
    ///
    /// # Errors
    /// When there are no pipes left.
    pub fn connect(host: &Arc<Host>, session: u32) -> io::Result<Self> {
        let (reader, theirs) = io::pipe()?;
        let (ours, writer) = io::pipe()?;
        let host = Arc::clone(host);
        thread::spawn(move || host.serve_tile(Box::new(ours), Box::new(theirs), Some(session)));
        Ok(Self { reader, writer, foreground: Vec::new() })
    }

    /// Says something.
    ///
    /// # Errors
    /// When the host is gone.
    pub fn say(&mut self, ask: &Ask) -> io::Result<()> {
        host::write_to(&mut self.writer, ask)
    }

    /// What the host says next; none when it has ended the connection. To whom the foreground was
    /// handed is noted.
    ///
    /// # Errors
    /// When it is no frame.
    pub fn hear(&mut self) -> io::Result<Option<Tell>> {
        loop {
            match host::read_from(&mut self.reader)? {
                Some(Tell::Foreground { process }) => self.foreground.push(process),
                told => return Ok(told),
            }
        }
    }

    /// The processes that the foreground was handed on to so far.
    pub fn foreground(&self) -> &[u32] {
        &self.foreground
    }

    /// Asks for the tile.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn hello(&mut self, session: u32, language: &str) -> io::Result<()> {
        let language = Text::cut(language);
        self.say(&Ask::Hello { scenario: Scenario::Logon, session, language })
    }

    /// Begins.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn start(&mut self, session: u32, form: Form) -> io::Result<()> {
        let (scenario, way) = (Scenario::Logon, Way::CannotSignIn);
        self.say(&Ask::Start { who: None, session, scenario, way, form })
    }

    /// Answers a view.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn answer(&mut self, answer: Answer) -> io::Result<()> {
        self.say(&Ask::Answer(answer))
    }
}

impl Clock for Shared {
    fn now(&self) -> Duration {
        self.with(|machine| machine.now)
    }

    fn unix(&self) -> i64 {
        let since = |machine: &mut Machine| i64::try_from(machine.now.as_secs()).unwrap_or(0);
        self.with(|machine| machine.unix + since(machine))
    }
}

impl Settings for Shared {
    fn policy(&self) -> Policy {
        self.with(|machine| machine.policy.clone())
    }

    fn mistakes(&self) -> Vec<Mistake> {
        self.with(|machine| machine.mistakes.clone())
    }

    fn fleet_token(&self) -> Option<Zeroizing<String>> {
        self.with(|machine| machine.fleet_token.clone().map(Zeroizing::new))
    }

    fn forget_fleet_token(&self) {
        self.with(|machine| machine.fleet_token = None);
    }
}

impl Accounts for Shared {
    fn is_usable(&self) -> io::Result<bool> {
        Ok(self.with(|machine| machine.account))
    }

    fn enable(&self, _: &str) -> io::Result<()> {
        self.with(|machine| machine.account_log.push("enabled"));
        Ok(())
    }

    fn disable(&self) -> io::Result<()> {
        self.with(|machine| machine.account_log.push("disabled"));
        Ok(())
    }

    fn end_processes(&self) -> io::Result<usize> {
        Ok(self.with(|machine| {
            let there = machine.strays;
            if there > 0 && !machine.immortal {
                machine.account_log.push("ended");
                machine.strays = 0;
            }
            there
        }))
    }

    fn forget(&self) {
        self.with(|machine| machine.account_log.push("forgotten"));
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir(folder)
    }
}

impl Pc for Shared {
    fn in_setup(&self) -> bool {
        self.with(|machine| machine.in_setup)
    }

    fn is_remote(&self, _: u32) -> bool {
        self.with(|machine| machine.remote)
    }

    fn user(&self, _: Option<&SidText>, _: u32) -> Option<Text<256>> {
        self.with(|machine| machine.user.clone())
    }

    fn join(&self) -> Join {
        self.with(|machine| machine.join)
    }

    fn controller(&self) -> Known {
        while self.with(|machine| machine.controller_hangs) {
            thread::park_timeout(Duration::from_millis(5));
        }
        self.with(|machine| machine.controller)
    }

    fn cached_sign_in(&self) -> Known {
        self.with(|machine| machine.cached_sign_in)
    }

    fn proxy(&self) -> Proxy {
        self.with(|machine| machine.proxy.clone())
    }

    fn run_vpn(&self, _: &Vpn) -> io::Result<()> {
        self.with(|machine| machine.controller = Known::Yes);
        Ok(())
    }

    fn name(&self) -> Text<64> {
        Text::cut("DOUBLE")
    }

    fn windows(&self) -> Text<32> {
        Text::cut("10.0.26100")
    }

    fn machine(&self) -> io::Result<String> {
        let machine = self.with(|machine| machine.machine.clone());
        if machine.is_empty() { Err(io::Error::other("it does not say")) } else { Ok(machine) }
    }

    fn language(&self) -> Text<35> {
        Text::cut("en-US")
    }

    fn has_webview(&self) -> bool {
        self.with(|machine| machine.webview)
    }
}

impl Sink for Shared {
    fn write(&self, event: Event, details: &Details) {
        self.with(|machine| machine.events.push((event, details.clone())));
    }
}

impl Registry for Shared {
    fn number(&self, key: &str, name: &str) -> Option<u32> {
        let place = (key.to_owned(), name.to_owned());
        self.with(|machine| match machine.registry.get(&place) {
            Some(Value::Number(number)) => Some(*number),
            Some(Value::Text(_)) | None => None,
        })
    }

    fn text(&self, key: &str, name: &str) -> Option<String> {
        let place = (key.to_owned(), name.to_owned());
        self.with(|machine| match machine.registry.get(&place) {
            Some(Value::Text(text)) => Some(text.clone()),
            Some(Value::Number(_)) | None => None,
        })
    }

    fn keys(&self, key: &str) -> Vec<String> {
        let below = |place: &(String, String)| {
            place.0.strip_prefix(key)?.strip_prefix('\\').map(str::to_owned)
        };
        self.with(|machine| machine.registry.keys().filter_map(below).collect())
    }

    fn is_file(&self, path: &str) -> bool {
        !path.is_empty()
    }

    fn network_waits_for_person(&self) -> Option<bool> {
        Some(false)
    }
}
