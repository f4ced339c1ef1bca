//! The configuration: one TOML file, overridden by environment variables, overridden by
//! `--set`. Unknown keys are refused; a wrong value names file, key and what would be right.
//! Every key is explained in `agent.example.toml`.
//!
//! Long: each section stands beside the checks of its values and their tests.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use config::{Environment, File, FileFormat};
use directory::active_directory::{Attributes, HAS_KERBEROS};
use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use zeroize::Zeroizing;

use crate::synchronisation::Every;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The agent itself.
    pub agent: AgentSection,
    /// The way to the service.
    #[serde(default)]
    pub service: ServiceSection,
    /// The proxy on that way; the system's when absent.
    #[serde(default)]
    pub proxy: Option<ProxySection>,
    /// The domains, one section each.
    #[serde(deserialize_with = "one_or_more")]
    pub active_directory: Vec<ActiveDirectorySection>,
    /// What the agent allows at most.
    #[serde(default)]
    pub limits: LimitsSection,
    /// The synchronisation.
    #[serde(default)]
    pub synchronisation: SynchronisationSection,
    /// The log.
    #[serde(default)]
    pub log: LogSection,
}

/// `[agent]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSection {
    /// Its name for the administrator.
    pub name: String,
    /// Where journal, enrolment and (without a credential store) keys are kept.
    pub data_dir: PathBuf,
    /// Where the keys are kept.
    #[serde(default)]
    pub secrets: Secrets,
}

/// Where keys are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secrets {
    /// The system's credential store where there is one, else a private file.
    #[default]
    Auto,
    /// The system's credential store.
    Keyring,
    /// A private file.
    File,
}

/// `[service]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceSection {
    /// The only authorities trusted for the service's certificate; the system's when absent.
    pub ca_file: Option<PathBuf>,
}

/// `[proxy]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxySection {
    /// `http://` address of an HTTP proxy.
    pub url: String,
    /// Who signs in there.
    #[serde(default)]
    pub user: Option<String>,
    /// The file with the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Hosts that are reached without it.
    #[serde(default)]
    pub no_proxy: Vec<String>,
}

/// `[active_directory]`, or `[[active_directory]]` for each of several domains.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveDirectorySection {
    /// `ldaps://` addresses, in the order in which they are asked.
    pub controllers: Vec<String>,
    /// The one that is written to before the PDC emulator.
    #[serde(default)]
    pub preferred_controller: Option<String>,
    /// The only authorities trusted for their certificates; the system's when absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How the service account signs in.
    #[serde(default)]
    pub sign_in: SignInBy,
    /// The service account; empty where it is whoever the agent runs as.
    #[serde(default)]
    pub account: String,
    /// The file with its password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The subtrees whose accounts may be touched.
    pub subtrees: Vec<String>,
    /// Subtrees inside them that may not.
    #[serde(default)]
    pub excluded_subtrees: Vec<String>,
    /// The attribute with the address of the email gate.
    #[serde(default = "default_email_attribute")]
    pub email_attribute: String,
    /// The attribute with the mobile phone; empty: none is read.
    #[serde(default = "default_mobile_attribute")]
    pub mobile_attribute: String,
    /// The attribute with the phone at the desk; empty: none is read.
    #[serde(default = "default_office_attribute")]
    pub office_attribute: String,
    /// The attribute with the name to greet by.
    #[serde(default = "default_display_name_attribute")]
    pub display_name_attribute: String,
    /// The groups that the service is told the members of.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// How the service account signs in to controllers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignInBy {
    /// With the password of a file.
    #[default]
    Password,
    /// As whoever the agent runs as: the account of the Windows service, or that of a keytab.
    Kerberos,
}

/// Reads one section or a list of them. By hand, so that a wrong key is still named.
fn one_or_more<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ActiveDirectorySection>, D::Error> {
    struct Sections;

    impl<'de> Visitor<'de> for Sections {
        type Value = Vec<ActiveDirectorySection>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a section [active_directory], or several [[active_directory]]")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            ActiveDirectorySection::deserialize(MapAccessDeserializer::new(map))
                .map(|section| vec![section])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }

    deserializer.deserialize_any(Sections)
}

fn default_email_attribute() -> String {
    Attributes::default().email
}

fn default_mobile_attribute() -> String {
    Attributes::default().mobile.unwrap_or_default()
}

fn default_office_attribute() -> String {
    Attributes::default().office.unwrap_or_default()
}

fn default_display_name_attribute() -> String {
    Attributes::default().display_name
}

impl ActiveDirectorySection {
    /// Where an account's values are.
    pub fn attributes(&self) -> Attributes {
        let wanted = |name: &String| (!name.is_empty()).then(|| name.clone());
        Attributes {
            email: self.email_attribute.clone(),
            mobile: wanted(&self.mobile_attribute),
            office: wanted(&self.office_attribute),
            display_name: self.display_name_attribute.clone(),
        }
    }
}

/// `[limits]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Most operations an hour; absent: 2 % of the accounts, at least 30.
    pub operations_per_hour: Option<u32>,
}

/// `[synchronisation]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SynchronisationSection {
    /// Minutes between two looks for changes.
    pub every_minutes: u32,
    /// Minutes between two reads of all accounts.
    pub full_every_minutes: u32,
}

impl SynchronisationSection {
    pub(crate) fn every(&self) -> Every {
        let minutes = |minutes: u32| Duration::from_secs(60 * u64::from(minutes));
        Every { changes: minutes(self.every_minutes), all: minutes(self.full_every_minutes) }
    }
}

impl Default for SynchronisationSection {
    fn default() -> Self {
        Self { every_minutes: 5, full_every_minutes: 60 }
    }
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// What is logged, such as `info` or `regain_agent=debug`.
    pub filter: String,
    /// How it is written.
    pub format: LogFormat,
    /// Where events are kept as JSON; in the data folder when absent.
    pub event_file: Option<PathBuf>,
    /// The size at which that file is begun anew, in megabytes.
    pub event_file_mb: u32,
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
            event_file: None,
            event_file_mb: 10,
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or has a wrong shape.
    #[error("{}: {wrong}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the reader says, with the key.
        wrong: String,
    },
    /// One value cannot be right.
    #[error("{}: {key}: {wrong}; {right}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong.
        wrong: String,
        /// What would be right.
        right: &'static str,
    },
}

/// The keys with several values; in variables and `--set` they are separated by `;`, because
/// the names of subtrees hold commas.
const LISTS: [&str; 5] = [
    "proxy.no_proxy",
    "active_directory.controllers",
    "active_directory.subtrees",
    "active_directory.excluded_subtrees",
    "active_directory.groups",
];

impl Config {
    /// Reads the file, the environment (`REGAIN_AGENT__SECTION__KEY`) and the `KEY=VALUE`s of
    /// `--set`, the later over the earlier, and checks every value.
    ///
    /// # Errors
    /// What is wrong, where, and what would be right.
    pub fn load(file: &Path, overrides: &[String]) -> Result<Self, ConfigError> {
        let unreadable = |wrong: String| ConfigError::Unreadable { file: file.to_owned(), wrong };
        let mut environment = Environment::with_prefix("REGAIN_AGENT")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(";");
        for key in LISTS {
            environment = environment.with_list_parse_key(key);
        }
        let mut builder = config::Config::builder()
            .add_source(File::from(file).format(FileFormat::Toml))
            .add_source(environment);
        for text in overrides {
            let (key, value) = text.split_once('=').ok_or_else(|| {
                unreadable(format!("--set {text}: write --set section.key=value"))
            })?;
            let set = if LISTS.contains(&key) {
                let values: Vec<&str> = value.split(';').collect();
                builder.set_override(key, values)
            } else {
                builder.set_override(key, value)
            };
            builder = set.map_err(|error| unreadable(format!("--set {text}: {error}")))?;
        }
        let config: Self = builder
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| unreadable(error.to_string()))?;
        config.check(file)?;
        Ok(config)
    }

    fn check(&self, file: &Path) -> Result<(), ConfigError> {
        let checks = [
            Check {
                bad: self.agent.name.is_empty() || self.agent.name.chars().count() > 64,
                key: "agent.name",
                wrong: "is empty or too long",
                right: "give it 1 to 64 characters, such as \"dc1\"",
            },
            Check {
                bad: self.active_directory.is_empty(),
                key: "active_directory",
                wrong: "has no section",
                right: "write a section [active_directory], or [[active_directory]] for each domain",
            },
            Check {
                bad: self.limits.operations_per_hour == Some(0),
                key: "limits.operations_per_hour",
                wrong: "is 0",
                right: "write 1 or more, or leave it out for 2 % of the accounts and at least 30",
            },
            Check {
                bad: !(1..=1000).contains(&self.log.event_file_mb),
                key: "log.event_file_mb",
                wrong: "is out of range",
                right: "write 1 to 1000",
            },
            Check {
                bad: !(1..=1440).contains(&self.synchronisation.every_minutes),
                key: "synchronisation.every_minutes",
                wrong: "is out of range",
                right: "write 1 to 1440",
            },
            Check {
                bad: !(1..=1440).contains(&self.synchronisation.full_every_minutes),
                key: "synchronisation.full_every_minutes",
                wrong: "is out of range",
                right: "write 1 to 1440",
            },
        ];
        fail_first(checks, file, "")?;
        if let Some(proxy) = &self.proxy {
            fail_first(proxy.checks(), file, "")?;
        }
        for (at, section) in self.active_directory.iter().enumerate() {
            let which = match self.active_directory.len() {
                1 => String::new(),
                _ => format!(" in section {}", at + 1),
            };
            fail_first(section.checks(), file, &which)?;
        }
        self.check_files(file)
    }

    fn check_files(&self, file: &Path) -> Result<(), ConfigError> {
        let mut files = vec![(
            "service.ca_file",
            self.service.ca_file.as_ref(),
            "name a PEM file with the authority that signed the service's certificate, or leave it out",
        )];
        files.push((
            "proxy.password_file",
            self.proxy.as_ref().and_then(|proxy| proxy.password_file.as_ref()),
            "make a file that only the agent can read, with the proxy's password as its one line",
        ));
        for directory in &self.active_directory {
            files.push((
                "active_directory.password_file",
                directory.password_file.as_ref(),
                "make a file that only the agent can read, with the password as its one line",
            ));
            files.push((
                "active_directory.ca_file",
                directory.ca_file.as_ref(),
                "name a PEM file with the authority that signed the controller's certificate, or leave it out",
            ));
        }
        for (key, path, right) in files {
            let Some(path) = path else { continue };
            if let Err(error) = std::fs::File::open(path) {
                let wrong = format!("{} cannot be read ({error})", path.display());
                return Err(ConfigError::Value { file: file.to_owned(), key, wrong, right });
            }
        }
        Ok(())
    }

    /// The service account's password: the first line of its file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn password(path: &Path) -> std::io::Result<Zeroizing<String>> {
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }
}

/// One thing that a value must not be.
struct Check {
    bad: bool,
    key: &'static str,
    wrong: &'static str,
    right: &'static str,
}

fn fail_first<const N: usize>(
    checks: [Check; N],
    file: &Path,
    which: &str,
) -> Result<(), ConfigError> {
    let Some(Check { key, wrong, right, .. }) = checks.into_iter().find(|check| check.bad) else {
        return Ok(());
    };
    let wrong = format!("{wrong}{which}");
    Err(ConfigError::Value { file: file.to_owned(), key, wrong, right })
}

impl ProxySection {
    fn checks(&self) -> [Check; 3] {
        let host = self.url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#']);
        [
            Check {
                bad: self.url.contains('@'),
                key: "proxy.url",
                wrong: "holds a user or a password, which would be logged",
                right: "write them as proxy.user and proxy.password_file",
            },
            Check {
                bad: !host.is_some_and(is_host),
                key: "proxy.url",
                wrong: "is no address of an HTTP proxy",
                right: "write http://host:port; the connection through it is protected all the same",
            },
            Check {
                bad: self.user.is_some() != self.password_file.is_some(),
                key: "proxy.user",
                wrong: "needs proxy.password_file, and the other way round",
                right: "write both, or neither",
            },
        ]
    }
}

impl ActiveDirectorySection {
    fn checks(&self) -> [Check; 12] {
        let by_password = self.sign_in == SignInBy::Password;
        let is_empty =
            |list: &[String]| list.is_empty() || list.iter().any(|s| s.trim().is_empty());
        let preferred = self.preferred_controller.as_ref();
        [
            Check {
                bad: is_empty(&self.controllers),
                key: "active_directory.controllers",
                wrong: "names no controller",
                right: "name at least one, such as [\"ldaps://dc1.example.org\"]",
            },
            Check {
                bad: self.controllers.iter().any(|url| !url.starts_with("ldaps://")),
                key: "active_directory.controllers",
                wrong: "has an address without LDAPS",
                right: "write ldaps://host or ldaps://host:port; there is no unprotected way",
            },
            Check {
                bad: preferred.is_some_and(|url| !self.controllers.contains(url)),
                key: "active_directory.preferred_controller",
                wrong: "is not among the controllers",
                right: "write one of active_directory.controllers, or leave it out for the PDC emulator",
            },
            Check {
                bad: !by_password && !HAS_KERBEROS,
                key: "active_directory.sign_in",
                wrong: "is \"kerberos\", which this program was built without",
                right: "write active_directory.account and active_directory.password_file instead, or take a program that was built with the feature \"kerberos\"",
            },
            Check {
                bad: by_password == self.account.is_empty(),
                key: "active_directory.account",
                wrong: "does not go with active_directory.sign_in",
                right: "name the service account, such as \"svc-regain@example.org\"; or leave account and password_file out and write sign_in = \"kerberos\": the account is then whoever the agent runs as",
            },
            Check {
                bad: by_password != self.password_file.is_some(),
                key: "active_directory.password_file",
                wrong: "does not go with active_directory.sign_in",
                right: "name the file with the account's password; or leave account and password_file out and write sign_in = \"kerberos\"",
            },
            Check {
                bad: is_empty(&self.subtrees),
                key: "active_directory.subtrees",
                wrong: "names no subtree",
                right: "name at least one, such as [\"OU=People,DC=example,DC=org\"]",
            },
            Check {
                bad: !is_attribute(&self.email_attribute),
                key: "active_directory.email_attribute",
                wrong: "is no name of an attribute",
                right: "write one such as \"mail\" or \"otherMailbox\"",
            },
            Check {
                bad: !is_attribute_or_empty(&self.mobile_attribute),
                key: "active_directory.mobile_attribute",
                wrong: "is no name of an attribute",
                right: "write one such as \"mobile\", or \"\" for none",
            },
            Check {
                bad: !is_attribute_or_empty(&self.office_attribute),
                key: "active_directory.office_attribute",
                wrong: "is no name of an attribute",
                right: "write one such as \"telephoneNumber\", or \"\" for none",
            },
            Check {
                bad: !is_attribute(&self.display_name_attribute),
                key: "active_directory.display_name_attribute",
                wrong: "is no name of an attribute",
                right: "write one such as \"displayName\"",
            },
            Check {
                bad: self.groups.iter().any(|name| name.trim().is_empty() || name.len() > 512),
                key: "active_directory.groups",
                wrong: "has an empty or too long name",
                right: "name groups such as [\"CN=Staff,OU=Groups,DC=example,DC=org\"], or leave it out",
            },
        ]
    }
}

fn is_attribute_or_empty(name: &str) -> bool {
    name.is_empty() || is_attribute(name)
}

fn is_attribute(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether an origin may be spoken to: HTTPS anywhere, plain HTTP on this machine alone.
pub fn is_acceptable_origin(origin: &str) -> bool {
    if let Some(host) = origin.strip_prefix("https://") {
        return !host.is_empty() && !host.contains(['/', '?', '#', '@']);
    }
    let Some(authority) = origin.strip_prefix("http://") else {
        return false;
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../agent.example.toml");

    #[expect(clippy::unwrap_in_result, reason = "a test's own files")]
    fn load(text: &str, overrides: &[&str]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "secret\n").unwrap();
        let file = folder.path().join("agent.toml");
        let text = text
            .replace("/etc/regain/agent.password", &password.display().to_string())
            .replace("/etc/regain/directory-ca.pem", &password.display().to_string())
            .replace("/etc/regain/service-ca.pem", &password.display().to_string())
            .replace("/etc/regain/proxy.password", &password.display().to_string());
        std::fs::write(&file, text).unwrap();
        let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        Config::load(&file, &overrides).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_is_a_configuration_as_it_stands_and_with_every_comment_removed() {
        let config = load(EXAMPLE, &[]).unwrap();
        assert_eq!(config.active_directory[0].email_attribute, "mail");
        let all: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("#") {
                Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
                    format!("{key}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let config = load(&all, &[]).unwrap();
        assert_eq!(config.limits.operations_per_hour, Some(100));
        assert_eq!(config.log.format, LogFormat::Json);
        assert!(config.service.ca_file.is_some());
        assert_eq!(config.proxy.unwrap().no_proxy.len(), 2);
    }

    #[test]
    fn a_proxy_is_an_http_address_and_its_password_is_in_a_file() {
        let proxy = |section: &str| load(&format!("{EXAMPLE}\n[proxy]\n{section}\n"), &[]);
        assert!(proxy("url = \"http://proxy:3128/\"").is_ok());
        for (section, said) in [
            ("url = \"http://me:secret@proxy:3128\"", "would be logged"),
            ("url = \"proxy:3128\"", "no address"),
            ("url = \"socks5://proxy:1080\"", "no address"),
            ("url = \"http://proxy\"\nuser = \"me\"", "password_file"),
            ("url = \"http://proxy\"\npassword = \"x\"", "password"),
        ] {
            let error = proxy(section).unwrap_err();
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = load(&EXAMPLE.replace("subtrees =", "subtree ="), &[]).unwrap_err();
        assert!(error.contains("subtree") && error.contains("agent.toml"), "{error}");
        let error = load(&format!("{EXAMPLE}\n[extra]\nx = 1\n"), &[]).unwrap_err();
        assert!(error.contains("extra"), "{error}");
    }

    #[test]
    fn several_domains_have_a_section_each() {
        let several = |second: &str| {
            let (before, rest) = EXAMPLE.split_once("\n[active_directory]\n").unwrap();
            let (section, after) = rest.split_once("[limits]").unwrap();
            let second = section.replace("example,DC=org", second);
            let one = "\n[[active_directory]]\n";
            load(&format!("{before}{one}{section}{one}{second}[limits]{after}"), &[])
        };
        let config = several("other,DC=test").unwrap();
        assert_eq!(config.active_directory.len(), 2);
        assert_eq!(config.active_directory[1].subtrees, ["OU=People,DC=other,DC=test"]);
        let misspelt = several("x\"]\nsubtree = [\"y").unwrap_err();
        assert!(misspelt.contains("subtree"), "{misspelt}");
        let empty = several("x\", \"").unwrap_err();
        assert!(empty.contains("in section 2") && empty.contains("subtrees"), "{empty}");
    }

    #[test]
    fn a_wrong_value_names_the_key_and_what_would_be_right() {
        let cases = [
            ("active_directory.controllers=ldap://dc1", "ldaps://"),
            ("active_directory.subtrees=", "OU=People"),
            ("active_directory.password_file=/nowhere", "only the agent can read"),
            ("active_directory.account=", "sign_in = \"kerberos\""),
            ("active_directory.email_attribute=mail)(x", "otherMailbox"),
            ("active_directory.preferred_controller=ldaps://dc9", "PDC emulator"),
            ("limits.operations_per_hour=0", "at least 30"),
            ("active_directory.mobile_attribute=a b", "mobile"),
            ("active_directory.groups= ", "CN=Staff"),
            ("synchronisation.every_minutes=0", "1 to 1440"),
            ("synchronisation.full_every_minutes=0", "1 to 1440"),
            ("agent.name=", "1 to 64"),
        ];
        for (set, right) in cases {
            let error = load(EXAMPLE, &[set]).unwrap_err();
            let key = set.split('=').next().unwrap();
            assert!(error.contains(key) && error.contains(right), "{set}: {error}");
        }
        let error = load(EXAMPLE, &["limits.operations_per_hour=many"]).unwrap_err();
        assert!(error.contains("operations_per_hour"), "{error}");
    }

    #[test]
    fn kerberos_needs_neither_account_nor_password_and_takes_none() {
        let without = |key: &str, text: &str| -> String {
            let kept = text.lines().filter(|line| !line.starts_with(key));
            kept.map(|line| format!("{line}\n")).collect()
        };
        let kerberos = |text: &str| {
            load(&text.replace("\nsubtrees =", "\nsign_in = \"kerberos\"\nsubtrees ="), &[])
        };
        let no_account = without("account =", EXAMPLE);
        let neither = without("password_file =", &no_account);
        assert!(load(&neither, &[]).unwrap_err().contains("active_directory.account"));
        if HAS_KERBEROS {
            assert_eq!(kerberos(&neither).unwrap().active_directory[0].sign_in, SignInBy::Kerberos);
            assert!(kerberos(&no_account).unwrap_err().contains("active_directory.password_file"));
            assert!(kerberos(EXAMPLE).unwrap_err().contains("active_directory.account"));
        } else {
            assert!(kerberos(&neither).unwrap_err().contains("built without"));
        }
    }

    #[test]
    fn flags_override_and_lists_are_separated_by_semicolons() {
        let set = "active_directory.subtrees=OU=A,DC=x;OU=B,DC=x";
        let config = load(EXAMPLE, &[set, "limits.operations_per_hour=7"]).unwrap();
        assert_eq!(config.active_directory[0].subtrees, ["OU=A,DC=x", "OU=B,DC=x"]);
        assert_eq!(config.limits.operations_per_hour, Some(7));
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in [
            "https://reset.example.org",
            "https://x:8443",
            "http://localhost:8443",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert!(is_acceptable_origin(good), "{good}");
        }
        for bad in [
            "http://reset.example.org",
            "https://",
            "https://x/y",
            "ftp://x",
            "http://localhost.example.org",
            "https://a@b",
        ] {
            assert!(!is_acceptable_origin(bad), "{bad}");
        }
    }
}
