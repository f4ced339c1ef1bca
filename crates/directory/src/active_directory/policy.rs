//! The rules in force for one account: its fine-grained policy where one applies to it, else
//! the domain's. Reads values; what cannot be read is said to be incomplete, never guessed at.

use password::PasswordRules;
use protocol::directory::LockoutRules;

use super::entry::Entry;

/// The rules of a fine-grained policy.
pub(super) const FINE_GRAINED: &[&str] = &[
    "msDS-MinimumPasswordLength",
    "msDS-PasswordComplexityEnabled",
    "msDS-PasswordHistoryLength",
    "msDS-MinimumPasswordAge",
    "msDS-LockoutThreshold",
    "msDS-LockoutDuration",
    "msDS-LockoutObservationWindow",
];

/// What is demanded of a password, and when an account is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) rules: PasswordRules,
    pub(super) lockout: Option<LockoutRules>,
}

impl Policy {
    /// Nothing could be read.
    pub(super) fn unread() -> Self {
        Self { rules: PasswordRules::unread(), lockout: None }
    }

    /// The rules of the domain from the head of its naming context.
    pub(super) fn of_domain(head: &Entry) -> Self {
        const COMPLEX: i64 = 1;
        let unread = PasswordRules::unread();
        let length = small(head, "minPwdLength");
        let properties = head.number("pwdProperties");
        let rules = PasswordRules {
            min_length: length.unwrap_or(unread.min_length),
            min_classes: match properties {
                Some(bits) if bits & COMPLEX == 0 => 0,
                _ => unread.min_classes,
            },
            history: small(head, "pwdHistoryLength"),
            min_age_seconds: head.number("minPwdAge").map(seconds),
            complete: length.is_some() && properties.is_some(),
            ..unread
        };
        let names = ["lockoutThreshold", "lockoutDuration", "lockOutObservationWindow"];
        Self { rules, lockout: lockout(head, names) }
    }

    /// The rules of a fine-grained policy; `None` when its values are hidden from us.
    pub(super) fn fine_grained(settings: &Entry) -> Option<Self> {
        let unread = PasswordRules::unread();
        let complex = match settings.text("msDS-PasswordComplexityEnabled")? {
            "TRUE" => true,
            "FALSE" => false,
            _ => return None,
        };
        let rules = PasswordRules {
            min_length: small(settings, "msDS-MinimumPasswordLength")?,
            min_classes: if complex { unread.min_classes } else { 0 },
            history: small(settings, "msDS-PasswordHistoryLength"),
            min_age_seconds: settings.number("msDS-MinimumPasswordAge").map(seconds),
            complete: true,
            ..unread
        };
        let names =
            ["msDS-LockoutThreshold", "msDS-LockoutDuration", "msDS-LockoutObservationWindow"];
        Some(Self { rules, lockout: lockout(settings, names) })
    }

    /// These rules, for an account to which another policy applies that we may not read.
    pub(super) fn incomplete(mut self) -> Self {
        self.rules.complete = false;
        self.lockout = None;
        self
    }
}

fn lockout(entry: &Entry, [threshold, duration, window]: [&str; 3]) -> Option<LockoutRules> {
    Some(LockoutRules {
        threshold: small(entry, threshold)?,
        // 0 and "never": until somebody unlocks it.
        duration_seconds: match entry.number(duration)? {
            0 | i64::MIN => None,
            time => Some(seconds(time)),
        },
        window_seconds: entry.number(window).map(seconds)?,
    })
}

fn small(entry: &Entry, name: &str) -> Option<u16> {
    entry.number(name).and_then(|number| u16::try_from(number).ok())
}

/// Seconds of a span of time, which is written as a negative number of 100 ns.
fn seconds(span: i64) -> u64 {
    span.unsigned_abs() / 10_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_says_its_rules() {
        let head = |properties: &'static [u8]| {
            Policy::of_domain(&Entry::of(
                "DC=ad",
                &[
                    ("minPwdLength", b"10"),
                    ("pwdProperties", properties),
                    ("pwdHistoryLength", b"24"),
                    ("minPwdAge", b"-864000000000"),
                    ("lockoutThreshold", b"5"),
                    ("lockoutDuration", b"-18000000000"),
                    ("lockOutObservationWindow", b"-600000000"),
                ],
            ))
        };
        let Policy { rules, lockout } = head(b"1");
        assert_eq!((rules.min_length, rules.min_classes), (10, 3));
        assert_eq!((rules.history, rules.min_age_seconds), (Some(24), Some(86_400)));
        assert!(rules.complete);
        let expected =
            LockoutRules { threshold: 5, duration_seconds: Some(1800), window_seconds: 60 };
        assert_eq!(lockout, Some(expected));
        assert_eq!(head(b"0").rules.min_classes, 0);
        assert!(!Policy::of_domain(&Entry::of("DC=ad", &[])).rules.complete);
    }

    #[test]
    fn a_fine_grained_policy_says_its_rules_or_nothing() {
        let mut values: Vec<(&str, &[u8])> = vec![
            ("msDS-MinimumPasswordLength", b"14"),
            ("msDS-PasswordComplexityEnabled", b"FALSE"),
            ("msDS-PasswordHistoryLength", b"5"),
            ("msDS-MinimumPasswordAge", b"-1728000000000"),
            ("msDS-LockoutThreshold", b"7"),
            ("msDS-LockoutDuration", b"-9223372036854775808"),
            ("msDS-LockoutObservationWindow", b"-18000000000"),
        ];
        let policy = Policy::fine_grained(&Entry::of("CN=strict", &values)).unwrap();
        assert_eq!((policy.rules.min_length, policy.rules.min_classes), (14, 0));
        assert_eq!((policy.rules.history, policy.rules.min_age_seconds), (Some(5), Some(172_800)));
        assert!(policy.rules.complete);
        assert_eq!(policy.lockout.unwrap().duration_seconds, None, "until somebody unlocks it");
        values.remove(0);
        assert_eq!(Policy::fine_grained(&Entry::of("CN=strict", &values)), None);
    }
}
