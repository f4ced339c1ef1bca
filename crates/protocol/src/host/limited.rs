//! Texts, bytes and lists that cannot be longer than their type says, so that every reader of a
//! frame knows the most that it gets. They are checked when they are made and when they are read.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};
use zeroize::Zeroizing;

/// A text for people or a name: at most `N` bytes, no control characters but line feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text<const N: usize>(String);

impl<const N: usize> Text<N> {
    /// As it is; `None` when it is too long or has control characters.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        Self::allows(&text).then_some(Self(text))
    }

    /// As much of it as fits, in whole characters, without those that are not allowed.
    pub fn cut(text: &str) -> Self {
        let mut cut = String::new();
        for c in text.chars().filter(|c| is_plain(*c)) {
            if cut.len() + c.len_utf8() > N {
                break;
            }
            cut.push(c);
        }
        Self(cut)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn allows(text: &str) -> bool {
        text.len() <= N && text.chars().all(is_plain)
    }
}

fn is_plain(c: char) -> bool {
    c == '\n' || !c.is_control()
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor::<N>).map(Self)
    }
}

struct TextVisitor<const N: usize>;

impl<const N: usize> Visitor<'_> for TextVisitor<N> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text of at most {N} bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        if Text::<N>::allows(text) {
            Ok(text.to_owned())
        } else {
            Err(E::invalid_length(text.len(), &self))
        }
    }
}

/// What a person typed, or a secret of the machine: at most `N` bytes of UTF-8, wiped on drop. It
/// cannot be printed, compared or copied by accident.
pub struct SecretText<const N: usize>(Zeroizing<String>);

impl<const N: usize> SecretText<N> {
    /// As it is; `None` when it is too long.
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        (text.len() <= N).then_some(Self(text))
    }

    /// From what a field of Windows holds; `None` when it is too long or no text.
    pub fn from_utf16(units: &[u16]) -> Option<Self> {
        // Reserved ahead: a string that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(N));
        for c in char::decode_utf16(units.iter().copied()) {
            let c = c.ok()?;
            if text.len() + c.len_utf8() > N {
                return None;
            }
            text.push(c);
        }
        Some(Self(text))
    }

    /// The text, for whoever it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> Serialize for SecretText<N> {
    /// The one place that writes it: into a frame, which is wiped.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for SecretText<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecretVisitor<const N: usize>;
        impl<const N: usize> Visitor<'_> for SecretVisitor<N> {
            type Value = SecretText<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a secret text of at most {N} bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretText<N>, E> {
                if text.len() > N {
                    return Err(E::invalid_length(text.len(), &self));
                }
                Ok(SecretText(Zeroizing::new(text.to_owned())))
            }
        }
        deserializer.deserialize_str(SecretVisitor)
    }
}

/// At most `N` bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob<const N: usize>(Vec<u8>);

impl<const N: usize> Blob<N> {
    /// `None` when they are too many.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        (bytes.len() <= N).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> Serialize for Blob<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Blob<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_bytes(BytesVisitor { least: 0, most: N })?;
        Ok(Self(bytes))
    }
}

/// Exactly `N` bytes: a key, a signature, a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exactly<const N: usize>(pub [u8; N]);

impl<const N: usize> Serialize for Exactly<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Exactly<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_bytes(BytesVisitor { least: N, most: N })?;
        bytes.try_into().map(Self).map_err(|_| de::Error::custom("another length"))
    }
}

struct BytesVisitor {
    least: usize,
    most: usize,
}

impl Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} bytes", self.least, self.most)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        if (self.least..=self.most).contains(&bytes.len()) {
            Ok(bytes.to_vec())
        } else {
            Err(E::invalid_length(bytes.len(), &self))
        }
    }
}

/// At most `N` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T, const N: usize>(Vec<T>);

impl<T, const N: usize> Few<T, N> {
    /// `None` when they are too many.
    pub fn new(all: Vec<T>) -> Option<Self> {
        (all.len() <= N).then_some(Self(all))
    }

    /// None of them.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// All of them, given away.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self::none()
    }
}

impl<T: Serialize, const N: usize> Serialize for Few<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Few<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FewVisitor<T, const N: usize>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for FewVisitor<T, N> {
            type Value = Few<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {N} of them")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Few<T, N>, A::Error> {
                let mut few = Vec::new();
                while let Some(one) = all.next_element()? {
                    if few.len() == N {
                        return Err(de::Error::invalid_length(N + 1, &self));
                    }
                    few.push(one);
                }
                Ok(Few(few))
            }
        }
        deserializer.deserialize_seq(FewVisitor(std::marker::PhantomData))
    }
}
