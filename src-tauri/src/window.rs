//! Opens the one window. It draws its first page without waiting for the service.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tauri::{WebviewUrl, WebviewWindowBuilder};

use crate::{
    Clock, CommandLine, Controller, Patience, Policy, command_line::complain, commands, lockdown,
    system_randomness,
};

const SIZE: (f64, f64) = (960.0, 780.0);
/// The pages work from 320 CSS pixels on.
const LEAST_SIZE: (f64, f64) = (320.0, 480.0);

/// Runs until the window is closed.
pub(crate) fn run(command_line: &CommandLine) -> ExitCode {
    let policy = match Policy::load(command_line.policy.as_deref()) {
        Ok(policy) => policy,
        Err(mistake) => return complain(&mistake.to_string()),
    };
    let rng = match system_randomness() {
        Ok(rng) => rng,
        Err(error) => return complain(&format!("the system has no randomness: {error}")),
    };
    let page = first_page(policy.language.as_deref());
    let controller = Arc::new(Controller::new(
        policy,
        command_line.mode,
        Patience::default(),
        system_clock(),
        rng,
    ));
    tauri::async_runtime::block_on(async { controller.start_ahead() });
    let opened = tauri::Builder::default()
        .manage(controller)
        .invoke_handler(tauri::generate_handler![
            commands::start,
            commands::begin,
            commands::change_user_id,
            commands::choose_method,
            commands::enter_code,
            commands::choose_act,
            commands::set_password,
            commands::change_password,
            commands::back,
            commands::cancel,
            commands::watch,
        ])
        .setup(move |app| Ok(open(app.handle(), page)?))
        .run(tauri::generate_context!());
    match opened {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("the window cannot be opened: {error}")),
    }
}

/// The pages, told the language of the policy in their address.
fn first_page(language: Option<&str>) -> WebviewUrl {
    match language {
        Some(language) => WebviewUrl::App(format!("index.html?language={language}").into()),
        None => WebviewUrl::default(),
    }
}

fn open(app: &tauri::AppHandle, page: WebviewUrl) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, "main", page)
        // The tenant's words follow with the page.
        .title("")
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(LEAST_SIZE.0, LEAST_SIZE.1)
        .on_document_title_changed(|window, title| {
            // A title that cannot be set is not worth a word.
            let _ = window.set_title(&title);
        });
    let window = lockdown::before(window).build()?;
    lockdown::after(&window)
}

pub(crate) fn system_clock() -> Clock {
    Arc::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the app's clock is made"
        )]
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    })
}
