//! Through an HTTP proxy: the real program, a real proxy (tinyproxy), TLS inside the tunnel, and
//! what is said when the proxy does not let it through.

#![expect(clippy::unwrap_used, reason = "a story stops at the first surprise")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::ws::WebSocketUpgrade, routing::any, routing::post};
use axum_server::tls_rustls::RustlsConfig;
use ed25519_dalek::SigningKey;
use protocol::{
    agent::{Enrol, Enrolled, EnrolmentCode},
    bytes::Bytes,
    id::{AgentId, DirectoryId, TenantId},
    sealed::fingerprint,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::mpsc};
use uuid::Uuid;

const USER: &str = "regain-agent";
const PASSWORD: &str = "Through-the-wall-7";
const SECRET: [u8; 32] = [6; 32];
const PATIENCE: Duration = Duration::from_secs(20);

/// A service behind TLS, far enough to enrol and to ask for a link.
struct Service {
    _runtime: Runtime,
    address: SocketAddr,
    links: mpsc::Receiver<()>,
}

impl Service {
    fn start(folder: &Path) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("ca.pem"), made.cert.pem()).unwrap();
        let (pem, key) = (made.cert.pem().into_bytes(), made.signing_key.serialize_pem());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, links) = mpsc::channel(8);
        let link = move |upgrade: WebSocketUpgrade| async move {
            tell.send(()).await.unwrap();
            upgrade.protocols(["regain.agent.1"]).on_upgrade(async |_| {})
        };
        let app = Router::new()
            .route("/api/v1/agents/enrol", post(enrol))
            .route("/api/v1/agents/link", any(link));
        let runtime = Runtime::new().unwrap();
        runtime.spawn(async move {
            let tls = RustlsConfig::from_pem(pem, key.into_bytes()).await.unwrap();
            let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
            server.serve(app.into_make_service()).await
        });
        Self { _runtime: runtime, address, links }
    }

    fn code(&self) -> String {
        let code = EnrolmentCode {
            id: Bytes(vec![5; 16]),
            secret: SECRET.to_vec().into(),
            link_key_fingerprint: fingerprint(link_key().verifying_key().as_bytes()),
            origin: format!("https://localhost:{}", self.address.port()),
        };
        code.to_text()
    }
}

async fn enrol(Json(enrol): Json<Enrol>) -> Json<Enrolled> {
    assert!(enrol.is_proved(&SECRET));
    let id = Uuid::from_u128;
    let ids = (AgentId(id(1)), TenantId(id(2)), DirectoryId(id(3)));
    Json(Enrolled::sign(&enrol, ids, false, &link_key()))
}

fn link_key() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

/// The proxy; ended with the value.
struct Proxy {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Proxy {
    /// One that lets its user CONNECT to this port alone.
    fn start(folder: &Path, to: u16) -> Self {
        let port = free_port();
        let log = folder.join("proxy.log");
        std::fs::write(&log, "").unwrap();
        let file = folder.join("proxy.conf");
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 20\nAllow 127.0.0.1\n\
             LogFile \"{}\"\nLogLevel Connect\nBasicAuth {USER} {PASSWORD}\nConnectPort {to}\n",
            log.display()
        );
        std::fs::write(&file, text).unwrap();
        let child = Command::new("tinyproxy")
            .args(["-d", "-c"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy is missing: cargo xtask setup installs it");
        until("the proxy", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port, log }
    }

    fn tunnels(&self) -> usize {
        std::fs::read_to_string(&self.log).unwrap().matches("CONNECT localhost").count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[expect(clippy::disallowed_methods, reason = "waits for real programs")]
fn until(what: &str, mut look: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !look() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The agent's program with this `[proxy]` section.
fn agent(folder: &Path, verb: &str, section: &str) -> Command {
    let password = folder.join("password");
    std::fs::write(&password, "unused").unwrap();
    let text = format!(
        "[agent]\nname = \"lab\"\ndata_dir = \"{at}/data\"\nsecrets = \"file\"\n\
         [service]\nca_file = \"{at}/ca.pem\"\n{section}\n[active_directory]\n\
         controllers = [\"ldaps://127.0.0.1:1\"]\naccount = \"svc\"\npassword_file = \"{}\"\n\
         subtrees = [\"OU=People,DC=x\"]\n[log]\nfilter = \"trace\"\n",
        password.display(),
        at = folder.display(),
    );
    std::fs::write(folder.join("agent.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_regain-agent"));
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"]
    {
        command.env_remove(variable);
    }
    command.arg(verb).arg("--config").arg(folder.join("agent.toml"));
    command
}

fn section(folder: &Path, port: u16, password: &str) -> String {
    let file = folder.join("proxy.password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    format!(
        "[proxy]\nurl = \"http://127.0.0.1:{port}\"\nuser = \"{USER}\"\npassword_file = \"{}\"",
        file.display()
    )
}

fn run(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What enrolment says; it must not work.
fn refusal(command: Command, code: &str) -> String {
    let output = run(command, code);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let encoded = "cmVnYWluLWFnZW50OlRocm91Z2gtdGhlLXdhbGwtNw";
    assert!(!said.contains(PASSWORD) && !said.contains(encoded), "the password in: {said}");
    said
}

#[test]
fn enrolment_and_link_go_through_the_configured_proxy() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let mut service = Service::start(at);
    let proxy = Proxy::start(at, service.address.port());
    let section = section(at, proxy.port, PASSWORD);
    let enrolled = run(agent(at, "enrol", &section), &service.code());
    assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
    let log = String::from_utf8(enrolled.stderr).unwrap();
    assert!(!log.contains(PASSWORD), "the password in: {log}");
    assert_eq!(proxy.tunnels(), 1);

    let mut running = agent(at, "run", &section);
    let mut running = running.stderr(Stdio::null()).spawn().unwrap();
    service.links.blocking_recv().unwrap();
    assert_eq!(proxy.tunnels(), 2);
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn the_systems_proxy_is_taken_where_none_is_configured() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let service = Service::start(at);
    let proxy = Proxy::start(at, service.address.port());
    let of_system = |password: &str| {
        let mut command = agent(at, "enrol", "");
        let url = format!("http://{USER}:{password}@127.0.0.1:{}", proxy.port);
        command.env("HTTPS_PROXY", url);
        command
    };
    let said = refusal(of_system("wrong"), &service.code());
    assert!(said.contains("the system's proxy (HTTPS_PROXY) refused to connect"), "{said}");
    let asked = proxy.tunnels();
    let enrolled = run(of_system(PASSWORD), &service.code());
    assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
    assert_eq!(proxy.tunnels(), asked + 1);
}

#[test]
fn each_way_that_a_proxy_does_not_let_through_is_said_in_words() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let service = Service::start(at);
    let proxy = Proxy::start(at, service.address.port());
    let said = refusal(agent(at, "enrol", &section(at, proxy.port, "wrong")), &service.code());
    // This proxy does not tell a wrong password from a refusal; others ask for it again.
    assert!(said.contains("and check user and password"), "{said}");
    let nobody = format!("[proxy]\nurl = \"http://127.0.0.1:{}\"", proxy.port);
    let said = refusal(agent(at, "enrol", &nobody), &service.code());
    assert!(said.contains("wants a user and a password"), "{said}");
    drop(proxy);

    let elsewhere = Proxy::start(at, 1);
    let said = refusal(agent(at, "enrol", &section(at, elsewhere.port, PASSWORD)), &service.code());
    assert!(said.contains("refused to connect to the service"), "{said}");
    drop(elsewhere);

    let said = refusal(agent(at, "enrol", &section(at, free_port(), PASSWORD)), &service.code());
    assert!(said.contains("cannot be reached: check its address"), "{said}");

    // Something that is no proxy.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        stream.write_all(b"220 mail.example.org ESMTP\r\n").unwrap();
    });
    let said = refusal(agent(at, "enrol", &section(at, port, PASSWORD)), &service.code());
    assert!(said.contains("127.0.0.1"), "{said}");
    assert!(said.contains("refused to connect") || said.contains("did not answer"), "{said}");
    silent.join().unwrap();

    // Nothing was stored on the way, and what is excepted goes directly.
    let direct = format!("{}\nno_proxy = [\"localhost\"]", section(at, free_port(), PASSWORD));
    let enrolled = run(agent(at, "enrol", &direct), &service.code());
    assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
}
