//! What stands on this machine whatever the service says: whether write-back is switched off
//! here, whether the agent stopped at its hourly limit, and when it was last released. Three
//! small files in the data folder, so that a restart forgets nothing and another verb of the
//! agent can change them. What cannot be read counts as the stricter.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::enrolment::{EnrolmentError, write_private};

/// The files.
#[derive(Clone, Debug)]
pub struct Standing {
    switched_off: PathBuf,
    stopped: PathBuf,
    released: PathBuf,
    seen: PathBuf,
}

/// When something was said or happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    unix_millis: u64,
}

/// When it was released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Released {
    unix_millis: u64,
    /// When that last ended a stop, and not only had its own account tried again.
    of_stop_millis: u64,
}

/// What a running agent last said of itself, for the verb `write-back status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When, Unix milliseconds.
    pub unix_millis: u64,
    /// Whether its link stands.
    pub linked: bool,
    /// Whether a controller answers.
    pub directory_reachable: bool,
    /// Why it begins nothing new, if it does not, by its code.
    pub stopped: Option<String>,
    /// Changes under way.
    pub under_way: u32,
}

impl Standing {
    /// The files in this data folder.
    pub fn of(data_dir: &Path) -> Self {
        let file = |name| data_dir.join(name);
        Self {
            switched_off: file("write-back-off.json"),
            stopped: file("stopped.json"),
            released: file("released.json"),
            seen: file("seen.json"),
        }
    }

    /// Whether write-back is switched off here.
    pub fn is_switched_off(&self) -> bool {
        is_there(&self.switched_off)
    }

    /// Switches it. Says whether that was a change.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn switch(&self, on: bool, unix_millis: u64) -> Result<bool, EnrolmentError> {
        let was_off = self.is_switched_off();
        if on {
            remove(&self.switched_off)?;
        } else if !was_off {
            write_private(&self.switched_off, &Mark { unix_millis })?;
        }
        Ok(was_off == on)
    }

    /// Whether the agent stopped at its limit and waits for a release.
    pub fn is_stopped(&self) -> bool {
        is_there(&self.stopped)
    }

    /// When it stopped, as far as the file tells.
    pub fn stopped_at(&self) -> Option<u64> {
        read::<Mark>(&self.stopped).map(|mark| mark.unix_millis)
    }

    /// Notes that it stopped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn stop(&self, unix_millis: u64) -> Result<(), EnrolmentError> {
        write_private(&self.stopped, &Mark { unix_millis })
    }

    /// Lets it go on: its own account may be tried again, and after a stop a new hour begins.
    /// Says whether it had stopped at its limit.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub fn release(&self, unix_millis: u64) -> Result<bool, EnrolmentError> {
        let was_stopped = self.is_stopped();
        // First: a crash in between leaves it stopped.
        let of_stop_millis = if was_stopped { unix_millis } else { self.stop_released_at() };
        write_private(&self.released, &Released { unix_millis, of_stop_millis })?;
        remove(&self.stopped)?;
        Ok(was_stopped)
    }

    /// When it was last released; 0 for never.
    pub fn released_at(&self) -> u64 {
        self.released().unix_millis
    }

    /// When a stop was last released; 0 for never. What was begun before is in no hour any more.
    pub(crate) fn stop_released_at(&self) -> u64 {
        self.released().of_stop_millis
    }

    fn released(&self) -> Released {
        read(&self.released).unwrap_or_default()
    }

    /// Notes how the running agent is.
    pub(crate) fn note_seen(&self, seen: &Seen) {
        if let Err(error) = write_private(&self.seen, seen) {
            tracing::debug!(%error, "how the agent is could not be noted");
        }
    }

    /// What the running agent noted last.
    pub fn seen(&self) -> Option<Seen> {
        read(&self.seen)
    }
}

/// Anything but a certain "no such file" counts as there.
fn is_there(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn remove(path: &Path) -> Result<(), EnrolmentError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(EnrolmentError::File { path: path.to_owned(), cause: error.to_string() })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_stands_until_something_else_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let standing = || Standing::of(folder.path());
        assert!(!standing().is_switched_off() && !standing().is_stopped());
        assert!(standing().switch(false, 1).unwrap());
        assert!(!standing().switch(false, 2).unwrap(), "it was off");
        assert!(standing().is_switched_off());
        assert!(standing().switch(true, 3).unwrap());
        assert!(!standing().is_switched_off());

        standing().stop(5).unwrap();
        assert_eq!(standing().stopped_at(), Some(5));
        assert!(standing().release(7).unwrap());
        assert!(!standing().is_stopped());
        assert_eq!(standing().released_at(), 7);
        assert!(!standing().release(8).unwrap(), "nothing to release");
        assert_eq!((standing().released_at(), standing().stop_released_at()), (8, 7));
    }

    #[test]
    fn what_cannot_be_read_is_the_stricter() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stopped.json"), "torn").unwrap();
        let standing = Standing::of(folder.path());
        assert!(standing.is_stopped());
        // A data folder that is a file: nothing in it can be looked at.
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(Standing::of(&file).is_switched_off());
    }
}
