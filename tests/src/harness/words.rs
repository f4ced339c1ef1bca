//! The words on the pages, read from the same file that the pages are drawn from: a story
//! names a text by its key, so that rewording a page breaks no story.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, Result};

/// The English texts by key.
pub struct Words(HashMap<String, String>);

impl Words {
    /// Reads them.
    ///
    /// # Errors
    /// When the file is not where it belongs.
    pub fn read() -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/locales/en.ftl");
        let file =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // Texts of one line are all that the stories name.
        let texts = file
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(|line| line.split_once(" = "))
            .map(|(key, text)| (key.to_owned(), text.trim().to_owned()))
            .collect();
        Ok(Self(texts))
    }

    /// The text of `key`, as it is written: with its `{ $placeholders }`.
    ///
    /// # Errors
    /// When there is no such text.
    pub fn text(&self, key: &str) -> Result<&str> {
        let text = self.0.get(key).map(String::as_str);
        text.with_context(|| format!("ui/locales/en.ftl has no text {key}"))
    }

    /// The fixed parts of the text of `key`: what stands between its placeholders.
    ///
    /// # Errors
    /// When there is no such text.
    pub fn fixed_parts(&self, key: &str) -> Result<Vec<String>> {
        let mut rest = self.text(key)?;
        let mut parts = Vec::new();
        while let Some((before, after)) = rest.split_once('{') {
            parts.push(before.trim().to_owned());
            rest = after.split_once('}').map_or("", |(_, after)| after);
        }
        parts.push(rest.trim().to_owned());
        Ok(parts)
    }

    /// Whether `shown` is the text of `key` with anything in its placeholders.
    ///
    /// # Errors
    /// When there is no such text.
    pub fn is(&self, key: &str, shown: &str) -> Result<bool> {
        let mut rest = shown.trim();
        for part in self.fixed_parts(key)? {
            match rest.split_once(part.as_str()) {
                Some((_, after)) => rest = after,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_whatever_its_placeholders_hold() {
        let words = Words::read().unwrap();
        assert!(words.is("enter-code-title", "Enter the 8 digits from the mail").unwrap());
        assert!(!words.is("enter-code-title", "What is your user ID?").unwrap());
        assert!(words.text("no-such-text").is_err());
    }
}
