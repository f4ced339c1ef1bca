//! What a connection learns of its domain when it is made, and what it keeps for a minute: the
//! domain's rules and who holds its roles. So the common path asks for the account alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ldap3::{Ldap, Scope as SearchScope, exop::WhoAmI, ldap_escape};
use tokio::time::Instant;

use super::{
    connection::{Login, READ_LIMIT, search, timed},
    distinguished_name::DistinguishedName,
    entry::Entry,
    policy::Policy,
    refusal::Fault,
    scope::Scope,
};

/// How long rules and roles are taken for true. A controller judges by its own in any case.
const KEPT: Duration = Duration::from_secs(60);
/// Most SIDs of our logon among which our account is looked for; it is one of the first.
const MOST_SIDS: usize = 64;
/// Most fine-grained policies that are kept.
const MOST_KEPT: usize = 64;

/// A read-only controller says so by this capability (MS-ADTS 3.1.1.3.4.3.5).
const READ_ONLY_CAPABILITY: &str = "1.2.840.113556.1.4.1920";
/// LDAP_SERVER_POLICY_HINTS_OID and the number it had before.
const POLICY_HINTS: [&str; 2] = ["1.2.840.113556.1.4.2239", "1.2.840.113556.1.4.2066"];

/// A domain as one connection sees it.
pub(super) struct Domain {
    /// The naming context.
    pub(super) head: String,
    /// The name in front of `\`.
    pub(super) netbios: Option<String>,
    /// The configured base DNs as the server prints them.
    pub(super) bases: Vec<String>,
    pub(super) scope: Scope,
    /// The controller's own settings object, by which the holder of a role is named.
    pub(super) service: Option<DistinguishedName>,
    /// Whether the controller takes no writes.
    pub(super) is_read_only: bool,
    /// The control under which a reset obeys minimum age and history, where it is offered.
    pub(super) policy_hints: Option<&'static str>,
    /// What names the forest, the same in all its domains and in no other forest.
    pub(super) forest: Option<Vec<u8>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    head: Option<(Instant, Arc<Head>)>,
    policies: HashMap<String, (Instant, Option<Policy>)>,
}

/// The head of the naming context: the domain's rules, and who holds its roles.
pub(super) struct Head {
    pub(super) policy: Policy,
    pub(super) pdc: Option<RoleOwner>,
}

/// The settings object of the controller that holds the role of PDC emulator.
#[derive(Clone)]
pub(super) struct RoleOwner {
    pub(super) name: DistinguishedName,
    text: String,
}

impl RoleOwner {
    fn read(head: &Entry) -> Option<Self> {
        let text = head.text("fSMORoleOwner")?;
        Some(Self { name: DistinguishedName::parse(text)?, text: text.to_owned() })
    }

    /// The server object, which has the host's name: the settings object lies in it.
    pub(super) fn server(&self) -> Option<&str> {
        self.text.split_once(',').map(|(_, server)| server)
    }
}

impl Head {
    pub(super) const ATTRIBUTES: &[&str] = &[
        "fSMORoleOwner",
        "minPwdLength",
        "pwdProperties",
        "pwdHistoryLength",
        "minPwdAge",
        "lockoutThreshold",
        "lockoutDuration",
        "lockOutObservationWindow",
    ];

    /// Reads the head; what cannot be seen is missing.
    pub(super) fn read(entry: Option<&Entry>) -> Self {
        Self {
            policy: entry.map_or_else(Policy::unread, Policy::of_domain),
            pdc: entry.and_then(RoleOwner::read),
        }
    }
}

impl Domain {
    /// Asks everything that does not change while a connection lasts, much of it at once.
    pub(super) async fn learn(ldap: &Ldap, login: &Login) -> Result<Self, Fault> {
        const ROOT: &[&str] = &[
            "defaultNamingContext",
            "configurationNamingContext",
            "dsServiceName",
            "supportedCapabilities",
            "supportedControl",
            "tokenGroups",
        ];
        let mut root = search(ldap, "", SearchScope::Base, "(objectClass=*)", ROOT).await?;
        let root = root.pop().ok_or(Fault::NoDomain("entry"))?;
        let required = |name| root.text(name).ok_or(Fault::NoDomain(name));
        let head = required("defaultNamingContext")?;
        let configuration = required("configurationNamingContext")?;
        let own_name = match login.sign_in.user() {
            Some(user) => user.to_owned(),
            None => who_we_are(ldap, head, root.all("tokenGroups")).await?,
        };
        let (netbios, forest, is_read_only, bases, excluded) = tokio::try_join!(
            netbios(ldap, head, configuration),
            forest(ldap, configuration),
            is_read_only(ldap, &root),
            all_as_printed(ldap, &login.base_dns),
            all_as_printed(ldap, &login.excluded_dns),
        )?;
        Ok(Self {
            head: head.to_owned(),
            netbios,
            scope: Scope {
                bases: parse_all(&bases)?,
                excluded: parse_all(&excluded)?,
                own_sids: root.all("tokenGroups").to_vec(),
                bind_user: own_name,
            },
            bases,
            service: root.text("dsServiceName").and_then(DistinguishedName::parse),
            is_read_only,
            policy_hints: POLICY_HINTS
                .into_iter()
                .find(|oid| root.texts("supportedControl").any(|text| text == *oid)),
            forest,
            kept: Mutex::default(),
        })
    }

    /// The name behind `@` of a principal name that nobody chose.
    pub(super) fn dns(&self) -> Option<String> {
        let labels: Option<Vec<&str>> = self
            .head
            .split(',')
            .map(|part| part.trim_start().split_once('='))
            .map(|part| part.filter(|(kind, _)| kind.eq_ignore_ascii_case("DC")))
            .map(|part| part.map(|(_, label)| label))
            .collect();
        labels.map(|labels| labels.join("."))
    }

    /// Whether the controller itself is the PDC emulator.
    pub(super) fn is_pdc(&self, head: &Head) -> bool {
        let owner = head.pdc.as_ref().map(|owner| &owner.name);
        owner.is_some() && owner == self.service.as_ref()
    }

    pub(super) fn kept_head(&self) -> Option<Arc<Head>> {
        let kept = self.kept();
        let (at, head) = kept.head.as_ref()?;
        (at.elapsed() < KEPT).then(|| Arc::clone(head))
    }

    pub(super) fn keep_head(&self, head: &Arc<Head>) {
        self.kept().head = Some((Instant::now(), Arc::clone(head)));
    }

    /// A fine-grained policy; `Some(None)` when it was looked at and may not be read.
    pub(super) fn kept_policy(&self, dn: &str) -> Option<Option<Policy>> {
        let kept = self.kept();
        let (at, policy) = kept.policies.get(dn)?;
        (at.elapsed() < KEPT).then(|| policy.clone())
    }

    pub(super) fn keep_policy(&self, dn: &str, policy: Option<Policy>) {
        let policies = &mut self.kept().policies;
        if policies.len() >= MOST_KEPT {
            policies.clear();
        }
        policies.insert(dn.to_owned(), (Instant::now(), policy));
    }

    /// Forgets what may have changed since it was read.
    pub(super) fn forget_kept(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of the account that signed in, by the controller's word: as it answers RFC 4532,
/// which Samba does not before 4.20; else the one account among the SIDs of our logon.
async fn who_we_are(ldap: &Ldap, head: &str, own_sids: &[Vec<u8>]) -> Result<String, Fault> {
    let mut asking = ldap.clone();
    let answer = timed(READ_LIMIT, asking.extended(WhoAmI)).await?;
    // Not by the library's reader of it, which ends the program where it is no text.
    let said = answer.success().ok().and_then(|(said, _)| said.val);
    if let Some(name) = said.as_deref().and_then(account_of) {
        return Ok(name.to_owned());
    }
    for sid in own_sids.iter().take(MOST_SIDS) {
        let bytes: String = sid.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let filter = format!("(&(objectSid={bytes})(objectClass=user))");
        let found = search(ldap, head, SearchScope::Subtree, &filter, &["sAMAccountName"]).await?;
        if let Some(name) = found.first().and_then(|account| account.text("sAMAccountName")) {
            return Ok(name.to_owned());
        }
    }
    Err(Fault::NoIdentity)
}

/// `DOMAIN\name` of an answer such as `u:DOMAIN\name`.
fn account_of(said: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(said).ok()?.strip_prefix("u:")?;
    (!name.is_empty()).then_some(name)
}

async fn netbios(ldap: &Ldap, head: &str, configuration: &str) -> Result<Option<String>, Fault> {
    let partitions = format!("CN=Partitions,{configuration}");
    let filter = format!("(&(nCName={})(nETBIOSName=*))", ldap_escape(head));
    let found = search(ldap, &partitions, SearchScope::OneLevel, &filter, &["nETBIOSName"]).await?;
    Ok(found.first().and_then(|partition| partition.text("nETBIOSName")).map(str::to_owned))
}

async fn forest(ldap: &Ldap, configuration: &str) -> Result<Option<Vec<u8>>, Fault> {
    let found = read_if_seen(ldap, configuration, &["objectGUID"]).await?;
    Ok(found.and_then(|head| head.all("objectGUID").first().cloned()))
}

async fn is_read_only(ldap: &Ldap, root: &Entry) -> Result<bool, Fault> {
    if root.texts("supportedCapabilities").any(|oid| oid == READ_ONLY_CAPABILITY) {
        return Ok(true);
    }
    let Some(service) = root.text("dsServiceName") else {
        return Ok(false);
    };
    // Samba's read-only controllers do not announce the capability.
    let own = read_if_seen(ldap, service, &["msDS-isRODC"]).await?;
    Ok(own.is_some_and(|own| own.text("msDS-isRODC") == Some("TRUE")))
}

async fn read_if_seen(
    ldap: &Ldap,
    dn: &str,
    attributes: &'static [&'static str],
) -> Result<Option<Entry>, Fault> {
    match search(ldap, dn, SearchScope::Base, "(objectClass=*)", attributes).await {
        Ok(mut entries) => Ok(entries.pop()),
        Err(Fault::Refused { .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn all_as_printed(ldap: &Ldap, names: &[String]) -> Result<Vec<String>, Fault> {
    let mut printed = Vec::with_capacity(names.len());
    for name in names {
        printed.push(as_printed(ldap, name).await?);
    }
    Ok(printed)
}

/// A configured name as the server prints it, which is how the names of accounts below it end.
async fn as_printed(ldap: &Ldap, dn: &str) -> Result<String, Fault> {
    match search(ldap, dn, SearchScope::Base, "(objectClass=*)", &["distinguishedName"]).await {
        Ok(mut entries) => {
            entries.pop().map(|entry| entry.dn).ok_or_else(|| Fault::NoBase(dn.to_owned()))
        }
        Err(Fault::Refused { code: 10 | 32 | 34, .. }) => Err(Fault::NoBase(dn.to_owned())),
        Err(fault) => Err(fault),
    }
}

fn parse_all(names: &[String]) -> Result<Vec<DistinguishedName>, Fault> {
    names
        .iter()
        .map(|name| DistinguishedName::parse(name).ok_or_else(|| Fault::NoBase(name.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signed_in_is_read_and_nobody_is_no_name() {
        assert_eq!(account_of(br"u:AD\gmsa-regain$"), Some(r"AD\gmsa-regain$"));
        for none in [&b""[..], b"u:", b"dn:CN=x", &[0x75, 0x3a, 0xff]] {
            assert_eq!(account_of(none), None, "{none:?}");
        }
    }
}
