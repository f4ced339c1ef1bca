//! The names of audit events, and the short way to write one.

use recovery::Timestamp;
use serde_json::Value;
use store::{AuditEvent, RecoveryRow, StoreError, Tx};

/// What can be in the trail. The names are stable; docs/events.md explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A recovery was begun.
    RecoveryBegun,
    /// Another user ID was typed.
    UserIdChanged,
    /// A code was made and its message put in the outbox.
    CodeMade,
    /// A wrong code was entered.
    CodeWrong,
    /// A code came too late.
    CodeExpired,
    /// The last wrong code ended the recovery.
    CodeSpent,
    /// A gate was passed.
    GatePassed,
    /// The directory told what is wrong.
    AccountChecked,
    /// An act was chosen.
    ActChosen,
    /// A sealed password was handed over.
    PasswordHandedOver,
    /// An operation went to the directory.
    OperationSent,
    /// The directory was changed and read back.
    OperationDone,
    /// The directory was certainly not changed.
    OperationNotDone,
    /// Nobody knows yet whether the directory was changed.
    OperationNotKnown,
    /// A recovery ended.
    RecoveryEnded,
    /// A message left.
    MessageSent,
    /// A message could not be sent and is given up.
    MessageDead,
    /// An agent enrolled.
    AgentEnrolled,
    /// An administrator approved an agent after comparing its fingerprint.
    AgentApproved,
    /// An agent has a new identity key, by the word of its old one.
    AgentKeyChanged,
    /// The service has a new link key; the old one is good until it is retired.
    LinkKeyChanged,
    /// An old link key is of no use any more.
    LinkKeyRetired,
    /// An agent was removed by an administrator.
    AgentRemoved,
    /// An agent proved itself on a new link.
    AgentConnected,
    /// An agent's link ended.
    AgentDisconnected,
    /// An administrator switched changing a directory on.
    WriteBackOn,
    /// An administrator switched it off.
    WriteBackOff,
    /// A frame on a proven link did not prove itself: edited, repeated, dropped or swapped on
    /// the way. Nothing in it was acted on.
    AgentFrameRefused,
    /// An address changed, or may be the account's own doing: it is no gate for three days.
    AddressHeld,
    /// An administrator let a held address count.
    AddressReleased,
    /// An administrator said which mail domains are the organisation's own.
    OwnMailSet,
    /// An agent says that it begins nothing new.
    AgentStopped,
    /// An agent goes on.
    AgentGoesOn,
    /// No agent of a directory was there for some minutes.
    NoAgentLeft,
    /// One is there again.
    AgentBack,
    /// An administrator said whom alerts go to.
    AlertsSet,
    /// A PC enrolled with a fleet token.
    DeviceEnrolled,
    /// Two PCs reported with one key, which counts no more.
    DeviceShared,
    /// An administrator vouches for a device, or does no more.
    DeviceTrusted,
    /// An administrator shut a device out.
    DeviceRevoked,
    /// An administrator let a device in again.
    DeviceLetIn,
    /// An administrator made a fleet token.
    FleetTokenMade,
    /// An administrator took a fleet token back.
    FleetTokenRevoked,
    /// An administrator switched candid answers on trusted devices on or off.
    CandidSet,
    /// An administrator changed how the tile looks.
    TileSet,
    /// A trusted device was told at once that its person's account cannot recover.
    CannotRecover,
}

impl Event {
    /// All of them, for docs/events.md.
    pub const ALL: &'static [Self] = &[
        Self::RecoveryBegun,
        Self::UserIdChanged,
        Self::CodeMade,
        Self::CodeWrong,
        Self::CodeExpired,
        Self::CodeSpent,
        Self::GatePassed,
        Self::AccountChecked,
        Self::ActChosen,
        Self::PasswordHandedOver,
        Self::OperationSent,
        Self::OperationDone,
        Self::OperationNotDone,
        Self::OperationNotKnown,
        Self::RecoveryEnded,
        Self::MessageSent,
        Self::MessageDead,
        Self::AgentEnrolled,
        Self::AgentApproved,
        Self::AgentKeyChanged,
        Self::LinkKeyChanged,
        Self::LinkKeyRetired,
        Self::AgentRemoved,
        Self::AgentConnected,
        Self::AgentDisconnected,
        Self::WriteBackOn,
        Self::WriteBackOff,
        Self::AgentFrameRefused,
        Self::AddressHeld,
        Self::AddressReleased,
        Self::OwnMailSet,
        Self::AgentStopped,
        Self::AgentGoesOn,
        Self::NoAgentLeft,
        Self::AgentBack,
        Self::AlertsSet,
        Self::DeviceEnrolled,
        Self::DeviceShared,
        Self::DeviceTrusted,
        Self::DeviceRevoked,
        Self::DeviceLetIn,
        Self::FleetTokenMade,
        Self::FleetTokenRevoked,
        Self::CandidSet,
        Self::TileSet,
        Self::CannotRecover,
    ];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecoveryBegun => "recovery-begun",
            Self::UserIdChanged => "user-id-changed",
            Self::CodeMade => "code-made",
            Self::CodeWrong => "code-wrong",
            Self::CodeExpired => "code-expired",
            Self::CodeSpent => "code-spent",
            Self::GatePassed => "gate-passed",
            Self::AccountChecked => "account-checked",
            Self::ActChosen => "act-chosen",
            Self::PasswordHandedOver => "password-handed-over",
            Self::OperationSent => "operation-sent",
            Self::OperationDone => "operation-done",
            Self::OperationNotDone => "operation-not-done",
            Self::OperationNotKnown => "operation-not-known",
            Self::RecoveryEnded => "recovery-ended",
            Self::MessageSent => "message-sent",
            Self::MessageDead => "message-dead",
            Self::AgentEnrolled => "agent-enrolled",
            Self::AgentApproved => "agent-approved",
            Self::AgentKeyChanged => "agent-key-changed",
            Self::LinkKeyChanged => "link-key-changed",
            Self::LinkKeyRetired => "link-key-retired",
            Self::AgentRemoved => "agent-removed",
            Self::AgentConnected => "agent-connected",
            Self::AgentDisconnected => "agent-disconnected",
            Self::WriteBackOn => "write-back-on",
            Self::WriteBackOff => "write-back-off",
            Self::AgentFrameRefused => "agent-frame-refused",
            Self::AddressHeld => "address-held",
            Self::AddressReleased => "address-released",
            Self::OwnMailSet => "own-mail-set",
            Self::AgentStopped => "agent-stopped",
            Self::AgentGoesOn => "agent-goes-on",
            Self::NoAgentLeft => "no-agent-left",
            Self::AgentBack => "agent-back",
            Self::AlertsSet => "alerts-set",
            Self::DeviceEnrolled => "device-enrolled",
            Self::DeviceShared => "device-shared",
            Self::DeviceTrusted => "device-trusted",
            Self::DeviceRevoked => "device-revoked",
            Self::DeviceLetIn => "device-let-in",
            Self::FleetTokenMade => "fleet-token-made",
            Self::FleetTokenRevoked => "fleet-token-revoked",
            Self::CandidSet => "candid-set",
            Self::TileSet => "tile-set",
            Self::CannotRecover => "cannot-recover",
        }
    }
}

/// Writes down what happened in a recovery. `detail` never holds a code, password or token.
///
/// # Errors
/// When the store cannot write; the caller's transaction then fails with it (AUD-06).
pub async fn note(
    tx: &mut Tx<'_>,
    row: &RecoveryRow,
    event: Event,
    detail: Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = AuditEvent {
        tenant: row.tenant,
        event: event.as_str(),
        case_code: Some(row.case_code.clone()),
        account: row.account,
        detail: detail.to_string(),
    };
    tx.audit(&event, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_explained() {
        let explained = include_str!("../../../docs/events.md");
        for event in Event::ALL {
            assert!(explained.contains(&format!("| `{}` |", event.as_str())), "{event:?}");
        }
    }
}
