//! What pressing does: takes what was typed, says in words what is wrong with it before anything
//! is sent, and hands it to the controller. Of a code or a password nothing stays here.

use std::sync::Arc;

use protocol::{
    api::{Act, Draws, Reason, Stage},
    host::{app::Ending, tile::Answer},
    text::CodeText,
};
use tokio::time::Instant;

use super::{
    About, Run, Typing,
    form::At,
    page::{Over, Press},
};
use crate::{AnyView, Leave, Typed, words::Value};

impl Run<'_> {
    /// What was pressed, with what was typed. An answer that fits no page that is drawn is none.
    pub(super) async fn answered(&mut self, answer: Answer) -> Option<Ending> {
        let Answer { number, choice, typed } = answer;
        // The tile waits for the next page, whatever it is.
        let drawn = self.drawn.take_if(|_| number == self.number)?;
        self.present_at = Instant::now();
        let typed = typed.into_vec();
        let press = drawn.choices.get(usize::from(choice)).map(|choice| choice.press.clone());
        let fits = typed.len() == drawn.fields.len();
        let Some(press) = press.filter(|_| fits) else {
            tracing::warn!("an answer that does not fit its page");
            return None;
        };
        self.form.error = None;
        self.press(press, typed).await
    }

    async fn press(&mut self, press: Press, typed: Vec<Typing>) -> Option<Ending> {
        let controller = Arc::clone(&self.controller);
        match press {
            Press::UserId => {
                if let [typed] = typed.as_slice() {
                    self.hand_in_user_id(typed.expose().trim()).await;
                }
            }
            Press::Code => {
                if let [typed] = typed.as_slice() {
                    self.hand_in_code(typed).await;
                }
            }
            Press::NewPassword => {
                if let [new, again] = typed.as_slice() {
                    self.hand_in_new_password(new, again).await;
                }
            }
            Press::ChangePassword => {
                if let Ok([present, new]) = <[Typing; 2]>::try_from(typed) {
                    self.hold(present, new);
                }
            }
            Press::ChangeAgain => {
                if let [again] = typed.as_slice() {
                    self.hand_in_change(again).await;
                }
            }
            Press::Method(id) => {
                self.call(async move { controller.choose_method(id).await }, About::Other).await;
            }
            Press::SendAgain => self.send_again().await,
            Press::Act(act) => {
                self.changing = act == Act::Unlock;
                self.call(async move { controller.choose_act(act).await }, About::Other).await;
            }
            Press::Back => {
                self.call(async move { controller.back().await }, About::Other).await;
            }
            Press::Cancel => {
                self.call(async move { controller.cancel().await }, About::Other).await;
            }
            Press::Retry => {
                self.start();
                self.wait_for_start().await;
            }
            Press::StartAgain => {
                self.go_to(At::UserId);
                self.start();
            }
            Press::StillThere => {
                self.form.over = Over::Nothing;
                self.read_again(None).await;
            }
            Press::Open(over) => {
                self.held = None;
                self.form.over = over;
                if over == Over::UserId
                    && let Some(view) = self.form.view().and_then(AnyView::known)
                {
                    self.form.user_id = view.user_id.clone();
                }
            }
            Press::Finish => return Some(self.leave(Leave::Pressed).await),
        }
        None
    }

    async fn hand_in_user_id(&mut self, user_id: &str) {
        user_id.clone_into(&mut self.form.user_id);
        if user_id.is_empty() {
            return self.mend("user-id-missing");
        }
        let controller = Arc::clone(&self.controller);
        let user_id = user_id.to_owned();
        if self.form.view().is_some() {
            let call = async move { controller.change_user_id(&user_id).await };
            self.call(call, About::UserId).await;
            return;
        }
        self.wait_for_start().await;
        // It could not be reached, or an earlier recovery goes on.
        if !matches!(self.form.at, At::UserId) {
            return;
        }
        let reason = if self.form.first_day { Reason::FirstDay } else { Reason::CantSignIn };
        let language = self.language.clone();
        let begin =
            async move { controller.begin(&user_id, reason, language, Draws::everything()).await };
        self.call(begin, About::UserId).await;
    }

    /// Until the start that is under way has come to something.
    async fn wait_for_start(&mut self) {
        let Some(starting) = self.starting.take() else { return };
        let started = tokio::select! {
            biased;
            _ = self.link.stopped() => return,
            started = starting => started,
        };
        self.started(started);
    }

    async fn hand_in_code(&mut self, typed: &Typing) {
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let Some(&Stage::EnterCode { digits, .. }) = stage else { return };
        let is_whole = CodeText::parse(typed.expose())
            .is_some_and(|code| code.expose().len() == usize::from(digits));
        if !is_whole {
            let digits = Value::Number(digits.into());
            let words = self.form.words.with("enter-code-missing", &[("digits", digits)]);
            self.form.error = Some(words);
            return;
        }
        let (controller, code) = (Arc::clone(&self.controller), retyped(typed));
        self.call(async move { controller.enter_code(&code).await }, About::Other).await;
    }

    async fn send_again(&mut self) {
        let age = u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX);
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let Some(Stage::EnterCode { method, send_again_in_s, .. }) = stage else { return };
        let wait = send_again_in_s.saturating_sub(age);
        if wait > 0 {
            let seconds = [("seconds", Value::Number(wait))];
            self.form.error = Some(self.form.words.with("enter-code-again-in", &seconds));
            return;
        }
        let (controller, id) = (Arc::clone(&self.controller), method.id.clone());
        self.call(async move { controller.choose_method(id).await }, About::Other).await;
        self.form.sent_again = self.form.error.is_none();
    }

    async fn hand_in_new_password(&mut self, new: &Typing, again: &Typing) {
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let Some(Stage::NewPassword { rules, .. }) = stage else { return };
        if let Some(unmet) = self.form.unmet(new.expose(), rules) {
            self.form.error = Some(unmet);
            return;
        }
        if new.expose() != again.expose() {
            return self.mend("simple-different");
        }
        let (controller, new) = (Arc::clone(&self.controller), retyped(new));
        self.changing = true;
        self.call(async move { controller.set_password(new).await }, About::Password).await;
    }

    /// Both passwords of a change, until the new one was typed again.
    fn hold(&mut self, present: Typing, new: Typing) {
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let Some(Stage::ChangePassword { rules, .. }) = stage else { return };
        if present.expose().is_empty() {
            return self.mend("change-password-present-missing");
        }
        if let Some(unmet) = self.form.unmet(new.expose(), rules) {
            self.form.error = Some(unmet);
            return;
        }
        if present.expose() == new.expose() {
            return self.mend("change-password-same");
        }
        self.held = Some((present, new));
        self.form.over = Over::Again;
    }

    async fn hand_in_change(&mut self, again: &Typing) {
        self.form.over = Over::Nothing;
        let Some((present, new)) = self.held.take() else { return };
        if new.expose() != again.expose() {
            return self.mend("simple-different");
        }
        let controller = Arc::clone(&self.controller);
        let (present, new) = (retyped(&present), retyped(&new));
        self.changing = true;
        let call = async move { controller.change_password(present, new).await };
        self.call(call, About::Password).await;
    }
}

fn retyped(typed: &Typing) -> Typed {
    Typed::new(typed.expose().to_owned())
}
