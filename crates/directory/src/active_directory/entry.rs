//! One entry as a server sent it: attribute names without regard to case, values as bytes.
//! Reading a value never fails loudly: what is malformed counts as missing.

use std::collections::HashMap;

use ldap3::{ResultEntry, SearchEntry};

/// An entry with its attributes.
pub(super) struct Entry {
    /// The distinguished name as the server prints it.
    pub(super) dn: String,
    values: HashMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    pub(super) fn read(raw: ResultEntry) -> Self {
        let entry = SearchEntry::construct(raw);
        let mut values: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
        for (name, texts) in entry.attrs {
            let bytes = texts.into_iter().map(String::into_bytes);
            values.entry(name.to_lowercase()).or_default().extend(bytes);
        }
        for (name, bytes) in entry.bin_attrs {
            values.entry(name.to_lowercase()).or_default().extend(bytes);
        }
        Self { dn: entry.dn, values }
    }

    /// Every value of an attribute.
    pub(super) fn all(&self, name: &str) -> &[Vec<u8>] {
        let lower = name.to_lowercase();
        self.values.get(&lower).map_or(&[], Vec::as_slice)
    }

    /// Every value that is text without control characters.
    pub(super) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.all(name)
            .iter()
            .filter_map(|value| std::str::from_utf8(value).ok())
            .filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
    }

    /// The first such value.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// The first value as a number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    #[cfg(test)]
    pub(super) fn of(dn: &str, values: &[(&str, &[u8])]) -> Self {
        let mut map: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
        for (name, value) in values {
            map.entry(name.to_lowercase()).or_default().push(value.to_vec());
        }
        Self { dn: dn.to_owned(), values: map }
    }
}
