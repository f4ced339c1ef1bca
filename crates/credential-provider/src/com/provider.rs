//! `ICredentialProvider`: one guarded line per call.

use std::rc::Rc;

use windows::{
    Win32::{
        Foundation::{E_INVALIDARG, E_NOTIMPL, E_POINTER},
        UI::Shell::{
            CPFG_CREDENTIAL_PROVIDER_LABEL, CPFG_CREDENTIAL_PROVIDER_LOGO,
            CPFG_STYLE_LINK_AS_BUTTON, CPFT_COMMAND_LINK, CPFT_EDIT_TEXT, CPFT_LARGE_TEXT,
            CPFT_PASSWORD_TEXT, CPFT_SMALL_TEXT, CPFT_SUBMIT_BUTTON, CPFT_TILE_IMAGE,
            CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION, CREDENTIAL_PROVIDER_FIELD_DESCRIPTOR,
            CREDENTIAL_PROVIDER_NO_DEFAULT, CREDENTIAL_PROVIDER_USAGE_SCENARIO,
            ICredentialProvider, ICredentialProvider_Impl, ICredentialProviderCredential,
            ICredentialProviderEvents, ICredentialProviderSetUserArray,
            ICredentialProviderSetUserArray_Impl, ICredentialProviderUserArray,
        },
    },
    core::{BOOL, GUID, Ref, Result},
};
use windows_core::implement;

use super::{guarded, guarded_end, memory, screen::Screen, system};
use crate::{
    fields::{COUNT, Field, Kind},
    guard::GUARD,
    scenario,
};

#[implement(ICredentialProvider, ICredentialProviderSetUserArray, Agile = false)]
pub(super) struct Provider {
    screen: Rc<Screen>,
}

impl Provider {
    pub(super) fn new() -> Self {
        Self { screen: Screen::new() }
    }
}

impl Drop for Provider {
    /// One that was never told to let go does it now: its tiles hold it, and it holds them.
    fn drop(&mut self) {
        let _ = guarded_end("Release", || self.screen.let_go());
    }
}

impl ICredentialProvider_Impl for Provider_Impl {
    fn SetUsageScenario(
        &self,
        scenario: CREDENTIAL_PROVIDER_USAGE_SCENARIO,
        _flags: u32,
    ) -> Result<()> {
        if GUARD.has_faulted() {
            // The answer that every screen expects of one that has nothing to show.
            return Err(E_NOTIMPL.into());
        }
        guarded("SetUsageScenario", || {
            let screen = scenario::decide(scenario.0, &system::machine());
            self.screen.open(screen.map_err(|_| E_NOTIMPL)?)
        })
    }

    /// What others have typed is not ours to use.
    fn SetSerialization(
        &self,
        _: *const CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION,
    ) -> Result<()> {
        guarded("SetSerialization", || Err(E_NOTIMPL.into()))
    }

    fn Advise(&self, events: Ref<'_, ICredentialProviderEvents>, context: usize) -> Result<()> {
        guarded("Advise", || self.screen.advise(events.ok()?.clone(), context))
    }

    fn UnAdvise(&self) -> Result<()> {
        guarded_end("UnAdvise", || self.screen.let_go())
    }

    fn GetFieldDescriptorCount(&self) -> Result<u32> {
        guarded("GetFieldDescriptorCount", || u32::try_from(COUNT).map_err(|_| E_INVALIDARG.into()))
    }

    fn GetFieldDescriptorAt(
        &self,
        index: u32,
    ) -> Result<*mut CREDENTIAL_PROVIDER_FIELD_DESCRIPTOR> {
        guarded("GetFieldDescriptorAt", || {
            let (field, kind) = Field::from_number(index).ok_or(E_INVALIDARG)?;
            memory::value(CREDENTIAL_PROVIDER_FIELD_DESCRIPTOR {
                dwFieldID: field.number(),
                cpft: match kind {
                    Kind::Image => CPFT_TILE_IMAGE,
                    Kind::SmallText => CPFT_SMALL_TEXT,
                    Kind::LargeText => CPFT_LARGE_TEXT,
                    Kind::EditText => CPFT_EDIT_TEXT,
                    Kind::PasswordText => CPFT_PASSWORD_TEXT,
                    Kind::SubmitButton => CPFT_SUBMIT_BUTTON,
                    Kind::CommandLink => CPFT_COMMAND_LINK,
                },
                pszLabel: memory::text(&self.label(field)?)?,
                guidFieldType: purpose(field),
            })
        })
    }

    fn GetCredentialCount(
        &self,
        count: *mut u32,
        default: *mut u32,
        signs_in_by_itself: *mut BOOL,
    ) -> Result<()> {
        guarded("GetCredentialCount", || {
            if count.is_null() || default.is_null() || signs_in_by_itself.is_null() {
                return Err(E_POINTER.into());
            }
            let (tiles, own) = self.screen.count()?;
            let tiles = u32::try_from(tiles).unwrap_or(0);
            let own = own.and_then(|index| u32::try_from(index).ok());
            // SAFETY: not null, and writable as COM says.
            unsafe { count.write(tiles) };
            // SAFETY: as above.
            unsafe { default.write(own.unwrap_or(CREDENTIAL_PROVIDER_NO_DEFAULT)) };
            // SAFETY: as above.
            unsafe { signs_in_by_itself.write(own.is_some().into()) };
            Ok(())
        })
    }

    fn GetCredentialAt(&self, index: u32) -> Result<ICredentialProviderCredential> {
        guarded("GetCredentialAt", || Ok(self.screen.tile(index)?.ok_or(E_INVALIDARG)?))
    }
}

impl ICredentialProviderSetUserArray_Impl for Provider_Impl {
    fn SetUserArray(&self, users: Ref<'_, ICredentialProviderUserArray>) -> Result<()> {
        guarded("SetUserArray", || {
            self.screen.set_users(users.as_ref().map_or_else(Vec::new, sids))
        })
    }
}

impl Provider_Impl {
    /// What a screen reader says of a field, and what the button says.
    fn label(&self, field: Field) -> Result<String> {
        let (look, words) = self.screen.look()?;
        let text = match field {
            Field::Picture => words.picture,
            Field::Continue => {
                return Ok(
                    look.map_or(words.go_on.to_owned(), |look| look.go_on.as_str().to_owned())
                );
            }
            Field::FirstText | Field::FirstSecret => words.fields[0],
            Field::SecondText | Field::SecondSecret => words.fields[1],
            Field::Label
            | Field::Title
            | Field::Text
            | Field::FirstCaption
            | Field::SecondCaption
            | Field::FirstChoice
            | Field::SecondChoice
            | Field::Open
            | Field::FirstDay
            | Field::SimpleForm
            | Field::Cancel
            | Field::Help => "",
        };
        Ok(text.to_owned())
    }
}

/// What Windows uses some fields for beside drawing them.
fn purpose(field: Field) -> GUID {
    let special = [
        (Field::Picture, CPFG_CREDENTIAL_PROVIDER_LOGO),
        (Field::Label, CPFG_CREDENTIAL_PROVIDER_LABEL),
        (Field::Open, CPFG_STYLE_LINK_AS_BUTTON),
    ];
    let found = special.into_iter().find(|(of, _)| *of == field);
    found.map_or_else(GUID::zeroed, |(_, purpose)| purpose)
}

/// The users that the screen lists. One whom Windows cannot name is none.
fn sids(users: &ICredentialProviderUserArray) -> Vec<Option<String>> {
    // SAFETY: the screen gave it for this call.
    let count = unsafe { users.GetCount() }.unwrap_or(0);
    let sid = |index| {
        // SAFETY: as above.
        let user = unsafe { users.GetAt(index) }.ok()?;
        // SAFETY: as above.
        memory::take(unsafe { user.GetSid() }.ok()?)
    };
    // No screen lists more, whatever it says.
    (0..count.min(1024)).map(sid).collect()
}
