//! What one whole unlock costs on the wire: the app's own controller and client, a fresh
//! connection, the real service behind TLS, and between them a relay that only counts.
//!
//! The controller decides which calls are made; this file presses the buttons, and never asks
//! while the mail is awaited. Calls cannot be counted through TLS, so the same way is gone once
//! more over plain HTTP, where the relay counts request lines.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};
use protocol::api::{Act, Draws, Reason, Stage};
use regain::{
    AnyView, Controller, Mode, Patience, Policy, Refusal, Started, Typed, system_randomness,
};
use regain_service::clock::{Clock as _, SystemClock};
use tests::lab::smtp::Mailbox;

use crate::{
    REPETITIONS, median,
    report::{Budget, Report, say},
    tls::TlsService,
};

/// Measures both and adds the figures.
///
/// # Errors
/// When an unlock does not come to its end.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    say("One unlock on the wire (about 30 seconds) ...");
    let mailbox = Mailbox::start()?;
    let sealed = walk(&mailbox, true, REPETITIONS)?;
    let open = walk(&mailbox, false, 1)?;
    let of = |count: fn(&Counted) -> u64| -> f64 {
        median(&sealed.iter().map(|run| count(run) as f64).collect::<Vec<_>>())
    };
    let kb = of(|run| run.up + run.down) / 1e3;
    let exchanges = open.first().map_or(0, |run| run.requests);
    report.add("wire.unlock_kb", kb, "kB", Budget::AtMost(20.0));
    report.add("wire.unlock_exchanges", exchanges as f64, "exchanges", Budget::AtMost(8.0));
    report.note(format!(
        "wire.unlock_kb: {:.1} kB up + {:.1} kB down, median of {REPETITIONS}; the app's \
         controller over one fresh TLS 1.3 connection (post-quantum key exchange, two \
         certificates), from start to Finish, without TCP/IP headers",
        of(|run| run.up) / 1e3,
        of(|run| run.down) / 1e3
    ));
    report.note(
        "wire.unlock_exchanges: requests of the same way over plain HTTP; none is made while \
         the mail is awaited"
            .to_owned(),
    );
    Ok(())
}

/// What went through the relay in one recovery.
struct Counted {
    up: u64,
    down: u64,
    requests: u64,
}

fn walk(mailbox: &Mailbox, encrypted: bool, people: usize) -> Result<Vec<Counted>> {
    let service = TlsService::start(mailbox, encrypted)?;
    let relay = Relay::start(service.port)?;
    let host = format!("localhost:{}", relay.port);
    service.create_tenant(&host)?;
    let scheme = if encrypted { "https" } else { "http" };
    let policy = Policy::load(Some(&service.policy(&format!("{scheme}://{host}"), encrypted)?))?;
    let mut counted = Vec::with_capacity(people);
    for person in 0..people {
        let user_id = format!("person{person}.{scheme}@mail.example");
        service.add_locked(&host, &user_id)?;
        let before = relay.read();
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?
            .block_on(unlock(policy.clone(), mailbox, &user_id))?;
        // The runtime is gone, and with it the connection.
        let after = relay.read();
        ensure!(
            !encrypted || after.connections == before.connections + 1,
            "more than one connection was opened"
        );
        counted.push(Counted {
            up: after.up - before.up,
            down: after.down - before.down,
            requests: after.requests - before.requests,
        });
    }
    Ok(counted)
}

/// A locked-out person's way through the app, from its start to "Finish".
async fn unlock(policy: Policy, mailbox: &Mailbox, user_id: &str) -> Result<()> {
    let clock = Arc::new(|| SystemClock.now().0 / 1_000_000);
    let app =
        Controller::new(policy, Mode::Desktop, Patience::default(), clock, system_randomness()?);
    if let Started::Unreachable { why, .. } = app.start().await {
        bail!("the service cannot be reached: {why:?}");
    }
    let begun = app.begin(user_id, Reason::CantSignIn, "en".to_owned(), Draws::everything()).await;
    stage(begun)?;
    let code = mailbox.wait_for_newest_code(user_id)?;
    let mut view = app.enter_code(&Typed::new(code)).await;
    while !matches!(stage(view.clone())?, Stage::Choice { .. }) {
        view = app.watch(stage_revision(&view)?).await;
    }
    view = app.choose_act(Act::Unlock).await;
    while !matches!(stage(view.clone())?, Stage::Done { .. }) {
        view = app.watch(stage_revision(&view)?).await;
    }
    stage(app.cancel().await).map(drop)
}

fn stage(view: Result<AnyView, Refusal>) -> Result<Stage> {
    let view = view.map_err(|refusal| anyhow::anyhow!("refused: {refusal:?}"))?;
    let known = view.known().context("a view of another version")?;
    Ok(known.stage.clone())
}

fn stage_revision(view: &Result<AnyView, Refusal>) -> Result<u64> {
    view.as_ref().map(AnyView::revision).map_err(|refusal| anyhow::anyhow!("refused: {refusal:?}"))
}

/// Hands on every byte, and counts them.
struct Relay {
    port: u16,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    requests: AtomicU64,
}

struct Reading {
    connections: u64,
    up: u64,
    down: u64,
    requests: u64,
}

impl Relay {
    fn start(to: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let counters = Arc::new(Counters::default());
        let counting = Arc::clone(&counters);
        // Ends with the process: it waits for connections, and holds nothing but the port.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else {
                    continue;
                };
                counting.connections.fetch_add(1, Ordering::SeqCst);
                if let (Ok(client_2), Ok(server_2)) = (client.try_clone(), server.try_clone()) {
                    let (up, down) = (Arc::clone(&counting), Arc::clone(&counting));
                    thread::spawn(move || hand_on(client, server, &up, true));
                    thread::spawn(move || hand_on(server_2, client_2, &down, false));
                }
            }
        });
        Ok(Self { port, counters })
    }

    fn read(&self) -> Reading {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Reading {
            connections: read(&self.counters.connections),
            up: read(&self.counters.up),
            down: read(&self.counters.down),
            requests: read(&self.counters.requests),
        }
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, counters: &Counters, up: bool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let passed = bytes.get(..count).unwrap_or_default();
        let bytes_of = if up { &counters.up } else { &counters.down };
        bytes_of.fetch_add(count as u64, Ordering::SeqCst);
        if up {
            // A client without pipelining sends each request at once, its line first.
            let requests = passed.windows(11).filter(|text| text == b" HTTP/1.1\r\n");
            counters.requests.fetch_add(requests.count() as u64, Ordering::SeqCst);
        }
        if to.write_all(passed).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
