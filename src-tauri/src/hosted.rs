//! What the host's hello means to a run of the app: whose tile it is, what this PC can do with a
//! new password, and the key that the app made for this run. Asks the host, decides nothing about
//! the recovery.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use protocol::{
    device,
    host::{
        Text,
        app::{Ending, Hello, Join, Known, Mode, Pc, Proxy},
        tile::Outcome,
    },
    id::TenantId,
};
use rand::CryptoRng;
use serde::Serialize;
use serde_json::Value;

use crate::{host_link::HostLink, proof::Asserted};

/// A run that the host started.
pub struct Hosted {
    /// The way to the host.
    pub link: HostLink,
    /// The person's user ID as this PC knows it, if it does.
    pub user: Option<String>,
    /// Of the screen.
    pub(crate) language: String,
    /// An outcome may carry a sign-in.
    pub may_sign_in: bool,
    pub(crate) proxy: Proxy,
    /// A window is over the tile, so that the tile is told what takes long.
    pub(crate) has_window: bool,
    pc: Pc,
    has_key: bool,
    /// Lives as long as the run, and is wiped with it.
    run_key: SigningKey,
}

/// Whether a new password works on this PC at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptsNewPassword {
    /// A domain controller answers, or none is needed.
    Now,
    /// Only after this PC reaches the organisation's network; the old one works until then.
    AfterNetwork,
    /// The same, and nothing works here until then.
    OnlyOnNetwork,
    /// Nobody on this PC can say.
    Unknown,
}

impl Hosted {
    /// From what the host said first.
    pub fn new(link: HostLink, hello: &Hello, rng: &mut impl CryptoRng) -> Self {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self {
            link,
            user: hello.user.as_ref().map(|user| user.as_str().to_owned()),
            language: hello.language.as_str().to_owned(),
            may_sign_in: hello.may_sign_in,
            proxy: hello.proxy.clone(),
            has_window: matches!(hello.mode, Mode::SignIn | Mode::Setup),
            pc: hello.pc,
            has_key: hello.device.is_some(),
            run_key: SigningKey::from_bytes(&seed),
        }
    }

    /// What this PC can do with a new password now: looked at by the host, which takes seconds.
    /// With `connect` it first tries to reach the organisation's network, where it has a way.
    pub(crate) async fn accepts(&self, connect: bool) -> AcceptsNewPassword {
        let asked = if connect && self.pc.vpn_hook {
            self.link.connect().await
        } else {
            self.link.pc().await
        };
        accepts(asked.unwrap_or(self.pc))
    }

    /// The host's signature over this challenge; none without a key, or where it does not sign.
    pub(crate) fn asserting(
        &self,
        tenant: TenantId,
        challenge: &Value,
    ) -> impl Future<Output = Option<Asserted>> + Send + use<> {
        let (link, has_key) = (self.link.clone(), self.has_key);
        let nonce = device::nonce(tenant, challenge);
        let run_key = self.run_key.verifying_key().to_bytes();
        async move {
            let nonce = nonce.filter(|_| has_key)?;
            let signed = link.sign(nonce, run_key).await;
            let signed = signed
                .inspect_err(|error| tracing::warn!(%error, "it goes on without the device"))
                .ok()?;
            Some(Asserted { nonce, signed })
        }
    }

    pub(crate) fn run_key(&self) -> &SigningKey {
        &self.run_key
    }
}

fn accepts(pc: Pc) -> AcceptsNewPassword {
    match (pc.join, pc.controller, pc.cached_sign_in) {
        // The cloud answers for the directory, and this PC is online.
        (Join::Entra, ..) | (Join::Domain | Join::Hybrid, Known::Yes, _) => AcceptsNewPassword::Now,
        (Join::Domain | Join::Hybrid, Known::No, Known::No) => AcceptsNewPassword::OnlyOnNetwork,
        (Join::Domain | Join::Hybrid, Known::No, Known::Yes | Known::Unknown) => {
            AcceptsNewPassword::AfterNetwork
        }
        (Join::Domain | Join::Hybrid, Known::Unknown, _) | (Join::Alone | Join::Unknown, ..) => {
            AcceptsNewPassword::Unknown
        }
    }
}

/// Why nothing opens, for the tile. The pages have their own words; these are said without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// Something turns the webview's head; without one it can be done.
    Unsafe,
    /// The app is not set up on this PC.
    NotSetUp,
}

impl NotOpened {
    /// In the language of the screen, or the nearest there is.
    pub(crate) fn ending(self, language: &str) -> Ending {
        let words = match (self, language.split('-').next()) {
            (Self::Unsafe, Some("de")) => {
                "Die Hilfe kann auf diesem PC nicht sicher geöffnet werden. Nutzen Sie das \
                 einfache Formular, oder fragen Sie Ihre IT."
            }
            (Self::Unsafe, Some("ar")) => {
                "لا يمكن فتح المساعدة بأمان على هذا الجهاز. استخدم النموذج البسيط أو اطلب المساعدة."
            }
            (Self::Unsafe, _) => {
                "Help cannot open safely on this PC. Use the simple form, or ask IT."
            }
            (Self::NotSetUp, Some("de")) => {
                "Die Hilfe ist auf diesem PC noch nicht eingerichtet. Fragen Sie Ihre IT."
            }
            (Self::NotSetUp, Some("ar")) => "المساعدة غير مُعدّة على هذا الجهاز. اطلب المساعدة.",
            (Self::NotSetUp, _) => "Help is not set up on this PC. Ask IT.",
        };
        Ending { outcome: Outcome::Failed, words: Text::cut(words), sign_in: None }
    }
}

/// Longest that the end of a recovery takes where the host wants an end: what is left of its two
/// seconds is for the last word.
pub(crate) const TIME_TO_CANCEL: Duration = Duration::from_millis(1_200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_promised_that_this_pc_was_not_seen_to_do() {
        use AcceptsNewPassword::{AfterNetwork, Now, OnlyOnNetwork, Unknown};

        for (join, controller, cached, expected) in [
            (Join::Domain, Known::Yes, Known::No, Now),
            (Join::Domain, Known::No, Known::Yes, AfterNetwork),
            (Join::Domain, Known::No, Known::Unknown, AfterNetwork),
            (Join::Hybrid, Known::No, Known::No, OnlyOnNetwork),
            (Join::Domain, Known::Unknown, Known::Yes, Unknown),
            (Join::Entra, Known::Unknown, Known::Yes, Now),
            (Join::Alone, Known::No, Known::Yes, Unknown),
            (Join::Unknown, Known::Yes, Known::Yes, Unknown),
        ] {
            let pc = Pc { join, controller, cached_sign_in: cached, vpn_hook: false };
            assert_eq!(accepts(pc), expected, "{pc:?}");
        }
    }
}
