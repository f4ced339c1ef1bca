//! One window with one static page: what any program built on the same Tauri costs before it
//! does anything. `cargo xtask bench` measures the app against it; it must stay bare.

use std::process::ExitCode;

use tauri::{WebviewUrl, WebviewWindowBuilder};

/// As large as the app's window.
const SIZE: (f64, f64) = (960.0, 780.0);

fn main() -> ExitCode {
    let opened = tauri::Builder::default()
        .setup(|app| {
            WebviewWindowBuilder::new(app, "main", WebviewUrl::default())
                .title("")
                .inner_size(SIZE.0, SIZE.1)
                .build()?;
            Ok(())
        })
        .run(tauri::generate_context!());
    if opened.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
