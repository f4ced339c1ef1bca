//! Every command that a page can call; each forwards to the controller and nothing else. The
//! capability file names them one by one.

use std::sync::Arc;

use protocol::api::{Act, Draws, Reason};
use tauri::{AppHandle, State};

use crate::{
    AcceptsNewPassword, AnyView, Controller, Leave, Refusal, Started, Typed, language,
    lockdown::Pulse,
};

type App<'a> = State<'a, Arc<Controller>>;

#[tauri::command]
pub(crate) async fn start(app: App<'_>) -> Result<Started, Refusal> {
    Ok(app.start().await)
}

#[tauri::command]
pub(crate) async fn begin(
    app: App<'_>,
    user_id: String,
    reason: Reason,
    language: Option<String>,
    draws: Draws,
) -> Result<AnyView, Refusal> {
    let language = language.unwrap_or_else(language::of_the_system);
    app.begin(&user_id, reason, language, draws).await
}

#[tauri::command]
pub(crate) async fn change_user_id(app: App<'_>, user_id: String) -> Result<AnyView, Refusal> {
    app.change_user_id(&user_id).await
}

#[tauri::command]
pub(crate) async fn choose_method(app: App<'_>, method: String) -> Result<AnyView, Refusal> {
    app.choose_method(method).await
}

#[tauri::command]
pub(crate) async fn enter_code(app: App<'_>, code: Typed) -> Result<AnyView, Refusal> {
    app.enter_code(&code).await
}

#[tauri::command]
pub(crate) async fn choose_act(app: App<'_>, act: Act) -> Result<AnyView, Refusal> {
    app.choose_act(act).await
}

#[tauri::command]
pub(crate) async fn set_password(app: App<'_>, password: Typed) -> Result<AnyView, Refusal> {
    app.set_password(password).await
}

#[tauri::command]
pub(crate) async fn change_password(
    app: App<'_>,
    present: Typed,
    password: Typed,
) -> Result<AnyView, Refusal> {
    app.change_password(present, password).await
}

#[tauri::command]
pub(crate) async fn back(app: App<'_>) -> Result<AnyView, Refusal> {
    app.back().await
}

#[tauri::command]
pub(crate) async fn cancel(app: App<'_>) -> Result<AnyView, Refusal> {
    app.cancel().await
}

#[tauri::command]
pub(crate) async fn watch(app: App<'_>, revision: u64) -> Result<AnyView, Refusal> {
    app.watch(revision).await
}

#[tauri::command]
pub(crate) async fn accepts_new_password(
    app: App<'_>,
    connect: bool,
) -> Result<AcceptsNewPassword, Refusal> {
    Ok(app.accepts_new_password(connect).await)
}

#[tauri::command]
pub(crate) async fn leave(app: App<'_>, window: AppHandle) -> Result<(), Refusal> {
    app.leave(Leave::Pressed).await;
    window.exit(0);
    Ok(())
}

#[tauri::command]
pub(crate) async fn drawn(app: App<'_>, pulse: State<'_, Arc<Pulse>>) -> Result<(), Refusal> {
    pulse.beat();
    app.drawn();
    Ok(())
}

#[tauri::command]
pub(crate) async fn present(app: App<'_>) -> Result<(), Refusal> {
    app.present();
    Ok(())
}
