//! The host as a service of Windows (Wine plays it): put in, started, asked by a sign-in screen
//! that is played, by others that must not ask, stopped, and gone without a trace.

use std::{
    os::unix::fs::{chown, symlink},
    path::Path,
    process::Stdio,
};

use anyhow::{Context as _, Result};
use tests::lab::{
    wait::{self, PATIENCE},
    wine::{Wine, built, difference},
};

const HOST: &str = r"C:\Program Files\Regain\regain-host.exe";
const SCREEN: &str = r"C:\Program Files\Screen\LogonUI.exe";
const STRANGER: &str = r"C:\Program Files\Stranger\LogonUI.exe";
const FOLDER: &str = r"C:\ProgramData\Regain Host";
/// Below the registry of the machine.
const SOURCE: &str = r"System\CurrentControlSet\Services\Eventlog\Application\Regain Host";
const HIDDEN: &str =
    r"Software\Microsoft\Windows NT\CurrentVersion\Winlogon\SpecialAccounts\UserList";
const RUNNING: u32 = 4;
const STOPPED: u32 = 1;
const POLICIES: &str = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Policies\System";
const PROVIDERS: &str =
    r"HKLM\Software\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers";
const CLASS: &str = "{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}";

/// A machine with the host's programs on it.
fn machine() -> Result<Wine> {
    let wine = Wine::start()?;
    let put = |program: &str, place: &str| wine.write(place, std::fs::read(built(program)?)?);
    put("regain-host.exe", HOST)?;
    put("examples/tile_double.exe", SCREEN)?;
    put("examples/tile_double.exe", STRANGER)?;
    Ok(wine)
}

fn install(wine: &Wine) -> Result<()> {
    let install = ["service", "install", "--sign-in-screen", SCREEN];
    wine.run(wine.command(HOST).args(install), "").map(drop)
}

fn start(wine: &Wine) -> Result<()> {
    wine.run(wine.command("sc").args(["start", "regain-host"]), "")?;
    wait::until("the host's pipe", PATIENCE, || {
        Ok((!play(wine, SCREEN, "hello")?.contains("NotFound")).then_some(()))
    })
}

fn play(wine: &Wine, screen: &str, act: &str) -> Result<String> {
    wine.run(wine.command(screen).arg(act), "").map(|said| said.trim().to_owned())
}

/// How it ended, and what it said.
fn uninstall(wine: &Wine) -> (Option<i32>, String) {
    let (status, said) =
        wine.try_run(wine.command(HOST).args(["service", "uninstall"]), "").unwrap();
    (status.code(), said.trim().to_owned())
}

fn log(wine: &Wine) -> String {
    let folder = wine.path(FOLDER).expect("a path on drive C").join("log");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
}

fn is_there(wine: &Wine, windows: &str) -> bool {
    wine.path(windows).is_ok_and(|path| Path::new(&path).exists())
}

#[test]
fn the_host_is_asked_by_the_sign_in_screen_alone_and_goes_without_a_trace() {
    let wine = machine().unwrap();
    // What Windows notes of a program's first run is not ours.
    wine.run(wine.command(HOST).arg("check"), "").unwrap();
    let before = wine.snapshot().unwrap();
    install(&wine).unwrap();
    let source = wine.registry().unwrap().remove(SOURCE).unwrap_or_default();
    let names_program =
        |line: &String| line.contains("EventMessageFile") && line.contains("regain-host");
    assert!(source.iter().any(names_program), "{source:?}");
    assert!(wine.registry().unwrap().contains_key(HIDDEN));
    start(&wine).unwrap();
    assert_eq!(wine.service_state("regain-host").unwrap(), Some(RUNNING));
    assert!(is_there(&wine, r"C:\ProgramData\Regain Host\device-key"), "{}", log(&wine));

    // Wine keeps no accounts from one process to the next, so there is a tile only while the
    // service that made its own still runs.
    let greeted = play(&wine, SCREEN, "hello").unwrap();
    assert!(
        greeted == "tile Kein Zugang zu Ihrem Konto?" || greeted == "not here Account",
        "{greeted}\n{}",
        log(&wine)
    );
    for act in ["garbage", "oversize", "another-version", "out-of-turn", "silent"] {
        let said = play(&wine, SCREEN, act).unwrap();
        assert!(said == "closed" || said == "error BrokenPipe", "{act}: {said}");
        assert_eq!(play(&wine, SCREEN, "hello").unwrap(), greeted, "after {act}");
    }
    assert_eq!(play(&wine, SCREEN, "another-session").unwrap(), "not here Policy");
    let turned_away = play(&wine, STRANGER, "hello").unwrap();
    assert!(turned_away == "closed" || turned_away == "error BrokenPipe", "{turned_away}");
    let said = log(&wine);
    for event in ["HostStarted", "DeviceKeyMade", "TilePipeTurnedAway"] {
        assert!(said.contains(event), "{event}: {said}");
    }
    assert!(said.contains("is not the sign-in screen"), "{said}");

    // Wine changes no accounts: the start fails, in words, and nothing is left open.
    let begun = play(&wine, SCREEN, "start").unwrap();
    let failed = begun.ends_with("end Failed") || begun.contains("refused");
    assert!(failed, "{begun}\n{}", log(&wine));
    let open = wine.path(FOLDER).unwrap().join("runs");
    assert_eq!(std::fs::read_dir(open).unwrap().count(), 0);

    wine.run(wine.command("sc").args(["stop", "regain-host"]), "").unwrap();
    wait::until("the end", PATIENCE, || {
        Ok((wine.service_state("regain-host")? == Some(STOPPED)).then_some(()))
    })
    .unwrap();
    let (code, said) = uninstall(&wine);
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}");
    assert_eq!(wine.service_state("regain-host").unwrap(), None);
    assert_eq!(difference(&before, &wine.snapshot().unwrap()), Vec::<String>::new());
}

#[test]
fn uninstalling_goes_on_after_what_cannot_be_taken_and_names_it() {
    let wine = machine().unwrap();
    wine.run(wine.command(HOST).arg("check"), "").unwrap();
    let before = wine.snapshot().unwrap();
    install(&wine).unwrap();
    // A program that holds a file of the folder: it lets nobody remove it.
    let held = format!(r"{FOLDER}\held");
    let mut hold = wine.command("cmd");
    hold.args(["/c", "more > held"]).current_dir(wine.path(FOLDER).unwrap()).stdin(Stdio::piped());
    let mut holder = hold.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait::until("the file", PATIENCE, || Ok(is_there(&wine, &held).then_some(()))).unwrap();

    let (code, said) = uninstall(&wine);
    assert_eq!(code, Some(3), "{said}");
    let stays: Vec<&str> = said.lines().filter(|line| line.contains(" stays: ")).collect();
    assert!(stays.len() == 1 && stays[0].starts_with("the folder with keys and logs"), "{said}");
    // Everything after and before it is gone all the same.
    assert_eq!(wine.service_state("regain-host").unwrap(), None);
    let registry = wine.registry().unwrap();
    assert!(!registry.contains_key(SOURCE) && !registry.contains_key(HIDDEN));

    drop(holder.stdin.take());
    holder.wait().unwrap();
    let (code, said) = uninstall(&wine);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(difference(&before, &wine.snapshot().unwrap()), Vec::<String>::new());
}

/// A list of hidden accounts that was there before is somebody else's.
#[test]
fn a_list_of_hidden_accounts_that_was_there_stays() {
    let wine = machine().unwrap();
    let key = format!(r"HKLM\{HIDDEN}");
    let add = ["add", &key, "/v", "kiosk", "/t", "REG_DWORD", "/d", "0", "/f"];
    wine.run(wine.command("reg").args(add), "").unwrap();
    install(&wine).unwrap();
    assert_eq!(wine.registry().unwrap()[HIDDEN].len(), 2);
    assert_eq!(uninstall(&wine).0, Some(0));
    assert_eq!(wine.registry().unwrap()[HIDDEN].len(), 1);
}

/// As a program of any user could have done before the installation.
#[test]
fn a_folder_that_somebody_made_before_is_not_trusted() {
    let wine = machine().unwrap();
    let folder = wine.path(FOLDER).unwrap();
    let elsewhere = wine.path(r"C:\elsewhere").unwrap();
    let untouched = || std::fs::read_dir(&elsewhere).unwrap().count() == 1;
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("precious"), "untouched").unwrap();
    let moved = || {
        let names = std::fs::read_dir(folder.parent().unwrap()).unwrap().flatten();
        let is_aside = |name: &String| name.starts_with("Regain Host.moved-");
        names.filter_map(|entry| entry.file_name().into_string().ok()).filter(is_aside).count()
    };

    // A link in its place. On Windows it goes; Wine would remove what it leads to, refuses as that
    // is not empty, and so nothing is installed over it.
    symlink(&elsewhere, &folder).unwrap();
    let (status, said) = wine.try_run(wine.command(HOST).args(["service", "install"]), "").unwrap();
    assert!(!status.success() && untouched(), "{said}");
    std::fs::remove_file(&folder).unwrap();

    // A folder of somebody else's, with what looks like a key.
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("device-key"), "planted").unwrap();
    chown(&folder, Some(65_534), Some(65_534)).context("these stories run as root").unwrap();
    install(&wine).unwrap();
    assert!(!folder.join("device-key").exists());
    assert_eq!(moved(), 1);

    // In our own: a second name of a file elsewhere, which the key would be written over, and a
    // folder of somebody else's.
    std::fs::hard_link(elsewhere.join("precious"), folder.join("device-key.new")).unwrap();
    std::fs::create_dir(folder.join("runs")).unwrap();
    std::fs::write(folder.join("runs/planted"), "planted").unwrap();
    chown(folder.join("runs"), Some(65_534), Some(65_534)).unwrap();
    start(&wine).unwrap();
    wait::until("the key", PATIENCE, || Ok(folder.join("device-key").is_file().then_some(())))
        .unwrap();
    assert!(untouched() && !folder.join("runs/planted").exists());
    assert_eq!(std::fs::read(elsewhere.join("precious")).unwrap(), b"untouched");
    assert_eq!(uninstall(&wine).0, Some(0));
    assert_eq!(moved(), 1);
}

#[test]
fn processes_of_an_account_are_found_and_ended_and_a_command_takes_its_own_along() {
    const DOUBLE: &str = r"C:\Program Files\Processes\processes_double.exe";
    let wine = machine().unwrap();
    let double = std::fs::read(built("examples/processes_double.exe").unwrap()).unwrap();
    wine.write(DOUBLE, double).unwrap();
    let said = |act: &str| play(&wine, DOUBLE, act).unwrap();
    assert_eq!(said("look"), "own true, theirs true, strangers false, after false");
    assert_eq!(said("too-long"), "None, 0 left");
    // What a command that has ended leaves behind may be the network that it opened.
    assert_eq!(said("in-time"), "Some(0), 1 left");
}

#[test]
fn a_planted_breaker_is_named() {
    let wine = machine().unwrap();
    let check = || wine.run(wine.command(HOST).arg("check"), "").unwrap();
    let set = |key: &str, name: &str, kind: &str, value: &str| {
        let add = ["add", key, "/v", name, "/t", kind, "/d", value, "/f"];
        wine.run(wine.command("reg").args(add), "").unwrap();
    };
    // Wine begins with it off.
    set(POLICIES, "EnableLUA", "REG_DWORD", "1");
    let before = check();
    let line = |check: &str, name: &str| {
        let found = check.lines().find(|line| line.split(' ').next() == Some(name));
        found.unwrap_or_default().to_owned()
    };
    let winlogon = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion\Winlogon";
    let personal = r"HKLM\Software\Policies\Microsoft\Windows\Personalization";
    let system = r"HKLM\Software\Policies\Microsoft\Windows\System";
    let packages = r"HKLM\Software\Policies\Microsoft\Windows\Appx";
    let cloud = r"HKLM\Software\Policies\Microsoft\AzureADAccount";
    let seclogon = r"HKLM\System\CurrentControlSet\Services\seclogon";
    let planted = [
        ("secondary-logon", seclogon, "Start", "REG_DWORD", "4", "less"),
        ("user-account-control", POLICIES, "EnableLUA", "REG_DWORD", "0", "less"),
        ("last-user-hidden", POLICIES, "dontdisplaylastusername", "REG_DWORD", "1", "less"),
        ("user-switching-hidden", POLICIES, "HideFastUserSwitching", "REG_DWORD", "1", "less"),
        ("no-lock-screen", personal, "NoLockScreen", "REG_DWORD", "1", "less"),
        (
            "lock-screen-notifications",
            system,
            "DisableLockScreenAppNotifications",
            "REG_DWORD",
            "1",
            "less",
        ),
        ("installs-blocked", packages, "BlockNonAdminUserInstall", "REG_DWORD", "1", "less"),
        ("custom-shell", winlogon, "Shell", "REG_SZ", "kiosk.exe", "less"),
        ("smart-card-required", POLICIES, "scforceoption", "REG_DWORD", "1", "breaks"),
        ("built-in-reset", cloud, "AllowPasswordReset", "REG_DWORD", "1", "less"),
        ("safe-mode", PROVIDERS, "ProhibitFallbacks", "REG_DWORD", "1", "less"),
        ("tile-excluded", POLICIES, "ExcludedCredentialProviders", "REG_SZ", CLASS, "breaks"),
    ];
    for (name, key, value, kind, bad, found) in planted {
        assert!(!line(&before, name).contains(found), "{name} is there before: {before}");
        set(key, value, kind, bad);
        let after = check();
        assert!(line(&after, name).starts_with(&format!("{name} {found}")), "{name}: {after}");
    }
    assert!(line(&before, "tile-registered").starts_with("tile-registered breaks"), "{before}");
    assert!(line(&before, "webview-runtime").starts_with("webview-runtime less"), "{before}");
    assert!(line(&before, "app-account").starts_with("app-account breaks"), "{before}");
    // A network that opens with the sign-in, as Windows keeps it: in two bytes a letter.
    let profile = "<singleSignOn><type>preLogon</type></singleSignOn>";
    let wide: Vec<u8> = profile.encode_utf16().flat_map(u16::to_le_bytes).collect();
    wine.write(r"C:\ProgramData\Microsoft\dot3svc\Profiles\Interfaces\1\p.xml", wide).unwrap();
    assert!(line(&check(), "network-before-sign-in").starts_with("network-before-sign-in less"));
}
