//! Changing calls, each made until its answer is seen and never made twice.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{api::Call, problem::ProblemCode};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    Controller, Recovery, Refusal, lock,
    pressed::{Meaning, Unanswered},
};
use crate::{
    service_client::{Change, Failure, Path, Step, Token, Why},
    view::AnyView,
};

impl Controller {
    /// Makes the changing call that a button stands for.
    pub(super) async fn press(
        &self,
        call: Call,
        what: &impl Serialize,
    ) -> Result<AnyView, Refusal> {
        let body = body(what)?;
        let _turn = self.turn.lock().await;
        let meaning = self.digester.meaning(&[&body]);
        if let Some(answer) = self.settle(call, &meaning).await? {
            return Ok(answer);
        }
        self.make(Path::Recovery(call), body, meaning).await
    }

    /// Finds out what became of an earlier call whose answer was lost. None when `call` is still
    /// to be made; a view when it is not: because it was that very call, or because the earlier
    /// one has led to where `call` makes no sense.
    pub(super) async fn settle(
        &self,
        call: Call,
        meaning: &Meaning,
    ) -> Result<Option<AnyView>, Refusal> {
        let (earlier, token) = {
            let state = lock(&self.state);
            let token = state.recovery.as_ref().map(|r| r.token.clone());
            (state.unanswered.clone(), token)
        };
        let Some(earlier) = earlier.filter(|earlier| earlier.change.path != Path::Recoveries)
        else {
            return Ok(None);
        };
        let the_same = earlier.is(call, meaning);
        if !the_same
            && earlier.is_typed()
            && let Some(token) = &token
            && let Some(view) = self.view_if_in_force(token).await?
        {
            // It came to nothing, and whoever presses something else now wants it no more.
            lock(&self.state).unanswered = None;
            return led_to(view, call);
        }
        match self.send(&earlier.change, token.as_ref()).await {
            Ok(step) => {
                let view = self.adopt(step).await;
                if the_same { Ok(Some(view)) } else { led_to(view, call) }
            }
            Err(failure @ Failure::Problem(_)) => {
                let refusal = self.refused(failure).await;
                lock(&self.state).unanswered = None;
                if the_same { Err(refusal) } else { Ok(None) }
            }
            Err(failure @ Failure::Unreachable(_)) => Err(self.refused(failure).await),
        }
    }

    /// The view, when `token` is the one in force. None when it is not: then a call made with it
    /// has led on, and making it again gives its answer and has nothing done.
    async fn view_if_in_force(&self, token: &Token) -> Result<Option<AnyView>, Refusal> {
        match self.service().await?.view(token).await {
            Ok(view) => Ok(Some(self.saw(token, view).await)),
            Err(Failure::Problem(problem))
                if problem.code == ProblemCode::TokenUnknown.to_string() =>
            {
                Ok(None)
            }
            Err(failure) => Err(self.refused(failure).await),
        }
    }

    /// Makes one changing call, in the turn of the caller.
    pub(super) async fn make(
        &self,
        path: Path,
        body: Bytes,
        meaning: Meaning,
    ) -> Result<AnyView, Refusal> {
        let before = match path {
            Path::Recoveries => None,
            Path::Recovery(_) => Some(self.recovery()?),
        };
        let change = Arc::new(Change::new(path, body, &mut *lock(&self.rng)));
        lock(&self.state).unanswered =
            Some(Arc::new(Unanswered { change: Arc::clone(&change), meaning }));
        if let Some(Recovery { token, view }) = &before {
            self.keeper.keep(token, view, Some(&change)).await;
        }
        match self.send(&change, before.as_ref().map(|before| &before.token)).await {
            Ok(step) => Ok(self.adopt(step).await),
            Err(failure) => {
                if matches!(failure, Failure::Problem(_)) {
                    lock(&self.state).unanswered = None;
                }
                Err(self.refused(failure).await)
            }
        }
    }

    /// Sends a call until it has an answer or patience ends; always the same call.
    pub(super) async fn send(
        &self,
        change: &Change,
        token: Option<&Token>,
    ) -> Result<Step, Failure> {
        let service = self.service().await.map_err(|_| Why::Service)?;
        let mut pauses = self.patience.pauses.iter();
        loop {
            let answer = service.change(change, token).await;
            match (&answer, pauses.next()) {
                (Err(Failure::Unreachable(why)), Some(pause)) if why.may_pass() => {
                    tokio::time::sleep(*pause).await;
                }
                _ => return answer,
            }
        }
    }

    /// Goes on with the token and view of an answer.
    pub(super) async fn adopt(&self, step: Step) -> AnyView {
        let Step { token, view } = step;
        self.tell_host(&view);
        {
            let mut state = lock(&self.state);
            state.unanswered = None;
            state.recovery = Some(Recovery { token: token.clone(), view: view.clone() });
        }
        if view.is_over() {
            self.keeper.forget().await;
        } else {
            self.keeper.keep(&token, &view, None).await;
        }
        view
    }

    /// Takes note of a view that was read with `token`, unless a changing call was quicker.
    pub(super) async fn saw(&self, token: &Token, view: AnyView) -> AnyView {
        {
            let mut state = lock(&self.state);
            match &mut state.recovery {
                Some(recovery) if recovery.token == *token => recovery.view = view.clone(),
                Some(recovery) => return recovery.view.clone(),
                None => return view,
            }
        }
        self.tell_host(&view);
        // A gate may be passed without a call, at a telephone.
        if view.is_over() || !self.keeper.may_leave(&view) {
            self.keeper.forget().await;
        }
        view
    }

    /// Reads where the recovery stands.
    pub(super) async fn read_again(&self) -> Result<(), Refusal> {
        let token = self.recovery()?.token;
        match self.service().await?.view(&token).await {
            Ok(view) => {
                self.saw(&token, view).await;
                Ok(())
            }
            Err(failure) => Err(self.refused(failure).await),
        }
    }

    /// What a failure means for the pages. A recovery that the service does not know any more
    /// is not worth keeping.
    pub(super) async fn refused(&self, failure: Failure) -> Refusal {
        let refusal = Refusal::from(failure);
        if refusal.is(ProblemCode::TokenUnknown) || refusal.is(ProblemCode::RecoveryEnded) {
            self.forget().await;
        }
        refusal
    }

    /// Drops the recovery, here and where it is kept.
    pub(super) async fn forget(&self) {
        {
            let mut state = lock(&self.state);
            state.recovery = None;
            state.unanswered = None;
        }
        self.keeper.forget().await;
    }
}

/// What an earlier call that led to `view` means for `call`: None when it is still to be made. A
/// password that was not handed in is never answered by a view, which could say that one is set.
fn led_to(view: AnyView, call: Call) -> Result<Option<AnyView>, Refusal> {
    if view.allows(call) {
        return Ok(None);
    }
    match call {
        Call::SetPassword => Err(ProblemCode::WrongStage.into()),
        Call::ChangeUserId
        | Call::ChooseMethod
        | Call::EnterCode
        | Call::ChooseAct
        | Call::Back
        | Call::Cancel => Ok(Some(view)),
    }
}

/// The body of a call, wiped when it is dropped: it may hold a code.
pub(super) fn body(what: &impl Serialize) -> Result<Bytes, Refusal> {
    // Room enough that no copy is left behind by growing.
    let mut json = Zeroizing::new(Vec::with_capacity(4096));
    serde_json::to_writer(&mut *json, what).map_err(|_| ProblemCode::Malformed)?;
    Ok(Bytes::from_owner(json))
}
