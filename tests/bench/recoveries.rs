//! How many complete unlock recoveries the service carries a second, against what the disk
//! carries in bare commits, in turns.
//!
//! The service runs in this process, behind its real HTTP server on a real port: so its mail can
//! be left out (the figure is without message delivery) while everything else stays. In place
//! of the sender a task takes messages out of the outbox as the sender does, opens them with
//! the service's keys, and marks them sent.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use rand::{SeedableRng as _, rngs::StdRng};
use recovery::{Address, AddressKind, Policy};
use regain_service::{
    Service,
    clock::{Clock as _, SystemClock},
    config::{
        BotCheckConfig, Config, HttpConfig, LimitsConfig, MailConfig, MailEncryption, ServiceConfig,
    },
    flow::{Message, Token},
    http, jobs,
    keys::Keys,
};
use serde_json::{Value, json};
use sqlx::{
    ConnectOptions as _, Executor as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use store::{DirectoryKind, EmbeddedRow, NewAccount, Store, StoreError, TenantRow};
use tests::lab::{run_folder::RunFolder, wait::Stopwatch};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    REPETITIONS, client,
    load::Connection,
    median, ms,
    report::{Budget, Report, say},
};

/// People at once.
const PARALLEL: usize = 50;
/// Recoveries in one turn, and the commits of the turn before it.
const RECOVERIES: usize = 200;
const COMMITS: usize = 500;
/// Not counted.
const WARM_UP: usize = 2;
const TENANT: Uuid = Uuid::from_u128(0x7e);
const DIRECTORY: Uuid = Uuid::from_u128(0xd1);

/// Measures and adds the figures.
///
/// # Errors
/// When a recovery does not come to its end.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    say("Recoveries a second (about 1 minute) ...");
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(measure_in_turns(report))
}

async fn measure_in_turns(report: &mut Report) -> Result<()> {
    let folder = RunFolder::new("recoveries")?;
    let mut raw = Raw::open(&folder.join("raw.db")).await?;
    let under_load = UnderLoad::start(&folder).await?;
    let (mut ratios, mut recoveries, mut commits) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..WARM_UP + REPETITIONS {
        let committed = raw.commit(COMMITS).await?;
        let recovered = under_load.recover(turn, turn >= WARM_UP).await?;
        if turn >= WARM_UP {
            commits.push(committed);
            recoveries.push(recovered);
            ratios.push(recovered / committed);
        }
    }
    let calls = under_load.calls();
    report.add("service.recoveries_ratio", median(&ratios), "x", Budget::AtLeast(0.025));
    report.add("service.call_p99_ms", worst_p99(&calls), "ms", Budget::AtMost(100.0));
    report.note(format!(
        "service.recoveries_ratio: {:.0} recoveries a second ({PARALLEL} in parallel, five calls \
         each on a connection of its own: start, begin, code, act, finish) / {:.0} commits a \
         second (one writer, 200-byte rows, synchronous=FULL); median of {REPETITIONS} turns of \
         {RECOVERIES} and {COMMITS}; a bot check of one round; codes taken out of the outbox with \
         the service's keys",
        median(&recoveries),
        median(&commits)
    ));
    report.note(format!(
        "service.call_p99_ms: the slowest call's; {}",
        calls
            .iter()
            .map(|(name, times)| format!("{name} {:.0} (median {:.0})", p99(times), median(times)))
            .collect::<Vec<_>>()
            .join(", ")
    ));
    Ok(())
}

/// Milliseconds by call.
type Calls = Vec<(&'static str, Vec<f64>)>;

fn p99(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn worst_p99(calls: &Calls) -> f64 {
    calls.iter().map(|(_, times)| p99(times)).fold(0.0, f64::max)
}

/// Bare commits.
struct Raw(SqliteConnection);

impl Raw {
    async fn open(file: &Path) -> Result<Self> {
        let mut connection = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging()
            .connect()
            .await?;
        connection
            .execute("CREATE TABLE row (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
            .await?;
        Ok(Self(connection))
    }

    /// Commits a second.
    async fn commit(&mut self, count: usize) -> Result<f64> {
        let watch = Stopwatch::start();
        for _ in 0..count {
            sqlx::query("INSERT INTO row (bytes) VALUES ($1)")
                .bind(&[0x5a_u8; 200][..])
                .execute(&mut self.0)
                .await?;
        }
        Ok(count as f64 / watch.elapsed().as_secs_f64())
    }
}

/// A service and the people who are locked out of it.
struct UnderLoad {
    port: u16,
    codes: Arc<Codes>,
    calls: Arc<Mutex<Calls>>,
}

impl UnderLoad {
    async fn start(folder: &RunFolder) -> Result<Self> {
        let service = service(folder).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        populate(&service, format!("localhost:{port}")).await?;
        let router = http::router(&service);
        tokio::spawn(async move {
            let router = router.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, router).await
        });
        let codes = Arc::new(Codes::default());
        tokio::spawn(take_out(Arc::clone(&service), Arc::clone(&codes)));
        // The audit trail is chained meanwhile, as in life.
        tokio::spawn(async move {
            loop {
                if jobs::seal(&service).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let calls = ["start", "begin", "code", "act", "finish"].map(|name| (name, Vec::new()));
        Ok(Self { port, codes, calls: Arc::new(Mutex::new(calls.to_vec())) })
    }

    /// One turn; recoveries a second.
    async fn recover(&self, turn: usize, counts: bool) -> Result<f64> {
        let next = Arc::new(AtomicUsize::new(0));
        let watch = Stopwatch::start();
        let people: Vec<_> = (0..PARALLEL)
            .map(|_| {
                let (next, codes) = (Arc::clone(&next), Arc::clone(&self.codes));
                let port = self.port;
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= RECOVERIES {
                            return anyhow::Ok(times);
                        }
                        let user_id = user_id(turn * RECOVERIES + number);
                        times.push(recover(port, &codes, &user_id).await?);
                    }
                })
            })
            .collect();
        let mut all = Vec::with_capacity(RECOVERIES);
        for person in people {
            all.extend(person.await??);
        }
        let took = watch.elapsed();
        if counts {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            for times in all {
                for ((_, known), time) in calls.iter_mut().zip(times) {
                    known.push(ms(time));
                }
            }
        }
        Ok(RECOVERIES as f64 / took.as_secs_f64())
    }

    fn calls(&self) -> Calls {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.clone()
    }
}

/// One person's whole way; the time of each call.
async fn recover(port: u16, codes: &Codes, user_id: &str) -> Result<[Duration; 5]> {
    let mut connection = Connection::open(port).await?;
    let watch = Stopwatch::start();
    let start = connection.get("/start", "").await?;
    let started = watch.elapsed();
    let body = client::beginning(&start, user_id)?;
    let mut keys = (0..).map(|call| format!("bench-{call}-{user_id}").replace(['@', '.'], "-"));
    let mut step = async |path: &'static str, token: &str, body: Value| {
        let key = keys.next().context("no key")?;
        let watch = Stopwatch::start();
        let answer = connection.post(path, token, &key, &body).await?;
        let took = watch.elapsed();
        let token = answer["token"].as_str().context("no token")?.to_owned();
        let stage = answer["view"]["stage"]["name"].as_str().unwrap_or_default().to_owned();
        anyhow::Ok((token, stage, took))
    };
    let (token, _, begun) = step("/recoveries", "", body).await?;
    let recovery = Token::parse(&token).context("no token")?.recovery;
    let code = codes.of(recovery).await;
    let (token, stage, entered) = step("/recovery/code", &token, json!({ "code": code })).await?;
    anyhow::ensure!(stage == "choice", "after the code: {stage}");
    let (token, stage, unlocked) =
        step("/recovery/act", &token, json!({ "act": "unlock" })).await?;
    anyhow::ensure!(stage == "done", "after the unlock: {stage}");
    let (_, _, finished) = step("/recovery/cancel", &token, json!({})).await?;
    Ok([started, begun, entered, unlocked, finished])
}

/// Codes that were sent, until somebody enters them.
#[derive(Default)]
struct Codes {
    sent: Mutex<HashMap<Uuid, String>>,
    more: Notify,
}

impl Codes {
    async fn of(&self, recovery: Uuid) -> String {
        loop {
            let more = self.more.notified();
            tokio::pin!(more);
            more.as_mut().enable();
            if let Some(code) = self.lock().remove(&recovery) {
                return code;
            }
            more.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, String>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sender's part without the sending.
async fn take_out(service: Arc<Service>, codes: Arc<Codes>) -> Result<(), StoreError> {
    loop {
        let now = service.now();
        let due = service
            .store
            .write(move |mut tx| {
                Box::pin(async move {
                    let due = tx.take_due(128, now).await?;
                    for row in &due {
                        tx.sent(row).await?;
                    }
                    Ok::<_, StoreError>(due)
                })
            })
            .await?;
        if due.is_empty() {
            service.outbox_filled.notified().await;
            continue;
        }
        for row in due {
            let opened = service.keys.open_payload(&row.payload);
            let message = opened.and_then(|plain| serde_json::from_slice::<Message>(&plain).ok());
            if let (Some(recovery), Some(code)) =
                (row.recovery, message.and_then(|m| m.code.clone()))
            {
                codes.lock().insert(recovery, code);
            }
        }
        codes.more.notify_waiters();
    }
}

async fn service(folder: &RunFolder) -> Result<Arc<Service>> {
    let store = Store::open(&folder.join("regain.db")).await?;
    let config = Config {
        service: ServiceConfig {
            data_dir: folder.path().to_owned(),
            master_key_file: PathBuf::new(),
        },
        http: HttpConfig { listen: "127.0.0.1:0".parse()?, tls: None, trusted_proxies: Vec::new() },
        mail: MailConfig {
            host: "localhost".to_owned(),
            port: 1,
            encryption: MailEncryption::None,
            from: "IT <it@example.org>".to_owned(),
            user: None,
            password_file: None,
        },
        bot_check: BotCheckConfig { rounds: 1 },
        limits: LimitsConfig {
            begins_per_source_per_hour: u32::MAX,
            reports_per_source_per_hour: u32::MAX,
        },
    };
    Service::new(config, store, Keys::new([7; 32]), Arc::new(SystemClock), StdRng::seed_from_u64(3))
}

/// The tenant and everybody who will be locked out: nobody signs in here, so all share one
/// hash, which is none.
async fn populate(service: &Arc<Service>, host: String) -> Result<()> {
    let now = SystemClock.now();
    let tenant = TenantRow {
        id: TENANT,
        host,
        name: "Northwind Clinic".to_owned(),
        accent: "#0b57d0".to_owned(),
        help: "{}".to_owned(),
        policy: Policy::default(),
    };
    let added = service.store.write(move |mut tx| {
        Box::pin(async move {
            tx.add_tenant(&tenant, now).await?;
            let kind = DirectoryKind::Embedded;
            tx.add_directory(DIRECTORY, TENANT, "main", kind, now).await?;
            for number in 0..(WARM_UP + REPETITIONS) * RECOVERIES {
                let user_id = user_id(number);
                let listed = NewAccount {
                    external_id: &user_id,
                    display_name: "Anna Berg",
                    names: std::slice::from_ref(&user_id),
                    enabled: true,
                    ..NewAccount::default()
                };
                let id = Uuid::from_u128(0xacc0_0000_0000 + number as u128);
                tx.put_account((TENANT, DIRECTORY), id, &listed, 0).await?;
                let address = Address::first(&user_id, now);
                tx.put_address(id, AddressKind::Email, &address).await?;
                tx.add_embedded(&EmbeddedRow {
                    account: id,
                    password_hash: String::new(),
                    wrong: 0,
                    locked_at: None,
                    must_change: false,
                    signed_in_at: Some(now),
                    password_set_at: now,
                    key_version: 1,
                })
                .await?;
                tx.embedded_lock(id, now).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    added.await.map_err(Into::into)
}

fn user_id(number: usize) -> String {
    format!("person{number}@demo.example")
}
