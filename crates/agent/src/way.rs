//! The way to the service: one HTTP client, through the proxy of the configuration or of the
//! system, and what its failures mean in words. Enrolment and link take the same one.

use std::time::Duration;

use reqwest::{NoProxy, Proxy};

use crate::config::{Config, ProxySection};

/// The way to the service.
#[derive(Clone)]
pub(crate) struct Way {
    client: reqwest::Client,
    /// The configured proxy, for words.
    proxy: Option<String>,
}

impl Way {
    /// HTTP/1.1 (a WebSocket needs its upgrade), no redirects, time limits; the authorities and
    /// the proxy of the configuration, or the system's.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .tcp_nodelay(true)
            .user_agent(concat!("regain-agent/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &config.service.ca_file {
            let failed = |cause: String| format!("service.ca_file: {}: {cause}", path.display());
            let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| failed(chain(&error)))?;
            builder = builder.tls_certs_only(certificates);
        }
        if let Some(section) = &config.proxy {
            builder = builder.no_proxy().proxy(proxy(section)?);
        }
        let proxy = config.proxy.as_ref().map(|section| section.url.clone());
        Ok(Self { client: builder.build().map_err(|error| chain(&error))?, proxy })
    }

    /// The client.
    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// What a failed request means, and what mends it.
    pub(crate) fn words(&self, error: &reqwest::Error) -> String {
        let causes = chain(error);
        let proxy = self.proxy.as_ref().map_or_else(
            || "the system's proxy (HTTPS_PROXY)".to_owned(),
            |url| format!("the proxy {url}"),
        );
        if causes.contains("proxy authorization required") {
            return format!(
                "{proxy} wants a user and a password, or refused these: check [proxy] user and password_file ({causes})"
            );
        }
        if causes.contains("tunnel error: unsuccessful") {
            return format!(
                // Some say no more than this to a wrong password, too.
                "{proxy} refused to connect to the service: let it CONNECT to the service's host and port, and check user and password where it wants any ({causes})"
            );
        }
        if causes.contains("failed to create underlying connection") {
            return format!("{proxy} cannot be reached: check its address, [proxy] url ({causes})");
        }
        if causes.contains("tunnel error") {
            return format!(
                "{proxy} did not answer as an HTTP proxy does: check [proxy] url ({causes})"
            );
        }
        causes
    }
}

fn proxy(section: &ProxySection) -> Result<Proxy, String> {
    let mut proxy = Proxy::all(&section.url).map_err(|error| format!("proxy.url: {error}"))?;
    if let (Some(user), Some(path)) = (&section.user, &section.password_file) {
        let password = Config::password(path)
            .map_err(|error| format!("proxy.password_file: {}: {error}", path.display()))?;
        proxy = proxy.basic_auth(user, &password);
    }
    Ok(proxy.no_proxy(NoProxy::from_string(&section.no_proxy.join(","))))
}

/// An error with its causes, for people.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
