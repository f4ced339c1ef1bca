//! The host's folder, when it is not known who made it. Every user of a PC may make a folder where
//! programs keep their data: also ours, before we do, with links in it that lead elsewhere. What
//! stands there is taken over only where it is ours; everything else is moved aside or taken away,
//! and nothing is ever followed.
//!
//! Whoever made a folder keeps what they opened of it: one of somebody else's is never used again,
//! whatever its access list says now.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What stands under a name, seen without following it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// Owned by the system, an administrator or who installs.
    pub is_ours: bool,
}

/// A kind of thing on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file, under no other name as well.
    File,
    /// A link, a junction, a file with a second name: it stands for something elsewhere.
    Elsewhere,
}

/// What a system knows of owners and access lists.
pub trait Owners {
    /// What stands there; none when nothing does.
    ///
    /// # Errors
    /// When the system does not tell.
    fn see(&self, path: &Path) -> io::Result<Option<Seen>>;

    /// Makes a folder that is ours alone from its first moment on.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when something stands there.
    fn make(&self, path: &Path) -> io::Result<()>;

    /// Opens what is ours to nobody but us; what it holds follows.
    ///
    /// # Errors
    /// When the system refuses.
    fn shut(&self, path: &Path) -> io::Result<()>;
}

/// What was found in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The folder itself: it stands under this name now.
    Moved(PathBuf),
    /// Something in it, which is gone.
    Removed(PathBuf),
}

/// How often the name may be taken anew while we make the folder.
const TRIES: u32 = 8;
/// How deep is looked. Ours has two levels.
const DEEP: u8 = 8;

/// Makes the folder ours, whatever stands there: what was in the way. `aside` names a place
/// beside it, another one each time.
///
/// # Errors
/// When it could not be made ours; then it may not be used.
pub fn take_over(
    folder: &Path,
    owners: &dyn Owners,
    mut aside: impl FnMut() -> PathBuf,
) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for _ in 0..TRIES {
        match owners.see(folder)? {
            Some(Seen { kind: Kind::Folder, is_ours: true }) => {
                owners.shut(folder)?;
                sweep(folder, owners, DEEP, &mut found)?;
                return Ok(found);
            }
            // It holds nothing by itself.
            Some(Seen { kind: Kind::Elsewhere, .. }) => {
                remove(folder, Kind::Elsewhere)?;
                found.push(Found::Removed(folder.to_owned()));
            }
            Some(_) => {
                let to = aside();
                fs::rename(folder, &to).map_err(|error| in_use(folder, &error))?;
                found.push(Found::Moved(to));
            }
            None => match owners.make(folder) {
                Ok(()) => return Ok(found),
                // Somebody was faster: once more.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            },
        }
    }
    Err(io::Error::other(format!("{} is made anew again and again", folder.display())))
}

fn in_use(folder: &Path, error: &io::Error) -> io::Error {
    let words = format!(
        "{} is not ours and cannot be moved aside ({error}); restart the PC, delete it, and install again",
        folder.display()
    );
    io::Error::new(error.kind(), words)
}

/// Takes away what others put in before the folder was shut.
fn sweep(folder: &Path, owners: &dyn Owners, deep: u8, found: &mut Vec<Found>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match owners.see(&path)? {
            None | Some(Seen { kind: Kind::File, is_ours: true }) => {}
            Some(Seen { kind: Kind::Folder, is_ours: true }) if deep > 0 => {
                sweep(&path, owners, deep - 1, found)?;
            }
            Some(seen) => {
                remove(&path, seen.kind)?;
                found.push(Found::Removed(path));
            }
        }
    }
    Ok(())
}

/// Removes the thing of this name, and nothing that it leads to.
///
/// # Errors
/// When the system refuses.
pub fn remove(path: &Path, kind: Kind) -> io::Result<()> {
    match kind {
        // Follows nothing inside either.
        Kind::Folder => fs::remove_dir_all(path),
        Kind::File => fs::remove_file(path),
        // A junction goes as a folder does, other links and names as files.
        Kind::Elsewhere => fs::remove_file(path).or_else(|_| fs::remove_dir(path)),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{
        cell::RefCell,
        collections::BTreeSet,
        os::unix::fs::{MetadataExt as _, symlink},
    };

    use super::*;

    #[derive(Default)]
    struct Disk {
        /// Names of what somebody else made.
        foreign: RefCell<BTreeSet<PathBuf>>,
        shut: RefCell<Vec<PathBuf>>,
        /// Runs before each making.
        quicker: Option<Box<dyn Fn()>>,
    }

    impl Owners for Disk {
        fn see(&self, path: &Path) -> io::Result<Option<Seen>> {
            let Ok(what) = fs::symlink_metadata(path) else { return Ok(None) };
            let kind = match what.file_type() {
                kind if kind.is_dir() => Kind::Folder,
                kind if kind.is_file() && what.nlink() == 1 => Kind::File,
                _ => Kind::Elsewhere,
            };
            let is_ours = !self.foreign.borrow().contains(path);
            Ok(Some(Seen { kind, is_ours }))
        }

        fn make(&self, path: &Path) -> io::Result<()> {
            if let Some(quicker) = &self.quicker {
                quicker();
            }
            fs::create_dir(path)?;
            self.foreign.borrow_mut().remove(path);
            Ok(())
        }

        fn shut(&self, path: &Path) -> io::Result<()> {
            self.shut.borrow_mut().push(path.to_owned());
            Ok(())
        }
    }

    struct Place {
        root: tempfile::TempDir,
        folder: PathBuf,
        elsewhere: PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("Regain Host");
            let elsewhere = root.path().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            fs::write(elsewhere.join("precious"), "untouched").unwrap();
            Self { root, folder, elsewhere }
        }

        fn take_over(&self, disk: &Disk) -> io::Result<Vec<Found>> {
            let mut number = 0;
            let root = self.root.path().to_owned();
            let aside = move || {
                number += 1;
                root.join(format!("aside-{number}"))
            };
            let found = take_over(&self.folder, disk, aside);
            assert_eq!(fs::read_to_string(self.elsewhere.join("precious"))?, "untouched");
            assert!(
                fs::symlink_metadata(&self.folder).is_ok_and(|it| it.is_dir()) || found.is_err()
            );
            found
        }
    }

    #[test]
    fn one_that_is_not_there_is_made_and_ours_keeps_its_keys() {
        let place = Place::new();
        let disk = Disk::default();
        assert_eq!(place.take_over(&disk).unwrap(), []);
        fs::create_dir(place.folder.join("log")).unwrap();
        fs::write(place.folder.join("device-key"), "key").unwrap();
        assert_eq!(place.take_over(&disk).unwrap(), []);
        assert_eq!(disk.shut.borrow().as_slice(), std::slice::from_ref(&place.folder));
        assert_eq!(fs::read(place.folder.join("device-key")).unwrap(), b"key");
    }

    #[test]
    fn somebody_elses_folder_is_moved_aside_with_all_that_is_in_it() {
        let place = Place::new();
        fs::create_dir(&place.folder).unwrap();
        fs::write(place.folder.join("device-key"), "planted").unwrap();
        let disk = Disk::default();
        disk.foreign.borrow_mut().insert(place.folder.clone());
        let found = place.take_over(&disk).unwrap();
        let aside = place.root.path().join("aside-1");
        assert_eq!(found, [Found::Moved(aside.clone())]);
        assert_eq!(fs::read_dir(&place.folder).unwrap().count(), 0);
        assert!(aside.join("device-key").is_file());
    }

    #[test]
    fn a_link_in_its_place_goes_and_is_never_followed() {
        let place = Place::new();
        symlink(&place.elsewhere, &place.folder).unwrap();
        let found = place.take_over(&Disk::default()).unwrap();
        assert_eq!(found, [Found::Removed(place.folder.clone())]);
        assert_eq!(fs::read_dir(&place.folder).unwrap().count(), 0);
        // A file in its place is none either.
        let place = Place::new();
        fs::write(&place.folder, "x").unwrap();
        assert_eq!(place.take_over(&Disk::default()).unwrap().len(), 1);
    }

    #[test]
    fn what_others_put_into_ours_goes_and_ours_stays() {
        let place = Place::new();
        let inside = |name: &str| place.folder.join(name);
        fs::create_dir_all(inside("log")).unwrap();
        fs::write(inside("device-key"), "key").unwrap();
        symlink(&place.elsewhere, inside("runs")).unwrap();
        symlink(place.elsewhere.join("precious"), inside("log/host.log")).unwrap();
        fs::hard_link(place.elsewhere.join("precious"), inside("device-key.new")).unwrap();
        fs::create_dir(inside("open")).unwrap();
        symlink(&place.elsewhere, inside("open/deep")).unwrap();
        fs::write(inside("slot-resume"), "planted").unwrap();
        let disk = Disk::default();
        disk.foreign.borrow_mut().extend([inside("open"), inside("slot-resume")]);
        let mut removed: Vec<PathBuf> = place
            .take_over(&disk)
            .unwrap()
            .into_iter()
            .map(|found| match found {
                Found::Removed(path) => path,
                Found::Moved(path) => panic!("{} was moved", path.display()),
            })
            .collect();
        removed.sort();
        let expected = ["device-key.new", "log/host.log", "open", "runs", "slot-resume"];
        assert_eq!(removed, expected.map(inside));
        assert_eq!(fs::read(inside("device-key")).unwrap(), b"key");
        assert!(inside("log").is_dir());
    }

    #[test]
    fn whoever_takes_the_name_again_and_again_stops_it_and_nothing_is_trusted() {
        let place = Place::new();
        let (folder, elsewhere) = (place.folder.clone(), place.elsewhere.clone());
        let quicker = move || {
            let _ = symlink(&elsewhere, &folder);
        };
        let disk = Disk { quicker: Some(Box::new(quicker)), ..Disk::default() };
        assert!(place.take_over(&disk).is_err());
    }
}
