//! What an administrator can set, defined once: names, kinds, limits, defaults and whom each is
//! for. From this come the reading of the registry (Windows) and of the TOML file (elsewhere),
//! the templates for Group Policy and Intune, and docs/policy.md.
//!
//! It is here and not in `protocol` because tile, host and app all use this crate on Windows, and
//! because of what stays behind: the words (`words`, `template`) are functions that only the
//! generator calls, so that the tile's DLL carries the table of names and no text.
//!
//! It must not decide what follows from a value, and it knows no file and no web address.
//!
//! Long: one table, and the tests that hold it together.

#[cfg(windows)]
pub mod registry;
pub mod template;
mod words;

use std::fmt;

use crate::command::CommandLine;

/// Where Group Policy and Intune write. Comes before [`PREFERENCES`].
pub const POLICIES: &str = r"SOFTWARE\Policies\Regain\Regain";
/// Where the installer and scripts write.
pub const PREFERENCES: &str = r"SOFTWARE\Regain\Regain";

/// Everything that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Whether there is a tile at all.
    Tile,
    /// The words under it.
    TileLabel,
    /// Whether it is there in Remote Desktop sessions.
    RemoteSessions,
    /// The service's origin.
    Service,
    /// The tenant that the device belongs to.
    Tenant,
    /// The only directory keys to trust.
    DirectoryKeys,
    /// The only certificate authorities to trust.
    CaFile,
    /// The way to the service.
    Proxy,
    /// With what a device enrols.
    FleetToken,
    /// How often a device says how it is.
    ReportInterval,
    /// Whether to sign in with the new password once.
    SignInHandOver,
    /// What brings the device into the organisation's network.
    VpnCommand,
    /// How long that may take.
    VpnTimeout,
    /// The language to begin with.
    Language,
    /// What the service desk is called.
    HelpName,
    /// Its number.
    HelpPhone,
    /// Its hours.
    HelpHours,
    /// Its pages.
    HelpUrl,
}

/// A program that reads settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The DLL on the sign-in screen.
    Tile,
    /// The Windows service.
    Host,
    /// The app.
    App,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On or off.
    Flag {
        /// Without a value.
        default: bool,
    },
    /// A number within limits.
    Number {
        /// Without a value.
        default: u32,
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// One line.
    Text {
        /// The most characters.
        most: usize,
    },
    /// A program with its arguments, in one line ([`CommandLine`]).
    Command {
        /// The most characters.
        most: usize,
    },
    /// One line that nobody else should read: never among [`Values`].
    Secret {
        /// The most characters.
        most: usize,
    },
    /// Some lines.
    List {
        /// The most lines.
        lines: usize,
        /// The most characters of each.
        most: usize,
    },
    /// One of these.
    Choice(&'static [&'static str]),
}

/// What becomes of a value that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// As if there were none.
    Default,
    /// The part does not run: to go on without it would be less safe than was meant.
    Stop,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The name in the TOML file.
    pub file: &'static str,
    /// The name in the registry: the same in its way of writing.
    pub registry: &'static str,
    /// What a value looks like.
    pub kind: Kind,
    /// Who reads it.
    pub whom: &'static [Part],
    /// What becomes of a wrong one.
    pub wrong: Wrong,
    /// A right one.
    pub example: &'static str,
    /// The first version that knows it.
    pub since: &'static str,
}

const LABEL: usize = 64;
const ADDRESS: usize = 512;
const PATH: usize = 260;
const WORDS: usize = 128;

impl Key {
    /// Everything, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::Tile,
        Self::TileLabel,
        Self::RemoteSessions,
        Self::Service,
        Self::Tenant,
        Self::DirectoryKeys,
        Self::CaFile,
        Self::Proxy,
        Self::FleetToken,
        Self::ReportInterval,
        Self::SignInHandOver,
        Self::VpnCommand,
        Self::VpnTimeout,
        Self::Language,
        Self::HelpName,
        Self::HelpPhone,
        Self::HelpHours,
        Self::HelpUrl,
    ];

    /// Its line of the table.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub const fn definition(self) -> Definition {
        use Part::{App, Host, Tile};
        const fn line(
            (file, registry): (&'static str, &'static str),
            kind: Kind,
            whom: &'static [Part],
            wrong: Wrong,
            example: &'static str,
        ) -> Definition {
            Definition { file, registry, kind, whom, wrong, example, since: "0.1.0" }
        }
        match self {
            // A wrong kill switch was meant to be one.
            Self::Tile => line(
                ("tile", "Tile"),
                Kind::Flag { default: true },
                &[Tile, Host],
                Wrong::Stop,
                "1",
            ),
            Self::TileLabel => line(
                ("tile_label", "TileLabel"),
                Kind::Text { most: LABEL },
                &[Host],
                Wrong::Default,
                "Can't access your account?",
            ),
            Self::RemoteSessions => line(
                ("remote_sessions", "RemoteSessions"),
                Kind::Flag { default: false },
                &[Tile, Host],
                Wrong::Default,
                "1",
            ),
            Self::Service => line(
                ("service", "Service"),
                Kind::Text { most: ADDRESS },
                &[App],
                Wrong::Stop,
                "https://unlock.example.org",
            ),
            Self::Tenant => line(
                ("tenant", "Tenant"),
                Kind::Text { most: 36 },
                &[App],
                Wrong::Stop,
                "01890000-0000-7000-8000-000000000001",
            ),
            Self::DirectoryKeys => line(
                ("directory_keys", "DirectoryKeys"),
                Kind::List { lines: 16, most: 22 },
                &[App],
                Wrong::Stop,
                "AAECAwQFBgcICQoLDA0ODw",
            ),
            Self::CaFile => line(
                ("ca_file", "CaFile"),
                Kind::Text { most: PATH },
                &[App],
                Wrong::Stop,
                r"C:\Program Files\Example\ca.pem",
            ),
            Self::Proxy => line(
                ("proxy", "Proxy"),
                Kind::Text { most: ADDRESS },
                &[App],
                Wrong::Stop,
                "http://proxy.example.org:8080",
            ),
            Self::FleetToken => line(
                ("fleet_token", "FleetToken"),
                Kind::Secret { most: ADDRESS },
                &[Host],
                Wrong::Default,
                "<what the service printed>",
            ),
            Self::ReportInterval => line(
                ("report_interval_hours", "ReportIntervalHours"),
                Kind::Number { default: 24, least: 1, most: 168 },
                &[Host],
                Wrong::Default,
                "24",
            ),
            Self::SignInHandOver => line(
                ("sign_in_hand_over", "SignInHandOver"),
                Kind::Flag { default: false },
                &[Tile, Host],
                Wrong::Default,
                "1",
            ),
            Self::VpnCommand => line(
                ("vpn.command", "VpnCommand"),
                Kind::Command { most: 1000 },
                &[Host],
                Wrong::Default,
                r#""C:\Program Files\Example VPN\connect.exe" --machine"#,
            ),
            Self::VpnTimeout => line(
                ("vpn.timeout_seconds", "VpnTimeoutSeconds"),
                Kind::Number { default: 30, least: 5, most: 120 },
                &[Host],
                Wrong::Default,
                "30",
            ),
            Self::Language => line(
                ("language", "Language"),
                Kind::Choice(&["en", "de", "ar"]),
                &[App],
                Wrong::Default,
                "de",
            ),
            Self::HelpName => line(
                ("help.name", "HelpName"),
                Kind::Text { most: WORDS },
                &[Host, App],
                Wrong::Default,
                "IT service desk",
            ),
            Self::HelpPhone => line(
                ("help.phone", "HelpPhone"),
                Kind::Text { most: WORDS },
                &[Host, App],
                Wrong::Default,
                "+49 30 1234",
            ),
            Self::HelpHours => line(
                ("help.hours", "HelpHours"),
                Kind::Text { most: WORDS },
                &[Host, App],
                Wrong::Default,
                "Monday to Friday, 7 to 18",
            ),
            Self::HelpUrl => line(
                ("help.url", "HelpUrl"),
                Kind::Text { most: ADDRESS },
                &[Host, App],
                Wrong::Default,
                "https://help.example.org",
            ),
        }
    }
}

/// A value as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// A truth value of the file.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// Something that no setting is.
    Other(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Flag(bool),
    Number(u32),
    Text(String),
    List(Vec<String>),
}

/// Where settings were found: it says how mistakes are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A TOML file of this name.
    File(String),
    /// The registry, below this key.
    Registry(&'static str),
}

impl Place {
    /// What the setting is called here.
    pub const fn name(&self, key: Key) -> &'static str {
        match self {
            Self::File(_) => key.definition().file,
            Self::Registry(_) => key.definition().registry,
        }
    }

    /// What would be right here, as to be written.
    pub fn example(&self, key: Key) -> String {
        let Definition { file, registry, kind, example, .. } = key.definition();
        match (self, kind) {
            (Self::File(_), Kind::Flag { .. }) => format!("{file} = true, or false"),
            (Self::File(_), Kind::Number { least, most, .. }) => {
                format!("{file} = {example}, a number from {least} to {most}")
            }
            (Self::File(_), Kind::List { .. }) => format!("{file} = [{example:?}]"),
            (Self::File(_), Kind::Text { .. } | Kind::Command { .. } | Kind::Secret { .. }) => {
                format!("{file} = {example:?}")
            }
            (Self::File(_), Kind::Choice(among)) => {
                format!("{file} = {example:?}, one of {}", among.join(", "))
            }
            (Self::Registry(_), Kind::Flag { .. }) => format!("{registry} (REG_DWORD) 1, or 0"),
            (Self::Registry(_), Kind::Number { least, most, .. }) => {
                format!("{registry} (REG_DWORD) {example}, a number from {least} to {most}")
            }
            (Self::Registry(_), Kind::List { .. }) => {
                format!("{registry} (REG_MULTI_SZ) {example}")
            }
            (Self::Registry(_), Kind::Text { .. } | Kind::Command { .. } | Kind::Secret { .. }) => {
                format!("{registry} (REG_SZ) {example}")
            }
            (Self::Registry(_), Kind::Choice(among)) => {
                format!("{registry} (REG_SZ) {example}, one of {}", among.join(", "))
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => out.write_str(file),
            Self::Registry(key) => write!(out, r"HKLM\{key}"),
        }
    }
}

/// A value that cannot be used, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Which setting, if it is one.
    pub key: Option<Key>,
    /// Where.
    pub place: Place,
    /// What it is called there.
    pub name: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl Mistake {
    /// Of a setting.
    pub fn of(key: Key, place: &Place, wrong: impl Into<String>) -> Self {
        Self {
            key: Some(key),
            place: place.clone(),
            name: place.name(key).to_owned(),
            wrong: wrong.into(),
            right: place.example(key),
        }
    }

    /// Whether the part must not run with it.
    pub fn stops(&self) -> bool {
        self.key.is_some_and(|key| key.definition().wrong == Wrong::Stop)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, name, wrong, right, .. } = self;
        write!(out, "{place}: {name}: {wrong}\nRight would be: {right}")
    }
}

/// The settings of one part, checked against the table.
#[derive(Clone, Debug, Default)]
pub struct Values {
    found: Vec<(Key, Place, Value)>,
    mistakes: Vec<Mistake>,
}

impl Values {
    /// Takes in what was found in one place. What a place before said of a setting stands, right
    /// or wrong: a mistake of a policy is not filled with what somebody else wrote.
    pub fn take(&mut self, part: Part, place: &Place, named: impl IntoIterator<Item = (Key, Raw)>) {
        let before: Vec<Key> = self.known().collect();
        for (key, raw) in named {
            let definition = key.definition();
            let secret = matches!(definition.kind, Kind::Secret { .. });
            if secret || before.contains(&key) || !definition.whom.contains(&part) {
                continue;
            }
            match read(definition.kind, raw) {
                Ok(value) => self.found.push((key, place.clone(), value)),
                Err(wrong) => self.mistakes.push(Mistake::of(key, place, wrong)),
            }
        }
    }

    /// Notes something that is wrong with a place.
    pub fn note(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    fn known(&self) -> impl Iterator<Item = Key> {
        let wrong = self.mistakes.iter().filter_map(|mistake| mistake.key);
        self.found.iter().map(|(key, ..)| *key).chain(wrong)
    }

    /// Everything that is wrong.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// Where this was set, if it was.
    pub fn place(&self, key: Key) -> Option<&Place> {
        self.found.iter().find(|(found, ..)| *found == key).map(|(_, place, _)| place)
    }

    fn value(&self, key: Key) -> Option<&Value> {
        self.found.iter().find(|(found, ..)| *found == key).map(|(.., value)| value)
    }

    /// Whether it is on: as set, else its default; off where a wrong value was meant to stop.
    pub fn flag(&self, key: Key) -> bool {
        match (self.value(key), key.definition().kind) {
            (Some(Value::Flag(on)), _) => *on,
            (_, Kind::Flag { default }) => {
                default
                    && !self.mistakes.iter().any(|wrong| wrong.key == Some(key) && wrong.stops())
            }
            _ => false,
        }
    }

    /// The number: as set, else its default.
    pub fn number(&self, key: Key) -> u32 {
        match (self.value(key), key.definition().kind) {
            (Some(Value::Number(number)), _) => *number,
            (_, Kind::Number { default, .. }) => default,
            _ => 0,
        }
    }

    /// The text, if it is set.
    pub fn text(&self, key: Key) -> Option<&str> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            Some(Value::Flag(_) | Value::Number(_) | Value::List(_)) | None => None,
        }
    }

    /// The lines; none when it is not set.
    pub fn list(&self, key: Key) -> &[String] {
        match self.value(key) {
            Some(Value::List(lines)) => lines,
            Some(Value::Flag(_) | Value::Number(_) | Value::Text(_)) | None => &[],
        }
    }
}

/// What a value is, or what is wrong with it.
fn read(kind: Kind, raw: Raw) -> Result<Value, String> {
    match (kind, raw) {
        (Kind::Flag { .. }, Raw::Flag(on)) => Ok(Value::Flag(on)),
        (Kind::Flag { .. }, Raw::Number(number @ (0 | 1))) => Ok(Value::Flag(number == 1)),
        (Kind::Number { least, most, .. }, Raw::Number(number)) => {
            let within = u32::try_from(number).ok().filter(|it| (least..=most).contains(it));
            within.map(Value::Number).ok_or_else(|| format!("{number} is out of the limits"))
        }
        (Kind::Text { most } | Kind::Secret { most }, Raw::Text(text)) => {
            line(text, most).map(Value::Text)
        }
        (Kind::Command { most }, Raw::Text(text)) => {
            let text = line(text, most)?;
            CommandLine::parse(&text).map(|_| Value::Text(text))
        }
        // None would take away what a list holds people to.
        (Kind::List { .. }, Raw::List(list)) if list.is_empty() => Err("is empty".to_owned()),
        (Kind::List { lines, most }, Raw::List(list)) => {
            if list.len() > lines {
                return Err(format!("{} are more than the {lines} that there may be", list.len()));
            }
            let read: Result<_, _> = list.into_iter().map(|text| line(text, most)).collect();
            read.map(Value::List)
        }
        (Kind::Choice(among), Raw::Text(text)) => {
            if among.contains(&text.as_str()) {
                Ok(Value::Text(text))
            } else {
                Err(format!("{text:?} is none of them"))
            }
        }
        (_, Raw::Flag(_)) => Err("is a truth value".to_owned()),
        (Kind::Flag { .. }, Raw::Number(number)) => Err(format!("{number} is neither 0 nor 1")),
        (_, Raw::Number(_)) => Err("is a number".to_owned()),
        (_, Raw::Text(_)) => Err("is a text".to_owned()),
        (_, Raw::List(_)) => Err("is a list".to_owned()),
        (_, Raw::Other(what)) => Err(format!("is {what}")),
    }
}

fn line(text: String, most: usize) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    // As Windows counts.
    let length = text.encode_utf16().count();
    if length > most {
        return Err(format!("has {length} characters, and there may be {most}"));
    }
    if text.chars().any(char::is_control) {
        return Err("has a line break or another control character in it".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Place = Place::Registry(POLICIES);
    const PREFERENCE: Place = Place::Registry(PREFERENCES);

    fn values(part: Part, named: Vec<(Key, Raw)>) -> Values {
        let mut values = Values::default();
        values.take(part, &POLICY, named);
        values
    }

    /// One name for both places, each in its way of writing: `vpn.timeout_seconds`,
    /// `VpnTimeoutSeconds`.
    #[test]
    fn file_and_registry_use_the_same_names() {
        for key in Key::ALL {
            let Definition { file, registry, .. } = key.definition();
            let camel: String = file
                .split(['_', '.'])
                .flat_map(|part| [part[..1].to_uppercase(), part[1..].to_owned()])
                .collect();
            assert_eq!(camel, registry);
            assert_eq!(Key::ALL.iter().filter(|other| **other == key).count(), 1);
        }
    }

    #[test]
    fn each_example_is_right() {
        for key in Key::ALL {
            let definition = key.definition();
            let number = || Raw::Number(definition.example.parse().unwrap());
            let raw = match definition.kind {
                Kind::Flag { .. } | Kind::Number { .. } => number(),
                Kind::List { .. } => Raw::List(vec![definition.example.to_owned()]),
                Kind::Text { .. }
                | Kind::Command { .. }
                | Kind::Secret { .. }
                | Kind::Choice(_) => Raw::Text(definition.example.to_owned()),
            };
            read(definition.kind, raw).unwrap();
        }
    }

    #[test]
    fn a_wrong_value_names_itself_and_changes_nothing_else() {
        let read = values(
            Part::Host,
            vec![
                (Key::TileLabel, Raw::Text("x".repeat(65))),
                (Key::RemoteSessions, Raw::Number(1)),
                (Key::SignInHandOver, Raw::Text("yes".to_owned())),
            ],
        );
        assert_eq!(read.text(Key::TileLabel), None);
        assert!(read.flag(Key::RemoteSessions) && !read.flag(Key::SignInHandOver));
        assert!(read.flag(Key::Tile));
        let words: Vec<String> = read.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "HKLM\\SOFTWARE\\Policies\\Regain\\Regain: TileLabel: has 65 characters, and there \
                 may be 64\nRight would be: TileLabel (REG_SZ) Can't access your account?",
                "HKLM\\SOFTWARE\\Policies\\Regain\\Regain: SignInHandOver: is a text\nRight would \
                 be: SignInHandOver (REG_DWORD) 1, or 0",
            ]
        );
    }

    #[test]
    fn a_command_that_windows_could_read_in_two_ways_is_refused_in_words() {
        let command = r"C:\Program Files\Example VPN\connect.exe --machine";
        let read = values(Part::Host, vec![(Key::VpnCommand, Raw::Text(command.to_owned()))]);
        assert_eq!(read.text(Key::VpnCommand), None);
        let [mistake] = read.mistakes() else { panic!("{:?}", read.mistakes()) };
        let words = mistake.to_string();
        assert!(words.contains(r"VpnCommand: C:\Program is not the full path"), "{words}");
    }

    #[test]
    fn a_wrong_kill_switch_is_one() {
        for wrong in [Raw::Text("0".to_owned()), Raw::Number(2), Raw::Other("bytes")] {
            assert!(!values(Part::Tile, vec![(Key::Tile, wrong)]).flag(Key::Tile));
        }
        assert!(values(Part::Tile, Vec::new()).flag(Key::Tile));
        assert!(!values(Part::Tile, vec![(Key::Tile, Raw::Number(0))]).flag(Key::Tile));
    }

    #[test]
    fn a_policy_comes_before_a_preference_even_when_it_is_wrong() {
        let mut read = values(Part::Host, vec![(Key::VpnTimeout, Raw::Number(7))]);
        let ours = vec![
            (Key::VpnTimeout, Raw::Number(8)),
            (Key::VpnCommand, Raw::Text(r"C:\vpn.exe".to_owned())),
        ];
        read.take(Part::Host, &PREFERENCE, ours);
        assert_eq!(read.number(Key::VpnTimeout), 7);
        assert_eq!(read.text(Key::VpnCommand), Some(r"C:\vpn.exe"));
        assert_eq!(read.place(Key::VpnCommand), Some(&PREFERENCE));

        let mut read = values(Part::App, vec![(Key::Service, Raw::Number(7))]);
        let text = Raw::Text("https://elsewhere.example".to_owned());
        read.take(Part::App, &PREFERENCE, vec![(Key::Service, text)]);
        assert_eq!(read.text(Key::Service), None);
        assert!(read.mistakes().iter().all(Mistake::stops));
    }

    #[test]
    fn each_part_gets_its_own_and_nobody_the_secret() {
        let all: Vec<(Key, Raw)> =
            Key::ALL.iter().map(|key| (*key, Raw::Text("de".to_owned()))).collect();
        let read = values(Part::App, all.clone());
        assert_eq!(read.text(Key::HelpName), Some("de"));
        assert_eq!((read.text(Key::TileLabel), read.text(Key::VpnCommand)), (None, None));
        let read = values(Part::Tile, all.clone());
        assert_eq!((read.text(Key::Service), read.text(Key::HelpName)), (None, None));
        let read = values(Part::Host, all);
        assert_eq!(read.text(Key::FleetToken), None);
        assert!(read.mistakes().iter().all(|mistake| mistake.key != Some(Key::FleetToken)));
    }

    proptest! {
        /// Whatever stands there: what is taken is within the limits, and the rest is named.
        #[test]
        fn nothing_beyond_the_limits_is_taken(number: i64, text in "\\PC{0,70}|.{0,70}") {
            let read = values(Part::Host, vec![(Key::VpnTimeout, Raw::Number(number))]);
            prop_assert!((5..=120).contains(&read.number(Key::VpnTimeout)));
            prop_assert_eq!(read.mistakes().is_empty(), (5..=120).contains(&number));
            let read = values(Part::Host, vec![(Key::TileLabel, Raw::Text(text.clone()))]);
            match read.text(Key::TileLabel) {
                Some(label) => prop_assert!(label == text && label.encode_utf16().count() <= 64),
                None => prop_assert_eq!(read.mistakes().len(), 1),
            }
        }
    }
}
