//! The delegated rights at the places where accounts are: a subtree, every container in it, and
//! accounts that do not inherit. A right counts only where it arrives.

use super::{
    super::{
        access::{AccessList, CHANGE_PASSWORD, RESET_PASSWORD, Wanted, grants},
        connection::Session,
        distinguished_name::DistinguishedName,
        listing::PERSONS,
        refusal::Fault,
        scope::Scope,
    },
    Right, guid,
};

/// Most containers that are looked at in a subtree, the nearer ones first, and accounts in all of
/// it.
const CONTAINERS: usize = 500;
const ACCOUNTS: i32 = 500;
/// What tells of a listed account whether it may be touched, and what of it we may write.
const LISTED: &[&str] = &[
    "objectSid",
    "sAMAccountName",
    "sAMAccountType",
    "userPrincipalName",
    "adminCount",
    "servicePrincipalName",
    "allowedAttributesEffective",
];
/// Most names that are told of anything.
const NAMED: usize = 5;

/// The class of user objects.
const USER: [u8; 16] = guid(0xbf96_7aba_0de6_11d0_a285_00aa_0030_49e2);
const LOCKOUT_TIME: [u8; 16] = guid(0x2863_0ebf_41d5_11d1_a9c1_0000_f803_67c1);
const PWD_LAST_SET: [u8; 16] = guid(0xbf96_7a0a_0de6_11d0_a285_00aa_0030_49e2);
/// The set of attributes that `pwdLastSet` is in.
const ACCOUNT_RESTRICTIONS: [u8; 16] = guid(0x4c16_4200_20c0_11d0_a768_00aa_006e_0529);

/// What was found in one subtree.
pub struct SubtreeExamination {
    /// Its name as the controller prints it.
    pub dn: String,
    /// An account that was looked at; `None` when there is none that may be touched.
    pub sample: Option<String>,
    /// The rights that are missing in all of it.
    pub missing: Vec<Right>,
    /// Places in it that rights of the subtree do not reach.
    pub places: Vec<Place>,
    /// How many places there are in it besides, too far down or too many to be looked at.
    pub places_left: usize,
    /// Accounts that do not inherit what their place hands down, a few of them.
    pub not_inheriting: Vec<String>,
    /// Accounts with adminCount 1, which are never touched, a few of them.
    pub protected: Vec<String>,
}

/// A place in a subtree that lacks rights.
pub struct Place {
    /// Its name.
    pub dn: String,
    /// Whether it is because inheritance is switched off there.
    pub inheritance_is_off: bool,
    /// What is missing there.
    pub missing: Vec<Right>,
}

pub(super) async fn examine_subtree(
    session: &Session,
    base: &str,
) -> Result<SubtreeExamination, Fault> {
    let mut missing = handed_down(session, base).await?.missing;
    let sample = look_at_sample(session, base).await?;
    if let Some(sample) = &sample {
        // What an account needs beyond what is delegated, seen at one of them.
        missing.extend(sample.undelegated.iter().copied());
        if missing.is_empty() {
            missing.clone_from(&sample.missing_of_the_head(base));
        }
    }
    let containers = containers(session, base).await?;
    let places = places(session, base, &containers.dns, &missing).await?;
    let not_inheriting =
        if missing.is_empty() { not_inheriting(session, base, &places).await? } else { Vec::new() };
    let filter = format!("(&{PERSONS}(adminCount=1))");
    let protected = session.find(base, &filter, &["objectGUID"], 50).await?;
    Ok(SubtreeExamination {
        dn: base.to_owned(),
        sample: sample.map(|sample| sample.dn),
        missing,
        places,
        places_left: containers.left,
        not_inheriting,
        protected: protected.into_iter().map(|entry| entry.dn).take(NAMED).collect(),
    })
}

/// Where else in the domain the account was given the right to reset passwords.
pub(super) async fn elsewhere(session: &Session) -> Result<Vec<String>, Fault> {
    let own_sids = &session.domain.scope.own_sids;
    let wanted = Wanted::extended(&RESET_PASSWORD);
    let mut found = Vec::new();
    for dn in containers(session, &session.domain.head).await?.dns {
        let Some(list) = session.access_list_if_seen(&dn).await? else { continue };
        if AccessList::read(&list).begins_to_hand_down(own_sids, &wanted, &USER) {
            found.push(dn);
        }
    }
    found.truncate(NAMED);
    Ok(found)
}

struct HandedDown {
    missing: Vec<Right>,
    inheritance_is_off: bool,
}

/// What a place hands down to the accounts in it.
async fn handed_down(session: &Session, dn: &str) -> Result<HandedDown, Fault> {
    let own_sids = &session.domain.scope.own_sids;
    let descriptor = session.access_list_if_seen(dn).await?.unwrap_or_default();
    let list = AccessList::read(&descriptor);
    let wanted = [
        (Right::ResetPassword, Wanted::extended(&RESET_PASSWORD)),
        (Right::WriteLockoutTime, Wanted::writing(vec![LOCKOUT_TIME])),
        (Right::WritePwdLastSet, Wanted::writing(vec![PWD_LAST_SET, ACCOUNT_RESTRICTIONS])),
    ];
    let is_missing = |(_, wanted): &(Right, Wanted)| !list.hands_down(own_sids, wanted, &USER);
    let missing = wanted.into_iter().filter(is_missing).map(|(right, _)| right).collect();
    Ok(HandedDown { missing, inheritance_is_off: list.is_protected })
}

/// The places in a subtree that lack what the subtree itself does not, each only once: what is
/// below such a place lacks it for the same reason.
async fn places(
    session: &Session,
    base: &str,
    containers: &[String],
    missing_above: &[Right],
) -> Result<Vec<Place>, Fault> {
    let mut places: Vec<Place> = Vec::new();
    for dn in containers.iter().filter(|dn| !dn.eq_ignore_ascii_case(base)) {
        let is_below = |place: &Place| is_below(dn, &place.dn);
        if places.iter().any(is_below) {
            continue;
        }
        let HandedDown { mut missing, inheritance_is_off } = handed_down(session, dn).await?;
        missing.retain(|right| !missing_above.contains(right));
        // A unit is made for people, who may be still to come; any other container of a domain
        // may be closed on purpose, and is nobody's business here while nobody is in it.
        if !missing.is_empty() && (is_unit(dn) || holds_somebody(session, dn).await?) {
            places.push(Place { dn: dn.clone(), inheritance_is_off, missing });
        }
    }
    Ok(places)
}

fn is_below(dn: &str, above: &str) -> bool {
    dn.len() > above.len() && dn.to_lowercase().ends_with(&format!(",{}", above.to_lowercase()))
}

/// Whether accounts that may be touched can be in a place at all. What the domain keeps for itself
/// is closed to inheritance as delivered (AdminSDHolder, whose list is copied to every
/// administrator; group policies), and nobody may be told to open it.
fn is_for_people(dn: &str, head: &str, scope: &Scope) -> bool {
    let own = DistinguishedName::parse(&format!("CN=System,{head}"));
    let (Some(dn), Some(own)) = (DistinguishedName::parse(dn), own) else { return false };
    !dn.is_within(&own) && !scope.excluded.iter().any(|excluded| dn.is_within(excluded))
}

/// Whether it is an organizational unit, which the schema names by this attribute alone.
fn is_unit(dn: &str) -> bool {
    dn.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("OU="))
}

/// Whether an account that may be touched is in a place or below it.
async fn holds_somebody(session: &Session, dn: &str) -> Result<bool, Fault> {
    let found = session.find(dn, PERSONS, LISTED, ACCOUNTS).await?;
    Ok(found.iter().any(|account| session.domain.scope.listed_protection(account).is_none()))
}

/// The places in a subtree where people can be.
struct Containers {
    /// The nearer ones first.
    dns: Vec<String>,
    /// How many there are besides.
    left: usize,
}

/// Reads the names of all of them, page by page: those that the domain keeps for itself, often
/// more than all others, must not use up what is looked at.
async fn containers(session: &Session, base: &str) -> Result<Containers, Fault> {
    const FILTER: &str = "(|(objectClass=organizationalUnit)(objectClass=container))";
    let domain = &session.domain;
    let mut pages = session.pages(base, FILTER, vec!["objectGUID".to_owned()]).await?;
    let mut dns = Vec::new();
    while let Some(page) = pages.next().await? {
        let names = page.into_iter().map(|entry| entry.dn);
        dns.extend(names.filter(|dn| is_for_people(dn, &domain.head, &domain.scope)));
    }
    Ok(nearest(dns, CONTAINERS))
}

fn nearest(mut dns: Vec<String>, most: usize) -> Containers {
    dns.sort_by_cached_key(|dn| (dn.matches(',').count(), dn.to_lowercase()));
    let left = dns.len().saturating_sub(most);
    dns.truncate(most);
    Containers { dns, left }
}

/// Accounts that cannot be written although their place hands the right down.
async fn not_inheriting(
    session: &Session,
    base: &str,
    places: &[Place],
) -> Result<Vec<String>, Fault> {
    let scope = &session.domain.scope;
    let mut found = Vec::new();
    for account in session.find(base, PERSONS, LISTED, ACCOUNTS).await? {
        let writes = |name: &str| {
            account.texts("allowedAttributesEffective").any(|text| text.eq_ignore_ascii_case(name))
        };
        let is_told_already = places.iter().any(|place| is_below(&account.dn, &place.dn));
        if scope.listed_protection(&account).is_none()
            && !is_told_already
            && !(writes("lockoutTime") && writes("pwdLastSet"))
        {
            found.push(account.dn.clone());
        }
        if found.len() == NAMED {
            break;
        }
    }
    Ok(found)
}

/// One account that may be touched, looked at alone.
struct Sample {
    dn: String,
    /// Rights that are not delegated in the subtree, and that it lacks.
    undelegated: Vec<Right>,
    /// Rights to write that it lacks.
    unwritable: Vec<Right>,
}

impl Sample {
    /// What is missing directly in the subtree, though it is handed down by the letter of the
    /// access list: a denial, or a list that could not be read.
    fn missing_of_the_head(&self, base: &str) -> Vec<Right> {
        let parent = self.dn.split_once(',').map(|(_, parent)| parent);
        if parent.is_some_and(|parent| parent.eq_ignore_ascii_case(base)) {
            self.unwritable.clone()
        } else {
            Vec::new()
        }
    }
}

async fn look_at_sample(session: &Session, base: &str) -> Result<Option<Sample>, Fault> {
    const FACTS: &[&str] = &[
        "objectSid",
        "sAMAccountName",
        "sAMAccountType",
        "userPrincipalName",
        "adminCount",
        "servicePrincipalName",
        "tokenGroups",
        "allowedAttributesEffective",
        "msDS-KeyVersionNumber",
    ];
    const CANDIDATES: i32 = 50;
    let scope = &session.domain.scope;
    let mut sample: Option<Sample> = None;
    for candidate in session.find(base, PERSONS, &["objectGUID"], CANDIDATES).await? {
        let Some(account) = session.read(&candidate.dn, FACTS).await? else {
            continue;
        };
        // Whose groups are hidden is looked at: that is a missing right, not protection.
        if scope.listed_protection(&account).is_some() {
            continue;
        }
        let list = session.access_list_if_seen(&account.dn).await?.unwrap_or_default();
        let writes = |name: &str| {
            account.texts("allowedAttributesEffective").any(|text| text.eq_ignore_ascii_case(name))
        };
        let lacking = |held: &[(Right, bool)]| -> Vec<Right> {
            held.iter().filter(|(_, held)| !held).map(|(right, _)| *right).collect()
        };
        let undelegated = lacking(&[
            (Right::ChangePassword, grants(&list, &scope.own_sids, &CHANGE_PASSWORD)),
            (Right::ReadKeyVersion, account.number("msDS-KeyVersionNumber").is_some()),
            (Right::ReadGroups, !account.all("tokenGroups").is_empty()),
        ]);
        let unwritable = lacking(&[
            (Right::ResetPassword, grants(&list, &scope.own_sids, &RESET_PASSWORD)),
            (Right::WriteLockoutTime, writes("lockoutTime")),
            (Right::WritePwdLastSet, writes("pwdLastSet")),
        ]);
        let is_good = undelegated.is_empty() && unwritable.is_empty();
        if is_good || sample.is_none() {
            sample = Some(Sample { dn: account.dn.clone(), undelegated, unwritable });
        }
        if is_good {
            break;
        }
    }
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_domain_keeps_for_itself_and_what_is_excluded_is_no_place_for_people() {
        const HEAD: &str = "DC=ad,DC=test";
        let dn = |text| DistinguishedName::parse(text).unwrap();
        let scope = Scope {
            bases: vec![dn(HEAD)],
            excluded: vec![dn("OU=Board,OU=People,DC=ad,DC=test")],
            own_sids: Vec::new(),
            bind_user: String::new(),
        };
        for place in
            ["OU=People,DC=ad,DC=test", "CN=Users,DC=ad,DC=test", "OU=System,DC=ad,DC=test"]
        {
            assert!(is_for_people(place, HEAD, &scope), "{place}");
        }
        for place in [
            "CN=System,DC=ad,DC=test",
            "CN=AdminSDHolder,CN=System,DC=ad,DC=test",
            "cn=user,cn={6AC1786C-016F-11D2-945F-00C04fB984F9},cn=policies,cn=system,dc=AD,dc=test",
            "OU=Board,OU=People,DC=ad,DC=test",
            "OU=Inner,ou=board,OU=People,DC=ad,DC=test",
            "no name",
        ] {
            assert!(!is_for_people(place, HEAD, &scope), "{place}");
        }
    }

    #[test]
    fn of_too_many_places_the_nearest_are_looked_at_and_the_rest_is_counted() {
        let dns = ["OU=C,OU=B,DC=x", "OU=B,DC=x", "OU=D,OU=C,OU=B,DC=x", "OU=A,DC=x"];
        let found = nearest(dns.map(str::to_owned).to_vec(), 3);
        assert_eq!(found.dns, ["OU=A,DC=x", "OU=B,DC=x", "OU=C,OU=B,DC=x"]);
        assert_eq!(found.left, 1);
        assert_eq!(nearest(found.dns, 3).left, 0);
    }

    #[test]
    fn below_is_below_and_not_beside() {
        assert!(is_below("OU=A,OU=People,DC=x", "ou=people,dc=x"));
        assert!(!is_below("OU=People,DC=x", "OU=People,DC=x"));
        assert!(!is_below("OU=MyOU=People,DC=x", "OU=People,DC=x"));
    }
}
