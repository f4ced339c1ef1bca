//! Gives each command a permission of its own, so that the capability file can name them one
//! by one, and says in words when the pages are not built yet.

#[cfg(feature = "window")]
fn main() {
    pack_relocations();
    assert!(
        std::path::Path::new("../ui/dist/app/index.html").is_file(),
        "the pages are not built: run `npm ci && npm run build` in ui/, or build without the \
         window (--no-default-features)"
    );
    let commands = tauri_build::AppManifest::new().commands(&[
        "start",
        "begin",
        "change_user_id",
        "choose_method",
        "enter_code",
        "choose_act",
        "set_password",
        "change_password",
        "back",
        "cancel",
        "watch",
        "accepts_new_password",
        "leave",
        "drawn",
        "present",
    ]);
    let attributes = tauri_build::Attributes::new().app_manifest(commands);
    if let Err(error) = tauri_build::try_build(attributes) {
        panic!("tauri-build: {error:#}");
    }
}

/// The app is downloaded: relative relocations packed (DT_RELR, glibc 2.36 and newer) are most of
/// a megabyte less.
#[cfg(feature = "window")]
fn pack_relocations() {
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}"));
    if target("OS").as_deref() == Ok("linux") && target("ENV").as_deref() == Ok("gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

#[cfg(not(feature = "window"))]
fn main() {}
