//! How the tile shall look, from what the service says of the tenant: words in each language, a
//! picture, and whom to ask. Remembers what was brought, so that nothing is written twice.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{
    api::Help,
    device::TileFace,
    host::{
        Text,
        app::{Look, Part, Slot},
    },
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::picture;
use crate::{
    HostLink, LinkError,
    words::{Words, primary},
};

/// No tenant has a label in more languages; what is remembered of them fits its slot.
const MOST_LANGUAGES: usize = 80;

/// What was brought: a short sum of each part. Kept in [`Slot::Other`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Brought {
    /// By language.
    words: BTreeMap<String, String>,
    /// Empty when it is known that there is no picture.
    picture: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Came {
    /// Something is new.
    pub(super) is_new: bool,
    /// Why there is no new picture.
    pub(super) no_picture: Option<String>,
}

/// Brings what is new.
pub(super) async fn bring(
    link: &HostLink,
    face: &TileFace,
    help: &Help,
) -> Result<Came, LinkError> {
    let before = match link.get(Slot::Other).await? {
        Some(kept) => serde_json::from_slice(&kept).unwrap_or_default(),
        None => Brought::default(),
    };
    let mut came = Came::default();
    let mut now = before.clone();
    for (language, label, help) in words(&before, face, help) {
        let sum = sum(&[label.as_str().as_bytes(), help.as_str().as_bytes()]);
        if now.words.get(&language) != Some(&sum) {
            let words = Look::Words { language: Text::cut(&language), label, help };
            link.look(words).await?;
            now.words.insert(language, sum);
        }
    }
    bring_picture(link, face, &mut now, &mut came).await?;
    if now != before {
        came.is_new = true;
        let kept = serde_json::to_vec(&now).unwrap_or_default();
        link.put(Slot::Other, &kept).await?;
    }
    Ok(came)
}

async fn bring_picture(
    link: &HostLink,
    face: &TileFace,
    now: &mut Brought,
    came: &mut Came,
) -> Result<(), LinkError> {
    let file = face.picture.as_ref().map(|picture| picture.0.as_slice());
    let wanted = file.map_or_else(String::new, |file| sum(&[file]));
    if now.picture.as_ref() == Some(&wanted) {
        return Ok(());
    }
    match file.map(picture::pixels) {
        None => link.look(Look::NoPicture).await?,
        Some(Ok(pixels)) => {
            for part in Part::cut(&pixels).unwrap_or_default() {
                link.look(Look::Picture(part)).await?;
            }
        }
        Some(Err(wrong)) => {
            // The one before stays.
            came.no_picture = Some(wrong.to_string());
            return Ok(());
        }
    }
    now.picture = Some(wanted);
    Ok(())
}

/// The words of each language: those that the app has words in, those that the tenant has a label
/// in, and those that were brought before, which may be without one now.
fn words(before: &Brought, face: &TileFace, help: &Help) -> Vec<(String, Text<96>, Text<512>)> {
    let ours = Words::languages().map(str::to_owned);
    let theirs = face.labels.keys().map(|language| primary(language));
    let brought = before.words.keys().cloned();
    let languages: BTreeSet<String> = ours
        .chain(brought)
        .chain(theirs.filter(|name| is_name(name)).take(MOST_LANGUAGES))
        .collect();
    let line = |language: String| {
        let exact = face.labels.iter().find(|(name, _)| name.eq_ignore_ascii_case(&language));
        let near = || face.labels.iter().find(|(name, _)| primary(name) == language);
        let label = exact.or_else(near).map_or("", |(_, label)| label.trim());
        let help = Words::of(&language).contact(help).unwrap_or_default();
        (language, Text::cut(label), Text::cut(&help))
    };
    languages.into_iter().take(MOST_LANGUAGES).map(line).collect()
}

/// What the host takes for the name of a language.
fn is_name(primary: &str) -> bool {
    (2..=8).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase())
}

fn sum(parts: &[&[u8]]) -> String {
    let mut sum = Sha256::new();
    // Another version may say it in other words.
    sum.update(env!("CARGO_PKG_VERSION"));
    for part in parts {
        sum.update(part.len().to_le_bytes());
        sum.update(part);
    }
    URL_SAFE_NO_PAD.encode(sum.finalize().get(..12).unwrap_or_default())
}
