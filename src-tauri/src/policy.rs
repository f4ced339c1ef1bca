//! The app's settings, as rolled out by an administrator: one TOML file. Unknown keys are
//! refused; every mistake names file, key and what would be right. Nothing here is secret.

use std::{
    fmt::Display,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use protocol::{api::Help, bytes::Bytes, id::TenantId};
use reqwest::{Certificate, Url};
use serde::Deserialize;

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
    /// The file is no TOML, or has an unknown key, or lacks one.
    #[error("{}: {words}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Line, key and what is expected there.
        words: String,
    },
    /// The value of a key cannot be used.
    #[error("{}: {key}: {wrong}\nRight would be: {right}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong.
        wrong: String,
        /// An example of what is right.
        right: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    service: String,
    tenant: Option<String>,
    #[serde(default)]
    directory_keys: Vec<String>,
    ca_file: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    help: Option<Help>,
}

impl Policy {
    /// Reads `file`, or the place of this system when there is none given.
    ///
    /// # Errors
    /// [`PolicyError`], in words for the administrator.
    pub fn load(file: Option<&Path>) -> Result<Self, PolicyError> {
        let file = file.map_or_else(place_of_this_system, Path::to_owned);
        let text = fs::read_to_string(&file)
            .map_err(|source| PolicyError::Unreadable { file: file.clone(), source })?;
        Self::parse(&file, &text)
    }

    fn parse(file: &Path, text: &str) -> Result<Self, PolicyError> {
        let keys: PolicyFile = toml::from_str(text).map_err(|error| PolicyError::Malformed {
            file: file.to_owned(),
            words: error.to_string().trim_end().to_owned(),
        })?;
        let mistakes = Mistakes { file };
        for key in &keys.directory_keys {
            if Bytes::decode(key).is_none_or(|bytes| bytes.len() != 16) {
                return mistakes.at(
                    "directory_keys",
                    format!("{key:?} is no fingerprint"),
                    "directory_keys = [\"<22 letters and digits, as `regain-service directory list` prints them>\"]",
                );
            }
        }
        Ok(Self {
            service: mistakes.origin(&keys.service)?,
            tenant: mistakes.tenant(keys.tenant.as_deref())?,
            directory_keys: keys.directory_keys,
            authorities: mistakes.authorities(keys.ca_file.as_deref())?,
            state_dir: mistakes.state_dir(keys.state_dir)?,
            store: secret_store::Kind::Auto,
            help: keys.help,
        })
    }
}

/// Turns what a key says into what it means, or into a mistake that names file and key.
struct Mistakes<'a> {
    file: &'a Path,
}

impl Mistakes<'_> {
    fn at<T>(
        &self,
        key: &'static str,
        wrong: impl Display,
        right: &'static str,
    ) -> Result<T, PolicyError> {
        Err(PolicyError::Value { file: self.file.to_owned(), key, wrong: wrong.to_string(), right })
    }

    fn origin(&self, text: &str) -> Result<Url, PolicyError> {
        let right = "service = \"https://unlock.example.org\" (http only for this very machine)";
        let Ok(url) = Url::parse(text) else {
            return self.at("service", format!("{text:?} is no web address"), right);
        };
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare || url.host_str().is_none() {
            let wrong = format!("{text:?} says more, or less, than scheme, host and port");
            return self.at("service", wrong, right);
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_this_machine(&url) => Ok(url),
            _ => self.at("service", format!("{text:?} is not encrypted"), right),
        }
    }

    fn tenant(&self, text: Option<&str>) -> Result<Option<TenantId>, PolicyError> {
        let Some(text) = text else { return Ok(None) };
        match text.parse() {
            Ok(tenant) => Ok(Some(tenant)),
            Err(_) => self.at(
                "tenant",
                format!("{text:?} is no tenant id"),
                "tenant = \"<the id that `regain-service tenant create` printed>\"",
            ),
        }
    }

    fn authorities(&self, file: Option<&Path>) -> Result<Vec<Certificate>, PolicyError> {
        let right = "ca_file = \"/etc/regain/ca.pem\", a PEM file with one certificate or more";
        let Some(file) = file else {
            return Ok(Vec::new());
        };
        let pem = match fs::read(file) {
            Ok(pem) => pem,
            Err(error) => {
                let wrong = format!("{} cannot be read ({error})", file.display());
                return self.at("ca_file", wrong, right);
            }
        };
        match Certificate::from_pem_bundle(&pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) | Err(_) => {
                let wrong = format!("{} holds no certificate", file.display());
                self.at("ca_file", wrong, right)
            }
        }
    }

    fn state_dir(&self, given: Option<PathBuf>) -> Result<PathBuf, PolicyError> {
        let right = "state_dir = \"/var/lib/regain-app\", a folder of the person who runs the app";
        match given.or_else(state_dir_of_this_system) {
            Some(folder) if folder.is_absolute() => Ok(folder),
            Some(folder) => {
                let wrong = format!("{} does not say where it begins", folder.display());
                self.at("state_dir", wrong, right)
            }
            None => self.at("state_dir", "is missing, and there is no home folder", right),
        }
    }
}

/// Whether an origin can only be this machine: then nobody is in between to read along.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(not(windows))]
fn place_of_this_system() -> PathBuf {
    "/etc/regain/app.toml".into()
}

#[cfg(windows)]
fn place_of_this_system() -> PathBuf {
    let folder = std::env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
    Path::new(&folder).join(r"Regain\app.toml")
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
        assert_eq!(policy.help.unwrap().phone.as_deref(), Some("+49 30 1234"));
    }

    /// The example names every key that there is, and each commented line can be used as it is.
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
        let expected = parse("nothing = 1").unwrap_err().to_string();
        let keys = expected.split('`').skip(3).step_by(2);
        for key in keys {
            let named =
                example.contains(&format!("{key} = ")) || example.contains(&format!("[{key}]"));
            assert!(named, "the example lacks {key}");
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
        assert!(mistake("").contains("`service`"));
        assert!(mistake("service = 1").contains("line 1"));
        assert!(with("tenant = \"demo\"").contains("tenant: \"demo\""));
        assert!(with("directory_keys = [\"abc\"]").contains("directory_keys: \"abc\""));
        assert!(with("state_dir = \"here\"").contains("state_dir: here"));
        assert!(with("ca_file = \"/nonexistent\"").contains("ca_file: /nonexistent"));
        assert!(with("ca_file = \"/dev/null\"").contains("holds no certificate"));
        assert!(with("help = { telephone = \"1\" }").contains("`phone`"));
    }

    #[test]
    fn a_missing_file_is_said_with_the_way_to_mend_it() {
        let words = Policy::load(Some(Path::new("/nonexistent/app.toml"))).unwrap_err().to_string();
        assert!(words.starts_with("/nonexistent/app.toml: "));
        assert!(words.contains("service = ") && words.contains("--policy FILE"));
    }
}
