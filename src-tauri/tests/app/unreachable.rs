//! Why the service cannot be reached, told apart by what really happens on the wire: each story
//! makes the fault and looks for the word that the page has a sentence for.

use std::{env, fs, net::SocketAddr, path::Path, process::Command, sync::Arc, time::Duration};

use crate::double::{Double, Fault};
use axum::{Router, http::StatusCode, routing::get};
use axum_server::tls_rustls::RustlsConfig;
use protocol::api::Help;
use rand::{SeedableRng, rngs::StdRng};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use regain::{Controller, Mode, Patience, Policy, Started, Why};

/// Set for the copy of a test that runs behind a proxy.
const BEHIND_PROXY: &str = "REGAIN_TEST_ORIGIN";

#[tokio::test]
async fn nobody_listens() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    assert_eq!(why(&origin, &[]).await, Some(Why::Service));
}

#[tokio::test]
async fn the_name_is_not_found() {
    assert_eq!(why("https://regain.invalid", &[]).await, Some(Why::Offline));
}

#[tokio::test]
async fn the_service_takes_too_long() {
    let double = Double::start().await;
    double.next("start", Fault::AnswerNever);
    assert_eq!(why(&double.origin, &[]).await, Some(Why::Service));
}

#[tokio::test]
async fn somebody_elses_page_comes_in_place_of_the_answer() {
    let page = |status, kind| Fault::Instead(status, kind, "<html>Welcome to our WLAN</html>");
    for (fault, expected) in [
        (page(StatusCode::OK, "text/html"), Why::CaptivePortal),
        (page(StatusCode::FOUND, "text/html"), Why::CaptivePortal),
        (page(StatusCode::FOUND, "application/json"), Why::CaptivePortal),
        (page(StatusCode::FORBIDDEN, "text/html"), Why::CaptivePortal),
        (page(StatusCode::NETWORK_AUTHENTICATION_REQUIRED, "text/html"), Why::CaptivePortal),
        (page(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "text/html"), Why::Proxy),
        (page(StatusCode::BAD_GATEWAY, "text/html"), Why::Service),
        (page(StatusCode::OK, "application/json"), Why::Service),
        (Fault::Problem(StatusCode::MISDIRECTED_REQUEST, "unknown-host"), Why::Service),
    ] {
        let double = Double::start().await;
        double.next("start", fault.clone());
        assert_eq!(why(&double.origin, &[]).await, Some(expected), "{fault:?}");
        assert_eq!(double.seen("").len(), 1, "no redirect is followed");
    }
}

#[tokio::test]
async fn help_from_policy_is_there_without_the_service() {
    let home = tempfile::tempdir().unwrap();
    let mut policy = policy("https://regain.invalid", home.path(), &[]);
    policy.help = Some(Help { phone: Some("+49 30 1234".to_owned()), ..Help::default() });
    let started = serde_json::to_value(app(policy).start().await).unwrap();
    assert_eq!(started["kind"], "unreachable");
    assert_eq!(started["why"], "offline");
    assert_eq!(started["help"]["phone"], "+49 30 1234");
}

#[tokio::test]
async fn only_the_named_authority_is_trusted_and_only_for_its_host() {
    let ours = authority("Ours");
    let good = secure("localhost", &ours, |_| {}).await;
    assert_eq!(why(&good.origin, &[&ours]).await, None);
    assert_eq!(why(&good.origin, &[]).await, Some(Why::Certificate));
    let other = authority("Other");
    assert_eq!(why(&good.origin, &[&other]).await, Some(Why::Certificate));
    let elsewhere = secure("elsewhere.example", &ours, |_| {}).await;
    assert_eq!(why(&elsewhere.origin, &[&ours]).await, Some(Why::Certificate));
}

#[tokio::test]
async fn a_certificate_from_the_future_means_that_our_clock_is_wrong() {
    let ours = authority("Ours");
    let future = secure("localhost", &ours, |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
        params.not_after = date_time_ymd(4001, 1, 1);
    })
    .await;
    assert_eq!(why(&future.origin, &[&ours]).await, Some(Why::Clock));
    let past = secure("localhost", &ours, |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    })
    .await;
    assert_eq!(why(&past.origin, &[&ours]).await, Some(Why::Certificate));
}

/// The proxy is the system's, which on Linux is an environment variable; so the story runs in a
/// process of its own.
#[tokio::test]
async fn the_proxy_does_not_let_us_through() {
    if let Ok(origin) = env::var(BEHIND_PROXY) {
        assert_eq!(why(&origin, &[]).await, Some(Why::Proxy));
        return;
    }
    let refusing = Double::start().await;
    for proxy in [refusing.origin.as_str(), "http://127.0.0.1:9"] {
        // Only the proxy would look the name up.
        behind("the_proxy_does_not_let_us_through", proxy, "https://regain.invalid").await;
    }
    assert_eq!(refusing.seen("").len(), 1, "the proxy was asked");
}

/// This very machine is never reached by a proxy: it would see a token in clear.
#[tokio::test]
async fn this_machine_is_reached_without_the_proxy() {
    if let Ok(origin) = env::var(BEHIND_PROXY) {
        assert_eq!(why(&origin, &[]).await, None);
        return;
    }
    let double = Double::start().await;
    let test = "this_machine_is_reached_without_the_proxy";
    behind(test, "http://127.0.0.1:9", &double.origin).await;
}

async fn behind(test: &str, proxy: &str, origin: &str) {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", &format!("unreachable::{test}")])
        .env(BEHIND_PROXY, origin)
        .env("HTTPS_PROXY", proxy)
        .env("HTTP_PROXY", proxy)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{proxy}: {said}");
}

/// Why the service of this origin cannot be reached; none when it answers.
async fn why(origin: &str, authorities: &[&Authority]) -> Option<Why> {
    let home = tempfile::tempdir().unwrap();
    match app(policy(origin, home.path(), authorities)).start().await {
        Started::Ready(_) => None,
        Started::Unreachable { why, .. } => Some(why),
    }
}

fn policy(origin: &str, home: &Path, authorities: &[&Authority]) -> Policy {
    let mut text = format!("service = {origin:?}\nstate_dir = {:?}\n", home.join("state"));
    if !authorities.is_empty() {
        let pem: String = authorities.iter().map(|authority| authority.pem()).collect();
        let file = home.join("ca.pem");
        fs::write(&file, pem).unwrap();
        text.push_str(&format!("ca_file = {file:?}\n"));
    }
    let file = home.join("app.toml");
    fs::write(&file, text).unwrap();
    let mut policy = Policy::load(Some(&file)).unwrap();
    policy.store = secret_store::Kind::File;
    policy
}

fn app(policy: Policy) -> Controller {
    let patience =
        Patience { pauses: Vec::new(), answer: Duration::from_secs(2), clock_ahead_s: 120 };
    let rng = StdRng::seed_from_u64(1);
    Controller::new(policy, Mode::Desktop, patience, Arc::new(|| 1_000), rng)
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that proves itself by a certificate for `host`, whatever it is reached as.
struct Secure {
    origin: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn secure(
    host: &str,
    authority: &Authority,
    change: impl FnOnce(&mut CertificateParams),
) -> Secure {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, authority).unwrap();
    let config =
        RustlsConfig::from_pem(certificate.pem().into_bytes(), key.serialize_pem().into_bytes());
    let config = config.await.unwrap();
    let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let start =
        || async { ([("content-type", "application/json")], crate::double::start().to_string()) };
    let app = Router::new().route("/api/v1/start", get(start));
    let server = axum_server::from_tcp_rustls(listener, config).unwrap();
    let server = tokio::spawn(async move { server.serve(app.into_make_service()).await.unwrap() });
    Secure { origin, server }
}
