//! Answers what the app asks, from what only the host has: the device's key, the slots, what this
//! PC is. What may be asked when is the flow's; here each question has one answer.

use std::sync::Arc;

use protocol::host::{
    Text,
    app::{Ask, Hello, Mode, NotKept, NotSigned, Pc, Tell},
    statement::{Assertion, Readiness, Signed, Wanted},
    tile::Scenario,
};

use crate::{keep::Coming, readiness, serve::Host};

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
            pc: what_it_can(host),
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
            Ask::Pc => Tell::Pc(what_it_can(&host)),
            Ask::Facts => Tell::Facts(readiness::facts(&host.parts, host.known())),
            Ask::Connect => Tell::Pc(connect(&host)),
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

fn what_it_can(host: &Host) -> Pc {
    let pc = &host.parts.pc;
    Pc {
        join: pc.join(),
        controller: pc.controller(),
        cached_sign_in: pc.cached_sign_in(),
        vpn_hook: host.parts.settings.policy().vpn.is_some(),
    }
}

/// With the administrator's command only where no controller answers without it.
fn connect(host: &Host) -> Pc {
    use protocol::host::app::Known;

    let before = what_it_can(host);
    let Some(vpn) = host.parts.settings.policy().vpn else {
        return before;
    };
    match before.controller {
        Known::Yes => return before,
        Known::No | Known::Unknown => {}
    }
    if let Err(error) = host.parts.pc.run_vpn(&vpn) {
        tracing::warn!("the administrator's command for the network: {error}");
    }
    what_it_can(host)
}
