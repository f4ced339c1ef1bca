//! Distinguished names, as far as "is this below that" goes. A name that only looks as if it
//! ended in a configured subtree must not pass, so the text is split at unescaped commas.
//!
//! No building of names: they come from the server or from the configuration.

/// A distinguished name as its parts, leaf first, without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DistinguishedName(Vec<String>);

impl DistinguishedName {
    /// Reads a name as a server prints it; `None` when a part has no `=` or an escape is cut.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    part.push(c);
                    part.push(chars.next()?);
                }
                ',' => parts.push(std::mem::take(&mut part)),
                _ => part.push(c),
            }
        }
        parts.push(part);
        let parts: Vec<String> =
            parts.iter().map(|part| part.trim_start().to_lowercase()).collect();
        let whole = |part: &String| part.find('=').is_some_and(|at| at > 0);
        parts.iter().all(whole).then_some(Self(parts))
    }

    /// Whether this is `base` itself or lies in its subtree.
    pub(super) fn is_within(&self, base: &Self) -> bool {
        self.0.ends_with(&base.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).unwrap()
    }

    #[test]
    fn a_subtree_holds_itself_and_what_is_below_without_regard_to_case() {
        let base = dn("OU=People,DC=ad,DC=example,DC=test");
        assert!(base.is_within(&base));
        assert!(dn("CN=Anna,ou=people,dc=AD,dc=example,dc=test").is_within(&base));
        assert!(dn("CN=Anna,OU=A,OU=People,DC=ad,DC=example,DC=test").is_within(&base));
        assert!(!dn("CN=Anna,OU=Other,DC=ad,DC=example,DC=test").is_within(&base));
        assert!(!dn("CN=Anna,OU=xPeople,DC=ad,DC=example,DC=test").is_within(&base));
        assert!(!dn("DC=ad,DC=example,DC=test").is_within(&base));
    }

    #[test]
    fn an_escaped_comma_does_not_open_a_subtree() {
        let base = dn("OU=People,DC=ad,DC=test");
        assert!(!dn(r"CN=x\,OU=People,DC=ad,DC=test").is_within(&base));
        assert!(!dn(r"CN=x\\\,OU=People,DC=ad,DC=test").is_within(&base));
        assert!(dn(r"CN=x\\,OU=People,DC=ad,DC=test").is_within(&base));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "People", "OU=People,", ",OU=People", "=x", "CN=x\\"] {
            assert!(DistinguishedName::parse(text).is_none(), "{text:?}");
        }
    }

    proptest::proptest! {
        /// Whatever the common name holds, escaped it stays one part.
        #[test]
        fn no_value_escapes_from_its_part(value in ".{1,30}") {
            let outside = format!("CN={},OU=Other,DC=test", ldap3::dn_escape(value.as_str()));
            let inside = format!("CN={},OU=People,DC=test", ldap3::dn_escape(value.as_str()));
            let base = dn("OU=People,DC=test");
            proptest::prop_assert!(!dn(&outside).is_within(&base));
            proptest::prop_assert!(dn(&inside).is_within(&base));
        }
    }
}
