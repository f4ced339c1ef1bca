//! Makes providers. No more.

use std::ffi::c_void;

use windows::{
    Win32::{
        Foundation::{CLASS_E_NOAGGREGATION, E_POINTER},
        System::Com::{IClassFactory, IClassFactory_Impl},
        UI::Shell::ICredentialProvider,
    },
    core::{BOOL, GUID, IUnknown, Interface as _, Ref, Result},
};
use windows_core::implement;

use super::{guarded, provider::Provider};

#[implement(IClassFactory, Agile = false)]
pub(super) struct Factory;

impl IClassFactory_Impl for Factory_Impl {
    fn CreateInstance(
        &self,
        outer: Ref<'_, IUnknown>,
        interface: *const GUID,
        object: *mut *mut c_void,
    ) -> Result<()> {
        guarded("CreateInstance", || {
            if interface.is_null() || object.is_null() {
                return Err(E_POINTER.into());
            }
            // SAFETY: not null, and writable as COM says.
            unsafe { object.write(std::ptr::null_mut()) };
            if !outer.is_null() {
                return Err(CLASS_E_NOAGGREGATION.into());
            }
            let provider: ICredentialProvider = Provider::new().into();
            // SAFETY: both were looked at above.
            unsafe { provider.query(interface, object) }.ok()
        })
    }

    /// The library stays loaded anyway.
    fn LockServer(&self, _: BOOL) -> Result<()> {
        guarded("LockServer", || Ok(()))
    }
}
