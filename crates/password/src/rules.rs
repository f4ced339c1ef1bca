//! What a directory demands of a password, as far as it told us.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The rules in force for one account.
///
/// Lengths are counted in UTF-16 code units, as Active Directory counts them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordRules {
    /// Fewest UTF-16 code units.
    pub min_length: u16,
    /// Most UTF-16 code units.
    pub max_length: u16,
    /// How many of the five [`CharacterClass`]es must occur; 0 switches complexity off.
    pub min_classes: u8,
    /// Names (account name, parts of the display name) that the password must not contain,
    /// compared without regard to case. Never shorter than 3 characters.
    pub names: Vec<String>,
    /// How many earlier passwords the directory remembers, when it said so.
    pub history: Option<u16>,
    /// Seconds a password must be kept before it may be changed again, when the directory
    /// said so.
    pub min_age_seconds: Option<u64>,
    /// False when the directory did not let us read every rule: stricter ones may apply.
    pub complete: bool,
}

impl PasswordRules {
    /// The defaults of a new Active Directory domain, used where nothing could be read.
    pub fn unread() -> Self {
        Self {
            min_length: 7,
            max_length: 127,
            min_classes: 3,
            names: Vec::new(),
            history: None,
            min_age_seconds: None,
            complete: false,
        }
    }
}

/// The character classes of Active Directory's complexity rule
/// ("Password must meet complexity requirements").
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CharacterClass {
    /// Upper-case letters of any script.
    Upper,
    /// Lower-case letters of any script.
    Lower,
    /// 0 to 9.
    Digit,
    /// Punctuation and symbols, the space included.
    Symbol,
    /// Letters without case (Chinese, Arabic, Hebrew ...).
    OtherLetter,
}

/// Why a password was refused: a stable code, never a hash, prefix, length or score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordRefusal {
    /// Shorter than the rules allow.
    TooShort,
    /// Longer than the rules or the directory allow.
    TooLong,
    /// Not enough different kinds of characters.
    TooFewClasses,
    /// Contains the account's name or a part of the person's name.
    ContainsName,
    /// Contains a character that a password cannot have (control characters).
    UnusableCharacter,
    /// Among the passwords that the directory remembers.
    UsedBefore,
    /// The present password is too new to be changed.
    TooNew,
    /// On a list of passwords that everybody tries first.
    TooCommon,
    /// The directory refused it and did not say which rule.
    Rules,
}
