//! The tile's library in a sign-in screen that is played (`tests/windows/logon-ui`), on a Windows
//! that Wine plays, with the registry as the installer writes it. What that does not show is in
//! docs/known-issues.md.
#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::{path::Path, process::Command};

use tests::lab::{
    tile::{DLL, SignInScreen},
    wine::{built, shipped},
};

fn tell(screen: &SignInScreen, story: &[&str]) {
    match screen.tell(story) {
        Ok(said) => println!("{story:?}: {said}"),
        Err(error) => panic!("{story:?}: {error:#}"),
    }
}

#[test]
fn the_tile_does_what_it_promises() {
    let screen = SignInScreen::start().unwrap();
    tell(&screen, &["missing-host"]);
    tell(&screen, &["wrong-server"]);
    tell(&screen, &["late-host"]);
    for story in [
        "sign-in",
        "unlock",
        "simple-form",
        "cancel",
        "ends",
        "hung-host",
        "slow-host",
        "other-screens",
        "switched-off",
        "calls-back",
        "lets-go-within",
        "untidy",
        "races",
    ] {
        tell(&screen, &[story]);
    }
    screen.stop_host().unwrap();
    tell(&screen, &["missing-host"]);
}

#[test]
fn a_panic_anywhere_ends_the_tile_and_not_the_screen() {
    let screen = SignInScreen::start_breakable().unwrap();
    screen.start_host().unwrap();
    tell(&screen, &["panics"]);
}

#[test]
fn the_app_that_is_about_to_show_is_handed_the_foreground() {
    // Wine lets everybody have it: the library that is made for tests says to whom it was handed.
    let screen = SignInScreen::start_breakable().unwrap();
    screen.start_host().unwrap();
    tell(&screen, &["foreground"]);
}

#[test]
fn a_reset_hands_over_one_sign_in() {
    // Wine has no package to sign in with: the library that is told of one has.
    let screen = SignInScreen::start_breakable().unwrap();
    screen.start_host().unwrap();
    for story in ["grant", "grant-refused", "no-grant"] {
        tell(&screen, &[story]);
    }
}

#[test]
fn a_library_that_dies_five_times_is_left_out_until_it_is_cleared() {
    let screen = SignInScreen::start().unwrap();
    for dead in 1..=5 {
        tell(&screen, &["dies-after-load"]);
        assert_eq!(screen.loads().unwrap(), dead);
    }
    tell(&screen, &["is-refused"]);
    // A program's prompt counts nothing and is not counted.
    screen.tell_in_a_prompt(&["is-loaded"]).unwrap();
    screen.tell_in_a_prompt(&["other-screens"]).unwrap();
    assert_eq!(screen.loads().unwrap(), 5);
    screen.clear_loads().unwrap();
    screen.start_host().unwrap();
    // A screen that lives on leaves no count.
    tell(&screen, &["sign-in"]);
    assert_eq!(screen.loads().unwrap(), 0);
}

#[test]
fn ten_thousand_rounds_leave_nothing_behind() {
    let screen = SignInScreen::start().unwrap();
    screen.start_host().unwrap();
    tell(&screen, &["rounds", "10000"]);
}

#[test]
fn what_is_shipped_gives_away_two_functions_and_needs_nothing_beside_windows() {
    let library = shipped(DLL).unwrap();
    let said = objdump(&library);
    let exports: Vec<&str> = said
        .split("[Ordinal/Name Pointer] Table")
        .nth(1)
        .unwrap()
        .lines()
        .skip(1)
        .map_while(|line| line.trim().strip_prefix('[')?.rsplit_once(' ').map(|(_, name)| name))
        .collect();
    assert_eq!(exports, ["DllCanUnloadNow", "DllGetClassObject"], "{said}");
    let needed: Vec<String> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("DLL Name: "))
        .map(str::to_ascii_lowercase)
        .collect();
    println!("{needed:?}");
    assert!(needed.len() > 3, "{said}");
    for library in &needed {
        let is_windows = library.starts_with("api-ms-win-")
            || [
                "advapi32.dll",
                "bcryptprimitives.dll",
                "combase.dll",
                "gdi32.dll",
                "kernel32.dll",
                "msvcrt.dll",
                "ntdll.dll",
                "ole32.dll",
                "oleaut32.dll",
                "secur32.dll",
                "shell32.dll",
                "user32.dll",
            ]
            .contains(&library.as_str());
        assert!(is_windows, "{library} is not in every Windows, or not for a tile");
    }
    let bytes = std::fs::read(&library).unwrap();
    assert!(bytes.len() <= 700_000, "{} bytes", bytes.len());
    let is_breakable = |bytes: &[u8]| bytes.windows(15).any(|window| window == b"REGAIN_PANIC_AT");
    assert!(!is_breakable(&bytes), "it can be told to panic");
    assert!(is_breakable(&std::fs::read(built(DLL).unwrap()).unwrap()), "nothing was looked for");
}

fn objdump(library: &Path) -> String {
    let output = Command::new("x86_64-w64-mingw32-objdump").arg("-p").arg(library).output();
    let output = output.expect("objdump (cargo xtask setup)");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}
