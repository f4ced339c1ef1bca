//! Which PCs cannot recover and why, in words for administrators, from the rows of their last
//! reports. Reads no clock and no store.

use std::collections::BTreeSet;

use protocol::host::statement::{Check, Found};
use recovery::{Times, Timestamp};
use serde::{Deserialize, Serialize};
use store::DeviceRow;

use crate::devices::found_text;

/// A fact as it is stored: by stable names, which a PC of another version may have others of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct StoredFact {
    /// What was looked at.
    pub(crate) check: String,
    /// What came out.
    pub(crate) found: String,
    /// What was seen.
    pub(crate) seen: String,
}

impl StoredFact {
    fn check(&self) -> Option<Check> {
        Check::ALL.iter().copied().find(|check| check.name() == self.check)
    }

    /// Whether nobody can recover on that PC because of it.
    pub(crate) fn breaks(&self) -> bool {
        self.found == found_text(Found::Breaks)
    }

    /// Whether it makes it harder.
    pub(crate) fn hinders(&self) -> bool {
        self.found == found_text(Found::Less)
    }

    /// In words, with what was seen.
    pub(crate) fn words(&self) -> String {
        let because = self.check().map_or(self.check.as_str(), |check| check.remedy().because);
        if self.seen.is_empty() {
            return because.to_owned();
        }
        format!("{because} ({})", self.seen)
    }
}

/// What a PC's last report found.
pub(crate) fn facts(device: &DeviceRow) -> Vec<StoredFact> {
    serde_json::from_str(&device.report.facts).unwrap_or_default()
}

/// Whether its last report says that nobody can recover on it.
pub(crate) fn cannot_recover(device: &DeviceRow) -> bool {
    device.is_good() && facts(device).iter().any(StoredFact::breaks)
}

/// Whether it has not been heard of for long.
pub(crate) fn is_silent(device: &DeviceRow, now: Timestamp) -> bool {
    device.is_good() && now.since(device.reported_at) >= Times::DEVICE_SILENT
}

/// How a fleet is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fleet {
    /// PCs whose key counts.
    pub(crate) all: usize,
    /// Of these, those on which nobody can recover.
    pub(crate) cannot: usize,
    /// Of these, those that have not reported for long.
    pub(crate) silent: usize,
    /// Why not, each with how many PCs; the most first.
    pub(crate) reasons: Vec<(String, usize)>,
}

impl Fleet {
    /// Of these devices.
    pub(crate) fn of(devices: &[DeviceRow], now: Timestamp) -> Self {
        let mut fleet = Self::default();
        for device in devices.iter().filter(|device| device.is_good()) {
            fleet.all += 1;
            fleet.cannot += usize::from(cannot_recover(device));
            fleet.silent += usize::from(is_silent(device, now));
            // Each once, however often one PC says it.
            let breaking = facts(device).into_iter().filter(StoredFact::breaks);
            let reasons: BTreeSet<String> = breaking.map(|fact| fact.check).collect();
            for reason in reasons {
                match fleet.reasons.iter_mut().find(|(check, _)| *check == reason) {
                    Some((_, count)) => *count += 1,
                    None => fleet.reasons.push((reason, 1)),
                }
            }
        }
        fleet.reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        fleet
    }

    /// One sentence for each reason, worst first, with what to do; and who is silent.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.reasons.len() > 1 {
            said.push(format!("{} of {} PCs cannot recover.", self.cannot, self.all));
        }
        for (name, count) in &self.reasons {
            let check = Check::ALL.iter().find(|check| check.name() == name);
            let pcs = pcs(*count);
            said.push(match check.map(|check| check.remedy()) {
                Some(remedy) => {
                    format!("{pcs} cannot recover, because {}. {}", remedy.because, remedy.cure)
                }
                None => format!("{pcs} cannot recover, because of `{name}`."),
            });
        }
        if self.silent > 0 {
            let days = Times::DEVICE_SILENT.seconds_up() / 86_400;
            let have = if self.silent == 1 { "has" } else { "have" };
            said.push(format!(
                "{} {have} not reported for {days} days or longer.",
                pcs(self.silent)
            ));
        }
        said
    }
}

/// "1 PC", "31 PCs".
pub(crate) fn pcs(count: usize) -> String {
    if count == 1 { "1 PC".to_owned() } else { format!("{count} PCs") }
}

#[cfg(test)]
mod tests {
    use recovery::Span;
    use store::NewReport;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

    fn pc(facts: &[(&str, &str)]) -> DeviceRow {
        let facts: Vec<StoredFact> = facts
            .iter()
            .map(|(check, found)| StoredFact {
                check: (*check).to_owned(),
                found: (*found).to_owned(),
                seen: String::new(),
            })
            .collect();
        DeviceRow {
            id: Uuid::nil(),
            tenant: Uuid::nil(),
            public_key: Vec::new(),
            kind: "tpm".to_owned(),
            fleet_token: Uuid::nil(),
            enrolled_at: NOW,
            reported_at: NOW,
            report: NewReport {
                name: "PC-1".to_owned(),
                windows: "10.0.26100".to_owned(),
                version: "0.1.0".to_owned(),
                facts: serde_json::to_string(&facts).unwrap(),
                nonce_at: NOW,
                mark: vec![1; 16],
                mark_before: vec![0; 16],
            },
            trusted_at: None,
            shared_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn the_reasons_come_worst_first_and_each_with_what_to_do() {
        let excluded = pc(&[("tile-excluded", "breaks"), ("proxy", "fine")]);
        let both = pc(&[("tile-excluded", "breaks"), ("smart-card-required", "breaks")]);
        let fine = pc(&[("webview-runtime", "less"), ("clock", "unknown")]);
        let revoked = DeviceRow { revoked_at: Some(NOW), ..excluded.clone() };
        let shared = DeviceRow { shared_at: Some(NOW), ..excluded.clone() };
        let said = Fleet::of(&[excluded.clone(), both, fine.clone(), revoked, shared], NOW);
        assert_eq!((said.all, said.cannot, said.silent), (3, 2, 0));
        assert_eq!(
            said.sentences(),
            [
                "2 of 3 PCs cannot recover.",
                "2 PCs cannot recover, because the tile is excluded or disabled. Take its class \
                 out of ExcludedCredentialProviders, and the value Disabled off its key.",
                "1 PC cannot recover, because a smart card is required to sign in. A new password \
                 helps nobody there: do not roll it out to these PCs, or take scforceoption away.",
            ]
        );
        assert_eq!(Fleet::of(&[excluded], NOW).sentences().len(), 1, "one reason says it all");
        assert!(Fleet::of(&[fine], NOW).sentences().is_empty());
    }

    #[test]
    fn a_pc_that_says_a_reason_twice_is_one_pc() {
        let twice = pc(&[("tile-excluded", "breaks"), ("tile-excluded", "breaks")]);
        let said = Fleet::of(&[twice], NOW).sentences();
        assert!(said[0].starts_with("1 PC cannot recover, because"), "{said:?}");
    }

    #[test]
    fn a_reason_of_a_later_version_is_named_and_silence_is_told() {
        let later = pc(&[("moon-phase", "breaks")]);
        let silent = NOW.plus(Span::hours(24 * 14));
        assert_eq!(
            Fleet::of(&[later], silent).sentences(),
            [
                "1 PC cannot recover, because of `moon-phase`.",
                "1 PC has not reported for 14 days or longer.",
            ]
        );
    }
}
