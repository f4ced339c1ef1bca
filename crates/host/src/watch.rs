//! What the event log is told, and when: what is looked at again and again is told once an
//! episode. The host's looks at itself are here too.

use std::time::Duration;

use os_windows::policy::Mistake;
use protocol::host::{
    Exactly,
    app::KeyRefused,
    statement::{Check, Fact, Found, KeyKind},
    tile::{Form, Outcome},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    desk::Person,
    device::{Looked, Trouble, Why},
    events::{self, Details, Event},
    readiness,
    serve::{Host, locked},
};

/// What was found is told again after this, though nothing changed.
const AGAIN: Duration = Duration::from_secs(20 * 3600);

/// What was told.
#[derive(Debug, Default)]
pub struct Watch {
    wrong: Vec<Mistake>,
    switched_off: bool,
    key_away: bool,
    found: Option<(Vec<(Check, Found)>, Duration)>,
}

type Told = (Event, Details);

impl Watch {
    /// Everything that is set wrong now: what is new of it.
    pub fn settings(&mut self, wrong: Vec<Mistake>) -> Vec<Told> {
        let new = wrong.iter().filter(|mistake| !self.wrong.contains(mistake));
        let told = new.map(|Mistake { place, name, wrong, right, .. }| {
            let details = Details::none().with("place", place).with("setting", name);
            (Event::SettingWrong, details.with("wrong", wrong).with("right", right))
        });
        let told = told.collect();
        self.wrong = wrong;
        told
    }

    /// Whether the tile's library refuses to be loaded.
    pub fn tile(&mut self, switched_off: bool) -> Option<Told> {
        let is_new = switched_off && !self.switched_off;
        self.switched_off = switched_off;
        is_new.then(|| (Event::TileSwitchedOff, Details::none()))
    }

    /// What a look at the device's key found; `kind` is where it is kept.
    pub fn key(&mut self, looked: &Result<Looked, Trouble>, kind: Option<KeyKind>) -> Option<Told> {
        let was_away = std::mem::replace(&mut self.key_away, looked.is_err());
        match looked {
            Ok(Looked::Made(why)) => Some((Event::KeyMade, made(*why, kind))),
            Ok(Looked::There) => was_away.then(|| (Event::KeyBack, Details::none())),
            Err(trouble) => (!was_away).then(|| (Event::KeyAway, Details::none().cause(trouble))),
        }
    }

    /// What keeps people from getting back in: when it changed, and about once a day.
    pub fn findings(&mut self, facts: &[Fact], now: Duration) -> Option<Told> {
        let found: Vec<(Check, Found)> =
            facts.iter().map(|fact| (fact.check, fact.found)).collect();
        let is_told =
            self.found.as_ref().is_some_and(|(told, at)| *told == found && now < *at + AGAIN);
        if is_told {
            return None;
        }
        self.found = Some((found, now));
        let in_the_way = |found: Found| facts.iter().filter(move |fact| fact.found == found);
        let event = if in_the_way(Found::Breaks).next().is_some() {
            Event::CannotRecover
        } else if in_the_way(Found::Less).next().is_some() {
            Event::LessComfort
        } else {
            return Some((Event::Ready, Details::none()));
        };
        // What breaks comes first; what only hinders is worth knowing beside it.
        let all = || in_the_way(Found::Breaks).chain(in_the_way(Found::Less));
        let because: Vec<String> = all().map(because).collect();
        let cures: Vec<&str> = all().map(|fact| fact.check.remedy().cure).collect();
        let details = Details::none().with("because", &because.join("; "));
        Some((event, details.with("cure", &cures.join(" "))))
    }
}

/// The words of the service's list, and what was seen here.
fn because(fact: &Fact) -> String {
    let words = fact.check.remedy().because;
    match fact.seen.as_str() {
        "" => words.to_owned(),
        seen => format!("{words} ({seen})"),
    }
}

fn made(why: Why, kind: Option<KeyKind>) -> Details {
    let kept = match kind {
        Some(KeyKind::Tpm) => "in the security chip",
        Some(KeyKind::Software) => "in a file",
        None => "nowhere",
    };
    Details::none().with("why", &why.as_str()).with("kept", &kept)
}

impl Host {
    /// Writes an event down.
    pub fn note(&self, event: Event, details: &Details) {
        events::write(&*self.parts.events, event, details);
    }

    fn note_all(&self, told: impl IntoIterator<Item = Told>) {
        for (event, details) in told {
            self.note(event, &details);
        }
    }

    /// Looks at what may have changed by itself: once a minute.
    pub fn look_around(&self) {
        let wrong = self.parts.settings.mistakes();
        let (is_off, _) = readiness::switched_off(&self.parts.folder);
        let told = {
            let mut watch = locked(&self.watch);
            let mut told = watch.settings(wrong);
            told.extend(watch.tile(is_off == Found::Breaks));
            told
        };
        self.note_all(told);
        if self.key.device().is_none() {
            self.look_for_key();
        }
    }

    /// Looks for the device's key, and makes one where there is none.
    pub(crate) fn look_for_key(&self) {
        let mut rng = self.own_random();
        let looked = self.key.look(self.parts.pc.machine(), &*self.parts.chip, &mut rng);
        let told = locked(&self.watch).key(&looked, self.key.kind());
        self.note_all(told);
    }

    /// Tells what would keep people here from getting back in.
    pub(crate) fn note_findings(&self) {
        let facts = readiness::facts(&self.parts, self.known());
        let told = locked(&self.watch).findings(facts.as_slice(), self.parts.clock.now());
        self.note_all(told);
    }

    /// The service took a report of this device.
    pub(crate) fn reported(&self, device: Exactly<16>) -> std::io::Result<()> {
        let is_new = self.key.device().is_some_and(|known| known.enrolled != Some(device));
        self.key.reported(device, &mut self.own_random())?;
        if is_new {
            let name = uuid_text(device);
            self.note(Event::Enrolled, &Details::none().with("device", &name));
        }
        Ok(())
    }

    /// The service takes no report signed with the device's key.
    pub(crate) fn key_refused(&self, why: KeyRefused) -> std::io::Result<()> {
        let reason = match why {
            KeyRefused::Unknown => "unknown",
            KeyRefused::Shared => "another PC has it",
            KeyRefused::Revoked => "revoked",
        };
        let event = match why {
            KeyRefused::Shared => Event::KeyShared,
            KeyRefused::Unknown | KeyRefused::Revoked => Event::KeyRefused,
        };
        self.note(event, &Details::none().with("reason", &reason));
        self.key.refused(why, &*self.parts.chip, &mut self.own_random())?;
        if why == KeyRefused::Shared {
            self.note(Event::KeyMade, &made(Why::Shared, self.key.kind()));
        }
        Ok(())
    }

    /// A chip may take seconds: the host's own randomness is not held meanwhile.
    fn own_random(&self) -> StdRng {
        let mut seed = [0; 32];
        locked(&self.random).fill_bytes(&mut seed);
        StdRng::from_seed(seed)
    }

    pub(crate) fn note_begun(&self, session: u32, person: &Person, form: Form) {
        let details = Details::none()
            .with("session", &session)
            .with("way", &format!("{:?}", person.way))
            .with("form", &format!("{form:?}"));
        self.note(Event::FlowBegun, &details);
    }

    pub(crate) fn note_ended(&self, session: Option<u32>, outcome: Outcome, begun: Duration) {
        let event = match outcome {
            Outcome::Failed => Event::FlowFailed,
            Outcome::Done | Outcome::NotDone | Outcome::NotKnown | Outcome::Cancelled => {
                Event::FlowEnded
            }
        };
        let seconds = self.parts.clock.now().saturating_sub(begun).as_secs();
        let details = Details::none().with("outcome", &format!("{outcome:?}"));
        let details = details.with("seconds", &seconds);
        let details = session.map_or(details.clone(), |at| details.with("session", &at));
        self.note(event, &details);
    }
}

/// As the service's commands write it.
fn uuid_text(device: Exactly<16>) -> String {
    let hex: String = device.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| hex.get(part).unwrap_or_default().to_owned()).join("-")
}
