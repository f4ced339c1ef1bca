//! The way out for mail: one pooled SMTP transport, and whether it works.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::authentication::Credentials,
};

use super::Letter;
use crate::config::{MailConfig, MailEncryption};

/// The mail server is asked again so often whether it is there.
const PROBE: Duration = Duration::from_secs(20);
/// No conversation with it takes longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The transport.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    well: AtomicBool,
}

/// Why a mail did not leave.
pub struct MailFailure {
    /// Trying again would fail the same way.
    pub for_ever: bool,
    /// For the log.
    pub cause: String,
}

impl Mail {
    /// Sets the transport up; connects only when there is something to send.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub fn new(config: &MailConfig) -> anyhow::Result<Self> {
        let host = config.host.as_str();
        type Transport = AsyncSmtpTransport<Tokio1Executor>;
        let mut builder = match config.encryption {
            MailEncryption::Tls => Transport::relay(host)?,
            MailEncryption::Starttls => Transport::starttls_relay(host)?,
            MailEncryption::None => Transport::builder_dangerous(host),
        }
        .port(config.port)
        .timeout(Some(PATIENCE));
        if let (Some(user), Some(file)) = (&config.user, &config.password_file) {
            let password = std::fs::read_to_string(file).with_context(|| {
                format!("`mail.password_file` {} cannot be read", file.display())
            })?;
            let password = password.trim_end_matches(['\r', '\n']).to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        let from = config.from.parse().context("`mail.from` is no address")?;
        Ok(Self { transport: builder.build(), from, well: AtomicBool::new(true) })
    }

    /// Whether the server took the last mail, or answered the last question.
    pub fn is_well(&self) -> bool {
        self.well.load(Ordering::Relaxed)
    }

    /// Sends a letter.
    ///
    /// # Errors
    /// Why it did not leave.
    pub async fn send(&self, to: &str, letter: &Letter) -> Result<(), MailFailure> {
        let for_ever = |cause: String| MailFailure { for_ever: true, cause };
        let to: Mailbox = to.parse().map_err(|_| for_ever("not an address".to_owned()))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject.as_str())
            .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
            .map_err(|error| for_ever(error.to_string()))?;
        match self.transport.send(message).await {
            Ok(_) => {
                self.well.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                // What the server says of one recipient is that recipient's trouble, and must
                // not be seen by anybody else (catalogue ID-07).
                let for_ever = error.is_permanent();
                if !for_ever && !error.is_transient() {
                    self.well.store(false, Ordering::Relaxed);
                }
                Err(MailFailure { for_ever, cause: error.to_string() })
            }
        }
    }

    /// Asks the server whether it is there.
    pub async fn probe(&self) -> bool {
        let well = self.transport.test_connection().await.unwrap_or(false);
        self.well.store(well, Ordering::Relaxed);
        well
    }

    /// Keeps asking, so that people are told before they type anything.
    pub async fn watch(&self) {
        loop {
            self.probe().await;
            tokio::time::sleep(PROBE).await;
        }
    }
}
