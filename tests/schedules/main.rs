//! Agent and service in one process, failed by seeded schedules: the real service on its
//! database, the real agent on its journal, a relay between them, and a directory that counts
//! what is written to it. After each schedule everything comes up again, and then the promise
//! must hold (`truth.rs`).
//!
//! `REGAIN_SEED=17 cargo test -p schedules --test schedules thousand` runs one schedule again and
//! logs it; `REGAIN_SCHEDULES=50` runs fewer. The faults are drawn from the seed alone. Threads and disk
//! are real, so the order of what happens at the same instant is not.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a schedule stops at the first surprise, looks for some stages among many, and reports"
)]

mod agents;
mod clockwork;
mod directory;
mod person;
mod play;
mod relay;
mod schedule;
mod stories;
mod truth;
mod world;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    clockwork::lock,
    play::{Played, Template, alone},
    schedule::{AGENT_POINTS, SERVICE_POINTS, Schedule},
};

/// So many worlds at once: each waits a little at every step of its time.
const WORLDS: u64 = 4;

#[derive(Default)]
struct Tally {
    schedules: u64,
    outcomes: BTreeMap<String, u32>,
    reached: BTreeMap<&'static str, u32>,
    failures: Vec<String>,
}

impl Tally {
    fn add(&mut self, seed: u64, played: std::thread::Result<Played>) {
        self.schedules += 1;
        let played = match played {
            Ok(played) => played,
            Err(_) => return self.failures.push(format!("REGAIN_SEED={seed}: it broke off")),
        };
        for outcome in played.outcomes {
            *self.outcomes.entry(outcome).or_default() += 1;
        }
        for point in played.reached {
            *self.reached.entry(point).or_default() += 1;
        }
        for breach in played.breaches {
            self.failures.push(format!("REGAIN_SEED={seed}: {breach}"));
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn a_thousand_schedules_write_at_most_once_and_tell_the_truth() {
    let _alone = alone();
    let again = number("REGAIN_SEED");
    let (first, count) = match again {
        Some(seed) => (seed, 1),
        None => (0, number("REGAIN_SCHEDULES").unwrap_or(1000)),
    };
    if again.is_some() {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_test_writer()
            .with_max_level(tracing::Level::INFO)
            .init();
    }
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..count.min(WORLDS) {
            scope.spawn(|| {
                let template = Template::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count {
                        break;
                    }
                    let schedule = Schedule::of(seed);
                    if again.is_some() {
                        eprintln!("{schedule:#?}");
                    }
                    let played = catch_unwind(AssertUnwindSafe(|| template.play(&schedule)));
                    lock(&tally).add(seed, played);
                }
            });
        }
    });
    let tally = lock(&tally);
    eprintln!("{} schedules: {:?}", tally.schedules, tally.outcomes);
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    if count >= 1000 {
        for point in AGENT_POINTS.iter().chain(&SERVICE_POINTS) {
            assert!(tally.reached.contains_key(point), "no schedule failed anything at: {point}");
        }
    }
}
