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

/// Runs until nobody gives orders any more. `tell` must not wait.
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
                | Tell::NoGrant,
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
                Tell::Status(_) | Tell::View(_) => (false, false),
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
        while form == Form::Full {
            if matches!(channel.receive(AT_ONCE)?, Some(Tell::Refused { .. } | Tell::End { .. })) {
                break;
            }
        }
        Ok(Left::Over)
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
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Mutex, mpsc::channel},
    };

    use protocol::host::{
        SecretText,
        tile::{Grant, NotHere, Outcome, View},
    };
    use zeroize::Zeroizing;

    use super::*;

    /// What a played host does in one conversation, in its order.
    enum Step {
        /// Waits for something of this name.
        Hears(&'static str),
        Says(Tell),
        Hangs,
        Dies,
    }

    struct Played {
        /// One a conversation; none left: nobody is there.
        conversations: Mutex<VecDeque<Vec<Step>>>,
    }

    struct Line {
        steps: VecDeque<Step>,
        heard: VecDeque<&'static str>,
    }

    impl Host for Played {
        fn open(&self, _: Duration) -> io::Result<Box<dyn Channel>> {
            let steps = self.conversations.lock().unwrap().pop_front();
            let steps = steps.ok_or(io::ErrorKind::NotFound)?.into();
            Ok(Box::new(Line { steps, heard: VecDeque::new() }))
        }
    }

    impl Channel for Line {
        fn send(&mut self, ask: &Ask, _: Duration) -> io::Result<()> {
            self.heard.push_back(match ask {
                Ask::Hello { .. } => "hello",
                Ask::Start { .. } => "start",
                Ask::Answer(_) => "answer",
                Ask::Cancel => "cancel",
                Ask::TakeGrant => "take",
                Ask::LogonResult { signed_in: true } => "in",
                Ask::LogonResult { signed_in: false } => "not in",
            });
            Ok(())
        }

        fn receive(&mut self, _: Duration) -> io::Result<Option<Tell>> {
            match self.steps.pop_front() {
                Some(Step::Hears(what)) => {
                    let heard = self.heard.pop_front();
                    if heard.is_none() {
                        self.steps.push_front(Step::Hears(what));
                        std::thread::yield_now();
                    } else {
                        assert_eq!(heard, Some(what));
                    }
                    Ok(None)
                }
                Some(Step::Says(tell)) => Ok(Some(tell)),
                Some(Step::Hangs) => {
                    self.steps.push_front(Step::Hangs);
                    std::thread::yield_now();
                    Ok(None)
                }
                Some(Step::Dies) | None => Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    fn look() -> Tile {
        Tile {
            label: Text::cut("Locked out?"),
            open: Text::cut(""),
            first_day: Text::cut(""),
            simple: Text::cut(""),
            go_on: Text::cut(""),
            cancel: Text::cut(""),
            opening: Text::cut(""),
            failed: Text::cut(""),
            help: Text::cut(""),
            picture: None,
            other_user: true,
            offer_first_day: true,
        }
    }

    fn greets() -> Step {
        Step::Says(Tell::Tile(look()))
    }

    fn status(words: &str) -> Step {
        Step::Says(Tell::Status(Text::cut(words)))
    }

    fn end(grant: bool) -> Step {
        Step::Says(Tell::End { outcome: Outcome::Done, words: Text::cut("Done."), grant })
    }

    fn start(flow: Flow) -> Order {
        Order::Start { flow, who: None, way: Way::CannotSignIn, form: Form::Full }
    }

    /// Runs these conversations; each order is given once the news before it were told.
    fn play(conversations: Vec<Vec<Step>>, orders: Vec<(&'static str, Order)>) -> Vec<String> {
        let host: Arc<dyn Host> =
            Arc::new(Played { conversations: Mutex::new(conversations.into()) });
        let at = Whereabouts { scenario: Scenario::Logon, session: 1, language: Text::cut("en") };
        let (give, given) = channel();
        let mut waiting: VecDeque<_> = orders.into();
        let give = Mutex::new(Some(give));
        let told = Mutex::new(Vec::new());
        let waiting = Mutex::new(&mut waiting);
        let tell = |news| {
            let line = match news {
                News::Tile(tile) => format!("tile {}", tile.is_some()),
                News::Told { flow, tell } => match tell {
                    Tell::Status(words) => format!("{flow} {}", words.as_str()),
                    Tell::View(view) => format!("{flow} page {}", view.number),
                    Tell::Refused { .. } => format!("{flow} refused"),
                    Tell::End { .. } => format!("{flow} end"),
                    Tell::Grant(grant) => format!("{flow} grant {}", grant.user.as_str()),
                    Tell::Tile(_) | Tell::NotHere(_) | Tell::NoGrant => format!("{flow} odd"),
                },
                News::Lost { flow } => format!("{flow} lost"),
                News::Lived => "lived".to_owned(),
            };
            let mut waiting = waiting.lock().unwrap();
            let mut give = give.lock().unwrap();
            if waiting.front().is_some_and(|(after, _)| *after == line) {
                let (_, order) = waiting.pop_front().unwrap();
                give.as_ref().unwrap().send(order).unwrap();
            }
            if waiting.is_empty() {
                give.take();
            }
            told.lock().unwrap().push(line);
        };
        // With the last order given nobody gives any more.
        run(&host, &at, &given, &tell);
        told.into_inner().unwrap()
    }

    #[test]
    fn a_flow_is_carried_from_its_start_to_its_end() {
        let flow = vec![
            greets(),
            Step::Hears("hello"),
            Step::Hears("start"),
            status("Opening."),
            Step::Says(Tell::View(View {
                number: 4,
                title: Text::cut(""),
                text: Text::cut(""),
                fields: protocol::host::Few::none(),
                choices: protocol::host::Few::none(),
            })),
            Step::Hears("answer"),
            end(false),
        ];
        let answer = Answer { number: 4, choice: 0, typed: protocol::host::Few::none() };
        let told = play(
            vec![vec![greets()], flow],
            vec![
                ("tile true", start(1)),
                ("1 page 4", Order::Answer { flow: 1, answer }),
                ("1 end", start(9)),
            ],
        );
        assert_eq!(told, ["tile true", "1 Opening.", "1 page 4", "1 end", "9 lost"]);
    }

    #[test]
    fn another_start_waits_for_the_end_of_the_one_before() {
        let first = vec![
            greets(),
            Step::Hears("hello"),
            Step::Hears("start"),
            status("Opening."),
            Step::Hears("cancel"),
            status("Closing."),
            end(false),
        ];
        let second = vec![greets(), Step::Hears("hello"), Step::Hears("start"), end(false)];
        let told = play(
            vec![vec![greets()], first, second],
            vec![("tile true", start(1)), ("1 Opening.", start(2)), ("2 end", start(9))],
        );
        // What the first one said at its end belongs to nobody any more.
        assert_eq!(told, ["tile true", "1 Opening.", "2 end", "9 lost"]);
    }

    #[test]
    fn a_grant_is_taken_at_once_and_its_result_is_told() {
        let grant = Grant {
            user: Text::cut("ann"),
            domain: Text::cut(""),
            password: SecretText::new(Zeroizing::new("pw".to_owned())).unwrap(),
        };
        let flow = vec![
            greets(),
            Step::Hears("hello"),
            Step::Hears("start"),
            end(true),
            Step::Says(Tell::Grant(grant)),
        ];
        let told = play(
            vec![vec![greets()], flow],
            vec![("tile true", start(1)), ("1 grant ann", Order::LogonResult { signed_in: true })],
        );
        assert_eq!(told, ["tile true", "1 end", "1 grant ann"]);
    }

    #[test]
    fn a_host_that_dies_or_is_none_is_lost_and_one_that_says_no_has_no_tile() {
        let dies = vec![greets(), Step::Hears("hello"), Step::Hears("start"), Step::Dies];
        let told =
            play(vec![vec![greets()], dies], vec![("tile true", start(1)), ("1 lost", start(9))]);
        assert_eq!(told, ["tile true", "1 lost", "9 lost"]);
        let not_here = vec![Step::Says(Tell::NotHere(NotHere::Policy))];
        let told = play(vec![not_here], vec![("tile false", start(9))]);
        assert_eq!(told, ["tile false", "9 lost"]);
        let hangs = vec![greets(), Step::Says(Tell::NoGrant), Step::Hangs];
        let told =
            play(vec![vec![greets()], hangs], vec![("tile true", start(1)), ("1 lost", start(9))]);
        assert_eq!(told, ["tile true", "1 lost", "9 lost"]);
    }
}
