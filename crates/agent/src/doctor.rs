//! `regain-agent doctor`: checks the configuration against the world, says what is wrong in
//! words and prints the command that mends it. Changes nothing.

use std::{fmt, time::Duration};

use directory::active_directory::{BindRefusal, Examination, Fault, Forests, Right};
use reqwest::header::DATE;

use crate::{
    clock::Clock,
    config::{ActiveDirectorySection, Config},
    enrolment::{Enrolment, Keys, open_secrets},
    way::Way,
};

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub what: String,
    /// How it is.
    pub verdict: Verdict,
}

/// How a checked thing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but somebody should look at it.
    Warning(String),
    /// It does not work: why, and what mends it.
    Bad {
        /// What is wrong.
        wrong: String,
        /// What mends it: a sentence or a command.
        mend: String,
    },
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Good => write!(f, "ok    {}", self.what),
            Verdict::Warning(why) => write!(f, "look  {}: {why}", self.what),
            Verdict::Bad { wrong, mend } => {
                write!(f, "BAD   {}: {wrong}\n      mend: {mend}", self.what)
            }
        }
    }
}

/// Checks everything that can be checked from here.
pub async fn examine(config: &Config, directory: &Forests, clock: &Clock) -> Vec<Check> {
    let mut checks = enrolment(config);
    if let Ok(enrolment) = Enrolment::read(&config.agent.data_dir) {
        checks.extend(service(config, &enrolment.origin, clock).await);
    }
    for (section, examinations) in config.active_directory.iter().zip(directory.examine().await) {
        checks.extend(examinations.iter().flat_map(|found| controller(section, found)));
    }
    checks
}

fn enrolment(config: &Config) -> Vec<Check> {
    let mend = "regain-agent enrol --config FILE CODE (the code comes from: regain-service directory enrolment-code)";
    let keys = || -> Result<(), String> {
        let enrolment =
            Enrolment::read(&config.agent.data_dir).map_err(|error| error.to_string())?;
        let secrets = open_secrets(config).map_err(|error| error.to_string())?;
        Keys::read(&secrets, enrolment.recipient_key).map(drop).map_err(|error| error.to_string())
    };
    vec![check("enrolment and keys", keys().map_err(|wrong| (wrong, mend.to_owned())))]
}

async fn service(config: &Config, origin: &str, clock: &Clock) -> Vec<Check> {
    const SKEW_SECONDS: i64 = 60;
    let what = format!("service {origin}");
    let answer = match Way::new(config) {
        Ok(way) => way
            .client()
            .get(format!("{origin}/api/v1/start"))
            .timeout(Duration::from_secs(10))
            .send()
            .await
            .map_err(|error| way.words(&error)),
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(wrong) => {
            let mend = "check name, proxy and firewall (outbound TCP to the service) and, for a certificate of your own authority, service.ca_file".to_owned();
            return vec![check(&what, Err((wrong, mend)))];
        }
    };
    let mut checks = vec![check(&what, Ok(()))];
    let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
    if let Some(skew) =
        date.and_then(unix_of_http_date).map(|seconds| seconds - clock.unix_seconds())
        && skew.abs() > SKEW_SECONDS
    {
        let why = format!(
            "this machine's clock and the service's differ by {} s: set both by the same time server",
            skew.abs()
        );
        checks.push(Check { what: "clock".to_owned(), verdict: Verdict::Warning(why) });
    } else if date.is_some() {
        checks.push(check("clock", Ok(())));
    }
    checks
}

fn controller(section: &ActiveDirectorySection, examination: &Examination) -> Vec<Check> {
    let what = format!("controller {}", examination.controller);
    let found = match &examination.found {
        Ok(found) => found,
        Err(fault) => return vec![check(&what, Err((fault.to_string(), mend(section, fault))))],
    };
    let mut checks = vec![check(&format!("{what}: reached, certificate and sign-in"), Ok(()))];
    if !found.rules_readable {
        let why = "the domain's password rules cannot be read; people see the usual ones and are told that stricter ones may apply";
        checks.push(Check {
            what: format!("domain {}", found.domain),
            verdict: Verdict::Warning(why.to_owned()),
        });
    }
    let account = &section.account;
    for subtree in &found.subtrees {
        let what = format!("subtree {}", subtree.dn);
        let Some(sample) = &subtree.sample else {
            let why =
                "no account that may be touched was found there, so no right could be checked"
                    .to_owned();
            checks.push(Check { what, verdict: Verdict::Warning(why) });
            continue;
        };
        if subtree.missing.is_empty() {
            checks.push(check(&format!("{what}: delegated rights (looked at {sample})"), Ok(())));
        }
        for right in &subtree.missing {
            let (name, command) = grant(*right, &subtree.dn, account);
            let wrong = format!("{account} lacks the right: {name} (looked at {sample})");
            checks.push(check(&what, Err((wrong, command))));
        }
    }
    if !found.may_unexpire {
        let domain = &found.domain;
        let why = format!(
            "without the right Unexpire Password a Windows domain keeps \"must change\" after a reset. Grant it with: dsacls \"{domain}\" /G \"{account}:CA;Unexpire Password\""
        );
        checks.push(Check { what: format!("domain {domain}"), verdict: Verdict::Warning(why) });
    }
    checks
}

/// The right's name and the command that grants it.
fn grant(right: Right, subtree: &str, account: &str) -> (&'static str, String) {
    let (name, grant) = match right {
        Right::ResetPassword => ("Reset Password", "CA;Reset Password"),
        Right::WriteLockoutTime => ("write lockoutTime", "WP;lockoutTime"),
        Right::WritePwdLastSet => ("write pwdLastSet", "WP;pwdLastSet"),
        Right::ReadKeyVersion => ("read msDS-KeyVersionNumber", "RP;msDS-KeyVersionNumber"),
        Right::ReadGroups => {
            ("read tokenGroups (without it every account counts as protected)", "RP;tokenGroups")
        }
    };
    (name, format!("dsacls \"{subtree}\" /I:S /G \"{account}:{grant};user\""))
}

fn mend(section: &ActiveDirectorySection, fault: &Fault) -> String {
    let account = &section.account;
    let file = section.password_file.display();
    match fault {
        Fault::Broken(_) => "check the address in active_directory.controllers, DNS, and the firewall (TCP 636)".to_owned(),
        Fault::Tls(_) => "set active_directory.ca_file to the authority that signed the controller's certificate, and use the name that is in it; an expired certificate must be renewed".to_owned(),
        Fault::BindRefused(BindRefusal::WrongPassword) => format!("put the right password of {account} into {file}, or the right name into active_directory.account"),
        Fault::BindRefused(BindRefusal::Locked) => format!("somebody tried wrong passwords for {account}: unlock it with: Unlock-ADAccount {account}"),
        Fault::BindRefused(BindRefusal::Disabled) => format!("Enable-ADAccount {account}"),
        Fault::BindRefused(BindRefusal::AccountExpired) => format!("Clear-ADAccountExpiration {account}"),
        Fault::BindRefused(BindRefusal::PasswordExpired | BindRefusal::MustChange) => format!("give {account} a password that does not expire and put it into {file}"),
        Fault::BindRefused(BindRefusal::Other) | Fault::Refused { .. } | Fault::NoDomain(_) => "check that active_directory.controllers names a writable domain controller".to_owned(),
        Fault::NoPassword(_) => format!("put the password of {account} into {file} as its one line, readable by the agent's user"),
        Fault::NoBase(_) => "correct active_directory.subtrees, or let the service account read there".to_owned(),
    }
}

fn check(what: &str, result: Result<(), (String, String)>) -> Check {
    let verdict = match result {
        Ok(()) => Verdict::Good,
        Err((wrong, mend)) => Verdict::Bad { wrong, mend },
    };
    Check { what: what.to_owned(), verdict }
}

/// Unix seconds of an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
fn unix_of_http_date(text: &str) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut parts = text.split_once(", ")?.1.split([' ', ':']);
    let mut number = || parts.next()?.parse::<i64>().ok();
    let day = number()?;
    let month = parts.next()?;
    let month = i64::try_from(MONTHS.find(month)?).ok()? / 3 + 1;
    let mut number = || parts.next()?.parse::<i64>().ok();
    let (year, hour, minute, second) = (number()?, number()?, number()?, number()?);
    // Days from the civil calendar: years begin in March, so that leap days come last.
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read() {
        assert_eq!(unix_of_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(unix_of_http_date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(unix_of_http_date("yesterday"), None);
    }

    #[test]
    fn a_missing_right_comes_with_the_command_that_grants_it() {
        let (_, command) = grant(Right::WriteLockoutTime, "OU=People,DC=x", r"AD\svc");
        assert_eq!(command, r#"dsacls "OU=People,DC=x" /I:S /G "AD\svc:WP;lockoutTime;user""#);
        let (name, command) = grant(Right::ReadGroups, "OU=People,DC=x", r"AD\svc");
        assert!(name.starts_with("read tokenGroups"));
        assert!(command.ends_with(r#""AD\svc:RP;tokenGroups;user""#));
    }
}
