//! Examines a domain as the doctor needs it: can each controller be used, does each subtree
//! exist, and does the service account hold each delegated right there and in everything below
//! it. Reads only.

mod place;

use protocol::directory::LockoutRules;
use uuid::Uuid;

use super::{
    ActiveDirectory,
    access::{AccessList, UNEXPIRE_PASSWORD, Wanted},
    connection::{Controller, Session},
    entry::Entry,
    refusal::Fault,
};

pub use self::place::{Place, SubtreeExamination};

/// What was found of one domain.
pub struct Examination {
    /// Each controller: the configured ones, and the PDC emulator where it is another one.
    pub controllers: Vec<ControllerExamination>,
    /// What was found in the domain, at the first controller that could be used.
    pub domain: Option<Result<DomainExamination, Fault>>,
}

/// What was found at one controller.
pub struct ControllerExamination {
    /// Its address.
    pub url: String,
    /// Whether the configuration names it; else the directory does, as its PDC emulator.
    pub is_configured: bool,
    /// What was found there, or why it cannot be used.
    pub found: Result<Reached, Fault>,
}

/// A controller that can be used.
pub struct Reached {
    /// What its clock shows.
    pub unix_seconds: Option<i64>,
    /// Whether it takes no writes.
    pub is_read_only: bool,
    /// Who signed in: as configured, or by the controller's word.
    pub signed_in: String,
}

/// What was found in a domain.
pub struct DomainExamination {
    /// The naming context.
    pub domain: String,
    /// Whether Samba serves it.
    pub is_samba: bool,
    /// The service account; `None` when it cannot find itself.
    pub account: Option<AccountExamination>,
    /// Each configured subtree.
    pub subtrees: Vec<SubtreeExamination>,
    /// Other places on which the account was given the right to reset passwords, looked for
    /// where one of the subtrees lacks something.
    pub elsewhere: Vec<String>,
    /// Whether the right to clear must-change is held on the domain. (Samba does not ask for it.)
    pub may_unexpire: bool,
    /// Whether the rules for passwords could be read.
    pub rules_readable: bool,
    /// Whether fine-grained rules can be read.
    pub fine_grained_readable: bool,
}

/// The service account.
pub struct AccountExamination {
    /// Its name as commands take it, such as `EXAMPLE\\svc-regain`.
    pub name: String,
    /// Its SID as text.
    pub sid: String,
    /// When it is locked; `None` where that cannot be read.
    pub lockout: Option<LockoutRules>,
    /// How often its password was typed wrong lately.
    pub wrong_passwords: i64,
    /// Whether it is in a group of administrators, which it does not need to be.
    pub is_administrator: bool,
    /// When its password runs out, in Unix seconds; `None` for never.
    pub password_expires_at: Option<i64>,
}

/// A right that is delegated to the service account on user objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// The extended right Reset Password.
    ResetPassword,
    /// The extended right Change Password, which everybody has as a domain is delivered.
    ChangePassword,
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
    /// Examines every controller, and the domain at the first that can be used.
    pub async fn examine(&self) -> Examination {
        let mut controllers = Vec::new();
        let mut domain = None;
        for controller in &self.controllers.configured {
            controllers.push(examine_controller(controller, true, &mut domain).await);
        }
        if domain.is_some()
            && let Some(pdc) = self.controllers.pdc().await
            && !controllers.iter().any(|known| known.url == pdc.url)
        {
            controllers.push(examine_controller(&pdc, false, &mut domain).await);
        }
        Examination { controllers, domain }
    }
}

async fn examine_controller(
    controller: &Controller,
    is_configured: bool,
    domain: &mut Option<Result<DomainExamination, Fault>>,
) -> ControllerExamination {
    let reached = async {
        let session = controller.session().await?;
        let root = session.read("", &["currentTime"]).await?;
        let time = root.as_ref().and_then(|root| root.text("currentTime"));
        let unix_seconds = time.and_then(unix_of_generalized_time);
        let is_read_only = session.domain.is_read_only;
        let signed_in = session.domain.scope.bind_user.clone();
        Ok::<_, Fault>((session, Reached { unix_seconds, is_read_only, signed_in }))
    };
    let found = match reached.await {
        Ok((session, reached)) => {
            // A domain that could not be read at one controller may be at the next.
            if !matches!(domain, Some(Ok(_))) {
                *domain = Some(examine_domain(&session).await);
            }
            Ok(reached)
        }
        Err(fault) => Err(fault),
    };
    ControllerExamination { url: controller.url.clone(), is_configured, found }
}

async fn examine_domain(session: &Session) -> Result<DomainExamination, Fault> {
    const RULES: &[&str] = &["minPwdLength", "pwdProperties"];
    let domain = &session.domain;
    let own_sids = &domain.scope.own_sids;
    let root = session.read("", &["vendorName"]).await?;
    let head = session.read(&domain.head, RULES).await?;
    let head_list = session.access_list(&domain.head).await?.unwrap_or_default();
    let mut subtrees = Vec::with_capacity(domain.bases.len());
    for base in &domain.bases {
        subtrees.push(place::examine_subtree(session, base).await?);
    }
    let is_short = subtrees.iter().any(|subtree| !subtree.missing.is_empty());
    let elsewhere = if is_short { place::elsewhere(session).await? } else { Vec::new() };
    let container = format!("CN=Password Settings Container,CN=System,{}", domain.head);
    let settings = session.access_list_if_seen(&container).await?;
    Ok(DomainExamination {
        domain: domain.head.clone(),
        is_samba: root.is_some_and(|root| {
            root.text("vendorName").is_some_and(|vendor| vendor.starts_with("Samba"))
        }),
        account: examine_account(session).await?,
        subtrees,
        elsewhere,
        may_unexpire: AccessList::read(&head_list)
            .allows(own_sids, &Wanted::extended(&UNEXPIRE_PASSWORD)),
        rules_readable: head
            .is_some_and(|head| RULES.iter().all(|name| head.number(name).is_some())),
        fine_grained_readable: settings
            .is_some_and(|list| AccessList::read(&list).allows(own_sids, &Wanted::reading())),
    })
}

/// The account that this connection is signed in with: the one that carries our own SID.
async fn examine_account(session: &Session) -> Result<Option<AccountExamination>, Fault> {
    const FACTS: &[&str] = &[
        "objectSid",
        "sAMAccountName",
        "msDS-ResultantPSO",
        "msDS-UserPasswordExpiryTimeComputed",
        "badPwdCount",
    ];
    /// 100 ns since 1601; a password that never expires has the largest number or 0.
    const NEVER: [i64; 2] = [0, i64::MAX];
    let domain = &session.domain;
    let mut own = None;
    for sid in domain.scope.own_sids.iter().take(64) {
        let Some(text) = sid_text(sid) else { continue };
        let filter = format!("(&(objectSid={text})(objectClass=user))");
        if let Some(found) = session.find(&domain.head, &filter, &["objectGUID"], 1).await?.pop() {
            own = session.read(&found.dn, FACTS).await?;
            break;
        }
    }
    let Some(own) = own else { return Ok(None) };
    let sid = own.all("objectSid").first().and_then(|sid| sid_text(sid));
    let (Some(sid), Some(account)) = (sid, own.text("sAMAccountName")) else {
        return Ok(None);
    };
    let expires = own.number("msDS-UserPasswordExpiryTimeComputed");
    let expires = expires.filter(|time| !NEVER.contains(time));
    Ok(Some(AccountExamination {
        name: domain
            .netbios
            .as_ref()
            .map_or_else(|| account.to_owned(), |netbios| format!("{netbios}\\{account}")),
        sid,
        lockout: lockout_of(session, &own).await,
        wrong_passwords: own.number("badPwdCount").unwrap_or(0),
        is_administrator: domain.scope.is_administrator(),
        password_expires_at: expires.map(|time| time / 10_000_000 - 11_644_473_600),
    }))
}

async fn lockout_of(session: &Session, own: &Entry) -> Option<LockoutRules> {
    session.policy_of(own).await.ok()?.lockout
}

/// A SID as administrators write it.
fn sid_text(sid: &[u8]) -> Option<String> {
    let (revision, count) = (*sid.first()?, usize::from(*sid.get(1)?));
    let authority = sid.get(2..8)?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let parts = sid.get(8..)?;
    if parts.len() != 4 * count {
        return None;
    }
    let mut text = format!("S-{revision}-{authority}");
    for part in parts.as_chunks::<4>().0 {
        text.push_str(&format!("-{}", u32::from_le_bytes(*part)));
    }
    Some(text)
}

/// Unix seconds of a time such as `20261121140000.0Z`.
fn unix_of_generalized_time(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    if !text.ends_with('Z') {
        return None;
    }
    // Days from the civil calendar: years begin in March, so that leap days come last.
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// The bytes of a GUID as access lists hold them.
const fn guid(number: u128) -> [u8; 16] {
    Uuid::from_u128(number).to_bytes_le()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_controllers_are_read() {
        assert_eq!(unix_of_generalized_time("20240229000000.0Z"), Some(1_709_164_800));
        assert_eq!(unix_of_generalized_time("19941106084937.0Z"), Some(784_111_777));
        for bad in ["", "20240229", "2024022900000x.0Z", "20240229000000", "\u{e4}\u{e4}\u{e4}"] {
            assert_eq!(unix_of_generalized_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn sids_are_written_as_administrators_write_them() {
        let mut sid = vec![1, 2, 0, 0, 0, 0, 0, 5];
        for part in [32_u32, 544] {
            sid.extend(part.to_le_bytes());
        }
        assert_eq!(sid_text(&sid).as_deref(), Some("S-1-5-32-544"));
        assert_eq!(sid_text(&sid[..11]), None);
        assert_eq!(sid_text(&[]), None);
    }

    #[test]
    fn guids_are_as_in_access_lists() {
        let reset_password = guid(0x0029_9570_246d_11d0_a768_00aa_006e_0529);
        assert_eq!(reset_password, super::super::access::RESET_PASSWORD);
    }
}
