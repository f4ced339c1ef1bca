//! A user object of Active Directory, read into our words. Malformed values count as missing.
//! No network, no judgement of who may be touched (`scope`).

use protocol::{
    directory::{AccountRecord, AccountStatus, ExternalId, Fence, Field, LockoutRules},
    phone::Phone,
};
use uuid::Uuid;

use super::{Attributes, domain::Domain, entry::Entry, policy::Policy};

/// What the list of accounts needs. The configured attributes come on top.
pub(super) const LISTED: [&str; 13] = [
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "sAMAccountType",
    "userPrincipalName",
    "userAccountControl",
    "mail",
    "adminCount",
    "servicePrincipalName",
    "lastLogon",
    "lastLogonTimestamp",
    "logonCount",
    "uSNChanged",
];

/// What status, writes and read-back need of one account.
pub(super) const LIVE: &[&str] = &[
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "sAMAccountType",
    "userPrincipalName",
    "userAccountControl",
    "displayName",
    "adminCount",
    "servicePrincipalName",
    "tokenGroups",
    "lockoutTime",
    "badPwdCount",
    "badPasswordTime",
    "pwdLastSet",
    "accountExpires",
    "lastLogon",
    "lastLogonTimestamp",
    "logonCount",
    "msDS-KeyVersionNumber",
    "msDS-User-Account-Control-Computed",
    "msDS-ResultantPSO",
];

/// What one reads back after a write.
pub(super) const FENCED: &[&str] = &["lockoutTime", "pwdLastSet", "msDS-KeyVersionNumber"];

const DISABLED: i64 = 0x2;
const LOCKED: i64 = 0x10;
const SMART_CARD_REQUIRED: i64 = 0x4_0000;
const PASSWORD_EXPIRED: i64 = 0x80_0000;
const NEVER: i64 = i64::MAX;
const MAX_NAME_BYTES: usize = 256;

/// The values that writes are fenced on, as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) password_last_set: String,
    pub(super) lockout_time: String,
    pub(super) key_version: Option<u32>,
}

impl Values {
    pub(super) fn read(entry: &Entry) -> Self {
        let number = |name| entry.number(name).map_or_else(String::new, |n| n.to_string());
        Self {
            password_last_set: number("pwdLastSet"),
            lockout_time: number("lockoutTime"),
            key_version: entry.number("msDS-KeyVersionNumber").and_then(|n| u32::try_from(n).ok()),
        }
    }

    /// Whether no lock is set. (A lock may have run out and still be set.)
    pub(super) fn is_unlocked(&self) -> bool {
        is_zero(&self.lockout_time)
    }
}

/// Absent and 0 both mean that no lock is set.
pub(super) fn is_zero(lockout_time: &str) -> bool {
    matches!(lockout_time, "" | "0")
}

/// How a directory names an account for ever.
pub(super) fn external_id(entry: &Entry) -> Option<ExternalId> {
    let guid = entry.all("objectGUID").first()?;
    let guid = Uuid::from_bytes_le(guid.as_slice().try_into().ok()?);
    Some(ExternalId(guid.to_string()))
}

/// The search base that finds an account wherever it was moved to. `None` when the id is no
/// GUID, which no account of ours has.
pub(super) fn base_of(account: &ExternalId) -> Option<String> {
    let guid: Uuid = account.0.parse().ok()?;
    Some(format!("<GUID={guid}>"))
}

/// An account as the synchronisation sends it; `None` when it has no usable id, name or state.
pub(super) fn record(
    entry: &Entry,
    domain: &Domain,
    mapped: &Attributes,
    protected: bool,
) -> Option<AccountRecord> {
    let login = name(entry, "sAMAccountName");
    let given = name(entry, &mapped.display_name);
    let display_name = given.or(login).or(name(entry, "userPrincipalName"))?;
    let email = email(entry, &mapped.email);
    let phone = |attribute: &Option<String>| phone(entry, attribute.as_deref()?);
    let (mobile, office) = (phone(&mapped.mobile), phone(&mapped.office));
    // What is there and was not taken.
    let has = |attribute: &str| !entry.all(attribute).is_empty();
    let has_phone = |attribute: &Option<String>| attribute.as_deref().is_some_and(has);
    let is_unusable = |attribute: &str| has(attribute) && name(entry, attribute).is_none();
    let malformed = [
        (["sAMAccountName", "userPrincipalName"].into_iter().any(is_unusable), Field::Name),
        (is_unusable(&mapped.display_name), Field::DisplayName),
        (has(&mapped.email) && email.is_none(), Field::Email),
        (has_phone(&mapped.mobile) && mobile.is_none(), Field::Mobile),
        (has_phone(&mapped.office) && office.is_none(), Field::Office),
    ];
    Some(AccountRecord {
        external_id: external_id(entry)?,
        display_name: display_name.to_owned(),
        names: names(entry, domain.netbios.as_deref(), domain.dns().as_deref()),
        email,
        enabled: entry.number("userAccountControl")? & DISABLED == 0,
        protected,
        mobile,
        office,
        groups: Vec::new(),
        malformed: malformed.into_iter().filter_map(|(is, field)| is.then_some(field)).collect(),
        never_signed_in: !has_signed_in(entry),
        self_written: None,
    })
}

/// Whether somebody has signed in, or may have: a new account shows zeros, and one that shows
/// nothing hides it. Nobody may have signed in to one whose addresses count at once.
fn has_signed_in(entry: &Entry) -> bool {
    let shown = ["lastLogonTimestamp", "lastLogon", "logonCount"].map(|name| entry.number(name));
    shown.iter().all(Option::is_none) || shown.iter().flatten().any(|&number| number > 0)
}

/// The address among the values, the same each time: a server need not keep their order. Of
/// `proxyAddresses` the primary one, which is written in capitals.
fn email(entry: &Entry, attribute: &str) -> Option<String> {
    let read = |text| match str::split_once(text, ':') {
        Some(("SMTP", address)) => Some((0, address)),
        Some(("smtp", address)) => Some((1, address)),
        Some(_) => None,
        None => Some((1, text)),
    };
    let all = entry.texts(attribute).filter_map(read);
    let usable = all.filter(|(_, address)| is_address(address));
    usable.min().map(|(_, address)| address.to_owned())
}

fn phone(entry: &Entry, attribute: &str) -> Option<Phone> {
    let all = entry.texts(attribute).filter_map(Phone::parse);
    all.min_by_key(Phone::to_string)
}

/// Every name that Windows takes at its sign-in screen, and the mail address, each once.
fn names(entry: &Entry, netbios: Option<&str>, dns: Option<&str>) -> Vec<String> {
    let login = name(entry, "sAMAccountName");
    let principal = name(entry, "userPrincipalName").map(str::to_owned);
    // Without one of its own an account answers to the one that its domain implies.
    let principal =
        principal.or_else(|| login.zip(dns).map(|(login, dns)| format!("{login}@{dns}")));
    let qualified = [netbios, dns]
        .into_iter()
        .filter_map(|domain| domain.zip(login))
        .map(|(domain, login)| format!(r"{domain}\{login}"));
    let plain = [login, name(entry, "mail")].into_iter().flatten().map(str::to_owned);
    let mut names: Vec<String> = Vec::with_capacity(5);
    for candidate in principal.into_iter().chain(plain).chain(qualified) {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(&candidate)) {
            names.push(candidate);
        }
    }
    names
}

fn name<'a>(entry: &'a Entry, attribute: &str) -> Option<&'a str> {
    entry.text(attribute).filter(|text| text.len() <= MAX_NAME_BYTES)
}

/// Whether mail could be sent there: one `@`, something on both sides, nothing that a header
/// or a mail server could misread.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let plain = |c: char| {
        !c.is_whitespace() && !matches!(c, '@' | '<' | '>' | '"' | ',' | ';' | '(' | ')' | '\\')
    };
    (1..=64).contains(&local.len())
        && (1..=253).contains(&domain.len())
        && text.chars().all(|c| c == '@' || plain(c))
        && !domain.contains('@')
        && domain.split('.').all(|label| !label.is_empty())
}

/// Where and under which rules an account was read.
pub(super) struct Circumstances<'a> {
    /// The controller, as fences name it.
    pub(super) controller: &'a str,
    pub(super) policy: Policy,
    pub(super) protected: bool,
    pub(super) is_read_only: bool,
    pub(super) is_pdc: bool,
    pub(super) offers_policy_hints: bool,
    pub(super) unix_seconds: i64,
}

/// The live truth about an account.
pub(super) fn status(entry: &Entry, read: Circumstances<'_>) -> AccountStatus {
    let values = Values::read(entry);
    let control = entry.number("userAccountControl").unwrap_or(0);
    let computed = entry.number("msDS-User-Account-Control-Computed").unwrap_or(0);
    let must_change = values.password_last_set == "0";
    let mut rules = read.policy.rules;
    rules.names = names_for_rules(entry);
    AccountStatus {
        locked: computed & LOCKED != 0,
        disabled: control & DISABLED != 0,
        account_expired: has_ended(entry.number("accountExpires"), read.unix_seconds),
        // A password that must be changed counts as expired for Active Directory.
        password_expired: computed & PASSWORD_EXPIRED != 0 && !must_change,
        must_change,
        never_signed_in: !has_signed_in(entry),
        protected: read.protected,
        smart_card_only: is_smart_card_only(entry),
        read_only: read.is_read_only,
        too_new_until: too_new_until(entry, rules.min_age_seconds, read.unix_seconds),
        reset_obeys_age_and_history: read.offers_policy_hints,
        replicates_later: !read.is_pdc,
        wrong_tries_left: read
            .policy
            .lockout
            .and_then(|lockout| wrong_tries_left(entry, lockout, read.unix_seconds)),
        lockout: read.policy.lockout,
        takes_changes: !read.is_read_only,
        rules,
        fence: Fence {
            controller: read.controller.to_owned(),
            password_last_set: values.password_last_set,
            lockout_time: values.lockout_time,
            key_version: values.key_version,
        },
    }
}

/// How many wrong passwords are left before the lock, the most there is where nothing locks.
/// The count belongs to this controller, which is the one that is written to; one that has none,
/// or hides it, is taken for half of what locks.
fn wrong_tries_left(entry: &Entry, lockout: LockoutRules, unix_seconds: i64) -> Option<u16> {
    if lockout.threshold == 0 {
        return Some(u16::MAX);
    }
    let Some(counted) = entry.number("badPwdCount") else {
        return Some(lockout.threshold - lockout.threshold / 2);
    };
    let window = i64::try_from(lockout.window_seconds).unwrap_or(i64::MAX);
    let last = entry.number("badPasswordTime").map_or(i64::MAX, unix_of);
    let counts = last.saturating_add(window) > unix_seconds;
    let counted = if counts { u16::try_from(counted).unwrap_or(u16::MAX) } else { 0 };
    Some(lockout.threshold.saturating_sub(counted))
}

/// Whether a password is of no use for signing in.
pub(super) fn is_smart_card_only(entry: &Entry) -> bool {
    entry.number("userAccountControl").unwrap_or(0) & SMART_CARD_REQUIRED != 0
}

/// Until when the password is too new to be changed. One that must be changed never is.
pub(super) fn too_new_until(
    entry: &Entry,
    min_age_seconds: Option<u64>,
    unix_seconds: i64,
) -> Option<i64> {
    let set = entry.number("pwdLastSet").filter(|&set| set > 0)?;
    let age = i64::try_from(min_age_seconds?).ok()?;
    let until = unix_of(set).saturating_add(age);
    (age > 0 && until > unix_seconds).then_some(until)
}

fn has_ended(account_expires: Option<i64>, unix_seconds: i64) -> bool {
    match account_expires {
        None | Some(0 | NEVER) => false,
        Some(filetime) => unix_of(filetime) <= unix_seconds,
    }
}

/// Unix seconds of a FILETIME: 100 ns since 1601.
fn unix_of(filetime: i64) -> i64 {
    filetime / 10_000_000 - 11_644_473_600
}

/// The names of the complexity rule: the account name as a whole, the display name in parts
/// (MS-SAMR 3.1.1.7.2 and its delimiters), none shorter than three characters.
pub(super) fn names_for_rules(entry: &Entry) -> Vec<String> {
    let login = entry.text("sAMAccountName").unwrap_or_default();
    let parts =
        entry.text("displayName").unwrap_or_default().split([',', '.', '-', '_', ' ', '#', '\t']);
    let mut names: Vec<String> = std::iter::once(login)
        .chain(parts)
        .filter(|part| part.chars().count() >= 3)
        .map(str::to_owned)
        .collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: [u8; 16] = [
        0x8b, 0x16, 0x47, 0xae, 0x5d, 0x35, 0xe5, 0x45, 0x86, 0x04, 0x8a, 0xc5, 0x48, 0xfa, 0x86,
        0x05,
    ];

    fn entry(values: &[(&str, &[u8])]) -> Entry {
        let mut all: Vec<(&str, &[u8])> = vec![
            ("objectGUID", &GUID),
            ("sAMAccountName", b"anna"),
            ("userAccountControl", b"512"),
        ];
        all.extend(values);
        Entry::of("CN=Anna Berg,OU=People,DC=ad,DC=test", &all)
    }

    const NOW: i64 = 1_800_000_000;

    fn live(values: &[(&str, &[u8])]) -> AccountStatus {
        let mut policy = Policy::unread();
        policy.rules.complete = true;
        policy.rules.min_age_seconds = Some(86_400);
        let read = Circumstances {
            controller: "ldaps://dc1",
            policy,
            protected: false,
            is_read_only: false,
            is_pdc: true,
            offers_policy_hints: false,
            unix_seconds: NOW,
        };
        status(&entry(values), read)
    }

    #[test]
    fn the_guid_is_written_as_windows_writes_it() {
        let id = external_id(&entry(&[])).unwrap();
        assert_eq!(id.0, "ae47168b-355d-45e5-8604-8ac548fa8605");
        assert_eq!(base_of(&id).unwrap(), "<GUID=ae47168b-355d-45e5-8604-8ac548fa8605>");
        assert_eq!(base_of(&ExternalId("x>,DC=test".to_owned())), None);
    }

    #[test]
    fn every_name_is_listed_once_and_malformed_ones_are_missing() {
        let account = entry(&[("userPrincipalName", b"anna@ad.test"), ("mail", b"Anna@AD.test")]);
        let listed = names(&account, Some("AD"), Some("ad.test"));
        assert_eq!(listed, ["anna@ad.test", "anna", r"AD\anna", r"ad.test\anna"]);
        let without = entry(&[("userPrincipalName", b"an\nna"), ("mail", b"a@home.example")]);
        let listed = names(&without, None, Some("ad.test"));
        assert_eq!(listed, ["anna@ad.test", "anna", "a@home.example", r"ad.test\anna"]);
    }

    #[test]
    fn addresses_that_could_be_misread_are_none() {
        for good in ["a@b.example", "anna.berg+x@mail.example.org"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b@c",
            "a b@c.example",
            "a@b..c",
            "<a@b.c>",
            "a@b.c,d@e.f",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn only_zeros_that_are_shown_mean_that_nobody_has_signed_in() {
        let never = |values: &[(&str, &[u8])]| live(values).never_signed_in;
        assert!(never(&[("lastLogon", b"0"), ("logonCount", b"0")]), "a new account");
        assert!(never(&[("logonCount", b"0")]));
        assert!(!never(&[("lastLogon", b"0"), ("lastLogonTimestamp", b"134397056110410420")]));
        assert!(!never(&[("lastLogon", b"0"), ("logonCount", b"3")]));
        assert!(!never(&[]), "hidden is not zero");
        assert!(!never(&[("lastLogon", b"x")]));
    }

    #[test]
    fn states_are_told_apart() {
        let locked = live(&[
            ("msDS-User-Account-Control-Computed", b"16"),
            ("lockoutTime", b"134397060747750140"),
            ("pwdLastSet", b"134397056110410420"),
            ("msDS-KeyVersionNumber", b"2"),
            ("logonCount", b"0"),
        ]);
        assert!(locked.locked && locked.never_signed_in && !locked.must_change);
        assert_eq!(locked.fence.lockout_time, "134397060747750140");
        assert_eq!(locked.fence.key_version, Some(2));
        let must_change = live(&[
            ("pwdLastSet", b"0"),
            ("msDS-User-Account-Control-Computed", b"8388608"),
            ("lastLogon", b"134397056110410420"),
        ]);
        assert!(must_change.must_change && !must_change.password_expired);
        assert_eq!(must_change.fence.key_version, None, "hidden is not 0");
        assert!(!must_change.never_signed_in);
        let expired =
            live(&[("msDS-User-Account-Control-Computed", b"8388608"), ("pwdLastSet", b"1")]);
        assert!(expired.password_expired && !expired.must_change);
        assert!(live(&[("accountExpires", b"134397056110410420")]).account_expired);
        for never in [b"0".as_slice(), b"9223372036854775807", b"x"] {
            assert!(!live(&[("accountExpires", never)]).account_expired);
        }
    }

    #[test]
    fn wrong_passwords_count_while_they_are_remembered() {
        let filetime = |unix: i64| ((unix + 11_644_473_600) * 10_000_000).to_string();
        let left = |count: &str, at: Option<i64>, threshold| {
            let at = at.map(filetime);
            let mut values = vec![("badPwdCount", count.as_bytes())];
            values.extend(at.as_ref().map(|at| ("badPasswordTime", at.as_bytes())));
            let rules =
                LockoutRules { threshold, duration_seconds: Some(1_800), window_seconds: 600 };
            wrong_tries_left(&entry(&values), rules, NOW)
        };
        assert_eq!(left("2", Some(NOW - 599), 3), Some(1));
        assert_eq!(left("2", Some(NOW - 601), 3), Some(3), "forgotten");
        assert_eq!(left("2", None, 3), Some(1), "who hides when is taken for now");
        assert_eq!(left("9", Some(NOW), 3), Some(0));
        assert_eq!(left("9", Some(NOW), 0), Some(u16::MAX), "never locked");
        assert_eq!(left("x", Some(NOW), 5), Some(3), "hidden");
    }

    #[test]
    fn a_password_is_too_new_until_its_least_age() {
        let set = |unix: i64| ((unix + 11_644_473_600) * 10_000_000).to_string();
        let until = |set: &str| live(&[("pwdLastSet", set.as_bytes())]).too_new_until;
        assert_eq!(until(&set(NOW - 86_399)), Some(NOW + 1));
        assert_eq!(until(&set(NOW - 86_400)), None);
        assert_eq!(until("0"), None, "must be changed");
        assert_eq!(until("x"), None);
    }

    #[test]
    fn a_smart_card_is_told() {
        assert!(!live(&[]).smart_card_only);
        let account = Entry::of("CN=Anna", &[("userAccountControl", b"262656")]);
        assert!(is_smart_card_only(&account));
    }

    #[test]
    fn the_complexity_rule_gets_the_names_it_compares() {
        let rules = live(&[("displayName", b"Anna-Lena Berg, Dr.")]).rules;
        assert_eq!(rules.names, ["anna", "Anna", "Lena", "Berg"]);
    }
}
