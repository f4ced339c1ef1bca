//! Who may be touched: the driver's last word before every write, from local settings alone.
//! The service can neither read nor raise them (design decision 6).

use super::{distinguished_name::DistinguishedName, entry::Entry};

/// Why an account is never touched. For logs; callers only learn "protected".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    OutsideBaseDns,
    ExcludedDn,
    OwnAccount,
    AdminCount,
    ProtectedGroup,
    /// Its groups cannot be read, so it may be in any.
    UnknownGroups,
    BuiltIn,
    ServicePrincipalName,
    NoPerson,
}

/// The limits of one domain, in the names as its controller prints them.
pub(super) struct Scope {
    pub(super) bases: Vec<DistinguishedName>,
    pub(super) excluded: Vec<DistinguishedName>,
    /// The SIDs of our own logon: our account and its groups. No other account is among them.
    pub(super) own_sids: Vec<Vec<u8>>,
    /// The name of the service account: as configured, or as the controller has it.
    pub(super) bind_user: String,
}

/// `sAMAccountType` of an ordinary account: no computer, no trust, no group.
const USER: i64 = 0x3000_0000;
/// Administrator, Guest, krbtgt, DefaultAccount.
const BUILT_IN_ACCOUNTS: std::ops::RangeInclusive<u32> = 500..=503;
/// Groups of the domain that AdminSDHolder protects, by the end of their SID.
const DOMAIN_GROUPS: [u32; 9] = [498, 512, 516, 518, 519, 520, 521, 526, 527];
/// Groups of `BUILTIN` that it protects.
const BUILTIN_GROUPS: [u32; 6] = [544, 548, 549, 550, 551, 552];

impl Scope {
    /// Why this account is protected; `None` when it may be touched. Every account is in its
    /// primary group at least: an entry that was read alone and shows no group hides them.
    pub(super) fn protection(&self, entry: &Entry) -> Option<Protection> {
        let hides_groups = entry.all("tokenGroups").is_empty();
        self.listed_protection(entry).or(hides_groups.then_some(Protection::UnknownGroups))
    }

    /// The same for an entry of a list, which no server gives with its groups. For what is
    /// shown and looked for only; never the last word before a write.
    pub(super) fn listed_protection(&self, entry: &Entry) -> Option<Protection> {
        let dn = DistinguishedName::parse(&entry.dn);
        let within = |set: &[DistinguishedName]| {
            dn.as_ref().is_some_and(|dn| set.iter().any(|base| dn.is_within(base)))
        };
        let sid = entry.all("objectSid").first();
        let protection = [
            (!within(&self.bases), Protection::OutsideBaseDns),
            (within(&self.excluded), Protection::ExcludedDn),
            (self.is_own(entry, sid), Protection::OwnAccount),
            (entry.number("sAMAccountType") != Some(USER), Protection::NoPerson),
            (entry.number("adminCount").unwrap_or(0) > 0, Protection::AdminCount),
            (
                entry.all("tokenGroups").iter().any(|sid| is_protected_group(sid)),
                Protection::ProtectedGroup,
            ),
            (
                sid.and_then(|sid| rid(sid)).is_none_or(|rid| BUILT_IN_ACCOUNTS.contains(&rid)),
                Protection::BuiltIn,
            ),
            (!entry.all("servicePrincipalName").is_empty(), Protection::ServicePrincipalName),
        ];
        protection.into_iter().find_map(|(holds, why)| holds.then_some(why))
    }

    /// Whether a name lies in the configured subtrees.
    pub(super) fn holds(&self, dn: &str) -> bool {
        let dn = DistinguishedName::parse(dn);
        dn.is_some_and(|dn| self.bases.iter().any(|base| dn.is_within(base)))
    }

    /// Whether our own account is in a group of administrators.
    pub(super) fn is_administrator(&self) -> bool {
        self.own_sids.iter().any(|sid| is_protected_group(sid))
    }

    fn is_own(&self, entry: &Entry, sid: Option<&Vec<u8>>) -> bool {
        let by_name = ["userPrincipalName", "sAMAccountName"].into_iter().any(|name| {
            let own = self.bind_user.rsplit('\\').next().unwrap_or_default();
            entry.text(name).is_some_and(|text| text.eq_ignore_ascii_case(own))
        });
        by_name
            || entry.dn.eq_ignore_ascii_case(&self.bind_user)
            || sid.is_some_and(|sid| self.own_sids.contains(sid))
    }
}

fn is_protected_group(sid: &[u8]) -> bool {
    const DOMAIN: [u8; 4] = 21_u32.to_le_bytes();
    const BUILTIN: [u8; 4] = 32_u32.to_le_bytes();
    // Revision, count, authority 5 (NT), then the first sub-authority says whose it is.
    let nt = sid.get(2..8) == Some(&[0, 0, 0, 0, 0, 5]);
    match (sid.get(8..12), rid(sid)) {
        (Some(first), Some(rid)) if nt && first == DOMAIN => DOMAIN_GROUPS.contains(&rid),
        (Some(first), Some(rid)) if nt && first == BUILTIN => BUILTIN_GROUPS.contains(&rid),
        _ => false,
    }
}

/// The last sub-authority of a SID.
fn rid(sid: &[u8]) -> Option<u32> {
    let (_, last) = sid.split_last_chunk::<4>()?;
    (sid.len() >= 12).then(|| u32::from_le_bytes(*last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain_sid(rid: u32) -> Vec<u8> {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
        for part in [21, 11, 22, 33, rid] {
            sid.extend(u32::to_le_bytes(part));
        }
        sid
    }

    fn builtin_sid(rid: u32) -> Vec<u8> {
        let mut sid = vec![1, 2, 0, 0, 0, 0, 0, 5];
        for part in [32, rid] {
            sid.extend(u32::to_le_bytes(part));
        }
        sid
    }

    fn scope() -> Scope {
        let dn = |text| DistinguishedName::parse(text).unwrap();
        Scope {
            bases: vec![dn("OU=People,DC=ad,DC=test")],
            excluded: vec![dn("OU=Board,OU=People,DC=ad,DC=test")],
            own_sids: vec![domain_sid(1102), domain_sid(513)],
            bind_user: r"AD\svc-regain".to_owned(),
        }
    }

    fn protection(dn: &str, values: &[(&str, &[u8])]) -> Option<Protection> {
        let (anna, users) = (domain_sid(1103), domain_sid(513));
        let mut all: Vec<(&str, &[u8])> = vec![("sAMAccountName", b"anna")];
        for default in [
            ("objectSid", anna.as_slice()),
            ("sAMAccountType", b"805306368"),
            ("tokenGroups", users.as_slice()),
        ] {
            if !values.iter().any(|(name, _)| *name == default.0) {
                all.push(default);
            }
        }
        all.extend(values);
        scope().protection(&Entry::of(dn, &all))
    }

    const ANNA: &str = "CN=Anna,OU=People,DC=ad,DC=test";

    #[test]
    fn an_ordinary_account_in_scope_may_be_touched() {
        let users = domain_sid(513);
        assert_eq!(
            protection(ANNA, &[("tokenGroups", &users), ("tokenGroups", &builtin_sid(545))]),
            None
        );
    }

    #[test]
    fn nobody_else_may() {
        use Protection::{
            AdminCount, BuiltIn, ExcludedDn, NoPerson, OutsideBaseDns, OwnAccount, ProtectedGroup,
            ServicePrincipalName,
        };
        type Case<'a> = (&'a str, &'a [(&'a str, &'a [u8])], Protection);
        let cases: [Case<'_>; 12] = [
            ("CN=Anna,OU=Other,DC=ad,DC=test", &[], OutsideBaseDns),
            (r"CN=x\,OU=People,DC=ad,DC=test", &[], OutsideBaseDns),
            ("no name", &[], OutsideBaseDns),
            ("CN=Anna,OU=Board,OU=People,DC=ad,DC=test", &[], ExcludedDn),
            (ANNA, &[("objectSid", &domain_sid(1102))], OwnAccount),
            (ANNA, &[("userPrincipalName", b"SVC-regain")], OwnAccount),
            (ANNA, &[("adminCount", b"1")], AdminCount),
            (ANNA, &[("tokenGroups", &domain_sid(512))], ProtectedGroup),
            (ANNA, &[("tokenGroups", &builtin_sid(548))], ProtectedGroup),
            (ANNA, &[("objectSid", &domain_sid(500))], BuiltIn),
            (ANNA, &[("servicePrincipalName", b"MSSQLSvc/sql")], ServicePrincipalName),
            (ANNA, &[("sAMAccountType", b"805306369")], NoPerson),
        ];
        for (dn, values, why) in cases {
            assert_eq!(protection(dn, values), Some(why), "{dn} {why:?}");
        }
    }

    #[test]
    fn an_account_that_hides_its_groups_is_protected() {
        let anna = domain_sid(1103);
        let hidden = Entry::of(ANNA, &[("objectSid", &anna), ("sAMAccountType", b"805306368")]);
        assert_eq!(scope().protection(&hidden), Some(Protection::UnknownGroups));
        assert_eq!(scope().listed_protection(&hidden), None);
    }

    #[test]
    fn an_entry_without_a_sid_is_protected() {
        let entry = Entry::of(ANNA, &[("sAMAccountType", b"805306368")]);
        assert_eq!(scope().protection(&entry), Some(Protection::BuiltIn));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_sid_or_none(sid in proptest::collection::vec(0_u8.., 0..40)) {
            let _ = is_protected_group(&sid);
        }
    }
}
