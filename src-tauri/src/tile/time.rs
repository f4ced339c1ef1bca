//! What time alone brings about: a word to the host that somebody waits, the question whether
//! anybody is there, and the end. The times themselves are the service's.

use std::time::Duration;

use protocol::{
    api::Stage,
    host::{app::Ending, tile::Outcome},
};
use tokio::time::Instant;

use super::{
    Run,
    form::{LONG, name_of},
    page::{Over, fit},
};
use crate::{AnyView, Leave};

/// Before the service ends a recovery for want of a sign of life, somebody is asked for one.
const WARNING: Duration = Duration::from_secs(60);
/// Read a little after the end: a read before it would count as a sign of life.
const AFTER_END: Duration = Duration::from_secs(2);
/// While something is awaited nobody counts as away; the host hears of it this often.
const PRESENT: Duration = Duration::from_secs(60);

impl Run<'_> {
    /// When something is due though nobody does anything.
    pub(super) fn wakes_at(&self) -> Instant {
        let now = Instant::now();
        let far = now + Duration::from_secs(3_600);
        let Some(view) = self.form.view() else { return far };
        if view.has_ended() {
            return far;
        }
        let mut wakes = vec![self.since + seconds(view.ends_in_s()) + AFTER_END];
        if let Some(idle) = view.idle_ends_in_s() {
            let ends = self.since + seconds(idle);
            let asked = self.form.over == Over::StillThere;
            wakes.push(if asked { ends + AFTER_END } else { before(ends, WARNING, now) });
        } else {
            wakes.push(self.present_at + PRESENT);
            wakes.push(self.read_at);
            if self.drawn.as_ref().is_some_and(|page| page.choices.is_empty()) {
                wakes.push(self.since + LONG);
            }
        }
        wakes.into_iter().filter(|at| *at > now).min().unwrap_or(far)
    }

    pub(super) async fn time_passed(&mut self) -> Option<Ending> {
        let now = Instant::now();
        let view = self.form.view()?;
        let over = self.since + seconds(view.ends_in_s()) + AFTER_END;
        match view.idle_ends_in_s() {
            _ if now >= over => self.read_again(None).await,
            Some(idle) => {
                let ends = self.since + seconds(idle);
                if now >= ends + AFTER_END {
                    self.read_again(None).await;
                } else if now + WARNING >= ends && self.form.over != Over::StillThere {
                    self.held = None;
                    self.form.error = None;
                    self.form.over = Over::StillThere;
                    self.is_stale = true;
                }
            }
            None if now >= self.present_at + PRESENT => {
                self.present_at = now;
                self.link.present();
            }
            None => {}
        }
        // Nobody is there who could read why.
        let ended = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        if let Some(Stage::Ended { why }) = ended {
            let why = name_of(why);
            let words = self.ended_words(&why);
            let ending = self.leave(Leave::Pressed).await;
            let is_cancelled = ending.outcome == Outcome::Cancelled;
            return Some(if is_cancelled {
                Ending { words: fit(&words), ..ending }
            } else {
                ending
            });
        }
        None
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn before(at: Instant, span: Duration, now: Instant) -> Instant {
    at.checked_sub(span).filter(|at| *at > now).unwrap_or(now + Duration::from_millis(1))
}
