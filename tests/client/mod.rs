//! What a client of the HTTP API does by hand where a story or a figure is about the calls
//! themselves: the first body, the bot check, the seal. Shared by targets; the lab's library
//! knows nothing of the product.

use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use password::NewPassword;
use protocol::{
    api::Draws,
    sealed::{Binding, RecipientList, SealedPassword},
};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

/// The body that begins a recovery, with the bot check of this start solved.
///
/// # Errors
/// When the bot check cannot be solved.
pub(crate) fn beginning(start: &Value, user_id: &str) -> Result<Value> {
    Ok(json!({
        "proof_of_work": solve(&start["challenge"])?,
        "user_id": user_id,
        "reason": "cant-sign-in",
        "draws": Draws::everything(),
        "language": "en",
        "tenant": null,
    }))
}

fn solve(challenge: &Value) -> Result<String> {
    let parsed: Challenge = serde_json::from_value(challenge.clone())?;
    let mut options = SolveChallengeOptions::new(&parsed);
    options.timeout_ms = 60_000;
    let solution = solve_challenge(options)?.context("the bot check has no solution")?;
    let payload = json!({
        "challenge": challenge,
        "solution": { "counter": solution.counter, "derivedKey": solution.derived_key },
    });
    Ok(STANDARD.encode(payload.to_string()))
}

/// A password, sealed as this stage of a view asks for it.
///
/// # Errors
/// When the stage has no recipients.
pub(crate) fn seal(stage: &Value, password: &str) -> Result<Value> {
    let (password, (binding, recipients)) = (typed(password)?, seal_for(stage)?);
    let mut rng = StdRng::seed_from_u64(7);
    let sealed = SealedPassword::seal(&password, &binding, &recipients, &mut rng)?;
    Ok(serde_json::to_value(&sealed)?)
}

/// What a person typed.
///
/// # Errors
/// When it can be no password.
pub(crate) fn typed(password: &str) -> Result<NewPassword> {
    NewPassword::parse(password.to_owned()).ok().context("no password")
}

/// What to seal for, as a stage of a view says.
///
/// # Errors
/// When it does not.
pub(crate) fn seal_for(stage: &Value) -> Result<(Binding, RecipientList)> {
    let binding = serde_json::from_value(stage["binding"].clone())?;
    Ok((binding, serde_json::from_value(stage["recipients"].clone())?))
}
