//! What changed since a reading, by `uSNChanged`: any account that may read people may ask for
//! it, below any subtree. (DirSync needs the right to replicate the domain or, with its object
//! security, still reads the whole domain, tells of deletions no more than this does, and
//! brings parts of entries.) The numbers belong to one controller and one life of its database:
//! at another one, or after a restore, everything is read anew.

use ldap3::{Scope as SearchScope, controls::RawControl, ldap_escape};
use protocol::directory::ExternalId;

use super::{
    account,
    connection::Session,
    entry::Entry,
    listing::{Reader, Stop},
    refusal::Fault,
};
use crate::Cookie;

/// LDAP_SERVER_SHOW_DELETED_OID.
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
/// Members of members of ... (LDAP_MATCHING_RULE_IN_CHAIN).
pub(super) const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// A moment in the life of one controller's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The controller's `invocationId`.
    database: String,
    /// Its `highestCommittedUSN`.
    number: u64,
    /// A hash of the settings that were read with.
    settings: u64,
}

impl Mark {
    /// Now at this controller; `None` where it does not say what it is.
    pub(super) async fn of(session: &Session, settings: &str) -> Result<Option<Self>, Fault> {
        let root = session.read("", &["highestCommittedUSN", "dsServiceName"]).await?;
        let number = root.as_ref().and_then(|root| root.text("highestCommittedUSN")?.parse().ok());
        let service = root.as_ref().and_then(|root| root.text("dsServiceName"));
        let (Some(number), Some(service)) = (number, service) else {
            return Ok(None);
        };
        let own = match session.read(service, &["invocationId"]).await {
            Err(Fault::Refused { .. }) => None,
            read => read?,
        };
        let database = own.and_then(|own| own.all("invocationId").first().map(|id| hex(id)));
        let settings = hash(settings.as_bytes());
        Ok(database.map(|database| Self { database, number, settings }))
    }

    /// From which number on the changes since `then` are; `None` when all must be read.
    pub(super) fn goes_on_from(&self, then: &Self) -> Option<u64> {
        let same = self.database == then.database && self.settings == then.settings;
        // A number that fell: the database was put back without saying so.
        (same && then.number <= self.number).then_some(then.number)
    }

    pub(super) fn cookie(&self) -> Cookie {
        Cookie(format!("usn {} {} {:016x}", self.database, self.number, self.settings))
    }

    pub(super) fn parse(cookie: &Cookie) -> Option<Self> {
        let mut words = cookie.0.split(' ');
        let mut word = || words.next();
        let (kind, database) = (word()?, word()?.to_owned());
        let number = word()?.parse().ok()?;
        let settings = u64::from_str_radix(word()?, 16).ok()?;
        let whole = kind == "usn" && !database.is_empty() && word().is_none();
        whole.then_some(Self { database, number, settings })
    }
}

impl Reader<'_> {
    /// Whether something changed that moves accounts without touching them: a folder that was
    /// renamed or moved, a group that gained or lost members.
    pub(super) async fn moves_many(&self, head: &str, later: &str) -> Result<bool, Stop> {
        let folders = "(|(objectCategory=organizationalUnit)(objectCategory=container))";
        let folders = format!("(&{folders}{later})");
        if !self.session.find(head, &folders, &["objectGUID"], 1).await?.is_empty() {
            return Ok(true);
        }
        for group in &self.groups {
            let dn = ldap_escape(group.dn.as_str());
            let any = format!("(|(distinguishedName={dn})(memberOf:{IN_CHAIN}:={dn}))");
            let filter = format!("(&(objectCategory=group){later}{any})");
            if !self.session.find(head, &filter, &["objectGUID"], 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Accounts that were deleted, as far as our account may see them: most may not, and find
    /// them missing in the next reading of all. `None` when there are too many to be told.
    pub(super) async fn deleted(
        &self,
        head: &str,
        later: &str,
    ) -> Result<Option<Vec<ExternalId>>, Stop> {
        let filter =
            format!("(&(isDeleted=TRUE)(objectClass=user)(!(objectClass=computer)){later})");
        let control = RawControl { ctype: SHOW_DELETED.to_owned(), crit: true, val: None };
        let found = self
            .session
            .find_under(control, head, SearchScope::Subtree, &filter, &["objectGUID"])
            .await;
        match found {
            Ok(found) => Ok(Some(found.iter().filter_map(account::external_id).collect())),
            Err(Fault::Refused { code: 4, .. }) => Ok(None),
            Err(Fault::Refused { .. }) => Ok(Some(Vec::new())),
            Err(fault) => Err(fault.into()),
        }
    }
}

/// Reads one value of an entry that is a GUID.
pub(super) fn guid(entry: &Entry, name: &str) -> Option<[u8; 16]> {
    entry.all(name).first()?.as_slice().try_into().ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// FNV-1a: the same in every version of this program.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(database: &str, number: u64, settings: &str) -> Mark {
        Mark { database: database.to_owned(), number, settings: hash(settings.as_bytes()) }
    }

    #[test]
    fn a_reading_goes_on_only_in_the_same_database_with_the_same_settings() {
        let then = mark("0a1b", 500, "people");
        assert_eq!(mark("0a1b", 700, "people").goes_on_from(&then), Some(500));
        assert_eq!(mark("0a1b", 500, "people").goes_on_from(&then), Some(500));
        assert_eq!(mark("ffff", 700, "people").goes_on_from(&then), None, "another controller");
        assert_eq!(mark("0a1b", 700, "all").goes_on_from(&then), None, "other settings");
        assert_eq!(mark("0a1b", 499, "people").goes_on_from(&then), None, "put back");
    }

    #[test]
    fn a_cookie_reads_back_and_anything_else_is_none() {
        let mark = mark("0a1b", 500, "people");
        assert_eq!(Mark::parse(&mark.cookie()), Some(mark));
        for text in ["", "usn", "usn 0a1b x 1", "usn  5 1", "dirsync 0a 5 1", "usn 0a 5 1 1"] {
            assert_eq!(Mark::parse(&Cookie(text.to_owned())), None, "{text:?}");
        }
    }
}
