//! Requests from other sites' pages are refused (catalogue NET-05): there is no CORS, and what
//! a browser says about the origin of a request must be ourselves.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use protocol::problem::ProblemCode;

use super::extract::host;
use crate::flow::Refused;

/// Lets a request through unless a browser says that another site's page made it.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && is_foreign(request.uri(), request.headers()) {
        return Refused::new(ProblemCode::CrossSite).into_response();
    }
    next.run(request).await
}

fn is_foreign(uri: &Uri, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let fetched_by = text(header::HeaderName::from_static("sec-fetch-site"));
    if fetched_by.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let Some(origin) = text(header::ORIGIN) else {
        return false;
    };
    let host = host(uri, headers).unwrap_or_default();
    let named = origin.split_once("://").map(|(_, named)| named.to_ascii_lowercase());
    named.is_none_or(|named| named != host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.insert(name, value.parse().unwrap());
        }
        is_foreign(&uri.parse().unwrap(), &map)
    }

    #[test]
    fn our_own_pages_pass_in_both_versions_of_http_and_others_do_not() {
        let ours = ("origin", "https://reset.example.org");
        let evil = ("origin", "https://evil.example");
        let host = ("host", "reset.example.org");
        assert!(!foreign("/x", &[host, ours]));
        assert!(!foreign("https://reset.example.org/x", &[ours]), "HTTP/2 has no Host header");
        assert!(!foreign("/x", &[host]), "no browser");
        assert!(foreign("/x", &[host, evil]));
        assert!(foreign("https://reset.example.org/x", &[evil]));
        assert!(foreign("/x", &[host, ("origin", "null")]));
        assert!(foreign("/x", &[host, ("sec-fetch-site", "cross-site")]));
    }
}
