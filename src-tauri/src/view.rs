//! The view that the pages draw: the protocol's own, passed through untouched, so that a page
//! can draw a stage that this app is too old to know by its plain words. Read here is only what
//! the controller itself reacts to.

use protocol::{
    api::{Call, Stage, View},
    sealed::{Binding, RecipientList},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A view of this version of the protocol, or of a later one.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyView {
    json: Value,
    revision: u64,
    known: Option<Box<View>>,
}

impl AnyView {
    /// Changes whenever anything in the view does.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// As far as this version knows it.
    pub fn known(&self) -> Option<&View> {
        self.known.as_deref()
    }

    /// Title, text and a call that needs no input, for who cannot draw the stage.
    pub(crate) fn plain(&self) -> (&str, &str, Option<Call>) {
        let part = |name: &str| self.json.pointer(name);
        let text = |name: &str| part(name).and_then(Value::as_str).unwrap_or_default();
        let action = part("/plain/action").and_then(|action| Call::deserialize(action).ok());
        (text("/plain/title"), text("/plain/text"), action)
    }

    /// Seconds without a call after which it ends; none while something is awaited.
    pub(crate) fn idle_ends_in_s(&self) -> Option<u32> {
        self.seconds("idle_ends_in_s")
    }

    /// Seconds until it ends in any case; an hour where that is not said.
    pub(crate) fn ends_in_s(&self) -> u32 {
        self.seconds("ends_in_s").unwrap_or(3_600)
    }

    fn seconds(&self, name: &str) -> Option<u32> {
        self.json.get(name)?.as_u64().map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Whether nothing more can come of the recovery, so that nothing is worth keeping.
    pub(crate) fn is_over(&self) -> bool {
        self.known().is_some_and(|view| match &view.stage {
            Stage::Ended { .. } => true,
            Stage::Done { reset_offered, .. } => !reset_offered,
            Stage::ChooseMethod { .. }
            | Stage::EnterCode { .. }
            | Stage::Checking
            | Stage::Choice { .. }
            | Stage::NewPassword { .. }
            | Stage::ChangePassword { .. }
            | Stage::Working { .. }
            | Stage::NotDone { .. }
            | Stage::NotKnown { .. } => false,
        })
    }

    /// Whether the service has closed it.
    pub(crate) fn has_ended(&self) -> bool {
        self.known().is_some_and(|view| matches!(view.stage, Stage::Ended { .. }))
    }

    /// Whether no gate is passed: only until then the service takes another user ID. Of a later
    /// version's view nobody here knows.
    pub(crate) fn is_before_any_gate(&self) -> bool {
        self.known().is_some_and(|view| view.calls.contains(&Call::ChangeUserId))
    }

    /// Whether the service would take this call now. A later version's view is given the
    /// benefit of the doubt: the service decides anyway.
    pub(crate) fn allows(&self, call: Call) -> bool {
        self.known().is_none_or(|view| view.calls.contains(&call))
    }

    /// What to seal a new password for, when one is asked for: alone, or for a change with the
    /// present one.
    pub(crate) fn seal_for(&self, with_present: bool) -> Option<(&Binding, &RecipientList)> {
        match &self.known()?.stage {
            Stage::NewPassword { binding, recipients, .. } if !with_present => {
                Some((binding, recipients))
            }
            Stage::ChangePassword { binding, recipients, .. } if with_present => {
                Some((binding, recipients))
            }
            Stage::NewPassword { .. } | Stage::ChangePassword { .. } => None,
            Stage::ChooseMethod { .. }
            | Stage::EnterCode { .. }
            | Stage::Checking
            | Stage::Choice { .. }
            | Stage::Working { .. }
            | Stage::Done { .. }
            | Stage::NotDone { .. }
            | Stage::NotKnown { .. }
            | Stage::Ended { .. } => None,
        }
    }
}

impl<'de> Deserialize<'de> for AnyView {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let revision = json.get("revision").and_then(Value::as_u64);
        let revision = revision.ok_or_else(|| serde::de::Error::missing_field("revision"))?;
        if !json.get("plain").is_some_and(Value::is_object) {
            return Err(serde::de::Error::missing_field("plain"));
        }
        Ok(Self { known: View::deserialize(&json).ok().map(Box::new), json, revision })
    }
}

impl Serialize for AnyView {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stage_of_a_later_version_is_passed_on_with_its_plain_words() {
        let later = json!({
            "case_code": "ABC234",
            "stage": {"name": "scan-the-picture", "picture": "x"},
            "plain": {"title": "Scan the picture", "text": "", "action": null},
            "revision": 7,
        });
        let view: AnyView = serde_json::from_value(later.clone()).unwrap();
        assert_eq!(view.revision(), 7);
        assert!(view.known().is_none() && !view.is_over());
        assert_eq!(serde_json::to_value(&view).unwrap(), later);
    }

    #[test]
    fn what_is_no_view_is_refused() {
        for wrong in [json!({}), json!({"revision": 1}), json!({"plain": {}}), json!([])] {
            assert!(serde_json::from_value::<AnyView>(wrong).is_err());
        }
    }
}
