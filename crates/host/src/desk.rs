//! Answers what the app asks, from what only the host has: the device's key, the slots, what this
//! PC is. What may be asked when is the flow's; here each question has one answer.

use std::sync::Arc;

use protocol::host::{
    Text,
    app::{Ask, Hello, Known, Mode, NotKept, NotSigned, Pc, Tell},
    statement::{Assertion, Readiness, Signed, Wanted},
    tile::Scenario,
};

use crate::{
    keep::Coming,
    readiness,
    serve::Host,
    sight::{self, From},
};

/// Most signatures of one run: a challenge each, with room for a network that breaks off.
const SIGNATURES: u32 = 64;

/// Whom a run is for.
#[derive(Clone, Debug)]
pub struct Person {
    /// What the screen is for.
    pub scenario: Scenario,
    /// Which link was pressed.
    pub way: protocol::host::tile::Way,
    /// Who that is, where this PC knows them from before.
    pub user: Option<Text<256>>,
    /// The screen's language.
    pub language: Text<35>,
    /// Whether they may be signed in at the end.
    pub may_sign_in: bool,
}

/// The answers of one run.
pub struct Desk {
    host: Arc<Host>,
    person: Option<Person>,
    coming: Coming,
    signatures: u32,
}

impl Desk {
    /// For a run that begins.
    pub fn new(host: Arc<Host>, person: Option<Person>) -> Self {
        Self { host, person, coming: Coming::default(), signatures: 0 }
    }

    /// What the app is told first.
    pub fn hello(host: &Host, person: Option<&Person>, mode: Mode, without_gpu: bool) -> Hello {
        let device = host.key.device();
        let may_enrol =
            mode == Mode::Report && device.is_some_and(|device| device.enrolled.is_none());
        let fleet_token = if may_enrol { host.parts.settings.fleet_token() } else { None };
        let language = person.map(|person| person.language.clone());
        Hello {
            mode,
            scenario: person.map(|person| person.scenario),
            way: person.map(|person| person.way),
            user: person.and_then(|person| person.user.clone()),
            proxy: host.parts.pc.proxy(),
            pc: what_it_can(host, person, Known::Unknown),
            device,
            fleet_token: fleet_token.and_then(protocol::host::SecretText::new),
            language: language.unwrap_or_else(|| host.parts.pc.language()),
            may_sign_in: person.is_some_and(|person| person.may_sign_in),
            without_gpu,
        }
    }

    /// The answer; none for what is no question.
    pub fn answer(&mut self, ask: Ask) -> Option<Tell> {
        let host = Arc::clone(&self.host);
        Some(match ask {
            Ask::Sign(wanted) => match self.sign(&host, wanted) {
                Ok(signed) => Tell::Signed(signed),
                Err(reason) => Tell::NotSigned(reason),
            },
            Ask::Get { slot, part } => host.keep.get(slot, part),
            Ask::Put { slot, part } => host.keep.put(&mut self.coming, slot, &part),
            Ask::Delete(slot) => host.keep.delete(slot),
            Ask::Look(look) => host.keep.look(&mut self.coming, &look),
            Ask::Reported { device } => match host.reported(device) {
                Ok(()) => {
                    host.parts.settings.forget_fleet_token();
                    Tell::Kept
                }
                Err(error) => {
                    tracing::error!("that the device is enrolled cannot be kept: {error}");
                    Tell::NotKept(NotKept::Disk)
                }
            },
            Ask::KeyRefused(why) => match host.key_refused(why) {
                Ok(()) => Tell::Kept,
                Err(error) => {
                    tracing::error!("the device's key is refused, and cannot be changed: {error}");
                    Tell::NotKept(NotKept::Disk)
                }
            },
            Ask::Pc => {
                let controller = look(&host, From::UnderWay);
                Tell::Pc(what_it_can(&host, self.person.as_ref(), controller))
            }
            Ask::Facts => Tell::Facts(readiness::facts(&host.parts, host.known())),
            Ask::Connect => {
                let controller = connect(&host);
                Tell::Pc(what_it_can(&host, self.person.as_ref(), controller))
            }
            Ask::Ready
            | Ask::Present
            | Ask::Status(_)
            | Ask::View(_)
            | Ask::Outcome(_)
            | Ask::End => return None,
        })
    }

    fn sign(&mut self, host: &Host, wanted: Wanted) -> Result<Signed, NotSigned> {
        let (Some(device), Some(marks)) = (host.key.device(), host.key.marks()) else {
            return Err(NotSigned::NoKey);
        };
        self.signatures += 1;
        if self.signatures > SIGNATURES {
            return Err(NotSigned::TooMany);
        }
        let (device_key, kind) = (device.public, device.kind);
        let at = host.parts.clock.unix();
        let signs = host.key.with(&*host.parts.chip);
        let signed = match wanted {
            Wanted::Assertion { nonce, run_key } => {
                let person = self.person.as_ref();
                let assertion = Assertion {
                    nonce,
                    run_key,
                    device_key,
                    kind,
                    at,
                    scenario: person.map(|person| person.scenario),
                    user: person.and_then(|person| person.user.clone()),
                };
                Signed::assert(&assertion, &signs)
            }
            Wanted::Readiness { nonce } => {
                let report = Readiness {
                    nonce,
                    device_key,
                    kind,
                    at,
                    mark: marks.next,
                    before: marks.before,
                    name: host.parts.pc.name(),
                    windows: host.parts.pc.windows(),
                    version: Text::cut(env!("CARGO_PKG_VERSION")),
                    facts: readiness::facts(&host.parts, host.known()),
                };
                Signed::report(&report, &signs)
            }
        };
        signed.map_err(|error| {
            tracing::warn!("signing with the device's key: {error:?}");
            NotSigned::Provider
        })
    }
}

/// Whether a controller answers is looked for when the app asks: it takes long far from one.
fn what_it_can(host: &Host, person: Option<&Person>, controller: Known) -> Pc {
    let pc = &host.parts.pc;
    let has_been_here = person.is_some_and(|person| person.user.is_some());
    let cached_sign_in = match pc.cached_sign_in() {
        Known::No => Known::No,
        // Windows keeps the passwords of those who have signed in here.
        Known::Yes if has_been_here => Known::Yes,
        Known::Yes | Known::Unknown => Known::Unknown,
    };
    let vpn_hook = host.parts.settings.policy().vpn.is_some();
    Pc { join: pc.join(), controller, cached_sign_in, vpn_hook }
}

fn look(host: &Arc<Host>, from: From) -> Known {
    let ours = Arc::clone(host);
    host.sight.look(from, sight::PATIENCE, move || ours.parts.pc.controller())
}

/// With the administrator's command only where no controller answers without it.
fn connect(host: &Arc<Host>) -> Known {
    let before = look(host, From::UnderWay);
    let (Some(vpn), Known::No | Known::Unknown) = (host.parts.settings.policy().vpn, before) else {
        return before;
    };
    // One that another run has begun is waited for by nobody.
    let Ok(_one) = host.connecting.try_lock() else { return before };
    if let Err(error) = host.parts.pc.run_vpn(&vpn) {
        tracing::warn!("the administrator's command for the network: {error}");
    }
    look(host, From::Now)
}
