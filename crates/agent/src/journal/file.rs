//! The journal's file: lines of checksum and JSON, appended and synced, torn ends cut off.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use protocol::{bytes::Bytes, id::AgentId};
use sha2::{Digest, Sha256};

use super::{Entry, JournalError};
use crate::private;

pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
}

impl JournalFile {
    pub(super) fn open(path: &Path, agent: AgentId) -> Result<(Self, Vec<Entry>), JournalError> {
        let mut file = open(path).map_err(|cause| io(path, cause))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|cause| io(path, cause))?;
        let (entries, whole) = read(&bytes).map_err(|(line, wrong)| JournalError::Content {
            path: path.display().to_string(),
            line,
            wrong,
        })?;
        let mut journal = Self { path: path.to_owned(), file };
        journal.cut(whole)?;
        match entries.first() {
            None => journal.append(std::iter::once(&Entry::Agent { agent }))?,
            Some(Entry::Agent { agent: owner }) if *owner == agent => {}
            Some(_) => {
                return Err(JournalError::Content {
                    path: path.display().to_string(),
                    line: 1,
                    wrong: "this is not the journal of this agent; do not copy journals",
                });
            }
        }
        Ok((journal, entries))
    }

    /// Writes the entries and returns when they are on disk.
    pub(super) fn append<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Result<(), JournalError> {
        let lines = lines(entries)?;
        let written = fail_points::io("journal: before the lines are written")
            .and_then(|()| self.file.write_all(&lines))
            .and_then(|()| fail_points::io("journal: before the lines are on disk"))
            .and_then(|()| self.file.sync_data());
        written.map_err(|cause| io(&self.path, cause))
    }

    /// Puts a new file with these entries in the old one's place.
    pub(super) fn replace(
        &mut self,
        agent: AgentId,
        entries: impl Iterator<Item = Entry>,
    ) -> Result<(), JournalError> {
        let all: Vec<Entry> = std::iter::once(Entry::Agent { agent }).chain(entries).collect();
        let new_path = self.path.with_extension("new");
        let failed = |cause| io(&self.path, cause);
        let _ = std::fs::remove_file(&new_path);
        let mut new = open(&new_path).map_err(failed)?;
        new.write_all(&lines(all.iter())?).map_err(failed)?;
        new.sync_all().map_err(failed)?;
        std::fs::rename(&new_path, &self.path).map_err(failed)?;
        sync_folder(&self.path).map_err(failed)?;
        self.file = new;
        Ok(())
    }

    fn cut(&mut self, whole: u64) -> Result<(), JournalError> {
        let cut = |file: &mut File| -> std::io::Result<()> {
            if file.metadata()?.len() > whole {
                file.set_len(whole)?;
                file.sync_all()?;
            }
            file.seek(SeekFrom::End(0))?;
            sync_folder(&self.path)
        };
        cut(&mut self.file).map_err(|cause| io(&self.path, cause))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    private::options().read(true).append(true).create(true).open(path)
}

/// A new file's name is on disk only when its folder is.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix)
        && let Some(folder) = path.parent()
    {
        return File::open(folder)?.sync_all();
    }
    Ok(())
}

fn io(path: &Path, cause: std::io::Error) -> JournalError {
    JournalError::Io { path: path.display().to_string(), cause }
}

fn lines<'a>(entries: impl Iterator<Item = &'a Entry>) -> Result<Vec<u8>, JournalError> {
    let mut lines = Vec::new();
    for entry in entries {
        let json = serde_json::to_string(entry).map_err(|_| JournalError::Broken)?;
        lines.extend_from_slice(format!("{} {json}\n", checksum(&json)).as_bytes());
    }
    Ok(lines)
}

fn checksum(json: &str) -> String {
    Bytes::encode(&Sha256::digest(json.as_bytes())[..6])
}

/// The entries and how many bytes they fill. What follows the last whole line was torn by a
/// crash before anybody was told; a damaged line before that is no crash and refused.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Entry>, u64), (usize, &'static str)> {
    let mut entries = Vec::new();
    let mut whole = 0;
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        match parse(line) {
            Some(entry) => {
                entries.push(entry);
                whole += line.len();
            }
            None if lines.peek().is_none() => break,
            None => return Err((at + 1, "damaged; put the file aside and tell support")),
        }
    }
    Ok((entries, u64::try_from(whole).unwrap_or(u64::MAX)))
}

fn parse(line: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (sum, json) = text.split_once(' ')?;
    (sum == checksum(json)).then(|| serde_json::from_str(json).ok())?
}
