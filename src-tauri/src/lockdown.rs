//! What is shut off in the webview, each with its reason. The pages never need any of it; on
//! the sign-in screen each would be a way out to the system (catalogue KSK-02, KSK-03).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tauri::{
    Manager, Runtime, Url, WebviewWindow, WebviewWindowBuilder, webview::NewWindowResponse,
};

/// Keys and gestures that a webview answers by itself, stopped before any page sees them:
/// printing, saving, searching, reloading, history, new windows, source and developer tools,
/// caret browsing, and zoom (pages have a text size of their own, which keeps them whole).
/// Context menu: it offers reloading, downloads and the inspector. Dropping: a file would be
/// opened in place of the page. Runs before the pages, outside their content policy.
const KEYS: &str = r#"
(() => {
  const stop = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };
  const withControl = new Set(["p", "s", "f", "g", "r", "h", "j", "n", "t", "w", "o", "u", "d", "+", "-", "=", "0"]);
  const alone = new Set(["F1", "F3", "F5", "F6", "F7", "F11", "F12", "BrowserBack", "BrowserForward", "BrowserRefresh", "BrowserSearch", "BrowserHome", "Print"]);
  addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const control = event.ctrlKey || event.metaKey;
    // AltGr writes letters on many keyboards and arrives as Control and Alt together.
    const writes = event.getModifierState("AltGraph");
    if (alone.has(key) || (control && !writes && !event.altKey && withControl.has(key)) ||
        (control && event.shiftKey && (key === "i" || key === "c")) ||
        (event.altKey && !writes && (key === "ArrowLeft" || key === "ArrowRight"))) {
      stop(event);
    }
  }, true);
  addEventListener("wheel", (event) => { if (event.ctrlKey) stop(event); }, { capture: true, passive: false });
  for (const name of ["contextmenu", "dragstart", "dragover", "drop", "auxclick"]) {
    addEventListener(name, stop, true);
  }
  window.print = () => {};
})();
"#;

/// What the host is told of the pages, and what the screen behind the window demands: passwords
/// are typed only while the window has the keyboard, or they would land in what lies behind it.
const SIGN_IN: &str = r#"
(() => {
  const tell = (command) => void window.__TAURI_INTERNALS__.invoke(command).catch(() => {});
  // The webview itself says when it has painted something; ours is the page with a heading.
  const looking = setInterval(() => {
    const painted = performance.getEntriesByName("first-contentful-paint").length > 0;
    if (!painted || !document.querySelector("h1")) return;
    clearInterval(looking);
    tell("drawn");
    // That the page still runs: a window whose page has died has no way out of its own.
    setInterval(() => tell("drawn"), 5_000);
  }, 50);
  let told = -Infinity;
  const present = () => {
    if (performance.now() - told < 10_000) return;
    told = performance.now();
    tell("present");
  };
  addEventListener("keydown", present, true);
  addEventListener("pointerdown", present, true);
  // Where somebody was typing, there they go on.
  let typing = null;
  const offer = () => {
    const away = !document.hasFocus();
    for (const field of document.querySelectorAll(".password__input")) {
      if (field.disabled === away) continue;
      if (away && field === document.activeElement) typing = field;
      field.disabled = away;
      if (!away && field === typing) field.focus();
    }
  };
  addEventListener("focus", offer);
  addEventListener("blur", () => {
    typing = null;
    offer();
  });
  new MutationObserver(offer).observe(document, { childList: true, subtree: true });
})();
"#;

/// What turns the webview's head from outside: other arguments, another browser, another folder,
/// a debugger. None of it is a person's doing, so a run of the host refuses to begin
/// (catalogue KSK-07).
pub(crate) fn turned_by() -> Option<String> {
    turned_by_one_of(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

fn turned_by_one_of(mut names: impl Iterator<Item = String>) -> Option<String> {
    names.find(|name| name.to_ascii_uppercase().starts_with("WEBVIEW2_"))
}

/// What is settled before there is a webview, on the sign-in screen: the whole of it, with
/// nothing of a window that leads out, and nothing left behind.
pub(crate) fn over_the_screen<'a, R: Runtime, M: Manager<R>>(
    window: WebviewWindowBuilder<'a, R, M>,
    hello: &str,
    without_gpu: bool,
) -> WebviewWindowBuilder<'a, R, M> {
    let window = window
        .fullscreen(true)
        .decorations(false)
        .always_on_top(true)
        .skip_taskbar(true)
        .minimizable(false)
        .maximizable(false)
        .closable(false)
        .resizable(false)
        .focused(true)
        // The run's own folder, which the host removes.
        .data_directory(std::env::temp_dir().join("webview"))
        .initialization_script(hello)
        .initialization_script(SIGN_IN);
    if without_gpu {
        // The first are what is given where nothing is said; saying something replaces them.
        return window.additional_browser_args(
            "--disable-features=msWebOOUI,msPdfOOUI,msSmartScreenProtection --disable-gpu",
        );
    }
    window
}

/// What is settled before there is a webview.
pub(crate) fn before<R: Runtime, M: Manager<R>>(
    window: WebviewWindowBuilder<'_, R, M>,
) -> WebviewWindowBuilder<'_, R, M> {
    window
        // No page but ours: a page from elsewhere would have our window and our commands.
        .on_navigation(is_ours)
        // No second window: it would have a frame, an address bar, and no rules.
        .on_new_window(|_, _| NewWindowResponse::Deny)
        // Nothing to keep: a save dialog is a file manager.
        .on_download(|_, _| false)
        // No developer tools, in debug builds either: they are a console inside the app.
        .devtools(false)
        // No trace of one person's visit for the next: cookies, cache, storage stay in memory.
        .incognito(!is_driven())
        // Nothing typed here may be suggested to the next person.
        .general_autofill_enabled(false)
        // Pages have a text size of their own.
        .zoom_hotkeys_enabled(false)
        // No code of others in our window.
        .browser_extensions_enabled(false)
        .initialization_script(KEYS)
}

/// What only the webview itself can be told. `pulse` hears of a page that is given up.
pub(crate) fn after<R: Runtime>(
    window: &WebviewWindow<R>,
    without_gpu: bool,
    pulse: &Arc<Pulse>,
) -> tauri::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let pulse = Arc::clone(pulse);
        window.with_webview(move |webview| webkit(&webview.inner(), without_gpu, pulse))?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (window, without_gpu, pulse);
    Ok(())
}

/// Whether the page over the sign-in screen still runs. One that does not is a blank window
/// without a way out, whatever it died of.
#[derive(Default)]
pub(crate) struct Pulse {
    beats: AtomicU64,
    given_up: tokio::sync::Notify,
}

impl Pulse {
    /// How often it is looked at.
    const LOOK: Duration = Duration::from_secs(5);

    /// The page runs.
    pub(crate) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns when the page is dead. One that was never drawn is the host's to end.
    pub(crate) async fn dies(&self) {
        let silence = async {
            let mut looks = Looks::default();
            while !looks.is_dead(self.beats.load(Ordering::Relaxed)) {
                tokio::time::sleep(Self::LOOK).await;
            }
        };
        tokio::select! {
            () = silence => {}
            () = self.given_up.notified() => {}
        }
    }
}

/// A web process that dies leaves a blank window. The recovery lives on this side, so that a new
/// process shows the very same page; one that keeps dying is given up.
#[cfg(target_os = "linux")]
fn bring_back(webview: &webkit2gtk::WebView, pulse: Arc<Pulse>) {
    use webkit2gtk::WebViewExt;

    const MOST_TIMES: u32 = 3;
    let times = std::cell::Cell::new(0);
    webview.connect_web_process_terminated(move |webview, _| {
        times.set(times.get() + 1);
        tracing::error!(times = times.get(), "the web process died");
        if times.get() <= MOST_TIMES {
            webview.reload();
        } else {
            pulse.given_up.notify_one();
        }
    });
}

/// What looking again and again has shown.
#[derive(Default)]
struct Looks {
    seen: u64,
    missed: u32,
}

impl Looks {
    /// So many looks without a beat are the end. Looks are counted and not time: a PC that slept
    /// has not missed any.
    const MOST_MISSED: u32 = 8;

    fn is_dead(&mut self, beats: u64) -> bool {
        self.missed = if beats == self.seen && beats > 0 { self.missed + 1 } else { 0 };
        self.seen = beats;
        self.missed >= Self::MOST_MISSED
    }
}

/// Whether WebDriver drives the window. WebKitGTK lets itself be driven only in a context that
/// keeps what it stores; a driven window is a test's, and nobody's visit.
fn is_driven() -> bool {
    std::env::var("TAURI_WEBVIEW_AUTOMATION").as_deref() == Ok("true")
}

fn is_ours(url: &Url) -> bool {
    let (scheme, host) =
        if cfg!(windows) { ("http", "tauri.localhost") } else { ("tauri", "localhost") };
    url.scheme() == scheme && url.host_str() == Some(host) && url.port().is_none()
}

/// The native side of the same, for what a script cannot stop.
#[cfg(target_os = "linux")]
fn webkit(webview: &webkit2gtk::WebView, without_gpu: bool, pulse: Arc<Pulse>) {
    use webkit2gtk::{PermissionRequestExt, SettingsExt, WebViewExt};

    // Each handler that answers true has dealt with it: nothing is shown.
    webview.connect_context_menu(|_, _, _, _| true);
    webview.connect_print(|_, _| true);
    webview.connect_script_dialog(|_, _| true);
    webview.connect_run_file_chooser(|_, request| {
        use webkit2gtk::FileChooserRequestExt;
        request.cancel();
        true
    });
    webview.connect_permission_request(|_, request| {
        request.deny();
        true
    });
    webview.connect_authenticate(|_, request| {
        use webkit2gtk::AuthenticationRequestExt;
        request.cancel();
        true
    });
    bring_back(webview, pulse);
    if let Some(context) = WebViewExt::context(webview) {
        // One document, never gone back to: nothing is worth keeping.
        webkit2gtk::WebContextExt::set_cache_model(
            &context,
            webkit2gtk::CacheModel::DocumentViewer,
        );
    }
    let Some(settings) = WebViewExt::settings(webview) else {
        return;
    };
    // What no page of ours uses is no way in.
    settings.set_enable_developer_extras(false);
    settings.set_enable_html5_local_storage(false);
    settings.set_enable_html5_database(false);
    settings.set_enable_webgl(false);
    settings.set_enable_webaudio(false);
    settings.set_enable_media(false);
    settings.set_enable_media_stream(false);
    settings.set_enable_webrtc(false);
    settings.set_enable_back_forward_navigation_gestures(false);
    settings.set_enable_caret_browsing(false);
    settings.set_enable_dns_prefetching(false);
    settings.set_enable_page_cache(false);
    // Still pages need no graphics processor, and start sooner without one. WebDriver takes its
    // pictures with it: without, one of a page that stands still never comes.
    if without_gpu || !is_driven() {
        settings.set_hardware_acceleration_policy(webkit2gtk::HardwareAccelerationPolicy::Never);
    }
    settings.set_javascript_can_open_windows_automatically(false);
    settings.set_javascript_can_access_clipboard(false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(windows))]
    fn only_the_bundled_pages_are_ours() {
        let ours = |text: &str| is_ours(&text.parse().unwrap());
        assert!(ours("tauri://localhost/"));
        assert!(ours("tauri://localhost/index.html#/code"));
        for other in [
            "https://example.org/",
            "http://tauri.localhost/",
            "tauri://localhost.example.org/",
            "tauri://localhost:8080/",
            "file:///etc/passwd",
            "data:text/html,x",
            "about:blank",
            "javascript:alert(1)",
        ] {
            assert!(!ours(other), "{other}");
        }
    }

    #[test]
    fn nothing_turns_the_webviews_head() {
        let found =
            |name: &str| turned_by_one_of(["PATH", name, "TEMP"].map(str::to_owned).into_iter());
        for name in [
            "WEBVIEW2_ADDITIONAL_BROWSER_ARGUMENTS",
            "WEBVIEW2_BROWSER_EXECUTABLE_FOLDER",
            "WEBVIEW2_USER_DATA_FOLDER",
            "WEBVIEW2_RELEASE_CHANNEL_PREFERENCE",
            "WEBVIEW2_PIPE_FOR_SCRIPT_DEBUGGER",
            "WebView2_User_Data_Folder",
        ] {
            assert_eq!(found(name).as_deref(), Some(name));
        }
        assert_eq!(found("SystemRoot"), None);
    }

    #[test]
    fn a_page_that_beats_no_more_is_dead_and_one_that_was_never_drawn_is_not() {
        let mut looks = Looks::default();
        assert!((0..100).all(|_| !looks.is_dead(0)), "nothing was drawn yet");
        assert!((1..100).all(|beats| !looks.is_dead(beats)), "it is alive");
        let waits = (0..100).position(|_| looks.is_dead(99)).unwrap();
        assert_eq!(waits, usize::try_from(Looks::MOST_MISSED).unwrap() - 1);
    }

    fn json(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    /// What is written in the two configuration files is as much of the lock as the code above
    /// (catalogue KSK-05, KSK-06).
    #[test]
    fn the_pages_reach_our_commands_and_nothing_else() {
        let conf = json(include_str!("../tauri.conf.json"));
        let app = &conf["app"];
        assert_eq!(app["withGlobalTauri"], false);
        assert_eq!(app["security"]["freezePrototype"], true);
        assert_eq!(app["security"]["capabilities"], serde_json::json!(["main"]));
        let csp = app["security"]["csp"].as_object().unwrap();
        assert_eq!(csp["default-src"], "'none'");
        assert_eq!(csp["script-src"], "'self'");
        assert_eq!(csp["style-src"], "'self'");
        assert_eq!(csp["connect-src"], "ipc: http://ipc.localhost");
        assert!(conf.get("plugins").is_none());

        let capability = json(include_str!("../capabilities/main.json"));
        assert_eq!(capability["windows"], serde_json::json!(["main"]));
        assert!(capability.get("remote").is_none() && capability.get("webviews").is_none());
        let granted: Vec<String> = capability["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|permission| permission.as_str().unwrap().replace('-', "_"))
            .collect();
        let commands = include_str!("commands.rs").split("pub(crate) async fn ").skip(1);
        let ours: Vec<String> =
            commands.map(|rest| format!("allow_{}", rest.split('(').next().unwrap())).collect();
        assert_eq!(granted, ours);
    }
}
