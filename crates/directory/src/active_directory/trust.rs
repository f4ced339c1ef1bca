//! Whom to trust for a controller's certificate, and TLS as every connection uses it. There is
//! no way to switch the check off.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::SettingsError;

/// Whose word counts for a controller's certificate.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The certificate authorities of this machine.
    System,
    /// Only those in this PEM file.
    File(PathBuf),
}

impl Trust {
    /// TLS as every connection to a controller uses it: 1.2 or 1.3, certificate and name
    /// checked, no way to switch that off.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, SettingsError> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
            Self::File(path) => {
                let unreadable =
                    |cause: String| SettingsError::CaFile { path: path.clone(), cause };
                for certificate in
                    CertificateDer::pem_file_iter(path).map_err(|e| unreadable(e.to_string()))?
                {
                    let certificate = certificate.map_err(|e| unreadable(e.to_string()))?;
                    roots.add(certificate).map_err(|e| unreadable(e.to_string()))?;
                }
            }
        }
        if roots.is_empty() {
            return Err(SettingsError::NoAuthority);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SettingsError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}
