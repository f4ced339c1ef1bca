//! The worker with a host that is played.

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
    Says(Box<Tell>),
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
            Some(Step::Says(tell)) => Ok(Some(*tell)),
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

fn says(tell: Tell) -> Step {
    Step::Says(Box::new(tell))
}

fn greets() -> Step {
    says(Tell::Tile(look()))
}

fn status(words: &str) -> Step {
    says(Tell::Status(Text::cut(words)))
}

fn end(grant: bool) -> Step {
    says(Tell::End { outcome: Outcome::Done, words: Text::cut("Done."), grant })
}

fn start(flow: Flow) -> Order {
    Order::Start { flow, who: None, way: Way::CannotSignIn, form: Form::Full }
}

/// Runs these conversations; each order is given once the news before it were told.
fn play(conversations: Vec<Vec<Step>>, orders: Vec<(&'static str, Order)>) -> Vec<String> {
    let host: Arc<dyn Host> = Arc::new(Played { conversations: Mutex::new(conversations.into()) });
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
                Tell::Foreground { process } => format!("{flow} in front {process}"),
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
        says(Tell::Foreground { process: 7 }),
        says(Tell::View(View {
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
    let expected = ["tile true", "1 Opening.", "1 in front 7", "1 page 4", "1 end", "9 lost"];
    assert_eq!(told, expected);
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
        says(Tell::Grant(grant)),
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
    let not_here = vec![says(Tell::NotHere(NotHere::Policy))];
    let told = play(vec![not_here], vec![("tile false", start(9))]);
    assert_eq!(told, ["tile false", "9 lost"]);
    let hangs = vec![greets(), says(Tell::NoGrant), Step::Hangs];
    let told =
        play(vec![vec![greets()], hangs], vec![("tile true", start(1)), ("1 lost", start(9))]);
    assert_eq!(told, ["tile true", "1 lost", "9 lost"]);
}
