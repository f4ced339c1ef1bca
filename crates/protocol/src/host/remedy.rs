//! What each check of a PC means for administrators, in words, and what to do: one table, for the
//! service's list of PCs and for the PC's own event log. English alone, as all that
//! administrators read.

use super::statement::Check;

/// Of a check that found something in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What goes on "because ...".
    pub because: &'static str,
    /// What to do, as whole sentences.
    pub cure: &'static str,
}

impl Check {
    /// What it means that this was found in the way.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub const fn remedy(self) -> Remedy {
        let (because, cure) = match self {
            Self::WebviewRuntime => (
                "the WebView2 runtime is missing",
                "Install the Evergreen WebView2 runtime per machine. Until then people get the simple form.",
            ),
            Self::AppAccount => (
                "the account that the app runs under is missing or may not be used",
                "Let no tool delete it, leave it out of \"Deny log on locally\", then repair the installation.",
            ),
            Self::SecondaryLogon => {
                ("the service Secondary Logon is disabled", "Set seclogon to start manually.")
            }
            Self::UserAccountControl => {
                ("User Account Control is off", "Set EnableLUA to 1 and restart the PC.")
            }
            Self::LastUserHidden => (
                "the last user is hidden",
                "People find the tile under \"Other user\": tell them, or take the policy away.",
            ),
            Self::UserSwitchingHidden => (
                "fast user switching is hidden",
                "At a locked PC people may find no way to the tile: take the policy HideFastUserSwitching away.",
            ),
            Self::NoLockScreen => (
                "the lock screen is off",
                "Nothing is in the way, but words on the lock screen reach nobody: point to the tile elsewhere.",
            ),
            Self::LockScreenNotifications => (
                "notifications on the lock screen are off",
                "Nothing is in the way: notices there reach nobody.",
            ),
            Self::InstallsBlocked => (
                "only administrators may install programs",
                "Should the app not start, exempt the product's own account from BlockNonAdminUserInstall.",
            ),
            Self::CustomShell => (
                "another shell than Windows' own is set",
                "Try the tile on one such PC before you rely on it.",
            ),
            Self::SmartCardRequired => (
                "a smart card is required to sign in",
                "A new password helps nobody there: do not roll it out to these PCs, or take scforceoption away.",
            ),
            Self::Proxy => (
                "its proxy cannot be used before sign-in",
                "Set one that asks for no person (netsh winhttp), or the policy Proxy.",
            ),
            Self::NetworkBeforeSignIn => (
                "a network opens only when somebody signs in",
                "Give the PC a network of its own: 802.1X with the machine's identity, a wireless profile for all users.",
            ),
            Self::TileExcluded => (
                "the tile is excluded or disabled",
                "Take its class out of ExcludedCredentialProviders, and the value Disabled off its key.",
            ),
            Self::TileRegistered => {
                ("the tile is not registered, or its file is missing", "Repair the installation.")
            }
            Self::OtherTiles => (
                "another maker's program filters the tiles",
                "Look at the sign-in screen of one such PC; where ours is missing, ask that maker.",
            ),
            Self::BuiltInReset => {
                ("the built-in link \"Reset password\" competes", "Set AllowPasswordReset to 0.")
            }
            Self::WindowsBuild => (
                "its Windows is older than those that are supported",
                "Bring it to Windows 10 22H2 or Windows 11.",
            ),
            Self::SafeMode => (
                "other makers' tiles are loaded in safe mode too",
                "Take ProhibitFallbacks away: it shuts the way out of a broken sign-in screen.",
            ),
            Self::Clock => ("its clock was put back", "Set it by a time server."),
            Self::DeviceKey => (
                "it has no key of its own",
                "The host could make none: look at its log, and at the security chip.",
            ),
            Self::TileSwitchedOff => (
                "the tile switched itself off: the sign-in screen ended again and again with it",
                "Look for crashes of LogonUI.exe in the event log, then update or repair the package.",
            ),
            Self::PolicyValues => {
                ("a setting has a wrong value", "docs/policy.md lists what each setting takes.")
            }
        };
        Remedy { because, cure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_words_of_its_own_and_something_to_do() {
        let mut said = std::collections::HashSet::new();
        for check in Check::ALL {
            let Remedy { because, cure } = check.remedy();
            assert!(said.insert(because), "{check:?} says what another one says");
            assert!(because.len() > 15 && !because.ends_with('.'), "goes on after \"because\"");
            assert!(cure.ends_with('.') && cure.len() > 10, "{check:?}");
        }
    }
}
