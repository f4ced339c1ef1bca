//! Playing one schedule: on a copy of a service and an agent that know each other and people
//! who have proved who they are: two locked out, and one who only wants another password.

use std::{
    collections::HashMap,
    fs,
    net::TcpListener,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::{agent::EnrolmentCode, bytes::Bytes, sealed::fingerprint};
use rand::{SeedableRng as _, rngs::StdRng};
use recovery::{Policy, Span, Timestamp};
use regain_agent::enrolment::{Bring, Enrolment, open_secrets};
use regain_service::keys::{Keys, Purpose};
use store::{DirectoryKind, OperationState, StoreError, TenantRow};
use tempfile::TempDir;
use tokio::time::{sleep, sleep_until};

use crate::{
    clockwork::{Next, lock},
    person::{Asked, Person},
    schedule::{Acts, Event, Schedule},
    truth::{Ended, breaches},
    world::{self, Beginning, DIRECTORY, Points, TENANT, Which, World},
};

const START: i64 = 1_800_000_000_000_000;
pub(crate) const PEOPLE: [&str; 3] = ["anna", "ben", "cleo"];

/// One test at a time: a world whose threads wait for a processor sees time run away.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    lock(&ALONE)
}

/// What each schedule begins with.
pub(crate) struct Template {
    listener: TcpListener,
    folder: TempDir,
    people: Vec<Person>,
    micros: i64,
}

/// What became of a schedule.
pub(crate) struct Played {
    pub(crate) outcomes: Vec<String>,
    pub(crate) reached: Vec<&'static str>,
    pub(crate) breaches: Vec<String>,
    pub(crate) ended: Vec<Ended>,
    /// What the trail of the service says, oldest first.
    pub(crate) trail: Vec<String>,
    pub(crate) writes: usize,
}

impl Template {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let folder = folder();
        // One authority of its own: reading the system's takes longer than a schedule.
        let authority = rcgen::generate_simple_self_signed(vec![host.clone()]).unwrap();
        fs::write(folder.path().join("ca.pem"), authority.cert.pem()).unwrap();
        let world = World::new(
            folder.path(),
            &PEOPLE,
            Beginning {
                micros: START,
                seed: 1 << 40,
                down: Duration::ZERO,
                is_enrolled: false,
                points: Box::new(|_, _| Next::Go),
            },
        );
        let people = Arc::new(Mutex::new(Vec::new()));
        let (in_story, of_story) = (Arc::clone(&world), Arc::clone(&people));
        world.live(&listener, async move {
            introduce(&in_story, &host).await;
            for name in PEOPLE {
                let person = Person::through_the_gate(&in_story, &host, name).await;
                lock(&of_story).push(person);
            }
        });
        let people = std::mem::take(&mut *lock(&people));
        // The last connection that closes may tidy the log of the database away: not while it
        // is copied.
        let log = folder.path().join("regain.db-wal");
        for _ in 0..200 {
            if log.exists() {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
        Self { listener, folder, people, micros: world.clockwork.micros() }
    }

    /// A world on a copy of it.
    pub(crate) fn copy(&self, beginning: Beginning) -> (TempDir, Arc<World>, Vec<Person>) {
        let folder = folder();
        copy(self.folder.path(), folder.path());
        let beginning = Beginning { micros: self.micros, is_enrolled: true, ..beginning };
        let world = World::new(folder.path(), &PEOPLE, beginning);
        (folder, world, self.people.clone())
    }

    /// One in which nothing goes wrong.
    pub(crate) fn copy_quietly(&self) -> (TempDir, Arc<World>, Vec<Person>) {
        self.copy(Beginning {
            micros: 0,
            seed: 1,
            down: Duration::ZERO,
            is_enrolled: true,
            points: Box::new(|_, _| Next::Go),
        })
    }

    pub(crate) fn live<F>(&self, world: &Arc<World>, story: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        world.live(&self.listener, story);
    }

    /// Plays a schedule to its end and holds it against the promise.
    pub(crate) fn play(&self, schedule: &Schedule) -> Played {
        let reached = Arc::new(Mutex::new(Vec::new()));
        let is_healed = Arc::new(AtomicBool::new(false));
        let beginning = Beginning {
            micros: 0,
            seed: schedule.seed,
            down: schedule.down,
            is_enrolled: true,
            points: points(schedule, &reached, &is_healed),
        };
        let (_folder, world, people) = self.copy(beginning);
        if !schedule.is_fenced {
            world.accounts.without_fence();
        }
        if schedule.hides_key_version {
            world.accounts.hide_key_version();
        }
        world.relay.strip(schedule.strips);
        let ended = Arc::new(Mutex::new(Vec::new()));
        let (in_story, of_story) = (Arc::clone(&world), Arc::clone(&ended));
        let trail = Arc::new(Mutex::new(Vec::new()));
        let trail_of_story = Arc::clone(&trail);
        let (acts, seed) = (schedule.acts, schedule.seed);
        let faults = Faults {
            tricks: schedule.tricks.clone(),
            directory: schedule.directory.clone(),
            events: schedule.events.clone(),
        };
        self.live(&world, async move {
            until_ready(&in_story).await;
            let faults = tokio::spawn(faults.strike(Arc::clone(&in_story)));
            let asked = act(&in_story, people, acts, seed).await;
            faults.await.unwrap();
            is_healed.store(true, Ordering::SeqCst);
            heal(&in_story).await;
            *lock(&of_story) = settle(&in_story, asked).await;
            *lock(&trail_of_story) = until(|| read_trail(&in_story)).await;
        });
        let ended = std::mem::take(&mut *lock(&ended));
        let outcome = |ended: &Ended| {
            let Ended { asked, state, .. } = ended;
            format!("{:?} {state:?} {}", asked.act, ended.reason.as_deref().unwrap_or_default())
        };
        let reached = std::mem::take(&mut *lock(&reached));
        Played {
            outcomes: ended.iter().map(outcome).collect(),
            reached,
            breaches: breaches(schedule, &world.accounts, &ended),
            trail: std::mem::take(&mut *lock(&trail)),
            writes: world.accounts.written().len(),
            ended,
        }
    }
}

fn points(
    schedule: &Schedule,
    reached: &Arc<Mutex<Vec<&'static str>>>,
    is_healed: &Arc<AtomicBool>,
) -> Points {
    let (planned, passed) = (schedule.points.clone(), Mutex::new(HashMap::new()));
    let (reached, is_healed) = (Arc::clone(reached), Arc::clone(is_healed));
    Box::new(move |_, name| {
        if is_healed.load(Ordering::SeqCst) {
            return Next::Go;
        }
        let mut passed = lock(&passed);
        let times: &mut u32 = passed.entry(name).or_default();
        let now = *times;
        *times += 1;
        let planned = planned.iter().find(|(point, nth, _)| *point == name && *nth == now);
        planned.map_or(Next::Go, |&(_, _, next)| {
            lock(&reached).push(name);
            next
        })
    })
}

struct Faults {
    tricks: Vec<(crate::relay::Way, u32, crate::relay::Trick)>,
    directory: Vec<crate::directory::Fault>,
    events: Vec<(Duration, Event)>,
}

impl Faults {
    async fn strike(self, world: Arc<World>) {
        for (way, later, trick) in self.tricks {
            world.relay.play(way, later, trick);
        }
        world.accounts.fail(&self.directory);
        let begun = tokio::time::Instant::now();
        let mut events = self.events;
        events.sort_by_key(|(at, _)| *at);
        for (at, event) in events {
            sleep_until(begun + at).await;
            world.clockwork.event();
            match event {
                Event::Kill(which) => world.kill(which),
                Event::Part => world.relay.part(true),
                Event::Join => world.relay.part(false),
                Event::Break => world.relay.break_all(),
                Event::Clock(Which::Service, by) => world.service_clock.store(by, Ordering::SeqCst),
                Event::Clock(Which::Agent, by) => world.agent_clock.store(by, Ordering::SeqCst),
                Event::Busy(time) => keep_the_database_busy(&world, time),
                Event::RotateKeys => world.rotate_keys(),
                Event::RotateLinkKey => rotate_link_key(&world),
                Event::OtherHand => {
                    world.accounts.other_hand("ben");
                    world.accounts.other_hand("cleo");
                }
            }
        }
    }
}

/// Once the database takes it.
fn rotate_link_key(world: &Arc<World>) {
    let world = Arc::clone(world);
    tokio::spawn(async move { until(|| world.rotate_link_key()).await });
}

/// Every connection for reading is taken for so long.
fn keep_the_database_busy(world: &Arc<World>, time: Duration) {
    for _ in 0..4 {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            let read = world.ask(move |service, _| async move {
                let read = service.store.read(move |_| {
                    Box::pin(async move {
                        sleep(time).await;
                        Ok::<_, StoreError>(())
                    })
                });
                let _ = read.await;
            });
            read.await
        });
    }
}

/// A tenant with one directory, an agent enrolled for it, its accounts known.
async fn introduce(world: &Arc<World>, host: &str) {
    let tenant = TenantRow {
        id: TENANT,
        host: host.to_owned(),
        name: "Example Ltd".to_owned(),
        accent: "#0b57d0".to_owned(),
        help: "{}".to_owned(),
        policy: Policy::default(),
    };
    let id = Bytes(vec![5; 16]);
    let (stored, now) = (id.0.clone(), Timestamp(START));
    until(|| {
        let (tenant, stored) = (tenant.clone(), stored.clone());
        let kind = DirectoryKind::Agent;
        world.ask(move |service, _| async move {
            let written = service.store.write(move |mut tx| {
                Box::pin(async move {
                    tx.add_tenant(&tenant, now).await?;
                    tx.add_directory(DIRECTORY, TENANT, "main", kind, now).await?;
                    let until = now.plus(Span::hours(1));
                    tx.add_enrolment_code(&stored, TENANT, DIRECTORY, false, until).await
                })
            });
            written.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        })
    })
    .await;
    let keys = Keys::new([7; 32]);
    let code = EnrolmentCode {
        secret: keys.hash(Purpose::Enrolment, &[&id.0]).to_vec().into(),
        id,
        link_key_fingerprint: fingerprint(keys.link_key(&[]).verifying_key().as_bytes()),
        origin: format!("http://{host}"),
    };
    let config = world.agent_config();
    let secrets = open_secrets(&config).unwrap();
    let mut rng = StdRng::seed_from_u64(9);
    let clock = world.agent_clock();
    let bring = Bring::Kept;
    Enrolment::make(&config, &code.to_text(), &secrets, bring, &clock, &mut rng).await.unwrap();
    world.is_enrolled.store(true, Ordering::SeqCst);
    until_ready(world).await;
    // Its accounts come after its greeting.
    sleep(Duration::from_secs(5)).await;
}

async fn until_ready(world: &Arc<World>) {
    until(|| async {
        let ready = world.ask(|service, _| async move { world::is_ready(&service) }).await;
        ready.filter(|ready| *ready)
    })
    .await;
}

pub(crate) async fn until<T, R: Future<Output = Option<T>>>(mut look: impl FnMut() -> R) -> T {
    loop {
        if let Some(found) = look().await {
            return found;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// The people ask, each for themselves.
async fn act(world: &Arc<World>, people: Vec<Person>, acts: Acts, seed: u64) -> Vec<Asked> {
    let [mut anna, mut ben, mut cleo] = <[Person; 3]>::try_from(people).ok().unwrap();
    let password = format!("Seeded-Passw0rd-{seed}");
    let both = async {
        let unlock = !matches!(acts, Acts::Reset | Acts::Change | Acts::ResetAndChange);
        let mut asked = Vec::new();
        if unlock {
            asked.extend(anna.unlock(world).await);
        }
        if acts == Acts::UnlockThenReset {
            asked.extend(anna.reset(world, &password).await);
        }
        asked
    };
    let bens = async {
        if matches!(acts, Acts::Reset | Acts::UnlockAndReset | Acts::ResetAndChange) {
            ben.reset(world, &password).await
        } else {
            None
        }
    };
    let cleos = async {
        if matches!(acts, Acts::Change | Acts::UnlockAndChange | Acts::ResetAndChange) {
            cleo.change(world, &password).await
        } else {
            None
        }
    };
    let (mut asked, bens, cleos) = tokio::join!(both, bens, cleos);
    asked.extend(bens);
    asked.extend(cleos);
    asked
}

/// Nothing goes wrong any more, and everything is up.
async fn heal(world: &Arc<World>) {
    world.service_clock.store(0, Ordering::SeqCst);
    world.agent_clock.store(0, Ordering::SeqCst);
    world.accounts.heal();
    world.relay.heal();
    // What is under way arrives, or never does.
    sleep(Duration::from_secs(31)).await;
}

/// Waits until every operation has an outcome, or none will come. A new link every minute makes
/// the service hand over again what is open.
async fn settle(world: &Arc<World>, asked: Vec<Asked>) -> Vec<Ended> {
    let mut ended = Vec::new();
    for round in 1..=40 {
        ended = until(|| look(world, &asked)).await;
        let is_open = |ended: &Ended| {
            use OperationState::{NotKnown, Sent, Waiting};
            matches!(ended.state, Waiting | Sent | NotKnown)
        };
        if !ended.iter().any(is_open) {
            break;
        }
        if round % 6 == 0 {
            world.relay.break_all();
        }
        sleep(Duration::from_secs(10)).await;
    }
    ended
}

async fn look(world: &Arc<World>, asked: &[Asked]) -> Option<Vec<Ended>> {
    let asked = asked.to_vec();
    let read = world.ask(move |service, _| async move {
        let mut ended = Vec::new();
        for asked in asked {
            let id = asked.operation;
            let read =
                service.store.read(move |mut tx| Box::pin(async move { tx.operation(id).await }));
            let row = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
            ended.extend(row.map(|row| Ended { asked, state: row.state, reason: row.reason }));
        }
        ended
    });
    read.await
}

async fn read_trail(world: &Arc<World>) -> Option<Vec<String>> {
    let read = world.ask(|service, _| async move {
        let read =
            service.store.read(|mut tx| Box::pin(async move { tx.audit_after(0, 10_000).await }));
        let rows = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        rows.into_iter().map(|row| row.event).collect()
    });
    read.await
}

/// In memory where there is such a place: what is tested is the order of writes, not the disk.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            fs::set_permissions(&to, entry.metadata().unwrap().permissions()).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
