//! The link against a peer that keeps the rules, and against ones that do not.

use std::sync::Mutex;

use ed25519_dalek::{Signature, Signer as _};
use protocol::{
    agent::{Hello, Proof, Welcome},
    bytes::Bytes,
    directory::ExternalId,
    link_key::LinkKeySuccessor,
};
use rand::{SeedableRng as _, rngs::StdRng};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::handshake::server::{ErrorResponse, Request, Response},
};
use uuid::Uuid;

use super::*;
use crate::config::Config;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;

const AGENT: AgentId = AgentId(Uuid::from_u128(5));

fn agent_key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn service_key() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

/// The service's end, as the protocol demands it.
struct ServiceEnd {
    socket: WebSocketStream<TcpStream>,
    session: LinkSession,
    key: SigningKey,
}

struct Service {
    listener: TcpListener,
    origin: String,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, origin }
    }

    async fn accept(&self, subprotocol: &'static str) -> WebSocketStream<TcpStream> {
        let (stream, _) = self.listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the library's callback")]
        let answer =
            |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
                assert_eq!(request.uri().path(), "/api/v1/agents/link");
                assert_eq!(request.headers()["sec-websocket-protocol"], "regain.agent.1");
                let header = subprotocol.parse().unwrap();
                response.headers_mut().insert("sec-websocket-protocol", header);
                Ok(response)
            };
        accept_hdr_async(stream, answer).await.unwrap()
    }

    /// Accepts a link, proving `key`; the agent's proof is checked.
    async fn link(&self, key: SigningKey) -> ServiceEnd {
        let mut socket = self.accept("regain.agent.1").await;
        let hello: Hello = hear(&mut socket).await.unwrap();
        assert_eq!(hello.agent, AGENT);
        let nonce = Bytes(vec![7; 32]);
        let session = LinkSession::new(AGENT, &hello.nonce, &nonce);
        let unix_millis = 1_800_000_000_000;
        let signature = Bytes(key.sign(&session.service_proof(unix_millis)).to_bytes().to_vec());
        say(&mut socket, &Welcome { nonce, unix_millis, signature }).await;
        if let Some(proof) = hear::<Proof>(&mut socket).await {
            let signature = Signature::from_bytes(&proof.signature.array().unwrap());
            let key = agent_key().verifying_key();
            key.verify_strict(&session.agent_proof(), &signature).unwrap();
        }
        ServiceEnd { socket, session, key }
    }
}

impl ServiceEnd {
    fn frame(&self, number: u64, request: u64) -> SignedFrame {
        SignedFrame::sign(&order(request), number, Direction::ToAgent, &self.session, &self.key)
            .unwrap()
    }

    async fn send(&mut self, frame: &SignedFrame) {
        say(&mut self.socket, frame).await;
    }

    async fn report(&mut self, number: u64) -> Option<Report> {
        let frame: SignedFrame = hear(&mut self.socket).await?;
        let key = agent_key().verifying_key();
        frame.open(number, Direction::ToService, &self.session, &key)
    }
}

fn order(request: u64) -> Order {
    Order::Status { request, account: ExternalId("x".to_owned()) }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, message: &impl Serialize) {
    let text = serde_json::to_string(message).unwrap();
    socket.send(Message::Text(text.into())).await.unwrap();
}

async fn hear<T: DeserializeOwned>(socket: &mut WebSocketStream<TcpStream>) -> Option<T> {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => Some(serde_json::from_str(&text).unwrap()),
        _ => None,
    }
}

/// How a newer link key, and its being in force, are noted.
const TOLD: u64 = 1_000;
const IN_FORCE: u64 = 1_001;

/// Notes which orders were taken.
#[derive(Default)]
struct Taken(Mutex<Vec<u64>>);

impl Peer for Taken {
    fn take(&self, order: Order, _: ServiceTime) {
        let noted = match order {
            Order::Status { request, .. } => request,
            Order::LinkKey(_) => TOLD,
            Order::LinkKeyInForce { .. } => IN_FORCE,
            Order::Change(_)
            | Order::Recipients(_)
            | Order::Synchronise
            | Order::IdentityStored { .. }
            | Order::NotApproved
            | Order::Stored { .. } => panic!("another order"),
        };
        self.0.lock().unwrap().push(noted);
    }

    fn heartbeat(&self) -> Vec<Report> {
        Vec::new()
    }

    fn news(&self) -> Vec<Report> {
        Vec::new()
    }

    fn has_new_keys(&self) -> bool {
        false
    }
}

async fn open(origin: &str) -> Result<Link, LinkError> {
    open_through(&config(""), origin).await
}

async fn open_through(config: &Config, origin: &str) -> Result<Link, LinkError> {
    open_accepting(config, origin, &[service_key().verifying_key()]).await
}

async fn open_accepting(
    config: &Config,
    origin: &str,
    link_keys: &[VerifyingKey],
) -> Result<Link, LinkError> {
    let identity = agent_key();
    let ends = Ends { agent: AGENT, identity: &identity, successor: None, link_keys };
    let mut rng = StdRng::seed_from_u64(3);
    Link::open(&Way::new(config).unwrap(), origin, &ends, &mut rng).await
}

/// The least that a configuration must say, and `more`.
fn config(more: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let password = folder.path().join("password");
    std::fs::write(&password, "unused").unwrap();
    let text = format!(
        "[agent]\nname = \"lab\"\ndata_dir = \"x\"\n[active_directory]\n\
         controllers = [\"ldaps://dc1\"]\naccount = \"svc\"\npassword_file = \"{}\"\n\
         subtrees = [\"OU=People,DC=x\"]\n{more}",
        password.display()
    );
    std::fs::write(&file, text).unwrap();
    Config::load(&file, &[]).unwrap()
}

/// Serves a link while `service` plays its part; the orders taken and why the link ended.
async fn play<F: Future<Output = ()>>(
    service: impl FnOnce(ServiceEnd) -> F,
) -> (Vec<u64>, LinkError) {
    let listening = Service::start().await;
    let taken = Taken::default();
    let agent = async {
        let (_reports, mut waiting) = mpsc::channel(1);
        open(&listening.origin)
            .await
            .unwrap()
            .serve(&taken, &mut waiting, &mut KeepAlive::default(), None)
            .await
    };
    let service = async { service(listening.link(service_key()).await).await };
    let (error, ()) = tokio::join!(agent, service);
    (taken.0.into_inner().unwrap(), error)
}

#[tokio::test]
async fn both_ends_prove_themselves_and_frames_go_both_ways() {
    let listening = Service::start().await;
    let taken = Taken::default();
    let (reports, mut waiting) = mpsc::channel(8);
    let agent = async {
        let link = open(&listening.origin).await.unwrap();
        assert!(link.service_time.unix_millis() >= 1_800_000_000_000);
        link.serve(&taken, &mut waiting, &mut KeepAlive::default(), None).await
    };
    let service = async {
        let mut end = listening.link(service_key()).await;
        for number in 0..3 {
            end.send(&end.frame(number, 10 + number)).await;
            reports.send(Report::Heartbeat { directory_reachable: true }).await.unwrap();
            assert!(matches!(end.report(number).await, Some(Report::Heartbeat { .. })));
        }
        end.socket.close(None).await.unwrap();
    };
    let (error, ()) = tokio::join!(agent, service);
    assert!(matches!(error, LinkError::Closed), "{error}");
    assert_eq!(*taken.0.lock().unwrap(), [10, 11, 12]);
}

#[tokio::test]
async fn an_agent_that_is_not_approved_is_told_so() {
    let (taken, error) = play(async |mut end: ServiceEnd| {
        let order = Order::NotApproved;
        let frame = SignedFrame::sign(&order, 0, Direction::ToAgent, &end.session, &end.key);
        end.send(&frame.unwrap()).await;
    })
    .await;
    assert_eq!(taken, [0; 0]);
    assert!(matches!(error, LinkError::NotApproved), "{error}");
}

#[tokio::test]
async fn a_service_with_another_key_gets_no_proof_and_no_link() {
    let listening = Service::start().await;
    let impostor = async {
        let mut socket = listening.accept("regain.agent.1").await;
        let hello: Hello = hear(&mut socket).await.unwrap();
        let nonce = Bytes(vec![7; 32]);
        let session = LinkSession::new(AGENT, &hello.nonce, &nonce);
        let signature = SigningKey::from_bytes(&[9; 32]).sign(&session.service_proof(1));
        let signature = Bytes(signature.to_bytes().to_vec());
        say(&mut socket, &Welcome { nonce, unix_millis: 1, signature }).await;
        hear::<Proof>(&mut socket).await.is_none()
    };
    let (opened, got_no_proof) = tokio::join!(open(&listening.origin), impostor);
    assert!(matches!(opened.err(), Some(LinkError::WrongKey)));
    assert!(got_no_proof);
}

#[tokio::test]
async fn the_proof_of_an_earlier_link_or_another_time_is_refused() {
    for (nonce_in_proof, time_in_proof) in [(vec![8; 32], 1), (vec![7; 32], 2)] {
        let listening = Service::start().await;
        let replaying = async {
            let mut socket = listening.accept("regain.agent.1").await;
            let _: Hello = hear(&mut socket).await.unwrap();
            let hello_before = Bytes(nonce_in_proof);
            let session = LinkSession::new(AGENT, &hello_before, &Bytes(vec![7; 32]));
            let signature = service_key().sign(&session.service_proof(time_in_proof));
            let signature = Bytes(signature.to_bytes().to_vec());
            say(&mut socket, &Welcome { nonce: Bytes(vec![7; 32]), unix_millis: 1, signature })
                .await;
            hear::<Proof>(&mut socket).await.is_none()
        };
        let (opened, got_no_proof) = tokio::join!(open(&listening.origin), replaying);
        assert!(matches!(opened.err(), Some(LinkError::WrongKey)));
        assert!(got_no_proof);
    }
}

#[tokio::test]
async fn a_repeated_frame_ends_the_link_and_is_taken_once() {
    let (taken, error) = play(async |mut end: ServiceEnd| {
        let frame = end.frame(0, 1);
        end.send(&frame).await;
        end.send(&frame).await;
        assert!(hear::<SignedFrame>(&mut end.socket).await.is_none());
    })
    .await;
    assert_eq!(taken, [1]);
    assert!(matches!(error, LinkError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn swapped_and_dropped_frames_end_the_link() {
    let (taken, error) = play(async |mut end: ServiceEnd| {
        let (first, second) = (end.frame(0, 1), end.frame(1, 2));
        end.send(&second).await;
        end.send(&first).await;
    })
    .await;
    assert_eq!(taken, [0; 0]);
    assert!(matches!(error, LinkError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn an_edited_frame_ends_the_link() {
    let edits: [fn(&mut SignedFrame); 3] = [
        |frame| frame.body = frame.body.replace("\"x\"", "\"y\""),
        |frame| frame.signature.0[5] ^= 1,
        |frame| frame.signature.0.truncate(63),
    ];
    for edit in edits {
        let (taken, error) = play(async |mut end: ServiceEnd| {
            let mut frame = end.frame(0, 1);
            edit(&mut frame);
            end.send(&frame).await;
        })
        .await;
        assert_eq!(taken, [0; 0]);
        assert!(matches!(error, LinkError::Protocol(_)), "{error}");
    }
}

#[tokio::test]
async fn frames_of_another_link_another_key_or_the_other_direction_end_the_link() {
    for case in 0..3 {
        let (taken, error) = play(async |mut end: ServiceEnd| {
            let other_link = LinkSession::new(AGENT, &Bytes(vec![1; 32]), &Bytes(vec![2; 32]));
            let other_key = SigningKey::from_bytes(&[9; 32]);
            let (direction, session, key) = match case {
                0 => (Direction::ToAgent, &other_link, &end.key),
                1 => (Direction::ToAgent, &end.session, &other_key),
                _ => (Direction::ToService, &end.session, &end.key),
            };
            let frame = SignedFrame::sign(&order(1), 0, direction, session, key).unwrap();
            end.send(&frame).await;
        })
        .await;
        assert_eq!(taken, [0; 0]);
        assert!(matches!(error, LinkError::Protocol(_)), "{error}");
    }
}

/// The service's next link key.
fn next_key() -> SigningKey {
    SigningKey::from_bytes(&[6; 32])
}

impl ServiceEnd {
    async fn say(&mut self, number: u64, order: &Order, key: &SigningKey) {
        let frame = SignedFrame::sign(order, number, Direction::ToAgent, &self.session, key);
        self.send(&frame.unwrap()).await;
    }

    async fn tell(&mut self, number: u64, by: &SigningKey, next: &SigningKey) {
        let said = LinkKeySuccessor::sign(by, (2, next), &self.session);
        self.say(number, &Order::LinkKey(said), &service_key()).await;
    }
}

fn in_force(key: &SigningKey) -> Order {
    Order::LinkKeyInForce { key: Bytes(key.verifying_key().as_bytes().to_vec()) }
}

#[tokio::test]
async fn a_newer_link_key_takes_over_in_the_middle_of_a_link_and_the_old_one_signs_nothing_more() {
    let (taken, error) = play(async |mut end: ServiceEnd| {
        end.tell(0, &service_key(), &next_key()).await;
        end.say(1, &order(1), &service_key()).await;
        end.say(2, &in_force(&next_key()), &next_key()).await;
        end.say(3, &order(2), &next_key()).await;
        end.say(4, &order(3), &service_key()).await;
    })
    .await;
    assert_eq!(taken, [TOLD, 1, IN_FORCE, 2]);
    assert!(matches!(error, LinkError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn a_newer_link_key_without_the_known_one_s_word_or_before_it_signs_ends_the_link() {
    let thief = SigningKey::from_bytes(&[9; 32]);
    let (taken, error) = play(async |mut end: ServiceEnd| {
        end.tell(0, &thief, &thief).await;
    })
    .await;
    assert_eq!(taken, [0; 0]);
    assert!(matches!(error, LinkError::Protocol(_)), "{error}");

    // Said by the old key: the new one has proved nothing yet.
    let (taken, error) = play(async |mut end: ServiceEnd| {
        end.tell(0, &service_key(), &next_key()).await;
        end.say(1, &in_force(&next_key()), &service_key()).await;
    })
    .await;
    assert_eq!(taken, [TOLD]);
    assert!(matches!(error, LinkError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn each_key_that_counts_proves_the_link_and_tells_which_it_was() {
    let (old, new) = (service_key(), next_key());
    let both = [old.verifying_key(), new.verifying_key()];
    for key in [old.clone(), new.clone()] {
        let listening = Service::start().await;
        let (proved, config) = (key.verifying_key(), config(""));
        let (opened, _) =
            tokio::join!(open_accepting(&config, &listening.origin, &both), listening.link(key));
        assert_eq!(opened.ok().unwrap().link_key, proved);
    }
    // The old one stolen, and dropped here.
    let listening = Service::start().await;
    let (config, kept) = (config(""), [new.verifying_key()]);
    let opening = open_accepting(&config, &listening.origin, &kept);
    let (opened, _) = tokio::join!(opening, listening.link(old));
    assert!(matches!(opened.err(), Some(LinkError::WrongKey)));
}

#[tokio::test]
async fn what_is_no_frame_or_too_large_ends_the_link() {
    for text in ["{}".to_owned(), "no json".to_owned(), "x".repeat(MAX_FRAME + 1)] {
        let (taken, error) = play(async |mut end: ServiceEnd| {
            let _ = end.socket.send(Message::Text(text.into())).await;
        })
        .await;
        assert_eq!(taken, [0; 0]);
        assert!(matches!(error, LinkError::Protocol(_) | LinkError::Unreachable(_)), "{error}");
    }
}

#[tokio::test]
async fn a_service_that_speaks_another_protocol_or_none_is_refused() {
    let listening = Service::start().await;
    let (opened, _) = tokio::join!(open(&listening.origin), listening.accept("something.else"));
    assert!(matches!(opened.err(), Some(LinkError::Protocol(_))));

    let plain = Service::start().await;
    let answering = async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = plain.listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    };
    let (opened, ()) = tokio::join!(open(&plain.origin), answering);
    assert!(matches!(opened.err(), Some(LinkError::Refused(404))));
}

#[test]
fn waits_grow_to_a_minute_and_differ() {
    let mut rng = StdRng::seed_from_u64(1);
    for tries in 0..40 {
        let wait = backoff(tries, &mut rng);
        let full = Duration::from_secs(1 << tries.min(6)).min(Duration::from_secs(60));
        assert!(wait >= full / 2 && wait <= full, "{tries}: {wait:?}");
    }
    assert_ne!(backoff(9, &mut rng), backoff(9, &mut rng));
}

#[tokio::test(start_paused = true)]
async fn other_traffic_does_not_say_that_the_agent_lives() {
    let keep_alive = KeepAlive::default();
    let began = Instant::now();
    let mut pulse = Pulse::at(began);
    for _ in 0..30 {
        tokio::time::advance(Duration::from_secs(20)).await;
        pulse.moved();
        assert!(pulse.next_ping(&keep_alive) <= began + keep_alive.every());
    }
}
