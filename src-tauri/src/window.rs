//! Opens the one window. It draws its first page without waiting for the service. On the sign-in
//! screen the window is the whole of it, and its one way out is the pages' own.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use protocol::host::{
    app::{self, Hello},
    tile::Outcome,
};
use tauri::{AppHandle, WebviewUrl, WebviewWindowBuilder, WindowEvent};

use crate::{
    Clock, CommandLine, Controller, HostLink, Hosted, Leave, Mode, Patience, Policy,
    command_line::complain, commands, hosted::NotOpened, lockdown, lockdown::Pulse,
    system_randomness,
};

const SIZE: (f64, f64) = (960.0, 780.0);
/// The pages work from 320 CSS pixels on.
const LEAST_SIZE: (f64, f64) = (320.0, 480.0);

/// What the window is to look like.
struct Shape {
    page: WebviewUrl,
    /// On the sign-in screen: what the pages are told before they run.
    over_the_screen: Option<String>,
    without_gpu: bool,
    /// What the page says as long as it runs.
    pulse: Arc<Pulse>,
}

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
    let shape = Shape { page, over_the_screen: None, without_gpu: false, pulse: Arc::default() };
    let mode = command_line.mode;
    let controller = Controller::new(policy, mode, Patience::default(), system_clock(), rng);
    show(Arc::new(controller), shape, None)
}

/// Runs over the whole sign-in screen until the person or the host wants an end.
pub(crate) fn run_hosted(command_line: &CommandLine, link: HostLink, hello: &Hello) -> ExitCode {
    let refuse = |not: NotOpened, mistake: &str| {
        link.end(not.ending(hello.language.as_str()));
        complain(mistake)
    };
    if let Some(name) = lockdown::turned_by() {
        return refuse(NotOpened::Unsafe, &format!("{name} is set: the webview is not its own"));
    }
    let policy = match Policy::load(command_line.policy.as_deref()) {
        Ok(policy) => policy,
        Err(mistake) => return refuse(NotOpened::NotSetUp, &mistake.to_string()),
    };
    let mut rng = match system_randomness() {
        Ok(rng) => rng,
        Err(error) => {
            return refuse(NotOpened::Unsafe, &format!("the system has no randomness: {error}"));
        }
    };
    let language = policy.language.clone().unwrap_or_else(|| hello.language.as_str().to_owned());
    let host = Arc::new(Hosted::new(link.clone(), hello, &mut rng));
    let shape = Shape {
        page: first_page(Some(&language)),
        over_the_screen: Some(told_before(hello)),
        without_gpu: hello.without_gpu,
        pulse: Arc::default(),
    };
    let (mode, patience) = (Mode::SignIn, Patience::default());
    let controller = Controller::hosted(policy, mode, host, patience, system_clock(), rng);
    show(Arc::new(controller), shape, Some((link, language)))
}

/// What the pages know before the network answers (`hosted` in `ui/src/backend/backend.ts`).
fn told_before(hello: &Hello) -> String {
    let user_id = hello.user.as_ref().map_or("", |user| user.as_str());
    let first_day = hello.mode == app::Mode::Setup;
    let hosted = serde_json::json!({ "userId": user_id, "firstDay": first_day });
    format!("window.regainHosted = {hosted};")
}

fn show(controller: Arc<Controller>, shape: Shape, host: Option<(HostLink, String)>) -> ExitCode {
    tauri::async_runtime::block_on(async { controller.start_ahead() });
    let is_hosted = host.is_some();
    let opened = tauri::Builder::default()
        .manage(Arc::clone(&controller))
        .manage(Arc::clone(&shape.pulse))
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
            commands::accepts_new_password,
            commands::leave,
            commands::drawn,
            commands::present,
        ])
        .on_window_event(move |_, event| {
            if let (true, WindowEvent::CloseRequested { api, .. }) = (is_hosted, event) {
                // Alt+F4 and whatever else closes windows is no way out: the page has one.
                api.prevent_close();
            }
        })
        .setup(move |app| {
            if let Some((link, language)) = host {
                let pulse = Arc::clone(&shape.pulse);
                leave_when_dead(
                    app.handle(),
                    Arc::clone(&controller),
                    link.clone(),
                    pulse,
                    language,
                );
                leave_when_told(app.handle(), controller, link);
            }
            Ok(open(app.handle(), shape)?)
        })
        .run(tauri::generate_context!());
    match opened {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("the window cannot be opened: {error}")),
    }
}

fn leave_when_told(app: &AppHandle, controller: Arc<Controller>, link: HostLink) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let stop = link.stopped().await;
        controller.leave(Leave::Told(stop)).await;
        app.exit(0);
    });
}

/// A window that nobody can leave is left for them.
fn leave_when_dead(
    app: &AppHandle,
    controller: Arc<Controller>,
    link: HostLink,
    pulse: Arc<Pulse>,
    language: String,
) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        pulse.dies().await;
        tracing::error!("the page is dead: the window is closed");
        controller.end_in_time(Leave::Pressed).await;
        let mut ending = controller.ending();
        if ending.outcome == Outcome::Cancelled {
            ending = NotOpened::Unsafe.ending(&language);
        }
        link.end(ending);
        app.exit(0);
    });
}

/// The pages, told the language of the policy in their address.
fn first_page(language: Option<&str>) -> WebviewUrl {
    match language {
        Some(language) => WebviewUrl::App(format!("index.html?language={language}").into()),
        None => WebviewUrl::default(),
    }
}

fn open(app: &AppHandle, shape: Shape) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, "main", shape.page)
        // The tenant's words follow with the page.
        .title("")
        .on_document_title_changed(|window, title| {
            // A title that cannot be set is not worth a word.
            let _ = window.set_title(&title);
        });
    let Some(hello) = shape.over_the_screen else {
        let window = window.inner_size(SIZE.0, SIZE.1).min_inner_size(LEAST_SIZE.0, LEAST_SIZE.1);
        let window = lockdown::before(window).build()?;
        return lockdown::after(&window, shape.without_gpu, &shape.pulse);
    };
    let mut window = lockdown::over_the_screen(window, &hello, shape.without_gpu);
    // A sign-in screen has nobody who makes windows as large as the screen.
    if let Some(screen) = app.primary_monitor()? {
        let size = screen.size().to_logical::<f64>(screen.scale_factor());
        let at = screen.position().to_logical::<f64>(screen.scale_factor());
        window = window.inner_size(size.width, size.height).position(at.x, at.y);
    }
    let window = lockdown::before(window).build()?;
    window.set_focus()?;
    lockdown::after(&window, shape.without_gpu, &shape.pulse)
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
