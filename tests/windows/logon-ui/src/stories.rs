//! What the tile promises, one story a process.
//!
//! Long: one list of promises.
#![expect(unsafe_code, reason = "calls a library of Windows")]

use std::{process::Command, rc::Rc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use os_windows::pipe::Event;
use windows::{
    Win32::{
        Foundation::{CLASS_E_CLASSNOTAVAILABLE, CloseHandle, E_FAIL, E_NOTIMPL},
        System::{
            Com::{COINIT_APARTMENTTHREADED, CoInitializeEx},
            ProcessStatus::{GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS},
            Threading::{CreateEventW, GetCurrentProcess},
        },
        UI::Shell::{CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION, ICredentialProvider},
    },
    core::PCWSTR,
};
use windows_registry::LOCAL_MACHINE;

use crate::{
    fakes::Told,
    host,
    screen::{LOGON, Screen, Tile, UNLOCK, counter, field, load, now, pump, set_scenario, until},
};

const ANN: &str = "S-1-5-21-1-2-3-1001";
const BEN: &str = "S-1-5-21-1-2-3-1002";
const OPENING: &str = "Opening. This takes about 5 seconds.";
/// What a slow screen still calls at once.
const AT_ONCE: Duration = Duration::from_millis(300);

pub(crate) fn tell(story: &str, rest: &[&str]) -> Result<()> {
    // SAFETY: the first call of this thread.
    unsafe { CoInitializeEx(None, COINIT_APARTMENTTHREADED) }.ok()?;
    match story {
        "sign-in" => sign_in(),
        "unlock" => unlock(),
        "simple-form" => simple_form(),
        "cancel" => cancel(),
        "ends" => ends(),
        "missing-host" => missing_host(),
        "late-host" => late_host(),
        "hung-host" => hung_host(),
        "slow-host" => slow_host(),
        "wrong-server" => wrong_server(),
        "other-screens" => other_screens(),
        "switched-off" => switched_off(),
        "calls-back" => calls_back(),
        "lets-go-within" => lets_go_within(),
        "foreground" => foreground(),
        "untidy" => untidy(),
        "races" => races(),
        "panics" => panics(),
        "panic-at" => panic_at(rest.first().context("where?")?),
        "dies-after-load" => {
            // Held: one that is let go lives on.
            let _provider = load()?;
            std::process::exit(0);
        }
        "is-refused" => is_refused(),
        "is-loaded" => Ok(load().map(drop)?),
        "grant" => grant(),
        "grant-refused" => grant_refused(),
        "no-grant" => no_grant(),
        "rounds" => rounds(rest.first().context("how many?")?.parse()?),
        "measure" => measure(),
        _ => bail!("no story of this name"),
    }
}

/// Everybody has a tile, the button answers at once, and the host's words arrive.
fn sign_in() -> Result<()> {
    host::play("fine")?;
    let screen = Screen::open(LOGON, &[Some(ANN), None, Some(BEN)])?;
    println!("tiles after {:?}", screen.took);
    let sids: Vec<_> = screen.tiles.iter().map(|tile| tile.sid.as_deref()).collect();
    ensure!(sids == [Some(ANN), Some(BEN), None], "tiles of {sids:?}");
    let tile = screen.tile_of(Some(ANN))?;
    ensure!(tile.text(field::LABEL)? == "Locked out of Example?", "the label");
    ensure!(tile.text(field::TITLE)? == "Locked out of Example?", "the title");
    ensure!(tile.sees(field::PICTURE)? && tile.sees(field::SIMPLE_FORM)?, "picture and form");
    ensure!(!tile.sees(field::FIRST_DAY)?, "a first day for somebody listed");
    ensure!(screen.tile_of(None)?.sees(field::FIRST_DAY)?, "no first day for others");
    ensure!(!tile.select()?, "it signs in by itself");
    let began = now();
    tile.follow(field::OPEN)?;
    let took = began.elapsed();
    println!("answered after {took:?}");
    ensure!(took < AT_ONCE, "the press was answered after {took:?}");
    ensure!(tile.told(field::TEXT).as_deref() == Some(OPENING), "it does not say that it opens");
    ensure!(tile.sees(field::CANCEL)?, "no way out");
    until("the end", || tile.told(field::TEXT).as_deref() == Some("Your account is unlocked."))?;
    ensure!(is_batched(tile), "changes outside of a batch");
    ensure!(host::heard() == format!("start {ANN} Full CannotSignIn\n"), "{}", host::heard());
    ensure!(screen.changes.borrow().is_empty(), "listed anew for a text");
    screen.close()
}

fn is_batched(tile: &Tile) -> bool {
    let mut is_open = false;
    tile.log.borrow().iter().all(|told| match told {
        Told::Begin => !std::mem::replace(&mut is_open, true),
        Told::End => std::mem::replace(&mut is_open, false),
        _ => is_open,
    })
}

/// A locked session's tile is its owner's; where nobody is listed, nobody's.
fn unlock() -> Result<()> {
    host::play("fine")?;
    let screen = Screen::open(UNLOCK, &[Some(ANN)])?;
    ensure!(screen.tiles.len() == 1 && screen.tiles[0].sid.as_deref() == Some(ANN), "its owner");
    screen.close()?;
    for nobody in [&[][..], &[None][..]] {
        for scenario in [LOGON, UNLOCK] {
            let screen = Screen::open(scenario, nobody)?;
            ensure!(screen.tiles.len() == 1 && screen.tiles[0].sid.is_none(), "nobody's tile");
            let tile = &screen.tiles[0];
            tile.follow(field::FIRST_DAY)?;
            until("the end", || !tile.sees(field::CANCEL).unwrap_or(true))?;
            screen.close()?;
        }
    }
    ensure!(host::heard().starts_with("start nobody Full FirstDay\n"), "{}", host::heard());
    Ok(())
}

/// The form in the tile: drawn in native fields, answered, and what was typed is gone.
fn simple_form() -> Result<()> {
    host::play("fine")?;
    let screen = Screen::open(LOGON, &[Some(ANN)])?;
    let tile = screen.tile_of(Some(ANN))?;
    tile.follow(field::SIMPLE_FORM)?;
    until("the page", || tile.told(field::TITLE).as_deref() == Some("Who are you?"))?;
    ensure!(tile.sees(field::FIRST_TEXT)? && tile.sees(field::SECOND_SECRET)?, "its fields");
    ensure!(tile.log.borrow().contains(&Told::Focus(field::FIRST_TEXT)), "no focus");
    tile.type_in(field::FIRST_TEXT, "ann")?;
    tile.type_in(field::SECOND_SECRET, "Schlüssel")?;
    ensure!(tile.text(field::SECOND_SECRET)?.is_empty(), "a secret can be read back");
    ensure!(tile.type_in(field::TITLE, "x").is_err(), "a title can be typed into");
    let (response, block) = tile.press()?;
    ensure!((response, block.is_none()) == (0, true), "the button said {response}");
    until("the end", || tile.told(field::TEXT).as_deref() == Some("That was wrong."))?;
    ensure!(!tile.sees(field::FIRST_TEXT)? && !tile.sees(field::BUTTON)?, "fields stay");
    ensure!(host::heard().ends_with("answer 0 ann Schlüssel\n"), "{}", host::heard());
    screen.close()
}

/// The person wants out; another tile begins; the screen goes.
fn cancel() -> Result<()> {
    host::play("stays")?;
    let screen = Screen::open(LOGON, &[Some(ANN), Some(BEN)])?;
    let (ann, ben) = (screen.tile_of(Some(ANN))?, screen.tile_of(Some(BEN))?);
    let in_front =
        |tile: &Tile| tile.told(field::TEXT).as_deref() == Some("The window is in front.");
    ann.follow(field::OPEN)?;
    until("the app", || in_front(ann))?;
    ann.follow(field::CANCEL)?;
    ensure!(ann.sees(field::OPEN)?, "it is not at rest");
    until("the host hears", || host::heard().ends_with("cancel\n"))?;
    ann.follow(field::OPEN)?;
    until("the app again", || in_front(ann) && host::heard().matches("start").count() == 2)?;
    ben.follow(field::OPEN)?;
    ensure!(ann.sees(field::OPEN)?, "two tiles run");
    until("the other's app", || in_front(ben))?;
    until("the host hears", || host::heard().matches("cancel\n").count() == 2)?;
    screen.close()
}

/// However a flow ends, the tile says so and can begin again.
fn ends() -> Result<()> {
    for (mode, words) in [
        ("refuse", "Not now."),
        ("dies", "This is not available right now."),
        ("fine", "Your account is unlocked."),
    ] {
        host::play(mode)?;
        let screen = Screen::open(LOGON, &[])?;
        let tile = &screen.tiles[0];
        for _ in 0..2 {
            tile.log.borrow_mut().clear();
            tile.follow(field::OPEN)?;
            until(mode, || tile.told(field::TEXT).as_deref() == Some(words))?;
            ensure!(tile.sees(field::OPEN)? && tile.sees(field::SIMPLE_FORM)?, "no way on");
        }
        screen.close()?;
    }
    Ok(())
}

/// The quickest of a few: a busy machine is no slow tile.
fn no_tiles_at_once(scenario: i32) -> Result<Screen> {
    let mut tries = 0;
    loop {
        let screen = Screen::at_once(scenario, &[Some(ANN)])?;
        println!("no tiles after {:?}", screen.took);
        ensure!(screen.tiles.is_empty(), "there are tiles");
        if screen.took < AT_ONCE {
            return Ok(screen);
        }
        tries += 1;
        ensure!(tries < 10, "only after {:?}", screen.took);
        screen.close()?;
    }
}

fn missing_host() -> Result<()> {
    no_tiles_at_once(LOGON)?.close()?;
    no_tiles_at_once(UNLOCK)?.close()
}

/// Windows may start the screen before the host: the tile comes when the host does.
fn late_host() -> Result<()> {
    host::play("fine")?;
    let mut screen = no_tiles_at_once(LOGON)?;
    let started = Command::new("sc").args(["start", host::NAME]).status()?;
    ensure!(started.success(), "the host does not start");
    let changes = screen.changes.clone();
    until("the tile", || !changes.borrow().is_empty())?;
    screen.enumerate(None)?;
    ensure!(screen.tiles.len() == 2, "{} tiles", screen.tiles.len());
    screen.close()
}

fn hung_host() -> Result<()> {
    host::play("hung")?;
    no_tiles_at_once(LOGON)?.close()?;
    host::play("rubbish")?;
    no_tiles_at_once(LOGON)?.close()
}

fn slow_host() -> Result<()> {
    host::play("slow")?;
    let screen = Screen::open(LOGON, &[Some(ANN)])?;
    println!("tiles after {:?}", screen.took);
    ensure!(screen.tiles.len() == 2, "no tiles");
    screen.close()
}

/// Somebody who is not the host has the pipe's name and speaks its frames.
fn wrong_server() -> Result<()> {
    host::play("fine")?;
    let stop = std::sync::Arc::new(Event::new()?);
    let told = stop.clone();
    let server = std::thread::spawn(move || host::listen(&told));
    // The name is taken once somebody can connect.
    until("the squatter", || {
        os_windows::pipe::connect(protocol::host::tile::PIPE, Duration::from_millis(100)).is_ok()
    })?;
    no_tiles_at_once(LOGON)?.close()?;
    stop.set();
    server.join().unwrap()
}

/// Prompts of programs, changing a password, before a VPN, and numbers that nobody knows.
fn other_screens() -> Result<()> {
    host::play("fine")?;
    let provider = load()?;
    for scenario in [0, 3, 4, 5, 6, -1] {
        is_not_served(&provider, scenario)?;
    }
    // SAFETY: alive, on this thread.
    ensure!(unsafe { provider.GetFieldDescriptorCount() }.is_ok(), "fields");
    let (mut count, mut default, mut by_itself) = (9, 9, Default::default());
    // SAFETY: as above; three places to write to.
    unsafe { provider.GetCredentialCount(&raw mut count, &raw mut default, &raw mut by_itself) }?;
    ensure!(count == 0, "{count} tiles");
    let others = CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION::default();
    // SAFETY: as above.
    let taken = unsafe { provider.SetSerialization(&raw const others) };
    ensure!(taken.is_err_and(|error| error.code() == E_NOTIMPL), "took what others typed");
    Ok(())
}

fn is_not_served(provider: &ICredentialProvider, scenario: i32) -> Result<()> {
    let answer = set_scenario(provider, scenario);
    ensure!(answer.is_err_and(|error| error.code() == E_NOTIMPL), "{scenario} is served");
    Ok(())
}

/// Each switch alone hides it, and it is back without.
fn switched_off() -> Result<()> {
    const PROVIDERS: &str =
        r"SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers";
    const SYSTEM: &str = r"Software\Microsoft\Windows\CurrentVersion\Policies\System";
    host::play("fine")?;
    let own = format!(r"{PROVIDERS}\{{{:?}}}", crate::screen::CLASS);
    let numbers = [
        (r"SOFTWARE\Policies\Regain\Regain", "Tile", 0, 1),
        (r"SOFTWARE\Policies\Regain\Regain", "Tile", 2, 1),
        (r"SOFTWARE\Regain\Regain", "Tile", 0, 1),
        (own.as_str(), "Disabled", 1, 0),
        (r"SYSTEM\Setup", "OOBEInProgress", 1, 0),
    ];
    for (path, name, off, on) in numbers {
        let key = LOCAL_MACHINE.create(path)?;
        key.set_u32(name, off)?;
        is_not_served(&load()?, LOGON).with_context(|| format!("{path} {name}"))?;
        key.set_u32(name, on)?;
        Screen::open(LOGON, &[])?.close()?;
        key.remove_value(name)?;
    }
    let key = LOCAL_MACHINE.create(SYSTEM)?;
    let excluded =
        format!("{{11111111-0000-0000-0000-000000000000}}, {{{:?}}}", crate::screen::CLASS);
    key.set_string("ExcludedCredentialProviders", excluded.to_lowercase())?;
    is_not_served(&load()?, UNLOCK).context("excluded")?;
    key.remove_value("ExcludedCredentialProviders")?;
    Screen::open(LOGON, &[])?.close()
}

/// The screen calls back into the tile while the tile tells it something.
fn calls_back() -> Result<()> {
    host::play("stays")?;
    let calls = counter();
    let counted = calls.clone();
    let call_back =
        Rc::new(move |tile: &windows::Win32::UI::Shell::ICredentialProviderCredential| {
            let tile = Tile { tile: tile.clone(), sid: None, log: Default::default() };
            for field in 0..20 {
                let _ = tile.state(field);
                let _ = tile.text(field);
            }
            let _ = tile.press();
            let mut calls = counted.borrow_mut();
            *calls += 1;
            // In the middle of a drawing, now and then: the way out, and in again.
            if calls.is_multiple_of(5) {
                let _ = tile.follow(field::CANCEL);
            }
            if calls.is_multiple_of(7) {
                let _ = tile.follow(field::OPEN);
            }
        });
    let mut screen = Screen::with(load()?, LOGON, &[Some(ANN)], Some(call_back.clone()))?;
    screen.wait_for_tiles(Some(call_back))?;
    let tile = screen.tile_of(Some(ANN))?;
    for _ in 0..50 {
        tile.follow(field::OPEN)?;
        pump();
        tile.follow(field::CANCEL)?;
        pump();
    }
    println!("{} calls back", calls.borrow());
    ensure!(*calls.borrow() > 50, "nothing was called back");
    // What the screen was told last is what the tile says.
    until("rest", || tile.told(field::TEXT) == tile.text(field::TEXT).ok())?;
    screen.close()?;
    // And nothing broke.
    Screen::open(LOGON, &[])?.close()
}

/// The screen lets a tile go while the tile tells it something: it is told nothing more.
fn lets_go_within() -> Result<()> {
    host::play("stays")?;
    let calls = counter();
    let counted = calls.clone();
    let call_back =
        Rc::new(move |tile: &windows::Win32::UI::Shell::ICredentialProviderCredential| {
            *counted.borrow_mut() += 1;
            // SAFETY: alive, on this thread.
            let _ = unsafe { tile.UnAdvise() };
        });
    let mut screen = Screen::with(load()?, LOGON, &[Some(ANN)], Some(call_back.clone()))?;
    screen.wait_for_tiles(Some(call_back))?;
    let tile = screen.tile_of(Some(ANN))?;
    tile.follow(field::OPEN)?;
    pump();
    ensure!(*calls.borrow() == 1, "{} calls after it let go", *calls.borrow() - 1);
    ensure!(!tile.log.borrow().contains(&Told::End), "the end of a batch after it let go");
    // Whoever listens next is told the rest.
    let log = crate::fakes::Log::default();
    let listener = crate::fakes::TileEvents { log: log.clone(), call_back: None };
    let listener: windows::Win32::UI::Shell::ICredentialProviderCredentialEvents =
        windows::Win32::UI::Shell::ICredentialProviderCredentialEvents2::from(listener).into();
    // SAFETY: alive, on this thread.
    unsafe { tile.tile.Advise(&listener) }?;
    tile.follow(field::CANCEL)?;
    let is_told = |told: &Told| matches!(told, Told::State(field::OPEN, state) if *state != 0);
    ensure!(log.borrow().iter().any(is_told), "{:?}", log.borrow());
    screen.close()
}

/// The app that is about to show is handed the foreground. Only the library that is made for tests
/// says to whom.
fn foreground() -> Result<()> {
    host::play("shows")?;
    let screen = Screen::open(LOGON, &[Some(ANN)])?;
    let tile = screen.tile_of(Some(ANN))?;
    tile.follow(field::OPEN)?;
    let to = || std::env::var("REGAIN_FOREGROUND").unwrap_or_default();
    ensure!(to().is_empty(), "before the host says so");
    until("the foreground", || to() == host::SHOWN.to_string())?;
    let in_front =
        |tile: &Tile| tile.told(field::TEXT).as_deref() == Some("The window is in front.");
    until("the app", || in_front(tile))?;
    screen.close()
}

/// A screen that lets go twice, too early, or not at all.
fn untidy() -> Result<()> {
    host::play("stays")?;
    let screen = Screen::open(LOGON, &[Some(ANN)])?;
    let provider = screen.provider.clone();
    let tile = screen.tile_of(Some(ANN))?.tile.clone();
    screen.tile_of(Some(ANN))?.follow(field::OPEN)?;
    screen.close()?;
    // SAFETY: alive, on this thread.
    unsafe { provider.UnAdvise() }.context("a second UnAdvise")?;
    // SAFETY: as above.
    unsafe { tile.UnAdvise() }.context("a second UnAdvise of a tile")?;
    let kept = Tile { tile, sid: None, log: Default::default() };
    let _ = (kept.state(field::TEXT), kept.press(), kept.follow(field::OPEN), kept.report(0));
    // Advised again, without a new scenario.
    let mut again = Screen::with(provider, LOGON, &[Some(ANN)], None)?;
    again.wait_for_tiles(None)?;
    ensure!(again.tiles.len() == 2, "no tiles");
    let outlives = again.tiles[0].tile.clone();
    // Let go of by nobody.
    drop(again);
    let orphan = Tile { tile: outlives, sid: None, log: Default::default() };
    let _ = (orphan.state(field::TEXT), orphan.press(), orphan.follow(field::OPEN));
    pump();
    drop((orphan, kept));
    // Asked for tiles before anything else.
    let provider = load()?;
    let (mut count, mut default, mut by_itself) = (9, 9, Default::default());
    // SAFETY: as above; three places to write to.
    unsafe { provider.GetCredentialCount(&raw mut count, &raw mut default, &raw mut by_itself) }?;
    ensure!(count == 0, "tiles before a scenario");
    // SAFETY: as above.
    ensure!(unsafe { provider.GetCredentialAt(0) }.is_err(), "a tile of none");
    Screen::open(LOGON, &[])?.close()
}

/// The host talks while the screen goes.
fn races() -> Result<()> {
    host::play("chatty")?;
    for round in 0..60_u64 {
        let screen = Screen::open(LOGON, &[Some(ANN)])?;
        let tile = screen.tile_of(Some(ANN))?;
        tile.follow(field::OPEN)?;
        let heard = |tile: &Tile| tile.told(field::TEXT).is_some_and(|text| text != OPENING);
        if round % 3 > 0 {
            until("talk", || heard(tile))?;
        }
        if round % 2 == 0 {
            screen.close()?
        } else {
            drop(screen)
        }
        pump();
    }
    Screen::open(LOGON, &[])?.close()
}

/// Every entry of the library, by the name it is guarded under.
const ENTRIES: [&str; 28] = [
    "DllGetClassObject",
    "CreateInstance",
    "Release",
    "SetUsageScenario",
    "SetSerialization",
    "SetUserArray",
    "Advise",
    "UnAdvise",
    "GetFieldDescriptorCount",
    "GetFieldDescriptorAt",
    "GetCredentialCount",
    "GetCredentialAt",
    "Credential.Advise",
    "Credential.UnAdvise",
    "SetSelected",
    "SetDeselected",
    "GetFieldState",
    "GetStringValue",
    "GetBitmapValue",
    "GetCheckboxValue",
    "GetSubmitButtonValue",
    "SetStringValue",
    "CommandLinkClicked",
    "GetSerialization",
    "ReportResult",
    "GetUserSid",
    "GetFieldOptions",
    "WindowProcedure",
];

/// Each in a process of its own: the fault stays.
fn panics() -> Result<()> {
    host::play("fine")?;
    for entry in ENTRIES {
        let me = std::env::current_exe()?;
        let mut story = Command::new(me);
        story.args(["panic-at", entry]).env("REGAIN_PANIC_AT", entry);
        let status = story.status()?;
        ensure!(status.success(), "a panic in {entry}: {status}");
    }
    println!("{} entries", ENTRIES.len());
    Ok(())
}

/// Calls everything, through it all. The one that panics says that it failed, and this process
/// lives on without the tile.
fn panic_at(entry: &str) -> Result<()> {
    let faults = counter();
    let saw = |error: windows::core::Error| {
        if error.code() == E_FAIL {
            *faults.borrow_mut() += 1;
        }
    };
    // What was made before it breaks: it must stop as well.
    // SAFETY: the only thread so far.
    unsafe { std::env::set_var("REGAIN_PANIC_AT", "") };
    let before = Screen::open(LOGON, &[Some(ANN)])?;
    // SAFETY: the worker of the library reads no environment.
    unsafe { std::env::set_var("REGAIN_PANIC_AT", entry) };
    match load() {
        Ok(provider) => everything(&provider, &saw, &|| *faults.borrow() > 0),
        Err(error) => saw(error),
    }
    pump();
    let is_told = !["Release", "WindowProcedure"].contains(&entry);
    ensure!(*faults.borrow() > 0 || !is_told, "nobody was told of the panic");
    // SAFETY: the worker of the library reads no environment.
    unsafe { std::env::set_var("REGAIN_PANIC_AT", "") };
    is_not_served(&before.provider, LOGON).context("after a panic")?;
    let answered = still_answered(&before)?;
    ensure!(answered.is_empty(), "answered after a panic in {entry}: {answered:?}");
    is_refused()
}

/// Which calls of what was made before a panic are still answered otherwise than by a failure.
fn still_answered(screen: &Screen) -> Result<Vec<&'static str>> {
    use windows::{
        Win32::UI::Shell::{
            ICredentialProviderCredential2, ICredentialProviderCredentialEvents2,
            ICredentialProviderCredentialWithFieldOptions, ICredentialProviderEvents,
            ICredentialProviderSetUserArray, ICredentialProviderUserArray,
        },
        core::Interface as _,
    };
    let (provider, tile) = (&screen.provider, screen.tile_of(Some(ANN))?);
    let own = &tile.tile;
    let mut answered = Vec::new();
    macro_rules! fails {
        ($name:literal, $call:expr) => {
            if $call.is_ok() {
                answered.push($name);
            }
        };
    }
    let others = CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION::default();
    let users: ICredentialProviderUserArray = crate::fakes::Users(vec![Some(ANN)]).into();
    let wants: ICredentialProviderSetUserArray = provider.cast()?;
    let events: ICredentialProviderEvents = crate::fakes::Events(Default::default()).into();
    let listener: windows::Win32::UI::Shell::ICredentialProviderCredentialEvents =
        ICredentialProviderCredentialEvents2::from(crate::fakes::TileEvents {
            log: Default::default(),
            call_back: None,
        })
        .into();
    let second: ICredentialProviderCredential2 = own.cast()?;
    let options: ICredentialProviderCredentialWithFieldOptions = own.cast()?;
    let (mut count, mut default, mut by_itself) = (0, 0, Default::default());
    let (mut checked, mut label) = (Default::default(), windows::core::PWSTR::null());
    // SAFETY: here and below: alive, on this thread, with places to write to.
    fails!("SetSerialization", unsafe { provider.SetSerialization(&raw const others) });
    // SAFETY: as above.
    fails!("SetUserArray", unsafe { wants.SetUserArray(&users) });
    // SAFETY: as above.
    fails!("Advise", unsafe { provider.Advise(&events, 1) });
    // SAFETY: as above.
    fails!("GetFieldDescriptorCount", unsafe { provider.GetFieldDescriptorCount() });
    // SAFETY: as above.
    fails!("GetFieldDescriptorAt", unsafe { provider.GetFieldDescriptorAt(0) });
    // SAFETY: as above.
    fails!("GetCredentialCount", unsafe {
        provider.GetCredentialCount(&raw mut count, &raw mut default, &raw mut by_itself)
    });
    // SAFETY: as above.
    fails!("GetCredentialAt", unsafe { provider.GetCredentialAt(0) });
    // SAFETY: as above.
    fails!("Credential.Advise", unsafe { own.Advise(&listener) });
    // SAFETY: as above.
    fails!("GetUserSid", unsafe { second.GetUserSid() });
    // SAFETY: as above.
    fails!("GetFieldOptions", unsafe { options.GetFieldOptions(0) });
    // SAFETY: as above.
    fails!("SetSelected", unsafe { own.SetSelected() });
    // SAFETY: as above.
    fails!("SetDeselected", unsafe { own.SetDeselected() });
    // SAFETY: as above.
    fails!("GetBitmapValue", unsafe { own.GetBitmapValue(0) });
    // SAFETY: as above.
    fails!("GetSubmitButtonValue", unsafe { own.GetSubmitButtonValue(field::BUTTON) });
    // SAFETY: as above.
    fails!("GetCheckboxValue", unsafe {
        own.GetCheckboxValue(0, &raw mut checked, &raw mut label)
    });
    fails!("GetFieldState", tile.state(field::TEXT));
    fails!("GetStringValue", tile.text(field::TEXT));
    fails!("SetStringValue", tile.type_in(field::FIRST_TEXT, "x"));
    fails!("CommandLinkClicked", tile.follow(field::OPEN));
    fails!("GetSerialization", tile.press());
    fails!("ReportResult", tile.report(-1));
    // SAFETY: as above.
    fails!("Credential.UnAdvise", unsafe { own.UnAdvise() });
    // SAFETY: as above.
    fails!("UnAdvise", unsafe { provider.UnAdvise() });
    Ok(answered)
}

fn everything(
    provider: &ICredentialProvider,
    saw: &dyn Fn(windows::core::Error),
    has_seen: &dyn Fn() -> bool,
) {
    use windows::{
        Win32::UI::Shell::{
            ICredentialProviderCredential2, ICredentialProviderCredentialWithFieldOptions,
            ICredentialProviderSetUserArray, ICredentialProviderUserArray,
        },
        core::Interface as _,
    };
    macro_rules! call {
        ($call:expr) => {
            match $call {
                Ok(value) => Some(value),
                Err(error) => {
                    saw(error);
                    None
                }
            }
        };
    }
    call!(set_scenario(provider, LOGON));
    let others = CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION::default();
    // SAFETY: here and below: alive, on this thread, with places to write to.
    call!(unsafe { provider.SetSerialization(&raw const others) });
    let users: ICredentialProviderUserArray = crate::fakes::Users(vec![Some(ANN)]).into();
    let wants: ICredentialProviderSetUserArray = provider.cast().unwrap();
    // SAFETY: as above.
    call!(unsafe { wants.SetUserArray(&users) });
    let events: windows::Win32::UI::Shell::ICredentialProviderEvents =
        crate::fakes::Events(Default::default()).into();
    // SAFETY: as above.
    call!(unsafe { provider.Advise(&events, 1) });
    // SAFETY: as above.
    call!(unsafe { provider.GetFieldDescriptorCount() });
    // SAFETY: as above.
    call!(unsafe { provider.GetFieldDescriptorAt(0) });
    let (mut count, mut default, mut by_itself) = (0, 0, Default::default());
    let began = now();
    // On a busy machine the host may be late.
    while count == 0 && !has_seen() && began.elapsed() < Duration::from_secs(10) {
        pump();
        // SAFETY: as above.
        call!(unsafe {
            provider.GetCredentialCount(&raw mut count, &raw mut default, &raw mut by_itself)
        });
    }
    // SAFETY: as above.
    if let Some(tile) = call!(unsafe { provider.GetCredentialAt(0) }) {
        let listener: windows::Win32::UI::Shell::ICredentialProviderCredentialEvents2 =
            crate::fakes::TileEvents { log: Default::default(), call_back: None }.into();
        let listener: windows::Win32::UI::Shell::ICredentialProviderCredentialEvents =
            listener.into();
        // SAFETY: as above.
        call!(unsafe { tile.Advise(&listener) });
        let second: ICredentialProviderCredential2 = tile.cast().unwrap();
        // SAFETY: as above.
        call!(unsafe { second.GetUserSid() });
        let options: ICredentialProviderCredentialWithFieldOptions = tile.cast().unwrap();
        // SAFETY: as above.
        call!(unsafe { options.GetFieldOptions(0) });
        // SAFETY: as above.
        call!(unsafe { tile.SetSelected() });
        // SAFETY: as above.
        call!(unsafe { tile.GetBitmapValue(0) });
        // SAFETY: as above.
        call!(unsafe { tile.GetSubmitButtonValue(field::BUTTON) });
        let (mut checked, mut label) = (Default::default(), windows::core::PWSTR::null());
        // SAFETY: as above.
        call!(unsafe { tile.GetCheckboxValue(0, &raw mut checked, &raw mut label) });
        let tile = Tile { tile, sid: None, log: Default::default() };
        call!(tile.state(field::TEXT));
        call!(tile.text(field::TEXT));
        call!(tile.type_in(field::FIRST_TEXT, "x"));
        call!(tile.follow(field::OPEN));
        call!(tile.press());
        call!(tile.report(-1));
        pump();
        // SAFETY: as above.
        call!(unsafe { tile.tile.SetDeselected() });
        // SAFETY: as above.
        call!(unsafe { tile.tile.UnAdvise() });
    }
    // News are on their way for as long as the window is there.
    let began = now();
    while began.elapsed() < Duration::from_millis(500) && count > 0 {
        pump();
        std::thread::yield_now();
    }
    // SAFETY: as above.
    call!(unsafe { provider.UnAdvise() });
}

fn is_refused() -> Result<()> {
    let answer = load();
    let is_so = answer.is_err_and(|error| error.code() == CLASS_E_CLASSNOTAVAILABLE);
    ensure!(is_so, "it is loaded");
    Ok(())
}

/// A reset hands over a sign-in: once, to its tile, and the host hears what came of it.
fn grant() -> Result<()> {
    host::play("grants")?;
    LOCAL_MACHINE.create(r"SOFTWARE\Policies\Regain\Regain")?.set_u32("SignInHandOver", 1)?;
    let mut screen = Screen::open(LOGON, &[Some(ANN), Some(BEN)])?;
    screen.tile_of(Some(BEN))?.follow(field::OPEN)?;
    let changes = screen.changes.clone();
    until("listed anew", || !changes.borrow().is_empty())?;
    screen.enumerate(None)?;
    ensure!(screen.by_itself == Some(1), "tile {:?} signs in", screen.by_itself);
    // Nobody else's tile gets it.
    let (other, _) = screen.tile_of(Some(ANN))?.press()?;
    ensure!(other == 0, "another tile said {other}");
    let tile = screen.tile_of(Some(BEN))?;
    let (response, block) = tile.press()?;
    let block = block.context("nothing was handed over")?;
    ensure!(response == 2, "it said {response}");
    let text: Vec<u8> = "ADannGrün-7".encode_utf16().flat_map(u16::to_le_bytes).collect();
    ensure!(block.starts_with(&[2, 0, 0, 0]) && block.ends_with(&text), "{block:?}");
    // SetDeselected can come before the result.
    // SAFETY: alive, on this thread.
    unsafe { tile.tile.SetDeselected() }?;
    let (again, block) = tile.press()?;
    ensure!((again, block.is_none()) == (0, true), "handed over twice");
    ensure!(tile.report(0)?.is_none(), "words for a success");
    screen.close()
}

/// A sign-in that Windows refuses is said, and not tried again.
fn grant_refused() -> Result<()> {
    host::play("grants")?;
    LOCAL_MACHINE.create(r"SOFTWARE\Policies\Regain\Regain")?.set_u32("SignInHandOver", 1)?;
    let mut screen = Screen::open(LOGON, &[Some(ANN)])?;
    screen.tile_of(Some(ANN))?.follow(field::OPEN)?;
    let changes = screen.changes.clone();
    until("listed anew", || !changes.borrow().is_empty())?;
    screen.enumerate(None)?;
    let tile = screen.tile_of(Some(ANN))?;
    ensure!(tile.press()?.1.is_some(), "nothing was handed over");
    let words = tile.report(0xC000_006D_u32.cast_signed())?.context("no words")?;
    ensure!(words == tile.text(field::TEXT)?, "the tile says something else: {words}");
    until("the host hears", || host::heard().ends_with("signed in: false\n"))?;
    screen.enumerate(None)?;
    ensure!(screen.by_itself.is_none(), "it tries again");
    screen.close()
}

/// Without the policy nobody is signed in, whatever the host hands over.
fn no_grant() -> Result<()> {
    host::play("grants")?;
    LOCAL_MACHINE.create(r"SOFTWARE\Policies\Regain\Regain")?.set_u32("SignInHandOver", 0)?;
    let mut screen = Screen::open(LOGON, &[Some(ANN)])?;
    let tile = screen.tile_of(Some(ANN))?;
    tile.follow(field::OPEN)?;
    until("the end", || tile.told(field::TEXT).as_deref() == Some("Your password is set."))?;
    let began = now();
    while began.elapsed() < Duration::from_millis(500) {
        pump();
        std::thread::yield_now();
    }
    ensure!(screen.changes.borrow().is_empty(), "listed anew");
    screen.enumerate(None)?;
    ensure!(screen.by_itself.is_none(), "somebody is signed in");
    screen.close()
}

/// Created, advised, let go, released, again and again, in one loaded library.
fn rounds(count: usize) -> Result<()> {
    host::play("fine")?;
    let round = |number: usize| -> Result<()> {
        let scenario = if number.is_multiple_of(2) { LOGON } else { UNLOCK };
        let screen = Screen::open(scenario, &[Some(ANN), Some(BEN)])?;
        pump();
        screen.close()
    };
    // What is made once is made.
    for number in 0..200 {
        round(number)?;
    }
    let (memory, handle) = (memory()?, next_handle()?);
    for number in 0..count {
        round(number)?;
    }
    let (grown, next) = (self::memory()?.saturating_sub(memory), next_handle()?);
    println!(
        "{count} rounds: {grown} bytes more than {memory}, next handle {handle:#x} then {next:#x}"
    );
    ensure!(grown < 4_000_000, "{grown} bytes more");
    ensure!(next.saturating_sub(handle) < 4 * 100, "handles grow from {handle:#x} to {next:#x}");
    Ok(())
}

fn memory() -> Result<usize> {
    let mut counters = PROCESS_MEMORY_COUNTERS::default();
    let size = u32::try_from(size_of_val(&counters))?;
    // SAFETY: asks for the handle of this process.
    let me = unsafe { GetCurrentProcess() };
    // SAFETY: a place of this size.
    unsafe { GetProcessMemoryInfo(me, &raw mut counters, size) }?;
    Ok(counters.PagefileUsage)
}

/// Numbers of handles are given anew, the lowest first: a leak makes the next one higher.
fn next_handle() -> Result<usize> {
    // SAFETY: no pointers.
    let event = unsafe { CreateEventW(None, true, false, PCWSTR::null()) }?;
    // SAFETY: just made.
    unsafe { CloseHandle(event) }?;
    Ok(event.0 as usize)
}

/// The figures of the bench: the median of fifty, and the worst with a host that hangs.
fn measure() -> Result<()> {
    host::play("fine")?;
    let mut times = Vec::new();
    for _ in 0..50 {
        let mut screen = Screen::at_once(LOGON, &[Some(ANN), Some(BEN)])?;
        times.push(screen.took);
        // One that was too slow counts with the whole time limit; there must have been a host.
        screen.wait_for_tiles(None)?;
        screen.close()?;
    }
    times.sort();
    println!("cp.tiles_ms {:.2}", times[25].as_secs_f64() * 1e3);
    host::play("hung")?;
    let mut worst = Duration::ZERO;
    for _ in 0..5 {
        let screen = Screen::at_once(LOGON, &[Some(ANN)])?;
        ensure!(screen.tiles.is_empty(), "a hung host has tiles");
        // At once would be no host at all.
        ensure!(screen.took > Duration::from_millis(200), "nothing hung");
        worst = worst.max(screen.took);
        screen.close()?;
    }
    println!("cp.tiles_hung_host_ms {:.2}", worst.as_secs_f64() * 1e3);
    Ok(())
}
