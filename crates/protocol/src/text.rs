//! Texts from outside, each with its limits (catalogue LIM-01, INJ-03, UNI-04). What fails
//! here never reaches a rule, a query or a log.

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

/// A user ID as typed: 1 to 256 bytes, trimmed, no control characters. Shown back to the
/// person, never trusted as an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct UserIdText(String);

impl UserIdText {
    /// Most bytes of a user ID.
    pub const MAX_BYTES: usize = 256;

    /// Parses what was typed; `None` when it can be no user ID.
    pub fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        let usable = !typed.is_empty()
            && typed.len() <= Self::MAX_BYTES
            && !typed.chars().any(|c| c.is_control() || is_invisible(c));
        usable.then(|| Self(typed.to_owned()))
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names that a client of any age may send: those that this service does not know are skipped,
/// so that a newer client is not refused. At most 64, each of 1 to 40 of `a-z0-9-`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct NameList(Vec<String>);

impl NameList {
    const MOST: usize = 64;

    /// Parses a list; `None` when it can be no list of names.
    pub fn parse(names: Vec<String>) -> Option<Self> {
        let is_name = |name: &String| {
            (1..=40).contains(&name.len())
                && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        (names.len() <= Self::MOST && names.iter().all(is_name)).then_some(Self(names))
    }

    /// Names of our own.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self(names.iter().copied().map(str::to_owned).collect())
    }

    /// Those that `T` knows.
    pub fn known<T: for<'de> Deserialize<'de>>(&self) -> Vec<T> {
        use de::IntoDeserializer as _;
        let name = |name: &String| {
            let name: de::value::StrDeserializer<'_, de::value::Error> =
                name.as_str().into_deserializer();
            T::deserialize(name).ok()
        };
        self.0.iter().filter_map(name).collect()
    }
}

impl<'de> Deserialize<'de> for NameList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Self::parse(names).ok_or_else(|| de::Error::custom("not a list of names"))
    }
}

/// Zero-width and bidirectional control characters, which make one name look like another.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

/// A code as typed: blanks and dashes dropped, full-width digits read as digits, 4 to 12
/// digits left. Wiped on drop; cannot be printed.
#[derive(ToSchema)]
#[schema(value_type = String)]
pub struct CodeText(zeroize::Zeroizing<String>);

impl CodeText {
    const MAX_TYPED_BYTES: usize = 64;

    /// Parses what was typed; `None` when it can be no code.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > Self::MAX_TYPED_BYTES {
            return None;
        }
        let mut digits = zeroize::Zeroizing::new(String::with_capacity(12));
        for c in typed.chars() {
            match c {
                '0'..='9' => digits.push(c),
                '\u{FF10}'..='\u{FF19}' => {
                    let offset = u8::try_from(u32::from(c) - 0xFF10).ok()?;
                    digits.push(char::from(b'0' + offset));
                }
                ' ' | '-' | '\u{A0}' | '\u{2009}' | '\u{202F}' => {}
                _ => return None,
            }
            if digits.len() > 12 {
                return None;
            }
        }
        (digits.len() >= 4).then_some(Self(digits))
    }

    /// The digits, for the comparison and for the body of the call.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for UserIdText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let typed = String::deserialize(deserializer)?;
        Self::parse(&typed).ok_or_else(|| de::Error::custom("not a user ID"))
    }
}

impl<'de> Deserialize<'de> for CodeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let typed = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&typed).ok_or_else(|| de::Error::custom("not a code"))
    }
}

impl Serialize for CodeText {
    /// The one place that writes a code to the wire: the body of the call that proves it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::MethodKind;

    #[test]
    fn codes_are_read_as_people_type_them() {
        let read = |typed: &str| CodeText::parse(typed).map(|code| code.expose().to_owned());
        assert_eq!(read("1234 5678").as_deref(), Some("12345678"));
        assert_eq!(read("1234-5678").as_deref(), Some("12345678"));
        assert_eq!(read("１２３４５６７８").as_deref(), Some("12345678"));
        assert_eq!(read(""), None);
        assert_eq!(read("123"), None);
        assert_eq!(read("12345678x"), None);
        assert_eq!(read("1234567890123"), None);
    }

    #[test]
    fn names_from_a_newer_client_are_skipped_and_nonsense_is_refused() {
        let list =
            |names: &[&str]| NameList::parse(names.iter().map(ToString::to_string).collect());
        let known = list(&["email", "telepathy"]).map(|names| names.known::<MethodKind>());
        assert_eq!(known, Some(vec![MethodKind::Email]));
        assert_eq!(list(&["Email"]), None);
        assert_eq!(list(&[""]), None);
        assert_eq!(list(&["email"; 65]), None);
    }

    #[test]
    fn user_ids_that_hide_something_are_refused() {
        assert!(UserIdText::parse(" anna@example.org ").is_some());
        assert!(UserIdText::parse("an\u{200B}na").is_none());
        assert!(UserIdText::parse("anna\r\nBcc: x").is_none());
        assert!(UserIdText::parse(&"a".repeat(257)).is_none());
    }
}
