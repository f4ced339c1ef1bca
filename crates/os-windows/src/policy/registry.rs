//! Reads the settings of Windows' registry: policies, then preferences. Writes nothing but for
//! taking away a used secret.

use std::io;

use windows_registry::{Key as RegistryKey, LOCAL_MACHINE, Type, Value};
use zeroize::Zeroizing;

use super::{Definition, Key, Kind, Mistake, POLICIES, PREFERENCES, Part, Place, Raw, Values};
use crate::failed;

/// What `E_FILE_NOT_FOUND` is to the registry.
const NOT_FOUND: i32 = 0x8007_0002_u32.cast_signed();

/// The settings of `part`, the mistakes with them.
pub fn read(part: Part) -> Values {
    let mut values = Values::default();
    for place in [Place::Registry(POLICIES), Place::Registry(PREFERENCES)] {
        let Place::Registry(path) = place else { continue };
        match LOCAL_MACHINE.open(path) {
            Ok(key) => take(&mut values, part, &place, &key),
            Err(error) if error.code().0 == NOT_FOUND => {}
            Err(error) => {
                values.note(Mistake {
                    key: None,
                    name: "the key".to_owned(),
                    wrong: format!("cannot be read ({})", error.message()),
                    right: "readable to this account".to_owned(),
                    place,
                });
                // What is set there must not be filled from below: without an address the app
                // does not start, and that is better than one without its pins.
                return values;
            }
        }
    }
    values
}

fn take(values: &mut Values, part: Part, place: &Place, key: &RegistryKey) {
    let named = Key::ALL.into_iter().filter_map(|setting| {
        let Definition { registry, whom, .. } = setting.definition();
        let found = whom.contains(&part).then(|| key.get_value(registry).ok())??;
        Some((setting, raw(&found)))
    });
    values.take(part, place, named);
    let names = key.values().into_iter().flatten().map(|(name, _)| name);
    let known = |name: &str| {
        Key::ALL.iter().any(|key| key.definition().registry.eq_ignore_ascii_case(name))
    };
    for name in names.filter(|name| !name.is_empty() && !known(name)) {
        values.note(Mistake {
            key: None,
            place: place.clone(),
            wrong: "is no setting of this version".to_owned(),
            right: "a name of docs/policy.md".to_owned(),
            name,
        });
    }
}

fn raw(value: &Value) -> Raw {
    match value.ty() {
        Type::U32 | Type::U64 => u64::try_from(value.clone())
            .ok()
            .and_then(|number| i64::try_from(number).ok())
            .map_or(Raw::Other("no number that can be"), Raw::Number),
        Type::String | Type::ExpandString => {
            String::try_from(value.clone()).map_or(Raw::Other("no text"), Raw::Text)
        }
        // The end of the list is an empty text, and editors leave more of them.
        Type::MultiString => Vec::<String>::try_from(value.clone())
            .map_or(Raw::Other("no list"), |lines| {
                Raw::List(lines.into_iter().filter(|line| !line.is_empty()).collect())
            }),
        Type::Bytes => Raw::Other("bytes"),
        Type::Other(_) => Raw::Other("of another kind"),
    }
}

/// A secret, where it is set. Whoever may read the registry may read it too: it is good for
/// little and for a short time, or it should not be there.
///
/// # Errors
/// When the registry cannot be read.
pub fn secret(key: Key) -> io::Result<Option<Zeroizing<String>>> {
    let Definition { registry, kind: Kind::Secret { most }, .. } = key.definition() else {
        return Ok(None);
    };
    for path in [POLICIES, PREFERENCES] {
        let found = LOCAL_MACHINE.open(path).and_then(|key| key.get_string(registry));
        match found {
            Ok(text) => {
                let text = Zeroizing::new(text);
                return Ok((!text.is_empty() && text.len() <= most).then_some(text));
            }
            Err(error) if error.code().0 == NOT_FOUND => {}
            Err(error) => return Err(failed("reading a secret of the settings")(error)),
        }
    }
    Ok(None)
}

/// Takes a used secret out of the preferences. One that a policy sets comes back anyway.
///
/// # Errors
/// When the registry refuses.
pub fn forget(key: Key) -> io::Result<()> {
    let open = LOCAL_MACHINE.options().read().write().open(PREFERENCES);
    let removed = open.and_then(|open| open.remove_value(key.definition().registry));
    match removed {
        Err(error) if error.code().0 != NOT_FOUND => {
            Err(failed("taking a used secret out of the settings")(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
