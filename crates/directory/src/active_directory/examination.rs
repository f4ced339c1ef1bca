//! Examines a domain as the doctor needs it: can each controller be used, does each subtree
//! exist, and does the service account hold each delegated right there. Reads only.

use super::{
    ActiveDirectory,
    access::{RESET_PASSWORD, UNEXPIRE_PASSWORD, grants},
    connection::{Controller, Session},
    listing::PERSONS,
    refusal::Fault,
};

/// What was found at one controller.
pub struct Examination {
    /// Its address.
    pub controller: String,
    /// What was found there, or why it cannot be used.
    pub found: Result<DomainExamination, Fault>,
}

/// What was found in its domain.
pub struct DomainExamination {
    /// The naming context.
    pub domain: String,
    /// Each configured subtree.
    pub subtrees: Vec<SubtreeExamination>,
    /// Whether the right to clear must-change is held on the domain. (Samba does not ask for it.)
    pub may_unexpire: bool,
    /// Whether the rules for passwords could be read.
    pub rules_readable: bool,
}

/// What was found in one subtree.
pub struct SubtreeExamination {
    /// Its name as the controller prints it.
    pub dn: String,
    /// An account that was looked at; `None` when there is none that may be touched.
    pub sample: Option<String>,
    /// The rights that are missing on it.
    pub missing: Vec<Right>,
}

/// A right that is delegated to the service account on user objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// The extended right Reset Password.
    ResetPassword,
    /// Writing `lockoutTime`.
    WriteLockoutTime,
    /// Writing `pwdLastSet`.
    WritePwdLastSet,
    /// Reading `msDS-KeyVersionNumber`, by which a write is told from none.
    ReadKeyVersion,
    /// Reading `tokenGroups`, by which members of protected groups are told; without it every
    /// account counts as protected.
    ReadGroups,
}

impl ActiveDirectory {
    /// Examines every configured controller.
    pub async fn examine(&self) -> Vec<Examination> {
        let mut examinations = Vec::with_capacity(self.controllers.configured.len());
        for controller in &self.controllers.configured {
            examinations.push(Examination {
                controller: controller.url.clone(),
                found: examine(controller).await,
            });
        }
        examinations
    }
}

async fn examine(controller: &Controller) -> Result<DomainExamination, Fault> {
    const RULES: &[&str] = &["minPwdLength", "pwdProperties"];
    let session = controller.session().await?;
    let domain = &session.domain;
    let head = session.read(&domain.head, RULES).await?;
    let head_list = session.access_list(&domain.head).await?.unwrap_or_default();
    let mut subtrees = Vec::with_capacity(domain.bases.len());
    for base in &domain.bases {
        subtrees.push(examine_subtree(&session, base).await?);
    }
    Ok(DomainExamination {
        domain: domain.head.clone(),
        subtrees,
        may_unexpire: grants(&head_list, &domain.scope.own_sids, &UNEXPIRE_PASSWORD),
        rules_readable: head
            .is_some_and(|head| RULES.iter().all(|name| head.number(name).is_some())),
    })
}

async fn examine_subtree(session: &Session, base: &str) -> Result<SubtreeExamination, Fault> {
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
    for candidate in session.find(base, PERSONS, &["objectGUID"], CANDIDATES).await? {
        let Some(account) = session.read(&candidate.dn, FACTS).await? else {
            continue;
        };
        // Whose groups are hidden is looked at: that is a missing right, not protection.
        if scope.listed_protection(&account).is_some() {
            continue;
        }
        let list = session.access_list(&account.dn).await?.unwrap_or_default();
        let writes = |name: &str| {
            account.texts("allowedAttributesEffective").any(|text| text.eq_ignore_ascii_case(name))
        };
        let held = [
            (Right::ResetPassword, grants(&list, &scope.own_sids, &RESET_PASSWORD)),
            (Right::WriteLockoutTime, writes("lockoutTime")),
            (Right::WritePwdLastSet, writes("pwdLastSet")),
            (Right::ReadKeyVersion, account.number("msDS-KeyVersionNumber").is_some()),
            (Right::ReadGroups, !account.all("tokenGroups").is_empty()),
        ];
        let missing = held.into_iter().filter(|(_, held)| !held).map(|(right, _)| right);
        return Ok(SubtreeExamination {
            dn: base.to_owned(),
            sample: Some(account.dn.clone()),
            missing: missing.collect(),
        });
    }
    Ok(SubtreeExamination { dn: base.to_owned(), sample: None, missing: Vec::new() })
}
