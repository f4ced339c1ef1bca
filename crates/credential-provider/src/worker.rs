//! The one thread beside the screen's: it talks to the host, so that the screen never waits for
//! it. Holds no state of a tile, only the channel.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::Duration,
};

use protocol::host::{
    Text,
    tile::{Answer, Ask, Form, Scenario, SidText, Tell, Tile, Way},
};

use crate::{
    host::{Channel, Host},
    tile::Flow,
};

/// How long the screen waits for the host: connecting and the answer together. What is known
/// later makes the screen list its tiles anew.
pub const FIRST_ANSWER: Duration = Duration::from_millis(250);
/// For everything else that is answered at once.
const AT_ONCE: Duration = Duration::from_secs(3);
/// The host may have to end something else first.
const TO_BEGIN: Duration = Duration::from_secs(15);
/// How long one listens before looking whether the screen wants something.
const LISTEN: Duration = Duration::from_millis(50);
/// How long Windows may take to say what came of a grant.
const TO_SIGN_IN: Duration = Duration::from_secs(90);
/// The screen can be there before the host is: when it is asked again. Later than this the tile
/// would jump into somebody's typing.
const AGAIN: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// Which screen asks.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// What for.
    pub scenario: Scenario,
    /// Its session.
    pub session: u32,
    /// Its language.
    pub language: Text<35>,
}

/// What the screen's thread wants.
pub enum Order {
    /// Begin, after ending what runs.
    Start {
        /// Its number.
        flow: Flow,
        /// Whose tile.
        who: Option<SidText>,
        /// Which link.
        way: Way,
        /// How it is drawn.
        form: Form,
    },
    /// Of a page.
    Answer {
        /// In which flow.
        flow: Flow,
        /// What was typed.
        answer: Answer,
    },
    /// The person wants out.
    Cancel {
        /// Of which flow.
        flow: Flow,
    },
    /// What Windows made of a grant.
    LogonResult {
        /// Whether the person is in.
        signed_in: bool,
    },
}

/// What the screen's thread is told.
pub enum News {
    /// The host is there, and how the tile looks; or it is not.
    Tile(Option<Tile>),
    /// Something of a flow.
    Told {
        /// Of which.
        flow: Flow,
        /// What.
        tell: Tell,
    },
    /// A flow broke.
    Lost {
        /// Which.
        flow: Flow,
    },
    /// The screen has lived for a while: it is no crash.
    Lived,
}

/// Runs until nobody gives orders any more. `tell` may wait for the screen: the host waits with it.
pub fn run(host: &Arc<dyn Host>, at: &Whereabouts, orders: &Receiver<Order>, tell: &dyn Fn(News)) {
    let worker = Worker { host: host.as_ref(), at, orders, tell };
    let mut is_there = worker.look();
    let mut delays = AGAIN.into_iter();
    loop {
        let order = match delays.next() {
            Some(delay) => match orders.recv_timeout(delay) {
                Ok(order) => order,
                Err(RecvTimeoutError::Timeout) => {
                    if !is_there {
                        is_there = worker.look();
                    }
                    if delays.len() == 1 {
                        tell(News::Lived);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            },
            None => match orders.recv() {
                Ok(order) => order,
                Err(_) => return,
            },
        };
        let mut next = Some(order);
        while let Some(order) = next {
            next = worker.follow(order);
        }
    }
}

struct Worker<'a> {
    host: &'a dyn Host,
    at: &'a Whereabouts,
    orders: &'a Receiver<Order>,
    tell: &'a dyn Fn(News),
}

/// Why a flow's loop ended.
enum Left {
    /// The flow is over.
    Over,
    /// Another order came, which is not this flow's.
    For(Order),
}

impl Worker<'_> {
    /// Asks whether there is a tile, and tells.
    fn look(&self) -> bool {
        let tile = self.hello(AT_ONCE).ok().and_then(|(_, tile)| tile);
        let is_there = tile.is_some();
        (self.tell)(News::Tile(tile));
        is_there
    }

    /// Connects and says hello. One time limit holds for both.
    fn hello(&self, within: Duration) -> io::Result<(Box<dyn Channel>, Option<Tile>)> {
        let deadline = Deadline::after(within);
        let mut channel = self.host.open(within)?;
        let Whereabouts { scenario, session, language } = self.at.clone();
        channel.send(&Ask::Hello { scenario, session, language }, deadline.left())?;
        match channel.receive(deadline.left())? {
            Some(Tell::Tile(tile)) => Ok((channel, Some(tile))),
            Some(Tell::NotHere(_)) => Ok((channel, None)),
            None => Err(io::ErrorKind::TimedOut.into()),
            Some(
                Tell::Status(_)
                | Tell::View(_)
                | Tell::Refused { .. }
                | Tell::End { .. }
                | Tell::Grant(_)
                | Tell::NoGrant
                | Tell::Foreground { .. },
            ) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Does what an order says; the next one, when one came in between.
    fn follow(&self, order: Order) -> Option<Order> {
        let Order::Start { flow, who, way, form } = order else {
            // Of a flow that is over.
            return None;
        };
        let begun = self.hello(AT_ONCE).and_then(|(mut channel, tile)| {
            tile.ok_or(io::ErrorKind::NotConnected)?;
            let Whereabouts { scenario, session, .. } = *self.at;
            channel.send(&Ask::Start { who, session, scenario, way, form }, AT_ONCE)?;
            Ok(channel)
        });
        let left = begun.and_then(|mut channel| self.flow(flow, form, channel.as_mut()));
        match left {
            Ok(Left::Over) => None,
            Ok(Left::For(order)) => Some(order),
            Err(_) => {
                (self.tell)(News::Lost { flow });
                None
            }
        }
    }

    /// Carries messages until the flow is over.
    fn flow(&self, flow: Flow, form: Form, channel: &mut dyn Channel) -> io::Result<Left> {
        let mut first = Some(Deadline::after(TO_BEGIN));
        loop {
            let heard = match self.orders.try_recv() {
                Ok(Order::Answer { flow: of, answer }) if of == flow => {
                    channel.send(&Ask::Answer(answer), AT_ONCE)?;
                    None
                }
                Ok(Order::Cancel { flow: of }) if of == flow => {
                    cancel(channel);
                    return Ok(Left::Over);
                }
                Ok(order @ Order::Start { .. }) => {
                    cancel(channel);
                    return Ok(Left::For(order));
                }
                Ok(Order::Answer { .. } | Order::Cancel { .. } | Order::LogonResult { .. }) => None,
                Err(TryRecvError::Empty) => channel.receive(LISTEN)?,
                Err(TryRecvError::Disconnected) => return Self::outlive(form, channel),
            };
            let Some(tell) = heard else {
                if first.as_ref().is_some_and(|first| first.left().is_zero()) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                continue;
            };
            first = None;
            let (is_over, has_grant) = match &tell {
                Tell::Refused { .. } => (true, false),
                Tell::End { grant, .. } => (true, *grant),
                Tell::Status(_) | Tell::View(_) | Tell::Foreground { .. } => (false, false),
                Tell::Tile(_) | Tell::NotHere(_) | Tell::Grant(_) | Tell::NoGrant => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            };
            (self.tell)(News::Told { flow, tell });
            if has_grant {
                return self.take_grant(flow, channel);
            }
            if is_over {
                return Ok(Left::Over);
            }
        }
    }

    /// The screen is gone. The app in front of it goes on with the person, and the host with the
    /// app for as long as somebody holds its channel; a form in the tile nobody sees any more.
    fn outlive(form: Form, channel: &mut dyn Channel) -> io::Result<Left> {
        if form == Form::Simple {
            return Ok(Left::Over);
        }
        loop {
            if matches!(channel.receive(AT_ONCE)?, Some(Tell::Refused { .. } | Tell::End { .. })) {
                return Ok(Left::Over);
            }
        }
    }

    /// Takes what signs the person in, and tells the host what came of it.
    fn take_grant(&self, flow: Flow, channel: &mut dyn Channel) -> io::Result<Left> {
        channel.send(&Ask::TakeGrant, AT_ONCE)?;
        match channel.receive(AT_ONCE)? {
            Some(tell @ Tell::Grant(_)) => (self.tell)(News::Told { flow, tell }),
            // The person signs in by hand: the end was said.
            Some(_) | None => return Ok(Left::Over),
        }
        match self.orders.recv_timeout(TO_SIGN_IN) {
            Ok(Order::LogonResult { signed_in }) => {
                channel.send(&Ask::LogonResult { signed_in }, AT_ONCE)?;
                Ok(Left::Over)
            }
            Ok(order @ Order::Start { .. }) => Ok(Left::For(order)),
            Ok(Order::Answer { .. } | Order::Cancel { .. }) | Err(_) => Ok(Left::Over),
        }
    }
}

/// Tells the host that the person wants out, and waits for it to be so: what is begun next must
/// not meet what has not ended yet. One that does not answer hears it from the closed channel.
fn cancel(channel: &mut dyn Channel) {
    let deadline = Deadline::after(AT_ONCE);
    if channel.send(&Ask::Cancel, deadline.left()).is_err() {
        return;
    }
    while !deadline.left().is_zero() {
        match channel.receive(deadline.left()) {
            Ok(Some(Tell::Refused { .. } | Tell::End { .. })) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// What is left of a time limit.
struct Deadline(std::time::Instant, Duration);

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "a limit on waiting, not a time of the product")]
    fn after(within: Duration) -> Self {
        Self(std::time::Instant::now(), within)
    }

    fn left(&self) -> Duration {
        self.1.saturating_sub(self.0.elapsed())
    }
}

#[cfg(test)]
mod tests;
