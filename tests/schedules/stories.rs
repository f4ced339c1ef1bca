//! Schedules written by hand: a fault each, by name, and what is seen of it.

use std::time::Duration;

use rand::{SeedableRng as _, rngs::StdRng};
use regain_agent::{Agent, AgentError, enrolment::open_secrets, journal::JournalError};
use store::OperationState::{Done, NotDone};

use crate::{
    clockwork::Next,
    directory::Fault,
    play::{Played, Template, alone},
    relay::{Trick, Way},
    schedule::{Acts, Event, Schedule},
    world::Which,
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn play(schedule: &Schedule) -> Played {
    let played = Template::new().play(schedule);
    assert_eq!(played.breaches, Vec::<String>::new());
    played
}

/// The order waits in the service; meanwhile a new link takes it over, the agent writes, and the
/// link is gone before the report. "Nobody took it" would be a lie.
#[test]
fn an_order_that_another_link_took_is_not_told_as_taken_by_nobody() {
    let _alone = alone();
    let mut schedule = Schedule::quiet(Acts::Unlock);
    schedule.points = vec![
        ("service: after the fence is stored", 0, Next::Wait(seconds(20))),
        ("agent: after the write", 0, Next::Wait(seconds(60))),
    ];
    schedule.events =
        vec![(seconds(2), Event::Break), (seconds(12), Event::Part), (seconds(100), Event::Join)];
    let played = play(&schedule);
    assert_eq!((played.ended[0].state, played.writes), (Done, 1));
}

/// Written, but not told; the service starts again and cannot read which directory it was.
#[test]
fn a_database_that_answers_nobody_tells_nothing_of_what_was_sent() {
    let _alone = alone();
    let mut schedule = Schedule::quiet(Acts::Unlock);
    schedule.points = vec![
        ("agent: after the write", 0, Next::Wait(seconds(150))),
        ("service: after the fence is stored", 1, Next::Wait(seconds(20))),
    ];
    schedule.events =
        vec![(seconds(2), Event::Kill(Which::Service)), (seconds(12), Event::Busy(seconds(90)))];
    let played = play(&schedule);
    assert_eq!((played.ended[0].state, played.writes), (Done, 1));
}

/// The agent is held up between its journal and the write, for longer than the order lives.
#[test]
fn an_agent_that_wakes_after_the_orders_life_does_not_write() {
    let _alone = alone();
    for acts in [Acts::Unlock, Acts::Reset, Acts::Change] {
        let mut schedule = Schedule::quiet(acts);
        schedule.points = vec![("agent: before the write", 0, Next::Wait(seconds(125)))];
        let played = play(&schedule);
        assert_eq!((played.ended[0].state, played.writes), (NotDone, 0), "{acts:?}");
    }
}

#[test]
fn an_order_that_was_held_up_on_the_way_is_not_carried_out() {
    let _alone = alone();
    for acts in [Acts::Unlock, Acts::Reset, Acts::Change] {
        for later in 0..4 {
            let mut schedule = Schedule::quiet(acts);
            schedule.tricks = vec![(Way::ToAgent, later, Trick::Delay(seconds(125)))];
            play(&schedule);
        }
    }
}

/// The write arrives after the driver gave it up, and after the agent started again.
#[test]
fn a_late_write_is_found_and_told() {
    let _alone = alone();
    for acts in [Acts::Unlock, Acts::Reset, Acts::Change] {
        let mut schedule = Schedule::quiet(acts);
        schedule.directory = vec![Fault::Late(seconds(28))];
        schedule.points = vec![("directory: a write is under way", 0, Next::End)];
        let played = play(&schedule);
        assert_eq!((played.ended[0].state, played.writes), (Done, 1), "{acts:?}");
    }
}

#[test]
fn frames_that_are_replayed_swapped_dropped_or_edited_are_refused_and_audited() {
    let _alone = alone();
    let template = Template::new();
    for trick in [Trick::Twice, Trick::Swap, Trick::Drop, Trick::Edit] {
        for (way, acts) in [
            (Way::ToService, Acts::Unlock),
            (Way::ToService, Acts::Reset),
            (Way::ToService, Acts::Change),
            (Way::ToAgent, Acts::Unlock),
            (Way::ToAgent, Acts::Reset),
            (Way::ToAgent, Acts::Change),
        ] {
            for later in 0..2 {
                let mut schedule = Schedule::quiet(acts);
                schedule.tricks = vec![(way, later, trick)];
                let played = template.play(&schedule);
                let what = format!("{trick:?} {way:?} {acts:?} {later}");
                assert_eq!(played.breaches, Vec::<String>::new(), "{what}");
                let count = |name| played.trail.iter().filter(|event| *event == name).count();
                // Noticed with the next message at the latest; an agent may not get one in time.
                if way == Way::ToService || matches!(trick, Trick::Twice | Trick::Edit) {
                    assert!(count("agent-disconnected") > 1, "{what}: the link ended");
                }
                if way == Way::ToService {
                    assert_eq!(count("agent-frame-refused"), 1, "{what}");
                }
            }
        }
    }
}

/// The same tricks where no WebSocket comes through: what is not as it was said is refused and
/// audited; what is lost or comes late is said again.
#[test]
fn plain_requests_that_are_replayed_or_edited_are_refused_and_lost_ones_repeated() {
    let _alone = alone();
    let template = Template::new();
    for trick in [Trick::Twice, Trick::Swap, Trick::Edit, Trick::Drop, Trick::Break] {
        for (way, acts) in [
            (Way::ToService, Acts::Unlock),
            (Way::ToService, Acts::Reset),
            (Way::ToService, Acts::Change),
            (Way::ToAgent, Acts::Unlock),
            (Way::ToAgent, Acts::Reset),
            (Way::ToAgent, Acts::Change),
        ] {
            let mut schedule = Schedule::quiet(acts);
            schedule.strips = true;
            schedule.tricks = vec![(way, 1, trick)];
            let played = template.play(&schedule);
            let what = format!("{trick:?} {way:?} {acts:?}");
            assert_eq!(played.breaches, Vec::<String>::new(), "{what}");
            // Where the answer about the account comes too late, nothing was begun.
            let seen = (played.ended[0].state, played.writes);
            assert!([(Done, 1), (NotDone, 0)].contains(&seen), "{what}: {:?}", played.ended);
            let count = |name| played.trail.iter().filter(|event| *event == name).count();
            let refused = count("agent-frame-refused");
            match (trick, way) {
                (Trick::Swap | Trick::Edit, Way::ToService) => assert_eq!(refused, 1, "{what}"),
                (Trick::Drop | Trick::Break, _) => {
                    assert_eq!(count("agent-disconnected"), 1, "{what}: the link stands");
                }
                _ => assert_eq!(refused, 0, "{what}"),
            }
        }
    }
}

/// Two agents of one directory, the second on a copy of the first one's journal.
#[test]
fn an_agent_on_another_ones_journal_does_not_start() {
    let _alone = alone();
    let (_folder, world, _) = Template::new().copy_quietly();
    let enrolment = world.folder.join("agent/enrolment.json");
    let text = std::fs::read_to_string(&enrolment).unwrap();
    let mut second: serde_json::Value = serde_json::from_str(&text).unwrap();
    second["agent"] = "01a3185c-5107-7464-97fe-000000000002".into();
    std::fs::write(&enrolment, second.to_string()).unwrap();
    let config = world.agent_config();
    let secrets = open_secrets(&config).unwrap();
    let rng = StdRng::seed_from_u64(1);
    let opened = Agent::open(&config, world.accounts.clone(), &secrets, world.agent_clock(), rng);
    assert!(matches!(
        opened.err(),
        Some(AgentError::Journal(JournalError::Content { line: 1, .. }))
    ));
}

/// A directory that compares nothing: still at most one write, and no lie.
#[test]
fn a_directory_without_a_fence_is_written_once_all_the_same() {
    let _alone = alone();
    for point in ["directory: a write is carried out", "agent: after the write"] {
        for acts in [Acts::Unlock, Acts::Reset, Acts::Change] {
            let mut schedule = Schedule::quiet(acts);
            schedule.is_fenced = false;
            schedule.points = vec![(point, 0, Next::End)];
            let played = play(&schedule);
            assert_eq!((played.ended[0].state, played.writes), (Done, 1), "{point} {acts:?}");
        }
    }
}
