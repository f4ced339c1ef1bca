//! What the tile and the host make of bytes of others beyond the frames: the block that Windows
//! signs somebody in with, who gets a grant and how often, names of accounts, and the words of
//! the tile as they were kept. Nothing breaks, and whoever reads finds what was written.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use protocol::host::{
    Text, decode, encode,
    tile::{Ask, Form, Scenario, SidText, Tell, Way},
};
use regain_credential_provider::{
    grant::{Grant, Holder, LIFE, Report},
    kerb::{HEADER, pack},
    scenario::Screen,
    users::Owner,
};
use regain_host::{keep::LookWords, parts::Policy, serve::look_of, words::Words};
use zeroize::Zeroizing;

fn units(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect()
}

/// As Windows reads it: each text within the block, none over another.
fn packed(screen: Screen, texts: [&[u16]; 3]) {
    let Ok(block) = pack(screen, texts[0], texts[1], texts[2]) else {
        assert!(texts.iter().any(|text| text.len() > 32_767));
        return;
    };
    let short = |at: usize| usize::from(u16::from_le_bytes([block[at], block[at + 1]]));
    let mut next = HEADER;
    for (at, text) in [8, 24, 40].into_iter().zip(texts) {
        let mut offset = [0; 8];
        offset.copy_from_slice(&block[at + 8..at + 16]);
        assert_eq!(usize::try_from(u64::from_le_bytes(offset)).unwrap(), next);
        assert_eq!((short(at), short(at + 2)), (text.len() * 2, text.len() * 2));
        assert_eq!(units(&block[next..next + text.len() * 2]), text);
        next += text.len() * 2;
    }
    assert_eq!(next, block.len());
}

/// Any order of what may happen: a grant is taken at most once, by its owner, in its time.
fn handed_over(acts: &[u8]) {
    let owners = [Owner::Other, Owner::User("S-1-5-21-1".into()), Owner::User("S-1-5-21-2".into())];
    let (mut holder, mut now) = (Holder::default(), Duration::ZERO);
    let mut offered: Option<(Option<String>, Duration)> = None;
    for act in acts {
        let which = &owners[usize::from(act >> 4) % owners.len()];
        match act & 7 {
            0 => {
                let sid = which.sid().map(str::to_owned);
                offered = Some((sid.clone(), now));
                let password = Zeroizing::new(vec![7; 3]);
                let (domain, user) = (String::new(), "ann".to_owned());
                holder.offer(Grant { sid, domain, user, password }, now);
            }
            1 => {
                let taken = holder.take(which, now);
                if let Some(grant) = taken {
                    let (sid, at) = offered.take().expect("nothing was offered");
                    assert_eq!((grant.sid.as_deref(), sid.as_deref()), (which.sid(), which.sid()));
                    assert!(now < at + LIFE, "too late");
                    assert!(holder.is_handed() && holder.take(which, now).is_none());
                }
            }
            2 => {
                let was_handed = holder.is_handed();
                assert_eq!(holder.report() == Report::OfGrant, was_handed);
                offered = None;
            }
            3 => {
                holder.let_go();
                offered = if holder.is_offered() { offered } else { None };
            }
            4 => {
                let tile = holder.tile(&owners, now);
                assert!(tile.is_none() || holder.is_offered());
            }
            _ => now += Duration::from_secs(u64::from(act >> 3)),
        }
    }
}

fn named(text: &str) {
    let Some(who) = SidText::parse(text) else { return };
    assert_eq!(who.as_str(), text);
    assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'S'));
    let (scenario, way, form) = (Scenario::Logon, Way::CannotSignIn, Form::Full);
    let ask = Ask::Start { who: Some(who.clone()), session: 1, scenario, way, form };
    let frame = encode(&ask).expect("it fits");
    match decode::<Ask>(&frame[2..]) {
        Ok(Ask::Start { who: Some(again), .. }) => assert_eq!(again, who),
        _ => panic!("another message"),
    }
}

/// Whatever stands in the file with the words: the tile is told something that fits a frame.
fn shown(file: &[u8], words: &Words) {
    let Ok(look) = postcard::from_bytes::<LookWords>(file) else { return };
    let tile = look_of(words, Some(&look), None, &Policy::default());
    assert!(!tile.label.as_str().is_empty());
    let frame = encode(&Tell::Tile(tile)).expect("it fits");
    assert!(matches!(decode::<Tell>(&frame[2..]), Ok(Tell::Tile(_))));
}

fuzz_target!(|bytes: &[u8]| {
    thread_local!(static WORDS: Words = Words::of(&Text::default()));
    let Some((first, rest)) = bytes.split_first() else { return };
    match first & 3 {
        0 => {
            let all = units(rest);
            let cut = usize::from(first >> 2) * all.len() / 64;
            let (domain, rest) = all.split_at(cut);
            let (user, password) = rest.split_at(rest.len() / 2);
            let screen = if first & 4 == 0 { Screen::SignIn } else { Screen::Unlock };
            packed(screen, [domain, user, password]);
        }
        1 => handed_over(rest),
        2 => named(&String::from_utf8_lossy(rest)),
        _ => WORDS.with(|words| shown(rest, words)),
    }
});
