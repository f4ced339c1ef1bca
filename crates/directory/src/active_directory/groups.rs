//! The groups that accounts are told to be in: those the configuration names, no others. Who is
//! in one by way of another group is in it.

use ldap3::ldap_escape;

use super::{
    changes::IN_CHAIN, connection::Session, distinguished_name::DistinguishedName, entry::Entry,
    refusal::Fault,
};

const ATTRIBUTES: &[&str] = &["objectSid"];

/// A group that was found.
pub(super) struct Group {
    /// As the configuration names it.
    pub(super) name: String,
    pub(super) dn: String,
    /// The end of its SID, by which an account names its primary group.
    rid: Option<u32>,
}

impl Group {
    /// The filter of its members.
    pub(super) fn members(&self) -> String {
        let by_chain = format!("(memberOf:{IN_CHAIN}:={})", ldap_escape(self.dn.as_str()));
        match self.rid {
            Some(rid) => format!("(|{by_chain}(primaryGroupID={rid}))"),
            None => by_chain,
        }
    }
}

/// Finds the groups of these names. One that is not there, or not the only one, has no members.
pub(super) async fn resolve(session: &Session, names: &[String]) -> Result<Vec<Group>, Fault> {
    let mut groups = Vec::with_capacity(names.len());
    for name in names {
        let found = find(session, name).await?;
        let [entry] = found.as_slice() else {
            let found = found.len();
            tracing::warn!(group = %name, found, "not exactly one group: nobody counts as a member");
            continue;
        };
        let rid = entry.all("objectSid").first().and_then(|sid| sid.split_last_chunk::<4>());
        groups.push(Group {
            name: name.clone(),
            dn: entry.dn.clone(),
            rid: rid.map(|(_, last)| u32::from_le_bytes(*last)),
        });
    }
    Ok(groups)
}

async fn find(session: &Session, name: &str) -> Result<Vec<Entry>, Fault> {
    if DistinguishedName::parse(name).is_some() {
        let read = session.read(name, ATTRIBUTES).await;
        return match read {
            Ok(entry) => Ok(entry.into_iter().collect()),
            Err(Fault::Refused { .. }) => Ok(Vec::new()),
            Err(fault) => Err(fault),
        };
    }
    let escaped = ldap_escape(name);
    let filter = format!("(&(objectCategory=group)(|(sAMAccountName={escaped})(cn={escaped})))");
    session.find(&session.domain.head, &filter, ATTRIBUTES, 2).await
}
