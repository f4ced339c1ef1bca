//! What outlives a run: the app's slots, as bytes that nobody here looks at, and how the tile
//! looks. All of it has a most, a sum, and is whole or not there.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use protocol::host::{
    Exactly, Text,
    app::{Look, NotKept, Part, Slot, Tell},
    tile::{self, Picture},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::folder;

/// What is kept, in the host's folder.
#[derive(Debug)]
pub struct Keep {
    folder: PathBuf,
    /// One writer at a time.
    writing: Mutex<()>,
}

/// The words of the tenant for the tile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookWords {
    /// Empty for the product's own.
    pub label: Text<96>,
    /// Whom to ask.
    pub help: Text<512>,
}

/// What came of one run's parts so far. They come in order.
#[derive(Debug, Default)]
pub struct Coming(BTreeMap<Place, (u8, Vec<u8>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Slot(Slot),
    Picture,
}

impl Place {
    fn most(self) -> usize {
        match self {
            Self::Slot(slot) => slot.most(),
            Self::Picture => Picture::BYTES,
        }
    }
}

impl Coming {
    /// Takes a part; the whole once the last one is here.
    fn take(&mut self, place: Place, part: &Part) -> Result<Option<Vec<u8>>, NotKept> {
        let bytes = part.bytes.as_slice();
        let is_last = part.of.checked_sub(1) == Some(part.part);
        let (of, mut whole) = match part.part {
            0 => (part.of, Vec::new()),
            _ => self.0.remove(&place).ok_or(NotKept::Size)?,
        };
        let in_order = whole.len() == usize::from(part.part) * Part::BYTES;
        let is_full = is_last || bytes.len() == Part::BYTES;
        let fits = whole.len() + bytes.len() <= place.most();
        if part.part >= part.of || of != part.of || !in_order || !is_full || !fits {
            self.0.remove(&place);
            return Err(NotKept::Size);
        }
        whole.extend_from_slice(bytes);
        if is_last {
            return Ok(Some(whole));
        }
        self.0.insert(place, (of, whole));
        Ok(None)
    }
}

impl Keep {
    /// In this folder, which is there.
    ///
    /// # Errors
    /// When the folder for pictures cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder.join(tile::PICTURES))?;
        Ok(Self { folder: folder.to_owned(), writing: Mutex::new(()) })
    }

    /// One part of a slot.
    pub fn get(&self, slot: Slot, part: u8) -> Tell {
        let whole = folder::read(&self.slot(slot), slot.most());
        let parts = whole.and_then(|whole| Part::cut(&whole));
        let part = parts.and_then(|parts| parts.into_iter().nth(part.into()));
        part.map_or(Tell::Nothing, Tell::Part)
    }

    /// Takes a part for a slot.
    pub fn put(&self, coming: &mut Coming, slot: Slot, part: &Part) -> Tell {
        match coming.take(Place::Slot(slot), part) {
            Ok(None) => Tell::Kept,
            Ok(Some(whole)) => self.write(&self.slot(slot), &whole),
            Err(reason) => Tell::NotKept(reason),
        }
    }

    /// Forgets a slot.
    pub fn delete(&self, slot: Slot) -> Tell {
        let _one = self.writing.lock();
        told(folder::remove(&self.slot(slot)))
    }

    fn slot(&self, slot: Slot) -> PathBuf {
        self.folder.join(match slot {
            Slot::Resume => "slot-resume",
            Slot::Branding => "slot-branding",
            Slot::Help => "slot-help",
            Slot::Contact => "slot-contact",
            Slot::Other => "slot-other",
        })
    }

    /// Takes how the tile shall look.
    pub fn look(&self, coming: &mut Coming, look: &Look) -> Tell {
        match look {
            Look::Words { language, label, help } => {
                let Some(name) = words_file(language) else {
                    return Tell::NotKept(NotKept::Size);
                };
                let words = LookWords { label: label.clone(), help: help.clone() };
                let mut room = [0; 1024];
                match postcard::to_slice(&words, &mut room) {
                    Ok(written) => self.write(&self.folder.join(name), written),
                    Err(_) => Tell::NotKept(NotKept::Size),
                }
            }
            Look::Picture(part) => match coming.take(Place::Picture, part) {
                Ok(None) => Tell::Kept,
                Ok(Some(pixels)) if pixels.len() == Picture::BYTES => {
                    let _one = self.writing.lock();
                    told(self.keep_picture(&pixels))
                }
                Ok(Some(_)) => Tell::NotKept(NotKept::Size),
                Err(reason) => Tell::NotKept(reason),
            },
            Look::NoPicture => {
                let _one = self.writing.lock();
                told(self.forget_pictures(None))
            }
        }
    }

    /// The tenant's words in this language, if they were brought.
    pub fn words(&self, language: &Text<35>) -> Option<LookWords> {
        let bytes = folder::read(&self.folder.join(words_file(language)?), 1024)?;
        postcard::from_bytes(&bytes).ok()
    }

    /// The tenant's picture, if it was brought.
    pub fn picture(&self) -> Option<Picture> {
        let bytes = folder::read(&self.folder.join("picture"), 16)?;
        let digest = Exactly(bytes.as_slice().try_into().ok()?);
        let picture = Picture { digest };
        let file = std::fs::metadata(self.pictures().join(picture.file_name())).ok()?;
        let bytes = u64::try_from(Picture::BYTES).ok()?;
        (file.len() == bytes).then_some(picture)
    }

    fn pictures(&self) -> PathBuf {
        self.folder.join(tile::PICTURES)
    }

    /// The file has bare pixels, which the tile reads by itself: no sum in front, but in its name.
    fn keep_picture(&self, pixels: &[u8]) -> io::Result<()> {
        let sum: [u8; 32] = Sha256::digest(pixels).into();
        let (half, _) = sum.split_first_chunk().ok_or_else(|| io::Error::other("no sum"))?;
        let picture = Picture { digest: Exactly(*half) };
        let file = self.pictures().join(picture.file_name());
        let new = file.with_extension("new");
        std::fs::write(&new, pixels)?;
        std::fs::File::open(&new)?.sync_all().or_else(unsynced)?;
        std::fs::rename(&new, &file)?;
        folder::write(&self.folder.join("picture"), &picture.digest.0)?;
        self.forget_pictures(Some(&picture))
    }

    fn forget_pictures(&self, but: Option<&Picture>) -> io::Result<()> {
        if but.is_none() {
            folder::remove(&self.folder.join("picture"))?;
        }
        let keep = but.map(Picture::file_name);
        for file in std::fs::read_dir(self.pictures())?.flatten() {
            if keep.as_deref() != file.file_name().to_str() {
                // A tile may have it open; the next change takes it.
                let _ = std::fs::remove_file(file.path());
            }
        }
        Ok(())
    }

    fn write(&self, path: &Path, content: &[u8]) -> Tell {
        let _one = self.writing.lock();
        told(folder::write(path, content))
    }
}

/// Windows syncs only files that were opened to be written; the sum in the name finds a torn one.
fn unsynced(error: io::Error) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { Err(error) }
}

fn told(done: io::Result<()>) -> Tell {
    match done {
        Ok(()) => Tell::Kept,
        Err(error) => {
            tracing::warn!("keeping something for the app: {error}");
            Tell::NotKept(NotKept::Disk)
        }
    }
}

/// The name of the file for the primary language; none when the language is no name.
fn words_file(language: &Text<35>) -> Option<String> {
    let primary = language.as_str().split(['-', '_']).next()?.to_ascii_lowercase();
    let is_name =
        (2..=8).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
    is_name.then(|| format!("words-{primary}"))
}

#[cfg(test)]
mod tests {
    use protocol::host::Blob;

    use super::*;

    fn keep() -> (tempfile::TempDir, Keep) {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::open(folder.path()).unwrap();
        (folder, keep)
    }

    fn put_all(keep: &Keep, slot: Slot, whole: &[u8]) -> Tell {
        let mut coming = Coming::default();
        let parts = Part::cut(whole).unwrap();
        let told: Vec<Tell> = parts.iter().map(|part| keep.put(&mut coming, slot, part)).collect();
        told.into_iter().last().unwrap()
    }

    fn get_all(keep: &Keep, slot: Slot) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        for number in 0.. {
            let Tell::Part(part) = keep.get(slot, number) else { return None };
            whole.extend_from_slice(part.bytes.as_slice());
            if part.part + 1 == part.of {
                return Some(whole);
            }
        }
        None
    }

    #[test]
    fn a_slot_keeps_what_fits_and_forgets() {
        let (_folder, keep) = keep();
        assert_eq!(get_all(&keep, Slot::Help), None);
        let text = vec![7; 10_000];
        assert!(matches!(put_all(&keep, Slot::Help, &text), Tell::Kept));
        assert_eq!(get_all(&keep, Slot::Help), Some(text));
        assert_eq!(get_all(&keep, Slot::Branding), None);
        let too_long = vec![7; Slot::Resume.most() + 1];
        let told = put_all(&keep, Slot::Resume, &too_long);
        assert!(matches!(told, Tell::NotKept(NotKept::Size)));
        assert_eq!(get_all(&keep, Slot::Resume), None);
        assert!(matches!(keep.delete(Slot::Help), Tell::Kept));
        assert_eq!(get_all(&keep, Slot::Help), None);
    }

    #[test]
    fn parts_out_of_order_are_refused() {
        let (_folder, keep) = keep();
        let parts = Part::cut(&vec![7; Part::BYTES * 2]).unwrap();
        let mut coming = Coming::default();
        let size = |told| matches!(told, Tell::NotKept(NotKept::Size));
        assert!(size(keep.put(&mut coming, Slot::Help, &parts[1])));
        keep.put(&mut coming, Slot::Help, &parts[0]);
        let of_more = Part { of: 3, ..parts[1].clone() };
        assert!(size(keep.put(&mut coming, Slot::Help, &of_more)));
        let half = Part { part: 0, of: 2, bytes: Blob::new([1]).unwrap() };
        assert!(size(keep.put(&mut coming, Slot::Help, &half)));
        let none = Part { part: 0, of: 0, bytes: Blob::new([]).unwrap() };
        assert!(size(keep.put(&mut coming, Slot::Help, &none)));
        assert_eq!(get_all(&keep, Slot::Help), None);
    }

    #[test]
    fn only_a_picture_of_the_one_size_is_kept() {
        let (folder, keep) = keep();
        let mut coming = Coming::default();
        let mut bring = |pixels: &[u8]| {
            let parts = Part::cut(pixels).unwrap();
            let looks = parts.into_iter().map(Look::Picture);
            let told: Vec<Tell> = looks.map(|look| keep.look(&mut coming, &look)).collect();
            told.into_iter().last().unwrap()
        };
        assert!(matches!(bring(&[1; 100]), Tell::NotKept(NotKept::Size)));
        assert_eq!(keep.picture(), None);
        assert!(matches!(bring(&[1; Picture::BYTES]), Tell::Kept));
        let first = keep.picture().unwrap();
        assert!(matches!(bring(&[2; Picture::BYTES]), Tell::Kept));
        let second = keep.picture().unwrap();
        assert_ne!(first, second);
        let files = || std::fs::read_dir(folder.path().join(tile::PICTURES)).unwrap().count();
        assert_eq!(files(), 1, "the one before is gone");
        assert!(matches!(keep.look(&mut Coming::default(), &Look::NoPicture), Tell::Kept));
        assert_eq!((keep.picture(), files()), (None, 0));
    }

    #[test]
    fn words_are_kept_for_each_language_under_no_other_name() {
        let (_folder, keep) = keep();
        let language = |name: &str| Text::new(name).unwrap();
        let words = |language: Text<35>, label: &str| Look::Words {
            language,
            label: Text::new(label).unwrap(),
            help: Text::default(),
        };
        let mut coming = Coming::default();
        keep.look(&mut coming, &words(language("de-AT"), "Passwort vergessen?"));
        let german = keep.words(&language("de-DE")).unwrap();
        assert_eq!(german.label.as_str(), "Passwort vergessen?");
        assert_eq!(keep.words(&language("en")), None);
        let told = keep.look(&mut coming, &words(language("../x"), "x"));
        assert!(matches!(told, Tell::NotKept(NotKept::Size)));
    }
}
