//! What the host signs with the device's key: one of two fixed statements, behind a label that
//! no other use of the key has. The app chooses a nonce (the service's) and its own key for this
//! run, of fixed sizes; everything else the host fills in from what it knows. So the key never
//! signs bytes that the app made up.
//!
//! ECDSA on P-256 over SHA-256, because that is what every TPM can. The service reads the signed
//! bytes with [`Signed::assertion`] and [`Signed::readiness`], which check the signature first.

use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Blob, Exactly, Few, Text, strict, tile::Scenario};

/// Stands before what is signed. The version is part of it.
const ASSERTION: &[u8] = b"regain device assertion 1\0";
const READINESS: &[u8] = b"regain device readiness 1\0";

/// What the app wants signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// That this app runs on this device.
    Assertion {
        /// The service's.
        nonce: Exactly<32>,
        /// The public key (Ed25519) that the app made for this run.
        run_key: Exactly<32>,
    },
    /// What was found on this PC.
    Readiness {
        /// The service's.
        nonce: Exactly<32>,
    },
}

/// This app runs on this device (design decision 16). It replaces no gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// The service's.
    pub nonce: Exactly<32>,
    /// The app's for this run, Ed25519.
    pub run_key: Exactly<32>,
    /// The device's key, which signs this.
    pub device_key: Exactly<65>,
    /// Where that is kept.
    pub kind: KeyKind,
    /// What this clock says, Unix time in seconds.
    pub at: i64,
    /// What the sign-in screen is for; none without a person.
    pub scenario: Option<Scenario>,
    /// Somebody who signed in on this PC before, as this PC names them, and whose tile or locked
    /// session this is. None for anybody else.
    pub user: Option<Text<256>>,
}

/// Whether somebody who is locked out at this PC could get back in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// The service's.
    pub nonce: Exactly<32>,
    /// The device's key, which signs this.
    pub device_key: Exactly<65>,
    /// Where that is kept.
    pub kind: KeyKind,
    /// What this clock says, Unix time in seconds.
    pub at: i64,
    /// Drawn for this report. Two PCs with one key cannot both go on from the same one.
    pub mark: Exactly<16>,
    /// The mark of the last report that the service took from here; zeros before the first.
    pub before: Exactly<16>,
    /// The PC's name.
    pub name: Text<64>,
    /// The build of Windows (`10.0.26100`).
    pub windows: Text<32>,
    /// The version of the host.
    pub version: Text<32>,
    /// What was found.
    pub facts: Few<Fact, 24>,
}

/// Where a device's key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyKind {
    /// In the PC's security chip, which never gives it away.
    Tpm,
    /// In a file that only the system may read: an administrator can copy it.
    Software,
}

/// One thing that can keep a person from getting back in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What was looked at.
    pub check: Check,
    /// What came out.
    pub found: Found,
    /// What was seen, for the administrator: a value, a name. Never a person's.
    pub seen: Text<64>,
}

/// What came out of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Found {
    /// Nothing in the way.
    Fine,
    /// It works, with less comfort.
    Less,
    /// Nobody can recover on this PC until it is changed.
    Breaks,
    /// It could not be seen.
    Unknown,
}

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What is looked at. The names are stable: the service stores them, and words in every
        /// language are found by them. A new one stands at the end: on the wire they are numbers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Check {
            $($(#[$doc])* $name,)*
        }

        impl Check {
            /// All of them, in the order of reports.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

checks! {
    /// The browser runtime that draws the app.
    WebviewRuntime = "webview-runtime",
    /// The account under which the app runs.
    AppAccount = "app-account",
    /// Secondary logon, by which a process of another account is started.
    SecondaryLogon = "secondary-logon",
    /// User account control is off (EnableLUA = 0).
    UserAccountControl = "user-account-control",
    /// "Do not display last signed-in": nobody has a tile of their own.
    LastUserHidden = "last-user-hidden",
    /// Fast user switching is hidden.
    UserSwitchingHidden = "user-switching-hidden",
    /// The lock screen is off.
    NoLockScreen = "no-lock-screen",
    /// Notifications on the lock screen are off.
    LockScreenNotifications = "lock-screen-notifications",
    /// Programs may be installed by administrators only.
    InstallsBlocked = "installs-blocked",
    /// Another shell than Windows' own.
    CustomShell = "custom-shell",
    /// A smart card is required to sign in.
    SmartCardRequired = "smart-card-required",
    /// The proxy.
    Proxy = "proxy",
    /// Wired or wireless networks that open only for a signed-in person.
    NetworkBeforeSignIn = "network-before-sign-in",
    /// Our tile is among those that an administrator excluded or disabled.
    TileExcluded = "tile-excluded",
    /// Our tile is not registered with Windows, or its file is missing.
    TileRegistered = "tile-registered",
    /// Other makers' tiles, some of which hide ours.
    OtherTiles = "other-tiles",
    /// The built-in reset link, which competes.
    BuiltInReset = "built-in-reset",
    /// The build of Windows is one that is supported.
    WindowsBuild = "windows-build",
    /// Tiles of others would be loaded in safe mode as well (`ProhibitFallbacks`).
    SafeMode = "safe-mode",
    /// The clock, against the time of the newest file that the host wrote.
    Clock = "clock",
    /// The device's key.
    DeviceKey = "device-key",
    /// The tile's library refuses to be loaded, after loads that LogonUI did not live on from.
    TileSwitchedOff = "tile-switched-off",
    /// Values of policies that are none, by name.
    PolicyValues = "policy-values",
}

/// A signed statement as the app passes it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// What was signed, without its label.
    pub statement: Blob<3584>,
    /// The two numbers of the signature, 32 bytes each.
    pub signature: Exactly<64>,
}

/// Signs with a device's key: what an implementation of a key store gives.
pub trait Signs {
    /// Why it could not.
    type Error;

    /// ECDSA on P-256 over SHA-256 of these bytes.
    ///
    /// # Errors
    /// The key store's.
    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], Self::Error>;
}

/// Why a statement was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignError<E> {
    /// It does not fit a frame; the limits of its fields allow that for none of ours.
    TooLong,
    /// The key store's reason.
    Key(E),
}

impl Signed {
    /// Signs an assertion.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn assert<K: Signs>(assertion: &Assertion, key: &K) -> Result<Self, SignError<K::Error>> {
        Self::make(ASSERTION, assertion, key)
    }

    /// Signs a report.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn report<K: Signs>(report: &Readiness, key: &K) -> Result<Self, SignError<K::Error>> {
        Self::make(READINESS, report, key)
    }

    fn make<K: Signs>(
        label: &[u8],
        statement: &impl Serialize,
        key: &K,
    ) -> Result<Self, SignError<K::Error>> {
        let mut room = [0; 3584];
        let written =
            postcard::to_slice(statement, &mut room).map_err(|_| SignError::TooLong)?.to_vec();
        let signature = key.sign(&[label, &written].concat()).map_err(SignError::Key)?;
        let statement = Blob::new(written).ok_or(SignError::TooLong)?;
        Ok(Self { statement, signature: Exactly(signature) })
    }

    /// The assertion, if the key that it names signed it. Whether that key is enrolled, whose the
    /// nonce is and how old it may be is the service's to say.
    pub fn assertion(&self) -> Option<Assertion> {
        self.read(ASSERTION, |assertion: &Assertion| assertion.device_key)
    }

    /// The report, if the key that it names signed it.
    pub fn readiness(&self) -> Option<Readiness> {
        self.read(READINESS, |report: &Readiness| report.device_key)
    }

    fn read<S: Serialize + DeserializeOwned>(
        &self,
        label: &[u8],
        key: impl FnOnce(&S) -> Exactly<65>,
    ) -> Option<S> {
        let statement: S = strict(self.statement.as_slice()).ok()?;
        let key = VerifyingKey::from_sec1_bytes(&key(&statement).0).ok()?;
        let signature = Signature::from_slice(&self.signature.0).ok()?;
        let signed = [label, self.statement.as_slice()].concat();
        key.verify(&signed, &signature).ok()?;
        Some(statement)
    }
}
