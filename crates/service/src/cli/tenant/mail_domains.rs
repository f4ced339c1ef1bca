//! `regain-service tenant mail-domains`: which mail domains are the organisation's own. Whoever
//! is locked out cannot read a mailbox there, so addresses in them are no gate.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use recovery::OwnMail;
use serde_json::json;
use store::{AuditEvent, StoreError};

use super::super::{ConfigFile, Opened, say};
use crate::audit::Event;

#[derive(Args)]
pub(crate) struct MailDomains {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    host: String,
    /// One of the organisation's own mail domains, such as example.org; what lies below it is
    /// own too. As often as there are such; they replace those said before.
    #[arg(long)]
    own: Vec<String>,
    /// None is its own.
    #[arg(long, conflicts_with = "own")]
    none: bool,
    /// Whether addresses in them count all the same.
    #[arg(long)]
    count: Option<Switch>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// People can read their mail there without the password.
    Yes,
    /// They are no gate.
    No,
}

impl MailDomains {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        let tenant = opened.tenant(&self.host).await?.id;
        let mut own = opened
            .store
            .read(move |mut tx| Box::pin(async move { tx.own_mail(tenant).await }))
            .await?;
        if self.changes(&mut own)? {
            let event = AuditEvent {
                tenant,
                event: Event::OwnMailSet.as_str(),
                case_code: None,
                account: None,
                detail: json!({ "domains": own.domains, "count": own.counts }).to_string(),
            };
            let (stored, now) = (own.clone(), Opened::now());
            opened
                .store
                .write(move |mut tx| {
                    Box::pin(async move {
                        tx.set_own_mail(tenant, &stored).await?;
                        tx.audit(&event, now).await?;
                        Ok::<_, StoreError>(())
                    })
                })
                .await?;
        }
        let used = opened
            .store
            .read(move |mut tx| Box::pin(async move { tx.mail_domains(tenant).await }))
            .await?;
        say(&table(&own, &used))
    }

    /// Whether something is to be stored.
    fn changes(&self, own: &mut OwnMail) -> anyhow::Result<bool> {
        if !self.own.is_empty() || self.none {
            own.domains = self
                .own
                .iter()
                .map(|typed| {
                    OwnMail::parse_domain(typed).with_context(|| {
                        format!("--own {typed}: write a domain such as example.org")
                    })
                })
                .collect::<anyhow::Result<_>>()?;
        }
        if let Some(count) = self.count {
            own.counts = count == Switch::Yes;
        }
        Ok(self.none || !self.own.is_empty() || self.count.is_some())
    }
}

/// What is own, and which domains the accounts' addresses are in.
fn table(own: &OwnMail, used: &[(String, i64)]) -> String {
    let domains = own.domains.join(", ");
    let mut lines = vec![match (own.domains.is_empty(), own.counts) {
        (true, _) => "No mail domain is known as the organisation's own: every address counts. \
                      Name them with --own DOMAIN."
            .to_owned(),
        (false, false) => format!("Own: {domains}. Addresses there are no gate."),
        (false, true) => format!("Own: {domains}. Addresses there count all the same."),
    }];
    for (domain, number) in used {
        let is_own = if own.is_own(&format!("x@{domain}")) { "\town" } else { "" };
        lines.push(format!("{domain}\t{number} addresses{is_own}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_what_is_own_and_what_is_used() {
        let used = [("example.org".to_owned(), 2), ("mail.example".to_owned(), 1)];
        let own = OwnMail { domains: vec!["example.org".to_owned()], counts: false };
        assert_eq!(
            table(&own, &used),
            "Own: example.org. Addresses there are no gate.\n\
             example.org\t2 addresses\town\nmail.example\t1 addresses"
        );
        assert!(table(&OwnMail { counts: true, ..own }, &[]).contains("count all the same"));
        assert!(table(&OwnMail::default(), &[]).contains("--own DOMAIN"));
    }
}
