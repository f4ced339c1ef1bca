//! What goes wrong in one schedule, all of it drawn from one number.

use std::{io, time::Duration};

use protocol::directory::NotDone;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    clockwork::Next,
    directory::Fault,
    relay::{Trick, Way},
    world::Which,
};

/// The points of the agent, of its journal and of a directory being written.
pub(crate) const AGENT_POINTS: [&str; 10] = [
    "agent: before the intent is noted",
    "agent: before the write",
    "agent: after the write",
    "agent: before the report",
    "agent: after the report",
    "agent: told that the outcome is stored",
    "directory: a write is under way",
    "directory: a write is carried out",
    "journal: before the lines are written",
    "journal: before the lines are on disk",
];
/// The points of an agent that changes its keys.
pub(crate) const KEY_POINTS: [&str; 3] = [
    "rotation: before the enrolment names the new keys",
    "rotation: after the enrolment names the new keys",
    "rotation: after the new identity is kept",
];
/// The points of an agent that comes to a new link key of the service, and of the service.
pub(crate) const LINK_KEY_POINTS: [&str; 6] = [
    "link key: before the new one is kept",
    "link key: after the new one is kept",
    "link key: before the agent's word is stored",
    "link key: after the agent's word is stored",
    "link key: before the old one is dropped",
    "link key: after the old one is dropped",
];
/// The points of the service.
pub(crate) const SERVICE_POINTS: [&str; 7] = [
    "service: before a call is stored",
    "service: after a call is stored",
    "service: before the fence is stored",
    "service: after the fence is stored",
    "service: after the order is handed over",
    "service: before the outcome is stored",
    "service: after the outcome is stored",
];

/// One schedule.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    pub(crate) acts: Acts,
    /// At the so-manieth passing of this point.
    pub(crate) points: Vec<(&'static str, u32, Next)>,
    pub(crate) tricks: Vec<(Way, u32, Trick)>,
    pub(crate) directory: Vec<Fault>,
    pub(crate) events: Vec<(Duration, Event)>,
    /// How long a part that ended stays down.
    pub(crate) down: Duration,
    /// Whether the directory compares what a write is fenced on.
    pub(crate) is_fenced: bool,
    pub(crate) hides_key_version: bool,
    /// Whether no WebSocket comes through.
    pub(crate) strips: bool,
}

/// What people ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acts {
    Unlock,
    Reset,
    UnlockAndReset,
    UnlockThenReset,
    Change,
    UnlockAndChange,
    ResetAndChange,
}

/// What happens at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Kill(Which),
    Part,
    Join,
    /// What stands breaks, and may be made again.
    Break,
    Clock(Which, i64),
    /// The database of the service answers nobody for so long.
    Busy(Duration),
    /// Somebody else sets Ben's and Cleo's passwords.
    OtherHand,
    /// The agent's administrator asks for new keys.
    RotateKeys,
    /// The service's administrator makes a new link key.
    RotateLinkKey,
}

impl Schedule {
    /// One in which nothing goes wrong, to be given faults by hand.
    pub(crate) fn quiet(acts: Acts) -> Self {
        Self {
            seed: 0,
            acts,
            points: Vec::new(),
            tricks: Vec::new(),
            directory: Vec::new(),
            events: Vec::new(),
            down: Duration::from_secs(2),
            is_fenced: true,
            hides_key_version: false,
            strips: false,
        }
    }

    /// The schedule of this number.
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let acts = [
            Acts::Unlock,
            Acts::Reset,
            Acts::UnlockAndReset,
            Acts::UnlockThenReset,
            Acts::Change,
            Acts::UnlockAndChange,
            Acts::ResetAndChange,
        ][draw(&mut rng, 7)];
        let mut schedule = Self {
            seed,
            acts,
            points: Vec::new(),
            tricks: Vec::new(),
            directory: Vec::new(),
            events: Vec::new(),
            down: millis(draw(&mut rng, 20_000)),
            is_fenced: draw(&mut rng, 10) > 0,
            hides_key_version: draw(&mut rng, 20) == 0,
            strips: false,
        };
        for _ in 0..=draw(&mut rng, 4) {
            schedule.add_fault(&mut rng);
        }
        schedule.strips = draw(&mut rng, 5) == 0;
        if draw(&mut rng, 6) == 0 {
            let at = moment(&mut rng);
            schedule.events.push((at, Event::RotateKeys));
            if draw(&mut rng, 3) == 0 {
                schedule.points.push((of(&mut rng, &KEY_POINTS), 0, Next::End));
            }
        }
        if draw(&mut rng, 6) == 0 {
            let at = moment(&mut rng);
            schedule.events.push((at, Event::RotateLinkKey));
            if draw(&mut rng, 3) == 0 {
                schedule.points.push((of(&mut rng, &LINK_KEY_POINTS), 0, Next::End));
            }
        }
        schedule
    }

    fn add_fault(&mut self, rng: &mut StdRng) {
        match draw(rng, 20) {
            0..=3 => self.points.push((of(rng, &AGENT_POINTS), nth(rng), Next::End)),
            4..=6 => self.points.push((of(rng, &SERVICE_POINTS), nth(rng), Next::End)),
            7 => {
                let wait = Next::Wait(millis(draw(rng, 40_000)));
                self.points.push((of(rng, &AGENT_POINTS), nth(rng), wait));
            }
            8 => {
                let wait = Next::Wait(millis(draw(rng, 40_000)));
                self.points.push((of(rng, &SERVICE_POINTS), nth(rng), wait));
            }
            9 => {
                let disk_full = Next::Fail(io::ErrorKind::StorageFull);
                self.points.push((AGENT_POINTS[8], nth(rng), disk_full));
            }
            10 => self.points.push((AGENT_POINTS[9], nth(rng), Next::Fail(io::ErrorKind::Other))),
            11..=12 => {
                let trick = trick(rng);
                let way = [Way::ToService, Way::ToAgent][draw(rng, 2)];
                self.tricks.push((way, small(rng, 12), trick));
            }
            13..=14 => self.directory.push(write_fault(rng)),
            15 => {
                for _ in 0..=draw(rng, 4) {
                    self.directory.push(Fault::Unread);
                }
            }
            16 => {
                let at = moment(rng);
                self.events.push((at, Event::Part));
                self.events.push((at + millis(draw(rng, 150_000)), Event::Join));
            }
            17 => {
                let jump = [90, 600, 3 * 24 * 3600][draw(rng, 3)] * 1_000_000;
                let jump = if draw(rng, 2) == 0 { jump } else { -jump };
                self.events.push((moment(rng), Event::Clock(which(rng), jump)));
            }
            18 => self.events.push((moment(rng), Event::Kill(which(rng)))),
            _ => self.events.push((moment(rng), Event::OtherHand)),
        }
    }

    pub(crate) fn has_other_hand(&self) -> bool {
        self.events.iter().any(|(_, event)| *event == Event::OtherHand)
    }
}

fn trick(rng: &mut StdRng) -> Trick {
    match draw(rng, 7) {
        0 => Trick::Twice,
        1 => Trick::Swap,
        2 => Trick::Edit,
        3 => Trick::Drop,
        4 => Trick::Break,
        _ => Trick::Delay(millis(draw(rng, 60_000))),
    }
}

fn write_fault(rng: &mut StdRng) -> Fault {
    match draw(rng, 6) {
        0 => Fault::Refused(NotDone::NoRight),
        1 => Fault::LostBefore,
        2 => Fault::LostAfter,
        3 => Fault::Slow(millis(draw(rng, 5_000))),
        // Within the time after which the agent trusts that nothing arrives any more.
        _ => Fault::Late(millis(draw(rng, 29_000))),
    }
}

fn draw(rng: &mut StdRng, below: usize) -> usize {
    usize::try_from(rng.next_u64() % below as u64).unwrap()
}

fn small(rng: &mut StdRng, below: usize) -> u32 {
    u32::try_from(draw(rng, below)).unwrap()
}

fn nth(rng: &mut StdRng) -> u32 {
    [0, 0, 0, 1, 1, 2][draw(rng, 6)]
}

fn of(rng: &mut StdRng, points: &[&'static str]) -> &'static str {
    points[draw(rng, points.len())]
}

fn which(rng: &mut StdRng) -> Which {
    [Which::Service, Which::Agent][draw(rng, 2)]
}

/// Soon, or later.
fn moment(rng: &mut StdRng) -> Duration {
    let within = [500, 5_000, 60_000][draw(rng, 3)];
    millis(draw(rng, within))
}

fn millis(millis: usize) -> Duration {
    Duration::from_millis(millis as u64)
}
