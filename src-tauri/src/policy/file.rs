//! The settings of a TOML file, as values of the one table (`os_windows::policy`). Says which
//! line an unknown key is on; what a value means is not known here.

use std::path::PathBuf;

use os_windows::policy::{Key, Mistake, Part, Place, Raw, Values};
use toml::de::{DeTable, DeValue};

/// What the file says.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) values: Values,
    /// Where the resume token is kept: of the person who runs the app, so of files alone.
    pub(super) state_dir: Option<PathBuf>,
}

/// Reads the text; a mistake in words when it is no TOML or has a key that there is not.
pub(super) fn read(text: &str, place: &Place) -> Result<Found, String> {
    let table = DeTable::parse(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let mut named = Vec::new();
    let mut found = Found { values: Values::default(), state_dir: None };
    read_table(text, "", table.get_ref(), &mut |name, line, value| match known(name) {
        Some(key) => {
            named.push((key, raw(value)));
            Ok(())
        }
        None if name == "state_dir" => {
            found.state_dir = Some(value.as_str().unwrap_or_default().into());
            Ok(())
        }
        None => Err(unknown(name, line)),
    })?;
    found.values.take(Part::App, place, named);
    Ok(found)
}

fn known(name: &str) -> Option<Key> {
    Key::ALL.into_iter().find(|key| key.definition().file == name)
}

/// Hands out every value under its whole name; `[help]` and `phone` are `help.phone`.
fn read_table(
    text: &str,
    below: &str,
    table: &DeTable<'_>,
    hand_out: &mut impl FnMut(&str, usize, &DeValue<'_>) -> Result<(), String>,
) -> Result<(), String> {
    for (key, value) in table {
        let name = format!("{below}{}", key.get_ref());
        let folder = format!("{name}.");
        let is_folder = Key::ALL.iter().any(|key| key.definition().file.starts_with(&folder));
        if let (DeValue::Table(inner), true) = (value.get_ref(), is_folder) {
            read_table(text, &folder, inner, hand_out)?;
        } else {
            let line = text.get(..key.span().start).unwrap_or_default();
            hand_out(&name, line.matches('\n').count() + 1, value.get_ref())?;
        }
    }
    Ok(())
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(on) => Raw::Flag(*on),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("no number that can be"), Raw::Number),
        DeValue::Array(list) => {
            let lines: Option<Vec<String>> =
                list.iter().map(|line| line.get_ref().as_str().map(str::to_owned)).collect();
            lines.map_or(Raw::Other("a list of something else than texts"), Raw::List)
        }
        DeValue::Float(_) => Raw::Other("no whole number"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}

fn unknown(name: &str, line: usize) -> String {
    let folder = name.rsplit_once('.').map_or("", |(folder, _)| folder);
    let beside: Vec<String> = Key::ALL
        .iter()
        .map(|key| key.definition().file)
        .chain(["state_dir"])
        .filter(|other| other.rsplit_once('.').map_or("", |(folder, _)| folder) == folder)
        .map(|other| format!("`{}`", other.rsplit('.').next().unwrap_or(other)))
        .collect();
    format!("line {line}: there is no key `{name}`; there are {}", beside.join(", "))
}

/// A mistake in what only files say.
pub(super) fn state_dir_mistake(place: &Place, wrong: String) -> Mistake {
    Mistake {
        key: None,
        place: place.clone(),
        name: "state_dir".to_owned(),
        wrong,
        right: "state_dir = \"/var/lib/regain-app\", a folder of the person who runs the app"
            .to_owned(),
    }
}
