//! Events as JSON, one object a line, in a file of bounded size: a full one becomes `.1`, that
//! one `.2` and so on, and the oldest is dropped.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{Record, Sink};
use crate::events::SOURCE;

/// So many full files are kept beside the one that is written.
const KEPT: usize = 4;

/// The file.
pub struct JsonFile {
    path: PathBuf,
    most_bytes: u64,
    open: Mutex<Option<File>>,
}

impl JsonFile {
    /// A file that is begun anew when it would grow over `most_bytes`.
    pub fn new(path: PathBuf, most_bytes: u64) -> Self {
        Self { path, most_bytes, open: Mutex::new(None) }
    }

    fn append(&self, line: &str) -> std::io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        // Another verb of the agent may have written or rotated meanwhile.
        let size = std::fs::metadata(&self.path).map_or(0, |meta| meta.len());
        if size == 0 {
            *open = None;
        }
        if size > 0 && size.saturating_add(length) > self.most_bytes {
            *open = None;
            rotate(&self.path)?;
        }
        let mut file = match open.take() {
            Some(file) => file,
            None => create(&self.path)?,
        };
        file.write_all(line.as_bytes())?;
        *open = Some(file);
        Ok(())
    }
}

impl Sink for JsonFile {
    fn write(&self, record: &Record) {
        if let Err(error) = self.append(&line(record)) {
            tracing::error!(path = %self.path.display(), %error, "the event file cannot be written");
        }
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(path)
}

fn rotate(path: &Path) -> std::io::Result<()> {
    let numbered = |number: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    for number in (1..KEPT).rev() {
        match std::fs::rename(numbered(number), numbered(number + 1)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    std::fs::rename(path, numbered(1))
}

fn line(record: &Record) -> String {
    let event = record.event;
    let details: serde_json::Map<String, Value> =
        record.details.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let object = json!({
        "time": rfc3339(record.unix_millis),
        "source": SOURCE,
        "id": event.number(),
        "name": event.name(),
        "level": event.level().as_str(),
        "text": event.text(),
        "details": details,
    });
    format!("{object}\n")
}

/// A moment as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(unix_millis: u64) -> String {
    let (seconds, millis) = (unix_millis / 1000, unix_millis % 1000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March, so that leap days come last; eras of 400 years repeat.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use crate::{
        clock::Clock,
        event_log::{Details, EventLog},
        events::Event,
    };

    use super::*;

    #[test]
    fn moments_are_written_as_everybody_reads_them() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_164_800_007), "2024-02-29T00:00:00.007Z");
        assert_eq!(rfc3339(1_799_999_999_999), "2027-01-15T07:59:59.999Z");
    }

    #[test]
    fn each_event_is_one_object_with_its_facts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let file = JsonFile::new(path.clone(), 1_000_000);
        let log = EventLog::new(vec![Box::new(file)], Clock::new(|| 1_000));
        log.write(Event::LimitReached, Details::none().number("per_hour", 30));
        let text = std::fs::read_to_string(path).unwrap();
        let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&line["id"], &line["level"]), (&json!(34_010), &json!("error")));
        assert_eq!(line["details"]["per_hour"], "30");
        assert_eq!(line["time"], "1970-01-01T00:00:01.000Z");
    }

    #[test]
    fn it_never_grows_over_its_bound() {
        const BOUND: u64 = 2_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let log =
            EventLog::new(vec![Box::new(JsonFile::new(path.clone(), BOUND))], Clock::new(|| 1_000));
        for number in 0..200 {
            log.write(Event::Linked, Details::none().number("number", number));
        }
        let files: Vec<u64> = folder
            .path()
            .read_dir()
            .unwrap()
            .map(|f| f.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(files.len(), KEPT + 1);
        assert!(files.iter().all(|&size| size <= BOUND), "{files:?}");
        let newest = std::fs::read_to_string(path).unwrap();
        assert!(newest.lines().last().unwrap().contains("\"199\""));
    }
}
