//! What each check of the readiness report means to an administrator, in English: the words of
//! "31 PCs cannot recover, because ..." in the service's list, of the host's event log and of its
//! `check`. One table, so that all of them say the same.

use super::statement::Check;

impl Check {
    /// What is in the way, to stand after "cannot recover, because" or "with less comfort,
    /// because".
    pub const fn words(self) -> &'static str {
        self.said().0
    }

    /// What mends it.
    pub const fn cure(self) -> &'static str {
        self.said().1
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    const fn said(self) -> (&'static str, &'static str) {
        match self {
            Self::WebviewRuntime => (
                "the browser runtime (WebView2) that draws the app is missing",
                "Install the Evergreen runtime. Until then the simple form in the tile helps.",
            ),
            Self::AppAccount => (
                "the account that the app runs under is missing or may not be used",
                "Repair the package, and look for a policy that removes or restricts local accounts.",
            ),
            Self::SecondaryLogon => (
                "the service Secondary Logon is switched off",
                "Set the service `seclogon` to manual.",
            ),
            Self::UserAccountControl => {
                ("user account control is off", "Set EnableLUA to 1 and restart.")
            }
            Self::LastUserHidden => (
                "the sign-in screen does not show who signed in last",
                "Tell people to choose \"Other user\", or allow the display of the last user.",
            ),
            Self::UserSwitchingHidden => (
                "switching users is hidden on the sign-in screen",
                "Set HideFastUserSwitching to 0.",
            ),
            Self::NoLockScreen => ("the lock screen is switched off", "Set NoLockScreen to 0."),
            Self::LockScreenNotifications => (
                "notifications on the lock screen are switched off",
                "Set DisableLockScreenAppNotifications to 0.",
            ),
            Self::InstallsBlocked => (
                "packages may be installed by administrators alone",
                "Set BlockNonAdminUserInstall to 0.",
            ),
            Self::CustomShell => (
                "another shell than Windows' own is set",
                "Nothing, if the sign-in screen works as usual; else set Shell to explorer.exe.",
            ),
            Self::SmartCardRequired => (
                "a smart card is required to sign in",
                "Set scforceoption to 0 where people sign in with a password.",
            ),
            Self::Proxy => (
                "the machine's proxy is in the way",
                "`netsh winhttp show proxy`; let the service through without a sign-in.",
            ),
            Self::NetworkBeforeSignIn => (
                "the network opens only with somebody's sign-in",
                "Let the machine itself onto the network (802.1X with the computer's certificate).",
            ),
            Self::TileExcluded => (
                "the tile is excluded or disabled by an administrator",
                "Take its class out of ExcludedCredentialProviders, and its value Disabled away.",
            ),
            Self::TileRegistered => (
                "the tile is not registered with Windows, or its file is missing",
                "Repair the package.",
            ),
            Self::OtherTiles => (
                "another maker's filter of tiles may hide ours",
                "Allow the tile in that product's settings.",
            ),
            Self::BuiltInReset => (
                "the built-in reset link competes with the tile",
                "Set AllowPasswordReset to 0 (docs/rollout.md).",
            ),
            Self::WindowsBuild => {
                ("this build of Windows is not supported", "Update to Windows 10 22H2 or newer.")
            }
            Self::SafeMode => {
                ("other makers' tiles are loaded in safe mode", "Set ProhibitFallbacks to 0.")
            }
            Self::Clock => {
                ("the clock was put back", "Look at the PC's time server, and at its battery.")
            }
            Self::DeviceKey => (
                "the device has no key, or its security chip does not answer",
                "The host tries again at each report; look at the chip (`tpm.msc`) if it stays.",
            ),
            Self::TileSwitchedOff => (
                "the tile switched itself off: the sign-in screen ended again and again with it",
                "Look for crashes of LogonUI.exe in the event log, then update or repair the package.",
            ),
            Self::PolicyValues => {
                ("a setting has a wrong value", "docs/policy.md lists what each setting takes.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_goes_on_a_sentence_and_says_what_to_do() {
        for check in Check::ALL {
            let (words, cure) = (check.words(), check.cure());
            let begins_small = words.starts_with(|c: char| c.is_lowercase());
            assert!(begins_small && !words.ends_with('.'), "{check:?}: {words}");
            assert!(cure.ends_with('.'), "{check:?}: {cure}");
            let same = Check::ALL.iter().filter(|other| other.words() == words).count();
            assert_eq!(same, 1, "{check:?}");
        }
    }
}
