//! `regain-service serve`

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum_server::{Handle, accept::NoDelayAcceptor, tls_rustls::RustlsConfig};
use clap::Args;
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::{ConfigFile, Opened, say};
use crate::{http, jobs, service::Service};

/// A request's headers come within this time and size.
const HEADERS: Duration = Duration::from_secs(10);
const MAX_HEADERS: usize = 128 * 1024;
/// How long open requests may take when the service stops.
const GRACE: Duration = Duration::from_secs(10);

/// Answers requests until it is told to stop.
#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
    /// Address and port to listen on, over the configuration's.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        start_log();
        // The one provider of cryptography for TLS; a second one would be a mistake of ours.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut opened = Opened::open(&self.config).await?;
        if let Some(listen) = self.listen {
            opened.config.http.listen = listen;
        }
        let service = opened.service()?;
        jobs::start(&service);
        serve(service).await?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn serve(service: Arc<Service>) -> anyhow::Result<()> {
    let config = service.config.http.clone();
    let listener = std::net::TcpListener::bind(config.listen)
        .with_context(|| format!("cannot listen on {} (`http.listen`)", config.listen))?;
    listener.set_nonblocking(true)?;
    let listen = listener.local_addr()?;
    let router = http::router(&service).into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    tokio::spawn(stop_on_signal(handle.clone()));
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let origin = format!("{scheme}://localhost:{}", listen.port());
    say(&json!({ "ready": true, "listen": listen, "origin": origin }).to_string())?;
    match config.tls {
        Some(tls) => {
            let files = RustlsConfig::from_pem_file(&tls.certificate, &tls.key).await;
            let files = files.context("`http.tls` certificate and key cannot be used")?;
            let server = axum_server::from_tcp_rustls(listener, files)?.handle(handle);
            let mut server = server.map(|tls| tls.acceptor(NoDelayAcceptor::new()));
            bound_slow_clients(server.http_builder());
            server.serve(router).await?;
        }
        None => {
            let server = axum_server::from_tcp(listener)?.handle(handle);
            // A short answer is sent at once, and not when the one before was acknowledged.
            let mut server = server.acceptor(NoDelayAcceptor::new());
            bound_slow_clients(server.http_builder());
            server.serve(router).await?;
        }
    }
    Ok(())
}

/// Nobody holds a connection by sending slowly, or many requests in one (catalogue NET-07,
/// NET-09).
fn bound_slow_clients(builder: &mut Builder<TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(16 * 1024)
        .keep_alive_interval(Some(Duration::from_secs(30)));
}

async fn stop_on_signal(handle: Handle<SocketAddr>) {
    let interrupted = tokio::signal::ctrl_c();
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupted => {}
        _ = terminated => {}
    }
    handle.graceful_shutdown(Some(GRACE));
}

/// The log goes to standard error, as JSON: no code, password, token or address is ever in it.
fn start_log() {
    let filter = EnvFilter::try_from_env("REGAIN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
}
