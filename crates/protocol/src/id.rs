//! Ids. Each kind is a type of its own, so that one can never stand for another.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id (UUID version 7) of this time and this randomness.
            pub fn new(unix_millis: u64, rng: &mut (impl rand::CryptoRng + ?Sized)) -> Self {
                let mut random = [0; 10];
                rng.fill_bytes(&mut random);
                Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    )*};
}

id! {
    /// An organisation on this service.
    TenantId;
    /// A directory inside a tenant.
    DirectoryId;
    /// An account as the service knows it.
    AccountId;
    /// One recovery, from the user ID to its end.
    RecoveryId;
    /// One change of the directory: one unlock or one reset.
    OperationId;
    /// An agent beside a directory.
    AgentId;
    /// A PC with a key of its own.
    DeviceId;
    /// What PCs of a fleet enrol with.
    FleetTokenId;
    /// One key of a recipient of sealed passwords.
    KeyId;
}
