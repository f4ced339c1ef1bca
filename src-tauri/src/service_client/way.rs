//! Which proxy leads to the service: the policy's, else what the host says of this machine, else
//! the system's own. Found here and not by the client, because "it is the proxy" is one of the
//! things the person is told.

use hyper_util::client::proxy::matcher::Matcher;
use protocol::host::app;
use reqwest::{Proxy, Url};

use crate::policy::{Policy, is_this_machine};

/// The proxy for the service of this policy, if there is one.
pub(super) fn proxy(
    policy: &Policy,
    machine: Option<&app::Proxy>,
) -> Result<Option<Proxy>, reqwest::Error> {
    let origin = &policy.service;
    if is_this_machine(origin) {
        return Ok(None);
    }
    if let Some(proxy) = &policy.proxy {
        return Proxy::all(proxy.clone()).map(Some);
    }
    match machine {
        Some(app::Proxy::Direct) => Ok(None),
        Some(app::Proxy::Named { server, bypass }) => Ok(named(origin, server.as_str())
            .filter(|_| !is_bypassed(origin, bypass.as_str()))
            .and_then(|server| understood(Proxy::all(server)))),
        // A script would have to be run, and WPAD ends in one: what the system names without it
        // is all there is.
        Some(app::Proxy::Automatic | app::Proxy::Script(_)) | None => Ok(of_the_system(origin)),
    }
}

fn of_the_system(origin: &Url) -> Option<Proxy> {
    let intercept = Matcher::from_system().intercept(&origin.as_str().parse().ok()?)?;
    let mut proxy = understood(Proxy::all(intercept.uri().to_string()))?;
    if let Some(credentials) = intercept.basic_auth() {
        proxy = proxy.custom_http_auth(credentials.clone());
    }
    Some(proxy)
}

fn understood(proxy: Result<Proxy, reqwest::Error>) -> Option<Proxy> {
    proxy.inspect_err(|error| tracing::warn!(%error, "the system's proxy is not understood")).ok()
}

/// The server for this origin, in Windows' way of writing: `proxy:8080` for all, or
/// `http=one:80;https=other:443` by scheme.
fn named(origin: &Url, servers: &str) -> Option<String> {
    let all = || servers.split([';', ' ']).map(str::trim).filter(|server| !server.is_empty());
    let of_scheme = all().find_map(|server| {
        let (scheme, server) = server.split_once('=')?;
        scheme.eq_ignore_ascii_case(origin.scheme()).then_some(server)
    });
    let server = of_scheme.or_else(|| all().find(|server| !server.contains('=')))?;
    Some(if server.contains("://") { server.to_owned() } else { format!("http://{server}") })
}

/// Whether the origin is reached without the proxy: by name, with `*` for anything, or `<local>`
/// for names without a dot.
fn is_bypassed(origin: &Url, bypass: &str) -> bool {
    let host = origin.host_str().unwrap_or_default().to_ascii_lowercase();
    bypass.split([';', ' ', ',']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        if entry == "<local>" {
            return !host.contains('.');
        }
        let name = match entry.split_once("://") {
            Some((scheme, _)) if scheme != origin.scheme() => return false,
            Some((_, name)) => name,
            None => &entry,
        };
        let (name, port) = match name.rsplit_once(':') {
            Some((before, port)) if port.parse::<u16>().is_ok() => (before, port.parse().ok()),
            Some(_) | None => (name, None),
        };
        port.is_none_or(|port| origin.port_or_known_default() == Some(port)) && fits(name, &host)
    })
}

/// Whether `host` is what `pattern` says, with `*` for anything.
fn fits(pattern: &str, host: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == host };
    let Some(mut left) = host.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_proxy_is_read_as_windows_writes_it() {
        let service = origin("https://unlock.example.org");
        for (servers, expected) in [
            ("proxy.example.org:8080", Some("http://proxy.example.org:8080")),
            ("http=one:80;https=two:8443", Some("http://two:8443")),
            ("http=one:80 https=two:8443", Some("http://two:8443")),
            ("https=https://two:8443", Some("https://two:8443")),
            ("http=one:80", None),
            ("http=one:80;three:81", Some("http://three:81")),
            ("", None),
        ] {
            assert_eq!(named(&service, servers).as_deref(), expected, "{servers}");
        }
    }

    #[test]
    fn what_is_to_be_reached_without_the_proxy_is() {
        let service = origin("https://unlock.example.org");
        for bypass in [
            "*.example.org",
            "10.*;*.EXAMPLE.org",
            "unlock.example.org",
            "https://unlock.example.org",
            "unlock.example.org:443",
            "*lock*org",
            "*",
        ] {
            assert!(is_bypassed(&service, bypass), "{bypass}");
        }
        for bypass in [
            "",
            "<local>",
            "example.org",
            "http://unlock.example.org",
            "unlock.example.org:80",
            "*.example.com",
            "unlock*com",
        ] {
            assert!(!is_bypassed(&service, bypass), "{bypass}");
        }
        assert!(is_bypassed(&origin("https://unlock"), "<local>"));
    }

    #[test]
    fn the_policy_counts_before_the_machine_and_the_machine_before_the_system() {
        let file = std::path::Path::new("/nowhere/app.toml");
        let text = "service = \"https://unlock.example.org\"\nstate_dir = \"/nowhere\"\n";
        let policy = crate::policy::Policy::parse_for_tests(file, text);
        let machine = |bypass: &str| app::Proxy::Named {
            server: protocol::host::Text::new("proxy:8080").unwrap(),
            bypass: protocol::host::Text::new(bypass).unwrap(),
        };
        assert!(proxy(&policy, Some(&machine(""))).unwrap().is_some());
        assert!(proxy(&policy, Some(&machine("*.example.org"))).unwrap().is_none());
        assert!(proxy(&policy, Some(&app::Proxy::Direct)).unwrap().is_none());
        let with_proxy = Policy { proxy: Some(origin("http://other:1")), ..policy };
        assert!(proxy(&with_proxy, Some(&app::Proxy::Direct)).unwrap().is_some());
    }
}
