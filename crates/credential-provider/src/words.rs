//! The tile's own few words: those that Windows asks for before the host has answered, and those
//! that stand between the host's. The rest is said by the host and the app. Words only.

/// The words of one language.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// Below the tile's name.
    pub invitation: &'static str,
    /// The button.
    pub go_on: &'static str,
    /// After the form was asked for, and between its pages.
    pub moment: &'static str,
    /// A sign-in with a grant was refused.
    pub sign_in_yourself: &'static str,
    /// What a screen reader says of the picture.
    pub picture: &'static str,
    /// What a screen reader says of the fields; what to type is said above each.
    pub fields: [&'static str; 2],
}

const ENGLISH: Words = Words {
    invitation: "Unlock your account or set a new password.",
    go_on: "Continue",
    moment: "One moment.",
    sign_in_yourself: "Sign in with your new password.",
    picture: "Help with signing in",
    fields: ["Your answer", "Your second answer"],
};

const GERMAN: Words = Words {
    invitation: "Entsperren Sie Ihr Konto oder setzen Sie ein neues Kennwort.",
    go_on: "Weiter",
    moment: "Einen Moment.",
    sign_in_yourself: "Melden Sie sich mit Ihrem neuen Kennwort an.",
    picture: "Hilfe beim Anmelden",
    fields: ["Ihre Antwort", "Ihre zweite Antwort"],
};

/// Numbers among the primary languages of Windows.
const LANG_GERMAN: u16 = 0x07;
const LANG_ARABIC: u16 = 0x01;

/// The host's names for the languages (`protocol::host::tile::Ask::Hello`).
pub fn tag(language: u16) -> &'static str {
    match language & 0x3FF {
        LANG_GERMAN => "de",
        LANG_ARABIC => "ar",
        _ => "en",
    }
}

/// The words for one of Windows' language numbers (`LANGID`).
pub fn of(language: u16) -> &'static Words {
    match language & 0x3FF {
        LANG_GERMAN => &GERMAN,
        _ => &ENGLISH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_german_is_german_and_everybody_else_reads_english() {
        // Germany, Austria, Switzerland; United States, Saudi Arabia, and a number nobody has.
        for german in [0x0407, 0x0C07, 0x0807] {
            assert_eq!(of(german), &GERMAN);
            assert_eq!(tag(german), "de");
        }
        for other in [0x0409, 0x0401, 0xFFFF] {
            assert_eq!(of(other), &ENGLISH);
            assert_ne!(tag(other), "de");
        }
    }
}
