//! The sign-in screen as far as a provider sees it: loads it by its class, asks in the order in
//! which LogonUI asks, and keeps what it is told. A call that fails where LogonUI would not
//! expect it fails the story.
#![expect(unsafe_code, reason = "calls a library of Windows")]

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use windows::{
    Win32::{
        Foundation::NTSTATUS,
        Graphics::Gdi::DeleteObject,
        System::Com::{CLSCTX_INPROC_SERVER, CoCreateInstance, CoTaskMemFree},
        UI::{
            Shell::{
                CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION, CREDENTIAL_PROVIDER_FIELD_TYPE,
                CREDENTIAL_PROVIDER_NO_DEFAULT, CREDENTIAL_PROVIDER_USAGE_SCENARIO,
                ICredentialProvider, ICredentialProviderCredential, ICredentialProviderCredential2,
                ICredentialProviderCredentialEvents, ICredentialProviderEvents,
                ICredentialProviderSetUserArray, ICredentialProviderUserArray,
            },
            WindowsAndMessaging::{
                DispatchMessageW, MSG, MsgWaitForMultipleObjects, PM_REMOVE, PeekMessageW,
                QS_ALLINPUT,
            },
        },
    },
    core::{BOOL, GUID, HSTRING, Interface as _, PWSTR},
};

use crate::fakes::{CallBack, Changes, Events, Log, TileEvents, Told, Users};

/// As the installer registers it.
pub(crate) const CLASS: GUID = GUID::from_u128(0x9A7C1E52_6B0D_4F38_8E21_5D3B7A40C6F1);
pub(crate) const LOGON: i32 = 1;
pub(crate) const UNLOCK: i32 = 2;

/// Fields by their numbers, as the screen knows them.
pub(crate) mod field {
    pub(crate) const PICTURE: u32 = 0;
    pub(crate) const LABEL: u32 = 1;
    pub(crate) const TITLE: u32 = 2;
    pub(crate) const TEXT: u32 = 3;
    pub(crate) const FIRST_TEXT: u32 = 5;
    pub(crate) const SECOND_SECRET: u32 = 9;
    pub(crate) const BUTTON: u32 = 10;
    pub(crate) const OPEN: u32 = 13;
    pub(crate) const FIRST_DAY: u32 = 14;
    pub(crate) const SIMPLE_FORM: u32 = 15;
    pub(crate) const CANCEL: u32 = 16;
}

pub(crate) const HIDDEN: i32 = 0;
const CONTEXT: usize = 0x5EED;

/// A provider that is loaded and advised.
pub(crate) struct Screen {
    pub(crate) provider: ICredentialProvider,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) changes: Changes,
    /// The tile that signs in by itself.
    pub(crate) by_itself: Option<usize>,
    /// From the first call to the list of tiles.
    pub(crate) took: Duration,
    kinds: Vec<(u32, CREDENTIAL_PROVIDER_FIELD_TYPE)>,
}

/// A tile with its listener.
pub(crate) struct Tile {
    pub(crate) tile: ICredentialProviderCredential,
    pub(crate) sid: Option<String>,
    pub(crate) log: Log,
}

/// Only the class.
pub(crate) fn load() -> windows::core::Result<ICredentialProvider> {
    // SAFETY: this thread is a COM apartment.
    unsafe { CoCreateInstance(&CLASS, None, CLSCTX_INPROC_SERVER) }
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl Screen {
    /// The whole order of calls up to the tiles. On a busy machine the host may answer late:
    /// then they are listed anew, as the tile asks for.
    pub(crate) fn open(scenario: i32, users: &[Option<&'static str>]) -> Result<Self> {
        let mut screen = Self::at_once(scenario, users)?;
        screen.wait_for_tiles(None)?;
        Ok(screen)
    }

    /// The same, for better or worse.
    pub(crate) fn at_once(scenario: i32, users: &[Option<&'static str>]) -> Result<Self> {
        let provider = load().context("loading the class")?;
        Self::with(provider, scenario, users, None)
    }

    pub(crate) fn wait_for_tiles(&mut self, call_back: Option<CallBack>) -> Result<()> {
        if self.tiles.is_empty() {
            let changes = self.changes.clone();
            until("the tiles", || !changes.borrow().is_empty())?;
            self.changes.borrow_mut().clear();
            self.enumerate(call_back)?;
            self.read_all()?;
        }
        Ok(())
    }

    pub(crate) fn with(
        provider: ICredentialProvider,
        scenario: i32,
        users: &[Option<&'static str>],
        call_back: Option<CallBack>,
    ) -> Result<Self> {
        let began = now();
        set_scenario(&provider, scenario).context("SetUsageScenario")?;
        let listed: ICredentialProviderUserArray = Users(users.to_vec()).into();
        let wants_users: ICredentialProviderSetUserArray = provider.cast()?;
        // SAFETY: both are alive, on this thread.
        unsafe { wants_users.SetUserArray(&listed) }.context("SetUserArray")?;
        let changes = Changes::default();
        let events: ICredentialProviderEvents = Events(changes.clone()).into();
        // SAFETY: as above.
        unsafe { provider.Advise(&events, CONTEXT) }.context("Advise")?;
        let kinds = field_kinds(&provider)?;
        let mut screen = Self {
            provider,
            tiles: Vec::new(),
            changes,
            by_itself: None,
            took: Duration::ZERO,
            kinds,
        };
        screen.enumerate(call_back)?;
        screen.took = began.elapsed();
        screen.read_all()?;
        Ok(screen)
    }

    /// Lists the tiles, after letting the ones before go.
    pub(crate) fn enumerate(&mut self, call_back: Option<CallBack>) -> Result<()> {
        for tile in self.tiles.drain(..) {
            // SAFETY: alive, on this thread.
            unsafe { tile.tile.UnAdvise() }.context("UnAdvise of a tile")?;
        }
        let (mut count, mut default, mut by_itself) = (0, 0, BOOL(0));
        // SAFETY: as above; three places to write to.
        unsafe {
            self.provider.GetCredentialCount(&raw mut count, &raw mut default, &raw mut by_itself)
        }
        .context("GetCredentialCount")?;
        self.by_itself = by_itself.as_bool().then_some(default as usize);
        ensure!(by_itself.as_bool() || default == CREDENTIAL_PROVIDER_NO_DEFAULT, "a default");
        for index in 0..count {
            // SAFETY: as above.
            let tile = unsafe { self.provider.GetCredentialAt(index) }?;
            let log = Log::default();
            let events: ICredentialProviderCredentialEvents =
                windows::Win32::UI::Shell::ICredentialProviderCredentialEvents2::from(TileEvents {
                    log: log.clone(),
                    call_back: call_back.clone(),
                })
                .into();
            // SAFETY: as above.
            unsafe { tile.Advise(&events) }.context("Advise of a tile")?;
            let sid = sid_of(&tile)?;
            self.tiles.push(Tile { tile, sid, log });
        }
        Ok(())
    }

    /// Every field of every tile, as the screen does before it draws them.
    fn read_all(&self) -> Result<()> {
        for tile in &self.tiles {
            for (field, kind) in &self.kinds {
                tile.state(*field).with_context(|| format!("state of {field}"))?;
                match kind.0 {
                    6 => {
                        // SAFETY: alive, on this thread.
                        let bitmap = unsafe { tile.tile.GetBitmapValue(*field) }?;
                        ensure!(!bitmap.is_invalid(), "no picture");
                        // SAFETY: given to be freed.
                        ensure!(unsafe { DeleteObject(bitmap.into()) }.as_bool(), "no bitmap");
                    }
                    9 => {
                        // SAFETY: as above.
                        unsafe { tile.tile.GetSubmitButtonValue(*field) }?;
                    }
                    _ => {
                        tile.text(*field).with_context(|| format!("text of {field}"))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets the tiles and the provider go, as the screen does at its end.
    pub(crate) fn close(mut self) -> Result<()> {
        for tile in self.tiles.drain(..) {
            // SAFETY: alive, on this thread.
            unsafe { tile.tile.SetDeselected() }?;
            // SAFETY: as above.
            unsafe { tile.tile.UnAdvise() }?;
        }
        // SAFETY: as above.
        Ok(unsafe { self.provider.UnAdvise() }?)
    }

    /// The tile of a user, or of nobody.
    pub(crate) fn tile_of(&self, sid: Option<&str>) -> Result<&Tile> {
        let found = self.tiles.iter().find(|tile| tile.sid.as_deref() == sid);
        found.with_context(|| format!("no tile for {sid:?}"))
    }
}

impl Tile {
    pub(crate) fn state(&self, field: u32) -> windows::core::Result<i32> {
        let (mut state, mut interactive) = Default::default();
        // SAFETY: alive, on this thread; two places to write to.
        unsafe { self.tile.GetFieldState(field, &raw mut state, &raw mut interactive) }?;
        Ok(state.0)
    }

    pub(crate) fn sees(&self, field: u32) -> Result<bool> {
        Ok(self.state(field)? != HIDDEN)
    }

    pub(crate) fn text(&self, field: u32) -> windows::core::Result<String> {
        // SAFETY: as above.
        take(unsafe { self.tile.GetStringValue(field) }?).map(Option::unwrap_or_default)
    }

    pub(crate) fn select(&self) -> Result<bool> {
        // SAFETY: as above.
        Ok(unsafe { self.tile.SetSelected() }?.as_bool())
    }

    pub(crate) fn follow(&self, link: u32) -> windows::core::Result<()> {
        // SAFETY: as above.
        unsafe { self.tile.CommandLinkClicked(link) }
    }

    pub(crate) fn type_in(&self, field: u32, text: &str) -> windows::core::Result<()> {
        // SAFETY: as above; the text lives until the call returns.
        unsafe { self.tile.SetStringValue(field, &HSTRING::from(text)) }
    }

    /// The button. What is to be handed on, when there is something.
    pub(crate) fn press(&self) -> windows::core::Result<(i32, Option<Vec<u8>>)> {
        let mut response = Default::default();
        let mut serialised = CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION::default();
        let (mut text, mut icon) = (PWSTR::null(), Default::default());
        // SAFETY: as above; four places to write to.
        unsafe {
            self.tile.GetSerialization(
                &raw mut response,
                &raw mut serialised,
                &raw mut text,
                &raw mut icon,
            )
        }?;
        take(text)?;
        let (bytes, length) = (serialised.rgbSerialization, serialised.cbSerialization);
        if bytes.is_null() {
            return Ok((response.0, None));
        }
        // SAFETY: so many bytes were given.
        let block = unsafe { std::slice::from_raw_parts(bytes, length as usize) }.to_vec();
        // SAFETY: given to be freed.
        unsafe { CoTaskMemFree(Some(bytes.cast())) };
        Ok((response.0, Some(block)))
    }

    /// What came of a sign-in; what the tile says of it.
    pub(crate) fn report(&self, status: i32) -> windows::core::Result<Option<String>> {
        let (mut text, mut icon) = (PWSTR::null(), Default::default());
        // SAFETY: as above; two places to write to.
        unsafe {
            self.tile.ReportResult(NTSTATUS(status), NTSTATUS(0), &raw mut text, &raw mut icon)
        }?;
        take(text)
    }

    /// What the screen was told of a field's text last.
    pub(crate) fn told(&self, of: u32) -> Option<String> {
        let log = self.log.borrow();
        log.iter().rev().find_map(|told| match told {
            Told::Text(field, text) if *field == of => Some(text.clone()),
            _ => None,
        })
    }
}

pub(crate) fn set_scenario(
    provider: &ICredentialProvider,
    scenario: i32,
) -> windows::core::Result<()> {
    // SAFETY: alive, on this thread.
    unsafe { provider.SetUsageScenario(CREDENTIAL_PROVIDER_USAGE_SCENARIO(scenario), 0) }
}

fn field_kinds(
    provider: &ICredentialProvider,
) -> Result<Vec<(u32, CREDENTIAL_PROVIDER_FIELD_TYPE)>> {
    // SAFETY: alive, on this thread.
    let count = unsafe { provider.GetFieldDescriptorCount() }?;
    let mut kinds = Vec::new();
    for index in 0..count {
        // SAFETY: as above.
        let given = unsafe { provider.GetFieldDescriptorAt(index) }?;
        // SAFETY: the provider gave one.
        let descriptor = unsafe { given.read() };
        ensure!(descriptor.dwFieldID == index, "field {index} has another number");
        ensure!(!descriptor.pszLabel.is_null(), "field {index} has no label");
        take(descriptor.pszLabel)?;
        // SAFETY: given to be freed.
        unsafe { CoTaskMemFree(Some(given.cast())) };
        kinds.push((index, descriptor.cpft));
    }
    // SAFETY: as above.
    if unsafe { provider.GetFieldDescriptorAt(count) }.is_ok() {
        bail!("a field too many");
    }
    Ok(kinds)
}

fn sid_of(tile: &ICredentialProviderCredential) -> Result<Option<String>> {
    let second: ICredentialProviderCredential2 = tile.cast()?;
    let mut sid = PWSTR(std::ptr::without_provenance_mut(8));
    // SAFETY: as the generated wrapper calls it, which keeps the status to itself.
    let status = unsafe { (second.vtable().GetUserSid)(second.as_raw(), &raw mut sid) };
    // A tile of nobody: success of the other kind, and a pointer that was written.
    ensure!(status.0 == i32::from(sid.is_null()), "GetUserSid said {status:?}");
    Ok(take(sid)?)
}

fn take(text: PWSTR) -> windows::core::Result<Option<String>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not null, and ends with a zero.
    let taken = unsafe { text.to_string() }.unwrap();
    // SAFETY: given to be freed.
    unsafe { CoTaskMemFree(Some(text.0.cast())) };
    Ok(Some(taken))
}

/// Lets messages through until something holds; how long that took.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<Duration> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let began = now();
    loop {
        pump();
        if holds() {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < PATIENCE, "never: {what}");
        // SAFETY: waits for a message, or a little.
        unsafe { MsgWaitForMultipleObjects(None, false, 20, QS_ALLINPUT) };
    }
}

/// Lets through what is there.
pub(crate) fn pump() {
    let mut message = MSG::default();
    // SAFETY: a place to write to.
    while unsafe { PeekMessageW(&raw mut message, None, 0, 0, PM_REMOVE) }.as_bool() {
        // SAFETY: from the line above.
        unsafe { DispatchMessageW(&raw const message) };
    }
}

/// A cell that a call-back counts in.
pub(crate) fn counter() -> Rc<RefCell<usize>> {
    Rc::default()
}
