//! Why a call has no answer, in the few words that a page has a sentence for. The cause goes to
//! the log; it never holds a header or a body.

use std::{error::Error, io};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::CertificateError;
use serde::{Deserialize, Serialize};

/// Why the service cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// This PC is not online.
    Offline,
    /// The proxy does not let us through.
    Proxy,
    /// This PC's clock is wrong.
    Clock,
    /// Whoever answers does not prove to be the service.
    Certificate,
    /// A page of the network answers in place of the service.
    CaptivePortal,
    /// The service itself does not answer.
    Service,
}

impl Why {
    /// Whether the same call may have an answer a moment later.
    pub(crate) fn may_pass(self) -> bool {
        match self {
            Self::Offline | Self::Proxy | Self::Service => true,
            Self::Clock | Self::Certificate | Self::CaptivePortal => false,
        }
    }
}

/// What came back in place of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A refusal of the service.
    Problem(Problem),
    /// Nothing of the service.
    Unreachable(Why),
}

impl From<Why> for Failure {
    fn from(why: Why) -> Self {
        Self::Unreachable(why)
    }
}

/// A refusal, as far as the pages use it. The code stays text: this app may be older than it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Problem {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) retry_after_s: Option<u32>,
    #[serde(default)]
    pub(crate) case_code: Option<String>,
}

/// The word for an error of the client.
pub(super) fn why(error: &reqwest::Error, by_proxy: bool) -> Why {
    for cause in causes(error) {
        if let Some(rustls::Error::InvalidCertificate(wrong)) = cause.downcast_ref() {
            return certificate(wrong);
        }
    }
    if by_proxy && error.is_connect() {
        return Why::Proxy;
    }
    let offline = causes(error).any(|cause| {
        cause.is::<NameNotFound>()
            || cause.downcast_ref::<io::Error>().is_some_and(|error| no_way_out(error.kind()))
    });
    if offline { Why::Offline } else { Why::Service }
}

/// The words of the cause that says most.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// A certificate is never handed out ahead of its time; a flat clock battery puts a PC years
/// back.
fn certificate(wrong: &CertificateError) -> Why {
    let ahead_of_its_time = matches!(
        wrong,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
    );
    if ahead_of_its_time { Why::Clock } else { Why::Certificate }
}

fn no_way_out(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkDown
    )
}

/// The chain of causes. What an `io::Error` carries is a cause of its own, which its `source`
/// leaves out.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(carried) => Some(carried),
            None => cause.source(),
        };
        Some(cause)
    })
}

/// Looks names up as the system does, and says so when there is no such name: the usual sign of
/// a PC that is not online.
pub(super) struct Names;

#[derive(Debug, thiserror::Error)]
#[error("the name is not found")]
struct NameNotFound(#[source] io::Error);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses: Vec<_> = found.map_err(NameNotFound)?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
