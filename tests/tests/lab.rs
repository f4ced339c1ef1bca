//! The lab itself: what the stories take for granted about it.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

use tests::lab::{
    ldap::Bind,
    samba::{Account, Samba},
    smtp::Mailbox,
};

const ANNA: Account<'_> = Account {
    name: "anna.berg",
    display_name: "Anna Berg",
    mail: "anna.private@mail.example",
    password: "Old-password-17",
    must_change: false,
};

#[test]
fn a_domain_locks_after_three_wrong_passwords() {
    let samba = Samba::start().unwrap();
    samba.add(&ANNA).unwrap();
    assert_eq!(samba.try_bind(ANNA.name, ANNA.password).unwrap(), Bind::Accepted);
    assert_eq!(samba.try_bind(ANNA.name, "wrong").unwrap(), Bind::Wrong);
    samba.lock(ANNA.name).unwrap();
    assert_eq!(samba.try_bind(ANNA.name, ANNA.password).unwrap(), Bind::Locked);
    assert_eq!(samba.key_version(ANNA.name).unwrap(), 1);
}

#[test]
fn two_domains_stand_side_by_side() {
    let (one, two) = (Samba::start().unwrap(), Samba::start().unwrap());
    one.add(&ANNA).unwrap();
    assert_ne!(one.ip(), two.ip());
    assert_eq!(one.try_bind(ANNA.name, ANNA.password).unwrap(), Bind::Accepted);
    assert_eq!(two.try_bind(ANNA.name, ANNA.password).unwrap(), Bind::Wrong);
}

#[test]
fn the_agents_account_can_reset_people_and_nothing_else() {
    let samba = Samba::start().unwrap();
    samba.add(&ANNA).unwrap();
    let (agent, password) = samba.agent_account();
    let change = |dn: &str, attribute: &str, value: &str| {
        let ldif =
            format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}{value}\n");
        samba.change_as(&agent, password, &ldif).is_ok()
    };
    let anna = samba.dn(ANNA.name);
    let administrator = format!("CN=Administrator,CN=Users,{}", samba.base_dn());
    let new = format!(":: {}", tests::lab::ldap::unicode_pwd("New-password-18"));
    assert!(change(&anna, "unicodePwd", &new));
    assert!(change(&anna, "lockoutTime", ": 0"));
    assert!(!change(&anna, "displayName", ": Mallory"));
    assert!(!change(&administrator, "unicodePwd", &new));
    assert!(!change(&administrator, "lockoutTime", ": 0"));
}

#[test]
fn a_mailbox_that_refuses_takes_mail_again_later() {
    let mailbox = Mailbox::start().unwrap();
    let send = || send_by_hand(mailbox.smtp_port, "ben@mail.example");
    mailbox.refuse(true).unwrap();
    assert!(send().unwrap().starts_with("452"), "refused");
    mailbox.refuse(false).unwrap();
    assert!(send().unwrap().starts_with("250"), "taken");
    let mail = mailbox.wait_for_mail("ben@mail.example", 1).unwrap();
    assert_eq!(mail.subject, "Your code");
    assert_eq!(mail.code().as_deref(), Some("12345678"));
    assert!(mailbox.mails("anna@mail.example").unwrap().is_empty());
}

/// Speaks SMTP line by line and returns the server's word on the mail itself.
fn send_by_hand(port: u16, to: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut last = String::new();
    answers.read_line(&mut last)?;
    for line in [
        "HELO lab",
        "MAIL FROM:<it@example.org>",
        &format!("RCPT TO:<{to}>"),
        "DATA",
        "Subject: Your code\r\nContent-Type: text/plain\r\n\r\n1234 5678\r\n.",
    ] {
        stream.write_all(format!("{line}\r\n").as_bytes())?;
        last.clear();
        answers.read_line(&mut last)?;
    }
    Ok(last)
}
