//! A link over plain requests (`protocol::polling`): one that waits for what comes, and one for
//! each text that goes. A request whose answer was lost is made again under the same number.

use std::time::Duration;

use protocol::{
    bytes::Bytes,
    polling::{Hear, Heard, MAX_WAIT_S, Opened, Said, Say},
};
use reqwest::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{LinkError, wire::Came};
use crate::way::Way;

/// How long a request may take beyond what it waits for.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// For so long a lost request is made again before the link counts as broken.
const PATIENCE: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_secs(1);
/// The shortest wait, where longer ones are cut on the way.
const SHORTEST_WAIT_S: u64 = 5;

/// Our end of a pipe.
pub(super) struct Polling {
    pipe: Pipe,
    said: u64,
    coming: mpsc::Receiver<Result<Came, LinkError>>,
    hearing: JoinHandle<()>,
}

impl Polling {
    /// Opens a pipe and begins to wait for what comes.
    pub(super) async fn open(way: &Way, origin: &str) -> Result<Self, LinkError> {
        let at = format!("{origin}/api/v1/agents/polling");
        let request = way.client().post(&at).timeout(ANSWER_LIMIT).send().await;
        let answer = request.map_err(|error| LinkError::Unreachable(way.words(&error)))?;
        if answer.status() != StatusCode::CREATED {
            return Err(LinkError::Refused(answer.status().as_u16()));
        }
        let opened: Opened = answer.json().await.map_err(|_| LinkError::Protocol("no pipe"))?;
        let pipe = Pipe { way: way.clone(), at, id: opened.pipe };
        let (tell, coming) = mpsc::channel(1);
        let hearing = tokio::spawn(hear(pipe.clone(), tell));
        Ok(Self { pipe, said: 0, coming, hearing })
    }

    /// What comes next. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Came, LinkError> {
        self.coming.recv().await.unwrap_or(Err(LinkError::Closed))
    }

    /// Says a text, again and again under its number until it is acknowledged.
    pub(super) async fn say(&mut self, text: String) -> Result<(), LinkError> {
        let said = Say { pipe: self.pipe.id.clone(), number: self.said, text };
        let until = Instant::now() + PATIENCE;
        loop {
            match self.pipe.post::<Said>("say", &said, Duration::ZERO).await {
                Ok(Said {}) => break,
                Err(error) if error.is_final() || Instant::now() >= until => return Err(error),
                Err(_) => sleep(PAUSE).await,
            }
        }
        self.said += 1;
        Ok(())
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.hearing.abort();
    }
}

#[derive(Clone)]
struct Pipe {
    way: Way,
    at: String,
    id: Bytes,
}

impl Pipe {
    async fn post<T: DeserializeOwned>(
        &self,
        call: &str,
        body: &impl Serialize,
        wait: Duration,
    ) -> Result<T, LinkError> {
        let request = self.way.client().post(format!("{}/{call}", self.at));
        let answer = request.timeout(wait + ANSWER_LIMIT).json(body).send().await;
        let answer = answer.map_err(|error| LinkError::Unreachable(self.way.words(&error)))?;
        match answer.status() {
            StatusCode::OK => {
                // Cut off in the middle: lost like any other.
                let read = answer.json().await;
                read.map_err(|error| LinkError::Unreachable(self.way.words(&error)))
            }
            StatusCode::UNAUTHORIZED => Err(LinkError::Closed),
            status => Err(LinkError::Refused(status.as_u16())),
        }
    }
}

/// Waits for what comes, hands it on in order, and acknowledges it with the next request.
async fn hear(pipe: Pipe, tell: mpsc::Sender<Result<Came, LinkError>>) {
    let mut asked = Hear { pipe: pipe.id.clone(), from: 0, wait_s: MAX_WAIT_S };
    let mut heard_at = Instant::now();
    loop {
        let wait = Duration::from_secs(asked.wait_s);
        let came = match pipe.post::<Heard>("hear", &asked, wait).await {
            Ok(heard) => {
                heard_at = Instant::now();
                asked.wait_s = (asked.wait_s + 1).min(MAX_WAIT_S);
                heard.texts
            }
            Err(error) if error.is_final() || heard_at.elapsed() > PATIENCE + wait => {
                let _ = tell.send(Err(error)).await;
                return;
            }
            Err(_) => {
                // Something on the way may cut whatever waits for long.
                asked.wait_s = (asked.wait_s / 2).max(SHORTEST_WAIT_S);
                sleep(PAUSE).await;
                continue;
            }
        };
        let life = came.is_empty().then_some(Came::Life);
        asked.from += came.len() as u64;
        for came in came.into_iter().map(Came::Text).chain(life) {
            if tell.send(Ok(came)).await.is_err() {
                return;
            }
        }
    }
}
