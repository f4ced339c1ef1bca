//! How an agent is, in the words that an administrator reads. Derived from its row and the time
//! alone, so that a command beside the running service says the same.

use protocol::agent::Stopped;
use recovery::{Span, Times, Timestamp};
use store::AgentRow;

/// How an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentState {
    /// Linked, and able to change the directory.
    Up,
    /// The same, with an older program than the service's.
    Outdated,
    /// Linked, and begins nothing new.
    Stopped(Stopped),
    /// Linked, and reaches no controller.
    NoController,
    /// Turned away: its protocol is too old to be spoken.
    TooOld,
    /// No link.
    Unreachable,
    /// Enrolled, and not let in by an administrator yet.
    WaitsForApproval,
    /// Enrolled, and never linked.
    NotSetUp,
    /// No link, and the service itself does not run.
    FaultOurs,
    /// An administrator removed it.
    Removed,
}

impl AgentState {
    /// The state of an agent now; `alive_at` is when the service last said that it runs.
    pub(crate) fn of(agent: &AgentRow, now: Timestamp, alive_at: Option<Timestamp>) -> Self {
        if agent.revoked {
            return Self::Removed;
        }
        if !agent.approved {
            return Self::WaitsForApproval;
        }
        if is_linked(agent, now) {
            return match stopped(agent) {
                Some(stopped) => Self::Stopped(stopped),
                None if !agent.directory_reachable => Self::NoController,
                None if is_older(agent.health.software.as_deref()) => Self::Outdated,
                None => Self::Up,
            };
        }
        let silent_for = |at: Timestamp| now.since(at);
        if alive_at.is_none_or(|at| silent_for(at) > Span(4 * Times::ALIVE.0)) {
            Self::FaultOurs
        } else if agent.too_old_at.is_some() {
            Self::TooOld
        } else if agent.heard_at.is_none() {
            Self::NotSetUp
        } else {
            Self::Unreachable
        }
    }

    /// Its stable code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Outdated => "outdated",
            Self::Stopped(stopped) => stopped.code(),
            Self::NoController => "no-controller",
            Self::TooOld => "too-old",
            Self::Unreachable => "unreachable",
            Self::WaitsForApproval => "waits-for-approval",
            Self::NotSetUp => "not-set-up",
            Self::FaultOurs => "fault-ours",
            Self::Removed => "removed",
        }
    }

    /// The same for people, with what to do.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Outdated => "up, outdated: update its program",
            Self::Stopped(Stopped::HourlyLimit) => {
                "stopped at its hourly limit: look why, then run regain-agent release there (on Linux: sudo -u regain-agent regain-agent release)"
            }
            Self::Stopped(Stopped::AccountLocked) => {
                "stopped: the directory has locked its account"
            }
            Self::Stopped(Stopped::AccountRefused) => {
                "stopped: the directory refuses its account, run regain-agent doctor there"
            }
            Self::Stopped(Stopped::SwitchedOff) => "switched off on its machine",
            Self::NoController => "connected, reaches no controller",
            Self::TooOld => "turned away: its program is too old, update it",
            Self::Unreachable => "not connected",
            Self::WaitsForApproval => {
                "waits for approval: compare its fingerprint, then approve-agent"
            }
            Self::NotSetUp => "not set up: enrolled, never connected",
            Self::FaultOurs => "not connected, for the service does not run",
            Self::Removed => "removed",
        }
    }
}

/// Whether an agent's link stands, as far as its row tells: a service that crashed has not
/// written that it is gone.
pub(crate) fn is_linked(agent: &AgentRow, now: Timestamp) -> bool {
    agent.seen_at.is_some_and(|at| now.since(at) <= Times::AGENT_QUIET)
}

/// Why it begins nothing new.
pub(crate) fn stopped(agent: &AgentRow) -> Option<Stopped> {
    agent.health.stopped.as_deref().and_then(Stopped::of_code)
}

/// Whether a program is older than this one. One that does not say its version is not judged.
fn is_older(software: Option<&str>) -> bool {
    let version = |text: &str| -> Option<Vec<u64>> {
        let release = text.split(['-', '+']).next()?;
        release.split('.').map(|part| part.parse().ok()).collect()
    };
    let own = version(env!("CARGO_PKG_VERSION"));
    software.and_then(version).zip(own).is_some_and(|(theirs, own)| theirs < own)
}

#[cfg(test)]
mod tests {
    use store::AgentHealth;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

    fn agent() -> AgentRow {
        AgentRow {
            id: Uuid::from_u128(1),
            tenant: Uuid::from_u128(2),
            directory: Uuid::from_u128(3),
            name: "dc1".to_owned(),
            identity_key: Vec::new(),
            recipient: String::new(),
            directory_key: Vec::new(),
            approved: true,
            seen_at: Some(NOW),
            directory_reachable: true,
            heard_at: Some(NOW),
            health: AgentHealth {
                software: Some(env!("CARGO_PKG_VERSION").to_owned()),
                ..AgentHealth::default()
            },
            too_old_at: None,
            link_generation: 1,
            revoked: false,
        }
    }

    fn code(change: impl FnOnce(&mut AgentRow)) -> &'static str {
        let mut agent = agent();
        change(&mut agent);
        AgentState::of(&agent, NOW, Some(NOW)).code()
    }

    #[test]
    fn each_state_is_told_apart() {
        assert_eq!(code(|_| {}), "up");
        assert_eq!(code(|agent| agent.health.software = Some("0.0.9".to_owned())), "outdated");
        assert_eq!(code(|agent| agent.health.software = Some("99.0".to_owned())), "up");
        assert_eq!(code(|agent| agent.health.software = Some("what".to_owned())), "up");
        assert_eq!(code(|agent| agent.approved = false), "waits-for-approval");
        assert_eq!(code(|agent| agent.directory_reachable = false), "no-controller");
        for stopped in Stopped::ALL {
            let said = stopped.code().to_owned();
            let told = code(|agent| {
                agent.health.stopped = Some(said);
                agent.directory_reachable = false;
            });
            assert_eq!(told, stopped.code());
        }
        assert_eq!(code(|agent| agent.seen_at = None), "unreachable");
        let crashed = Timestamp(NOW.0 - Times::AGENT_QUIET.0 - 1);
        assert_eq!(code(|agent| agent.seen_at = Some(crashed)), "unreachable");
        let fresh = |agent: &mut AgentRow| (agent.seen_at, agent.heard_at) = (None, None);
        assert_eq!(code(fresh), "not-set-up");
        let old = |agent: &mut AgentRow| (agent.seen_at, agent.too_old_at) = (None, Some(NOW));
        assert_eq!(code(old), "too-old");
        assert_eq!(code(|agent| agent.revoked = true), "removed");
    }

    #[test]
    fn without_a_running_service_it_is_not_the_agents_fault() {
        let gone = AgentRow { seen_at: None, ..agent() };
        assert_eq!(AgentState::of(&gone, NOW, None), AgentState::FaultOurs);
        let long_ago = Timestamp(NOW.0 - 4 * Times::ALIVE.0 - 1);
        assert_eq!(AgentState::of(&gone, NOW, Some(long_ago)), AgentState::FaultOurs);
    }
}
