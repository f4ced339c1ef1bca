//! The opening of a link: HTTP upgrade to a WebSocket, then the mutual proof on fresh nonces.

use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use protocol::{
    VERSION,
    agent::{Hello, LinkSession, Proof, Successor, Welcome},
    bytes::Bytes,
};
use rand::CryptoRng;
use reqwest::{StatusCode, Upgraded, header};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::{Ends, Link, LinkError, ServiceTime, wire::Wire};
use crate::way::Way;

/// The name of this protocol in the upgrade.
const SUBPROTOCOL: &str = "regain.agent.1";

/// Asks the service for a WebSocket and checks that it gave one.
pub(super) async fn upgrade(way: &Way, origin: &str) -> Result<Upgraded, LinkError> {
    let key = generate_key();
    let answer = way
        .client()
        .get(format!("{origin}/api/v1/agents/link"))
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .send()
        .await
        .map_err(|error| LinkError::NoWay(way.words(&error)))?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(LinkError::Refused(answer.status().as_u16()));
    }
    let says = |name, value: &str| answer.headers().get(name).is_some_and(|said| said == value);
    if !says(header::SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key.as_bytes())) {
        return Err(LinkError::Cut("what was to become a WebSocket is none".to_owned()));
    }
    if !says(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(LinkError::Protocol("another protocol in the WebSocket"));
    }
    answer.upgrade().await.map_err(|error| LinkError::NoWay(way.words(&error)))
}

/// Proves both ends: the service first, so that a stranger learns nothing but our id.
pub(super) async fn prove(
    mut wire: Wire,
    ends: &Ends<'_>,
    rng: &mut (impl CryptoRng + Send),
) -> Result<Link, LinkError> {
    let mut nonce = vec![0; 32];
    rng.fill_bytes(&mut nonce);
    let hello = Hello { version: VERSION, agent: ends.agent, nonce: Bytes(nonce) };
    // The service reads its clock after this moment: a slow way makes orders end early, not late.
    let at = Instant::now();
    say(&mut wire, &hello).await?;
    let welcome: Welcome = hear(&mut wire).await?;
    if welcome.nonce.0.len() != 32 {
        return Err(LinkError::Protocol("a nonce of another length"));
    }
    let session = LinkSession::new(ends.agent, &hello.nonce, &welcome.nonce);
    let signature = welcome.signature.array::<64>().ok_or(LinkError::WrongKey)?;
    let proof = session.service_proof(welcome.unix_millis);
    let signature = Signature::from_bytes(&signature);
    let proves = |key: &&VerifyingKey| key.verify_strict(&proof, &signature).is_ok();
    let link_key = *ends.link_keys.iter().find(proves).ok_or(LinkError::WrongKey)?;
    let signature = ends.identity.sign(&session.agent_proof());
    let successor = ends.successor.map(|new| Successor::sign(ends.identity, new, &session));
    let signature = Bytes(signature.to_bytes().to_vec());
    say(&mut wire, &Proof { signature, successor }).await?;
    Ok(Link {
        wire,
        session,
        identity: ends.successor.unwrap_or(ends.identity).clone(),
        link_key,
        next: None,
        sent: 0,
        received: 0,
        service_time: ServiceTime::new(welcome.unix_millis, at),
    })
}

async fn say(wire: &mut Wire, message: &impl Serialize) -> Result<(), LinkError> {
    let text = serde_json::to_string(message)
        .map_err(|_| LinkError::Protocol("a message without a JSON form"))?;
    wire.send(text).await
}

async fn hear<T: DeserializeOwned>(wire: &mut Wire) -> Result<T, LinkError> {
    let text = wire.next_text().await?;
    serde_json::from_str(&text).map_err(|_| LinkError::Protocol("another first frame"))
}
