//! The one table of the agent's events: number, name, level, words, cause and cure. Numbers and
//! names are those that administrators know from other write-back agents where the same thing
//! happens (31001-31019, 32000-32015, 33001-33009); what only this agent does is from 34001 on.
//! docs/events.md is written from it, and a test holds it to that.

use os_windows::events;
pub use os_windows::events::Level;

/// The source that events are written under.
pub const SOURCE: &str = "PasswordResetService";

events! {
    ResetStart = 31001, "PasswordResetStart", Information,
        "A new password is about to be set.",
        "A person proved who they are and chose a new password.", "-";
    ResetSuccess = 31002, "PasswordResetSuccess", Information,
        "A new password was set and read back.", "-", "-";
    ResetFail = 31003, "PasswordResetFail", Warning,
        "A new password was certainly not set.",
        "The detail `reason`; an event from 32004 or 33001 on says more.",
        "What that event says. The person was told, and may try again.";
    OnboardingStart = 31004, "OnboardingEventStart", Information,
        "The agent is being enrolled, or write-back was switched on here.",
        "`regain-agent enrol` or `regain-agent write-back on`.", "-";
    OnboardingSuccess = 31005, "OnboardingEventSuccess", Information,
        "Enrolled, or switched on.", "-", "-";
    ChangeStart = 31006, "ChangePasswordStart", Information,
        "A password is about to be changed with the present one.",
        "A person proved who they are and typed the password they have and a new one.", "-";
    ChangeSuccess = 31007, "ChangePasswordSuccess", Information,
        "A password was changed with the present one, and read back.", "-", "-";
    ChangeFail = 31008, "ChangePasswordFail", Warning,
        "A password was certainly not changed with the present one.",
        "The detail `reason`; an event from 32004 or 33001 on says more.",
        "What that event says. The person was told, and may try again or be given a new one.";
    OffboardingStart = 31012, "OffboardingEventStart", Information,
        "Write-back was switched off here; what was begun is being finished.",
        "`regain-agent write-back off`.", "-";
    OffboardingSuccess = 31013, "OffboardingEventSuccess", Information,
        "Switched off, and nothing is under way any more.", "-", "-";
    ServiceStarted = 31015, "WriteBackServiceStarted", Information,
        "The agent runs.", "-", "-";
    ServiceStopped = 31016, "WriteBackServiceStopped", Information,
        "The agent ends.", "It was told to, or 32000 says why.", "-";
    EnrolmentAccepted = 31017, "AuthTokenSuccess", Information,
        "The service took the enrolment code.", "-", "-";
    KeysMade = 31018, "KeyPairCreationSuccess", Information,
        "New keys were made and kept.", "An enrolment, or a change of keys.", "-";
    Linked = 31019, "ServiceBusHeartBeat", Information,
        "The agent is linked with the service.", "-", "-";
    Unexpected = 32000, "UnknownError", Error,
        "The agent had to end, or something happened that should not.",
        "The detail `cause`: most often the disk with the journal is full or broken.",
        "Make room or mend the disk, then start the agent again: it finds out by reading what became of its writes.";
    ServiceRefused = 32001, "ServiceError", Warning,
        "The service answered, but made no link.",
        "It is being updated, a proxy answered in its place, or this agent was removed or is too old.",
        "`regain-service directory list` says how the service sees this agent; `regain-agent doctor` tests the way.";
    Unlinked = 32002, "ServiceBusError", Error,
        "The service could not be reached for five minutes.",
        "Network, name resolution, proxy, firewall or certificate; or the service does not run.",
        "`regain-agent doctor`; docs/network.md lists what must be open.";
    FrameRefused = 32003, "InPutValidationError", Error,
        "A message on the link did not prove itself and was not acted on.",
        "It was edited, repeated, dropped or swapped on the way.",
        "Look at what stands between agent and service: a proxy that inspects traffic.";
    NotOpened = 32004, "DecryptionError", Error,
        "A sealed password could not be opened.",
        "It was sealed for keys that this agent does not have (any more), or was changed on the way.",
        "Once, during a change of keys: nothing. Again and again: `regain-agent doctor`, then enrol anew (docs/agent.md).";
    ConfigurationUnreadable = 32005, "ConfigurationError", Error,
        "The configuration or a file of the agent cannot be read.",
        "The detail `cause` names file and key.", "Mend it as it says.";
    WrongService = 32008, "ValidationError", Error,
        "The other end of the link is not the service that this agent enrolled with.",
        "Somebody stands between agent and service; or its old link key was retired while this agent was away; or the service was set up anew with other keys.",
        "Ask the service's administrator (`regain-service directory rotate-link-key --retire-old` named this agent, audit event `link-key-retired`); enrol anew only if the service's keys are really new.";
    EnrolmentRefused = 32009, "AuthTokenError", Error,
        "The service did not take the enrolment code.",
        "It was used, is too old, or the directory has another key already.",
        "Make a new code: `regain-service directory enrolment-code`.";
    KeysUnusable = 32010, "CryptoError", Error,
        "The agent's keys cannot be read or made.",
        "Another user runs it than the one that enrolled it, or the credential store is locked.",
        "Run it as the user that enrolled it; else enrol with `--new-keys`.";
    EnrolmentUnanswered = 32011, "OnBoardingServiceError", Error,
        "The service could not be reached for the enrolment.",
        "As for 32002.", "As for 32002; the code is still good.";
    LinkLost = 32014, "ServiceBusWarning", Warning,
        "The link to the service is lost or could not be made; the agent tries again.",
        "A short break of the network, or the service was started again.",
        "Nothing, as long as 31019 follows.";
    NotKnown = 33001, "ADUnKnownError", Error,
        "Nobody knows whether a change was made.",
        "The controller did not answer after the write was sent, and reading does not tell.",
        "The person was told so. Look at the account's `pwdLastSet` and `lockoutTime` at the controller that the detail names.";
    NoAccount = 33002, "ADUserNotFoundError", Warning,
        "The directory has no such account.",
        "It was deleted or moved out of the subtrees since the last synchronisation.",
        "Nothing, or correct `active_directory.subtrees`.";
    TwoForests = 33003, "ADMutliMatchError", Warning,
        "The same person is in two forests.",
        "A user principal name or mail address is in two configured domains.",
        "Take the account that nobody signs in with out of `active_directory.subtrees`, or switch it off.";
    NoRight = 33004, "ADPermissionsError", Error,
        "The directory or the agent's own limits do not allow this change.",
        "A delegated right is missing, inheritance is switched off there, or the account is protected.",
        "`regain-agent doctor` names the right, the place and the command. Protected accounts are never changed.";
    AccountDisabled = 33005, "ADUserAccountDisabled", Information,
        "The account of a person who asked for help is switched off.",
        "An administrator switched it off.", "Switch it on if the person should have it.";
    OldPasswordWrong = 33007, "ADUserIncorrectPassword", Information,
        "The old password given for a change is wrong.", "The person mistyped it.", "-";
    PolicyRefused = 33008, "ADPasswordPolicyError", Information,
        "The directory's rules refused the new password.",
        "Length, complexity, age, history, or a password filter on the controllers.",
        "The person was told which rule, where the directory says so.";
    DirectoryUnusable = 33009, "ADConfigurationError", Error,
        "No domain controller can be used.",
        "The detail `cause`: not reached, certificate not accepted, sign-in refused.",
        "`regain-agent doctor` says what is wrong with each controller.";
    UnlockStart = 34001, "UnlockStart", Information,
        "An account is about to be unlocked.", "A person proved who they are and asked for it.", "-";
    UnlockSuccess = 34002, "UnlockSuccess", Information,
        "An account was unlocked and read back.", "-", "-";
    UnlockFail = 34003, "UnlockFail", Warning,
        "An account was certainly not unlocked.",
        "The detail `reason`; an event from 33001 on says more.", "What that event says.";
    LimitReached = 34010, "HourlyLimitReached", Error,
        "The hourly limit is reached: the agent begins nothing new until somebody here lets it.",
        "More people than usual needed help, or somebody uses the service to change many accounts.",
        "Look at the service's audit trail. Then `sudo -u regain-agent regain-agent release --config FILE`; if the limit is too low, raise `limits.operations_per_hour`.";
    LimitReleased = 34011, "HourlyLimitReleased", Information,
        "The agent goes on after a stop at its hourly limit.", "`sudo -u regain-agent regain-agent release --config FILE`.", "-";
    OwnAccountRefused = 34012, "OwnAccountRefused", Error,
        "The directory does not let the agent's own account in; the agent signs in only now and then.",
        "Its password is wrong or has run out, or the account is locked, disabled or expired.",
        "`regain-agent doctor`. A changed password file is tried at once; after an unlock, `sudo -u regain-agent regain-agent release --config FILE`.";
    OwnAccountAccepted = 34013, "OwnAccountAccepted", Information,
        "The directory lets the agent's own account in again.", "-", "-";
    DirectoryUsable = 34014, "DirectoryReached", Information,
        "A domain controller can be used.", "-", "-";
    ClockWrong = 34015, "ClockSkew", Warning,
        "This machine's clock and the service's are more than five minutes apart.",
        "One of the two has no working time server.", "Set both by the same time server.";
    Dismissed = 34016, "Dismissed", Warning,
        "This agent was taken off the list: no password is sealed for it any more.",
        "`regain-agent dismiss` at another agent.", "Nothing, or enrol it anew.";
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "<!-- agent events: written by a test of crates/agent/src/events.rs -->\n";
    const END: &str = "\n<!-- agent events: end -->";

    /// After a change of the table: REGAIN_WRITE_DOCS=1 cargo test -p regain-agent events
    #[test]
    fn the_documentation_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (written, after) = rest.split_once(END).unwrap();
        let table = events::markdown(Event::ALL.iter().map(|event| event.row()));
        if std::env::var_os("REGAIN_WRITE_DOCS").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
            return;
        }
        assert_eq!(written, table, "write it anew with REGAIN_WRITE_DOCS=1");
    }

    #[test]
    fn numbers_rise_and_say_who_owns_them() {
        let numbers: Vec<u16> = Event::ALL.iter().map(|event| event.number()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        let known = [31_001..=31_019, 32_000..=32_015, 33_001..=33_009, 34_001..=34_099];
        for number in numbers {
            assert!(known.iter().any(|range| range.contains(&number)), "{number}");
        }
        for event in Event::ALL {
            assert!(event.level() != Level::Error || event.cure() != "-", "{event:?} has no cure");
        }
    }
}
