//! Telephone numbers as directories hold them: the international form (E.164) and an extension.
//! Strict, so that nobody is called by a guess: a number without `+` and country code, or with a
//! `(0)` that counts in one country and not in the next, is none. No tables of countries.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number that can be dialled from anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phone {
    digits: String,
    extension: Option<String>,
}

impl Phone {
    /// Most bytes of a number as it is written.
    pub const MAX_BYTES: usize = 64;
    /// Most digits after the `+` (E.164), and the least that any country has.
    const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
    const MAX_EXTENSION: usize = 11;

    /// Reads a number such as `+49 30 1234-0`, `+1 (425) 555-0100 x567`, `... ext. 567` or
    /// `+49301234;ext=567`; `None` when it is none.
    pub fn parse(written: &str) -> Option<Self> {
        if written.len() > Self::MAX_BYTES {
            return None;
        }
        let lower = written.trim().to_lowercase();
        let (number, extension) = match lower.split_once([';', 'e', 'x', '#']) {
            Some((number, _)) => (number, Some(Self::extension_in(&lower[number.len()..])?)),
            None => (lower.as_str(), None),
        };
        // A zero alone in brackets is dialled inside its country only, or is not: nobody knows.
        if number.replace(' ', "").contains("(0)") {
            return None;
        }
        let digits = Self::digits_in(number.trim_end().strip_prefix('+')?)?;
        let whole = Self::DIGITS.contains(&digits.len()) && !digits.starts_with('0');
        whole.then_some(Self { digits, extension })
    }

    /// The number without its extension: `+49301234`.
    pub fn number(&self) -> String {
        format!("+{}", self.digits)
    }

    /// What is dialled after somebody has answered.
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }

    fn extension_in(written: &str) -> Option<String> {
        let words = [";ext=", "extension", "ext.", "ext", "x.", "x", "#"];
        let rest = words.iter().find_map(|word| written.strip_prefix(word))?;
        let digits = rest.trim().trim_start_matches(':').trim();
        let whole = (1..=Self::MAX_EXTENSION).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit());
        whole.then(|| digits.to_owned())
    }

    fn digits_in(number: &str) -> Option<String> {
        let mut digits = String::with_capacity(16);
        let mut open = false;
        for c in number.chars() {
            match c {
                '0'..='9' => digits.push(c),
                '(' if !open => open = true,
                ')' if open => open = false,
                ' ' | '-' | '.' | '/' | '\u{A0}' | '\u{2009}' | '\u{2010}' | '\u{2011}'
                | '\u{2013}' | '\u{202F}' => {}
                _ => return None,
            }
        }
        (!open).then_some(digits)
    }
}

impl fmt::Display for Phone {
    /// As in RFC 3966: `+49301234;ext=567`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.digits)?;
        self.extension.iter().try_for_each(|extension| write!(f, ";ext={extension}"))
    }
}

impl Serialize for Phone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a telephone number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str) -> Option<String> {
        Phone::parse(written).map(|phone| phone.to_string())
    }

    #[test]
    fn numbers_are_read_as_administrators_write_them() {
        for (written, number) in [
            ("+49 30 1234", "+49301234"),
            (" +49 30 1234-567 ", "+49301234567"),
            ("+1 (425) 555.0100", "+14255550100"),
            ("+49/170/1234567", "+491701234567"),
            ("+49 30 1234 x567", "+49301234;ext=567"),
            ("+49 30 1234X567", "+49301234;ext=567"),
            ("+49 30 1234 ext. 567", "+49301234;ext=567"),
            ("+49 30 1234 Extension: 567", "+49301234;ext=567"),
            ("+49 30 1234 #567", "+49301234;ext=567"),
            ("+49301234;ext=0567", "+49301234;ext=0567"),
        ] {
            assert_eq!(read(written).as_deref(), Some(number), "{written}");
        }
        let phone = Phone::parse("+49 30 1234 x567").unwrap();
        assert_eq!((phone.number().as_str(), phone.extension()), ("+49301234", Some("567")));
    }

    #[test]
    fn what_nobody_could_dial_from_everywhere_is_none() {
        for written in [
            "",
            "+",
            "030 1234567",
            "0049 30 1234567",
            "+0 30 1234567",
            "+49 (0)30 1234567",
            "+49 ( 0 ) 30 1234567",
            "+49 30",
            "+49 30 1234 5678 9012 3456",
            "+49 30 1234 x",
            "+49 30 1234 xabc",
            "+49 30 1234 x5 x6",
            "+49 30 1234 e567",
            "+49 30 (1234",
            "+49 30 1234 or 5678",
            "+49 30 1234\n567",
            "tel:+49301234567",
            "n/a",
        ] {
            assert_eq!(read(written), None, "{written:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_number_or_none_and_a_number_reads_back(written in "[+0-9 xe().;#=-]{0,40}") {
            if let Some(phone) = Phone::parse(&written) {
                let text = phone.to_string();
                proptest::prop_assert_eq!(Phone::parse(&text), Some(phone));
            }
        }

        #[test]
        fn any_bytes_do_no_harm(written in ".{0,80}") {
            let _ = Phone::parse(&written);
        }
    }
}
