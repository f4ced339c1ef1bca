//! The one judge: which rules a password meets. It reports every rule, met or not, so that a
//! page can tick them one by one.

use std::collections::BTreeSet;

use crate::{CharacterClass, PasswordRefusal, PasswordRules};

/// One rule and whether the password meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it would be refused for.
    pub rule: PasswordRefusal,
    /// Whether it is met.
    pub met: bool,
}

/// Judges `password` by what the published rules can decide. History and age are the
/// directory's alone. The order of findings is the order in which a page lists them.
pub fn judge(password: &str, rules: &PasswordRules) -> Vec<Finding> {
    let length = password.encode_utf16().count();
    let mut findings = vec![Finding {
        rule: PasswordRefusal::TooShort,
        met: length >= usize::from(rules.min_length),
    }];
    findings.push(Finding {
        rule: PasswordRefusal::TooLong,
        met: length <= usize::from(rules.max_length),
    });
    if rules.min_classes > 0 {
        findings.push(Finding {
            rule: PasswordRefusal::TooFewClasses,
            met: classes(password).len() >= usize::from(rules.min_classes),
        });
    }
    if !rules.names.is_empty() {
        findings.push(Finding {
            rule: PasswordRefusal::ContainsName,
            met: !contains_name(password, &rules.names),
        });
    }
    findings.push(Finding {
        rule: PasswordRefusal::UnusableCharacter,
        met: !password.chars().any(char::is_control),
    });
    findings
}

fn classes(password: &str) -> BTreeSet<CharacterClass> {
    password.chars().map(class_of).collect()
}

fn class_of(c: char) -> CharacterClass {
    if c.is_ascii_digit() {
        CharacterClass::Digit
    } else if c.is_uppercase() {
        CharacterClass::Upper
    } else if c.is_lowercase() {
        CharacterClass::Lower
    } else if c.is_alphabetic() {
        CharacterClass::OtherLetter
    } else {
        CharacterClass::Symbol
    }
}

fn contains_name(password: &str, names: &[String]) -> bool {
    let password = password.to_lowercase();
    names.iter().any(|name| password.contains(&name.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        password: String,
        rules: PasswordRules,
        unmet: Vec<PasswordRefusal>,
    }

    #[test]
    fn the_judge_agrees_with_every_vector() {
        let vectors: Vec<Vector> = serde_json::from_str(crate::VECTORS).unwrap();
        assert!(vectors.len() >= 12);
        for vector in vectors {
            let unmet: Vec<_> = judge(&vector.password, &vector.rules)
                .into_iter()
                .filter(|finding| !finding.met)
                .map(|finding| finding.rule)
                .collect();
            assert_eq!(unmet, vector.unmet, "password {:?}", vector.password);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_longer_password_never_becomes_too_short(a in ".{0,20}", b in ".{0,20}") {
            let rules = PasswordRules::unread();
            let too_short = |p: &str| {
                judge(p, &rules).iter().any(|f| f.rule == PasswordRefusal::TooShort && !f.met)
            };
            let longer = a.clone() + &b;
            proptest::prop_assert!(!too_short(&longer) || too_short(&a));
        }
    }
}
