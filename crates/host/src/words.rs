//! What the host itself says in the tile: few words, in the languages of the app. One Fluent
//! file per language; a test holds every language to the same keys and to the tile's room.

use std::{collections::BTreeMap, sync::Arc};

use fluent_bundle::{FluentBundle, FluentResource};
use protocol::host::Text;

/// The languages, best first.
const FILES: [(&str, &str); 3] = [
    ("en", include_str!("../locales/en.ftl")),
    ("de", include_str!("../locales/de.ftl")),
    ("ar", include_str!("../locales/ar.ftl")),
];

/// The keys. Each is said by one method.
const KEYS: [&str; 18] = [
    "tile-label",
    "tile-open",
    "tile-first-day",
    "tile-simple",
    "tile-go-on",
    "tile-cancel",
    "tile-opening",
    "tile-failed",
    "tile-help",
    "flow-again",
    "flow-failed",
    "flow-away",
    "flow-too-long",
    "flow-closing",
    "refused-busy",
    "refused-moment",
    "refused-often",
    "refused-off",
];

/// All words in one language.
#[derive(Clone, Debug)]
pub struct Words(Arc<BTreeMap<&'static str, String>>);

macro_rules! said {
    ($($name:ident = $key:literal,)*) => {
        impl Words {
            $(
                #[doc = concat!("`", $key, "`")]
                pub fn $name(&self) -> &str {
                    self.say($key)
                }
            )*
        }
    };
}

said! {
    label = "tile-label",
    open = "tile-open",
    first_day = "tile-first-day",
    simple = "tile-simple",
    go_on = "tile-go-on",
    cancel = "tile-cancel",
    opening = "tile-opening",
    tile_failed = "tile-failed",
    help = "tile-help",
    again = "flow-again",
    failed = "flow-failed",
    away = "flow-away",
    too_long = "flow-too-long",
    closing = "flow-closing",
    busy = "refused-busy",
    moment = "refused-moment",
    often = "refused-often",
    off = "refused-off",
}

impl Words {
    /// The words for `de-AT`: German's, or English ones for a language that there is none for.
    pub fn of(language: &Text<35>) -> Self {
        let primary = language.as_str().split(['-', '_']).next().unwrap_or_default().to_lowercase();
        let (name, text) = FILES.iter().find(|(name, _)| *name == primary).unwrap_or(&FILES[0]);
        Self::read(name, text)
    }

    fn read(name: &str, text: &str) -> Self {
        let mut bundle = FluentBundle::new(vec![name.parse().unwrap_or_default()]);
        bundle.set_use_isolating(false);
        // A broken file would be a broken build: a test reads each.
        let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(part, _)| part);
        bundle.add_resource_overriding(resource);
        let say = |key: &'static str| {
            let pattern = bundle.get_message(key)?.value()?;
            let said = bundle.format_pattern(pattern, None, &mut Vec::new()).into_owned();
            Some((key, said))
        };
        Self(Arc::new(KEYS.into_iter().filter_map(say).collect()))
    }

    fn say(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use protocol::host::tile::Tile;

    use super::*;
    use crate::serve::look_of;

    #[test]
    fn every_language_says_everything_and_it_fits() {
        for (name, text) in FILES {
            let words = Words::read(name, text);
            assert_eq!(words.0.len(), KEYS.len(), "{name}");
            assert!(words.0.values().all(|said| !said.is_empty() && said.len() <= 256), "{name}");
            let tile: Tile = look_of(&words, None, None, &Default::default());
            let said: [(&Text<96>, &str); 4] = [
                (&tile.label, words.label()),
                (&tile.open, words.open()),
                (&tile.first_day, words.first_day()),
                (&tile.simple, words.simple()),
            ];
            assert!(said.iter().all(|(shown, meant)| shown.as_str() == *meant), "{name} is cut");
            assert_eq!(tile.opening.as_str(), words.opening(), "{name}");
            assert_eq!(tile.failed.as_str(), words.tile_failed(), "{name}");
        }
    }

    #[test]
    fn the_nearest_language_is_taken() {
        let label = |language: &str| Words::of(&Text::new(language).unwrap()).label().to_owned();
        assert_eq!(label("de-AT"), "Kein Zugang zu Ihrem Konto?");
        assert_eq!(label("xx"), label("en-US"));
        assert_eq!(label(""), label("en"));
    }
}
