//! The app's settings, as rolled out by an administrator: the registry on Windows, one TOML file
//! elsewhere or where `--policy` names one. Which settings there are, and their limits, is said
//! by `os_windows::policy`; here the app's get their meaning. Every mistake names place, key and
//! what would be right. Nothing here is secret.

mod file;

use std::{
    fmt::Display,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use os_windows::policy::{Key, Mistake, Place, Values};
use protocol::{api::Help, bytes::Bytes, id::TenantId};
use reqwest::{Certificate, Url};

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The service's origin: HTTPS, or HTTP on this very machine.
    pub service: Url,
    /// The tenant this app was rolled out for.
    pub tenant: Option<TenantId>,
    /// Fingerprints of the directories' keys; when there are any, no other is trusted.
    pub directory_keys: Vec<String>,
    /// The only certificate authorities trusted, when there are any.
    pub authorities: Vec<Certificate>,
    /// The way to the service, where it is not the system's.
    pub proxy: Option<Url>,
    /// The language that the pages begin with, where it is not the system's.
    pub language: Option<String>,
    /// Where the resume token is kept, or the note of where it is.
    pub state_dir: PathBuf,
    /// Where the token is kept; not an administrator's choice.
    pub store: secret_store::Kind,
    /// Whom to ask while the service cannot be reached.
    pub help: Option<Help>,
}

/// What is wrong with the settings and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("{}: cannot be read ({source})\nWrite the settings there, at least\n  service = \"https://unlock.example.org\"\nor name another file with --policy FILE.", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no TOML, or has an unknown key.
    #[error("{}: {words}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Line, key and what is expected there.
        words: String,
    },
    /// A value without which, or with which, the app must not run.
    #[error("{0}")]
    Value(Box<Mistake>),
}

impl Policy {
    /// Reads `file`, or the place of this system when there is none given.
    ///
    /// # Errors
    /// [`PolicyError`], in words for the administrator.
    pub fn load(file: Option<&Path>) -> Result<Self, PolicyError> {
        let Some(file) = file else { return Self::load_from_this_system() };
        let text = fs::read_to_string(file)
            .map_err(|source| PolicyError::Unreadable { file: file.to_owned(), source })?;
        Self::parse(file, &text)
    }

    #[cfg(not(windows))]
    fn load_from_this_system() -> Result<Self, PolicyError> {
        Self::load(Some(Path::new("/etc/regain/app.toml")))
    }

    #[cfg(windows)]
    fn load_from_this_system() -> Result<Self, PolicyError> {
        use os_windows::policy::{POLICIES, Part, registry};
        let values = registry::read(Part::App);
        Self::read(&values, None, &Place::Registry(POLICIES))
    }

    #[cfg(test)]
    pub(crate) fn parse_for_tests(file: &Path, text: &str) -> Self {
        Self::parse(file, text).unwrap()
    }

    fn parse(file: &Path, text: &str) -> Result<Self, PolicyError> {
        let place = Place::File(file.display().to_string());
        let found = file::read(text, &place)
            .map_err(|words| PolicyError::Malformed { file: file.to_owned(), words })?;
        Self::read(&found.values, found.state_dir, &place)
    }

    /// `place` is where a setting that is missing belongs.
    fn read(
        values: &Values,
        state_dir: Option<PathBuf>,
        place: &Place,
    ) -> Result<Self, PolicyError> {
        for mistake in values.mistakes() {
            if mistake.stops() {
                return Err(PolicyError::Value(Box::new(mistake.clone())));
            }
            tracing::warn!("{mistake}");
        }
        let reading = Reading { values, place };
        Ok(Self {
            service: reading.service()?,
            tenant: reading.tenant()?,
            directory_keys: reading.directory_keys()?,
            authorities: reading.authorities()?,
            proxy: reading.proxy()?,
            language: values.text(Key::Language).map(str::to_owned),
            state_dir: reading.state_dir(state_dir)?,
            store: secret_store::Kind::Auto,
            help: reading.help(),
        })
    }
}

/// Turns what a setting says into what it means, or into a mistake that names it.
struct Reading<'a> {
    values: &'a Values,
    place: &'a Place,
}

impl Reading<'_> {
    fn wrong<T>(&self, key: Key, wrong: impl Display) -> Result<T, PolicyError> {
        let place = self.values.place(key).unwrap_or(self.place);
        Err(PolicyError::Value(Box::new(Mistake::of(key, place, wrong.to_string()))))
    }

    fn service(&self) -> Result<Url, PolicyError> {
        let Some(text) = self.values.text(Key::Service) else {
            return self.wrong(Key::Service, "is missing");
        };
        let url = self.bare_url(Key::Service, text)?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_this_machine(&url) => Ok(url),
            _ => self.wrong(
                Key::Service,
                format!("{text:?} is not encrypted (http is for this very machine alone)"),
            ),
        }
    }

    /// Scheme, host and port, and nothing else.
    fn bare_url(&self, key: Key, text: &str) -> Result<Url, PolicyError> {
        let Ok(url) = Url::parse(text) else {
            return self.wrong(key, format!("{text:?} is no web address"));
        };
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare || url.host_str().is_none() {
            let wrong = format!("{text:?} says more, or less, than scheme, host and port");
            return self.wrong(key, wrong);
        }
        Ok(url)
    }

    fn tenant(&self) -> Result<Option<TenantId>, PolicyError> {
        let Some(text) = self.values.text(Key::Tenant) else { return Ok(None) };
        match text.parse() {
            Ok(tenant) => Ok(Some(tenant)),
            Err(_) => self.wrong(
                Key::Tenant,
                format!("{text:?} is no tenant id: `regain-service tenant create` printed it"),
            ),
        }
    }

    fn directory_keys(&self) -> Result<Vec<String>, PolicyError> {
        let keys = self.values.list(Key::DirectoryKeys);
        for key in keys {
            if Bytes::decode(key).is_none_or(|bytes| bytes.len() != 16) {
                return self.wrong(
                    Key::DirectoryKeys,
                    format!(
                        "{key:?} is no fingerprint: `regain-service directory list` prints them"
                    ),
                );
            }
        }
        Ok(keys.to_vec())
    }

    fn authorities(&self) -> Result<Vec<Certificate>, PolicyError> {
        let Some(file) = self.values.text(Key::CaFile) else {
            return Ok(Vec::new());
        };
        let pem = match fs::read(file) {
            Ok(pem) => pem,
            Err(error) => {
                return self.wrong(Key::CaFile, format!("{file} cannot be read ({error})"));
            }
        };
        match Certificate::from_pem_bundle(&pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) | Err(_) => self.wrong(Key::CaFile, format!("{file} holds no certificate")),
        }
    }

    fn proxy(&self) -> Result<Option<Url>, PolicyError> {
        let Some(text) = self.values.text(Key::Proxy) else { return Ok(None) };
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return self.wrong(Key::Proxy, format!("{text:?} is no proxy of HTTP"));
        }
        self.bare_url(Key::Proxy, text).map(Some)
    }

    fn state_dir(&self, given: Option<PathBuf>) -> Result<PathBuf, PolicyError> {
        let wrong = match given.or_else(state_dir_of_this_system) {
            Some(folder) if folder.is_absolute() => return Ok(folder),
            Some(folder) => format!("{} does not say where it begins", folder.display()),
            None => "is missing, and there is no home folder".to_owned(),
        };
        Err(PolicyError::Value(Box::new(file::state_dir_mistake(self.place, wrong))))
    }

    fn help(&self) -> Option<Help> {
        let text = |key| self.values.text(key).map(str::to_owned);
        let help = Help {
            name: text(Key::HelpName).unwrap_or_default(),
            phone: text(Key::HelpPhone),
            hours: text(Key::HelpHours),
            url: text(Key::HelpUrl),
        };
        (help != Help::default()).then_some(help)
    }
}

/// Whether an origin can only be this machine: then nobody is in between to read along.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(not(windows))]
fn state_dir_of_this_system() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    Some(state.or_else(home)?.join("regain"))
}

#[cfg(windows)]
fn state_dir_of_this_system() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("LOCALAPPDATA")?).join("Regain"))
}

#[cfg(test)]
mod tests {
    use os_windows::policy::Part;

    use super::*;

    fn parse(text: &str) -> Result<Policy, PolicyError> {
        Policy::parse(Path::new("app.toml"), text)
    }

    /// The words for a mistake; they always name the file.
    fn mistake(text: &str) -> String {
        let words = parse(text).unwrap_err().to_string();
        assert!(words.starts_with("app.toml: "), "{words}");
        words
    }

    #[test]
    fn every_key_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        let ca = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
        fs::write(&ca_file, ca.cert.pem()).unwrap();
        let policy = parse(&format!(
            r#"
            service = "https://unlock.example.org:8443"
            tenant = "01890000-0000-7000-8000-000000000001"
            directory_keys = ["AAECAwQFBgcICQoLDA0ODw"]
            ca_file = {ca_file:?}
            state_dir = "/var/lib/x"
            proxy = "http://proxy.example.org:8080"
            language = "de"
            [help]
            name = "IT service desk"
            phone = "+49 30 1234"
            "#
        ))
        .unwrap();
        assert_eq!(policy.service.as_str(), "https://unlock.example.org:8443/");
        assert!(policy.tenant.is_some());
        assert_eq!(policy.directory_keys.len(), 1);
        assert_eq!(policy.authorities.len(), 1);
        assert_eq!(policy.state_dir, Path::new("/var/lib/x"));
        assert_eq!(policy.proxy.unwrap().as_str(), "http://proxy.example.org:8080/");
        assert_eq!(policy.language.as_deref(), Some("de"));
        assert_eq!(policy.help.unwrap().phone.as_deref(), Some("+49 30 1234"));
    }

    /// The example names every key that there is for the app, and each commented line can be used
    /// as it is.
    #[test]
    fn the_example_is_complete_and_right() {
        let example = include_str!("../app.example.toml");
        let policy = parse(example).unwrap();
        assert_eq!(policy.help.unwrap().hours.as_deref(), Some("Monday to Friday, 7 to 18"));
        let all: String = example
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key) if key.contains(" = ") && !key.starts_with("ca_file") => key,
                Some(_) | None => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let policy = parse(&all).unwrap();
        assert!(policy.tenant.is_some() && !policy.directory_keys.is_empty());
        assert!(policy.proxy.is_some() && policy.language.is_some());
        for key in Key::ALL.map(Key::definition).iter().filter(|it| it.whom.contains(&Part::App)) {
            let name = key.file.rsplit('.').next().unwrap();
            assert!(example.contains(&format!("{name} = ")), "the example lacks {}", key.file);
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        for this in ["localhost:1", "127.0.0.1:1", "127.9.9.9", "[::1]:1"] {
            parse(&format!("service = \"http://{this}\"")).unwrap();
        }
        for other in ["example.org", "10.0.0.1", "localhost.example.org", "[::2]"] {
            let words = mistake(&format!("service = \"http://{other}\""));
            assert!(words.contains("service: ") && words.contains("not encrypted"));
            assert!(words.contains("https://unlock.example.org"));
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for text in [
            "https://a.example/path",
            "https://a.example/?q",
            "https://a.example/#f",
            "https://user@a.example",
            "https://user:secret@a.example",
            "ftp://a.example",
            "file:///etc/passwd",
            "a.example",
            "",
        ] {
            assert!(mistake(&format!("service = {text:?}")).contains("service: "));
        }
    }

    #[test]
    fn mistakes_name_the_key_and_what_is_right() {
        let with = |line: &str| mistake(&format!("service = \"https://a.example\"\n{line}"));
        let unknown = with("tennant = \"x\"");
        assert!(unknown.contains("line 2") && unknown.contains("tennant"));
        assert!(unknown.contains("`tenant`"), "{unknown}");
        assert!(mistake("").contains("service: is missing"));
        assert!(mistake("service = 1").contains("service: is a number"));
        assert!(mistake("service = ").contains("line 1"));
        assert!(with("tenant = \"demo\"").contains("tenant: \"demo\""));
        assert!(with("directory_keys = [\"abc\"]").contains("directory_keys: \"abc\""));
        assert!(with("state_dir = \"here\"").contains("state_dir: here"));
        assert!(with("ca_file = \"/nonexistent\"").contains("ca_file: /nonexistent"));
        assert!(with("ca_file = \"/dev/null\"").contains("holds no certificate"));
        assert!(with("help = { telephone = \"1\" }").contains("`phone`"));
        assert!(with("proxy = \"socks5://proxy.example:1080\"").contains("no proxy of HTTP"));
        assert!(with("proxy = \"http://me:secret@proxy.example\"").contains("says more"));
    }

    /// What is only drawn changes nothing else; what keeps people safe stops the app.
    #[test]
    fn a_wrong_value_is_as_none_or_stops_the_app() {
        let with = |line: &str| parse(&format!("service = \"https://a.example\"\n{line}"));
        let policy = with("language = \"xx\"\ndirectory_keys = [\"AAECAwQFBgcICQoLDA0ODw\"]");
        let policy = policy.unwrap();
        assert_eq!((policy.language, policy.directory_keys.len()), (None, 1));
        let policy = with("[help]\nphone = 110\nname = \"Desk\"").unwrap();
        let help = policy.help.unwrap();
        assert_eq!((help.name.as_str(), help.phone), ("Desk", None));
        for line in ["tenant = 1", "directory_keys = \"abc\"", "ca_file = false", "proxy = 8080"] {
            with(line).unwrap_err();
        }
    }

    #[test]
    fn a_missing_file_is_said_with_the_way_to_mend_it() {
        let words = Policy::load(Some(Path::new("/nonexistent/app.toml"))).unwrap_err().to_string();
        assert!(words.starts_with("/nonexistent/app.toml: "));
        assert!(words.contains("service = ") && words.contains("--policy FILE"));
    }
}
