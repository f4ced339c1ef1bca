//! What the service itself says to people: mails and the plain form of views. One Fluent file
//! per language; a test holds every language to the same keys.

use std::collections::HashMap;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

/// The languages, best first.
const FILES: [(&str, &str); 2] =
    [("en", include_str!("../locales/en.ftl")), ("de", include_str!("../locales/de.ftl"))];

/// All languages, ready to speak.
pub struct Locales {
    bundles: HashMap<&'static str, FluentBundle<FluentResource>>,
}

impl Locales {
    /// Reads the built-in files. A broken file would be a broken build: the tests read each.
    pub fn load() -> Self {
        let bundles = FILES.iter().map(|(language, text)| (*language, bundle(language, text)));
        Self { bundles: bundles.collect() }
    }

    /// The languages, best first.
    pub fn languages(&self) -> Vec<String> {
        FILES.iter().map(|(language, _)| (*language).to_owned()).collect()
    }

    /// The language to use for one that was asked for, such as `de-AT`.
    pub fn choose(&self, wanted: &str) -> &'static str {
        let wanted: String = wanted.chars().take(35).collect();
        let primary = wanted.split(['-', '_']).next().unwrap_or_default().to_lowercase();
        FILES.iter().map(|(language, _)| *language).find(|l| *l == primary).unwrap_or(FILES[0].0)
    }

    /// Says `key` in `language`, with what the text names. A missing key says its own name, and
    /// a test refuses that.
    pub fn say(&self, language: &str, key: &str, named: &[(&str, &str)]) -> String {
        let bundle = self.bundles.get(language).or_else(|| self.bundles.get(FILES[0].0));
        let Some(bundle) = bundle else {
            return key.to_owned();
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in named {
            // Numbers as numbers, so that plural rules work.
            match value.parse::<u32>() {
                Ok(number) if value.len() < 4 => args.set(*name, number),
                _ => args.set(*name, *value),
            }
        }
        bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }
}

fn bundle(language: &str, text: &str) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = language.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Isolation marks would show up as boxes in plain-text mails.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(partial, _)| partial);
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<&str> {
        let is_key = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase());
        text.lines().filter(is_key).filter_map(|line| line.split(" =").next()).collect()
    }

    #[test]
    fn every_language_says_the_same_things() {
        for (language, text) in FILES {
            assert!(FluentResource::try_new(text.to_owned()).is_ok(), "{language} has a mistake");
            assert_eq!(keys(text), keys(FILES[0].1), "{language}");
        }
    }

    #[test]
    fn a_language_nobody_speaks_falls_back() {
        let locales = Locales::load();
        assert_eq!(locales.choose("de-AT"), "de");
        assert_eq!(locales.choose("tlh"), "en");
        assert_eq!(locales.choose(""), "en");
    }
}
