//! Between the tile (the credential provider's DLL in the sign-in screen) and the host, over a
//! named pipe. The tile asks and draws; it decides nothing and parses nothing but these frames.
//!
//! A connection begins with [`Ask::Hello`]; the answer is [`Tell::Tile`] or [`Tell::NotHere`].
//! The same connection may then carry one flow: [`Ask::Start`], answered by [`Tell::Status`] or
//! [`Tell::Refused`]; [`Tell::Status`], [`Tell::View`] and [`Tell::Foreground`] as they come, a view
//! answered by [`Ask::Answer`]; [`Ask::Cancel`] at any time; one [`Tell::End`]. Where that says so, one
//! [`Ask::TakeGrant`] gets the [`Tell::Grant`], once; [`Ask::LogonResult`] is the last word. The
//! flow ends with its connection.

use serde::{Deserialize, Serialize};

use super::{Exactly, Few, Message, SecretText, Text};

/// The pipe's name. Only the system may open it.
pub const PIPE: &str = r"\\.\pipe\regain-host-tile";

/// The tile's class, under which Windows finds it.
pub const CLASS: &str = "{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}";

/// The name of the folder, under the folder for data of programs (`ProgramData`), that belongs to
/// the system and administrators, and into which nobody else may write.
pub const FOLDER: &str = "Regain Host";

/// The folder in it where the tile finds its picture.
pub const PICTURES: &str = "tile";

/// The file in it where the tile's library counts its loads into the sign-in screen, a line with
/// its version each, until one lives on.
pub const LOADS: &str = "tile-loads";

/// So many loads of one version in a row that did not live on, and it refuses to be loaded.
pub const MOST_LOADS: usize = 5;

/// How many loads of this version that file says.
pub fn loads_of(version: &str, file: &[u8]) -> usize {
    file.split(|byte| *byte == b'\n').filter(|line| *line == version.as_bytes()).count()
}

/// The identifier of an account, as text: `S-1-5-21-...`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SidText(Text<184>);

impl SidText {
    /// `None` when it can be none.
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.strip_prefix("S-1-")?;
        let is_number =
            |part: &str| (1..=15).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let usable = parts.split('-').count() <= 16 && parts.split('-').all(is_number);
        if usable { Text::new(text).map(Self) } else { None }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl<'de> Deserialize<'de> for SidText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::<184>::deserialize(deserializer)?;
        Self::parse(text.as_str())
            .ok_or_else(|| serde::de::Error::custom("no identifier of an account"))
    }
}

/// What the sign-in screen is for at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scenario {
    /// Somebody signs in.
    Logon,
    /// Somebody's session is locked.
    Unlock,
}

/// How the flow is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// By the app, over the whole screen.
    Full,
    /// In the tile's own fields.
    Simple,
}

/// Which link was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// "Can't access your account?"
    CannotSignIn,
    /// "First day? Set your password"
    FirstDay,
}

/// What the tile says.
#[derive(Serialize, Deserialize)]
pub enum Ask {
    /// First: may the tile be there, and how does it look? Answered within 250 ms, the
    /// connection included, or the tile is not there.
    Hello {
        /// What for.
        scenario: Scenario,
        /// The session whose sign-in screen it is.
        session: u32,
        /// The screen's language (`de-DE`).
        language: Text<35>,
    },
    /// Begin. Once a connection.
    Start {
        /// The account of the tile; none on "Other user".
        who: Option<SidText>,
        /// The session, as in the hello.
        session: u32,
        /// As in the hello.
        scenario: Scenario,
        /// Which link.
        way: Way,
        /// How it is to be drawn.
        form: Form,
    },
    /// What was typed into the newest view.
    Answer(Answer),
    /// The person wants out.
    Cancel,
    /// The grant, now that it can be used.
    TakeGrant,
    /// What came of it.
    LogonResult {
        /// Whether the person is in.
        signed_in: bool,
    },
}

impl Message for Ask {
    const CONVERSATION: u8 = 1;
}

/// What the host says to the tile.
#[derive(Serialize, Deserialize)]
pub enum Tell {
    /// The tile is there, and this is what it shows.
    Tile(Tile),
    /// No tile; nothing is shown instead.
    NotHere(NotHere),
    /// What happens now, below the tile's label.
    Status(Text<256>),
    /// Draw this in the tile's fields. Replaces what was drawn before.
    View(View),
    /// The flow was not begun.
    Refused {
        /// What to tell the person.
        words: Text<256>,
    },
    /// The flow is over.
    End {
        /// How.
        outcome: Outcome,
        /// What to tell the person.
        words: Text<512>,
        /// A grant waits to be taken, once, within a minute.
        grant: bool,
    },
    /// What signs the person in.
    Grant(Grant),
    /// There is none, or none any more.
    NoGrant,
    /// The app's window is about to show: keys shall land in it. Only the sign-in screen may hand
    /// the foreground on.
    Foreground {
        /// The app's process.
        process: u32,
    },
}

impl Message for Tell {
    const CONVERSATION: u8 = 2;
}

/// Why there is no tile. For the tile's log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotHere {
    /// An administrator switched it off.
    Policy,
    /// Windows is still being set up.
    Setup,
    /// A remote session, which the policy leaves out.
    Remote,
    /// The app ended badly three times: off for ten minutes.
    Crashes,
    /// The host cannot start the app: its account is missing or may not be used.
    Account,
}

/// How the tile looks. All words are in the language of the hello, or the nearest there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// "Can't access your account?"
    pub label: Text<96>,
    /// The link that opens the app.
    pub open: Text<96>,
    /// The link on "Other user" for somebody's first day.
    pub first_day: Text<96>,
    /// The link that opens the simple form.
    pub simple: Text<96>,
    /// The button of the simple form that sends, where a view names none.
    pub go_on: Text<48>,
    /// The link that ends the flow.
    pub cancel: Text<48>,
    /// "Opening. This takes about 5 seconds."
    pub opening: Text<160>,
    /// What to say when the host is gone in the middle.
    pub failed: Text<256>,
    /// Whom to ask; also there while there is no network.
    pub help: Text<512>,
    /// The tenant's picture, if there is one.
    pub picture: Option<Picture>,
    /// The tile on "Other user" is wanted.
    pub other_user: bool,
    /// The link for the first day is wanted.
    pub offer_first_day: bool,
}

/// A picture in the folder for pictures: a file of bare pixels, rows from top to bottom, four
/// bytes each (blue, green, red, alpha). Its size is one, so nothing of it is parsed in the
/// sign-in screen, and its name is all that crosses: the 16 bytes in lower-case hexadecimal, and
/// `.bgra`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// The first half of the SHA-256 of its bytes.
    pub digest: Exactly<16>,
}

impl Picture {
    /// Pixels of a side.
    pub const SIDE: u16 = 128;
    /// Bytes of the file.
    pub const BYTES: usize = Self::SIDE as usize * Self::SIDE as usize * 4;

    /// The name of its file.
    pub fn file_name(&self) -> String {
        let digits = self.digest.0.iter().map(|byte| format!("{byte:02x}"));
        digits.chain([".bgra".to_owned()]).collect()
    }
}

/// One step of the flow as any tile can draw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Rises with each view of a flow; the answer repeats it.
    pub number: u32,
    /// One line.
    pub title: Text<120>,
    /// A few lines.
    pub text: Text<1024>,
    /// What to type.
    pub fields: Few<Field, 2>,
    /// What to press, the one for the Enter key first. None: nothing but to wait or cancel.
    pub choices: Few<Text<96>, 2>,
}

/// A field of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What it is for.
    pub label: Text<96>,
    /// Covered while typed.
    pub covered: bool,
    /// What stands in it at first; nothing in a covered one.
    pub typed: Text<256>,
}

/// What the person did with a view.
#[derive(Serialize, Deserialize)]
pub struct Answer {
    /// The view's.
    pub number: u32,
    /// Which of its choices.
    pub choice: u8,
    /// As many as the view has fields, in their order.
    pub typed: Few<SecretText<768>, 2>,
}

impl Answer {
    /// Whether it is one to this view.
    pub fn fits(&self, view: &View) -> bool {
        self.number == view.number
            && usize::from(self.choice) < view.choices.as_slice().len()
            && self.typed.as_slice().len() == view.fields.as_slice().len()
    }
}

/// How a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The account was unlocked or has a new password.
    Done,
    /// It was not.
    NotDone,
    /// The service could not say.
    NotKnown,
    /// The person left, or was away too long.
    Cancelled,
    /// The app did not run or fell over.
    Failed,
}

/// Signs one person in once. Held by nobody after it was taken.
#[derive(Serialize, Deserialize)]
pub struct Grant {
    /// The name as the directory takes it, with or without a domain in it.
    pub user: Text<256>,
    /// The domain; empty where the name says it.
    pub domain: Text<256>,
    /// The new password.
    pub password: SecretText<768>,
}
