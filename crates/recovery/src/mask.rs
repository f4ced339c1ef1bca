//! What is shown of an address: two letters, always in the same shape (catalogue ID-05), and
//! what is shown to strangers who typed a name that has none.

use serde::{Deserialize, Serialize};

/// The first letters of mailbox and domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// Of the mailbox.
    pub mailbox: String,
    /// Of the domain.
    pub domain: String,
}

impl Mask {
    /// Of a real address.
    pub fn of(address: &str) -> Self {
        let (mailbox, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        Self { mailbox: first_letter(mailbox), domain: first_letter(domain) }
    }

    /// For a name without an address: stable per person meant (`keyed` is a keyed hash of
    /// [`Mask::person`]), and of the same make as the tenant's own, whose domains' letters are
    /// `domains`. Most people's private mailbox begins with the letter of their name, so most
    /// decoys' do. The domain's letter is the one that weighs most for this person, so that a
    /// new letter in the list changes few.
    pub fn decoy(typed: &str, keyed: &[u8; 32], domains: &[String]) -> Self {
        let mailbox = if keyed[0] < 192 {
            first_letter(&Self::person(typed))
        } else {
            char::from(b'a' + keyed[1] % 26).to_string()
        };
        let weight = |letter: &&String| {
            // FNV-1a: any even spread will do, the key is in `keyed`.
            keyed
                .iter()
                .copied()
                .chain(letter.bytes())
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                })
        };
        let own = domains.iter().max_by_key(weight).cloned();
        let usual = || char::from(b"ggoyiw"[usize::from(keyed[4]) % 6]).to_string();
        Self { mailbox, domain: own.unwrap_or_else(usual) }
    }

    /// The person that a name means, however it is typed: `zoe`, `AD\zoe` and `zoe@ad.test` are
    /// one.
    pub fn person(typed: &str) -> String {
        let name = typed.trim().rsplit('\\').next().unwrap_or_default();
        name.split('@').next().unwrap_or_default().to_lowercase()
    }
}

fn first_letter(text: &str) -> String {
    text.chars().next().map_or_else(|| "x".to_owned(), |c| c.to_lowercase().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_two_letters_and_no_length() {
        let mask = Mask::of("Rene.Descartes@example.org");
        assert_eq!((mask.mailbox.as_str(), mask.domain.as_str()), ("r", "e"));
        assert_eq!(mask, Mask::of("r@e"));
    }

    #[test]
    fn a_decoy_is_the_same_each_time() {
        let domains = vec!["g".to_owned(), "e".to_owned()];
        let decoy = |byte| Mask::decoy("anna", &[byte; 32], &domains);
        assert_eq!(decoy(3), decoy(3));
        assert_eq!(decoy(3).mailbox, "a");
        assert_eq!(Mask::person("AD\\Zoe"), "zoe");
        assert_eq!(Mask::person(" zoe@ad.test"), "zoe");
    }
}
