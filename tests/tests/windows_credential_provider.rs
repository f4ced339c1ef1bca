//! The tile's library in a sign-in screen that is played (`tests/windows/logon-ui`), on a Windows
//! that Wine plays, with the registry as the installer writes it. What that does not show is in
//! docs/known-issues.md.

use std::{
    path::Path,
    process::{Command, ExitStatus},
};

use anyhow::{Context as _, Result};
use tests::lab::wine::{Wine, breakable, built};

const CLASS: &str = "{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}";
const DLL: &str = "regain_credential_provider.dll";
const SHIPPED: &str = r"C:\Program Files\Regain\1\regain_credential_provider.dll";
const BREAKABLE: &str = r"C:\Program Files\Regain\breakable\regain_credential_provider.dll";
const SCREEN: &str = r"C:\Program Files\Screen\LogonUI.exe";
const PROMPT: &str = r"C:\Program Files\Screen\consent.exe";
/// The sentinel's file.
const LOADS: &str = r"C:\ProgramData\Regain Host\tile-loads";

/// A machine with the library registered and a host that can be started.
struct Machine {
    wine: Wine,
}

impl Machine {
    fn new() -> Result<Self> {
        let wine = Wine::start()?;
        wine.write(SHIPPED, std::fs::read(built(DLL)?)?)?;
        wine.write(BREAKABLE, std::fs::read(breakable(DLL)?)?)?;
        let screen = std::fs::read(built("LogonUI.exe")?)?;
        wine.write(SCREEN, &screen)?;
        wine.write(PROMPT, &screen)?;
        // The installer makes it.
        wine.write(r"C:\ProgramData\Regain Host\tile\none", "")?;
        let machine = Self { wine };
        machine.register(SHIPPED)?;
        machine.run("sc", &["create", "regain-host", "binPath=", &format!("\"{SCREEN}\" host")])?;
        Ok(machine)
    }

    /// As the installer writes it.
    fn register(&self, library: &str) -> Result<()> {
        let library = library.replace('\\', r"\\");
        let provider = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication";
        let text = format!(
            "REGEDIT4\n\n\
             [HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\CLSID\\{CLASS}]\n@=\"Regain\"\n\n\
             [HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\CLSID\\{CLASS}\\InprocServer32]\n\
             @=\"{library}\"\n\"ThreadingModel\"=\"Apartment\"\n\n\
             [HKEY_LOCAL_MACHINE\\{provider}\\Credential Providers\\{CLASS}]\n@=\"Regain\"\n"
        );
        self.wine.write(r"C:\provider.reg", text)?;
        self.run("regedit", &["/S", r"C:\provider.reg"])?;
        Ok(())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        self.wine.run(self.wine.command(program).args(arguments), "")
    }

    fn start_host(&self) -> Result<()> {
        self.run("sc", &["start", "regain-host"])?;
        tests::lab::wait::until("the host", tests::lab::wait::PATIENCE, || {
            Ok((self.wine.service_state("regain-host")? == Some(4)).then_some(()))
        })
    }

    fn stop_host(&self) -> Result<()> {
        self.run("sc", &["stop", "regain-host"])?;
        tests::lab::wait::until("the host's end", tests::lab::wait::PATIENCE, || {
            Ok((self.wine.service_state("regain-host")? == Some(1)).then_some(()))
        })
    }

    /// A story, as a process of its own.
    fn tell(&self, story: &[&str]) {
        match self.run(SCREEN, story) {
            Ok(said) => println!("{story:?}: {said}"),
            Err(error) => panic!("{story:?}: {error:#}"),
        }
    }

    fn loads(&self) -> Result<usize> {
        let file = self.wine.path(LOADS)?;
        Ok(std::fs::read_to_string(file).map_or(0, |lines| lines.lines().count()))
    }
}

#[test]
fn the_tile_does_what_it_promises() {
    let machine = Machine::new().unwrap();
    machine.tell(&["missing-host"]);
    machine.tell(&["wrong-server"]);
    machine.tell(&["late-host"]);
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
        "untidy",
        "races",
    ] {
        machine.tell(&[story]);
    }
    machine.stop_host().unwrap();
    machine.tell(&["missing-host"]);
}

#[test]
fn a_panic_anywhere_ends_the_tile_and_not_the_screen() {
    let machine = Machine::new().unwrap();
    machine.register(BREAKABLE).unwrap();
    machine.start_host().unwrap();
    machine.tell(&["panics"]);
}

#[test]
fn a_reset_hands_over_one_sign_in() {
    let machine = Machine::new().unwrap();
    // Wine has no package to sign in with: the library that says one has.
    machine.register(BREAKABLE).unwrap();
    machine.start_host().unwrap();
    for story in ["grant", "grant-refused", "no-grant"] {
        let mut told = machine.wine.command(SCREEN);
        told.arg(story).env("REGAIN_PACKAGE", "9");
        println!("{story}: {}", machine.wine.run(&mut told, "").unwrap());
    }
}

#[test]
fn a_library_that_dies_five_times_is_left_out_until_it_is_cleared() {
    let machine = Machine::new().unwrap();
    for dead in 1..=5 {
        machine.tell(&["dies-after-load"]);
        assert_eq!(machine.loads().unwrap(), dead);
    }
    machine.tell(&["is-refused"]);
    // A program's prompt counts nothing and is not counted.
    machine.run(PROMPT, &["is-loaded"]).unwrap();
    machine.run(PROMPT, &["other-screens"]).unwrap();
    assert_eq!(machine.loads().unwrap(), 5);
    std::fs::remove_file(machine.wine.path(LOADS).unwrap()).unwrap();
    machine.start_host().unwrap();
    // A screen that lives on leaves no count.
    machine.tell(&["sign-in"]);
    assert_eq!(machine.loads().unwrap(), 0);
}

#[test]
fn ten_thousand_rounds_leave_nothing_behind() {
    let machine = Machine::new().unwrap();
    machine.start_host().unwrap();
    machine.tell(&["rounds", "10000"]);
}

#[test]
fn what_is_shipped_gives_away_two_functions_and_needs_nothing_beside_windows() {
    let library = built(DLL).unwrap();
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
    assert!(is_breakable(&std::fs::read(breakable(DLL).unwrap()).unwrap()), "nothing was looked for");
}

fn objdump(library: &Path) -> String {
    let output = Command::new("x86_64-w64-mingw32-objdump").arg("-p").arg(library).output();
    let output = output.context("objdump (cargo xtask setup installs it)").unwrap();
    assert!(ExitStatus::success(&output.status));
    String::from_utf8(output.stdout).unwrap()
}
