//! The password a person typed, from the field to the seal.

use zeroize::Zeroizing;

/// Most bytes of UTF-8 that anybody accepts (catalogue PWD-01: 256 code points, 1,024 bytes).
const MAX_BYTES: usize = 1024;
const MAX_CODE_POINTS: usize = 256;

/// A password in clear. Wiped on drop; cannot be printed, copied or serialised.
pub struct NewPassword(Zeroizing<String>);

/// Why a text cannot be a password at all, whatever the rules (catalogue UNI-03, LIM-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusablePassword {
    /// Nothing was typed.
    Empty,
    /// More than 256 code points or 1,024 bytes.
    TooLong,
    /// A control character, which no keyboard at a sign-in screen can type again.
    ControlCharacter,
}

impl NewPassword {
    /// Takes the text as typed: no trimming, no normalising, because the sign-in screen does
    /// neither (UNI-03).
    ///
    /// # Errors
    /// When the text can never be a password; the text is wiped.
    pub fn parse(typed: String) -> Result<Self, UnusablePassword> {
        let typed = Zeroizing::new(typed);
        if typed.is_empty() {
            return Err(UnusablePassword::Empty);
        }
        if typed.len() > MAX_BYTES || typed.chars().count() > MAX_CODE_POINTS {
            return Err(UnusablePassword::TooLong);
        }
        if typed.chars().any(char::is_control) {
            return Err(UnusablePassword::ControlCharacter);
        }
        Ok(Self(typed))
    }

    /// The clear text, for the judge, the seal and the directory driver. Nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
