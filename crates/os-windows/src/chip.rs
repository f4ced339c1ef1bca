//! A key in the PC's security chip (TPM), through the key storage of Windows. It signs, and never
//! leaves.
#![expect(unsafe_code, reason = "keys are handles of Windows")]

use std::io;

use windows::{
    Win32::Security::Cryptography::{
        BCRYPT_ECCPUBLIC_BLOB, BCRYPT_ECDSA_P256_ALGORITHM, CERT_KEY_SPEC,
        MS_PLATFORM_CRYPTO_PROVIDER, NCRYPT_FLAGS, NCRYPT_HANDLE, NCRYPT_KEY_HANDLE,
        NCRYPT_MACHINE_KEY_FLAG, NCRYPT_OVERWRITE_KEY_FLAG, NCRYPT_PROV_HANDLE, NCRYPT_SILENT_FLAG,
        NCryptCreatePersistedKey, NCryptExportKey, NCryptFinalizeKey, NCryptFreeObject,
        NCryptOpenKey, NCryptOpenStorageProvider, NCryptSignHash,
    },
    core::HSTRING,
};

use crate::failed;

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
    /// When there is no chip or no such key.
    pub fn open(name: &str) -> io::Result<Self> {
        let provider = provider()?;
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
        .map_err(failed("opening the device's key"))?;
        Ok(Self { key: Handle(NCRYPT_HANDLE(key.0)), _provider: provider })
    }

    /// A new key (ECDSA on P-256), in place of the one of this name. The chip's provider lets
    /// nobody export it unless asked to before it is finished.
    ///
    /// # Errors
    /// When there is no chip, or it refuses.
    pub fn make(name: &str) -> io::Result<Self> {
        let provider = provider()?;
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
        .map_err(failed("making the device's key"))?;
        let made = Self { key: Handle(NCRYPT_HANDLE(key.0)), _provider: provider };
        // SAFETY: the key was just made.
        unsafe { NCryptFinalizeKey(made.handle(), NCRYPT_SILENT_FLAG) }
            .map_err(failed("making the device's key"))?;
        Ok(made)
    }

    /// The public half, uncompressed (SEC 1).
    ///
    /// # Errors
    /// When Windows does not tell.
    pub fn public(&self) -> io::Result<[u8; 65]> {
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
        .map_err(failed("reading the device's key"))?;
        if usize::try_from(length).ok() != Some(blob.len()) {
            return Err(io::Error::other("the device's key is of another kind"));
        }
        let mut public = [4; 65];
        public[1..].copy_from_slice(&blob[HEAD..]);
        Ok(public)
    }

    /// Signs a SHA-256.
    ///
    /// # Errors
    /// When the chip refuses.
    pub fn sign(&self, hash: &[u8; 32]) -> io::Result<[u8; 64]> {
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
        .map_err(failed("signing with the device's key"))?;
        if length == 64 { Ok(signature) } else { Err(io::Error::other("another signature")) }
    }

    fn handle(&self) -> NCRYPT_KEY_HANDLE {
        NCRYPT_KEY_HANDLE(self.key.0.0)
    }
}

fn provider() -> io::Result<Handle> {
    let mut provider = NCRYPT_PROV_HANDLE::default();
    // SAFETY: the name ends with a nul; Windows writes one handle.
    unsafe { NCryptOpenStorageProvider(&raw mut provider, MS_PLATFORM_CRYPTO_PROVIDER, 0) }
        .map_err(failed("opening the security chip"))?;
    Ok(Handle(NCRYPT_HANDLE(provider.0)))
}
