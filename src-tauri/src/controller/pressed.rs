//! What a press stood for, remembered while its call has no answer, so that the next press is
//! known as the same one or as another. Of what was typed it holds a keyed digest, in memory
//! alone: never the text, and nothing of it is ever stored.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use protocol::api::{Act, Call, ChooseAct};
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::service_client::{Change, Path};

/// A changing call whose answer was not seen.
pub(super) struct Unanswered {
    pub(super) change: Arc<Change>,
    pub(super) meaning: Meaning,
}

impl Unanswered {
    /// Whether pressing `call` to say `meaning` is the press that this call was made for.
    pub(super) fn is(&self, call: Call, meaning: &Meaning) -> bool {
        self.change.path == Path::Recovery(call) && self.meaning == *meaning
    }

    /// Whether the directory is changed by it.
    pub(super) fn changes_the_directory(&self) -> bool {
        let unlocks = || {
            let chosen = serde_json::from_slice::<ChooseAct>(&self.change.body);
            chosen.is_ok_and(|chosen| chosen.act == Act::Unlock)
        };
        match self.change.path {
            Path::Recovery(Call::SetPassword) => true,
            Path::Recovery(Call::ChooseAct) => unlocks(),
            Path::Recoveries
            | Path::Recovery(
                Call::ChangeUserId
                | Call::ChooseMethod
                | Call::EnterCode
                | Call::Back
                | Call::Cancel,
            ) => false,
        }
    }

    /// Whether it hands in what somebody typed to prove or to set something.
    pub(super) fn is_typed(&self) -> bool {
        matches!(self.change.path, Path::Recovery(Call::EnterCode | Call::SetPassword))
    }
}

/// What a press says: two of the same call are the same press when this is. Needed for passwords,
/// whose sealed bodies always differ. Cannot be printed; wiped on drop.
#[derive(PartialEq, Eq)]
pub(super) struct Meaning(Zeroizing<[u8; 32]>);

/// Makes digests that say nothing outside this run of the app. Wiped on drop.
pub(super) struct Digester(Zeroizing<[u8; 64]>);

impl Digester {
    pub(super) fn new(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 64]);
        rng.fill_bytes(key.as_mut());
        Self(key)
    }

    /// The meaning of a press that says `what`.
    pub(super) fn meaning(&self, what: &[&[u8]]) -> Meaning {
        let mut mac = Hmac::<Sha256>::new((&*self.0).into());
        for part in what {
            mac.update(part);
        }
        Meaning(Zeroizing::new(mac.finalize().into_bytes().into()))
    }
}
