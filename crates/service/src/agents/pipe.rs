//! A link over plain requests (`protocol::polling`): each pipe is a hint in this process's
//! memory, lost with it, and of bounded size. A text whose number is neither the next nor the
//! last one again breaks the pipe, and so does an acknowledgement of what was never sent.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{
    agent::MAX_FRAME,
    bytes::Bytes,
    polling::{Hear, MAX_WAIT_S, PIPE_BYTES, Say},
    problem::ProblemCode,
};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, timeout, timeout_at},
};

use super::{Came, LinkEnd, places::Place};
use crate::{flow::Refused, service::Service};

/// Texts that wait for the service, and for the agent to acknowledge them.
const WAITING: usize = 64;
/// How long a request waits for room in the pipe.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last texts of an ended pipe can still be heard.
const LINGERS: Duration = Duration::from_secs(5);
/// Most bytes of one answer, unless a single text is longer.
const MAX_ANSWER: usize = MAX_FRAME;

/// The pipes of this process.
#[derive(Default)]
pub(crate) struct Pipes(Mutex<HashMap<[u8; PIPE_BYTES], Arc<Pipe>>>);

pub(crate) struct Pipe {
    up: mpsc::Sender<Up>,
    state: Mutex<State>,
    /// A text waits for the agent, a later request waits in its place, or it has ended.
    wake: Notify,
    /// The agent has acknowledged something.
    room: Notify,
}

struct State {
    /// The number of the next text of the agent.
    next: u64,
    /// The hash of the one before.
    last: [u8; 32],
    /// The number of the first text that is not acknowledged.
    first: u64,
    down: VecDeque<String>,
    /// Which of the waiting requests is the latest.
    hearing: u64,
    has_ended: bool,
}

enum Up {
    Text(String),
    Life,
    Broken,
}

/// The service's end of a pipe. Ends it when dropped.
pub(crate) struct ServiceEnd {
    service: Arc<Service>,
    id: [u8; PIPE_BYTES],
    pipe: Arc<Pipe>,
    incoming: mpsc::Receiver<Up>,
    place: Option<Place>,
}

/// Opens a pipe. `place` is one of the few for links that have not proved themselves.
pub(crate) fn open(service: &Arc<Service>, place: Place) -> (Bytes, ServiceEnd) {
    let mut id = [0; PIPE_BYTES];
    service.rng().fill_bytes(&mut id);
    let (up, incoming) = mpsc::channel(WAITING);
    let pipe = Arc::new(Pipe {
        up,
        state: Mutex::new(State {
            next: 0,
            last: [0; 32],
            first: 0,
            down: VecDeque::new(),
            hearing: 0,
            has_ended: false,
        }),
        wake: Notify::new(),
        room: Notify::new(),
    });
    service.links.pipes.all().insert(id, Arc::clone(&pipe));
    let service = Arc::clone(service);
    (Bytes(id.to_vec()), ServiceEnd { service, id, pipe, incoming, place: Some(place) })
}

impl Pipes {
    /// The pipe of this name.
    ///
    /// # Errors
    /// [`ProblemCode::TokenUnknown`] when there is none, or not any more.
    pub(crate) fn find(&self, id: &Bytes) -> Result<Arc<Pipe>, Refused> {
        let unknown = || Refused::new(ProblemCode::TokenUnknown);
        let id = id.array::<PIPE_BYTES>().ok_or_else(unknown)?;
        self.all().get(&id).cloned().ok_or_else(unknown)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; PIPE_BYTES], Arc<Pipe>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipe {
    /// Takes a text of the agent in, once.
    ///
    /// # Errors
    /// [`Refused`]: broken, ended, or without room for now.
    pub(crate) async fn say(&self, said: Say) -> Result<(), Refused> {
        if said.text.len() > MAX_FRAME {
            return Err(Refused::new(ProblemCode::TooLarge));
        }
        let room = match timeout(PATIENCE, self.up.reserve()).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Err(Refused::new(ProblemCode::TokenUnknown)),
            Err(_) => return Err(Refused::busy()),
        };
        let hash: [u8; 32] = Sha256::digest(said.text.as_bytes()).into();
        let mut state = self.state();
        if said.number == state.next {
            state.next += 1;
            state.last = hash;
            room.send(Up::Text(said.text));
            return Ok(());
        }
        if state.next.checked_sub(1) == Some(said.number) && state.last == hash {
            // Its answer was lost.
            return Ok(());
        }
        room.send(Up::Broken);
        Err(Refused::new(ProblemCode::TokenUnknown))
    }

    /// The texts from `asked.from` on, as soon as there are any.
    ///
    /// # Errors
    /// [`Refused`]: broken or ended.
    pub(crate) async fn hear(&self, asked: &Hear) -> Result<Vec<String>, Refused> {
        let until = Instant::now() + Duration::from_secs(asked.wait_s.min(MAX_WAIT_S));
        let turn = self.acknowledge(asked.from)?;
        loop {
            let wake = self.wake.notified();
            {
                let state = self.state();
                if state.hearing != turn {
                    return Ok(Vec::new());
                }
                let texts = state.texts();
                if !texts.is_empty() {
                    return Ok(texts);
                }
                if state.has_ended {
                    return Err(Refused::new(ProblemCode::TokenUnknown));
                }
            }
            if timeout_at(until, wake).await.is_err() {
                return Ok(Vec::new());
            }
        }
    }

    fn acknowledge(&self, from: u64) -> Result<u64, Refused> {
        let mut state = self.state();
        let sent = state.first + state.down.len() as u64;
        if !(state.first..=sent).contains(&from) {
            // A full queue has something to be refused in it, or will be empty soon.
            let _ = self.up.try_send(Up::Broken);
            return Err(Refused::new(ProblemCode::TokenUnknown));
        }
        while state.first < from {
            state.down.pop_front();
            state.first += 1;
        }
        state.hearing += 1;
        // Whoever waited before waits for nothing now.
        self.wake.notify_waiters();
        self.room.notify_waiters();
        let _ = self.up.try_send(Up::Life);
        Ok(state.hearing)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn texts(&self) -> Vec<String> {
        let mut bytes = 0;
        let fits = |text: &&String| {
            let is_first = bytes == 0;
            bytes += text.len();
            is_first || bytes <= MAX_ANSWER
        };
        self.down.iter().take_while(fits).cloned().collect()
    }
}

impl ServiceEnd {
    /// What comes next.
    pub(super) async fn next(&mut self) -> Result<Came, LinkEnd> {
        match self.incoming.recv().await {
            Some(Up::Text(text)) => Ok(Came::Text(text)),
            Some(Up::Life) => Ok(Came::Life),
            Some(Up::Broken) => Err(LinkEnd::NotProved),
            None => Err(LinkEnd::Gone),
        }
    }

    /// Puts a text into the pipe, once there is room.
    pub(super) async fn send(&mut self, text: String) -> Result<(), LinkEnd> {
        loop {
            let room = self.pipe.room.notified();
            {
                let mut state = self.pipe.state();
                if state.down.len() < WAITING {
                    state.down.push_back(text);
                    self.pipe.wake.notify_waiters();
                    return Ok(());
                }
            }
            room.await;
        }
    }

    pub(super) fn is_proved(&mut self) {
        self.place = None;
    }
}

impl Drop for ServiceEnd {
    fn drop(&mut self) {
        self.pipe.state().has_ended = true;
        self.pipe.wake.notify_waiters();
        let (service, id, place) = (Arc::clone(&self.service), self.id, self.place.take());
        // The last words may still be on their way. Whoever proved nothing keeps its place.
        let forget = async move {
            tokio::time::sleep(LINGERS).await;
            service.links.pipes.all().remove(&id);
            drop(place);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(forget)),
            // The process ends, and its pipes with it.
            Err(_) => drop(forget),
        }
    }
}
