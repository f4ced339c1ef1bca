//! What LogonUI gives a provider: somebody who listens, and the users. They remember what they
//! are told, and can be told to call back in.
#![expect(unsafe_code, reason = "called by a library of Windows")]

use std::{cell::RefCell, rc::Rc};

use windows::{
    Win32::{
        Foundation::{E_FAIL, E_NOTIMPL, HWND, PROPERTYKEY},
        Graphics::Gdi::HBITMAP,
        System::Com::{CoTaskMemAlloc, StructuredStorage::PROPVARIANT},
        UI::Shell::{
            CPAO_NONE, CREDENTIAL_PROVIDER_ACCOUNT_OPTIONS,
            CREDENTIAL_PROVIDER_CREDENTIAL_FIELD_OPTIONS,
            CREDENTIAL_PROVIDER_FIELD_INTERACTIVE_STATE, CREDENTIAL_PROVIDER_FIELD_STATE,
            ICredentialProviderCredential, ICredentialProviderCredentialEvents_Impl,
            ICredentialProviderCredentialEvents2, ICredentialProviderCredentialEvents2_Impl,
            ICredentialProviderEvents, ICredentialProviderEvents_Impl, ICredentialProviderUser,
            ICredentialProviderUser_Impl, ICredentialProviderUserArray,
            ICredentialProviderUserArray_Impl,
        },
    },
    core::{BOOL, GUID, PCWSTR, PWSTR, Ref, Result},
};
use windows_core::implement;

/// How often the tiles have changed, by the contexts told.
pub(crate) type Changes = Rc<RefCell<Vec<usize>>>;

#[implement(ICredentialProviderEvents, Agile = false)]
pub(crate) struct Events(pub(crate) Changes);

impl ICredentialProviderEvents_Impl for Events_Impl {
    fn CredentialsChanged(&self, context: usize) -> Result<()> {
        self.0.borrow_mut().push(context);
        Ok(())
    }
}

/// What a tile told the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Begin,
    End,
    State(u32, i32),
    Focus(u32),
    Text(u32, String),
    Beside(u32),
}

pub(crate) type Log = Rc<RefCell<Vec<Told>>>;

/// Calls back into the tile while it tells something.
pub(crate) type CallBack = Rc<dyn Fn(&ICredentialProviderCredential)>;

#[implement(ICredentialProviderCredentialEvents2, Agile = false)]
pub(crate) struct TileEvents {
    pub(crate) log: Log,
    pub(crate) call_back: Option<CallBack>,
}

impl TileEvents {
    fn told(&self, tile: Ref<'_, ICredentialProviderCredential>, told: Told) -> Result<()> {
        self.log.borrow_mut().push(told);
        if let Some(call_back) = &self.call_back {
            call_back(tile.ok()?);
        }
        Ok(())
    }
}

impl ICredentialProviderCredentialEvents_Impl for TileEvents_Impl {
    fn SetFieldState(
        &self,
        tile: Ref<'_, ICredentialProviderCredential>,
        field: u32,
        state: CREDENTIAL_PROVIDER_FIELD_STATE,
    ) -> Result<()> {
        self.told(tile, Told::State(field, state.0))
    }

    fn SetFieldInteractiveState(
        &self,
        tile: Ref<'_, ICredentialProviderCredential>,
        field: u32,
        _: CREDENTIAL_PROVIDER_FIELD_INTERACTIVE_STATE,
    ) -> Result<()> {
        self.told(tile, Told::Focus(field))
    }

    fn SetFieldString(
        &self,
        tile: Ref<'_, ICredentialProviderCredential>,
        field: u32,
        text: &PCWSTR,
    ) -> Result<()> {
        // SAFETY: a text that ends with a zero, as the interface says.
        let text = unsafe { text.to_string() }.map_err(|_| E_FAIL)?;
        self.told(tile, Told::Text(field, text))
    }

    fn SetFieldCheckbox(
        &self,
        _: Ref<'_, ICredentialProviderCredential>,
        _: u32,
        _: BOOL,
        _: &PCWSTR,
    ) -> Result<()> {
        Err(E_NOTIMPL.into())
    }

    fn SetFieldBitmap(
        &self,
        _: Ref<'_, ICredentialProviderCredential>,
        _: u32,
        _: HBITMAP,
    ) -> Result<()> {
        Err(E_NOTIMPL.into())
    }

    fn SetFieldComboBoxSelectedItem(
        &self,
        _: Ref<'_, ICredentialProviderCredential>,
        _: u32,
        _: u32,
    ) -> Result<()> {
        Err(E_NOTIMPL.into())
    }

    fn DeleteFieldComboBoxItem(
        &self,
        _: Ref<'_, ICredentialProviderCredential>,
        _: u32,
        _: u32,
    ) -> Result<()> {
        Err(E_NOTIMPL.into())
    }

    fn AppendFieldComboBoxItem(
        &self,
        _: Ref<'_, ICredentialProviderCredential>,
        _: u32,
        _: &PCWSTR,
    ) -> Result<()> {
        Err(E_NOTIMPL.into())
    }

    fn SetFieldSubmitButton(
        &self,
        tile: Ref<'_, ICredentialProviderCredential>,
        _: u32,
        beside: u32,
    ) -> Result<()> {
        self.told(tile, Told::Beside(beside))
    }

    fn OnCreatingWindow(&self) -> Result<HWND> {
        Err(E_NOTIMPL.into())
    }
}

impl ICredentialProviderCredentialEvents2_Impl for TileEvents_Impl {
    fn BeginFieldUpdates(&self) -> Result<()> {
        self.log.borrow_mut().push(Told::Begin);
        Ok(())
    }

    fn EndFieldUpdates(&self) -> Result<()> {
        self.log.borrow_mut().push(Told::End);
        Ok(())
    }

    fn SetFieldOptions(
        &self,
        _: Ref<'_, ICredentialProviderCredential>,
        _: u32,
        _: CREDENTIAL_PROVIDER_CREDENTIAL_FIELD_OPTIONS,
    ) -> Result<()> {
        Ok(())
    }
}

/// The users; one without an identifier is one whom Windows cannot name.
#[implement(ICredentialProviderUserArray, Agile = false)]
pub(crate) struct Users(pub(crate) Vec<Option<&'static str>>);

impl ICredentialProviderUserArray_Impl for Users_Impl {
    fn SetProviderFilter(&self, _: *const GUID) -> Result<()> {
        Ok(())
    }

    fn GetAccountOptions(&self) -> Result<CREDENTIAL_PROVIDER_ACCOUNT_OPTIONS> {
        Ok(CPAO_NONE)
    }

    fn GetCount(&self) -> Result<u32> {
        Ok(u32::try_from(self.0.len()).unwrap())
    }

    fn GetAt(&self, index: u32) -> Result<ICredentialProviderUser> {
        let user = self.0.get(usize::try_from(index).unwrap()).ok_or(E_FAIL)?;
        Ok(User(*user).into())
    }
}

#[implement(ICredentialProviderUser, Agile = false)]
struct User(Option<&'static str>);

impl ICredentialProviderUser_Impl for User_Impl {
    /// Null with success where there is none: what the screen gives in its worst mode.
    fn GetSid(&self) -> Result<PWSTR> {
        let Some(sid) = self.0 else {
            return Ok(PWSTR::null());
        };
        let units: Vec<u16> = sid.encode_utf16().chain([0]).collect();
        // SAFETY: asks for memory.
        let memory = unsafe { CoTaskMemAlloc(units.len() * 2) }.cast::<u16>();
        // SAFETY: just made, with this much room.
        unsafe { std::ptr::copy_nonoverlapping(units.as_ptr(), memory, units.len()) };
        Ok(PWSTR(memory))
    }

    fn GetProviderID(&self) -> Result<GUID> {
        Err(E_NOTIMPL.into())
    }

    fn GetStringValue(&self, _: *const PROPERTYKEY) -> Result<PWSTR> {
        Err(E_NOTIMPL.into())
    }

    fn GetValue(&self, _: *const PROPERTYKEY) -> Result<PROPVARIANT> {
        Err(E_NOTIMPL.into())
    }
}
