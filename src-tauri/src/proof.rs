//! The bot check: a proof of work, solved natively and ahead of time, so that nobody waits.

use std::time::Duration;

use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::host::statement::Signed;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// No honest price takes longer on any machine; a dishonest one must not keep a core busy.
const MOST_TIME: Duration = Duration::from_secs(60);
/// A challenge this close to its end may be past it when the answer arrives.
const MARGIN_S: i64 = 30;
/// Longest that a beginning waits for the device's key: the host may be looking for a domain
/// controller first, for ten seconds.
const SIGNING_TIME: Duration = Duration::from_secs(12);

/// A proof of work being solved, or solved.
pub(crate) struct Proof {
    expires_at: Option<i64>,
    solving: JoinHandle<Option<String>>,
    asserting: Option<JoinHandle<Option<Asserted>>>,
}

/// All that a beginning needs of one challenge.
pub(crate) struct Solved {
    /// The payload of the bot check.
    pub(crate) proof_of_work: String,
    /// That this is a device of ours, signed over the same challenge.
    pub(crate) asserted: Option<Asserted>,
}

/// What the host signed, and over what.
pub(crate) struct Asserted {
    pub(crate) nonce: [u8; 32],
    pub(crate) signed: Signed,
}

impl Proof {
    /// Begins to solve a challenge on a thread of its own.
    pub(crate) fn begin(challenge: Value) -> Self {
        let expires_at = challenge
            .pointer("/parameters/expiresAt")
            .and_then(Value::as_i64)
            .filter(|&at| at != 0);
        let solving = tokio::task::spawn_blocking(move || solve(&challenge));
        Self { expires_at, solving, asserting: None }
    }

    /// The same, while the host signs over it: a security chip takes its time.
    pub(crate) fn begin_asserted(
        challenge: Value,
        asserting: impl Future<Output = Option<Asserted>> + Send + 'static,
    ) -> Self {
        let asserting = Some(tokio::spawn(asserting));
        Self { asserting, ..Self::begin(challenge) }
    }

    /// Whether the service will still take it. Our own clock may be wrong; the service then
    /// refuses and a new challenge is solved.
    pub(crate) fn is_fresh(&self, unix_seconds: i64) -> bool {
        self.expires_at.is_none_or(|at| unix_seconds + MARGIN_S < at)
    }

    /// What `begin` needs; none when the challenge cannot be solved. A device that does not sign
    /// stops nobody.
    pub(crate) async fn solved(self) -> Option<Solved> {
        let proof_of_work = self.solving.await.ok().flatten()?;
        let asserted = match self.asserting {
            Some(asserting) => {
                let asserted = tokio::time::timeout(SIGNING_TIME, asserting).await;
                asserted.ok().and_then(Result::ok).flatten()
            }
            None => None,
        };
        Some(Solved { proof_of_work, asserted })
    }
}

/// The challenge goes back as it came, not as this version understands it: its signature covers
/// every field.
fn solve(challenge: &Value) -> Option<String> {
    let parsed: Challenge = serde_json::from_value(challenge.clone())
        .inspect_err(|error| tracing::warn!(%error, "the bot check is not understood"))
        .ok()?;
    let mut options = SolveChallengeOptions::new(&parsed);
    options.timeout_ms = u64::try_from(MOST_TIME.as_millis()).unwrap_or(u64::MAX);
    let solution = solve_challenge(options)
        .inspect_err(|error| tracing::warn!(%error, "the bot check cannot be solved"))
        .ok()??;
    let payload = json!({
        "challenge": challenge,
        "solution": {"counter": solution.counter, "derivedKey": solution.derived_key},
    });
    Some(STANDARD.encode(payload.to_string()))
}

#[cfg(test)]
mod tests {
    use altcha::{
        CreateChallengeOptions, Payload, VerifySolutionOptions, create_challenge, verify_solution,
    };

    use super::*;

    fn challenge(expires_at: Option<i64>) -> Value {
        let challenge = create_challenge(CreateChallengeOptions {
            algorithm: "SHA-256".to_owned(),
            cost: 1,
            key_prefix: "000".to_owned(),
            expires_at,
            hmac_signature_secret: Some("key".to_owned()),
            ..CreateChallengeOptions::default()
        });
        serde_json::to_value(challenge.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_solution_is_one_that_the_service_accepts() {
        let solved = Proof::begin(challenge(None)).solved().await.unwrap();
        assert!(solved.asserted.is_none());
        let payload = STANDARD.decode(solved.proof_of_work).unwrap();
        let payload: Payload = serde_json::from_slice(&payload).unwrap();
        let options = VerifySolutionOptions::new(&payload.challenge, &payload.solution, "key");
        assert!(verify_solution(options).unwrap().verified);
    }

    #[tokio::test]
    async fn an_old_challenge_is_not_used() {
        let proof = Proof::begin(challenge(Some(1_000)));
        assert!(proof.is_fresh(900) && !proof.is_fresh(971));
        assert!(Proof::begin(challenge(None)).is_fresh(i64::MAX - MARGIN_S));
    }

    #[tokio::test]
    async fn a_challenge_that_is_none_has_no_solution() {
        assert!(Proof::begin(json!({"parameters": {}})).solved().await.is_none());
    }
}
