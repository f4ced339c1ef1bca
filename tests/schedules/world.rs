//! A world: the real service on its database, the real agent on its journal, a scripted
//! directory, a relay between them, and one time. Parts that end are started again from their
//! files, as a supervisor does.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use protocol::id::DirectoryId;
use rand::{SeedableRng as _, rngs::StdRng};
use recovery::Timestamp;
use regain_agent::{Agent, clock::Clock as AgentClock, config::Config as AgentConfig, enrolment};
use regain_service::{
    Service,
    config::{
        BotCheckConfig, Config, HttpConfig, LimitsConfig, MailConfig, MailEncryption, ServiceConfig,
    },
    http, jobs,
    keys::Keys,
};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{
    clockwork::{Clockwork, Next, Part, PartPlan, Steps, lock},
    directory::Accounts,
    relay::Relay,
};

pub(crate) const TENANT: Uuid = Uuid::from_u128(0x7e);
pub(crate) const DIRECTORY: Uuid = Uuid::from_u128(0xd1);
/// A world that has not come to rest after so long never will.
const LONGEST: Duration = Duration::from_secs(3600);

type Work =
    Box<dyn FnOnce(Arc<Service>, Router) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Decides what happens at a point.
pub(crate) type Points = Box<dyn Fn(&World, &'static str) -> Next + Send + Sync>;

/// What everybody in the world shares.
pub(crate) struct World {
    pub(crate) clockwork: Arc<Clockwork>,
    pub(crate) accounts: Accounts,
    pub(crate) relay: Arc<Relay>,
    pub(crate) folder: PathBuf,
    /// How far the clock of the service is off, in microseconds; and that of the agent.
    pub(crate) service_clock: AtomicI64,
    pub(crate) agent_clock: AtomicI64,
    /// Before its enrolment there is no agent.
    pub(crate) is_enrolled: AtomicBool,
    /// What happens at the points; each life of a part asks it anew.
    pub(crate) points: Points,
    /// How long a part that ended stays down.
    pub(crate) down: Duration,
    pub(crate) seed: u64,
    service: Mutex<Option<mpsc::UnboundedSender<Work>>>,
    plans: Mutex<[Option<Arc<PartPlan>>; 2]>,
    lives: AtomicU64,
    /// Where the journal's last lines begin that may not be on disk.
    torn: Mutex<Option<u64>>,
    synced: Mutex<u64>,
}

/// The two parts that can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Service,
    Agent,
}

/// What a world begins with.
pub(crate) struct Beginning {
    pub(crate) micros: i64,
    pub(crate) seed: u64,
    pub(crate) down: Duration,
    pub(crate) is_enrolled: bool,
    pub(crate) points: Points,
}

impl World {
    pub(crate) fn new(folder: &Path, people: &[&str], beginning: Beginning) -> Arc<Self> {
        let clockwork = Clockwork::at(beginning.micros);
        Arc::new(Self {
            accounts: Accounts::locked(&clockwork, people, "cleo"),
            relay: Relay::new(&clockwork),
            clockwork,
            folder: folder.to_owned(),
            service_clock: AtomicI64::new(0),
            agent_clock: AtomicI64::new(0),
            is_enrolled: AtomicBool::new(beginning.is_enrolled),
            points: beginning.points,
            down: beginning.down,
            seed: beginning.seed,
            service: Mutex::default(),
            plans: Mutex::default(),
            lives: AtomicU64::new(0),
            torn: Mutex::default(),
            synced: Mutex::default(),
        })
    }

    /// Lives until `story`, which runs outside both parts, ends.
    ///
    /// # Panics
    /// When it never comes to rest.
    pub(crate) fn live<F>(self: &Arc<Self>, listener: &TcpListener, story: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut parts: [Option<Part>; 2] = [None, None];
        let mut up_again = [self.clockwork.micros(); 2];
        let listener = listener.try_clone().unwrap();
        listener.set_nonblocking(true).unwrap();
        let relay = Arc::clone(&self.relay);
        let outside = PartPlan::new(|_| Next::Go);
        let outside = Part::start("outside", &self.clockwork, outside, || async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            tokio::spawn(relay.run(listener));
            story.await;
            String::new()
        });
        let (mut steps, begun) = (Steps::new(), self.clockwork.micros());
        while !outside.has_ended() {
            for (which, part) in [Which::Service, Which::Agent].into_iter().zip(&mut parts) {
                let up_again = &mut up_again[which as usize];
                if part.as_ref().is_some_and(Part::has_ended) {
                    self.bury(which, part.take().unwrap());
                    *up_again = self.clockwork.micros() + self.down.as_micros() as i64;
                }
                let may_live = which == Which::Service || self.is_enrolled.load(Ordering::SeqCst);
                if part.is_none() && may_live && self.clockwork.micros() >= *up_again {
                    *part = Some(self.start(which));
                }
            }
            let living: Vec<&Part> = parts.iter().flatten().chain([&outside]).collect();
            steps.step(&self.clockwork, &living);
            self.clockwork.wait_until_quiet(steps.is_long());
            let lived = self.clockwork.micros() - begun;
            assert!(lived < LONGEST.as_micros() as i64, "the world never comes to rest");
        }
        outside.bury();
        for (which, part) in [Which::Service, Which::Agent].into_iter().zip(parts) {
            if let Some(part) = part {
                part.plan.kill();
                self.bury(which, part);
            }
        }
    }

    fn start(self: &Arc<Self>, which: Which) -> Part {
        self.clockwork.event();
        let life = self.lives.fetch_add(1, Ordering::SeqCst);
        let seed = self.seed.wrapping_mul(1000).wrapping_add(life);
        let at_points = Arc::clone(self);
        let plan = PartPlan::new(move |name| at_points.reached(name));
        lock(&self.plans)[which as usize] = Some(Arc::clone(&plan));
        let world = Arc::clone(self);
        match which {
            Which::Service => {
                Part::start("service", &self.clockwork, plan, move || serve(world, seed))
            }
            Which::Agent => {
                Part::start("agent", &self.clockwork, plan, move || run_agent(world, seed))
            }
        }
    }

    fn bury(&self, which: Which, part: Part) {
        if which == Which::Service {
            self.relay.service_at(None);
            *lock(&self.service) = None;
        }
        if let Some(said) = part.bury() {
            tracing::info!(?which, said, "a part ended by itself");
        }
        self.clockwork.event();
        if which == Which::Agent
            && let Some(whole) = lock(&self.torn).take()
        {
            self.tear(whole);
        }
    }

    /// Of what was written and not synced, a power cut leaves any beginning.
    fn tear(&self, whole: u64) {
        let journal = self.journal();
        let length = fs::metadata(&journal).map_or(0, |data| data.len());
        if length > whole {
            let left = whole + self.seed % (length - whole + 1);
            let file = fs::OpenOptions::new().write(true).open(journal).unwrap();
            file.set_len(left).unwrap();
        }
    }

    fn reached(&self, name: &'static str) -> Next {
        self.clockwork.event();
        let next = (self.points)(self, name);
        tracing::info!(name, ?next, "point");
        match name {
            "journal: before the lines are written" => {
                *lock(&self.synced) = fs::metadata(self.journal()).map_or(0, |data| data.len());
            }
            "journal: before the lines are on disk"
                if matches!(next, Next::End | Next::Fail(_)) =>
            {
                *lock(&self.torn) = Some(*lock(&self.synced));
            }
            _ => {}
        }
        next
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join("agent/journal")
    }

    /// What `regain-agent rotate-keys` does.
    pub(crate) fn rotate_keys(&self) {
        regain_agent::rotation::ask(&self.folder.join("agent")).unwrap();
    }

    /// What `regain-service directory rotate-link-key` does, in a process of its own: on the
    /// database alone. `None` when the service is down, and its database with it.
    pub(crate) async fn rotate_link_key(&self) -> Option<i64> {
        let rotated = self.ask(|service, _| async move {
            let now = service.now();
            let rotating = service
                .store
                .write(move |mut tx| Box::pin(async move { tx.add_link_key(&[9; 32], now).await }));
            rotating.await.ok()
        });
        rotated.await?
    }

    /// Ends a part, wherever it is.
    pub(crate) fn kill(&self, which: Which) {
        if let Some(plan) = &lock(&self.plans)[which as usize] {
            plan.kill();
        }
    }

    /// Has the service do something; `None` when it is down, or ends before it is done.
    pub(crate) async fn ask<T, F, R>(&self, what: F) -> Option<T>
    where
        F: FnOnce(Arc<Service>, Router) -> R + Send + 'static,
        R: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (tell, answer) = oneshot::channel();
        let work: Work = Box::new(|service, router| {
            Box::pin(async move {
                let _ = tell.send(what(service, router).await);
            })
        });
        let service = lock(&self.service).clone()?;
        service.send(work).ok()?;
        drop(service);
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
        self.clockwork.event();
        answer.ok()?.ok()
    }

    pub(crate) fn service_now(&self) -> Timestamp {
        Timestamp(self.clockwork.micros() + self.service_clock.load(Ordering::SeqCst))
    }

    pub(crate) fn agent_clock(self: &Arc<Self>) -> AgentClock {
        let world = Arc::clone(self);
        AgentClock::new(move || {
            let micros = world.clockwork.micros() + world.agent_clock.load(Ordering::SeqCst);
            u64::try_from(micros / 1000).unwrap_or(0)
        })
    }

    pub(crate) fn agent_config(&self) -> AgentConfig {
        let password = self.folder.join("password");
        fs::write(&password, "unused").unwrap();
        let file = self.folder.join("agent.toml");
        let text = format!(
            "[agent]\nname = \"lab\"\ndata_dir = \"{}\"\nsecrets = \"file\"\n\
             [service]\nca_file = \"{}\"\n[active_directory]\n\
             controllers = [\"ldaps://dc1\"]\naccount = \"svc\"\npassword_file = \"{}\"\n\
             subtrees = [\"OU=People,DC=x\"]\n",
            self.folder.join("agent").display(),
            self.folder.join("ca.pem").display(),
            password.display(),
        );
        fs::write(&file, text).unwrap();
        AgentConfig::load(&file, &[]).unwrap()
    }
}

struct ServiceClock(Arc<World>);

impl regain_service::clock::Clock for ServiceClock {
    fn now(&self) -> Timestamp {
        self.0.service_now()
    }
}

/// The service, on its files.
async fn serve(world: Arc<World>, seed: u64) -> String {
    let store = match Store::open(&world.folder.join("regain.db")).await {
        Ok(store) => store,
        Err(cause) => return format!("{cause:?}"),
    };
    let clock = Arc::new(ServiceClock(Arc::clone(&world)));
    let rng = StdRng::seed_from_u64(seed);
    let service = Service::new(config(&world.folder), store, Keys::new([7; 32]), clock, rng);
    let service = service.unwrap();
    if let Err(cause) = jobs::take_up_awaited(&service).await {
        return format!("{cause:?}");
    }
    let router = http::router(&service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.relay.service_at(listener.local_addr().ok());
    let links = router.clone();
    tokio::spawn(async move { axum::serve(listener, links).await });
    let (asks, mut asked) = mpsc::unbounded_channel::<Work>();
    *lock(&world.service) = Some(asks);
    while let Some(work) = asked.recv().await {
        tokio::spawn(work(Arc::clone(&service), router.clone()));
    }
    "nobody asks any more".to_owned()
}

/// The agent, on its files.
async fn run_agent(world: Arc<World>, seed: u64) -> String {
    let config = world.agent_config();
    let opened = enrolment::open_secrets(&config).map_err(Into::into).and_then(|secrets| {
        let rng = StdRng::seed_from_u64(seed);
        Agent::open(&config, world.accounts.clone(), &secrets, world.agent_clock(), rng)
    });
    match opened {
        Ok(agent) => match agent.run(std::future::pending()).await {
            Ok(()) => "stopped".to_owned(),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    }
}

fn config(folder: &Path) -> Config {
    Config {
        service: ServiceConfig { data_dir: folder.to_owned(), master_key_file: PathBuf::new() },
        http: HttpConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            trusted_proxies: Vec::new(),
        },
        mail: MailConfig {
            host: "localhost".to_owned(),
            port: 1,
            encryption: MailEncryption::None,
            from: "IT <it@example.org>".to_owned(),
            user: None,
            password_file: None,
        },
        bot_check: BotCheckConfig { rounds: 1 },
        limits: LimitsConfig::default(),
    }
}

/// Whether an agent of the directory is there and could be asked.
pub(crate) fn is_ready(service: &Arc<Service>) -> bool {
    service.links.is_ready(DirectoryId(DIRECTORY))
}
