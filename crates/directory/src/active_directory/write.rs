//! The writes, each one modify that the server carries out whole or not at all, fenced by
//! deleting the old value of an attribute: when that value is gone, nothing is written (16).

use std::collections::HashSet;

use ldap3::{Mod, controls::RawControl};
use protocol::directory::Fence;
use zeroize::Zeroizing;

/// Most UTF-16 units that a person can type at the sign-in screen again.
pub(super) const MAX_PASSWORD_UNITS: usize = 127;

/// Clears the lock that was read.
pub(super) fn unlock(fence: &Fence) -> Vec<Mod<&[u8]>> {
    vec![
        Mod::Delete(b"lockoutTime", one(fence.lockout_time.as_bytes())),
        Mod::Add(b"lockoutTime", one(b"0")),
    ]
}

/// Sets the password, clears must-change (`pwdLastSet` -1 is "now") and the lock.
pub(super) fn reset<'a>(fence: &'a Fence, unicode_pwd: &'a UnicodePwd) -> Vec<Mod<&'a [u8]>> {
    let mut changes: Vec<Mod<&[u8]>> = Vec::with_capacity(4);
    if !fence.password_last_set.is_empty() {
        changes.push(Mod::Delete(b"pwdLastSet", one(fence.password_last_set.as_bytes())));
    }
    changes.push(Mod::Add(b"pwdLastSet", one(b"-1")));
    changes.push(Mod::Replace(b"unicodePwd", one(unicode_pwd.0.as_slice())));
    changes.push(Mod::Replace(b"lockoutTime", one(b"0")));
    changes
}

/// Changes a password with the old one, which is the fence: whoever comes second finds it gone.
/// (`pwdLastSet` is not written along. Samba takes that and looks at the age of the password
/// first; in which order a Windows controller looks nobody here knows, and a change that is
/// refused for its own age would be worse than a fence less.)
pub(super) fn change<'a>(old: &'a UnicodePwd, new: &'a UnicodePwd) -> Vec<Mod<&'a [u8]>> {
    vec![
        Mod::Delete(b"unicodePwd", one(old.0.as_slice())),
        Mod::Add(b"unicodePwd", one(new.0.as_slice())),
    ]
}

/// The control under which a reset obeys minimum age and history (MS-ADTS 3.1.1.3.4.1.27).
/// Critical: a controller that does not know it must not carry out the reset without.
pub(super) fn policy_hints(oid: &str) -> RawControl {
    /// SEQUENCE { INTEGER 1 }.
    const OBEY: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x01];
    RawControl { ctype: oid.to_owned(), crit: true, val: Some(OBEY.to_vec()) }
}

fn one(value: &[u8]) -> HashSet<&[u8]> {
    HashSet::from([value])
}

/// The password as `unicodePwd` wants it: in quotes, UTF-16LE. Wiped on drop. (The LDAP library
/// copies it into its request buffer, which is freed unwiped after sending: a known limit.)
pub(super) struct UnicodePwd(Zeroizing<Vec<u8>>);

impl UnicodePwd {
    /// `None` when it is longer than the sign-in screen takes.
    pub(super) fn of(password: &str) -> Option<Self> {
        let units = password.encode_utf16().count();
        if units > MAX_PASSWORD_UNITS {
            return None;
        }
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * (units + 2)));
        for unit in std::iter::once(u16::from(b'"'))
            .chain(password.encode_utf16())
            .chain(std::iter::once(u16::from(b'"')))
        {
            bytes.extend_from_slice(&unit.to_le_bytes());
        }
        Some(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(password_last_set: &str) -> Fence {
        Fence {
            controller: "ldaps://dc1".to_owned(),
            password_last_set: password_last_set.to_owned(),
            lockout_time: "134397060747750140".to_owned(),
            key_version: Some(2),
        }
    }

    #[test]
    fn passwords_are_quoted_utf_16() {
        assert_eq!(UnicodePwd::of("aé").unwrap().0.as_slice(), b"\"\0a\0\xe9\0\"\0");
        assert!(UnicodePwd::of(&"a".repeat(127)).is_some());
        assert!(UnicodePwd::of(&"a".repeat(128)).is_none());
        assert!(UnicodePwd::of(&"😀".repeat(64)).is_none(), "counted in UTF-16 units");
    }

    #[test]
    fn a_reset_is_fenced_and_clears_lock_and_must_change() {
        let fence = fence("0");
        let password = UnicodePwd::of("x").unwrap();
        let changes = reset(&fence, &password);
        assert_eq!(changes[0], Mod::Delete(b"pwdLastSet".as_slice(), one(b"0")));
        assert_eq!(changes[1], Mod::Add(b"pwdLastSet".as_slice(), one(b"-1")));
        assert!(changes.contains(&Mod::Replace(b"lockoutTime", one(b"0"))));
    }

    #[test]
    fn a_change_takes_the_old_password_away_and_adds_the_new_one() {
        let (old, new) = (UnicodePwd::of("old").unwrap(), UnicodePwd::of("new").unwrap());
        let expected = [
            Mod::Delete(b"unicodePwd".as_slice(), one(&old.0)),
            Mod::Add(b"unicodePwd".as_slice(), one(&new.0)),
        ];
        assert_eq!(change(&old, &new), expected);
    }

    #[test]
    fn an_account_that_never_had_the_value_is_fenced_by_adding_it() {
        let fence = fence("");
        let password = UnicodePwd::of("x").unwrap();
        let changes = reset(&fence, &password);
        assert!(matches!(changes[0], Mod::Add(b"pwdLastSet", _)));
    }
}
