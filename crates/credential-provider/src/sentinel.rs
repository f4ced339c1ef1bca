//! The crash sentinel: a file that counts how often LogonUI loaded us without living on. After
//! five times in a row we refuse to be loaded, and sign-in goes on without us.
//!
//! Another version of the library starts its own count: an update may have mended it. Must never
//! be the reason for a failure itself.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    path::PathBuf,
};

use protocol::host::tile::{LOADS, MOST_LOADS, loads_of};

/// More of the file is not read. A count of five never gets there.
const LONGEST: u64 = 4096;

/// The file.
#[derive(Clone, Debug)]
pub struct Sentinel {
    file: PathBuf,
    version: &'static str,
}

/// What a load may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Serve,
    /// Too many have died.
    Refuse,
}

impl Sentinel {
    /// The one in this folder, for this version of the library.
    pub fn new(folder: PathBuf, version: &'static str) -> Self {
        Self { file: folder.join(LOADS), version }
    }

    /// Counts one load. Where nothing can be counted (the installer makes the folder), nothing
    /// could be stopped either: then we are not loaded.
    pub fn load(&self) -> Verdict {
        match self.deaths() {
            Ok(deaths) if deaths >= MOST_LOADS => Verdict::Refuse,
            Ok(_) if self.count().is_ok() => Verdict::Serve,
            Ok(_) | Err(_) => Verdict::Refuse,
        }
    }

    /// A sign of life: the loads before were no crashes.
    pub fn clear(&self) {
        // One that cannot be removed counts on; at worst we are off.
        let _ = fs::remove_file(&self.file);
    }

    fn deaths(&self) -> io::Result<usize> {
        let file = match fs::File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut lines = Vec::new();
        file.take(LONGEST).read_to_end(&mut lines)?;
        Ok(loads_of(self.version, &lines))
    }

    fn count(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        // One write: two loads at once must not mix their lines.
        file.write_all(format!("{}\n", self.version).as_bytes())
    }
}

/// Whether this program is the sign-in screen. Prompts of programs and the one for
/// administrators load us too, and end as they like.
pub fn counts(program: &str) -> bool {
    let name = program.rsplit(['\\', '/']).next().unwrap_or(program);
    name.eq_ignore_ascii_case("logonui.exe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_load_after_five_deaths_is_refused_until_it_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let sentinel = Sentinel::new(folder.path().into(), "1.0.0");
        for _ in 0..5 {
            assert_eq!(sentinel.load(), Verdict::Serve);
        }
        assert_eq!(sentinel.load(), Verdict::Refuse);
        assert_eq!(sentinel.load(), Verdict::Refuse);
        // A new version is tried again.
        let newer = Sentinel::new(folder.path().into(), "1.0.1");
        assert_eq!(newer.load(), Verdict::Serve);
        assert_eq!(sentinel.load(), Verdict::Refuse);
        sentinel.clear();
        assert_eq!(sentinel.load(), Verdict::Serve);
    }

    #[test]
    fn a_sign_of_life_between_deaths_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let sentinel = Sentinel::new(folder.path().into(), "1.0.0");
        for _ in 0..20 {
            for _ in 0..4 {
                assert_eq!(sentinel.load(), Verdict::Serve);
            }
            sentinel.clear();
        }
    }

    #[test]
    fn without_its_folder_nothing_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let sentinel = Sentinel::new(folder.path().join("gone"), "1.0.0");
        assert_eq!(sentinel.load(), Verdict::Refuse);
        sentinel.clear();
    }

    #[test]
    fn rubbish_in_the_file_is_no_death() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tile-loads"), [0xFF; 100_000]).unwrap();
        assert_eq!(Sentinel::new(folder.path().into(), "1.0.0").load(), Verdict::Serve);
    }

    #[test]
    fn only_the_sign_in_screen_counts() {
        assert!(counts(r"C:\Windows\System32\LogonUI.exe"));
        assert!(!counts(r"C:\Windows\System32\consent.exe"));
        assert!(!counts(r"C:\Windows\System32\CredentialUIBroker.exe"));
        assert!(!counts(r"C:\logonui.exe\other.exe"));
    }
}
