//! The service's settings: one TOML file, over it the environment (`REGAIN__HTTP__LISTEN`),
//! over that the command line. Unknown keys are refused; a mistake names the key and what would
//! be right. `service.example.toml` documents every key (a test reads it).

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[service]`
    pub service: ServiceConfig,
    /// `[http]`
    pub http: HttpConfig,
    /// `[mail]`
    pub mail: MailConfig,
    /// `[bot_check]`
    #[serde(default)]
    pub bot_check: BotCheckConfig,
    /// `[limits]`
    #[serde(default)]
    pub limits: LimitsConfig,
}

/// Where the service keeps what it must keep.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Folder of the database; made (0700) when missing.
    pub data_dir: PathBuf,
    /// File with the 32-byte master key; made (0600) when missing. Keep a copy elsewhere: codes,
    /// tokens and the embedded directory's keys hang on it.
    pub master_key_file: PathBuf,
}

/// How people and agents reach it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate and key; may be left out on a loopback address only.
    pub tls: Option<TlsConfig>,
    /// Proxies in front, whose `X-Forwarded-For` is believed (addresses, no names).
    #[serde(default)]
    pub trusted_proxies: Vec<IpAddr>,
}

/// Files for TLS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// How mail leaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// SMTP server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `starttls`, `tls`, or `none` (a loopback server only).
    pub encryption: MailEncryption,
    /// Sender, such as `IT service desk <it@example.org>`.
    pub from: String,
    /// User name, where the server wants one.
    pub user: Option<String>,
    /// File with the password, where the server wants one.
    pub password_file: Option<PathBuf>,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailEncryption {
    /// Not at all.
    None,
    /// STARTTLS, required.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// The price of the unseen bot check.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BotCheckConfig {
    /// PBKDF2 rounds per guess; a client needs 256 guesses on average.
    pub rounds: u32,
}

impl Default for BotCheckConfig {
    fn default() -> Self {
        Self { rounds: 1_000 }
    }
}

/// Limits that depend on the size of the house.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Recoveries begun from one source address in an hour. Whole offices share one address.
    pub begins_per_source_per_hour: u32,
    /// Reports of PCs from one source address in an hour. Each PC reports once a day, and soon
    /// after it was installed.
    pub reports_per_source_per_hour: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            begins_per_source_per_hour: recovery::Limits::BEGIN_BY_SOURCE.most,
            reports_per_source_per_hour: recovery::Limits::REPORT_BY_SOURCE.most,
        }
    }
}

impl Config {
    /// Reads `file`, over it the environment, over that the flags (`KEY=VALUE`).
    ///
    /// # Errors
    /// Names file, key and what would be right.
    pub fn load(file: &Path, set: &[String]) -> anyhow::Result<Self> {
        let mut settings = config::Config::builder()
            .add_source(config::File::from(file).format(config::FileFormat::Toml))
            .add_source(
                config::Environment::with_prefix("REGAIN")
                    .separator("__")
                    .try_parsing(true)
                    .list_separator(",")
                    .with_list_parse_key("http.trusted_proxies"),
            );
        for flag in set {
            let Some((key, value)) = flag.split_once('=') else {
                bail!("`--set {flag}` must be KEY=VALUE, such as http.listen=127.0.0.1:9000");
            };
            settings = settings
                .set_override(key, value)
                .with_context(|| format!("`--set {flag}` names no key"))?;
        }
        let settings = settings
            .build()
            .with_context(|| format!("cannot read the configuration {}", file.display()))?;
        let config: Self = settings
            .try_deserialize()
            .with_context(|| format!("the configuration {} is not usable", file.display()))?;
        config
            .check()
            .with_context(|| format!("the configuration {} is not usable", file.display()))?;
        Ok(config)
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.service.data_dir.join("regain.db")
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.http.tls.is_none() && !self.http.listen.ip().is_loopback() {
            bail!(
                "`http.tls` is missing: without it `http.listen` must be a loopback address such \
                 as 127.0.0.1:8443, and {} is not",
                self.http.listen
            );
        }
        let local_mail = matches!(self.mail.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if self.mail.encryption == MailEncryption::None && !local_mail {
            bail!(
                "`mail.encryption = \"none\"` is for a mail server on this machine; for `{}` write \
                 \"starttls\" or \"tls\"",
                self.mail.host
            );
        }
        if self.mail.from.parse::<lettre::message::Mailbox>().is_err() {
            bail!("`mail.from` must be an address such as \"IT <it@example.org>\"");
        }
        if self.mail.user.is_some() != self.mail.password_file.is_some() {
            bail!("`mail.user` and `mail.password_file` go together");
        }
        if !(1..=20_000).contains(&self.bot_check.rounds) {
            bail!("`bot_check.rounds` must be 1 to 20000");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> anyhow::Result<Config> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("service.toml");
        std::fs::write(&file, text)?;
        Config::load(&file, &[])
    }

    const EXAMPLE: &str = include_str!("../service.example.toml");

    #[test]
    fn the_documented_example_is_read() {
        load(EXAMPLE).unwrap();
    }

    #[test]
    fn a_mistake_names_file_key_and_what_would_be_right() {
        let said = |text: String| format!("{:#}", load(&text).unwrap_err());
        let unknown = said(EXAMPLE.replace("data_dir", "data_folder"));
        assert!(unknown.contains("service.toml") && unknown.contains("data_folder"), "{unknown}");
        let open = said(EXAMPLE.replace("127.0.0.1:8443", "0.0.0.0:8443"));
        assert!(open.contains("http.tls") && open.contains("loopback"), "{open}");
        let mail = said(EXAMPLE.replace("host = \"localhost\"", "host = \"mail.example.org\""));
        assert!(mail.contains("mail.encryption") && mail.contains("starttls"), "{mail}");
    }
}
