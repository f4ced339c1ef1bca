//! The unseen bot check: a stateless signed proof of work (design decision 13). It is cost, not
//! proof; every limit holds without it (catalogue BOT-01). Nothing is written before a valid
//! solution, and each is good once.

use std::collections::BTreeMap;

use altcha::{
    Challenge, CreateChallengeOptions, Payload, VerifySolutionOptions, create_challenge,
    verify_solution,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::id::TenantId;
use recovery::{Times, Timestamp};
use serde_json::{Value, json};

use crate::{
    keys::{Keys, Purpose},
    service::Service,
};

/// Most bytes of a solution's text.
const MAX_TEXT: usize = 4096;

/// How many times the price at rest: by what came from the same source already (`left` of
/// `most`), and by the tenant's breaker. Never by name.
pub(super) fn price(most: u32, left: u32, breaker_tripped: bool) -> u32 {
    let used = most.saturating_sub(left);
    let by_source = match () {
        () if used * 2 > most => 4,
        () if used * 4 > most => 2,
        () => 1,
    };
    if breaker_tripped { by_source.max(2) * 2 } else { by_source }
}

/// A challenge for this tenant, now.
pub(super) fn challenge(
    service: &Service,
    tenant: TenantId,
    price: u32,
) -> Result<Value, altcha::Error> {
    let issued = json!(service.now().0);
    let challenge = create_challenge(CreateChallengeOptions {
        algorithm: "PBKDF2/SHA-256".to_owned(),
        cost: service.config.bot_check.rounds.saturating_mul(price),
        key_prefix: "00".to_owned(),
        data: Some(BTreeMap::from([
            ("issued".to_owned(), issued),
            ("tenant".to_owned(), json!(tenant.to_string())),
        ])),
        hmac_signature_secret: Some(service.keys.bot_check_secret()),
        ..CreateChallengeOptions::default()
    })?;
    Ok(serde_json::to_value(challenge).unwrap_or_default())
}

/// A solution that holds: what to claim, so that it holds once.
pub(super) struct Solved {
    /// The challenge's nonce.
    pub(super) nonce: String,
    /// The key of the one-time claim.
    pub(super) claim: [u8; 32],
    /// When the claim may be forgotten.
    pub(super) expires_at: Timestamp,
}

/// Checks a solution; `None` when it does not hold.
pub(super) fn verify(keys: &Keys, tenant: TenantId, text: &str, now: Timestamp) -> Option<Solved> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let payload: Payload = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    let issued = issued_at(&payload.challenge, tenant)?;
    let expires_at = issued.plus(Times::BOT_CHECK);
    if now >= expires_at || issued > now {
        return None;
    }
    let options =
        VerifySolutionOptions::new(&payload.challenge, &payload.solution, keys.bot_check_secret());
    let nonce = payload.challenge.parameters.nonce.clone();
    let claim = keys.hash(Purpose::BotCheck, &[nonce.as_bytes()]);
    verify_solution(options).ok()?.verified.then_some(Solved { nonce, claim, expires_at })
}

fn issued_at(challenge: &Challenge, tenant: TenantId) -> Option<Timestamp> {
    let data = challenge.parameters.data.as_ref()?;
    let for_tenant = data.get("tenant")?.as_str()? == tenant.to_string();
    for_tenant.then_some(Timestamp(data.get("issued")?.as_i64()?))
}

#[cfg(test)]
mod tests {
    use super::price;

    #[test]
    fn the_price_rises_with_what_came_from_there_and_with_the_breaker() {
        assert_eq!(price(300, 300, false), 1);
        assert_eq!(price(300, 200, false), 2);
        assert_eq!(price(300, 0, false), 4);
        assert_eq!(price(300, 300, true), 4);
        assert_eq!(price(300, 0, true), 8);
    }
}
