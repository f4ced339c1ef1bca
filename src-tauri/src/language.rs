//! The language of mails and plain texts, when the pages do not say: the system's own.

/// A BCP 47 tag, "en" when the system says none.
pub(crate) fn of_the_system() -> String {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()))
        .and_then(|locale| tag(&locale))
        .unwrap_or_else(|| "en".to_owned())
}

/// `de_DE.UTF-8@euro` is "de-DE"; `C` and `POSIX` are no languages.
fn tag(locale: &str) -> Option<String> {
    let name = locale.split(['.', '@']).next()?;
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric());
    let parts: Vec<&str> = name.split(['_', '-']).collect();
    let is_language = (2..=3).contains(&parts.first()?.len());
    (is_language && parts.len() <= 3 && parts.iter().all(|part| plain(part)))
        .then(|| parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn locales_become_language_tags() {
        assert_eq!(tag("de_DE.UTF-8@euro").as_deref(), Some("de-DE"));
        assert_eq!(tag("en").as_deref(), Some("en"));
        assert_eq!(tag("zh_Hant_TW").as_deref(), Some("zh-Hant-TW"));
        for none in ["C", "C.UTF-8", "POSIX", "", "../../x"] {
            assert_eq!(tag(none), None, "{none}");
        }
    }
}
