//! What the system's Kerberos library says went wrong, in our words. Its texts are all there is:
//! MIT's on Linux, in English; the system's own on Windows, in its language, compared with what
//! the system says for the codes that matter.

use super::refusal::{BindRefusal, Fault};

/// Why Kerberos did not come as far as the controller's answer, where that says nothing against
/// the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KerberosTrouble {
    /// Neither keytab nor ticket.
    #[error("this machine has no keytab and no ticket for the service account")]
    NoCredential,
    /// Clocks differ by more than five minutes.
    #[error("the clocks of this machine and the controller differ too much for Kerberos")]
    Clock,
    /// No controller answers on port 88.
    #[error("no controller of the domain answers Kerberos")]
    NoController,
    /// The domain has no service of that name.
    #[error("the domain does not know the controller by that name")]
    UnknownController,
    /// No common way to encrypt.
    #[error("the keytab has no key of a kind that the domain takes")]
    Encryption,
}

/// What a text of the library means, and the text for the log.
pub(super) fn fault(text: &str) -> Fault {
    match meaning(text) {
        Meaning::Refused(refusal) => {
            tracing::warn!(text, "Kerberos refused the service account");
            Fault::BindRefused(refusal)
        }
        Meaning::Trouble(trouble) => Fault::Kerberos { trouble, text: text.to_owned() },
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Refused(BindRefusal),
    Trouble(KerberosTrouble),
}

const PASSWORD: Meaning = Meaning::Refused(BindRefusal::WrongPassword);
const REVOKED: Meaning = Meaning::Refused(BindRefusal::Revoked);
const EXPIRED: Meaning = Meaning::Refused(BindRefusal::PasswordExpired);
const NO_CREDENTIAL: Meaning = Meaning::Trouble(KerberosTrouble::NoCredential);
const CLOCK: Meaning = Meaning::Trouble(KerberosTrouble::Clock);
const NO_CONTROLLER: Meaning = Meaning::Trouble(KerberosTrouble::NoController);
const UNKNOWN_CONTROLLER: Meaning = Meaning::Trouble(KerberosTrouble::UnknownController);
const ENCRYPTION: Meaning = Meaning::Trouble(KerberosTrouble::Encryption);

/// Whatever is not understood may have counted as a wrong password: it is not tried again soon.
fn meaning(text: &str) -> Meaning {
    let of_system = SYSTEM.iter().find(|(code, _)| says(text, *code));
    let of_library = || {
        let text = text.to_lowercase();
        LIBRARY.iter().find(|(words, _)| words.iter().all(|word| text.contains(word)))
    };
    let unexplained = Meaning::Refused(BindRefusal::Unexplained);
    of_system
        .map(|(_, meaning)| *meaning)
        .or_else(|| of_library().map(|(_, meaning)| *meaning))
        .unwrap_or(unexplained)
}

/// MIT Kerberos, krb5 1.20 (`lib/krb5/error_tables/krb5_err.et`, `k5e1_err.et`), and our own. Not
/// what stands before them ("No credentials were supplied ..."): that is said of all of them.
const LIBRARY: [(&[&str], Meaning); 16] = [
    (&["preauthentication failed"], PASSWORD),
    (&["decrypt integrity check failed"], PASSWORD),
    (&["client", "not found in kerberos database"], PASSWORD),
    (&["credentials have been revoked"], REVOKED),
    (&["password has expired"], EXPIRED),
    (&["clock skew too great"], CLOCK),
    (&["ticket not yet valid"], CLOCK),
    (&["cannot contact any kdc"], NO_CONTROLLER),
    (&["cannot find kdc"], NO_CONTROLLER),
    (&["server", "not found in kerberos database"], UNKNOWN_CONTROLLER),
    (&["no support for encryption type"], ENCRYPTION),
    (&["no suitable key"], ENCRYPTION),
    (&["keytab contains no"], NO_CREDENTIAL),
    (&["no kerberos credentials available"], NO_CREDENTIAL),
    (&["ticket expired"], NO_CREDENTIAL),
    (&["built without kerberos"], NO_CREDENTIAL),
];

/// SSPI (`winerror.h`): SEC_E_LOGON_DENIED, SEC_E_NO_CREDENTIALS, SEC_E_TIME_SKEW,
/// SEC_E_NO_AUTHENTICATING_AUTHORITY, SEC_E_TARGET_UNKNOWN, SEC_E_WRONG_PRINCIPAL,
/// SEC_E_KDC_UNABLE_TO_REFER, SEC_E_UNSUPPORTED_ENCRYPTION... as signed numbers.
const SYSTEM: [(i32, Meaning); 7] = [
    (0x8009_030C_u32.cast_signed(), PASSWORD),
    (0x8009_030E_u32.cast_signed(), NO_CREDENTIAL),
    (0x8009_0324_u32.cast_signed(), CLOCK),
    (0x8009_0311_u32.cast_signed(), NO_CONTROLLER),
    (0x8009_0303_u32.cast_signed(), UNKNOWN_CONTROLLER),
    (0x8009_0322_u32.cast_signed(), UNKNOWN_CONTROLLER),
    (0x8009_0342_u32.cast_signed(), ENCRYPTION),
];

/// Whether `text` names this code of Windows, by its number or in the system's own words.
fn says(text: &str, code: i32) -> bool {
    if text.contains(&format!("{code:08X}")) {
        return true;
    }
    if !cfg!(windows) {
        return false;
    }
    let words = std::io::Error::from_raw_os_error(code).to_string();
    let words = words.split(" (os error").next().unwrap_or_default().trim();
    !words.is_empty() && text.contains(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mit_kerberos_says_is_told_apart() {
        let cases = [
            (
                "No credentials were supplied, or the credentials were unavailable or inaccessible (Preauthentication failed)",
                PASSWORD,
            ),
            ("Client 'svc@AD.EXAMPLE.TEST' not found in Kerberos database", PASSWORD),
            (
                "Server ldap/127.0.0.21@AD.EXAMPLE.TEST not found in Kerberos database",
                UNKNOWN_CONTROLLER,
            ),
            ("Client's credentials have been revoked", REVOKED),
            ("Clock skew too great", CLOCK),
            ("Cannot contact any KDC for realm 'AD.EXAMPLE.TEST'", NO_CONTROLLER),
            (
                "No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)",
                NO_CREDENTIAL,
            ),
            ("Client keytab contains no principals", NO_CREDENTIAL),
        ];
        for (text, expected) in cases {
            assert_eq!(meaning(text), expected, "{text}");
        }
    }

    /// It may have been a wrong password: the pause before the next try protects the account.
    #[test]
    fn what_is_not_understood_counts_as_a_refusal() {
        let new = "No credentials were supplied, or the credentials were unavailable or inaccessible (something new)";
        let Meaning::Refused(refusal) = meaning(new) else { panic!("no refusal") };
        assert!(refusal.is_about_account());
    }

    #[test]
    fn codes_of_windows_are_known_by_their_numbers() {
        assert_eq!(meaning("acquiring credentials: ... (0x8009030E)"), NO_CREDENTIAL);
        assert_eq!(meaning("... (0x80090324)"), CLOCK);
    }
}
