//! The app's end of the frames between the host and the app that it started
//! (`protocol::host::app`), over the two pipes that it inherits as standard input and output.
//! Knows no window and no flow: it asks, tells, and says when the host wants an end.
//!
//! One question at a time: the others wait their turn here. A reader thread takes what the host
//! says. A pipe that ends means the same as a cancel: nobody waits for this app any more.
//!
//! Long: one conversation; what is asked, answered and kept back is read best together.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use protocol::host::{
    self, Exactly, Few, Text,
    app::{Ask, Cause, Ending, Hello, KeyRefused, Look, NotKept, NotSigned, Part, Pc, Slot, Tell},
    statement::{Fact, Signed, Wanted},
    tile::{Answer, View},
};
use tokio::sync::{mpsc, oneshot, watch};

/// The host ends an app that is told to end after two seconds; before that it does so itself.
const TIME_TO_LEAVE: Duration = Duration::from_millis(1_800);

/// Answers that wait to be looked at: a view has one, and one to a view before it may cross.
const ANSWERS: usize = 4;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody says hello: the app was not started by the host.
    #[error("the host did not say hello: `--host` is for the host alone")]
    NoHello,
    /// What came is no frame, or the pipe broke.
    #[error("the host's first word: {0}")]
    Pipe(#[from] io::Error),
}

/// Why a question has no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The host is gone or wants an end.
    #[error("the host does not answer any more")]
    Gone,
    /// It answered something else.
    #[error("the host answered something else")]
    Unexpected,
    /// It did not sign.
    #[error("the host did not sign: {0:?}")]
    NotSigned(NotSigned),
    /// It did not keep it.
    #[error("the host did not keep it: {0:?}")]
    NotKept(NotKept),
}

/// Why the app is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The host said so.
    Cancelled(Cause),
    /// The host is gone.
    HostGone,
}

/// The link, shared by all who use it.
#[derive(Clone)]
pub struct HostLink(Arc<Link>);

struct Link {
    questions: Mutex<Questions>,
    writer: Mutex<Box<dyn Write + Send>>,
    stop: watch::Sender<Option<Stop>>,
    answers: tokio::sync::Mutex<mpsc::Receiver<Answer>>,
    /// Held while something that goes in parts is on its way.
    parts: tokio::sync::Mutex<()>,
    is_ready: watch::Sender<bool>,
    /// The person leaves: what is asked for them is not waited for any more.
    is_leaving: AtomicBool,
    has_ended: AtomicBool,
}

#[derive(Default)]
struct Questions {
    /// The one that the host is answering.
    asked: Option<Asked>,
    waiting: VecDeque<(Ask, oneshot::Sender<Tell>)>,
}

struct Asked {
    answer: oneshot::Sender<Tell>,
    /// The host answers it even while it waits for the end.
    answered_late: bool,
}

impl HostLink {
    /// Takes standard input and output over and waits for the host's hello. From then on nobody
    /// else reads or writes there, and no process that is started has these pipes.
    ///
    /// # Errors
    /// [`OpenError`]; the app must not run then.
    pub fn open() -> Result<(Self, Hello), OpenError> {
        let (reader, writer) = standard_pipes()?;
        Self::over(reader, writer)
    }

    /// The same over any two pipes.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn over(
        mut reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
    ) -> Result<(Self, Hello), OpenError> {
        let hello = match host::read_from::<Tell>(&mut reader)? {
            Some(Tell::Hello(hello)) => hello,
            Some(_) | None => return Err(OpenError::NoHello),
        };
        let (tell, answers) = mpsc::channel(ANSWERS);
        let link = Self(Arc::new(Link {
            questions: Mutex::default(),
            writer: Mutex::new(Box::new(writer)),
            stop: watch::Sender::new(None),
            answers: tokio::sync::Mutex::new(answers),
            parts: tokio::sync::Mutex::new(()),
            is_ready: watch::Sender::new(false),
            is_leaving: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }));
        let hears = Arc::clone(&link.0);
        thread::spawn(move || hears.hear(reader, &tell));
        Ok((link, hello))
    }

    /// Ends the process in time once the host wants an end, whatever it hangs in. Without this
    /// the host ends it, a moment later.
    pub fn leave_in_time(&self) {
        let mut stop = self.0.stop.subscribe();
        thread::spawn(move || {
            let wanted = tokio::runtime::Builder::new_current_thread().build();
            let Ok(runtime) = wanted else { return };
            if runtime.block_on(stop.wait_for(Option::is_some)).is_ok() {
                thread::sleep(TIME_TO_LEAVE);
                std::process::exit(0);
            }
        });
    }

    /// Waits until the host wants an end.
    pub async fn stopped(&self) -> Stop {
        let mut stop = self.0.stop.subscribe();
        let wanted = stop.wait_for(Option::is_some).await;
        wanted.ok().and_then(|stop| *stop).unwrap_or(Stop::HostGone)
    }

    /// Whether the host wants an end.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.borrow().is_some()
    }

    /// The next answer to a view; none once the host wants an end.
    pub async fn answer(&self) -> Option<Answer> {
        let mut answers = self.0.answers.lock().await;
        tokio::select! {
            biased;
            _ = self.stopped() => None,
            answer = answers.recv() => answer,
        }
    }

    /// The first page is drawn, or without a window: the app can go on. Said once, however often
    /// a page is drawn anew.
    pub fn ready(&self) {
        self.0.is_ready.send_if_modified(|is_ready| {
            if !*is_ready {
                // Before anybody who waits for it goes on.
                self.tell(&Ask::Ready);
            }
            !std::mem::replace(is_ready, true)
        });
    }

    /// The person did something. At most every ten seconds; nothing before the app is ready.
    pub fn present(&self) {
        if *self.0.is_ready.borrow() {
            self.tell(&Ask::Present);
        }
    }

    /// What happens now, for the tile, as much of it as fits.
    pub fn status(&self, words: &str) {
        self.tell(&Ask::Status(Text::cut(words)));
    }

    /// Draws this in the tile. In `tile` mode alone.
    pub fn view(&self, view: View) {
        self.tell(&Ask::View(view));
    }

    /// Nothing is told behind the last word.
    fn tell(&self, ask: &Ask) {
        if !self.0.has_ended.load(Ordering::Acquire) {
            self.0.say(ask);
        }
    }

    /// The person leaves: only what is to be forgotten goes to the host yet, before whatever it
    /// is still asked.
    pub fn leave(&self) {
        let mut questions = locked(&self.0.questions);
        self.0.is_leaving.store(true, Ordering::Release);
        questions.waiting.retain(|(ask, _)| matches!(ask, Ask::Delete(_)));
        if questions.asked.as_ref().is_some_and(|asked| !asked.answered_late) {
            self.0.ask_next(&mut questions);
        }
    }

    /// How it ended: the last word, and said once.
    pub fn end(&self, ending: Ending) {
        if !self.0.has_ended.swap(true, Ordering::AcqRel) {
            self.0.say(&Ask::Outcome(ending));
            self.0.say(&Ask::End);
        }
    }

    /// That this app, which made `run_key` (Ed25519), runs on this device.
    ///
    /// # Errors
    /// [`LinkError::NotSigned`] where the device has no key; the app goes on without.
    pub async fn sign(&self, nonce: [u8; 32], run_key: [u8; 32]) -> Result<Signed, LinkError> {
        let (nonce, run_key) = (Exactly(nonce), Exactly(run_key));
        self.signed(Wanted::Assertion { nonce, run_key }).await
    }

    /// What was found on this PC, for the service. In `report` mode alone.
    ///
    /// # Errors
    /// [`LinkError::NotSigned`] where the device has no key.
    pub async fn sign_readiness(&self, nonce: [u8; 32]) -> Result<Signed, LinkError> {
        self.signed(Wanted::Readiness { nonce: Exactly(nonce) }).await
    }

    async fn signed(&self, wanted: Wanted) -> Result<Signed, LinkError> {
        let answer = self.ask(Ask::Sign(wanted)).await?;
        if let Tell::NotSigned(reason) = answer {
            return Err(LinkError::NotSigned(reason));
        }
        if let Tell::Signed(signed) = answer { Ok(signed) } else { Err(unexpected(&answer)) }
    }

    /// What was kept in this slot, if anything.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn get(&self, slot: Slot) -> Result<Option<Vec<u8>>, LinkError> {
        let _one = self.0.parts.lock().await;
        let mut whole = Vec::new();
        let mut number = 0;
        loop {
            let answer = self.ask(Ask::Get { slot, part: number }).await?;
            if matches!(answer, Tell::Nothing) && number == 0 {
                return Ok(None);
            }
            let Tell::Part(part) = answer else { return Err(unexpected(&answer)) };
            let fits = whole.len() + part.bytes.as_slice().len() <= slot.most();
            if part.part != number || part.of <= number || !fits {
                return Err(LinkError::Unexpected);
            }
            whole.extend_from_slice(part.bytes.as_slice());
            number += 1;
            if number == part.of {
                return Ok(Some(whole));
            }
        }
    }

    /// Keeps this in a slot, whole or not at all.
    ///
    /// # Errors
    /// [`LinkError::NotKept`] when it is too long or the disk refuses.
    pub async fn put(&self, slot: Slot, bytes: &[u8]) -> Result<(), LinkError> {
        let too_long = LinkError::NotKept(NotKept::Size);
        if bytes.len() > slot.most() {
            return Err(too_long);
        }
        let _one = self.0.parts.lock().await;
        for part in Part::cut(bytes).ok_or(too_long)? {
            self.kept(Ask::Put { slot, part }).await?;
        }
        Ok(())
    }

    /// Forgets what is in a slot.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn delete(&self, slot: Slot) -> Result<(), LinkError> {
        self.kept(Ask::Delete(slot)).await
    }

    /// How the tile shall look. In `report` mode alone.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn look(&self, look: Look) -> Result<(), LinkError> {
        self.kept(Ask::Look(look)).await
    }

    /// The service took the report. In `report` mode alone.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn reported(&self, device: [u8; 16]) -> Result<(), LinkError> {
        self.kept(Ask::Reported { device: Exactly(device) }).await
    }

    /// The service does not take the device's key. In `report` mode alone.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn key_refused(&self, why: KeyRefused) -> Result<(), LinkError> {
        self.kept(Ask::KeyRefused(why)).await
    }

    async fn kept(&self, ask: Ask) -> Result<(), LinkError> {
        let answer = self.ask(ask).await?;
        if let Tell::NotKept(reason) = answer {
            return Err(LinkError::NotKept(reason));
        }
        if matches!(answer, Tell::Kept) { Ok(()) } else { Err(unexpected(&answer)) }
    }

    /// What this PC can do now. Takes up to ten seconds far from the organisation's network.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn pc(&self) -> Result<Pc, LinkError> {
        self.told_pc(Ask::Pc).await
    }

    /// The same after an attempt to reach the organisation's network; takes up to a minute. Not
    /// before the app is ready: the host starts nothing for a window that nobody sees.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn connect(&self) -> Result<Pc, LinkError> {
        let mut is_ready = self.0.is_ready.subscribe();
        tokio::select! {
            _ = self.stopped() => return Err(LinkError::Gone),
            // The link outlives this call, so the other end is there.
            _ = is_ready.wait_for(|is_ready| *is_ready) => {}
        }
        self.told_pc(Ask::Connect).await
    }

    async fn told_pc(&self, ask: Ask) -> Result<Pc, LinkError> {
        let answer = self.ask(ask).await?;
        if let Tell::Pc(pc) = answer { Ok(pc) } else { Err(unexpected(&answer)) }
    }

    /// What was found on this PC, for people. In `report` mode alone.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn facts(&self) -> Result<Few<Fact, 24>, LinkError> {
        let answer = self.ask(Ask::Facts).await?;
        if let Tell::Facts(facts) = answer { Ok(facts) } else { Err(unexpected(&answer)) }
    }

    /// Who stops waiting for the answer leaves the question to its end: the next one waits for
    /// that.
    async fn ask(&self, ask: Ask) -> Result<Tell, LinkError> {
        let (tell, answer) = oneshot::channel();
        self.0.ask(ask, tell);
        answer.await.map_err(|_| LinkError::Gone)
    }
}

/// Says so in the log, without what it was: it may be a secret.
fn unexpected(tell: &Tell) -> LinkError {
    let number = std::mem::discriminant(tell);
    tracing::warn!(?number, "the host answered something else");
    LinkError::Unexpected
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the host still answers while it waits for the end.
fn answered_late(ask: &Ask) -> bool {
    matches!(ask, Ask::Put { .. } | Ask::Delete(_))
}

impl Link {
    fn ask(&self, ask: Ask, tell: oneshot::Sender<Tell>) {
        let mut questions = locked(&self.questions);
        // Looked at under the lock, as `over` sets it: none is left behind without an answer.
        match *self.stop.borrow() {
            Some(Stop::HostGone) => return,
            Some(Stop::Cancelled(_)) if !answered_late(&ask) => return,
            Some(Stop::Cancelled(_)) | None => {}
        }
        if self.is_leaving.load(Ordering::Acquire) && !matches!(ask, Ask::Delete(_)) {
            return;
        }
        questions.waiting.push_back((ask, tell));
        if questions.asked.is_none() {
            self.ask_next(&mut questions);
        }
    }

    fn ask_next(&self, questions: &mut Questions) {
        questions.asked = None;
        while let Some((ask, answer)) = questions.waiting.pop_front() {
            // Nobody waits for that one any more. What is to be kept or forgotten is so.
            if !answered_late(&ask) && answer.is_closed() {
                continue;
            }
            questions.asked = Some(Asked { answer, answered_late: answered_late(&ask) });
            self.say(&ask);
            return;
        }
    }

    /// A pipe that does not take it has no reader: the reader thread sees that as well.
    fn say(&self, ask: &Ask) {
        if let Err(error) = host::write_to(&mut **locked(&self.writer), ask) {
            tracing::warn!(%error, "the host does not listen");
        }
    }

    fn hear(&self, mut reader: impl Read, answers: &mpsc::Sender<Answer>) {
        loop {
            match host::read_from::<Tell>(&mut reader) {
                Ok(Some(Tell::Cancel(cause))) => self.stop(Stop::Cancelled(cause)),
                // One too many is one to a view that is gone.
                Ok(Some(Tell::Answer(answer))) => drop(answers.try_send(answer)),
                Ok(Some(Tell::Hello(_))) => {
                    tracing::warn!("the host said hello again");
                    return self.stop(Stop::HostGone);
                }
                Ok(Some(tell)) => self.take_answer(tell),
                Ok(None) => return self.stop(Stop::HostGone),
                Err(error) => {
                    tracing::warn!(%error, "the host");
                    return self.stop(Stop::HostGone);
                }
            }
        }
    }

    fn take_answer(&self, tell: Tell) {
        let mut questions = locked(&self.questions);
        let is_leaving = self.is_leaving.load(Ordering::Acquire);
        let is_late = is_leaving || self.stop.borrow().is_some();
        // What was on its way when the end was wanted is nobody's.
        if is_late && !matches!(tell, Tell::Kept | Tell::NotKept(_)) {
            return;
        }
        if let Some(asked) = questions.asked.take() {
            // Who asked may have gone on without it.
            let _ = asked.answer.send(tell);
        }
        self.ask_next(&mut questions);
    }

    /// The first reason stands, but that a host that is gone answers nothing.
    fn stop(&self, stop: Stop) {
        let mut questions = locked(&self.questions);
        self.stop.send_modify(|known| match (*known, stop) {
            (None, _) | (Some(_), Stop::HostGone) => *known = Some(stop),
            (Some(_), Stop::Cancelled(_)) => {}
        });
        let is_gone = stop == Stop::HostGone;
        questions.waiting.retain(|(ask, _)| !is_gone && answered_late(ask));
        if questions.asked.as_ref().is_some_and(|asked| is_gone || !asked.answered_late) {
            self.ask_next(&mut questions);
        }
    }
}

/// Our own ends of the two pipes. What else writes to standard output (a library, a process of
/// the webview) writes into the log, and no process that we start keeps the pipes open.
#[cfg(unix)]
fn standard_pipes() -> io::Result<(impl Read + Send, impl Write + Send)> {
    use std::{fs::File, os::fd::AsFd as _};

    let reader = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let writer = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let nothing = File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok((reader, writer))
}

#[cfg(windows)]
fn standard_pipes() -> io::Result<(impl Read + Send, impl Write + Send)> {
    os_windows::stdio::take()
}

#[cfg(test)]
mod tests;
