//! A domain: each controller, the service account and how easily it is locked out, and every
//! delegated right where it must arrive, with the command that grants what is missing.
//!
//! Long: each finding stands beside the words and the command that mend it.

use ::directory::active_directory::{
    AccountExamination, BindRefusal, ControllerExamination, DomainExamination, Examination, Fault,
    Place, Right, SubtreeExamination,
};

use super::{Check, Group, Mend, clocks, command, kerberos, resolves, span, words};
use crate::{
    clock::Clock,
    config::{ActiveDirectorySection, SignInBy},
    private::AS_AGENT,
};

/// A password that runs out sooner is told of.
const SOON_SECONDS: i64 = 14 * 86_400;

pub(super) async fn domain(
    section: &ActiveDirectorySection,
    found: &Examination,
    clock: &Clock,
) -> Vec<Group> {
    let mut groups = Vec::new();
    for controller in &found.controllers {
        groups.push(controller_group(section, controller, clock).await);
    }
    match &found.domain {
        Some(Ok(domain)) => groups.push(domain_group(section, domain, clock)),
        Some(Err(fault)) => groups.push(Group {
            title: "Domain".to_owned(),
            checks: vec![Check::bad(
                fault_code(fault),
                "reading the domain",
                fault.to_string(),
                mend(section, fault, ""),
            )],
        }),
        None => {}
    }
    groups
}

async fn controller_group(
    section: &ActiveDirectorySection,
    controller: &ControllerExamination,
    clock: &Clock,
) -> Group {
    let url = &controller.url;
    let address = url.strip_prefix("ldaps://").unwrap_or(url);
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(636)),
        None => (address, 636),
    };
    let mut checks: Vec<Check> = resolves(host, port).await.into_iter().collect();
    let is_named = checks.iter().all(|check| check.verdict == super::Verdict::Good);
    match &controller.found {
        Ok(reached) => {
            let by_kerberos = section.sign_in == SignInBy::Kerberos;
            let by = if by_kerberos { "by Kerberos " } else { "" };
            let how = format!("signed in {by}as {}", reached.signed_in);
            checks.push(Check::good("controller", format!("reached, certificate accepted, {how}")));
            if let Some(theirs) = reached.unix_seconds {
                let mut check = clocks("controller-clock", host, theirs, clock.unix_seconds());
                check.note_that(by_kerberos, "past five minutes Kerberos refuses every sign-in");
                checks.push(check);
            }
            if reached.is_read_only {
                checks.push(Check::look(
                    "read-only",
                    "takes no writes",
                    "a read-only controller is asked only when no other answers, and never written to",
                    vec![words("name a writable one in active_directory.controllers as well")],
                ));
            }
        }
        // A name that does not resolve is said already.
        Err(Fault::Broken(_)) if !is_named => {}
        Err(fault) => {
            let what = match fault {
                Fault::Broken(_) => "reaching it",
                Fault::Tls(_) => "its certificate",
                Fault::BindRefused(_) | Fault::NoPassword(_) | Fault::Kerberos { .. } => {
                    "signing in"
                }
                Fault::NoIdentity
                | Fault::Refused { .. }
                | Fault::NoBase(_)
                | Fault::NoDomain(_) => "reading there",
            };
            let mend = mend(section, fault, &format!("{host}:{port}"));
            let why = fault.to_string();
            checks.push(if controller.is_configured {
                Check::bad(fault_code(fault), what, why, mend)
            } else {
                let why = format!("{why}. Writes go to another controller instead, and may take some minutes to reach the rest");
                Check::look(fault_code(fault), what, why, mend)
            });
        }
    }
    let title = if controller.is_configured {
        format!("Controller {url}")
    } else {
        format!("Controller {url} (PDC emulator, named by the directory)")
    };
    Group { title, checks }
}

fn fault_code(fault: &Fault) -> &'static str {
    match fault {
        Fault::Broken(_) => "unreached",
        Fault::Tls(_) => "certificate",
        Fault::BindRefused(BindRefusal::Locked) => "account-locked",
        Fault::BindRefused(_) => "account-refused",
        Fault::Kerberos { .. } => "kerberos",
        Fault::NoPassword(_) => "password-file",
        Fault::NoBase(_) => "subtree",
        Fault::NoIdentity | Fault::Refused { .. } | Fault::NoDomain(_) => "controller",
    }
}

fn domain_group(
    section: &ActiveDirectorySection,
    found: &DomainExamination,
    clock: &Clock,
) -> Group {
    let to = Grantee::of(section, found);
    let mut checks = match &found.account {
        Some(account) => account_checks(account, clock),
        None => vec![Check::look(
            "account",
            "service account",
            "it cannot find itself in the domain, so how it is locked out could not be checked",
            vec![words("let it read its own object; it is outside of what it can see")],
        )],
    };
    for subtree in &found.subtrees {
        checks.extend(subtree_checks(subtree, found, &to));
    }
    checks.push(unexpire(found, &to));
    checks.extend(rules(found, &to));
    let server = if found.is_samba { " (Samba)" } else { "" };
    Group { title: format!("Domain {}{server}", found.domain), checks }
}

/// Whom rights are granted to, as commands name it.
struct Grantee<'a> {
    name: &'a str,
    sid: Option<&'a str>,
}

impl<'a> Grantee<'a> {
    fn of(section: &'a ActiveDirectorySection, found: &'a DomainExamination) -> Self {
        match &found.account {
            Some(account) => Self { name: &account.name, sid: Some(&account.sid) },
            None if section.account.is_empty() => Self { name: "DOMAIN\\ACCOUNT", sid: None },
            None => Self { name: &section.account, sid: None },
        }
    }

    /// The commands that grant these rights to it on the accounts in `dn`.
    fn grant(&self, rights: &[Right], dn: &str, is_samba: bool) -> Vec<Mend> {
        let mut mend = vec![words("on a controller, as an administrator of the domain:")];
        mend.extend(rights.iter().map(|right| {
            let what = right_facts(*right).dsacls;
            command(format!("dsacls \"{dn}\" /I:S /G \"{}:{what};user\"", self.name))
        }));
        if let (true, Some(sid)) = (is_samba, self.sid) {
            let entries: String = rights
                .iter()
                .map(|right| {
                    let what = right_facts(*right).sddl;
                    format!("(OA;CIIO;{what};{USER_CLASS};{sid})")
                })
                .collect();
            mend.push(words("or, on a Samba controller:"));
            mend.push(command(format!(
                "samba-tool dsacl set --objectdn=\"{dn}\" --sddl=\"{entries}\""
            )));
        }
        mend
    }
}

const USER_CLASS: &str = "bf967aba-0de6-11d0-a285-00aa003049e2";

/// How a right is called: by people, by dsacls and in SDDL.
struct RightFacts {
    name: &'static str,
    dsacls: &'static str,
    sddl: &'static str,
}

fn right_facts(right: Right) -> RightFacts {
    let (name, dsacls, sddl) = match right {
        Right::ResetPassword => {
            ("Reset Password", "CA;Reset Password", "CR;00299570-246d-11d0-a768-00aa006e0529")
        }
        Right::ChangePassword => {
            ("Change Password", "CA;Change Password", "CR;ab721a53-1e2f-11d0-9819-00aa0040529b")
        }
        Right::WriteLockoutTime => {
            ("write lockoutTime", "WP;lockoutTime", "WP;28630ebf-41d5-11d1-a9c1-0000f80367c1")
        }
        Right::WritePwdLastSet => {
            ("write pwdLastSet", "WP;pwdLastSet", "WP;bf967a0a-0de6-11d0-a285-00aa003049e2")
        }
        Right::ReadKeyVersion => (
            "read msDS-KeyVersionNumber",
            "RP;msDS-KeyVersionNumber",
            "RP;c523e9c0-33b5-4ac8-8923-b57b927f42f6",
        ),
        Right::ReadGroups => (
            "read tokenGroups (without it every account counts as protected)",
            "RP;tokenGroups",
            "RP;b7c69e6d-2cc7-11d2-854e-00a0c983f608",
        ),
    };
    RightFacts { name, dsacls, sddl }
}

fn names(rights: &[Right]) -> String {
    rights.iter().map(|right| right_facts(*right).name).collect::<Vec<_>>().join(", ")
}

fn account_checks(account: &AccountExamination, clock: &Clock) -> Vec<Check> {
    let name = &account.name;
    let mut checks = vec![lockout(account)];
    if account.is_administrator {
        checks.push(Check::look(
            "administrator",
            format!("{name} is in a group of administrators"),
            "it needs nothing but the rights below: whoever steals its password owns the domain",
            vec![words("take it out of that group")],
        ));
    }
    if let Some(at) = account.password_expires_at {
        let left = at - clock.unix_seconds();
        let what = format!("password of {name}");
        let when = span(left.unsigned_abs());
        let mend = vec![
            words("let it never run out, or use a group managed service account:"),
            command(format!("Set-ADUser {} -PasswordNeverExpires $true", short(name))),
        ];
        checks.push(if left > SOON_SECONDS {
            Check::look("password-expires", what, format!("runs out in {when}"), mend)
        } else if left > 0 {
            Check::bad("password-expires", what, format!("runs out in {when}"), mend)
        } else {
            Check::bad("password-expires", what, format!("ran out {when} ago"), mend)
        });
    }
    checks
}

/// How easily somebody keeps the agent out by wrong passwords for its account.
fn lockout(account: &AccountExamination) -> Check {
    let what = format!("lock-out of {}", account.name);
    let Some(rules) = account.lockout else {
        return Check::look(
            "lockout",
            what,
            "when it is locked out could not be read",
            never_locked(&account.name),
        );
    };
    if rules.threshold == 0 {
        return Check::good("lockout", format!("{what}: never locked by wrong passwords"));
    }
    let duration = rules.duration_seconds.map_or_else(
        || "until somebody unlocks it".to_owned(),
        |seconds| format!("for {}", span(seconds)),
    );
    let wrong = match account.wrong_passwords {
        0 => String::new(),
        1 => ". One was counted lately".to_owned(),
        count => format!(". {count} were counted lately"),
    };
    let why = format!(
        "{} wrong passwords within {} lock it {duration}, and stop this agent: anybody who reaches a controller can type them{wrong}",
        rules.threshold,
        span(rules.window_seconds),
    );
    Check::look("lockout", what, why, never_locked(&account.name))
}

fn never_locked(name: &str) -> Vec<Mend> {
    let account = short(name);
    vec![
        words(
            "give it a random password of 30 characters, and a policy of its own without lock-out. PowerShell:",
        ),
        command(
            "New-ADFineGrainedPasswordPolicy -Name \"Regain agent\" -Precedence 1 -LockoutThreshold 0 -MinPasswordLength 30 -ComplexityEnabled $true -PasswordHistoryCount 24 -MinPasswordAge 0 -MaxPasswordAge 0 -ReversibleEncryptionEnabled $false",
        ),
        command(format!(
            "Add-ADFineGrainedPasswordPolicySubject \"Regain agent\" -Subjects {account}"
        )),
        words("or, on a Samba controller:"),
        command(
            "samba-tool domain passwordsettings pso create \"Regain agent\" 1 --account-lockout-threshold=0 --min-pwd-length=30 --complexity=on --history-length=24 --min-pwd-age=0 --max-pwd-age=0",
        ),
        command(format!("samba-tool domain passwordsettings pso apply \"Regain agent\" {account}")),
    ]
}

/// The name without its domain.
fn short(name: &str) -> &str {
    name.rsplit('\\').next().unwrap_or(name)
}

fn subtree_checks(
    subtree: &SubtreeExamination,
    found: &DomainExamination,
    to: &Grantee<'_>,
) -> Vec<Check> {
    let (dn, is_samba) = (&subtree.dn, found.is_samba);
    let mut checks = Vec::new();
    if subtree.missing.is_empty() {
        let seen = match &subtree.sample {
            Some(sample) => format!("{dn}: every right is there (looked at {sample})"),
            None => format!("{dn}: every right is handed down"),
        };
        checks.push(Check::good("rights", seen));
    } else {
        let mut why = format!("{} lacks: {}", to.name, names(&subtree.missing));
        if !found.elsewhere.is_empty() {
            why.push_str(&format!(
                ". It was given Reset Password on {} instead: grant it here, or correct active_directory.subtrees",
                found.elsewhere.join(" and ")
            ));
        }
        checks.push(Check::bad("rights", dn, why, to.grant(&subtree.missing, dn, is_samba)));
    }
    if subtree.sample.is_none() {
        checks.push(Check::look(
            "no-people",
            dn,
            "no account that may be touched was found there",
            vec![words("correct active_directory.subtrees, unless people are still to come")],
        ));
    }
    checks.extend(subtree.places.iter().map(|place| place_check(place, to, is_samba)));
    if subtree.places_left > 0 {
        checks.push(Check::look(
            "not-all-seen",
            dn,
            format!(
                "{} units and containers in it were not looked at: only the 500 nearest are",
                subtree.places_left
            ),
            vec![words(
                "to see the others, ask with their own place as the subtree: regain-agent doctor --set \"active_directory.subtrees=OU=...\"",
            )],
        ));
    }
    checks.extend(accounts(subtree, found));
    checks
}

fn place_check(place: &Place, to: &Grantee<'_>, is_samba: bool) -> Check {
    let Place { dn, inheritance_is_off, missing } = place;
    let lacks = format!("{} lacks there: {}", to.name, names(missing));
    let (code, why, mut mend) = if *inheritance_is_off {
        let mend = vec![
            words("let it inherit again, if nobody meant it:"),
            command(format!("dsacls \"{dn}\" /P:N")),
        ];
        ("inheritance", format!("inheritance is switched off, so {lacks}"), mend)
    } else {
        ("rights-below", lacks, Vec::new())
    };
    if mend.is_empty() {
        mend.extend(to.grant(missing, dn, is_samba));
    } else {
        mend.push(words(
            "else grant the rights there, or name it in active_directory.excluded_subtrees:",
        ));
        mend.extend(to.grant(missing, dn, is_samba).into_iter().skip(1));
    }
    Check::bad(code, dn, why, mend)
}

/// Single accounts that rights do not reach.
fn accounts(subtree: &SubtreeExamination, found: &DomainExamination) -> Vec<Check> {
    let dn = &subtree.dn;
    let mut checks = Vec::new();
    if let Some(first) = subtree.not_inheriting.first() {
        checks.push(Check::bad(
            "account-inheritance",
            format!("accounts in {dn} that do not inherit"),
            listed(&subtree.not_inheriting),
            vec![
                words("let each inherit again (a former administrator keeps that switched off):"),
                command(format!("dsacls \"{first}\" /P:N")),
            ],
        ));
    }
    if !subtree.protected.is_empty() {
        // No name in the commands: most of these are administrators, and are to stay so.
        let mut mend = vec![
            words(
                "right for administrators. For somebody who is none any more, clear the mark and let the account inherit again:",
            ),
            command("Set-ADUser ACCOUNT -Clear adminCount"),
            command("dsacls \"DISTINGUISHED NAME\" /P:N"),
        ];
        if found.is_samba {
            mend.push(words("on Samba, clear adminCount with an editor of the directory"));
        }
        checks.push(Check::look(
            "protected",
            format!("protected accounts in {dn} (adminCount 1), which are never changed"),
            listed(&subtree.protected),
            mend,
        ));
    }
    checks
}

fn listed(dns: &[String]) -> String {
    let mut text = dns.join("; ");
    if dns.len() >= 5 {
        text.push_str("; perhaps more");
    }
    text
}

fn unexpire(found: &DomainExamination, to: &Grantee<'_>) -> Check {
    let domain = &found.domain;
    if found.may_unexpire {
        return Check::good("unexpire", format!("{domain}: Unexpire Password"));
    }
    let what = format!("{domain}: Unexpire Password");
    let mend = vec![
        words("on a controller, as an administrator of the domain:"),
        command(format!("dsacls \"{domain}\" /G \"{}:CA;Unexpire Password\"", to.name)),
    ];
    if found.is_samba {
        let why = "not granted. Samba does not ask for it, Windows does";
        return Check::look("unexpire", what, why, mend);
    }
    let why = format!(
        "{} lacks it: \"must change at next sign-in\" stays set after a new password, and people have to change it again",
        to.name
    );
    Check::bad("unexpire", what, why, mend)
}

fn rules(found: &DomainExamination, to: &Grantee<'_>) -> Vec<Check> {
    let domain = &found.domain;
    let mut checks = Vec::new();
    if !found.rules_readable {
        checks.push(Check::look(
            "rules",
            format!("{domain}: password rules"),
            "they cannot be read: people see the usual ones, and that stricter ones may apply",
            vec![command(format!("dsacls \"{domain}\" /G \"{}:GR\"", to.name))],
        ));
    }
    let container = format!("CN=Password Settings Container,CN=System,{domain}");
    if found.fine_grained_readable {
        checks.push(Check::good("fine-grained", "fine-grained password rules can be read"));
    } else {
        let mut mend = vec![command(format!("dsacls \"{container}\" /I:T /G \"{}:GR\"", to.name))];
        if let (true, Some(sid)) = (found.is_samba, to.sid) {
            mend.push(words("or, on a Samba controller:"));
            mend.push(command(format!(
                "samba-tool dsacl set --objectdn=\"{container}\" --sddl=\"(A;CI;RPLCLORC;;;{sid})\""
            )));
        }
        checks.push(Check::look(
            "fine-grained",
            "fine-grained password rules",
            "they cannot be read: where one applies, people are told that stricter rules may apply",
            mend,
        ));
    }
    checks
}

/// What mends a controller that cannot be used.
fn mend(section: &ActiveDirectorySection, fault: &Fault, address: &str) -> Vec<Mend> {
    let Some(file) = &section.password_file else {
        return kerberos::mend(fault, address).unwrap_or_else(|| mend_any(fault, address));
    };
    let account = &section.account;
    let (file, name) = (file.display(), short(account));
    let name = name.split('@').next().unwrap_or(name);
    match fault {
        Fault::BindRefused(refusal) => match refusal {
            BindRefusal::WrongPassword => vec![words(format!(
                "put the right password of {account} into {file}, or the right name into active_directory.account; a changed file is tried at once"
            ))],
            BindRefusal::Locked => vec![
                words(
                    "somebody types wrong passwords for it: find out who (event 4740 on the PDC emulator), then",
                ),
                command(format!("Unlock-ADAccount {name}")),
                words("or, on a Samba controller:"),
                command(format!("samba-tool user unlock {name}")),
                words(
                    "then let the agent try again at once; once it signs in, this doctor prints what keeps it from being locked:",
                ),
                command(format!("{AS_AGENT} release --config FILE")),
            ],
            BindRefusal::Revoked | BindRefusal::Unexplained => kerberos::mend_account(*refusal),
            BindRefusal::Disabled => vec![command(format!("Enable-ADAccount {name}"))],
            BindRefusal::AccountExpired => {
                vec![command(format!("Clear-ADAccountExpiration {name}"))]
            }
            BindRefusal::PasswordExpired | BindRefusal::MustChange => vec![
                words(format!(
                    "give it a new password, put that into {file}, and let it never run out:"
                )),
                command(format!(
                    "Set-ADUser {name} -PasswordNeverExpires $true -ChangePasswordAtLogon $false"
                )),
            ],
            BindRefusal::Other => vec![words(
                "look at the controller's own log; a read-only controller that reaches no other one refuses everybody",
            )],
        },
        Fault::NoPassword(_) => vec![
            words(format!(
                "put the password of {account} there as its one line, readable by the agent's user alone:"
            )),
            command(format!("chmod 0600 {file}")),
        ],
        Fault::Broken(_)
        | Fault::Tls(_)
        | Fault::Kerberos { .. }
        | Fault::NoIdentity
        | Fault::Refused { .. }
        | Fault::NoDomain(_)
        | Fault::NoBase(_) => mend_any(fault, address),
    }
}

/// The same, whatever the account signs in with.
fn mend_any(fault: &Fault, address: &str) -> Vec<Mend> {
    match fault {
        Fault::Broken(_) => vec![
            words(
                "let this machine connect to it (firewall), or correct active_directory.controllers:",
            ),
            command(format!("nc -vz {}", address.replace(':', " "))),
        ],
        Fault::Tls(text) => certificate(text, address),
        Fault::NoBase(_) => {
            vec![words("correct active_directory.subtrees, or let the service account read there")]
        }
        Fault::Refused { .. }
        | Fault::NoDomain(_)
        | Fault::NoIdentity
        | Fault::Kerberos { .. }
        | Fault::BindRefused(_)
        | Fault::NoPassword(_) => vec![words(
            "name a writable domain controller in active_directory.controllers (port 636, not 3269)",
        )],
    }
}

fn certificate(text: &str, address: &str) -> Vec<Mend> {
    let lower = text.to_lowercase();
    let why = if lower.contains("expired") {
        "it has run out (or this machine's clock is wrong): renew it on the controller. Its dates:"
    } else if lower.contains("not valid yet") || lower.contains("notvalidyet") {
        "it is not valid yet: one of the clocks is wrong. Its dates:"
    } else if lower.contains("not valid for name") || lower.contains("notvalidforname") {
        "it is for another name: write that name in active_directory.controllers. Its names:"
    } else {
        "set active_directory.ca_file to the authority that signed it. What it shows:"
    };
    vec![
        words(why),
        command(format!(
            "openssl s_client -connect {address} </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
        )),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: Grantee<'static> = Grantee { name: r"AD\svc", sid: Some("S-1-5-21-1-2-3-1104") };

    fn commands(mend: &[Mend]) -> Vec<&str> {
        let mut commands = Vec::new();
        for mend in mend {
            if let Mend::Command(command) = mend {
                commands.push(command.as_str());
            }
        }
        commands
    }

    #[test]
    fn a_missing_right_comes_with_the_command_that_grants_it() {
        let mend = TO.grant(&[Right::WriteLockoutTime], "OU=People,DC=x", false);
        assert_eq!(
            commands(&mend),
            [r#"dsacls "OU=People,DC=x" /I:S /G "AD\svc:WP;lockoutTime;user""#]
        );
        let both = [Right::ResetPassword, Right::WritePwdLastSet];
        let mend = TO.grant(&both, "OU=People,DC=x", true);
        assert_eq!(
            commands(&mend),
            [
                r#"dsacls "OU=People,DC=x" /I:S /G "AD\svc:CA;Reset Password;user""#,
                r#"dsacls "OU=People,DC=x" /I:S /G "AD\svc:WP;pwdLastSet;user""#,
                "samba-tool dsacl set --objectdn=\"OU=People,DC=x\" --sddl=\"\
                 (OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;\
                 bf967aba-0de6-11d0-a285-00aa003049e2;S-1-5-21-1-2-3-1104)\
                 (OA;CIIO;WP;bf967a0a-0de6-11d0-a285-00aa003049e2;\
                 bf967aba-0de6-11d0-a285-00aa003049e2;S-1-5-21-1-2-3-1104)\"",
            ]
        );
    }

    #[test]
    fn each_trouble_with_a_certificate_has_its_own_advice() {
        let advice = |text| match certificate(text, "dc1:636").swap_remove(0) {
            Mend::Words(words) => words,
            Mend::Command(command) => command,
        };
        let expired = "invalid peer certificate: certificate expired: verification time 1 (UNIX)";
        assert!(advice(expired).contains("run out"));
        let name = "invalid peer certificate: certificate not valid for name \"dc1\"";
        assert!(advice(name).contains("another name"));
        assert!(advice("invalid peer certificate: UnknownIssuer").contains("ca_file"));
    }
}
