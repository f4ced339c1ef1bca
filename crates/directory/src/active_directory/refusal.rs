//! What a controller's answer means in our words. Codes and texts as Active Directory (hex
//! error in front) and Samba (a sentence behind it) write them.

use ldap3::{LdapError, LdapResult};
use password::{PasswordRefusal, PasswordRules, judge};
use protocol::directory::NotDone;

use super::kerberos::KerberosTrouble;

/// Why a call to a controller did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection, no answer in time, or the connection broke. A write may have happened.
    #[error("no answer: {0}")]
    Broken(String),
    /// The controller's certificate or its TLS is not acceptable.
    #[error("TLS: {0}")]
    Tls(String),
    /// The controller answered, with an error.
    #[error("answered code {code}: {text}")]
    Refused {
        /// LDAP result code.
        code: u32,
        /// The controller's own words, for logs.
        text: String,
    },
    /// The controller does not accept the service account.
    #[error("does not accept the service account: {0}")]
    BindRefused(BindRefusal),
    /// Kerberos did not come as far as an answer.
    #[error("Kerberos: {trouble} ({text})")]
    Kerberos {
        /// Why.
        trouble: KerberosTrouble,
        /// The library's own words, for logs.
        text: String,
    },
    /// The controller does not say who we are: we could not keep our hands off our own account.
    #[error("does not say which account signed in")]
    NoIdentity,
    /// The password of the service account cannot be read.
    #[error("the service account's password cannot be read: {0}")]
    NoPassword(#[source] std::io::Error),
    /// A configured base DN does not exist, or the service account cannot see it.
    #[error("the base DN {0:?} does not exist or cannot be seen")]
    NoBase(String),
    /// The root DSE lacks what every domain controller has.
    #[error("is no domain controller: its root DSE has no {0}")]
    NoDomain(&'static str),
}

/// Why a bind was refused, from the `data` part of Active Directory's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindRefusal {
    /// `52e`: unknown name or wrong password (or `525`: no such user).
    #[error("wrong name or password")]
    WrongPassword,
    /// `775`.
    #[error("the account is locked")]
    Locked,
    /// `533`.
    #[error("the account is disabled")]
    Disabled,
    /// `701`.
    #[error("the account has expired")]
    AccountExpired,
    /// `532`: the password was right but has run out.
    #[error("the password has expired")]
    PasswordExpired,
    /// `773`: the password was right but must be changed.
    #[error("the password must be changed")]
    MustChange,
    /// By Kerberos, which says no more than that.
    #[error("the account is locked, disabled or has expired")]
    Revoked,
    /// By Kerberos, in words that nobody here knows. It may have counted as a wrong password.
    #[error("refused by Kerberos; the log has its words")]
    Unexplained,
    /// Anything else.
    #[error("refused")]
    Other,
}

impl BindRefusal {
    /// Reads the `data` code.
    pub(super) fn read(text: &str) -> Self {
        let Some((_, rest)) = text.split_once("data ") else {
            return Self::Other;
        };
        match rest.split([',', ' ']).next() {
            Some("52e" | "525") => Self::WrongPassword,
            Some("775") => Self::Locked,
            Some("533") => Self::Disabled,
            Some("701") => Self::AccountExpired,
            Some("532") => Self::PasswordExpired,
            Some("773") => Self::MustChange,
            _ => Self::Other,
        }
    }

    /// Whether another try counts against the account. (A read-only controller that cannot ask
    /// another one refuses whatever the password.)
    pub(super) fn is_about_account(self) -> bool {
        self != Self::Other
    }

    /// Whether the controller only says this after a right password.
    pub(super) fn proves_password(self) -> bool {
        matches!(self, Self::PasswordExpired | Self::MustChange)
    }
}

impl Fault {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's list; whatever is no answer and no TLS error is a lost connection"
    )]
    pub(super) fn of(error: LdapError) -> Self {
        match error {
            LdapError::LdapResult { result } => Self::from(result),
            LdapError::Rustls { source } => Self::Tls(source.to_string()),
            LdapError::DNSName { source } => Self::Tls(source.to_string()),
            LdapError::Io { source } if is_tls(&source) => Self::Tls(source.to_string()),
            other => Self::Broken(other.to_string()),
        }
    }

    /// What a failed read means to the caller of the driver.
    pub(super) fn of_read(&self) -> NotDone {
        match self {
            Self::Refused { code: 32, .. } => NotDone::NoAccount,
            Self::Refused { code: 50, .. } => NotDone::NoRight,
            Self::Refused { .. }
            | Self::Broken(_)
            | Self::Tls(_)
            | Self::BindRefused(_)
            | Self::Kerberos { .. }
            | Self::NoIdentity
            | Self::NoPassword(_)
            | Self::NoBase(_)
            | Self::NoDomain(_) => NotDone::DirectoryUnreachable,
        }
    }
}

fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

impl From<LdapResult> for Fault {
    fn from(result: LdapResult) -> Self {
        Self::Refused { code: result.rc, text: result.text }
    }
}

/// What was typed for a write that was refused, and the rules it was judged by.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub(super) password: &'a str,
    pub(super) rules: &'a PasswordRules,
    /// Whether minimum age and history counted: for a change, and a reset under policy hints.
    pub(super) obeys_age_and_history: bool,
    /// Whether the present password is younger than the rules allow.
    pub(super) is_too_new: bool,
}

/// What a refused write means. `None` when the code leaves open whether it was written.
///
/// A modify is atomic (RFC 4511 section 4.6): an error means that nothing was written, unless
/// the server gave up half way (3, 51, 52, 80).
pub(super) fn of_write(code: u32, text: &str, typed: Option<Typed<'_>>) -> Option<NotDone> {
    match code {
        3 | 51 | 52 | 80 => None,
        // No such attribute or value, or a value that exists already: the fence held.
        16 | 20 => Some(NotDone::Changed),
        32 => Some(NotDone::NoAccount),
        8 | 13 | 50 => Some(NotDone::NoRight),
        19 | 53 => Some(of_constraint(text, typed)),
        _ => Some(NotDone::DirectoryUnreachable),
    }
}

fn of_constraint(text: &str, typed: Option<Typed<'_>>) -> NotDone {
    let has = |data: &str| text.to_uppercase().contains(data);
    // 56 is ERROR_INVALID_PASSWORD: the old one, given for a change.
    if typed.is_some() && has("00000056") {
        return NotDone::OldPassword;
    }
    // 52D is ERROR_PASSWORD_RESTRICTION. Whatever else a controller is unwilling to do for us
    // (5 is ERROR_ACCESS_DENIED), it needs an administrator.
    let (Some(typed), true) = (typed, has("0000052D")) else {
        return NotDone::NoRight;
    };
    let said = [
        ("too short", PasswordRefusal::TooShort),
        ("already used", PasswordRefusal::UsedBefore),
        ("too young", PasswordRefusal::TooNew),
    ];
    let said = said.iter().find(|(words, _)| text.contains(words));
    NotDone::Password(said.map_or_else(|| unsaid(text, typed), |(_, refusal)| *refusal))
}

/// Active Directory does not say which rule. The published ones can be judged here; what they
/// do not explain is the history where it counts, or a filter of which nobody knows.
fn unsaid(text: &str, typed: Typed<'_>) -> PasswordRefusal {
    let Typed { password, rules, obeys_age_and_history, is_too_new } = typed;
    let unmet = judge(password, rules).into_iter().find(|rule| !rule.met);
    let remembers = rules.complete && rules.history.is_some_and(|count| count > 0);
    if obeys_age_and_history && is_too_new {
        PasswordRefusal::TooNew
    } else if let Some(finding) = unmet {
        finding.rule
    } else if text.contains("complexity") {
        PasswordRefusal::TooFewClasses
    } else if obeys_age_and_history && remembers {
        PasswordRefusal::UsedBefore
    } else {
        PasswordRefusal::Rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u32, text: &str, password: &str) -> Option<NotDone> {
        of_write(code, text, Some(typed(password, &PasswordRules::unread())))
    }

    fn typed<'a>(password: &'a str, rules: &'a PasswordRules) -> Typed<'a> {
        Typed { password, rules, obeys_age_and_history: false, is_too_new: false }
    }

    #[test]
    fn samba_says_which_rule() {
        let text = |words: &str| {
            format!("0000052D: Constraint violation - check_password_restrictions: {words}")
        };
        let cases = [
            (
                "the password is too short. It should be equal or longer than 7 characters!",
                PasswordRefusal::TooShort,
            ),
            ("the password does not meet the complexity criteria!", PasswordRefusal::TooFewClasses),
            ("the password was already used (in history)!", PasswordRefusal::UsedBefore),
            ("password is too young to change!", PasswordRefusal::TooNew),
            (
                "the password doesn't fit due to a miscellaneous restriction!",
                PasswordRefusal::Rules,
            ),
        ];
        for (words, refusal) in cases {
            let said = refused(19, &text(words), "Correct horse 7");
            assert_eq!(said, Some(NotDone::Password(refusal)), "{words}");
        }
    }

    #[test]
    fn active_directory_does_not_and_the_judge_says_it() {
        let text = "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0";
        let said = |password| refused(53, text, password);
        assert_eq!(said("aB3"), Some(NotDone::Password(PasswordRefusal::TooShort)));
        assert_eq!(said("alllowercase"), Some(NotDone::Password(PasswordRefusal::TooFewClasses)));
        assert_eq!(said("Correct horse 7"), Some(NotDone::Password(PasswordRefusal::Rules)));
    }

    #[test]
    fn age_and_history_are_told_only_where_they_count() {
        let text = "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0";
        let rules = PasswordRules { history: Some(24), complete: true, ..PasswordRules::unread() };
        let reset = Typed { is_too_new: true, ..typed("Correct horse 7", &rules) };
        let change = Typed { obeys_age_and_history: true, ..reset };
        let said = |typed| of_write(19, text, Some(typed)).and_then(NotDone::password_refusal);
        assert_eq!(said(reset), Some(PasswordRefusal::Rules));
        assert_eq!(said(change), Some(PasswordRefusal::TooNew));
        let old_enough = Typed { is_too_new: false, ..change };
        assert_eq!(said(old_enough), Some(PasswordRefusal::UsedBefore));
        let incomplete = PasswordRules { complete: false, ..rules.clone() };
        let unknown = Typed { rules: &incomplete, ..old_enough };
        assert_eq!(said(unknown), Some(PasswordRefusal::Rules));
    }

    #[test]
    fn a_wrong_old_password_is_told() {
        let text = "00000056: AtrErr: DSID-03190F80, #1: 0: 00000056: problem 1005";
        assert_eq!(refused(19, text, "x"), Some(NotDone::OldPassword));
        assert_eq!(of_write(19, text, None), Some(NotDone::NoRight));
    }

    #[test]
    fn fence_right_account_and_doubt_are_told_apart() {
        assert_eq!(refused(16, "no matching attribute value", "x"), Some(NotDone::Changed));
        assert_eq!(refused(50, "00002098: SecErr", "x"), Some(NotDone::NoRight));
        assert_eq!(refused(53, "00000005: SvcErr", "x"), Some(NotDone::NoRight));
        assert_eq!(refused(32, "", "x"), Some(NotDone::NoAccount));
        for doubtful in [3, 51, 52, 80] {
            assert_eq!(refused(doubtful, "", "x"), None);
        }
    }

    #[test]
    fn binds_are_refused_for_a_reason() {
        let read = |data: &str| {
            BindRefusal::read(&format!(
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1"
            ))
        };
        assert_eq!(read("52e"), BindRefusal::WrongPassword);
        assert_eq!(read("775"), BindRefusal::Locked);
        assert!(read("773").proves_password());
        assert!(!read("533").proves_password());
        assert_eq!(BindRefusal::read("strong auth required"), BindRefusal::Other);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_meaning(code in 0_u32..130, text in ".{0,80}") {
            let _ = refused(code, &text, "x");
            let _ = BindRefusal::read(&text);
        }
    }
}
