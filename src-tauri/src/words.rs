//! What is read outside the pages: in the simple form of the sign-in screen, and whom to ask on
//! its tile. The words are those of the pages, from the same files, so that both say the same;
//! the few that only the simple form has are in `locales`. A test holds every language to every
//! word that is said here.

use std::borrow::Cow;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use protocol::api::Help;

/// The languages, best first: their name, the words of the pages, and those of the simple form.
const FILES: [(&str, &str, &str); 3] = [
    ("en", include_str!("../../ui/locales/en.ftl"), include_str!("../locales/en.ftl")),
    ("de", include_str!("../../ui/locales/de.ftl"), include_str!("../locales/de.ftl")),
    ("ar", include_str!("../../ui/locales/ar.ftl"), include_str!("../locales/ar.ftl")),
];

/// Among these, Latin names need marks that keep them in place.
const RIGHT_TO_LEFT: &str = "ar";

/// All words in one language.
pub(crate) struct Words(FluentBundle<FluentResource>);

impl Words {
    /// The languages that there are words in, best first.
    pub(crate) fn languages() -> impl Iterator<Item = &'static str> {
        FILES.into_iter().map(|(name, ..)| name)
    }

    /// The words for `de-AT`: German's, or English ones for a language that there is none for.
    pub(crate) fn of(language: &str) -> Self {
        let primary = primary(language);
        let (name, pages, own) =
            FILES.iter().find(|(name, ..)| *name == primary).unwrap_or(&FILES[0]);
        let mut bundle = FluentBundle::new(vec![name.parse().unwrap_or_default()]);
        bundle.set_use_isolating(*name == RIGHT_TO_LEFT);
        for text in [pages, own] {
            // A broken file would be a broken build: a test reads each.
            let read = FluentResource::try_new((*text).to_owned());
            bundle.add_resource_overriding(read.unwrap_or_else(|(part, _)| part));
        }
        Self(bundle)
    }

    /// The words of a key.
    pub(crate) fn say(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// The words of a key, with these in their places.
    pub(crate) fn with(&self, key: &str, values: &[(&'static str, Value<'_>)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            let value = match *value {
                Value::Number(number) => FluentValue::from(number),
                Value::Text(text) => FluentValue::String(Cow::Borrowed(text)),
            };
            args.set(*name, value);
        }
        let pattern = self.0.get_message(key).and_then(|message| message.value());
        let Some(pattern) = pattern else {
            tracing::error!(key, "there are no words for this");
            return String::new();
        };
        self.0.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }

    /// Whether there are words for it: an answer of a newer service may need others.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.has_message(key)
    }

    /// Whom to ask, in one line; none where nobody is named.
    pub(crate) fn contact(&self, help: &Help) -> Option<String> {
        let line = |key: &str, value: &Option<String>| {
            let value = value.as_deref().map(str::trim).filter(|value| !value.is_empty())?;
            let title = self.say(key);
            let values = [("title", Value::Text(&title)), ("all", Value::Text(value))];
            Some(self.with("simple-list", &values))
        };
        let lines = [
            line("get-help-phone", &help.phone),
            line("get-help-hours", &help.hours),
            line("get-help-url", &help.url),
        ];
        let all = lines.into_iter().flatten().collect::<Vec<_>>().join(", ");
        match (help.name.trim(), all.is_empty()) {
            ("", true) => None,
            ("", false) => Some(all),
            (name, true) => Some(name.to_owned()),
            (name, false) => {
                let values = [("name", Value::Text(name)), ("all", Value::Text(&all))];
                Some(self.with("simple-help", &values))
            }
        }
    }
}

/// What stands in a place of a text.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    /// Counted: languages have up to six forms for it.
    Number(u32),
    /// As it is.
    Text(&'a str),
}

/// `de` of `de-AT`.
pub(crate) fn primary(language: &str) -> String {
    language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_word_and_no_file_is_broken() {
        let keys = |text: &str| {
            let mut keys: Vec<String> = text
                .lines()
                .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
                .filter_map(|line| line.split_once(" ="))
                .map(|(key, _)| key.to_owned())
                .collect();
            keys.sort();
            keys
        };
        let (_, pages, own) = FILES[0];
        for (name, its_pages, its_own) in FILES {
            assert_eq!(keys(its_own), keys(own), "{name}");
            assert_eq!(keys(its_pages), keys(pages), "{name}");
            for text in [its_pages, its_own] {
                assert!(FluentResource::try_new(text.to_owned()).is_ok(), "{name} is broken");
            }
            let words = Words::of(name);
            for key in keys(pages).iter().chain(&keys(own)) {
                assert!(words.has(key), "{name} lacks {key}");
            }
        }
    }

    #[test]
    fn the_nearest_language_is_taken() {
        assert_eq!(Words::of("de-AT").say("frame-continue"), "Weiter");
        assert_eq!(Words::of("xx").say("frame-continue"), "Continue");
        assert_eq!(Words::of("").say("frame-continue"), "Continue");
    }

    #[test]
    fn whom_to_ask_is_one_line() {
        let words = Words::of("en");
        let help = Help {
            name: "IT service desk".to_owned(),
            phone: Some("+49 30 1".to_owned()),
            hours: Some(" ".to_owned()),
            url: None,
        };
        assert_eq!(words.contact(&help).unwrap(), "IT service desk – Call: +49 30 1");
        assert_eq!(words.contact(&Help::default()), None);
    }
}
