//! Between the host and the app that it started, over two pipes that the app inherits as its
//! standard input and output. The app has the network and no rights; the host the reverse.
//!
//! [`Tell::Hello`] comes first. The app then asks for what it needs ([`Ask::Sign`],
//! [`Ask::Get`], [`Ask::Put`], [`Ask::Delete`], [`Ask::Facts`], [`Ask::Pc`], [`Ask::Connect`]), one
//! question at a time, and each has one answer. It says [`Ask::Ready`] once, when its window is drawn (in
//! `tile` and `report` mode when it can go on), shows views in `tile` mode, and ends with one
//! [`Ask::Outcome`] and [`Ask::End`]. [`Tell::Cancel`] may come at any time; the app then ends.

use serde::{Deserialize, Serialize};

use super::{
    Blob, Exactly, Few, Message, SecretText, Text,
    statement::{Fact, KeyKind, Signed, Wanted},
    tile::{self, Scenario, View, Way},
};

/// What the app says.
#[derive(Serialize, Deserialize)]
pub enum Ask {
    /// The window is drawn, or in the modes without one: the app can go on. Within 15 s.
    Ready,
    /// The person did something. Keeps the host from counting them as away; at most every 10 s.
    Present,
    /// What happens now, for the tile.
    Status(Text<256>),
    /// Draw this in the tile. In `tile` mode alone.
    View(View),
    /// Sign what is wanted, with what only the host knows. [`Tell::Signed`] or
    /// [`Tell::NotSigned`].
    Sign(Wanted),
    /// One part of what was kept. [`Tell::Part`] or [`Tell::Nothing`].
    Get {
        /// Where.
        slot: Slot,
        /// Counted from 0.
        part: u8,
    },
    /// Keep this. Counts once the last part is there; the parts come in order.
    /// [`Tell::Kept`] or [`Tell::NotKept`].
    Put {
        /// Where.
        slot: Slot,
        /// What.
        part: Part,
    },
    /// Forget what was kept there. [`Tell::Kept`].
    Delete(Slot),
    /// How the tile shall look from now on, in the language of the hello. In `report` mode
    /// alone. [`Tell::Kept`] or [`Tell::NotKept`].
    Look(Look),
    /// The service took the report, and knows the device's key. In `report` mode alone.
    /// [`Tell::Kept`] or [`Tell::NotKept`].
    Reported {
        /// The device, as the service named it.
        device: Exactly<16>,
    },
    /// The service does not take reports signed with this key. In `report` mode alone.
    /// [`Tell::Kept`] or [`Tell::NotKept`].
    KeyRefused(KeyRefused),
    /// What this PC can do now: looks for a domain controller, which takes up to ten seconds far
    /// from the organisation's network. [`Tell::Pc`].
    Pc,
    /// What was found on this PC. In `report` mode alone. [`Tell::Facts`].
    Facts,
    /// Try to reach a domain controller, with the administrator's VPN hook where there is one.
    /// [`Tell::Pc`], after at most the time that the hook may take and twice ten seconds.
    Connect,
    /// How it ended. Once.
    Outcome(Ending),
    /// Nothing more comes.
    End,
}

impl Message for Ask {
    const CONVERSATION: u8 = 3;
}

/// What the host says to the app.
#[derive(Serialize, Deserialize)]
pub enum Tell {
    /// First.
    Hello(Hello),
    /// What the person did with the newest view.
    Answer(tile::Answer),
    /// What was wanted.
    Signed(Signed),
    /// It was not signed.
    NotSigned(NotSigned),
    /// What was kept.
    Part(Part),
    /// Nothing is kept there, or no such part.
    Nothing,
    /// It is done and will outlive a loss of power.
    Kept,
    /// It was not.
    NotKept(NotKept),
    /// What was found on this PC, for people; [`Wanted::Readiness`] is for the service.
    Facts(Few<Fact, 24>),
    /// What this PC can do now.
    Pc(Pc),
    /// The person left, or the host ends it. The app ends within two seconds or is ended.
    Cancel(Cause),
}

impl Message for Tell {
    const CONVERSATION: u8 = 4;
}

/// What the app is to be and what it needs to know.
#[derive(Serialize, Deserialize)]
pub struct Hello {
    /// What to be.
    pub mode: Mode,
    /// What the sign-in screen is for; none without a person.
    pub scenario: Option<Scenario>,
    /// The link that was pressed; none without a person.
    pub way: Option<Way>,
    /// The person's user ID as this PC knows it: whose session is locked, or whose tile it is.
    pub user: Option<Text<256>>,
    /// How to reach the network.
    pub proxy: Proxy,
    /// What this PC can do with a new password.
    pub pc: Pc,
    /// The device's key; none while there is none.
    pub device: Option<Device>,
    /// What enrols this device, in `report` mode while it is not enrolled.
    pub fleet_token: Option<SecretText<512>>,
    /// The language of the sign-in screen (`de-DE`).
    pub language: Text<35>,
    /// An outcome may carry a sign-in.
    pub may_sign_in: bool,
    /// Draw without the graphics processor: the attempt before showed nothing.
    pub without_gpu: bool,
}

/// What the app can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Over the whole sign-in screen.
    SignIn,
    /// In the tile's fields, without a window.
    Tile,
    /// Without a person: carry the readiness report, fetch what is shown offline.
    Report,
    /// As `SignIn`, for somebody's first day.
    Setup,
}

/// The machine's proxy, as its administrator set it. Only the app uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proxy {
    /// None.
    Direct,
    /// Find it by the network's own means (WPAD).
    Automatic,
    /// A script says.
    Script(Text<512>),
    /// This one, but not for these.
    Named {
        /// `proxy.example.org:8080`, or one for each scheme.
        server: Text<512>,
        /// Separated by semicolons.
        bypass: Text<1024>,
    },
}

/// What this PC can do with a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pc {
    /// What the PC belongs to.
    pub join: Join,
    /// A domain controller answers. Never known in the hello: [`Ask::Pc`] looks.
    pub controller: Known,
    /// The person may sign in without one, with the password this PC last saw.
    pub cached_sign_in: Known,
    /// The administrator gave a command that reaches the company's network.
    pub vpn_hook: bool,
}

/// What a PC belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Join {
    /// Nothing.
    Alone,
    /// A domain.
    Domain,
    /// Entra.
    Entra,
    /// Both.
    Hybrid,
    /// Windows did not tell.
    Unknown,
}

/// A fact that may not be known in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Known {
    /// It is so.
    Yes,
    /// It is not.
    No,
    /// Nobody could say.
    Unknown,
}

/// The device's key, as far as others may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// P-256, uncompressed (SEC 1).
    pub public: Exactly<65>,
    /// Where it is.
    pub kind: KeyKind,
    /// The device as the service named it; none until it is enrolled.
    pub enrolled: Option<Exactly<16>>,
}

/// Why the service does not take a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyRefused {
    /// It does not know the key. It may be enrolled again.
    Unknown,
    /// Two PCs have it: it is for nobody any more, and a new one is made.
    Shared,
    /// An administrator shut this device out. It enrols again by nobody's token.
    Revoked,
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotSigned {
    /// There is no key on this PC.
    NoKey,
    /// The key's provider failed.
    Provider,
    /// Too often in one run.
    TooMany,
}

/// The few places that outlive a run. What is in them the host never looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Slot {
    /// What resumes a recovery.
    Resume,
    /// Branding for the app's own pages.
    Branding,
    /// Help texts for when there is no network.
    Help,
    /// Whom to ask.
    Contact,
    /// Anything else of the app's.
    Other,
}

impl Slot {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Resume, Self::Branding, Self::Help, Self::Contact, Self::Other];

    /// Most bytes that are kept there.
    pub const fn most(self) -> usize {
        match self {
            Self::Resume | Self::Contact | Self::Other => 4 * 1024,
            Self::Branding => 256 * 1024,
            Self::Help => 128 * 1024,
        }
    }
}

/// A part of something that does not fit a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Counted from 0.
    pub part: u8,
    /// How many there are, at least one. Every part but the last is full.
    pub of: u8,
    /// The bytes.
    pub bytes: Blob<{ Part::BYTES }>,
}

impl Part {
    /// Bytes of a full part.
    pub const BYTES: usize = 3584;

    /// Cuts something into parts; `None` when it is too long for a slot of any size.
    pub fn cut(whole: &[u8]) -> Option<Vec<Self>> {
        let of = whole.len().div_ceil(Self::BYTES).max(1);
        let of = u8::try_from(of).ok()?;
        (0..of)
            .map(|part| {
                let from = usize::from(part) * Self::BYTES;
                let to = whole.len().min(from + Self::BYTES);
                let bytes = Blob::new(whole.get(from..to)?)?;
                Some(Self { part, of, bytes })
            })
            .collect()
    }
}

/// How the tile shall look: the tenant's words and picture. The app takes the image apart and
/// brings bare pixels, so that nobody privileged must.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Look {
    /// The words.
    Words {
        /// In which language (`de-DE`).
        language: Text<35>,
        /// The tile's label; empty for the product's own.
        label: Text<96>,
        /// Whom to ask.
        help: Text<512>,
    },
    /// A part of the picture, [`tile::Picture::BYTES`] in all.
    Picture(Part),
    /// No picture any more.
    NoPicture,
}

/// Why something was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotKept {
    /// Longer than the place allows, or a part out of order.
    Size,
    /// The disk refused.
    Disk,
}

/// How it ended.
#[derive(Serialize, Deserialize)]
pub struct Ending {
    /// How.
    pub outcome: tile::Outcome,
    /// What to tell the person in the tile.
    pub words: Text<512>,
    /// What signs them in at once, where the hello allowed it.
    pub sign_in: Option<tile::Grant>,
}

/// Why the host ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The person chose so in the tile.
    Person,
    /// The session was locked, unlocked, left or taken over from afar.
    Session,
    /// The PC goes to sleep or shuts down.
    Power,
    /// Nobody did anything for too long.
    Idle,
    /// It took too long altogether.
    Time,
    /// The tile is gone.
    Tile,
    /// The app broke the rules.
    Rules,
}
