//! A tile: one guarded line per call of the screen, and the drawing of changes.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
};

use protocol::host::tile::{Tell, Tile as Look};
use windows::{
    Win32::{
        Foundation::{E_INVALIDARG, E_NOTIMPL, E_POINTER, NTSTATUS, S_FALSE, S_OK},
        Graphics::Gdi::HBITMAP,
        UI::Shell::{
            CPCFO_ENABLE_PASSWORD_REVEAL, CPCFO_ENABLE_TOUCH_KEYBOARD_AUTO_INVOKE, CPCFO_NONE,
            CPFIS_FOCUSED, CPFIS_NONE, CPFS_DISPLAY_IN_BOTH, CPFS_DISPLAY_IN_SELECTED_TILE,
            CPFS_HIDDEN, CPGSR_NO_CREDENTIAL_FINISHED, CPGSR_NO_CREDENTIAL_NOT_FINISHED,
            CPGSR_RETURN_CREDENTIAL_FINISHED, CPSI_NONE, CPSI_WARNING,
            CREDENTIAL_PROVIDER_CREDENTIAL_FIELD_OPTIONS,
            CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION,
            CREDENTIAL_PROVIDER_FIELD_INTERACTIVE_STATE, CREDENTIAL_PROVIDER_FIELD_STATE,
            CREDENTIAL_PROVIDER_GET_SERIALIZATION_RESPONSE, CREDENTIAL_PROVIDER_STATUS_ICON,
            ICredentialProviderCredential, ICredentialProviderCredential_Impl,
            ICredentialProviderCredential_Vtbl, ICredentialProviderCredentialEvents,
            ICredentialProviderCredentialEvents2, ICredentialProviderCredentialWithFieldOptions,
            ICredentialProviderCredentialWithFieldOptions_Impl,
        },
    },
    core::{BOOL, HRESULT, HSTRING, IUnknownImpl as _, Interface as _, PCWSTR, PWSTR, Ref, Result},
};
use windows_core::{implement, interface};

use super::{busy, guarded, guarded_end, memory, picture, screen::Screen, sentinel, sign_in};
use crate::{
    fields::{Change, Drawing, Field, Kind, Visible},
    tile::{Effect, Flow, Tile},
    users::Owner,
    words::Words,
};

/// `ICredentialProviderCredential2`, written out: a tile of nobody answers `S_FALSE` together
/// with a null pointer, which the generated one cannot.
#[interface("fd672c54-40ea-4d6e-9b49-cfb1a7507bd7")]
pub(super) unsafe trait IUserTile: ICredentialProviderCredential {
    fn user_sid(&self, sid: *mut PWSTR) -> HRESULT;
}

#[implement(IUserTile, ICredentialProviderCredentialWithFieldOptions, Agile = false)]
pub(super) struct Credential {
    screen: Weak<Screen>,
    tile: RefCell<Tile>,
    events: RefCell<Option<ICredentialProviderCredentialEvents>>,
    /// Rises whenever the screen begins or stops listening.
    listening: Cell<u32>,
    /// What the screen was told last.
    drawn: RefCell<Drawing>,
    is_drawing: Cell<bool>,
}

impl Credential {
    pub(super) fn new(screen: &Rc<Screen>, owner: Owner) -> Self {
        Self {
            screen: Rc::downgrade(screen),
            tile: RefCell::new(Tile::new(owner)),
            events: RefCell::new(None),
            listening: Cell::new(0),
            drawn: RefCell::new(Drawing::new()),
            is_drawing: Cell::new(false),
        }
    }

    /// Whether it is this owner's.
    pub(super) fn is_of(&self, owner: &Owner) -> bool {
        self.tile.try_borrow().is_ok_and(|tile| tile.owner() == owner)
    }

    /// Whether this flow runs here.
    pub(super) fn runs(&self, flow: Flow) -> bool {
        self.tile.try_borrow().is_ok_and(|tile| tile.flow() == Some(flow))
    }

    fn screen(&self) -> Result<Rc<Screen>> {
        self.screen.upgrade().ok_or_else(|| busy(()))
    }

    /// How it looks now. None when the host has taken the tile back.
    fn look(&self) -> Result<(Rc<Look>, &'static Words)> {
        let (look, words) = self.screen()?.look()?;
        Ok((look.ok_or_else(|| busy(()))?, words))
    }

    fn drawing(&self) -> Result<Drawing> {
        let (look, words) = self.look()?;
        Ok(self.tile.try_borrow().map_err(busy)?.draw(&look, words))
    }
}

impl Credential_Impl {
    /// The host said something.
    pub(super) fn hears(&self, flow: Flow, tell: Tell) -> Result<()> {
        self.tile.try_borrow_mut().map_err(busy)?.hear(flow, tell);
        self.redraw()
    }

    /// The host is gone.
    pub(super) fn loses(&self, flow: Flow) -> Result<()> {
        self.tile.try_borrow_mut().map_err(busy)?.lose(flow, "");
        self.redraw()
    }

    /// Another tile began something.
    pub(super) fn yields(&self) -> Result<()> {
        {
            let mut tile = self.tile.try_borrow_mut().map_err(busy)?;
            if tile.flow().is_none() {
                return Ok(());
            }
            tile.rest();
        }
        self.redraw()
    }

    fn act(&self, what: impl FnOnce(&mut Tile, Flow) -> Option<Effect>) -> Result<()> {
        let screen = self.screen()?;
        let next = screen.next_flow()?;
        let (effect, owner) = {
            let mut tile = self.tile.try_borrow_mut().map_err(busy)?;
            (what(&mut tile, next), tile.owner().clone())
        };
        // The person sees it before anybody is asked.
        self.redraw()?;
        match effect {
            Some(effect) => screen.does(effect, &owner),
            None => Ok(()),
        }
    }

    /// Tells the screen what changed. It may call back in, and even change something: then once
    /// more, and never one drawing within another.
    fn redraw(&self) -> Result<()> {
        if self.is_drawing.replace(true) {
            return Ok(());
        }
        let told = self.tell_changes();
        self.is_drawing.set(false);
        told
    }

    fn tell_changes(&self) -> Result<()> {
        /// More rounds than any person causes.
        const ROUNDS: usize = 8;
        for _ in 0..ROUNDS {
            let next = self.drawing()?;
            let changes = {
                let mut drawn = self.drawn.try_borrow_mut().map_err(busy)?;
                let changes = drawn.changes_to(&next);
                *drawn = next;
                changes
            };
            // Held until the last call on it has come back, whatever the screen does meanwhile.
            let events = self.events.try_borrow().map_err(busy)?.clone();
            let (false, Some(events)) = (changes.is_empty(), events) else {
                return Ok(());
            };
            let listening = self.listening.get();
            let is_heard = || self.listening.get() == listening;
            let batch = events.cast::<ICredentialProviderCredentialEvents2>().ok();
            if let Some(batch) = &batch {
                // Without the batch it flickers, no more.
                // SAFETY: the screen gave it, on this thread.
                let _ = unsafe { batch.BeginFieldUpdates() };
            }
            for change in changes {
                // It let go within a call: it wants to hear nothing more, and whoever listens
                // instead has asked for everything.
                if !is_heard() {
                    break;
                }
                // One field that the screen cannot draw does not stop the others.
                let _ = self.tell(&events, &change);
            }
            if let (true, Some(batch)) = (is_heard(), &batch) {
                // SAFETY: as above.
                let _ = unsafe { batch.EndFieldUpdates() };
            }
        }
        Ok(())
    }

    fn tell(&self, events: &ICredentialProviderCredentialEvents, change: &Change) -> Result<()> {
        let own: ICredentialProviderCredential = self.to_interface::<IUserTile>().cast()?;
        match change {
            Change::Text(field, text) => {
                let text = HSTRING::from(text);
                // SAFETY: the screen gave it, on this thread; it copies the text.
                unsafe { events.SetFieldString(&own, field.number(), &text) }
            }
            Change::Visible(field, visible) => {
                // SAFETY: as above.
                unsafe { events.SetFieldState(&own, field.number(), state(*visible)) }
            }
            Change::Focus(field) => {
                // SAFETY: as above.
                unsafe { events.SetFieldInteractiveState(&own, field.number(), CPFIS_FOCUSED) }
            }
            Change::Beside(field) => {
                // SAFETY: as above.
                unsafe { events.SetFieldSubmitButton(&own, Field::Continue.number(), *field) }
            }
        }
    }

    /// Hands Windows what signs the person in, or says why not.
    fn sign_in(
        &self,
        screen: &Screen,
    ) -> Result<Option<CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION>> {
        let owner = self.tile.try_borrow().map_err(busy)?.owner().clone();
        let Some((grant, which)) = screen.take_grant(&owner)? else {
            return Ok(None);
        };
        match sign_in::serialise(which, &grant, screen.packages()) {
            Ok(serialised) => Ok(Some(serialised)),
            Err(error) => {
                self.says_sign_in_yourself(screen)?;
                Err(error)
            }
        }
    }

    /// The one attempt is over.
    fn says_sign_in_yourself(&self, screen: &Screen) -> Result<&'static str> {
        screen.report(false)?;
        let words = screen.look()?.1.sign_in_yourself;
        self.tile.try_borrow_mut().map_err(busy)?.end(words);
        self.redraw()?;
        Ok(words)
    }
}

fn state(visible: Visible) -> CREDENTIAL_PROVIDER_FIELD_STATE {
    match visible {
        Visible::Hidden => CPFS_HIDDEN,
        Visible::Chosen => CPFS_DISPLAY_IN_SELECTED_TILE,
        Visible::Always => CPFS_DISPLAY_IN_BOTH,
    }
}

impl ICredentialProviderCredential_Impl for Credential_Impl {
    fn Advise(&self, events: Ref<'_, ICredentialProviderCredentialEvents>) -> Result<()> {
        guarded("Credential.Advise", || {
            let events = events.ok()?.clone();
            let old = self.events.try_borrow_mut().map_err(busy)?.replace(events);
            self.listening.set(self.listening.get().wrapping_add(1));
            drop(old);
            // From here on the screen asks for everything once.
            let drawing = self.drawing()?;
            *self.drawn.try_borrow_mut().map_err(busy)? = drawing;
            Ok(())
        })
    }

    /// The screen may be about to list its tiles anew: what runs goes on.
    fn UnAdvise(&self) -> Result<()> {
        guarded_end("Credential.UnAdvise", || {
            let old = self.events.try_borrow_mut().map_err(busy)?.take();
            self.listening.set(self.listening.get().wrapping_add(1));
            drop(old);
            Ok(())
        })
    }

    fn SetSelected(&self) -> Result<BOOL> {
        guarded("SetSelected", || {
            if let Some(sentinel) = sentinel() {
                sentinel.clear();
            }
            Ok(false.into())
        })
    }

    /// It can come before the result of a sign-in: nothing is taken back.
    fn SetDeselected(&self) -> Result<()> {
        guarded("SetDeselected", || Ok(()))
    }

    fn GetFieldState(
        &self,
        field: u32,
        visible: *mut CREDENTIAL_PROVIDER_FIELD_STATE,
        interactive: *mut CREDENTIAL_PROVIDER_FIELD_INTERACTIVE_STATE,
    ) -> Result<()> {
        guarded("GetFieldState", || {
            let (field, _) = Field::from_number(field).ok_or(E_INVALIDARG)?;
            if visible.is_null() || interactive.is_null() {
                return Err(E_POINTER.into());
            }
            let drawing = self.drawing()?;
            let shown = drawing.shown(field);
            // SAFETY: not null, and writable as COM says.
            unsafe { visible.write(state(shown.visible)) };
            // SAFETY: as above.
            unsafe { interactive.write(if shown.has_focus { CPFIS_FOCUSED } else { CPFIS_NONE }) };
            Ok(())
        })
    }

    fn GetStringValue(&self, field: u32) -> Result<PWSTR> {
        guarded("GetStringValue", || {
            let (field, kind) = Field::from_number(field).ok_or(E_INVALIDARG)?;
            match kind {
                // Never what was typed there.
                Kind::PasswordText => memory::text(""),
                Kind::Image | Kind::SubmitButton => Err(E_INVALIDARG.into()),
                Kind::SmallText | Kind::LargeText | Kind::EditText | Kind::CommandLink => {
                    memory::text(&self.drawing()?.shown(field).text)
                }
            }
        })
    }

    fn GetBitmapValue(&self, field: u32) -> Result<HBITMAP> {
        guarded("GetBitmapValue", || {
            if field != Field::Picture.number() {
                return Err(E_INVALIDARG.into());
            }
            picture::of(self.look()?.0.picture.as_ref())
        })
    }

    fn GetCheckboxValue(&self, _: u32, _: *mut BOOL, _: *mut PWSTR) -> Result<()> {
        guarded("GetCheckboxValue", || Err(E_NOTIMPL.into()))
    }

    fn GetSubmitButtonValue(&self, field: u32) -> Result<u32> {
        guarded("GetSubmitButtonValue", || {
            if field != Field::Continue.number() {
                return Err(E_INVALIDARG.into());
            }
            Ok(self.drawing()?.beside())
        })
    }

    fn GetComboBoxValueCount(&self, _: u32, _: *mut u32, _: *mut u32) -> Result<()> {
        guarded("GetComboBoxValueCount", || Err(E_NOTIMPL.into()))
    }

    fn GetComboBoxValueAt(&self, _: u32, _: u32) -> Result<PWSTR> {
        guarded("GetComboBoxValueAt", || Err(E_NOTIMPL.into()))
    }

    fn SetStringValue(&self, field: u32, text: &PCWSTR) -> Result<()> {
        guarded("SetStringValue", || {
            let (field, _) = Field::from_number(field).ok_or(E_INVALIDARG)?;
            // SAFETY: a text of the screen, which waits for this call.
            let text = unsafe { memory::units(text) };
            let mut tile = self.tile.try_borrow_mut().map_err(busy)?;
            tile.type_in(field, text).map_err(|_| E_INVALIDARG.into())
        })
    }

    fn SetCheckboxValue(&self, _: u32, _: BOOL) -> Result<()> {
        guarded("SetCheckboxValue", || Err(E_NOTIMPL.into()))
    }

    fn SetComboBoxSelectedValue(&self, _: u32, _: u32) -> Result<()> {
        guarded("SetComboBoxSelectedValue", || Err(E_NOTIMPL.into()))
    }

    fn CommandLinkClicked(&self, field: u32) -> Result<()> {
        guarded("CommandLinkClicked", || {
            let (field, kind) = Field::from_number(field).ok_or(E_INVALIDARG)?;
            if kind != Kind::CommandLink {
                return Err(E_INVALIDARG.into());
            }
            self.act(|tile, next| tile.follow(field, next))
        })
    }

    /// The button, the Enter key, or a sign-in by itself.
    fn GetSerialization(
        &self,
        response: *mut CREDENTIAL_PROVIDER_GET_SERIALIZATION_RESPONSE,
        serialised: *mut CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION,
        text: *mut PWSTR,
        icon: *mut CREDENTIAL_PROVIDER_STATUS_ICON,
    ) -> Result<()> {
        guarded("GetSerialization", || {
            if response.is_null() || serialised.is_null() {
                return Err(E_POINTER.into());
            }
            say(text, icon, None)?;
            // SAFETY: not null, and writable as COM says.
            unsafe { serialised.write(Default::default()) };
            let screen = self.screen()?;
            let answer = match self.sign_in(&screen) {
                Ok(Some(handed)) => {
                    // SAFETY: as above.
                    unsafe { serialised.write(handed) };
                    CPGSR_RETURN_CREDENTIAL_FINISHED
                }
                Ok(None) => {
                    self.act(Tile::press)?;
                    CPGSR_NO_CREDENTIAL_NOT_FINISHED
                }
                Err(_) => {
                    say(text, icon, Some(screen.look()?.1.sign_in_yourself))?;
                    CPGSR_NO_CREDENTIAL_FINISHED
                }
            };
            // SAFETY: not null, and writable as COM says.
            unsafe { response.write(answer) };
            Ok(())
        })
    }

    fn ReportResult(
        &self,
        status: NTSTATUS,
        _: NTSTATUS,
        text: *mut PWSTR,
        icon: *mut CREDENTIAL_PROVIDER_STATUS_ICON,
    ) -> Result<()> {
        guarded("ReportResult", || {
            say(text, icon, None)?;
            let screen = self.screen()?;
            if screen.report(status.is_ok())? && status.is_err() {
                let words = self.says_sign_in_yourself(&screen)?;
                say(text, icon, Some(words))?;
            }
            Ok(())
        })
    }
}

/// What the screen says of it beside the tile; nothing where it does not want to know.
fn say(
    text: *mut PWSTR,
    icon: *mut CREDENTIAL_PROVIDER_STATUS_ICON,
    words: Option<&str>,
) -> Result<()> {
    if !icon.is_null() {
        // SAFETY: not null, and writable as COM says.
        unsafe { icon.write(if words.is_some() { CPSI_WARNING } else { CPSI_NONE }) };
    }
    if !text.is_null() {
        let words = words.map_or(Ok(PWSTR::null()), memory::text)?;
        // SAFETY: as above.
        unsafe { text.write(words) };
    }
    Ok(())
}

impl IUserTile_Impl for Credential_Impl {
    unsafe fn user_sid(&self, sid: *mut PWSTR) -> HRESULT {
        let answer = guarded("GetUserSid", || {
            if sid.is_null() {
                return Err(E_POINTER.into());
            }
            // SAFETY: not null, and writable as COM says.
            unsafe { sid.write(PWSTR::null()) };
            let tile = self.tile.try_borrow().map_err(busy)?;
            let Some(own) = tile.owner().sid() else {
                return Ok(S_FALSE);
            };
            let text = memory::text(own)?;
            // SAFETY: as above.
            unsafe { sid.write(text) };
            Ok(S_OK)
        });
        answer.unwrap_or_else(Into::into)
    }
}

impl ICredentialProviderCredentialWithFieldOptions_Impl for Credential_Impl {
    fn GetFieldOptions(&self, field: u32) -> Result<CREDENTIAL_PROVIDER_CREDENTIAL_FIELD_OPTIONS> {
        guarded("GetFieldOptions", || {
            let (_, kind) = Field::from_number(field).ok_or(E_INVALIDARG)?;
            Ok(match kind {
                Kind::EditText => CPCFO_ENABLE_TOUCH_KEYBOARD_AUTO_INVOKE,
                Kind::PasswordText => CREDENTIAL_PROVIDER_CREDENTIAL_FIELD_OPTIONS(
                    CPCFO_ENABLE_TOUCH_KEYBOARD_AUTO_INVOKE.0 | CPCFO_ENABLE_PASSWORD_REVEAL.0,
                ),
                Kind::Image
                | Kind::SmallText
                | Kind::LargeText
                | Kind::SubmitButton
                | Kind::CommandLink => CPCFO_NONE,
            })
        })
    }
}
