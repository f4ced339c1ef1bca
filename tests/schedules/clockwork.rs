//! Time, moved by hand for all parts at once, and parts that can end like a process: each is a
//! runtime on a thread of its own, and all its tasks are dropped when it ends.
//!
//! Time moves only when every part has nothing to do: first a little, then in longer steps, as
//! nothing happens. A timer may therefore fire late, never early.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
        mpsc::RecvTimeoutError,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, mpsc};

/// So long, in real time, nobody must wake before time moves: what the disk and a socket need.
const QUIET: Duration = Duration::from_micros(250);
/// The same after a long step: a thread that waits for its turn at a processor is not idle.
const LONG_QUIET: Duration = Duration::from_micros(800);
/// A thread that is woken later than this had to wait for a processor.
const STARVED: Duration = Duration::from_millis(2);
const SHORTEST_STEP: Duration = Duration::from_millis(20);
const LONGEST_STEP: Duration = Duration::from_millis(2500);

/// The one time of a world.
pub(crate) struct Clockwork {
    micros: AtomicI64,
    events: AtomicU64,
    threads: Mutex<Threads>,
    quiet: Condvar,
}

#[derive(Default)]
struct Threads {
    busy: usize,
    wakes: u64,
}

impl Clockwork {
    pub(crate) fn at(micros: i64) -> Arc<Self> {
        Arc::new(Self {
            micros: AtomicI64::new(micros),
            events: AtomicU64::new(0),
            threads: Mutex::default(),
            quiet: Condvar::new(),
        })
    }

    /// Microseconds since 1970.
    pub(crate) fn micros(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }

    /// Something happened: time goes on in short steps.
    pub(crate) fn event(&self) {
        self.events.fetch_add(1, Ordering::SeqCst);
    }

    fn woke(&self) {
        let mut threads = lock(&self.threads);
        threads.busy += 1;
        threads.wakes += 1;
    }

    fn slept(&self) {
        let mut threads = lock(&self.threads);
        threads.busy -= 1;
        if threads.busy == 0 {
            self.quiet.notify_all();
        }
    }

    /// Blocks until no part has anything to do.
    #[expect(clippy::disallowed_methods, reason = "how late a real thread is woken is real time")]
    pub(crate) fn wait_until_quiet(&self, long: bool) {
        let quiet = if long { LONG_QUIET } else { QUIET };
        let mut threads = lock(&self.threads);
        loop {
            while threads.busy > 0 {
                threads = self.quiet.wait(threads).unwrap_or_else(PoisonError::into_inner);
            }
            let wakes = threads.wakes;
            let waiting = Instant::now();
            threads =
                self.quiet.wait_timeout(threads, quiet).unwrap_or_else(PoisonError::into_inner).0;
            // Who is woken late is on a machine that has much to do: the database's own threads,
            // which nobody counts here, wait for it as well.
            let is_starved = waiting.elapsed() > quiet + STARVED;
            if threads.busy == 0 && threads.wakes == wakes && !is_starved {
                return;
            }
        }
    }
}

/// How far time moves next.
pub(crate) struct Steps {
    next: Duration,
    events: u64,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { next: SHORTEST_STEP, events: 0 }
    }

    /// Whether the next step is long enough to end somebody's patience.
    pub(crate) fn is_long(&self) -> bool {
        self.next > Duration::from_millis(500)
    }

    /// Moves the time of the world and of all its living parts.
    pub(crate) fn step(&mut self, clockwork: &Clockwork, parts: &[&Part]) {
        let events = clockwork.events.load(Ordering::SeqCst);
        let is_still = events == self.events;
        self.events = events;
        self.next = if is_still { (self.next * 3 / 2).min(LONGEST_STEP) } else { SHORTEST_STEP };
        let micros = i64::try_from(self.next.as_micros()).unwrap();
        clockwork.micros.fetch_add(micros, Ordering::SeqCst);
        for part in parts {
            // A part that ends just now needs no time.
            let _ = part.steps.send(self.next);
        }
    }
}

/// A running part.
pub(crate) struct Part {
    pub(crate) plan: Arc<PartPlan>,
    steps: mpsc::UnboundedSender<Duration>,
    thread: JoinHandle<Option<String>>,
}

impl Part {
    /// Starts a part on files that its `main` knows. It ends when `main` does, or its plan says.
    pub(crate) fn start<F>(
        name: &str,
        clockwork: &Arc<Clockwork>,
        plan: Arc<PartPlan>,
        main: impl FnOnce() -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = String>,
    {
        let (steps, coming) = mpsc::unbounded_channel();
        clockwork.woke();
        let (of_thread, clockwork) = (Arc::clone(&plan), Arc::clone(clockwork));
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _points = fail_points::Handle::with(of_thread.clone()).enter();
                let _awake = Awake(Arc::clone(&clockwork));
                live(&clockwork, &of_thread, coming, main)
            })
            .unwrap();
        Self { plan, steps, thread }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the last thread of an ended part. What its `main` said; `None` after a crash.
    pub(crate) fn bury(self) -> Option<String> {
        let said = self.thread.join();
        self.plan.wait_for_threads();
        said.unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    }
}

struct Awake(Arc<Clockwork>);

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.slept();
    }
}

fn live<F: Future<Output = String>>(
    clockwork: &Arc<Clockwork>,
    plan: &Arc<PartPlan>,
    mut steps: mpsc::UnboundedReceiver<Duration>,
    main: impl FnOnce() -> F,
) -> Option<String> {
    let (parks, unparks) = (Arc::clone(clockwork), Arc::clone(clockwork));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .on_thread_park(move || parks.slept())
        .on_thread_unpark(move || unparks.woke())
        .build()
        .unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let said = runtime.block_on(async {
        // While a blocking task runs, time does not move by itself.
        tokio::task::spawn_blocking(move || {
            while held.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {}
        });
        tokio::spawn(async move {
            while let Some(step) = steps.recv().await {
                tokio::time::advance(step).await;
            }
        });
        tokio::select! {
            biased;
            () = plan.end.notified() => None,
            said = main() => Some(said),
        }
    });
    plan.is_gone();
    drop(release);
    drop(runtime);
    said
}

/// What happens to a part at its points. Told by the schedule, one plan for each life.
pub(crate) struct PartPlan {
    decide: Box<dyn Fn(&'static str) -> Next + Send + Sync>,
    end: Notify,
    state: Mutex<PlanState>,
    changed: Condvar,
}

#[derive(Default)]
struct PlanState {
    gone: bool,
    threads: usize,
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Go,
    /// It takes so long.
    Wait(Duration),
    /// The part ends here.
    End,
    /// The disk refuses.
    Fail(io::ErrorKind),
}

impl PartPlan {
    pub(crate) fn new(decide: impl Fn(&'static str) -> Next + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            decide: Box::new(decide),
            end: Notify::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Ends the part now, wherever it is.
    pub(crate) fn kill(&self) {
        self.end.notify_one();
    }

    fn is_gone(&self) {
        lock(&self.state).gone = true;
        self.changed.notify_all();
    }

    fn wait_for_threads(&self) {
        let state = lock(&self.state);
        let gone = self.changed.wait_while(state, |state| state.threads > 0);
        drop(gone);
    }

    fn wait_until_gone(&self) {
        let state = lock(&self.state);
        let gone = self.changed.wait_while(state, |state| !state.gone);
        drop(gone);
    }
}

impl fail_points::Plan for PartPlan {
    fn point(&self, name: &'static str) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match (self.decide)(name) {
            Next::Go | Next::Fail(_) => Box::pin(std::future::ready(())),
            Next::Wait(time) => Box::pin(tokio::time::sleep(time)),
            Next::End => {
                self.kill();
                Box::pin(std::future::pending())
            }
        }
    }

    fn io(&self, name: &'static str) -> io::Result<()> {
        match (self.decide)(name) {
            Next::Go | Next::Wait(_) => Ok(()),
            Next::Fail(kind) => Err(kind.into()),
            Next::End => {
                self.kill();
                self.wait_until_gone();
                std::panic::resume_unwind(Box::new("the part has ended"))
            }
        }
    }

    fn thread(&self, began: bool) {
        let mut state = lock(&self.state);
        if began {
            state.threads += 1;
        } else {
            state.threads -= 1;
            self.changed.notify_all();
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
