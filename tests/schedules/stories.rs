//! Schedules written by hand: a fault each, by name, and what is seen of it.

use std::time::Duration;

use store::OperationState::Done;

use crate::{
    clockwork::Next,
    play::{Played, Template},
    schedule::{Acts, Event, Schedule},
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
