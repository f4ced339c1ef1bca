//! What mends signing in by Kerberos: on Windows as the account of the service, elsewhere with a
//! keytab. Words and commands only.

use ::directory::active_directory::{BindRefusal, Fault, KerberosTrouble};

use super::{Mend, command, words};
use crate::private::AS_AGENT;

/// For a fault that has to do with it; `None` for any other.
pub(super) fn mend(fault: &Fault, address: &str) -> Option<Vec<Mend>> {
    match fault {
        Fault::BindRefused(refusal) => Some(mend_account(*refusal)),
        Fault::Kerberos { trouble, .. } => Some(of_trouble(*trouble, address)),
        Fault::NoIdentity
        | Fault::Broken(_)
        | Fault::Tls(_)
        | Fault::Refused { .. }
        | Fault::NoPassword(_)
        | Fault::NoBase(_)
        | Fault::NoDomain(_) => None,
    }
}

/// For an account that was refused.
pub(super) fn mend_account(refusal: BindRefusal) -> Vec<Mend> {
    let mut mend = match refusal {
        BindRefusal::WrongPassword if cfg!(windows) => vec![
            words(
                "let this machine read the password of the managed account, and start the service anew:",
            ),
            command("Test-ADServiceAccount ACCOUNT"),
        ],
        BindRefusal::WrongPassword => vec![
            words(
                "the keytab does not hold the account's present password (each new password makes it worthless), or names another account. Make a new one, put it in the old one's place, readable by the agent's user alone:",
            ),
            command(
                "ktpass /princ ACCOUNT@DOMAIN /mapuser DOMAIN\\ACCOUNT /pass * /crypto AES256-SHA1 /ptype KRB5_NT_PRINCIPAL /out agent.keytab",
            ),
            words("or, on a Samba controller:"),
            command("samba-tool domain exportkeytab agent.keytab --principal=ACCOUNT"),
            words("a new keytab is tried at once"),
        ],
        BindRefusal::Locked | BindRefusal::Revoked => vec![
            words(
                "find out which: locked (somebody types wrong passwords for it: event 4740 on the PDC emulator), disabled or expired. Then one of",
            ),
            command("Unlock-ADAccount ACCOUNT"),
            command("Enable-ADAccount ACCOUNT"),
            command("Clear-ADAccountExpiration ACCOUNT"),
            words("or, on a Samba controller:"),
            command("samba-tool user unlock ACCOUNT"),
        ],
        BindRefusal::Disabled => vec![command("Enable-ADAccount ACCOUNT")],
        BindRefusal::AccountExpired => vec![command("Clear-ADAccountExpiration ACCOUNT")],
        BindRefusal::PasswordExpired | BindRefusal::MustChange => vec![
            words("give it a new password that never runs out, and make a new keytab from it:"),
            command("Set-ADUser ACCOUNT -PasswordNeverExpires $true -ChangePasswordAtLogon $false"),
        ],
        BindRefusal::Unexplained | BindRefusal::Other => vec![words(
            "look at this agent's log, which has the words of Kerberos, and at the controller's",
        )],
    };
    mend.push(words("the agent tries again by itself, more and more seldom; or at once after"));
    mend.push(command(format!("{AS_AGENT} release --config FILE")));
    mend
}

fn of_trouble(trouble: KerberosTrouble, address: &str) -> Vec<Mend> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    match trouble {
        KerberosTrouble::NoCredential if cfg!(windows) => vec![
            words(
                "let the service run as the managed account (regain-agent service install --account DOMAIN\\ACCOUNT$), and this doctor as the same: another user has no part in it",
            ),
            command("sc.exe qc regain-agent"),
        ],
        KerberosTrouble::NoCredential => vec![
            words(
                "name the keytab in KRB5_CLIENT_KTNAME, for the service and for this command alike, readable by the agent's user (docs/agent.md, Kerberos). What is in it:",
            ),
            command("klist -k -e \"$KRB5_CLIENT_KTNAME\""),
        ],
        KerberosTrouble::Clock => vec![words(
            "set both by the same time server (timedatectl here, w32tm /query /status on a controller): past five minutes Kerberos refuses every sign-in, so this agent can do nothing",
        )],
        KerberosTrouble::NoController => vec![
            words(
                "let this machine connect to port 88 (TCP and UDP) of the controllers, and let it find them: by DNS (_kerberos._tcp) or in /etc/krb5.conf:",
            ),
            command(format!("nc -vz {host} 88")),
        ],
        KerberosTrouble::UnknownController => vec![
            words("name it in active_directory.controllers as the domain does. Its names:"),
            command("setspn -L CONTROLLER"),
        ],
        KerberosTrouble::Encryption => vec![words(
            "make a keytab with AES keys, and let the account use them (its tab Account, \"This account supports Kerberos AES 256 bit encryption\")",
        )],
    }
}
