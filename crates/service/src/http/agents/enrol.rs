//! `POST /api/v1/agents/enrol`

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use ed25519_dalek::VerifyingKey;
use protocol::{
    agent::{Enrol, Enrolled},
    bytes::Bytes,
    id::{AgentId, DirectoryId, TenantId},
    problem::{Problem, ProblemCode},
};
use recovery::Timestamp;
use serde_json::json;
use store::{AuditEvent, LinkKeyRow, NewAgent, Tx, UsedCode};
use zeroize::Zeroizing;

use crate::{
    agents::link_key::LinkKey,
    audit::Event,
    flow::Refused,
    http::{
        Answer,
        extract::{Body, OfTenant},
    },
    keys::{Keys, Purpose},
    service::Service,
};

/// Takes an agent in that shows a good enrolment code.
#[utoipa::path(
    post, path = "/agents/enrol", operation_id = "enrol", tag = "agents", request_body = Enrol,
    responses((status = 201, body = Enrolled), (status = "4XX", body = Problem), (status = "5XX", body = Problem))
)]
pub(in crate::http) async fn post(
    State(service): State<Arc<Service>>,
    OfTenant(tenant): OfTenant,
    Body { body: enrol, .. }: Body<Enrol>,
) -> Result<Answer<Enrolled>, Refused> {
    check(&enrol)?;
    // Before anything is read or used up: a changed request costs no code.
    if !enrol.is_proved(&secret_of(&service.keys, &enrol.code)) {
        return Err(Refused::new(ProblemCode::EnrolmentRefused));
    }
    let now = service.now();
    let fresh = AgentId::new(now.unix_millis(), &mut *service.rng());
    let (of, keys) = (tenant.id, Arc::clone(&service));
    let enrolled = service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let (ids, waits, named) = take_in(&mut tx, of, fresh, &enrol, now).await?;
                // The one that the code names; a newer one is told over the link.
                let link_key = LinkKey::of(&named, &keys.keys);
                Ok::<_, Refused>(Enrolled::sign(&enrol, ids, waits, &link_key.key))
            })
        })
        .await?;
    Ok(Answer(StatusCode::CREATED, enrolled))
}

/// The secret of an enrolment code: derived from its id with a key outside the database, so
/// that whoever reads the row can prove nothing.
pub(crate) fn secret_of(keys: &Keys, code: &Bytes) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(keys.hash(Purpose::Enrolment, &[&code.0]).to_vec())
}

fn check(enrol: &Enrol) -> Result<(), Refused> {
    let is_key = |bytes: &Bytes| {
        bytes.array::<32>().is_some_and(|key| VerifyingKey::from_bytes(&key).is_ok())
    };
    let well_formed = enrol.code.0.len() == 16
        && is_key(&enrol.identity_key)
        && is_key(&enrol.directory_key)
        && enrol.recipient.public.0.len() == 65
        && (1..=64).contains(&enrol.name.chars().count())
        && !enrol.name.chars().any(char::is_control);
    if well_formed { Ok(()) } else { Err(Refused::new(ProblemCode::Malformed)) }
}

async fn take_in(
    tx: &mut Tx<'_>,
    of: TenantId,
    fresh: AgentId,
    enrol: &Enrol,
    now: Timestamp,
) -> Result<((AgentId, TenantId, DirectoryId), bool, LinkKeyRow), Refused> {
    let refused = || Refused::new(ProblemCode::EnrolmentRefused);
    let UsedCode { tenant, directory, approval, link_key } =
        tx.use_enrolment_code(&enrol.code.0, now).await?.ok_or_else(refused)?;
    // Who holds a retired one could answer in our place.
    let named = link_key.ok_or_else(refused)?;
    if tenant != of.0 {
        return Err(refused());
    }
    let known = tx.directory(directory).await?.ok_or_else(refused)?;
    match known.directory_key {
        // It may be a thief's: it counts once an administrator approves who brought it.
        None if approval => {}
        None => tx.set_directory_key(directory, &enrol.directory_key.0).await?,
        // A later agent must bring the key that the first one made.
        Some(key) if key == enrol.directory_key.0 => {}
        Some(_) => return Err(refused()),
    }
    let agents = tx.agents(directory).await?;
    let same = agents.iter().find(|agent| agent.identity_key == enrol.identity_key.0);
    let agent = match same {
        // A key that was taken away does not come back, whoever holds it now.
        Some(agent) if agent.revoked => return Err(refused()),
        // An answer was lost, or the agent's files were: it stays the agent it is.
        Some(agent) => AgentId(agent.id),
        None => fresh,
    };
    let recipient = serde_json::to_string(&enrol.recipient).map_err(Refused::internal)?;
    let brought = NewAgent {
        id: agent.0,
        name: &enrol.name,
        identity_key: &enrol.identity_key.0,
        recipient: &recipient,
        directory_key: &enrol.directory_key.0,
        waits: approval,
        link_generation: named.generation,
    };
    // Who enrols again is approved, or not, as before.
    let waits = same.map_or(approval, |agent| !agent.approved);
    match same {
        Some(_) => tx.update_agent(&brought, now).await?,
        None => tx.add_agent(tenant, directory, &brought, now).await?,
    }
    tx.audit(
        &AuditEvent {
            tenant,
            event: Event::AgentEnrolled.as_str(),
            case_code: None,
            account: None,
            detail: json!({ "agent": agent, "name": enrol.name, "waits": waits }).to_string(),
        },
        now,
    )
    .await?;
    Ok(((agent, TenantId(tenant), DirectoryId(directory)), waits, named))
}
