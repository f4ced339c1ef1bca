//! Which of its addresses an account may write itself, read from its access list. As delivered,
//! Active Directory lets everybody write the property set Personal-Information of the own
//! account, with `mobile` and `telephoneNumber` in it, but not `mail`; organisations change that
//! in both directions, so nothing is taken for granted.

use ldap3::{Scope as SearchScope, controls::RawControl, ldap_escape};
use protocol::directory::Field;

use super::{
    Attributes as Mapped, access, changes::guid, connection::Session, entry::Entry, refusal::Fault,
};

/// PRINCIPAL_SELF, Everyone, Network, Interactive, Authenticated Users, This Organization: what
/// everybody is besides the groups of the account.
const EVERYBODY: [[u8; 12]; 6] =
    [sid(5, 10), sid(1, 0), sid(5, 2), sid(5, 4), sid(5, 11), sid(5, 15)];

const fn sid(authority: u8, rid: u8) -> [u8; 12] {
    [1, 1, 0, 0, 0, 0, 0, authority, rid, 0, 0, 0]
}

/// The attributes that hold addresses, as access lists name them.
pub(super) struct Attributes(Vec<(Field, Option<Vec<[u8; 16]>>)>);

impl Attributes {
    /// Asks the schema.
    pub(super) async fn learn(session: &Session, mapped: &Mapped) -> Result<Self, Fault> {
        let names = [
            (Field::Email, Some(&mapped.email)),
            (Field::Mobile, mapped.mobile.as_ref()),
            (Field::Office, mapped.office.as_ref()),
        ];
        let mut known = Vec::with_capacity(names.len());
        for (field, name) in names {
            if let Some(name) = name {
                known.push((field, known_by(session, name).await?));
            }
        }
        Ok(Self(known))
    }

    /// The addresses that the account of `entry` may write; `None` when that cannot be seen.
    pub(super) async fn by_itself(
        &self,
        session: &Session,
        entry: &Entry,
    ) -> Result<Option<Vec<Field>>, Fault> {
        /// LDAP_SERVER_SD_FLAGS_OID with owner and access list.
        const FLAGS_OID: &str = "1.2.840.113556.1.4.801";
        const OWNER_AND_LIST: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x05];
        let control = RawControl {
            ctype: FLAGS_OID.to_owned(),
            crit: true,
            val: Some(OWNER_AND_LIST.to_vec()),
        };
        let asked = &["nTSecurityDescriptor", "tokenGroups"];
        let found = session
            .find_under(control, &entry.dn, SearchScope::Base, "(objectClass=*)", asked)
            .await;
        let rights = match found {
            Err(Fault::Refused { .. }) => return Ok(None),
            found => found?.pop(),
        };
        Ok(rights.and_then(|rights| self.written_by(entry, &rights)))
    }

    fn written_by(&self, entry: &Entry, rights: &Entry) -> Option<Vec<Field>> {
        let descriptor = rights.all("nTSecurityDescriptor").first()?;
        let groups = rights.all("tokenGroups");
        if groups.is_empty() {
            return None;
        }
        let everybody = EVERYBODY.iter().map(|sid| sid.to_vec());
        let own = entry.all("objectSid").iter().chain(groups).cloned();
        let sids: Vec<Vec<u8>> = everybody.chain(own).collect();
        let mut written = Vec::new();
        for (field, known_by) in &self.0 {
            let may = match known_by {
                Some(known_by) => access::may_write(descriptor, &sids, known_by)?,
                // An attribute that the schema does not show.
                None => true,
            };
            written.extend(may.then_some(*field));
        }
        Some(written)
    }
}

async fn known_by(session: &Session, name: &str) -> Result<Option<Vec<[u8; 16]>>, Fault> {
    const GUIDS: &[&str] = &["schemaIDGUID", "attributeSecurityGUID"];
    let root = session.read("", &["schemaNamingContext"]).await?;
    let Some(schema) = root.as_ref().and_then(|root| root.text("schemaNamingContext")) else {
        return Ok(None);
    };
    let filter = format!("(lDAPDisplayName={})", ldap_escape(name));
    let found = session.find(schema, &filter, GUIDS, 1).await;
    let entry = match found {
        Err(Fault::Refused { .. }) => None,
        found => found?.pop(),
    };
    let guids: Option<Vec<[u8; 16]>> = entry.and_then(|entry| {
        let own = guid(&entry, GUIDS[0])?;
        Some([Some(own), guid(&entry, GUIDS[1])].into_iter().flatten().collect())
    });
    Ok(guids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_not_known() {
        let anna = Entry::of("CN=Anna", &[("objectSid", &[1, 1])]);
        let known = Attributes(vec![(Field::Email, None)]);
        let groups = Entry::of("CN=Anna", &[("tokenGroups", &[1, 2])]);
        assert_eq!(known.written_by(&anna, &groups), None);
        let list = Entry::of("CN=Anna", &[("nTSecurityDescriptor", &[0; 40])]);
        assert_eq!(known.written_by(&anna, &list), None);
    }

    #[test]
    fn an_attribute_outside_the_schema_counts_as_written() {
        let anna = Entry::of("CN=Anna", &[("objectSid", &[1, 1])]);
        let values: [(&str, &[u8]); 2] =
            [("tokenGroups", &[1, 2]), ("nTSecurityDescriptor", &[0; 40])];
        let rights = Entry::of("CN=Anna", &values);
        let known = Attributes(vec![(Field::Email, Some(vec![[7; 16]])), (Field::Mobile, None)]);
        assert_eq!(known.written_by(&anna, &rights), Some(vec![Field::Mobile]));
    }
}
