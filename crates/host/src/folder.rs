//! Files in the host's own folder: whole or not there, also after a loss of power, and with a sum
//! that says whether they are what was written.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const SUM: usize = 32;

/// Writes a file, in one step as far as anybody can see.
///
/// # Errors
/// When the disk refuses.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&Sha256::digest(content))?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// What there is of a file.
pub enum Kept {
    /// No such file.
    Nothing,
    /// Not what was written.
    Damaged,
    /// What was written.
    Whole(Zeroizing<Vec<u8>>),
}

/// Looks for a file of at most this many bytes.
///
/// # Errors
/// When the disk does not tell whether there is one.
pub fn find(path: &Path, most: usize) -> io::Result<Kept> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::Nothing),
        Err(error) => return Err(error),
    };
    let room = SUM + most + 1;
    // Reserved ahead: a buffer that grows leaves copies behind.
    let mut whole = Zeroizing::new(Vec::with_capacity(room));
    file.take(u64::try_from(room).map_err(io::Error::other)?).read_to_end(&mut whole)?;
    Ok(match whole.split_at_checked(SUM) {
        Some((sum, content))
            if content.len() <= most && Sha256::digest(content).as_slice() == sum =>
        {
            Kept::Whole(Zeroizing::new(content.to_vec()))
        }
        Some(_) | None => Kept::Damaged,
    })
}

/// Reads a file of at most this many bytes; none when it is not there or not what was written.
pub fn read(path: &Path, most: usize) -> Option<Zeroizing<Vec<u8>>> {
    match find(path, most).ok()? {
        Kept::Whole(content) => Some(content),
        Kept::Nothing | Kept::Damaged => None,
    }
}

/// Removes a file; one that is not there is removed already.
///
/// # Errors
/// When the disk refuses.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => sync_folder(path),
    }
}

/// Windows writes names along with the file; elsewhere the folder has to be asked.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slot");
        assert!(read(&path, 10).is_none());
        write(&path, b"0123456789").unwrap();
        assert_eq!(read(&path, 10).unwrap().as_slice(), b"0123456789");
        assert!(read(&path, 9).is_none(), "too long");
        for at in 0..42 {
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 1;
            let changed = folder.path().join("changed");
            fs::write(&changed, &bytes).unwrap();
            assert!(read(&changed, 10).is_none(), "byte {at}");
            fs::write(&changed, &bytes[..at]).unwrap();
            assert!(read(&changed, 10).is_none(), "torn at {at}");
        }
        write(&path, b"").unwrap();
        assert_eq!(read(&path, 10).unwrap().as_slice(), b"");
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(read(&path, 10).is_none());
    }
}
