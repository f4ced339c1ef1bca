//! Every message at its greatest length, and what is no frame.

use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use proptest::prelude::*;

use super::{
    app::{self, Device, Ending, Hello, Join, Known, Look, Mode, Part, Pc, Proxy, Slot},
    statement::{
        Assertion, Check, Fact, Found, KeyKind, Readiness, SignError, Signed, Signs, Wanted,
    },
    tile::{
        self, Answer, Field, Form, Grant, Outcome, Picture, Scenario, SidText, Tile, View, Way,
    },
    *,
};

fn long<const N: usize>() -> Text<N> {
    Text::new("x".repeat(N)).unwrap()
}

fn secret<const N: usize>() -> SecretText<N> {
    SecretText::new(Zeroizing::new("x".repeat(N))).unwrap()
}

fn few<T, const N: usize>(one: impl Fn() -> T) -> Few<T, N> {
    Few::new((0..N).map(|_| one()).collect()).unwrap()
}

fn view() -> View {
    let field = || Field { label: long(), covered: true, typed: long() };
    View { number: u32::MAX, title: long(), text: long(), fields: few(field), choices: few(long) }
}

fn answer() -> Answer {
    Answer { number: u32::MAX, choice: 1, typed: few(secret) }
}

fn grant() -> Grant {
    Grant { user: long(), domain: long(), password: secret() }
}

fn part() -> Part {
    Part { part: 254, of: 255, bytes: Blob::new([0xFF; Part::BYTES]).unwrap() }
}

fn facts() -> Few<Fact, 24> {
    few(|| Fact { check: Check::DeviceKey, found: Found::Unknown, seen: long() })
}

fn sid() -> SidText {
    SidText::parse("S-1-5-21-4294967295-4294967295-4294967295-4294967295").unwrap()
}

/// The whole frames of every message of a direction, with the longest of everything.
fn frames<M: Message>(all: Vec<M>) -> Vec<Vec<u8>> {
    all.iter().map(|message| encode(message).expect("longer than a frame").to_vec()).collect()
}

fn tile_asks() -> Vec<tile::Ask> {
    use tile::Ask;
    let scenario = Scenario::Unlock;
    vec![
        Ask::Hello { scenario, session: u32::MAX, language: long() },
        Ask::Start {
            who: Some(sid()),
            session: u32::MAX,
            scenario,
            way: Way::FirstDay,
            form: Form::Simple,
        },
        Ask::Answer(answer()),
        Ask::Cancel,
        Ask::TakeGrant,
        Ask::LogonResult { signed_in: true },
    ]
}

fn tile_tells() -> Vec<tile::Tell> {
    use tile::Tell;
    let tile = Tile {
        label: long(),
        open: long(),
        first_day: long(),
        simple: long(),
        go_on: long(),
        cancel: long(),
        opening: long(),
        failed: long(),
        help: long(),
        picture: Some(Picture { digest: Exactly([0xFF; 16]) }),
        other_user: true,
        offer_first_day: true,
    };
    vec![
        Tell::Tile(tile),
        Tell::NotHere(tile::NotHere::Crashes),
        Tell::Status(long()),
        Tell::View(view()),
        Tell::Refused { words: long() },
        Tell::End { outcome: Outcome::Failed, words: long(), grant: true },
        Tell::Grant(grant()),
        Tell::NoGrant,
        Tell::Foreground { process: u32::MAX },
    ]
}

fn app_asks() -> Vec<app::Ask> {
    use app::Ask;
    vec![
        Ask::Ready,
        Ask::Present,
        Ask::Status(long()),
        Ask::View(view()),
        Ask::Sign(Wanted::Assertion { nonce: Exactly([1; 32]), run_key: Exactly([2; 32]) }),
        Ask::Sign(Wanted::Readiness { nonce: Exactly([1; 32]) }),
        Ask::Get { slot: Slot::Other, part: 254 },
        Ask::Put { slot: Slot::Branding, part: part() },
        Ask::Delete(Slot::Resume),
        Ask::Look(Look::Words { language: long(), label: long(), help: long() }),
        Ask::Look(Look::Picture(part())),
        Ask::Look(Look::NoPicture),
        Ask::Reported { device: Exactly([3; 16]) },
        Ask::KeyRefused(app::KeyRefused::Revoked),
        Ask::Pc,
        Ask::Facts,
        Ask::Connect,
        Ask::Outcome(Ending { outcome: Outcome::Done, words: long(), sign_in: Some(grant()) }),
        Ask::End,
    ]
}

fn app_tells() -> Vec<app::Tell> {
    use app::Tell;
    let pc = Pc {
        join: Join::Unknown,
        controller: Known::Unknown,
        cached_sign_in: Known::Unknown,
        vpn_hook: true,
    };
    let device = Device {
        public: Exactly([4; 65]),
        kind: KeyKind::Software,
        enrolled: Some(Exactly([5; 16])),
    };
    let hello = Hello {
        mode: Mode::Setup,
        scenario: Some(Scenario::Unlock),
        way: Some(Way::FirstDay),
        user: Some(long()),
        proxy: Proxy::Named { server: long(), bypass: long() },
        pc,
        device: Some(device),
        fleet_token: Some(secret()),
        language: long(),
        may_sign_in: true,
        without_gpu: true,
    };
    let statement = Blob::new([0xFF; 3584]).unwrap();
    vec![
        Tell::Hello(hello),
        Tell::Answer(answer()),
        Tell::Signed(Signed { statement, signature: Exactly([6; 64]) }),
        Tell::NotSigned(app::NotSigned::TooMany),
        Tell::Part(part()),
        Tell::Nothing,
        Tell::Kept,
        Tell::NotKept(app::NotKept::Disk),
        Tell::Facts(facts()),
        Tell::Pc(pc),
        Tell::Cancel(app::Cause::Rules),
    ]
}

fn all_frames() -> Vec<Vec<u8>> {
    [frames(tile_asks()), frames(tile_tells()), frames(app_asks()), frames(app_tells())].concat()
}

/// What the four readers make of the same bytes: the frame again, as each would write it.
fn read_by_all(rest: &[u8]) -> Vec<Vec<u8>> {
    fn again<M: Message>(rest: &[u8]) -> Option<Vec<u8>> {
        decode::<M>(rest).ok().map(|read| encode(&read).unwrap().to_vec())
    }
    [
        again::<tile::Ask>(rest),
        again::<tile::Tell>(rest),
        again::<app::Ask>(rest),
        again::<app::Tell>(rest),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_message_fits_a_frame_and_comes_back_to_its_one_reader() {
    for frame in all_frames() {
        assert!(frame.len() <= MAX_FRAME);
        let rest = &frame[2..];
        assert_eq!(length_of_rest([frame[0], frame[1]]), Ok(rest.len()));
        assert_eq!(read_by_all(rest).concat(), frame);
    }
}

#[test]
fn pipes_carry_frames_one_after_the_other_and_end_between_them() {
    let mut pipe = Vec::new();
    for ask in tile_asks() {
        write_to(&mut pipe, &ask).unwrap();
    }
    assert_eq!(pipe, frames(tile_asks()).concat());
    let mut reader = pipe.as_slice();
    for frame in frames(tile_asks()) {
        let read: tile::Ask = read_from(&mut reader).unwrap().unwrap();
        assert_eq!(*encode(&read).unwrap(), frame);
    }
    assert!(read_from::<tile::Ask>(&mut reader).unwrap().is_none());
    let torn = &pipe[..pipe.len() - 1];
    let mut reader = torn;
    let broken =
        std::iter::repeat_with(|| read_from::<tile::Ask>(&mut reader)).find_map(Result::err);
    assert_eq!(broken.unwrap().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn what_is_no_frame_is_refused_by_name() {
    let cancel = encode(&tile::Ask::Cancel).unwrap().to_vec();
    let rest = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut rest = cancel[2..].to_vec();
        change(&mut rest);
        decode::<tile::Ask>(&rest).err()
    };
    assert_eq!(rest(&|_| {}), None);
    assert_eq!(rest(&|rest| rest[0] = 2), Some(FrameError::Version(2)));
    assert_eq!(rest(&|rest| rest[1] = 2), Some(FrameError::Conversation(2)));
    assert_eq!(rest(&|rest| rest[2] = 6), Some(FrameError::Message), "an unknown message");
    assert_eq!(rest(&|rest| rest.push(0)), Some(FrameError::Message), "a byte too many");
    assert_eq!(rest(&|rest| rest.truncate(1)), Some(FrameError::Length(1)));
    // The number 3 with a byte that says nothing.
    assert_eq!(rest(&|rest| rest.splice(2.., [0x83, 0]).for_each(drop)), Some(FrameError::Message));
    for length in [0_u16, 2, 4095, u16::MAX] {
        let read = length_of_rest(length.to_le_bytes());
        assert_eq!(read, Err(FrameError::Length(length.into())));
    }
    assert_eq!(length_of_rest(4094_u16.to_le_bytes()), Ok(4094));
    let oversize = [&[VERSION, 1][..], &[0; MAX_MESSAGE + 1]].concat();
    assert_eq!(decode::<tile::Ask>(&oversize).err(), Some(FrameError::Length(oversize.len())));
}

#[test]
fn a_text_past_its_limit_or_with_control_characters_is_refused() {
    let status = |text: &[u8]| {
        let length = u16::try_from(text.len()).unwrap();
        let varint = [length.to_le_bytes()[0] | 0x80, u8::try_from(length >> 7).unwrap()];
        let varint =
            if length < 0x80 { vec![text.len().try_into().unwrap()] } else { varint.into() };
        decode::<tile::Tell>(&[&[VERSION, 2, 2][..], &varint, text].concat()).err()
    };
    assert_eq!(status("Öffnet.\nGleich.".as_bytes()), None);
    assert_eq!(status(&[b'x'; 256]), None);
    assert_eq!(status(&[b'x'; 257]), Some(FrameError::Message));
    for wrong in [&b"a\0b"[..], b"a\x1b[31m", b"a\r", &[0xFF]] {
        assert_eq!(status(wrong), Some(FrameError::Message), "{wrong:?}");
    }
    assert_eq!(Text::<3>::cut("a\0öö").as_str(), "aö");
    assert!(SecretText::<3>::from_utf16(&[0xD800]).is_none());
    assert_eq!(SecretText::<3>::from_utf16(&[0x20AC]).unwrap().expose(), "€");
    assert!(SecretText::<3>::from_utf16(&[0x20AC, 0x20]).is_none());
}

#[test]
fn only_identifiers_of_accounts_are_taken_for_one() {
    for wrong in ["", "S-1-", "S-1-5-", "s-1-5-18", "S-1-5-18 ", "S-2-5-18", "S-1-5-x", "S-1-5\\18"]
    {
        assert!(SidText::parse(wrong).is_none(), "{wrong}");
    }
    assert!(SidText::parse("S-1-5-18").is_some());
    assert!(SidText::parse(&format!("S-1-5{}", "-1".repeat(16))).is_none());
}

#[test]
fn an_answer_fits_one_view_alone() {
    let mut answer = answer();
    assert!(answer.fits(&view()));
    answer.choice = 2;
    assert!(!answer.fits(&view()));
    answer.choice = 0;
    answer.number = 1;
    assert!(!answer.fits(&view()));
    let fewer = View { fields: Few::none(), number: 1, ..view() };
    assert!(!answer.fits(&fewer));
}

#[test]
fn parts_make_a_whole_again() {
    for length in [0, 1, Part::BYTES, Part::BYTES + 1, Picture::BYTES] {
        let whole: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let parts = Part::cut(&whole).unwrap();
        assert!(parts.iter().all(|part| usize::from(part.of) == parts.len()));
        let again: Vec<u8> = parts.iter().flat_map(|part| part.bytes.as_slice().to_vec()).collect();
        assert_eq!(again, whole);
    }
    assert!(Part::cut(&vec![0; Part::BYTES * 256]).is_none());
    assert!(Slot::ALL.iter().all(|slot| Part::cut(&vec![0; slot.most()]).is_some()));
}

/// A key in memory, as a key store signs.
struct Key(SigningKey);

impl Key {
    fn new(number: u8) -> Self {
        Self(SigningKey::from_slice(&[number; 32]).unwrap())
    }

    fn public(&self) -> Exactly<65> {
        let point = self.0.verifying_key().to_sec1_point(false);
        Exactly(point.as_bytes().try_into().unwrap())
    }
}

impl Signs for Key {
    type Error = ();

    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], ()> {
        let signature: Signature = self.0.sign(bytes);
        Ok(signature.to_bytes().into())
    }
}

fn assertion(key: &Key) -> Assertion {
    Assertion {
        nonce: Exactly([1; 32]),
        run_key: Exactly([2; 32]),
        device_key: key.public(),
        kind: KeyKind::Tpm,
        at: i64::MIN,
        scenario: Some(Scenario::Logon),
        user: Some(long()),
    }
}

fn readiness(key: &Key) -> Readiness {
    Readiness {
        nonce: Exactly([1; 32]),
        device_key: key.public(),
        kind: KeyKind::Software,
        at: i64::MAX,
        mark: Exactly([6; 16]),
        before: Exactly([7; 16]),
        name: long(),
        windows: long(),
        version: long(),
        facts: facts(),
    }
}

#[test]
fn a_statement_is_read_when_the_key_that_it_names_signed_it_as_what_it_is() {
    let key = Key::new(7);
    let signed = Signed::assert(&assertion(&key), &key).unwrap();
    assert_eq!(signed.assertion(), Some(assertion(&key)));
    assert_eq!(signed.readiness(), None, "another label");
    let report = Signed::report(&readiness(&key), &key).unwrap();
    assert_eq!(report.readiness(), Some(readiness(&key)));
    assert_eq!(report.assertion(), None);

    let by_another = Signed::assert(&assertion(&key), &Key::new(8)).unwrap();
    assert_eq!(by_another.assertion(), None);
    for at in 0..signed.statement.as_slice().len() {
        let mut bytes = signed.statement.as_slice().to_vec();
        bytes[at] ^= 1;
        let changed = Signed { statement: Blob::new(bytes).unwrap(), ..signed.clone() };
        assert_eq!(changed.assertion(), None, "byte {at}");
    }
}

#[test]
fn what_a_key_store_refuses_is_passed_on() {
    struct Broken;
    impl Signs for Broken {
        type Error = &'static str;
        fn sign(&self, _: &[u8]) -> Result<[u8; 64], &'static str> {
            Err("no chip")
        }
    }
    let signed = Signed::assert(&assertion(&Key::new(7)), &Broken);
    assert_eq!(signed, Err(SignError::Key("no chip")));
}

#[test]
fn the_names_of_checks_are_one_each() {
    let mut names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
    assert!(names.len() <= 24);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Check::ALL.len());
}

proptest! {
    #[test]
    fn no_bytes_break_a_reader_and_what_is_read_is_written_the_same(
        rest in proptest::collection::vec(any::<u8>(), 0..5000),
        head in proptest::option::of((1_u8..=5, 0_u8..20)),
    ) {
        let mut rest = rest;
        if let (Some((conversation, message)), [version, second, third, ..]) =
            (head, rest.as_mut_slice())
        {
            (*version, *second, *third) = (VERSION, conversation, message);
        }
        for frame in read_by_all(&rest) {
            prop_assert_eq!(&frame[2..], rest.as_slice());
        }
    }

    #[test]
    fn a_changed_frame_is_another_message_or_none(
        frame in proptest::sample::select(all_frames()),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut rest = frame[2..].to_vec();
        let at = at.index(rest.len());
        rest[at] = byte;
        if let Some(cut) = cut {
            rest.truncate(cut.index(rest.len()));
        }
        for again in read_by_all(&rest) {
            prop_assert_eq!(&again[2..], rest.as_slice());
        }
    }

    #[test]
    fn views_come_back_as_they_were(
        number in any::<u32>(), title in ".{0,40}", text in "(?s).{0,200}",
        fields in proptest::collection::vec((".{0,20}", any::<bool>(), ".{0,40}"), 0..3),
        choices in proptest::collection::vec(".{0,20}", 0..3),
    ) {
        let fields = fields.iter().map(|(label, covered, typed)| {
            Field { label: Text::cut(label), covered: *covered, typed: Text::cut(typed) }
        });
        let view = View {
            number,
            title: Text::cut(&title),
            text: Text::cut(&text),
            fields: Few::new(fields.collect()).unwrap(),
            choices: Few::new(choices.iter().map(|words| Text::cut(words)).collect()).unwrap(),
        };
        let frame = encode(&tile::Tell::View(view.clone())).unwrap();
        let read = decode::<tile::Tell>(&frame[2..]).ok();
        prop_assert!(matches!(read, Some(tile::Tell::View(read)) if read == view));
    }
}
