//! Before the first call, and after a crash: reach the service, begin the bot check, take up
//! what was left behind.

use std::sync::Arc;

use protocol::{
    api::{Call, Nothing},
    host::app::Slot,
    id::TenantId,
    problem::ProblemCode,
};
use serde::de::DeserializeOwned;

use super::{Controller, Greeting, Recovery, Refusal, Started, calls::body, lock};
use crate::{
    proof::{Proof, Solved},
    resume::Kept,
    service_client::{Change, Failure, Path, ServiceClient, Token, Why},
    view::AnyView,
};

impl Controller {
    pub(super) async fn start_now(&self) -> Started {
        let started = self.start_or_not().await;
        self.has_started.send_replace(true);
        started
    }

    async fn start_or_not(&self) -> Started {
        let _turn = self.turn.lock().await;
        let Ok(service) = self.service().await else {
            return self.unreachable(Why::Service).await;
        };
        let (start, kept) = tokio::join!(service.start(), self.keeper.kept());
        let start = match start {
            Ok(start) => start,
            Err(Failure::Unreachable(why)) => return self.unreachable(why).await,
            Err(Failure::Problem(problem)) => {
                tracing::error!(code = problem.code, "the service refuses this app");
                return self.unreachable(Why::Service).await;
            }
        };
        let rolled_out_for = self.policy.tenant;
        if rolled_out_for.is_some_and(|tenant| tenant != start.tenant.id) {
            tracing::error!(theirs = %start.tenant.id, "the service is another tenant's");
            return self.unreachable(Why::Service).await;
        }
        {
            let mut state = lock(&self.state);
            state.tenant = Some(start.tenant.id);
            state.proof = Some(self.begin_proof(start.tenant.id, start.challenge));
        }
        let resumed = self.resume(service, kept).await;
        Started::Ready(Box::new(Greeting::new(start.tenant, start.languages, resumed, self.mode)))
    }

    /// Takes up the recovery in memory (the page was loaded again) or the one that was kept. One
    /// that has passed a gate meanwhile is not for whoever stands at a sign-in screen now.
    async fn resume(&self, service: &ServiceClient, kept: Option<Kept>) -> Option<AnyView> {
        let in_memory = {
            let mut state = lock(&self.state);
            state.recovery.take_if(|recovery| recovery.view.is_over());
            let unanswered = state.unanswered.as_ref().map(|u| Arc::clone(&u.change));
            state.recovery.as_ref().map(|recovery| (recovery.token.clone(), unanswered))
        };
        let is_kept = in_memory.is_none();
        let kept = kept.map(|kept| (kept.token, kept.unanswered.map(Into::into)));
        let (token, unanswered) = in_memory.or(kept)?;
        let may_see = |view: &AnyView| !is_kept || self.keeper.may_leave(view);
        if let Some(change) = unanswered
            && matches!(change.path, Path::Recovery(_))
            && let Ok(step) = self.send(&change, Some(&token)).await
        {
            if may_see(&step.view) {
                return Some(self.adopt(step).await);
            }
            return self.end_kept(service, &step.token).await;
        }
        match service.view(&token).await {
            Ok(view) if view.has_ended() => {
                self.forget().await;
                None
            }
            Ok(view) if !may_see(&view) => self.end_kept(service, &token).await,
            Ok(view) => {
                self.tell_host(&view);
                let mut state = lock(&self.state);
                state.unanswered = None;
                state.recovery = Some(Recovery { token, view: view.clone() });
                Some(view)
            }
            Err(Failure::Problem(_)) => {
                self.forget().await;
                None
            }
            // It may still be alive: the next start finds out.
            Err(Failure::Unreachable(_)) => None,
        }
    }

    /// Ends what the person before left behind.
    async fn end_kept(&self, service: &ServiceClient, token: &Token) -> Option<AnyView> {
        self.forget().await;
        if let Ok(nothing) = body(&Nothing {}) {
            let path = Path::Recovery(Call::Cancel);
            let cancel = Change::new(path, nothing, &mut *lock(&self.rng));
            // Without an answer it ends for want of a sign of life.
            let _ = service.change(&cancel, Some(token)).await;
        }
        None
    }

    /// A solved bot check: the one solved ahead, or a new one when that is used or too old.
    pub(super) async fn proof(&self) -> Result<Solved, Refusal> {
        let ahead = lock(&self.state).proof.take();
        if let Some(proof) = ahead.filter(|proof| proof.is_fresh((self.clock)()))
            && let Some(solved) = proof.solved().await
        {
            return Ok(solved);
        }
        let start = match self.service().await?.start().await {
            Ok(start) => start,
            Err(failure) => return Err(self.refused(failure).await),
        };
        let solved = self.begin_proof(start.tenant.id, start.challenge).solved().await;
        solved.ok_or_else(|| ProblemCode::BotCheckFailed.into())
    }

    fn begin_proof(&self, tenant: TenantId, challenge: serde_json::Value) -> Proof {
        match &self.host {
            Some(host) => {
                let asserting = host.asserting(tenant, &challenge);
                Proof::begin_asserted(challenge, asserting)
            }
            None => Proof::begin(challenge),
        }
    }

    /// With what the host keeps from the last report, where there is one: the page then looks
    /// and helps as it does online.
    async fn unreachable(&self, why: Why) -> Started {
        let tenant = self.kept_by_host(Slot::Branding).await;
        let help = match &self.policy.help {
            Some(help) => Some(help.clone()),
            None => self.kept_by_host(Slot::Contact).await,
        };
        Started::Unreachable { why, help, tenant }
    }

    async fn kept_by_host<T: DeserializeOwned>(&self, slot: Slot) -> Option<T> {
        let bytes = self.host.as_ref()?.link.get(slot).await.ok()??;
        serde_json::from_slice(&bytes)
            .inspect_err(|error| tracing::warn!(%error, ?slot, "what was kept is not understood"))
            .ok()
    }
}
