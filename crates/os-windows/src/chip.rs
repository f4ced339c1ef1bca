//! A key in the PC's security chip (TPM), through the key storage of Windows. It signs, and never
//! leaves.
//!
//! Why a chip gives nothing is told apart here, because a key that is made anew is another device
//! to everybody else: only a chip that is not there, or that has no such key, is a reason for that.

use std::{fmt, io};

/// Why the chip gives nothing.
#[derive(Debug)]
pub enum ChipError {
    /// There is none, or none that holds keys of this kind.
    NoChip,
    /// It has no such key: never made, cleared, or the chip is another one.
    NoKey,
    /// It cannot answer now: busy, not ready yet, guarding itself. The key may well be there.
    Away(io::Error),
}

impl fmt::Display for ChipError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChip => out.write_str("this PC has no security chip for such keys"),
            Self::NoKey => out.write_str("the security chip has no such key"),
            Self::Away(error) => write!(out, "the security chip does not answer: {error}"),
        }
    }
}

impl std::error::Error for ChipError {}

/// What is being done when Windows refuses.
#[cfg(any(windows, test))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Making a key.
    Making,
    /// Using one.
    Using,
}

/// What a refusal means; none: that the chip cannot answer now.
#[cfg(any(windows, test))]
fn judge(code: u32, doing: Doing) -> Option<ChipError> {
    /// TBS_E_TPM_NOT_FOUND.
    const NOT_FOUND: u32 = 0x8028_400F;
    /// NTE_BAD_ALGID, NTE_NOT_SUPPORTED, TPM_E_PCP_NOT_SUPPORTED: a chip of an older kind.
    const OTHER_KIND: [u32; 3] = [0x8009_0008, 0x8009_0029, 0x8029_0405];
    /// NTE_NO_KEY, NTE_NOT_FOUND, NTE_BAD_KEYSET, and what a key says that was wrapped by a chip
    /// before it was cleared: TPM_20_E_INTEGRITY (bare, and of the first parameter) and
    /// TPM_E_PCP_WRONG_PARENT.
    const NO_KEY: [u32; 6] =
        [0x8009_000D, 0x8009_0011, 0x8009_0016, 0x8028_009F, 0x8028_01DF, 0x8029_040E];
    match doing {
        _ if code == NOT_FOUND => Some(ChipError::NoChip),
        Doing::Making if OTHER_KIND.contains(&code) => Some(ChipError::NoChip),
        Doing::Using if NO_KEY.contains(&code) => Some(ChipError::NoKey),
        Doing::Making | Doing::Using => None,
    }
}

#[cfg(windows)]
pub use calls::ChipKey;

#[cfg(windows)]
mod calls {
    #![expect(unsafe_code, reason = "keys are handles of Windows")]

    use windows::{
        Win32::{
            Security::Cryptography::{
                BCRYPT_ECCPUBLIC_BLOB, BCRYPT_ECDSA_P256_ALGORITHM, CERT_KEY_SPEC,
                MS_PLATFORM_CRYPTO_PROVIDER, NCRYPT_FLAGS, NCRYPT_HANDLE, NCRYPT_KEY_HANDLE,
                NCRYPT_MACHINE_KEY_FLAG, NCRYPT_OVERWRITE_KEY_FLAG, NCRYPT_PROV_HANDLE,
                NCRYPT_SILENT_FLAG, NCryptCreatePersistedKey, NCryptDeleteKey, NCryptExportKey,
                NCryptFinalizeKey, NCryptFreeObject, NCryptOpenKey, NCryptOpenStorageProvider,
                NCryptSignHash,
            },
            System::TpmBaseServices::{
                TBS_CONTEXT_PARAMS2, TBS_CONTEXT_PARAMS2_0, Tbsi_Context_Create,
                Tbsip_Context_Close,
            },
        },
        core::{Error, HRESULT, HSTRING},
    };

    use super::{ChipError, Doing, judge};
    use crate::failed;

    /// Asks for chips of either kind (`includeTpm12`, `includeTpm20`).
    const EITHER: u32 = 0b110;

    /// A key of this machine, by its name.
    #[derive(Debug)]
    pub struct ChipKey {
        key: Handle,
        _provider: Handle,
    }

    #[derive(Debug)]
    struct Handle(NCRYPT_HANDLE);

    impl Drop for Handle {
        fn drop(&mut self) {
            // SAFETY: given by Windows and freed once. A failure leaves nothing to do.
            let _ = unsafe { NCryptFreeObject(self.0) };
        }
    }

    impl ChipKey {
        /// The key that is there.
        ///
        /// # Errors
        /// When there is no chip or no such key, or the chip cannot answer.
        pub fn open(name: &str) -> Result<Self, ChipError> {
            let provider = provider(Doing::Using)?;
            let mut key = NCRYPT_KEY_HANDLE::default();
            // SAFETY: the provider is open, the name ends with a nul; Windows writes one handle.
            unsafe {
                NCryptOpenKey(
                    NCRYPT_PROV_HANDLE(provider.0.0),
                    &raw mut key,
                    &HSTRING::from(name),
                    CERT_KEY_SPEC(0),
                    NCRYPT_MACHINE_KEY_FLAG | NCRYPT_SILENT_FLAG,
                )
            }
            .map_err(refused(Doing::Using, "opening the device's key"))?;
            Ok(Self { key: Handle(NCRYPT_HANDLE(key.0)), _provider: provider })
        }

        /// A new key (ECDSA on P-256), in place of the one of this name. The chip's provider lets
        /// nobody export it unless asked to before it is finished.
        ///
        /// # Errors
        /// When there is no chip for it, or the chip cannot answer.
        pub fn make(name: &str) -> Result<Self, ChipError> {
            let provider = provider(Doing::Making)?;
            let mut key = NCRYPT_KEY_HANDLE::default();
            // SAFETY: the provider is open, the names end with a nul; Windows writes one handle.
            unsafe {
                NCryptCreatePersistedKey(
                    NCRYPT_PROV_HANDLE(provider.0.0),
                    &raw mut key,
                    BCRYPT_ECDSA_P256_ALGORITHM,
                    &HSTRING::from(name),
                    CERT_KEY_SPEC(0),
                    NCRYPT_MACHINE_KEY_FLAG | NCRYPT_OVERWRITE_KEY_FLAG,
                )
            }
            .map_err(refused(Doing::Making, "making the device's key"))?;
            let made = Self { key: Handle(NCRYPT_HANDLE(key.0)), _provider: provider };
            // SAFETY: the key was just made.
            unsafe { NCryptFinalizeKey(made.handle(), NCRYPT_SILENT_FLAG) }
                .map_err(refused(Doing::Making, "making the device's key"))?;
            Ok(made)
        }

        /// The public half, uncompressed (SEC 1).
        ///
        /// # Errors
        /// When Windows does not tell.
        pub fn public(&self) -> Result<[u8; 65], ChipError> {
            // BCRYPT_ECCKEY_BLOB: a magic number, the length of a coordinate, and both of them.
            const HEAD: usize = 8;
            let mut blob = [0; HEAD + 64];
            let mut length = 0;
            // SAFETY: the key is open; the buffer's length goes along.
            unsafe {
                NCryptExportKey(
                    self.handle(),
                    None,
                    BCRYPT_ECCPUBLIC_BLOB,
                    None,
                    Some(&mut blob),
                    &raw mut length,
                    NCRYPT_FLAGS(0),
                )
            }
            .map_err(refused(Doing::Using, "reading the device's key"))?;
            if usize::try_from(length).ok() != Some(blob.len()) {
                // Of that name, but none that we made.
                return Err(ChipError::NoKey);
            }
            let mut public = [4; 65];
            public[1..].copy_from_slice(&blob[HEAD..]);
            Ok(public)
        }

        /// Signs a SHA-256.
        ///
        /// # Errors
        /// When the chip refuses.
        pub fn sign(&self, hash: &[u8; 32]) -> Result<[u8; 64], ChipError> {
            let mut signature = [0; 64];
            let mut length = 0;
            // SAFETY: the key is open; both buffers' lengths go along.
            unsafe {
                NCryptSignHash(
                    self.handle(),
                    None,
                    hash,
                    Some(&mut signature),
                    &raw mut length,
                    NCRYPT_SILENT_FLAG,
                )
            }
            .map_err(refused(Doing::Using, "signing with the device's key"))?;
            if length == 64 { Ok(signature) } else { Err(ChipError::NoKey) }
        }

        /// Takes it out of the chip.
        ///
        /// # Errors
        /// When the chip refuses.
        pub fn delete(self) -> Result<(), ChipError> {
            let Self { key, _provider } = self;
            // SAFETY: the key is open. Windows frees the handle with the key.
            unsafe { NCryptDeleteKey(NCRYPT_KEY_HANDLE(key.0.0), NCRYPT_SILENT_FLAG.0) }
                .map_err(refused(Doing::Using, "removing the device's key"))?;
            std::mem::forget(key);
            Ok(())
        }

        fn handle(&self) -> NCRYPT_KEY_HANDLE {
            NCRYPT_KEY_HANDLE(self.key.0.0)
        }
    }

    fn refused(doing: Doing, words: &'static str) -> impl FnOnce(Error) -> ChipError {
        move |error| {
            let judged = judge(error.code().0.cast_unsigned(), doing);
            judged.unwrap_or_else(|| ChipError::Away(failed(words)(error)))
        }
    }

    fn provider(doing: Doing) -> Result<Handle, ChipError> {
        look_for_chip(doing)?;
        let mut provider = NCRYPT_PROV_HANDLE::default();
        // SAFETY: the name ends with a nul; Windows writes one handle.
        unsafe { NCryptOpenStorageProvider(&raw mut provider, MS_PLATFORM_CRYPTO_PROVIDER, 0) }
            .map_err(refused(doing, "opening the security chip"))?;
        Ok(Handle(NCRYPT_HANDLE(provider.0)))
    }

    /// Windows' key storage says "not ready" of a chip that is not there and of one that is slow
    /// alike; what talks to chips knows which.
    fn look_for_chip(doing: Doing) -> Result<(), ChipError> {
        let asked = TBS_CONTEXT_PARAMS2 {
            version: 2,
            Anonymous: TBS_CONTEXT_PARAMS2_0 { asUINT32: EITHER },
        };
        let mut context = std::ptr::null_mut();
        // SAFETY: a structure of the version that it says; Windows writes one handle.
        let opened = unsafe { Tbsi_Context_Create((&raw const asked).cast(), &raw mut context) };
        if opened == 0 {
            // SAFETY: just opened, and closed once. A failure leaves nothing to do.
            let _ = unsafe { Tbsip_Context_Close(context) };
            return Ok(());
        }
        let error = Error::from_hresult(HRESULT(opened.cast_signed()));
        Err(refused(doing, "looking for the security chip")(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_chip_or_a_key_that_is_gone_is_gone() {
        let said = |code: u32, doing| judge(code, doing).map(|error| error.to_string());
        let no_chip = Some(ChipError::NoChip.to_string());
        let no_key = Some(ChipError::NoKey.to_string());
        // NTE_DEVICE_NOT_READY, TPM_E_PCP_DEVICE_NOT_READY, TPM_20_E_LOCKOUT, TPM_20_E_RETRY,
        // TBS_E_SERVICE_START_PENDING, TBS_E_IOERROR, NTE_FAIL, access denied, out of memory.
        let passing = [
            0x8009_0030,
            0x8029_0401,
            0x8028_0921,
            0x8028_0922,
            0x8028_400B,
            0x8028_4006,
            0x8009_0020,
            0x8007_0005,
            0x8009_000E,
        ];
        for code in passing {
            assert_eq!(said(code, Doing::Using), None, "{code:x}");
            assert_eq!(said(code, Doing::Making), None, "{code:x}");
        }
        assert_eq!(said(0x8028_400F, Doing::Using), no_chip);
        assert_eq!(said(0x8009_0029, Doing::Making), no_chip, "a chip of an older kind");
        assert_eq!(said(0x8009_0029, Doing::Using), None, "it made one before");
        for code in [0x8009_0016, 0x8009_000D, 0x8028_01DF, 0x8029_040E] {
            assert_eq!(said(code, Doing::Using), no_key, "{code:x}");
            assert_eq!(said(code, Doing::Making), None, "{code:x}");
        }
    }
}
