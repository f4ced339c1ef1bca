//! What is open at this moment, written down before it is opened: after a crash or a loss of
//! power the next start closes it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{folder, parts::Accounts};

/// The list of what is open: one file for each run, named after its folder.
#[derive(Debug)]
pub struct Journal {
    open: PathBuf,
    runs: PathBuf,
}

/// What was opened for one run.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// The run's own folder, not made yet.
    pub folder: PathBuf,
    note: PathBuf,
}

impl Journal {
    /// In the host's folder.
    ///
    /// # Errors
    /// When its folders cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let journal = Self { open: folder.join("open"), runs: folder.join("runs") };
        fs::create_dir_all(&journal.open)?;
        fs::create_dir_all(&journal.runs)?;
        Ok(journal)
    }

    /// Something is going to be opened for this run.
    ///
    /// # Errors
    /// When the disk refuses: then nothing may be opened.
    pub fn begin(&self, run: u128) -> io::Result<Opened> {
        let name = format!("{run:032x}");
        let opened = Opened { folder: self.runs.join(&name), note: self.open.join(&name) };
        folder::write(&opened.note, b"")?;
        Ok(opened)
    }

    /// Closes what a run opened: the account, its profile, the run's folder. What cannot be
    /// closed stays on the list.
    ///
    /// # Errors
    /// What could not be closed.
    pub fn close(&self, opened: &Opened, accounts: &dyn Accounts) -> io::Result<()> {
        let disabled = accounts.disable();
        accounts.forget();
        match fs::remove_dir_all(&opened.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        disabled?;
        folder::remove(&opened.note)
    }

    /// Closes what was left open by a host before this one: how many runs. The account is
    /// disabled in any case.
    ///
    /// # Errors
    /// What could not be closed.
    pub fn tidy(&self, accounts: &dyn Accounts) -> io::Result<usize> {
        accounts.disable()?;
        let mut left = 0;
        for note in fs::read_dir(&self.open)? {
            let note = note?.path();
            let Some(name) = note.file_name() else { continue };
            // One that was never whole is a note as well.
            let folder = self.runs.join(Path::new(name).with_extension(""));
            self.close(&Opened { folder, note }, accounts)?;
            left += 1;
        }
        // Folders without a note cannot be, but they are nobody's either.
        for folder in fs::read_dir(&self.runs)? {
            fs::remove_dir_all(folder?.path())?;
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Account {
        done: Mutex<Vec<&'static str>>,
        stuck: bool,
    }

    impl Account {
        fn note(&self, what: &'static str) {
            self.done.lock().unwrap().push(what);
        }
    }

    impl Accounts for Account {
        fn is_usable(&self) -> io::Result<bool> {
            Ok(true)
        }
        fn enable(&self, _: &str) -> io::Result<()> {
            Ok(())
        }
        fn disable(&self) -> io::Result<()> {
            self.note("disable");
            if self.stuck { Err(io::Error::other("stuck")) } else { Ok(()) }
        }
        fn end_processes(&self) -> io::Result<usize> {
            Ok(0)
        }
        fn forget(&self) {
            self.note("forget");
        }
        fn make_folder(&self, folder: &Path) -> io::Result<()> {
            fs::create_dir(folder)
        }
    }

    #[test]
    fn what_a_loss_of_power_left_open_is_closed_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let account = Account::default();
        let before = Journal::open(folder.path()).unwrap();
        let run = before.begin(7).unwrap();
        account.make_folder(&run.folder).unwrap();
        fs::write(run.folder.join("cache"), "x").unwrap();
        before.begin(8).unwrap();
        fs::write(folder.path().join("open/00ff.new"), "torn").unwrap();

        let after = Journal::open(folder.path()).unwrap();
        assert_eq!(after.tidy(&account).unwrap(), 3);
        assert!(!run.folder.exists());
        assert_eq!(after.tidy(&account).unwrap(), 0);
        assert_eq!(account.done.lock().unwrap().iter().filter(|d| **d == "disable").count(), 5);
    }

    #[test]
    fn what_cannot_be_closed_stays_on_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        let run = journal.begin(7).unwrap();
        let stuck = Account { stuck: true, ..Account::default() };
        assert!(journal.close(&run, &stuck).is_err());
        assert_eq!(journal.tidy(&Account::default()).unwrap(), 1);
    }
}
