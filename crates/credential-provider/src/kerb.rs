//! What Windows is handed to sign somebody in: `KERB_INTERACTIVE_UNLOCK_LOGON` as one flat block,
//! in which each text stands at an offset from the block's start. Pure; holds nothing.

use zeroize::Zeroizing;

use crate::scenario::Screen;

/// `KerbInteractiveLogon` and `KerbWorkstationUnlockLogon` (`KERB_LOGON_SUBMIT_TYPE`).
const INTERACTIVE: u32 = 2;
const WORKSTATION_UNLOCK: u32 = 7;

/// The fixed part on 64-bit Windows: the number and four bytes that align what follows, three
/// texts of sixteen bytes each (length, room, four bytes, offset), and the session's number.
pub const HEADER: usize = 64;
/// Where the three texts are described.
const DESCRIPTIONS: [usize; 3] = [8, 24, 40];

/// A text longer than Windows takes: 32,766 characters of two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Packs an account and its password, each in UTF-16. The password is as `CredProtectW` left it,
/// where there is one.
///
/// # Errors
/// When a text is longer than a length of Windows can say.
pub fn pack(
    screen: Screen,
    domain: &[u16],
    user: &[u16],
    password: &[u16],
) -> Result<Zeroizing<Vec<u8>>, TooLong> {
    let texts = [domain, user, password];
    let room: usize = texts.iter().map(|text| text.len() * 2).sum();
    // Made in one piece: growing would leave copies of the password behind.
    let mut block = Zeroizing::new(Vec::with_capacity(HEADER + room));
    block.resize(HEADER, 0);
    let message = match screen {
        Screen::SignIn => INTERACTIVE,
        Screen::Unlock => WORKSTATION_UNLOCK,
    };
    put(&mut block, 0, &message.to_le_bytes());
    // The session's number stays zero: Windows fills it in.
    for (at, text) in DESCRIPTIONS.into_iter().zip(texts) {
        let bytes = u16::try_from(text.len() * 2).map_err(|_| TooLong)?;
        let offset = u64::try_from(block.len()).map_err(|_| TooLong)?;
        put(&mut block, at, &bytes.to_le_bytes());
        put(&mut block, at + 2, &bytes.to_le_bytes());
        put(&mut block, at + 8, &offset.to_le_bytes());
        for unit in text {
            block.extend_from_slice(&unit.to_le_bytes());
        }
    }
    Ok(block)
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// As the other side reads it: every offset and length is held against the block.
    fn unpack(block: &[u8]) -> Option<(u32, [Vec<u16>; 3])> {
        let number = u32::from_le_bytes(block.get(..4)?.try_into().ok()?);
        let mut texts = [const { Vec::new() }; 3];
        for (index, text) in texts.iter_mut().enumerate() {
            let at = 8 + 16 * index;
            let short =
                |at: usize| Some(u16::from_le_bytes(block.get(at..at + 2)?.try_into().ok()?));
            let (length, room) = (short(at)?, short(at + 2)?);
            let offset = u64::from_le_bytes(block.get(at + 8..at + 16)?.try_into().ok()?);
            let start = usize::try_from(offset).ok()?;
            if room != length || length % 2 != 0 || start < HEADER {
                return None;
            }
            let bytes = block.get(start..start + usize::from(length))?;
            *text = bytes.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        }
        Some((number, texts))
    }

    #[test]
    fn the_block_of_a_known_account() {
        let utf16 = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        let block = pack(Screen::SignIn, &utf16("AD"), &utf16("ann"), &utf16("pw")).unwrap();
        let mut expected = vec![2, 0, 0, 0, 0, 0, 0, 0];
        expected.extend([4, 0, 4, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([6, 0, 6, 0, 0, 0, 0, 0, 68, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([4, 0, 4, 0, 0, 0, 0, 0, 74, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([0; 8]);
        expected.extend(b"A\0D\0a\0n\0n\0p\0w\0");
        assert_eq!(*block, expected);
    }

    #[test]
    fn a_text_that_no_length_can_say_is_refused() {
        let long = vec![b'x'.into(); 32_768];
        assert_eq!(pack(Screen::SignIn, &[], &[], &long).err(), Some(TooLong));
        let longest = vec![b'x'.into(); 32_767];
        assert!(pack(Screen::SignIn, &[], &longest, &longest).is_ok());
    }

    proptest! {
        #[test]
        fn whoever_unpacks_finds_what_was_packed(
            domain in vec(any::<u16>(), 0..40),
            user in vec(any::<u16>(), 0..300),
            password in vec(any::<u16>(), 0..300),
            unlocks: bool,
        ) {
            let screen = if unlocks { Screen::Unlock } else { Screen::SignIn };
            let block = pack(screen, &domain, &user, &password).unwrap();
            prop_assert_eq!(block.len(), block.capacity());
            let (number, texts) = unpack(&block).unwrap();
            prop_assert_eq!(number, if unlocks { 7 } else { 2 });
            prop_assert_eq!(texts, [domain, user, password]);
        }
    }
}
