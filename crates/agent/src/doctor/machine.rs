//! This machine and the way to the service: enrolment, keys, what stands here, proxy, name,
//! certificate, clock.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::DATE;

use super::{Check, Group, clocks, command, resolves, words};
use crate::{
    clock::Clock,
    config::{Config, ProxySection},
    enrolment::{Enrolment, Keys, open_secrets},
    event_log::moment,
    private::AS_AGENT,
    standing::Standing,
    way::Way,
};

pub(super) fn this_machine(config: &Config, origin: Option<&str>) -> Group {
    let mut checks = vec![enrolment(config)];
    checks.extend(standing(config));
    checks.push(match proxy_of_this_machine(config, origin.unwrap_or_default()) {
        None => Check::good("proxy", "no proxy between here and the service"),
        Some((place, address)) => Check::good("proxy", format!("proxy {address} (from {place})")),
    });
    Group { title: format!("This machine: agent {}", config.agent.name), checks }
}

fn enrolment(config: &Config) -> Check {
    let keys = || -> Result<(), String> {
        let enrolment =
            Enrolment::read(&config.agent.data_dir).map_err(|error| error.to_string())?;
        let secrets = open_secrets(config).map_err(|error| error.to_string())?;
        Keys::read(&secrets, enrolment.recipient_key).map(drop).map_err(|error| error.to_string())
    };
    match keys() {
        Ok(()) => Check::good("enrolment", "enrolled, and its keys are there"),
        Err(why) => Check::bad(
            "enrolment",
            "enrolment and keys",
            why,
            vec![
                words("get a code at the service, then enrol; run both as the agent's own user:"),
                command("regain-service directory enrolment-code --tenant HOST --directory NAME"),
                command("regain-agent enrol --config FILE"),
            ],
        ),
    }
}

/// What an administrator said here, and what the agent does not forget.
fn standing(config: &Config) -> Vec<Check> {
    let standing = Standing::of(&config.agent.data_dir);
    let mut checks = Vec::new();
    if standing.is_stopped() {
        let at = standing.stopped_at().map(moment).unwrap_or_default();
        checks.push(Check::bad(
            "hourly-limit",
            "hourly limit",
            format!("reached {at}: nothing new is begun").replace("  ", " "),
            vec![
                words("look at the service's audit trail for what was asked; then let it go on:"),
                command(format!("{AS_AGENT} release --config FILE")),
            ],
        ));
    }
    if standing.is_switched_off() {
        checks.push(Check::look(
            "write-back",
            "write-back",
            "switched off on this machine",
            vec![command(format!("{AS_AGENT} write-back --config FILE on"))],
        ));
    }
    checks
}

pub(super) async fn service(config: &Config, origin: &str, clock: &Clock) -> Group {
    let mut checks = Vec::new();
    let (host, port) = authority(origin);
    if proxy_of_this_machine(config, origin).is_none() {
        checks.extend(resolves(&host, port).await);
    }
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
    match answer {
        Ok(answer) => {
            checks.push(Check::good("service", "answers, and its certificate is accepted"));
            let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
            checks.push(match date.and_then(unix_of_http_date) {
                Some(theirs) => {
                    clocks("service-clock", "the service", theirs, clock.unix_seconds())
                }
                None => Check::look(
                    "service-clock",
                    "clock of the service",
                    "it does not say its time, so something else answered in its place",
                    Vec::new(),
                ),
            });
        }
        Err(why) => checks.push(unreached(&host, port, why)),
    }
    Group { title: format!("Service {origin}"), checks }
}

fn unreached(host: &str, port: u16, why: String) -> Check {
    let lower = why.to_lowercase();
    let mend = if lower.contains("certificate") {
        vec![
            words(
                "name the authority that signed its certificate in service.ca_file; an expired certificate must be renewed there. What it shows:",
            ),
            command(format!(
                "openssl s_client -connect {host}:{port} -servername {host} </dev/null"
            )),
        ]
    } else {
        vec![
            words(
                "let this machine connect out to it, directly or through the proxy (docs/network.md):",
            ),
            command(format!("nc -vz {host} {port}")),
        ]
    };
    Check::bad("service", "answer", why, mend)
}

/// Host and port of an origin.
fn authority(origin: &str) -> (String, u16) {
    let (scheme, rest) = origin.split_once("://").unwrap_or(("https", origin));
    let port = if scheme == "http" { 80 } else { 443 };
    match rest.rsplit_once(':') {
        Some((host, text)) if text.parse::<u16>().is_ok() => {
            (host.trim_matches(['[', ']']).to_owned(), text.parse().unwrap_or(port))
        }
        _ => (rest.trim_matches(['[', ']']).to_owned(), port),
    }
}

/// The proxy that the way to the service takes: what names it, and its address.
fn proxy_of_this_machine(config: &Config, origin: &str) -> Option<(&'static str, String)> {
    proxy(origin, config.proxy.as_ref(), |name| std::env::var(name).ok())
}

/// The configured one counts before those of the environment, whose addresses are told without
/// what a name and a password in them would say.
fn proxy(
    origin: &str,
    configured: Option<&ProxySection>,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let (host, _) = authority(origin);
    let is_exempt = |entry: &str| {
        let domain = entry.trim().trim_start_matches('.');
        domain == "*"
            || (!domain.is_empty() && (host == domain || host.ends_with(&format!(".{domain}"))))
    };
    if let Some(section) = configured {
        let exempt = section.no_proxy.iter().any(|entry| is_exempt(entry));
        return (!exempt).then(|| ("proxy.url", section.url.clone()));
    }
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let no_proxy = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
    if no_proxy.split(',').any(is_exempt) {
        return None;
    }
    let names: &[&'static str] = if origin.starts_with("http://") {
        &["http_proxy", "ALL_PROXY", "all_proxy"]
    } else {
        &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    };
    let (name, value) = names.iter().find_map(|name| Some((*name, set(name)?)))?;
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", &value));
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    Some((name, format!("{scheme}://{address}")))
}

/// Unix seconds of an HTTP date (RFC 9110, 5.6.7).
fn unix_of_http_date(text: &str) -> Option<i64> {
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_secs()).ok()
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
    fn origins_have_a_host_and_a_port() {
        assert_eq!(authority("https://reset.example.org"), ("reset.example.org".to_owned(), 443));
        assert_eq!(authority("http://localhost:8443"), ("localhost".to_owned(), 8443));
        assert_eq!(authority("http://[::1]:80"), ("::1".to_owned(), 80));
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let origin = "https://reset.example.org";
        let with = |set: &'static [(&'static str, &'static str)]| {
            proxy(origin, None, |name| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[]), None);
        let found = with(&[("HTTPS_PROXY", "http://user:secret@proxy.example.org:3128")]);
        assert_eq!(found, Some(("HTTPS_PROXY", "http://proxy.example.org:3128".to_owned())));
        let found = with(&[("all_proxy", "proxy:8080")]);
        assert_eq!(found, Some(("all_proxy", "http://proxy:8080".to_owned())));
        let exempt = with(&[("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "x, .example.org")]);
        assert_eq!(exempt, None);
    }
}
